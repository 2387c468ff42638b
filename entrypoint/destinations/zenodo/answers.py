"""Answers, and what goes wrong on the way to one: kinds of failure, and words that can be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
import urllib3.exceptions

from entrypoint import errors, text

Json = Any
"""Whatever `json.loads` gives; the rooms that read it check each field."""

MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of JSON that are read; a page of 100 depositions of 100 files each has about 6 MB."""
MAX_ERROR: Final = 64 * 1024
"""Bytes that are read of an answer that refuses."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        document: parsed JSON, or nothing where the body was no JSON.
        is_page: the body is a web page, so that somebody else than the API answered.
        reason: the server's words, where it refuses.
    """

    status: int
    headers: Mapping[str, str]
    document: Json = None
    is_json: bool = False
    is_page: bool = False
    reason: str = ""


class Rejected(errors.Refused):
    """A 4xx answer; `status` and `reason` (the server's own words, made harmless) for those who know more."""

    def __init__(self, message: str, hint: str = "", *, status: int = 0, reason: str = "") -> None:
        super().__init__(message, hint)
        self.status = status
        self.reason = reason


class Denied(errors.NotAuthorised):
    """401, 403, or Zenodo's way to say 403 to somebody with a cookie."""

    def __init__(self, message: str, hint: str = "", *, reason: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class Unsure(errors.Unreachable):
    """A request that must not be repeated blindly went wrong: it may have been carried out, or not."""


class TroubleError(Exception):
    """A connection that failed; `sent` is false where the request cannot have reached the server."""

    def __init__(self, reason: str, *, sent: bool, final: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent
        self.final = final


def of(response: requests.Response, secret: str) -> Answer:
    """Read an answer, bounded, and close it."""
    try:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        promised = kind == "application/json" or kind.endswith("+json")
        good = response.status_code < 300
        data, whole = _read(response, MAX_ANSWER if good and promised else MAX_ERROR)
    finally:
        response.close()
    document, is_json = _parse(data) if promised and whole else (None, False)
    reason = "" if good else _words(document, kind, secret)
    is_page = "html" in kind and bool(data)
    return Answer(response.status_code, response.headers, document, is_json, is_page, reason)


def _words(document: Json, kind: str, secret: str) -> str:
    """The server's own words, as far as it has any, made harmless."""
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


def trouble(error: Exception) -> TroubleError:
    """A reason without URLs or headers, whatever the exception holds."""
    if isinstance(error, requests.exceptions.SSLError):
        final = "CERTIFICATE_VERIFY_FAILED" in str(error)
        return TroubleError(
            "its certificate is not valid" if final else "the TLS connection broke",
            sent=not final,
            final=final,
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return TroubleError("the proxy does not let us through", sent=False)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return TroubleError("connecting takes too long", sent=False)
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, urllib3.exceptions.NewConnectionError):
            return TroubleError("no connection", sent=False)
        reason = getattr(chain, "reason", None)
        chain = (
            reason
            if isinstance(reason, BaseException)
            else next((arg for arg in chain.args if isinstance(arg, BaseException)), None)
        )
    if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return TroubleError("nothing moves on the connection", sent=True)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return TroubleError("the address is not valid", sent=False, final=True)
    return TroubleError("the connection broke", sent=True)
