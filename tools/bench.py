"""Whole-process seconds and memory of uploads, beside other clients: ``make bench``.

Everybody sends the same folders to the same sink (an nginx that reads and forgets), in turns, so that what
else the machine does hits all alike; the ratios of the medians are what counts. Then the price of a second
run that finds nothing to do, against LocalStack, many files to a store far away, and Zenodo. ``--quick`` is
the same with less data and fewer rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

import yaml

from tests import action, dataset
from tests.servers import localstack, sink
from tests.support import runner_parser
from tools import bench_zenodo, distant

PEERS: Final = action.ROOT / ".venv-bench" / "bin"
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

# What a careful user would write by hand.
BOTO3_THREADS: Final = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import boto3
folder, bucket = Path(sys.argv[1]), sys.argv[2]
client = boto3.client("s3")
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda path: client.upload_file(str(path), bucket, "p/" + path.name), folder.iterdir()))
"""

# The shape of a Makefile run with -j10 in which every file is a process of its own.
AWS_PER_FILE: Final = """
import subprocess, sys
from concurrent.futures import ThreadPoolExecutor
aws, target, *files = sys.argv[1:]
command = lambda file: subprocess.run([aws, "s3", "cp", "--only-show-errors", file, target], check=True)
with ThreadPoolExecutor(10) as pool:
    list(pool.map(command, files))
"""


@dataclass(frozen=True)
class Result:
    """One run.

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
    """Somebody who uploads a folder."""

    name: str
    command: Callable[[Path], list[str]]
    share: Callable[[int], float] = lambda _: 1.0
    """The part of that many files that the command sends; the seconds are scaled up accordingly."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare uploads with those of other clients.")
    parser.add_argument("--quick", action="store_true", help="less data, fewer rounds")
    parser.add_argument("--rounds", type=int, default=0, help="how often each client runs (5; quick: 3)")
    parser.add_argument("--only", default="", help="corpora whose name holds this text")
    parser.add_argument("--n-jobs", default="8", help="our files in flight")
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 5)

    folders = {name: make() for name, make in corpora(quick=options.quick).items() if options.only in name}
    with sink.sink() if folders else contextlib.nullcontext("") as url:
        for name, folder in folders.items():
            report(name, measured(clients(options.n_jobs), folder, url, rounds))
    if not options.only or options.only in "unchanged":
        unchanged(quick=options.quick)
    if not options.only or options.only in "distant":
        distant.report(DATA / distant.CORPUS, lambda *run: astuple(measure(*run))[:2], environment)
    if not options.only or options.only in "zenodo":
        bench_zenodo.report(
            typical(quick=options.quick), rounds, lambda *run: astuple(measure(*run)), environment
        )
    return 0


def clients(n_jobs: str) -> list[Client]:
    """Ours first: the others are compared with it."""
    python, aws, s5cmd = sys.executable, str(PEERS / "aws"), str(PEERS / "s5cmd")
    flags = ["--s3-dir", "s3://bucket/p", "--n-jobs", n_jobs]
    one_by_one = [python, "-c", AWS_PER_FILE, aws, "s3://bucket/p/"]
    return [
        Client("catalog-upload", lambda folder: [*action.COMMAND, "--in-dir", str(folder), *flags]),
        Client("s5cmd", lambda folder: [s5cmd, "--log", "error", "cp", f"{folder}/", "s3://bucket/p/"]),
        Client(
            "aws s3 cp --recursive",
            lambda folder: [
                *(aws, "s3", "cp", "--recursive", "--only-show-errors"),
                *(str(folder), "s3://bucket/p/"),
            ],
        ),
        Client("boto3, 8 threads", lambda folder: [python, "-c", BOTO3_THREADS, str(folder), "bucket"]),
        Client(
            "one aws a file (*)",
            lambda folder: [*one_by_one, *map(str, sorted(folder.iterdir())[:10])],
            share=lambda files: min(10, files) / files,
        ),
    ]


