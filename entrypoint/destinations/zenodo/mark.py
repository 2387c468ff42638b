"""The mark by which a run finds the draft that its first attempt made.

It stands in the field "notes", as a sentence that a person can follow, and survives publishing.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from entrypoint import settings

_MARK: Final = re.compile(r"\s*Uploaded\s+by\s+catalog-upload:\s+\S+\s+\(data\s+set\s+[^()]*\)")


def of(run: settings.Run, data_set: str) -> str:
    """The mark of this run and data set; empty outside of GitHub, where no run has a number."""
    if not (run.on_github and run.id and run.repository):
        return ""
    # Blanks, brackets and markup would not survive the server's tidying, and the end must be certain.
    name = re.sub(r"[^\w.+-]+", "-", data_set)[:80]
    if name != data_set:
        name += "-" + hashlib.sha256(data_set.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    page = f"{run.server_url}/{run.repository}/actions/runs/{run.id}"
    return f"Uploaded by catalog-upload: {page} (data set {name})"


def is_in(notes: Any, mark: str) -> bool:
    """Whether these notes carry the mark, whatever the server did to its blanks."""
    return bool(mark) and isinstance(notes, str) and mark in " ".join(notes.split())


def put(notes: Any, mark: str) -> str:
    """The notes with this mark in place of any other; without a mark, just without the others."""
    kept = _MARK.sub("", notes).strip() if isinstance(notes, str) else ""
    return "\n".join(part for part in (kept, mark) if part)
