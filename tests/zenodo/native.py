"""Metadata in InvenioRDM's own form: the part of it that a client of this project could meet."""

from __future__ import annotations

from typing import Any

from tests.zenodo import metadata, state

_PAIRS = {
    "title": "title",
    "publication_date": "publication_date",
    "description": "description",
    "version": "version",
    "publisher": "imprint_publisher",
}


def dump(meta: state.Metadata) -> dict[str, Any]:
    """As InvenioRDM's `metadata`."""
    native: dict[str, Any] = {}
    if kind := meta.get("upload_type"):
        sub = meta.get(f"{kind}_type")
        title = {"en": metadata.UPLOAD_TYPES[kind]}
        native["resource_type"] = {"id": f"{kind}-{sub}" if sub else kind, "title": title}
    if meta.get("creators"):
        native["creators"] = [_person(each) for each in meta["creators"]]
    native |= {theirs: meta[ours] for theirs, ours in _PAIRS.items() if meta.get(ours)}
    if meta.get("keywords"):
        native["subjects"] = [{"subject": each} for each in meta["keywords"]]
    if meta.get("license"):
        spdx = metadata.license_id(meta["license"]) or meta["license"]
        native["rights"] = [{"id": spdx, "title": {"en": metadata.LICENSES[spdx]}}]
    if meta.get("related_identifiers"):
        native["related_identifiers"] = [
            {
                "identifier": each["identifier"],
                "scheme": each["scheme"],
                "relation_type": {"id": each["relation"].lower()},
            }
            for each in meta["related_identifiers"]
        ]
    if meta.get("notes"):
        native["additional_descriptions"] = [{"description": meta["notes"], "type": {"id": "notes"}}]
    return native


def _person(each: dict[str, Any]) -> dict[str, Any]:
    family, _, given = each["name"].partition(",")
    if each["name"].count(",") != 1:
        family, given = each["name"], ""
    person = {
        "type": "personal",
        "name": each["name"],
        "family_name": family.strip(),
        "given_name": given.strip(),
    }
    if each.get("orcid"):
        person["identifiers"] = [{"identifier": each["orcid"], "scheme": "orcid"}]
    whole: dict[str, Any] = {"person_or_org": person}
    if each.get("affiliation"):
        whole["affiliations"] = [{"name": each["affiliation"]}]
    return whole


def load(native: dict[str, Any], access: dict[str, Any]) -> tuple[state.Metadata, list[dict[str, Any]]]:
    """To the legacy form, and the hidden errors of a saved draft.

    A draft takes what it understands and lists the rest; the legacy defaults do not apply here.
    """
    meta: state.Metadata = {"access_right": "restricted" if access.get("files") == "restricted" else "open"}
    errors: list[dict[str, Any]] = []
    for theirs, ours in _PAIRS.items():
        if isinstance(native.get(theirs), str):
            meta[ours] = native[theirs]
        elif native.get(theirs) is not None:
            errors.append(_wrong(theirs, "Not a valid string."))
    metadata.trim(meta)
    _load_type(native, meta, errors)
    _load_people(native, meta, errors)
    _load_rights(native, meta, errors)
    if native.get("subjects"):
        meta["keywords"] = [each["subject"] for each in native["subjects"] if each.get("subject")]
    related = [
        {
            "identifier": each["identifier"],
            "relation": metadata.RELATION[each["relation_type"]["id"]],
            "scheme": each.get("scheme") or metadata.scheme(each["identifier"]),
        }
        for each in native.get("related_identifiers") or []
        if each.get("identifier") and (each.get("relation_type") or {}).get("id") in metadata.RELATION
    ]
    if related:
        meta["related_identifiers"] = related
    for each in native.get("additional_descriptions") or []:
        if (each.get("type") or {}).get("id") == "notes":
            meta["notes"] = each.get("description", "")
    return meta, errors


def _wrong(field: str, message: str) -> dict[str, Any]:
    return {"field": f"metadata.{field}", "messages": [message]}


def _load_type(native: dict[str, Any], meta: state.Metadata, errors: list[dict[str, Any]]) -> None:
    kind, _, sub = str((native.get("resource_type") or {}).get("id", "")).partition("-")
    if kind in metadata.UPLOAD_TYPES:
        meta["upload_type"] = kind
        if sub:
            meta[f"{kind}_type"] = sub
    elif kind:
        errors.append(_wrong("resource_type", "Invalid value."))


def _load_people(native: dict[str, Any], meta: state.Metadata, errors: list[dict[str, Any]]) -> None:
    people = []
    for number, each in enumerate(native.get("creators") or []):
        person = (each.get("person_or_org") if isinstance(each, dict) else None) or {}
        parts = [person[name] for name in ("family_name", "given_name") if person.get(name)]
        name = ", ".join(parts) or person.get("name")
        if not name:
            errors.append(_wrong(f"creators.{number}.person_or_org", "Missing data for required field."))
            continue
        item = {"name": name, "affiliation": None}
        for affiliation in each.get("affiliations") or []:
            item["affiliation"] = affiliation.get("name")
        for identifier in person.get("identifiers") or []:
            if identifier.get("scheme") == "orcid":
                item["orcid"] = identifier["identifier"]
        people.append(item)
    if people:
        meta["creators"] = people


def _load_rights(native: dict[str, Any], meta: state.Metadata, errors: list[dict[str, Any]]) -> None:
    for each in native.get("rights") or []:
        spdx = metadata.license_id(str(each.get("id", "")))
        if spdx is None:
            errors.append(_wrong("rights", f"Invalid value {each.get('id')}."))
        else:
            meta["license"] = metadata.LEGACY_LICENSES.get(spdx, spdx)
