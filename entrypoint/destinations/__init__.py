"""The interface of a destination: S3 and Zenodo answer the same few questions.

A destination knows neither catalogs nor GitHub. `entrypoint.transfer` calls it in this order::

    preflight  ->  compare (each file, in parallel)  ->  begin  ->  put (in parallel), remove
          ->  finish | abandon

`preflight` and `compare` only read: a dry run ends there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from entrypoint import errors
from entrypoint.plan import model


class State(StrEnum):
    """How a remote file stands to the local one."""

    ABSENT = "absent"
    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """Reading it is not allowed."""
    FOREIGN = "foreign"
    """The existing file was not made by us, so it is kept, whatever its content."""


@dataclass(frozen=True)
class Verdict:
    """What `Destination.compare` found.

    Attributes:
        reason: for people, e.g. ``same CRC64NVME`` or ``not uploaded yet``.
        checksum: of the local bytes where they were read for it, as ``md5:…``; else empty.
        final: what is the same is not sent again, with `restart` neither.
    """

    state: State
    reason: str
    checksum: str = ""
    final: bool = False


@dataclass(frozen=True)
class Receipt:
    """Proof that one file is uploaded.

    Attributes:
        bytes_sent: bytes of the body that were sent for it, at least once.
        checksum: of the bytes that were sent, as ``crc64nvme:…`` or ``md5:…``.
        proof: for people: what the destination answered that proves it, e.g. ``CRC64NVME`` or ``ETag``.
        strong: false where the store only accepted a request that carried the checksum.
    """

    bytes_sent: int
    checksum: str
    proof: str
    strong: bool = True


@dataclass(frozen=True)
class Remote:
    """A file at the destination that the plan does not name.

    Attributes:
        goes: `begin` will delete it, with `delete-extra` or without.
    """

    name: str
    size: int
    goes: bool = False


@dataclass(frozen=True)
class Links:
    """Where things are, for outputs and summary; empty where it does not apply.

    Attributes:
        destination: what was filled, as a URL.
        catalog: URL of the catalog.
        citation: a sentence to cite the record by; empty without creators.
        todo: what is left to do for a person, e.g. to publish the draft.
        made: this run made the draft.
        described: this run changed the metadata of the draft or record.
        just_published: this run published the record.
    """

    destination: str
    catalog: str = ""
    deposition_id: str = ""
    doi: str = ""
    concept_doi: str = ""
    record: str = ""
    published: bool | None = None
    citation: str = ""
    badge: str = ""
    todo: str = ""
    made: bool = False
    described: bool = False
    just_published: bool = False


class Watch(Protocol):
    """The destination's callback while it sends one file."""

    def moved(self, count: int) -> None:
        """`count` more bytes are on their way; negative when bytes must be sent again."""

    def check(self) -> None:
        """Called between steps and before each wait.

        Raises:
            errors.Cancelled: the run is to stop.
        """


class Reporter(Protocol):
    """Receives a destination's requests and waits; called from several threads.

    What it is given may be shown to people: URLs carry no query string with credentials, and no text carries a
    secret.
    """

    @property
    def wants_requests(self) -> bool:
        """Whether `request` does anything; for those to whom making its arguments is work."""

    def request(self, method: str, url: str, status: str, seconds: float) -> None:
        """One request has ended.

        Args:
            status: the HTTP status, or in a word or two why there is none (``timed out``).
            seconds: from sending it to the end of its answer.
        """

    def retry(self, what: str, reason: str, pause: float) -> None:
        """Something is tried again.

        Args:
            what: e.g. ``PUT data/a.pmtiles``.
            reason: what went wrong, in the server's words where it gave any.
            pause: seconds until then.
        """

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """The context waits for something; reported only if that takes some seconds.

        Args:
            what: completes "waiting for …", e.g. ``zenodo.org to publish record 123``.
        """


