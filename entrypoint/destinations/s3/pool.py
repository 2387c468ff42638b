"""Connections in use and kept alive, and one request over one of them; how a missing answer is put into words."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from entrypoint import errors
from entrypoint.destinations import interrupt
from entrypoint.destinations.s3 import connection, dial, network

_MAX_IDLE: Final = 50.0
"""Seconds after which an idle connection is not trusted: gateways forget theirs after a minute without a word."""
_FRESH: Final = 0.5
"""Seconds in which a connection is used again without a look at it, as long as that goes well."""
_ANSWER: Final = 32 * 1024 * 1024
"""Bytes of the largest answer that is read whole; a page of a listing has up to 4 MB."""
_SLOWEST: Final = 64 * 1024
"""Bytes per second of the slowest line that is waited for."""


class Body(Protocol):
    """Bytes of a request; `view` may read them again after `release`."""

    size: int

    def view(self) -> memoryview:
        """The bytes."""

    def release(self) -> None:
        """They are sent; their memory may be used for others."""


class Bytes:
    """A small body that is kept."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    def view(self) -> memoryview:
        """The bytes."""
        return memoryview(self._data)

    def release(self) -> None:
        """They stay."""


@dataclass(frozen=True)
class Request:
    """What goes over a connection.

    Attributes:
        path: percent-encoded, with the query.
        headers: without Host and Content-Length.
        wait: seconds to wait for the answer; 0 for the usual time.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: Body | None = None
    wait: float = 0.0


class Pool:
    """Connections to servers. Thread-safe: each request has a connection of its own."""

    def __init__(self, ways: network.Network, patience: dial.Patience) -> None:
        self._network = ways
        self.patience = patience
        self._interrupter = interrupt.Interrupter("s3-interrupter")
        self._lock = threading.Lock()
        self._idle: defaultdict[network.Target, list[connection.Connection]] = defaultdict(list)
        self._closed = False
        self.busy = threading.Event()
        """Set once a request was sent: from then on the network works for us."""
        self._surprised = False
        """Whether a connection that was just in use turned out to be closed, or to hold more than its answer."""
        self.heard = time.monotonic()
        """When the last answer came, from whichever server."""

    def close(self) -> None:
        """Close every connection and end what is under way."""
        self._interrupter.close()
        with self._lock:
            self._closed = True
            idle = [each for those in self._idle.values() for each in those]
            self._idle.clear()
        for each in idle:
            each.close()

    def exchange(
        self, target: network.Target, request: Request, check: Callable[[], None]
    ) -> connection.Response:
        """Send a request, and read its answer whole.

        Args:
            check: raises `errors.Cancelled` if the run was cancelled; called from another thread.

        Raises:
            dial.NoAnswer
            errors.PublishError: whatever `check` raises, or a bundle of certificates that is none.
        """
        with self._started(target, request, check) as (_, response):
            response.read(_ANSWER, without_body=request.method == "HEAD")
        return response

    @contextlib.contextmanager
    def stream(
        self, target: network.Target, request: Request, check: Callable[[], None]
    ) -> Iterator[connection.Response]:
        """The same, with an answer whose body is read piece by piece while the context lasts."""
        with self._started(target, request, check) as (operation, response):
            length = response.headers.get("content-length", "")
            if length.isascii() and length.isdecimal():
                operation.deadline += int(length) / _SLOWEST
            yield response

    @contextlib.contextmanager
    def _started(
        self, target: network.Target, request: Request, check: Callable[[], None]
    ) -> Iterator[tuple[interrupt.Operation, connection.Response]]:
        check()
        size = request.body.size if request.body else 0
        limit = self.patience.limit + request.wait
        operation = interrupt.Operation(check, self.patience.stall, limit, size / _SLOWEST)
        self._interrupter.begin(operation)
        used: connection.Connection | None = None
        try:
            used, response = self._first_answer(target, request, operation)
            yield operation, response
            if response.keep and response.ended:
                self._keep(target, used)
                used = None
        except (OSError, connection.Malformed) as error:
            raise self._no_answer(target, error, operation) from error
        finally:
            if used is not None:
                used.close()
            self._interrupter.end(operation)

    def _first_answer(
        self, target: network.Target, request: Request, operation: interrupt.Operation
    ) -> tuple[connection.Connection, connection.Response]:
        """Send it, and read the head of the answer; retry once if a kept-alive connection was closed, or held
        what belongs to no answer."""
        head = _head(target, request)
        again = False
        while True:
            used = self._take(target, operation)
            was_kept = used.used
            try:
                response = self._try(used, head, request, operation)
                response.again = again
                return used, response
            except (ConnectionError, connection.Malformed):
                used.close()
                if not was_kept or operation.cancelled or operation.expired:
                    raise
                self._surprised = True
                self._drop_idle(target)
                operation.again()
                again = True
            except BaseException:
                used.close()
                raise

    def _try(
        self, used: connection.Connection, head: bytes, request: Request, operation: interrupt.Operation
    ) -> connection.Response:
        operation.attach(used.socket)
        first, _, rest = head.partition(b" ")
        whole = b"%b %b%b" % (first, used.absolute, rest)
        whole = b"%b%b\r\n" % (whole, used.headers)
        body = request.body.view() if request.body and request.body.size else None
        complete = used.send(whole, body)
        operation.sent()
        if request.body:
            del body
            request.body.release()
        if not self.busy.is_set():
            self.busy.set()
        response = used.receive(request.wait or self.patience.answer)
        self.heard = time.monotonic()
        response.keep &= complete
        return response

    # Connections

    def _take(self, target: network.Target, operation: interrupt.Operation) -> connection.Connection:
        while True:
            with self._lock:
                kept = self._idle[target].pop() if self._idle[target] else None
            if kept is None:
                return dial.open_connection(self._network, target, self.patience, operation)
            idle = time.monotonic() - kept.idle_since
            if idle < _FRESH and not self._surprised and not kept.has_more:
                return kept
            if idle < _MAX_IDLE and not kept.is_stale:
                return kept
            kept.close()

    def _keep(self, target: network.Target, used: connection.Connection) -> None:
        used.used = True
        used.idle_since = time.monotonic()
        with self._lock:
            if not self._closed:
                self._idle[target].append(used)
                return
        used.close()

    def _drop_idle(self, target: network.Target) -> None:
        with self._lock:
            dropped = self._idle.pop(target, [])
        for each in dropped:
            each.close()

    def proxy_for(self, target: network.Target) -> network.Proxy | None:
        """The proxy on the way to a server."""
        return self._network.proxy_for(target)

    def _no_answer(
        self, target: network.Target, error: Exception, operation: interrupt.Operation
    ) -> Exception:
        if operation.cancelled:
            try:
                operation.check()
            except errors.PublishError as stop:
                return stop
            return errors.Cancelled()
        what = f"{target}" + (f", through {proxy}," if (proxy := self.proxy_for(target)) else "")
        if isinstance(error, connection.Malformed):
            return dial.NoAnswer(
                errors.Unreachable(
                    f"{what} does not answer like an S3 store: {error}.",
                    "Check s3-endpoint-url, and whether a proxy is in between.",
                )
            )
        if operation.expired:
            return dial.NoAnswer(
                errors.Unreachable(f"{what} stopped in the middle of an answer.", "Try again later."),
                timed_out=True,
            )
        if isinstance(error, TimeoutError):
            return dial.NoAnswer(
                errors.Unreachable(
                    f"{what} stopped answering.",
                    "Run again later; uploaded files are skipped.",
                ),
                timed_out=True,
            )
        return dial.NoAnswer(
            errors.Unreachable(f"{what} closed the connection ({dial.reason(error)}).", "Try again later.")
        )


def _head(target: network.Target, request: Request) -> bytes:
    """The request's first line and headers, without the empty line at their end."""
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if request.body is not None or request.method in ("PUT", "POST"):
        lines.append(f"Content-Length: {request.body.size if request.body else 0}")
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")
