"""What travels between the HTTP engine and the mock's paths: requests, answers, refusals."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.zenodo import state

Json = Any
"""Whatever `json.loads` gives; the answers are written by hand, the tests hold their types."""

SERVER_ERROR = (
    "The server encountered an internal error and was unable to complete your request. "
    "Either the server is overloaded or there is an error in the application."
)


@dataclass
class Answer:
    """One HTTP answer.

    `body` is JSON unless `content_type` says otherwise; a `Path` is sent as a file; None is no body.
    With `cut` the connection ends after the body, whatever Content-Length promises.
    """

    status: int
    body: Json = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: bool = False

    def encoded(self) -> bytes:
        """The body as bytes (a `Path` is not read here)."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if self.content_type.startswith("application/") and self.content_type.endswith("json"):
            return json.dumps(self.body).encode()
        return str(self.body).encode()


class ApiError(Exception):
    """A refusal in Zenodo's JSON shape; `errors` is left out when there are none."""

    def __init__(self, status: int, message: str, errors: list[dict[str, Json]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    def answer(self) -> Answer:
        """The refusal as it goes out."""
        body: dict[str, Json] = {"status": self.status, "message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        return Answer(self.status, body)


def invalid(*errors: tuple[str, str]) -> ApiError:
    """A 400 of the validation kind, from pairs of field and message."""
    return refused([{"field": where, "messages": [what]} for where, what in errors])


def refused(errors: list[dict[str, Json]]) -> ApiError:
    """A 400 of the validation kind."""
    return ApiError(400, "A validation error occurred.", errors)


def denied() -> ApiError:
    """403, also for a token that is missing or wrong."""
    return ApiError(403, "Permission denied.")


def not_found(message: str = "Not found.") -> ApiError:
    """404."""
    return ApiError(404, message)


NO_ROUTE = (
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling "
    "and try again."
)
PID_MISSING = "The persistent identifier does not exist."
PID_UNREGISTERED = "The persistent identifier is not registered."


@dataclass
class Request:
    """One HTTP request, its body still unread.

    `chunks` reads the body once; `length` is the Content-Length in bytes, None for a chunked body.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    user: state.User | None
    scopes: frozenset[str]
    length: int | None
    chunks: Callable[[], Iterator[bytes]]
    arrived: int = sys.maxsize
    """`Zenodo.commits` when the request came: what was changed after that, it has not seen."""

    def json(self, *, strict: bool = False) -> dict[str, Json]:
        """The JSON object in the body; no body is an empty object, and so is an empty list unless `strict`."""
        value = self._parsed({})
        value = value if value or strict else {}
        if not isinstance(value, dict):
            # The type is not checked before the first key is read.
            raise ApiError(500, SERVER_ERROR)
        return value

    def keys(self) -> list[dict[str, Json]]:
        """The files that the body names, each an object with `key`; 400 for anything else."""
        value = self._parsed([])
        if not value:
            raise invalid(("_schema", "No files to upload."))
        errors = []
        for number, each in enumerate(value):
            if not isinstance(each, dict):
                errors.append((f"{number}._schema", "Invalid input type."))
            elif not isinstance(each.get("key"), str):
                errors.append((f"{number}.key", "Missing data for required field."))
        if errors:
            raise invalid(*errors)
        return list(value)

    def _parsed(self, empty: Json) -> Json:
        """The Content-Type is compared as a whole string (flask-resources does): 415 for a charset."""
        self.expect("application/json")
        raw = b"".join(self.chunks())
        try:
            return json.loads(raw) if raw.strip() else empty
        except ValueError:
            raise ApiError(400, "Unable to decode JSON data in request body.") from None

    def expect(self, content_type: str) -> None:
        """415 unless the Content-Type is absent or exactly this one."""
        given = self.headers.get("content-type")
        if given is not None and given != content_type:
            raise ApiError(415, f"Invalid 'Content-Type' header. Expected one of: {content_type}")

    def accept(self, *types: str) -> str:
        """The first of these types that the Accept header admits; 406 for none."""
        wanted = self.headers.get("accept", "*/*")
        ranges = [part.split(";")[0].strip().lower() for part in wanted.split(",")]
        for each in ranges:
            for content_type in types:
                if each in ("*/*", "", content_type, content_type.split("/")[0] + "/*"):
                    return content_type
        raise ApiError(406, f"Invalid 'Accept' header. Expected one of: {', '.join(types)}")


Handler = Callable[[state.Zenodo, Request, "re.Match[str]"], Answer]


@dataclass(frozen=True)
class Route:
    """A method, the pattern of a decoded path, and who answers."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    scope: str = ""


def route(method: str, pattern: str, handler: Handler, scope: str = "") -> Route:
    """A `Route` whose pattern has to match the whole path."""
    return Route(method, re.compile(pattern), handler, scope)


def file_answer(path: Path | None, size: int, mimetype: str) -> Answer:
    """The content of a file; 404 if the mock stores none."""
    if path is None:
        raise not_found()
    return Answer(200, path, {"Content-Length": str(size)}, mimetype)
