"""The part of a draft, as the service shows it, that can be written back: the same, without what it adds.

Read, a draft is "dereferenced": beside the id of a licence, a language, an affiliation stand its title and
more, which the service itself refuses when they are written ("Unknown field.").
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

_ID_ONLY: Final = {"rights": "icon", "subjects": "scheme title props identifiers synonyms"}


def of(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """``metadata``, ``custom_fields``, ``access`` and ``files`` of a draft; ``pids`` stay as they are unsent.

    Args:
        document: in InvenioRDM's form; nothing for a draft that is to be made.
    """
    there = document or {}
    body: dict[str, Any] = {
        "metadata": {name: field(name, value) for name, value in _object(there, "metadata").items()},
        "custom_fields": {
            name: _bare(value) for name, value in _object(there, "custom_fields").items() if value is not None
        },
    }
    if access := _object(there, "access"):
        body["access"] = {name: copy.deepcopy(value) for name, value in access.items() if name != "status"}
    body["files"] = _files(_object(there, "files"))
    if media := _object(there, "media_files"):
        body["media_files"] = _files(media, enabled=media.get("enabled") is True)
    return body


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _files(files: Mapping[str, Any], *, enabled: bool = True) -> dict[str, Any]:
    kept: dict[str, Any] = {"enabled": enabled}
    entries = files.get("entries")
    preview = files.get("default_preview")
    # The service refuses to show a file first that is gone.
    if preview and (not isinstance(entries, Mapping) or preview in entries):
        kept["default_preview"] = preview
    if isinstance(files.get("order"), list) and files["order"]:
        kept["order"] = list(files["order"])
    return kept


def field(name: str, value: Any) -> Any:
    """One field of ``metadata`` as it can be written."""
    if isinstance(value, list):
        return [_item(name, item) for item in value]
    return _bare(value)


def _item(name: str, item: Any) -> Any:
    if not isinstance(item, Mapping):
        return copy.deepcopy(item)
    match name:
        case "rights" | "subjects":
            return _relation(item, without=_ID_ONLY[name].split())
        case "creators" | "contributors":
            return _person(item)
        case "funding":
            return {
                part: _relation(value) if isinstance(value, Mapping) else value
                for part, value in item.items()
            }
        case _:
            return _bare(item)


def _person(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {part: _bare(value) for part, value in item.items() if part != "affiliations"}
    affiliations = item.get("affiliations")
    if isinstance(affiliations, list):
        kept["affiliations"] = [
            _relation(each, without=("identifiers",)) if isinstance(each, Mapping) else each
            for each in affiliations
        ]
    elif affiliations is not None:
        kept["affiliations"] = affiliations
    return kept


def _relation(item: Mapping[str, Any], without: tuple[str, ...] | list[str] = ()) -> dict[str, Any]:
    """An entry of a vocabulary by its id alone; one in words, without what the service adds."""
    if item.get("id"):
        return {"id": item["id"]}
    return {part: copy.deepcopy(value) for part, value in item.items() if part not in without}


def _bare(value: Any) -> Any:
    """A value, with every entry of a vocabulary in it by its id alone."""
    if isinstance(value, Mapping):
        if isinstance(value.get("id"), str) and isinstance(value.get("title"), Mapping):
            return {"id": value["id"]}
        return {name: _bare(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_bare(item) for item in value]
    return copy.deepcopy(value)


def type_of(item: Any) -> str:
    """Id of an item's type, such as ``notes``; empty without one."""
    kind = item.get("type") if isinstance(item, Mapping) else None
    found = kind.get("id") if isinstance(kind, Mapping) else kind
    return found if isinstance(found, str) else ""
