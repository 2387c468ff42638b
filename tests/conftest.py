"""Fixtures that more than one file of tests uses."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests import dataset as datasets
from tests.servers.ceph import Ceph, ceph
from tests.servers.juicefs import JuiceFS, juicefs
from tests.servers.localstack import CREDENTIALS, REGION, localstack
from tests.servers.rclone import Rclone, rclone
from tests.servers.recorder import Recorder, recorder
from tests.servers.seaweedfs import SeaweedFS, seaweedfs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHOSEN: Final = os.environ.get("S3_STORE", "")
"""The store that takes the place of all others where a test is for any of them: ``ceph``, by `make real-s3`."""
_numbers: Final = itertools.count(1)
_FAST: Final = {
    "test_action_yml",
    "test_architecture",
    "test_catalog",
    "test_catalog_properties",
    "test_cli",
    "test_collection",
    "test_contract",
    "test_docs",
    "test_event",
    "test_pack",
    "test_packing",
    "test_plan",
    "test_report",
    "test_runner",
    "test_settings",
    "test_shards",
    "test_text",
    "test_transfer",
    "test_workflows",
    "test_zenodo_metadata",
}
"""Files of tests that start no server and no process: those of `make check`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the fast tests, so that `-m fast` chooses them."""
    for item in items:
        if item.path.stem in _FAST and item.get_closest_marker("slow") is None:
            item.add_marker("fast")


@dataclass(frozen=True)
class Store:
    """An S3 server, a fresh bucket in it, and the keys that open it."""

    name: str
    """``localstack``, ``rclone``, ``seaweedfs``, ``juicefs`` or ``ceph``."""
    url: str
    bucket: str
    credentials: dict[str, str]
    client: S3Client

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it, and nothing else of the surroundings."""
        return {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.credentials,
        }

    def keys(self, prefix: str = "") -> list[str]:
        """Every key of the bucket, sorted."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def read(self, key: str) -> bytes:
        """The content of one object."""
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings must not influence the tests."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "INPUT_", "GITHUB_", "RUNNER_")) and name != "AWS_CA_BUNDLE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def localstack_url() -> Iterator[str]:
    """LocalStack, started once for all tests (once a worker with xdist); never skipped."""
    with localstack() as url:
        yield url


@pytest.fixture(scope="session")
def rclone_store() -> Iterator[Rclone]:
    """`rclone serve s3`, started once for all tests."""
    with rclone() as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs_store() -> Iterator[SeaweedFS]:
    """SeaweedFS, started once for all tests."""
    with seaweedfs() as server:
        yield server


@pytest.fixture(scope="session")
def juicefs_store() -> Iterator[JuiceFS]:
    """The JuiceFS gateway, started once for all tests."""
    with juicefs() as server:
        yield server


@pytest.fixture
def s3_server(localstack_url: str) -> Iterator[Store]:
    """LocalStack with a bucket of this test's own."""
    yield from _store("localstack", localstack_url, CREDENTIALS)


@pytest.fixture
def rclone_server(rclone_store: Rclone) -> Iterator[Store]:
    """rclone with a bucket of this test's own; the one that checks signatures."""
    yield from _store("rclone", rclone_store.url, rclone_store.credentials)


@pytest.fixture
def seaweedfs_server(seaweedfs_store: SeaweedFS) -> Iterator[Store]:
    """SeaweedFS with a bucket of this test's own."""
    yield from _store("seaweedfs", seaweedfs_store.url, seaweedfs_store.credentials)


@pytest.fixture
def juicefs_server(juicefs_store: JuiceFS) -> Iterator[Store]:
    """The JuiceFS gateway with a bucket of this test's own; the one where nothing can be proved."""
    yield from _store("juicefs", juicefs_store.url, juicefs_store.credentials)


@pytest.fixture(scope="session")
def ceph_store() -> Iterator[Ceph]:
    """Ceph's gateway, started once for all tests; only where it was asked for."""
    with ceph() as server:
        yield server


@pytest.fixture
def ceph_server(ceph_store: Ceph) -> Iterator[Store]:
    """Ceph's gateway with a bucket of this test's own."""
    yield from _store("ceph", ceph_store.url, ceph_store.credentials)


def server(name: str, request: pytest.FixtureRequest) -> Store:
    """One of the stores, by its name."""
    found: Store = request.getfixturevalue("s3_server" if name == "localstack" else f"{name}_server")
    return found


@pytest.fixture(params=[CHOSEN] if CHOSEN else ["localstack", "rclone"])
def any_s3(request: pytest.FixtureRequest) -> Store:
    """Each of the two in turn: what a test says here must hold for both."""
    return server(request.param, request)


@pytest.fixture
def recorded_s3(s3_server: Store) -> Iterator[Recorder]:
    """A recorder before LocalStack; the bucket is `s3_server`'s."""
    with recorder(s3_server.url) as proxy:
        yield proxy


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty folder as GITHUB_WORKSPACE."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def dataset(workspace: Path) -> Path:
    """The starter set of 66 files, a thousandth of its size, in a workspace."""
    folder = workspace / "out"
    datasets.make("small_starter", folder, scale=0.001)
    return folder


def _store(name: str, url: str, credentials: dict[str, str]) -> Iterator[Store]:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )
    bucket = f"bucket-{os.getpid()}-{next(_numbers)}"
    client.create_bucket(Bucket=bucket)
    yield Store(name, url, bucket, credentials, client)
    client.close()
