"""Threads that can be stopped: the cancel switch, interruptible calls, a bounded pool.

Python's own pool waits for its threads, and a thread may wait for a dead network; a run that is cancelled
has seven seconds.
"""

from __future__ import annotations

import queue
import threading
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
    """

    def __init__(self, size: int, cancel: Cancel) -> None:
        self._threads = futures.ThreadPoolExecutor(size, thread_name_prefix="file")
        self._cancel = cancel
        self._ended: queue.SimpleQueue[futures.Future[None]] = queue.SimpleQueue()
        self._running: set[futures.Future[None]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        if kind is not None:
            # What was cancelled in the queue never counts as done for wait().
            futures.wait([job for job in self._running if not job.cancelled()], timeout=GRACE)

    def submit(self, job: Callable[[model.PlannedFile], None], file: model.PlannedFile) -> None:
        """Queue a job."""
        future = self._threads.submit(job, file)
        self._running.add(future)
        future.add_done_callback(self._ended.put)

    def step(self) -> bool:
        """Wait until some job ends; false when none is left.

        Raises:
            errors.PublishError: of a job, or `errors.Cancelled`.
        """
        if not self._running:
            return False
        self._cancel.check()
        try:
            future = self._ended.get(timeout=POLL)
        except queue.Empty:
            return True
        self._running.discard(future)
        future.result()
        return True

    def drain(self) -> None:
        """Wait until every job has ended."""
        while self.step():
            pass
