"""The HTTP engine: a thread a connection, keep-alive, chunked bodies, 100-continue, resets."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.zenodo.messages import Answer

_CHUNK = 1 << 18
_LINGER = 5.0


class Gone(Exception):
    """The client went away in the middle of its body."""


class Reset(Exception):
    """The connection is to be reset, without (the rest of) an answer."""


class Connection(http.server.BaseHTTPRequestHandler):
    """One connection; each request goes to `server.answer`, which gives an `Answer` or raises `Reset`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Engine

    def setup(self) -> None:
        super().setup()
        self.continued, self.bodied = True, False
        self.read_bytes = 0

    def handle_expect_100(self) -> bool:
        # The 100 goes out when the body is wanted: a refusal before that saves the client the upload.
        self.continued = False
        return True

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError, ValueError):
            super().handle()

    def length(self) -> int | None:
        """Content-Length in bytes; None for a chunked body."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return None
        return int(self.headers.get("Content-Length") or 0)

    def chunks(self, size: int = _CHUNK) -> Iterator[bytes]:
        """The body, piece by piece; raises `Gone` when it ends too early."""
        if self.bodied:
            return
        if not self.continued:
            self.continued = True
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        length = self.length()
        if length is not None:
            yield from self._exactly(length, size)
        else:
            while count := int(self.rfile.readline(100).split(b";")[0].strip() or b"0", 16):
                yield from self._exactly(count, size)
                self.rfile.readline(3)
            while self.rfile.readline(65537).strip():
                pass
        self.bodied = True

    def _exactly(self, count: int, size: int) -> Iterator[bytes]:
        while count:
            data = self.rfile.read1(min(size, count))
            if not data:
                raise Gone
            count -= len(data)
            self.read_bytes += len(data)
            yield data

    def _serve(self) -> None:
        self.bodied, self.read_bytes = False, 0
        try:
            answer = self.server.answer(self)
            self._send(answer)
        except (Reset, Gone, ConnectionError) as error:
            self.close_connection = True
            if isinstance(error, Reset):
                self.server.reset.add(self.connection)

    def _send(self, answer: Answer) -> None:
        body = b"" if isinstance(answer.body, Path) else answer.encoded()
        unread = not self.bodied and (self.length() is None or self.length())
        if unread and not self.continued:
            # The client still waits with its body; whether it sends it is not known, so the line is cut.
            self.close_connection = True
        headers = {"Server": "nginx", "Date": self.date_time_string()}
        if answer.status == 204:
            headers["Content-Type"] = "text/html; charset=utf-8"
        else:
            headers |= {"Content-Type": answer.content_type, "Content-Length": str(len(body))}
        headers |= answer.headers
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('',))[0]}"]
        for name, value in headers.items():
            lines += [f"{name}: {each}" for each in value.split("\n")]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        if self.command == "HEAD":
            body = b""
        self.wfile.write(head + body)
        if isinstance(answer.body, Path) and self.command != "HEAD":
            with answer.body.open("rb") as source:
                shutil.copyfileobj(source, self.wfile, _CHUNK)
        self.wfile.flush()
        if answer.cut:
            self.close_connection = True
        elif unread and self.continued:
            self._linger()

    def _linger(self) -> None:
        """Reads what is left of a body for a while, so that the early answer is not lost in a reset."""
        until = time.monotonic() + _LINGER
        for _chunk in self.chunks():
            if time.monotonic() > until:
                self.close_connection = True
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """No lines: the tests look at `ZenodoServer.requests`."""


class Engine(socketserver.TCPServer):
    """Listens on a loopback address; `close` leaves no thread and no socket behind."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[Connection], Answer]) -> None:
        self.answer = answer
        self.reset: set[socket.socket] = set()
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), Connection)
        self._main = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._main.start()

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        assert isinstance(request, socket.socket)
        thread = threading.Thread(target=self._run, args=(request, client_address), daemon=True)
        with self._guard:
            self._open.add(request)
            self._threads.add(thread)
        thread.start()

    def _run(self, request: socket.socket, client_address: object) -> None:
        try:
            self.finish_request(request, client_address)
        except (ConnectionError, OSError):
            pass
        finally:
            with self._guard:
                self._open.discard(request)
                self._threads.discard(threading.current_thread())
            if request in self.reset:
                self.reset.discard(request)
                # Zero seconds of linger: close sends a RST instead of a FIN.
                request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                request.close()
            else:
                self.shutdown_request(request)

    def close(self) -> None:
        """Ends all connections and threads."""
        self.stopping.set()
        self.shutdown()
        self._main.join()
        with self._guard:
            threads = list(self._threads)
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        self.server_close()
