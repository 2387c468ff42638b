"""Run the product as GitHub's runner runs a Docker action: a process, `INPUT_*`, and the file commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support import runner_parser

ROOT: Final = Path(__file__).resolve().parents[1]
COMMAND: Final = (sys.executable, "-P", "-m", "entrypoint")
"""As in the Dockerfile: -P keeps the user's files off the import path."""


@dataclass(frozen=True)
class Run:
    """What one run leaves behind."""

    code: int
    log: str
    """Standard output and standard error as a job's log shows them, in one."""
    outputs: Mapping[str, str]
    summary: str
    """Markdown."""
    seconds: float


def variables(inputs: Mapping[str, str]) -> dict[str, str]:
    """The inputs as the runner hands them over: upper case, dashes kept."""
    return {"INPUT_" + name.replace(" ", "_").upper(): value for name, value in inputs.items()}


def run(
    inputs: Mapping[str, str],
    *,
    workspace: Path,
    environment: Mapping[str, str],
    arguments: Iterable[str] = (),
    on_line: Callable[[str], None] | None = None,
) -> Run:
    """Run the action once, to its end.

    Args:
        inputs: by their names in ``action.yml``.
        workspace: the working directory and ``GITHUB_WORKSPACE``.
        environment: what the process gets besides; nothing of ours leaks into it but ``PATH`` and ``HOME``.
        arguments: for the command line.
        on_line: hears each line of the log as it comes, without its end.
    """
    with tempfile.TemporaryDirectory(prefix="runner-") as name:
        files = {key: Path(name, key.lower()) for key in ("OUTPUT", "STEP_SUMMARY", "STATE", "ENV", "PATH")}
        for path in files.values():
            path.touch()
        surroundings = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": name,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_REPOSITORY": "octocat/atlas",
            "GITHUB_RUN_ID": "1",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_SERVER_URL": "https://github.com",
            "RUNNER_TEMP": name,
            "AWS_EC2_METADATA_DISABLED": "true",
            **{f"GITHUB_{key}": str(path) for key, path in files.items()},
            **variables(inputs),
            **environment,
        }
        began = time.perf_counter()
        lines = []
        with subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=workspace,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if on_line:
                    on_line(line.rstrip("\n"))
        seconds = time.perf_counter() - began
        outputs = runner_parser.outputs(files["OUTPUT"].read_bytes())
        summary = files["STEP_SUMMARY"].read_text("utf-8")
        return Run(process.returncode, "".join(lines), outputs, summary, seconds)
