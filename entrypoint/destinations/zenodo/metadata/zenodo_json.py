"""A ``.zenodo.json``: Zenodo's older form of metadata, to InvenioRDM's form.

What the service makes of it: https://github.com/zenodo/zenodo-rdm, ``site/zenodo_rdm/legacy/deserializers``;
what people may write: https://developers.zenodo.org.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from entrypoint import text as words
from entrypoint.destinations.zenodo.metadata import (
    checks,
    given,
    identifiers,
    known,
    legacy_items,
    licenses,
    text,
)

_TEXTS: Final = frozenset(
    [
        "title",
        "description",
        "upload_type",
        "publication_type",
        "image_type",
        "publication_date",
        "access_right",
        "embargo_date",
        "access_conditions",
        "doi",
        "notes",
        "method",
        "version",
        "language",
        "journal_title",
        "journal_volume",
        "journal_issue",
        "journal_pages",
        "conference_title",
        "conference_acronym",
        "conference_dates",
        "conference_place",
        "conference_url",
        "conference_session",
        "conference_session_part",
        "imprint_publisher",
        "imprint_isbn",
        "imprint_place",
        "partof_title",
        "partof_pages",
        "thesis_university",
    ]
)
_LISTS: Final = frozenset(
    [
        "creators",
        "contributors",
        "thesis_supervisors",
        "keywords",
        "subjects",
        "references",
        "related_identifiers",
        "communities",
        "grants",
        "locations",
        "dates",
    ]
)
_OTHERS: Final = frozenset({"license", "custom"})
_IGNORED: Final = frozenset({"prereserve_doi", "$schema", "@context", "@type"})
_CUSTOM: Final = {
    "journal:journal": {
        "title": "journal_title",
        "volume": "journal_volume",
        "issue": "journal_issue",
        "pages": "journal_pages",
    },
    "meeting:meeting": {
        "title": "conference_title",
        "acronym": "conference_acronym",
        "dates": "conference_dates",
        "place": "conference_place",
        "url": "conference_url",
        "session": "conference_session",
        "session_part": "conference_session_part",
    },
    "imprint:imprint": {
        "title": "partof_title",
        "pages": "partof_pages",
        "isbn": "imprint_isbn",
        "place": "imprint_place",
    },
    "thesis:thesis": {"university": "thesis_university"},
}
_ACCESS: Final = {
    "open": "public",
    "embargoed": "restricted",
    "restricted": "restricted",
    "closed": "restricted",
}


def is_one(document: Mapping[str, Any]) -> bool:
    """Whether a document has a field of this form, be it misspelt; ``codemeta.json`` and others have none."""
    if "@context" in document:  # JSON-LD shares names of fields with it, and means other things by them
        return not document.keys().isdisjoint(("title", "creators", "upload_type"))
    names = _TEXTS | _LISTS | _OTHERS | _IGNORED
    return any(name in names or difflib.get_close_matches(name, names, 1, 0.8) for name in document)


def read(document: Mapping[str, Any]) -> given.Found:
    """What a file says."""
    said = {
        name: value for name, value in document.items() if not given.is_empty(value) and name not in _IGNORED
    }
    problems, notices = _shape(said)
    good = {name: value for name, value in said.items() if _is_shaped(name, value)}
    fields = {**_texts(good), **_items(good, problems), **_custom(good), **_access(good, problems)}
    if "license" in said:
        fields["rights"] = _rights(said["license"], problems)
    if "access_conditions" in good:
        notices.append(
            "metadata-file: access_conditions is no longer supported by the service; it was left out."
        )
    if doi := _external_doi(good.get("doi", ""), problems):
        fields[given.EXTERNAL_DOI] = doi
    kept = {name: value for name, value in fields.items() if not given.is_empty(value)}
    return given.Found(kept, tuple(notices), _communities(good, problems), tuple(problems))


def _shape(said: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Problems and remarks about names and kinds of fields."""
    problems, notices = [], []
    known_names = _TEXTS | _LISTS | _OTHERS
    for name, value in said.items():
        label = words.printable(words.shorten(name, 60))
        if name not in known_names and not re.fullmatch(r"[a-z]+_type", name):
            near = difflib.get_close_matches(name, known_names, 1, 0.8)
            if near:
                problems.append(f"{label}: there is no such field; did you mean {near[0]}?")
            else:
                notices.append(f"metadata-file: {label} is not a field of a .zenodo.json; it was left out.")
        elif not _is_shaped(name, value):
            wanted = "a list" if name in _LISTS else "an object" if name == "custom" else "text"
            problems.append(f"{label}: expected {wanted}, got {checks.kind_of(value)}.")
        elif name in legacy_items.PARTS:
            notices += _unread(name, value)
    return problems, notices


