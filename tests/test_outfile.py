"""What we write on this machine replaces nothing of the user's, and belongs to the user."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from entrypoint import outfile, report
from tests.support import samples

MANIFEST = report.manifest(samples.some_failed(), samples.given(manifest="m.json"))


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.with_name("target").write_text(MANIFEST)
    path.symlink_to("target")


def _text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


OTHERS: dict[str, Callable[[Path], object]] = {
    "catalog": _text("id: x\nassets: {}\n"),
    "table": _text("a\tb\n"),
    "json": _text('{"tool": "other", "version": "1", "mode": "", "outputs": {}, "files": []}'),
    "half of a manifest": _text(MANIFEST[: len(MANIFEST) // 2]),
    "a manifest and more": _text(MANIFEST + "more"),
    "json like a manifest": _text('{"tool": "catalog-upload", "data": [1, 2, 3]}'),
    "list": _text("[1]"),
    "empty": _text(""),
    "folder": lambda path: path.mkdir(),
    "pipe": _fifo,
    "link to a manifest": _link,
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to a device": lambda path: path.symlink_to("/dev/full"),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=list(OTHERS))
def test_nothing_but_a_manifest_is_replaced(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "m.json"
    make(path)
    before = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(before.st_mode) else b""
    assert outfile.occupied_by(path)
    with pytest.raises(outfile.Occupied, match="is there"):
        outfile.replace_manifest(path, MANIFEST)
    after = path.lstat()
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (
        before.st_ino,
        before.st_mode,
        before.st_mtime_ns,
    )
    assert not stat.S_ISREG(after.st_mode) or path.read_bytes() == content
    assert not [item for item in tmp_path.iterdir() if item.suffix == ".part"]


def test_a_device_is_not_replaced() -> None:
    assert outfile.occupied_by(Path("/dev/full")) == "a device"
    with pytest.raises(OSError, match="a device is there"):
        outfile.replace_manifest(Path("/dev/full"), MANIFEST)


def test_a_manifest_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / ("x" * 250)
    outfile.replace_manifest(path, MANIFEST)
    # Another program may have laid it out in its own way.
    path.write_text(json.dumps(json.loads(MANIFEST)))
    assert outfile.occupied_by(path) == ""
    outfile.replace_manifest(path, MANIFEST)
    assert path.read_text() == MANIFEST
    assert list(path.parent.iterdir()) == [path]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_what_root_writes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "workspace"
    home.mkdir()
    if os.geteuid() == 0:  # only root can change the owner
        os.chown(home, 1234, 2345)
    owner = home.stat()
    outfile.replace_manifest(home / "a" / "b" / "m.json", MANIFEST)
    outfile.append(home / "summary.md", "x")
    for path in (home / "a", home / "a" / "b", home / "a" / "b" / "m.json", home / "summary.md"):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (owner.st_uid, owner.st_gid), path
