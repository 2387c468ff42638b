"""Vocabularies are the service's: whether an id is in one is asked of it, once each, before anything is written.

What a service without such a vocabulary would say is not known; the id goes through, with a remark.
"""

from __future__ import annotations

import difflib
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from entrypoint import errors
from entrypoint import text as words

Ask = Callable[[str], object | None]
"""A GET of a path of the service's API: the JSON document; nothing for what it does not have (404, 405, 501).

Raises what the client raises: `errors.Refused`, `errors.NotAuthorised` and `errors.Unreachable` become a remark.
"""
_UNANSWERED: Final = (errors.Refused, errors.NotAuthorised, errors.Unreachable)

_OWN_PATHS: Final = {name: f"/api/{name}" for name in ("affiliations", "awards", "funders", "subjects")}
_LISTED: Final = 1000
"""Entries of a vocabulary to look for a similar id in."""
_SMALL: Final = frozenset(
    [
        "resourcetypes",
        "creatorsroles",
        "contributorsroles",
        "relationtypes",
        "titletypes",
        "datetypes",
        "descriptiontypes",
    ]
)


class Vocabularies:
    """The vocabularies of one service.

    Args:
        ask: see `Ask`.
        known: ids that need no question, by vocabulary: a draft of the service has them.
    """

    def __init__(self, ask: Ask, known: Mapping[str, Iterable[str]]) -> None:
        self._ask = ask
        self._known = {name: frozenset(ids) for name, ids in known.items()}
        self._entries: dict[tuple[str, str], Mapping[str, Any] | None] = {}
        self._exists: dict[str, bool] = {}
        self._failures: list[str] = []
        self._is_silent = False

    def find(self, name: str, candidates: Iterable[str], unasked: str = "") -> str | None:
        """The id by which the service has one of these, the likeliest first; nothing where it has none.

        Args:
            unasked: the answer where the service has no such vocabulary; else the last one, which is the
                newest spelling.
        """
        ids = list(candidates)
        if found := next((each for each in ids if each in self._known.get(name, ())), None):
            return found
        if self._is_silent:
            return unasked or ids[-1]
        try:
            for each in ids:
                if (entry := self._entry(name, each)) is not None:
                    # An id may be an older one of the entry.
                    found = entry.get("id")
                    return found if isinstance(found, str) and found else each
            if self._has(name):
                return None
        except _UNANSWERED as error:
            # What it does not answer after all tries is not asked again: a run's patience is for what it needs.
            self._is_silent = isinstance(error, errors.Unreachable)
            others = " No others were read." if self._is_silent else ""
            self._failures.append(f"The vocabulary {name} could not be read: {error.message}{others}")
        return unasked or ids[-1]

    def _entry(self, name: str, identifier: str) -> Mapping[str, Any] | None:
        key = (name, identifier)
        if key not in self._entries:
            document = self._ask(f"{_path(name)}/{urllib.parse.quote(identifier, safe=':')}")
            self._entries[key] = document if isinstance(document, Mapping) else None
        return self._entries[key]

    def _has(self, name: str) -> bool:
        """Whether the service has the vocabulary at all, be it an empty one."""
        if name not in self._exists:
            document = self._ask(f"{_path(name)}?size=1")
            self._exists[name] = isinstance(document, Mapping) and "hits" in document
        return self._exists[name]

    def has_tag(self, name: str, identifier: object, tag: str) -> bool:
        """Whether an entry that was found carries a tag; true where nothing is known of it."""
        tags = (self._entries.get((name, str(identifier))) or {}).get("tags")
        return not tags or tag in tags

    def similar(self, name: str, wanted: str) -> list[str]:
        """Ids like this one, for "did you mean"; at most three, none if the service returns none."""
        query = {"size": str(_LISTED)} if name in _SMALL else {"suggest": wanted, "size": "20"}
        try:
            hits = _hits(self._ask(f"{_path(name)}?{urllib.parse.urlencode(query)}"))
            if not hits and name not in _SMALL:
                hits = _hits(self._ask(f"{_path(name)}?size={_LISTED}"))
        except _UNANSWERED:
            return []
        ids = [str(hit.get("id")) for hit in hits]
        of_kind = [each for each in ids if each.rpartition("-")[2] == wanted]
        # Of a family without its version (GPL, CC-BY-SA) the newest ones.
        of_kind += sorted((each for each in ids if each.startswith(f"{wanted}-")), reverse=True)
        return list(dict.fromkeys([*of_kind, *difflib.get_close_matches(wanted, ids, 3, 0.6)]))[:3]

    def remarks(self) -> list[str]:
        """What could not be found out, one sentence each."""
        lacking = ", ".join(sorted(name for name, exists in self._exists.items() if not exists))
        sentence = f"The service has no vocabulary of {lacking}: their values could not be checked."
        return [*dict.fromkeys(self._failures), *([sentence] if lacking else [])]


def unknown(vocabularies: Vocabularies, name: str, wanted: str, what: str) -> str:
    """A sentence about an id that the service does not have."""
    near = vocabularies.similar(name, wanted)
    shown = words.printable(words.shorten(wanted, 80))
    hint = f"; did you mean {words.printable(' or '.join(near))}?" if near else "."
    return f"the service has no {what} {shown!r}{hint}"


def _path(name: str) -> str:
    return _OWN_PATHS.get(name, f"/api/vocabularies/{urllib.parse.quote(name, safe=':')}")


def _hits(document: object) -> list[Mapping[str, Any]]:
    outer = document.get("hits") if isinstance(document, Mapping) else None
    hits = outer.get("hits") if isinstance(outer, Mapping) else None
    return [hit for hit in hits if isinstance(hit, Mapping)] if isinstance(hits, list) else []
