"""Publishing, which cannot be undone and is therefore never repeated blindly."""

from __future__ import annotations

import dataclasses
from typing import Final

from entrypoint import errors, text
from entrypoint.destinations.zenodo.api import answers, http, records, values
from entrypoint.destinations.zenodo.draft import verify

_ATTEMPTS: Final = 3


def publish(way: http.Http, native: records.Records, ident: str) -> bool:
    """Publish a draft.

    Zenodo's gateways give up after about a minute while the service goes on, so that after every answer
    that leaves doubt the record itself is asked for.

    Returns:
        false where somebody else published it first.

    Raises:
        errors.Refused: the service will not publish it as it is.
        errors.NotAuthorised: the token may not publish.
        errors.Unreachable: the service cannot be reached, or it is not known whether it was published.
    """
    doubt: errors.PublishError | None = None
    with way.reporter.waiting(f"{way.host} to publish record {ident}"):
        for _ in range(_ATTEMPTS):
            try:
                native.publish(ident)
            except answers.OutcomeUnknown as error:
                doubt = error
                if _appeared(way, native, ident):
                    return True
            except (errors.Refused, errors.NotAuthorised, errors.Unreachable) as error:
                # 404 or 403 is how the service says that there is no draft any more.
                if not isinstance(error, errors.Unreachable) and _is_published(native, ident):
                    return doubt is not None
                # Any other refusal says that the draft is still one.
                if doubt is None or (isinstance(error, answers.Rejected) and not error.is_unknown):
                    raise _refusal(way, ident, error) from error
                break
            else:
                return True
            if not way.budget.left():
                break
    raise errors.Unreachable(
        f"{way.host} does not say whether draft {ident} was published "
        f"({doubt.message.rstrip('.') if doubt else 'no answer'}).",
        f"Look at {way.base}/records/{ident} in a while: if the record is there, it is published. If not, run "
        "again: uploaded files are skipped.",
    ) from doubt


def _refusal(way: http.Http, ident: str, error: errors.PublishError) -> errors.PublishError:
    if not isinstance(error, answers.Rejected):
        return error
    return errors.Refused(
        f"{way.host} refuses to publish the draft: {error.reason}",
        f"All files are uploaded and verified. Correct it at {way.base}/uploads/{ident} and publish it there, or "
        "correct the inputs and run again.",
    )


def _appeared(way: http.Http, native: records.Records, ident: str) -> bool:
    if _is_published(native, ident):
        return True
    return any(_is_published(native, ident) for _ in way.pauses(way.patience.settle))


def _is_published(native: records.Records, ident: str) -> bool:
    try:
        found = native.record(ident)
    except (errors.Unreachable, errors.Refused, errors.NotAuthorised):
        return False
    return found is not None and found.id == ident


def published(native: records.Records, draft: values.Record) -> values.Record:
    """The record that came of a draft, as it is shown; that it is published is known."""
    try:
        found = native.record(draft.id)
    except errors.Cancelled:
        raise
    except errors.PublishError:
        found = None
    return found or dataclasses.replace(draft, is_draft=False, is_published=True)


def compare(
    way: http.Http, native: records.Records, record: values.Record, verified: values.Record
) -> values.Record:
    """Compare a record with the verified draft: something else may have written to it in between.

    Returns:
        the record as it was last shown.

    Raises:
        errors.Refused: it is another one. Not a failure of files: those promise that nothing was published.
    """
    pauses = way.pauses(way.patience.settle)
    while other := verify.differing(verified.files, record.files):
        # What is not listed may be a moment later; what is there and another one will stay that.
        if any(name in record.files for name in other) or next(pauses, None) is None:
            raise errors.Refused(
                f"Record {record.id} is published, but not as it was verified just before: "
                f"{text.printable(other[0])} was replaced, removed or added "
                f"({text.plural(len(other), 'file')} in all).",
                "Did something else write to the same draft? Publish its next version: start another run with "
                f"zenodo-id: {record.id}, and no other run at the same time.",
            )
        record = published(native, record)
    return record