def _unread(name: str, items: list[Any]) -> Iterator[str]:
    """A remark on the parts of a list's items that the form does not have, such as several affiliations."""
    parts = {part for item in items if isinstance(item, Mapping) for part, value in item.items() if value}
    if unread := sorted(parts - legacy_items.PARTS[name]):
        shown = words.printable(words.shorten(", ".join(unread), 100))
        yield f"metadata-file: {name}: {shown} cannot be given in a .zenodo.json; it was left out."


def _is_shaped(name: str, value: Any) -> bool:
    if name == "license":
        return True
    if name == "custom":
        return isinstance(value, dict)
    return isinstance(value, list if name in _LISTS else str)


def _texts(said: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "title": said.get("title"),
        "description": text.rich(said.get("description", "")),
        "publication_date": said.get("publication_date", "").strip(),
        "version": said.get("version", "").strip(),
        "publisher": said.get("imprint_publisher"),
    }
    if kind := said.get("upload_type", "").strip().lower():
        part = said.get(f"{kind}_type", "").strip().lower()
        fields["resource_type"] = {"id": known.resource_type(f"{kind}-{part}" if part else kind)}
    if code := said.get("language", "").strip():
        fields["languages"] = [{"id": known.language(code)}]
    for ours, theirs in (("notes", "notes"), ("methods", "method")):
        if content := said.get(theirs, "").strip():
            fields[f"{given.DESCRIPTIONS}{ours}"] = [
                {"description": text.rich(content), "type": {"id": ours}}
            ]
    return fields


def _items(said: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    def read_all(name: str) -> list[Any]:
        return legacy_items.read(name, said.get(name, []), problems)

    works = read_all("related_identifiers")
    others = [item for item in works if item["relation_type"]["id"] == "isalternateidentifier"]
    return {
        "creators": read_all("creators"),
        "contributors": [*read_all("thesis_supervisors"), *read_all("contributors")],
        "related_identifiers": [item for item in works if item not in others],
        "identifiers": [{"identifier": item["identifier"]} for item in others],
        "references": read_all("references"),
        "funding": read_all("grants"),
        "dates": read_all("dates"),
        "locations": {"features": features} if (features := read_all("locations")) else None,
        given.KEYWORDS: read_all("keywords"),
        f"{given.CUSTOM}legacy:subjects": read_all("subjects"),
    }


def _custom(said: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, parts in _CUSTOM.items():
        group = {ours: said[theirs] for ours, theirs in parts.items() if said.get(theirs)}
        fields[f"{given.CUSTOM}{name}"] = group
    for name, value in said.get("custom", {}).items():
        fields[f"{given.CUSTOM}{name}"] = value
    return fields


def _access(said: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    right = said.get("access_right", "").strip().lower()
    if right in ("", "open") and _is_future(said.get("embargo_date", "")):
        problems.append(
            "embargo_date: without access_right embargoed the files would be public at once; give both or neither."
        )
    if not right:
        return {}
    if right not in _ACCESS:
        problems.append(f"access_right: expected one of {', '.join(_ACCESS)}; got {checks.shown(right)}.")
        return {}
    access: dict[str, Any] = {"record": "public", "files": _ACCESS[right]}
    if right == "embargoed":
        if not said.get("embargo_date"):
            problems.append("embargo_date: needed with access_right embargoed.")
            return {}
        access["embargo"] = {"active": True, "until": said["embargo_date"].strip()}
    return {"access": access}


def _is_future(day: str) -> bool:
    return checks.is_date(day.strip()) and day.strip() > dt.datetime.now(dt.UTC).date().isoformat()


def _rights(value: Any, problems: list[str]) -> list[dict[str, Any]]:
    """The older form has one licence; several are what InvenioRDM takes."""
    found: list[dict[str, Any]] = []
    for each in value if isinstance(value, list) else [value]:
        name = each.get("id") if isinstance(each, Mapping) else each
        one = licenses.read(name) if isinstance(name, str) else []
        if not one:
            problems.append(f"license: expected an SPDX id such as CC-BY-4.0; got {checks.shown(name)}.")
        found += one
    return found


def _external_doi(value: str, problems: list[str]) -> str:
    """A DOI from elsewhere; those that the service gives itself are not written back."""
    if not value.strip():
        return ""
    bare = identifiers.normal(value, "doi")
    if not identifiers.is_of("doi", value):
        problems.append(f"doi: expected a DOI; got {checks.shown(value)}.")
        return ""
    return "" if re.match(r"10\.(5281|5072)/zenodo\.", bare, re.IGNORECASE) else bare


def _communities(said: Mapping[str, Any], problems: list[str]) -> tuple[str, ...]:
    found: Iterable[Any] = said.get("communities", [])
    names = []
    for place, item in enumerate(found, 1):
        name = item.get("identifier") if isinstance(item, Mapping) else None
        if not isinstance(name, str) or not name.strip():
            problems.append(f"communities: number {place}: expected an object with identifier.")
        else:
            names.append(name.strip().rstrip("/").rpartition("/")[2])
    return tuple(dict.fromkeys(names))
