"""A large file in parts, which are sent side by side and continued where an earlier run was broken off."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass
from typing import Final

from entrypoint import destinations, errors
from entrypoint.destinations import Receipt
from entrypoint.destinations.s3 import body, checksums, client, compare, problems, proof, unfinished
from entrypoint.destinations.s3.store import Option
from entrypoint.plan import model

_AHEAD: Final = 32
"""Parts of one file that are assigned to threads and not yet checked."""
_ENDING: Final = 2.0
"""Seconds for parts under way to end when their upload is given up."""


class RestartUpload(Exception):
    """An upload that was continued came to nothing; the file has to be sent whole."""


@dataclass(frozen=True)
class Tools:
    """What all large files share."""

    ask: client.Client
    uploads: unfinished.Uploads
    buffers: body.Buffers
    threads: futures.Executor


@dataclass(frozen=True)
class _Sent:
    """A part that is up; its bytes are gone already.

    Attributes:
        count: bytes that were sent for it now.
        summed: whether it carried its checksum.
    """

    number: int
    size: int
    digest: bytes
    own: bytes
    etag: str
    proof: str | None
    count: int
    summed: bool = True


class Multipart:
    """One run of one file.

    Args:
        headers: that describe the object.
        conditions: headers that must hold when it is replaced.
    """

    def __init__(
        self,
        tools: Tools,
        file: model.PlannedFile,
        key: str,
        headers: Mapping[str, str],
        conditions: Mapping[str, str],
        watch: destinations.Watch,
    ) -> None:
        self._tools = tools
        self._ask, self._store, self._uploads = tools.ask, tools.ask.store, tools.uploads
        self._file = file
        self._key = key
        self._headers = headers
        self._conditions = conditions
        self._watch = watch
        self._algorithm = self._store.algorithm
        self._had: Mapping[int, client.Part] = {}
        self._continued = False
        self._keeps = False
        self._id = ""
        self._ended = threading.Event()

    def run(self) -> tuple[Receipt, str]:
        """Send it; the receipt, and the object's ETag.

        Raises:
            problems.Failed: the store refused a part or a step.
            RestartUpload
            errors.FileFailed, errors.Cancelled
        """
        if not self._continue():
            self._create()
        try:
            ended = self._complete(self._send())
        except errors.Unreachable:
            raise  # the network may be down; `abandon` tries, for a limited time
        except problems.Failed as error:
            self._uploads.abort(self._key, self._id)
            if self._continued and error.answer.status in (400, 404, 501):
                raise RestartUpload from error
            raise
        except BaseException:
            self._uploads.abort(self._key, self._id)
            raise
        self._uploads.closed(self._key, self._id)
        return ended

    # Opening

    def _continue(self) -> bool:
        """Take an upload that was broken off; each of its parts is proved when its turn comes."""
        found = self._uploads.broken(self._key)
        if not found:
            return False
        if found.algorithm and (not self._algorithm or found.algorithm != self._algorithm.name):
            self._uploads.abort(self._key, found.id)
            return False
        self._id, self._had, self._continued = found.id, found.parts, True
        self._keeps = bool(self._algorithm) and all(part.checksums for part in found.parts.values())
        return True

    def _create(self) -> None:
        """Open an upload; with our own checksum as metadata where the store keeps none of an object in parts.

        Whether it does is in the answer that opens an upload. ETags do not tell: some stores have MD5s of parts
        and then an ETag of the object that is nothing of the kind.
        """
        headers = self._headers
        if self._store.keeps_part_checksums is False or self._store.keeps_checksums is False:
            own = checksums.of_file(self._file.source, compare.OWN, self._watch.check)
            headers = {**headers, f"x-amz-meta-{compare.OWN_CHECKSUM}": checksums.encode(own)}
        is_known = headers is not self._headers or self._store.keeps_part_checksums is not None
        self._id, kept = self._open(headers)
        self._algorithm = self._store.algorithm
        self._keeps = self._algorithm is not None and kept == self._algorithm.name
        self._store.keeps_part_checksums = self._keeps
        if not self._keeps and not is_known:
            self._uploads.abort(self._key, self._id)
            self._create()

    def _open(self, headers: Mapping[str, str]) -> tuple[str, str]:
        def send(options: frozenset[Option]) -> tuple[str, str, bool]:
            algorithm = self._store.algorithm if Option.CHECKSUM in options else None
            wanted = {}
            if algorithm:
                wanted = {"x-amz-checksum-algorithm": algorithm.name, "x-amz-checksum-type": algorithm.type}
            return self._ask.create_upload(self._key, {**headers, **wanted})

        try:
            upload, kept, repeated = self._store.call((Option.CHECKSUM,), send)
        except problems.Failed as error:
            if problems.is_passing(error.answer) or not error.answer.status:
                self._uploads.abort_unreported(self._key)  # it may be open all the same
            raise
        self._uploads.opened(self._key, upload)
        if repeated:
            self._uploads.abort_unreported(self._key)
        return upload, kept

    # Sending

    def _send(self) -> list[_Sent]:
        done: list[_Sent] = []
        self._watch.moved(sum(part.count for part in done))
        under_way: deque[futures.Future[_Sent]] = deque()
        try:
            for number, offset, length in itertools.islice(self._cuts(), len(done), None):
                self._watch.check()
                if len(under_way) >= _AHEAD:
                    done.append(self._result(under_way))
                under_way.append(self._tools.threads.submit(self._part, number, offset, length))
            while under_way:
                done.append(self._result(under_way))
        except BaseException:
            self._ended.set()
            for future in under_way:
                future.cancel()
            futures.wait(under_way, timeout=_ENDING)
            raise
        self._file.source.check()
        if self._continued and not any(part.count < part.size for part in done):
            self._store.tell(
                f"An unfinished upload of {self._file.local!r} was found, but its parts could not be verified; the "
                "whole file was sent."
            )
        return done

    def _cuts(self) -> Iterator[tuple[int, int, int]]:
        """Number, offset and bytes of each part."""
        size = checksums.part_size(self._file.size)
        for number, offset in enumerate(range(0, self._file.size, size), 1):
            yield number, offset, min(size, self._file.size - offset)

    def _result(self, under_way: deque[futures.Future[_Sent]]) -> _Sent:
        sent = under_way[0].result()
        under_way.popleft()
        self._watch.moved(sent.count)
        return sent

    def _check(self) -> None:
        self._watch.check()
        if self._ended.is_set():
            raise errors.Cancelled

    def _part(self, number: int, offset: int, length: int) -> _Sent:
        """Send one part, or prove that it is up; runs in a thread of its own."""
        self._check()
        algorithm = self._algorithm
        with body.FileBody(self._file, offset, length, self._tools.buffers, self._check) as data:
            had = self._had.get(number)
            if had and self._is_proved(had, data):
                how = algorithm.name if algorithm and had.checksums else proof.BY_MD5
                return _Sent(number, length, checksums.of_body(algorithm, data), data.own, had.etag, how, 0)
            return self._send_part(number, data)

    def _send_part(self, number: int, data: body.FileBody) -> _Sent:
        md5 = checksums.md5(data.view()) if self._store.keeps_checksums is False else None
        used: tuple[checksums.Algorithm | None, bytes] = (None, b"")

        def send(options: frozenset[Option]) -> dict[str, str]:
            nonlocal used
            algorithm = self._algorithm if Option.CHECKSUM in options else None
            used = (algorithm, checksums.of_body(algorithm, data))
            return self._ask.upload_part(
                self._key,
                self._id,
                number,
                checksums.headers(*used),
                data,
                sign_body=Option.UNSIGNED not in options,
            )

        answer = self._store.call((Option.UNSIGNED, Option.CHECKSUM), send)
        algorithm, digest = used
        proved = proof.of_answer(
            self._store, answer, algorithm, digest, lambda: md5 or checksums.md5(data.view())
        )
        etag = answer.get("etag", "")
        whole = digest if algorithm is self._algorithm else checksums.of_body(self._algorithm, data)
        summed = algorithm is not None
        return _Sent(number, data.size, whole, data.own, etag, proved, data.size, summed)

    def _is_proved(self, part: client.Part, data: body.FileBody) -> bool:
        """Whether a part that is up is what the file has there: by its checksum, or an ETag that is its MD5."""
        if part.size != data.size:
            return False
        for name, said in part.checksums.items():
            algorithm = checksums.ALGORITHMS.get(name)
            if algorithm and algorithm.is_plausible(said):
                return said == checksums.encode(checksums.of_body(algorithm, data))
        is_md5 = self._store.etag_is_md5 and compare.is_md5(part.etag, "")
        return is_md5 and compare.plain(part.etag) == checksums.md5(data.view()).hex()

    # Closing

    def _complete(self, done: list[_Sent]) -> tuple[Receipt, str]:
        algorithm = self._algorithm
        digest, own = self._whole(done)
        keeps = self._keeps and algorithm is not None and all(part.summed for part in done)
        sums = [
            {algorithm.field: checksums.encode(part.digest)} if keeps and algorithm else {} for part in done
        ]
        parts = [(part.number, part.etag, each) for part, each in zip(done, sums, strict=True)]
        whole: dict[str, str] = {}
        if keeps and algorithm and algorithm.combine:
            whole = {algorithm.header: digest, "x-amz-checksum-type": algorithm.type}

        def send(options: frozenset[Option]) -> dict[str, str]:
            headers = {
                **(whole if Option.OBJECT_CHECKSUM in options else {}),
                **(self._conditions if Option.CONDITION in options else {}),
            }
            return self._ask.complete_upload(self._key, self._id, parts, headers)

        options = ((Option.OBJECT_CHECKSUM,) if whole else ()) + (
            (Option.CONDITION,) if self._conditions else ()
        )
        try:
            answer = self._store.call(options, send)
        except problems.Failed as error:
            said = error.answer
            lost = said.status >= 500 or not said.status or said.code == "NoSuchUpload" or said.status == 200
            # The store may have completed it although its answer was lost; check the object itself.
            if not lost or not self._is_there(own, digest):
                raise
            answer = {}
        else:
            if not answer and not self._is_there(own, digest):
                # Not the store's answer, but for example a gateway's error page with a status of 200.
                raise problems.Failed(problems.Answer(0, "", "an answer without an ETag"))
        self._check_note(own)
        proved = self._proof(answer, done, digest, own)
        shown = f"{algorithm.name.lower()}:{digest}" if algorithm else compare.OWN.show(own)
        sent = sum(part.count for part in done)
        receipt = Receipt(sent, shown, proved or "accepted with its checksum", strong=bool(proved))
        return receipt, answer.get("etag", "")

    def _whole(self, done: list[_Sent]) -> tuple[str, bytes]:
        """The checksum of the object as S3 will write it, and our own CRC64NVME of the file."""
        assert compare.OWN.combine is not None  # a CRC
        own = compare.OWN.of(b"")
        for part in done:
            own = compare.OWN.combine(own, part.own, part.size)
        algorithm = self._algorithm
        if algorithm is None:
            return "", own
        if algorithm.combine is None:
            whole = algorithm.of(b"".join(part.digest for part in done))
            return f"{checksums.encode(whole)}-{len(done)}", own
        digest = algorithm.of(b"")
        for part in done:
            digest = algorithm.combine(digest, part.digest, part.size)
        return checksums.encode(digest), own

    def _head(self) -> client.Head | None:
        try:
            return self._ask.head(self._key)
        except (problems.Failed, errors.Unreachable, errors.Refused):
            return None

    def _is_there(self, own: bytes, digest: str) -> bool:
        head = self._head()
        if head is None:
            return False
        kept = head.checksums.get(self._algorithm.name) if self._algorithm else ""
        encoded = checksums.encode(own)
        proofs = (head.checksums.get(compare.OWN.name), head.metadata.get(compare.OWN_CHECKSUM))
        return head.size == self._file.size and (encoded in proofs or (bool(kept) and kept == digest))

    def _check_note(self, own: bytes) -> None:
        """An upload that was continued carries the note of the run that began it, perhaps of another content."""
        if not self._continued or self._keeps or not (head := self._head()):
            return
        note = head.metadata.get(compare.OWN_CHECKSUM)
        if note and note != checksums.encode(own):
            raise RestartUpload

    def _proof(self, answer: Mapping[str, str], done: list[_Sent], digest: str, own: bytes) -> str:
        """What proves the object; raises where something proves it wrong."""
        algorithm = self._algorithm
        if algorithm and algorithm.is_plausible(said := answer.get(algorithm.header) or ""):
            if said == digest:
                return algorithm.name
        elif all(part.proof for part in done):
            return f"{done[0].proof} of each part"
        elif all(part.proof is not None for part in done):
            return compare.OWN.name if self._is_there(own, digest) else ""
        had_etag = all(part.etag for part in done)
        if proof.by_reading(self._ask, self._key, self._file.size, own, had_etag=had_etag):
            return "content read back"
        raise errors.FileFailed(
            f"{self._file.local!r}: the store has different bytes than were sent; perhaps another run replaced them.",
            "If no other run writes there, check the store and do not use the object. Run again.",
        )
