"""The mark by which a run finds the draft that its first attempt made.

It stands among the descriptions of the draft, as a sentence that a person can follow, and survives publishing.
"""

from __future__ import annotations

import hashlib
import re

from entrypoint import settings


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
