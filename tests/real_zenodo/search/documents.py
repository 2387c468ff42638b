"""Requests about documents: index, create, get, update, delete, in bulk and by query."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any, Final

from tests.real_zenodo.search import queries, values
from tests.real_zenodo.search.request import Answer, Request
from tests.real_zenodo.search.store import Conflict, Missing, Stored


def _document(request: Request) -> Answer:
    action = "_create" if "_create" in request.parts else "_doc"
    ident = request.after(action)
    if request.method in ("GET", "HEAD"):
        return _got(request, ident)
    if request.method == "DELETE":
        removed = request.store.remove(request.index, ident)
        return Answer(*_deleted(request.index, ident, removed))
    options = {**request.parameters, "_id": ident}
    only_new = action == "_create" or request.parameters.get("op_type") == "create"
    return Answer(*_indexed(request, request.index, options, request.json(), only_new=only_new))


def _got(request: Request, ident: str) -> Answer:
    stored = request.store.get(request.index, ident)
    if stored is None:
        return Answer(404, {"_index": request.index, "_id": ident, "found": False})
    return Answer(200, {**_named(stored), "found": True, "_source": stored.source})


def _source(request: Request) -> Answer:
    stored = request.store.get(request.index, request.after("_source"))
    return Answer(200, stored.source) if stored else Answer(404, {"found": False})


def _many(request: Request) -> Answer:
    body = request.json()
    wanted = body.get("docs") or [{"_id": ident} for ident in body.get("ids", [])]
    found = []
    for each in wanted:
        index = each.get("_index", request.index)
        stored = request.store.get(index, each["_id"])
        found.append(
            {**_named(stored), "found": True, "_source": values.selected(stored.source, each.get("_source"))}
            if stored
            else {"_index": index, "_id": each["_id"], "found": False}
        )
    return Answer(200, {"docs": found})


def _update(request: Request) -> Answer:
    return Answer(*_updated(request, request.index, request.after("_update"), request.json()))


def _bulk(request: Request) -> Answer:
    lines = iter(line for line in request.body.splitlines() if line.strip())
    items = []
    for line in lines:
        action, options = next(iter(json.loads(line).items()))
        index = options.get("_index", request.index)
        if action == "delete":
            status, body = _deleted(index, options["_id"], request.store.remove(index, options["_id"]))
        elif action == "update":
            status, body = _updated(request, index, options["_id"], json.loads(next(lines)))
        else:
            source = json.loads(next(lines))
            try:
                status, body = _indexed(request, index, options, source, only_new=action == "create")
            except Conflict as error:
                problem = {
                    "type": "version_conflict_engine_exception",
                    "reason": f"[{error}]: version conflict",
                }
                status, body = 409, {"_index": index, "_id": options["_id"], "error": problem}
        items.append({action: {**body, "status": status}})
    errors = any("error" in body for item in items for body in item.values())
    return Answer(200, {"took": 1, "errors": errors, "items": items})


def _delete_by_query(request: Request) -> Answer:
    matches = queries.predicate(request.json().get("query"))
    gone = [each for each in request.store.documents(request.index) if matches(each.seen)]
    for each in gone:
        request.store.remove(each.index, each.ident)
    return Answer(
        200, {"took": 1, "timed_out": False, "total": len(gone), "deleted": len(gone), "failures": []}
    )


def _indexed(
    request: Request, index: str, options: dict[str, Any], source: dict[str, Any], *, only_new: bool
) -> tuple[int, dict[str, Any]]:
    version = options.get("version", options.get("_version"))
    kind = options.get("version_type", options.get("_version_type", ""))
    ident = str(options.get("_id") or uuid.uuid4())
    number = int(version) if version is not None else None
    stored, new = request.store.put(index, ident, source, version=number, kind=kind, only_new=only_new)
    return (201 if new else 200), {**_named(stored), "result": "created" if new else "updated"}


def _updated(request: Request, index: str, ident: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    if "script" in body:
        raise queries.Unsupported("an update by a script")
    try:
        before = request.store.get(index, ident)
    except Missing:
        before = None
    if before is None and not body.get("doc_as_upsert") and "upsert" not in body:
        problem = {"type": "document_missing_exception", "reason": f"[{ident}]: document missing"}
        return 404, {"_index": index, "_id": ident, "error": problem}
    source = _merged(before.source, body["doc"]) if before else body.get("upsert", body.get("doc", {}))
    stored, new = request.store.put(index, ident, source)
    return (201 if new else 200), {**_named(stored), "result": "created" if new else "updated"}


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _deleted(index: str, ident: str, removed: Stored | None) -> tuple[int, dict[str, Any]]:
    if removed is None:
        return 404, {"_index": index, "_id": ident, "result": "not_found"}
    return 200, {**_named(removed), "result": "deleted"}


def _named(stored: Stored) -> dict[str, Any]:
    return {
        "_index": stored.index,
        "_id": stored.ident,
        "_version": stored.version,
        "_seq_no": stored.sequence,
        "_primary_term": 1,
    }


HANDLERS: Final[dict[str, Callable[[Request], Answer]]] = {
    "_doc": _document,
    "_create": _document,
    "_source": _source,
    "_mget": _many,
    "_update": _update,
    "_bulk": _bulk,
    "_delete_by_query": _delete_by_query,
}
