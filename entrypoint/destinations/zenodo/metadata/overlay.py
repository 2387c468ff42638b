"""What a form cannot express stays as the draft has it.

Inputs, a ``.zenodo.json`` and a ``CITATION.cff`` know a creator's name, affiliation and ORCID iD, but no
role, no ROR id, no organisation. If they name a person in the draft, the rest is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entrypoint.destinations.zenodo.metadata import given, identifiers, known, people, text


def over(field: str, said: Any, there: Any) -> Any:
    """The value of a field that such a form gives, over that of the draft."""
    if not isinstance(said, list) or not isinstance(there, list):
        return said
    entries = given.objects(there)
    if field in ("creators", "contributors"):
        return [_person(item, entries) for item in said]
    if field == "related_identifiers":
        return [_work(item, entries) for item in said]
    return said


def _person(said: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> dict[str, Any]:
    known_as = _known(said, entries)
    if known_as is None:
        return dict(said)
    ours, theirs = said["person_or_org"], known_as["person_or_org"]
    ids = {item.get("scheme"): item for item in given.objects(theirs.get("identifiers"))}
    ids |= {item["scheme"]: item for item in ours.get("identifiers", ())}
    # The same name in the draft, as an organisation's: the form may not know that there are such.
    is_person = ours["type"] == "personal"
    who = dict(theirs if is_person and _name(said) == _name(known_as) else ours)
    who.pop("identifiers", None)
    entry = {**known_as, **said, "person_or_org": {**who, "identifiers": list(ids.values())} if ids else who}
    if "affiliations" in said:
        named = given.objects(known_as.get("affiliations"))
        entry["affiliations"] = [_affiliation(item, named) for item in said["affiliations"]]
    return entry


def _known(said: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    orcid, name = _orcid(said), _name(said)
    people_there = [item for item in entries if isinstance(item.get("person_or_org"), Mapping)]
    by_orcid = [item for item in people_there if orcid and _orcid(item) == orcid]
    by_name = [
        item
        for item in people_there
        if _name(item) == name and not (orcid and _orcid(item) not in ("", orcid))
    ]
    return next(iter([*by_orcid, *by_name]), None)


def _name(entry: Mapping[str, Any]) -> str:
    return text.repaired(people.name_of(entry)).casefold()


def _orcid(entry: Mapping[str, Any]) -> str:
    for item in given.objects(entry["person_or_org"].get("identifiers")):
        if item.get("scheme") == "orcid":
            return identifiers.orcid(str(item.get("identifier")))
    return ""


def _affiliation(said: Mapping[str, Any], there: list[Mapping[str, Any]]) -> dict[str, Any]:
    name = str(said.get("name") or "").casefold()
    found = [item for item in there if name and str(item.get("name") or "").casefold() == name]
    return dict(found[0] if found else said)


def _work(said: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> dict[str, Any]:
    for item in entries:
        if _key(item) == _key(said):
            return {**item, **said}
    return dict(said)


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    relation = item.get("relation_type")
    kind = relation.get("id") if isinstance(relation, Mapping) else ""
    return identifiers.normal(str(item.get("identifier") or "")).lower(), known.relation(str(kind))
