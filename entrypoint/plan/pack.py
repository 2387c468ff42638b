"""Many small files in few large ones: deterministic, uncompressed zip files, streamed without a temporary copy.

The same files give the same bytes on every machine and day: entries in order of their names, one date, no
owner, nothing compressed. So an unchanged pack is recognised by its checksum, its size is known before a
byte is read, and single files can be read out of it by range.

Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import BinaryIO, Final, cast

from entrypoint import errors, text
from entrypoint.plan import model

LIMIT: Final = 100
"""Files that Zenodo takes a record."""
MAX_PACK: Final = 4_000_000_000
"""Bytes of one pack's files: a broken upload starts again, and below 4 GiB every unzip program can read it."""
MAX_PACKS: Final = 20
"""More folders than this share their packs."""
LARGE: Final = 100_000_000
"""Bytes from which a file stays loose where the limit allows, whatever it is."""
TABLE: Final = "files.tsv"

_BLOCK: Final = 1024 * 1024
_FULL: Final = 0xFFFFFFFF
_UTF8: Final = 1 << 11
_DATE: Final = 0x0021
"""1980-01-01, the first day that a zip file knows."""
_MODE: Final = 0o100644 << 16
_UNIX: Final = 3 << 8


@dataclass(frozen=True)
class _Entry:
    """One file inside: its name there, where its bytes come from, where its header begins."""

    name: bytes
    source: model.Source
    offset: int

    @property
    def large(self) -> bool:
        """Whether its size needs ZIP64."""
        return self.source.size >= _FULL

    def header(self, crc: int) -> bytes:
        size = _FULL if self.large else self.source.size
        extra = struct.pack("<HHQQ", 1, 16, self.source.size, self.source.size) if self.large else b""
        fixed = struct.pack(
            "<4sHHHHHIIIHH",
            b"PK\3\4", self._version, _UTF8, 0, 0, _DATE, crc, size, size, len(self.name), len(extra),
        )  # fmt: skip
        return fixed + self.name + extra

    def directory(self, crc: int) -> bytes:
        large = self.source.size
        values = [large, large] if self.large else []
        values += [self.offset] if self.offset >= _FULL else []
        extra = struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""
        size = _FULL if self.large else large
        fixed = struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\1\2", _UNIX | 45, self._version, _UTF8, 0, 0, _DATE, crc, size, size, len(self.name),
            len(extra), 0, 0, 0, _MODE, min(self.offset, _FULL),
        )  # fmt: skip
        return fixed + self.name + extra

    @property
    def _version(self) -> int:
        return 45 if self.large or self.offset >= _FULL else 20


class Zip:
    """A zip file that is made while it is read; a `model.Source`.

    Args:
        files: pairs of the name inside and the source, in any order.

    Each file is read twice in a row, for its CRC and for its bytes: a header must hold the CRC, and the
    form that puts it behind the data is not read by every program when nothing is compressed.
    """

    def __init__(self, files: Iterable[tuple[str, model.Source]]) -> None:
        entries, offset = [], 0
        for name, source in sorted(files, key=lambda pair: pair[0].encode()):
            entry = _Entry(name.encode(), source, offset)
            entries.append(entry)
            offset += len(entry.header(0)) + source.size
        self._entries = tuple(entries)
        self._end = offset
        self._size = offset + len(self._directory([0] * len(entries)))

    @property
    def size(self) -> int:
        """Bytes of the whole zip file."""
        return self._size

    def open(self) -> BinaryIO:
        """Read the zip file from its start; raw, so that a read may give less than asked for."""
        return cast("BinaryIO", _Stream(self._parts()))

    def check(self) -> None:
        """Make sure that no file changed."""
        for entry in self._entries:
            entry.source.check()

    def _parts(self) -> Iterator[bytes]:
        crcs = []
        for entry in self._entries:
            crc = 0
            for block in _blocks(entry):
                crc = zlib.crc32(block, crc)
            crcs.append(crc)
            yield entry.header(crc)
            again = 0
            for block in _blocks(entry):
                again = zlib.crc32(block, again)
                yield block
            if again != crc:
                raise _changed(entry)
        yield self._directory(crcs)

    def _directory(self, crcs: Sequence[int]) -> bytes:
        listed = b"".join(entry.directory(crc) for entry, crc in zip(self._entries, crcs, strict=True))
        count, start = len(self._entries), self._end
        tail = b""
        if count >= 0xFFFF or start >= _FULL or len(listed) >= _FULL:
            tail = struct.pack(
                "<4sQHHIIQQQQ", b"PK\6\6", 44, _UNIX | 45, 45, 0, 0, count, count, len(listed), start
            ) + struct.pack("<4sIQI", b"PK\6\7", 0, start + len(listed), 1)
        few = min(count, 0xFFFF)
        last = struct.pack(
            "<4sHHHHIIH", b"PK\5\6", 0, 0, few, few, min(len(listed), _FULL), min(start, _FULL), 0
        )
        return listed + tail + last


