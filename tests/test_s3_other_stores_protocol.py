"""How S3 stores talk: HTTP's corners, names of hosts, regions, redirects, and too many requests at a time."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from entrypoint.destinations.s3 import dial, network, pool
from tests.conformance import in_process
from tests.s3_emulator import habits
from tests.s3_emulator.certificates import authority
from tests.s3_emulator.forward import forward, to
from tests.s3_emulator.habits import Addressing, Habits, Refusal, Wire, WrongRegion
from tests.s3_emulator.product import local, publish, published
from tests.s3_emulator.server import HOST, emulator
from tests.servers.trickle import trickle

BIG = 17 << 20
FILES = {"a.tsv": b"1", "b c+d%20é.tsv": b"2", "big.pmtiles": in_process.noise(BIG)}
MANY = {f"f{number:02}.tsv": str(number).encode() for number in range(40)}


# HTTP

WIRES = {
    "HTTP/1.0": Wire(version="HTTP/1.0"),
    "chunked answers": Wire(chunked=True),
    "names in lower case": Wire(lower=True),
    "one answer a connection": Wire(closes_after=1),
    "three answers a connection": Wire(closes_after=3),
    "kept connections that are gone": Wire(drops=3),
    "no 100 Continue": Wire(continues=False),
    "a line after each answer": Wire(surplus=b"\r\n"),
}


@pytest.mark.parametrize("wire", WIRES.values(), ids=list(WIRES))
def test_http_as_it_is_spoken(wire: Wire, workspace: Path) -> None:
    in_process.fill(workspace, FILES | MANY)
    with emulator(Habits(wire=wire)) as store:
        run = published(publish(store, workspace, n_jobs="2"))
        assert store.contents() == local(workspace)
        assert store.bucket.uploads == {}
        assert "::warning" not in run.log, "nothing of this concerns people"
        assert "trying again" not in run.log
        assert published(publish(store, workspace, n_jobs="2")).counts == (0, 44, 0)


def test_connections_are_kept(workspace: Path) -> None:
    in_process.fill(workspace, MANY)
    with emulator() as store:
        published(publish(store, workspace, n_jobs="4"))
        assert len(store.seen) >= 42
        assert store.connections <= 8


def test_an_answer_that_outlives_the_pool_leaves_no_connection() -> None:
    """The end of a run does not wait for a request that another thread is still reading."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        requests = pool.Pool(network.Network({}), dial.Patience())
        target = network.Target(secure=False, host="127.0.0.1", port=server.getsockname()[1])
        accepted = []

        def answer() -> None:
            accepted.append(server.accept()[0])
            accepted[0].recv(1 << 16)
            accepted[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=answer)
        thread.start()
        with requests.stream(target, pool.Request("GET", "/", {}), lambda: None) as response:
            requests.close()
            response.read(10, without_body=False)
        thread.join()
        with accepted[0] as peer:
            peer.settimeout(5)
            assert peer.recv(1) == b"", "it was closed"


def test_an_answer_that_trickles_gets_none_of_the_time_of_its_body() -> None:
    """A body of 16 MiB may take four minutes; its answer may not."""
    requests = pool.Pool(network.Network({}), dial.Patience(limit=1.0))
    sent = pool.Request("PUT", "/bucket/key", {}, pool.Bytes(bytes(16 << 20)))
    with trickle() as port, pytest.raises(dial.NoAnswer):
        requests.exchange(network.Target(secure=False, host="127.0.0.1", port=port), sent, lambda: None)
    requests.close()


