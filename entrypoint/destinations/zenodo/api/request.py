"""One request as its caller wants it, and what addresses are made of."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from entrypoint.destinations.zenodo.api import answers

JSON: Final = "application/json"

Check = Callable[[], None]
"""Raises `errors.Cancelled` when the run is to stop."""


class Body(Protocol):
    """A body that `requests` streams: it knows its length and can be read once."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Any: ...
    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""


@dataclass(frozen=True)
class Request:
    """One request as its caller wants it.

    Attributes:
        path: below the base URL, or a whole URL of the same server.
        document: goes as JSON.
        body: makes a fresh body for each try, `size` bytes long.
        accept: the media type that is asked for.
        once: not to be repeated when it may have been carried out.
        wants_json: the answer must be JSON.
        on_collision: called where it met another write to the same draft and was refused for that, which is
            worth another try; without it, such a refusal is final. What it raises ends the tries here: its
            caller makes the request again.
        purpose: completes "waiting for zenodo.org …".
    """

    method: str
    path: str
    document: answers.Json = None
    body: Callable[[], Body | bytes] | None = None
    size: int = 0
    accept: str = JSON
    once: bool = False
    wants_json: bool = True
    on_collision: Callable[[], None] | None = None
    purpose: str = "to answer"


def place(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; what cannot be read is nowhere."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        # A user's name in a link could look like our host to a person, but is not one.
        host = "" if "@" in parts.netloc else parts.hostname or ""
    except ValueError:
        return ("", "", None)
    return (parts.scheme, host.lower(), port)


def do_nothing() -> None:
    """For requests that are tried again after a collision without anything else to do."""


def quoted(part: str) -> str:
    """One part of a path, every special character percent-encoded."""
    return urllib.parse.quote(part, safe="")
