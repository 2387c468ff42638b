"""A cartloader ``catalog.yaml`` to the files that it names; pure, without disk or environment.

`read` is the entry point. Whatever is wrong with a catalog comes back in the catalog, all of it at once where
the document can be read at all; codes of errors start with ``E_``, those of warnings with ``W_``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final

from entrypoint.catalog.document import Map, Plain, UnreadableError, Value, load
from entrypoint.catalog.model import Catalog, Entry, Group, Note, shown
from entrypoint.catalog.positions import Walk

__all__ = ["Catalog", "Entry", "Group", "Note", "read"]

_CATALOG_SUFFIXES: Final = (".yaml", ".yml", ".json")


_KINDS: Final = {
    "NoneType": "null, not a mapping",
    "str": "text, not a mapping",
    "list": "a list, not a mapping",
    "bool": "true or false, not a mapping",
    "int": "a number, not a mapping",
    "float": "a number, not a mapping",
}


def _nothing_there(_path: str) -> bool:
    return False


def read(data: bytes, *, exists: Callable[[str], bool] = _nothing_there) -> Catalog:
    """Read a catalog or a multi-catalog.

    Args:
        data: the bytes of the YAML or JSON document.
        exists: whether a path, relative and normalised, is a regular file in the catalog's directory. It is
            asked about texts under keys that the schema does not know, and about names made of blanks.

    Returns:
        The catalog, with its errors in it; nothing is raised but what ``exists`` raises.
    """
    try:
        root = load(data)
    except UnreadableError as unreadable:
        return Catalog(errors=unreadable.notes)
    if root is None:
        return Catalog(errors=(_error("E_EMPTY", "catalog holds no data", "The catalog is empty."),))
    if not isinstance(root, Map):
        detail = f"expected a mapping at the top level, got {_kind(root)}"
        text = (
            f"A catalog is a mapping with the key 'assets'; this is {_KINDS.get(_kind(root), _kind(root))}."
        )
        return Catalog(errors=(_error("E_ROOT", detail, text),))
    return _read_root(root, exists)


def _read_root(root: Map, exists: Callable[[str], bool]) -> Catalog:
    samples: tuple[tuple[str, str], ...] = ()
    is_root = _is_multi_catalog(root)
    walk = Walk(exists, is_root)
    for key, value in root.items:
        match key, value:
            case "assets", Map():
                walk.assets(value, "assets")
            case "factors", Map() | tuple():
                # CartoScope's how-to pages print it here, and multi-catalogs have it here.
                walk.factors(value, "factors")
            case "shared", Map() if is_root:
                walk.factors(value, "shared")
            case "samples", Map() if is_root:
                samples = walk.samples(value, "samples")
            case _:
                pass  # Everything else at the top describes the data set.
    errors = [*_assets_errors(root, is_root), *walk.errors]
    return Catalog(
        id=_text(root.get("id")),
        title=_text(root.get("title")),
        description=_text(root.get("description")),
        entries=walk.entries(),
        samples=samples,
        is_root=is_root,
        warnings=tuple(walk.warnings),
        errors=tuple(errors),
    )


def _is_multi_catalog(root: Map) -> bool:
    """Whether ``samples`` holds the catalogs of samples, and not something to say about them."""
    samples = root.get("samples")
    if not isinstance(samples, Map):
        return False
    pointers = (value for _, value in samples.items if isinstance(value, str))
    return "assets" not in root or any(value.endswith(_CATALOG_SUFFIXES) for value in pointers)


def _assets_errors(root: Map, is_root: bool) -> list[Note]:
    assets = root.get("assets")
    if isinstance(assets, Map) and assets.items:
        return []
    if "assets" not in root:
        if is_root or isinstance(root.get("factors"), (Map, tuple)):
            return []
        state = "missing"
    else:
        state = "empty" if isinstance(assets, Map) else _kind(assets)
    names = [key for key, _ in root.items if isinstance(key, str)]
    near = difflib.get_close_matches("assets", names, n=1, cutoff=0.75) if state == "missing" else []
    meant = f"; is {shown(near[0])!r} a misspelling of it?" if near else "."
    text = f"The catalog names no files: the key 'assets' is {_KINDS.get(state, state)}{meant}"
    return [_error("E_NO_ASSETS", f"'assets' is {state}", text)]


def _error(code: str, detail: str, text: str) -> Note:
    return Note(code, "", text, detail)


def _kind(value: Value) -> str:
    match value:
        case None:
            return "NoneType"
        case str():
            return "str"
        case tuple():
            return "list"
        case Map():
            return "dict"
        case Plain():
            return value.kind


def _text(value: Value) -> str | None:
    match value:
        case str():
            # Half a surrogate pair could not be written out again.
            return value.encode("utf-8", "replace").decode("utf-8") or None
        case Plain():
            return value.text
        case _:
            return None
