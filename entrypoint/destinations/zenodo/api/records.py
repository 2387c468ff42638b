"""InvenioRDM's own API, which every service has: drafts, their files, versions, publishing.

Its JSON holds all of a record (https://inveniordm.docs.cern.ch/reference/rest_api_drafts_records/), where
Zenodo's older form holds a part, so that only this one is written back.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from entrypoint import errors
from entrypoint.destinations.zenodo.api import answers, http
from entrypoint.destinations.zenodo.api.request import Request, do_nothing, quoted
from entrypoint.destinations.zenodo.api.values import File, Record, mapping, md5_of, member, word

NATIVE: Final = "application/vnd.inveniordm.v1+json"
PAGE: Final = 100
"""Hits per page; such lists are only for signed-in users."""
MAX_PAGES: Final = 100
_DIGITS: Final = re.compile(r"[0-9]{1,18}")


class Records:
    """The native API of one service."""

    def __init__(self, way: http.Http) -> None:
        self._http = way

    # Drafts and records

    def draft(self, ident: str) -> Record | None:
        """The draft with this id and its files, or nothing.

        Raises:
            answers.Denied: it belongs to another account, or the token is not accepted.
        """
        document = self._find(f"{_path(ident)}/draft", f"to show draft {ident}")
        if document is None:
            return None
        try:
            files = self.draft_files(ident)
        except answers.Rejected as error:
            if not error.is_unknown:
                raise
            if member(document, "files").get("enabled") is not False:
                return None  # deleted or published since
            files = {}  # a record of metadata alone
        return self._read(document, is_draft=True, files=files)

    def record(self, ident: str) -> Record | None:
        """The published record with this id, or of the concept's latest version; or nothing.

        Raises:
            answers.Rejected: with status 410 where it was deleted.
        """
        return self._record(_path(ident), f"to show record {ident}")

    def latest(self, ident: str) -> Record | None:
        """The newest published version of a record."""
        return self._record(f"{_path(ident)}/versions/latest", f"to show the latest version of {ident}")

    def _record(self, path: str, purpose: str) -> Record | None:
        document = self._find(path, purpose)
        if document is None:
            return None
        entries = member(document, "files").get("entries")
        listed: list[Mapping[str, Any]]
        if isinstance(entries, dict):
            listed = [{"key": key, **mapping(entry)} for key, entry in entries.items()]
        else:
            listed = self._entries(f"{_path(self.ident(document))}/files")
        return self._read(document, is_draft=False, files=self._files(listed))

    def create(self, body: Mapping[str, Any]) -> Record:
        """A new draft.

        Raises:
            answers.OutcomeUnknown: it may have been made, or not.
        """
        return self._write("POST", "/api/records", body, "to make a draft", once=True)

    def write(self, ident: str, body: Mapping[str, Any]) -> Record:
        """Replace what a draft says; its files are not among what comes back."""
        return self._write("PUT", f"{_path(ident)}/draft", body, f"to save the metadata of draft {ident}")

    def new_version(self, ident: str) -> str:
        """The id of the draft of the next version, which is made unless it is open already.

        Raises:
            answers.Denied: the record belongs to another account, or has an external DOI.
            answers.Rejected: `is_unknown` where the service does not know this address.
        """
        answer = self._http.call(
            Request("POST", f"{_path(ident)}/versions", accept=NATIVE, purpose="to open a new version")
        )
        return self.ident(answer.document)

    def import_files(self, ident: str) -> None:
        """Take the files of the latest version into a draft without files, without sending them."""
        self._http.call(
            Request("POST", f"{_path(ident)}/draft/actions/files-import", purpose="to take over the files")
        )

    def reserve_doi(self, ident: str) -> str:
        """The DOI that the draft will get; empty where the service does not reserve one."""
        request = Request("POST", f"{_path(ident)}/draft/pids/doi", accept=NATIVE, once=True)
        try:
            document = self._http.call(request).document
        except (errors.Refused, errors.NotAuthorised, errors.Unreachable):
            return ""
        pids = member(member(mapping(document), "pids"), "doi")
        return word(pids, "identifier") or word(mapping(document), "doi")

    def publish(self, ident: str) -> None:
        """Publish a draft, for ever.

        Raises:
            answers.OutcomeUnknown: it may have been published, or will be in a moment, or not.
        """
        path = f"{_path(ident)}/draft/actions/publish"
        self._http.call(
            Request("POST", path, accept=NATIVE, once=True, wants_json=False, purpose="to publish the draft")
        )

    def mine(self, query: str) -> Iterator[Mapping[str, Any]]:
        """The account's drafts and records, all versions, from the search index: the newest may be missing.

        Args:
            query: in the index's syntax; the hits must be checked again.

        Raises:
            answers.Denied: the token is not accepted.
        """
        for page in range(1, MAX_PAGES + 1):
            wanted = {"size": str(PAGE), "page": str(page), "allversions": "true"}
            asked = urllib.parse.urlencode(wanted | ({"q": query} if query else {}))
            document = self._http.get(f"/api/user/records?{asked}", accept=NATIVE, purpose=_LISTING).document
            hits = member(mapping(document), "hits").get("hits")
            if not isinstance(hits, list):
                raise self.unexpected("a list of records")
            yield from (hit for hit in hits if isinstance(hit, dict))
            if len(hits) < PAGE:
                return

    def vocabulary(self, path: str) -> object | None:
        """An item of a vocabulary (``/api/vocabularies/licenses/mit``); nothing where there is none."""
        try:
            found: object = self._http.get(path, purpose="to look up a vocabulary").document
            return found
        except answers.Rejected as error:
            if error.is_unknown or error.status == 400:
                return None
            raise

    # Files of a draft

    def draft_files(self, ident: str) -> Mapping[str, File]:
        """The draft's files by name, pending ones too."""
        return self._files(self._entries(f"{_path(ident)}/draft/files"))

    def delete_file(self, ident: str, name: str, on_collision: Callable[[], None] = do_nothing) -> None:
        """Remove a file from a draft. One that is gone already counts as removed.

        Args:
            on_collision: called where it met another deletion; it is tried again, unless this raises.
        """
        path = f"{_path(ident)}/draft/files/{quoted(name)}"
        request = Request(
            "DELETE", path, wants_json=False, on_collision=on_collision, purpose="to delete files"
        )
        try:
            self._http.call(request)
        except answers.Rejected as error:
            if not error.is_unknown:
                raise

    def begin_file(self, ident: str, name: str) -> None:
        """Begin an upload."""
        self._http.call(
            Request("POST", f"{_path(ident)}/draft/files", document=[{"key": name}], wants_json=False)
        )

    def commit_file(self, ident: str, name: str) -> answers.Json:
        """Complete an upload; the file as the server has it."""
        path = f"{_path(ident)}/draft/files/{quoted(name)}/commit"
        return self._http.call(Request("POST", path, wants_json=False, purpose="to complete a file")).document

    def content_path(self, ident: str, name: str) -> str:
        """Where the bytes of a begun upload go."""
        return f"{_path(ident)}/draft/files/{quoted(name)}/content"

    # What answers hold

    def ident(self, document: answers.Json) -> str:
        """The id in an answer."""
        value = _id(mapping(document).get("id"))
        if not value.isascii() or not value.replace("-", "").isalnum():
            raise self.unexpected("an id")
        return value

    def unexpected(self, what: str) -> errors.Unreachable:
        """An error about an answer that lacks something."""
        return errors.Unreachable(
            f"{self._http.host} answered without {what}, which the API of Zenodo and InvenioRDM promises.",
            "Is zenodo-url the address of such a service? If it is, its API has changed: please report it.",
        )

    def _find(self, path: str, purpose: str) -> Mapping[str, Any] | None:
        try:
            return mapping(self._http.get(path, accept=NATIVE, purpose=purpose).document)
        except answers.Rejected as error:
            if error.is_unknown:
                return None
            raise

    def _write(
        self, method: str, path: str, body: Mapping[str, Any], purpose: str, *, once: bool = False
    ) -> Record:
        request = Request(
            method,
            path,
            document=dict(body),
            accept=NATIVE,
            once=once,
            purpose=purpose,
        )
        document = mapping(self._http.call(request).document)
        refused = document.get("errors")
        return self._read(
            document, is_draft=True, files={}, refused=refused if isinstance(refused, list) else []
        )

    def _read(
        self,
        document: Mapping[str, Any],
        *,
        is_draft: bool,
        files: Mapping[str, File],
        refused: list[Any] | None = None,
    ) -> Record:
        ident = self.ident(document)
        if not isinstance(document.get("metadata"), dict):
            raise self.unexpected("metadata")
        return Record(
            id=ident,
            concept=_id(member(document, "parent").get("id")) or _id(document.get("conceptrecid")),
            is_draft=is_draft,
            is_published=not is_draft or document.get("is_published") is True,
            document=document,
            files=files,
            errors=tuple(refused or ()),
        )

    def _entries(self, path: str) -> list[Mapping[str, Any]]:
        entries = mapping(self._http.get(path, purpose="to list files").document).get("entries")
        if isinstance(entries, dict):  # as old versions had them
            entries = [{"key": key, **mapping(entry)} for key, entry in entries.items()]
        return [mapping(entry) for entry in entries] if isinstance(entries, list) else []

    def _files(self, entries: list[Mapping[str, Any]]) -> Mapping[str, File]:
        return {file.name: file for file in map(self._file, entries)}

    def _file(self, entry: Mapping[str, Any]) -> File:
        name, status = word(entry, "key"), word(entry, "status")
        size = entry.get("size")
        if (isinstance(size, float) and size.is_integer()) or (
            isinstance(size, str) and _DIGITS.fullmatch(size)
        ):
            size = int(size)
        # A record's files are complete, and say nothing of it.
        pending = status not in ("", "completed")
        if not name or (not pending and (not isinstance(size, int) or isinstance(size, bool))):
            raise self.unexpected("the names and sizes of files")
        return File(name, size if isinstance(size, int) else 0, md5_of(entry), pending)


_LISTING: Final = "to list your drafts and records"


def _id(value: object) -> str:
    """An id, which some answers have as a number; empty for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _path(ident: str) -> str:
    return f"/api/records/{quoted(ident)}"
