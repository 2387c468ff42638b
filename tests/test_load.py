"""Much: memory, open files, threads and the length of the log stay bounded."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.conformance.counting_store import counting_store
from tests.faults.product import Order, Ran, Zygote
from tests.servers.localstack import CREDENTIALS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
MB, GB = 10**6, 10**9
LIMIT = 300 * MB
SIZE = float(os.environ.get("LOAD_GB", "20"))
"""GB of large files; they are sparse, so that the disk does not count."""


@dataclass
class Peaks:
    """The most of each that was seen while a process ran."""

    memory: int = 0
    files: int = 0
    threads: int = 0

    def watch(self, pid: int) -> float:
        """Look every 50 ms until the process is gone."""
        home = Path(f"/proc/{pid}")
        try:
            while True:
                status = dict(line.split(":", 1) for line in (home / "status").read_text().splitlines())
                self.memory = max(self.memory, int(status["VmHWM"].split()[0]) * 1024)
                self.threads = max(self.threads, int(status["Threads"]))
                self.files = max(self.files, sum(1 for _ in (home / "fd").iterdir()))
                time.sleep(0.05)
        except (OSError, KeyError):
            return 0.0


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as started:
        yield started


def publish(zygote: Zygote, workspace: Path) -> tuple[Ran, Peaks]:
    peaks = Peaks()
    with counting_store() as there:
        inputs = {"in-dir": "out", "s3-dir": "s3://bucket/p", "n-jobs": "16"}
        environment = {"AWS_ENDPOINT_URL_S3": there.url, "AWS_REGION": "us-east-1", **CREDENTIALS}
        ran = zygote.run(Order(inputs, workspace, environment, act=peaks.watch, hurried=False, hang=380))
    return ran, peaks


def bounded(ran: Ran, peaks: Peaks, what: str) -> None:
    lines = len(ran.log.splitlines())
    print(
        f"{what}: {ran.seconds:.1f} s, {peaks.memory / MB:.0f} MB, {peaks.files} open files, "
        f"{peaks.threads} threads, {lines} lines"
    )
    assert ran.code == 0, ran.log[-2000:]
    assert peaks.memory < LIMIT
    assert peaks.files < 200
    assert peaks.threads < 100
    assert lines < 1000


def test_ten_thousand_small_files(zygote: Zygote, workspace: Path) -> None:
    in_process.fill(workspace, {f"d{number % 100}/f{number}.tsv": b"x" * 900 for number in range(10_000)})
    ran, peaks = publish(zygote, workspace)
    assert ran.outputs["uploaded"] == "10001"
    assert len(ran.summary.encode()) < 900_000
    bounded(ran, peaks, "10,000 files")


def test_large_files(zygote: Zygote, workspace: Path) -> None:
    names = [f"f{number}.pmtiles" for number in range(4)]
    out = in_process.fill(workspace, dict.fromkeys(names, b""))
    for name in names:
        os.truncate(out / name, round(SIZE * GB / len(names)))
    ran, peaks = publish(zygote, workspace)
    bounded(ran, peaks, f"{SIZE:g} GB, {SIZE / ran.seconds:.2f} GB/s")
