"""Content-Type and Cache-Control of a file, by its name."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Sequence
from typing import Final

# `.gz` is a type, never a Content-Encoding: a browser would unpack the bytes under the viewer that wants
# them packed. PMTiles: https://www.iana.org/assignments/media-types/application/vnd.pmtiles
_BY_SUFFIX: Final = {
    ".pmtiles": "application/vnd.pmtiles",
    ".yaml": "application/yaml",
    ".json": "application/json",
    ".tsv": "text/tab-separated-values",
    ".gz": "application/gzip",
    ".png": "image/png",
    ".pdf": "application/pdf",
}
_UNKNOWN: Final = "application/octet-stream"
_CACHE_BY_SUFFIX: Final = {".pmtiles": "max-age=60"}
_ASK: Final = "no-cache"
"""Caches may keep it, and must ask each time whether it is still the same."""

Rules = Sequence[tuple[str, str]]
"""Pairs of glob and value; the first match wins."""


def content_type(name: str, rules: Rules = (), default: str = "") -> str:
    """Content-Type of a remote name; `default` wins over what the suffix says."""
    return _first(name, rules) or default or _BY_SUFFIX.get(_suffix(name), _UNKNOWN)


def cache_control(name: str, rules: Rules = ()) -> str:
    """Cache-Control of a remote name.

    Without one, browsers take a tenth of a file's age for the time that it stays fresh, and pair a new catalog
    with old files (https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2). PMTiles may be a minute old: their
    readers ask for many ranges, and start again by themselves when the ETag has changed.
    """
    return _first(name, rules) or _CACHE_BY_SUFFIX.get(_suffix(name), _ASK)


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def _first(name: str, rules: Rules) -> str:
    base = posixpath.basename(name)
    for glob, value in rules:
        if fnmatch.fnmatchcase(name, glob) or fnmatch.fnmatchcase(base, glob):
            return value
    return ""
