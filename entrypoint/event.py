"""GitHub's event file to a `Release`, or to nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_EVENT: Final = 25_000_000
"""Bytes; GitHub sends no larger payload (https://docs.github.com/en/webhooks/webhook-events-and-payloads)."""


@dataclass(frozen=True)
class Release:
    """A release of the repository; texts are empty where GitHub says nothing.

    Attributes:
        tag: as it stands, e.g. ``v1.2.0``.
        title: the release's name.
        notes: the release's text, Markdown.
        url: page of the release.
        repository: full name, as ``owner/name``.
        repository_url: page of the repository.
        license: SPDX id of the repository's license, where GitHub recognised one.
    """

    tag: str
    title: str = ""
    notes: str = ""
    url: str = ""
    repository: str = ""
    repository_url: str = ""
    license: str = ""
    prerelease: bool = False
    draft: bool = False


def read(path: Path | None, event_name: str) -> Release | None:
    """Read the event file of a release event.

    A file that is missing, too large or not what GitHub writes is ignored: the release only fills in what
    inputs and metadata files leave open.

    Args:
        path: ``GITHUB_EVENT_PATH``.
        event_name: ``GITHUB_EVENT_NAME``; anything but ``release`` gives nothing.
    """
    if path is None or event_name != "release":
        return None
    try:
        if path.stat().st_size > MAX_EVENT:
            return None
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    release = _mapping(document, "release")
    repository = _mapping(document, "repository")
    tag = _text(release, "tag_name")
    if not tag:
        return None
    spdx = _text(_mapping(repository, "license"), "spdx_id")
    return Release(
        tag=tag,
        title=_text(release, "name"),
        notes=_text(release, "body"),
        url=_text(release, "html_url"),
        repository=_text(repository, "full_name"),
        repository_url=_text(repository, "html_url"),
        license="" if spdx == "NOASSERTION" else spdx,
        prerelease=release.get("prerelease") is True,
        draft=release.get("draft") is True,
    )


def _mapping(document: object, key: str) -> Mapping[str, object]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, object], key: str) -> str:
    value = document.get(key)
    # JSON may hold lone surrogates ("\ud800"), which no request could carry on.
    return value.strip().encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
