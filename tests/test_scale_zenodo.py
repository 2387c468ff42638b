"""Collections and shards to one Zenodo deposition, as processes, against the mock."""

from __future__ import annotations

import concurrent.futures
import copy
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests import action
from tests.test_collection_s3 import EACH, SAMPLES, write_sample
from tests.zenodo import ZenodoServer

METADATA = {
    "license": "CC-BY-4.0",
    "title": "A study",
    "creators": "Doe, Jane",
    "description": "Three samples.",
}


class Depositions:
    """A workspace and a server."""

    def __init__(self, workspace: Path, server: ZenodoServer) -> None:
        self.workspace, self.server = workspace, server

    def run(self, more: Mapping[str, str], metadata: Mapping[str, str] = METADATA) -> action.Run:
        inputs = {"in-dir": "out", "zenodo-url": self.server.url, "zenodo-token": self.server.token}
        environment = {"PATH": "/usr/bin:/bin"}
        return action.run({**inputs, **metadata, **more}, workspace=self.workspace, environment=environment)

    def parts(self, deposition: str, digest: str, count: int = 3) -> list[action.Run]:
        """All parts side by side, as the jobs of a matrix: they know the draft's id, and no metadata."""
        parts = [f"{index}/{count}@{digest}" for index in range(1, count + 1)]
        with concurrent.futures.ThreadPoolExecutor(count) as together:
            return list(
                together.map(lambda part: self.run({"zenodo-id": deposition, "shard": part}, {}), parts)
            )

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
    runs = zenodo.parts(draft, zenodo.run({"zenodo-id": draft, "dry-run": "true"}).outputs["plan"])
    assert [run.code for run in runs] == [0, 0, 0], [run.log for run in runs]
    assert sum(int(run.outputs["uploaded"]) for run in runs) == EACH - 1
    assert {run.outputs["published"] for run in runs} == {"false"}
    assert "catalog.yaml" not in zenodo.names(draft)

    last = zenodo.run({"zenodo-id": draft, "publish": "true"})
    assert (last.code, last.outputs["uploaded"], last.outputs["published"]) == (0, "1", "true"), last.log
    assert len(zenodo.server.state.versions) == 1


