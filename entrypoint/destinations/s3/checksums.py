"""Checksums as S3 knows them, of bytes and of whole files, always computed from what is read here."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Protocol

from entrypoint.plan import model

Buffer = bytes | bytearray | memoryview

CHUNK: Final = 128 * 1024
"""Bytes that are read at once for hashing; there can be as many at once as files in flight."""

SINGLE: Final = 16 * 1024 * 1024
"""Bytes; up to here a file is sent in one request."""
_MIB: Final = 1024 * 1024
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html: at most 10,000 parts of at least 5 MiB
_MIN_PART: Final = 8 * _MIB
_MAX_PART: Final = 5 * 1024 * _MIB
_MAX_PARTS: Final = 10_000
_OWN_MARK: Final = 16 * 1024
"""Bytes by which our parts are larger than a round number. An open upload carries no note of who began it;
this tells ours from those of other tools, which cut at whole MiB."""

_COMMON_PARTS: Final = (8 * _MIB, 5 * _MIB, 10 * _MIB, 16 * _MIB)
"""Bytes of a part in the AWS command line and boto3, in rclone, and in other tools."""


def part_size(size: int) -> int:
    """Bytes of a part of a file of `size` bytes: a function of the size alone, so that a later run on
    another machine cuts the file at the same places."""
    needed = -(-size // _MAX_PARTS)
    return min(max(_MIN_PART, -(-needed // _MIB) * _MIB) + _OWN_MARK, _MAX_PART)


def is_own_part(size: int) -> bool:
    """Whether a part of so many bytes, not the last of its upload, can only be one of ours."""
    return size > _MIN_PART and size % _MIB == _OWN_MARK


def parts(size: int) -> int:
    """Number of parts of a file of `size` bytes."""
    return max(1, -(-size // part_size(size)))


@dataclass(frozen=True)
class Algorithm:
    """One checksum algorithm.

    Attributes:
        name: as S3's API spells it, e.g. ``CRC64NVME``.
        of: digest of some bytes.
        combine: digest of two adjoining pieces from their digests and the length of the second; nothing
            for hashes, whose multipart checksum is a hash of hashes.
    """

    name: str
    of: Callable[[Buffer], bytes]
    combine: Callable[[bytes, bytes, int], bytes] | None

    @property
    def header(self) -> str:
        """Header that carries the checksum of a request's or an object's bytes."""
        return f"x-amz-checksum-{self.name.lower()}"

    @property
    def type(self) -> str:
        """S3's ChecksumType of a multipart object."""
        return "FULL_OBJECT" if self.combine else "COMPOSITE"

    @property
    def field(self) -> str:
        """Name of its element in S3's XML."""
        return f"Checksum{self.name}"

    def is_plausible(self, text: str) -> bool:
        """Whether a store's text can be such a checksum at all; some write another one's in its place."""
        try:
            return len(base64.b64decode(text.partition("-")[0], validate=True)) == len(self.of(b""))
        except ValueError:
            return False

    def show(self, digest: bytes) -> str:
        """For results and manifests: ``crc64nvme:<base64>``, as S3 writes it."""
        return f"{self.name.lower()}:{encode(digest)}"


@functools.cache
def library() -> Any:
    """AWS's C library of checksums; loading it takes 40 ms of processor time, which not every run needs."""
    import awscrt.checksums

    return awscrt.checksums


def _crc(width: int, name: str) -> tuple[Callable[[Buffer], bytes], Callable[[bytes, bytes, int], bytes]]:
    def digest(data: Buffer) -> bytes:
        value: int = getattr(library(), name)(data)
        return value.to_bytes(width, "big")

    def joined(first: bytes, second: bytes, length: int) -> bytes:
        combine = getattr(library(), f"combine_{name}")
        value: int = combine(int.from_bytes(first, "big"), int.from_bytes(second, "big"), length)
        return value.to_bytes(width, "big")

    return digest, joined


