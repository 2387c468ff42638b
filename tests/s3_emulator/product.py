"""Runs of the product on a stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests import action
from tests.conformance import in_process
from tests.s3_emulator.server import BUCKET, SECRET, Stranger


def publish(
    store: Stranger, workspace: Path, environment: Mapping[str, str] | None = None, /, **inputs: str
) -> in_process.Run:
    """Run on ``out``, within this process; dashes of input names are underscores here."""
    given = {"in-dir": "out", "s3-dir": f"s3://{BUCKET}/p", "n-jobs": "4"}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return in_process.run(given, workspace=workspace, environment=store.environment | dict(environment or {}))


def published(run: in_process.Run) -> in_process.Run:
    """The same run, which succeeded."""
    assert run.code == 0, run.log
    assert run.outputs["failed"] == "0"
    return run


def local(workspace: Path) -> dict[str, bytes]:
    """Content of each file of ``out``, by its name there."""
    out = workspace / "out"
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def process(store: Stranger, workspace: Path, environment: Mapping[str, str], **inputs: str) -> action.Run:
    """Run on ``out``, as a process of its own."""
    given = {"in-dir": "out", "s3-dir": f"s3://{BUCKET}/p"}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    run = action.run(given, workspace=workspace, environment=store.environment | dict(environment))
    assert "Traceback" not in run.log, run.log
    assert SECRET not in "\n".join(line for line in run.log.splitlines() if "::add-mask::" not in line)
    return run


def arrived(run: action.Run, store: Stranger, workspace: Path) -> None:
    """What is here is there, and nothing else below the prefix."""
    assert run.code == 0, run.log
    assert store.contents() == local(workspace)
