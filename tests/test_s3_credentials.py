"""Credentials and addresses, right and wrong: exit codes 4 and 5, a helpful message, no traceback."""

from __future__ import annotations

import html
import re
import threading
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.conftest import Store
from tests.servers import process
from tests.servers.recorder import Recorder, error_xml, recorder
from tests.test_s3 import MIB, publish, published


def run(store: Store, workspace: Path, *, url: str = "", **environment: str) -> in_process.Run:
    """Publish two files; an empty variable is left out."""
    in_process.fill(workspace, {"a": b"1", "b": b"2"})
    surroundings = store.environment | environment | ({"AWS_ENDPOINT_URL_S3": url} if url else {})
    surroundings = {name: value for name, value in surroundings.items() if value}
    inputs = {"in-dir": "out", "s3-dir": f"s3://{store.bucket}/p"}
    return in_process.run(inputs, workspace=workspace, environment=surroundings)


def explained(run: in_process.Run, code: int, *words: str) -> None:
    """It ended with this code, and log and summary say these words."""
    assert run.code == code, run.log
    for text in (run.log, html.unescape(re.sub(r"<[^>]*>", "", run.summary))):
        assert "Traceback" not in text
        assert "A bug in" not in text
        for word in words:
            assert word.lower() in text.lower(), text
    assert run.outputs["uploaded"] == "0" or code == 3


# Keys


def test_an_unknown_key(rclone_server: Store, workspace: Path) -> None:
    explained(
        run(rclone_server, workspace, AWS_ACCESS_KEY_ID="another-key"), 4, "access key", "AWS_ACCESS_KEY_ID"
    )


def test_a_wrong_secret(rclone_server: Store, workspace: Path) -> None:
    found = run(rclone_server, workspace, AWS_SECRET_ACCESS_KEY="wrong-secret-of-this-test")
    explained(found, 4, "secret", "AWS_SECRET_ACCESS_KEY")
    assert "wrong-secret-of-this-test" not in found.log.replace("::add-mask::wrong-secret-of-this-test", "")
    assert "wrong-secret-of-this-test" not in found.summary