class Silent:
    """A reporter that says nothing."""

    wants_requests = False

    def request(self, method: str, url: str, status: str, seconds: float) -> None:
        """Say nothing."""

    def retry(self, what: str, reason: str, pause: float) -> None:
        """Say nothing."""

    def waiting(self, what: str) -> AbstractContextManager[None]:
        """Say nothing."""
        return contextlib.nullcontext()


class Drafts(Protocol):
    """Remembers, from one run to the next, which draft was made for a data set where no id was given."""

    def read(self, data_set: str) -> str:
        """Id of the draft that an earlier run made; empty where none is known."""

    def write(self, data_set: str, number: str) -> None:
        """Remember the id of a draft, or forget it where it is empty. Does not raise."""

    def where(self, data_set: str) -> str:
        """Path of the file that remembers it, for people; empty where nothing is remembered."""


class NoDrafts:
    """Remembers no draft."""

    def read(self, data_set: str) -> str:
        """Know of none."""
        return ""

    def write(self, data_set: str, number: str) -> None:
        """Forget it."""

    def where(self, data_set: str) -> str:
        """Nowhere."""
        return ""


@runtime_checkable
class DeletesMany(Protocol):
    """A destination that deletes many files at a time."""

    def remove_many(self, names: Sequence[str]) -> Iterator[tuple[str, errors.FileFailed | None]]:
        """Delete remote files; each with nothing, or with why it could not be deleted, as it becomes known."""


class Destination(Protocol):
    """A place to publish at. `compare` and `put` are called from several threads at once.

    Attributes:
        removed: number of files that were deleted so far, whatever for.
    """

    removed: int

    def preflight(self, plan: model.Plan) -> None:
        """Find out what is there, whether we may, and whether the plan fits. Only reads.

        Raises:
            errors.BadInput: the plan breaks a limit of the destination (all of them in one error).
            errors.NotAuthorised, errors.Refused, errors.Unreachable
        """

    def jobs(self, files: Sequence[model.PlannedFile]) -> int:
        """Files in flight at the same time where the user leaves the number to us (``n-jobs: auto``).

        Args:
            files: what is to be compared or sent.
        """

    def compare(self, file: model.PlannedFile) -> Verdict:
        """Hold a file's content against what is there, by checksum. Only reads.

        Raises:
            errors.FileFailed: the local file cannot be read, or changed.
        """

    def extras(self) -> Sequence[Remote]:
        """Files there that the plan does not name and that no catalog of the plan lists."""

    def begin(self, verdicts: Sequence[tuple[model.PlannedFile, Verdict]], *, remove_extras: bool) -> None:
        """Make ready for writing; called once, only when something is to be written."""

    def put(self, file: model.PlannedFile, watch: Watch) -> Receipt:
        """Send one file and verify it.

        Raises:
            errors.FileFailed: this file could not be sent or verified; others may go on.
            errors.Cancelled: the run was cancelled; nothing half-written is visible.
            errors.NotAuthorised, errors.Refused, errors.Unreachable: no file can go on.
        """

    def remove(self, name: str) -> None:
        """Delete one remote file.

        Raises:
            errors.FileFailed: it could not be deleted.
        """

    def finish(self, *, changed: bool) -> None:
        """Every file is uploaded and verified: complete the run (Zenodo: metadata, publishing)."""

    def abandon(self) -> None:
        """The run failed or was cancelled: leave nothing half-made. Does not raise."""

    def links(self) -> Links:
        """The addresses, as far as known now."""

    def file_url(self, name: str) -> str:
        """URL of one file."""

    def read(self, name: str, limit: int) -> bytes | None:
        """Content of one file there; nothing where it is larger than `limit` bytes, or cannot be read. Does not raise.

        It serves remarks only, so no run depends on the right to read.
        """

    def etag(self, name: str) -> str:
        """ETag of one file there as it is known at the end of the run, with its quotes; empty where unknown."""

    def notices(self) -> Sequence[str]:
        """Remarks to be shown once, e.g. that the store keeps no checksums."""

    def close(self) -> None:
        """Let go of connections. Does not raise."""
