"""What a draft is to have: all that it has, but for what inputs, files, release or mark say otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from entrypoint.destinations.zenodo.metadata import (
    checks,
    given,
    identifiers,
    known,
    normal,
    notes,
    overlay,
    text,
    writable,
)
from entrypoint.plan import model

DEFAULT_TYPE: Final = "dataset"
_SUPPLEMENT: Final = "issupplementto"


@dataclass(frozen=True)
class Context:
    """What fills empty fields, and the mark.

    Attributes:
        data_set: for a title where there is none.
        mark: of this run, for a draft that it made; empty takes the marks of others out; nothing leaves
            the notes as they are.
        today: of the publication.
        publisher: name of the service; registering a DOI needs one.
    """

    plan: model.Plan
    data_set: str
    mark: str | None
    today: dt.date
    publisher: str


def merge(said: given.Given, there: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
    """The whole body to be written.

    Args:
        there: the draft as the service shows it; nothing for one that is to be made.
    """
    body = writable.of(there)
    metadata: dict[str, Any] = body["metadata"]
    access = body.setdefault("access", {"record": "public", "files": "public"})
    for name, value in said.values.items():
        if name.startswith(given.CUSTOM):
            body["custom_fields"][name.removeprefix(given.CUSTOM)] = value
        elif name == "access":
            body["access"] = {**access, "embargo": {"active": False}, **value}
        elif name == given.EXTERNAL_DOI:
            body["pids"] = {"doi": {"identifier": value, "provider": "external"}}
        elif "." in name:
            _put_part(metadata, name, value)
        else:
            metadata[name] = _over(name, value, there) if name in said.loose else value
    for name, value in _fill(said, context).items():
        if given.is_empty(metadata.get(name)):
            metadata[name] = value
    _name_release(metadata, said)
    if context.mark is not None:
        metadata["additional_descriptions"] = notes.put(
            given.items(metadata.get("additional_descriptions")), context.mark, said.notes_type
        )
    body["metadata"] = {name: value for name, value in metadata.items() if not given.is_empty(value)}
    return body


def given_differs(said: given.Given, record: Mapping[str, Any]) -> list[str]:
    """The fields that inputs or files give and a record, as the service shows it, has otherwise."""
    nothing = Context(model.Plan(()), "", "", dt.date.min, "")
    unmarked = {**record, "metadata": merge(given.Given(), record, nothing)["metadata"]}
    merged = merge(given.Given(said.values, said.loose), record, nothing)
    names = {name.partition(".")[0] for name in said.values} | set(said.values)
    return [
        name
        for name in normal.differs(merged, unmarked)
        if name in names and not (name == "related_identifiers" and _are_in(merged, unmarked))
    ]


def _are_in(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether a record has all the related works of another one; beside them it names its release."""
    field = "related_identifiers"
    there = normal.of(theirs).get(field, [])
    return all(item in there for item in normal.of(ours).get(field, []))


def _over(name: str, value: Any, there: Mapping[str, Any] | None) -> Any:
    """A value from a form that cannot express all of the field, over what the draft shows there."""
    return writable.field(name, overlay.over(name, value, given.metadata_of(there).get(name)))


def _put_part(metadata: dict[str, Any], name: str, value: Sequence[Any]) -> None:
    """Replace the items of one kind in a list that holds several, in their place."""
    field = name.partition(".")[0]
    items = given.items(metadata.get(field))
    is_part = [_part_of(field, item) == name for item in items]
    place = is_part.index(True) if True in is_part else len(items)
    rest = [item for item, mine in zip(items, is_part, strict=True) if not mine]
    metadata[field] = [*rest[:place], *value, *rest[place:]]


def _part_of(field: str, item: Any) -> str:
    if field == "subjects":
        return given.TERMS if isinstance(item, Mapping) and item.get("id") else given.KEYWORDS
    return f"{given.DESCRIPTIONS}{writable.type_of(item)}"


def _fill(said: given.Given, context: Context) -> dict[str, Any]:
    """What the release event, and then the catalog, add to empty fields."""
    plan, release = context.plan, said.release
    title, description = plan.title or context.data_set, text.from_plain(plan.description)
    fields: dict[str, Any] = {
        "resource_type": {"id": DEFAULT_TYPE},
        "publication_date": context.today.isoformat(),
        "publisher": context.publisher,
    }
    if release is not None:
        title = release.title or plan.title or f"{release.repository} {release.tag}".strip()
        description = text.from_markdown(release.notes) or description
        fields["version"] = release.tag[: checks.MAX_VERSION]
        fields["rights"] = [dict(item) for item in said.license] or _license(release.license)
    if title:
        long_enough = len(title.strip()) >= checks.MIN_TEXT
        fields["title"] = title if long_enough else f"Data set {title}".strip()
    if len(description) >= checks.MIN_TEXT:
        fields["description"] = description
    return {name: value for name, value in fields.items() if not given.is_empty(value)}


def _license(spdx: str) -> list[dict[str, Any]]:
    return [{"id": known.license_id(spdx)}] if spdx else []


def _name_release(metadata: dict[str, Any], said: given.Given) -> None:
    """Name the release that the record supplements, in place of the one of an older version."""
    release = said.release
    if release is None or not release.url:
        return
    asked = said.values.get("related_identifiers", [])
    if any(_relation(item) == _SUPPLEMENT for item in asked):
        return
    releases = f"{release.repository_url}/releases/" if release.repository_url else release.url
    items = given.items(metadata.get("related_identifiers"))
    is_release = [
        _relation(item) == _SUPPLEMENT and str(item.get("identifier", "")).startswith(releases)
        for item in items
    ]
    if sum(is_release) == 1 and items[is_release.index(True)]["identifier"] == release.url:
        return
    place = is_release.index(True) if True in is_release else len(items)
    rest = [item for item, old in zip(items, is_release, strict=True) if not old]
    scheme = identifiers.scheme_of(release.url)
    new = {"identifier": release.url, "relation_type": {"id": _SUPPLEMENT}}
    rest.insert(place, {**new, "scheme": scheme} if scheme else new)
    metadata["related_identifiers"] = rest


def _relation(item: Any) -> str:
    kind = item.get("relation_type") if isinstance(item, Mapping) else None
    found = kind.get("id") if isinstance(kind, Mapping) else None
    return known.relation(found) if isinstance(found, str) else ""
