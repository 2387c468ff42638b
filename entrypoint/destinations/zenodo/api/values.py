"""Drafts, records and files as the native API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from entrypoint import text
from entrypoint.destinations.zenodo.api import answers


@dataclass(frozen=True)
class File:
    """A file of a draft or record.

    Attributes:
        size: bytes; 0 while it is pending.
        md5: bare hex; empty if the server returns none.
        pending: its upload was begun and not completed.
    """

    name: str
    size: int
    md5: str
    pending: bool = False


@dataclass(frozen=True)
class Record:
    """A draft or a published record.

    Attributes:
        id: digits on Zenodo, letters and digits elsewhere.
        concept: id of all its versions together.
        is_draft: whether it is a draft; one of an edited record is a draft of a published record.
        document: the native JSON, whole.
        files: by name, pending ones too.
        errors: what the server refused of a draft that it saved: `field` and `messages` each.
    """

    id: str
    concept: str
    is_draft: bool
    is_published: bool
    document: Mapping[str, Any]
    files: Mapping[str, File] = field(default_factory=dict)
    errors: tuple[Any, ...] = ()

    @property
    def status(self) -> str:
        """Where a draft stands: ``draft``, ``in_review``, …; empty where the service does not say."""
        return word(self.document, "status")

    @property
    def doi(self) -> str:
        """The DOI, minted or reserved."""
        return word(member(member(self.document, "pids"), "doi"), "identifier")

    @property
    def has_external_doi(self) -> bool:
        """Whether the DOI was not minted by this service."""
        return bool(self.doi) and word(member(member(self.document, "pids"), "doi"), "provider") == "external"

    @property
    def concept_doi(self) -> str:
        """The DOI of all versions together."""
        return word(member(member(member(self.document, "parent"), "pids"), "doi"), "identifier")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The native metadata."""
        return member(self.document, "metadata")

    @property
    def is_later_version(self) -> bool:
        """Whether an earlier version is published, if the service says so."""
        index = member(self.document, "versions").get("index")
        return isinstance(index, int) and index > 1

    def version_flag(self, name: str) -> bool | None:
        """``is_latest`` or ``is_latest_draft``; nothing where the service does not say."""
        value = member(self.document, "versions").get(name)
        return value if isinstance(value, bool) else None


def md5_of(document: answers.Json) -> str:
    """The MD5 in a file's JSON, bare hex; empty where there is none or another checksum."""
    kind, found, digest = word(mapping(document), "checksum").lower().rpartition(":")
    return digest if len(digest) == 32 and (not found or kind == "md5") else ""


def shown(value: str) -> str:
    """A name from elsewhere, harmless and short."""
    return text.printable(text.shorten(value, 200))


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def member(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The JSON object of a key, or an empty one."""
    return mapping(document.get(key))


def word(document: Mapping[str, Any], key: str) -> str:
    """The text of a key, or an empty one."""
    value = document.get(key)
    return value if isinstance(value, str) else ""
