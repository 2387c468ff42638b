"""The promises on more real S3 stores, in short: SeaweedFS, and the JuiceFS gateway, where nothing can be proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from entrypoint.destinations.s3 import checksums
from tests import conftest
from tests.conformance import in_process
from tests.conftest import Store

MIB = 1 << 20
FILES = {
    "a b+c%20&d#.tsv": b"1",
    "ünï-名.tsv": b"2",
    "deep/er/x.json": b"{}",
    "empty.tsv": b"",
    "big.pmtiles": in_process.noise(17 * MIB),
}


@pytest.fixture(params=[conftest.CHOSEN] if conftest.CHOSEN else ["seaweedfs", "juicefs"])
def store(request: pytest.FixtureRequest) -> Store:
    return conftest.server(request.param, request)


def publish(store: Store, workspace: Path, **inputs: str) -> in_process.Run:
    given = {"in-dir": "out", "s3-dir": f"s3://{store.bucket}/p", "n-jobs": "4"}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return in_process.run(given, workspace=workspace, environment=store.environment)


def published(run: in_process.Run) -> in_process.Run:
    assert run.code == 0, run.log
    return run


def same(store: Store, workspace: Path) -> bool:
    """Whether what is there is what is here, and nothing else."""
    out = workspace / "out"
    here = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    # The JuiceFS gateway leaves empty folders when several objects are deleted at a time.
    keys = [key for key in store.keys("p/") if not key.endswith("/")]
    return {key.removeprefix("p/"): store.read(key) for key in keys} == here


def proves(store: Store) -> bool:
    """Whether the store says anything of what it holds."""
    return store.name != "juicefs"


def test_everything_arrives_and_nothing_is_sent_twice(store: Store, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    first = published(publish(store, workspace))
    assert first.counts == (6, 0, 0)
    assert same(store, workspace)
    again = published(publish(store, workspace))
    # What is empty needs no proof.
    assert again.counts in ([(0, 6, 0)] if proves(store) else [(5, 1, 0), (6, 0, 0)])
    assert same(store, workspace)
    assert not store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads")


def test_a_changed_catalog_replaces_the_old_one(store: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    published(publish(store, workspace))
    in_process.fill(workspace, {"a": b"other", "b": b"2"})
    assert published(publish(store, workspace)).counts == (3, 0, 0)
    assert same(store, workspace)


def test_reading_only(store: Store, workspace: Path) -> None:
    out = in_process.fill(workspace, FILES)
    assert publish(store, workspace, verify_only="true").code == 3
    assert published(publish(store, workspace, dry_run="true")).outputs["changed"] == "false"
    assert store.keys() == []
    published(publish(store, workspace))
    assert published(publish(store, workspace, verify_only="true")).counts == (0, 6, 0)
    (out / "a b+c%20&d#.tsv").write_bytes(b"!")
    assert publish(store, workspace, verify_only="true").counts == (0, 5, 1)


def test_extras(store: Store, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    for number in range(12):
        store.client.put_object(Bucket=store.bucket, Key=f"p/extra/ü {number}+&.tsv", Body=b"x")
    store.client.put_object(Bucket=store.bucket, Key="other/x", Body=b"x")
    run = published(publish(store, workspace, delete_extra="true"))
    assert run.outputs["deleted"] == "12"
    assert same(store, workspace)
    assert store.keys("other/") == ["other/x"]


def test_a_wrong_secret(store: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    given = {"in-dir": "out", "s3-dir": f"s3://{store.bucket}/p"}
    wrong = store.environment | {"AWS_SECRET_ACCESS_KEY": "another-secret"}
    run = in_process.run(given, workspace=workspace, environment=wrong)
    assert run.code == 4, run.log
    assert store.keys() == []


@pytest.mark.parametrize("name", [conftest.CHOSEN or "seaweedfs"])
def test_an_upload_that_was_broken_off_is_continued(
    name: str, request: pytest.FixtureRequest, workspace: Path
) -> None:
    """Its parts are proved by their MD5; the first of three is there already."""
    store, data = conftest.server(name, request), FILES["big.pmtiles"]
    in_process.fill(workspace, {"big.pmtiles": data})
    size = checksums.part_size(len(data))
    place: Any = {"Bucket": store.bucket, "Key": "p/big.pmtiles"}
    upload = store.client.create_multipart_upload(**place)["UploadId"]
    store.client.upload_part(**place, UploadId=upload, PartNumber=1, Body=data[:size])
    run = published(publish(store, workspace))
    assert same(store, workspace)
    assert run.outputs["bytes"] == str(sum(p.stat().st_size for p in (workspace / "out").iterdir()) - size)
    assert not store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads")
