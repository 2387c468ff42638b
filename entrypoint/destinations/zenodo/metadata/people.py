"""Creators and contributors in InvenioRDM's form, from the forms that people write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from entrypoint import text as words
from entrypoint.destinations.zenodo.metadata import identifiers

FORM: Final = "Family, Given; affiliation; ORCID"
_ORGANISATION: Final = re.compile(r"org:\s*", re.IGNORECASE)


def person(
    name: str, *, affiliations: Sequence[Mapping[str, str]] = (), ids: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """A person; the first comma of the name ends the family name."""
    family, _, given_name = (part.strip() for part in name.partition(","))
    who: dict[str, Any] = {"type": "personal", "family_name": family or given_name}
    if family and given_name:
        who["given_name"] = given_name
    return _entry(who, affiliations, ids)


def organisation(
    name: str, *, affiliations: Sequence[Mapping[str, str]] = (), ids: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """An organisation, a group or a project; commas are part of its name."""
    return _entry({"type": "organizational", "name": name.strip()}, affiliations, ids)


def _entry(
    who: dict[str, Any], affiliations: Sequence[Mapping[str, str]], ids: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    if ids:
        who["identifiers"] = [dict(item) for item in ids]
    entry: dict[str, Any] = {"person_or_org": who}
    if affiliations:
        entry["affiliations"] = [dict(item) for item in affiliations]
    return entry


def affiliation(value: str) -> dict[str, str]:
    """One affiliation: a ROR id or its URL, else a name."""
    bare = identifiers.ror(value)
    return {"id": bare} if bare else {"name": value.strip()}


def from_line(line: str, problems: list[str]) -> dict[str, Any]:
    """A person from ``Family, Given; affiliation; ORCID``; affiliation and ORCID may be left out.

    Several affiliations are separated by ``|``; each is a name or a ROR id. An organisation is ``org: Name``,
    ``org: Name; ROR id`` or ``org: Name; affiliation; ROR id``.
    """
    if match := _ORGANISATION.match(line):
        return _organisation_from(line[match.end() :], problems)
    name, *rest = (part.strip() for part in line.split(";"))
    shown = repr(words.printable(words.shorten(line, 80)))
    affiliations: list[dict[str, str]] = []
    ids: list[dict[str, str]] = []
    for part in filter(None, rest):
        if identifiers.is_like_orcid(part):
            bare = identifiers.orcid(part)
            if not bare:
                problems.append(f"creators: {shown} has an ORCID iD that is not valid: {part!r}.")
            elif ids:
                problems.append(f"creators: expected {FORM}; got {shown}.")
            ids.append({"scheme": "orcid", "identifier": bare})
        elif affiliations:
            problems.append(f"creators: expected {FORM} (several affiliations separated by |); got {shown}.")
        else:
            affiliations = [affiliation(each) for each in part.split("|") if each.strip()]
    if not re.sub(r"[\s,]", "", name):
        problems.append(f"creators: has no name; expected {FORM}; got {shown}.")
    return person(name, affiliations=_unique(affiliations), ids=ids)


def _organisation_from(line: str, problems: list[str]) -> dict[str, Any]:
    name, *rest = (part.strip() for part in line.split(";"))
    rest = [part for part in rest if part]
    ids = []
    if rest and (bare := identifiers.ror(rest[-1])):
        ids.append({"scheme": "ror", "identifier": bare})
        rest.pop()
    if not name or len(rest) > 1:
        shown = repr(words.printable(words.shorten(line, 80)))
        problems.append(f"creators: expected org: Name; affiliation; ROR id; got {shown}.")
    affiliations = [affiliation(each) for part in rest for each in part.split("|") if each.strip()]
    return organisation(name, affiliations=_unique(affiliations), ids=ids)


def _unique(items: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The service refuses an affiliation that is named twice."""
    return list({item.get("id") or item["name"]: item for item in items}.values())


def name_of(entry: Mapping[str, Any]) -> str:
    """The name as the service shows it: ``Family, Given``, or an organisation's."""
    who = entry.get("person_or_org")
    if not isinstance(who, Mapping):
        return ""
    if who.get("type") == "organizational" or not who.get("family_name"):
        return str(who.get("name") or "")
    return ", ".join(str(part) for part in (who["family_name"], who.get("given_name")) if part)
