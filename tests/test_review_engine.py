"""Promises of the engine that nothing else holds: where requests go, and what is not to be believed or lost."""

from __future__ import annotations

import os
from pathlib import Path

import botocore.credentials
import pytest

from entrypoint import errors, settings
from entrypoint.destinations.s3 import checksums, configuration, credentials, endpoint
from tests.conformance import in_process
from tests.conftest import Store
from tests.servers.recorder import Recorder, error_xml, recorder
from tests.test_s3 import publish

LISTING = (
    b"<ListBucketResult><Name>b</Name><IsTruncated>%s</IsTruncated>"
    b"<Contents><Key>%s</Key><Size>3</Size></Contents></ListBucketResult>"
)
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "made-up"}


def chosen(folder: Path, bucket: str, **inputs: str) -> settings.Settings:
    given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
    return settings.read(
        {**os.environ, "INPUT_IN-DIR": str(folder), "INPUT_S3-DIR": f"s3://{bucket}/p", **given}, [], folder
    )


# Where requests go


@pytest.mark.parametrize(
    ("bucket", "region", "more", "host", "path"),
    [
        ("atlas", "us-east-1", "", "atlas.s3.us-east-1.amazonaws.com", ""),
        ("atlas", "eu-central-1", "", "atlas.s3.eu-central-1.amazonaws.com", ""),
        ("at.las", "eu-central-1", "", "s3.eu-central-1.amazonaws.com", "/at.las"),
        ("atlas", "cn-north-1", "", "atlas.s3.cn-north-1.amazonaws.com.cn", ""),
        ("atlas", "us-gov-west-1", "FIPS", "atlas.s3-fips.us-gov-west-1.amazonaws.com", ""),
        ("atlas", "eu-west-1", "DUALSTACK", "atlas.s3.dualstack.eu-west-1.amazonaws.com", ""),
    ],
)
@pytest.mark.parametrize("way", ["aws-region", "AWS_REGION", "AWS_DEFAULT_REGION"])
def test_bodies_go_to_the_buckets_own_region(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bucket: str,
    region: str,
    more: str,
    host: str,
    path: str,
    way: str,
) -> None:
    """AWS's global host redirects what goes to a bucket younger than a day, and a body follows no redirect."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    if more:
        monkeypatch.setenv(f"AWS_USE_{more}_ENDPOINT", "true")
    inputs = {"aws_region": region} if way == "aws-region" else {}
    if not inputs:
        monkeypatch.setenv(way, region)
    given = chosen(tmp_path, bucket, **inputs)
    assert given.s3 is not None
    found = endpoint.resolve(given.s3, configuration.read(given.s3, os.environ))
    assert (found.target.host, found.path, found.region) == (host, path, region)
    assert found.target.secure
    assert found.is_aws


def test_a_path_in_the_endpoint_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    given = chosen(tmp_path, "atlas", s3_endpoint_url="http://[::1]:9000/store/s3")
    assert given.s3 is not None
    found = endpoint.resolve(given.s3, configuration.read(given.s3, os.environ))
    assert found.url_of("a b") == "http://[::1]:9000/store/s3/atlas/a%20b"


def test_directory_buckets_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(errors.BadInput, match="directory bucket"):
        chosen(tmp_path, "atlas--use1-az4--x-s3")


# Credentials


def test_expired_credentials_do_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that asked for the old ones gets its answer after another one has renewed them."""
    keys = tmp_path / "keys"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))

    def write(key: str) -> None:
        keys.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = made-up-secret\n")

    write("first")
    given = chosen(tmp_path, "atlas")
    assert given.s3 is not None
    found = configuration.read(given.s3, os.environ)
    ours = credentials.Credentials(given.s3, found, given.run, lambda secret: None, lambda: None)
    old = ours._source
    assert old is not None
    freeze = old.get_frozen_credentials

    def slowly() -> botocore.credentials.ReadOnlyCredentials:
        answer = freeze()
        write("second")
        assert ours.renew()
        return answer

    monkeypatch.setattr(old, "get_frozen_credentials", slowly)
    assert ours.now().access_key == "second"
    assert ours.now().access_key == "second"


# Without read permission


def test_without_a_look_nothing_is_overwritten_unasked(any_s3: Store, workspace: Path) -> None:
    any_s3.client.put_object(Bucket=any_s3.bucket, Key="p/a", Body=b"theirs")
    in_process.fill(workspace, {"a": b"1"})
    with recorder(any_s3.url) as proxy:
        proxy.misbehave("GET", "", status=403, body=error_xml("AccessDenied"))
        run = publish(any_s3, workspace, url=proxy.url, overwrite="false")
        assert proxy.writes == []
    assert run.code == 3
    assert "s3:ListBucket" in run.file("a")["reason"]
    assert any_s3.read("p/a") == b"theirs"


def test_without_a_look_nothing_is_verified(s3_server: Store, workspace: Path, recorded_s3: Recorder) -> None:
    """A lack of permission is reported as such, and not as a difference of every file."""
    in_process.fill(workspace, {"a": b"1"})
    assert publish(s3_server, workspace).code == 0
    recorded_s3.misbehave("GET", "", status=403, body=error_xml("AccessDenied"))
    run = publish(s3_server, workspace, url=recorded_s3.url, verify_only="true")
    assert run.code == 4
    assert "s3:ListBucket" in run.log


