"""Make a virtual environment from a lock, or find at once that it is there already.

    python3 tools/install.py .venv requirements/dev.txt --editable

Needs nothing but Python 3.11 or newer with venv and pip: the first thing that runs on a fresh machine.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a virtual environment from a lock.")
    parser.add_argument("folder", type=Path, help="where, as in .venv")
    parser.add_argument("lock", type=Path, help="as in requirements/dev.txt")
    parser.add_argument("--editable", action="store_true", help="install this project as well")
    options = parser.parse_args()

    if sys.version_info < (3, 11):  # noqa: UP036  it is what this line is for
        found = ".".join(map(str, sys.version_info[:3]))
        return complain(f"Python 3.11 or newer is needed; this is {found}. Try: make PYTHON=python3.13 …")
    stamp = options.folder / ".lock"
    # A venv holds absolute paths and one Python's packages: it is stale when either has changed.
    parts = [options.lock.read_bytes(), sys.version.encode(), bytes(options.folder.resolve())]
    if options.editable:
        parts.append((ROOT / "pyproject.toml").read_bytes())
    wanted = hashlib.sha256(b"\0".join(parts)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return 0

    print(f"Installing {options.lock} into {options.folder}/ …", flush=True)
    shutil.rmtree(options.folder, ignore_errors=True)
    try:
        venv.create(options.folder, with_pip=True)
    except subprocess.CalledProcessError:
        return complain("Python's venv module does not work here; on Debian: apt-get install python3-venv")
    python = str(options.folder / "bin" / "python")
    # --no-compile: a third less to wait; Python compiles what it imports, when it does.
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-compile"]
    # --no-deps: the lock is complete, and leaves out on purpose what we do not use (PyGithub).
    commands = [[*pip, "--require-hashes", "--no-deps", "-r", str(options.lock)]]
    if options.editable:
        commands.append([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    for command in commands:
        if subprocess.run(command, check=False).returncode:
            return complain("pip could not install it (see above).")
    stamp.write_text(wanted)
    return 0


def complain(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
