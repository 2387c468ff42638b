"""The metadata file: a ``.zenodo.json`` or a ``CITATION.cff``, to Zenodo's metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from entrypoint import errors

MAX_JSON: Final = 1_000_000
"""Bytes of a ``.zenodo.json``."""
MAX_CFF: Final = 128_000
"""Bytes of a ``CITATION.cff``; PyYAML needs about a second for so many."""
MAX_DEPTH: Final = 20
_IGNORED: Final = frozenset({"prereserve_doi", "$schema", "@context", "@type"})
_CFF_SCHEMES: Final = frozenset({"doi", "url", "swh"})


@dataclass(frozen=True)
class Found:
    """What a file says: metadata in Zenodo's (legacy) form, and remarks on what was left out."""

    metadata: Mapping[str, Any]
    notices: tuple[str, ...] = ()


def read(path: Path) -> Found:
    """Read a metadata file; which of the two it is shows in its name, else in its first character.

    Raises:
        errors.BadInput: it cannot be read or is neither.
    """
    limit = MAX_CFF if path.suffix.lower() == ".cff" else MAX_JSON
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
    is_cff = path.suffix.lower() == ".cff" or not content.lstrip().startswith(("{", "["))
    return _cff(path, content) if is_cff else _zenodo_json(path, content)


def _bad(path: Path, what: str) -> errors.BadInput:
    return errors.BadInput(f"metadata-file: {path.name!r} {what}.")


def _zenodo_json(path: Path, content: str) -> Found:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise _bad(path, f"is not valid JSON{where}") from error
    if isinstance(document, dict) and set(document) == {"metadata"}:
        document = document["metadata"]
    if not isinstance(document, dict):
        raise _bad(path, "does not hold an object of metadata")
    return Found({key: value for key, value in document.items() if key not in _IGNORED})


def _cff(path: Path, content: str) -> Found:
    try:
        _refuse_hostile(path, content)
        # Texts stay texts: a version 1.10 must not become 1.1.
        document = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 - builds no objects but str, list, dict
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _bad(path, "is not valid YAML") from error
    if not isinstance(document, dict) or "cff-version" not in document:
        raise _bad(path, "is neither a .zenodo.json nor a CITATION.cff")
    return _from_cff(document)


def _refuse_hostile(path: Path, content: str) -> None:
    """An alias can make a small file a huge one, and deep nesting makes PyYAML slow; a citation has neither."""
    depth = 0
    for found in yaml.parse(content, Loader=yaml.SafeLoader):
        if isinstance(found, yaml.AliasEvent):
            raise _bad(path, "uses YAML aliases, which are not read")
        depth += isinstance(found, yaml.CollectionStartEvent) - isinstance(found, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _bad(path, "is nested more deeply than any citation")


def _from_cff(document: Mapping[str, Any]) -> Found:
    """The rules by which Zenodo and cffconvert read a CITATION.cff.

    Left out: the file's own ``doi`` and identifiers, where they are DOIs of Zenodo's, would make the
    record a supplement of itself.
    """
    metadata: dict[str, Any] = {}
    notices: list[str] = []
    for ours, theirs in (
        ("title", "title"),
        ("description", "abstract"),
        ("version", "version"),
        ("notes", "message"),
    ):
        if value := _word(document, theirs):
            metadata[ours] = value
    if date := _word(document, "date-released"):
        metadata["publication_date"] = date
    if document.get("type") in ("software", "dataset"):
        metadata["upload_type"] = document["type"]
    people = [_person(each) for each in _items(document, "authors")]
    if people:
        metadata["creators"] = people
    keywords = [word for word in _items(document, "keywords") if isinstance(word, str) and word.strip()]
    if keywords:
        metadata["keywords"] = keywords
    licenses = document.get("license")
    if isinstance(licenses, list) and licenses:
        notices.append(
            "metadata-file: Zenodo keeps one license; of several in the CITATION.cff the first was taken."
        )
        licenses = licenses[0]
    if isinstance(licenses, str) and licenses:
        metadata["license"] = licenses
    if related := _related(document):
        metadata["related_identifiers"] = related
    return Found(metadata, tuple(notices))


def _person(author: Any) -> dict[str, Any]:
    if not isinstance(author, Mapping):
        return {"name": author}
    family = " ".join(
        part for part in (_word(author, "name-particle"), _word(author, "family-names")) if part
    )
    given = " ".join(part for part in (_word(author, "given-names"), _word(author, "name-suffix")) if part)
    name = (
        ", ".join(part for part in (family, given) if part) or _word(author, "name") or _word(author, "alias")
    )
    person: dict[str, Any] = {"name": name}
    for field in ("affiliation", "orcid"):
        if value := _word(author, field):
            person[field] = value
    return person


def _related(document: Mapping[str, Any]) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for item in _items(document, "identifiers"):
        if isinstance(item, Mapping) and item.get("type") in _CFF_SCHEMES and _word(item, "value"):
            value = _word(item, "value")
            relation = _word(item, "relation") or "isSupplementedBy"
            found.setdefault(value, {"identifier": value, "relation": relation})
    for field in ("doi", "repository", "repository-artifact", "repository-code", "url"):
        if value := _word(document, field):
            found.setdefault(value, {"identifier": value, "relation": "isSupplementedBy"})
    return [item for value, item in found.items() if not re.search(r"\b10\.(5281|5072)/zenodo\.", value)]


def _word(document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    return value.strip() if isinstance(value, str) else ""


def _items(document: Mapping[str, Any], field: str) -> list[Any]:
    value = document.get(field)
    return value if isinstance(value, list) else []
