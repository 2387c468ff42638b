"""The whole process, as a runner and as a terminal start it, where nothing is sent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from entrypoint import __version__, inputs
from tests import action

SECRET = "s3cr3tTOKENs3cr3tTOKEN"


@contextmanager
def silent_server() -> Iterator[tuple[str, socket.socket]]:
    """An address that must not be requested."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}", server
        with pytest.raises(BlockingIOError):
            server.accept()


def check(run: action.Run, code: int) -> None:
    """What holds however a run ends."""
    assert run.code == code, run.log
    assert "Traceback" not in run.log
    assert "A bug in" not in run.log
    assert SECRET not in run.log.replace(f"::add-mask::{SECRET}", "")
    assert SECRET not in run.summary
    assert SECRET not in str(run.outputs)
    assert set(run.outputs) == {item.name for item in inputs.OUTPUTS}
    assert run.summary.strip()


@pytest.fixture
def out(workspace: Path) -> Path:
    folder = workspace / "out"
    folder.mkdir()
    (folder / "catalog.yaml").write_text("id: x\nassets: {sge: {all: all.pmtiles}}\n")
    (folder / "all.pmtiles").write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ["in-dir is required", "neither is given"]),
        (
            {"in-dir": "gone", "n-jobs": "many", "groups": "x", "s3-dir": "b", "dry-run": "yes", "shard": "5/4"},
            ["in-dir:", "n-jobs:", "groups:", "s3-dir:", "dry-run:", "shard:"],
        ),
        ({"in-dir": "out", "s3-dir": "s3://bucket", "zenodo-id": "new"}, ["both are given"]),
        ({"in-dir": "~nobody-at-all/x", "s3-dir": "s3://bucket"}, ["does not exist"]),
        ({"in-dir": "x" * 5000, "s3-dir": "s3://bucket"}, ["in-dir: "]),
        ({"in-dir": "::error::x\n##[add-mask]y\r\x1b[31m", "s3-dir": "s3://bucket"}, ["in-dir: "]),
        ({"in-dir": "out", "s3-dir": "s3://bucket\n::warning::x"}, ["s3-dir: "]),
        (
            {"in-dir": "out", "s3-dir": "s3://bucket", "upload-method": "files", "files": "gone\n../up"},
            ["'gone'", "'../up'"],
        ),
        ({"in-dir": "out", "s3-dir": "s3://bucket", "catalog-yaml": "gone.yaml"}, ["gone.yaml"]),
        (
            {"in-dir": "lacking", "s3-dir": "s3://bucket", "n-jobs": "many", "checksum": "md5"},
            ["n-jobs:", "checksum:", "gone.pmtiles", "3 problems"],
        ),
        (
            {"in-dir": "lacking", "zenodo-id": "0x", "zenodo-token": SECRET, "related-identifiers": "x", "n-jobs": "0"},
            ["n-jobs:", "gone.pmtiles", "zenodo-id:", "related-identifiers:", "4 problems"],
        ),
        (
            {"in-dir": "lacking", "zenodo-id": "new", "zenodo-url": "http://example.org", "zenodo-token": SECRET},
            ["zenodo-url:", "gone.pmtiles", "2 problems"],
        ),
        (
            {"in-dir": "out", "zenodo-id": "new", "zenodo-token": SECRET, "zenodo-url": "http://example.org"},
            ["plain http"],
        ),
        ({"in-dir": "out", "zenodo-id": "new", "zenodo-token": f"{SECRET} x"}, ["zenodo-token: it contains blanks"]),
    ],
)  # fmt: skip
def test_bad_input_ends_with_2_before_any_request(
    workspace: Path, out: Path, given: dict[str, str], said: list[str]
) -> None:
    (workspace / "lacking").mkdir()
    (workspace / "lacking" / "catalog.yaml").write_text("id: x\nassets: {sge: {all: gone.pmtiles}}\n")
    with silent_server() as (url, _):
        environment = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": SECRET}
        run = action.run(given, workspace=workspace, environment=environment)
    check(run, 2)
    for part in said:
        assert part in run.log
    for line in run.log.splitlines():
        assert not line.lstrip().startswith(("::error::x", "::warning::x"))
        assert "##[add-mask]" not in line


