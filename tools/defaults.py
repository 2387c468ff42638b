"""Everybody's defaults to a store where each request waits, over http and over TLS; a part of ``make bench``.

A request to a bucket in another region takes some 30 ms, whoever asks. That is what a user has, and what a store
on the same machine hides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers import sink
from tools import clients, loads, measuring
from tools.measuring import Result

LATENCY: Final = 0.03
"""Seconds that each request waits."""


@dataclass(frozen=True)
class Row:
    """One line of the table: medians of one client with one load.

    Attributes:
        cpu: seconds of processor.
        megabytes: the largest peak.
        ratio: seconds by ours.
    """

    load: str
    tls: bool
    latency: float
    client: str
    runs: int
    seconds: float
    fastest: float
    cpu: float
    megabytes: float
    ratio: float


def report(rounds: int, *, quick: bool) -> list[Row]:
    """Print the tables, and give their rows."""
    them = [clients.ours(), *clients.peers()]
    if quick:
        them = them[:3]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for tls in (False, True):
            with sink.distant(LATENCY, Path(name) if tls else None) as store:
                for load, make in loads.far(quick=quick).items():
                    variables = measuring.environment(store.url, store.bundle)
                    found = measuring.in_turns(them, make(), variables, rounds)
                    rows += _rows(load, found, tls=tls)
    return rows


def _rows(load: str, found: Mapping[str, Sequence[Result]], *, tls: bool) -> list[Row]:
    print(f"\n{load}, {LATENCY * 1000:.0f} ms added to each request, {'https' if tls else 'http'}")
    print(f"{'':24}{'seconds':>9}{'fastest':>9}{'ratio':>8}{'cpu':>8}{'peak MB':>9}")
    ours = measuring.medians(next(iter(found.values()))).seconds
    rows = []
    for client, runs in found.items():
        middle, fastest = measuring.medians(runs), min(run.seconds for run in runs)
        row = Row(
            load=load,
            tls=tls,
            latency=LATENCY,
            client=client,
            runs=len(runs),
            seconds=round(middle.seconds, 2),
            fastest=round(fastest, 2),
            cpu=round(middle.cpu, 2),
            megabytes=round(middle.megabytes),
            ratio=round(middle.seconds / ours, 2),
        )
        print(
            f"{client:24}{row.seconds:9.2f}{row.fastest:9.2f}{row.ratio:8.2f}{row.cpu:8.2f}{row.megabytes:9.0f}",
            flush=True,
        )
        rows.append(row)
    return rows
