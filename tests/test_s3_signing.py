"""Our signatures are botocore's, whatever is signed; and a run with keys in variables loads neither it nor requests."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from hypothesis import given
from hypothesis import strategies as st

from entrypoint.destinations.s3 import signing
from tests import action
from tests.conformance import in_process
from tests.conftest import Store

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40)
KEYS = TEXT.map(lambda name: f"p/{name}").filter(lambda name: "//" not in name and "/." not in name)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30).map(str.strip)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["content-type", "cache-control", "x-amz-tagging", "x-amz-meta-run", "if-match", "content-md5"]
    ),
    VALUES,
)


@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    key=KEYS,
    query=st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=4, unique_by=lambda pair: pair[0]),
    headers=HEADERS,
    token=st.sampled_from(["", "made-up-token/+="]),
    payload=st.sampled_from([signing.UNSIGNED, signing.EMPTY]),
)
def test_a_signature_is_botocores(
    method: str, key: str, query: list[tuple[str, str]], headers: dict[str, str], token: str, payload: str
) -> None:
    keys = signing.Keys("AKIAIOSFODNN7EXAMPLE", "made-up/secret+key", token)
    host, path = "bucket.s3.eu-west-1.amazonaws.com", f"/{signing.quote_path(key)}"
    text = signing.query_string(query)
    ours = signing.sign(keys, signing.Scope("eu-west-1"), method, host, path, text, headers, payload, NOW)

    request = botocore.awsrequest.AWSRequest(
        method, f"https://{host}{path}?{text}", headers={**headers, "x-amz-content-sha256": payload}
    )
    request.context["payload_signing_enabled"] = False
    theirs = botocore.credentials.Credentials(keys.access_key, keys.secret_key, token or None)
    auth = botocore.auth.S3SigV4Auth(theirs, "s3", "eu-west-1")
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)),
        mock.patch.object(auth, "payload", return_value=payload),
    ):
        auth.add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]


def test_a_signature_for_several_regions_covers_every_header() -> None:
    keys = signing.Keys("AKIAIOSFODNN7EXAMPLE", "made-up/secret+key", "token")
    scope = signing.Scope("*", asymmetric=True)
    found = signing.sign(
        keys, scope, "PUT", "h", "/a%20b", "x=1", {"content-type": "a/b"}, signing.UNSIGNED, NOW
    )
    assert found["authorization"].startswith(
        "AWS4-ECDSA-P256-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260304/s3/"
    )
    assert found["x-amz-region-set"] == "*"
    for name in ("content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"):
        assert name in found["authorization"].partition("SignedHeaders=")[2]


LOADED = """
import sys
from pathlib import Path
from entrypoint import app
code = app.run(__import__("os").environ, sys.argv[1:], Path.cwd(), sys.stdout, sys.stderr)
print("LOADED", sorted({"boto3", "botocore", "requests", "urllib3", "awscrt.s3"} & set(sys.modules)), code)
"""


def test_keys_in_variables_load_neither_botocore_nor_requests(rclone_server: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1", "big": in_process.noise(17 * 1024 * 1024)})
    environment = rclone_server.environment | {"PYTHONPATH": str(action.ROOT), "HOME": str(workspace)}
    command = ["--in-dir", "out", "--s3-dir", f"s3://{rclone_server.bucket}/p", "--delete-extra"]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command],
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "LOADED [] 0" in done.stdout, done.stdout + done.stderr
