"""Items of the lists in a ``.zenodo.json``, to InvenioRDM's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from entrypoint.destinations.zenodo.metadata import checks, identifiers, known, people

_WHO: Final = frozenset({"name", "affiliation", "orcid", "gnd", "type"})
PARTS: Final[Mapping[str, frozenset[str]]] = {
    "creators": _WHO,
    "contributors": _WHO,
    "thesis_supervisors": _WHO,
    "related_identifiers": frozenset({"identifier", "relation", "scheme", "resource_type"}),
    "dates": frozenset({"start", "end", "date", "type", "description"}),
    "locations": frozenset({"lat", "lon", "place", "description"}),
    "subjects": frozenset({"term", "identifier", "scheme"}),
}
"""What is read of the items of a list; grants may be as the service shows them, with much more."""


class _WrongError(ValueError):
    """An item that cannot be read; its text says why."""


def read(name: str, items: list[Any], problems: list[str]) -> list[Any]:
    """The items of the list `name`; what is wrong with one joins the problems, with its place from 1."""
    found = []
    for place, item in enumerate(items, 1):
        try:
            found.append(_READERS[name](item))
        except _WrongError as error:
            problems.append(f"{name}: number {place}: {error}.")
    return found


def _text(item: Mapping[str, Any], field: str) -> str:
    value = item.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _WrongError(f"has an {field} that is not text")
    return value.strip()


def _object(item: Any, *needed: str) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise _WrongError(f"expected an object with {' and '.join(needed)}; got {checks.shown(item)}")
    for field in needed:
        if not _text(item, field):
            raise _WrongError(f"has no {field}")
    return item


def _person(item: Any) -> dict[str, Any]:
    who = _object(item, "name")
    ids = []
    if orcid := _text(who, "orcid"):
        if not (bare := identifiers.orcid(orcid)):
            name = checks.shown(who["name"])
            raise _WrongError(f"{name} has an ORCID iD that is not valid: {checks.shown(orcid)}")
        ids.append({"scheme": "orcid", "identifier": bare})
    if gnd := _text(who, "gnd"):
        ids.append({"scheme": "gnd", "identifier": identifiers.normal(gnd, "gnd")})
    affiliation = _text(who, "affiliation")
    entry = people.person(
        who["name"], affiliations=[people.affiliation(affiliation)] if affiliation else (), ids=ids
    )
    if role := _text(who, "type"):
        entry["role"] = {"id": role.lower()}
    return entry


def _supervisor(item: Any) -> dict[str, Any]:
    return {**_person(item), "role": {"id": "supervisor"}}


def _contributor(item: Any) -> dict[str, Any]:
    entry = _person(item)
    if "role" not in entry:
        raise _WrongError(f"{checks.shown(item['name'])} needs a type such as DataCurator")
    return entry


def _related(item: Any) -> dict[str, Any]:
    work = _object(item, "identifier", "relation")
    found: dict[str, Any] = {
        "identifier": _text(work, "identifier"),
        "relation_type": {"id": known.relation(work["relation"])},
    }
    if kind := _text(work, "resource_type"):
        found["resource_type"] = {"id": known.resource_type(kind)}
    return found


def _grant(item: Any) -> dict[str, Any]:
    """An award by ``funder's DOI::number``; a number alone is one of the European Commission's."""
    funder, _, number = _text(_object(item, "id"), "id").rpartition("::")
    funder = known.funder(funder or "10.13039/501100000780")
    return {"funder": {"id": funder}, "award": {"id": f"{funder}::{number}"}}


def _date(item: Any) -> dict[str, Any]:
    day = _object(item, "type")
    parts = dict.fromkeys(
        part for part in (_text(day, "start"), _text(day, "end"), _text(day, "date")) if part
    )
    if not parts:
        raise _WrongError("has neither start nor end")
    found: dict[str, Any] = {"date": "/".join(parts), "type": {"id": _text(day, "type").lower()}}
    if all(map(checks.is_date, parts)) and not checks.is_date(found["date"]):
        raise _WrongError(f"ends before it begins: {checks.shown(found['date'])}")
    if not checks.is_date(found["date"]):
        raise _WrongError(f"expected dates as 2026-01-31; got {checks.shown(found['date'])}")
    if description := _text(day, "description"):
        found["description"] = description
    return found


def _location(item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise _WrongError(f"expected an object with place; got {checks.shown(item)}")
    where = item
    found: dict[str, Any] = {
        part: value for part in ("place", "description") if (value := _text(where, part))
    }
    lat, lon = where.get("lat"), where.get("lon")
    if (lat is None) != (lon is None):
        raise _WrongError("has only one of lat and lon")
    if lat is not None and lon is not None:
        try:
            found["geometry"] = {"type": "Point", "coordinates": [float(lon), float(lat)]}
        except (TypeError, ValueError):
            raise _WrongError("has a lat or lon that is not a number") from None
    if not found:
        raise _WrongError("has no place")
    return found


def _word(item: Any) -> str:
    if not isinstance(item, str) or not item.strip():
        raise _WrongError(f"expected text, got {checks.shown(item)}")
    return item.strip()


def _keyword(item: Any) -> dict[str, Any]:
    return {"subject": _word(item)}


def _reference(item: Any) -> dict[str, Any]:
    return {"reference": _word(item)}


def _subject(item: Any) -> dict[str, Any]:
    term = _object(item, "term", "identifier")
    return {part: value for part in ("term", "identifier", "scheme") if (value := _text(term, part))}


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "creators": _person,
    "contributors": _contributor,
    "thesis_supervisors": _supervisor,
    "related_identifiers": _related,
    "grants": _grant,
    "dates": _date,
    "locations": _location,
    "keywords": _keyword,
    "references": _reference,
    "subjects": _subject,
}
