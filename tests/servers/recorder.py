"""A reverse proxy between the program and a store: it records requests, and fails on demand.

    with recorder(store_url) as proxy:
        proxy.misbehave("PUT", r"/genes_all", status=503, body=error_xml("SlowDown"), times=2)
        …                                   # the product talks to proxy.url
        assert proxy.writes == []

Bodies are streamed, never kept. The Host header goes through as it is, because signatures cover it.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

WRITING: Final = frozenset({"PUT", "POST", "DELETE", "PATCH"})
CHUNK: Final = 256 * 1024
HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "expect", "transfer-encoding", "content-length"})
FOREVER: Final = 1 << 30


def error_xml(code: str, message: str = "made up by the recorder") -> bytes:
    """The body of an S3 error, as in ``error_xml("AccessDenied")``."""
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@dataclass(frozen=True)
class Request:
    """One request as it came, and the status it was answered with (0: the connection was cut)."""

    method: str
    path: str
    """Percent-encoded, as on the wire."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    size: int
    """Bytes of the body, as encoded on the wire."""
    status: int
    began: float
    """`time.monotonic()` seconds."""
    ended: float

    @property
    def writes(self) -> bool:
        """Whether it could change anything."""
        return self.method in WRITING


@dataclass
class Fault:
    """What happens to requests that match; `misbehave` explains the fields."""

    method: re.Pattern[str]
    target: re.Pattern[str]
    status: int
    body: bytes
    headers: Mapping[str, str]
    delay: float
    drop: bool
    lose: bool
    corrupt: bool
    carries: re.Pattern[str] | None
    left: int


@dataclass
class Recorder:
    """What a test holds: the address, the record, and the levers."""

    url: str
    upstream: str
    delay: float = 0.0
    """Seconds that every request waits before it goes on: a distant store."""
    hidden_request_headers: str = r"(?!)"
    """Headers of requests whose name matches this do not reach the store."""
    hidden_response_headers: str = r"(?!)"
    """Headers of answers whose name matches this do not reach the product."""
    rewrite_response_headers: Mapping[str, str] = field(default_factory=dict)
    """Values that replace these headers of answers (names in lower case), if present."""
    on_request: Callable[[str, str], object] = lambda method, target: None
    """Called with method and target of each request before it goes on."""
    _requests: list[Request] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def requests(self) -> list[Request]:
        """Every request that was answered so far, in the order of the answers."""
        with self._lock:
            return list(self._requests)

    @property
    def writes(self) -> list[Request]:
        """Those that could change anything."""
        return [request for request in self.requests if request.writes]

    def find(self, method: str = "", target: str = "") -> list[Request]:
        """The requests of a method (a pattern, all of it) whose path matches a pattern anywhere."""
        return [
            r for r in self.requests if re.fullmatch(method or ".*", r.method) and re.search(target, r.path)
        ]

    def clear(self) -> None:
        """Forget the requests; the faults stay."""
        with self._lock:
            self._requests.clear()

    def misbehave(
        self,
        method: str = ".*",
        target: str = "",
        *,
        status: int = 0,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        drop: bool = False,
        lose: bool = False,
        corrupt: bool = False,
        carries: str = "",
        times: int = FOREVER,
    ) -> None:
        """From now on, treat matching requests badly; the fault that was added last wins.

        Args:
            method: a pattern for all of the method.
            target: a pattern for any part of path and query.
            status: answer this by ourselves, after the body was read; 0 passes the request on.
            body, headers: go with the status; without one the headers (names in lower
                case) stand in the store's answer.
            delay: seconds to wait first.
            drop: cut the connection in the middle of the request's body.
            lose: let the store do it, and cut the connection instead of answering.
            corrupt: flip a bit of the request's body on its way.
            carries: only requests with a header whose name matches this.
            times: how many requests it happens to.
        """
        fault = Fault(
            re.compile(method),
            re.compile(target),
            status,
            body,
            headers or {},
            delay,
            drop,
            lose,
            corrupt,
            re.compile(carries, re.IGNORECASE) if carries else None,
            times,
        )
        with self._lock:
            self._faults.insert(0, fault)

    def behave(self) -> None:
        """Take all faults back."""
        with self._lock:
            self._faults.clear()

    def _fault_for(self, method: str, target: str, headers: Iterable[str]) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.left <= 0 or not fault.method.fullmatch(method) or not fault.target.search(target):
                    continue
                if fault.carries is None or any(fault.carries.match(name) for name in headers):
                    fault.left -= 1
                    return fault
        return None


