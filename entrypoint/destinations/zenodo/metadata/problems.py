"""What the service says of metadata, and what publishing needs, in words of the inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from entrypoint import text as words
from entrypoint.destinations.zenodo.metadata import given

_INPUTS: Final = {
    "title": "title",
    "creators": "creators",
    "description": "description",
    "resource_type": "upload-type",
    "rights": "license",
    "subjects": "keywords",
    "version": "version",
    "related_identifiers": "related-identifiers",
}
"""The input by which a field is given; others come from a metadata-file."""
_NEEDED: Final = {
    "title": "title: a record needs one; give the input title or a metadata-file.",
    "creators": "creators: a record needs at least one; give the input creators, one per line, as "
    "Family, Given; affiliation; ORCID.",
    "resource_type": "upload-type: a record needs one, such as dataset.",
    "publication_date": "publication_date: a record needs one; give it in a metadata-file.",
    "publisher": "publisher: a record with a DOI needs one; give it in a metadata-file.",
}
_NO_LICENSE: Final = (
    "license: neither input nor metadata-file nor draft nor release gives one, and none is chosen for you; "
    "set license, such as CC-BY-4.0."
)
_MAX_SAID: Final = 300
"""Characters of one message of the service."""


def word_of(field: str) -> str:
    """What people call a field: the input that gives it, else the field of a metadata-file."""
    name = field.partition(".")[0]
    if name in _INPUTS:
        return _INPUTS[name]
    return f"metadata-file: {words.printable(words.shorten(field, 100))}"


def missing(body: Mapping[str, Any], *, published: bool = False) -> list[str]:
    """What publishing needs and a body lacks; one sentence each.

    Args:
        published: an earlier version is published: that it has no licence was a choice.
    """
    said = given.metadata_of(body)
    lacking = [sentence for field, sentence in _NEEDED.items() if given.is_empty(said.get(field))]
    if given.is_empty(said.get("rights")) and not published and _is_open(body):
        lacking.append(_NO_LICENSE)
    return lacking


def _is_open(body: Mapping[str, Any]) -> bool:
    """Whether everybody may read the files, now or after an embargo, so that they ask what they may do."""
    access = body.get("access")
    if not isinstance(access, Mapping):
        return True
    embargo = access.get("embargo")
    is_embargoed = isinstance(embargo, Mapping) and bool(embargo.get("active"))
    return access.get("files") != "restricted" or is_embargoed


def license_note(body: Mapping[str, Any]) -> str:
    """What the record will say of its licence, where that needs a remark; empty where one is there."""
    if given.items(given.metadata_of(body).get("rights")):
        return ""
    return "No license is given: the record will have none. Set license, such as CC-BY-4.0."


def problems_of(errors: object, body: Mapping[str, Any] | None = None) -> list[str]:
    """The ``errors`` of an answer, one sentence each with the service's own words.

    Left out: that files are missing, which are about to be sent; with `body`, that fields are missing which
    it does not have: a draft may lack them (`missing` tells).
    """
    has = given.metadata_of(body)
    found = []
    for field, message in _flat(errors):
        top = field.removeprefix("metadata.")
        is_lack = body is not None and field.startswith("metadata.") and given.is_empty(has.get(top))
        if field in ("files.enabled", "media_files.enabled") or (is_lack and "." not in top):
            continue
        found.append(_sentence(field, message))
    return list(dict.fromkeys(found))


def _flat(errors: object) -> Iterator[tuple[str, str]]:
    """Field and message of every error; the service nests them, or says ``message`` in place of a list."""
    for item in errors if isinstance(errors, Sequence) and not isinstance(errors, str) else ():
        if not isinstance(item, Mapping):
            continue
        field = str(item.get("field") or "")
        yield from (
            (field + path, said) for path, said in _messages(item.get("messages", item.get("message")))
        )


def _messages(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from ((f".{name}{path}", said) for path, said in _messages(inner))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _messages(inner)
    elif value:
        yield "", str(value)


def _sentence(field: str, message: str) -> str:
    path = field.removeprefix("metadata.").removeprefix("custom_fields.")
    name, *rest = path.split(".") if field.startswith("metadata.") else [path]
    word = word_of(name) if name else "metadata"
    place = f"number {int(rest[0]) + 1}: " if rest and rest[0].isdecimal() and len(rest[0]) < 6 else ""
    inner = [part for part in rest[1 if place else 0 :] if part not in ("person_or_org", "_schema")]
    where = f"{place}{' '.join(inner).replace('_', ' ')}{': ' if inner else ''}"
    said = words.printable(words.shorten(" ".join(message.split()), _MAX_SAID))
    return f"{word}: {words.printable(words.shorten(where, 100))}{said.rstrip('.')}."
