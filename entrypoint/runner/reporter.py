"""What a destination asks its server, for those who want to know, and what is waited for, for everybody."""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Final

from entrypoint import text
from entrypoint.runner.console import Runner

FIRST: Final = 3.0
"""Seconds of waiting before a message about it."""
AGAIN: Final = 15.0
"""Seconds until the message is repeated; doubled each time."""

_CREDENTIAL: Final = re.compile(r"(?i)token|secret|signature|credential|password|api.?key")


class Reporter:
    """A `destinations.Reporter` that writes to the log.

    Args:
        clock: seconds, growing.
        tick: seconds between two looks at what is waited for.
    """

    def __init__(
        self, runner: Runner, *, clock: Callable[[], float] = time.monotonic, tick: float = 0.5
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._tick = tick
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waits: dict[int, _Wait] = {}
        self._trouble: _Wait | None = None
        self._thread: threading.Thread | None = None

    @property
    def wants_requests(self) -> bool:
        """Whether requests are said."""
        return self._runner.verbose

    def request(self, method: str, url: str, status: str, seconds: float) -> None:
        """One request has ended."""
        if self._runner.verbose:
            shown = harmless_url(url)
            self._runner.detail(f"{method} {shown}: {status}, {seconds:.2f} s")
            self._runner.event("request", method=method, url=shown, status=status, seconds=round(seconds, 3))

    def retry(self, what: str, reason: str, pause: float) -> None:
        """Something is tried again; said to everybody when the trouble lasts."""
        line = f"{what}: {reason.rstrip('.')}; trying again in {text.duration_text(pause)}"
        self._runner.event("retry", what=what, reason=reason, pause=round(pause, 3))
        now = self._clock()
        with self._lock:
            # After a while without a retry the trouble is over, and the next one is a new one.
            if self._trouble is None or now - self._trouble.seen > 2 * AGAIN:
                self._trouble = _Wait(what, now)
            self._trouble.seen = now
            is_due = self._trouble.is_due(now + pause)
        if self._runner.verbose:
            self._runner.detail(line)
        elif is_due:
            self._runner.info(line)

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Something is waited for while the context lasts."""
        number = next(self._numbers)
        with self._lock:
            self._waits[number] = _Wait(what, self._clock())
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="waiting", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._waits[number]

    def _watch(self) -> None:
        """Say what lasts; the thread ends when nothing is waited for."""
        pause = threading.Event()
        while True:
            pause.wait(self._tick)
            with self._lock:
                if not self._waits:
                    self._thread = None
                    return
                now = self._clock()
                due = [wait for wait in self._waits.values() if wait.is_due(now)]
            for wait in due:
                seconds = now - wait.start
                self._runner.event("waiting", what=wait.what, seconds=round(seconds, 1))
                self._runner.info(f"Waiting for {wait.what} ({text.duration_text(seconds)}) …")


class _Wait:
    def __init__(self, what: str, start: float) -> None:
        self.what = what
        self.start = self.seen = start
        self._next = start + FIRST
        self._pause = AGAIN

    def is_due(self, now: float) -> bool:
        """Whether it is time to say it; asking counts as saying."""
        if now < self._next:
            return False
        self._next = now + self._pause
        self._pause *= 2
        return True


def harmless_url(url: str) -> str:
    """A URL without a password, and without a query that could hold credentials."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    query = "…" if _CREDENTIAL.search(parts.query) else parts.query
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, query, ""))
