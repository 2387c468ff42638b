"""SIGINT and SIGTERM, from the first line of the program to its last. Imports nothing that takes time."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final, Protocol, Self

CANCELLED: Final = 130
"""Exit code of a run that was cancelled; `errors.ExitCode` has it too, but is not loaded yet here."""


class Switch(Protocol):
    """What a signal sets."""

    def set(self) -> None:
        """Stop the run."""


class Signals:
    """While it lasts, SIGINT and SIGTERM set a switch; a second SIGINT ends the process at once.

    It begins before anything else is imported and ends last, so that no signal shows a traceback, or finds the
    process without a summary to write.
    """

    def __init__(self) -> None:
        self._came = False
        self._switch: Switch | None = None

    def attach(self, switch: Switch) -> None:
        """From now on, set this switch; at once where a signal came before."""
        self._switch = switch
        if self._came:
            switch.set()

    def __enter__(self) -> Self:
        self._before = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._came and number == signal.SIGINT:
            os._exit(CANCELLED)
        self._came = True
        if self._switch is not None:
            self._switch.set()
