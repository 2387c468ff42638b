"""What every destination must do: the promises, seen from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import conftest
from tests.conformance import in_process, remotes
from tests.conformance.remotes import Remote, md5, run

FILES = {f"f{number}.tsv": f"{number}".encode() * (number + 1) for number in range(5)}


@pytest.fixture(
    params=[conftest.CHOSEN] if conftest.CHOSEN else ["localstack", "rclone", "zenodo", "invenio"]
)
def place(request: pytest.FixtureRequest) -> Iterator[Remote]:
    if request.param in ("zenodo", "invenio"):
        with remotes.zenodo(request.param) as found:
            yield found
        return
    with remotes.s3(conftest.server(request.param, request)) as found:
        yield found


def expected(workspace: Path) -> dict[str, str]:
    return {path.name: md5(path.read_bytes()) for path in (workspace / "out").iterdir()}


def test_everything_arrives_and_the_catalog_last(place: Remote, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    done = run(place, workspace)
    assert done.code == 0, done.log
    assert place.there() == expected(workspace)
    assert place.puts()[-1] == "catalog.yaml"
    assert done.counts == (6, 0, 0)
    assert done.outputs["bytes"] == str(sum(path.stat().st_size for path in (workspace / "out").iterdir()))
    assert all(file["strong"] and file["proof"] and file["checksum"] for file in done.manifest["files"])


def test_nothing_is_sent_twice(place: Remote, workspace: Path) -> None:
    """A fresh checkout has new times, and that does not matter; a changed file is sent alone."""
    out = in_process.fill(workspace, FILES)
    run(place, workspace)
    place.puts()
    for path in out.iterdir():
        os.utime(path, (1, 1))
    again = run(place, workspace)
    assert again.code == 0, again.log
    assert again.counts == (0, 6, 0)
    assert again.outputs["changed"] == "false"
    assert place.puts() == []
    (out / "f2.tsv").write_bytes(b"XYZ")
    changed = run(place, workspace)
    assert changed.counts == (1, 5, 0)
    assert place.puts() == ["f2.tsv"]
    assert place.there() == expected(workspace)
    restarted = run(place, workspace, restart="true")
    assert restarted.counts == (6, 0, 0)
    assert place.there() == expected(workspace)


def test_reading_only(place: Remote, workspace: Path) -> None:
    out = in_process.fill(workspace, FILES)
    dry = run(place, workspace, dry_run="true")
    assert dry.code == 0, dry.log
    assert set(dry.statuses().values()) == {"would upload"}
    missing = run(place, workspace, verify_only="true")
    assert missing.code == 3
    assert missing.counts == (0, 0, 6)
    assert place.writes() == 0
    assert run(place, workspace).code == 0
    before = place.writes()
    same = run(place, workspace, verify_only="true")
    assert (same.code, same.counts) == (0, (0, 6, 0))
    (out / "f0.tsv").write_bytes(b"!")
    other = run(place, workspace, verify_only="true")
    assert (other.code, other.counts) == (3, (0, 5, 1))
    assert place.writes() == before


def test_one_bad_file_keeps_the_catalog_back(place: Remote, workspace: Path) -> None:
    place.plant("catalog.yaml", b"old")
    in_process.fill(workspace, FILES)
    place.deny("f3.tsv")
    failed = run(place, workspace)
    assert failed.code == 3, failed.log
    assert failed.counts == (4, 0, 1)
    assert failed.statuses()["catalog.yaml"] == "withheld"
    assert place.there()["catalog.yaml"] == md5(b"old")
    assert "f3.tsv" in failed.log
    assert "f3.tsv" in failed.summary
    place.heal()
    place.puts()
    again = run(place, workspace)
    assert again.counts == (2, 4, 0)
    assert place.puts() == ["f3.tsv", "catalog.yaml"]
    assert place.there() == expected(workspace)


def test_nothing_is_overwritten_unasked(place: Remote, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    place.plant("f1.tsv", b"theirs")
    before, writes = place.there(), place.writes()
    refused = run(place, workspace, overwrite="false")
    assert refused.code == 3
    assert refused.statuses()["f1.tsv"] == "failed"
    assert refused.outputs["bytes"] == "0"
    assert place.there() == before
    assert place.writes() == writes


def test_extras_are_deleted_only_when_asked_and_last(place: Remote, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    place.plant("extra.txt", b"x")
    kept = run(place, workspace)
    assert kept.code == 0, kept.log
    assert [extra["name"] for extra in kept.manifest["extras"]] == ["extra.txt"]
    assert "extra.txt" in place.there()
    place.deny("f1.tsv")
    in_process.fill(workspace, {**FILES, "f1.tsv": b"new", "f2.tsv": b"newer"})
    assert run(place, workspace, delete_extra="true").code == 3
    assert "extra.txt" in place.there()
    place.heal()
    done = run(place, workspace, delete_extra="true")
    assert done.code == 0, done.log
    assert done.outputs["changed"] == "true"
    assert place.there() == expected(workspace)


def test_an_empty_file(place: Remote, workspace: Path) -> None:
    in_process.fill(workspace, {"empty": b"", "a": b"1"})
    done = run(place, workspace)
    if place.inputs.get("zenodo-id", "-").isdigit():  # Zenodo takes none
        assert done.code == 2
        assert place.writes() == 0
        return
    assert done.code == 0, done.log
    assert place.there() == expected(workspace)
    assert run(place, workspace).counts == (0, 3, 0)


def test_names_that_need_quoting(place: Remote, workspace: Path) -> None:
    in_process.fill(workspace, {"a b+c%20&d#.tsv": b"1", "ünï-名.tsv": b"2"})
    done = run(place, workspace)
    assert done.code == 0, done.log
    assert place.there() == expected(workspace)
    assert run(place, workspace).counts == (0, 3, 0)
