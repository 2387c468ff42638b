"""One file to one object: in one request or in parts, with a fallback for stores that know less."""

from __future__ import annotations

from typing import Final

from entrypoint import destinations, errors
from entrypoint.destinations import Receipt
from entrypoint.destinations.s3 import checksums, compare, multipart, problems, wire
from entrypoint.destinations.s3.sender import Condition, Sender, body_headers, quote
from entrypoint.plan import model

_TRIES: Final = 2
"""Times that a body is sent when what the store says it has is not what was sent."""


class Unconditional(Exception):
    """The store knows no conditions; nothing was replaced."""


class Uploader:
    """Sends files; `put` is called from several threads."""

    def __init__(self, sender: Sender, uploads: multipart.Uploads) -> None:
        self._sender = sender
        self._store = sender.store
        self._uploads = uploads

    def put(
        self, file: model.PlannedFile, key: str, condition: Condition | None, watch: destinations.Watch
    ) -> Receipt:
        """Send one file.

        Raises:
            Overtaken: the condition did not hold.
            Unconditional: the store knows no conditions.
            errors.FileFailed, errors.Cancelled, errors.NotAuthorised, errors.Refused
        """
        algorithm = self._store.algorithm
        try:
            return self._put(file, key, algorithm, condition, watch)
        except wire.Failed as error:
            answer = error.answer
        if algorithm and self._store.may_fall_back and _is_unknown(answer):
            # Either the checksum or the condition was not understood; without the checksum it shows which.
            try:
                receipt = self._put(file, key, None, condition, watch)
            except wire.Failed as error:
                answer = error.answer
            else:
                self._store.algorithm = None
                self._store.tell(
                    f"This store refuses {algorithm.name} checksums ({answer.code or answer.status}); every "
                    "request carried an MD5 (Content-MD5) instead."
                )
                return receipt
        if condition and _is_unknown(answer):
            raise Unconditional
        bucket = f"s3://{self._sender.ask.bucket}"
        raise problems.everywhere(answer, bucket) or problems.for_file(answer, file.local)

    def _put(
        self,
        file: model.PlannedFile,
        key: str,
        algorithm: checksums.Algorithm | None,
        condition: Condition | None,
        watch: destinations.Watch,
    ) -> Receipt:
        if file.size > checksums.SINGLE:
            return self._in_parts(file, key, algorithm, condition, watch)
        for _ in range(_TRIES):
            if receipt := self._single(file, key, algorithm, condition, watch):
                return receipt
        raise errors.FileFailed(
            f"{file.local!r}: the store keeps other bytes than were sent, twice over.",
            "Check the store; the object there must not be trusted.",
        )

    def _in_parts(
        self,
        file: model.PlannedFile,
        key: str,
        algorithm: checksums.Algorithm | None,
        condition: Condition | None,
        watch: destinations.Watch,
    ) -> Receipt:
        def run() -> Receipt:
            return multipart.Multipart(
                self._sender, self._uploads, file, key, algorithm, condition, watch
            ).run()

        try:
            return run()
        except wire.Failed as error:
            if error.answer.code != "NoSuchUpload":
                raise
        # Another run at the same time took our upload for one that was broken off, and ended it.
        return run()

    def _single(
        self,
        file: model.PlannedFile,
        key: str,
        algorithm: checksums.Algorithm | None,
        condition: Condition | None,
        watch: destinations.Watch,
    ) -> Receipt | None:
        """Send it in one request; nothing when the store turns out to have other bytes."""
        sender = self._sender
        with sender.lease(file.size, watch):
            with file.source.open() as stream:
                data = checksums.read_fully(stream, file.size + 1)
            file.source.check()
            if len(data) != file.size:
                raise errors.FileFailed(
                    f"{file.local!r} changed while it was read: {file.size} bytes were planned.",
                    "Let the pipeline finish before uploading, then run again.",
                )
            digest = algorithm.of(data) if algorithm else checksums.md5(data)
            headers = sender.object_headers(file) | body_headers(algorithm, digest)
            if condition:
                headers |= condition.headers
            answer = sender.send("PutObject", quote(key), headers, data, watch, condition)
            proof = sender.proof(answer, algorithm, digest, lambda: checksums.md5(data))
        if proof is None and sender.reads_back(
            key, file.size, compare.OWN.of(data), watch, had_etag=bool(answer.get("etag"))
        ):
            proof = "content read back"
        if proof is None:
            return None
        watch.moved(file.size)
        shown = algorithm.show(digest) if algorithm else f"md5:{digest.hex()}"
        return Receipt(file.size, shown, proof or "accepted with its checksum", strong=bool(proof))


def _is_unknown(answer: problems.Answer) -> bool:
    """Whether a store seems not to understand a header rather than to refuse the object."""
    return (
        answer.status in (400, 501)
        and not problems.everywhere(answer, "")
        and answer.code
        not in (
            "BadDigest",
            "InvalidDigest",
            "EntityTooLarge",
            "InvalidStorageClass",
            "RequestTimeout",
        )
    )
