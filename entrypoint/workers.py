"""Threads that can be stopped: the cancel switch, interruptible calls, a bounded pool.

Python's own pool waits for its threads, and a thread may wait for a dead network; a run that is cancelled
has seven seconds.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Final, Self, TypeVar

from entrypoint import errors
from entrypoint.plan import model

T = TypeVar("T")

POLL: Final = 0.1
"""Seconds between two checks of the cancel switch."""
GRACE: Final = 2.5
"""Seconds that work in flight has to end after a cancel, and again for cleaning up."""
_LOOK: Final = 0.03
"""Seconds over which the use of the processor is measured; about one request."""
_BUSY: Final = 0.75
"""Share of one core above which further threads do not help: Python code runs in one thread at a time."""
_Job = Callable[[], None]


class Cancel:
    """The switch that a signal sets; checked by everything that waits."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Stop the run."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether the run is to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `errors.Cancelled` if the run is to stop."""
        if self._event.is_set():
            raise errors.Cancelled


def interruptible(call: Callable[[], T], cancel: Cancel) -> T:
    """Make a call that may wait for a network, and abandon it when the run is cancelled meanwhile.

    Raises:
        errors.Cancelled: the run is to stop, and the call did not end soon; and whatever the call raises.
    """
    future: futures.Future[T] = futures.Future()

    def make() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            future.set_exception(error)

    threading.Thread(target=make, name="call", daemon=True).start()
    while not cancel.is_set:
        try:
            return future.result(POLL)
        except futures.TimeoutError:
            if future.done():  # the call's own time-out
                raise
    try:
        return future.result(GRACE)
    except futures.TimeoutError:
        raise errors.Cancelled from None


class Pool:
    """A bounded pool of threads whose owner never waits without checking the cancel switch.

    The first error of a job, a cancel among them, ends the pool: nothing new starts, what runs has
    `GRACE` seconds, and the error is raised in the owner's thread.

    It has no more threads than help. A job waits for the network most of its time, so many of them can go on at
    once; but once they keep the processor busy, further threads only take it from each other.

    Args:
        size: threads, at most.
        first: threads that start as soon as there are jobs for them; more only while the processor has time.
    """

    def __init__(self, size: int, cancel: Cancel, first: int | None = None) -> None:
        self._size = size
        self._wanted = min(first or size, size)
        self._cancel = cancel
        self._threads: list[threading.Thread] = []
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._left = 0
        self._stopped = False
        self._seen = (time.monotonic(), time.process_time())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stopped = True
        for _ in self._threads:
            self._waiting.put(None)
        if kind is not None:
            end = time.monotonic() + GRACE
            for thread in self._threads:
                thread.join(max(0.0, end - time.monotonic()))

    @property
    def threads(self) -> int:
        """Threads so far: jobs in flight, at most."""
        return len(self._threads)

    def submit(self, job: Callable[[model.PlannedFile], None], file: model.PlannedFile) -> None:
        """Queue a job."""
        self._left += 1
        self._waiting.put(lambda: job(file))
        if len(self._threads) < min(self._wanted, self._left):
            self._start()

    def step(self) -> bool:
        """Wait until some job ends; false when none is left.

        Raises:
            errors.PublishError: of a job, or `errors.Cancelled`.
        """
        if not self._left:
            return False
        self._cancel.check()
        grows = len(self._threads) < min(self._size, self._left)
        if grows:
            self._grow()
        try:
            error = self._ended.get(timeout=_LOOK if grows else POLL)
        except queue.Empty:
            return True
        self._left -= 1
        if error is not None:
            raise error
        return True

    def drain(self) -> None:
        """Wait until every job has ended."""
        while self.step():
            pass

    def _grow(self) -> None:
        """Twice as many threads, if the processor was idle for a part of the time since the last look."""
        now, used = time.monotonic(), time.process_time()
        since, before = self._seen
        if now - since < _LOOK:
            return
        self._seen = (now, used)
        if used - before < _BUSY * (now - since):
            self._wanted = min(2 * self._wanted, self._size)
        while len(self._threads) < min(self._wanted, self._left):
            self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"file-{len(self._threads)}", daemon=True)
        self._threads.append(thread)  # first: its job may ask how many there are
        try:
            thread.start()
        except RuntimeError:  # the machine allows no more, as login nodes do; those there are do the work
            self._threads.pop()
            if not self._threads:
                raise
            self._size = self._wanted = len(self._threads)

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None and not self._stopped:
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - it is raised in the owner's thread
                self._ended.put(error)
            else:
                self._ended.put(None)
