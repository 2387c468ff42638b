"""Typed values from a mapping of texts, with a list of all problems."""

from __future__ import annotations

import difflib
import ipaddress
import os
import pwd
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from entrypoint import inputs

# Where GitHub's runners keep things outside the container; such a path means nothing inside it.
_HOST_PATHS: Final = re.compile(
    r"^(/home/runner/|/Users/runner/|/opt/actions-runner/|/__w/|[A-Za-z]:[\\/])|^/.*/_work/"
)

E = TypeVar("E", bound=StrEnum)


class Reader:
    """Takes typed values out of the mapping of inputs.

    Attributes:
        workspace: where relative paths start.
        problems: one sentence for each thing that is wrong; a value is returned all the same.
    """

    def __init__(self, values: Mapping[str, str], workspace: Path, home: str) -> None:
        self._values = values
        self._home = home
        self.workspace = workspace
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        """The value without blanks at its ends; the default where it is absent or blank."""
        return (self._values.get(name) or "").strip() or inputs.BY_NAME[name].default

    def given(self, name: str) -> bool:
        """Whether the user gave a value."""
        return bool((self._values.get(name) or "").strip())

    def flag(self, name: str) -> bool:
        """``true`` or ``false`` in any case; nothing else, for a typo must not decide what is published."""
        value = self.text(name).lower()
        if value not in ("true", "false"):
            self.problems.append(f"{name}: expected true or false, got {self.text(name)!r}.")
        return value == "true"

    def lines(self, name: str, *, commas: bool = False) -> tuple[str, ...]:
        """The items of a list, without empty ones."""
        pattern = r"[\n,]" if commas else r"\n"
        return tuple(item.strip() for item in re.split(pattern, self.text(name)) if item.strip())

    def choice(self, name: str, kind: type[E]) -> E:
        """A member of an enumeration, in any case of letters."""
        value = self.text(name)
        try:
            return kind(value.lower())
        except ValueError:
            self.problems.append(f"{name}: expected {_or(kind)}, got {value!r}{near(value, kind)}")
            return next(iter(kind))

    def number(self, name: str, low: int, high: int, *, besides: str = "") -> int:
        """A whole number between limits, both included.

        Args:
            besides: another value that the input may have, for the message.
        """
        value = self.text(name)
        if not re.fullmatch(r"[0-9]{1,6}", value) or not low <= int(value) <= high:
            other = f"{besides} or " if besides else ""
            self.problems.append(
                f"{name}: expected {other}a whole number from {low} to {high}, got {value!r}."
            )
            return low
        return int(value)

    def visible(self, name: str, what: str, pattern: str = r"[!-~]+") -> str:
        """A text that travels in a header or in a host's name, and so must fit there."""
        value = self.text(name)
        if value and not re.fullmatch(pattern, value):
            self.problems.append(f"{name}: {value!r} is not {what}.")
        return value

    def path(self, name: str) -> Path | None:
        """A path, absolute; nothing where none is given."""
        value = self.text(name)
        return self.absolute(value) if value else None

    def absolute(self, value: str) -> Path:
        """A path from the workspace; ``~`` is a home, also where no shell said so."""
        return self.workspace / self.expanded(value)

    def expanded(self, value: str) -> str:
        """A path with a home in place of ``~`` or ``~name`` at its start, as a shell has it."""
        match = re.match(r"~([^/]*)(?=/|$)", value)
        if match is None:
            return value
        home = self._home if not match[1] else ""
        try:
            home = home or (pwd.getpwnam(match[1]) if match[1] else pwd.getpwuid(os.getuid())).pw_dir
        except (KeyError, ValueError):
            return value
        return home + value[match.end() :]

    def file(self, name: str) -> Path | None:
        """A path at which there must be a file."""
        path = self.path(name)
        if path is not None:
            self._check_file(name, path, self.text(name))
        return path

    def files(self, name: str) -> tuple[Path, ...]:
        """Paths, one per line, at each of which there must be a file."""
        lines = self.lines(name)
        return tuple(path for path in map(self.absolute, lines) if self._check_file(name, path, str(path)))

    def _check_file(self, name: str, path: Path, shown: str) -> bool:
        problem = no_file(path)
        if problem:
            self.problems.append(f"{name}: {shown!r} {problem}.{host_hint(shown)}")
        return not problem

    def pairs(self, name: str, separator: str, form: str) -> tuple[tuple[str, str], ...]:
        """Pairs of texts, one pair per line."""
        pairs = []
        for line in self.lines(name):
            key, found, value = (part.strip() for part in line.partition(separator))
            if not found or not key or not value:
                self.problems.append(f"{name}: expected lines of {form}, got {line!r}.")
            elif not (key + value).isprintable():
                self.problems.append(f"{name}: control characters are not allowed, got {line!r}.")
            else:
                pairs.append((key, value))
        return tuple(pairs)

    def url(self, name: str, example: str) -> str:
        """A URL of http or https without a last slash; it must not carry a password."""
        given = self.text(name)
        value = given.rstrip("/")
        if given and not _is_url(value):
            # A password in it must not reach the log.
            shown = "one with a user or a password in it" if "@" in value else repr(value or given)
            self.problems.append(f"{name}: expected a URL such as {example}, got {shown}.")
        return value


def no_file(path: Path) -> str:
    """Why a path is not that of a file that can be read, with the nearest name in its folder; empty if it is."""
    try:
        if path.is_file():
            return "" if os.access(path, os.R_OK) else "cannot be opened: permission denied"
        if path.is_dir():
            return "is a directory"
        if path.exists():
            return "is not a regular file"
        if path.is_symlink():
            return "is a broken link"
        folder = path.parent
        if not folder.is_dir():
            return f"does not exist: there is no folder {str(folder)!r}"
        similar = difflib.get_close_matches(path.name, os.listdir(folder), n=1, cutoff=0.75)
    except (OSError, RuntimeError, ValueError) as error:
        return f"cannot be opened: {why(error)}"
    return f"does not exist; did you mean {similar[0]!r}?"[:-1] if similar else "does not exist"


def is_file(path: Path) -> bool:
    """Whether there is a regular file; False also where that cannot be found out."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, a folder that is closed to us
        return False


def near(value: str, known: Iterable[str]) -> str:
    """The end of a sentence: ``; did you mean …?`` where a known value is similar, else a full stop."""
    similar = difflib.get_close_matches(value.lower(), [str(item) for item in known], n=1, cutoff=0.6)
    return f"; did you mean {similar[0]}?" if similar else "."


def why(error: Exception) -> str:
    """Why a path could not be used, in the system's words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    # A name with a null character; or links in a loop, before Python 3.13.
    return "links in a loop" if isinstance(error, RuntimeError) else "not a usable path"


def is_plain_http(url: str) -> bool:
    """Whether others could read a request to a URL; not on a loopback address."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return parts.scheme != "https" and not local


def host_hint(value: str) -> str:
    """What to do about a path of the runner's machine, which the container does not see."""
    if _HOST_PATHS.match(value) and not Path(value).exists():
        return " This path is outside the container: name it relative to the workspace."
    return ""


def _is_url(value: str) -> bool:
    if not re.fullmatch(r"[!-~]+", value) or "\\" in value:
        return False
    try:
        parts = urllib.parse.urlsplit(value)
        plain = not (parts.username or parts.password or parts.query or parts.fragment or "@" in parts.netloc)
        # A port that is no number raises when it is asked for.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and parts.port != 0
    except ValueError:
        return False


def _or(kind: type[StrEnum]) -> str:
    *head, last = [str(member) for member in kind]
    return f"{', '.join(head)} or {last}"
