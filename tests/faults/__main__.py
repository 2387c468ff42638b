"""A thousand runs against misbehaving servers: `python -m tests.faults --runs 1000 --seed 0 --only stall`."""

from __future__ import annotations

import argparse
import contextlib
import queue
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults import remotes, scenario
from tests.faults.addresses import certificate
from tests.faults.kinds import Kind
from tests.faults.product import Zygote


def main() -> int:
    """Runs all seeds; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first run; the next ones count on")
    parser.add_argument("--only", type=Kind, choices=list(Kind), metavar="KIND", help=", ".join(Kind))
    parser.add_argument("--side", choices=sorted(set(scenario.SIDES)), default="")
    parser.add_argument("--jobs", type=int, default=6, help="runs at a time; most of them wait")
    parser.add_argument("--verbose", action="store_true", help="the log of broken runs, and a line for each")
    given = parser.parse_args()
    choice = Choice(given.only, given.side, given.jobs)
    began = time.monotonic()
    results = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, remotes.stores() as stores:
        for result in each(range(given.seed, given.seed + given.runs), choice, stores, folder):
            results.append(result)
            if given.verbose or result.broken:
                _tell(result, verbose=given.verbose)
    _table(results, time.monotonic() - began)
    return 1 if any(result.broken for result in results) else 0


@dataclass(frozen=True)
class Choice:
    """Which runs: `only` this kind of fault, on this `side`, so many `jobs` at a time."""

    only: Kind | None = None
    side: str = ""
    jobs: int = 6


def each(
    seeds: Sequence[int], given: Choice, stores: dict[str, remotes.S3Store], folder: str
) -> Iterator[scenario.Result]:
    """The results as they come."""
    tls, cert = certificate(folder)
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for seed in seeds:
        left.put(seed)
    done: queue.SimpleQueue[scenario.Result | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            with Zygote() as zygote:
                bench = scenario.Bench(zygote, stores, tls, cert)
                with contextlib.suppress(queue.Empty):
                    while True:
                        done.put(scenario.run(left.get_nowait(), bench, only=given.only, side=given.side))
        except BaseException as error:  # noqa: BLE001 - it is raised where the results are awaited
            done.put(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(given.jobs, len(seeds)))]
    for thread in threads:
        thread.start()
    for _ in seeds:
        result = done.get()
        if isinstance(result, BaseException):
            raise result
        yield result
    for thread in threads:
        thread.join()


def _tell(result: scenario.Result, *, verbose: bool) -> None:
    again = "" if result.again is None else f", again {result.again}"
    print(
        f"seed {result.seed}: {result.side}: {result.faults}: exit {result.code}{again}, "
        f"{sum(result.struck.values())} hits, {result.seconds:.1f} s"
    )
    for problem in result.broken:
        print(f"    BROKEN: {problem}")
    if result.broken and verbose:
        print("".join(f"    | {line}\n" for line in result.log.splitlines()))
    sys.stdout.flush()


def _table(results: list[scenario.Result], seconds: float) -> None:
    codes = sorted({result.code for result in results})
    ends_of = "".join(f"{f'exit {code}':>10}" for code in codes)
    print(f"\n{'fault':<32}{'runs':>6}{'struck':>8}{'requests':>10}{ends_of}")
    for kind in Kind:
        having = [result for result in results if kind in result.kinds]
        if not having:
            continue
        struck = sum(result.struck[kind] > 0 for result in having)
        hits = sum(result.struck[kind] for result in having)
        ends = Counter(result.code for result in having)
        ends_of = "".join(f"{ends[code] or '':>10}" for code in codes)
        print(f"{kind:<32}{len(having):>6}{struck:>8}{hits:>10}{ends_of}")
    sides = Counter(result.side for result in results)
    ends = Counter(result.code for result in results)
    again = Counter(result.again for result in results if result.again is not None)
    slowest = max((result.after_signal for result in results), default=0.0)
    print(
        f"\n{len(results)} runs in {seconds:.0f} s: "
        + ", ".join(f"{n} {side}" for side, n in sorted(sides.items()))
    )
    print(f"disturbed: {sum(any(result.struck.values()) for result in results)}")
    print("ended with " + ", ".join(f"{code}: {ends[code]}" for code in codes))
    print("the same again, undisturbed: " + ", ".join(f"{code}: {n}" for code, n in sorted(again.items())))
    print(f"slowest end after a signal: {slowest:.1f} s")
    stuck = [result.seed for result in results if result.stuck]
    print(f"not judged, because the server itself hung: {len(stuck)}" + (f", seeds {stuck}" if stuck else ""))
    broken = [result.seed for result in results if result.broken]
    print(f"broken promises: {len(broken)}" + (f", seeds {broken}" if broken else ""))


if __name__ == "__main__":
    raise SystemExit(main())
