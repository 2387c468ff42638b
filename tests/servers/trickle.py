"""A server that takes a whole request, and answers byte by byte without an end.

with trickle() as port:
    …                       # what waits for an answer of 127.0.0.1:port has to give up by itself
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from typing import Final

_PAUSE: Final = 0.05


@contextlib.contextmanager
def trickle() -> Iterator[int]:
    """Listen on a port of loopback for the length of a `with` block."""
    ended = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                _take(connection)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not ended.wait(_PAUSE):
                    connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _take(connection: socket.socket) -> None:
    """Read a request with all of its body."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(1 << 16)
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert length is not None
    if b"100-continue" in head.lower():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    left = int(length[1]) - len(body)
    while left:
        left -= len(connection.recv(min(left, 1 << 20)))
