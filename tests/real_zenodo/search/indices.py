"""Requests about indices: create, delete, aliases, mappings, settings, templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.real_zenodo.search.request import Answer, Request
from tests.real_zenodo.search.store import Conflict

_DONE: Final = {"acknowledged": True}
_SHARDS: Final = {"_shards": {"total": 1, "successful": 1, "failed": 0}}


def index(request: Request) -> Answer:
    """Create an index, read it, delete it."""
    store, name = request.store, request.index
    if request.method == "PUT":
        try:
            store.create(name, request.json())
        except Conflict:
            error = {"type": "resource_already_exists_exception", "reason": f"index [{name}] already exists"}
            return Answer(400, {"error": error, "status": 400})
        return Answer(200, {**_DONE, "shards_acknowledged": True, "index": name})
    found = store.named(name)
    if not found:
        return Answer(404, {})
    if request.method == "DELETE":
        for each in found:
            del store.indices[each.name]
        return Answer(200, _DONE)
    return Answer(200, {each.name: {"aliases": each.aliases, **each.body} for each in found})


def _alias(request: Request) -> Answer:
    action = "_alias" if "_alias" in request.parts else "_aliases"
    name = request.after(action)
    if request.method in ("PUT", "POST") and name:
        for each in request.store.named(request.index):
            each.aliases[name] = request.json()
        return Answer(200, _DONE)
    if request.method == "POST":
        return _change_aliases(request)
    if request.method == "DELETE":
        for each in request.store.named(request.index):
            each.aliases.pop(name, None)
        return Answer(200, _DONE)
    found = dict(request.store.aliases(request.index, name or "*"))
    if name and not any(found.values()):
        return Answer(404, {"error": f"alias [{name}] missing", "status": 404})
    return Answer(200, {key: {"aliases": value} for key, value in found.items()})


def _change_aliases(request: Request) -> Answer:
    for step in request.json()["actions"]:
        action, body = next(iter(step.items()))
        names = body.get("indices") or [body["index"]]
        aliases = body.get("aliases") or [body.get("alias", "")]
        for each in request.store.named(",".join(names)):
            for alias in aliases:
                if action == "add":
                    each.aliases[alias] = {}
                elif action == "remove":
                    each.aliases.pop(alias, None)
            if action == "remove_index":
                del request.store.indices[each.name]
    return Answer(200, _DONE)


def _mapping(request: Request) -> Answer:
    found = request.store.named(request.index)
    if request.method in ("PUT", "POST"):
        for each in found:
            mappings = each.body.setdefault("mappings", {})
            mappings.setdefault("properties", {}).update(request.json().get("properties", {}))
        return Answer(200, _DONE)
    return Answer(200, {each.name: {"mappings": each.body.get("mappings", {})} for each in found})


def _settings(request: Request) -> Answer:
    found = request.store.named(request.index)
    if request.method == "PUT":
        return Answer(200, _DONE)
    return Answer(200, {each.name: {"settings": {"index": {"number_of_shards": "1"}}} for each in found})


def _template(request: Request) -> Answer:
    action = next(part for part in request.parts if part.startswith("_"))
    key = f"{action}/{request.after(action)}"
    templates = request.store.templates
    if request.method in ("PUT", "POST"):
        templates[key] = request.json()
        return Answer(200, _DONE)
    if request.method == "DELETE":
        return Answer(200 if templates.pop(key, None) is not None else 404, _DONE)
    return Answer(200, {key: templates[key]}) if key in templates else Answer(404, {})


def _nothing_to_do(request: Request) -> Answer:
    request.store.named(request.index)
    return Answer(200, _SHARDS)


def _validate(request: Request) -> Answer:
    valid: dict[str, Any] = {"valid": True, **_SHARDS}
    return Answer(200, valid)


HANDLERS: Final[dict[str, Callable[[Request], Answer]]] = {
    "_alias": _alias,
    "_aliases": _alias,
    "_mapping": _mapping,
    "_mappings": _mapping,
    "_settings": _settings,
    "_template": _template,
    "_index_template": _template,
    "_component_template": _template,
    "_refresh": _nothing_to_do,
    "_flush": _nothing_to_do,
    "_forcemerge": _nothing_to_do,
    "_cache": _nothing_to_do,
    "_validate": _validate,
}
