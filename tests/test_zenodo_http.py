"""The way to Zenodo: patience, the shared rate limit, secrets, what each fault comes to."""

from __future__ import annotations

import base64
import dataclasses
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http import server as http_server
from pathlib import Path
from typing import Any

import pytest

from entrypoint import errors, outcome, settings, transfer, workers
from entrypoint.destinations.zenodo.api import answers, http, patience, rate_limit, records, refusals
from entrypoint.destinations.zenodo.api.request import Request
from entrypoint.destinations.zenodo.draft import files
from entrypoint.plan import model
from tests.servers.trickle import trickle
from tests.test_zenodo import CREATOR, FAST, FILES, Runner, md5s
from tests.zenodo import ZenodoServer

BIG = {**FILES, "big.bin": bytes(range(256)) * 12_000}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ZenodoServer]:
    with ZenodoServer(**getattr(request, "param", {})) as started:
        yield started
        for each in started.requests:
            assert not each.token_in_url
            assert "cookie" not in each.headers


@pytest.fixture
def run(server: ZenodoServer, tmp_path: Path) -> Runner:
    return Runner(server, tmp_path)


@pytest.fixture
def way(server: ZenodoServer) -> Iterator[http.Http]:
    made = http.Http(server.url, settings.Secret(server.token), connections=4, patience=FAST, check=check)
    yield made
    made.close()


def check() -> None:
    """Never cancelled."""


LIST = "/api/deposit/depositions"


# Faults of an upload


def test_an_answer_that_trickles_gets_none_of_the_time_of_its_body() -> None:
    """A body of 16 MiB may take four minutes; its answer may not."""
    body = bytes(16 << 20)
    once = dataclasses.replace(FAST, tries=1, whole=1.0)
    with trickle() as port:
        way = http.Http(
            f"http://127.0.0.1:{port}", settings.Secret("secret"), connections=1, patience=once, check=check
        )
        with pytest.raises(errors.Unreachable):
            way.call(Request("PUT", "/api/files/a", body=lambda: body, size=len(body)))
        way.close()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "429", "retry_after": 0},
        {"kind": "429", "retry_after": 1},
        {"kind": "500"},
        {"kind": "502"},
        {"kind": "503", "retry_after": 0},
        {"kind": "504"},
        {"kind": "403", "count": 2},
        {"kind": "500", "count": 4},
        {"kind": "reset-before"},
        {"kind": "reset-mid-body", "at": 100_000},
        {"kind": "reset-after"},
        {"kind": "500-after"},
        {"kind": "502-truncated"},
        {"kind": "502-truncated", "at": 1},
        {"kind": "cut-answer"},
        {"kind": "html-200"},
        {"kind": "huge-error"},
        {"kind": "wrong-md5"},
        {"kind": "wrong-md5", "stored": True, "count": 2},
        {"kind": "wrong-types", "fields": {"size": "many"}},
        {"kind": "missing-fields", "fields": {"checksum": None}},
        {"kind": "stall", "delay": 0},
    ],
    ids=str,
)
def test_an_upload_survives(server: ZenodoServer, run: Runner, fault: dict[str, Any]) -> None:
    hit = server.faults.add(method="PUT", path="big.bin", **fault)
    ran = run(BIG, creators=(CREATOR,), license="MIT", publish=True).ok()
    assert hit.hits == fault.get("count", 1)
    assert server.checksums(ran.number) == md5s(BIG)
    assert ran.links.published
    assert ran.bytes == sum(map(len, BIG.values()))


@pytest.mark.parametrize(
    "fault",
    ["500", "502-truncated", "wrong-md5", "reset-mid-body", "403", "html-200", "stall"],
)
def test_what_lasts_fails_one_file_and_keeps_the_rest(server: ZenodoServer, run: Runner, fault: str) -> None:
    server.faults.add(fault, method="PUT", path="big.bin", count=None)
    hurry = dataclasses.replace(FAST, tries=3, answer=0.4, stall=0.4)
    ran = run(BIG, creators=(CREATOR,), license="MIT", publish=True, patience=hurry)
    assert ran.result.exit_code is errors.ExitCode.FILES_FAILED
    assert ran.statuses["big.bin"] == "failed"
    assert ran.statuses["b.tsv"] == "uploaded"
    assert ran.statuses["catalog.yaml"] == "withheld"
    assert server.requests.select("POST", "publish") == []
    failed = ran.result.failures[0]
    assert "'big.bin'" in failed.reason
    assert "http://" not in failed.reason
    assert server.token not in repr(ran)


