"""The metadata of a draft: written where they differ, and what is to be said of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from entrypoint.destinations.zenodo import deposition, http, metadata


def write(
    drafts: deposition.Depositions, draft: deposition.Deposition, wanted: Mapping[str, Any], check: http.Check
) -> tuple[deposition.Deposition, list[str]]:
    """Give a draft these metadata, unless it has them.

    Returns:
        the draft as it is then, and remarks, one sentence each.
    """
    if not metadata.differs(wanted, metadata.writable(draft.metadata, draft.number)):
        return draft, []
    remarks = []
    if draft.metadata.get("dates"):
        remarks.append(
            "The draft's field dates cannot be written back and was left out: enter it on Zenodo again."
        )
    written = drafts.write(draft.number, wanted, check)
    kept = metadata.writable(written.metadata, draft.number)
    dropped = [field for field in metadata.differs(wanted, kept) if field in wanted and field not in kept]
    if dropped:
        remarks.append(f"Zenodo did not keep these metadata: {', '.join(dropped)}.")
    return dataclasses.replace(draft, metadata=written.metadata), remarks


def unwritten(record: deposition.Deposition, given: Mapping[str, Any]) -> list[str]:
    """What to say where no file of a record changed, so that it stays as it is, but other metadata were given."""
    there = metadata.writable(record.metadata, record.number)
    other = ", ".join(field for field in metadata.differs(given, there) if field in given)
    stays = f"No file changed, so record {record.number} stays as it is, its metadata too"
    return [f"{stays} ({other}): edit them on Zenodo."] if other else []