@pytest.mark.parametrize("etags", [True, False])
def test_a_catalog_is_replaced_where_it_cannot_be_looked_at(
    s3_server: Store, workspace: Path, recorded_s3: Recorder, etags: bool
) -> None:
    """Without HEADs, or without ETags in the list, it is not taken for another run's."""
    s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/catalog.yaml", Body=b"old")
    in_process.fill(workspace, {"a": b"1"})
    if etags:
        recorded_s3.misbehave("HEAD", "", status=403)
    else:
        recorded_s3.misbehave("GET", "list-type", status=200, body=LISTING % (b"false", b"p/catalog.yaml"))
    assert publish(s3_server, workspace, url=recorded_s3.url).code == 0
    assert s3_server.read("p/catalog.yaml") != b"old"


# Lists that mislead


def test_a_list_that_does_not_end_is_not_taken_for_the_whole(
    s3_server: Store, workspace: Path, recorded_s3: Recorder
) -> None:
    s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/a", Body=b"theirs")
    in_process.fill(workspace, {"a": b"1"})
    more = LISTING.replace(b"<Name>", b"<NextContinuationToken>same</NextContinuationToken><Name>")
    for body in (LISTING, more):
        recorded_s3.behave()
        recorded_s3.clear()
        recorded_s3.misbehave("GET", "list-type|marker=", status=200, body=body % (b"true", b"p/z"))
        run = publish(s3_server, workspace, url=recorded_s3.url, overwrite="false", delete_extra="true")
        assert run.code == 5
        assert "incomplete listing" in run.log
        assert len(recorded_s3.requests) <= 2
    assert s3_server.read("p/a") == b"theirs"


@pytest.mark.parametrize("began", ["", "<Initiated>2020-01-01T00:00:00</Initiated>"])
def test_open_uploads_without_a_time(
    s3_server: Store, workspace: Path, recorded_s3: Recorder, began: str
) -> None:
    in_process.fill(workspace, {"a": b"1"})
    upload = f"<Upload><Key>p/z</Key><UploadId>x</UploadId>{began}</Upload>"
    body = f"<ListMultipartUploadsResult>{upload}</ListMultipartUploadsResult>".encode()
    recorded_s3.misbehave("GET", "uploads", status=200, body=body)
    assert publish(s3_server, workspace, url=recorded_s3.url).code == 0


def test_extras_at_the_root_of_a_bucket_keep_their_names(s3_server: Store, workspace: Path) -> None:
    """A key with a slash at its start is another key than the one without."""
    in_process.fill(workspace, {"a": b"1"})
    for key in ("/a", "/b", "c//d"):
        s3_server.client.put_object(Bucket=s3_server.bucket, Key=key, Body=b"theirs")
    run = publish(s3_server, workspace, prefix="")
    assert run.code == 0
    assert [extra["name"] for extra in run.manifest["extras"]] == ["/a", "/b", "c//d"]


# Sizes


@pytest.mark.parametrize("size", [10_000 * 5 * 2**30, 10_000 * 5 * 2**30 - 1, 10_000 * 8 * 2**20, 2**40])
def test_parts_keep_to_the_limits_of_s3(size: int) -> None:
    """At most 10,000 parts of at most 5 GiB."""
    assert checksums.parts(size) <= 10_000
    assert checksums.part_size(size) <= 5 * 2**30


def test_many_large_files_are_compared_in_little_memory() -> None:
    assert settings.MAX_JOBS * checksums.CHUNK <= 64 * 2**20


# Two runs, one catalog


def test_a_catalog_left_alone_that_another_run_replaces(
    s3_server: Store, recorded_s3: Recorder, workspace: Path
) -> None:
    """The catalog is unchanged, so it is not written; meanwhile another run writes another one."""
    in_process.fill(workspace, {"a.bin": b"first"})
    environment = s3_server.environment | {"AWS_ENDPOINT_URL_S3": recorded_s3.url}
    inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p"}
    assert in_process.run(inputs, workspace=workspace, environment=environment).code == 0
    (workspace / "out" / "a.bin").write_bytes(b"other")

    def replace(method: str, target: str) -> None:
        if method == "PUT" and "a.bin" in target:
            s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/catalog.yaml", Body=b"another run's")

    recorded_s3.on_request = replace
    again = in_process.run(inputs, workspace=workspace, environment=environment)
    assert again.code == 3, again.log
    assert "another run" in again.log


@pytest.mark.parametrize(("event", "told"), [("pull_request", True), ("push", False)])
def test_no_credentials_on_a_pull_request(workspace: Path, event: str, told: bool) -> None:
    in_process.fill(workspace, {"a.bin": b"a"})
    environment = {"GITHUB_EVENT_NAME": event, "AWS_EC2_METADATA_DISABLED": "true"}
    ran = in_process.run(
        {"in-dir": "out", "s3-dir": "s3://bucket/p"}, workspace=workspace, environment=environment
    )
    assert ran.code == 4
    assert ("fork" in ran.log) is told
