"""Run a command as a process of its own, and say what it cost."""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import action
from tests.servers import sink

DATA: Final = Path(tempfile.gettempdir()) / "catalog-upload-bench"
"""Kept between runs: 3.3 GB take a while to write."""

# Runs a command in a process that holds nothing, because a child's peak memory is at least what its parent
# had when it forked (getrusage(2): ru_maxrss survives exec).
MEASURE: Final = """
import os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
with open(sys.argv[1], "w") as report:
    print(time.perf_counter() - began, usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=report)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


@dataclass(frozen=True)
class Result:
    """One run, or the medians of several.

    Attributes:
        seconds: by the clock on the wall.
        megabytes: peak resident memory of its largest process.
        cpu: seconds that the cores worked for it, the processes it waited for among them.
    """

    seconds: float
    megabytes: float
    cpu: float


@dataclass(frozen=True)
class Client:
    """A client that uploads a folder.

    Attributes:
        share: the part of so many files that the command sends; the seconds are scaled up accordingly.
    """

    name: str
    command: Callable[[Path], list[str]]
    share: Callable[[int], float] = lambda _: 1.0


def in_turns(
    them: Sequence[Client], folder: Path, variables: Mapping[str, str], rounds: int
) -> dict[str, list[Result]]:
    """Each client's results, round by round, so that what else the machine does hits all alike.

    One round before, unmeasured, warms all caches.
    """
    results: dict[str, list[Result]] = {client.name: [] for client in them}
    files = sum(1 for _ in folder.iterdir())
    for number, client in itertools.product(range(rounds + 1), them):
        found = measure(client.command(folder), variables)
        if number:
            scaled = found.seconds / client.share(files)
            results[client.name].append(Result(scaled, found.megabytes, found.cpu))
    return results


def medians(runs: Sequence[Result]) -> Result:
    """Medians of seconds and of processor time, and the largest peak of memory."""
    return Result(
        statistics.median(run.seconds for run in runs),
        max(run.megabytes for run in runs),
        statistics.median(run.cpu for run in runs),
    )


def measure(command: list[str], environment: Mapping[str, str]) -> Result:
    """Run a command to its end.

    Raises:
        SystemExit: it failed; its words come along.
    """
    with tempfile.NamedTemporaryFile("r") as figures:
        run = subprocess.run(
            [sys.executable, "-I", "-S", "-c", MEASURE, figures.name, *command],
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if run.returncode:
            sys.exit(f"{' '.join(command)[:200]}\nfailed:\n{run.stdout[-3000:]}")
        seconds, kilobytes, cpu = figures.read().split()
    return Result(float(seconds), int(kilobytes) * 1024 / 1e6, float(cpu))


def environment(url: str, bundle: Path | None = None) -> dict[str, str]:
    """What every client finds: one endpoint, and keys that are not checked.

    Args:
        bundle: the authority that vouches for the endpoint, by the variables that the clients read.
    """
    trusted = {name: str(bundle) for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE")} if bundle else {}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(DATA),
        "PYTHONPATH": str(action.ROOT),
        "AWS_ENDPOINT_URL": url,
        "S3_ENDPOINT_URL": url,
        "AWS_REGION": sink.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        **sink.CREDENTIALS,
        **trusted,
    }
