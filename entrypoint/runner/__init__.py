"""GitHub's runner and the terminal: the log, annotations, masks, the files of outputs and summary.

The only room that imports ``actions_toolkit`` and that knows where it runs; only ``__main__`` comes here.
"""

from __future__ import annotations

from entrypoint.runner.console import Runner
from entrypoint.runner.progress import Progress

__all__ = ["Progress", "Runner"]