def _sha256(data: Buffer) -> bytes:
    return hashlib.sha256(data).digest()


ALGORITHMS: Final = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("CRC64NVME", *_crc(8, "crc64nvme")),
        Algorithm("CRC32C", *_crc(4, "crc32c")),
        Algorithm("CRC32", *_crc(4, "crc32")),
        Algorithm("SHA256", _sha256, None),
    )
}


OWN: Final = ALGORITHMS["CRC64NVME"]
"""The one of which we compute that of every file."""


def encode(digest: bytes) -> str:
    """Base64, as S3 writes checksums."""
    return base64.b64encode(digest).decode("ascii")


def md5(data: Buffer) -> bytes:
    """MD5, for ETags and Content-MD5; no secret depends on it."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def of_file(source: model.Source, algorithm: Algorithm, stop: Callable[[], None]) -> bytes:
    """Digest of a whole file; of a hash the plain one.

    Raises:
        errors.FileFailed: the file cannot be read or changed meanwhile; and whatever `stop` raises.
    """
    if algorithm.combine is None:
        whole = hashlib.sha256()
        for piece in _pieces(source, CHUNK, stop):
            whole.update(piece)
        return whole.digest()
    digest = algorithm.of(b"")
    for piece in _pieces(source, CHUNK, stop):
        digest = algorithm.combine(digest, algorithm.of(piece), len(piece))
    return digest


def cuts(size: int, count: int) -> tuple[int, ...]:
    """Sizes of parts, in bytes, at which a file of `size` bytes was probably cut into `count`: ours, and those
    of common tools. An object does not show its part size, but a match of its parts proves it."""
    return tuple(cut for cut in (part_size(size), *_COMMON_PARTS) if -(-size // cut) == count)


def composite(source: model.Source, algorithm: Algorithm, cut: int, stop: Callable[[], None]) -> str:
    """S3's checksum of checksums of a multipart object with parts of `cut` bytes: ``<base64>-<parts>``."""
    digests = [algorithm.of(piece) for piece in _pieces(source, cut, stop)]
    return f"{encode(algorithm.of(b''.join(digests)))}-{len(digests)}"


def etag(source: model.Source, stop: Callable[[], None]) -> str:
    """The ETag of the file as one object sent in a single request, without quotes."""
    whole = hashlib.md5(usedforsecurity=False)
    for piece in _pieces(source, CHUNK, stop):
        whole.update(piece)
    return whole.hexdigest()


def multipart_etag(source: model.Source, cut: int, stop: Callable[[], None]) -> str:
    """The ETag of the file as a multipart object with parts of `cut` bytes, without quotes."""
    digests = [md5(piece) for piece in _pieces(source, cut, stop)]
    return f"{md5(b''.join(digests)).hex()}-{len(digests)}"


def _pieces(source: model.Source, size: int, stop: Callable[[], None]) -> Iterator[bytes]:
    with source.open() as stream:
        while piece := read_fully(stream, size):
            stop()
            yield piece
    source.check()


def read_fully(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, or fewer only at the end; a raw stream may give less at once."""
    pieces: list[bytes] = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Data(Protocol):
    """Bytes of which checksums are wanted."""

    @property
    def own(self) -> bytes:
        """Their CRC64NVME."""

    def view(self) -> memoryview:
        """The bytes."""


def of_body(algorithm: Algorithm | None, data: Data) -> bytes:
    """Digest of a body; its MD5 where there is no algorithm."""
    if algorithm is OWN:
        return data.own
    return algorithm.of(data.view()) if algorithm else md5(data.view())


def headers(algorithm: Algorithm | None, digest: bytes) -> dict[str, str]:
    """Headers that let the store check a body: the chosen checksum, else Content-MD5, which all know."""
    if algorithm:
        return {algorithm.header: encode(digest), "x-amz-sdk-checksum-algorithm": algorithm.name}
    return {"content-md5": encode(digest)}
