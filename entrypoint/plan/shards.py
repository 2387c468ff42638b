"""The split of a plan among machines that see the same files and do not talk to each other."""

from __future__ import annotations

import dataclasses
import hashlib
import heapq

from entrypoint import errors, settings
from entrypoint.plan import model


def part(plan: model.Plan, shard: settings.Shard) -> model.Plan:
    """The files of one shard, without any catalog; everything else counts as known.

    The largest file goes to the part with the fewest bytes so far; ties are broken by name and by
    number, so every machine that sees the same names and sizes makes the same split.

    Raises:
        errors.BadInput: the shard is one of another plan.
    """
    if shard.plan and shard.plan != plan.digest:
        raise errors.BadInput(
            f"shard: {shard} is a part of plan {shard.plan}, but here the plan is {plan.digest} "
            f"({len(plan):,} files, {plan.size:,} bytes): the files below in-dir, the catalog or the inputs "
            "that choose files differ from those that the plan was made from.",
            "Give every job the same files and inputs, or make a new plan and start all parts from it.",
        )
    files = sorted(
        (file for unit in plan.units for file in unit.files), key=lambda file: (-file.size, file.name)
    )
    loads = [(0, 0, index) for index in range(1, shard.count + 1)]
    mine: set[str] = set()
    for file in files:
        size, count, index = heapq.heappop(loads)
        heapq.heappush(loads, (size + file.size, count + 1, index))
        if index == shard.index:
            mine.add(file.name)
    units = tuple(
        dataclasses.replace(
            unit, files=tuple(file for file in unit.files if file.name in mine), catalog=None, after=()
        )
        for unit in plan.units
    )
    return dataclasses.replace(plan, units=units, known=plan.known | plan.names)


def digest(plan: model.Plan) -> str:
    """Twelve hexadecimal digits; equal if two machines see the same names and sizes.

    Content is not part of it, for that would mean to read every byte on every machine: a file that changed
    and kept its size is found by the last run, which compares checksums.
    """
    found = hashlib.sha256()
    for file in sorted(plan, key=lambda file: file.name):
        found.update(f"{file.name}\0{file.size}\0".encode("utf-8", "surrogatepass"))
    return found.hexdigest()[:12]
