"""Bytes of files on their way: read once into memory that is used again, and no more of it than a budget."""

from __future__ import annotations

import io
import mmap
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Final, Self, cast

from entrypoint import errors
from entrypoint.destinations.s3 import checksums
from entrypoint.plan import model

BUDGET: Final = 48 * 1024 * 1024
"""Bytes of all bodies that are in memory at a time."""
_SMALL: Final = 256 * 1024
"""Bytes up to which memory is not worth keeping for the next body. Larger pieces come from the system itself: from
the heaps of the C library they would leave gaps between each other, 360 MB of them instead of 50."""
_POLL: Final = 0.2
Buffer = bytearray | mmap.mmap


class Buffers:
    """Memory for bodies, bounded; who wants some waits until there is. Thread-safe.

    Args:
        size: bytes of all together.
    """

    def __init__(self, size: int = BUDGET) -> None:
        self._size = size
        self._free = size
        self._kept: defaultdict[int, list[Buffer]] = defaultdict(list)
        self._changed = threading.Condition()

    def take(self, size: int, check: Callable[[], None]) -> Buffer:
        """At least `size` bytes; more than the whole budget when all of it is free.

        Raises:
            errors.PublishError: whatever `check` raises, which is asked while waiting.
        """
        space = _class_of(size)
        cost = min(space, self._size)
        with self._changed:
            while True:
                if self._kept[space]:
                    return self._kept[space].pop()
                if self._free < cost:
                    self._drop(cost)
                if self._free >= cost:
                    self._free -= cost
                    break
                self._changed.wait(_POLL)
                check()
        return mmap.mmap(-1, space) if space > _SMALL else bytearray(space)

    def _drop(self, cost: int) -> None:
        """Let go of kept memory of other sizes."""
        for space, kept in self._kept.items():
            while kept and self._free < cost:
                kept.pop()
                self._free += min(space, self._size)

    def give(self, buffer: Buffer) -> None:
        """Give memory back."""
        space = len(buffer)
        with self._changed:
            if _SMALL < space < self._size:
                self._kept[space].append(buffer)
            else:
                self._free += min(space, self._size)
            self._changed.notify_all()


def _class_of(size: int) -> int:
    """The size of the memory that bodies of this size share."""
    if size <= _SMALL:
        return size
    part = checksums.part_size(size)
    if size == part:
        return size
    space = 2 * _SMALL
    while space < size:
        space *= 2
    return min(space, part) if size <= part else space


class FileBody:
    """A piece of a file as the body of a request. Use it as a context manager, so that its memory is released.

    Args:
        offset: bytes before it in the file.
        check: asked while it waits for memory.
    """

    def __init__(
        self, file: model.PlannedFile, offset: int, size: int, buffers: Buffers, check: Callable[[], None]
    ) -> None:
        self.size = size
        self._file = file
        self._offset = offset
        self._buffers = buffers
        self._check = check
        self._buffer: Buffer | None = None
        self._own: bytes | None = None

    @property
    def own(self) -> bytes:
        """CRC64NVME of the bytes.

        Raises:
            errors.FileFailed: they cannot be read.
        """
        if self._own is None:
            self.view()
        assert self._own is not None  # view() computes it
        return self._own

    def view(self) -> memoryview:
        """The bytes; read again if they were released.

        Raises:
            errors.FileFailed: the file cannot be read, or is not what it was.
        """
        if self._buffer is None:
            self._buffer = self._buffers.take(self.size, self._check)
            self._read(memoryview(self._buffer)[: self.size])
        return memoryview(self._buffer)[: self.size]

    def _read(self, view: memoryview) -> None:
        position = 0
        with self._file.source.open() as stream:
            if self._offset:
                stream.seek(self._offset)
            raw = cast("io.RawIOBase", stream)
            while position < self.size and (count := raw.readinto(view[position:])):
                position += count
        if position < self.size:
            raise self._changed()
        own = checksums.OWN.of(view)
        if self._own is not None and own != self._own:
            raise self._changed()
        self._own = own

    def _changed(self) -> errors.FileFailed:
        return errors.FileFailed(
            f"{self._file.local!r} changed while it was read.",
            "Let the pipeline finish before uploading, then run again.",
        )

    def release(self) -> None:
        """Give the memory back; the bytes can be had again."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._buffers.give(buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
