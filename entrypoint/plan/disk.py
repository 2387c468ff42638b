"""What is below a directory, without ever leaving it."""

from __future__ import annotations

import difflib
import errno
import fnmatch
import os
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from entrypoint.plan import model

_MAX_GUESSES: Final = 50
"""Limit on suggestions: each one compares a name with all names of a folder."""


class Missing(Exception):
    """There is no such file."""


class Unusable(Exception):
    """There is something, but nothing that may be uploaded; the text says why.

    Attributes:
        special: it is a pipe, a socket or a device, which cannot be a file of the pipeline.
    """

    def __init__(self, why: str, *, special: bool = False) -> None:
        super().__init__(why)
        self.special = special


@dataclass(frozen=True)
class Found:
    """A file below the directory, and its path there."""

    local: str
    source: model.LocalFile


@dataclass(frozen=True)
class Passed:
    """Something below the directory that is not a file to upload.

    Attributes:
        fatal: it leads out of the directory, which must be fixed and not skipped.
    """

    local: str
    reason: str
    fatal: bool = False


class Folder:
    """A directory of output files. Its path must be resolved (`Path.resolve`)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = {"": (root, True)}
        self._names: dict[str, _Names] = {}
        self._guesses = _MAX_GUESSES

    def exists(self, local: str) -> bool:
        """Whether a path below the directory is a file, wherever links lead."""
        try:
            return (self.root / local).is_file()
        except (OSError, ValueError):
            return False

    def is_folder(self, local: str) -> bool:
        """Whether a path below the directory is a directory."""
        return _is_dir(self.root / local)

    def take(self, local: str) -> Found:
        """Look at one file; `local` is relative, POSIX, and without ``..`` parts.

        Raises:
            Missing: there is nothing.
            Unusable: a directory, a device, unreadable, or a link that leaves the directory.
        """
        try:
            real, status, inside = self._resolved(local)
        except (FileNotFoundError, NotADirectoryError):
            if (self.root / local).is_symlink():
                raise Unusable("is a broken link") from None
            raise Missing from None
        except (OSError, RuntimeError, ValueError) as error:
            raise Unusable(f"cannot be accessed: {_why(error)}") from error
        if not inside:
            raise Unusable("is a link that points outside the directory")
        if stat.S_ISDIR(status.st_mode):
            raise Unusable("is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise Unusable("is not a regular file", special=True)
        if not os.access(real, os.R_OK):
            raise Unusable("cannot be read: permission denied")
        return Found(local, model.LocalFile.of(real, status))

    def _resolved(self, local: str) -> tuple[Path, os.stat_result, bool]:
        # Folders are resolved once: a hundred thousand files are often in a few of them.
        folder, _, base = local.rpartition("/")
        if folder not in self._real:
            real = (self.root / folder).resolve(strict=True)
            self._real[folder] = (real, real.is_relative_to(self.root))
        parent, inside = self._real[folder]
        path = parent / base
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            path = path.resolve(strict=True)
            return path, path.stat(), path.is_relative_to(self.root)
        return path, status, inside

    def walk(self, *, top_level_only: bool = False) -> Iterator[Found | Passed]:
        """Every file that is not hidden, in the order of names; links to directories are not followed."""
        # A stack, for folders may be nested deeper than Python's calls.
        stack = [self._entries("")]
        while stack:
            for item in stack[-1]:
                if not isinstance(item, _Entry):
                    yield item
                elif not item.is_folder:
                    yield self._look(item)
                elif not top_level_only:
                    stack.append(self._entries(item.local + "/"))
                    break
            else:
                stack.pop()

    def _entries(self, below: str) -> Iterator[_Entry | Passed]:
        try:
            yield from (entry for entry in self._listed(below) if not entry.name.startswith("."))
        except OSError as error:
            yield Passed(below or ".", f"cannot be listed: {_why(error)}", fatal=True)

    def _listed(self, below: str) -> list[_Entry]:
        with os.scandir(self.root / below) as found:
            return [
                _Entry(
                    entry.name, below + entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink()
                )
                for entry in sorted(found, key=lambda entry: entry.name)
            ]

    def _look(self, entry: _Entry) -> Found | Passed:
        try:
            return self.take(entry.local)
        except Missing:
            return Passed(entry.local, "vanished while the directory was read", fatal=True)
        except Unusable as why:
            if entry.is_link and str(why) == "is a directory":
                return Passed(entry.local, "is a link to a directory")
            return Passed(entry.local, str(why), fatal=not why.special)

    def match(self, pattern: str) -> list[str]:
        """Paths of files that a name or glob stands for, in the order of names.

        ``**`` stands for any number of folders, and follows no link; ``*`` for no hidden name.

        Raises:
            Unusable: a folder on the way cannot be listed.
        """
        if self.exists(pattern):
            return [str(PurePosixPath(pattern))]
        found: set[str] = set()
        todo = [("", PurePosixPath(pattern).parts)]
        seen = set(todo)
        while todo:
            below, parts = todo.pop()
            for step in self._steps(below, parts):
                local, rest = step
                if not rest:
                    found.add(local)
                elif step not in seen:
                    seen.add(step)
                    todo.append(step)
        return sorted(found)

    def _steps(self, below: str, parts: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """From a folder and the rest of a pattern to its folders and the rest of theirs, or to files."""
        if not parts:
            return
        head, rest = parts[0], parts[1:]
        if head == "**":
            yield below, rest or ("*",)
        for entry in self._under(below):
            if head == "**":
                if entry.is_folder and not entry.name.startswith("."):
                    yield entry.local + "/", parts
            elif entry.name == head or _matches(entry.name, head):
                is_folder = entry.is_folder or (entry.is_link and _is_dir(self.root / entry.local))
                if is_folder and rest:
                    yield entry.local + "/", rest
                elif not is_folder and not rest:
                    yield entry.local, ()

    def _under(self, below: str) -> list[_Entry]:
        try:
            return self._listed(below)
        except OSError as error:
            raise Unusable(f"{below!r} cannot be listed: {_why(error)}") from error

    def nearest(self, local: str, apart_from: Collection[str] = ()) -> str:
        """The most similar name in the same folder, or nothing; for messages, and so for the first of them.

        Args:
            apart_from: paths below the directory that cannot be meant.
        """
        if not self._guesses:
            return ""
        self._guesses -= 1
        folder, _, base = local.rpartition("/")
        if folder not in self._names:
            self._names[folder] = _Names.of(self.root / folder)
        start = f"{folder}/" if folder else ""
        near = self._names[folder].nearest(base, lambda name: start + name not in apart_from)
        return near and start + near


class _Entry(NamedTuple):
    name: str
    local: str
    is_folder: bool
    is_link: bool


@dataclass(frozen=True)
class _Names:
    """The names in one folder, ready to be compared."""

    all: tuple[str, ...]
    plain: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> _Names:
        try:
            names = sorted(os.listdir(folder))
        except (OSError, ValueError):
            names = []
        return cls(tuple(names), {_plain(name): name for name in names})

    def nearest(self, name: str, may_be: Callable[[str], bool]) -> str:
        # cartloader writes some catalogs with `_` where the file has `-`, so that comes before similarity.
        if (alike := self.plain.get(_plain(name))) and may_be(alike):
            return alike
        close = difflib.get_close_matches(name, filter(may_be, self.all[:2000]), n=3, cutoff=0.75)
        # A long extension makes short names look alike.
        return next((other for other in close if _similarity(_stem(other), _stem(name)) > 0.6), "")


def _matches(name: str, glob: str) -> bool:
    return fnmatch.fnmatchcase(name, glob) and (glob.startswith(".") or not name.startswith("."))


def _stem(name: str) -> str:
    return name.split(".", 1)[0]


def _similarity(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower().replace("_", "-")


def as_meant(near: str, written: str) -> str:
    """A similar name for a message; where both look alike, with what makes them differ."""
    if unicodedata.normalize("NFC", near) != unicodedata.normalize("NFC", written):
        return near
    return f"{near}, whose accents are encoded differently ({near!a}, not {written!a})"


def _why(error: BaseException) -> str:
    if isinstance(error, OSError):
        return "links in a loop" if error.errno == errno.ELOOP else error.strerror or type(error).__name__
    # Before Python 3.13 a loop of links is a RuntimeError; a ValueError is a name with a null character.
    return "links in a loop" if isinstance(error, RuntimeError) else "no usable name"
