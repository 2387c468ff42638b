"""Connections that fail, in plain words: proxies, certificates, names, refusals."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrypoint import errors, settings
from entrypoint.destinations.zenodo.api import deposit, failures, http, records
from entrypoint.destinations.zenodo.api.patience import Budget, Patience
from entrypoint.destinations.zenodo.draft import find

QUICK = Patience(tries=3, first=0.02, cap=0.05, connect=2.0, answer=2.0, run=5.0)


def check() -> None:
    """Never cancelled."""


def ask(base: str, limits: Patience = QUICK) -> str:
    """What a question comes to."""
    way = http.Http(base, settings.Secret("t"), connections=1, patience=limits, check=check)
    try:
        with pytest.raises(errors.Unreachable) as caught:
            way.get("/api/records")
    finally:
        way.close()
    return str(caught.value)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[list[bytes]]:
    """A proxy that gives every request the same answer, and remembers them."""
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.recv(4096))
                connection.sendall(f"HTTP/1.1 {request.param}\r\nContent-Length: 0\r\n\r\n".encode())

    threading.Thread(target=serve, daemon=True).start()
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.getsockname()[1]}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield seen
    listener.close()


@pytest.mark.parametrize("proxy", ["407 Proxy Authentication Required"], indirect=True)
def test_a_proxy_that_wants_a_password(proxy: list[bytes]) -> None:
    said = ask("https://rdm.example.org")
    assert "407" in said
    assert "http://user:password@proxy:port" in said
    assert len(proxy) == 1  # it would say so again


@pytest.mark.parametrize("proxy", ["403 Forbidden"], indirect=True)
def test_a_proxy_that_lets_nobody_through(proxy: list[bytes]) -> None:
    assert "the proxy refuses the connection (403)" in ask("https://rdm.example.org")
    assert len(proxy) == 1


@pytest.mark.parametrize("proxy", ["502 Bad Gateway"], indirect=True)
def test_a_proxy_in_trouble_is_asked_again(proxy: list[bytes]) -> None:
    assert "(502)" in ask("https://rdm.example.org")
    assert len(proxy) == QUICK.tries


def test_a_bundle_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    said = ask("https://127.0.0.1:9")
    assert "trusted certificates does not exist" in said
    assert "REQUESTS_CA_BUNDLE" in said


def test_a_bundle_without_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = ask(f"https://127.0.0.1:{listener.getsockname()[1]}")
    assert "REQUESTS_CA_BUNDLE" in said


def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "the connection is refused" in ask(f"http://127.0.0.1:{port}")


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    said = ask("https://no-such-host.invalid")
    assert "its name" in said


def test_a_server_that_does_not_speak_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        said = ask(f"https://127.0.0.1:{listener.getsockname()[1]}", Patience(tries=1, connect=2, answer=2))
    assert "TLS" in said


def test_no_reason_shows_an_address() -> None:
    error = OSError("https://user:secret@host/path")
    assert "secret" not in str(failures.of(error))


def test_a_budget_is_spent_once_by_all_and_renewed_by_progress() -> None:
    import time

    budget = Budget(10.0)
    start = time.monotonic() - 4.0
    assert 5.5 < budget.spend(start) < 6.1
    assert 5.5 < budget.spend(start) < 6.1  # the same seconds
    budget.progress()
    assert budget.left() == 10.0


def test_a_new_record_is_not_planned_where_nothing_answers() -> None:
    """The list of depositions may fail, as a new draft needs it only to be told from others; the service may not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    way = http.Http(base, settings.Secret("t"), connections=1, patience=QUICK, check=check)
    try:
        with pytest.raises(errors.Unreachable, match="refused"):
            find.Finder(way, records.Records(way), deposit.Deposits(way), "").find(None)
    finally:
        way.close()
