"""The metadata of a draft: saved if they differ, before the first file; the server's refusals are reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from entrypoint import errors
from entrypoint.destinations.zenodo import metadata
from entrypoint.destinations.zenodo.api import answers, http, records, values


def save(
    way: http.Http,
    native: records.Records,
    draft: values.Record,
    body: Mapping[str, Any],
    *,
    publish: bool,
) -> tuple[values.Record, list[str]]:
    """Give a draft this metadata.

    Args:
        body: the whole native JSON to be written.
        publish: it is to be published; see `check`.

    Returns:
        the draft as it is then, and remarks, one sentence each.

    Raises:
        errors.BadInput: the server refuses some of it.
    """
    written = refused(way, lambda: _write(way, native, draft.id, body), body, draft.id)
    check(way, written, body, publish=publish)
    kept = native.draft(draft.id) or draft
    lost = metadata.lost(body, kept.document)
    return kept, [f"{way.host} did not keep this metadata: {', '.join(lost)}."] if lost else []


def _write(way: http.Http, native: records.Records, ident: str, body: Mapping[str, Any]) -> values.Record:
    """Save; retry once if another write may have interfered, which looks like a wrong value."""
    try:
        return native.write(ident, body)
    except answers.Rejected as error:
        if error.status != 400 or not answers.may_be_collision(error.reason):
            raise
    way.sleep(way.patience.pause(1))
    return native.write(ident, body)


def refused(
    way: http.Http, write: Callable[[], values.Record], body: Mapping[str, Any], ident: str
) -> values.Record:
    """What `write` gives; a refusal of the metadata as a whole becomes an error in the words of the inputs.

    Args:
        ident: of the draft; empty where none is made yet.

    Raises:
        errors.BadInput
    """
    try:
        return write()
    except answers.Rejected as error:
        if error.status not in (400, 422):
            raise
        listed = error.document.get("errors") if isinstance(error.document, dict) else None
        said = metadata.problems_of(listed, body) if isinstance(listed, list) else []
        raise _bad(way, said or [error.reason], ident) from error


def check(way: http.Http, saved: values.Record, body: Mapping[str, Any], *, publish: bool) -> None:
    """Read the errors that the server lists of a draft that it saved nevertheless.

    Args:
        publish: what is still missing counts, too: the service would refuse to publish, and may need more
            than Zenodo does. Otherwise a draft may be incomplete.

    Raises:
        errors.BadInput: it left something out.
    """
    problems = metadata.problems_of(saved.errors, None if publish else body)
    if problems:
        raise _bad(way, problems, saved.id)


def _bad(way: http.Http, problems: list[str], ident: str) -> errors.BadInput:
    kept = f" Draft {ident} is kept: run again with zenodo-id: {ident}, or re-run the job." if ident else ""
    return errors.BadInput(
        [f"{way.host} refuses the metadata: {problem}" for problem in problems],
        f"Correct the inputs or the metadata-file; no file was sent.{kept}",
    )