@contextlib.contextmanager
def recorder(upstream: str) -> Iterator[Recorder]:
    """Stand before the store at the URL ``upstream`` for the length of a `with` block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.recorder = Recorder(url=f"http://127.0.0.1:{server.server_port}", upstream=upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a kept-alive connection would hold its thread
    request_queue_size = 128
    recorder: Recorder

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away in the middle is what some tests are about."""


class _CutError(Exception):
    """The connection to the client is to be cut."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (_CutError, OSError, http.client.HTTPException):
            self.close_connection = True

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        upstream: http.client.HTTPConnection | None = getattr(self, "upstream", None)
        if upstream is not None:
            upstream.close()

    def _serve(self) -> None:
        recorder = self.server.recorder
        self.began, self.taken, self.recorded = time.monotonic(), 0, False
        fault = recorder._fault_for(self.command, self.path, self.headers)
        recorder.on_request(self.command, self.path)
        time.sleep(recorder.delay + (fault.delay if fault else 0))
        try:
            if fault and fault.drop:
                next(self._body(), None)
                raise _CutError
            if fault and fault.status:
                for _ in self._body():
                    pass
                self._answer(fault.status, fault.headers, fault.body)
            else:
                self._pass_on(fault)
            self.wfile.flush()
        finally:
            self._record(0)

    def _record(self, status: int) -> None:
        """Write the request down, once: before the answer goes out, so that no test looks too early."""
        if self.recorded:
            return
        self.recorded = True
        split = urlsplit(self.path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            self.command, split.path, query, headers, self.taken, status, self.began, time.monotonic()
        )
        with self.server.recorder._lock:
            self.server.recorder._requests.append(request)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = do_OPTIONS = _serve

    def _body(self) -> Iterator[bytes]:
        """The request's body as the client meant it, without the chunks of HTTP."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.taken += size
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            data = self.rfile.read1(min(left, CHUNK))
            if not data:
                raise _CutError
            left -= len(data)
            self.taken += len(data)
            yield data

    def _connection(self) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self, "upstream", None)
        if kept is None:
            address = urlsplit(self.server.recorder.upstream)
            kept = self.upstream = http.client.HTTPConnection(
                address.hostname or "", address.port, timeout=60
            )
        return kept

    def _pass_on(self, fault: Fault | None) -> None:
        corrupt = bool(fault and fault.corrupt)
        recorder, connection = self.server.recorder, self._connection()
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            hidden = re.match(recorder.hidden_request_headers, name, re.IGNORECASE)
            if name.lower() not in HOP_BY_HOP and not hidden:
                connection.putheader(name, value)
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif "Content-Length" in self.headers:
            connection.putheader("Content-Length", self.headers["Content-Length"])
        connection.endheaders()
        for data in self._body():
            sent = bytes([data[0] ^ 1]) + data[1:] if corrupt else data
            corrupt = False
            connection.send(b"%x\r\n%b\r\n" % (len(sent), sent) if chunked else sent)
        if chunked:
            connection.send(b"0\r\n\r\n")
        with connection.getresponse() as answer:
            if fault and fault.lose:
                answer.read()
                raise _CutError
            self._record(answer.status)
            self._relay(answer, fault.headers if fault else {})

    def _relay(self, answer: http.client.HTTPResponse, added: Mapping[str, str]) -> None:
        recorder = self.server.recorder
        self.send_response_only(answer.status, answer.reason)
        for name, value in added.items():
            self.send_header(name, value)
        for name, value in answer.getheaders():
            if name.lower() in added:
                continue
            if name.lower() in recorder.rewrite_response_headers:
                self.send_header(name, recorder.rewrite_response_headers[name.lower()])
            elif name.lower() not in HOP_BY_HOP and not re.match(
                recorder.hidden_response_headers, name, re.IGNORECASE
            ):
                self.send_header(name, value)
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        length = answer.getheader("Content-Length")
        if length is not None:
            self.send_header("Content-Length", length)
        elif not bodiless:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not bodiless and (data := answer.read(CHUNK)):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if length is None else data)
        if length is None and not bodiless:
            self.wfile.write(b"0\r\n\r\n")

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._record(status)
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/xml", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
