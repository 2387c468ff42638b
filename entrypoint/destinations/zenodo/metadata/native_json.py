"""InvenioRDM's own JSON (https://inveniordm.docs.cern.ch/reference/metadata/) as a metadata file.

What the service exports can be given as it is: what it adds to a record (ids, links, titles of vocabularies)
is left out. Fields that this code does not know go through: the service knows them, or says that it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from entrypoint import text as words
from entrypoint.destinations.zenodo.metadata import given, known, licenses, text, writable

_SERVICE: Final = frozenset(
    [
        "id",
        "links",
        "created",
        "updated",
        "revision_id",
        "revision",
        "parent",
        "versions",
        "is_published",
        "is_draft",
        "status",
        "stats",
        "files",
        "media_files",
        "pids",
        "expires_at",
        "deletion_status",
        "swh",
        "ui",
        "tombstone",
        "review",
        "recid",
        "internal_notes",
        "$schema",
    ]
)
"""What a service says of its own; nothing of it can be given."""


def is_native(document: Mapping[str, Any]) -> bool:
    """Whether a document is in this form, and not the older one inside ``{"metadata": …}``."""
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping):
        return False
    if any(name in document for name in ("custom_fields", "access", "parent", "revision_id")):
        return True
    creators = metadata.get("creators")
    people = creators if isinstance(creators, list) else []
    marks = ("resource_type", "rights", "additional_descriptions", "funding", "languages", "publisher")
    return any(isinstance(who, Mapping) and "person_or_org" in who for who in people) or any(
        name in metadata for name in marks
    )


def read(document: Mapping[str, Any]) -> given.Found:
    """What such a document says."""
    notices = []
    body = writable.of(document)
    fields: dict[str, Any] = {}
    for name, value in body["metadata"].items():
        fields.update(_split(name, value))
    for name, value in body["custom_fields"].items():
        fields[f"{given.CUSTOM}{name}"] = value
    if body.get("access"):
        fields["access"] = {"record": "public", "files": "public", **body["access"]}
    problems = [
        f"{part}: expected an object."
        for part in ("custom_fields", "access")
        if not isinstance(document.get(part) or {}, Mapping)
    ]
    unread = [name for name in document if name not in _SERVICE | {"metadata", "custom_fields", "access"}]
    if unread:
        names = words.printable(words.shorten(", ".join(sorted(unread)), 200))
        notices.append(f"metadata-file: {names} beside metadata, custom_fields and access is ignored.")
    if _external_doi(document):
        notices.append(
            "metadata-file: pids is not read, its DOI from elsewhere neither: give it as doi in a .zenodo.json."
        )
    said = {name: value for name, value in fields.items() if not given.is_empty(value)}
    return given.Found(said, tuple(notices), problems=tuple(problems), exact=True)


def _external_doi(document: Mapping[str, Any]) -> bool:
    """Whether a document has a DOI that its service did not give."""
    pids = document.get("pids")
    doi = pids.get("doi") if isinstance(pids, Mapping) else None
    return isinstance(doi, Mapping) and doi.get("provider") == "external"


def _split(name: str, value: Any) -> Mapping[str, Any]:
    """A field of `metadata` by the keys that `given` has for it, ids in today's spelling."""
    if not isinstance(value, list):
        if name == "resource_type" and isinstance(value, Mapping) and isinstance(value.get("id"), str):
            return {name: {**value, "id": known.resource_type(value["id"])}}
        return {name: text.repaired(value) if isinstance(value, str) else value}
    match name:
        case "subjects":
            listed = [item for item in value if isinstance(item, Mapping) and item.get("id")]
            free = [item for item in value if item not in listed]
            return {given.TERMS: listed, given.KEYWORDS: free}
        case "additional_descriptions":
            found: dict[str, list[Any]] = {}
            for item in value:
                kind = writable.type_of(item)
                found.setdefault(f"{given.DESCRIPTIONS}{kind}", []).append(item)
            return found
        case "rights":
            return {name: [_right(item) for item in value]}
        case _:
            return {name: value}


def _right(item: Any) -> Any:
    if isinstance(item, str):
        found = licenses.read(item)
        return found[0] if found else {"id": item}
    return item