def test_no_credentials(rclone_server: Store, workspace: Path) -> None:
    found = run(rclone_server, workspace, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    explained(found, 4, "no AWS credentials", "AWS_ACCESS_KEY_ID")


def test_half_a_pair_of_keys(rclone_server: Store, workspace: Path) -> None:
    explained(run(rclone_server, workspace, AWS_SECRET_ACCESS_KEY=""), 4, "credentials")


# Where


def test_no_such_bucket(any_s3: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    inputs = {"in-dir": "out", "s3-dir": "s3://no-such-bucket-anywhere/p"}
    found = in_process.run(inputs, workspace=workspace, environment=any_s3.environment)
    explained(found, 5, "no-such-bucket-anywhere", "no such bucket", "s3-dir")


def test_nobody_listens(s3_server: Store, workspace: Path) -> None:
    found = run(s3_server, workspace, url=f"http://127.0.0.1:{process.free_port()}")
    explained(found, 5, "cannot be reached", "s3-endpoint-url")


def test_tls_to_a_plain_port(rclone_server: Store, workspace: Path) -> None:
    explained(run(rclone_server, workspace, url=rclone_server.url.replace("http:", "https:")), 5, "TLS")


def test_a_certificate_that_nobody_vouches_for(s3_server: Store, workspace: Path) -> None:
    explained(run(s3_server, workspace, url=s3_server.url.replace("http:", "https:")), 5, "AWS_CA_BUNDLE")


# What every request carries

EVERYWHERE = [
    ("InvalidAccessKeyId", 403, 4, "access key"),
    ("SignatureDoesNotMatch", 403, 4, "secret"),
    ("ExpiredToken", 400, 4, "expired"),
    ("InvalidToken", 400, 4, "AWS_SESSION_TOKEN"),
    ("RequestTimeTooSkewed", 403, 4, "clock"),
    ("AccessDenied", 403, 4, "denied"),
    ("AllAccessDisabled", 403, 4, "denied"),
    ("PermanentRedirect", 301, 5, "aws-region"),
    ("AuthorizationHeaderMalformed", 400, 5, "aws-region"),
    ("IllegalLocationConstraintException", 400, 5, "aws-region"),
    ("NoSuchBucket", 404, 5, "bucket"),
    ("SomethingNew", 418, 5, "SomethingNew"),
]


@pytest.mark.parametrize(("code", "status", "ends", "word"), EVERYWHERE, ids=[row[0] for row in EVERYWHERE])
def test_an_answer_to_every_request(
    s3_server: Store, recorded_s3: Recorder, workspace: Path, code: str, status: int, ends: int, word: str
) -> None:
    recorded_s3.misbehave(status=status, body=error_xml(code))
    explained(run(s3_server, workspace, url=recorded_s3.url), ends, word)
    assert len(recorded_s3.requests) < 20


# A wrong clock is in the other list only: the client tries six times, in case it runs a little fast.
UPLOADS = [row for row in EVERYWHERE if row[0] != "RequestTimeTooSkewed"]


@pytest.mark.parametrize(("code", "status", "ends", "word"), UPLOADS, ids=[row[0] for row in UPLOADS])
def test_an_answer_to_every_upload(
    s3_server: Store, recorded_s3: Recorder, workspace: Path, code: str, status: int, ends: int, word: str
) -> None:
    """Listing works, sending does not: one request or parts."""
    in_process.fill(workspace, {"big": in_process.noise(17 * MIB)})
    recorded_s3.misbehave("PUT|POST", status=status, body=error_xml(code))
    explained(run(s3_server, workspace, url=recorded_s3.url), ends, word)
    assert s3_server.keys() == []
    assert len(recorded_s3.requests) < 20


def test_a_page_that_is_no_s3(s3_server: Store, recorded_s3: Recorder, workspace: Path) -> None:
    """A captive portal, a web site instead of a store."""
    recorded_s3.misbehave(
        status=200, body=b"<html><h1>Welcome</h1></html>", headers={"Content-Type": "text/html"}
    )
    explained(run(s3_server, workspace, url=recorded_s3.url), 5)


# One of many


def test_one_file_denied(any_s3: Store, workspace: Path) -> None:
    with recorder(any_s3.url) as proxy:
        proxy.misbehave("PUT", "/p/b", status=403, body=error_xml("AccessDenied"))
        explained(run(any_s3, workspace, url=proxy.url), 3, "access denied", "s3:PutObject")
    assert any_s3.keys() == ["p/a"]


def test_lists_denied(any_s3: Store, workspace: Path) -> None:
    """It works, with a notice, and sends everything."""
    for _ in range(2):
        with recorder(any_s3.url) as proxy:
            proxy.misbehave("GET", "", status=403, body=error_xml("AccessDenied"))
            proxy.misbehave("HEAD", "", status=403)
            found = published(run(any_s3, workspace, url=proxy.url))
        assert found.counts == (3, 0, 0)
        assert found.log.count("s3:ListBucket") == 1


def test_heads_denied(any_s3: Store, workspace: Path) -> None:
    """Small files are skipped by the list alone, large ones are sent, and a notice says why."""
    in_process.fill(workspace, {"a": b"1", "big": in_process.noise(17 * MIB)})
    published(publish(any_s3, workspace))
    with recorder(any_s3.url) as proxy:
        proxy.misbehave("HEAD", "", status=403)
        found = published(publish(any_s3, workspace, url=proxy.url))
    assert found.statuses()["a"] == "skipped"
    assert found.statuses()["big"] == "uploaded"
    assert "s3:GetObject" in found.log


# Regions


def test_another_region_is_followed_unless_one_was_named(
    s3_server: Store, recorded_s3: Recorder, workspace: Path
) -> None:
    recorded_s3.misbehave("GET", "list-type", headers={"x-amz-bucket-region": "eu-west-1"})
    found = published(run(s3_server, workspace, url=recorded_s3.url, AWS_REGION=""))
    signed = {request.headers["authorization"].split("/")[2] for request in recorded_s3.find("PUT")}
    assert signed == {"eu-west-1"}
    assert found.counts[0] == 3
    inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p", "aws-region": "us-east-1"}
    environment = s3_server.environment | {"AWS_ENDPOINT_URL_S3": recorded_s3.url}
    named = in_process.run(inputs, workspace=workspace, environment=environment)
    explained(named, 5, "eu-west-1", "aws-region")


# Credentials that end in the middle


def test_credentials_that_expire_are_renewed(
    s3_server: Store, recorded_s3: Recorder, workspace: Path
) -> None:
    """The credentials file has new ones by the time the old ones are refused."""
    keys = workspace / "credentials"

    def write(key: str) -> None:
        new = keys.with_suffix(f".{threading.get_ident()}")  # several requests come at once
        new.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = made-up-secret\n")
        new.replace(keys)

    write("first")
    in_process.fill(workspace, {"big": in_process.noise(17 * MIB)})
    recorded_s3.misbehave("PUT", "", status=400, body=error_xml("ExpiredToken"), times=1)
    recorded_s3.on_request = lambda method, target: write("second") if method == "PUT" else None
    found = published(
        run(
            s3_server,
            workspace,
            url=recorded_s3.url,
            AWS_ACCESS_KEY_ID="",
            AWS_SECRET_ACCESS_KEY="",
            AWS_SHARED_CREDENTIALS_FILE=str(keys),
        )
    )
    assert found.counts[0] == 3
    used = {
        request.headers["authorization"].split("Credential=")[1][:6] for request in recorded_s3.find("PUT")
    }
    assert used == {"first/", "second"}
