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

Rules = Sequence[tuple[str, str]]
"""Pairs of glob and value; the first match wins."""


def content_type(name: str, rules: Rules = ()) -> str:
    """Content-Type of a remote name."""
    return _first(name, rules) or _BY_SUFFIX.get(posixpath.splitext(name)[1].lower(), _UNKNOWN)


def cache_control(name: str, rules: Rules = (), *, is_catalog: bool) -> str:
    """Cache-Control of a remote name, or nothing. A catalog is replaced in place, so caches must ask."""
    return _first(name, rules) or ("no-cache" if is_catalog else "")


def _first(name: str, rules: Rules) -> str:
    base = posixpath.basename(name)
    for glob, value in rules:
        if fnmatch.fnmatchcase(name, glob) or fnmatch.fnmatchcase(base, glob):
            return value
    return ""
