"""How many changes of one draft a server takes at the same time, learnt from its answers.

A change reads the draft's row at its start and writes it at its end; the server refuses one whose row another
one has written in between. The time on the network is not part of that: to a server that is far away, several
requests can be on their way. So their number grows while none is refused, and is halved where two met
(additive increase, multiplicative decrease, as in TCP: RFC 5681), down to one at a time. They do not start
together but evenly spread, since requests that start together also arrive together.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

_FIRST: Final = 4
"""Changes at the same time to begin with."""
_STEADY: Final = 4
"""Changes in a row after a collision, before one more is tried at a time."""
_PATIENT: Final = 64
"""The same where even two at a time met: twice as many each time, up to this."""
_USUAL: Final = 0.05
"""Seconds that a change takes, as long as none has ended."""
_NEWEST: Final = 0.25
"""Share of the newest change in the usual time of one."""
_RANDOM: Final = random.SystemRandom()


@dataclass(frozen=True)
class Start:
    """A change that began.

    Attributes:
        at: `time.monotonic`.
        round: how often the number had been reduced by then.
        alone: no other one may start until it ends.
    """

    at: float
    round: int
    alone: bool


class Pace:
    """The pace of changes to one draft. Not safe for threads: the caller holds a lock.

    Args:
        most: changes at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = min(_FIRST, most)
        self._running = 0
        self._round = 0
        self._steady = 0
        self._needed = 1
        self._usual = _USUAL
        self._next = 0.0

    def delay(self, now: float) -> float | None:
        """Seconds until the next change may start; nothing where one has to end first."""
        return max(0.0, self._next - now) if self._running < self._limit else None

    def start(self, now: float) -> Start:
        """Count a change that starts now."""
        self._running += 1
        self._next = now + self._usual / self._limit
        return Start(now, self._round, alone=self._limit == 1)

    def end(self, start: Start, now: float) -> None:
        """Count a change that was made, or that failed for a reason of its own."""
        self._running -= 1
        took = now - start.at
        self._usual += (took - self._usual) * _NEWEST
        self._steady += 1
        if self._steady >= self._needed and self._limit < self._most:
            self._limit, self._steady = self._limit + 1, 0
            if self._limit > 2:
                self._needed = min(self._needed, _STEADY)

    def collide(self, start: Start, now: float) -> None:
        """Count a change that was refused because it met another one."""
        self._running -= 1
        # Those that were under way together tell of one and the same thing.
        if start.round == self._round:
            self._round += 1
            self._limit = max(1, self._limit // 2)
            self._steady = 0
            self._needed = _STEADY if self._limit > 1 else min(_PATIENT, max(_STEADY, 2 * self._needed))
        self._next = max(self._next, now + self._usual * _RANDOM.uniform(0.2, 1.0))
