"""A ``CITATION.cff`` (https://github.com/citation-file-format/citation-file-format), to InvenioRDM's form.

By the rules of Zenodo and cffconvert. Left out: the file's own DOI and identifiers where they are Zenodo's,
which would make the record a supplement of itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from entrypoint.destinations.zenodo.metadata import checks, given, identifiers, known, licenses, people, text

MAX_DEPTH: Final = 20
MAX_NODES: Final = 50_000
"""Nodes of the document with every alias in full: a few aliases of aliases would be billions."""
_TEXTS: Final = ("title", "version", "date-released", "abstract", "message", "license-url")
_LISTS: Final = ("authors", "keywords", "identifiers")
_OWN: Final = re.compile(r"\b10\.(5281|5072)/zenodo\.")
"""DOIs of the service itself."""
_ADDRESSES: Final = ("doi", "repository", "repository-artifact", "repository-code", "url")


class _Loader(yaml.SafeLoader):
    """Every value a text but ``null`` and ``~``; keys merged by ``<<``. It builds no objects but plain ones."""


_Loader.yaml_implicit_resolvers = {
    first: kept
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (
        kept := [
            item for item in resolvers if item[0] in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
        ]
    )
}


class WrongError(ValueError):
    """No citation; the text says why, to follow the file's name."""


def parse(content: str) -> Mapping[str, Any]:
    """The document, with aliases in full and every value a text: a version 1.10 must not become 1.1.

    Raises:
        WrongError: it is none.
    """
    try:
        _bound(content)
        document = yaml.load(content, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, WrongError):
            raise
        raise WrongError("is not valid YAML") from error
    if document is None:
        raise WrongError("is empty")
    if isinstance(document, dict) and "cff-version" not in document and "authors" in document:
        raise WrongError("is a CITATION.cff without cff-version")
    if not isinstance(document, dict) or "cff-version" not in document:
        raise WrongError("is neither metadata in JSON nor a CITATION.cff")
    return document


def _bound(content: str) -> None:
    """An alias can make a small file a huge one, and deep nesting makes PyYAML slow."""
    sizes: dict[str, int] = {}
    stack: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(content, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            # An alias inside of what it names would be a circle.
            if any(anchor == event.anchor for anchor, _ in stack):
                raise WrongError("has a YAML alias inside itself")
            total += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            stack.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = stack.pop()
            if anchor:
                sizes[anchor] = total - before
        if len(stack) > MAX_DEPTH:
            raise WrongError("is nested too deeply")
        if total > MAX_NODES:
            raise WrongError("uses YAML aliases that make it too large")


def read(document: Mapping[str, Any]) -> given.Found:
    """What a citation says."""
    problems = list(_misshaped(document))
    notices: list[str] = []
    fields: dict[str, Any] = {
        "title": _word(document, "title"),
        "version": _word(document, "version"),
        "publication_date": _word(document, "date-released"),
        "description": text.from_plain(_word(document, "abstract")),
        "creators": [
            _author(item, place, problems) for place, item in enumerate(_items(document, "authors"), 1)
        ],
        given.KEYWORDS: [
            {"subject": word.strip()}
            for word in _items(document, "keywords")
            if isinstance(word, str) and word.strip()
        ],
        "rights": _rights(document, problems),
        "related_identifiers": _related(document, notices),
    }
    if message := _word(document, "message"):
        note = {"description": text.from_plain(message), "type": {"id": "notes"}}
        fields[f"{given.DESCRIPTIONS}notes"] = [note]
    if document.get("type") in ("software", "dataset"):
        fields["resource_type"] = {"id": document["type"]}
    said = {name: value for name, value in fields.items() if not given.is_empty(value)}
    return given.Found(said, tuple(notices), problems=tuple(problems))


def _misshaped(document: Mapping[str, Any]) -> Iterator[str]:
    """Fields of another kind than the format has; they would be left out without a word."""
    for names, kind, what in ((_TEXTS, str, "text"), (_LISTS, list, "a list")):
        for name in names:
            value = document.get(name)
            if value is not None and not isinstance(value, kind):
                yield f"{name}: expected {what}, got {checks.kind_of(value)}."
    released = _word(document, "date-released")
    if released and not checks.is_date(released):
        yield f"date-released: expected a date as 2026-01-31; got {checks.shown(released)}."


def _author(author: Any, place: int, problems: list[str]) -> dict[str, Any]:
    if not isinstance(author, Mapping):
        problems.append(f"authors: number {place}: expected an object with a name.")
        return people.organisation("?")
    ids = []
    if orcid := _word(author, "orcid"):
        if bare := identifiers.orcid(orcid):
            ids.append({"scheme": "orcid", "identifier": bare})
        else:
            problems.append(f"authors: number {place}: has an ORCID iD that is not valid: {orcid!r}.")
    where = _word(author, "affiliation")
    affiliations = [people.affiliation(where)] if where else []
    family = " ".join(filter(None, (_word(author, "name-particle"), _word(author, "family-names"))))
    given_names = " ".join(filter(None, (_word(author, "given-names"), _word(author, "name-suffix"))))
    if family or given_names:
        return people.person(
            ", ".join(filter(None, (family, given_names))), affiliations=affiliations, ids=ids
        )
    # In CFF, "name" distinguishes an entity (an organisation, a team) from a person.
    if name := _word(author, "name"):
        return people.organisation(name, affiliations=affiliations, ids=ids)
    if alias := _word(author, "alias"):
        return people.person(alias, affiliations=affiliations, ids=ids)
    problems.append(f"authors: number {place}: has no name.")
    return people.organisation("?")


def _rights(document: Mapping[str, Any], problems: list[str]) -> list[dict[str, Any]]:
    named = document.get("license")
    found: list[dict[str, Any]] = []
    for each in named if isinstance(named, list) else [named]:
        if not isinstance(each, str) or not each.strip():
            continue
        one = licenses.read(each)
        if not one:
            problems.append(f"license: expected an SPDX id such as CC-BY-4.0; got {each[:80]!r}.")
        found += [item for item in one if item not in found]
    page = _word(document, "license-url")
    if not found and page:
        found = licenses.read(page)
    return found


def _related(document: Mapping[str, Any], notices: list[str]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for item in _items(document, "identifiers"):
        if isinstance(item, Mapping) and _word(item, "value"):
            value, relation = _word(item, "value"), _word(item, "relation") or "isSupplementedBy"
            found.setdefault(identifiers.normal(value), _work(value, relation))
    for field in _ADDRESSES:
        if value := _word(document, field):
            found.setdefault(identifiers.normal(value), _work(value, "isSupplementedBy"))
    works = {value: item for value, item in found.items() if not _OWN.search(value)}
    # What the service would refuse, a SWHID for one, must not end a run that is about something else.
    unknown = [value for value, item in works.items() if not identifiers.scheme_of(item["identifier"])]
    if unknown:
        notices.append(
            f"metadata-file: the service takes no identifier such as {checks.shown(unknown[0])}; "
            f"{'it was' if len(unknown) == 1 else f'{len(unknown)} were'} left out."
        )
    return [item for value, item in works.items() if value not in unknown]


def _work(value: str, relation: str) -> dict[str, Any]:
    return {"identifier": value, "relation_type": {"id": known.relation(relation)}}


def _word(document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    return value.strip() if isinstance(value, str) else ""


def _items(document: Mapping[str, Any], field: str) -> list[Any]:
    value = document.get(field)
    return value if isinstance(value, list) else []
