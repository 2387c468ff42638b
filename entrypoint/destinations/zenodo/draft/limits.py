"""The rules for files, checked before anything is sent: flat names, 100 files, 50 GB, none empty or half up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from entrypoint import text
from entrypoint.destinations.zenodo.api import values
from entrypoint.plan import model

MAX_FILES: Final = 100
MAX_BYTES: Final = 50 * 10**9
"""Of all files of a new record. Users raise that of a draft by themselves, which only the service knows."""
MAX_NAME: Final = 255
"""Characters of a file's name."""


def of_plan(plan: model.Plan) -> list[str]:
    """What is wrong with the plan's files, whatever is there; one sentence each."""
    found = []
    for file in plan:
        if "/" in file.name or file.name in ("", ".", ".."):
            found.append(
                f"{file.local!r}: Zenodo has no folders, so {file.name!r} is not a valid name there."
            )
        elif len(file.name) > MAX_NAME:
            found.append(f"{file.local!r}: Zenodo allows names of at most {MAX_NAME} characters.")
    twice = sorted(name for name, count in Counter(file.name for file in plan).items() if count > 1)
    for name in twice:
        both = " and ".join(repr(file.local) for file in plan if file.name == name)
        found.append(
            f"{both} would both be {name!r} on Zenodo, which has no folders: rename one, or set pack: auto."
        )
    return found


def empty(plan: model.Plan) -> list[str]:
    """Files without content, which Zenodo refuses; one sentence for all."""
    names = [file.local for file in plan if not file.size]
    if not names:
        return []
    shown = ", ".join(repr(name) for name in names[:5]) + (" …" if len(names) > 5 else "")
    return [f"Zenodo refuses empty files: leave out or fill {text.plural(len(names), 'file')} ({shown})."]


def capacity(plan: model.Plan, kept: Mapping[str, int], *, is_new: bool) -> tuple[list[str], list[str]]:
    """Whether plan and files that stay in the draft are too many or too large: problems, and remarks.

    Args:
        kept: sizes of the files that stay though the plan does not name them.
        is_new: its quota cannot have been raised yet.
    """
    count, size = len(plan) + len(kept), plan.size + sum(kept.values())
    beside = f", {text.plural(len(kept), 'file')} that the draft keeps among them" if kept else ""
    delete = "set delete-extra: true, " if kept else ""
    problems, remarks = [], []
    if count > MAX_FILES:
        problems.append(
            f"Zenodo allows {MAX_FILES} files per record, and this would be {count:,}{beside}: set pack: auto, "
            f"{delete}or choose fewer groups."
        )
    if size > MAX_BYTES:
        much = f"this would be {text.size_text(size)}{beside}"
        if is_new:
            problems.append(
                f"Zenodo allows {text.size_text(MAX_BYTES)} for a new record, and {much}: {delete}choose fewer "
                "groups, make several records, or make the draft first (draft-only: true) and raise its quota "
                "on its page."
            )
        else:
            remarks.append(
                f"Zenodo allows {text.size_text(MAX_BYTES)} per record unless its quota was raised, and {much}."
            )
    return problems, remarks


def pending(
    there: Mapping[str, values.File], planned: Collection[str], *, removed: bool, publish: bool
) -> tuple[list[str], list[str]]:
    """Files of a draft that were begun and never completed, beside the planned ones: problems, and remarks.

    Args:
        removed: this run deletes them.
        publish: the draft is to be published, which they are in the way of.
    """
    names = sorted(name for name, file in there.items() if file.pending and name not in planned)
    if not names or removed:
        return [], []
    what = (
        f"The draft holds {text.plural(len(names), 'file')} whose upload was never completed "
        f"({', '.join(values.shown(name) for name in names[:3])})"
    )
    if publish:
        return [f"{what}, so that it cannot be published: set delete-extra: true, or delete them there."], []
    return [], [f"{what}. It cannot be published before they are deleted."]
