"""What the input `zenodo-id` names: a new record, or the id of a draft, a record or all versions of one."""

from __future__ import annotations

import re
import urllib.parse
from typing import Final

from entrypoint import errors, settings, text

NEW: Final = "new"
# Digits on Zenodo; elsewhere InvenioRDM's own, five and five of base32 (https://pypi.org/project/base32-lib/).
_LETTERS: Final = r"[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}"
_NUMBER: Final = r"[1-9][0-9]{0,17}"
_ID: Final = rf"(?:{_NUMBER}|{_LETTERS})"
_BARE: Final = re.compile(_ID, re.IGNORECASE)
# What comes after another service's prefix must be an id, or some word and an id: any other DOI is foreign.
_DOI: Final = re.compile(
    rf"10\.([0-9]{{4,9}}(?:\.[0-9]+)*)/(?:zenodo\.({_NUMBER})|(?:[a-z]+\.)?({_LETTERS}))", re.IGNORECASE
)
_PAGES: Final = re.compile(
    rf"/(?:api/)?(?:records?|deposit|uploads|me/uploads|deposit/depositions)/({_ID})(?:/.*)?", re.IGNORECASE
)
_DOI_LABEL: Final = re.compile(r"^(?:(?:info|urn):)?doi(?:[:/]\s*|\s+)", re.IGNORECASE)
_DOI_PAGE: Final = re.compile(r"/(?:badge/)?(?:doi|DOI)/(10\..+?)(?:\.svg)?")
_RESOLVERS: Final = frozenset(
    {"doi.org", "dx.doi.org", "www.doi.org", "hdl.handle.net", "handle.stage.datacite.org"}
    | {"handle.test.datacite.org"}
)
"""Hosts that lead to a DOI's page, and are no service themselves."""
_HOST: Final = re.compile(r"[\w.-]+\.[a-z][a-z0-9-]*|[0-9]{1,3}(?:\.[0-9]{1,3}){3}", re.IGNORECASE)
_PREFIXES: Final = {settings.ZENODO_URL: "5281", settings.SANDBOX_URL: "5072"}
_FORMS: Final = "Give an id such as 1234567, a DOI, the URL of a record or draft, or new."


def parse(value: str, base: str) -> str | None:
    """The id in an id, DOI or URL; nothing for ``new``.

    Args:
        value: as the user gave it.
        base: URL of the service.

    Raises:
        errors.BadInput: it is none of these, or belongs to another service.
    """
    value = value.strip().strip("<>\"'").strip()
    if value.lower() == NEW:
        return None
    if _BARE.fullmatch(value):
        return value.lower()
    doi = _DOI_LABEL.sub("", value)
    if doi.startswith("10."):
        return _of_doi(urllib.parse.unquote(doi), value, base)
    host, port, path = _parts(value)
    if host in _RESOLVERS:
        return _of_doi(_DOI_LABEL.sub("", path.lstrip("/")), value, base)
    there = urllib.parse.urlsplit(base)
    if host != _host(there.hostname or "") or port not in (None, 80, _port(there)):
        raise _elsewhere(value, host if port in (None, 80, 443) else f"{host}:{port}", there.netloc)
    prefix = there.path.rstrip("/")
    path = path.removeprefix(prefix).rstrip("/")
    if page := _DOI_PAGE.fullmatch(path):
        return _of_doi(page[1], value, base)
    match = _PAGES.fullmatch(path)
    if match is None:
        raise _bad(value)
    return match[1].lower()


def _parts(value: str) -> tuple[str, int | None, str]:
    """Host, port and path of a URL, with or without a scheme; no port where neither it nor a scheme is given."""
    try:
        parts = urllib.parse.urlsplit(value if "://" in value else f"//{value.removeprefix('//')}")
        host, port = _host(parts.hostname or ""), _port(parts)
    except ValueError:
        raise _bad(value) from None
    is_host = host == "localhost" or ":" in host or _HOST.fullmatch(host)
    if parts.scheme not in ("", "http", "https") or not is_host:
        raise _bad(value)
    return host, port, urllib.parse.unquote(parts.path)


def _host(name: str) -> str:
    """A host's name as it is compared: a last dot and ``www.`` make no other one of it."""
    return name.lower().rstrip(".").removeprefix("www.")


def _port(parts: urllib.parse.SplitResult) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _of_doi(doi: str, value: str, base: str) -> str:
    match = _DOI.fullmatch(doi.strip().rstrip("/."))
    if match is None:
        raise errors.BadInput(f"zenodo-id: {_shown(value)} is not a Zenodo DOI.", _FORMS)
    expected = _PREFIXES.get(base)
    if expected is not None and match[1] != expected:
        if match[1] not in _PREFIXES.values():
            raise errors.BadInput(f"zenodo-id: {_shown(value)} is not a Zenodo DOI.", _FORMS)
        is_sandbox = match[1] == _PREFIXES[settings.SANDBOX_URL]
        raise errors.BadInput(
            f"zenodo-id: {_shown(value)} is a DOI of {'the sandbox' if is_sandbox else 'zenodo.org'}, but this run "
            f"goes to {base}.",
            f"Set sandbox: {'true' if is_sandbox else 'false'}, or give another id.",
        )
    return (match[2] or match[3]).lower()


def _elsewhere(value: str, host: str, service: str) -> errors.BadInput:
    """A URL of another host. Its host is never suggested as `zenodo-url`: the token would be sent there."""
    hint = f"Give an id, a DOI or a URL of {service}."
    if host == "sandbox.zenodo.org":
        hint = "Set sandbox: true, or give an id of this service."
    elif host == "zenodo.org" != service:
        hint = "Remove sandbox and zenodo-url, or give an id of this service."
    return errors.BadInput(f"zenodo-id: {_shown(value)} is on {host}, but this run goes to {service}.", hint)


def _shown(value: str) -> str:
    """A value for people, without what a link may hold besides: a token to share a draft, a password."""
    bare = re.sub(r"[?#].*", "", value, flags=re.DOTALL)
    return repr(text.shorten(re.sub(r"//[^/@]*@", "//", bare), 200))


def _bad(value: str) -> errors.BadInput:
    return errors.BadInput(f"zenodo-id: {_shown(value)} names no draft or record.", _FORMS)
