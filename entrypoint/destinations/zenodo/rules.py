"""Zenodo's rules for metadata, checked here: what the server would refuse late, answer with a 500, or drop
without a word is an error with a name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from entrypoint import text
from entrypoint.destinations.zenodo import vocabulary

MIN_TEXT: Final = 3
"""Characters; the server drops shorter titles and descriptions."""
MAX_VERSION: Final = 191
"""Characters."""
_DATE: Final = r"[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?"
_EDTF: Final = re.compile(rf"{_DATE}(?:/{_DATE})?")
_ORCID: Final = re.compile(
    r"(?:https?://(?:www\.)?orcid\.org/)?((?:[0-9]{4}-){3}[0-9]{3}[0-9X])/?", re.IGNORECASE
)
# The kinds of identifiers that the server tells apart by their form (inveniosoftware/idutils).
_IDENTIFIERS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:doi:\s*|(?:https?://)?(?:dx\.)?doi\.org/)?10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+",
        r"(?:https?|ftp)://[^\s/]+\S*",
        r"(?:arxiv:)?(?:[0-9]{4}\.[0-9]{4,5}|[a-z.-]+/[0-9]{7})(?:v[0-9]+)?",
        r"(?:hdl:\s*)?[0-9]+(?:\.[0-9]+)*/\S+",
        r"(?:ark:|swh:1:|urn:|purl:|lsid:|igsn:|ads:|bibcode:|pmid:|pmc|rrid:|raid:|w3id\.org/)\S+",
        r"urn:lsid:\S+",
        r"(?:isbn:?\s*)?(?:97[89][- ]?)?(?:[0-9][- ]?){9}[0-9X]",
        r"(?:e?issn:?\s*)?[0-9]{4}-[0-9]{3}[0-9X]",
        r"[0-9]{1,8}",
    )
)
_PERSON: Final = frozenset({"name", "affiliation", "orcid", "gnd"})
_RELATED: Final = frozenset({"identifier", "relation", "resource_type", "scheme"})
_TEXTS: Final = frozenset(
    vocabulary.FIELDS
    - {"creators", "contributors", "thesis_supervisors", "license", "keywords", "subjects", "references"}
    - {"related_identifiers", "communities", "grants", "locations", "dates"}
)

Problems = Iterator[str]


def problems(metadata: Mapping[str, Any]) -> list[str]:
    """One sentence for each thing that is wrong, led by the field's name; nothing when all is well."""
    found: list[str] = []
    for field, value in metadata.items():
        shown = text.printable(text.shorten(field, 60))
        if field not in vocabulary.FIELDS:
            found.append(f"{shown}: Zenodo knows no such field, and would drop it silently.")
        elif field in _TEXTS and not isinstance(value, str):
            found.append(f"{shown}: expected text, got {_kind(value)}.")
        elif field in _CHECKS:
            found += (f"{shown}: {problem}" for problem in _CHECKS[field](value))
    if metadata.get("access_right") == "embargoed" and not metadata.get("embargo_date"):
        found.append("embargo_date: needed with access_right embargoed.")
    return found


def missing(metadata: Mapping[str, Any]) -> list[str]:
    """What publishing needs and these metadata lack; one sentence each."""
    needed = {
        "title": "title: a record needs one; give the input title or a metadata-file.",
        "creators": "creators: a record needs at least one; give the input creators, one per line, as "
        "Family, Given; affiliation; ORCID.",
        "upload_type": "upload-type: a record needs one, such as dataset.",
    }
    return [sentence for field, sentence in needed.items() if not metadata.get(field)]


def orcid(value: str) -> str | None:
    """The bare ORCID iD, if its check digit is right (ISO 7064 11,2), else nothing.

    https://support.orcid.org/hc/en-us/articles/360006897674
    """
    match = _ORCID.fullmatch(value.strip())
    if match is None:
        return None
    digits = match[1].upper().replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return match[1].upper() if digits[-1] == ("X" if check == 10 else str(check)) else None


def is_identifier(value: str) -> bool:
    """Whether the server would know what kind of identifier this is; others it drops."""
    return any(pattern.fullmatch(value.strip()) for pattern in _IDENTIFIERS)


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    return repr(text.printable(text.shorten(value, 80))) if isinstance(value, str) else _kind(value)


def _long_enough(value: str) -> Problems:
    if len(value.strip()) < MIN_TEXT:
        yield f"needs at least {MIN_TEXT} characters."


def _one_of(words: frozenset[str]) -> Callable[[str], Problems]:
    def check(value: str) -> Problems:
        if value not in words:
            yield f"expected one of {', '.join(sorted(words))}; got {_shown(value)}."

    return check


def _date(value: str) -> Problems:
    if not _EDTF.fullmatch(value):
        yield f"expected a date as 2026-01-31, 2026-01 or 2026; got {_shown(value)}."


def _day(value: str) -> Problems:
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        yield f"expected a day as 2026-01-31; got {_shown(value)}."


