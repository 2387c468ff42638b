"""Answers: what they hold, what they refuse, and words of theirs that can be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

from entrypoint import errors, text

Json = Any
"""What `json.loads` returns; readers check each field."""

MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of JSON that are read; a page of 100 depositions of 100 files each has about 6 MB."""
MAX_ERROR: Final = 64 * 1024
"""Bytes that are read of an answer that refuses."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        document: parsed JSON, or nothing where the body was no JSON.
        is_page: the body is a web page, so the answer is not the API's.
        reason: the server's words, where it refuses.
    """

    status: int
    headers: Mapping[str, str]
    document: Json = None
    is_json: bool = False
    is_page: bool = False
    reason: str = ""

    @property
    def is_collision(self) -> bool:
        """Whether two writes met at one draft, of which the server keeps one.

        It blames some value of the other's ("Not a valid value.", "Invalid value dataset."), or itself.
        """
        return self.status == 500 or (self.status == 400 and may_be_collision(self.reason))


def may_be_collision(reason: str) -> bool:
    """Whether a refusal may be about a write that met another one: the words of both are the same."""
    return "valid value" in reason.lower()  # "invalid value", too


class Rejected(errors.Refused):
    """A 4xx answer, for those who know more.

    Attributes:
        reason: the server's own words, made harmless.
        document: the JSON of the answer; its texts are not harmless.
    """

    def __init__(
        self, message: str, hint: str = "", *, status: int = 0, reason: str = "", document: Json = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.reason = reason
        self.document = document

    @property
    def is_unknown(self) -> bool:
        """Whether this is how a service says that it does not know an address."""
        return self.status in (404, 405, 501)


class Denied(errors.NotAuthorised):
    """401, 403, or Zenodo's equivalent of 403 for a client with a cookie."""

    def __init__(self, message: str, hint: str = "", *, reason: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class OutcomeUnknown(errors.Unreachable):
    """A request that must not be repeated blindly went wrong: it may have been carried out, or not."""


class NoConnection(errors.Unreachable):
    """No request got there: a name that is not known, a refused connection, a proxy."""


class NotTheApi(errors.Unreachable):
    """An answer that is none of this API: a web page, say."""


def of(response: requests.Response, secret: str) -> Answer:
    """Read an answer, bounded, and close it."""
    try:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        # Not every service says that its JSON is such.
        may_be_json = "html" not in kind
        good = response.status_code < 300
        data, whole = _read(response, MAX_ANSWER if good and may_be_json else MAX_ERROR)
    finally:
        response.close()
    document, is_json = _parse(data) if may_be_json and whole else (None, False)
    reason = "" if good else _words(document, kind, secret)
    is_page = "html" in kind and bool(data)
    return Answer(response.status_code, response.headers, document, is_json, is_page, reason)


def _words(document: Json, kind: str, secret: str) -> str:
    """The server's own message, if any, escaped."""
    found = _messages(document)
    if not found:
        return "a web page instead of an answer" if "html" in kind else "no explanation"
    words = text.printable(text.shorten(" ".join(found), 500))
    return words.replace(secret, "<hidden>") if secret else words


def _read(response: requests.Response, limit: int) -> tuple[bytes, bool]:
    """The body up to a limit, and whether that was all."""
    data = bytearray()
    while len(data) <= limit:
        piece = response.raw.read(64 * 1024, decode_content=False)
        if not piece:
            return bytes(data), True
        data += piece
    return bytes(data[:limit]), False


def _parse(data: bytes) -> tuple[Json, bool]:
    if not data:
        return None, False
    try:
        return json.loads(data), True
    except (ValueError, RecursionError):
        return None, False


def _messages(document: Json) -> list[str]:
    """`message`, and `errors[]` with `messages` (today) or `message` (older servers)."""
    if not isinstance(document, dict):
        return []
    found = [document["message"]] if isinstance(document.get("message"), str) else []
    items = document.get("errors")
    for item in items[:20] if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        words = item.get("messages", item.get("message"))
        listed = words if isinstance(words, list) else [words]
        said = " ".join(word for word in listed[:5] if isinstance(word, str))
        found.append(f"{item.get('field', '')}: {said}".removeprefix(": "))
    return found
