"""Runs of the product against the real server, and what they need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.conformance import in_process
from tests.conformance.remotes import md5
from tests.real_zenodo.client import METADATA, unique
from tests.real_zenodo.conftest import Real

FILES: Final = {"a.tsv": b"1\n", "b.tsv": b"22\n", "c.pmtiles": b"333\n"}
LICENSED: Final = METADATA | {"rights": [{"id": "cc-by-4.0"}]}
"""Metadata with a licence, because no other source chooses one."""


def run(real: Real, workspace: Path, ident: str, *, run_id: str = "", **inputs: str) -> in_process.Run:
    """Run on ``out``; dashes of input names are underscores here."""
    about = workspace / "about.json"
    if not about.exists():
        about.write_text(json.dumps({"metadata": LICENSED}))
    given = {
        "in-dir": "out",
        "zenodo-id": ident,
        "zenodo-url": real.proxy.url,
        "zenodo-token": real.owner.token,
    }
    given |= {"metadata-file": about.name} if ident == "new" else {}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return in_process.run(given, workspace=workspace, environment={"GITHUB_RUN_ID": run_id or unique("run")})


def expected(workspace: Path) -> dict[str, str]:
    """MD5 of each file on disk, by name."""
    out = workspace / "out"
    files = (path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): md5(path.read_bytes()) for path in files}


def published(real: Real, workspace: Path, files: dict[str, bytes], **fields: Any) -> str:
    """A record that holds these files and their catalog, made without the product; its id."""
    out = in_process.fill(workspace, files)
    ident = real.owner.draft({path.name: path.read_bytes() for path in sorted(out.iterdir())}, **fields)
    real.owner.publish(ident)
    return ident
