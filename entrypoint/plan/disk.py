"""What is below a directory, without ever leaving it."""

from __future__ import annotations

import difflib
import glob
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from entrypoint.plan import model


class Missing(Exception):
    """There is no such file."""


class Unusable(Exception):
    """There is something, but nothing that may be uploaded; the text says why."""


@dataclass(frozen=True)
class Found:
    """A file below the directory, and its path there."""

    local: str
    source: model.LocalFile


@dataclass(frozen=True)
class Passed:
    """Something below the directory that is not a file to upload.

    Attributes:
        fatal: it leads out of the directory, which must be mended and not passed over.
    """

    local: str
    reason: str
    fatal: bool = False


class Folder:
    """A directory of output files. Its path must be resolved (`Path.resolve`)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names: dict[str, list[str]] = {}

    def exists(self, local: str) -> bool:
        """Whether a path below the directory is a file, wherever links lead."""
        try:
            return (self.root / local).is_file()
        except (OSError, ValueError):
            return False

    def take(self, local: str) -> Found:
        """Look at one file; `local` is relative, POSIX, and without ``..`` parts.

        Raises:
            Missing: there is nothing.
            Unusable: a directory, a device, unreadable, or a link that leaves the directory.
        """
        path = self.root / local
        try:
            real = path.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError):
            if path.is_symlink():
                raise Unusable("is a link to nothing") from None
            raise Missing from None
        except (OSError, RuntimeError, ValueError) as error:
            raise Unusable(f"cannot be looked at: {_why(error)}") from error
        if not real.is_relative_to(self.root):
            raise Unusable("is a link that leaves the directory")
        try:
            mode = real.stat().st_mode
            if not stat.S_ISREG(mode):
                raise Unusable("is a directory" if stat.S_ISDIR(mode) else "is not a regular file")
            if not os.access(real, os.R_OK):
                raise Unusable("cannot be read: permission denied")
            return Found(local, model.LocalFile.of(real))
        except OSError as error:
            raise Unusable(f"cannot be looked at: {_why(error)}") from error

    def walk(self, *, top_level_only: bool = False) -> Iterator[Found | Passed]:
        """Every file that is not hidden, in the order of names; links to directories are not followed."""
        yield from self._walk("", top_level_only)

    def _walk(self, below: str, top_level_only: bool) -> Iterator[Found | Passed]:
        try:
            with os.scandir(self.root / below) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield Passed(below, f"cannot be listed: {_why(error)}", fatal=True)
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            local = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                if not top_level_only:
                    yield from self._walk(local + "/", False)
            elif entry.is_symlink() and entry.is_dir():
                inside = (self.root / local).resolve().is_relative_to(self.root)
                reason = "is a link to a directory" if inside else "is a link that leaves the directory"
                yield Passed(local, reason, fatal=not inside)
            else:
                try:
                    yield self.take(local)
                except Missing:
                    yield Passed(local, "vanished while the directory was read", fatal=True)
                except Unusable as why:
                    yield Passed(local, str(why), fatal="regular" not in str(why))

    def match(self, pattern: str) -> list[str]:
        """Paths of files that a name or glob stands for; `**` stands for any number of folders."""
        if self.exists(pattern):
            return [str(PurePosixPath(pattern))]
        try:
            names = glob.glob(pattern, root_dir=self.root, recursive=True)
        except (OSError, ValueError):
            return []
        return sorted(str(PurePosixPath(name)) for name in names if not (self.root / name).is_dir())

    def nearest(self, local: str) -> str:
        """The most similar name in the same folder, or nothing; for messages."""
        folder, _, base = local.rpartition("/")
        if folder not in self._names:
            try:
                self._names[folder] = sorted(os.listdir(self.root / folder))
            except (OSError, ValueError):
                self._names[folder] = []
        names = self._names[folder]
        # cartloader writes some catalogs with `_` where the file has `-`, so that comes before similarity.
        alike = [name for name in names if _plain(name) == _plain(base)]
        close = alike or difflib.get_close_matches(base, names[:2000], n=1, cutoff=0.75)
        return (f"{folder}/" if folder else "") + close[0] if close else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _why(error: BaseException) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "a loop of links"
