"""How a run ended: one result per file, and what outputs, summary and exit code are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from entrypoint import destinations, errors
from entrypoint.plan import model


class Mode(StrEnum):
    """What the run was for."""

    PUBLISH = "publish"
    DRY_RUN = "dry-run"
    VERIFY = "verify-only"
    DRAFT = "draft-only"


class Status(StrEnum):
    """What became of a file."""

    UPLOADED = "uploaded"
    SKIPPED = "skipped"
    """Same content is there already."""
    FAILED = "failed"
    WITHHELD = "withheld"
    """Not sent for a reason outside the file: a catalog whose files failed, or a file that a cancel
    or a fatal error kept from starting."""
    WOULD_UPLOAD = "would upload"
    """Where no file is sent: by a dry run, or when only a draft is made."""


@dataclass(frozen=True)
class FileResult:
    """What became of one planned file.

    Attributes:
        reason: for people: why it was sent, skipped or withheld, or what went wrong.
        hint: what to do about a failure.
        bytes_sent: bytes of its content that were sent.
        checksum: of the local bytes, as ``crc64nvme:…`` or ``md5:…``, where it is known.
        proof: what the destination proved it by.
        strong: false where the store only accepted a request that carried the checksum.
        seconds: time from start to verified.
        before: how the remote file compared with the local one when the run began, if known.
    """

    file: model.PlannedFile
    status: Status
    reason: str
    hint: str = ""
    bytes_sent: int = 0
    checksum: str = ""
    proof: str = ""
    strong: bool = True
    seconds: float = 0.0
    before: destinations.State | None = None


@dataclass(frozen=True)
class ExtraResult:
    """A remote file that the plan does not name: listed, deleted, or not deletable."""

    name: str
    size: int
    deleted: bool = False
    planned: bool = False
    """A dry run would delete it."""
    error: str = ""
    goes: bool = False
    """It is deleted with `delete-extra` or without."""


@dataclass(frozen=True)
class Finding:
    """Something that keeps readers from using what was published.

    Attributes:
        what: what is wrong, and with which address; one sentence.
        todo: how to fix it.
        paste: a text to paste somewhere for it, such as a CORS rule; mostly empty.
    """

    what: str
    todo: str
    paste: str = ""


@dataclass(frozen=True)
class ReaderCheck:
    """What a reader without credentials found at the addresses of what was published.

    Attributes:
        asked: number of requests.
        scope: what was checked, for people.
        fails: whether findings fail the run.
        notes: what could not be checked, one sentence each.
    """

    asked: int
    scope: str
    findings: tuple[Finding, ...] = ()
    fails: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """A whole run.

    Attributes:
        results: one for each planned file, in the plan's order; empty when it failed before.
        plan: nothing when the inputs or the catalog were bad.
        deleted: number of remote files that were deleted, for whatever reason.
        error: what ended the run early, or kept it from its end (a refused publish, say).
        notices: the destination's remarks.
        seconds: of the whole run.
        views: label and URL of pages that show what was published.
        readers: result of the check for readers; None if it did not run.
    """

    mode: Mode
    destination: str
    plan: model.Plan | None = None
    results: tuple[FileResult, ...] = ()
    extras: tuple[ExtraResult, ...] = ()
    links: destinations.Links | None = None
    catalog_urls: tuple[tuple[str, str], ...] = field(default=())
    deleted: int = 0
    error: errors.PublishError | None = None
    notices: tuple[str, ...] = ()
    seconds: float = 0.0
    views: tuple[tuple[str, str], ...] = ()
    readers: ReaderCheck | None = None

    @cached_property
    def counts(self) -> Counter[Status]:
        """Files by status."""
        return Counter(result.status for result in self.results)

    @property
    def failures(self) -> tuple[FileResult, ...]:
        """The files that failed."""
        return tuple(result for result in self.results if result.status is Status.FAILED)

    @property
    def bytes_sent(self) -> int:
        """Bytes of content that were sent, failed files included."""
        return sum(result.bytes_sent for result in self.results)

    @property
    def changed(self) -> bool:
        """Whether anything was sent, deleted or published, or metadata changed."""
        links = self.links
        by_links = links is not None and (links.made or links.described or links.just_published)
        return self.counts[Status.UPLOADED] > 0 or self.deleted > 0 or by_links

    @property
    def exit_code(self) -> errors.ExitCode:
        """What the process ends with."""
        if self.error is not None:
            return self.error.exit_code
        if self.counts[Status.FAILED] or self.counts[Status.WITHHELD] or any(e.error for e in self.extras):
            return errors.ExitCode.FILES_FAILED
        if self.readers and self.readers.fails and self.readers.findings:
            return errors.ExitCode.FILES_FAILED
        return errors.ExitCode.DONE
