"""The model of tools/simulate.py: known points, sound shapes, and the runs that were measured."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import simulate
from tools.simulate import GB, MB, Load, Place

FACTOR = 3.0
"""How far a measured run may be from the model. The machine that measured was shared, with several times as
many processes ready to run as it has processors, so runs that need the processor came out slow."""
SLOWER_THAN_FLOOR = 0.98

LOADS = st.builds(lambda count, size: Load(((count, size),)), st.integers(1, 10**6), st.integers(1, 100 * GB))
FAST = Place(connection=1e12, machine=1e12, per_file=0, per_byte=0, start=0)


def measured() -> list[dict[str, Any]]:
    return simulate.measured("distant")


def test_waiting_for_answers_is_requests_times_latency_by_jobs() -> None:
    found = simulate.to_s3(Load(((6_400, 1),), catalogs=0), dataclasses.replace(FAST, jobs=64, latency=0.05))
    assert found.limit == "answers"
    assert found.all["answers"] == pytest.approx(5.0)


def test_s3_takes_3500_writes_a_second_from_all_machines_together() -> None:
    load = Load(((3_500_000, 1),))
    found = simulate.to_s3(load, dataclasses.replace(FAST, jobs=64, shards=64, latency=0.001))
    assert found.limit == "S3's writes a second"
    assert found.seconds >= 1000


def test_a_large_file_travels_in_parts() -> None:
    assert simulate.parts(16 * 1024 * 1024) == 1
    assert simulate.parts(16 * 1024 * 1024 + 1) == 3
    assert simulate.writes(Load(((1, 80 * 1024 * 1024),), catalogs=0)) == 12


def test_a_thousand_puts_cost_half_a_cent() -> None:
    found = simulate.to_s3(Load(((1_000_000, 1),)), Place())
    assert found.dollars == pytest.approx(5.0, rel=0.01)


def test_zenodo_has_one_stream_a_file() -> None:
    place = Place(connection=10 * MB)
    one = simulate.to_zenodo(Load(((1, 50 * GB),)), dataclasses.replace(place, jobs=64))
    assert one.limit == "the largest file"
    assert one.seconds == pytest.approx(5000, rel=0.01)
    many = simulate.to_zenodo(Load(((50, GB),)), dataclasses.replace(place, jobs=50))
    assert many.seconds < one.seconds / 10


@pytest.mark.parametrize(("files", "seconds"), [(50, 0), (150, 60), (950, 540)])
def test_zenodo_counts_requests_by_the_minute(files: int, seconds: float) -> None:
    found = simulate.to_zenodo(Load(((files, 1),)), Place(jobs=64))
    assert found.all["Zenodo's requests a minute"] == seconds


def test_a_second_run_makes_fewer_requests_than_it_has_files() -> None:
    for load in simulate.NAMED.values():
        assert simulate.again_to_s3(load, Place()).requests < load.files


@given(LOADS, st.integers(1, 63), st.floats(0, 1))
def test_more_in_flight_is_never_slower_and_more_distance_never_faster(
    load: Load, jobs: int, latency: float
) -> None:
    place = Place(jobs=jobs, latency=latency)
    usual = simulate.to_s3(load, place)
    assert simulate.to_s3(load, dataclasses.replace(place, jobs=jobs + 1)).seconds <= usual.seconds
    assert simulate.to_s3(load, dataclasses.replace(place, latency=latency + 0.1)).seconds >= usual.seconds
    assert usual.seconds >= max(usual.all.values())


@given(LOADS, st.integers(2, 100))
def test_parts_hold_everything(load: Load, shards: int) -> None:
    part = load.part(shards)
    assert part.files * shards >= load.files
    assert part.catalogs == 0


@pytest.mark.parametrize("row", measured(), ids=lambda row: f"{row['shards']}x{row['jobs']}")
def test_measured_runs_are_what_the_model_says(row: dict[str, Any]) -> None:
    """Shards were measured without the run that completes them, on one machine: one process in the model."""
    load = Load(((row["files"], row["size"] // row["files"]),), catalogs=0)
    place = Place(
        jobs=row["jobs"] * row["shards"], latency=row["latency"], connection=1_000 * MB, machine=2_000 * MB
    )
    found = simulate.to_s3(load, place)
    assert found.requests == pytest.approx(row["requests"], rel=0.01)
    assert found.seconds / FACTOR <= row["seconds"] <= found.seconds * FACTOR
    assert row["seconds"] >= found.all["answers"] * SLOWER_THAN_FLOOR


def test_the_pages_have_the_figures_of_today() -> None:
    page = simulate.DOCS.read_text(encoding="utf-8")
    assert simulate.written(page) == page
    readme = simulate.README.read_text(encoding="utf-8")
    assert simulate.written(readme, {"speed": simulate.sentence()}) == readme


def test_shards_sent_what_one_run_sends() -> None:
    rows = measured()
    split = next(row for row in rows if row["shards"] > 1)
    whole = next(row for row in rows if row["shards"] == 1)
    catalogs = whole["files"] - split["files"]
    assert 0 < catalogs < 0.02 * whole["files"]
    assert split["size"] == pytest.approx(whole["size"], rel=0.001)
