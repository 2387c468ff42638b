"""Licences in InvenioRDM's form: ids of the vocabulary, or a title and a link of one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from entrypoint.destinations.zenodo.metadata import known

_URL: Final = re.compile(r"https?://[^\s<>\"]+")
_ID: Final = re.compile(r"[\w.+-]{1,100}")
_PHRASES: Final = re.compile(r"[\w.+ -]{1,100}")


def read(value: str) -> list[dict[str, Any]]:
    """The licences that a text names.

    One a line; an SPDX expression with OR or AND names several; an URL, or words and an URL, is a licence of
    one's own. Empty where a line is none of these.
    """
    found: list[dict[str, Any]] = []
    for line in filter(None, (part.strip() for part in value.splitlines())):
        for each in _terms(line):
            one = _license(each)
            if not one:
                return []
            if one not in found:
                found.append(one)
    return found


def _terms(line: str) -> Sequence[str]:
    if _URL.search(line):
        return [line]
    parts = re.split(r"\s+(?:OR|AND|or|and)\s+|\s*,\s*", line.strip("() "))
    return [part.strip("() ") for part in parts]


def _license(value: str) -> dict[str, Any]:
    page = _URL.search(value)
    if page is None:
        is_known = known.license_id(value) != value.lower() and _PHRASES.fullmatch(value)
        return {"id": value.strip()} if is_known or _ID.fullmatch(value) else {}
    if page[0] == value and known.license_word(value) != value.lower():
        return {"id": value}
    title = (value[: page.start()] + value[page.end() :]).strip(" :;,-()") or page[0]
    return custom(title, page[0])


def custom(title: str, link: str) -> dict[str, Any]:
    """A licence that no vocabulary has."""
    return {"title": {"en": title}, "link": link}


def candidates(value: str) -> list[str]:
    """The ids by which a vocabulary may have this licence, the likeliest first."""
    return list(dict.fromkeys((known.license_word(value), known.license_id(value))))


def title_of(rights: Mapping[str, Any]) -> str:
    """Name of a licence for people."""
    if rights.get("id"):
        return str(rights["id"])
    title = rights.get("title")
    if isinstance(title, Mapping):
        return str(next(iter(title.values()), ""))
    return str(rights.get("link") or "")
