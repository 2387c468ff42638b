"""What can be known to be wrong without asking the service; it says the same, but later."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from entrypoint import text as words
from entrypoint.destinations.zenodo.metadata import given, identifiers, known, people

MIN_TEXT: Final = 3
"""Characters of a title or a description; the service refuses shorter ones."""
MAX_VERSION: Final = 191
"""Characters."""
_MONTH: Final = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2]))?")
_PERSON_SCHEMES: Final = ("orcid", "isni", "gnd", "ror")

Problems = Iterator[str]


def problems(fields: given.Fields) -> list[str]:
    """One sentence for each thing that is wrong, led by the field's name; nothing when all is well."""
    return [
        f"{words.printable(words.shorten(field, 80))}: {problem}"
        for field, value in fields.items()
        for problem in _checked(field, value)
    ]


def _checked(field: str, value: Any) -> Problems:
    kind = _KINDS.get(field.partition(".")[0])
    if kind is not None and not isinstance(value, kind):
        yield f"expected {_name_of(kind)}, got {kind_of(value)}."
    elif field in _CHECKS:
        yield from _CHECKS[field](value)


def kind_of(value: Any) -> str:
    """What a value of JSON is, for people."""
    if isinstance(value, bool):
        return "true or false"
    names = {list: "a list", dict: "an object", str: "text", type(None): "nothing"}
    return names.get(type(value), "a number")


def shown(value: Any) -> str:
    """A value in a message."""
    return repr(words.printable(words.shorten(value, 80))) if isinstance(value, str) else kind_of(value)


def _name_of(kind: type) -> str:
    return "a list" if kind is list else "text" if kind is str else "an object"


def is_date(value: str) -> bool:
    """Whether this is a date or an interval of EDTF level 0 (https://www.loc.gov/standards/datetime/)."""
    parts = value.split("/")
    return len(parts) <= 2 and all(map(_is_point, parts)) and (len(parts) < 2 or parts[0] <= parts[1])


def _is_point(value: str) -> bool:
    if _MONTH.fullmatch(value):
        return True
    try:
        return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None and bool(
            dt.date.fromisoformat(value)
        )
    except ValueError:
        return False


def _long_enough(value: str) -> Problems:
    if len(value.strip()) < MIN_TEXT:
        yield f"needs at least {MIN_TEXT} characters."


def _date(value: str) -> Problems:
    if not is_date(value):
        yield f"expected a date as 2026-01-31, 2026-01 or 2026; got {shown(value)}."


def _version(value: str) -> Problems:
    if len(value) > MAX_VERSION:
        yield f"is longer than {MAX_VERSION} characters."


def _each(check: Callable[[Any], Problems]) -> Callable[[Any], Problems]:
    def all_of(items: list[Any]) -> Problems:
        for place, item in enumerate(items, 1):
            if not isinstance(item, Mapping):
                yield f"number {place}: expected an object, got {shown(item)}."
                continue
            for problem in check(item):
                yield f"number {place}: {problem}."

    return all_of


def _person(item: Any) -> Problems:
    who = item.get("person_or_org")
    if not isinstance(who, Mapping):
        yield "has no person_or_org, as InvenioRDM's JSON has it (on a record's page: Export, JSON)"
        return
    name = people.name_of(item)
    if not name.strip():
        yield "has no name"
        name = "?"
    for each in given.objects(who.get("identifiers")):
        scheme, value = str(each.get("scheme") or ""), str(each.get("identifier") or "")
        if scheme in _PERSON_SCHEMES and not _is_valid(scheme, value):
            label = "ORCID iD" if scheme == "orcid" else scheme.upper()
            yield f"{shown(name)} has an {label} that is not valid: {shown(value)}"
    if not isinstance(item.get("affiliations", []), list):
        yield f"{shown(name)} has affiliations that are not a list"


def _contributor(item: Any) -> Problems:
    yield from _person(item)
    role = item.get("role")
    if not (isinstance(role, Mapping) and role.get("id")):
        yield f"{shown(people.name_of(item))} needs a role (type), such as DataCurator"


def _is_valid(scheme: str, value: str) -> bool:
    if scheme == "orcid":
        return bool(identifiers.orcid(value))
    if scheme == "ror":
        return bool(identifiers.ror(value))
    return identifiers.is_of(scheme, value)


def _identifier(item: Any) -> Problems:
    value = item.get("identifier")
    # A scheme that is named may be one that this service alone takes: it is asked.
    if not isinstance(value, str) or not (item.get("scheme") or identifiers.scheme_of(value)):
        yield f"{shown(value)} is neither a DOI nor a URL nor another identifier that the service recognises"


def _related(item: Any) -> Problems:
    yield from _identifier(item)
    relation = item.get("relation_type")
    if not (isinstance(relation, Mapping) and relation.get("id")):
        yield f"{shown(item.get('identifier'))} has no relation, such as isSupplementTo"


def _dated(item: Any) -> Problems:
    if not isinstance(item.get("date"), str) or not item["date"].strip():
        yield "has no date"
    kind = item.get("type")
    if not (isinstance(kind, Mapping) and kind.get("id")):
        yield "has no type, such as collected"


def _language(item: Any) -> Problems:
    code = item.get("id")
    if not isinstance(code, str) or not re.fullmatch(r"[a-z]{3}", known.language(code)):
        yield f"expected a code of 2 or 3 letters, such as eng; got {shown(code)}"


def _access(value: Mapping[str, Any]) -> Problems:
    for part in ("record", "files"):
        if value.get(part) not in ("public", "restricted"):
            yield f"{part}: expected public or restricted; got {shown(value.get(part))}."
    embargo = value.get("embargo")
    if isinstance(embargo, Mapping) and embargo.get("active"):
        yield from _embargo(embargo.get("until"))


def _embargo(until: Any) -> Problems:
    try:
        last = dt.date.fromisoformat(until) if isinstance(until, str) else None
    except ValueError:
        last = None
    if last is None:
        yield f"embargo date: expected a day as 2027-01-31; got {shown(until)}."
    elif last <= dt.datetime.now(dt.UTC).date():
        yield f"embargo date: {last.isoformat()} is not in the future; open access needs no embargo date."


_CHECKS: Final[Mapping[str, Callable[[Any], Problems]]] = {
    "title": _long_enough,
    "description": _long_enough,
    "version": _version,
    "publication_date": _date,
    "creators": _each(_person),
    "contributors": _each(_contributor),
    "identifiers": _each(_identifier),
    "related_identifiers": _each(_related),
    "dates": _each(_dated),
    "languages": _each(_language),
    "access": _access,
}
_KINDS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("title", "description", "version", "publication_date", "publisher", "copyright"), str),
    **dict.fromkeys(
        (
            *("creators", "contributors", "identifiers", "related_identifiers", "dates", "languages"),
            *("rights", "subjects", "funding", "references", "sizes", "formats"),
            *("additional_titles", "additional_descriptions"),
        ),
        list,
    ),
    **dict.fromkeys(("resource_type", "access", "locations"), dict),
}
