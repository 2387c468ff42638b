"""Metadata in the service's normal form, to be compared: two spellings that it keeps as one are equal here.

Never sent. What the server does: invenio-rdm-records, ``services/schemas/metadata.py``; marshmallow-utils.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from entrypoint.destinations.zenodo.metadata import given, identifiers, known, people, text, writable

Body = Mapping[str, Any]


def differs(wanted: Body, there: Body | None) -> list[str]:
    """The fields in which a body to be written differs from a draft or record; none: nothing to write.

    Args:
        wanted: as `merge.merge` makes it.
        there: as the service shows it.
    """
    ours, theirs = of(wanted), of(there or {})
    return [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]


def lost(sent: Body, kept: Body) -> list[str]:
    """The fields that were sent and are not there: the service dropped them without a word."""
    theirs = of(kept)
    return [name for name in of(sent) if name not in theirs]


def of(document: Body) -> dict[str, Any]:
    """Every field that says something, by its name, in normal form."""
    body = writable.of(document)
    fields = {name: value_of(name, value) for name, value in body["metadata"].items()}
    for name, value in body["custom_fields"].items():
        fields[f"{given.CUSTOM}{name}"] = _plain(value)
    fields["access"] = _access(body.get("access", {}))
    doi = (document.get("pids") or {}).get("doi") if isinstance(document.get("pids"), Mapping) else None
    if isinstance(doi, Mapping) and doi.get("provider") == "external":
        fields[given.EXTERNAL_DOI] = identifiers.comparable(str(doi.get("identifier")), "doi")
    return {name: value for name, value in fields.items() if not given.is_empty(value)}


def value_of(field: str, value: Any) -> Any:
    """One field, by a name as `given` or ``metadata`` has it, in normal form."""
    if field == "access":
        return _access(value if isinstance(value, Mapping) else {})
    item = _ITEMS.get(field.partition(".")[0])
    if item is None:
        return _FIELDS.get(field, _plain)(value)
    if not isinstance(value, list | tuple):
        return _plain(value)
    items = [item(each) if isinstance(each, Mapping) else _plain(each) for each in value]
    said = [each for each in items if not given.is_empty(each)]
    # Keywords and terms are given apart from each other; nobody orders one among the others.
    return sorted(said, key=str) if field == "subjects" else said


def _plain(value: Any) -> Any:
    """Texts repaired, entries of vocabularies by their id, nothing that is empty."""
    if isinstance(value, str):
        return text.repaired(value)
    if isinstance(value, Mapping):
        if isinstance(value.get("id"), str) and isinstance(value.get("title"), Mapping):
            return {"id": value["id"].strip()}
        parts = {str(name): _plain(item) for name, item in value.items()}
        return {name: item for name, item in parts.items() if not given.is_empty(item)}
    if isinstance(value, list | tuple):
        return [item for item in map(_plain, value) if not given.is_empty(item)]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _html(value: Any) -> Any:
    return text.comparable(value) if isinstance(value, str) else _plain(value)


def _id(value: Any, respell: Callable[[str], str] = str.strip) -> str:
    found = value.get("id") if isinstance(value, Mapping) else value
    return respell(found) if isinstance(found, str) else ""


def _rest(item: Body, *known_parts: str) -> dict[str, Any]:
    rest = _plain({name: value for name, value in item.items() if name not in known_parts})
    return dict(rest)


def _parts(item: Body, **parts: Any) -> dict[str, Any]:
    """An item of the named parts, and of whatever else it has."""
    return {
        name: value for name, value in {**_rest(item, *parts), **parts}.items() if not given.is_empty(value)
    }


def _resource_type(value: Any) -> str:
    return _id(value, known.resource_type)


def _person(item: Body) -> Any:
    who = item.get("person_or_org")
    if not isinstance(who, Mapping):
        return _plain(item)
    ids = who.get("identifiers")
    affiliations = item.get("affiliations")
    named = _rest(who, "name", "family_name", "given_name", "identifiers")
    named["name"] = text.repaired(people.name_of(item))
    named["identifiers"] = sorted(
        (
            str(each.get("scheme") or identifiers.person_scheme(str(each.get("identifier")))).lower(),
            _work_id(each),
        )
        for each in (ids if isinstance(ids, list) else [])
        if isinstance(each, Mapping)
    )
    return _parts(
        item,
        person_or_org={name: value for name, value in named.items() if not given.is_empty(value)},
        role=_id(item.get("role")).lower(),
        affiliations=[
            each.get("id") or text.repaired(str(each.get("name") or ""))
            for each in (affiliations if isinstance(affiliations, list) else [])
            if isinstance(each, Mapping)
        ],
    )


def _work_id(item: Body) -> str:
    value = text.repaired(str(item.get("identifier") or ""))
    scheme = str(item.get("scheme") or identifiers.person_scheme(value)).lower()
    return identifiers.comparable(value, scheme)


def _work(item: Body) -> dict[str, Any]:
    value = text.repaired(str(item.get("identifier") or ""))
    scheme = str(item.get("scheme") or (identifiers.scheme_of(value) if value else "")).lower()
    return _parts(
        item,
        identifier=identifiers.comparable(value, scheme),
        scheme=scheme,
        relation_type=_id(item.get("relation_type"), known.relation),
        resource_type=_resource_type(item.get("resource_type")),
    )


def _right(item: Body) -> Any:
    if item.get("id"):
        return known.license_id(str(item["id"]))
    return _rest(item, "icon")


def _subject(item: Body) -> str:
    return str(item.get("id") or text.repaired(str(item.get("subject") or "")))


def _described(item: Body) -> dict[str, Any]:
    return _parts(
        item,
        description=_html(item.get("description")),
        type=writable.type_of(item).strip().lower(),
        lang=_id(item.get("lang"), known.language),
    )


def _titled(item: Body) -> dict[str, Any]:
    return _parts(item, type=writable.type_of(item).lower(), lang=_id(item.get("lang"), known.language))


def _dated(item: Body) -> dict[str, Any]:
    return _parts(item, type=writable.type_of(item).lower())


def _funding(item: Body) -> dict[str, Any]:
    award = item.get("award")
    parts = _parts(item, funder=_id(item.get("funder"), known.funder) or _plain(item.get("funder")))
    if isinstance(award, Mapping) and not award.get("id"):
        parts["award"] = {
            **_rest(award, "identifiers"),
            "identifiers": [
                _work(each) for each in award.get("identifiers") or [] if isinstance(each, Mapping)
            ],
        }
    elif isinstance(award, Mapping):
        parts["award"] = str(award["id"])
    return parts


def _language(item: Body) -> str:
    return _id(item, known.language)


def _date(value: Any) -> Any:
    return re.sub(r"\s+", "", value) if isinstance(value, str) else _plain(value)


def _access(value: Body) -> dict[str, Any]:
    access: dict[str, Any] = {"record": "public", "files": "public"}
    access.update(_rest(value, "status", "embargo"))
    embargo = value.get("embargo")
    if isinstance(embargo, Mapping):
        until = embargo.get("until")
        said = {
            "active": True if embargo.get("active") else None,
            "until": until.strip()[:10] if isinstance(until, str) else until,
            "reason": _plain(embargo.get("reason")),
        }
        access["embargo"] = {name: part for name, part in said.items() if not given.is_empty(part)}
    return {name: part for name, part in access.items() if not given.is_empty(part)}


_ITEMS: Final[Mapping[str, Callable[[Body], Any]]] = {
    "creators": _person,
    "contributors": _person,
    "identifiers": _work,
    "related_identifiers": _work,
    "references": _work,
    "rights": _right,
    "subjects": _subject,
    "additional_descriptions": _described,
    "additional_titles": _titled,
    "dates": _dated,
    "funding": _funding,
    "languages": _language,
}
_FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "description": _html,
    "copyright": _html,
    "resource_type": _resource_type,
    "publication_date": _date,
}
