"""A large file in parts, continued where an earlier run was broken off.

The frame (create, list, complete, abort) goes through boto3, the parts through the CRT client. Which
open upload is one of ours shows in the size of its parts, which no other tool uses.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import botocore.exceptions

from entrypoint import destinations, errors
from entrypoint.destinations import Receipt
from entrypoint.destinations.s3 import checksums, compare, control, problems, wire
from entrypoint.destinations.s3.sender import Condition, Overtaken, Sender, body_headers, quote
from entrypoint.plan import model

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_WINDOW: Final = 16
"""Parts of one file under way; memory is bounded by the budget of all files together."""
_OLD: Final = dt.timedelta(days=1)


@dataclass(frozen=True)
class Broken:
    """An upload of ours that was broken off."""

    key: str
    id: str
    parts: tuple[control.Part, ...]


class Uploads:
    """The multipart uploads of this run, and those that earlier runs left open."""

    def __init__(self, ask: control.Control) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._open: set[tuple[str, str]] = set()
        self._broken: dict[str, Broken] = {}
        self._spare: set[tuple[str, str]] = set()
        self._seen: set[str] = set()
        self.notices: list[str] = []

    def find(self, prefixes: tuple[str, ...], sizes: dict[str, int]) -> None:
        """Look for uploads of ours: of planned files to be continued, others only if older than a day.

        Args:
            prefixes: folders that are this run's alone, without a last slash.
            sizes: planned keys and their bytes. Without permission to list, nothing is found.
        """
        now = dt.datetime.now(dt.UTC)
        try:
            for prefix in prefixes:
                for upload in self._ask.open_uploads(f"{prefix}/" if prefix else ""):
                    self._seen.add(upload.id)
                    planned = sizes.get(upload.key)
                    if planned is None and now - upload.started < _OLD:
                        continue
                    self._take(upload, planned, now)
        except botocore.exceptions.ClientError:
            # Not allowed, or not known to this store: then there is nothing to continue.
            return

    def _take(self, upload: control.OpenUpload, planned: int | None, now: dt.datetime) -> None:
        try:
            parts = tuple(self._ask.list_parts(upload.key, upload.id))
        except botocore.exceptions.ClientError:
            return  # ended meanwhile, or not allowed
        if planned is not None and planned > checksums.SINGLE:
            size = checksums.part_size(planned)
            last = checksums.parts(planned)
            if not parts and upload.algorithm == compare.OWN.name:
                # Begun for a file that we are about to send, with the checksum that we ask for, and empty:
                # as a run of ours leaves it that was killed at once. Nothing is lost with it.
                self.abort(upload.key, upload.id)
                return
            # A last part may have any size, so one of the others must have ours.
            fits = all(part.size == size or part.number == last for part in parts)
            ours = fits and any(part.size == size for part in parts)
            if ours and upload.key in self._broken:
                self._spare.add((upload.key, upload.id))
                return
            if ours:
                self._broken[upload.key] = Broken(upload.key, upload.id, parts)
                return
        if now - upload.started >= _OLD and parts and checksums.is_own_part(parts[0].size):
            self.abort(upload.key, upload.id)

    def broken(self, key: str) -> Broken | None:
        """The upload of a key that was broken off, handed out once."""
        with self._lock:
            found = self._broken.pop(key, None)
            if found:
                self._open.add((key, found.id))
        return found

    def opened(self, key: str, upload: str) -> None:
        """An upload of this run is open."""
        with self._lock:
            self._open.add((key, upload))

    def drop_unheard(self, key: str) -> None:
        """Drop the empty uploads of a key that were not there before: ours, whose answers were lost."""
        try:
            found = [each.id for each in self._ask.open_uploads(key) if each.key == key]
            with self._lock:
                new = [each for each in found if (key, each) not in self._open and each not in self._seen]
            for upload in new:
                if not any(True for _ in self._ask.list_parts(key, upload)):
                    self.abort(key, upload)
        except (botocore.exceptions.ClientError, errors.PublishError):
            return  # not allowed, or nothing to be heard again; empty uploads cost nothing

    def closed(self, key: str, upload: str) -> None:
        """It was completed."""
        with self._lock:
            self._open.discard((key, upload))

    def abort(self, key: str, upload: str) -> None:
        """Drop one, as well as it goes."""
        try:
            self._ask.abort_upload(key, upload)
        except botocore.exceptions.ClientError as error:
            if problems.from_boto(error).code != "NoSuchUpload":
                self.notices.append(
                    f"An unfinished upload of {key!r} could not be dropped and may cost storage."
                )
        except errors.PublishError:
            self.notices.append(f"An unfinished upload of {key!r} could not be dropped and may cost storage.")
        self.closed(key, upload)

    def abort_all(self) -> None:
        """Drop whatever this run has open."""
        with self._lock:
            left = sorted(self._open)
        for key, upload in left:
            self.abort(key, upload)

    def finish(self) -> None:
        """All is up: what was broken off and not continued is of no use any more."""
        with self._lock:
            self._open |= self._spare
            self._open.update((key, found.id) for key, found in self._broken.items())
            self._broken.clear()
        self.abort_all()


@dataclass
class _Sent:
    """A part under way or done; its bytes are gone already."""

    number: int
    size: int
    digest: bytes
    own: bytes
    md5: bytes | None
    pending: wire.Pending | None = None
    etag: str = ""
    proof: str | None = ""


@dataclass
class Multipart:
    """One run of one file."""

    sender: Sender
    uploads: Uploads
    file: model.PlannedFile
    key: str
    algorithm: checksums.Algorithm | None
    condition: Condition | None
    watch: destinations.Watch
    _done: list[_Sent] = field(default_factory=list)
    _id: str = ""
    _resent: int = 0

    def run(self) -> Receipt:
        """Send it.

        Raises:
            wire.Failed: the store refused a part or a step.
            Overtaken: the condition did not hold.
            errors.FileFailed, errors.Cancelled
        """
        had = self._continue() or self._create()
        try:
            self._send(had)
            receipt = self._complete()
        except errors.Unreachable:
            raise  # nobody would answer; `abandon` tries, and does not wait for ever
        except BaseException:
            self.uploads.abort(self.key, self._id)
            raise
        self.uploads.closed(self.key, self._id)
        return receipt

    def _continue(self) -> dict[int, control.Part]:
        """Take an upload that was broken off, if each of its parts is what the file has there."""
        found = self.uploads.broken(self.key)
        if not found:
            return {}
        self._id = found.id
        parts = {part.number: part for part in found.parts}
        # What an open upload will carry as metadata cannot be asked for, so one whose own checksum travels
        # there is not continued.
        store = self.sender.store
        store.keeps_checksums |= all(part.checksum for part in found.parts)
        if self.algorithm and store.keeps_checksums and self._are_ours(parts):
            return parts
        self.uploads.abort(self.key, found.id)
        return {}

    def _are_ours(self, parts: dict[int, control.Part]) -> bool:
        size = checksums.part_size(self.file.size)
        with self.file.source.open() as stream:
            for number in sorted(parts):
                self.watch.check()
                stream.seek((number - 1) * size)
                data = checksums.read_fully(stream, size)
                if not self._is_same(parts[number], data):
                    return False
        return True

    def _is_same(self, part: control.Part, data: bytes) -> bool:
        assert self.algorithm is not None  # asked only then
        if part.size != len(data):
            return False
        if part.checksum:
            return part.checksum == checksums.encode(self.algorithm.of(data))
        return part.etag.strip('"') == checksums.md5(data).hex()

    def _create(self) -> dict[int, control.Part]:
        """Open an upload. A store that does not say it keeps checksums gets ours as metadata."""
        store = self.sender.store
        algorithm = self.algorithm
        if algorithm:
            wanted = {"ChecksumAlgorithm": algorithm.name, "ChecksumType": algorithm.type}
            self._id, kept = self._open(self.sender.upload_arguments(self.file, {}) | wanted)
            store.keeps_checksums |= kept == algorithm.name
            if store.keeps_checksums:
                return {}
            self.uploads.abort(self.key, self._id)
        own = checksums.of_file(self.file.source, compare.OWN, self.watch.check)
        metadata = {compare.OWN_CHECKSUM: checksums.encode(own)}
        arguments = self.sender.upload_arguments(self.file, metadata)
        self._id, _ = self._open(arguments | ({"ChecksumAlgorithm": algorithm.name} if algorithm else {}))
        return {}

    def _open(self, arguments: dict[str, Any]) -> tuple[str, str]:
        try:
            upload, kept, repeated = self.sender.ask.create_upload(self.key, arguments)
        except botocore.exceptions.ClientError as error:
            raise wire.Failed(problems.from_boto(error)) from error
        self.uploads.opened(self.key, upload)
        if repeated:
            self.uploads.drop_unheard(self.key)
        return upload, kept

    def _send(self, had: dict[int, control.Part]) -> None:
        size = checksums.part_size(self.file.size)
        under_way: deque[_Sent] = deque()
        try:
            with self.file.source.open() as stream:
                left, number = self.file.size, 0
                while left:
                    self.watch.check()
                    number += 1
                    length = min(size, left)
                    if len(under_way) >= _WINDOW:
                        self._finish(under_way.popleft())
                    under_way.append(self._start(stream, number, length, had.get(number)))
                    left -= length
            while under_way:
                self._finish(under_way.popleft())
        finally:
            for part in under_way:
                if part.pending:
                    part.pending.cancel()
        self.file.source.check()

    def _start(self, stream: Any, number: int, length: int, had: control.Part | None) -> _Sent:
        with self.sender.lease(length, self.watch) as lease:
            data = checksums.read_fully(stream, length)
            if len(data) != length:
                raise errors.FileFailed(
                    f"{self.file.local!r} changed while it was read: it became shorter.",
                    "Let the pipeline finish before uploading, then run again.",
                )
            own = compare.OWN.of(data)
            algorithm = self.algorithm
            digest = (
                (own if algorithm is compare.OWN else algorithm.of(data))
                if algorithm
                else checksums.md5(data)
            )
            needs_md5 = not self.sender.store.keeps_checksums
            md5 = (checksums.md5(data) if algorithm else digest) if needs_md5 else None
            sent = _Sent(number, length, digest, own, md5)
            if had:
                sent.etag, sent.proof = had.etag, algorithm.name if algorithm else "MD5 (ETag)"
                return sent
            path = f"{quote(self.key)}?partNumber={number}&uploadId={quote(self._id)}"
            headers = body_headers(algorithm, digest) | self.sender.request_headers()
            sent.pending = self.sender.start("UploadPart", path, headers, data, lease)
            return sent

    def _finish(self, part: _Sent) -> None:
        """Wait for a part and judge its answer; once more when the credentials expired."""
        if part.pending:
            try:
                answer = part.pending.wait(self.watch)
            except wire.Failed as error:
                if not self.sender.may_renew(error.answer):
                    raise
                answer = self._again(part)
            part.etag = answer.get("etag", "")
            part.proof = self.sender.proof(answer, self.algorithm, part.digest, lambda: part.md5)
            part.pending = None
            self.watch.moved(part.size)
            self._resent += part.size
        self._done.append(part)

    def _again(self, part: _Sent) -> dict[str, str]:
        with self.file.source.open() as stream:
            stream.seek((part.number - 1) * checksums.part_size(self.file.size))
            again = self._start(stream, part.number, part.size, None)
        assert again.pending is not None  # it was just started
        if again.own != part.own:
            again.pending.cancel()
            raise errors.FileFailed(f"{self.file.local!r} changed while it was read.", "Run again.")
        return again.pending.wait(self.watch)

    def _complete(self) -> Receipt:
        algorithm = self.algorithm
        digest, own = self._whole()
        keeps = self.sender.store.keeps_checksums and algorithm is not None
        parts: list[CompletedPartTypeDef] = []
        for part in self._done:
            entry: CompletedPartTypeDef = {"PartNumber": part.number, "ETag": part.etag}
            if keeps and algorithm:
                entry[algorithm.field] = checksums.encode(part.digest)  # type: ignore[literal-required]
            parts.append(entry)
        more: dict[str, Any] = dict(self.condition.arguments) if self.condition else {}
        if keeps and algorithm and algorithm.combine:
            more |= {algorithm.field: digest, "ChecksumType": algorithm.type}
        try:
            answer = self.sender.ask.complete_upload(self.key, self._id, parts, more)
        except botocore.exceptions.ClientError as error:
            said = problems.from_boto(error)
            if self.condition and said.status in (409, 412):
                raise Overtaken from error
            # The store may have completed it though its answer was lost; the object itself tells.
            if (said.status < 500 and said.code != "NoSuchUpload") or not self._is_there(own, digest):
                raise wire.Failed(said) from error
            answer = {}
        except errors.Unreachable:
            if not self._is_there(own, digest):
                raise
            answer = {}
        else:
            if not answer.get("ETag") and not self._is_there(own, digest):
                # Somebody else answered, such as a gateway that says it is down with a status of 200.
                raise wire.Failed(problems.Answer(0, "", "an answer without an ETag"))
        proof = self._proof(answer, digest, own)
        shown = f"{algorithm.name.lower()}:{digest}" if algorithm else compare.OWN.show(own)
        return Receipt(self._resent, shown, proof or "accepted with its checksum", strong=bool(proof))

    def _whole(self) -> tuple[str, bytes]:
        """The checksum of the object as S3 will write it, and our own CRC64NVME of the file."""
        own = compare.OWN.of(b"")
        for part in self._done:
            assert compare.OWN.combine is not None  # a CRC
            own = compare.OWN.combine(own, part.own, part.size)
        algorithm = self.algorithm
        if algorithm is None:
            return "", own
        if algorithm.combine is None:
            whole = algorithm.of(b"".join(part.digest for part in self._done))
            return f"{checksums.encode(whole)}-{len(self._done)}", own
        digest = algorithm.of(b"")
        for part in self._done:
            digest = algorithm.combine(digest, part.digest, part.size)
        return checksums.encode(digest), own

    def _is_there(self, own: bytes, digest: str) -> bool:
        try:
            head = self.sender.ask.head(self.key)
        except (botocore.exceptions.ClientError, errors.PublishError):
            return False
        kept = head.checksums.get(self.algorithm.name) if self.algorithm else ""
        encoded = checksums.encode(own)
        proofs = (head.checksums.get(compare.OWN.name), head.metadata.get(compare.OWN_CHECKSUM))
        return head.size == self.file.size and (encoded in proofs or (bool(kept) and kept == digest))

    def _proof(self, answer: dict[str, Any], digest: str, own: bytes) -> str:
        """What proves the object; raises where something proves it wrong."""
        algorithm = self.algorithm
        if algorithm and algorithm.could_be(said := answer.get(algorithm.field) or ""):
            if said == digest:
                return algorithm.name
        elif all(part.proof for part in self._done):
            return f"{self._done[0].proof} of each part"
        elif all(part.proof is not None for part in self._done):
            return compare.OWN.name if self._is_there(own, digest) else ""
        had_etag = all(part.etag for part in self._done)
        if self.sender.reads_back(self.key, self.file.size, own, self.watch, had_etag=had_etag):
            return "content read back"
        raise errors.FileFailed(
            f"{self.file.local!r}: the store keeps other bytes than were sent.",
            "Check the store; the object there must not be trusted, and run again.",
        )
