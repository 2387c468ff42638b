"""How long a run waits for a server in trouble: per request, and for the run as a whole."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import Final

_RANDOM: Final = random.SystemRandom()


@dataclass(frozen=True)
class Patience:
    """How long and how often; seconds.

    Attributes:
        tries: of one request, the first among them, against trouble that passes.
        first: upper bound of the wait before the second try; it doubles from try to try.
        cap: upper bound of every such wait.
        denied: retries of a 403 in a run whose token was accepted before: from 2023 to 2026 Zenodo gave
            them out at random (https://github.com/zenodo/zenodo/issues/2502).
        collision: the part of a wait that is enough after two writes met at one draft.
        connect: until there is a connection.
        stall: while not one block of a body moves.
        answer: until the answer begins; a large file gets more.
        whole: for one try of a small request with its answer; a file gets more.
        settle: how long to ask for a thing that must turn up: a record whose publishing timed out.
        run: trouble without any progress, after which nothing is tried again in this run.
    """

    tries: int = 8
    first: float = 1.0
    cap: float = 20.0
    denied: int = 3
    collision: float = 0.2
    connect: float = 12.0
    stall: float = 60.0
    answer: float = 60.0
    whole: float = 300.0
    settle: float = 60.0
    run: float = 90.0

    def pause(self, count: int) -> float:
        """Seconds to wait after the `count`-th failure: exponential, capped, with jitter."""
        return min(self.cap, self.first * 2.0 ** min(count - 1, 16)) * _RANDOM.uniform(0.5, 1.0)


class Budget:
    """Time limit of a whole run: how long trouble may last without progress.

    Progress is a file that moves or a change that the server confirmed; an answer to a question is none, or
    a server that answers every other question could hold up a run without end.

    Args:
        seconds: of trouble, by the clock, however many requests are in it together.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._spent = 0.0
        self._last = 0.0

    def progress(self) -> None:
        """Something moved: from now on, trouble has the whole budget again."""
        if self._spent:
            with self._lock:
                self._spent = 0.0

    def left(self) -> float:
        """Seconds of trouble that are left."""
        with self._lock:
            return max(0.0, self._seconds - self._spent)

    def spend(self, start: float) -> float:
        """Count a failed attempt or a wait that began at `start` (`time.monotonic`), up to now.

        Returns:
            seconds that are left; 0 where nothing is to be tried again.
        """
        now = time.monotonic()
        with self._lock:
            # Requests in trouble at the same time spend the same seconds.
            self._spent += max(0.0, now - max(start, self._last))
            self._last = now
            return max(0.0, self._seconds - self._spent)
