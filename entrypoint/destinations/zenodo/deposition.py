"""The calls of Zenodo's API that this project needs, and what their answers hold, checked.

Deposit API (https://developers.zenodo.org) for drafts, files, metadata and publishing; InvenioRDM's own
``/api/records`` where only that works: versions, import of files, the latest version, the DOI.
"""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from entrypoint import errors
from entrypoint.destinations.zenodo import answers, http

PAGE: Final = 100
"""Depositions a page; the server refuses more."""
MAX_PAGES: Final = 100
"""The server's search ends at 10,000 hits."""
_DEPOSITIONS: Final = "/api/deposit/depositions"
_UNKNOWN: Final = (404, 405, 501)
"""How a service says that it does not know an address."""


@dataclass(frozen=True)
class Stored:
    """A file in a deposition: `md5` is bare hex, `size` in bytes, `id` what it is deleted by."""

    name: str
    id: str
    size: int
    md5: str


@dataclass(frozen=True)
class Deposition:
    """A draft or a record as the deposit API shows it.

    Attributes:
        number: its id.
        concept: id of all its versions together.
        state: ``unsubmitted`` (a draft), ``done`` (published), ``inprogress`` (open edits of a record).
        metadata: in the legacy form.
        bucket: where files are put; empty in lists.
        files: by name; those that the server has not completed are not among them.
    """

    number: int
    concept: str
    state: str
    metadata: Mapping[str, Any]
    doi: str = ""
    concept_doi: str = ""
    bucket: str = ""
    files: Mapping[str, Stored] = field(default_factory=dict)

    @property
    def is_published(self) -> bool:
        """Whether this id is a record, open edits or not."""
        return self.state != "unsubmitted"


