"""All sources together: inputs over metadata files, of which the first wins; and each file to its reader."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from entrypoint import errors, event, settings
from entrypoint import text as words
from entrypoint.destinations.zenodo.metadata import (
    cff,
    checks,
    given,
    inputs,
    native_json,
    normal,
    zenodo_json,
)

MAX_JSON: Final = 1_000_000
"""Bytes of a JSON file."""
MAX_CFF: Final = 128_000
"""Bytes of a ``CITATION.cff``; PyYAML needs about a second for so many."""
MAX_DEPTH: Final = 50
"""Levels of a JSON file."""


def gather(wanted: settings.ZenodoSettings, release: event.Release | None = None) -> given.Given:
    """Read inputs and metadata files.

    Raises:
        errors.BadInput: with everything that is wrong with them.
    """
    problems: list[str] = []
    files: list[tuple[str, given.Found]] = []
    for path in wanted.metadata_files:
        try:
            files.append((path.name, _file(path)))
        except errors.BadInput as error:
            problems += error.problems
    for _, found in files:
        problems += (f"metadata-file: {problem}" for problem in found.problems)
        if not found.problems:
            problems += (f"metadata-file: {problem}" for problem in checks.problems(found.fields))
    from_inputs = inputs.read(wanted)
    problems += from_inputs.problems
    if problems:
        raise errors.BadInput(list(dict.fromkeys(problems)))
    return _union([*files, ("", from_inputs)], release)


def _union(sources: list[tuple[str, given.Found]], release: event.Release | None) -> given.Given:
    *files, (_, from_inputs) = sources
    values: dict[str, Any] = dict(from_inputs.fields)
    loose = set(values)
    communities = from_inputs.communities
    notices: list[str] = []
    by_file: dict[str, tuple[str, Any]] = {}
    for name, found in files:
        notices += found.notices
        notices += _disagreements(name, found.fields, by_file)
        new = found.fields.keys() - values.keys()
        values.update((field, found.fields[field]) for field in found.fields if field in new)
        loose |= set() if found.exact else new
        communities = communities or found.communities
    return given.Given(
        values,
        frozenset(loose),
        release,
        communities=tuple(dict.fromkeys(communities)),
        notices=tuple(dict.fromkeys(notices)),
    )


def _disagreements(name: str, fields: given.Fields, by_file: dict[str, tuple[str, Any]]) -> Iterator[str]:
    """One sentence for the fields in which a file says other than an earlier one."""
    other = [
        field
        for field, value in fields.items()
        if field in by_file and normal.value_of(field, value) != normal.value_of(field, by_file[field][1])
    ]
    first = dict.fromkeys(by_file[field][0] for field in other)
    for field, value in fields.items():
        by_file.setdefault(field, (name, value))
    if other:
        fields_shown = words.printable(words.shorten(", ".join(other), 200))
        yield (
            f"metadata-file: {words.printable(name)} differs from {words.printable(', '.join(first))} in "
            f"{fields_shown}; the first file was used."
        )


def _file(path: Path) -> given.Found:
    """What a file says; which kind it is shows in its content, and in its name where the content is broken."""
    is_cff = path.suffix.lower() == ".cff"
    limit = MAX_CFF if is_cff else MAX_JSON
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise _bad(path, f"cannot be read ({error.strerror})") from error
    if len(data) > limit:
        raise _bad(path, f"is larger than {limit:,} bytes")
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(path, "is not UTF-8 text") from error
    if not content.strip():
        raise _bad(path, "is empty")
    if not is_cff and content.lstrip().startswith(("{", "[")):
        return _json(path, content)
    if len(data) > MAX_CFF:
        raise _bad(path, f"is larger than {MAX_CFF:,} bytes")
    try:
        return cff.read(cff.parse(content))
    except cff.WrongError as error:
        raise _bad(path, str(error)) from error


def _bad(path: Path, what: str) -> errors.BadInput:
    return errors.BadInput(f"metadata-file: {words.printable(repr(path.name))} {what}.")


def _json(path: Path, content: str) -> given.Found:
    try:
        document = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise _bad(path, f"is not valid JSON{where}") from error
    if _depth(document) > MAX_DEPTH:
        raise _bad(path, "is nested too deeply")
    document = _encodable(document)
    if isinstance(document, Mapping) and native_json.is_native(document):
        return native_json.read(document)
    if isinstance(document, Mapping) and native_json.is_native({"metadata": document}):
        return native_json.read({"metadata": document})
    if isinstance(document, Mapping) and isinstance(document.get("metadata"), Mapping):
        document = document["metadata"]  # as the deposit API shows them
    if not isinstance(document, Mapping):
        raise _bad(path, "does not contain a metadata object")
    if document and not zenodo_json.is_one(document):
        raise _bad(path, "is neither a .zenodo.json nor InvenioRDM's JSON nor a CITATION.cff")
    return zenodo_json.read(document)


def _no_number(name: str) -> None:
    msg = f"{name} is not a JSON number"
    raise ValueError(msg)


def _encodable(value: Any) -> Any:
    r"""JSON may hold lone surrogates (``"\ud800"``), which no request could carry on."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(name): _encodable(item) for name, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list) else value


def _depth(document: Any) -> int:
    """Levels of a document, at most one more than are allowed."""
    level = [document]
    for depth in range(MAX_DEPTH + 2):
        below: list[Any] = []
        for item in level:
            below += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        if not below:
            return depth
        level = below
    return MAX_DEPTH + 2
