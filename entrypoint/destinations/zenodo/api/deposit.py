"""Zenodo's older API (https://developers.zenodo.org), for what it alone does or does better.

A bucket takes a file in one request, where the native API needs three; and a deposition is shown to its owner
only, so that it tells whether a record is one's own. What it says of metadata is a part, and is never written
back. Other InvenioRDM services do not have it.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, Final

from entrypoint import errors
from entrypoint.destinations.zenodo.api import answers, http
from entrypoint.destinations.zenodo.api.request import Request

PAGE: Final = 100
"""Depositions a page; the server refuses more."""
GUEST_PAGE: Final = 25
"""What it refuses more than to somebody without a valid token, with 400 instead of 403."""
MAX_PAGES: Final = 100
"""The server's search ends at 10,000 hits."""
_DEPOSITIONS: Final = "/api/deposit/depositions"


class Deposits:
    """The older API of one service."""

    def __init__(self, way: http.Http) -> None:
        self._http = way

    def bucket(self, ident: str) -> str | None:
        """Where the files of a draft are put; nothing where the service does not have this API.

        Raises:
            answers.Denied: the deposition belongs to another account, or the token is not accepted.
        """
        if not ident.isdigit():
            return None
        try:
            document = self._http.get(f"{_DEPOSITIONS}/{ident}", purpose=f"to show {ident}").document
        except answers.Rejected as error:
            if error.is_unknown:
                return None
            raise
        links = document.get("links") if isinstance(document, dict) else None
        bucket = links.get("bucket") if isinstance(links, dict) else None
        return self._http.own(bucket) if bucket else None

    def mine(self, query: str) -> Iterator[Mapping[str, Any]]:
        """The account's depositions, all versions, from the search index: the newest may be missing.

        Args:
            query: in the index's syntax; the hits must be checked again.

        Raises:
            answers.Denied: the token is not accepted.
            answers.Rejected: `is_unknown` where the service does not have this API.
        """
        first = self._page(query, 1, GUEST_PAGE)
        yield from first
        if len(first) < GUEST_PAGE:
            return
        seen = {str(hit.get("id")) for hit in first}
        for number in range(1, MAX_PAGES + 1):
            hits = self._page(query, number, PAGE)
            for hit in hits:
                if str(hit.get("id")) not in seen:
                    seen.add(str(hit.get("id")))
                    yield hit
            if len(hits) < PAGE:
                return

    def _page(self, query: str, number: int, size: int) -> list[Mapping[str, Any]]:
        wanted = {"size": str(size), "page": str(number), "all_versions": "true"}
        asked = urllib.parse.urlencode(wanted | ({"q": query} if query else {}))
        hits = self._http.get(f"{_DEPOSITIONS}?{asked}", purpose="to list your depositions").document
        if not isinstance(hits, list):
            raise errors.Unreachable(
                f"{self._http.host} answered without a list of depositions, which Zenodo's API promises.",
                "Is zenodo-url the address of a Zenodo? If it is, its API has changed: please report it.",
            )
        return [hit for hit in hits if isinstance(hit, dict)]

    def new_version(self, ident: str) -> str | None:
        """The id of the draft of the next version, for services that do not know the native address.

        The answer is the draft, or the record with a link to it (https://developers.zenodo.org#new-version).
        """
        path = f"{_DEPOSITIONS}/{ident}/actions/newversion"
        document = self._http.call(Request("POST", path, purpose="to open a new version")).document
        found = document if isinstance(document, dict) else {}
        links = found.get("links")
        latest = links.get("latest_draft") if isinstance(links, dict) else ""
        last = str(latest).rstrip("/").rpartition("/")[2]
        return next((each for each in (str(found.get("id")), last) if each.isdigit() and each != ident), None)