class Depositions:
    """The deposit API of one service."""

    def __init__(self, way: http.Http) -> None:
        self._http = way

    def get(self, number: int, check: http.Check) -> Deposition:
        """The draft with this id, else the record."""
        answer = self._http.call("GET", f"{_DEPOSITIONS}/{number}", check=check)
        return self._read(answer.document)

    def mine(self, query: str, check: http.Check) -> Iterator[Deposition]:
        """The account's depositions, all versions, from the search index: the newest may be missing.

        Args:
            query: in the index's syntax; the hits have to be looked at again.
        """
        seen: set[int] = set()
        for page in range(1, MAX_PAGES + 1):
            wanted = {"size": str(PAGE), "page": str(page), "all_versions": "true"} | (
                {"q": query} if query else {}
            )
            path = f"{_DEPOSITIONS}?{urllib.parse.urlencode(wanted)}"
            hits = self._http.call("GET", path, check=check).document
            if not isinstance(hits, list):
                raise self._unexpected("a list of depositions")
            for hit in hits:
                # One odd deposition among many must not end a run that is about another.
                with contextlib.suppress(errors.Unreachable):
                    found = self._read(hit, in_list=True)
                    if found.number not in seen:
                        seen.add(found.number)
                        yield found
            if len(hits) < PAGE:
                return

    def create(self, metadata: Mapping[str, Any], check: http.Check) -> Deposition:
        """A new draft.

        Raises:
            answers.Unsure: it may have been made, or not.
        """
        document = {"metadata": dict(metadata)}
        answer = self._http.call("POST", _DEPOSITIONS, check=check, document=document, once=True)
        return self._read(answer.document)

    def new_version(self, number: int, check: http.Check) -> int:
        """The id of the draft of the next version, which is made unless it is open already."""
        try:
            answer = self._http.call("POST", f"/api/records/{number}/versions", check=check)
        except answers.Rejected as error:
            if error.status not in _UNKNOWN:
                raise
            return self._legacy_version(number, check)
        return self._number(answer.document)

    def _legacy_version(self, number: int, check: http.Check) -> int:
        """The same by the address that Zenodo documents, for services that know no other.

        The answer is the draft, or the record with a link to it (https://developers.zenodo.org#new-version).
        """
        document = self._http.call(
            "POST", f"{_DEPOSITIONS}/{number}/actions/newversion", check=check
        ).document
        found = self._number(document)
        if found == number:
            links = document.get("links") if isinstance(document, dict) else None
            last = _text(links, "latest_draft").rstrip("/").rpartition("/")[2]
            found = int(last) if last.isascii() and last.isdigit() else number
        if found == number:
            raise self._unexpected("the draft of the next version")
        return found

    def import_files(self, number: int, check: http.Check) -> None:
        """Take the files of the latest version into an empty draft, without sending them."""
        self._http.call("POST", f"/api/records/{number}/draft/actions/files-import", check=check)

    def write(self, number: int, metadata: Mapping[str, Any], check: http.Check) -> Deposition:
        """Replace all metadata of a draft."""
        path = f"{_DEPOSITIONS}/{number}"
        answer = self._http.call("PUT", path, check=check, document={"metadata": dict(metadata)})
        return self._read(answer.document)

    def delete_file(self, number: int, stored: Stored, check: http.Check) -> None:
        """Remove a file from a draft. One that is gone already counts as removed."""
        file_id = http.quoted(stored.id)
        try:
            self._http.call(
                "DELETE", f"{_DEPOSITIONS}/{number}/files/{file_id}", check=check, wants_json=False
            )
        except answers.Rejected as error:
            if error.status != 404:
                raise

    def reserve_doi(self, number: int, check: http.Check) -> str:
        """The DOI that the draft will get; empty where the service does not reserve one."""
        try:
            answer = self._http.call("POST", f"/api/records/{number}/draft/pids/doi", check=check, once=True)
        except (errors.Refused, errors.NotAuthorised, errors.Unreachable):
            return ""
        return _text(answer.document, "doi")

    def in_review(self, number: int, check: http.Check) -> bool:
        """Whether a community's curators have the draft, so that it is locked."""
        try:
            answer = self._http.call("GET", f"/api/records/{number}/draft", check=check, once=True)
        except (errors.Refused, errors.NotAuthorised, errors.Unreachable):
            # An older or other service without this address, or an answer that got lost: writing will tell.
            return False
        return _text(answer.document, "status") == "in_review"

    def latest(self, number: int, check: http.Check) -> int:
        """The id of the newest published version of a record."""
        return self._number(
            self._http.call("GET", f"/api/records/{number}/versions/latest", check=check).document
        )

    def record(self, number: int, check: http.Check) -> int | None:
        """The id of the published record with this id, or of the concept's latest version; or nothing."""
        try:
            return self._number(self._http.call("GET", f"/api/records/{number}", check=check).document)
        except answers.Rejected as error:
            if error.status in (404, 410):
                return None
            raise

    def publish(self, number: int, check: http.Check) -> None:
        """Publish a draft, for ever.

        Raises:
            answers.Unsure: it may have been published, or will be in a moment, or not.
        """
        path = f"{_DEPOSITIONS}/{number}/actions/publish"
        self._http.call("POST", path, check=check, once=True, wants_json=False)

    # What answers hold

    def _number(self, document: answers.Json) -> int:
        value = document.get("id") if isinstance(document, dict) else None
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self._unexpected("an id")
        return value

    def _read(self, document: answers.Json, *, in_list: bool = False) -> Deposition:
        number = self._number(document)
        metadata = document.get("metadata")
        state = document.get("state")
        if not isinstance(metadata, dict) or state not in ("unsubmitted", "inprogress", "done"):
            raise self._unexpected("metadata and state")
        links = document.get("links")
        bucket = links.get("bucket") if isinstance(links, dict) else None
        stored = [self._stored(item) for item in _items(document, "files")]
        return Deposition(
            number=number,
            concept=_text(document, "conceptrecid"),
            state=state,
            metadata=metadata,
            doi=_text(document, "doi"),
            concept_doi=_text(document, "conceptdoi"),
            bucket="" if in_list else self._http.own(bucket),
            files={each.name: each for each in stored if each is not None},
        )

    def _stored(self, item: Any) -> Stored | None:
        name, file_id, checksum = (_text(item, key) for key in ("filename", "id", "checksum"))
        size = item.get("filesize") if isinstance(item, dict) else None
        if isinstance(size, float) and size.is_integer():
            size = int(size)
        if not name or not isinstance(size, int) or isinstance(size, bool):
            raise self._unexpected("the names and sizes of files")
        # A file that the server has not completed has no id, or no checksum yet.
        return Stored(name, file_id, size, checksum.removeprefix("md5:").lower()) if file_id else None

    def _unexpected(self, what: str) -> errors.Unreachable:
        return errors.Unreachable(
            f"{self._http.host} answered without {what}, which Zenodo's API promises.",
            "Is zenodo-url the address of a Zenodo? If it is, its API has changed: please report it.",
        )


def _text(document: answers.Json, key: str) -> str:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, str) else ""


def _items(document: answers.Json, key: str) -> list[Any]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, list) else []
