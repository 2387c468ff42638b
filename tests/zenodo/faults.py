"""Faults: what goes wrong, on which requests, how often; and the record of all requests."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What goes wrong. The first group does not act on the request, the second does."""

    LIMITED = "429"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    DENIED = "403"
    RESET_BEFORE = "reset-before"
    RESET_MID_BODY = "reset-mid-body"
    STALL = "stall"
    HTML_200 = "html-200"
    HUGE_ERROR = "huge-error"
    REDIRECT = "redirect-other-host"
    ANSWER = "answer"

    SLOW_READ = "slow-read"
    TRUNCATED = "502-truncated"
    PUBLISH_TIMEOUT = "504-publish"
    RESET_AFTER = "reset-after"
    ERROR_AFTER = "500-after"
    CUT_ANSWER = "cut-answer"
    WRONG_MD5 = "wrong-md5"
    NO_CHECKSUM = "no-checksum"
    OTHER_BUCKET = "bucket-other-host"
    WRONG_TYPES = "wrong-types"
    MISSING_FIELDS = "missing-fields"


@dataclass
class Fault:
    """One fault and the requests that it hits.

    Args:
        kind: what goes wrong.
        method: only this method; None for any.
        path: a regular expression, searched in the decoded path.
        count: hit this many requests, None for all.
        skip: let this many matching requests pass first.
        delay: seconds. `stall`: how long, 0 for ever; `slow-read`: between chunks of 16 KiB;
            `504-publish`: until the action is carried out.
        retry_after: seconds, for `429` and `503`.
        at: bytes. `reset-mid-body`: read before the reset; `502-truncated`: kept, None for half of the
            body; `huge-error`: size of the text.
        host: where `redirect-other-host` and `bucket-other-host` point.
        fields: `wrong-types`: values to put in place; `missing-fields`: names to leave out. Names are
            dotted paths, a number is an index.
        status, body: `answer`: any answer; a `body` that is text goes out as HTML, all else as JSON.
        stored: `wrong-md5`: spoil what is stored too, not only the answer.
    """

    kind: Kind
    method: str | None = None
    path: str = ""
    count: int | None = 1
    skip: int = 0
    delay: float = 0.0
    retry_after: int = 1
    at: int | None = None
    host: str = "http://other-host.invalid"
    fields: dict[str, Any] = field(default_factory=dict)
    status: int = 400
    body: Any = None
    stored: bool = False
    hits: int = 0

    def __post_init__(self) -> None:
        self.kind = Kind(self.kind)
        re.compile(self.path)


class Faults:
    """The faults in force; the first that matches a request hits it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Fault] = []

    def add(self, kind: str, **how: Any) -> Fault:
        """Adds a fault; the arguments are those of `Fault`. Its `hits` counts along."""
        fault = Fault(Kind(kind), **how)
        with self._lock:
            self._all.append(fault)
        return fault

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._all.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that hits this request, counted."""
        with self._lock:
            for fault in self._all:
                if fault.method not in (None, method) or not re.search(fault.path, path):
                    continue
                if fault.count is not None and fault.hits >= fault.count:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                return fault
        return None

    def documents(self) -> list[dict[str, Any]]:
        """All faults, for the control endpoint."""
        with self._lock:
            return [{each.name: getattr(fault, each.name) for each in fields(fault)} for fault in self._all]


@dataclass
class Logged:
    """A request as it came, without any secret: tokens are replaced by `valid` or `invalid`.

    `status` is 0 while there is no answer, and stays so where none was given. Times are monotonic
    seconds, `body` is the bytes read, `port` the client's: the same for all requests of a connection.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    token_in_url: bool
    port: int
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    status: int = 0
    body: int = 0
    fault: str | None = None

    @property
    def writes(self) -> bool:
        """Whether the method may change something."""
        return self.method not in ("GET", "HEAD", "OPTIONS")


class Log(list[Logged]):
    """All requests in the order in which they came."""

    def writes(self) -> list[str]:
        """`METHOD path` of what may change something, in order."""
        return [f"{each.method} {each.path}" for each in self if each.writes]

    def select(self, method: str | None = None, path: str = "") -> list[Logged]:
        """Those with this method, and a path in which this regular expression is found."""
        return [each for each in self if method in (None, each.method) and re.search(path, each.path)]

    def in_flight_max(self, method: str | None = None, path: str = "") -> int:
        """How many of these were under way at the same time, at most."""
        marks: list[tuple[float, int]] = []
        for each in self.select(method, path):
            marks += [(each.started, 1), (each.ended or time.monotonic(), -1)]
        most = current = 0
        for _when, step in sorted(marks):
            current += step
            most = max(most, current)
        return most
