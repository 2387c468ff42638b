"""Which draft a command made, kept where a terminal's programs keep their state, so that it can be continued.

GitHub's runs have a mark in the draft instead, because their machines keep nothing
(https://specifications.freedesktop.org/basedir-spec/latest/).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Final

from entrypoint import outfile
from entrypoint.runner.console import Runner

_ID: Final = re.compile(r"[0-9A-Za-z]+(-[0-9A-Za-z]+)*")
MAX_NOTE: Final = 10_000
"""Bytes; a larger file is none of ours."""

_IDENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


class Drafts:
    """A `destinations.Drafts` in a folder: one small file for each service, directory and data set.

    The account is no part of the name: a token that is renewed is still the same user's, and a draft of another
    account is found out when it is asked for.

    Args:
        folder: where the notes are; made when the first one is written.
        service: base URL of the service.
        in_dir: resolved.
    """

    def __init__(self, runner: Runner, folder: Path, service: str, in_dir: Path) -> None:
        self._runner = runner
        self._folder = folder
        self._service = service
        self._in_dir = str(in_dir)

    def read(self, data_set: str) -> str:
        """Id of the draft that an earlier run made; empty where none is known."""
        try:
            with self._path(data_set).open("rb") as stream:
                note = json.loads(stream.read(MAX_NOTE))
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, RecursionError) as error:
            self._remark(data_set, "read", error)
            return ""
        number = note.get("draft") if isinstance(note, dict) else None
        return number if isinstance(number, str) and _ID.fullmatch(number) else ""

    def write(self, data_set: str, number: str) -> None:
        """Remember the id of a draft, or forget it where it is empty. Does not raise."""
        path = self._path(data_set)
        note = {"draft": number, "service": self._service, "in-dir": self._in_dir, "data-set": data_set}
        part = path.with_suffix(".part")
        try:
            if not number:
                path.unlink(missing_ok=True)
                return
            outfile.make_folder(self._folder)
            part.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
            outfile.give_to_owner(part)
            part.replace(path)
        except (OSError, ValueError) as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            self._remark(data_set, "written", error, number)

    def where(self, data_set: str) -> str:
        """Path of the file that remembers it."""
        return str(self._path(data_set))

    def _path(self, data_set: str) -> Path:
        key = f"{self._service}\0{self._in_dir}\0{data_set}".encode("utf-8", "surrogateescape")
        return self._folder / f"draft-{hashlib.sha256(key).hexdigest()[:24]}.json"

    def _remark(self, data_set: str, done: str, error: Exception, number: str = "") -> None:
        why = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else "it was not written by catalog-upload"
        )
        what = f" To continue draft {number}, name it: zenodo-id: {number}." if number else ""
        self._runner.warning(
            "A draft would not be found again" if number else "An earlier draft is not known",
            f"{self._path(data_set)} cannot be {done}: {why}.{what}",
        )


def folder(state_home: str, home: str) -> Path | None:
    """Where the notes are kept; nowhere without a home.

    Args:
        state_home: XDG_STATE_HOME; anything but an absolute path is ignored, as the specification asks.
        home: HOME.
    """
    if os.path.isabs(state_home):  # noqa: PTH117 - a text, which may be empty
        return Path(state_home) / "catalog-upload"
    return Path(home) / ".local" / "state" / "catalog-upload" if home else None
