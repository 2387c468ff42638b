"""Values of a document by path, as OpenSearch sees them: through objects and through lists."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import Any, Final

Document = dict[str, Any]

_WORD: Final = re.compile(r"\w+")


def at(document: Any, path: str) -> list[Any]:
    """Every value at a dotted path; keys may hold dots themselves (`code:x.y`), empty when there is none.

    A multi-field such as `title.keyword` is read as the field that it belongs to.
    """
    found = list(_walk(document, path))
    if not found and "." in path:
        head = path.rpartition(".")[0]
        found = [value for value in _walk(document, head) if not isinstance(value, dict)]
    return found


def objects(document: Document, path: str) -> list[Document]:
    """The objects of a nested field."""
    return [value for value in _walk(document, path) if isinstance(value, dict)]


def leaves(document: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every path with a value that is neither object nor list."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else key)
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value, prefix)
    elif document is not None:
        yield prefix, document


def of_fields(document: Document, fields: list[str]) -> list[Any]:
    """The values of these fields, which may hold `*` and a boost (`title^3`)."""
    names = [field.partition("^")[0] for field in fields]
    if not names or "*" in names:
        return [value for _, value in leaves(document)]
    found: list[Any] = []
    for name in names:
        if "*" in name:
            pattern = name.removesuffix(".*") if name.endswith(".*") else name
            found += [v for path, v in leaves(document) if fnmatch.fnmatchcase(path, pattern)]
            found += [v for path, v in leaves(document) if fnmatch.fnmatchcase(path, name)]
        else:
            found += at(document, name)
    return found


def words(value: Any) -> list[str]:
    """What the standard analyser makes of a text: its words in lower case."""
    return _WORD.findall(as_text(value).lower())


def as_text(value: Any) -> str:
    """A value as it is written in a query."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def same(value: Any, wanted: Any) -> bool:
    """Whether a keyword, number, date or boolean equals what a `term` query asks for."""
    if isinstance(value, list):
        return any(same(each, wanted) for each in value)
    return value == wanted or as_text(value) == as_text(wanted)


def selected(document: Document, source: Any) -> Document:
    """What `_source` of a request leaves of a document."""
    if source is None or source is True:
        return document
    if source is False:
        return {}
    if isinstance(source, dict):
        includes = _listed(source.get("includes", source.get("include", [])))
        excludes = _listed(source.get("excludes", source.get("exclude", [])))
    else:
        includes, excludes = _listed(source), []
    kept = _filtered(document, "", includes, excludes)
    return kept if isinstance(kept, dict) else {}


def _filtered(value: Any, path: str, includes: list[str], excludes: list[str]) -> Any:
    if isinstance(value, dict):
        result = {}
        for key, inner in value.items():
            below = f"{path}.{key}" if path else key
            if any(_covers(pattern, below) for pattern in excludes):
                continue
            if not includes or any(_covers(pattern, below) for pattern in includes):
                result[key] = _filtered(inner, below, [], excludes)
            elif any(_leads_to(below, pattern) for pattern in includes):
                result[key] = _filtered(inner, below, includes, excludes)
        return result
    if isinstance(value, list):
        return [_filtered(each, path, includes, excludes) for each in value]
    return value


def _covers(pattern: str, path: str) -> bool:
    return fnmatch.fnmatchcase(path, pattern) or path.startswith(f"{pattern}.")


def _leads_to(path: str, pattern: str) -> bool:
    return pattern.startswith(f"{path}.") or "*" in pattern.partition(".")[0]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _walk(value: Any, path: str) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _walk(each, path)
        return
    if not path:
        if value is not None:
            yield value
        return
    if not isinstance(value, dict):
        return
    # A key may hold dots: the longest that fits is tried as well as the first step.
    if path in value:
        yield from _walk(value[path], "")
        return
    head, _, rest = path.partition(".")
    while rest:
        if head in value:
            yield from _walk(value[head], rest)
            return
        step, _, rest = rest.partition(".")
        head = f"{head}.{step}"
