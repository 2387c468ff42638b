"""What goes wrong, on which requests, and how often."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

FOREVER: Final = 1 << 30


class Kind(StrEnum):
    """One way to fail."""

    NONE = "none"
    LATENCY = "latency"
    SLOW = "limited-bandwidth"
    RESET_BEFORE = "reset-before-body"
    RESET_IN_BODY = "reset-in-body"
    RESET_AFTER_BODY = "reset-after-body"
    STALL = "stall"
    STALL_IN_BODY = "stall-in-body"
    STALL_IN_ANSWER = "stall-in-answer"
    TRICKLE = "trickle"
    TRUNCATED = "truncated-answer"
    ERROR_500 = "500"
    ERROR_502 = "502"
    SLOW_DOWN = "503-slow-down"
    ERROR_504 = "504"
    LIMITED = "429"
    LOST = "answer-lost"
    ERROR_AFTER = "500-after-acting"
    GATEWAY_AFTER = "504-after-acting"
    REFUSE = "connection-refused-for-a-while"
    DOWN = "down-for-good"
    CLOSED = "nobody-listens"
    DNS = "unresolvable-host"
    GARBAGE = "garbage"
    HTML = "200-html"
    HUGE_ERROR = "huge-error"
    CORRUPT = "body-corrupted"
    REDIRECT = "redirect-elsewhere"
    TLS_HANDSHAKE = "tls-broken-in-handshake"
    TLS_BODY = "tls-broken-in-body"
    TLS_PLAIN = "tls-not-spoken"
    TLS_UNTRUSTED = "tls-untrusted"
    EXPIRED = "credentials-expire"
    SKEWED = "clock-skew"
    DENIED = "403"
    SIGTERM = "sigterm"
    SIGINT = "sigint"
    SIGKILL = "sigkill"
    PROXY = "proxy-with-a-password"
    PROXY_CLOSED = "proxy-not-there"
    PROXY_PASSWORD = "proxy-wants-another-password"
    PROXY_FORBIDS = "proxy-forbids"
    PROXY_SILENT = "proxy-silent"
    PROXY_LOST = "proxy-cannot-reach-it"


AFTER_ACTING: Final = frozenset(
    {Kind.LOST, Kind.ERROR_AFTER, Kind.GATEWAY_AFTER, Kind.TRUNCATED, Kind.STALL_IN_ANSWER, Kind.TRICKLE}
)
"""The server acted, and the client may not know."""
PROXIES: Final = (
    *(Kind.PROXY, Kind.PROXY_CLOSED, Kind.PROXY_PASSWORD, Kind.PROXY_FORBIDS),
    *(Kind.PROXY_SILENT, Kind.PROXY_LOST),
)
"""A corporate proxy in between; the first one works."""
WHOLE_WORLD: Final = frozenset(
    {Kind.CLOSED, Kind.DNS, Kind.TLS_HANDSHAKE, Kind.TLS_PLAIN, Kind.TLS_UNTRUSTED, *PROXIES}
)
"""No request gets through at all (but for a handshake that breaks only for a while)."""
SIGNALS: Final = frozenset({Kind.SIGTERM, Kind.SIGINT, Kind.SIGKILL})
S3_ONLY: Final = frozenset({Kind.EXPIRED, Kind.SKEWED})


def operation(method: str, target: str) -> str:
    """What a request is for; a word to choose requests by."""
    parts = urlsplit(target)
    path, query = parts.path, parts.query
    if path.startswith("/api/"):
        return _zenodo(method, path)
    named = "catalog" if path.endswith("/catalog.yaml") else ""
    match method:
        case "GET" if "list-type" in query:
            return "list"
        case "GET" if re.search(r"(^|&)uploads(=|&|$)", query):
            return "uploads"
        case "GET" if "uploadId" in query:
            return "parts"
        case "POST" if re.search(r"(^|&)uploads(=|&|$)", query):
            return "create"
        case "POST" if "uploadId" in query:
            return "complete"
        case "PUT" if "partNumber" in query:
            return "part"
        case "PUT":
            return named or "put"
        case "DELETE" if "uploadId" in query:
            return "abort"
    return method.lower()


def _zenodo(method: str, path: str) -> str:
    if "/actions/" in path:
        return path.rsplit("/", 1)[-1]
    if method == "PUT" and "/files/" in path:
        return "catalog" if path.endswith("/catalog.yaml") else "put"
    if method in ("POST", "PUT"):
        return "create" if method == "POST" else "edit"
    return method.lower()


# As often as one stands here it is chosen; empty is any request.
S3_OPERATIONS: Final = (
    *("", "", "", "", "put", "put", "put", "catalog", "catalog", "list"),
    *("create", "part", "part", "complete", "complete", "uploads", "head", "parts", "abort"),
)
IN_PARTS: Final = frozenset({"create", "part", "complete", "parts", "head", "abort"})
"""Requests that are made only for large files."""
ZENODO_OPERATIONS: Final = (
    *("", "", "", "get", "put", "put", "catalog", "catalog"),
    *("create", "edit", "edit", "publish", "publish", "delete", "newversion"),
)


@dataclass
class Fault:
    """One fault and the requests that it hits.

    Args:
        operation: only requests for this; empty for all.
        times: hits so many; `skip` pass before.
        amount: what the kind makes of it: seconds, or a fraction of a body or an answer.
    """

    kind: Kind
    operation: str = ""
    times: int = 1
    skip: int = 0
    amount: float = 0.5
    hits: int = 0

    def __str__(self) -> str:
        times = "always" if self.times == FOREVER else f"{self.times}x"
        return f"{self.kind} on {self.operation or 'any'} {times} after {self.skip}"


@dataclass
class Faults:
    """The faults of a run."""

    every: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, operation: str) -> Fault | None:
        """The fault that hits this request, counted."""
        with self.lock:
            for fault in self.every:
                if fault.operation not in ("", operation) or fault.hits >= fault.times:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                return fault
        return None


def choose(rng: random.Random, kind: Kind, *, zenodo: bool) -> Fault:
    """A fault of a kind: which requests, how often and how much is the seed's."""
    operations = ZENODO_OPERATIONS if zenodo else S3_OPERATIONS
    chosen = rng.choice(operations)
    times = rng.choice((1, 1, 1, 2, 3, 6, FOREVER))
    skip = rng.choice((0, 0, 1, 2, 3, 5, 8))
    amount = rng.random()
    if kind in (Kind.LATENCY, Kind.SLOW):
        return Fault(kind, "", FOREVER, 0, amount)
    if kind in WHOLE_WORLD or kind in (Kind.DOWN, Kind.EXPIRED, Kind.SKEWED):
        return Fault(kind, "", FOREVER, 0 if kind in WHOLE_WORLD else rng.randrange(12), amount)
    if kind in (Kind.STALL, Kind.STALL_IN_BODY, Kind.STALL_IN_ANSWER, Kind.TRICKLE):
        times = rng.choice((1, 1, 2, FOREVER))
    return Fault(kind, chosen, times, skip if chosen in ("", "put", "part", "get") else 0, amount)