def _blocks(entry: _Entry) -> Iterator[bytes]:
    """The bytes of one file, as many as were planned."""
    rest = entry.source.size
    with entry.source.open() as stream:
        while rest:
            block = stream.read(min(_BLOCK, rest))
            if not block:
                raise _changed(entry)
            rest -= len(block)
            yield block


def _changed(entry: _Entry) -> errors.FileFailed:
    name = text.printable(entry.name.decode())
    return errors.FileFailed(
        f"{name} changed while it was packed.", "Let the pipeline finish before uploading, then run again."
    )


class _Stream(io.RawIOBase):
    """The parts of a zip file as a stream."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__()
        self._parts = parts
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(cast("bytearray", buffer)).cast("B")
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = memoryview(part)
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None and not self.closed:
            close()  # and with it the file that is being read
        super().close()


@dataclass(frozen=True)
class Made:
    """A small file that we make; a `model.Source`."""

    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """Read it from its start."""
        return io.BytesIO(self.data)

    def check(self) -> None:
        """It cannot change."""


@dataclass(frozen=True)
class Choice:
    """What travels how.

    Attributes:
        loose: with flat names.
        packs: zip files.
        table: ``files.tsv``, which says what is where; nothing where all are loose.
    """

    loose: tuple[model.PlannedFile, ...]
    packs: tuple[model.PlannedFile, ...] = ()
    table: model.PlannedFile | None = None

    def __iter__(self) -> Iterator[model.PlannedFile]:
        yield from self.loose
        yield from self.packs
        if self.table is not None:
            yield self.table


def choose(files: Sequence[model.PlannedFile], *, limit: int = LIMIT, max_bytes: int = MAX_PACK) -> Choice:
    """Decide which files stay loose and which travel in packs; the same for the same files.

    Catalogs stay loose. Where there are too many files, PMTiles do as far as the limit allows, the largest
    first, since they are read by range; then other large files. The rest goes into packs by folder, under
    its path. Files with one base name go into packs too.

    Args:
        limit: files in all, packs and table among them.
        max_bytes: of the files in one pack, roughly; a larger file has a pack to itself.

    Raises:
        errors.BadInput: they do not fit into the limit, packed or not.
    """
    ordered = sorted(files, key=lambda file: file.local)
    bases = Counter(_base(file) for file in ordered)
    unique = [file for file in ordered if bases[_base(file)] == 1]
    if len(unique) == len(ordered) <= limit:
        return Choice(tuple(_flat(file) for file in ordered))
    catalogs = [file for file in ordered if file.is_catalog]
    free = [file for file in unique if not file.is_catalog and _base(file) not in (TABLE, "catalog.yaml")]
    if len(ordered) > limit:
        free = [file for file in free if _is_map(file) or file.size >= LARGE]
        free.sort(key=lambda file: (not _is_map(file), -file.size, file.local))
    for count in range(min(len(free), limit), -1, -1):
        loose = [*catalogs, *free[:count]]
        stay = {file.local for file in loose}
        names = {_base(file) for file in loose} | {TABLE}
        packs = _packs([file for file in ordered if file.local not in stay], names, max_bytes)
        if len(loose) + len(packs) + 1 <= limit:
            flat = tuple(_flat(file) for file in sorted(loose, key=lambda file: file.local))
            return Choice(flat, tuple(pack for pack, _ in packs), _table(flat, packs))
    raise errors.BadInput(
        f"{text.plural(len(ordered), 'file')} of {text.size_text(sum(f.size for f in ordered))} do not fit into "
        f"the {limit} that Zenodo allows, packed or not: choose fewer groups, or make several records."
    )


_Packs = list[tuple[model.PlannedFile, list[model.PlannedFile]]]


def _packs(files: Sequence[model.PlannedFile], taken: set[str], max_bytes: int) -> _Packs:
    """Packs, each with what is in it: by folder, or by the first folder, or all together."""
    groups: dict[str, list[model.PlannedFile]] = {}
    for key in (_folder, _top, lambda _file: "files"):
        groups = defaultdict(list)
        for file in files:
            groups[key(file)].append(file)
        if len(groups) <= MAX_PACKS:
            break
    made: _Packs = []
    for name, members in sorted(groups.items()):
        parts = _split(members, max_bytes)
        for number, part in enumerate(parts, 1):
            full = f"{name}-{number:02}.zip" if len(parts) > 1 else f"{name}.zip"
            while full in taken:
                full = f"packed-{full}"
            taken = taken | {full}
            made.append((_pack(full, part), part))
    return made


def _split(files: Sequence[model.PlannedFile], max_bytes: int) -> list[list[model.PlannedFile]]:
    parts: list[list[model.PlannedFile]] = []
    size = 0
    for file in files:
        if not parts or size + file.size > max_bytes:
            parts.append([])
            size = 0
        parts[-1].append(file)
        size += file.size
    return parts


def _pack(name: str, files: Sequence[model.PlannedFile]) -> model.PlannedFile:
    groups = {file.group for file in files}
    return model.PlannedFile(
        name,
        Zip((file.local, file.source) for file in files),
        groups.pop() if len(groups) == 1 else model.OTHER,
        name,
        media_type="application/zip",
        unit=files[0].unit,
    )


def _table(loose: Sequence[model.PlannedFile], packs: _Packs) -> model.PlannedFile:
    rows = [(file.local, file.name, "", file.size) for file in loose]
    rows += [(file.local, pack.name, file.local, file.size) for pack, members in packs for file in members]
    lines = ["path\tfile\tmember\tbytes"]
    lines += ["\t".join((*map(text.printable, row[:3]), str(row[3]))) for row in sorted(rows)]
    unit = loose[0].unit if loose else packs[0][0].unit
    data = Made("".join(f"{line}\n" for line in lines).encode())
    return model.PlannedFile(
        TABLE, data, model.OTHER, TABLE, media_type="text/tab-separated-values", unit=unit
    )


def _base(file: model.PlannedFile) -> str:
    """The flat name; a catalog is called as it will be, whatever its local name."""
    return PurePosixPath(file.name).name


def _flat(file: model.PlannedFile) -> model.PlannedFile:
    return replace(file, name=_base(file))


def _is_map(file: model.PlannedFile) -> bool:
    return file.local.lower().endswith(".pmtiles")


def _folder(file: model.PlannedFile) -> str:
    return _named(PurePosixPath(file.local).parent.parts)


def _top(file: model.PlannedFile) -> str:
    return _named(PurePosixPath(file.local).parent.parts[:1])


def _named(parts: Sequence[str]) -> str:
    """A flat name for a folder."""
    name = "__".join(parts) or "files"
    # Zenodo's names have at most 255 characters.
    return name if len(name) <= 200 else f"{name[:180]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
