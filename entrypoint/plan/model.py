"""The plan: what will be where, decided before a byte is sent, and never changed after."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from entrypoint import errors

CATALOG: str = "catalog"
"""Group of a catalog itself; the other groups are `entrypoint.catalog.Group` and `OTHER`."""
CATALOG_NAMES: frozenset[str] = frozenset({"catalog.yaml", "multi-catalog.yaml"})
"""Names by which catalogs are known at a destination."""
OTHER: str = "other"
"""Group of a file that no catalog lists (upload-method all and files)."""
PAGE: str = "page"
"""Group of the files that we make for readers."""


class Source(Protocol):
    """Where the bytes of a planned file come from."""

    @property
    def size(self) -> int:
        """Bytes, known before the source is opened."""

    def open(self) -> BinaryIO:
        """Open for reading from the start.

        Raises:
            errors.FileFailed: it is gone, cannot be read, or is not what was planned.
        """

    def check(self) -> None:
        """Make sure that the source still is what was planned; asked for after it was read.

        Raises:
            errors.FileFailed: it changed.
        """


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular file as it was when the plan was made.

    Attributes:
        path: absolute, without links.
        size: bytes.
        stamp: device, inode, and the times of the last change of content and of status (nanoseconds). They tell
            whether the file changes *during* the run; they are never compared with anything remote.
    """

    path: Path
    size: int
    stamp: tuple[int, int, int, int]

    @classmethod
    def of(cls, path: Path, status: os.stat_result | None = None) -> LocalFile:
        """Take down a file as it is now, or as it was when `status` was asked for.

        Raises:
            OSError: it cannot be accessed.
        """
        status = status or path.stat()
        return cls(path, status.st_size, _stamp(status))

    def open(self) -> BinaryIO:
        """Open for reading, unbuffered."""
        try:
            stream = io.FileIO(self.path)
        except OSError as error:
            raise errors.FileFailed(
                f"{self.path.name!r} cannot be read: {error.strerror}.", "Was it moved during the run?"
            ) from error
        try:
            self._compare(os.fstat(stream.fileno()))
        except BaseException:
            stream.close()
            raise
        return stream

    def check(self) -> None:
        """Compare the file on disk with what was planned."""
        try:
            self._compare(self.path.stat())
        except OSError as error:
            raise errors.FileFailed(f"{self.path.name!r} vanished during the run.", _STILL_WRITTEN) from error

    def _compare(self, status: os.stat_result) -> None:
        if status.st_size != self.size:
            raise errors.FileFailed(
                f"{self.path.name!r} changed during the run: it had {self.size} bytes and now has "
                f"{status.st_size}.",
                _STILL_WRITTEN,
            )
        now = _stamp(status)
        # Some network file systems give a file another inode each time; a file that was replaced has another
        # time of its status as well.
        is_other = now[:2] != self.stamp[:2] and now[3] != self.stamp[3]
        if is_other or now[2] != self.stamp[2]:
            raise errors.FileFailed(f"{self.path.name!r} changed during the run.", _STILL_WRITTEN)


_STILL_WRITTEN = "Let the pipeline finish before uploading, then run again."


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Generated:
    """How to distinguish a file that we generate from another one with the same name.

    Attributes:
        mark: matches at the start of every file that we made under this name.
        volatile: what says when and by which run it was made, and so does not count when contents are compared.
    """

    mark: re.Pattern[bytes]
    volatile: re.Pattern[bytes] | None = None


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file and where it goes.

    Attributes:
        name: remote name, relative to the destination; POSIX (on Zenodo without a slash).
        source: where the bytes come from.
        group: basics, optional, basemaps, other or catalog.
        local: path relative to in-dir, as the user knows the file.
        media_type: Content-Type.
        cache_control: Cache-Control, or nothing.
        key_paths: where the catalog names it, such as ``assets.sge.bins[0]``.
        unit: name of the `Unit` it belongs to.
        generated: of a file that is not cartloader's but ours. It goes after the other files of its unit and
            before the catalog, and never replaces a file that we did not make.
    """

    name: str
    source: Source
    group: str
    local: str
    media_type: str = "application/octet-stream"
    cache_control: str = ""
    key_paths: tuple[str, ...] = ()
    unit: str = ""
    generated: Generated | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.source.size

    @property
    def is_catalog(self) -> bool:
        """Whether this is a catalog, which goes behind the barrier of its unit."""
        return self.group == CATALOG

    @property
    def is_guarded(self) -> bool:
        """Whether it waits for the other files, and is replaced only if it still is what the run found."""
        return self.is_catalog or self.generated is not None


@dataclass(frozen=True)
class Unit:
    """Files with one catalog, which is put only after all of them are up and verified.

    Attributes:
        name: empty in a run of one catalog; the sample's id in a collection.
        files: all but the catalog, largest first, and those that we generate last.
        catalog: put last, or nothing (shards; upload-method files without it).
        after: names of units whose catalogs must be up before this one's (a root catalog's samples).
        title: the catalog's title, if it has one.
        description: the catalog's description, if it has one.
    """

    name: str
    files: tuple[PlannedFile, ...]
    catalog: PlannedFile | None = None
    after: tuple[str, ...] = ()
    title: str = ""
    description: str = ""

    def __iter__(self) -> Iterator[PlannedFile]:
        yield from self.files
        if self.catalog is not None:
            yield self.catalog


@dataclass(frozen=True)
class Plan:
    """Everything that a run would do.

    Attributes:
        units: in the order of their catalogs.
        data_set: what the data are called: the catalog's id, else the name of in-dir.
        known: remote names that are not extra though this run does not send them: files that a catalog
            lists but the groups or the shard leave out.
        scopes: remote folders that are this plan's alone, without a last slash; "" is the whole destination.
            Only there something can be extra.
        left_out: files that are listed but will not be uploaded, with the reason.
        warnings: remarks for the user, one sentence each.
        title: the catalog's title, if it has one.
        description: the catalog's description, if it has one.
        digest: equal if two machines made the same plan; that of the whole plan also in a shard's part.
    """

    units: tuple[Unit, ...]
    data_set: str = ""
    known: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ("",)
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    digest: str = ""
    names: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(file.name for file in self))

    def __iter__(self) -> Iterator[PlannedFile]:
        for unit in self.units:
            yield from unit

    @property
    def size(self) -> int:
        """Bytes of all planned files."""
        return sum(file.size for file in self)

    def __len__(self) -> int:
        return sum(len(unit.files) + (unit.catalog is not None) for unit in self.units)


def largest_first(files: Iterable[PlannedFile]) -> tuple[PlannedFile, ...]:
    """The order of sending: with the largest first, the last ones in flight are short."""
    return tuple(sorted(files, key=lambda file: (-file.size, file.name)))
