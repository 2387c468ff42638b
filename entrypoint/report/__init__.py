"""How a run ended, for people and machines: log lines, job summary, outputs, manifest. Pure functions.

Names of files, a server's words and the like come from elsewhere; everything that leaves this room for
people has them made harmless for the place where they go.
"""

from __future__ import annotations

from entrypoint.report.lines import cause, end_lines, plan_lines, remarks, start_line
from entrypoint.report.machine import manifest, outputs
from entrypoint.report.page import SUMMARY_LIMIT, summary
from entrypoint.report.verdict import headline

__all__ = [
    "SUMMARY_LIMIT",
    "cause",
    "end_lines",
    "headline",
    "manifest",
    "outputs",
    "plan_lines",
    "remarks",
    "start_line",
    "summary",
]