def test_an_answer_that_is_shorter_than_it_says(workspace: Path) -> None:
    """A listing that is cut off is no listing: what was not heard would count as absent."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        published(publish(store, workspace))
        store.change(wire=Wire(longer=50))
        run = publish(store, workspace, delete_extra="true")
        assert run.code == 5, run.log
        assert run.outputs["bytes"] == "0"


def test_a_refusal_before_the_body_is_read_is_heard(workspace: Path) -> None:
    """A client that continues to send to a store that has answered and closed gets a broken pipe, not the reason."""
    in_process.fill(workspace, {"big.pmtiles": in_process.noise(12 << 20)})
    with emulator() as store:
        store.refuse(Refusal("PutObject", 403, "AccessDenied", "Not into this prefix", key="big"))
        run = publish(store, workspace)
        assert run.code in (3, 4)
        assert "AccessDenied" in run.log or "access denied" in run.log


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refusal_that_ends_the_connection_is_heard(scheme: str, workspace: Path, tmp_path: Path) -> None:
    """The store reads none of the body; over TLS that is another error than a broken pipe."""
    in_process.fill(workspace, {"big.pmtiles": in_process.noise(12 << 20)})
    made = authority(tmp_path)
    with emulator(Habits(wire=Wire(hasty=True)), tls=made.server if scheme == "https" else None) as store:
        run = publish(store, workspace, {"AWS_CA_BUNDLE": str(made.bundle)})
        assert run.code == 4, run.log
        assert "Not into this prefix" in run.log
        assert len(store.of("PutObject")) == 1, "not tried again"


# Too many at a time


@pytest.mark.parametrize("n_jobs", ["auto", "32"])
def test_a_store_that_takes_few_at_a_time(n_jobs: str, workspace: Path) -> None:
    """Whatever is answered SlowDown comes again later; nothing is lost."""
    in_process.fill(workspace, MANY)
    with emulator(Habits(busy=2, delay=0.01)) as store:
        published(publish(store, workspace, n_jobs=n_jobs))
        assert store.contents() == local(workspace)


def test_auto_goes_slower_where_it_is_asked_to(workspace: Path) -> None:
    in_process.fill(workspace, {f"f{number:03}.tsv": str(number).encode() for number in range(200)})
    with emulator(Habits(busy=4, delay=0.02)) as store:
        published(publish(store, workspace, n_jobs="auto"))
        refused = [seen.status == 503 for seen in store.of("PutObject")]
        assert sum(refused[-50:]) <= 10 < sum(refused[:50]), "it learns"


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_the_store_names(status: int, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        store.refuse(
            Refusal("PutObject", status, "SlowDown", times=1, key="p/a", headers={"Retry-After": "1"})
        )
        published(publish(store, workspace))
        first, second = store.of("PutObject", "p/a")
        assert second.request.began - first.ended >= 0.9


# Hosts


def named(**more: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_S3": f"http://{HOST}", **more}


def test_a_store_that_wants_the_bucket_in_the_host(workspace: Path) -> None:
    """It says SecondLevelDomainForbidden, and that is understood."""
    in_process.fill(workspace, FILES)
    with emulator(habits.OSS) as store, forward(to(store.url)) as proxy:
        published(publish(store, workspace, named(HTTP_PROXY=proxy.url)))
        assert store.contents() == local(workspace)
        refused = [seen for seen in store.seen if seen.status == 403]
        assert len(refused) <= 1, "learnt once"
        assert published(publish(store, workspace, named(HTTP_PROXY=proxy.url))).counts == (0, 4, 0)


def test_a_store_that_says_so_in_its_message_only(workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator() as store, forward(to(store.url)) as proxy:
        store.refuse(Refusal(".*", 400, "InvalidRequest", "Please use virtual-hosted style.", times=1))
        published(publish(store, workspace, named(HTTP_PROXY=proxy.url)))
        assert all(seen.request.virtual for seen in store.seen[1:])


@pytest.mark.parametrize("said_by", ["input", "configuration"])
@pytest.mark.parametrize("style", ["virtual", "path"])
def test_a_style_that_the_user_chose(style: str, said_by: str, workspace: Path) -> None:
    """It holds for every request."""
    in_process.fill(workspace, FILES)
    config = workspace / "config"
    config.write_text(f"[default]\ns3 =\n  addressing_style = {style}\n")
    kind = Habits(addressing=Addressing.VIRTUAL if style == "virtual" else Addressing.PATH)
    with emulator(kind) as store, forward(to(store.url)) as proxy:
        more = {"AWS_CONFIG_FILE": str(config)} if said_by == "configuration" else {}
        inputs = {"s3_addressing": style} if said_by == "input" else {}
        run = publish(store, workspace, named(HTTP_PROXY=proxy.url, **more), **inputs)
        published(run)
        assert {seen.request.virtual for seen in store.seen} == {style == "virtual"}
        assert {seen.status for seen in store.seen} <= {200, 204, 404}


def test_an_address_of_numbers_has_no_names_below_it(workspace: Path) -> None:
    """``bucket.127.0.0.1`` is nothing: an endpoint that is an address takes paths, whatever is set."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator(Habits(addressing=Addressing.PATH)) as store:
        published(publish(store, workspace))


# Payloads


