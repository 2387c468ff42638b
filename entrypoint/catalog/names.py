"""Which names a catalog may use: relative POSIX paths that stay in the catalog's directory."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple

from entrypoint.catalog.model import shown

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|//[^/]")
_ABSOLUTE: Final = re.compile(r"/|~[^/]*/|~\Z|[A-Za-z]:[/\\]")
_EXTENSIONS: Final = (
    "pmtiles mbtiles pbf tsv csv txt tab json jsonl ndjson geojson yaml yml xml md html htm pdf "
    "png jpg jpeg webp svg gif tif tiff parquet feather h5 h5ad hdf5 mtx npy npz rds bed "
    "zip tar tgz gz bgz bz2 zst xz"
)
_FILE_LIKE: Final = re.compile(rf"\S*[^\s/]\.(?:{_EXTENSIONS.replace(' ', '|')})", re.IGNORECASE)
_STATE_FILES: Final = (".done", ".mk")
# What Linux takes; a longer text is prose, and asking the disk for it would be an error.
_MAX_PART_BYTES: Final = 255
_MAX_PATH_BYTES: Final = 4095


class Problem(NamedTuple):
    """Why a name is not a path: the note's code, its detail, and the rest of a sentence, fit to be shown."""

    code: str
    detail: str
    text: str


def is_url(name: str) -> bool:
    """Whether the name points to another place, by a scheme or as a network path (RFC 3986, 4.2)."""
    return _URL.match(name) is not None


def resolve(name: str) -> str | Problem:
    """The normalised path that a name stands for, or why it stands for none."""
    plain, quoted = shown(name), shown(repr(name))
    if not name:
        return Problem("E_EMPTY_NAME", "", "is empty; name a file or remove the key")
    if is_url(name):
        return Problem("W_EXTERNAL", plain, f"is a URL, {plain}, and is not uploaded")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        return Problem("E_BAD_NAME", quoted, f"names {quoted}, which contains a control character")
    if _ABSOLUTE.match(name):
        text = f"names {plain}, an absolute path; name the file relative to the catalog's directory"
        return Problem("E_ABSOLUTE", plain, text)
    if "\\" in name:
        return Problem("E_BAD_NAME", quoted, f"names {quoted}, which contains a backslash; use '/'")
    path = posixpath.normpath(name)
    if path == ".." or path.startswith("../"):
        return Problem("E_ESCAPE", plain, f"names {plain}, which is outside the catalog's directory")
    if path == ".":
        return Problem("E_EMPTY_NAME", plain, f"names {plain}, the catalog's own directory; name a file")
    if name.endswith(("/", "/.")):
        return Problem("E_BAD_NAME", quoted, f"names {quoted}, a directory; name a file")
    return path


def file_like(name: str) -> bool:
    """Whether a text looks like the name of a file of a kind that catalogs list; prose does not."""
    return len(name) <= _MAX_PATH_BYTES and _FILE_LIKE.fullmatch(name) is not None


def is_file(name: str, exists: Callable[[str], bool]) -> bool:
    """Whether a text names a file that is there; flags and makefiles that pipelines leave do not count."""
    if name.endswith(_STATE_FILES):
        return False
    path = resolve(name)
    if not isinstance(path, str) or len(path.encode()) > _MAX_PATH_BYTES:
        return False
    return all(len(part.encode()) <= _MAX_PART_BYTES for part in path.split("/")) and exists(path)
