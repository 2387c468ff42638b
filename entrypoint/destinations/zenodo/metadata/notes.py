"""The mark of a run in a draft: an additional description of type ``notes``, where the service has this type.

It has an entry of its own, before other notes: the deposit API shows the first one only. Drafts of earlier
versions of this program carry it at the end of the notes; it is found there, too, and moves.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from entrypoint.destinations.zenodo.metadata import given, writable

NOTES: Final = "notes"
"""Zenodo's type, which is the ``notes`` of its deposit API."""
OTHER: Final = "other"
"""Every InvenioRDM has it."""
_MARK: Final = re.compile(r"\s*Uploaded\s+by\s+catalog-upload:\s+\S+\s+\(data\s+set\s+[^()]*\)")
_EMPTY: Final = re.compile(r"(?:<p>|</p>|<br\s*/?>|&nbsp;|\s)*")


def has_mark(document: Mapping[str, Any], mark: str) -> bool:
    """Whether a draft or record, as the service shows it, carries the mark."""
    return any(legacy_has_mark(item.get("description"), mark) for item in _descriptions(document))


def _descriptions(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return given.objects(given.metadata_of(document).get("additional_descriptions"))


def type_of_mark(document: Mapping[str, Any]) -> str:
    """The type of the description that holds a mark, of whatever run; empty without one."""
    marked = (item for item in _descriptions(document) if _MARK.search(str(item.get("description"))))
    return next(map(writable.type_of, marked), "")


def legacy_has_mark(notes: object, mark: str) -> bool:
    """Whether the notes of the deposit API carry the mark, whatever the service did to blanks and markup."""
    if not mark or not isinstance(notes, str):
        return False
    plain = html.unescape(re.sub(r"</?(?:p|br)\b[^>]*>", " ", notes))
    return mark in " ".join(plain.split())


def put(descriptions: Sequence[Any], mark: str, kind: str = NOTES) -> list[Any]:
    """The descriptions with this mark in place of any other; with an empty mark, without the others.

    Args:
        kind: type of the description that holds it.
    """
    kept: list[Any] = []
    for item in descriptions:
        stays = _without_mark(item)
        if stays is not None:
            kept.append(stays)
    if mark:
        place = next((at for at, item in enumerate(kept) if writable.type_of(item) == kind), len(kept))
        kept.insert(place, {"description": f"<p>{html.escape(mark, quote=False)}</p>", "type": {"id": kind}})
    return kept


def _without_mark(item: Any) -> Any:
    """The item as it is, or without a mark; nothing where it held nothing else."""
    description = item.get("description") if isinstance(item, Mapping) else None
    if not isinstance(description, str) or not _MARK.search(description):
        return item
    rest = _MARK.sub("", description).strip()
    return None if _EMPTY.fullmatch(rest) else {**item, "description": rest}
