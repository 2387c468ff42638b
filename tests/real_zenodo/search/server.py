"""OpenSearch's HTTP interface over a `Store`: `python -m tests.real_zenodo.search.server 9200`."""

from __future__ import annotations

import http.server
import json
import sys
import uuid
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.real_zenodo.search import answers, documents, indices, queries, query_string
from tests.real_zenodo.search.request import Answer, Request
from tests.real_zenodo.search.store import Conflict, Missing, Store

_INFO: Final = {
    "name": "stand-in",
    "cluster_name": "tests",
    "cluster_uuid": str(uuid.UUID(int=0)),
    "version": {"distribution": "opensearch", "number": "2.17.1"},
    "tagline": "not OpenSearch",
}
_HEALTH: Final = {"status": "green", "timed_out": False, "number_of_nodes": 1, "cluster_name": "tests"}
_Handler = Callable[[Request], Answer]


def answer(request: Request) -> Answer:
    """What the interface says to one request."""
    try:
        with request.store.lock:
            return _route(request)(request)
    except Missing as error:
        return _problem(404, "index_not_found_exception", f"no such index [{error}]")
    except Conflict as error:
        return _problem(409, "version_conflict_engine_exception", f"[{error}]: version conflict")
    except (queries.Unsupported, query_string.SyntaxProblem) as error:
        print(f"not understood: {error}: {request.method} {request.path} {request.body[:2000]!r}", flush=True)
        return _problem(400, "parsing_exception", str(error))


def _route(request: Request) -> _Handler:
    parts = request.parts
    names = [part for part in parts if part.startswith("_")]
    action = names[0] if names else ""
    if not parts:
        return lambda request: Answer(200, _INFO)
    if action == "_cluster":
        return lambda request: Answer(200, _HEALTH)
    for table in (_SEARCHES, documents.HANDLERS, indices.HANDLERS):
        if action in table:
            return table[action]
    if not action and len(parts) == 1:
        return indices.index
    return lambda request: _problem(
        400, "illegal_argument_exception", f"unknown: {request.method} {request.path}"
    )


def _search(request: Request) -> Answer:
    if "scroll" in request.parts:  # one page holds everything: there is never a second one
        return Answer(200, answers.search([], {}, {}) | {"_scroll_id": "none"})
    found = request.store.documents(request.index)
    body = request.json()
    if "scroll" in request.parameters:
        body["size"] = len(found)
    result = answers.search(found, body, request.parameters)
    if "scroll" in request.parameters:
        result["_scroll_id"] = "none"
    return Answer(200, result)


def _several(request: Request) -> Answer:
    lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    responses = []
    for head, body in zip(lines[::2], lines[1::2], strict=True):
        names = head.get("index", request.index)
        names = ",".join(names) if isinstance(names, list) else names
        responses.append(answers.search(request.store.documents(names), body, {}) | {"status": 200})
    return Answer(200, {"took": 1, "responses": responses})


def _count(request: Request) -> Answer:
    matches = queries.predicate(request.json().get("query"))
    found = sum(matches(each.seen) for each in request.store.documents(request.index))
    return Answer(200, {"count": found, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0}})


def _problem(status: int, kind: str, reason: str) -> Answer:
    error = {"type": kind, "reason": reason}
    return Answer(status, {"error": {"root_cause": [error], **error}, "status": status})


_SEARCHES: Final[dict[str, _Handler]] = {"_search": _search, "_msearch": _several, "_count": _count}


class Server(http.server.ThreadingHTTPServer):
    """It listens on 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.store = Store()


class _Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    # An answer is two writes; without this the second one waits for an acknowledgement.
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = tuple(unquote(part) for part in address.path.split("/") if part)
        parameters = dict(parse_qsl(address.query, keep_blank_values=True))
        found = answer(Request(self.server.store, self.command, address.path, parts, parameters, body))
        data = json.dumps(found.body).encode()
        self.send_response(found.status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        pass


if __name__ == "__main__":
    Server(int(sys.argv[1])).serve_forever()
