"""How it goes, while it goes: a bar in a terminal, a line now and then in a log, events for programs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from entrypoint import text
from entrypoint.outcome import FileResult, Status
from entrypoint.runner.console import Runner

if TYPE_CHECKING:
    from entrypoint.runner.bar import Bar

HEARTBEAT: Final = 15.0
"""Seconds between two lines of a log; shorter runs stay quiet."""

_SENT: Final = (Status.UPLOADED, Status.FAILED, Status.WITHHELD)


class Progress:
    """Observer of a transfer; a context manager. Its methods may be called from every thread.

    Args:
        files: number of planned files, for the time before `started`.
        interval: seconds between two lines in a log.
        clock: seconds, growing.
    """

    def __init__(
        self,
        runner: Runner,
        files: int = 0,
        *,
        interval: float = HEARTBEAT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._planned = files
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._bar: Bar | None = None
        self._files = self._size = self._files_done = self._bytes_done = self._failures = 0
        self._sending = False
        # Time and bytes at the last few lines: the rate is that of the last minute.
        self._marks: deque[tuple[float, int]] = deque([(clock(), 0)], maxlen=4)

    def __enter__(self) -> Self:
        if not self._runner.has_terminal:
            self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1)
        with self._runner.lock:
            self._runner.bar = None
            if self._bar is not None:
                self._bar.close()
                self._bar = None

    def started(self, files: int, size: int) -> None:
        """Sending begins: `files` files of `size` bytes together."""
        with self._lock:
            self._files, self._size, self._sending = files, size, True
            self._files_done = self._bytes_done = 0
            self._marks.clear()
            self._marks.append((self._clock(), 0))
        self._runner.event("sending", files=files, bytes=size)
        if self._runner.has_terminal and files:
            self._show_bar(size)

    def moved(self, count: int) -> None:
        """`count` more bytes are on their way; negative when bytes must be sent again."""
        with self._lock:
            self._bytes_done += count
        self._update(count)

    def done(self, result: FileResult) -> None:
        """A file is finished."""
        failed = result.status is Status.FAILED
        with self._lock:
            self._files_done += self._sending and result.status in _SENT
            self._failures += failed
        file = result.file
        self._runner.event(
            "file",
            name=file.name,
            local=file.local,
            unit=file.unit,
            status=str(result.status),
            reason=result.reason,
            size=file.size,
        )
        name = f"{file.unit}: {file.local}" if file.unit else file.local
        if failed:
            # The end of the log lists failures once; an interactive user wants to see them immediately.
            self._runner.detail(f"Failed: {name}: {result.reason}")
        elif result.status is Status.UPLOADED:
            self._runner.detail(f"Uploaded: {name}")
        self._update(0)

    def line(self) -> str:
        """How it stands now, in one line."""
        now = self._clock()
        with self._lock:
            then, before = self._marks[0]
            self._marks.append((now, self._bytes_done))
            if not self._sending:
                return f"Comparing {text.plural(self._planned, 'file')} with the destination …"
            moved, seconds, left = self._bytes_done - before, now - then, self._size - self._bytes_done
            parts = [f"{self._files_done:,} of {text.plural(self._files, 'file')}"]
            if self._size:
                share = min(max(self._bytes_done / self._size, 0), 1)
                done = text.size_text(max(self._bytes_done, 0))
                parts.append(f"{done} of {text.size_text(self._size)} ({share:.0%})")
            failures = self._failures
        if moved > 0 and seconds > 0:
            rate = moved / seconds
            parts.append(f"{text.size_text(int(rate))}/s")
            if left > 0:
                parts.append(f"about {text.duration_text(left / rate)} left")
        elif left > 0:
            parts.append(f"nothing sent for {text.duration_text(seconds)}")
        if failures:
            parts.append(f"{failures:,} failed")
        return "Sent " + ", ".join(parts)

    def words(self, rate: float) -> list[str]:
        """The parts of the bar's line, the most important first.

        Args:
            rate: bytes per second; 0 while it is unknown.
        """
        with self._lock:
            share = f"{self._bytes_done / self._size:4.0%}" if self._size else ""
            left = self._size - self._bytes_done
            parts = [share, f"{self._files_done:,}/{text.plural(self._files, 'file')}"]
            parts.insert(1, f"{self._failures:,} failed" if self._failures else "")
            done = text.size_text(max(self._bytes_done, 0))
            total = text.size_text(self._size) if self._size else ""
        if rate > 0 and left > 0:
            parts += [f"{text.duration_text(left / rate)} left", f"{text.size_text(int(rate))}/s"]
        if total:
            parts.append(f"{done} of {total}")
        return [part for part in parts if part]

    def _update(self, count: int) -> None:
        with self._runner.lock:
            if self._bar is not None:
                with contextlib.suppress(OSError, ValueError):  # the terminal is gone; the upload is not
                    self._bar.update(count)

    def _show_bar(self, size: int) -> None:
        from entrypoint.runner.bar import Bar

        with self._runner.lock:
            if self._bar is not None:
                self._bar.close()
            with contextlib.suppress(OSError, ValueError):
                self._bar = Bar(self._runner.log, size, self.words)
            self._runner.bar = self._bar

    def _beat(self) -> None:
        while not self._stop.wait(self._interval):
            with self._lock:
                facts = {"files": self._files_done, "bytes": self._bytes_done, "failed": self._failures}
            self._runner.event("progress", **facts)
            self._runner.info(self.line())
