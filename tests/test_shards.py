"""The split of a plan: complete, disjoint, balanced, and the same on every machine."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from entrypoint import settings
from entrypoint.plan import model, shards
from tests import action


@dataclass(frozen=True)
class Nothing:
    """A source of which only the size counts."""

    size: int

    def open(self) -> BinaryIO:
        return BytesIO(bytes(self.size))

    def check(self) -> None:
        pass


def planned(sizes: dict[str, int], units: int = 1) -> model.Plan:
    names = sorted(sizes)
    parts = [names[index::units] for index in range(units)]
    return model.Plan(
        tuple(
            model.Unit(
                f"u{index}",
                tuple(
                    model.PlannedFile(f"u{index}/{n}", Nothing(sizes[n]), "basics", n, unit=f"u{index}")
                    for n in part
                ),
                model.PlannedFile(f"u{index}/catalog.yaml", Nothing(1), model.CATALOG, "c", unit=f"u{index}"),
            )
            for index, part in enumerate(parts)
        )
    )


NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)
SIZES = st.dictionaries(NAMES, st.integers(0, 1 << 40), max_size=60)
PLANS = st.builds(planned, SIZES, st.integers(1, 4))


@hypothesis_settings(deadline=None)
@given(PLANS, st.integers(1, 12))
def test_the_parts_are_the_whole_and_share_nothing(whole: model.Plan, count: int) -> None:
    parts = [shards.part(whole, settings.Shard(index, count)) for index in range(1, count + 1)]
    names = [file.name for part in parts for file in part]
    assert sorted(names) == sorted(file.name for file in whole if not file.is_catalog)
    assert not any(file.is_catalog for part in parts for file in part)
    largest = max((file.size for file in whole), default=0)
    loads = [part.size for part in parts]
    assert max(loads) - min(loads) <= largest
    for part in parts:
        assert whole.names <= part.known  # nothing of the others is extra
        assert [unit.name for unit in part.units] == [unit.name for unit in whole.units]


@given(PLANS, st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_matter(whole: model.Plan, chance: random.Random) -> None:
    units = [dataclasses.replace(u, files=tuple(chance.sample(u.files, len(u.files)))) for u in whole.units]
    other = dataclasses.replace(whole, units=tuple(units))
    shard = settings.Shard(2, 3)
    assert shards.part(whole, shard).names == shards.part(other, shard).names
    assert shards.digest(whole) == shards.digest(other)


def test_empty_files_are_spread_too() -> None:
    whole = planned({f"f{number}": 0 for number in range(90)})
    assert [len(shards.part(whole, settings.Shard(index, 3))) for index in (1, 2, 3)] == [30, 30, 30]


def test_more_parts_than_files() -> None:
    whole = planned({"a": 1})
    assert [len(shards.part(whole, settings.Shard(index, 3))) for index in (1, 2, 3)] == [1, 0, 0]


@pytest.mark.parametrize("change", [{"a": 2}, {"b": 1}, {}])
def test_the_digest_tells_a_change(change: dict[str, int]) -> None:
    before = shards.digest(planned({"a": 1, "b": 2}))
    assert (shards.digest(planned({"a": 1, "b": 2, **change})) == before) == (not change)


def test_the_same_split_in_every_order_of_hashing() -> None:
    code = (
        "from tests.test_shards import planned; from entrypoint.plan import shards; from entrypoint import settings;"
        "p = planned({f'f{n}': n % 7 for n in range(99)}, 3);"
        "print([sorted(shards.part(p, settings.Shard(i, 5)).names) for i in range(1, 6)], shards.digest(p))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(action.ROOT), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(said) == 1
