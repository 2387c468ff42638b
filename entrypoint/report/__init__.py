"""How a run ended, for people and machines: log lines, job summary, outputs, manifest. Pure functions.

Names of files, a server's words and the like come from elsewhere; everything that leaves this package for
people has them made harmless for the place where they go.
"""

from __future__ import annotations

from entrypoint.report.lines import (
    causes,
    closing,
    deletions,
    failed_names,
    links,
    plan_lines,
    remarks,
    start_line,
)
from entrypoint.report.machine import document, manifest, outputs
from entrypoint.report.page import SUMMARY_LIMIT, summary
from entrypoint.report.verdict import headline

__all__ = [
    "SUMMARY_LIMIT",
    "causes",
    "closing",
    "deletions",
    "document",
    "failed_names",
    "headline",
    "links",
    "manifest",
    "outputs",
    "plan_lines",
    "remarks",
    "start_line",
    "summary",
]
