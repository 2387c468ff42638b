"""HTTP/1.1 on one socket: a request goes out, its answer comes in.

Only as much as a client of S3 needs. The standard library's `http.client` reads the head of each answer with its
parser for e-mail, which costs more processor time than all the rest of a small upload. The rules are those of
RFC 9112.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterator
from typing import Final

_MAX_HEAD: Final = 64 * 1024
"""Bytes of status line and headers."""
_READ: Final = 64 * 1024
_WITH_HEAD: Final = 32 * 1024
"""Bytes of a body that is joined to its head where the socket cannot send two pieces at once."""
_TLS_BLOCK: Final = 256 * 1024
"""Bytes that are given to TLS at a time: its time-out holds for all that it is given."""
_EARLY: Final = 2.0
"""Seconds to wait for the answer of a server that reads no more of a body."""


class Malformed(Exception):
    """What came is not HTTP, or not all of it."""


class Response:
    """An answer. Its body has to be read to the end before the connection is used again.

    Attributes:
        headers: names in lower case; several of one name are joined by a comma.
        keep: whether the connection can be used again afterwards.
        ended: whether the body was read to its end.
        again: whether the request was sent before, over a connection that turned out to be closed.
    """

    def __init__(self, connection: Connection, status: int, headers: dict[str, str], *, keep: bool) -> None:
        self.status = status
        self.headers = headers
        self.keep = keep
        self._connection = connection
        self.body = b""
        self.ended = False
        self.again = False

    def read(self, limit: int, *, without_body: bool) -> None:
        """Read the body into `body`.

        Raises:
            Malformed: it has more than `limit` bytes, or ends early.
            OSError
        """
        pieces, size = [], 0
        for piece in self.pieces(without_body=without_body):
            size += len(piece)
            if size > limit:
                raise Malformed(f"an answer of more than {limit} bytes")
            pieces.append(piece)
        self.body = b"".join(pieces)

    def pieces(self, *, without_body: bool = False) -> Iterator[bytes]:
        """The body as it comes.

        Raises:
            Malformed, OSError
        """
        yield from self._pieces(without_body=without_body)
        self.ended = True

    def _pieces(self, *, without_body: bool) -> Iterator[bytes]:
        if without_body or self.status in (204, 304):
            return
        length = self.headers.get("content-length", "").partition(",")[0].strip()
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            yield from self._chunks()
        elif length:
            if not (length.isascii() and length.isdecimal()):
                raise Malformed("an answer with an invalid length")
            yield from self._connection.read(int(length))
        else:
            self.keep = False
            yield from self._connection.read_to_end()

    def _chunks(self) -> Iterator[bytes]:
        while True:
            line = self._connection.read_line().partition(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                raise Malformed("an answer with an invalid chunk size") from None
            if not size:
                break
            yield from self._connection.read(size)
            self._connection.read_line()
        while self._connection.read_line().strip():
            pass  # trailers


class Connection:
    """One connection to a server or proxy, for one request at a time.

    Attributes:
        tls: whether it is encrypted.
        idle_since: `time.monotonic` at which its last answer was read.
        absolute: what stands before the path in a request that a proxy passes on; else empty.
        headers: further ones for the proxy, as bytes.
    """

    def __init__(
        self, sock: socket.socket, *, tls: bool, absolute: bytes = b"", headers: bytes = b""
    ) -> None:
        self.socket = sock
        self.tls = tls
        self.absolute = absolute
        self.headers = headers
        self.idle_since = 0.0
        self.used = False
        self._left = b""

    def close(self) -> None:
        """Close it. Does not raise."""
        with contextlib.suppress(OSError):
            self.socket.close()

    @property
    def has_more(self) -> bool:
        """Whether more came with the last answer than belongs to it."""
        return bool(self._left)

    @property
    def is_stale(self) -> bool:
        """Whether the server closed it, or sent unrequested data."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return self.has_more or bool(poll.poll(0))

    # Sending

    def send(self, head: bytes, body: memoryview | None) -> bool:
        """Send a request; false when the server does not take all of it, but has answered instead.

        Raises:
            OSError: a time-out, or a connection that broke without an answer.
        """
        try:
            if body is None or not len(body):
                self._send(memoryview(head))
            elif self.tls:
                joined = len(body) <= _WITH_HEAD
                self._send(memoryview(head + body.tobytes() if joined else head))
                if not joined:
                    self._send(body)
            else:
                sent = self.socket.sendmsg((head, body))
                if sent < len(head):
                    self._send(memoryview(head)[sent:])
                    sent = len(head)
                self._send(body[sent - len(head) :])
        except OSError as error:
            if self._has_answered():
                return False
            if isinstance(error, TimeoutError | ConnectionError):
                raise
            raise ConnectionResetError("closed before everything was sent") from error  # as TLS has it
        return True

    def _has_answered(self) -> bool:
        """Whether there is an answer although not all was sent; a server that reads no more need not close."""
        usual = self.socket.gettimeout()
        self.socket.settimeout(_EARLY)
        with contextlib.suppress(OSError):
            self._left += self.socket.recv(_READ)
        self.socket.settimeout(usual)
        return self._left.startswith(b"HTTP/")

    def _send(self, data: memoryview) -> None:
        position, step = 0, _TLS_BLOCK if self.tls else len(data)
        while position < len(data):
            position += self.socket.send(data[position : position + step])

    # Receiving

    def receive(self, wait: float) -> Response:
        """The head of the answer to what was sent; interim answers (1xx) are passed over.

        Args:
            wait: seconds to wait for it; after that, the socket's own time-out holds.

        Raises:
            Malformed, OSError
        """
        while True:
            if not self._left:
                self._wait(wait)
            version, status, headers = self._head()
            if status >= 200:
                break
        option = headers.get("connection", "").lower()
        keep = "close" not in option if version != "HTTP/1.0" else "keep-alive" in option
        return Response(self, status, headers, keep=keep)

    def _wait(self, seconds: float) -> None:
        """Wait for the first bytes of an answer. The socket's time-out is another one, and setting it costs a
        system call, so it is set only where it runs out first or comes too late."""
        usual = self.socket.gettimeout() or seconds
        end = time.monotonic() + seconds
        if seconds < usual:
            self.socket.settimeout(seconds)
        try:
            while True:
                try:
                    return self._more()
                except TimeoutError:
                    left = end - time.monotonic()
                    if left <= 0:
                        raise
                    self.socket.settimeout(min(left, usual))
        finally:
            if self.socket.gettimeout() != usual:
                with contextlib.suppress(OSError):
                    self.socket.settimeout(usual)

    def _head(self) -> tuple[str, int, dict[str, str]]:
        first, *lines = self._read_head().decode("latin-1").replace("\r\n", "\n").split("\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not (rest[:3].isascii() and rest[:3].isdigit()):
            raise Malformed("an answer that is not HTTP")
        headers: dict[str, str] = {}
        last = ""
        for line in lines:
            if line[:1] in (" ", "\t") and last:
                headers[last] += " " + line.strip()
                continue
            name, colon, value = line.partition(":")
            if not colon:
                continue
            last, value = name.strip().lower(), value.strip()
            headers[last] = f"{headers[last]}, {value}" if last in headers else value
        return version, int(rest[:3]), headers

    def _read_head(self) -> bytes:
        while True:
            for end in (b"\r\n\r\n", b"\n\n"):
                head, found, left = self._left.partition(end)
                if found:
                    self._left = left
                    return head
            if len(self._left) > _MAX_HEAD:
                raise Malformed("an answer with too many headers")
            if self._left and not b"HTTP/".startswith(self._left[:5]):
                raise Malformed("an answer that is not HTTP")
            self._more()

    def _more(self) -> None:
        data = self.socket.recv(_READ)
        if not data:
            if self._left:
                raise Malformed("an incomplete answer")
            raise ConnectionResetError("closed without an answer")
        self._left += data

    def read(self, size: int) -> Iterator[bytes]:
        """Exactly so many bytes, in pieces."""
        while size:
            piece, self._left = self._left[:size], self._left[size:]
            if not piece:
                piece = self.socket.recv(min(size, 4 * _READ))
                if not piece:
                    raise Malformed("an answer that is shorter than announced")
            size -= len(piece)
            yield piece

    def read_to_end(self) -> Iterator[bytes]:
        """All that comes until the server closes the connection."""
        piece, self._left = self._left, b""
        while piece or (piece := self.socket.recv(4 * _READ)):
            yield piece
            piece = b""

    def read_line(self) -> bytes:
        """One line, without its end.

        Raises:
            Malformed: it is longer than a head may be.
        """
        while b"\n" not in self._left:
            if len(self._left) > _MAX_HEAD:
                raise Malformed("an answer with too long a line")
            data = self.socket.recv(_READ)
            if not data:
                raise Malformed("an incomplete answer")
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        return line.rstrip(b"\r")
