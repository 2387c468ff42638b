"""A proxy as companies have them: it forwards, asks for a password, refuses, or says nothing at all."""

from __future__ import annotations

import base64
import contextlib
import io
import select
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.s3_emulator.server import HOST

_LIMIT: Final = 64 * 1024


@dataclass
class Forward:
    """What a test holds.

    Attributes:
        routes: where a host, or whatever ends in it, really is: a port of 127.0.0.1.
        password: ``user:password`` that it wants.
        status: it answers so instead of forwarding; 0 forwards.
        silent: it accepts connections and never answers.
        asked: each request's first line and the ``user:password`` it came with.
    """

    url: str
    routes: Mapping[str, int]
    password: str = ""
    status: int = 0
    silent: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return int(self.url.rpartition(":")[2])


@contextlib.contextmanager
def forward(routes: Mapping[str, int] | None = None, **how: object) -> Iterator[Forward]:
    """A proxy on 127.0.0.1, for the length of a `with` block; addresses of 127.0.0.1 need no route."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.held = Forward(f"http://127.0.0.1:{server.server_address[1]}", routes or {}, **how)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.held
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def to(store_url: str) -> dict[str, int]:
    """Routes by which `HOST` and its buckets are this store."""
    return {HOST: int(store_url.rpartition(":")[2])}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True
    held: Forward

    def __init__(self, *args: object) -> None:
        self.stopped = threading.Event()
        super().__init__(*args)  # type: ignore[arg-type]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are no news."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = 60
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while self._one():
            pass

    def _one(self) -> bool:
        held = self.server.held
        line = self.rfile.readline(_LIMIT).decode("latin-1").rstrip("\r\n")
        if not line:
            return False
        head = []
        while (field := self.rfile.readline(_LIMIT).decode("latin-1").rstrip("\r\n")) != "":
            head.append(field)
        fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in head)}
        given = fields.get("proxy-authorization", "").removeprefix("Basic ")
        held.asked.append((line, base64.b64decode(given).decode() if given else ""))
        method, target, _ = line.split(" ", 2)
        if held.silent:
            self.server.stopped.wait(120)
            return False
        if held.password and held.asked[-1][1] != held.password:
            return self._refuse(407, 'Proxy-Authenticate: Basic realm="company"\r\n')
        if held.status:
            return self._refuse(held.status)
        if method == "CONNECT":
            self._tunnel(target)
        elif target.startswith("http://"):
            self._relay(method, target, head, fields)
        else:
            self._refuse(400)
        return False

    def _refuse(self, status: int, more: str = "") -> bool:
        body = b"<html><h1>Company proxy</h1>This site is blocked.</html>"
        text = (
            f"HTTP/1.1 {status} Refused\r\n{more}Content-Type: text/html\r\nContent-Length: {len(body)}\r\n"
        )
        self.wfile.write(f"{text}Connection: close\r\n\r\n".encode() + body)
        return False

    def _upstream(self, place: str, port: int) -> socket.socket | None:
        host, _, named = place.rpartition(":") if ":" in place else (place, "", "")
        found = next((p for end, p in self.server.held.routes.items() if (host).endswith(end)), None)
        if found is None and host == "127.0.0.1":
            found = int(named or port)
        if found is None:
            self._refuse(502)
            return None
        return socket.create_connection(("127.0.0.1", found), timeout=60)

    def _tunnel(self, target: str) -> None:
        if upstream := self._upstream(target, 443):
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._pump(upstream)

    def _relay(self, method: str, target: str, head: list[str], fields: Mapping[str, str]) -> None:
        """One request; the connection is closed after its answer, as HTTP/1.0 proxies do."""
        place, slash, path = target.removeprefix("http://").partition("/")
        upstream = self._upstream(place, 80)
        if upstream is None:
            return
        kept = [each for each in head if not each.lower().startswith(("proxy-", "connection:"))]
        lines = [f"{method} {slash or '/'}{path} HTTP/1.1", *kept, "Connection: close", "", ""]
        upstream.sendall("\r\n".join(lines).encode("latin-1"))
        self._pump(upstream)

    def _pump(self, upstream: socket.socket) -> None:
        """Bytes both ways, until one side has enough."""
        client = self.connection
        with upstream:
            self._flush(upstream)
            while not self.server.stopped.is_set():
                ready, _, _ = select.select([client, upstream], [], [], 0.2)
                for one in ready:
                    data = one.recv(_LIMIT)
                    if not data:
                        return
                    (upstream if one is client else client).sendall(data)

    def _flush(self, upstream: socket.socket) -> None:
        """What was read ahead belongs to the body."""
        self.connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            assert isinstance(self.rfile, io.BufferedReader)
            if ahead := self.rfile.peek():
                upstream.sendall(self.rfile.read1(len(ahead)))
        self.connection.setblocking(True)
        self.connection.settimeout(60)
