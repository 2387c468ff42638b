"""What `zenodo-id` leads to: a draft to fill, a record to compare with, or nothing yet. Only reads."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from entrypoint import errors
from entrypoint.destinations.zenodo import metadata
from entrypoint.destinations.zenodo.api import answers, deposit, http, records, values


@dataclass(frozen=True)
class Found:
    """Where a run starts.

    Attributes:
        there: the draft or record whose files the plan is compared with; nothing for a new record.
        bucket: where files of a draft go in one request each; empty where they go by the native API.
        is_plain: the service is an InvenioRDM without Zenodo's older API.
        ours: the draft carries the mark of this run, or was remembered.
        finished: `there` was made, and published, by an earlier attempt of this run.
        known: ids of all the account's drafts and records, to tell which one is new; nothing where the list
            could not be had.
        forget: the draft that was remembered is there no more.
        remarks: for people, one sentence each.
    """

    there: values.Record | None = None
    bucket: str = ""
    is_plain: bool = False
    ours: bool = False
    finished: bool = False
    known: frozenset[str] | None = None
    forget: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A draft or record in the account's list; the list may be behind, so that each is read again."""

    id: str
    concept: str
    is_published: bool
    is_marked: bool
    title: str


class Finder:
    """Looks for the start of a run.

    Args:
        mark: of this run; empty outside of GitHub.
    """

    def __init__(
        self, way: http.Http, native: records.Records, deposits: deposit.Deposits, mark: str
    ) -> None:
        self._http = way
        self._records = native
        self._deposits = deposits
        self._mark = mark
        self._is_plain = False

    def find(self, ident: str | None, remembered: str = "") -> Found:
        """The start of a run.

        Args:
            ident: of a draft, a record or all its versions; nothing for a new record.
            remembered: id of the draft that an earlier run made where no id was given; may be empty.

        Raises:
            errors.BadInput: there is no such draft or record.
            errors.NotAuthorised: the token is not taken, or the draft or record belongs to another account.
        """
        if ident is not None:
            return self._existing(ident)
        return self._remembered(remembered) if remembered else self._new()

    def _remembered(self, ident: str) -> Found:
        """The draft that an earlier run left, or a new record where it is there no more."""
        try:
            draft = self._records.draft(ident)
        except answers.Denied:
            self._check_token()
            draft = None
        if draft is not None and not draft.is_published:
            found = self._to_fill(draft, ours=True)
            said = f"Continues draft {ident}, which an earlier run on this machine left."
            return dataclasses.replace(found, remarks=(said,))
        said = (
            f"Draft {ident} of an earlier run on this machine was published or deleted, or belongs to another "
            "account: a new one is made."
        )
        return dataclasses.replace(self._new(), forget=True, remarks=(said,))

    # A new record

    def _new(self) -> Found:
        """Nothing, unless an earlier attempt of this run left something."""
        try:
            hits = list(self.mine(""))
        except (errors.Refused, errors.Unreachable) as error:
            if self._mark or isinstance(error, answers.NotTheApi | answers.NoConnection):
                raise  # the draft of an earlier attempt could not be found, or there is no such service
            return Found()
        known = frozenset(hit.id for hit in hits)
        # A draft made from the published record inherits its mark: check the record first.
        marked = sorted(
            (hit for hit in hits if hit.is_marked), key=lambda hit: (hit.is_published, hit.id), reverse=True
        )
        for hit in marked:
            if (draft := self._draft(hit.id)) and not draft.is_published:
                said = f"Continues draft {draft.id}, which this workflow run made."
                return dataclasses.replace(self._to_fill(draft, ours=True), remarks=(said,))
            if record := self._records.record(hit.id):
                said = f"An earlier attempt of this run published record {record.id}."
                return Found(record, is_plain=self._is_plain, finished=True, known=known, remarks=(said,))
        return Found(is_plain=self._is_plain, known=known)

    # One that is there

    def _existing(self, ident: str) -> Found:
        draft = self._draft(ident)
        if draft is not None and not draft.is_published:
            return self._to_fill(draft, ours=metadata.has_mark(draft.document, self._mark))
        record = self._record(ident)
        bucket = self._bucket(record.id)
        if self._is_plain:
            self._check_token()
        latest = self._latest(record)
        if (next_draft := self._next_draft(latest)) is not None:
            return self._to_fill(next_draft, ours=metadata.has_mark(next_draft.document, self._mark))
        remarks = []
        if draft is not None:
            remarks.append(f"Record {record.id} has open edits; they are not touched.")
        if latest.has_external_doi:
            remarks.append(
                f"Record {latest.id} has an external DOI ({values.shown(latest.doi)}): "
                f"{self._http.host} may refuse to make its next version."
            )
        return Found(
            latest,
            bucket=bucket,
            is_plain=self._is_plain,
            finished=metadata.has_mark(latest.document, self._mark),
            remarks=tuple(remarks),
        )

    def _draft(self, ident: str) -> values.Record | None:
        try:
            return self._records.draft(ident)
        except answers.Denied as error:
            is_first = not self._http.was_let_in
            refusal = self._access_error(f"Draft or record {ident}", error)
            if is_first and self._http.was_let_in:
                return self._draft(ident)  # the first question of a run may be denied for no reason, too
            raise refusal from error
        except answers.Rejected as error:
            if error.status != 410:
                raise
            return None

    def _record(self, ident: str) -> values.Record:
        try:
            record = self._records.record(ident)
        except answers.Denied as error:
            raise self._access_error(f"Record {ident}", error) from error
        except answers.Rejected as error:
            if error.status != 410:
                raise
            raise errors.BadInput(
                f"zenodo-id: record {ident} was deleted.", "Give another id, or new."
            ) from error
        if record is None:
            self._check_token()
            raise errors.BadInput(
                f"zenodo-id: {self._http.host} has no draft or record {ident}.",
                "Check the id and whether it belongs to the sandbox; new makes a new record.",
            )
        return record

    def _bucket(self, ident: str) -> str:
        """The bucket of a draft or record, by which the older API shows whose it is."""
        try:
            bucket = self._deposits.bucket(ident)
        except answers.Denied as error:
            raise self._access_error(f"Record {ident}", error) from error
        except errors.Unreachable:
            return ""  # the native API can do without
        self._is_plain = bucket is None
        return bucket or ""

    def _latest(self, record: values.Record) -> values.Record:
        """The newest published version; the given one if the service cannot say.

        The addresses of versions do fail: https://github.com/zenodo/zenodo-rdm/issues/1440
        """
        if record.version_flag("is_latest"):
            return record
        try:
            return self._records.latest(record.id) or record
        except (errors.Refused, errors.Unreachable):
            pass
        newest = max((hit for hit in self._siblings(record) if hit.is_published), key=_age, default=None)
        return record if newest is None else self._records.record(newest.id) or record

    def _next_draft(self, record: values.Record) -> values.Record | None:
        """The open draft of the next version, where it has something of its own."""
        if record.version_flag("is_latest_draft"):
            return None
        for hit in sorted(self._siblings(record), key=_age, reverse=True):
            draft = None if hit.is_published else self._draft(hit.id)
            if draft is None or draft.is_published or not draft.files:
                continue
            if _contents(draft) != _contents(record):
                return draft
        return None

    def _siblings(self, record: values.Record) -> list[Hit]:
        """Drafts and versions of the same record; none where the list cannot be had."""
        try:
            return [hit for hit in self.mine(record.concept) if hit.concept == record.concept]
        except (errors.Refused, errors.Unreachable):
            return []

    def _to_fill(self, draft: values.Record, *, ours: bool) -> Found:
        return Found(draft, self._bucket(draft.id), self._is_plain, ours=ours)

    # The account

    def mine(self, concept: str) -> Iterable[Hit]:
        """The account's drafts and records, from the index.

        Args:
            concept: only those of this one; empty for all. The hits have to be looked at again.

        Raises:
            errors.NotAuthorised: the token is not accepted.
        """
        try:
            try:
                query = f"conceptrecid:{concept}" if concept else ""
                yield from (self._legacy_hit(hit) for hit in self._deposits.mine(query))
            except answers.Rejected as error:
                if not error.is_unknown:
                    raise
                self._is_plain = True
                query = f'parent.id:"{concept}"' if concept else ""
                yield from (self._native_hit(hit) for hit in self._records.mine(query))
        except answers.Denied as error:
            raise errors.NotAuthorised(
                f"{self._http.host} does not accept zenodo-token ({error.reason.rstrip('.')}).",
                self._http.token_hint(),
            ) from error

    def _legacy_hit(self, hit: Mapping[str, Any]) -> Hit:
        said = hit.get("metadata")
        said = said if isinstance(said, dict) else {}
        return Hit(
            str(hit.get("id", "")),
            str(hit.get("conceptrecid", "")),
            hit.get("state") != "unsubmitted",
            metadata.legacy_has_mark(said.get("notes"), self._mark),
            str(said.get("title", "")),
        )

    def _native_hit(self, hit: Mapping[str, Any]) -> Hit:
        parent, said = hit.get("parent"), hit.get("metadata")
        return Hit(
            str(hit.get("id", "")),
            str(parent.get("id", "")) if isinstance(parent, dict) else "",
            hit.get("is_published") is True,
            metadata.has_mark(hit, self._mark),
            str(said.get("title", "")) if isinstance(said, dict) else "",
        )

    def _check_token(self) -> None:
        """Make sure that the token is taken at all: records are shown to everybody.

        Raises:
            errors.NotAuthorised: it is not.
        """
        try:
            list(itertools.islice(self.mine("0"), 1))
        except (errors.Refused, errors.Unreachable):
            return  # unknown; the next write will show it

    def _access_error(self, what: str, error: answers.Denied) -> errors.NotAuthorised:
        """Access denied: because of the token, or because of the owner?"""
        self._check_token()
        return errors.NotAuthorised(
            f"{what} on {self._http.host} belongs to another account than zenodo-token ({error.reason.rstrip('.')}).",
            "Use a token of its owner, or check the id.",
        )


def _age(hit: Hit) -> tuple[int, str]:
    """Ids of digits grow with time; others say nothing."""
    return (int(hit.id) if hit.id.isdigit() else 0, hit.id)


def _contents(record: values.Record) -> dict[str, tuple[int, str]]:
    return {name: (file.size, file.md5) for name, file in record.files.items()}
