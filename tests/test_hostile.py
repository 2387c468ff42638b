"""Hostile disks, catalogs and servers: nothing escapes, nothing leaks, nothing hangs."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
import yaml

from tests.conformance import in_process
from tests.conftest import Store
from tests.faults.kinds import FOREVER, Fault, Faults, Kind
from tests.faults.proxy import Proxy
from tests.support import hostile, runner_parser

pytestmark = pytest.mark.timeout(120)
HARMLESS = {"add-mask", "error", "warning", "notice", "group", "endgroup"}


def publish(store: Store, workspace: Path, *, url: str = "", **inputs: str) -> in_process.Run:
    given = {"in-dir": "out", "s3-dir": f"s3://{store.bucket}/p"}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    environment = store.environment | ({"AWS_ENDPOINT_URL_S3": url} if url else {})
    return in_process.run(given, workspace=workspace, environment=environment)


def only_ours(run: in_process.Run) -> None:
    """The log holds no command that we did not mean, and the summary no live HTML."""
    assert {command.name for command in runner_parser.commands(run.log)} <= HARMLESS
    assert "<script" not in run.summary.lower()
    assert "<img" not in run.summary.lower()
    assert "\x1b" not in run.log + run.summary


def test_what_is_no_regular_file(s3_server: Store, workspace: Path) -> None:
    """Links out of the folder, pipes, sockets and devices are neither followed nor opened, nor waited for."""
    outside = workspace / "secret.txt"
    outside.write_text("outside")
    out = in_process.fill(workspace, {"a": b"1"})
    (out / "link").symlink_to(outside)
    (out / "folder").symlink_to(workspace)
    (out / "loop").symlink_to("loop")
    os.mkfifo(out / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        here = Path.cwd()
        os.chdir(out)  # the path of a socket must be short
        sock.bind("socket")
        os.chdir(here)
        publish(s3_server, workspace, upload_method="all")
    there = s3_server.keys()
    assert not [key for key in there if "secret" in key or s3_server.read(key) == b"outside"]


@pytest.mark.parametrize(
    "path", ["../secret.txt", "/etc/passwd", "link", "folder/secret.txt", "pipe", "/dev/zero"]
)
def test_a_catalog_that_points_elsewhere(path: str, s3_server: Store, workspace: Path) -> None:
    (workspace / "secret.txt").write_text("outside")
    out = in_process.fill(workspace, {"a": b"1"})
    (out / "link").symlink_to(workspace / "secret.txt")
    (out / "folder").symlink_to(workspace)
    os.mkfifo(out / "pipe")
    (out / "catalog.yaml").write_text(yaml.safe_dump({"assets": {"basemap": {"x": path, "a": "a"}}}))
    run = publish(s3_server, workspace)
    assert run.code == 2, run.log
    assert s3_server.keys() == []


def test_names_at_the_limit(s3_server: Store, workspace: Path) -> None:
    """255 bytes pass; a name that is not UTF-8 cannot be a key and is reported, or is left out."""
    in_process.fill(workspace, {"n" * 255: b"1", "é" * 127: b"2"})
    run = publish(s3_server, workspace)
    assert run.code == 0, run.log
    assert len(s3_server.keys()) == 3
    Path(os.fsdecode(os.fsencode(workspace / "out") + b"/bad\xff\xfe")).write_bytes(b"3")
    run = publish(s3_server, workspace, upload_method="all")
    assert run.code in (0, 2), run.log
    only_ours(run)
    if run.code == 0:
        assert "bad" in run.log


def test_very_many_files_in_one_folder(s3_server: Store, workspace: Path) -> None:
    out = in_process.fill(workspace, {"a": b"1"})
    for number in range(20_000):
        (out / f"{number}.done").touch()
    began = time.monotonic()
    assert publish(s3_server, workspace).code == 0
    assert publish(s3_server, workspace, upload_method="all").code == 0
    assert time.monotonic() - began < 30


def test_a_catalog_of_fifty_megabytes(s3_server: Store, workspace: Path) -> None:
    """It is read within its bounds or refused, and nothing is sent half."""
    out = in_process.fill(workspace, {"a": b"1"})
    rest = "".join(f"  note{number}: {'x' * 1000}\n" for number in range(50_000))
    (out / "catalog.yaml").write_text(f"id: big\nassets:\n  basemap: {{a: a}}\nnotes:\n{rest}")
    began = time.monotonic()
    run = publish(s3_server, workspace)
    assert run.code in (0, 2), run.log
    assert time.monotonic() - began < 60
    assert len(s3_server.keys()) in (0, 2)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    "document",
    [
        BOMB + "assets: *j\n",
        "[" * 100_000,
        "{a: " * 50_000,
        "!!python/object/apply:os.system ['touch pwned']",
        "assets: &a {basemap: *a}",
        "\x00\x01",
        "a: 1\n---\nb: 2\n",
        "",
        "- a\n- b\n",
        "assets: 5",
        "? [a, b]\n: c\n",
    ],
    ids=[
        "bomb",
        "deep-lists",
        "deep-maps",
        "python",
        "cycle",
        "binary",
        "two",
        "empty",
        "list",
        "number",
        "key",
    ],
)
def test_a_catalog_that_is_none(document: str, s3_server: Store, workspace: Path) -> None:
    out = in_process.fill(workspace, {"a": b"1"})
    (out / "catalog.yaml").write_text(document)
    began = time.monotonic()
    run = publish(s3_server, workspace)
    assert run.code == 2, run.log
    assert time.monotonic() - began < 15
    assert s3_server.keys() == []
    assert not list(workspace.rglob("pwned"))


def test_commands_and_markup_in_names_and_titles(s3_server: Store, workspace: Path) -> None:
    names = [
        n for n in hostile.NAMES if n.isprintable() and "/" not in n and len(n.encode(errors="replace")) < 256
    ]
    out = in_process.fill(workspace, dict.fromkeys(names, b"1"))
    document = yaml.safe_load((out / "catalog.yaml").read_text())
    document |= {"id": "<img src=x>", "title": "::error::x"}
    (out / "catalog.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
    with Proxy(
        s3_server.url, Faults([Fault(Kind.DENIED, "put", FOREVER)]), secret="::set-output name=a::b"
    ) as proxy:
        run = publish(s3_server, workspace, url=proxy.url)
    assert run.code in (3, 4, 5), run.log
    only_ours(run)


def test_megabytes_of_error_text(s3_server: Store, workspace: Path) -> None:
    in_process.fill(workspace, {f"f{number}": b"1" for number in range(6)})
    with Proxy(s3_server.url, Faults([Fault(Kind.HUGE_ERROR, "", FOREVER, skip=1)])) as proxy:
        run = publish(s3_server, workspace, url=proxy.url)
    assert run.code in (3, 5)
    assert len(run.log) < 50_000
    assert len(run.summary) < 100_000
    only_ours(run)
