"""Sending one body with proof: headers, leases of memory, and what an answer proves."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import botocore.exceptions

from entrypoint import errors, settings
from entrypoint.destinations.s3 import checksums, compare, control, problems, wire
from entrypoint.destinations.s3.store import Store
from entrypoint.plan import model


@dataclass(frozen=True)
class Condition:
    """What must hold at the destination when an object is replaced.

    Attributes:
        etag: of the object to be replaced, with quotes; empty when there must be none.
    """

    etag: str

    @property
    def headers(self) -> dict[str, str]:
        """For PutObject."""
        return {"if-match": self.etag} if self.etag else {"if-none-match": "*"}

    @property
    def arguments(self) -> dict[str, str]:
        """For CompleteMultipartUpload."""
        return {"IfMatch": self.etag} if self.etag else {"IfNoneMatch": "*"}


class Overtaken(Exception):
    """The condition did not hold: somebody else replaced the object meanwhile."""


class Sender:
    """Sends bodies and judges the answers. Thread-safe."""

    def __init__(
        self, chosen: settings.S3Settings, ask: control.Control, line: wire.Wire, store: Store
    ) -> None:
        self._chosen = chosen
        self.ask = ask
        self._line = line
        self.store = store

    def lease(self, size: int, stop: wire.Stop) -> Lease:
        """Wait for so many bytes of the budget."""
        self._line.budget.take(size, stop)
        return Lease(self._line.budget, size)

    def start(
        self, operation: str, path: str, headers: dict[str, str], data: bytes, lease: Lease | None
    ) -> wire.Pending:
        """Send a body without waiting; a lease goes along, for who does not keep the bytes meanwhile."""
        # Here, where waiting for new credentials holds up one file only, and their failure is said as it is.
        self.ask.credentials.get_frozen_credentials()
        at_end = lease.hand_over() if lease else _nothing
        try:
            return self._line.put(operation, path, headers, data, at_end)
        except BaseException:
            at_end()
            raise

    def send(
        self,
        operation: str,
        path: str,
        headers: dict[str, str],
        data: bytes,
        stop: wire.Stop,
        condition: Condition | None = None,
    ) -> dict[str, str]:
        """Send a body and wait; once more with new credentials when they have expired.

        Raises:
            Overtaken: the condition did not hold.
            wire.Failed: the store refused it.
        """
        try:
            return self.start(operation, path, headers, data, None).wait(stop)
        except wire.Failed as error:
            if condition and error.answer.status in (409, 412):
                raise Overtaken from None
            if not self.may_renew(error.answer):
                raise
        return self.start(operation, path, headers, data, None).wait(stop)

    def may_renew(self, answer: problems.Answer) -> bool:
        """After an answer that says so: whether there are other credentials now."""
        return problems.is_expired(answer) and self.ask.credentials.renew()

    def proof(
        self,
        answer: dict[str, str],
        algorithm: checksums.Algorithm | None,
        digest: bytes,
        md5: Callable[[], bytes | None],
    ) -> str | None:
        """What in an answer proves the bytes: a name, empty where there is nothing, None where it is wrong.

        No ETag at all is wrong too: it was somebody else who answered, such as a gateway that says it is down
        with a status of 200.
        """
        said = answer.get(algorithm.header, "") if algorithm else ""
        if algorithm and algorithm.could_be(said):
            self.store.keeps_checksums = True
            return algorithm.name if said == checksums.encode(digest) else None
        if said:
            # Another one's in its place. From now on the MD5 counts; for these bytes there may be none.
            self.store.keeps_checksums = False
            if md5() is None:
                return None
        etag = answer.get("etag", "")
        if not etag:
            return None
        encryption = answer.get("x-amz-server-side-encryption", "")
        if self.store.etag_is_md5 and compare.is_md5(etag, encryption) and (own := md5()):
            return "MD5 (ETag)" if etag.strip('"') == own.hex() else None
        self.store.tell(
            "This store answers with neither a checksum nor an ETag that is one; a file counts as verified when "
            "the store accepted a request that carried its checksum."
        )
        return ""

    def reads_back(self, key: str, size: int, digest: bytes, stop: wire.Stop, *, had_etag: bool) -> bool:
        """Whether an object has this CRC64NVME; asked when an answer says otherwise, or nothing.

        Some stores make up ETags that look like an MD5 and are none; then they are not believed again.
        """
        found, position = compare.OWN.of(b""), 0
        try:
            for piece in self.ask.read(key, checksums.CHUNK):
                stop.check()
                assert compare.OWN.combine is not None  # a CRC
                found = compare.OWN.combine(found, compare.OWN.of(piece), len(piece))
                position += len(piece)
        except (botocore.exceptions.ClientError, errors.Unreachable):
            return False
        if found != digest or position != size:
            return False
        if not had_etag:
            return True
        self.store.etag_is_md5 = False
        self.store.tell("The ETags of this store are not MD5 checksums; they are not used.")
        return True

    def request_headers(self) -> dict[str, str]:
        """Headers of every request."""
        owner = self._chosen.expected_bucket_owner
        return {"x-amz-expected-bucket-owner": owner} if owner else {}

    def object_headers(self, file: model.PlannedFile) -> dict[str, str]:
        """Headers of PutObject that describe the object."""
        chosen = self._chosen
        headers = {
            "content-type": file.media_type,
            "cache-control": file.cache_control,
            "x-amz-storage-class": chosen.storage_class,
            "x-amz-acl": chosen.acl,
            "x-amz-server-side-encryption": chosen.sse,
            "x-amz-server-side-encryption-aws-kms-key-id": chosen.sse_kms_key_id,
            "x-amz-tagging": urllib.parse.urlencode(chosen.tags, quote_via=urllib.parse.quote),
        }
        headers.update((f"x-amz-meta-{name.lower()}", value) for name, value in chosen.metadata)
        return {name: value for name, value in headers.items() if value} | self.request_headers()

    def upload_arguments(self, file: model.PlannedFile, metadata: dict[str, str]) -> dict[str, Any]:
        """The same as arguments of CreateMultipartUpload."""
        chosen = self._chosen
        arguments = {
            "ContentType": file.media_type,
            "CacheControl": file.cache_control,
            "StorageClass": chosen.storage_class,
            "ACL": chosen.acl,
            "ServerSideEncryption": chosen.sse,
            "SSEKMSKeyId": chosen.sse_kms_key_id,
            "Tagging": urllib.parse.urlencode(chosen.tags, quote_via=urllib.parse.quote),
            "Metadata": {name.lower(): value for name, value in chosen.metadata} | metadata,
        }
        return {name: value for name, value in arguments.items() if value}


class Lease:
    """Bytes taken from the budget, given back once, by whoever has them at the end."""

    def __init__(self, budget: wire.Budget, size: int) -> None:
        self._budget = budget
        self._size = size
        self._mine = True

    def hand_over(self) -> Callable[[], None]:
        """Leave the bytes to a request; the result is called when it is over."""
        self._mine = False
        return lambda: self._budget.give(self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._mine:
            self._budget.give(self._size)
            self._mine = False


def _nothing() -> None:
    """What to do at the end of a request whose bytes the caller still has a lease for."""


def quote(key: str) -> str:
    """A key as it stands in a path."""
    return urllib.parse.quote(key, safe="/-_.~")


def body_headers(algorithm: checksums.Algorithm | None, digest: bytes) -> dict[str, str]:
    """Headers that let the store check a body: the chosen checksum, else Content-MD5, which all know."""
    if algorithm:
        return {algorithm.header: checksums.encode(digest), "x-amz-sdk-checksum-algorithm": algorithm.name}
    return {"content-md5": checksums.encode(digest)}
