"""Zenodo's rules for files: flat names of limited length, 100 files, 50 GB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from entrypoint import text
from entrypoint.destinations.zenodo import files
from entrypoint.plan import model

MAX_FILES: Final = 100
MAX_BYTES: Final = 50 * 10**9
"""Of all files of a record, and so of one. Users can be granted more, which only the service knows."""


def problems(plan: model.Plan) -> list[str]:
    """What is wrong with the plan's names; one sentence each."""
    found = []
    for file in plan:
        if "/" in file.name or file.name in ("", ".", ".."):
            found.append(f"{file.local!r}: Zenodo has no folders, so {file.name!r} cannot be a name there.")
        elif len(file.name) > files.MAX_NAME:
            found.append(f"{file.local!r}: Zenodo's names have at most {files.MAX_NAME} characters.")
    twice = sorted(name for name, count in Counter(file.name for file in plan).items() if count > 1)
    for name in twice:
        both = " and ".join(repr(file.local) for file in plan if file.name == name)
        found.append(
            f"{both} would both be {name!r} on Zenodo, which has no folders: rename one, or set pack: auto."
        )
    return found


def limits(plan: model.Plan, kept: Mapping[str, int]) -> list[str]:
    """Whether plan and files that stay in the draft are too many or too large; one sentence each.

    Args:
        kept: sizes of the files that stay though the plan does not name them.
    """
    count, size = len(plan) + len(kept), plan.size + sum(kept.values())
    beside = f", {text.plural(len(kept), 'file')} that the draft keeps among them" if kept else ""
    delete = "set delete-extra: true, " if kept else ""
    found = []
    if count > MAX_FILES:
        found.append(
            f"Zenodo takes {MAX_FILES} files a record, and this would be {count:,}{beside}: set pack: auto, "
            f"{delete}or choose fewer groups."
        )
    if size > MAX_BYTES:
        found.append(
            f"Zenodo takes {text.size_text(MAX_BYTES)} a record, and this would be "
            f"{text.size_text(size)}{beside}: {delete}choose fewer groups, or make several records."
        )
    return found
