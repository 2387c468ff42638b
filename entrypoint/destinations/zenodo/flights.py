"""Requests under way, and how to end them from another thread.

A socket on which nothing moves cannot look at the cancel switch. So one thread looks for all of them, and
shuts the sockets of those that are to stop: their owners wake up with an error.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import requests.adapters
import urllib3
import urllib3.connection

from entrypoint import errors

_POLL: Final = 0.2
"""Seconds between two looks at the cancel switch."""
BLOCK: Final = 256 * 1024
"""Bytes that are read, hashed and sent at a time."""


class Flight:
    """One request under way.

    Attributes:
        stall: seconds after which a socket that takes no more bytes of the body counts as dead. It is
            given for each block, so that a long body ends only where nothing moves.
        limit: seconds for all of it: an answer that comes byte by byte stalls nowhere and never ends.
    """

    def __init__(self, check: Callable[[], None], stall: float, limit: float) -> None:
        self.check = check
        self.stall = stall
        self.end = time.monotonic() + limit
        self.stopped = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def board(self, connection: socket.socket) -> None:
        """Take down the socket that the request uses."""
        connection.settimeout(self.stall)
        with self._lock:
            self._socket = connection
            if self.stopped:
                _shut(connection)

    def stop(self) -> None:
        """Wake up whoever waits for the socket: the run is to stop."""
        with self._lock:
            self.stopped = True
        self.shut()

    def shut(self) -> None:
        """Wake up whoever waits for the socket."""
        with self._lock:
            if self._socket is not None:
                _shut(self._socket)


def _shut(connection: socket.socket) -> None:
    # The plain socket's method: the one of a TLS socket takes away its TLS object under its owner's feet.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Flights:
    """All requests under way, and the thread that watches the cancel switch for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: set[Flight] = set()
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    @contextlib.contextmanager
    def flight(self, check: Callable[[], None], stall: float, limit: float) -> Iterator[Flight]:
        """A request of this thread, from connecting to the last byte of its answer."""
        flight = Flight(check, stall, limit)
        with self._lock:
            self._flights.add(flight)
            if self._watcher is None and not self._closed.is_set():
                self._watcher = threading.Thread(target=self._watch, name="zenodo-cancel", daemon=True)
                self._watcher.start()
        _HERE.flight = flight
        try:
            yield flight
        finally:
            _HERE.flight = None
            with self._lock:
                self._flights.discard(flight)

    def close(self) -> None:
        """End the thread, and whatever still is under way."""
        self._closed.set()
        self._stop(lambda _flight: True)

    def _watch(self) -> None:
        while not self._closed.wait(_POLL):
            self._stop(_is_cancelled)
            now = time.monotonic()
            for flight in self._all():
                if now > flight.end:
                    flight.shut()

    def _all(self) -> tuple[Flight, ...]:
        with self._lock:
            return tuple(self._flights)

    def _stop(self, which: Callable[[Flight], bool]) -> None:
        for flight in self._all():
            if which(flight):
                flight.stop()


def _is_cancelled(flight: Flight) -> bool:
    try:
        flight.check()
    except errors.PublishError:
        return True
    return False


class _Here(threading.local):
    flight: Flight | None = None


_HERE: Final = _Here()


def _board(connection: socket.socket | None) -> None:
    if connection is not None and _HERE.flight is not None:
        _HERE.flight.board(connection)


class _Connection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _board(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        _board(self.sock)
        super().putrequest(*args, **kwargs)


class _TlsConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _board(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        _board(self.sock)
        super().putrequest(*args, **kwargs)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final[Mapping[str, type[urllib3.HTTPConnectionPool]]] = {"http": _Pool, "https": _TlsPool}


class Adapter(requests.adapters.HTTPAdapter):
    """Pooled connections that board the flight of their thread; no retries of its own."""

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pools whose connections can be stopped, and that read bodies in larger blocks than 16 KiB."""
        super().init_poolmanager(*args, **kwargs, blocksize=BLOCK)
        self.poolmanager.pool_classes_by_scheme = dict(_POOLS)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The same behind a proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs, blocksize=BLOCK)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = dict(_POOLS)
        return manager
