"""The line at the bottom of a terminal: how far it is, as much of it as the window is wide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

from tqdm import tqdm

GRAPH: Final = 10
"""Columns that the graph needs at least to say anything."""
MAX_GRAPH: Final = 24

_BLOCKS: Final = "█"
_ASCII: Final = "#"


def fitted(parts: Sequence[str], share: float | None, width: int, *, ascii_only: bool = False) -> str:
    """As many of the parts as fit, the first ones first, and a graph where there is space left.

    Args:
        share: how much is done, from 0 to 1; without one there is no graph.
        width: columns.
    """
    width = max(width - 1, 1)  # a line that fills the window moves the cursor to the next one
    line = ""
    for part in parts:
        longer = f"{line}  {part}" if line else part
        if len(longer) > width:
            break
        line = longer
    if not line:
        return parts[0][:width] if parts else ""
    space = min(width - len(line) - 3, MAX_GRAPH)
    if share is None or space < GRAPH:
        return line
    full = round(space * min(max(share, 0.0), 1.0))
    return f"[{(_ASCII if ascii_only else _BLOCKS) * full}{' ' * (space - full)}] {line}"


if TYPE_CHECKING:
    _Tqdm = tqdm[NoReturn]  # only its stub is generic
else:
    _Tqdm = tqdm


tqdm.monitor_interval = 0  # no thread of its own


class Bar(_Tqdm):
    """tqdm keeps the rate, asks for the width again before it draws, and draws rarely; the words are ours.

    Args:
        words: the parts of the line, most important first, from bytes per second (0 while unknown).
    """

    def __init__(self, stream: TextIO, total: int, words: Callable[[float], Sequence[str]]) -> None:
        self._words = words
        self._ascii = "utf" not in (stream.encoding or "utf-8").lower()
        super().__init__(
            total=total, bar_format="{line}", dynamic_ncols=True, leave=False, file=stream, mininterval=0.2
        )

    @property
    def format_dict(self) -> dict[str, Any]:
        """What `bar_format` can name."""
        facts = dict(super().format_dict)
        rate = facts.get("rate") or (facts["n"] / facts["elapsed"] if facts["elapsed"] else 0)
        share = facts["n"] / facts["total"] if facts["total"] else None
        width = facts.get("ncols") or 80
        facts["line"] = fitted(self._words(float(rate)), share, int(width), ascii_only=self._ascii)
        return facts
