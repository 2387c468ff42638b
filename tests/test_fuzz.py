"""Whatever comes in, one of our errors comes out, or none."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from entrypoint import errors, event, inputs, settings
from entrypoint.destinations import s3
from entrypoint.destinations import zenodo as zenodo_room
from entrypoint.destinations.s3 import problems
from entrypoint.destinations.zenodo import metadata
from entrypoint.destinations.zenodo.api import answers
from entrypoint.destinations.zenodo.api.patience import Patience
from tests.conformance import in_process

pytestmark = pytest.mark.timeout(120)
QUICK = how(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
NAMES = [item.name for item in inputs.INPUTS]
WORDS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "true",
            "false",
            "s3://b/p",
            "s3://",
            "new",
            "1/2",
            "0/0",
            "9999999999999999999999",
            "a:b",
            "a=b",
            "..",
            "/",
            "-",
        ]
    ),
)
SECRET = "planted-secret-0123456789"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@QUICK
@given(given=st.dictionaries(st.sampled_from(NAMES), WORDS, max_size=8))
def test_settings(given: dict[str, str]) -> None:
    environ = {"INPUT_" + name.upper(): value for name, value in given.items()}
    environ["INPUT_ZENODO-TOKEN"] = SECRET
    with contextlib.suppress(errors.PublishError):
        chosen = settings.read(environ, [], Path("/nonexistent"))
        assert SECRET not in repr(chosen)


@QUICK
@given(arguments=st.lists(st.one_of(WORDS, st.sampled_from([f"--{name}" for name in NAMES])), max_size=6))
def test_command_lines(arguments: list[str]) -> None:
    with contextlib.suppress(errors.PublishError, SystemExit):
        settings.read({}, arguments, Path("/nonexistent"))


@QUICK
@given(
    document=JSON | st.fixed_dictionaries({"release": JSON, "repository": JSON}),
    name=st.sampled_from(["release", "push"]),
)
def test_event_files(document: Any, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("event") / "event.json"
    path.write_text(json.dumps(document))
    event.read(path, name)


@QUICK
@given(data=st.binary(max_size=200), suffix=st.sampled_from([".zenodo.json", "CITATION.cff"]))
def test_metadata_files(data: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("metadata") / suffix
    path.write_bytes(data)
    wanted = settings.ZenodoSettings(
        "new", settings.Secret(SECRET), "https://zenodo.org", metadata_files=(path,)
    )
    with contextlib.suppress(errors.BadInput):
        metadata.gather(wanted, None)


@QUICK
@given(document=JSON, suffix=st.sampled_from([".zenodo.json", "CITATION.cff"]))
def test_metadata_of_wrong_types(
    document: Any, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("metadata") / suffix
    keys = ("title", "creators", "authors", "license", "keywords", "message", "cff-version", "description")
    path.write_text(json.dumps(dict.fromkeys(keys, document)))
    wanted = settings.ZenodoSettings(
        "new", settings.Secret(SECRET), "https://zenodo.org", metadata_files=(path,)
    )
    with contextlib.suppress(errors.BadInput):
        metadata.gather(wanted, None)


@QUICK
@given(status=st.integers(0, 999), body=st.binary(max_size=300))
def test_error_bodies(status: int, body: bytes) -> None:
    answer = problems.from_xml(status, b"<Error><Code>" + body + b"</Code></Error>")
    assert str(problems.for_file(answer, "name"))
    assert str(problems.for_bucket(answer, "bucket", "s3:ListBucket"))
    assert SECRET not in answers._words(
        {"message": SECRET + body.decode("latin-1")}, "application/json", SECRET
    )


class _Anything(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: tuple[tuple[int, str, bytes], ...] = ()
    count = 0

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, kind, body = self.answers[_Anything.count % len(self.answers)]
        _Anything.count += 1
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture(scope="module")
def anything() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Anything)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


BODIES = st.one_of(
    st.binary(max_size=100),
    JSON.map(lambda document: json.dumps(document).encode()),
    st.sampled_from(
        [
            b"<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated></ListBucketResult>",
            b"<ListBucketResult><Name>b</Name><Contents><Key>p/a</Key></Contents></ListBucketResult>",
            b"<ListBucketResult><Name>b</Name><Contents><Size>x</Size></Contents></ListBucketResult>",
            b"<Error><Code>AccessDenied</Code></Error>",
            b"<html>",
            b"",
        ]
    ),
)
ANSWERS = st.lists(
    st.tuples(
        st.sampled_from([200, 200, 200, 201, 204, 400, 403, 404, 409, 412]),
        st.sampled_from(["application/xml", "application/json", "text/html"]),
        BODIES,
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module", autouse=True)
def _hurried() -> Iterator[None]:
    """Retries are tried elsewhere."""
    quick = s3.Patience(tries=1, first=0.001, cap=0.01, connect=1.0, answer=2.0, silence=5.0)
    patience = Patience(tries=1, first=0.001, cap=0.01, denied=1, connect=1.0, answer=2.0, settle=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "S3", functools.partial(s3.S3, patience=quick))
        patch.setattr(zenodo_room, "Zenodo", functools.partial(zenodo_room.Zenodo, patience=patience))
        yield


@how(QUICK, max_examples=25)
@given(said=ANSWERS, zenodo=st.booleans())
def test_servers_that_answer_anything(
    said: list[tuple[int, str, bytes]], zenodo: bool, anything: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Never a bug, never a secret, and an end."""
    _Anything.answers = tuple((status, kind, b"" if status == 204 else body) for status, kind, body in said)
    workspace = tmp_path_factory.mktemp("workspace")
    in_process.fill(workspace, {"a": b"1", "b": b"2"})
    environment = {
        "AWS_ACCESS_KEY_ID": "local-key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL_S3": anything,
    }
    where = (
        {"zenodo-id": "5", "zenodo-token": SECRET, "zenodo-url": anything}
        if zenodo
        else {"s3-dir": "s3://bucket/p"}
    )
    run = in_process.run(
        {"in-dir": "out", "dry-run": "true", **where}, workspace=workspace, environment=environment
    )
    assert run.code in (0, 2, 3, 4, 5), run.log
    log = "\n".join(line for line in run.log.splitlines() if not line.startswith("::add-mask::"))
    assert SECRET not in log + run.summary + str(run.outputs)
