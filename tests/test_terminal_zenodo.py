"""A Zenodo run that was broken off in a terminal goes on with the same command, in the same draft."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import action
from tests.zenodo import ZenodoServer
from tests.zenodo.fixtures import DEPOSIT


@pytest.fixture
def server() -> Iterator[ZenodoServer]:
    with ZenodoServer() as started:
        yield started


@pytest.fixture
def place(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    (out / "catalog.yaml").write_text("id: x\nassets: {sge: {all: all.pmtiles}}\n")
    (out / "all.pmtiles").write_bytes(b"tiles")
    return tmp_path


def publish(
    place: Path, server: ZenodoServer, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    (place / "token").write_text(server.token)
    line = ["--in-dir", "out", "--zenodo-id", "new", "--zenodo-token", "token", "--zenodo-url", server.url]
    facts = [
        "--title",
        "A title",
        "--creators",
        "Doe, Jane",
        "--license",
        "cc-by-4.0",
        "--upload-type",
        "dataset",
    ]
    return subprocess.run(
        [*action.COMMAND, *line, *facts, *arguments],
        cwd=place,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(action.ROOT),
            "HOME": str(place / "home"),
            **more,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def depositions(server: ZenodoServer) -> list[Any]:
    headers = {"Authorization": f"Bearer {server.token}"}
    found: list[Any] = requests.get(f"{server.url}{DEPOSIT}", headers=headers, timeout=10).json()
    return found


def notes(place: Path) -> list[Path]:
    return sorted((place / "home").rglob("draft-*.json"))


def test_the_same_command_continues_the_same_draft(place: Path, server: ZenodoServer) -> None:
    server.faults.add("answer", method="PUT", path="all.pmtiles", count=None, status=403)
    broken = publish(place, server)
    assert broken.returncode not in (0, 1), broken.stderr
    assert len(depositions(server)) == 1
    assert "run the same command again" in broken.stderr, broken.stderr
    server.faults.clear()
    done = publish(place, server)
    assert done.returncode == 0, done.stderr
    assert len(depositions(server)) == 1
    assert "Continues draft" in done.stderr
    assert done.stderr.index("Continues draft") < done.stderr.index("To start a new draft instead")
    (note,) = notes(place)
    assert str(note) in done.stderr
    again = publish(place, server)
    assert again.returncode == 0
    assert len(depositions(server)) == 1


def test_after_publishing_new_is_new(place: Path, server: ZenodoServer) -> None:
    assert publish(place, server, "--publish").returncode == 0
    assert notes(place) == []
    (place / "out" / "all.pmtiles").write_bytes(b"other tiles")
    assert publish(place, server, "--publish").returncode == 0
    assert len(depositions(server)) == 2


def test_another_directory_has_a_draft_of_its_own(place: Path, server: ZenodoServer) -> None:
    assert publish(place, server).returncode == 0
    (place / "out").rename(place / "other")
    assert publish(place, server, "--in-dir", "other").returncode == 0
    assert len(depositions(server)) == 2
    assert len(notes(place)) == 2


@pytest.mark.parametrize("fate", ["deleted", "published", "nonsense"])
def test_a_draft_that_is_gone_is_said(place: Path, server: ZenodoServer, fate: str) -> None:
    assert publish(place, server).returncode == 0
    (draft,) = depositions(server)
    headers = {"Authorization": f"Bearer {server.token}"}
    url = f"{server.url}{DEPOSIT}/{draft['id']}"
    if fate == "deleted":
        assert requests.delete(url, headers=headers, timeout=10).status_code == 204
    elif fate == "published":
        assert requests.post(f"{url}/actions/publish", headers=headers, timeout=10).status_code == 202
    else:
        (note,) = notes(place)
        note.write_text(re.sub(r'"draft": "\d+"', '"draft": "999999"', note.read_text()))
    (place / "out" / "all.pmtiles").write_bytes(b"other tiles")
    done = publish(place, server)
    assert done.returncode == 0, done.stderr
    (note,) = notes(place)
    newest = max(item["id"] for item in depositions(server))
    assert newest != draft["id"]
    assert f'"{newest}"' in note.read_text()
    assert re.search(rf"[Dd]raft (999999|{draft['id']})", done.stderr), done.stderr


def test_a_state_folder_that_cannot_be_written_ends_no_run(place: Path, server: ZenodoServer) -> None:
    (place / "file").write_text("x")
    done = publish(place, server, XDG_STATE_HOME=str(place / "file"))
    assert done.returncode == 0, done.stderr
    assert "A draft would not be found again" in done.stderr
    assert len(depositions(server)) == 1