def test_payloads_are_signed_where_a_store_wants_that(workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator(Habits(unsigned=False, streaming=False)) as store:
        published(publish(store, workspace))
        assert store.contents() == local(workspace)
        assert sum(seen.status == 400 for seen in store.seen) <= 8, "learnt, by what was in flight"


def test_payloads_are_signed_where_a_store_hashes_them_in_any_case(workspace: Path) -> None:
    """It calls the signature wrong, though nothing is wrong with the keys."""
    in_process.fill(workspace, FILES)
    refusal = Refusal(
        "PutObject|UploadPart", 403, "SignatureDoesNotMatch", header="x-amz-content-sha256", value="UNSIGNED"
    )
    with emulator(Habits(refusals=(refusal,))) as store:
        published(publish(store, workspace))
        assert store.contents() == local(workspace)


def test_payloads_are_signed_where_the_configuration_wants_that(workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    config = workspace / "config"
    config.write_text("[default]\ns3 =\n  payload_signing_enabled = true\n")
    with emulator() as store:
        published(publish(store, workspace, {"AWS_CONFIG_FILE": str(config)}))
        hashes = {seen.headers["x-amz-content-sha256"] for seen in store.writes}
        assert "UNSIGNED-PAYLOAD" not in hashes
        assert not any(each.startswith("STREAMING-UNSIGNED") for each in hashes)


# Regions

TOLD = [how for how in WrongRegion if how is not WrongRegion.ACCEPTED]


@pytest.mark.parametrize("listing", [True, False], ids=["may list", "may only put"])
@pytest.mark.parametrize("how", TOLD)
def test_the_region_is_learnt_from_a_refusal(how: WrongRegion, listing: bool, workspace: Path) -> None:
    """None is set, so the store's answer counts, also for credentials that may only put.

    Where the right one stands only in a message or in the name of another endpoint, it is at least said.
    """
    in_process.fill(workspace, FILES)
    denied = Refusal("List.*|Head.*|Get.*", 403, "AccessDenied", "Access Denied")
    kind = Habits(region="eu-west-3", wrong_region=how, refusals=() if listing else (denied,))
    with emulator(kind) as store:
        environment = {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
        run = publish(store, workspace, environment)
        if run.code and how in (WrongRegion.MESSAGE, WrongRegion.ENDPOINT):
            assert "eu-west-3" in run.log
            return
        published(run)
        assert store.contents() == local(workspace)
        wrong = [seen for seen in store.seen if "/us-east-1/" in seen.headers["authorization"]]
        assert len(wrong) <= 4, "learnt once, not for each file"


def test_a_region_that_was_chosen_wrongly_is_named(workspace: Path) -> None:
    """Whether it is followed or refused, the right one is reported."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator(Habits(region="eu-west-3", wrong_region=WrongRegion.MALFORMED)) as store:
        run = publish(store, workspace, aws_region="us-west-2")
        assert "eu-west-3" in run.log


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("operation", ["ListObjectsV2", "PutObject"])
def test_nothing_follows_a_redirect_elsewhere(operation: str, status: int, workspace: Path) -> None:
    """No signature and no byte goes to an unknown host, and the message names the redirect."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as elsewhere, emulator() as store:
        where = f"{elsewhere.url}/bucket/p/a"
        store.refuse(Refusal(operation, status, "Moved", "Look elsewhere", headers={"Location": where}))
        run = publish(store, workspace)
        assert run.code in (3, 5), run.log
        assert elsewhere.seen == []
        assert store.keys() == []
        assert "redirect" in run.log


def test_a_login_page_is_no_store(workspace: Path) -> None:
    """A captive portal answers everything with a page."""
    in_process.fill(workspace, {"a": b"1"})
    page = b"<!DOCTYPE html><html><title>Sign in</title><script>alert(1)</script></html>"
    for status in (200, 403, 404, 503):
        with emulator() as store:
            store.refuse(Refusal(".*", status, body=page))
            run = publish(store, workspace)
            assert run.code in (3, 4, 5), run.log
            assert "<script>" not in run.log + run.summary
            assert "None" not in run.log
            assert "Traceback" not in run.log


def test_requests_name_one_host(workspace: Path) -> None:
    """An ``<Endpoint>`` in an answer is no permission to send the data there."""
    in_process.fill(workspace, {"a": b"1"})
    kind = replace(habits.AWS, region="eu-west-3", wrong_region=WrongRegion.ENDPOINT)
    with emulator(kind) as store, forward(to(store.url)) as proxy:
        publish(
            store, workspace, {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url, "NO_PROXY": "127.0.0.1"}
        )
        assert proxy.asked == []
