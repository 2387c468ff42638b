"""A draft to fill: of a new record, or of the next version of one, with its files in it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from entrypoint import errors, text
from entrypoint.destinations.zenodo import links, metadata
from entrypoint.destinations.zenodo.api import answers, deposit, http, records, values
from entrypoint.destinations.zenodo.draft import find, save, task

_ATTEMPTS: Final = 3


@dataclass(frozen=True)
class Opened:
    """A draft that can be filled.

    Attributes:
        bucket: see `find.Found`.
        ours: it gets the mark of this run.
        made: this run made it.
        reserved: the DOI that was reserved for it; may be empty.
        is_saved: its metadata are what this run wants.
    """

    draft: values.Record
    bucket: str = ""
    ours: bool = False
    made: bool = True
    reserved: str = ""
    is_saved: bool = False


def open_draft(
    way: http.Http,
    native: records.Records,
    deposits: deposit.Deposits,
    finder: find.Finder,
    work: task.Task,
    stay: Collection[str],
) -> Opened:
    """The draft that a run fills: a new one, the one that is there, or that of a record's next version.

    Args:
        stay: names of the files that are not to be sent.

    Raises:
        errors.BadInput: the server refuses the metadata of a new one, and made none.
        errors.Refused, errors.Unreachable, errors.NotAuthorised
    """
    there = work.there
    if there is not None and there.is_draft:
        draft = native.draft(there.id)
        if draft is None:
            raise errors.Refused(f"Draft {there.id} was deleted or published in the meantime.", "Run again.")
        check_unchanged(draft, there, work.plan.names)
        return Opened(draft, work.found.bucket, ours=work.found.ours, made=False)
    if there is None:
        body = work.body(None, ours=True)
        opened = Opened(
            save.refused(way, lambda: create(way, native, finder, body, work.found.known), body, ""),
            ours=True,
            is_saved=True,
        )
    else:
        kept = [name for name in there.files if name in stay or name not in work.plan.names]
        with_files = bool(kept) and not work.restart
        draft = next_version(way, native, deposits, there, with_files=with_files)
        # One that was there before, and is not marked, is the user's.
        is_new = there.version_flag("is_latest_draft") is not False
        ours = is_new or metadata.has_mark(draft.document, work.mark)
        opened = Opened(draft, ours=ours, made=is_new)
    ident = opened.draft.id
    bucket = None if work.found.is_plain else deposits.bucket(ident)
    reserved = ""
    if opened.ours and not opened.draft.doi and work.wanted.url not in links.PREFIXES:
        reserved = native.reserve_doi(ident)
    return dataclasses.replace(opened, bucket=bucket or "", reserved=reserved)


def create(
    way: http.Http,
    native: records.Records,
    finder: find.Finder,
    body: Mapping[str, Any],
    known: frozenset[str] | None,
) -> values.Record:
    """A new draft. If an answer gets lost, it is found out whether one was made before another one is.

    Args:
        body: its native JSON.
        known: ids of the drafts and records that were there before; nothing where that is not known.

    Raises:
        answers.Rejected: the service refuses this body; nothing was made.
        errors.Unreachable, errors.NotAuthorised
    """
    lost: answers.OutcomeUnknown | None = None
    for _ in range(_ATTEMPTS):
        try:
            return native.create(body)
        except answers.OutcomeUnknown as error:
            lost = error
        if known is None or not way.budget.left():
            break
        made = _made(way, native, finder, str(body["metadata"].get("title", "")), known)
        if made is not None:
            return made
    raise errors.Unreachable(
        f"{way.host} does not say whether it made a draft ({lost.message.rstrip('.') if lost else 'no answer'}).",
        f"Look for an empty one at {way.base}/me/uploads, then run again.",
    ) from lost


def _made(
    way: http.Http, native: records.Records, finder: find.Finder, title: str, known: frozenset[str]
) -> values.Record | None:
    """The draft that a lost answer was about; the index may know it only after a while."""
    for _ in zip(range(_ATTEMPTS), way.pauses(way.patience.settle), strict=False):
        for hit in finder.mine(""):
            if hit.id in known or hit.is_published or hit.title != title:
                continue
            draft = native.draft(hit.id)
            if draft is not None and not draft.files:
                return draft
    return None


def next_version(
    way: http.Http,
    native: records.Records,
    deposits: deposit.Deposits,
    record: values.Record,
    *,
    with_files: bool,
) -> values.Record:
    """The draft of the record's next version, which is made unless it is open already.

    Args:
        with_files: take the record's files into a draft that has none.

    Raises:
        errors.NotAuthorised: the record belongs to another account.
        errors.Refused: it has a DOI from elsewhere.
    """
    try:
        ident = _open(native, deposits, record.id)
    except answers.Denied as error:
        if record.has_external_doi:
            raise errors.Refused(
                f"{way.host} makes no new version of record {record.id}, because its DOI "
                f"({values.shown(record.doi)}) is external.",
                "Publish the files as a record of their own (zenodo-id: new), with related-identifiers: "
                f"isNewVersionOf {values.shown(record.doi)}.",
            ) from error
        raise errors.NotAuthorised(
            f"Record {record.id} belongs to another account than zenodo-token, or the token lacks a scope.",
            "Use a token of its owner with the scopes deposit:write and deposit:actions.",
        ) from error
    if ident is None or (draft := native.draft(ident)) is None:
        raise native.unexpected("the draft of the next version")
    if with_files and record.files and not draft.files:
        # Refused if an earlier try, whose answer was lost, has done it already; `check_contents` detects that.
        with contextlib.suppress(answers.Rejected):
            native.import_files(ident)
        draft = native.draft(ident) or draft
    return draft


def _open(native: records.Records, deposits: deposit.Deposits, ident: str) -> str | None:
    try:
        return native.new_version(ident)
    except answers.Rejected as error:
        if not error.is_unknown:
            raise
        return deposits.new_version(ident)


def check_unchanged(draft: values.Record, compared: values.Record, names: Iterable[str]) -> None:
    """Make sure that a draft still has the files that were compared: others would be deleted unseen.

    Args:
        compared: the draft as it was when files were compared with it.
        names: of the files to look at.

    Raises:
        errors.Refused: it has others: another run writes to it.
    """
    other = [name for name in sorted(names) if draft.files.get(name) != compared.files.get(name)]
    if other:
        raise errors.Refused(
            f"Draft {draft.id} changed while this run compared its files: {text.printable(other[0])} was added, "
            f"replaced or removed ({text.plural(len(other), 'file')} in all). Another run writes to "
            "the same draft, or an interrupted one had not ended on the server.",
            "Wait until no other run writes to it, then run again.",
        )


def check_contents(draft: values.Record, same: Iterable[tuple[str, str]]) -> None:
    """Make sure that what was compared with the record is in the draft as well.

    Args:
        same: name and MD5 (``md5:…``) of the files that are not to be sent.

    Raises:
        errors.Refused: it is not: another draft was already open.
    """
    lost = [name for name, md5 in same if name not in draft.files or f"md5:{draft.files[name].md5}" != md5]
    if lost:
        raise errors.Refused(
            f"Draft {draft.id} was already open and has other files than the record "
            f"({text.plural(len(lost), 'file')}, {text.printable(lost[0])} among them).",
            f"Run again, with zenodo-id: {draft.id}.",
        )
