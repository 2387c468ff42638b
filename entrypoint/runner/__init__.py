"""GitHub's runner and the terminal: results, the log, annotations, masks, the files of outputs and summary.

The only package that imports ``actions_toolkit`` and that knows where the program runs; only ``app`` imports it.
"""

from __future__ import annotations

from entrypoint.runner import drafts
from entrypoint.runner.console import Runner
from entrypoint.runner.progress import Progress
from entrypoint.runner.reporter import Reporter

__all__ = ["Progress", "Reporter", "Runner", "drafts"]
