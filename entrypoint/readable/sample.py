"""Which files are looked at: of each unit the catalog, one PMTiles and one .gz; of many units a few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from entrypoint.destinations import State
from entrypoint.outcome import FileResult, Status
from entrypoint.plan import model

UNITS: Final = 5
"""Units of a collection that are looked at, beside a root catalog."""


class Kind(Enum):
    """What a file is asked for as."""

    CATALOG = auto()
    PMTILES = auto()
    GZIP = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Item:
    """One file to look at.

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
    """The files to look at, as far as something is there."""
    by_name = {result.file.name: result for result in results}

    def found(files: Iterable[model.PlannedFile], kind: Kind) -> Iterator[Item]:
        for file in files:
            result = by_name.get(file.name)
            if result and is_there(result) and (file.size or kind is Kind.CATALOG):
                yield Item(file, kind, is_same(result))
                return

    for unit in units(plan):
        # What was sent just now says more about caches than what was there; else the largest.
        files = sorted(
            unit.files, key=lambda file: (not _is_sent(by_name.get(file.name)), -file.size, file.name)
        )
        maps = _ending(files, ".pmtiles")
        yield from found([unit.catalog] if unit.catalog else [], Kind.CATALOG)
        yield from found(maps, Kind.PMTILES)
        yield from found(_ending(files, ".gz"), Kind.GZIP)
        if not maps:
            yield from found(files, Kind.OTHER)


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