def test_a_file_that_holds_no_token_hides_nothing(workspace: Path, out: Path) -> None:
    (workspace / "token.json").write_text('{\n"a": 1,\n"b": 2\n}\n')
    run = action.run(
        {"in-dir": "out", "zenodo-id": "new", "zenodo-token": "token.json"},
        workspace=workspace,
        environment={},
    )
    check(run, 2)
    assert "::add-mask::" not in run.log


@pytest.mark.parametrize(
    "catalog", [b"", b"a: [", b"a: 1\na: 2", b"\xff\xfe", b"assets: {sge: {all: ../up}}", b"&a [*a]"]
)
def test_a_bad_catalog_ends_with_2_before_any_request(workspace: Path, out: Path, catalog: bytes) -> None:
    (out / "catalog.yaml").write_bytes(catalog)
    with silent_server() as (url, _):
        environment = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": SECRET}
        run = action.run(
            {"in-dir": "out", "s3-dir": "s3://bucket"}, workspace=workspace, environment=environment
        )
    check(run, 2)
    assert "catalog.yaml" in run.log


def test_names_on_disk_reach_the_log_harmlessly(workspace: Path, out: Path) -> None:
    for name in ("::error::x", "a\n::error::y", "##[add-mask]z", "\x1b[31mred", "<script>", "| a | b |"):
        (out / name).mkdir()
        (out / name / "link").symlink_to("/etc")
    (out / os.fsdecode(b"caf\xe9")).write_text("x")
    run = action.run(
        {"in-dir": "out", "s3-dir": "s3://bucket", "upload-method": "all"},
        workspace=workspace,
        environment={},
    )
    check(run, 2)
    assert "not valid UTF-8" in run.log
    assert "\x1b" not in run.log + run.summary
    assert "##[add-mask]" not in run.log
    assert "<script>" not in run.summary
    assert not [
        line for line in run.log.splitlines() if line.lstrip().startswith(("::error::x", "::error::y"))
    ]


def test_a_workspace_full_of_our_modules_is_no_danger(workspace: Path, out: Path) -> None:
    for name in ("yaml", "boto3", "requests", "entrypoint", "argparse", "sitecustomize"):
        (workspace / f"{name}.py").write_text("raise SystemExit(77)")
    check(action.run({"in-dir": "out", "s3-dir": "bucket"}, workspace=workspace, environment={}), 2)


def terminal(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "entrypoint", *argv],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(action.ROOT), "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_version_and_help(tmp_path: Path) -> None:
    done = terminal("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout + done.stderr) == (0, f"catalog-upload {__version__}\n")
    for line in (["--help"], ["upload_aws", "--help"], ["upload_zenodo", "--help"]):
        done = terminal(*line, cwd=tmp_path)
        assert done.returncode == 0
        assert done.stdout.startswith("usage: catalog-upload")


def test_help_loads_neither_boto3_nor_requests(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom entrypoint import app\n"
        "try: app.run({}, ['--help'], __import__('pathlib').Path('/'), sys.stdout)\n"
        "except SystemExit: print('LOADED', {'boto3', 'awscrt', 'requests', 'actions_toolkit'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(action.ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.endswith("LOADED set()\n")


def test_a_wrong_flag_in_a_terminal(tmp_path: Path) -> None:
    done = terminal("--zenodo-tokn", SECRET, "--n-jobs", "0", cwd=tmp_path)
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert "unknown flag --zenodo-tokn" in said
    assert "n-jobs" in said
    assert SECRET not in said
    assert "Traceback" not in said
    assert "::" not in said
