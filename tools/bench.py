"""Whole-process seconds, processor and memory of uploads, beside other clients: ``make bench``.

Everybody sends the same folders to the same sink (an nginx that reads and forgets), in turns, so that what
else the machine does hits all alike; the ratios of the medians are what counts. First with everybody's defaults
to a store where each request waits (`defaults`), then to one beside us (`near`); then the price of a second run
that finds nothing to do, against LocalStack (`unchanged`), many files and more than one machine (`distant`), and
Zenodo (`zenodo`). ``--quick`` is the same with less data and fewer rounds. ``--write`` measures what the
documents show, and writes it there: ``defaults`` and ``distant``, in full.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Final

from tests import action
from tests.servers import localstack, sink
from tests.support import runner_parser
from tools import bench_zenodo, clients, defaults, distant, loads, measuring, simulate
from tools.measuring import DATA, Result

PARTS: Final = ("defaults", "near", "unchanged", "distant", "zenodo")


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare uploads with those of other clients.")
    parser.add_argument("--quick", action="store_true", help="less data, fewer rounds")
    parser.add_argument("--rounds", type=int, default=0, help="how often each client runs (5; quick: 3)")
    parser.add_argument("--only", default="", help=f"parts, with commas between them: {', '.join(PARTS)}")
    parser.add_argument(
        "--n-jobs", default="", help="our files in flight to the near store; else our own choice"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="keep what the documents show (tools/measured.json, docs, README)",
    )
    options = parser.parse_args()
    quick, rounds = options.quick, options.rounds or (3 if options.quick else 5)
    asked = options.only.split(",") if options.only else PARTS
    if unknown := set(asked) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if options.write:
        if quick:
            parser.error("--write wants the whole measurement, not --quick")
        asked = simulate.KEPT

    kept = {}
    for part in asked:
        if part == "defaults":
            kept[part] = [asdict(row) for row in defaults.report(rounds, quick=quick)]
        elif part == "near":
            near(options.n_jobs, rounds, quick=quick)
        elif part == "unchanged":
            unchanged(quick=quick)
        elif part == "distant":
            rows = distant.report(
                DATA / distant.CORPUS,
                lambda *run: astuple(measuring.measure(*run))[:2],
                measuring.environment,
            )
            kept[part] = [asdict(row) for row in rows]
        else:
            bench_zenodo.report(
                loads.typical(0.1 if quick else 1.0),
                rounds,
                lambda *run: astuple(measuring.measure(*run)),
                measuring.environment,
            )
    if options.write:
        simulate.keep(kept)
        print("\nWritten to tools/measured.json, docs/scaling.md and README.md.")
    return 0


def near(n_jobs: str, rounds: int, *, quick: bool) -> None:
    """Everybody to a store on this machine."""
    them = [clients.ours(n_jobs), *clients.peers(), clients.one_by_one()]
    with sink.sink() as url:
        for name, make in loads.near(quick=quick).items():
            report(name, measuring.in_turns(them, make(), measuring.environment(url), rounds))


def report(name: str, results: Mapping[str, Sequence[Result]]) -> None:
    """A table: medians, and how many times our seconds they are."""
    print(f"\n{name}\n{'':24}{'seconds':>9}{'fastest':>9}{'ratio':>8}{'cpu':>8}{'peak MB':>9}")
    ours = measuring.medians(next(iter(results.values()))).seconds
    for client, runs in results.items():
        middle, fastest = measuring.medians(runs), min(run.seconds for run in runs)
        print(
            f"{client:24}{middle.seconds:9.2f}{fastest:9.2f}{middle.seconds / ours:8.2f}"
            f"{middle.cpu:8.2f}{middle.megabytes:9.0f}",
            flush=True,
        )
    if any("(*)" in client for client in results):
        print("(*) ten files at a time were sent, ten at once; the seconds are scaled up to all of them")


def unchanged(*, quick: bool) -> None:
    """What it costs to find that nothing has changed."""
    folder = loads.equal(500, 200_000 if quick else 1_000_000)
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
            variables = {**measuring.environment(url), "GITHUB_OUTPUT": outputs.name}
            yield measuring.measure(command, variables)
            sent = runner_parser.outputs(outputs.read())["uploaded"]
        if sent != expected:
            sys.exit(f"{sent} files were sent, not {expected}")


if __name__ == "__main__":
    raise SystemExit(main())
