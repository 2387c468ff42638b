"""What a catalog comes to: entries, notes, and the frozen catalog that holds them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_SHOWN_LENGTH: Final = 300


class Group(StrEnum):
    """The three groups of a catalog's files, in order of precedence."""

    BASICS = "basics"
    OPTIONAL = "optional"
    BASEMAPS = "basemaps"


@dataclass(frozen=True)
class Entry:
    """One file that the catalog names, however often it does.

    Attributes:
        path: relative to the catalog's directory, POSIX, normalised, never outside of it.
        group: the first of basics, optional, basemaps that names the file.
        groups: every group that names it.
        key_paths: every position that names it, in order, such as ``assets.factors[0].umap.tsv``.
    """

    path: str
    group: Group
    groups: frozenset[Group]
    key_paths: tuple[str, ...]


@dataclass(frozen=True)
class Note:
    """A remark about a catalog; an error or a warning, depending on the list that contains it.

    Attributes:
        code: stable and short, such as ``W_NULL``.
        where: the key path; empty when the whole document is meant.
        text: a sentence for a person; holds no control characters.
        detail: the value in question, or a few words; may be empty.
    """

    code: str
    where: str
    text: str
    detail: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def line(self) -> str:
        """The note for a machine: ``CODE where: detail``, without the parts that are empty."""
        head = f"{self.code} {self.where}".rstrip()
        return f"{head}: {self.detail}" if self.detail else head


@dataclass(frozen=True)
class Catalog:
    """A catalog as far as publishing it is concerned; with errors it must not be published.

    Attributes:
        id: the top-level ``id``, as it is written; nothing when it is absent or empty.
        title: the top-level ``title``, likewise.
        description: the top-level ``description``, likewise.
        entries: the files in order of first appearance, each once.
        samples: of a multi-catalog, each sample's id and the path of its catalog.
        is_root: whether this is a multi-catalog, which ties together the catalogs of several samples.
        warnings: what was skipped or guessed.
        errors: what must be fixed first.
    """

    id: str | None = None
    title: str | None = None
    description: str | None = None
    entries: tuple[Entry, ...] = ()
    samples: tuple[tuple[str, str], ...] = ()
    is_root: bool = False
    warnings: tuple[Note, ...] = ()
    errors: tuple[Note, ...] = ()


def shown(text: str) -> str:
    """The text for one line of output: what cannot be printed is escaped, what is too long is cut."""
    cut = text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
