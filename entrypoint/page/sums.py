"""The SHA-256 of each file, as ``sha256sum -c`` reads it. https://www.gnu.org/software/coreutils/sha2"""

from __future__ import annotations

import hashlib
import io
import threading
from concurrent import futures
from typing import BinaryIO, Final

from entrypoint import errors
from entrypoint.plan import model

_BLOCK: Final = 1024 * 1024
_THREADS: Final = 4
_DIGITS: Final = 64


class Checksums:
    """A `model.Source` of a SHA256SUMS file. Files are read when it is first opened; its size is known before.

    Args:
        files: name in the list and source of each file, in the order of the list.
    """

    def __init__(self, files: tuple[tuple[str, model.Source], ...]) -> None:
        self._files = [(_escaped(name), source) for name, source in files]
        self._lock = threading.Lock()
        self._data = b""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(len(start) + _DIGITS + 2 + len(name) + 1 for (start, name), _ in self._files)

    def open(self) -> BinaryIO:
        """Open for reading; the first time this reads every file.

        Raises:
            errors.FileFailed: a file cannot be read, or is not what was planned.
        """
        with self._lock:
            if not self._data:
                with futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="sha256") as threads:
                    digests = threads.map(_digest, (source for _, source in self._files))
                    lines = zip(self._files, digests, strict=True)
                    self._data = b"".join(
                        start + digest + b"  " + name + b"\n" for ((start, name), _), digest in lines
                    )
        return io.BytesIO(self._data)

    def check(self) -> None:
        """Make sure that no file changed since it was planned."""
        for _, source in self._files:
            source.check()

    def fingerprint(self) -> str:
        """One checksum for all files and their names: that of the list."""
        with self.open() as stream:
            return hashlib.sha256(stream.read()).hexdigest()


def _escaped(name: str) -> tuple[bytes, bytes]:
    """What stands before the checksum, and the name."""
    plain = name.encode("utf-8", "surrogateescape")
    escaped = plain.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != plain else b""), escaped


def _digest(source: model.Source) -> bytes:
    found, size = hashlib.sha256(), 0
    with source.open() as stream:
        while piece := stream.read(_BLOCK):
            found.update(piece)
            size += len(piece)
    if size != source.size:
        raise errors.FileFailed(
            f"A file changed while its SHA-256 was computed: {source.size} bytes were planned, {size} read.",
            "Let the pipeline finish before uploading, then run again.",
        )
    source.check()
    return found.hexdigest().encode()
