"""Indices, aliases, templates and documents."""

from __future__ import annotations

import fnmatch
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.real_zenodo.search.values import Document


class Missing(Exception):
    """No such index."""


class Conflict(Exception):
    """A document is there in a newer version, or is there at all."""


@dataclass(frozen=True)
class Stored:
    """One document as it was indexed."""

    index: str
    ident: str
    source: Document
    version: int
    sequence: int

    @property
    def seen(self) -> Document:
        """What queries see: the document and its id."""
        return {**self.source, "_id": self.ident}


@dataclass
class Index:
    """One index."""

    name: str
    body: dict[str, Any]
    aliases: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, Stored] = field(default_factory=dict)


class Store:
    """Everything that there is; each method is one step for all threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.indices: dict[str, Index] = {}
        self.templates: dict[str, dict[str, Any]] = {}
        self._sequence = itertools.count()

    def create(self, name: str, body: dict[str, Any]) -> Index:
        """A new index, with the mappings of the templates that fit its name.

        Raises:
            Conflict: there is one of that name.
        """
        if name in self.indices:
            raise Conflict(name)
        index = Index(name, body, dict(body.get("aliases", {})))
        for template in self.templates.values():
            patterns = template.get("index_patterns", [])
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                inner = template.get("template", template)
                index.aliases |= inner.get("aliases", {})
                index.body = {**inner, **index.body}
        self.indices[name] = index
        return index

    def named(self, names: str) -> list[Index]:
        """The indices that a comma-separated list of names, aliases and patterns means.

        Raises:
            Missing: a name that is neither an index nor an alias.
        """
        found: dict[str, Index] = {}
        for name in names.split(",") if names and names != "_all" else ["*"]:
            hits = [each for each in self.indices.values() if _fits(each, name)]
            if not hits and "*" not in name:
                raise Missing(name)
            found |= {each.name: each for each in hits}
        return list(found.values())

    def documents(self, names: str) -> list[Stored]:
        """Every document of these indices."""
        return [each for index in self.named(names) for each in index.documents.values()]

    def writable(self, name: str) -> Index:
        """The one index behind a name; a new one where there is none, as OpenSearch makes it."""
        try:
            return self.named(name)[0]
        except Missing:
            return self.create(name, {})

    def put(
        self,
        name: str,
        ident: str,
        source: Document,
        *,
        version: int | None = None,
        kind: str = "",
        only_new: bool = False,
    ) -> tuple[Stored, bool]:
        """Index one document; and whether it is new.

        Args:
            name: of an index or alias.
            ident: the document's id.
            source: the document.
            version: of the outside, where `kind` is `external` or `external_gte`.
            kind: of the version.
            only_new: refuse to replace.

        Raises:
            Conflict: it is there, or in a newer version.
        """
        index = self.writable(name)
        before = index.documents.get(ident)
        if before and only_new:
            raise Conflict(ident)
        if before and version is not None and kind.startswith("external"):
            newer = before.version > version if kind == "external_gte" else before.version >= version
            if newer:
                raise Conflict(ident)
        number = version if version is not None else (before.version + 1 if before else 1)
        stored = Stored(index.name, ident, source, number, next(self._sequence))
        index.documents[ident] = stored
        return stored, before is None

    def get(self, names: str, ident: str) -> Stored | None:
        """One document."""
        found = (index.documents.get(ident) for index in self.named(names))
        return next((each for each in found if each), None)

    def remove(self, names: str, ident: str) -> Stored | None:
        """Delete one document, wherever it is; what it was."""
        removed = [index.documents.pop(ident, None) for index in self.named(names)]
        return next((each for each in removed if each), None)

    def aliases(self, names: str = "", alias: str = "*") -> Iterator[tuple[str, dict[str, Any]]]:
        """Each of these indices that has such aliases, with them."""
        for index in self.named(names):
            hits = {key: value for key, value in index.aliases.items() if _matches(key, alias)}
            if hits or alias == "*":
                yield index.name, hits


def _fits(index: Index, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in (index.name, *index.aliases))


def _matches(name: str, patterns: str) -> bool:
    return any(fnmatch.fnmatchcase(name, each) for each in patterns.split(","))
