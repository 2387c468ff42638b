"""One data set by several processes: shards side by side, twice, killed, and the run that completes them."""

from __future__ import annotations

import concurrent.futures
import json
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import pytest

from entrypoint import plan as plans
from entrypoint import settings
from tests import action
from tests.conftest import Store
from tests.servers.recorder import Recorder, error_xml

SHARDS = 4
FILES = 66
"""Of the starter set, its catalog among them."""


class Place:
    """A data set and where it goes."""

    def __init__(self, workspace: Path, store: Store, proxy: Recorder) -> None:
        self.workspace, self.store, self.proxy = workspace, store, proxy

    @property
    def environment(self) -> dict[str, str]:
        return {**self.store.environment, "AWS_ENDPOINT_URL_S3": self.proxy.url}

    def run(self, more: Mapping[str, str]) -> action.Run:
        inputs = {"in-dir": "out", "s3-dir": f"s3://{self.store.bucket}/set", "n-jobs": "4", **more}
        return action.run(inputs, workspace=self.workspace, environment=self.environment)

    def shards(self, *parts: str) -> list[action.Run]:
        """Several processes at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(parts)) as together:
            return list(together.map(lambda part: self.run({"shard": part}), parts))

    def has_catalog(self) -> bool:
        return self.store.keys("set/catalog.yaml") != []

    def sent(self) -> Counter[str]:
        """How often the store accepted each file."""
        start = f"/{self.store.bucket}/set/"
        return Counter(
            unquote(request.path).removeprefix(start)
            for request in self.proxy.find("PUT", start)
            if request.status == 200
        )


@pytest.fixture
def place(workspace: Path, dataset: Path, s3_server: Store, recorded_s3: Recorder) -> Place:
    return Place(workspace, s3_server, recorded_s3)


def test_four_shards_at_once_and_the_run_that_completes_them(place: Place) -> None:
    first = place.run({"dry-run": "true"})
    digest = first.outputs["plan"]
    assert re.fullmatch("[0-9a-f]{12}", digest)
    assert place.proxy.writes == []

    runs = place.shards(*(f"{index}/{SHARDS}@{digest}" for index in range(1, SHARDS + 1)))
    assert [run.code for run in runs] == [0] * SHARDS
    assert {run.outputs["plan"] for run in runs} == {digest}
    for index, run in enumerate(runs, 1):
        assert f"part {index} of 4 of plan {digest}" in run.log
        assert f"part {index} of 4 of plan {digest}" in run.summary
    sent = place.sent()
    assert len(sent) == FILES - 1
    assert set(sent.values()) == {1}
    assert not place.has_catalog()

    last = place.run({})
    assert (last.code, last.outputs["uploaded"], last.outputs["skipped"]) == (0, "1", str(FILES - 1))
    assert last.outputs["plan"] == digest
    assert "Of 66 files, 65 were up to date, 1 was missing" in last.log
    assert place.has_catalog()
    assert place.sent() == sent + Counter(["catalog.yaml"])


def test_a_shard_twice_and_one_missing(place: Place) -> None:
    first = place.shards("1/4", "2/4")
    again = place.shards("2/4", "3/4")
    assert [run.code for run in (*first, *again)] == [0] * 4
    assert again[0].outputs["uploaded"] == "0"
    assert again[0].outputs["skipped"] == first[1].outputs["uploaded"]
    there = len(place.sent())

    last = place.run({})
    absent = FILES - there
    assert (last.code, last.outputs["uploaded"]) == (0, str(absent))
    words = f"Of 66 files, {there} were up to date, {absent} were missing"
    assert words in last.log
    assert words in last.summary
    assert set(place.sent().values()) == {1}
    assert len(place.store.keys("set/")) == FILES


def test_shards_that_overlap_leave_the_same(place: Place) -> None:
    runs = place.shards("1/2", "1/2")
    assert [run.code for run in runs] == [0, 0]
    last = place.run({})
    assert (last.code, len(place.store.keys("set/"))) == (0, FILES)
    assert place.run({"verify-only": "true"}).code == 0


def test_a_killed_shard_leaves_no_half_file(place: Place) -> None:
    place.proxy.delay = 0.05
    inputs = {"in-dir": "out", "s3-dir": f"s3://{place.store.bucket}/set", "n-jobs": "1", "shard": "1/2"}
    surroundings = {
        **place.environment,
        **action.variables(inputs),
        "GITHUB_WORKSPACE": str(place.workspace),
        "PYTHONPATH": str(action.ROOT),
    }
    child = subprocess.Popen(
        action.COMMAND, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    place.proxy.on_request = lambda method, _: child.kill() if method == "PUT" and place.sent() else None
    assert child.wait(60) == -9
    place.proxy.on_request, place.proxy.delay = lambda method, target: None, 0.0
    before = place.sent()
    assert 1 <= len(before) < FILES // 2

    assert place.run({"shard": "1/2"}).code == 0
    last = place.run({})
    assert (last.code, len(place.store.keys("set/"))) == (0, FILES)
    # What the killed one sent to its end was not sent again.
    assert all(place.sent()[name] == 1 for name in before)


def test_a_directory_that_changed_between_jobs(place: Place, dataset: Path) -> None:
    digest = place.run({"dry-run": "true"}).outputs["plan"]
    with (dataset / "genes_all.pmtiles").open("ab") as file:
        file.write(b"more")
    place.proxy.clear()
    run = place.run({"shard": f"2/8@{digest}"})
    assert run.code == 2
    assert f"shard: 2/8 is a part of plan {digest}, but here the plan is " in run.log
    assert place.proxy.requests == []
    assert place.run({"shard": "2/8"}).code == 0


def test_a_shard_that_fails_holds_nobody_up(place: Place) -> None:
    place.proxy.misbehave("PUT", "genes_all", status=403, body=error_xml("AccessDenied"))
    runs = place.shards("1/2", "2/2")
    assert sorted(run.code for run in runs) == [0, 3]
    assert place.run({}).code == 3
    assert not place.has_catalog()
    place.proxy.behave()
    assert place.run({}).code == 0
    assert set(place.sent().values()) == {1}


@pytest.mark.parametrize(
    "value", ["0/4", "5/4", "a/b", "1/4@", "1/4@xyz", "1/4@0a1b2c3d4e5f6", "@0a1b2c3d4e5f"]
)
def test_bad_shards(place: Place, value: str) -> None:
    run = place.run({"shard": value})
    assert run.code == 2
    assert "shard: expected i/n" in run.log
    assert place.proxy.requests == []


def test_a_digest_that_is_not_this_plan_s(dataset: Path) -> None:
    given = {"INPUT_IN-DIR": str(dataset), "INPUT_S3-DIR": "s3://bucket/set"}
    whole = plans.make(settings.read(given, [], dataset))
    part = plans.make(settings.read({**given, "INPUT_SHARD": f"1/2@{whole.digest.upper()}"}, [], dataset))
    assert part.digest == whole.digest
    elsewhere = plans.make(settings.read({**given, "INPUT_S3-DIR": "s3://another/place"}, [], dataset))
    assert elsewhere.digest == whole.digest


def test_a_long_listing_is_read_page_by_page(place: Place) -> None:
    """A thousand objects a page; a file that the listing decides on costs no request of its own."""
    client, bucket = place.store.client, place.store.bucket
    with concurrent.futures.ThreadPoolExecutor(8) as together:
        list(together.map(lambda n: client.put_object(Bucket=bucket, Key=f"set/old/{n:05}"), range(1000)))
    assert place.run({}).code == 0
    place.proxy.clear()
    run = place.run({"dry-run": "true", "manifest": "result.json"})
    assert (run.code, run.outputs["skipped"]) == (0, str(FILES))
    pages = [r for r in place.proxy.requests if r.query.get("list-type") == "2"]
    assert len(pages) == 2
    assert len(place.proxy.requests) < FILES
    extras = json.loads((place.workspace / "result.json").read_text())["extras"]
    assert len(extras) == 1000