def corpora(*, quick: bool) -> dict[str, Callable[[], Path]]:
    """The folders to send, made when asked for."""
    few, large = (16, 256) if quick else (64, 1000)
    return {
        "1000 x 20 kB": lambda: equal(1000, 20_000),
        f"{few} x 8 MB": lambda: equal(few, 8_000_000),
        f"2 x {large} MB": lambda: equal(2, large * 1_000_000),
        f"typical set, {760 * scale(quick=quick):.0f} MB": lambda: typical(quick=quick),
    }


def scale(*, quick: bool) -> float:
    """The part of the typical set's bytes that is sent."""
    return 0.1 if quick else 1.0


def typical(*, quick: bool) -> Path:
    """The folder of the typical set."""
    folder = DATA / f"typical-{scale(quick=quick)}"
    if not (folder / "catalog.yaml").exists():
        dataset.make("typical", folder, scale=scale(quick=quick))
    return folder


def equal(count: int, size: int) -> Path:
    """A folder with a catalog of so many files of one size; the content is noise."""
    folder = DATA / f"{count}x{size}"
    catalog = folder / "catalog.yaml"
    if catalog.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"genes_bin{number}.pmtiles" for number in range(1, count + 1)]
    for name in names:
        with (folder / name).open("wb") as file:
            for start in range(0, size, dataset.BLOCK):
                file.write(os.urandom(min(dataset.BLOCK, size - start)))
    catalog.write_text(yaml.safe_dump({"id": "bench", "assets": {"sge": {"all": names[0], "bins": names}}}))
    return folder


def measured(them: list[Client], folder: Path, url: str, rounds: int) -> dict[str, list[Result]]:
    """Each client's results, round by round; one round before, unmeasured, warms all caches."""
    results: dict[str, list[Result]] = {client.name: [] for client in them}
    files = sum(1 for _ in folder.iterdir())
    for number, client in itertools.product(range(rounds + 1), them):
        result = measure(client.command(folder), environment(url))
        if number:
            scaled = result.seconds / client.share(files)
            results[client.name].append(dataclasses.replace(result, seconds=scaled))
    return results


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


def environment(url: str) -> dict[str, str]:
    """What every client finds: one endpoint, and keys that nobody checks."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(DATA),
        "PYTHONPATH": str(action.ROOT),
        "AWS_ENDPOINT_URL": url,
        "S3_ENDPOINT_URL": url,
        "AWS_REGION": sink.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        **sink.CREDENTIALS,
    }


def report(name: str, results: Mapping[str, list[Result]]) -> None:
    """A table: medians of the seconds, and how many times ours they are."""
    print(f"\n{name}\n{'':24}{'seconds':>9}{'fastest':>9}{'ratio':>8}{'peak MB':>9}")
    ours = statistics.median(result.seconds for result in next(iter(results.values())))
    for client, runs in results.items():
        seconds = sorted(run.seconds for run in runs)
        median, peak = statistics.median(seconds), max(run.megabytes for run in runs)
        print(f"{client:24}{median:9.2f}{seconds[0]:9.2f}{median / ours:8.2f}{peak:9.0f}", flush=True)
    if any("(*)" in client for client in results):
        print("(*) ten files at a time were sent, ten at once; the seconds are scaled up to all of them")


def unchanged(*, quick: bool) -> None:
    """What it costs to find that nothing has changed."""
    folder = equal(500, 200_000 if quick else 1_000_000)
    with localstack.localstack() as url:
        localstack.create_bucket(url, "bucket")
        runs = list(twice(folder, url))
    first, second = (run.seconds for run in runs)
    print(f"\n500 files against LocalStack: first run {first:.2f} s, second run {second:.2f} s", end=", ")
    print(f"{second / first:.3f} of the first")


def twice(folder: Path, url: str) -> Iterator[Result]:
    """The same command two times; ends the benchmark when the second one sends anything."""
    command = [*action.COMMAND, "--in-dir", str(folder), "--s3-dir", "s3://bucket/p"]
    for expected in ("501", "0"):
        with tempfile.NamedTemporaryFile() as outputs:
            yield measure(command, {**environment(url), "GITHUB_OUTPUT": outputs.name})
            sent = runner_parser.outputs(outputs.read())["uploaded"]
        if sent != expected:
            sys.exit(f"{sent} files were sent, not {expected}")


if __name__ == "__main__":
    raise SystemExit(main())
