"""Collections and shards to one Zenodo deposition, as processes, against the mock."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests import action
from tests.test_collection_s3 import EACH, SAMPLES, write_sample
from tests.zenodo import ZenodoServer

METADATA = {"title": "A study", "creators": "Doe, Jane", "description": "Three samples."}


class Depositions:
    """A workspace and a server."""

    def __init__(self, workspace: Path, server: ZenodoServer) -> None:
        self.workspace, self.server = workspace, server

    def run(self, more: Mapping[str, str]) -> action.Run:
        inputs = {"in-dir": "out", "zenodo-url": self.server.url, "zenodo-token": self.server.token}
        environment = {"PATH": "/usr/bin:/bin"}
        return action.run({**inputs, **METADATA, **more}, workspace=self.workspace, environment=environment)

    def names(self, deposition: str) -> set[str]:
        return set(self.server.checksums(deposition))


@pytest.fixture
def zenodo(workspace: Path) -> Iterator[Depositions]:
    with ZenodoServer() as server:
        yield Depositions(workspace, server)


def test_a_collection_is_one_deposition(zenodo: Depositions) -> None:
    for folder, ident in SAMPLES.items():
        write_sample(zenodo.workspace / "out" / folder, ident)
    (zenodo.workspace / "samples.tsv").write_text("".join(f"{sample}\n" for sample in SAMPLES))
    run = zenodo.run({"zenodo-id": "new", "in-list": "samples.tsv"})
    assert run.code == 0, run.log
    names = zenodo.names(run.outputs["deposition-id"])
    assert len(names) == EACH * len(SAMPLES)
    assert {f"{ident}__catalog.yaml" for ident in SAMPLES.values()} <= names
    assert {name.partition("__")[0] for name in names} == set(SAMPLES.values())
    again = zenodo.run({"zenodo-id": run.outputs["deposition-id"], "in-list": "samples.tsv"})
    assert (again.code, again.outputs["uploaded"]) == (0, "0")


def test_shards_fill_one_draft_and_the_last_run_publishes(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    draft = str(zenodo.server.add_draft().id)
    with concurrent.futures.ThreadPoolExecutor(3) as together:
        parts = [f"{index}/3" for index in (1, 2, 3)]
        runs = list(together.map(lambda part: zenodo.run({"zenodo-id": draft, "shard": part}), parts))
    assert [run.code for run in runs] == [0, 0, 0], [run.log for run in runs]
    assert sum(int(run.outputs["uploaded"]) for run in runs) == EACH - 1
    assert {run.outputs["published"] for run in runs} == {"false"}
    assert "catalog.yaml" not in zenodo.names(draft)

    last = zenodo.run({"zenodo-id": draft, "publish": "true"})
    assert (last.code, last.outputs["uploaded"], last.outputs["published"]) == (0, "1", "true"), last.log
    assert len(zenodo.server.state.versions) == 1
