"""One file to one object: in one request or in parts, with a fallback for stores that know less."""

from __future__ import annotations

import functools
import threading
import urllib.parse
from collections.abc import Mapping
from concurrent import futures
from dataclasses import dataclass
from typing import Final

from entrypoint import destinations, errors, settings
from entrypoint.destinations import Receipt
from entrypoint.destinations.s3 import body, checksums, client, multipart, problems, proof, unfinished
from entrypoint.destinations.s3.store import Option
from entrypoint.plan import model

_TRIES: Final = 2
"""Times that a body is sent when what the store says it has is not what was sent."""
PARTS: Final = 16
"""Parts, of all large files together, that are read, sent or waited for at a time."""
_POLL: Final = 0.2


@dataclass(frozen=True)
class Condition:
    """What must hold at the destination when an object is replaced.

    Attributes:
        etag: of the object to be replaced, with quotes; empty when there must be none.
    """

    etag: str

    def headers(self, *, quoted: bool) -> dict[str, str]:
        """As a request carries it.

        Args:
            quoted: whether the ETag keeps its quotes.
        """
        if not self.etag:
            return {"if-none-match": "*"}
        return {"if-match": self.etag if quoted else self.etag.strip('"')}


class ConditionFailed(Exception):
    """The store says that a condition does not hold."""

    def __init__(self, answer: problems.Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class Uploader:
    """Sends files; `put` is called from several threads.

    Attributes:
        etags: of the objects that were sent, by their keys.

    Args:
        large: files in parts that are under way at a time; nothing bounds them beside the number of files.
    """

    def __init__(
        self, chosen: settings.S3Settings, ask: client.Client, uploads: unfinished.Uploads, large: int | None
    ) -> None:
        self._chosen = chosen
        self._ask = ask
        self._store = ask.store
        self._uploads = uploads
        self.etags: dict[str, str] = {}
        self._buffers = body.Buffers()
        self._large = threading.BoundedSemaphore(large) if large else None
        self._parts = futures.ThreadPoolExecutor(PARTS, thread_name_prefix="part")

    def close(self) -> None:
        """Start no further parts."""
        self._parts.shutdown(wait=False, cancel_futures=True)

    def put(
        self, file: model.PlannedFile, key: str, condition: Condition | None, watch: destinations.Watch
    ) -> Receipt:
        """Send one file.

        Raises:
            ConditionFailed
            errors.FileFailed, errors.Cancelled, errors.NotAuthorised, errors.Refused
        """
        try:
            if file.size > checksums.SINGLE:
                return self._in_parts(file, key, condition, watch)
            return self._in_one(file, key, condition, watch)
        except problems.Failed as error:
            answer = error.answer
            if condition and answer.status in (409, 412):
                raise ConditionFailed(answer) from error
            bucket = f"s3://{self._ask.bucket}"
            raise (
                problems.fatal_error(answer, bucket)
                or problems.for_file(answer, file.local, given=self._given)
            ) from error

    def _in_parts(
        self, file: model.PlannedFile, key: str, condition: Condition | None, watch: destinations.Watch
    ) -> Receipt:
        if self._large is None:
            return self._multipart(file, key, condition, watch)
        while not self._large.acquire(timeout=_POLL):
            watch.check()
        try:
            return self._multipart(file, key, condition, watch)
        finally:
            self._large.release()

    def _multipart(
        self, file: model.PlannedFile, key: str, condition: Condition | None, watch: destinations.Watch
    ) -> Receipt:
        def run() -> Receipt:
            headers = self.object_headers(file)
            conditions = self._condition_headers(condition)
            tools = multipart.Tools(self._ask, self._uploads, self._buffers, self._parts)
            receipt, self.etags[key] = multipart.Multipart(tools, file, key, headers, conditions, watch).run()
            return receipt

        try:
            return run()
        except multipart.RestartUpload:
            return run()
        except problems.Failed as error:
            if error.answer.code != "NoSuchUpload":
                raise
        # Another run at the same time took our upload for one that was broken off, and ended it.
        return run()

    def _in_one(
        self, file: model.PlannedFile, key: str, condition: Condition | None, watch: destinations.Watch
    ) -> Receipt:
        for _ in range(_TRIES):
            if receipt := self._single(file, key, condition, watch):
                return receipt
        raise errors.FileFailed(
            f"{file.local!r} was sent twice, and the store's answers do not confirm the bytes that were sent.",
            "Check the store, and any proxy in between; do not use the object there.",
        )

    def _single(
        self, file: model.PlannedFile, key: str, condition: Condition | None, watch: destinations.Watch
    ) -> Receipt | None:
        """Send it in one request; nothing when the store has other bytes, or does not answer like a store."""
        described = self.object_headers(file)
        conditions = self._condition_headers(condition)
        with body.FileBody(file, 0, file.size, self._buffers, watch.check) as data:
            data.view()
            file.source.check()
            # Where the store was seen to keep none, the MD5 is needed: now it costs no second reading.
            md5 = checksums.md5(data.view()) if self._store.keeps_checksums is False else None
            sent: tuple[checksums.Algorithm | None, bytes] = (None, b"")

            def send(options: frozenset[Option]) -> dict[str, str]:
                nonlocal sent
                algorithm = self._store.algorithm if Option.CHECKSUM in options else None
                sent = (algorithm, checksums.of_body(algorithm, data))
                headers = described | checksums.headers(*sent)
                if Option.CONDITION in options:
                    headers |= conditions
                return self._ask.put(key, headers, data, sign_body=Option.UNSIGNED not in options)

            options = (Option.UNSIGNED, Option.CHECKSUM, *((Option.CONDITION,) if conditions else ()))
            answer = self._store.call(options, send)
            algorithm, digest = sent
            proved = proof.of_answer(
                self._store, answer, algorithm, digest, lambda: md5 or checksums.md5(data.view())
            )
        if proved is None and proof.by_reading(
            self._ask, key, file.size, data.own, had_etag=bool(answer.get("etag"))
        ):
            proved = "content read back"
        if proved is None:
            return None
        watch.moved(file.size)
        shown = algorithm.show(digest) if algorithm else f"md5:{digest.hex()}"
        self.etags[key] = answer.get("etag", "")
        return Receipt(file.size, shown, proved or "accepted with its checksum", strong=bool(proved))

    def _condition_headers(self, condition: Condition | None) -> dict[str, str]:
        if condition is None or not self._store.knows(Option.CONDITION):
            return {}
        return condition.headers(quoted=self._store.quotes_etags)

    @property
    def _given(self) -> list[str]:
        """Inputs that become headers which a store may not know."""
        chosen = self._chosen
        names = {
            "storage-class": chosen.storage_class,
            "acl": chosen.acl,
            "sse": chosen.sse,
            "tags": chosen.tags,
            "metadata": chosen.metadata,
            "cache-control": chosen.cache_control,
            "expected-bucket-owner": chosen.expected_bucket_owner,
        }
        return [name for name, value in names.items() if value]

    def object_headers(self, file: model.PlannedFile) -> dict[str, str]:
        """Headers that describe the object."""
        of_file = {"content-type": file.media_type, "cache-control": file.cache_control}
        return {name: value for name, value in of_file.items() if value} | self._same_for_all

    @functools.cached_property
    def _same_for_all(self) -> dict[str, str]:
        chosen = self._chosen
        headers: Mapping[str, str] = {
            "x-amz-storage-class": chosen.storage_class,
            "x-amz-acl": chosen.acl,
            "x-amz-server-side-encryption": chosen.sse,
            "x-amz-server-side-encryption-aws-kms-key-id": chosen.sse_kms_key_id,
            "x-amz-tagging": urllib.parse.urlencode(chosen.tags, quote_via=urllib.parse.quote),
            **{f"x-amz-meta-{name.lower()}": value for name, value in chosen.metadata},
        }
        return {name: value for name, value in headers.items() if value}
