"""Runs of the product on a stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.conformance import inside
from tests.strangers.server import BUCKET, Stranger


def publish(
    store: Stranger, workspace: Path, environment: Mapping[str, str] | None = None, /, **inputs: str
) -> inside.Run:
    """Run on ``out``, within this process; dashes of input names are underscores here."""
    given = {"in-dir": "out", "s3-dir": f"s3://{BUCKET}/p", "n-jobs": "4"}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return inside.run(given, workspace=workspace, environment=store.environment | dict(environment or {}))


def published(run: inside.Run) -> inside.Run:
    """The same run, which succeeded."""
    assert run.code == 0, run.log
    assert run.outputs["failed"] == "0"
    return run


def local(workspace: Path) -> dict[str, bytes]:
    """Content of each file of ``out``, by its name there."""
    out = workspace / "out"
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