def test_a_draft_for_all_parts_is_made_once(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    made = zenodo.run({"zenodo-id": "new", "draft-only": "true"})
    assert made.code == 0, made.log
    number = made.outputs["deposition-id"]
    assert f"Draft {number} is open: fill and publish it by runs with zenodo-id: {number}." in made.log
    assert made.outputs["doi"].endswith(f"zenodo.{number}")
    assert (made.outputs["uploaded"], made.outputs["changed"], made.outputs["published"]) == (
        "0",
        "true",
        "false",
    )
    assert zenodo.names(number) == set()
    described = copy.deepcopy(zenodo.server.version(number).content.metadata)
    assert described["title"] == METADATA["title"]

    # An attempt that was repeated finds the same one, and a part that is repeated does no harm.
    assert zenodo.run({"zenodo-id": "new", "draft-only": "true"}).outputs["deposition-id"] == number
    for expected in (EACH - 1, 0):
        runs = zenodo.parts(number, made.outputs["plan"])
        assert [run.code for run in runs] == [0, 0, 0], [run.log for run in runs]
        assert sum(int(run.outputs["uploaded"]) for run in runs) == expected
        assert {run.outputs["deposition-id"] for run in runs} == {number}
        for run in runs:
            assert f"Draft {number} is not complete: a last run, without shard," in run.summary
            assert "press Publish" not in run.summary + run.log
    assert zenodo.server.version(number).content.metadata == described

    last = zenodo.run({"zenodo-id": number, "publish": "true"})
    assert (last.code, last.outputs["uploaded"], last.outputs["published"]) == (0, "1", "true"), last.log
    assert len(zenodo.server.state.versions) == 1

    # Everything again, as "Re-run all jobs" would: everything ends with the record.
    again = zenodo.run({"zenodo-id": "new", "draft-only": "true"})
    assert (again.code, again.outputs["deposition-id"], again.outputs["published"]) == (0, number, "true"), (
        again.log
    )
    assert "Nothing to send: 8 files in the record" in again.log
    assert [run.code for run in zenodo.parts(number, again.outputs["plan"])] == [0, 0, 0]
    assert zenodo.run({"zenodo-id": number, "publish": "true"}).outputs["changed"] == "false"
    assert len(zenodo.server.state.versions) == 1


def test_a_draft_of_a_next_version_holds_the_files_that_stay(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    record = zenodo.run({"zenodo-id": "new", "publish": "true"}).outputs["deposition-id"]
    changed = next(path for path in sorted((zenodo.workspace / "out").iterdir()) if path.suffix == ".pmtiles")
    changed.write_bytes(changed.read_bytes() + b"more")
    made = zenodo.run({"zenodo-id": record, "draft-only": "true"})
    assert made.code == 0, made.log
    number = made.outputs["deposition-id"]
    assert number != record
    assert f"waits for 1 of {EACH} files" in made.log
    assert len(zenodo.names(number)) == EACH
    runs = zenodo.parts(number, made.outputs["plan"])
    assert sorted(run.outputs["uploaded"] for run in runs) == ["0", "0", "1"]
    last = zenodo.run({"zenodo-id": number, "publish": "true"})
    assert (last.outputs["uploaded"], last.outputs["published"]) == ("0", "true"), last.log


def test_restart_empties_the_draft_once_for_all_parts(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    number = zenodo.run({"zenodo-id": "new"}).outputs["deposition-id"]
    made = zenodo.run({"zenodo-id": number, "draft-only": "true", "restart": "true"})
    assert (made.code, made.outputs["changed"]) == (0, "true"), made.log
    assert "no file was sent; 8 files deleted" in made.log
    assert zenodo.names(number) == set()
    zenodo.parts(number, made.outputs["plan"])
    assert zenodo.run({"zenodo-id": number}).outputs["uploaded"] == "1"


def test_restart_of_a_record_deletes_nothing(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    record = zenodo.server.add_record({"old.tsv": b"1"}).id
    made = zenodo.run({"zenodo-id": str(record), "draft-only": "true", "restart": "true"})
    assert (made.code, made.outputs["changed"]) == (0, "true"), made.log
    assert "deleted" not in made.log


def test_what_was_deleted_before_a_failure_counts(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    draft = str(zenodo.server.add_draft({"old.tsv": b"1", "older.tsv": b"2"}).id)
    one = r"/draft/files/.+"
    zenodo.server.faults.add("answer", method="DELETE", path=r"/draft/files$", status=405, body={})
    zenodo.server.faults.add(
        "answer", method="DELETE", path=one, status=400, body={"message": "no"}, skip=1, count=None
    )
    made = zenodo.run({"zenodo-id": draft, "draft-only": "true", "restart": "true"})
    assert made.code == 3, made.log
    assert made.outputs["changed"] == "true"


def test_a_draft_that_is_there_is_described_before_its_parts(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    draft = str(zenodo.server.add_draft().id)
    made = zenodo.run({"zenodo-id": draft, "draft-only": "true"})
    described = copy.deepcopy(zenodo.server.version(draft).content.metadata)
    assert described["title"] == METADATA["title"]
    zenodo.server.requests.clear()
    assert {run.code for run in zenodo.parts(draft, made.outputs["plan"])} == {0}
    assert zenodo.server.requests.select("PUT", "/draft$") == []
    assert zenodo.server.version(draft).content.metadata == described


def test_extras_that_the_last_run_will_delete_are_told(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    record = zenodo.run({"zenodo-id": "new", "publish": "true"}).outputs["deposition-id"]
    (zenodo.workspace / "out" / "catalog.yaml").write_text("id: one\nassets: {sge: {all: all.pmtiles}}\n")
    (zenodo.workspace / "out" / "all.pmtiles").write_bytes(b"1")
    made = zenodo.run({"zenodo-id": record, "draft-only": "true", "delete-extra": "true"})
    assert made.code == 0, made.log
    assert "would be deleted" in made.summary
    number = made.outputs["deposition-id"]
    last = zenodo.run({"zenodo-id": number, "delete-extra": "true"})
    assert last.code == 0, last.log
    assert zenodo.names(number) == {"catalog.yaml", "all.pmtiles"}


def test_no_draft_is_made_where_files_would_fail(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    number = zenodo.run({"zenodo-id": "new"}).outputs["deposition-id"]
    changed = zenodo.workspace / "out" / "catalog.yaml"
    changed.write_bytes(changed.read_bytes() + b"# more\n")
    before = zenodo.server.checksums(number)
    made = zenodo.run({"zenodo-id": number, "draft-only": "true", "overwrite": "false", "restart": "true"})
    assert made.code == 3, made.log
    assert "Nothing was done%3A 1 of 8 files would fail" in made.log
    assert zenodo.server.checksums(number) == before


def test_a_dry_run_makes_no_draft(zenodo: Depositions) -> None:
    write_sample(zenodo.workspace / "out", "one")
    run = zenodo.run({"zenodo-id": "new", "draft-only": "true", "dry-run": "true"})
    assert (run.code, run.outputs["deposition-id"]) == (0, "")
    assert not zenodo.server.state.versions


@pytest.mark.parametrize("publish", ["false", "true"])
def test_two_runs_at_once_to_one_draft(zenodo: Depositions, publish: str) -> None:
    """The same files: both may do well, or one finds the record out. There is one record, and it is whole."""
    write_sample(zenodo.workspace / "out", "one")
    expected = zenodo.server.checksums(zenodo.run({"zenodo-id": "new"}).outputs["deposition-id"])
    for _ in range(4):
        draft = str(zenodo.server.add_draft().id)
        with concurrent.futures.ThreadPoolExecutor(2) as together:
            runs = list(together.map(zenodo.run, [{"zenodo-id": draft, "publish": publish}] * 2))
        assert {run.code for run in runs} <= {0, 3, 5}, [run.log for run in runs]
        assert min(run.code for run in runs) == 0, [run.log for run in runs]
        last = zenodo.run({"zenodo-id": draft, "publish": publish})
        assert (last.code, last.outputs["uploaded"]) == (0, "0"), last.log
        assert last.outputs["deposition-id"] == draft
        assert zenodo.server.checksums(draft) == expected
        assert bool(zenodo.server.version(draft).published) is (publish == "true")


def test_two_runs_with_different_files_to_one_draft(zenodo: Depositions) -> None:
    """What is published is one of the two, whole, or its run says that it is not."""
    for folder in ("out", "other"):
        write_sample(zenodo.workspace / folder, "one")
        with (zenodo.workspace / folder / "catalog.yaml").open("a") as catalog:
            catalog.write(f"# {folder}\n")
    alone = {
        folder: zenodo.server.checksums(
            zenodo.run({"zenodo-id": "new", "in-dir": folder, "version": folder}).outputs["deposition-id"]
        )
        for folder in ("out", "other")
    }
    for _ in range(6):
        draft = str(zenodo.server.add_draft().id)
        with concurrent.futures.ThreadPoolExecutor(2) as together:
            wanted = [{"zenodo-id": draft, "in-dir": folder, "publish": "true"} for folder in alone]
            runs = dict(zip(alone, together.map(zenodo.run, wanted), strict=True))
        assert {run.code for run in runs.values()} <= {0, 3, 5}, [run.log for run in runs.values()]
        if zenodo.server.version(draft).published:
            assert any(
                run.code == 0 or "not as it was verified just before" in run.log for run in runs.values()
            ), [run.log for run in runs.values()]
        for folder, run in runs.items():
            if run.code == 0 and run.outputs["deposition-id"] == draft:
                assert zenodo.server.checksums(draft) == alone[folder], run.log
