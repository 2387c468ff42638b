"""What the input `zenodo-id` names: a new deposition, or the number of a draft, record or concept."""

from __future__ import annotations

import re
import urllib.parse
from typing import Final

from entrypoint import errors, settings

NEW: Final = "new"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
# Zenodo's DOIs: 10.5281 on production, 10.5072 (DataCite's test prefix) on the sandbox. Others that
# InvenioRDM mints elsewhere look like 10.12345/abcde-fghij and cannot be told apart from foreign ones.
_DOI: Final = re.compile(r"10\.([0-9]{4,9})/zenodo\.([1-9][0-9]{0,17})", re.IGNORECASE)
_PAGES: Final = re.compile(
    r"/(?:api/)?(?:records?|deposit|uploads|deposit/depositions|doi/10\.[0-9]+/zenodo\.)/?([1-9][0-9]{0,17})(?:/.*)?"
)
_PREFIXES: Final = {settings.ZENODO_URL: "5281", settings.SANDBOX_URL: "5072"}
_FORMS: Final = "Give an id such as 1234567, a DOI, the URL of a record or draft, or new."


def parse(value: str, base: str) -> int | None:
    """The number in an id, DOI or URL; nothing for ``new``.

    Args:
        value: as the user gave it.
        base: URL of the service.

    Raises:
        errors.BadInput: it is none of these, or belongs to another service.
    """
    value = value.strip()
    if value.lower() == NEW:
        return None
    if _NUMBER.fullmatch(value):
        return int(value)
    doi = _doi(value)
    if doi is not None:
        return _number_of_doi(doi, value, base)
    try:
        parts = urllib.parse.urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        raise _bad(value) from None
    if parts.scheme not in ("http", "https") or not host:
        raise _bad(value)
    service = urllib.parse.urlsplit(base)
    if host.removeprefix("www.") != (service.hostname or "") or (parts.port or 0) != (service.port or 0):
        raise errors.BadInput(
            f"zenodo-id: {value!r} is on {host}, but this run goes to {service.netloc}.", _other_service(host)
        )
    path = urllib.parse.unquote(parts.path).rstrip("/")
    match = _PAGES.fullmatch(path)
    if match is None:
        raise _bad(value)
    return int(match[1])


def _doi(value: str) -> str | None:
    """The DOI in ``10.…``, ``doi:10.…`` and a doi.org URL."""
    bare = re.sub(r"^(?:https?://(?:dx\.|www\.)?doi\.org/|doi:\s*)", "", value, flags=re.IGNORECASE)
    return urllib.parse.unquote(bare).rstrip("/") if bare.startswith("10.") else None


def _number_of_doi(doi: str, value: str, base: str) -> int:
    match = _DOI.fullmatch(doi)
    if match is None:
        raise errors.BadInput(f"zenodo-id: {value!r} is not a DOI that Zenodo gave.", _FORMS)
    expected = _PREFIXES.get(base)
    if expected is not None and match[1] != expected and match[1] in _PREFIXES.values():
        where = "the sandbox" if match[1] == "5072" else "zenodo.org"
        raise errors.BadInput(
            f"zenodo-id: {value!r} is a DOI of {where}, but this run goes to {base}.",
            f"Set sandbox: {'true' if match[1] == '5072' else 'false'}, or give another id.",
        )
    return int(match[2])


def _other_service(host: str) -> str:
    if host.endswith("sandbox.zenodo.org"):
        return "Set sandbox: true."
    if host.endswith("zenodo.org"):
        return "Remove sandbox and zenodo-url, or give an id of that service."
    return f"Set zenodo-url: https://{host}, or give an id of the service."


def _bad(value: str) -> errors.BadInput:
    return errors.BadInput(f"zenodo-id: {value!r} names no deposition.", _FORMS)
