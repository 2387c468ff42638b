"""The mocked Zenodo: every fault, the log of requests, the HTTP engine, the program."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.zenodo import ZenodoServer, faults
from tests.zenodo.fixtures import DEPOSIT, GOOD, Client, me, options, refusal, server

__all__ = ["me", "server"]  # fixtures

BROKEN = requests.exceptions.ConnectionError


def stored(client: Client, draft: Any) -> dict[str, int]:
    """Sizes of what the draft has."""
    return {each["filename"]: each["filesize"] for each in client("GET", draft["links"]["files"]).json()}


# Which requests are hit


def test_matching_by_method_path_skip_and_count(server: ZenodoServer, me: Client) -> None:
    fault = server.faults.add("500", method="GET", path="depositions$", skip=1, count=2)
    assert me("POST", DEPOSIT, json={}).status_code == 201
    assert me("GET", "/api/user/records").status_code == 200
    assert [me("GET", DEPOSIT).status_code for _ in range(4)] == [200, 500, 500, 200]
    assert fault.hits == 2
    server.faults.add("500", count=None)
    assert {me("GET", DEPOSIT).status_code for _ in range(5)} == {500}
    server.faults.clear()
    assert me("GET", DEPOSIT).status_code == 200
    assert [each.fault for each in server.requests][-3:] == ["500", "500", None]


def test_control_endpoint(server: ZenodoServer, me: Client) -> None:
    assert me("POST", "/_mock/faults", json={"kind": "403", "path": "depositions"}).status_code == 201
    assert refusal(me("GET", DEPOSIT)) == (403, "Permission denied.", {})
    (fault,) = me("GET", "/_mock/faults").json()
    assert (fault["kind"], fault["hits"]) == ("403", 1)
    assert me("POST", "/_mock/faults", json={"kind": "no-such"}).status_code == 400
    assert me("DELETE", "/_mock/faults").status_code == 204
    assert me("GET", "/_mock/faults").json() == []
    (entry,) = me("GET", "/_mock/requests").json()
    assert (entry["method"], entry["status"], entry["fault"]) == ("GET", 403, "403")


# Each kind


def test_every_kind_has_a_test() -> None:
    source = Path(__file__).read_text()
    assert [kind for kind in faults.Kind if f'"{kind.value}"' not in source] == []


def test_429(server: ZenodoServer, me: Client) -> None:
    server.faults.add("429", retry_after=7)
    answer = me("GET", DEPOSIT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert 5 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 8
    assert answer.json() == {"message": "30 per 1 minute", "status": 429}


@pytest.mark.parametrize("kind", ["502", "503", "504"])
def test_gateway_errors_are_html_and_have_no_effect(server: ZenodoServer, me: Client, kind: str) -> None:
    draft = me.draft(GOOD, {"a": b"a"})
    server.faults.add(kind, method="POST")
    answer = me("POST", draft["links"]["publish"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (int(kind), "text/html")
    assert answer.text.startswith("<html>")
    assert me("GET", f"/api/records/{draft['id']}").status_code == 404


def test_504_publish_succeeds_at_once_or_later(server: ZenodoServer, me: Client) -> None:
    first, second = (me.draft(GOOD, {"a": b"a"}) for _ in range(2))
    server.faults.add("504-publish", path="actions/publish")
    server.faults.add("504-publish", path="actions/publish", delay=0.5)
    assert me("POST", first["links"]["publish"]).status_code == 504
    assert me("GET", f"/api/records/{first['id']}").status_code == 200
    assert me("POST", second["links"]["publish"]).status_code == 504
    assert me("GET", f"/api/records/{second['id']}").status_code == 404
    until = time.monotonic() + 5
    while me("GET", f"/api/records/{second['id']}").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_500_after(server: ZenodoServer, me: Client) -> None:
    server.faults.add("500-after", method="POST")
    assert me("POST", DEPOSIT, json={}).status_code == 500
    assert len(me("GET", DEPOSIT).json()) == 1


def test_502_truncated_stores_half(server: ZenodoServer, me: Client) -> None:
    draft = me.draft(GOOD)
    server.faults.add("502-truncated", method="PUT")
    server.faults.add("502-truncated", method="PUT", at=300_000)
    for key in ("a", "b"):
        answer = me("PUT", f"{draft['links']['bucket']}/{key}", data=b"x" * (1 << 20))
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert stored(me, draft) == {"a": 1 << 19, "b": 300_000}


def test_resets(server: ZenodoServer, me: Client) -> None:
    draft = me.draft(GOOD)
    server.faults.add("reset-before", method="PUT")
    server.faults.add("reset-mid-body", method="PUT", at=100_000)
    server.faults.add("reset-after", method="PUT")
    for key, expected in (("a", {}), ("b", {}), ("c", {"c": 1 << 20})):
        with pytest.raises(BROKEN):
            me("PUT", f"{draft['links']['bucket']}/{key}", data=b"x" * (1 << 20))
        assert stored(me, draft) == expected
    before, middle, after = server.requests.select("PUT")
    assert (before.status, middle.status, after.status) == (0, 0, 0)
    assert before.body == 0
    assert 100_000 <= middle.body < 1 << 20
    assert after.body == 1 << 20


def test_a_reset_is_a_reset_not_an_end(server: ZenodoServer) -> None:
    server.faults.add("reset-before")
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET /api/records HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_stall(server: ZenodoServer, me: Client) -> None:
    server.faults.add("stall", method="PUT", count=2)
    draft = me.draft(GOOD)
    with pytest.raises((requests.exceptions.ReadTimeout, BROKEN)):
        me("PUT", draft["links"]["bucket"] + "/a", data=b"x", timeout=0.1)
    with pytest.raises((requests.exceptions.Timeout, BROKEN)):
        me("PUT", draft["links"]["bucket"] + "/a", data=b"x" * (32 << 20), timeout=0.1)
    assert stored(me, draft) == {}


def test_slow_read(server: ZenodoServer, me: Client) -> None:
    server.faults.add("slow-read", method="PUT", delay=0.05)
    draft = me.draft(GOOD)
    started = time.monotonic()
    assert me("PUT", draft["links"]["bucket"] + "/a", data=b"x" * (64 << 10)).status_code == 201
    assert time.monotonic() - started >= 0.2


def test_html_200(server: ZenodoServer, me: Client) -> None:
    server.faults.add("html-200", method="POST")
    answer = me("POST", DEPOSIT, json={})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert me("GET", DEPOSIT).json() == []


def test_huge_error(server: ZenodoServer, me: Client) -> None:
    server.faults.add("huge-error", at=3 << 20)
    answer = me("GET", DEPOSIT)
    assert answer.status_code == 500
    assert len(answer.content) > (3 << 20) - 20


@pytest.mark.parametrize("stored_too", [False, True])
def test_wrong_md5(server: ZenodoServer, me: Client, stored_too: bool) -> None:
    draft = me.draft(GOOD)
    server.faults.add("wrong-md5", method="PUT", stored=stored_too)
    body = me("PUT", draft["links"]["bucket"] + "/a", data=b"x").json()
    assert body["checksum"] == "md5:" + "0" * 32
    true = hashlib.md5(b"x", usedforsecurity=False).hexdigest()
    (listed,) = me("GET", draft["links"]["files"]).json()
    assert listed["checksum"] == ("0" * 32 if stored_too else true)


def test_no_checksum(server: ZenodoServer, me: Client) -> None:
    draft = me.draft(GOOD, {"a": b"a"})
    server.faults.add("no-checksum", count=None)
    assert "checksum" not in me("PUT", draft["links"]["bucket"] + "/b", data=b"x").json()
    for where in (draft["links"]["files"], f"/api/records/{draft['id']}/draft/files"):
        assert '"checksum"' not in me("GET", where).text
    server.faults.clear()
    assert stored(me, draft) == {"a": 1, "b": 1}


def test_cut_answer(server: ZenodoServer, me: Client) -> None:
    server.faults.add("cut-answer")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, BROKEN)):
        me("GET", DEPOSIT + "?q=anything").json()


def test_redirect_to_another_host(server: ZenodoServer, me: Client) -> None:
    server.faults.add("redirect-other-host", host="http://localhost:1")
    answer = me("GET", DEPOSIT + "?size=1")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"http://localhost:1{DEPOSIT}?size=1")


def test_any_answer(server: ZenodoServer, me: Client) -> None:
    server.faults.add("answer", status=401, body={"status": 401, "message": "Who?"})
    server.faults.add("answer", status=413, body="<html>413</html>")
    assert refusal(me("GET", DEPOSIT)) == (401, "Who?", {})
    answer = me("GET", DEPOSIT)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html")


def test_bucket_on_another_host(server: ZenodoServer, me: Client) -> None:
    server.faults.add("bucket-other-host", method="POST", host="http://elsewhere.invalid")
    links = me("POST", DEPOSIT, json={}).json()["links"]
    assert links["bucket"].startswith("http://elsewhere.invalid/api/files/")
    assert links["self"].startswith(server.url)


def test_wrong_types_and_missing_fields(server: ZenodoServer, me: Client) -> None:
    draft = me.draft(GOOD, {"a": b"a"})
    server.faults.add("wrong-types", method="GET", fields={"id": "x", "files.0.filesize": None})
    body = me("GET", draft["links"]["self"]).json()
    assert (body["id"], body["files"][0]["filesize"]) == ("x", None)
    server.faults.add("missing-fields", method="GET", fields={"links.bucket": 0, "files": 0})
    body = me("GET", draft["links"]["self"]).json()
    assert "bucket" not in body["links"]
    assert "files" not in body
    assert stored(me, draft) == {"a": 1}


# The log


@options(latency=1.0)
def test_log_of_what_was_under_way(server: ZenodoServer, me: Client) -> None:
    version = server.add_draft()

    paths = [f"/api/files/{version.content.bucket}/{number}" for number in range(3)]
    assert _at_once(server, "PUT", paths) == [201, 201, 201]
    assert server.requests.in_flight_max("PUT") == 3
    me("GET", DEPOSIT)
    assert server.requests.in_flight_max("GET") == 1
    assert server.requests[-1].headers["authorization"] == "valid"
    assert sorted(server.requests.writes()) == [
        f"PUT /api/files/{version.content.bucket}/{number}" for number in range(3)
    ]


def _at_once(server: ZenodoServer, method: str, paths: list[str]) -> list[int]:
    """The statuses of these requests, sent at the same time."""
    barrier = threading.Barrier(len(paths))

    def send(path: str) -> int:
        barrier.wait()
        headers = {"Authorization": f"Bearer {server.token}"}
        return requests.request(
            method, server.url + path, data=b"new", headers=headers, timeout=5
        ).status_code

    with concurrent.futures.ThreadPoolExecutor(len(paths)) as pool:
        return sorted(pool.map(send, paths))


LOST = {"work": 0.3}


@options(**LOST)
def test_of_two_deletes_at_once_one_fails(server: ZenodoServer) -> None:
    version = server.add_draft({"a": b"a", "b": b"b"})
    ids = [each.file_id for each in version.content.files.values()]
    assert _at_once(server, "DELETE", [f"{DEPOSIT}/{version.id}/files/{each}" for each in ids]) == [204, 400]
    assert len(version.content.files) == 1


@options(**LOST)
def test_of_files_replaced_at_once_one_is(server: ZenodoServer, me: Client) -> None:
    version = server.add_draft({"a": b"a", "b": b"b", "c": b"c"})
    bucket = f"/api/files/{version.content.bucket}"
    assert _at_once(server, "PUT", [f"{bucket}/{key}" for key in "abc"]) == [201, 400, 400]
    sizes = sorted(each.size or 0 for each in version.content.files.values())
    assert sizes == [1, 1, 3]
    other = server.add_draft({"a": b"a", "b": b"b"})
    other.content.metadata.clear()
    bucket = f"/api/files/{other.content.bucket}"
    assert _at_once(server, "PUT", [f"{bucket}/{key}" for key in "ab"]) == [201, 500]
    assert refusal(me("PUT", f"{bucket}/{'x' * 256}", data=b"x"))[0] == 400


@options(**LOST)
def test_new_files_beside_a_replaced_one_are_safe(server: ZenodoServer) -> None:
    version = server.add_draft({"a": b"a"})
    bucket = f"/api/files/{version.content.bucket}"
    assert set(_at_once(server, "PUT", [f"{bucket}/{key}" for key in "abcdef"])) == {201}


# The engine


def _raw(server: ZenodoServer, path: str, headers: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n{headers}\r\n"
    connection.sendall(head.encode())
    return connection


def test_100_continue(server: ZenodoServer) -> None:
    path = f"/api/files/{server.add_draft().content.bucket}/a"
    with _raw(server, path, "Content-Length: 3\r\nExpect: 100-continue\r\n") as connection:
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")
    with _raw(server, path + "/b", "Content-Length: 3\r\nExpect: 100-continue\r\n") as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 404 "), "refused before the body"


def test_keep_alive_after_an_early_refusal(server: ZenodoServer, me: Client) -> None:
    bucket = me.draft(GOOD)["links"]["bucket"]
    for _ in range(3):
        answer = me("PUT", bucket + "/a/b", data=b"x" * (4 << 20))
        assert answer.status_code == 404
    assert me("PUT", bucket + "/a", data=b"x").status_code == 201
    assert len({each.port for each in server.requests}) == 1


def test_a_broken_upload_leaves_nothing(server: ZenodoServer, me: Client) -> None:
    version = server.add_draft()
    with _raw(server, f"/api/files/{version.content.bucket}/a", "Content-Length: 1000\r\n") as connection:
        connection.sendall(b"x" * 500)
    until = time.monotonic() + 5
    while not (server.requests and server.requests[-1].ended) and time.monotonic() < until:
        time.sleep(0.01)
    assert (server.requests[-1].status, server.requests[-1].body) == (0, 500)
    assert version.content.files == {}
    assert list(server.state.folder.iterdir()) == []


@options(sink=True)
def test_big_bodies_take_no_memory(server: ZenodoServer, me: Client) -> None:
    block, count = b"\0" * (1 << 20), 64

    def blocks() -> Iterator[bytes]:
        for _ in range(count):
            yield block

    link = me.draft(GOOD)["links"]["bucket"] + "/big"
    tracemalloc.start()
    try:
        body = me("PUT", link, data=blocks()).json()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert body["size"] == count << 20
    assert peak < 8 << 20


def test_nothing_is_left_behind() -> None:
    threads = threading.active_count()
    with ZenodoServer() as server:
        client = Client(server, server.token)
        client("GET", DEPOSIT)
        folder = server.state.folder
        server.faults.add("stall")
        with pytest.raises(requests.exceptions.ReadTimeout):
            client("GET", DEPOSIT, timeout=0.05)
    client.session.close()
    assert threading.active_count() == threads
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()


def test_program() -> None:
    command = [sys.executable, "-m", "tests.zenodo", "--port", "0", "--token", "t", "--sandbox", "--sink"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]}
    ) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        try:
            assert urlsplit(url).hostname == "127.0.0.1"
            answer = requests.get(url + DEPOSIT, headers={"Authorization": "Bearer t"}, timeout=5)
            assert answer.json() == []
        finally:
            child.send_signal(signal.SIGTERM)
        assert child.wait(5) == 0
