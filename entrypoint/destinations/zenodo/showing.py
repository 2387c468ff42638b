"""Where things are, for outputs and summary: addresses, DOIs, a citation, what is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from entrypoint import destinations, settings, text
from entrypoint.destinations.zenodo import deposition, http, metadata, rules, target
from entrypoint.plan import model


class Stage(StrEnum):
    """How far a run came with its draft, on which depends what is left to do."""

    LOOKED_AT = "looked at"
    OPENED = "opened"
    IN_PART = "in part"
    FILLED = "filled"
    ABANDONED = "abandoned"


PREFIXES: Final = {settings.ZENODO_URL: "10.5281", settings.SANDBOX_URL: "10.5072"}


def links(
    base: str, now: deposition.Deposition, *, reserved: str, catalogs: Sequence[str], todo: str
) -> destinations.Links:
    """Everything about one draft or record.

    Args:
        base: URL of the service.
        reserved: DOI that the service reserved for the draft; may be empty.
        todo: what a person has to do about a draft.
    """
    doi, concept_doi = dois(base, now, reserved)
    # A draft has no page among the records until it is published.
    record = f"{base}/{'records' if now.is_published else 'uploads'}/{now.number}"
    return destinations.Links(
        destination=record,
        catalog="\n".join(file_url(base, now, name) for name in catalogs),
        deposition_id=str(now.number),
        doi=doi,
        concept_doi=concept_doi,
        record=record,
        published=now.is_published,
        citation=metadata.citation_of(now.metadata, doi),
        badge=f"{base}/badge/doi/{http.quoted(doi)}.svg",
        todo="" if now.is_published else todo,
    )


def dois(base: str, now: deposition.Deposition, reserved: str) -> tuple[str, str]:
    """DOI and concept DOI, minted or as they will be.

    The service announces the production's prefix in every draft, even where it mints another.
    """
    doi = now.doi or reserved
    if doi and not metadata.is_own_doi(doi):
        return doi, now.concept_doi
    prefix = PREFIXES.get(base) or (doi or now.concept_doi or PREFIXES[settings.ZENODO_URL]).partition("/")[0]
    concept = now.concept_doi or (f"{prefix}/zenodo.{now.concept}" if now.concept else "")
    return doi or f"{prefix}/zenodo.{now.number}", concept


def file_url(base: str, now: deposition.Deposition, name: str) -> str:
    """URL of one file; that of a draft works once it is published."""
    return f"{base}/records/{now.number}/files/{http.quoted(name)}"


def to_publish(base: str, now: deposition.Deposition, communities: Sequence[str]) -> str:
    """What is left to do about a draft that is complete."""
    missing = [sentence.partition(":")[0] for sentence in rules.missing(now.metadata)]
    rest = f", fill in {' and '.join(missing)}, then press Publish." if missing else " and press Publish."
    asked = (
        f" Choose the community there too: {text.printable(', '.join(communities))}." if communities else ""
    )
    return f"The draft is not published: look at it at {base}/uploads/{now.number}{rest}{asked}"


def to_fill(now: deposition.Deposition) -> str:
    """What is left to do about a draft that was opened for files of other runs."""
    return f"Draft {now.number} is open: fill and publish it by runs with zenodo-id: {now.number}."


def to_complete(now: deposition.Deposition) -> str:
    """What is left to do about a draft of which one part is up."""
    return f"Draft {now.number} is not complete: a last run, without shard, sends what is missing and the catalog."


def to_continue(now: deposition.Deposition, *, by_rerun: bool) -> str:
    """What is left to do about a draft that is not complete."""
    how = "re-run the failed jobs" if by_rerun else f"run again with zenodo-id: {now.number}"
    return f"Draft {now.number} keeps what is up; to continue it, {how}."


def remarks(plan: model.Plan, found: target.Target, *, has_license: bool) -> list[str]:
    """What a person should know before the run; one sentence each."""
    said = []
    empty = [file.local for file in plan if not file.size]
    if empty:
        names = text.printable(", ".join(empty[:3]))
        many = text.plural(len(empty), "file")
        said.append(f"{many} without any content ({names}): Zenodo may refuse empty files.")
    if not has_license:
        said.append("No license is given, so that Zenodo chooses one (CC0 for data sets): set license.")
    there = found.there
    if there is not None and found.ours:
        said.append(f"Continues draft {there.number}, which this workflow run made.")
    elif there is not None and found.finished:
        said.append(f"An earlier attempt of this run published record {there.number}.")
    elif there is not None and there.state == "inprogress":
        said.append(f"Record {there.number} has open edits; they are left alone.")
    return said
