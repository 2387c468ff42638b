"""Requests under way, and how to end them from another thread.

A thread that waits for a socket cannot check the cancel switch. So one thread checks it for all of them, and
shuts down the sockets of those that have to end: the waiting threads wake up with an error (an `OSError`, or an
end of the stream). They learn from `Operation.cancelled` and `Operation.expired` why.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from entrypoint import errors

_POLL: Final = 0.2
"""Seconds between two looks at the cancel switch."""


class Operation:
    """One request under way, from connecting to the last byte of its answer.

    Attributes:
        check: raises `errors.PublishError` if the run is to stop.
        stall: seconds in which a socket must take or give some bytes. It holds for each block, so that a long
            body ends only where nothing moves.
        limit: seconds for all of it but the sending of a body.
        sending: further seconds while a body is sent.
        deadline: `time.monotonic` at which all of it ends: an answer that comes byte by byte never stalls.
        cancelled: whether it was ended because the run is to stop.
        expired: whether it was ended because its deadline passed.
    """

    def __init__(self, check: Callable[[], None], stall: float, limit: float, sending: float = 0.0) -> None:
        self.check = check
        self.stall = stall
        self.limit = limit
        self.sending = sending
        self.deadline = time.monotonic() + limit + sending
        self.cancelled = False
        self.expired = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def again(self) -> None:
        """The body is sent once more, with all the time for it."""
        self.deadline = time.monotonic() + self.limit + self.sending

    def sent(self) -> None:
        """The body is sent: what was not needed for it is no time for the answer."""
        self.deadline = min(self.deadline, time.monotonic() + self.limit)

    def attach(self, connection: socket.socket) -> None:
        """Use this socket from now on: set its time-out, and end it at once where the request has to end."""
        if connection.gettimeout() != self.stall:  # setting it is a system call each time
            connection.settimeout(self.stall)
        with self._lock:
            self._socket = connection
            if self.cancelled or self.expired:
                _shut_down(connection)

    def cancel(self) -> None:
        """End it because the run is to stop."""
        with self._lock:
            self.cancelled = True
            self._wake()

    def expire(self) -> None:
        """End it because it took too long."""
        with self._lock:
            self.expired = True
            self._wake()

    def _wake(self) -> None:
        if self._socket is not None:
            _shut_down(self._socket)


def _shut_down(connection: socket.socket) -> None:
    # The plain socket's method: that of a TLS socket drops its TLS object while another thread uses it.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Interrupter:
    """All operations under way, and the thread that watches the cancel switch and the deadlines for them.

    Args:
        name: of that thread.
    """

    def __init__(self, name: str = "interrupter") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._operations: set[Operation] = set()
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    @contextlib.contextmanager
    def operation(
        self, check: Callable[[], None], stall: float, limit: float, sending: float = 0.0
    ) -> Iterator[Operation]:
        """A request of this thread; see `Operation` for the arguments."""
        operation = Operation(check, stall, limit, sending)
        self.begin(operation)
        before, _HERE.operation = _HERE.operation, operation
        try:
            yield operation
        finally:
            _HERE.operation = before
            self.end(operation)

    def begin(self, operation: Operation) -> None:
        """Watch an operation."""
        with self._lock:
            self._operations.add(operation)
            if self._watcher is None and not self._closed.is_set():
                self._watcher = threading.Thread(target=self._watch, name=self._name, daemon=True)
                self._watcher.start()

    def end(self, operation: Operation) -> None:
        """Watch it no longer."""
        with self._lock:
            self._operations.discard(operation)

    def close(self) -> None:
        """End the thread, and whatever is still under way."""
        self._closed.set()
        for operation in self._all():
            operation.cancel()

    def _watch(self) -> None:
        while not self._closed.wait(_POLL):
            now = time.monotonic()
            for operation in self._all():
                if _is_to_stop(operation):
                    operation.cancel()
                elif now > operation.deadline:
                    operation.expire()

    def _all(self) -> tuple[Operation, ...]:
        with self._lock:
            return tuple(self._operations)


def _is_to_stop(operation: Operation) -> bool:
    try:
        operation.check()
    except errors.PublishError:
        return True
    return False


class _Here(threading.local):
    operation: Operation | None = None


_HERE: Final = _Here()


def attach(connection: socket.socket | None) -> None:
    """Attach a socket to the operation of this thread, where there is one.

    For libraries that open their connections themselves.
    """
    if connection is not None and _HERE.operation is not None:
        _HERE.operation.attach(connection)


def sent() -> None:
    """Tell the operation of this thread, where there is one, that its body is sent."""
    if _HERE.operation is not None:
        _HERE.operation.sent()
