"""What the mocked Zenodo remembers: users, records with their versions and drafts, files, communities."""

from __future__ import annotations

import copy
import random
import re
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.zenodo.vocabularies import Vocabularies

Json = dict[str, Any]
Id = int | str
"""Zenodo's ids are numbers, those of other InvenioRDM services like `cnn9a-92d43`."""
SCOPES = frozenset({"deposit:write", "deposit:actions"})


def now() -> str:
    """The time as Zenodo writes it."""
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True)
class Options:
    """How this Zenodo behaves; the defaults are today's service as far as it is known.

    kind: `zenodo`, or `invenio` for a plain InvenioRDM: no deposit API, ids of letters, its own words.
    sandbox: mints 10.5072 DOIs.
    doi_prefix: another prefix than the kind's own; `none` for a repository that gives no DOIs.
    extras: without them there is no `versions/latest`, `files-import`, `quota-increase` and `/api/me`.
    required: fields of `metadata` that this repository requires besides, with commas between them.
    enforce_scopes: 403 for a token without `deposit:write` or `deposit:actions`.
    empty_files_allowed: Zenodo's configuration says no, its sandbox took one once; elsewhere they are.
    bucket_bugs: GET of a bucket is a 500, DELETE of a key is a 500 although the file is gone (2023-2026).
    lost_updates_fail: of two requests that change the row of a draft at the same time one fails.
    csrf_referer: the older wording of the CSRF refusal.
    stale_seconds, stale_requests: how long new drafts are missing from lists and searches.
    latency: seconds that each request is on its way to the server.
    work: seconds that the server takes for each request; two that change a draft's row meet there.
    rate_limit, search_limit: requests per `rate_window` seconds; search is GET /api/records.
    quota, max_file: bytes; max_files: files per record.
    sink: keep no file content.
    """

    kind: str = "zenodo"
    sandbox: bool = False
    doi_prefix: str = ""
    extras: bool = True
    required: str = ""
    enforce_scopes: bool = False
    empty_files_allowed: bool = False
    bucket_bugs: bool = True
    lost_updates_fail: bool = True
    csrf_referer: bool = False
    stale_seconds: float = 0.0
    stale_requests: int = 0
    latency: float = 0.0
    work: float = 0.0
    rate_limit: int = 1000
    search_limit: int = 30
    rate_window: float = 60.0
    quota: int = 50 * 10**9
    max_file: int = 50 * 10**9
    max_files: int = 100
    sink: bool = False

    @property
    def zenodo(self) -> bool:
        """Whether this is Zenodo, not a plain InvenioRDM."""
        return self.kind == "zenodo"

    @property
    def prefix(self) -> str:
        """The prefix of minted DOIs; empty where none are."""
        if self.doi_prefix:
            return "" if self.doi_prefix == "none" else self.doi_prefix
        if not self.zenodo:
            return "10.83132"
        return "10.5072" if self.sandbox else "10.5281"

    def doi(self, number: Id) -> str:
        """The DOI that a record or concept with this id gets."""
        return f"{self.prefix}/zenodo.{number}" if self.zenodo else f"{self.prefix}/{number}"


@dataclass(frozen=True)
class User:
    """An account."""

    id: int
    name: str


@dataclass(frozen=True)
class Token:
    """A personal access token."""

    user: User
    scopes: frozenset[str] = SCOPES


@dataclass
class StoredFile:
    """A file instance; a new version shares it with the old one until it is replaced or deleted.

    `size` in bytes, `md5` as bare hex, both None while `status` is `pending`.
    """

    key: str
    size: int | None
    md5: str | None
    path: Path | None
    status: str = "completed"
    transfer: str = "L"
    parts: int = 0
    file_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    version_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)


@dataclass
class Content:
    """One state of a record, draft or published, in InvenioRDM's own form: the deposit API shows less.

    `metadata`, `custom_fields`, `access` and `pids` are those of `application/vnd.inveniordm.v1+json`, as
    the server keeps them: of what has an id in a vocabulary only the id. `quota` is in bytes, None for the
    server's default; `files_enabled` is False for a record of metadata alone. `dead` are the keys that a
    DELETE of all files took: the draft cannot take them any more.
    """

    metadata: Json = field(default_factory=dict)
    custom_fields: Json = field(default_factory=dict)
    access: Json = field(default_factory=lambda: {"record": "public", "files": "public"})
    pids: Json = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    bucket: str = field(default_factory=lambda: str(uuid.uuid4()))
    quota: int | None = None
    files_enabled: bool = True
    dead: set[str] = field(default_factory=set)

    @property
    def doi(self) -> str | None:
        """The DOI, reserved, registered or from elsewhere."""
        found = self.pids.get("doi", {}).get("identifier")
        return str(found) if found else None

    @property
    def external(self) -> bool:
        """Whether the DOI is external."""
        return bool(self.pids.get("doi", {}).get("provider") == "external")

    def copy(self) -> Content:
        """The same, with a bucket of its own; the files are shared."""
        return Content(
            copy.deepcopy(self.metadata),
            copy.deepcopy(self.custom_fields),
            copy.deepcopy(self.access),
            copy.deepcopy(self.pids),
            dict(self.files),
            files_enabled=self.files_enabled,
        )

    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size or 0 for each in self.files.values())


@dataclass
class Community:
    """A community; `open_policy` lets its members include records without a review."""

    id: str
    slug: str
    title: str
    members: set[int]
    open_policy: bool = False


@dataclass
class ReviewRequest:
    """A community-submission (of a draft) or community-inclusion (of a record)."""

    id: str
    number: int
    type: str
    community: Community
    recid: Id
    creator: User
    status: str = "created"
    created: str = field(default_factory=now)

    @property
    def is_open(self) -> bool:
        """Waiting for a curator."""
        return self.status == "submitted"

    @property
    def is_closed(self) -> bool:
        """Decided, or taken back."""
        return self.status in ("accepted", "declined", "cancelled")


