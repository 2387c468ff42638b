"""The inputs about readers: how they reach what is published on S3."""

from __future__ import annotations

import urllib.parse

from entrypoint.settings.model import Readable, ReaderSettings
from entrypoint.settings.reader import Reader


def read(reader: Reader) -> ReaderSettings:
    """The settings; every input is checked in any case."""
    public_url = reader.url("public-url", "https://data.example.org/atlas")
    check = Readable.WARN if public_url else Readable.OFF
    if reader.given("check-readable"):
        check = reader.choice("check-readable", Readable)
    return ReaderSettings(public_url, check, _origin(reader), reader.flag("page"))


def _origin(reader: Reader) -> str:
    """An origin as browsers write it: scheme, host and port, and nothing after them."""
    before = len(reader.problems)
    value = reader.url("viewer-origin", "https://pmtiles.io")
    parts = urllib.parse.urlsplit(value) if len(reader.problems) == before else None
    if parts and parts.path:
        reader.problems.append(
            f"viewer-origin: an origin has no path; use {parts.scheme}://{parts.netloc}, got {value!r}."
        )
    if not parts:
        return value
    default = {"https": 443, "http": 80}[parts.scheme]
    host = parts.netloc.lower()
    return f"{parts.scheme}://{host.removesuffix(f':{default}')}"
