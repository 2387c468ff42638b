"""What a publication costs in requests, seconds and dollars, worked out and not measured.

    python -m tools.simulate            the tables
    python -m tools.simulate --write    write them into docs/scaling.md

A run takes as long as the slowest of what holds it up: waiting for answers, the bandwidth of a connection,
of a runner, the processor, and what the destination allows. To that comes what cannot be done side by side.
The tests hold the model against figures that `make bench` measured (tools/measured.json).
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs" / "scaling.md"
README: Final = ROOT / "README.md"
MEASURED: Final = Path(__file__).with_name("measured.json")
"""Figures of `make bench`, by part of it; a list of the lines of its table each."""
KEPT: Final = ("defaults", "distant")
"""The parts of `make bench` that are kept there."""
MB: Final = 1_000_000
GB: Final = 1_000 * MB

# S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html (writes a second and
# prefix) and qfacts.html. Above SINGLE a file travels in parts (entrypoint.destinations.s3.checksums).
S3_WRITES: Final = 3_500
PAGE: Final = 1_000
SINGLE: Final = 16 * 1024 * 1024
PART: Final = 8 * 1024 * 1024
# Dollars a request, S3 Standard in us-east-1 as assumed here; see https://aws.amazon.com/s3/pricing/.
DOLLARS_WRITE: Final = 0.005 / 1_000
DOLLARS_READ: Final = 0.0004 / 1_000
# Zenodo: https://developers.zenodo.org/#rate-limiting, and https://help.zenodo.org/docs/deposit/manage-files/.
ZENODO_A_MINUTE: Final = 100
ZENODO_AN_HOUR: Final = 5_000
ZENODO_FILES: Final = 100
ZENODO_AROUND: Final = 8
"""Requests around the files: finding, making, reading, describing and publishing a draft."""


@dataclass(frozen=True)
class Load:
    """What is sent. `sizes` are pairs of a number of files and their bytes each."""

    sizes: tuple[tuple[int, int], ...]
    catalogs: int = 1

    @property
    def files(self) -> int:
        """All files but the catalogs."""
        return sum(count for count, _ in self.sizes)

    @property
    def bytes(self) -> int:
        """All bytes."""
        return sum(count * size for count, size in self.sizes)

    def part(self, shards: int) -> Load:
        """The largest of so many balanced parts."""
        return Load(tuple((math.ceil(count / shards), size) for count, size in self.sizes), catalogs=0)


@dataclass(frozen=True)
class Place:
    """Where it is sent from.

    Attributes:
        jobs: files in flight of each process (n-jobs).
        shards: machines.
        latency: seconds from a request to its answer, without its bytes.
        connection: bytes a second of one connection.
        machine: bytes a second of one machine.
        cores: of one machine, for the client alone; they share the bytes.
        start: seconds before the first request of a process.
        per_file: seconds to plan, read, sign and send a file, without its bytes; one process has one
            interpreter, so a second processor does not help with that.
        per_compare: the same to plan a file and compare it with a listing; assumed.
        per_byte: the same for a byte: read, checksum, encryption.
        set_up: seconds until a machine runs, such as a runner that fetches the files.
    """

    jobs: int = 8
    shards: int = 1
    latency: float = 0.02
    connection: float = 50 * MB
    machine: float = 500 * MB
    cores: float = 2.0
    start: float = 0.5
    per_file: float = 0.8e-3
    per_compare: float = 0.25e-3
    per_byte: float = 1.5e-9
    set_up: float = 0.0


@dataclass(frozen=True)
class Result:
    """What comes out.

    Attributes:
        limit: what held it up.
    """

    requests: int
    seconds: float
    dollars: float
    limit: str
    all: dict[str, float] = field(default_factory=dict)


def parts(size: int) -> int:
    """Bodies in which S3 takes a file."""
    return 1 if size <= SINGLE else math.ceil(size / PART)


def writes(load: Load) -> int:
    """Requests to S3 that write: one a file; for large files one a part, and two around them."""
    return load.catalogs + sum(n * (parts(s) + (2 if parts(s) > 1 else 0)) for n, s in load.sizes)


def to_s3(load: Load, place: Place, *, there: int = 0) -> Result:
    """A first run to S3; with shards, all of them side by side and then the run that completes them.

    Args:
        there: objects below the prefix already, which the listing passes by.
    """
    own = load.part(place.shards) if place.shards > 1 else load
    held = _held(own, writes(own), place)
    held["S3's writes a second"] = writes(load) / S3_WRITES
    limit, seconds = max(held.items(), key=lambda item: item[1])
    listing = max(1, math.ceil(there / PAGE))
    # Before and after the files: listing, open uploads, and catalogs after what they list.
    seconds += place.start + place.set_up + place.latency * (listing + 1 + (own.catalogs > 0))
    reads = listing + 1
    if place.shards > 1:
        pages = math.ceil((there + load.files) / PAGE)
        reads = place.shards * (listing + 1) + pages + 1
        seconds += place.start + place.set_up + place.latency * (pages + 2)
        seconds += _working(load, place, place.per_compare)
    dollars = writes(load) * DOLLARS_WRITE + reads * DOLLARS_WRITE  # a LIST costs as much as a PUT
    return Result(writes(load) + reads, seconds, dollars, limit, held)


def again_to_s3(load: Load, place: Place) -> Result:
    """A second run that finds all there: pages of the listing, and a HEAD for what was sent in parts."""
    pages = max(1, math.ceil(load.files / PAGE))
    heads = sum(count for count, size in load.sizes if parts(size) > 1)
    seconds = {
        "answers": heads * place.latency / place.jobs,
        "processor": _working(load, place, place.per_compare),
    }
    limit, longest = max(seconds.items(), key=lambda item: item[1])
    dollars = pages * DOLLARS_WRITE + heads * DOLLARS_READ
    return Result(pages + heads, place.start + pages * place.latency + longest, dollars, limit, seconds)


def to_zenodo(load: Load, place: Place) -> Result:
    """A new draft on Zenodo: one request and one stream a file, and a limit of requests for all machines."""
    requests = load.files + load.catalogs + ZENODO_AROUND
    own = load.part(place.shards) if place.shards > 1 else load
    held = _held(own, own.files + own.catalogs, place, streams=1)
    # Bursts are allowed: what a minute or an hour may have is there from its start.
    held["Zenodo's requests a minute"] = 60.0 * ((requests - 1) // ZENODO_A_MINUTE)
    held["Zenodo's requests an hour"] = 3600.0 * ((requests - 1) // ZENODO_AN_HOUR)
    limit, seconds = max(held.items(), key=lambda item: item[1])
    return Result(
        requests, place.start + place.set_up + seconds + ZENODO_AROUND * place.latency, 0.0, limit, held
    )


def _working(load: Load, place: Place, per_file: float) -> float:
    return load.files * per_file + load.bytes * place.per_byte / place.cores


def _held(load: Load, requests: int, place: Place, streams: int | None = None) -> dict[str, float]:
    """Seconds by what holds a machine up; files beyond `jobs` wait for their turn."""
    sizes = [(count, size, streams or min(parts(size), 4)) for count, size in load.sizes if count]
    one = [place.latency + size / (place.connection * wide) for _, size, wide in sizes]
    waiting = requests * place.latency
    streaming = sum(count * size for count, size, _ in sizes) / place.connection
    return {
        "answers" if waiting > streaming else "connections": (waiting + streaming) / place.jobs,
        "the largest file": max(one, default=0.0),
        "the machine's bandwidth": load.bytes / place.machine,
        "processor": _working(load, place, place.per_file),
    }


# The tables

STARTER: Final = Load(((64, 1_700_000), (1, 37 * MB)))
TYPICAL: Final = Load(((90, 4 * MB), (4, 100 * MB)))
COLLECTION: Final = Load(((4_287, 123_000),), catalogs=65)
LARGE: Final = Load(((34_000, 1_500_000), (500, 1_000 * MB)), catalogs=64)
MANY: Final = Load(((1_000_000, 100_000),))
NAMED: Final = {
    "starter set, 66 files, 0.1 GB": STARTER,
    "typical set, 95 files, 0.8 GB": TYPICAL,
    "collection, 4,352 files, 0.5 GB": COLLECTION,
    "large collection, 34,564 files, 551 GB": LARGE,
    "a million files, 100 GB": MANY,
}


def tables() -> dict[str, str]:
    """Every table in Markdown, by its name in docs/scaling.md."""
    return {
        "loads": _loads(),
        "jobs": _grid("n-jobs", (4, 8, 16, 32, 64), lambda value, place: replace(place, jobs=int(value))),
        "latency": _grid(
            "round trip, ms",
            (2, 10, 50, 150, 300),
            lambda value, place: replace(place, latency=value / 1000, jobs=64),
        ),
        "shards": _grid(
            "shards",
            (1, 2, 4, 8, 32),
            lambda value, place: replace(place, shards=int(value), jobs=32, set_up=30.0),
        ),
        "zenodo": _zenodo(),
        "measured": _measured(),
        "defaults": _defaults(),
    }


def _loads() -> str:
    rows = []
    for name, load in NAMED.items():
        first, second = to_s3(load, Place(jobs=32)), again_to_s3(load, Place(jobs=32))
        dollars = f"${first.dollars:.3f}" if first.dollars < 1 else f"${first.dollars:.2f}"
        once = (name, f"{first.requests:,}", _time(first.seconds), first.limit, dollars)
        rows.append((*once, f"{second.requests:,}", _time(second.seconds)))
    return _markdown(
        ("What", "Requests", "Time", "Held up by", "Requests cost", "Again: requests", "Again: time"), rows
    )


def _grid(label: str, values: Iterable[float], change: Callable[[float, Place], Place]) -> str:
    loads = {name: NAMED[name] for name in list(NAMED)[2:]}
    rows = []
    for value in values:
        found = [to_s3(load, change(value, Place())) for load in loads.values()]
        rows.append((f"{value:,.0f}", *(f"{_time(one.seconds)} ({one.limit})" for one in found)))
    return _markdown((label, *loads), rows)


def _zenodo() -> str:
    rows = []
    for files, size in ((10, GB), (100, 100 * MB), (100, 500 * MB), (1, 50 * GB), (1_000, MB)):
        for jobs in (1, 8):
            found = to_zenodo(
                Load(((files - 1, size),) if files > 1 else ((1, size),)),
                Place(jobs=jobs, latency=0.2, connection=10 * MB),
            )
            note = "pack: auto" if files > ZENODO_FILES else ""
            rows.append(
                (
                    f"{files:,} x {_size(size)}",
                    f"{jobs}",
                    f"{found.requests:,}",
                    _time(found.seconds),
                    found.limit,
                    note,
                )
            )
    return _markdown(("Files", "n-jobs", "Requests", "Time", "Held up by", "Needs"), rows)


def _measured() -> str:
    rows = []
    for row in measured("distant"):
        floor = row["requests"] * row["latency"] / (row["jobs"] * row["shards"])
        counts = (f"{row['shards']}", f"{row['jobs']}", f"{row['files']:,}", f"{row['requests']:,}")
        times = (
            f"{row['seconds']:.1f}",
            f"{floor:.1f}",
            f"{row['seconds'] / floor:.2f}",
            f"{row['megabytes']:.0f}",
        )
        rows.append((*counts, *times))
    return _markdown(("Shards", "n-jobs", "Files", "Requests", "Seconds", "Floor", "Ratio", "Peak MB"), rows)


def measured(part: str) -> list[dict[str, Any]]:
    """The figures of one part of `make bench`."""
    rows: list[dict[str, Any]] = json.loads(MEASURED.read_text())[part]
    return rows


def _defaults() -> str:
    """A line for each load and transport, a column for each client: seconds, processor, memory."""
    rows = measured("defaults")
    if not rows:
        return "Not measured yet on this version.\n"
    clients = list(dict.fromkeys(row["client"] for row in rows))
    lines = []
    for load, tls in dict.fromkeys((row["load"], row["tls"]) for row in rows):
        found = {row["client"]: row for row in rows if (row["load"], row["tls"]) == (load, tls)}
        cells = (
            f"{one['seconds']:.2f} s, {one['cpu']:.1f} s, {one['megabytes']} MB" for one in found.values()
        )
        lines.append((f"{load}, {'https' if tls else 'http'}", *cells))
    return _markdown(("", *clients), lines)


def sentence() -> str:
    """What the README says of speed."""
    rows = [row for row in measured("defaults") if row["tls"]]
    if not rows:
        return "`make bench` measures how fast it is, beside s5cmd, `aws s3 cp` and others.\n"
    clients = list(dict.fromkeys(row["client"] for row in rows))
    lines = []
    for load in dict.fromkeys(row["load"] for row in rows):
        found = {row["client"]: f"{row['seconds']:.1f} s" for row in rows if row["load"] == load}
        lines.append((load, *(found[client] for client in clients)))
    return (
        "Seconds of whole runs with default settings, over https, to a store where each request waits "
        f"{rows[0]['latency'] * 1000:.0f} ms; repeated by `make bench` "
        f"([more figures](docs/scaling.md#what-was-measured)):\n\n{_markdown(('', *clients), lines)}"
    )


def _markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(size: int) -> str:
    return f"{size / GB:.0f} GB" if size >= GB else f"{size / MB:.0f} MB"


def written(text: str, what: dict[str, str] | None = None) -> str:
    """The page with its tables, or `what` there is for other pages, as they are now.

    Raises:
        ValueError: a table has no place in it.
    """
    for name, table in (tables() if what is None else what).items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->\n)", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"one pair of markers {name} is needed")
        text = pattern.sub(rf"\1\n{table}\n\2", text)
    return text


def write() -> None:
    """Bring docs/scaling.md and the README's sentence up to date."""
    DOCS.write_text(written(DOCS.read_text(encoding="utf-8")), encoding="utf-8")
    README.write_text(written(README.read_text(encoding="utf-8"), {"speed": sentence()}), encoding="utf-8")


def keep(figures: dict[str, list[dict[str, Any]]]) -> None:
    """Take new figures down, and bring the documents up to date."""
    MEASURED.write_text(json.dumps(figures, indent=1) + "\n")
    write()


def main() -> None:
    parser = argparse.ArgumentParser(description="Requests, seconds and dollars, worked out.")
    parser.add_argument(
        "--write", action="store_true", help="write the tables into docs/scaling.md and the README"
    )
    if parser.parse_args().write:
        write()
        return
    for name, table in tables().items():
        print(f"{name}\n\n{table}")


if __name__ == "__main__":
    main()
