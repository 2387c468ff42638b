"""Ceph's object gateway (RGW) with the smallest cluster that holds it: one monitor, one OSD in memory, no keys.

Needs Debian's packages ``ceph-mon``, ``ceph-osd``, ``ceph-common`` and ``radosgw``; not a part of the tests that CI
runs (``make real-s3``). Debian 12 has Ceph 16.2, Debian 13 has 18.2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers import process

PROGRAMS: Final = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
INSTALL: Final = "apt-get install --no-install-recommends ceph-mon ceph-osd ceph-common radosgw"
KEY: Final = "local-key"
SECRET: Final = "local-secret"

# One copy of everything on one machine, nothing that authenticates, nothing outside `home`.
CONFIGURATION: Final = """
[global]
fsid = {fsid}
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
# Without keys the gateway and the monitor understand each other by the older protocol only.
ms bind msgr2 = false
run dir = {home}
pid file = {home}/$name.pid
admin socket = {home}/$name.asok
log file = {home}/$name.log
crash dir = {home}
keyring = {home}/keyring
mon data = {home}/mon
osd data = {home}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {home}
rgw run sync thread = false
rgw enable usage log = false
"""


@dataclass(frozen=True)
class Ceph:
    """A store that runs."""

    url: str
    version: str
    """As in ``16.2.15``."""

    @property
    def credentials(self) -> dict[str, str]:
        """Environment variables for its clients."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


@contextlib.contextmanager
def ceph() -> Iterator[Ceph]:
    """An empty store, for the length of a `with` block; it takes some fifteen seconds to come up.

    Raises:
        RuntimeError: it is not installed, or does not come up.
    """
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise RuntimeError(f"Ceph is not here ({', '.join(missing)} missing); on Debian: {INSTALL}")
    with (
        tempfile.TemporaryDirectory(prefix="ceph-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as stack,
    ):
        home = Path(name)
        cluster = _Cluster(home, stack)
        cluster.start_monitor()
        cluster.start_osd()
        yield cluster.start_gateway()


class _Cluster:
    def __init__(self, home: Path, stack: contextlib.ExitStack) -> None:
        self._home = home
        self._stack = stack
        self._fsid = str(uuid.uuid4())
        self._port = process.free_port()
        self._gate = process.free_port()
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "CEPH_CONF": str(home / "ceph.conf"),
        }
        monitor = f"v1:127.0.0.1:{self._port}"
        text = CONFIGURATION.format(fsid=self._fsid, monitor=monitor, home=home, port=self._gate)
        (home / "ceph.conf").write_text(text)
        (home / "keyring").touch()

    def start_monitor(self) -> None:
        monitors = str(self._home / "monmap")
        address = f"[v1:127.0.0.1:{self._port}]"
        self._run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", address, monitors)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors)
        self._start("ceph-mon", "-f", "-i", "a", port=self._port)

    def start_osd(self) -> None:
        ident = str(uuid.uuid4())
        self._run("ceph", "osd", "new", ident)
        (self._home / "osd").mkdir()
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", ident)
        self._start("ceph-osd", "-f", "-i", "0", port=0)

    def start_gateway(self) -> Ceph:
        self._start("radosgw", "-f", "-n", "client.admin", port=self._gate)
        user = ("user", "create", "--uid", "tests", "--display-name", "tests")
        self._run("radosgw-admin", *user, "--access-key", KEY, "--secret-key", SECRET)
        version = self._run("ceph", "--version").split()[2]
        return Ceph(f"http://127.0.0.1:{self._gate}", version)

    def _start(self, *command: str, port: int) -> None:
        log = self._home / f"{command[0]}.out"
        up = process.running(
            command,
            ready=lambda: process.listens(port) if port else self._is_up(),
            log=log,
            environment=self._environment,
        )
        self._stack.enter_context(up)

    def _is_up(self) -> bool:
        """Whether the OSD takes part."""
        return "1 up" in self._run("ceph", "osd", "stat")

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
        return done.stdout
