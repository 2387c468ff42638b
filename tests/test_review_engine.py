"""Promises of the engine that nothing else holds: where requests go, and what is not to be believed or lost."""

from __future__ import annotations

import os
from pathlib import Path

import botocore.credentials
import pytest

from entrypoint import settings
from entrypoint.destinations.s3 import control, credentials, wire

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
    ask = control.Control(given.s3, given.run, 8, lambda secret: None, wire.Patience())
    target = ask.target()
    legacy = host.replace(".us-east-1", "") if region == "us-east-1" else host
    assert (target.host, target.path, target.region) in [(host, path, region), (legacy, path, region)]
    assert ask.is_aws
    ask.close()


def test_a_path_in_the_endpoint_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    given = chosen(tmp_path, "atlas", s3_endpoint_url="http://[::1]:9000/store/s3")
    assert given.s3 is not None
    ask = control.Control(given.s3, given.run, 8, lambda secret: None, wire.Patience())
    assert (ask.target().host, ask.target().path) == ("[::1]:9000", "/store/s3/atlas")
    ask.close()


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
    ours = credentials.Credentials(given.s3, given.run, lambda secret: None)
    old = ours._found
    freeze = old.get_frozen_credentials

    def slowly() -> botocore.credentials.ReadOnlyCredentials:
        answer = freeze()
        write("second")
        assert ours.renew()
        return answer

    monkeypatch.setattr(old, "get_frozen_credentials", slowly)
    assert ours.get_frozen_credentials().access_key == "second"
    assert ours.for_crt().access_key_id == "second"
