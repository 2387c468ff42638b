from __future__ import annotations

import json
from pathlib import Path

import pytest

from entrypoint import event

RELEASE = {
    "tag_name": "v1.2.0",
    "name": "Spring release",
    "body": "Notes\r\nwith lines",
    "html_url": "https://github.com/o/r/releases/tag/v1.2.0",
    "prerelease": True,
    "draft": False,
}
REPOSITORY = {"full_name": "o/r", "html_url": "https://github.com/o/r", "license": {"spdx_id": "MIT"}}


def write(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_release_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path, {"action": "published", "release": RELEASE, "repository": REPOSITORY})
    assert event.read(path, "release") == event.Release(
        tag="v1.2.0",
        title="Spring release",
        notes="Notes\r\nwith lines",
        url="https://github.com/o/r/releases/tag/v1.2.0",
        repository="o/r",
        repository_url="https://github.com/o/r",
        license="MIT",
        prerelease=True,
    )


def test_only_the_tag_is_needed(tmp_path: Path) -> None:
    path = write(
        tmp_path, {"release": {"tag_name": "v1", "name": None, "body": None}, "repository": {"license": None}}
    )
    assert event.read(path, "release") == event.Release("v1")


def test_an_unknown_license_is_none(tmp_path: Path) -> None:
    document = {"release": RELEASE, "repository": {"license": {"spdx_id": "NOASSERTION"}}}
    release = event.read(write(tmp_path, document), "release")
    assert release is not None
    assert release.license == ""


@pytest.mark.parametrize("name", ["push", "", "workflow_dispatch", "pull_request"])
def test_other_events_have_no_release(tmp_path: Path, name: str) -> None:
    assert event.read(write(tmp_path, {"release": RELEASE}), name) is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        7,
        {},
        {"release": None},
        {"release": []},
        {"release": {"tag_name": 7}},
        {"release": {"tag_name": " "}},
        {"release": {"tag_name": ["v1"]}},
    ],
)
def test_what_github_never_writes_is_no_release(tmp_path: Path, document: object) -> None:
    assert event.read(write(tmp_path, document), "release") is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"NaN", b"1" * 10_000])
def test_what_is_not_json_is_no_release(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)
    assert event.read(path, "release") is None


def test_a_file_that_cannot_be_read_is_no_release(tmp_path: Path) -> None:
    assert event.read(None, "release") is None
    assert event.read(tmp_path / "none", "release") is None
    assert event.read(tmp_path, "release") is None


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, {"release": RELEASE})
    with path.open("r+b") as stream:
        stream.truncate(event.MAX_EVENT + 1)
    assert event.read(path, "release") is None


def test_lone_surrogates_do_not_go_on(tmp_path: Path) -> None:
    release = event.read(write(tmp_path, {"release": {"tag_name": "v1", "body": "a\ud800b"}}), "release")
    assert release is not None
    assert release.notes == "a?b"
