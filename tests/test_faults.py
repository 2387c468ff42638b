"""A few of the runs of `make faults`, and the seeds that once broke a promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import kinds, remotes
from tests.faults.__main__ import Choice, each
from tests.faults.kinds import Kind
from tests.servers.rclone import Rclone

pytestmark = pytest.mark.timeout(300)
FEW = range(9000, 9025)
# What went wrong once, by seed and side; the seed makes the rest.
ONCE = {
    "a gateway's 200 counted as stored": ([6], Kind.HTML, "rclone"),
    "a gateway's 200 counted as completed": ([1209, 1301, 1302, 1303], Kind.HTML, "rclone"),
    "a gateway's 200 to CreateMultipartUpload was a defect": ([3031, 3032], Kind.HTML, "localstack"),
    "a short secret key was not masked": ([37], Kind.SLOW_DOWN, "rclone"),
    "an answer to HEAD or a listing that trickles hung": ([57, 118], Kind.TRICKLE, "localstack"),
    "an answer of Zenodo that trickles hung": ([245], Kind.TRICKLE, "zenodo"),
    "SIGTERM before the plan left no summary": ([58, 59, 60], Kind.SIGTERM, "rclone"),
    "a lost answer left an upload open": ([3, 4, 9, 14], Kind.LOST, "localstack"),
}


@pytest.fixture
def stores(localstack_url: str, rclone_store: Rclone) -> dict[str, remotes.S3Store]:
    return {"localstack": remotes.localstack_at(localstack_url), "rclone": remotes.rclone_at(rclone_store)}


def broken(
    seeds: list[int] | range, choice: Choice, stores: dict[str, remotes.S3Store], folder: Path
) -> dict[int, list[str]]:
    return {r.seed: [r.faults, *r.broken] for r in each(seeds, choice, stores, str(folder)) if r.broken}


def test_promises_under_a_few_faults(stores: dict[str, remotes.S3Store], tmp_path: Path) -> None:
    assert not broken(FEW, Choice(), stores, tmp_path)


@pytest.mark.parametrize("kind", kinds.PROXIES)
def test_promises_behind_a_proxy(kind: Kind, stores: dict[str, remotes.S3Store], tmp_path: Path) -> None:
    assert not broken([9100, 9101, 9102], Choice(kind), stores, tmp_path)


@pytest.mark.parametrize("what", ONCE)
def test_what_once_was_broken(what: str, stores: dict[str, remotes.S3Store], tmp_path: Path) -> None:
    seeds, kind, side = ONCE[what]
    assert not broken(seeds, Choice(kind, side), stores, tmp_path)
