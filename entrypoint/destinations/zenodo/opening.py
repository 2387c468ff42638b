"""A draft to fill: a new deposition, or the next version of a record with the record's files in it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Final

from entrypoint import errors, text
from entrypoint.destinations.zenodo import answers, deposition, http

_ATTEMPTS: Final = 3


def create(
    way: http.Http,
    drafts: deposition.Depositions,
    metadata: Mapping[str, Any],
    known: frozenset[int],
    check: http.Check,
) -> deposition.Deposition:
    """A new draft. If an answer gets lost, it is found out whether one was made before another one is.

    Args:
        known: ids of the depositions that were there before.

    Raises:
        errors.Unreachable, errors.Refused, errors.NotAuthorised
    """
    for _ in range(_ATTEMPTS):
        try:
            return drafts.create(metadata, check)
        except answers.Unsure:
            made = _made(way, drafts, metadata, known, check)
            if made is not None:
                return made
    raise errors.Unreachable(
        f"{way.host} does not say whether it made a draft.",
        f"Look for an empty one at {way.base}/me/uploads, then run again.",
    )


def _made(
    way: http.Http,
    drafts: deposition.Depositions,
    metadata: Mapping[str, Any],
    known: frozenset[int],
    check: http.Check,
) -> deposition.Deposition | None:
    """The draft that a lost answer was about; the index may know it only after a while."""
    for count in range(1, _ATTEMPTS + 1):
        way.sleep(way.patience.pause(count), check)
        for hit in drafts.mine("", check):
            is_new = hit.number not in known and not hit.is_published and not hit.files
            if is_new and all(hit.metadata.get(key) == metadata.get(key) for key in ("title", "notes")):
                return drafts.get(hit.number, check)
    return None


def next_version(
    drafts: deposition.Depositions, record: deposition.Deposition, check: http.Check, *, with_files: bool
) -> deposition.Deposition:
    """The draft of the record's next version, which is made unless it is open already.

    Args:
        with_files: take the record's files into a draft that has none.

    Raises:
        errors.NotAuthorised: the record is someone else's.
    """
    try:
        number = drafts.new_version(record.number, check)
    except answers.Denied as error:
        raise errors.NotAuthorised(
            f"Record {record.number} belongs to another account than zenodo-token, or a scope is lacking.",
            "Use a token of its owner with the scopes deposit:write and deposit:actions.",
        ) from error
    draft = drafts.get(number, check)
    if with_files and record.files and not draft.files:
        # Refused when a try whose answer got lost has done it already; `hold` tells whether it was that.
        with contextlib.suppress(answers.Rejected):
            drafts.import_files(number, check)
        draft = drafts.get(number, check)
    return draft


def hold(draft: deposition.Deposition, same: Mapping[str, str]) -> None:
    """Make sure that what was compared with the record is in the draft as well.

    Args:
        same: MD5 (``md5:…``) by name of the files that are not to be sent.

    Raises:
        errors.Refused: it is not: somebody else's draft was open already.
    """
    lost = [
        name
        for name, checksum in same.items()
        if name not in draft.files or f"md5:{draft.files[name].md5}" != checksum
    ]
    if lost:
        raise errors.Refused(
            f"Draft {draft.number} was open already and holds other files than the record "
            f"({text.plural(len(lost), 'file')}, {text.printable(lost[0])} among them).",
            f"Run again, with zenodo-id: {draft.number}.",
        )
