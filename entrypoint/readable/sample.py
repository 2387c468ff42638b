"""Which files are checked: of each unit the catalog, some PMTiles, one .gz and a small one; of many units a few."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from entrypoint.destinations import State
from entrypoint.outcome import FileResult, Status
from entrypoint.plan import model

UNITS: Final = 5
"""Units of a collection that are checked, besides a root catalog."""


MAPS: Final = 3
"""PMTiles that are checked if there is one unit; else one of each unit."""
SMALL: Final = 1_000_000
"""Bytes of a file that is read whole at most."""


class Kind(Enum):
    """What a file is asked for as."""

    WHOLE = auto()
    PMTILES = auto()
    GZIP = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Item:
    """One file to check.

    Attributes:
        same: whether what is there has the content that is here.
    """

    file: model.PlannedFile
    kind: Kind
    same: bool


def units(plan: model.Plan) -> Sequence[model.Unit]:
    """A root unit and a few of the samples, spread over all of them."""
    samples = [unit for unit in plan.units if unit.name]
    roots = [unit for unit in plan.units if not unit.name]
    if len(samples) > UNITS:
        last = len(samples) - 1
        samples = [samples[round(i * last / (UNITS - 1))] for i in range(UNITS)]
    return [*samples, *roots]


def items(plan: model.Plan, results: Iterable[FileResult]) -> Iterator[Item]:
    """The files to check, as far as they exist."""
    by_name = {result.file.name: result for result in results}

    def found(files: Iterable[model.PlannedFile], kind: Kind, count: int = 1) -> Iterator[Item]:
        there = ((file, by_name.get(file.name)) for file in files)
        items = (Item(file, kind, is_same(result)) for file, result in there if result and is_there(result))
        return itertools.islice(items, count)

    chosen = units(plan)
    for unit in chosen:
        # What was sent just now says more about caches than what was there; else the largest.
        files = sorted(
            unit.files, key=lambda file: (not _is_sent(by_name.get(file.name)), -file.size, file.name)
        )
        files = [file for file in files if file.size and not file.generated]
        maps, packed = _ending(files, ".pmtiles"), _ending(files, ".gz")
        others = [file for file in files if file not in maps and file not in packed]
        yield from found([unit.catalog] if unit.catalog else [], Kind.WHOLE)
        yield from found(maps, Kind.PMTILES, MAPS if len(chosen) == 1 else 1)
        yield from found(packed, Kind.GZIP)
        yield from found((file for file in others if file.size <= SMALL), Kind.WHOLE)
        if not maps:
            yield from found(others, Kind.OTHER)


def is_there(result: FileResult) -> bool:
    """Whether something of this name is at the destination, of whatever content."""
    return is_same(result) or result.before in (State.SAME, State.DIFFERENT, State.UNKNOWN)


def is_same(result: FileResult) -> bool:
    """Whether what is there has the content that is here."""
    if result.before is State.FOREIGN:
        return False
    return result.status in (Status.UPLOADED, Status.SKIPPED) or result.before is State.SAME


def _is_sent(result: FileResult | None) -> bool:
    return result is not None and result.status is Status.UPLOADED


def _ending(files: Sequence[model.PlannedFile], suffix: str) -> list[model.PlannedFile]:
    return [file for file in files if file.name.lower().endswith(suffix)]