@dataclass
class Concept:
    """What all versions share."""

    id: Id
    owner: User
    versions: list[Version] = field(default_factory=list)
    doi: str | None = None
    communities: list[Community] = field(default_factory=list)

    def latest(self) -> Version | None:
        """The newest published version."""
        return next((each for each in reversed(self.versions) if each.published and not each.deleted), None)

    def next_draft(self) -> Version | None:
        """The draft of a version that was never published."""
        return next((each for each in self.versions if not each.published and each.draft), None)


@dataclass
class Version:
    """One record id with its draft, its published state, or both (an edit).

    `row` is the number of the commit that last changed the draft's row in the database, `removal` of the
    last one that took a file away, `writer` the request that is changing the row. `indexed` is what the
    search index knows of files and DOI: that of the last commit.
    """

    id: Id
    concept: Concept
    draft: Content | None = None
    published: Content | None = None
    review: ReviewRequest | None = None
    deleted: bool = False
    revision: int = 5
    created: str = field(default_factory=now)
    modified: str = field(default_factory=now)
    born: float = field(default_factory=time.monotonic)
    born_request: int = 0
    row: int = 0
    removal: int = 0
    writer: object | None = None
    indexed: tuple[dict[str, StoredFile], str | None] = field(default_factory=lambda: ({}, None))

    @property
    def content(self) -> Content:
        """The draft if there is one, else what is published."""
        found = self.draft or self.published
        assert found is not None
        return found

    @property
    def state(self) -> str:
        """As the deposit API names it."""
        if self.published is None:
            return "unsubmitted"
        return "inprogress" if self.draft else "done"

    def touch(self, *, index: bool = True) -> None:
        """A commit of the row: new revision, new time, and usually a new entry in the index."""
        self.revision += 1
        self.modified = now()
        if index:
            self.indexed = (dict(self.content.files), self.content.doi)


class Zenodo:
    """All state, behind one lock; handlers take `lock`, bodies are read outside of it."""

    def __init__(self, options: Options, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.base = ""
        self.lock = threading.RLock()
        self.tokens: dict[str, Token] = {}
        self.users: list[User] = []
        self.concepts: dict[Id, Concept] = {}
        self.versions: dict[Id, Version] = {}
        self.communities: dict[str, Community] = {}
        self.requests: dict[str, ReviewRequest] = {}
        self.vocabularies = Vocabularies(zenodo=options.zenodo)
        self.served = 0
        self.commits = 0
        self.released = threading.Condition(self.lock)
        self._next = 412009
        self._letters = random.Random(412009)

    def number(self) -> Id:
        """A fresh record or concept id."""
        self._next += 1
        if self.options.zenodo:
            return self._next
        letters = self._letters.choices("0123456789abcdefghjkmnpqrstvwxyz", k=10)
        return "".join(letters[:5]) + "-" + "".join(letters[5:])

    def key(self, text: str) -> Id:
        """An id as it stands in a path."""
        return int(text) if self.options.zenodo and text.isdigit() else text

    def add_user(self, name: str = "user") -> User:
        """A new account."""
        with self.lock:
            user = User(623 + len(self.users), name)
            self.users.append(user)
            return user

    def create(self, owner: User, content: Content, concept: Concept | None = None) -> Version:
        """A draft, of a new record or of a new version."""
        if concept is None:
            concept = Concept(self.number(), owner)
            self.concepts[concept.id] = concept
        version = Version(self.number(), concept, draft=content, born_request=self.served)
        version.indexed = (dict(content.files), content.doi)
        concept.versions.append(version)
        self.versions[version.id] = version
        return version

    def drop_draft(self, version: Version) -> None:
        """Discards an edit, or deletes what was never published."""
        version.draft = None
        version.review = None
        if version.published is None:
            del self.versions[version.id]
            version.concept.versions.remove(version)
            if not version.concept.versions:
                del self.concepts[version.concept.id]

    def in_bucket(self, bucket: str) -> tuple[Version, Content] | None:
        """The record and the state that a bucket belongs to."""
        for version in self.versions.values():
            for content in (version.draft, version.published):
                if content is not None and content.bucket == bucket:
                    return version, content
        return None

    def searched(self) -> Iterator[Version]:
        """What the search index knows, newest first; new drafts come late."""
        clock = time.monotonic()
        for version in sorted(self.versions.values(), key=lambda each: each.modified, reverse=True):
            fresh = clock - version.born < self.options.stale_seconds
            early = self.served - version.born_request <= self.options.stale_requests
            if version.published is None and (fresh or (self.options.stale_requests and early)):
                continue
            if not version.deleted:
                yield version

    def community(self, name: str) -> Community | None:
        """By id or slug."""
        return next((each for each in self.communities.values() if name in (each.id, each.slug)), None)


def today() -> str:
    """The day as Zenodo writes it."""
    return datetime.now(UTC).date().isoformat()


def matches(query: str, document: Any, text: str) -> bool:
    """Whether a query finds a document: every `field:value` and every word has to be there.

    A small part of the Lucene syntax; fields are dotted paths, `conceptrecid` and `recid` among them.
    """
    for name, quoted, plain in re.findall(r'(?:([\w.]+):)?(?:"([^"]*)"|([^\s"]+))', query):
        wanted = (quoted or plain).replace("\\", "").lower()
        if not name and wanted in ("and", "*"):
            continue
        where = text
        if name:
            value: Any = document
            for part in name.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            where = str(value)
            if value is None or (str(value).lower() != wanted and not isinstance(value, str | list)):
                return False
        if wanted.strip("*") not in where.lower():
            return False
    return True
