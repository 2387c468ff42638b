"""A TCP proxy between the product and a server: HTTP is understood, so that a fault strikes where it is meant to."""

from __future__ import annotations

import contextlib
import http.client
import random
import select
import socket
import ssl
import struct
import threading
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from tests.faults.kinds import AFTER_ACTING, Fault, Faults, Kind, operation

CHUNK: Final = 64 * 1024
HUGE: Final = 3 << 20
"""Bytes of a huge error."""
PATIENCE: Final = 30.0
"""Seconds that this side waits for anything."""
SKIPPED: Final = frozenset({"connection", "keep-alive", "expect", "transfer-encoding", "content-length"})


@dataclass(frozen=True)
class Exchange:
    """One request as it went.

    Attributes:
        acted: it reached the server whole.
        heard: the client got the server's own answer, whole.
        status: that the server gave, 0 where it was not asked.
    """

    method: str
    target: str
    operation: str
    fault: str
    acted: bool
    heard: bool
    status: int


class _Cut(Exception):
    """The connection ends here."""


class Proxy:
    """Listens on a port of its own; a context manager.

    Args:
        upstream: URL of the server.
        faults: in force from the start.
        secret: put into the text of made-up errors, as a server would that echoes what it got.
        tls: to speak TLS to the client.
        seed: for what is random below the level of faults.
    """

    def __init__(
        self,
        upstream: str,
        faults: Faults,
        *,
        secret: str = "",
        tls: ssl.SSLContext | None = None,
        seed: int = 0,
    ) -> None:
        address = urlsplit(upstream)
        assert address.hostname is not None
        self._upstream = (address.hostname, address.port or 80)
        self.faults = faults
        self._secret = secret
        self._tls = tls
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._down = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self.exchanges: list[Exchange] = []
        self.begun = 0
        self.arrived = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(0.2)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def wait_for(self, count: int, seconds: float) -> bool:
        """Until so many requests have begun."""
        with self.arrived:
            return self.arrived.wait_for(lambda: self.begun >= count, seconds)

    @property
    def is_down(self) -> bool:
        """Whether it went down for good."""
        return self._down.is_set()

    def unheard(self, operations: set[str]) -> bool:
        """Whether a request of these kinds reached the server and its answer did not reach the client."""
        return any(e.acted and not e.heard and e.operation in operations for e in self.exchanges)

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        current = connection
        try:
            connection.settimeout(PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            current = self._handshake(connection)
            _Connection(self, current).run()
        except _Cut:
            _reset(current)
        except (OSError, ssl.SSLError, http.client.HTTPException, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            with contextlib.suppress(OSError):
                current.close()
            with contextlib.suppress(OSError):
                connection.close()

    def _handshake(self, connection: socket.socket) -> socket.socket:
        if self._down.is_set():
            raise _Cut
        for fault in self.faults.every:
            if fault.kind is Kind.TLS_HANDSHAKE:
                connection.recv(64)
                raise _Cut
            if fault.kind is Kind.TLS_PLAIN:
                connection.recv(CHUNK)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                raise _Cut
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def take(self, method: str, target: str) -> Fault | None:
        """The fault for a request that has come."""
        with self.arrived:
            self.begun += 1
            self.arrived.notify_all()
        if self._down.is_set():
            raise _Cut
        fault = self.faults.take(operation(method, target))
        if fault and fault.kind is Kind.DOWN:
            self._down.set()
            raise _Cut
        return fault

    def note(self, exchange: Exchange) -> None:
        """Take an exchange down."""
        with self._lock:
            self.exchanges.append(exchange)

    def upstream(self) -> http.client.HTTPConnection:
        """A connection to the server."""
        return http.client.HTTPConnection(*self._upstream, timeout=PATIENCE)

    def noise(self, size: int) -> bytes:
        """Random bytes."""
        with self._lock:
            return self._random.randbytes(size)

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        self._stop.wait(seconds)

    def hold(self, connection: socket.socket) -> None:
        """Say nothing until the client goes away."""
        while not self._stop.is_set():
            ready, _, _ = select.select([connection], [], [], 0.1)
            if ready and not connection.recv(CHUNK):
                return

    @property
    def secret(self) -> str:
        """What errors are to echo."""
        return self._secret


def _reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _Connection:
    """One connection of the client; requests come one after another."""

    def __init__(self, proxy: Proxy, connection: socket.socket) -> None:
        self._proxy = proxy
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._server: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Serve until either side has enough."""
        try:
            while self._one():
                pass
        finally:
            self._reader.close()
            if self._server:
                self._server.close()

    def _one(self) -> bool:
        line = self._reader.readline(CHUNK)
        if not line:
            return False
        self._method, self._target, _ = line.decode("latin-1").split(" ", 2)
        self._headers: list[tuple[str, str]] = []
        while (line := self._reader.readline(CHUNK)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            self._headers.append((name.strip(), value.strip()))
        self._acted = self._heard = False
        self._status = 0
        fault = None
        try:
            fault = self._proxy.take(self._method, self._target)
            self._play(fault)
        finally:
            self._proxy.note(
                Exchange(
                    self._method,
                    self._target,
                    operation(self._method, self._target),
                    str(fault.kind) if fault else "",
                    self._acted,
                    self._heard,
                    self._status,
                )
            )
        return True

    def _header(self, name: str) -> str:
        return next((value for key, value in self._headers if key.lower() == name), "")

    def _play(self, fault: Fault | None) -> None:
        kind = fault.kind if fault else Kind.NONE
        amount = fault.amount if fault else 0.0
        if kind in (Kind.RESET_BEFORE, Kind.REFUSE):
            raise _Cut
        if kind is Kind.STALL:
            self._proxy.hold(self._connection)
            raise _Cut
        if kind is Kind.LATENCY:
            self._proxy.pause(0.02 + 0.15 * amount)
        body = self._body(kind, amount)
        if kind is Kind.RESET_AFTER_BODY:
            raise _Cut
        if kind in _MADE_UP:
            self._make_up(kind)
            return
        if kind is Kind.CORRUPT and body:
            at = int(amount * (len(body) - 1))
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        self._pass_on(kind, amount, body)

    def _body(self, kind: Kind, amount: float) -> bytes:
        if self._header("expect").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        size = int(self._header("content-length") or 0)
        limit = size
        if kind in (Kind.RESET_IN_BODY, Kind.STALL_IN_BODY, Kind.TLS_BODY):
            limit = int(size * amount * 0.98)
        rate = (0.5 + 8 * amount) * (1 << 20) if kind is Kind.SLOW else 0.0
        pieces = []
        while limit > 0:
            piece = self._reader.read1(min(limit, CHUNK))
            if not piece:
                raise _Cut
            pieces.append(piece)
            limit -= len(piece)
            if rate:
                self._proxy.pause(len(piece) / rate)
        if kind is Kind.STALL_IN_BODY and size:
            self._proxy.pause(8.0)  # nothing is read, so that the client's sends get stuck
            raise _Cut
        if kind in (Kind.RESET_IN_BODY, Kind.TLS_BODY):
            raise _Cut
        return b"".join(pieces)

    def _pass_on(self, kind: Kind, amount: float, body: bytes) -> None:
        answer, content = self._ask(body)
        self._acted, self._status = True, answer.status
        if kind is Kind.LOST:
            raise _Cut
        if kind is Kind.ERROR_AFTER:
            self._answer(500, self._xml("InternalError"))
            return
        if kind is Kind.GATEWAY_AFTER:
            self._answer(504, b"<html><h1>504 Gateway Time-out</h1></html>", "text/html")
            return
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        has_length = False
        for name, value in answer.getheaders():
            if name.lower() == "content-length":
                has_length = True
                lines.append(f"{name}: {value if self._method == 'HEAD' else len(content)}")
            elif name.lower() not in SKIPPED:
                lines.append(f"{name}: {value}")
        if not has_length and answer.status not in (204, 304):
            lines.append(f"Content-Length: {len(content)}")
        whole = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + content
        if kind in (Kind.TRUNCATED, Kind.STALL_IN_ANSWER):
            self._connection.sendall(whole[: int(len(whole) * amount * 0.98)])
            if kind is Kind.STALL_IN_ANSWER:
                self._proxy.hold(self._connection)
            raise _Cut
        if kind is Kind.TRICKLE:
            for at in range(len(whole)):
                self._connection.sendall(whole[at : at + 1])
                self._proxy.pause(0.25)
        else:
            self._connection.sendall(whole)
        self._heard = True

    def _ask(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        for attempt in (1, 2):
            server = self._server = self._server or self._proxy.upstream()
            try:
                server.putrequest(self._method, self._target, skip_host=True, skip_accept_encoding=True)
                for name, value in self._headers:
                    if name.lower() not in SKIPPED:
                        server.putheader(name, value.encode("latin-1"))
                if body or self._method in ("PUT", "POST"):
                    server.putheader("Content-Length", str(len(body)))
                server.endheaders(body or None)
                answer = server.getresponse()
                return answer, answer.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # A kept connection that the server had closed already.
                server.close()
                self._server = None
                if attempt == 2:
                    raise
        raise AssertionError

    # Answers of our own

    def _xml(self, code: str, more: str = "") -> bytes:
        echo = f"you sent {self._proxy.secret}" if self._proxy.secret else ""
        return f"<Error><Code>{code}</Code><Message>made up {echo}{more}</Message></Error>".encode()

    def _make_up(self, kind: Kind) -> None:
        if kind is Kind.GARBAGE:
            self._connection.sendall(self._proxy.noise(200))
            raise _Cut
        if kind is Kind.REDIRECT:
            where = f"http://127.0.0.1:9{self._target}"
            self._answer(307, self._xml("TemporaryRedirect"), more=f"Location: {where}\r\n")
            return
        status, code = _MADE_UP[kind]
        if kind is Kind.HTML:
            content = f"<!DOCTYPE html><html><body>We are down {self._proxy.secret}</body></html>".encode()
            self._answer(status, content, "text/html")
        elif kind is Kind.HUGE_ERROR:
            self._answer(status, self._xml(code, "x ::error::y\n" * (HUGE // 12)))
        elif kind in (Kind.LIMITED, Kind.SLOW_DOWN):
            self._answer(status, self._xml(code), more="Retry-After: 1\r\n")
        else:
            self._answer(status, self._xml(code))

    def _answer(self, status: int, content: bytes, kind: str = "application/xml", more: str = "") -> None:
        head = f"HTTP/1.1 {status} Made Up\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(content)}\r\n\r\n"
        self._connection.sendall(head.encode() + (b"" if self._method == "HEAD" else content))


_MADE_UP: Final = {
    Kind.ERROR_500: (500, "InternalError"),
    Kind.ERROR_502: (502, "BadGateway"),
    Kind.SLOW_DOWN: (503, "SlowDown"),
    Kind.ERROR_504: (504, "GatewayTimeout"),
    Kind.LIMITED: (429, "TooManyRequests"),
    Kind.GARBAGE: (0, ""),
    Kind.HTML: (200, ""),
    Kind.HUGE_ERROR: (500, "InternalError"),
    Kind.REDIRECT: (307, ""),
    Kind.EXPIRED: (400, "ExpiredToken"),
    Kind.SKEWED: (403, "RequestTimeTooSkewed"),
    Kind.DENIED: (403, "AccessDenied"),
}
assert not AFTER_ACTING & _MADE_UP.keys()
