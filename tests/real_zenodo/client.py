"""A person at the server, without the product: makes drafts, files and communities, and looks at them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import requests

METADATA: Final[dict[str, Any]] = {
    "title": "A title",
    "publisher": "The tests",
    "publication_date": "2020-02-02",
    "resource_type": {"id": "dataset"},
    "creators": [{"person_or_org": {"type": "personal", "family_name": "Doe", "given_name": "Jane"}}],
}
"""What a record needs to be published."""


@dataclass(frozen=True)
class Person:
    """A client with a token; without one, a guest."""

    url: str
    token: str

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One request below /api and its JSON.

        Raises:
            requests.HTTPError: the server refused.
        """
        native = "/records" in path and "/files" not in path  # lists of files have one form only
        headers = {"Accept": "application/vnd.inveniordm.v1+json"} if native else {}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = requests.request(
            method,
            f"{self.url}/api{path}",
            headers=headers | options.pop("headers", {}),
            timeout=60,
            **options,
        )
        answer.raise_for_status()
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else None

    def draft(self, files: Mapping[str, bytes] | None = None, **fields: Any) -> str:
        """A new draft's id; `fields` stand beside `metadata` in it."""
        ident: str = self.call("POST", "/records", json={"metadata": METADATA, **fields})["id"]
        for name, data in (files or {}).items():
            self.upload(ident, name, data)
        return ident

    def upload(self, ident: str, name: str, data: bytes) -> None:
        """Put a file into a draft, replacing an existing one."""
        if name in self.files(ident, draft=True):
            self.call("DELETE", f"/records/{ident}/draft/files/{quote(name)}")
        self.begin(ident, name)
        octets = {"Content-Type": "application/octet-stream"}
        self.call("PUT", f"/records/{ident}/draft/files/{quote(name)}/content", data=data, headers=octets)
        self.call("POST", f"/records/{ident}/draft/files/{quote(name)}/commit")

    def begin(self, ident: str, name: str) -> None:
        """Announce a file and send nothing."""
        self.call("POST", f"/records/{ident}/draft/files", json=[{"key": name}])

    def publish(self, ident: str) -> dict[str, Any]:
        """Publish a draft; the record."""
        record: dict[str, Any] = self.call("POST", f"/records/{ident}/draft/actions/publish")
        return record

    def record(self, ident: str, *, draft: bool = False) -> dict[str, Any]:
        """A record or a draft in the server's own form."""
        found: dict[str, Any] = self.call("GET", f"/records/{ident}" + ("/draft" if draft else ""))
        return found

    def files(self, ident: str, *, draft: bool = False) -> dict[str, str]:
        """MD5 of each file, by name; empty for those that were begun and never completed."""
        answer = self.call("GET", f"/records/{ident}" + ("/draft" if draft else "") + "/files")
        return {each["key"]: each.get("checksum", "").removeprefix("md5:") for each in answer["entries"]}

    def mine(self) -> dict[str, str]:
        """Status of each of one's own drafts and records, by id."""
        found: dict[str, str] = {}
        for page in itertools.count(1):
            query = {"size": "100", "page": str(page), "allversions": "true", "sort": "oldest"}
            hits = self.call("GET", "/user/records", params=query)["hits"]
            found |= {hit["id"]: hit["status"] for hit in hits["hits"]}
            if len(found) >= hits["total"]:
                break
        return found

    def community(self, slug: str, *, review: str = "closed") -> str:
        """Make a community; its id, a UUID."""
        access = {"visibility": "public", "member_policy": "open", "record_submission_policy": "open"}
        body = {"slug": slug, "metadata": {"title": slug}, "access": access | {"review_policy": review}}
        ident: str = self.call("POST", "/communities", json=body)["id"]
        return ident

    def submit(self, ident: str, community: str) -> str:
        """Send a draft to a community's curators; the id of the request."""
        body = {"receiver": {"community": community}, "type": "community-submission"}
        request: str = self.call("PUT", f"/records/{ident}/draft/review", json=body)["id"]
        self.call("POST", f"/records/{ident}/draft/actions/submit-review")
        return request


def unique(prefix: str) -> str:
    """An unused name."""
    return f"{prefix}-{time.time_ns()}"