def _version(value: str) -> Problems:
    if len(value) > MAX_VERSION:
        yield f"is longer than {MAX_VERSION} characters."


def _language(value: str) -> Problems:
    if not re.fullmatch(r"[A-Za-z]{2,3}", value):
        yield f"expected a code of 2 or 3 letters, such as eng; got {_shown(value)}."


def _license(value: Any) -> Problems:
    if isinstance(value, Mapping):
        value = value.get("id")
    if isinstance(value, list):
        yield "Zenodo keeps one license, not a list."
    elif not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+_ -]{0,99}", value):
        yield f"expected an SPDX id such as CC-BY-4.0; got {_shown(value)}."


def _people(value: Any) -> Problems:
    yield from _each(value, _person)


def _contributors(value: Any) -> Problems:
    def contributor(item: Any) -> Problems:
        yield from _person(item, frozenset({"type"}))
        role = item.get("type") if isinstance(item, Mapping) else None
        if not isinstance(role, str) or role.lower() not in vocabulary.CONTRIBUTOR_TYPES:
            yield f"needs a type such as DataCurator; got {_shown(role)}"

    yield from _each(value, contributor)


def _person(item: Any, more: frozenset[str] = frozenset()) -> Problems:
    if not isinstance(item, Mapping):
        yield f"expected an object with a name; got {_shown(item)}"
        return
    name = item.get("name")
    if not isinstance(name, str) or not name.strip():
        yield "has no name"
        name = "?"
    for field in sorted(set(item) - _PERSON - more):
        yield f"{_shown(name)} has a field {_shown(field)}, which Zenodo would drop"
    for field in ("affiliation", "gnd"):
        if not isinstance(item.get(field), str | None):
            yield f"{_shown(name)} has an {field} that is not text"
    given = item.get("orcid")
    if given and (not isinstance(given, str) or orcid(given) is None):
        yield f"{_shown(name)} has an ORCID iD that is not valid: {_shown(given)}"


def _related(value: Any) -> Problems:
    def related(item: Any) -> Problems:
        if not isinstance(item, Mapping):
            yield f"expected an object with identifier and relation; got {_shown(item)}"
            return
        identifier, relation = item.get("identifier"), item.get("relation")
        if not isinstance(identifier, str) or not is_identifier(identifier):
            yield f"{_shown(identifier)} is neither a DOI nor a URL nor another identifier that Zenodo knows"
        if not isinstance(relation, str) or relation.lower() not in vocabulary.RELATIONS:
            yield f"{_shown(relation)} is no relation that Zenodo knows; one is isSupplementTo"
        kind = item.get("resource_type")
        if kind is not None and not (isinstance(kind, str) and re.fullmatch(r"[a-z]+(-[a-z]+)?", kind)):
            yield f"{_shown(kind)} is no resource type, such as dataset or publication-article"
        for field in sorted(set(item) - _RELATED):
            yield f"has a field {_shown(field)}, which Zenodo would drop"

    yield from _each(value, related)


def _strings(value: Any) -> Problems:
    def string(item: Any) -> Problems:
        if not isinstance(item, str) or not item.strip():
            yield f"expected text, got {_shown(item)}"

    yield from _each(value, string)


def _needs(*fields: str) -> Callable[[Any], Problems]:
    def one(item: Any) -> Problems:
        if not isinstance(item, Mapping):
            yield f"expected an object with {' and '.join(fields)}; got {_shown(item)}"
            return
        for field in fields:
            if not isinstance(item.get(field), str) or not item[field].strip():
                yield f"has no {field}"

    return lambda value: _each(value, one)


def _each(value: Any, check: Callable[[Any], Problems]) -> Problems:
    """The problems of a list's items, each with its place; counted from 1."""
    if not isinstance(value, list):
        yield f"expected a list, got {_kind(value)}."
        return
    for place, item in enumerate(value, 1):
        for problem in check(item):
            yield f"number {place}: {problem}."


_CHECKS: Final[Mapping[str, Callable[[Any], Problems]]] = {
    "title": _long_enough,
    "description": _long_enough,
    "upload_type": _one_of(vocabulary.UPLOAD_TYPES),
    "publication_type": _one_of(vocabulary.PUBLICATION_TYPES),
    "image_type": _one_of(vocabulary.IMAGE_TYPES),
    "access_right": _one_of(vocabulary.ACCESS_RIGHTS),
    "publication_date": _date,
    "embargo_date": _day,
    "version": _version,
    "language": _language,
    "license": _license,
    "creators": _people,
    "thesis_supervisors": _people,
    "contributors": _contributors,
    "related_identifiers": _related,
    "keywords": _strings,
    "references": _strings,
    "communities": _needs("identifier"),
    "grants": _needs("id"),
    "locations": _needs("place"),
    "dates": _needs("type"),
    "subjects": _needs("term", "identifier"),
}
