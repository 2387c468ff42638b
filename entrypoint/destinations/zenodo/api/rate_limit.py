"""The rate limit, obeyed by all workers together.

Zenodo counts requests in a moving window, per account, and says in each answer how many are left and when
the window ends (``X-RateLimit-Remaining``, ``X-RateLimit-Reset`` in epoch seconds). It sends ``Retry-After``
with answers of every kind, so that one is listened to only where the server turned a request away.
"""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

MAX_HOLD: Final = 3700.0
"""Seconds; the longest window that Zenodo knows is an hour."""
_PROBE: Final = 1.0
"""Seconds between requests after a window has ended, until an answer says how many are left."""


class RateLimit:
    """Lets requests pass while the server takes more of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None
        self._reset = 0.0
        self._probing = False
        self._held_until = 0.0
        self._inside = 0
        self._waited = 0.0

    @property
    def waited(self) -> float:
        """Seconds that requests spent here, all workers together."""
        with self._lock:
            return self._waited

    def enter(self, sleep: Callable[[float], None]) -> None:
        """Wait until a request may be sent, and count it; each call is followed by one of `leave`.

        Args:
            sleep: waits for so many seconds; may raise to end the wait.
        """
        while (delay := self._admit()) > 0:
            start = time.monotonic()
            sleep(delay)
            with self._lock:
                self._waited += time.monotonic() - start

    def leave(self, headers: Mapping[str, str]) -> None:
        """Count an answer, and learn from its headers; empty where there was no answer."""
        left, reset = _number(headers, "X-RateLimit-Remaining"), seconds_to_reset(headers)
        with self._lock:
            self._inside -= 1
            if left is None or reset is None:
                return
            now = time.monotonic()
            # Requests under way use up places too, and answers overtake each other: within a window the
            # smallest number counts.
            left -= self._inside
            if self._left is None or self._probing or now >= self._reset or left < self._left:
                self._left, self._reset, self._probing = left, now + reset, False

    def hold(self, seconds: float) -> None:
        """Let nothing pass for so many seconds: the server turned a request away."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + min(seconds, MAX_HOLD))

    def _admit(self) -> float:
        """0 and a place for the caller, or the seconds after which to ask again."""
        with self._lock:
            now = time.monotonic()
            if now < self._held_until:
                return self._held_until - now
            if self._left is not None and self._left <= 0:
                if now < self._reset:
                    return self._reset - now
                self._left, self._reset, self._probing = 1, now + _PROBE, True
            if self._left is not None:
                self._left -= 1
            self._inside += 1
            return 0.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as `Retry-After` says (RFC 9110 10.2.3: seconds or a date), or nothing."""
    seconds = _number(headers, "Retry-After")
    if seconds is not None:
        return min(float(seconds), MAX_HOLD)
    date = _date(headers.get("Retry-After", ""))
    return None if date is None else min(max(date - _now(headers), 0.0), MAX_HOLD)


def seconds_to_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the window of `X-RateLimit-Reset` ends, by the server's clock if it is known."""
    reset = _number(headers, "X-RateLimit-Reset")
    return None if reset is None else min(max(reset - _now(headers), 0.0), MAX_HOLD)


def _now(headers: Mapping[str, str]) -> float:
    date = _date(headers.get("Date", ""))
    return time.time() if date is None else date


def _date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 12 else None
