"""What a stand-in keeps: objects, open uploads, and as many generated keys as a test wants."""

from __future__ import annotations

import base64
import bisect
import hashlib
import heapq
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import awscrt.checksums

ALGORITHMS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "crc64nvme": lambda data: awscrt.checksums.crc64nvme(data).to_bytes(8, "big"),
    "crc32c": lambda data: awscrt.checksums.crc32c(data).to_bytes(4, "big"),
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
}


def checksum(name: str, data: bytes) -> str:
    """As S3 writes it: base64."""
    return base64.b64encode(ALGORITHMS[name](data)).decode()


def md5(data: bytes) -> str:
    """In hex."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def opaque(data: bytes) -> str:
    """An ETag that is no MD5 and does not look like one."""
    return f"0x8D{md5(data)[:12].upper()}"


@dataclass(frozen=True)
class Object:
    """One object.

    Attributes:
        etag: without quotes; empty where there is none.
        headers: that GET and HEAD answer besides, names in lower case.
        checksums: by algorithm in lower case; `checksum_type` is FULL_OBJECT or COMPOSITE.
        settings: what the request asked for (tags, ACL, storage class), whether it was kept or not.
    """

    data: bytes
    etag: str
    headers: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Upload:
    """An open multipart upload."""

    id: str
    key: str
    headers: Mapping[str, str]
    started: str = "2026-11-28T00:00:00.000Z"
    parts: dict[int, bytes] = field(default_factory=dict)
    checksums: dict[int, Mapping[str, str]] = field(default_factory=dict)
    etag_of: Callable[[bytes], str] = md5

    def etag(self, number: int) -> str:
        """Of one part, without quotes."""
        return self.etag_of(self.parts[number])


@dataclass(frozen=True)
class Generated:
    """Generated keys: ``prefix`` and a number, each object of `size` bytes."""

    prefix: str
    count: int
    size: int = 7

    def key(self, number: int) -> str:
        """The key of that number."""
        return f"{self.prefix}{number:08}.tsv"

    def after(self, key: str) -> Iterator[str]:
        """Its keys beyond this one, in order."""
        start = bisect.bisect_right(range(self.count), key, key=self.key)
        return map(self.key, range(start, self.count))

    def __contains__(self, key: str) -> bool:
        return next(self.after(key[:-1]), "") == key if key else False


@dataclass
class Bucket:
    """Objects by key; not safe for threads by itself."""

    objects: dict[str, Object] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    generated: Generated | None = None
    deleted: set[str] = field(default_factory=set)
    """Of the generated ones."""

    def after(self, key: str) -> Iterator[str]:
        """Keys beyond this one, in order."""
        kept = sorted(self.objects)
        mine = iter(kept[bisect.bisect_right(kept, key) :])
        if not self.generated:
            return mine
        others = (name for name in self.generated.after(key) if name not in self.deleted)
        return heapq.merge(mine, others)

    def find(self, key: str) -> Object | None:
        """An object, made up where its key is a generated one."""
        found = self.objects.get(key)
        if found is None and self.generated and key in self.generated and key not in self.deleted:
            data = b"x" * self.generated.size
            return Object(data, md5(data))
        return found

    def delete(self, key: str) -> None:
        """Whether it is there or not."""
        if self.objects.pop(key, None) is None and self.generated and key in self.generated:
            self.deleted.add(key)
