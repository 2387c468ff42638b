"""How many requests go at a time: fewer when a store says that it is too much, and more again after."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

_POLL: Final = 0.2
_REST: Final = 0.5
"""Seconds in which answers that say "slow down" count as one: they speak of the same crowd of requests."""


class Pace:
    """Turns of requests. Thread-safe.

    As TCP does it: the number is halved when there are too many, and grows by about one for each round of
    answers that are good.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = float(most)
        self._busy = 0
        self._slowed = float("-inf")
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def turn(self, check: Callable[[], None]) -> Iterator[None]:
        """Wait for a turn, and have it while the context lasts.

        Raises:
            errors.PublishError: whatever `check` raises, which is asked while waiting.
        """
        with self._changed:
            while self._busy >= self._limit:
                self._changed.wait(_POLL)
                check()
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify()

    def record_success(self) -> None:
        """An answer was good."""
        if self._limit < self._most:
            with self._changed:
                self._limit = min(self._most, self._limit + 1 / self._limit)
                self._changed.notify()

    def slow_down(self) -> None:
        """The store said that there were too many."""
        with self._changed:
            now = time.monotonic()
            if now - self._slowed < _REST:
                return
            self._slowed = now
            self._limit = max(1.0, min(self._limit, float(self._busy)) / 2)
