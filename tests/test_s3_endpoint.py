"""Where requests go: access points, styles, odd endpoints; and files on file systems with odd inodes."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from entrypoint import errors, settings
from entrypoint.destinations.s3 import configuration, endpoint, network
from entrypoint.plan import model

ACCOUNT = "123456789012"


def read(place: str, folder: Path, **inputs: str) -> settings.S3Settings:
    given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
    chosen = settings.read({"INPUT_IN-DIR": str(folder), "INPUT_S3-DIR": place, **given}, [], folder)
    assert chosen.s3 is not None
    return chosen.s3


def resolve(
    place: str, folder: Path, environ: dict[str, str] | None = None, **inputs: str
) -> endpoint.Endpoint:
    chosen = read(place, folder, **inputs)
    return endpoint.resolve(chosen, configuration.read(chosen, environ or {}))


@pytest.mark.parametrize("start", ["s3://", ""])
@pytest.mark.parametrize("mark", ["/", ":"])
def test_an_access_point(tmp_path: Path, start: str, mark: str) -> None:
    """It stands for the bucket; its own region counts."""
    arn = f"arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint{mark}atlas"
    chosen = read(f"{start}{arn}/data/v1/", tmp_path)
    assert (chosen.bucket, chosen.prefix) == (arn, "data/v1")
    found = resolve(f"{start}{arn}/data/v1/", tmp_path, {"AWS_REGION": "us-west-2"})
    assert found.url_of("data/v1/a b") == (
        f"https://atlas-{ACCOUNT}.s3-accesspoint.eu-west-1.amazonaws.com/data/v1/a%20b"
    )
    assert (found.scope.region, found.scope.asymmetric) == ("eu-west-1", False)


def test_a_multi_region_access_point(tmp_path: Path) -> None:
    found = resolve(f"s3://arn:aws:s3::{ACCOUNT}:accesspoint/mfzwi23gnjvgw.mrap/p", tmp_path)
    assert found.target.host == "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com"
    assert (found.scope.region, found.scope.asymmetric) == ("*", True)


@pytest.mark.parametrize(
    "place",
    [
        "arn:aws:s3:::bucket/prefix",
        f"arn:aws:s3-object-lambda:us-east-1:{ACCOUNT}:accesspoint/x",
        f"s3://arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/",
        "arn:aws:iam::1:role/x",
    ],
)
def test_an_arn_that_is_no_access_point(tmp_path: Path, place: str) -> None:
    with pytest.raises(errors.BadInput, match="ARN of an access point"):
        read(place, tmp_path)


@pytest.mark.parametrize(
    ("style", "bucket", "url", "host", "path"),
    [
        ("auto", "atlas", "https://store.example:9000/base", "store.example", "/base/atlas"),
        ("path", "atlas", "", "s3.eu-west-1.amazonaws.com", "/atlas"),
        ("virtual", "atlas", "https://store.example:9000", "atlas.store.example", ""),
        ("virtual", "atlas", "https://atlas.store.example", "atlas.store.example", ""),
        ("virtual", "atlas", "", "atlas.s3.eu-west-1.amazonaws.com", ""),
        ("auto", "At_las", "", "s3.eu-west-1.amazonaws.com", "/At_las"),
    ],
)
def test_styles(tmp_path: Path, style: str, bucket: str, url: str, host: str, path: str) -> None:
    environ = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": url}
    found = resolve(f"s3://{bucket}/p", tmp_path, environ, s3_addressing=style)
    assert (found.target.host, found.path) == (host, path)


@pytest.mark.parametrize(
    ("text", "sign", "style"),
    [
        ("s3 =\n  addressing_style = virtual\n", None, settings.Addressing.VIRTUAL),
        ("s3 =\n  payload_signing_enabled = true\n", True, settings.Addressing.AUTO),
        (
            "s3 =\n  payload_signing_enabled = false\n  addressing_style = path\n",
            False,
            settings.Addressing.PATH,
        ),
        (
            "services = mine\n[services mine]\ns3 =\n  endpoint_url = https://of.service\n",
            None,
            settings.Addressing.AUTO,
        ),
    ],
)
def test_the_aws_configuration_is_obeyed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    sign: bool | None,
    style: settings.Addressing,
) -> None:
    (tmp_path / "config").write_text(f"[default]\nregion = ap-south-1\n{text}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    chosen = read("s3://bucket/p", tmp_path)
    found = configuration.read(chosen, os.environ)
    assert (found.region, found.sign_payload, found.addressing) == ("ap-south-1", sign, style)
    assert found.endpoint_url == ("https://of.service" if "services" in text else "")
    wins = dataclasses.replace(
        chosen, addressing=settings.Addressing.PATH, endpoint_url="https://mine.example"
    )
    assert configuration.read(wins, os.environ).addressing is settings.Addressing.PATH
    assert configuration.read(wins, os.environ).endpoint_url == "https://mine.example"


@pytest.mark.parametrize(
    ("exceptions", "url", "through"),
    [
        ("", "https://s3.example", True),
        ("s3.example", "https://s3.example", False),
        (".example", "https://s3.example", False),
        ("*.example", "https://a.b.example", False),
        ("example", "https://notexample", True),
        ("s3.example:9000", "https://s3.example", True),
        ("s3.example:9000", "https://s3.example:9000", False),
        ("10.0.0.0/8", "https://10.2.3.4", False),
        ("10.0.0.0/8", "https://11.2.3.4", True),
        ("[::1]:9000", "https://[::1]:9000", False),
        ("::1", "https://[0:0:0:0:0:0:0:1]", False),
        ("a, *", "https://s3.example", False),
    ],
)
def test_exceptions_from_a_proxy(exceptions: str, url: str, through: bool) -> None:
    ways = network.Network({"HTTPS_PROXY": "http://u:p%40%20w@proxy:3128", "no_proxy": exceptions})
    found = ways.proxy_for(network.Target.of(url))
    assert (found is not None) is through
    if found:
        assert found.authorization == "Basic dTpwQCB3"
        assert "p%40" not in repr(found)
        assert found.authorization not in repr(found)


def test_a_file_with_an_unsteady_inode_is_the_same(tmp_path: Path) -> None:
    """Some network file systems make inodes up; a file that was replaced has another time of its status."""
    path = tmp_path / "f"
    path.write_bytes(b"1")
    found = model.LocalFile.of(path)
    device, inode, changed, status = found.stamp
    dataclasses.replace(found, stamp=(device, inode + 1, changed, status)).check()
    for other in ((device, inode, changed - 1, status), (device, inode + 1, changed, status - 1)):
        with pytest.raises(errors.FileFailed, match="changed during the run"):
            dataclasses.replace(found, stamp=other).check()
