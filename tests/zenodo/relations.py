"""Ids in vocabularies: they are checked and cut down to the id when a draft is saved, and spelled out when it
is read.

Rules of invenio-records (`systemfields/relations`) and of invenio-rdm-records (`records/api.py`): an id that
no vocabulary holds is a 400 without `errors`, in either API.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.zenodo.messages import ApiError
from tests.zenodo.vocabularies import Vocabularies

Json = dict[str, Any]
TITLE = ("title",)
RELATIONS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("resource_type", "", "resourcetypes", TITLE),
    ("creators", "affiliations", "affiliations", ("name", "identifiers")),
    ("contributors", "affiliations", "affiliations", ("name", "identifiers")),
    ("creators", "role", "creatorsroles", TITLE),
    ("contributors", "role", "contributorsroles", TITLE),
    ("additional_titles", "type", "titletypes", TITLE),
    ("additional_titles", "lang", "languages", TITLE),
    ("additional_descriptions", "type", "descriptiontypes", TITLE),
    ("additional_descriptions", "lang", "languages", TITLE),
    ("dates", "type", "datetypes", TITLE),
    ("languages", "", "languages", TITLE),
    ("rights", "", "licenses", ("title", "description", "icon", "props")),
    ("subjects", "", "subjects", ("subject", "scheme")),
    ("related_identifiers", "relation_type", "relationtypes", TITLE),
    ("related_identifiers", "resource_type", "resourcetypes", TITLE),
    ("funding", "funder", "funders", ("name",)),
    ("funding", "award", "awards", ("title", "number", "identifiers", "acronym", "program")),
)
"""Field of `metadata`, field of its items, vocabulary, and what a read adds of the entry."""
CUSTOM = (
    ("code:programmingLanguage", "code:programmingLanguages"),
    ("code:developmentStatus", "code:developmentStatus"),
)


def _terms(metadata: Json, field: str, inner: str) -> Iterator[Json]:
    """The terms of one relation, in order."""
    value = metadata.get(field)
    for item in value if isinstance(value, list) else [value] if value else []:
        term = item.get(inner) if inner else item
        yield from term if isinstance(term, list) else [term] if term else []


def _all(metadata: Json, custom: Json) -> Iterator[tuple[str, tuple[str, ...], list[Json]]]:
    for field, inner, vocabulary, shown in RELATIONS:
        yield vocabulary, shown, list(_terms(metadata, field, inner))
    for field, vocabulary in CUSTOM:
        yield vocabulary, TITLE, list(_terms(custom, field, ""))


def save(vocabularies: Vocabularies, metadata: Json, custom: Json) -> None:
    """Checks all ids, then leaves nothing but the id of what has one.

    A list is checked up to its first item without an id: so does the server.
    """
    for vocabulary, _, terms in _all(metadata, custom):
        for term in terms:
            if "id" not in term:
                break
            entry = vocabularies.find(vocabulary, term["id"])
            if entry is None:
                raise ApiError(400, f"Invalid value {term['id']}.")
    kind = metadata.get("resource_type") or {}
    entry = vocabularies.find("resourcetypes", kind.get("id"))
    if entry is not None and "depositable" not in entry["tags"]:
        raise ApiError(400, "Not a valid value.")
    for _, _, terms in _all(metadata, custom):
        for term in terms:
            if "id" in term:
                name = term["id"]
                term.clear()
                term["id"] = name


def spelled_out(vocabularies: Vocabularies, metadata: Json, custom: Json) -> tuple[Json, Json]:
    """Copies with the titles and names that a read adds."""
    metadata, custom = copy.deepcopy(metadata), copy.deepcopy(custom)
    for vocabulary, shown, terms in _all(metadata, custom):
        for term in terms:
            entry = vocabularies.find(vocabulary, term.get("id")) or {}
            term |= {name: copy.deepcopy(entry[name]) for name in shown if entry.get(name)}
    return metadata, custom


def any_checked(metadata: Json) -> bool:
    """Whether saving looks anything up in a vocabulary, which decides how a lost update shows."""
    return any("id" in term for _, _, terms in _all(metadata, {}) for term in terms)
