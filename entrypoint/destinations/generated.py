"""Files that we generate for readers, compared with the existing ones: did we make them, and are they the same?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from entrypoint import errors
from entrypoint.destinations import State, Verdict
from entrypoint.plan import model

_MARGIN: Final = 256 * 1024
"""Bytes by which what is there may be longer and is still read."""


def compare(file: model.PlannedFile, made: model.Generated, read: Callable[[], Iterable[bytes]]) -> Verdict:
    """Read what is there, and compare it without what changes from run to run.

    Args:
        read: the remote file in pieces; it may raise whatever says that it cannot be read.

    Raises:
        errors.FileFailed: a local file that it is made from cannot be read, or changed.
    """
    limit = file.size + _MARGIN
    there = b""
    try:
        for piece in read():
            there += piece
            if len(there) > limit:
                break
    except (errors.Cancelled, errors.FileFailed):
        raise
    except Exception:  # noqa: BLE001 - each destination has errors of its own, and each means the same here
        return Verdict(State.FOREIGN, "kept: it cannot be read, so it is unknown who made it")
    if not made.mark.match(there):
        return Verdict(State.FOREIGN, "kept: it was not made by catalog-upload")
    with file.source.open() as stream:
        here = stream.read()
    if _stable(made, there) == _stable(made, here):
        return Verdict(State.SAME, "same content")
    return Verdict(State.DIFFERENT, "different content")


def _stable(made: model.Generated, data: bytes) -> bytes:
    return made.volatile.sub(b"", data) if made.volatile else data
