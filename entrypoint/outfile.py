"""Files that we write on this machine: no file of the user is replaced, and new files belong to the user.

In a container we run as root in another user's workspace; the next job of a self-hosted runner could not
delete root's files there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

MAX_MANIFEST: Final = 2 * 1024**3
"""Bytes; no manifest is larger, so a larger file is something else and is not read."""

_HEAD: Final = re.compile(rb'\s*\{\s*"tool"\s*:\s*"catalog-upload"\s*,')
_KEYS: Final = frozenset({"tool", "version", "mode", "outputs", "files"})


class Occupied(OSError):
    """Something is at the path that must not be replaced; the text says what it is."""


def occupied_by(path: Path) -> str:
    """What keeps a manifest from being written to a path; empty where nothing or an earlier manifest is there.

    Raises:
        OSError, ValueError: it cannot be found out.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return ""
    kinds = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    for is_kind, what in kinds:
        if is_kind(status.st_mode):
            return what
    return "" if _is_manifest(path, status.st_size) else "a file that is not an earlier manifest"


def _is_manifest(path: Path, size: int) -> bool:
    if size > MAX_MANIFEST:
        return False
    with path.open("rb") as stream:
        head = stream.read(200)
        if not _HEAD.match(head):
            return False
        try:
            document = json.loads(head + stream.read())
        except (ValueError, RecursionError):
            return False
    return isinstance(document, dict) and document.keys() >= _KEYS


def replace_manifest(path: Path, content: str) -> None:
    """Write a manifest, whole or not at all, and only over an earlier manifest.

    Raises:
        Occupied: something else is there; it stays as it is.
        OSError, ValueError: it cannot be written.
    """
    make_folder(path.parent)
    part = path.with_name(f".catalog-upload-{secrets.token_hex(8)}.part")
    # Plain permissions, as the umask has them: in a container we are root, and later steps are not.
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(content)
        give_to_owner(part)
        _move(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _move(part: Path, path: Path) -> None:
    if what := occupied_by(path):
        raise Occupied(f"{what} is there")
    if not path.exists():
        try:
            # Unlike a rename, a hard link never replaces a file that was written in the meantime.
            os.link(part, path, follow_symlinks=False)
        except FileExistsError:
            raise Occupied("another program wrote a file there in the meantime") from None
        except OSError:  # a file system without hard links
            pass
        else:
            return
    part.replace(path)


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents.

    Raises:
        OSError: it cannot be made.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        give_to_owner(each)


def append(path: Path, content: str) -> None:
    """Append to a file; create it if it is missing.

    Raises:
        OSError, ValueError: it cannot be written.
    """
    is_new = not path.exists()
    with path.open("ab") as stream:
        stream.write(content.encode("utf-8", "backslashreplace"))
    if is_new:
        give_to_owner(path)


def give_to_owner(path: Path) -> None:
    """As root, give a new file to the owner of its folder, if possible."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
