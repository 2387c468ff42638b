"""What a store supports and keeps, detected from its answers and reported once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from entrypoint import settings
from entrypoint.destinations.s3 import checksums, problems

T = TypeVar("T")


class Option(StrEnum):
    """A part of a request that a store may not know, and without which the request still does its work."""

    CHECKSUM_MODE = "x-amz-checksum-mode"
    """HEAD: asks for the object's checksum."""
    CHECKSUM = "checksum"
    """Of the body, as an S3 header; without it an MD5 is sent."""
    ENCODING = "encoding-type"
    """Listings: keys percent-encoded, because XML cannot hold all of them."""
    SECOND_KIND = "list-type"
    """Listings: ListObjectsV2; without it the answer is that of ListObjects."""
    CONDITION = "condition"
    """If-Match and If-None-Match."""
    UNSIGNED = "unsigned payload"
    """A body that is not part of the signature."""
    OBJECT_CHECKSUM = "checksum of the whole object"
    """CompleteMultipartUpload: the checksum of what the parts make."""


class Store:
    """Shared by all requests of a run. Thread-safe.

    Attributes:
        may_fall_back: whether the user left the checksum to us.
        keeps_checksums: whether the store was seen to answer with them; nothing before the first answer.
        keeps_part_checksums: the same of objects in parts.
        etag_is_md5: whether ETags that look like an MD5 are one.
        quotes_etags: whether If-Match has to have quotes; old versions of Ceph want none.
    """

    def __init__(self, chosen: settings.S3Settings, *, is_aws: bool, sign_payload: bool = False) -> None:
        wanted = settings.Checksum.CRC64NVME if chosen.checksum is settings.Checksum.AUTO else chosen.checksum
        self._wanted: checksums.Algorithm | None = checksums.ALGORITHMS.get(wanted.upper())
        self.is_aws = is_aws
        self.may_fall_back = chosen.checksum is settings.Checksum.AUTO
        self.keeps_checksums: bool | None = True if is_aws and self._wanted else None
        self.keeps_part_checksums = self.keeps_checksums
        self.etag_is_md5 = True
        self.quotes_etags = True
        self._unknown: set[Option] = {Option.UNSIGNED} if sign_payload else set()
        self._notices: dict[str, None] = {}
        self._lock = threading.Lock()

    @property
    def algorithm(self) -> checksums.Algorithm | None:
        """Checksum that requests carry; nothing where an MD5 has to do."""
        return self._wanted if Option.CHECKSUM not in self._unknown else None

    def knows(self, option: Option) -> bool:
        """Whether the store is believed to know it."""
        return option not in self._unknown

    def learn(self, option: Option, answer: problems.Answer) -> None:
        """The store does not know it: an answer with it was this, and one without it was better."""
        with self._lock:
            if option in self._unknown:
                return
            self._unknown.add(option)
        code = answer.code or str(answer.status)
        if option is Option.CHECKSUM and self._wanted:
            self.tell(
                f"This store refuses {self._wanted.name} checksums ({code}); every request carried an MD5 "
                "(Content-MD5) instead."
            )
        elif option is Option.CONDITION:
            self.tell(
                "This store does not support conditional writes; two runs that end at the same moment could "
                "overwrite each other's catalog."
            )

    def call(self, options: tuple[Option, ...], send: Callable[[frozenset[Option]], T]) -> T:
        """Make a call with what the store knows of these options, and learn where it refuses one of them.

        Args:
            options: those that this call would use, the likeliest to be refused first.
            send: makes the call with the options that it is given.

        Raises:
            problems.Failed: it does not work without them either; this is the answer to all of them.
        """
        known = [option for option in options if self.knows(option)]
        try:
            return send(frozenset(known))
        except problems.Failed as error:
            first = error
        candidates = [option for option in known if self._may_be(option, first.answer)]
        if not candidates:
            raise first
        for left_out in self._choices(candidates):
            try:
                found = send(frozenset(known) - left_out)
            except problems.Failed as error:
                if self._is_better(error.answer, first.answer):
                    for option in left_out:
                        self.learn(option, first.answer)
                    raise
                continue
            for option in left_out:
                self.learn(option, first.answer)
            return found
        raise first

    def _choices(self, candidates: list[Option]) -> list[frozenset[Option]]:
        each = [frozenset([option]) for option in candidates]
        return each if len(candidates) == 1 else [*each, frozenset(candidates)]

    def _may_be(self, option: Option, answer: problems.Answer) -> bool:
        if option is Option.CHECKSUM and not self.may_fall_back:
            return False
        if option is Option.UNSIGNED:
            said = f"{answer.code} {answer.message}".lower().replace("-", "")
            # A store that hashes the body in any case finds another signature.
            words = ("payload", "contentsha256", "unsigned", "signaturedoesnotmatch")
            return answer.status in (400, 403, 411, 501) and any(word in said for word in words)
        return problems.is_unknown(answer)

    @staticmethod
    def _is_better(answer: problems.Answer, first: problems.Answer) -> bool:
        """Whether an answer speaks of the object, where the first spoke of the request."""
        return answer.status in (404, 409, 412) and first.status not in (404, 409, 412)

    def tell(self, notice: str) -> None:
        """Keep a remark, once."""
        with self._lock:
            self._notices[notice] = None

    @property
    def notices(self) -> tuple[str, ...]:
        """All remarks."""
        with self._lock:
            return tuple(self._notices)
