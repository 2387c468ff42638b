"""Where things are, for outputs and summary: addresses, DOIs, a citation, what is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from entrypoint import destinations, settings, text
from entrypoint.destinations.zenodo import metadata
from entrypoint.destinations.zenodo.api import values
from entrypoint.destinations.zenodo.api.request import quoted

PREFIXES: Final = {settings.ZENODO_URL: "10.5281", settings.SANDBOX_URL: "10.5072"}
"""DOI prefixes of the services whose DOIs follow from the id; others have to reserve one to know it."""


class Stage(StrEnum):
    """How far a run got with its draft, which determines what is left to do."""

    LOOKED_AT = "looked at"
    OPENED = "opened"
    IN_PART = "in part"
    FILLED = "filled"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class Standing:
    """How it stands with the draft or record of a run.

    Attributes:
        record: the draft or record as it was last read; nothing before it is found or made.
        reserved: the DOI that the service reserved for the draft; may be empty.
        ours: the draft carries the mark of this run.
        by_rerun: running the same again continues the draft, without its id.
        made, described, published: what this run did: made the draft, saved its metadata, published it.
    """

    stage: Stage = Stage.LOOKED_AT
    record: values.Record | None = None
    reserved: str = ""
    communities: tuple[str, ...] = ()
    ours: bool = False
    by_rerun: str = ""
    made: bool = False
    described: bool = False
    published: bool = False


def links(base: str, publisher: str, now: Standing, catalogs: Sequence[str]) -> destinations.Links:
    """Everything about one draft or record.

    Args:
        base: URL of the service.
        publisher: who publishes, where the record does not say.
        catalogs: names of catalogs.
    """
    there = now.record
    if there is None:
        return destinations.Links(base)
    doi, concept_doi = _dois(base, there, now.reserved)
    page = f"{base}/{'uploads' if there.is_draft else 'records'}/{there.id}"
    return destinations.Links(
        destination=page,
        catalog="\n".join(file_url(base, there, name) for name in catalogs),
        deposition_id=there.id,
        doi=doi,
        concept_doi=concept_doi,
        record=page,
        published=not there.is_draft,
        citation=metadata.citation_of(there.document, doi, publisher),
        badge=f"{base}/badge/doi/{quoted(doi)}.svg" if doi else "",
        todo=_todo(base, now, there) if there.is_draft else "",
        made=now.made,
        described=now.described,
        just_published=now.published,
    )


def _dois(base: str, there: values.Record, reserved: str) -> tuple[str, str]:
    """DOI and concept DOI, minted or as they will be; empty if only the service knows."""
    doi, prefix = there.doi or reserved, PREFIXES.get(base, "")
    if not prefix and not there.has_external_doi:
        prefix, _, name = doi.partition("/")
        prefix = prefix if name == f"zenodo.{there.id}" else ""
    if not prefix or there.has_external_doi:
        return doi, there.concept_doi
    concept = there.concept_doi or (f"{prefix}/zenodo.{there.concept}" if there.concept else "")
    return doi or f"{prefix}/zenodo.{there.id}", concept


def file_url(base: str, there: values.Record, name: str) -> str:
    """URL of one file; that of a draft works once it is published."""
    return f"{base}/records/{there.id}/files/{quoted(name)}"


def _todo(base: str, now: Standing, draft: values.Record) -> str:
    """What is left to do for a person."""
    match now.stage:
        case Stage.OPENED:
            return f"Draft {draft.id} is open: fill and publish it by runs with zenodo-id: {draft.id}."
        case Stage.IN_PART:
            return (
                f"Draft {draft.id} is not complete: a last run, without shard, sends the missing files and "
                "the catalog."
            )
        case Stage.FILLED:
            return _to_publish(base, now, draft)
        case Stage.ABANDONED:
            how = now.by_rerun or f"run again with zenodo-id: {draft.id}"
            return f"Draft {draft.id} keeps its files; to continue it, {how}."
        case _:
            return ""


def _to_publish(base: str, now: Standing, draft: values.Record) -> str:
    missing = [sentence.partition(":")[0] for sentence in metadata.missing(draft.document)]
    rest = f", fill in {' and '.join(missing)}, then press Publish." if missing else " and press Publish."
    asked = ""
    if now.communities:
        asked = f" Choose the community there too: {text.printable(', '.join(now.communities))}."
    return f"The draft is not published: check it at {base}/uploads/{draft.id}{rest}{asked}"
