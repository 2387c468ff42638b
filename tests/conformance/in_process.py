"""A whole run of the program in this process: like `tests.action`, but without starting Python."""

from __future__ import annotations

import io
import json
import os
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from entrypoint import app as product
from tests import action
from tests.support import runner_parser


@dataclass(frozen=True)
class Run:
    """What one run leaves behind."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str
    manifest: dict[str, Any]

    def statuses(self) -> dict[str, str]:
        """Status of each file by its remote name."""
        return {file["name"]: file["status"] for file in self.manifest["files"]}

    def file(self, name: str) -> dict[str, Any]:
        """What the manifest says of one file."""
        found: dict[str, Any] = next(file for file in self.manifest["files"] if file["name"] == name)
        return found

    @property
    def counts(self) -> tuple[int, int, int]:
        """Files that were uploaded, skipped and failed."""
        return int(self.outputs["uploaded"]), int(self.outputs["skipped"]), int(self.outputs["failed"])


def run(inputs: Mapping[str, str], *, workspace: Path, environment: Mapping[str, str]) -> Run:
    """Run once, to its end; a manifest is always written."""
    with tempfile.TemporaryDirectory(prefix="runner-") as name:
        files = {key: Path(name, key.lower()) for key in ("OUTPUT", "STEP_SUMMARY")}
        for path in files.values():
            path.touch()
        manifest = workspace / "manifest.json"
        manifest.unlink(missing_ok=True)
        surroundings = {
            "HOME": name,
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_REPOSITORY": "octocat/atlas",
            "GITHUB_RUN_ID": "1",
            "GITHUB_RUN_ATTEMPT": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **{f"GITHUB_{key}": str(path) for key, path in files.items()},
            **action.variables({"manifest": manifest.name, **inputs}),
            **environment,
        }
        log = io.StringIO()
        with mock.patch.dict(os.environ, surroundings):
            code = product.run(os.environ, [], workspace, log)
        return Run(
            code,
            log.getvalue(),
            runner_parser.outputs(files["OUTPUT"].read_bytes()),
            files["STEP_SUMMARY"].read_text("utf-8"),
            json.loads(manifest.read_text()) if manifest.exists() else {},
        )


def fill(workspace: Path, files: Mapping[str, bytes], *, ident: str = "atlas", name: str = "out") -> Path:
    """A directory with these files and a catalog that lists them all."""
    folder = workspace / name
    folder.mkdir(exist_ok=True)
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    listed = {f"layer{number}": path for number, path in enumerate(files)}
    document = {"id": ident, "assets": {"basemap": listed}}
    (folder / "catalog.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
    return folder


def noise(size: int, seed: str = "") -> bytes:
    """Reproducible bytes without a pattern; other seeds, other bytes."""
    return random.Random(f"{seed}{size}").randbytes(size)