def test_denied_everywhere_is_not_authorised(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("403", method="PUT", path="/api/files/", count=None)
    assert isinstance(run(FILES).result.error, errors.NotAuthorised)


def test_a_full_quota_says_what_to_do(server: ZenodoServer, run: Runner) -> None:
    server.state.options = dataclasses.replace(server.state.options, quota=1000)
    ran = run(BIG)
    assert "quota" in ran.result.failures[0].hint


def test_a_file_that_changes_while_it_is_read_fails(
    server: ZenodoServer, run: Runner, way: http.Http, tmp_path: Path
) -> None:
    plan = run.plan(BIG)
    file = next(each for each in plan if each.name == "big.bin")
    draft = server.add_draft()
    bucket = f"{server.url}/api/files/{draft.content.bucket}"
    place = files.Place(way, records.Records(way), str(draft.id), bucket)

    class Cutting(transfer._Watch):
        def moved(self, count: int) -> None:
            super().moved(count)
            (tmp_path / "big.bin").write_bytes(b"short")

    from tests.test_zenodo import Quiet

    with pytest.raises(errors.FileFailed, match="shorter"):
        files.put(place, file, Cutting(Quiet(), workers.Cancel()))
    assert "big.bin" not in server.checksums(draft.id)


# Faults of everything else


@pytest.mark.parametrize(
    "kind", ["500", "502", "reset-before", "reset-after", "403", "cut-answer", "429", "html-200"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_every_call_survives_trouble(server: ZenodoServer, run: Runner, kind: str, method: str) -> None:
    old = server.add_record({**FILES, "old.tsv": b"old"})
    if kind == "403":
        # A 403 before any request succeeded is final.
        server.faults.add(kind, method=method, path="/api/", retry_after=0, skip=3)
    else:
        server.faults.add(kind, method=method, path="/api/", retry_after=0)
    ran = run({**FILES, "b.tsv": b"new"}, old.id, delete_extra=True, publish=True).ok()
    assert server.checksums(ran.number) == md5s({**FILES, "b.tsv": b"new"})
    assert len(server.state.concepts) == 1


@pytest.mark.parametrize("kind", ["500", "500-after", "reset-before", "reset-after", "504", "cut-answer"])
@pytest.mark.parametrize("on_github", [True, False])
def test_a_lost_answer_makes_no_second_draft(
    server: ZenodoServer, run: Runner, kind: str, on_github: bool
) -> None:
    server.faults.add(kind, method="POST", path="/api/records$")
    github = settings.Run(on_github=on_github, repository="o/r", id="7")
    run(FILES, run=github).ok()
    assert len(server.state.concepts) == 1


def test_links_to_another_host_are_refused(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("bucket-other-host", method="GET", path=r"depositions/\d+$")
    ran = run(FILES)
    assert isinstance(ran.result.error, errors.Refused)
    assert "another server" in str(ran.result.error)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_redirects_to_another_host_are_refused(server: ZenodoServer, run: Runner, method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        host = f"http://127.0.0.1:{other.getsockname()[1]}"
        server.faults.add("redirect-other-host", method=method, host=host, count=None)
        ran = run(FILES)
        assert "must not get the token" in str(ran.result.error or ran.result.failures[0].reason)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()  # no request was made


def test_a_page_that_is_no_zenodo(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("html-200", count=None)
    ran = run(FILES)
    assert isinstance(ran.result.error, errors.Unreachable)
    assert "zenodo-url" in str(ran.result.error)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "x y"},
        {"id": True},
        {"id": None},
        {"metadata": None},
        {"metadata": []},
    ],
    ids=str,
)
def test_answers_of_other_shapes_are_errors_with_a_name(
    server: ZenodoServer, run: Runner, fields: dict[str, Any]
) -> None:
    server.faults.add("wrong-types", method="POST", path="/api/records$", fields=fields, count=None)
    ran = run(FILES)
    assert isinstance(ran.result.error, errors.Unreachable | errors.Refused)


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    way = http.Http(
        f"http://127.0.0.1:{port}", settings.Secret("t"), connections=1, patience=FAST, check=check
    )
    with pytest.raises(errors.Unreachable, match="connection is refused"):
        way.call(Request("POST", LIST, once=True))
    way.close()


def test_an_error_is_read_bounded_and_made_harmless(server: ZenodoServer, way: http.Http) -> None:
    server.faults.add("huge-error", count=None, at=50_000_000)
    with pytest.raises(errors.Unreachable, match="a web page") as caught:
        way.get(LIST)
    assert len(str(caught.value)) < 400


def test_a_message_that_holds_the_token_or_commands_is_cleaned(server: ZenodoServer, way: http.Http) -> None:
    said = f"::error::\n\x1b[31m{server.token}"
    document = {"message": said, "errors": [{"field": "f", "messages": ["m"]}, {"message": "old"}, 5]}
    words = answers._words(document, "application/json", server.token)
    assert server.token not in words
    assert "\n" not in words
    assert "\x1b" not in words
    assert words.startswith("\\::error")
    assert "f: m" in words


# Cookies and tokens


@pytest.mark.parametrize("server", [{}, {"csrf_referer": True}], indirect=True)
def test_no_cookies_are_kept(server: ZenodoServer, way: http.Http) -> None:
    for _ in range(3):
        way.call(Request("POST", LIST, document={}))
    assert all("cookie" not in each.headers for each in server.requests)


@pytest.mark.parametrize("text", ["CSRF cookie not set.", "Referer checking failed - no Referer."])
def test_a_csrf_refusal_means_the_token(way: http.Http, text: str) -> None:
    answer = answers.Answer(400, {}, {"message": text}, is_json=True, reason=text)
    refusal = refusals.refusal(way.base, answer)
    assert isinstance(refusal, errors.NotAuthorised)


def test_tokens_of_the_other_service_are_told_apart() -> None:
    hints = [
        http.Http(base, settings.Secret("t"), connections=1, patience=FAST, check=check).token_hint()
        for base in (settings.ZENODO_URL, settings.SANDBOX_URL, "https://rdm.example.org")
    ]
    assert "Tokens of the sandbox do not work on zenodo.org" in hints[0]
    assert "Tokens of zenodo.org do not work on the sandbox" in hints[1]
    assert "sandbox" not in hints[2]


def test_netrc_and_proxies_do_not_get_between(
    server: ZenodoServer, way: http.Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    way.get(LIST)
    assert server.requests[-1].headers["authorization"] == "valid"
    assert base64.b64encode(b"me:secret").decode() not in str(server.requests[-1].headers)


def test_the_user_agent_names_us_and_who_to_write_to(server: ZenodoServer, run: Runner) -> None:
    run(FILES, run=settings.Run(repository="o/r"))
    agents = {each.headers["user-agent"] for each in server.requests}
    assert len(agents) == 1
    assert agents.pop().endswith(" (+https://github.com/o/r)")


def test_the_content_type_of_uploads_and_json(server: ZenodoServer, run: Runner) -> None:
    run(FILES).ok()
    for put in server.requests.select("PUT", "/api/files/"):
        assert put.headers.get("content-type") in (None, "application/octet-stream")
    assert server.requests.select("POST", "/api/records$")[0].headers["content-type"] == "application/json"


# Many at once


@pytest.mark.parametrize("server", [{"latency": 0.05}], indirect=True)
def test_uploads_run_in_parallel_on_pooled_connections(server: ZenodoServer, run: Runner) -> None:
    connections: set[Any] = set()
    finish = server._engine.finish_request

    def counted(request: Any, address: Any) -> None:
        connections.add(address)
        finish(request, address)

    server._engine.finish_request = counted  # type: ignore[method-assign, assignment]
    run({f"f{n}.tsv": b"x" * n for n in range(1, 60)}, n_jobs=12).ok()
    assert 8 <= server.requests.in_flight_max("PUT", "/api/files/") <= 12
    assert len(connections) <= 14


@pytest.mark.parametrize("server", [{"rate_limit": 20, "rate_window": 1.5}], indirect=True)
def test_the_rate_limit_is_obeyed_by_all_together(server: ZenodoServer, run: Runner) -> None:
    run({f"f{n}.tsv": b"x" * n for n in range(1, 70)}, n_jobs=12).ok()
    statuses = [each.status for each in server.requests]
    assert statuses.count(429) <= 3
    assert len(statuses) < 95


def test_a_429_stops_all_workers(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("429", method="PUT", path="/api/files/", skip=4, retry_after=1)
    run({f"f{n}.tsv": b"x" * n for n in range(1, 30)}, n_jobs=4).ok()
    puts = server.requests.select("PUT", "/api/files/")
    hit = next(each for each in puts if each.status == 429)
    assert hit.ended is not None
    late = [each.started - hit.ended for each in puts if each.started > hit.ended]
    # Those that were under way already, and none after them.
    assert sum(0.1 < gap < 0.9 for gap in late) == 0


def test_retry_after_is_ignored_where_nothing_was_refused(server: ZenodoServer, way: http.Http) -> None:
    start = time.monotonic()
    for _ in range(5):
        way.get(LIST)
    assert time.monotonic() - start < 2


def test_the_rate_limit_learns() -> None:
    now, limit = time.time(), rate_limit.RateLimit()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise errors.Cancelled

    limit.enter(sleep)
    limit.leave({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": str(int(now) + 30)})
    limit.enter(sleep)
    with pytest.raises(errors.Cancelled):
        limit.enter(sleep)
    assert 25 < slept[0] <= 30
    assert limit.waited < 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Sun, 22 Nov 2026 10:00:09 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 9.0),
        ({"Retry-After": "99999999"}, rate_limit.MAX_HOLD),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert rate_limit.retry_after(headers) == seconds


def test_the_window_ends_by_the_servers_clock() -> None:
    headers = {"X-RateLimit-Reset": "1795341630", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}
    assert rate_limit.seconds_to_reset(headers) == 30.0


def test_waits_grow_and_are_capped() -> None:
    limits = patience.Patience(first=1, cap=10)
    assert 0.5 <= limits.pause(1) <= 1
    assert 5 <= limits.pause(5) <= 10
    assert limits.pause(10_000) <= 10


def test_a_slow_upload_is_not_cut_while_bytes_move(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("slow-read", method="PUT", path="big.bin", delay=0.006)
    hurry = dataclasses.replace(FAST, stall=0.5, answer=8, tries=1)
    data = {"big.bin": b"x" * 6_000_000}
    start = time.monotonic()
    ran = run(data, patience=hurry).ok()
    assert time.monotonic() - start > 1.5
    assert server.checksums(ran.number) == md5s(data)


def test_closing_ends_what_is_under_way(server: ZenodoServer, way: http.Http) -> None:
    server.faults.add("stall", count=None)
    threading.Timer(0.3, way.close).start()
    start = time.monotonic()
    with pytest.raises(errors.Cancelled):
        way.get(LIST)
    assert time.monotonic() - start < 1.5


def test_a_plan_without_changes_reads_only_a_little(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({f"f{n}.tsv": b"x" * n for n in range(1, 90)})
    ran = run({f"f{n}.tsv": b"x" * n for n in range(1, 90)}, draft.id, mode=outcome.Mode.DRY_RUN).ok()
    assert set(ran.statuses.values()) == {"skipped"}
    assert len(server.requests) <= 5
    assert isinstance(ran.result.plan, model.Plan)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A TLS server that answers `{}`, or nothing at all below /stall; its port and certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.fail("openssl makes the certificate, and is missing")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate),
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    stop = threading.Event()

    class Handler(http_server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/stall":
                stop.wait(30)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    server = http_server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, certificate
    stop.set()
    server.shutdown()
    server.server_close()


def test_tls_is_checked_and_can_be_cancelled(tls: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    port, certificate = tls
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    cancel = workers.Cancel()
    way = http.Http(
        f"https://127.0.0.1:{port}",
        settings.Secret("t"),
        connections=1,
        patience=FAST,
        check=cancel.check,
    )
    with pytest.raises(errors.Unreachable, match="certificate is not valid"):
        way.get("/")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert way.get("/").document == {}
    threading.Timer(0.3, cancel.set).start()
    start = time.monotonic()
    with pytest.raises(errors.Cancelled):
        way.get("/stall")
    assert time.monotonic() - start < 1.5
    way.close()
