"""Seconds, requests and memory of many files to a store that is far away; a part of ``make bench``.

A collection of 4,352 files goes to a sink that lets every request wait. What no client can beat is
requests x latency / files in flight: the table says how close ours comes.
"""

from __future__ import annotations

import concurrent.futures
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import action, dataset
from tests.servers import sink
from tests.support import runner_parser

CORPUS: Final = "large_collection_div100"
LATENCY: Final = 0.05
"""Seconds that each request waits: a store on the other side of an ocean."""
JOBS: Final = (8, 16, 32, 64)
SHARDS: Final = 4
Measure = Callable[[list[str], dict[str, str]], tuple[float, float]]
"""Runs a command: its seconds, and its peak memory in MB."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        jobs: files in flight of each process.
        size: bytes sent, of all processes.
        requests: of all processes, as the store counted them.
        seconds: of the slowest process, its start included.
        megabytes: peak of the largest process.
    """

    shards: int
    jobs: int
    files: int
    size: int
    requests: int
    latency: float
    seconds: float
    megabytes: float

    @property
    def floor(self) -> float:
        """Seconds that the waiting alone takes."""
        return self.requests * self.latency / (self.jobs * self.shards)


def run(folder: Path, measure: Measure, environment: Callable[[str], dict[str, str]]) -> list[Row]:
    """All rows; the files are made where they are not there.

    Raises:
        SystemExit: shards sent something else than one run.
    """
    if not (folder / "multi-catalog.yaml").exists():
        dataset.make(CORPUS, folder, sparse=True)
    rows = []
    for jobs in JOBS:
        rows.append(_row(folder, ("",), jobs, measure, environment))
        print(_line(rows[-1]), flush=True)
    parts = [f"{index}/{SHARDS}" for index in range(1, SHARDS + 1)]
    split = _row(folder, parts, JOBS[-1] // SHARDS, measure, environment)
    print(_line(split), flush=True)
    whole = rows[-1]
    catalogs = [
        (folder / name).stat().st_size for name in dataset.sizes(CORPUS) if name.endswith("catalog.yaml")
    ]
    if (split.files + len(catalogs), split.size + sum(catalogs)) != (whole.files, whole.size):
        sys.exit(
            f"{SHARDS} shards sent {split.files} files of {split.size} bytes, which is not what one run sends"
        )
    return [*rows, split]


def report(folder: Path, measure: Measure, environment: Callable[[str], dict[str, str]]) -> list[Row]:
    """Print the table, and give its rows."""
    print(f"\n{CORPUS}, {LATENCY * 1000:.0f} ms added to each request")
    print("shards  n-jobs   files      MB  requests  seconds   floor  ratio  peak MB")
    return run(folder, measure, environment)


def _line(row: Row) -> str:
    return (
        f"{row.shards:6}{row.jobs:8}{row.files:8,}{row.size / 1e6:8.0f}{row.requests:10,}{row.seconds:9.2f}"
        f"{row.floor:8.2f}{row.seconds / row.floor:7.2f}{row.megabytes:9.0f}"
    )


def _row(
    folder: Path,
    parts: Sequence[str],
    jobs: int,
    measure: Measure,
    environment: Callable[[str], dict[str, str]],
) -> Row:
    def one(part: str) -> tuple[float, float, int, int]:
        command = [*action.COMMAND, "--in-dir", str(folder), "--s3-dir", "s3://bucket/p"]
        command += ["--upload-method", "all", "--n-jobs", str(jobs)]
        with tempfile.NamedTemporaryFile() as outputs:
            shard = ["--shard", part] if part else []
            seconds, megabytes = measure(
                [*command, *shard], {**environment(far.url), "GITHUB_OUTPUT": outputs.name}
            )
            found = runner_parser.outputs(outputs.read())
        return seconds, megabytes, int(found["uploaded"]), int(found["bytes"])

    with sink.distant(LATENCY) as far:
        with concurrent.futures.ThreadPoolExecutor(len(parts)) as together:
            ends = list(together.map(one, parts))
        requests = far.requests().total()
    return Row(
        shards=len(parts),
        jobs=jobs,
        files=sum(end[2] for end in ends),
        size=sum(end[3] for end in ends),
        requests=requests,
        latency=LATENCY,
        seconds=round(max(end[0] for end in ends), 2),
        megabytes=round(max(end[1] for end in ends)),
    )
