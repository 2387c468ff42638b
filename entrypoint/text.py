"""Text for people: escaping, sizes, times and plurals. Imports nothing of ours."""

from __future__ import annotations

import itertools
import re
from typing import Final

# Characters that are "printable" for Python and yet invisible. .NET's comparisons, with which GitHub's
# runner looks for commands, may skip them, so `:<invisible>:error` could count as `::error`.
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_INVISIBLE: Final = frozenset(
    itertools.chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
)
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""Make a text from elsewhere (a file's name, a server's answer) harmless in one line of a log.

    Control characters of every kind, lone surrogates, invisible characters and all blanks but the plain
    one become visible escapes such as ``\n``, ``\x1b`` or ``\u202e``; ``##[`` anywhere and ``::`` at the
    start, by which GitHub's runner knows its commands, get a backslash. Applied twice it is the same as
    applied once.

    The rules by which the runner finds commands: https://github.com/actions/runner,
    ``src/Runner.Common/ActionCommand.cs``.
    """
    if not text.isascii() or not text.isprintable():
        text = "".join(map(_visible, text))
    text = text.replace("##[", "##\\[")
    blanks = len(text) - len(text.lstrip(" "))
    if text.startswith("::", blanks):
        text = f"{text[:blanks]}\\{text[blanks:]}"
    return text


def _visible(character: str) -> str:
    code = ord(character)
    if character.isprintable() and code not in _INVISIBLE:
        return character
    if character in _NAMED:
        return _NAMED[character]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def size_text(size: int) -> str:
    """Bytes for people, in decimal units: ``1 byte``, ``12.3 kB``, ``1.2 GB``."""
    if size < 1000:
        return plural(size, "byte")
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB", "PB"):  # noqa: B007 - the last one is used
        value /= 1000
        if value < 999.5:
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def duration_text(seconds: float) -> str:
    """Seconds for people: ``0.4 s``, ``12 s``, ``1 min 15 s``, ``2 h 3 min``."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def plural(count: int, one: str, many: str = "") -> str:
    """Count and noun: ``1 file``, ``2 files``, ``5,000 files``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def looks_secret(words: str) -> bool:
    """Whether a word from the user could be a password or a token, which no message may show.

    Such a word mixes letters and digits over a length that no usual name has, or is in a URL in the place
    of a password. Words that are not secret may look so too; then a message is less helpful, and no worse.
    """
    if re.search(r"://[^/]*@", words):
        return True
    parts = re.findall(r"[A-Za-z0-9+=]{16,}", words)
    return any(re.search(r"[0-9]", part) and re.search(r"[A-Za-z]", part) for part in parts)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; what is cut off shows as ``…``."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
