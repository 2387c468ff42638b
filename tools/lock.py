"""Update requirements/*.txt: every dependency pinned, with hashes, for each Python and platform.

    python tools/lock.py              keep the versions that are locked; add and drop what has changed
    python tools/lock.py --upgrade    take the newest versions

The locks name no index: pip takes the packages from wherever it is set up to, and checks the hashes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LOCKS: Final[dict[str, tuple[str, ...]]] = {
    # dev.txt comes first: what the image installs is held to what the tests ran with.
    "dev.txt": ("pyproject.toml", "requirements/dev.in"),
    "runtime.txt": ("pyproject.toml", "--constraints", "requirements/dev.txt"),
    # Packages newer than this release break LocalStack (cbor2 6, pyOpenSSL 26).
    "localstack.txt": ("requirements/localstack.in", "--exclude-newer", "2026-02-28"),
    "bench.txt": ("requirements/bench.in",),
    # As of the day of the zenodo-rdm that this version of InvenioRDM is from.
    "real-zenodo.txt": ("requirements/real-zenodo.in", "--exclude-newer", "2026-08-20"),
}


def main(arguments: list[str]) -> int:
    """Resolve each lock in its turn; uv says what is wrong."""
    uv = Path(sys.executable).with_name("uv")
    program = str(uv) if uv.exists() else shutil.which("uv") or "uv"
    for name, sources in LOCKS.items():
        command = [program, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--no-header", "--no-emit-index-url", *arguments]
        subprocess.run([*command, *sources, "--output-file", f"requirements/{name}"], check=True, cwd=ROOT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
