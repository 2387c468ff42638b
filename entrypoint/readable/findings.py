"""What can be wrong for readers: each finding has a message and a fix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from entrypoint import text
from entrypoint.outcome import Finding

_MAX_URL: Final = 300


@dataclass(frozen=True)
class Problem:
    """One finding on one address; equal ones on several addresses are merged.

    Attributes:
        what: completes "URL …", without a full stop.
    """

    url: str
    what: str
    todo: str
    paste: str = ""


def cors_rules(origin: str) -> str:
    """The CORS configuration of a bucket, as S3's console takes it."""
    rule = {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": ["range", "if-match"],
        "ExposeHeaders": ["etag", "content-range", "content-encoding", "content-length"],
        "MaxAgeSeconds": 3000,
    }
    return json.dumps([rule])


def merged(problems: Iterable[Problem]) -> tuple[Finding, ...]:
    """One finding for each kind of problem, in the order of their first appearance."""
    kinds: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        urls = kinds.setdefault((problem.what, problem.todo, problem.paste), [])
        if problem.url not in urls:
            urls.append(problem.url)
    return tuple(
        Finding(f"{_shown(urls)} {what}.", todo, paste) for (what, todo, paste), urls in kinds.items()
    )


def _shown(urls: Sequence[str]) -> str:
    first = text.shorten(text.printable(urls[0]), _MAX_URL)
    # The verb that follows is in the singular, so the other URLs go in brackets.
    return f"{first} (and {len(urls) - 1} more)" if len(urls) > 1 else first
