"""Which positions of a catalog hold files, and of which group.

The schema is that of cartloader's writers since 2024 (run_cartload2, run_cartload2_multi, import_*), of
punkst's deploy-cartoscope, and of CartoScope's documentation. A position is identified by its whole key path and
never by its last word. In a known position a name is a file whatever it looks like. Under an unknown key a
text is a file only when it looks like one or is one; nothing under an unknown key is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from entrypoint.catalog import names
from entrypoint.catalog.document import Key, Map, Plain, Value, key_text
from entrypoint.catalog.model import Entry, Group, Note, shown

_FACTOR_TREES: Final = frozenset({"train_assets", "proj_assets", "decode_assets"})
_FACTOR_METADATA: Final = frozenset(
    {"id", "name", "prefix", "model_id", "proj_id", "decode_id", "cells_id", "cell_id", "square_id"}
    | {"analysis", "analysis_type", "raw_pixel_col", "n_samples"}
)
_OPTIONAL_KEYS: Final = frozenset({"umap", "shared_umap", "alias", "alias_ai"})
_FACTOR_FILES: Final = _OPTIONAL_KEYS | {
    *("de", "info", "model", "post", "rgb", "cmap", "factor_map", "pmtiles"),
    *("heatmap", "heatmap_pdf", "heatmap_tsv"),
    *("shared_de", "shared_info", "shared_post", "shared_pseudobulk"),
    *("shared_heatmap", "shared_heatmap_pdf", "shared_heatmap_tsv"),
}
# Keys that may be null as a whole: there is none of what they would hold.
_CONTAINERS: Final = frozenset({"pmtiles", "heatmap", "shared_heatmap", "umap", "shared_umap"})
# Keys inside sge, pmtiles, umap and heatmap that hold a file name and nothing else.
_INNER_FILES: Final = frozenset(
    {"all", "bins", "counts"}
    | {"hex", "hex_coarse", "hex_fine", "raster", "cells", "boundaries", "raw_pixel"}
    | {"tsv", "pmtiles", "png", "ind_png", "single_png", "pdf"}
)
_SELF: Final = "catalog.yaml"
_SELF_ROOT: Final = "multi-catalog.yaml"


@dataclass
class _Found:
    """A file while it is collected."""

    groups: set[Group] = field(default_factory=set)
    key_paths: list[str] = field(default_factory=list)


class Walk:
    """One pass over a document, which collects files and notes in the order of the document.

    Args:
        exists: whether a path, relative to the catalog's directory, is a regular file there.
        is_root: whether the document is a multi-catalog.
    """

    def __init__(self, exists: Callable[[str], bool], is_root: bool) -> None:
        self.warnings: list[Note] = []
        self.errors: list[Note] = []
        self._exists = exists
        self._self = (_SELF, _SELF_ROOT) if is_root else (_SELF,)
        self._found: dict[str, _Found] = {}

    def entries(self) -> tuple[Entry, ...]:
        """What was found so far."""
        return tuple(
            Entry(path, _first(found.groups), frozenset(found.groups), tuple(found.key_paths))
            for path, found in self._found.items()
        )

    def assets(self, value: Map, where: str) -> None:
        """The mapping ``assets``, which holds everything but in multi-catalogs."""
        for key, child in value.items:
            at = f"{where}.{key_text(key)}"
            match key:
                case "sge":
                    self._files(child, at, Group.BASICS, nullable=True)
                case "overview":
                    self._files(child, at, Group.BASICS)
                case "background":
                    self._files(child, at, Group.BASEMAPS)
                case "basemap":
                    self._basemap(child, at)
                case "factors":
                    self.factors(child, at)
                case _:
                    group = Group.OPTIONAL if key in _OPTIONAL_KEYS else Group.BASICS
                    self._unknown(child, at, group)

    def factors(self, value: Value, where: str, *, nullable: bool = True) -> None:
        """A list of factors, factors by id, a tree of either, or one factor."""
        match value:
            case None if nullable:
                return
            case tuple():
                for index, item in enumerate(value):
                    if isinstance(item, Map):
                        self._factor(item, f"{where}[{index}]")
                    else:
                        self.factors(item, f"{where}[{index}]", nullable=False)
            case Map() if _is_factor(value):
                self._factor(value, where)
            case Map():
                for key, child in value.items:
                    self.factors(child, f"{where}.{key_text(key)}", nullable=key in _FACTOR_TREES)
            case _:
                self._unknown(value, where, Group.BASICS)

    def samples(self, value: Map, where: str) -> tuple[tuple[str, str], ...]:
        """The samples of a multi-catalog: their ids and the paths of their catalogs."""
        pointers = []
        for key, child in value.items:
            path = self._path(child, f"{where}.{key_text(key)}")
            if path is not None:
                pointers.append((key_text(key), path))
        return tuple(pointers)

    def _factor(self, value: Map, where: str) -> None:
        for key, child in value.items:
            at = f"{where}.{key_text(key)}"
            if key in _FACTOR_FILES:
                group = Group.OPTIONAL if key in _OPTIONAL_KEYS else Group.BASICS
                self._files(child, at, group, nullable=key in _CONTAINERS)
            elif key in _FACTOR_TREES:
                self.factors(child, at)
            elif key not in _FACTOR_METADATA or isinstance(child, (Map, tuple)):
                self._unknown(child, at, Group.BASICS)

    def _files(
        self, value: Value, where: str, group: Group, *, known: bool = True, nullable: bool = False
    ) -> None:
        """A name, or names in lists and mappings, whose keys may hold more where they are not known."""
        match value:
            case None if nullable:
                return
            case Map():
                for key, child in value.items:
                    self._files(child, f"{where}.{key_text(key)}", group, known=key in _INNER_FILES)
            case tuple():
                for index, item in enumerate(value):
                    self._files(item, f"{where}[{index}]", group, known=known)
            case Plain() if not known:
                self._skip(where)
            case str() if not known and not self._may_be_file(value):
                self._skip(where)
            case _:
                self._take(value, where, group)

    def _basemap(self, value: Value, where: str) -> None:
        if not isinstance(value, Map):
            self._layers(value, where, Group.BASEMAPS, nullable=True)
            return
        for key, child in _without_pointer(value):
            at, is_sge = f"{where}.{key_text(key)}", key == "sge"
            group = Group.BASICS if is_sge else Group.BASEMAPS
            self._layers(child, at, group, known=key != "default", nullable=is_sge)

    def _layers(
        self, value: Value, where: str, group: Group, *, known: bool = True, nullable: bool = False
    ) -> None:
        """Files of a basemap, under ids of the user's choice."""
        match value:
            case Map():
                for key, child in _without_pointer(value):
                    self._layers(child, f"{where}.{key_text(key)}", group, known=key != "default")
            case _:
                self._files(value, where, group, known=known, nullable=nullable)

    def _unknown(self, value: Value, where: str, group: Group) -> None:
        match value:
            case Map():
                for key, child in value.items:
                    inner = Group.OPTIONAL if key in _OPTIONAL_KEYS else group
                    self._unknown(child, f"{where}.{key_text(key)}", inner)
            case tuple():
                for index, item in enumerate(value):
                    self._unknown(item, f"{where}[{index}]", group)
            case None:
                self._take(value, where, group)
            case str() if names.is_url(value):
                self._take(value, where, group)
            case str() if self._may_be_file(value) and isinstance(names.resolve(value), str):
                text = f"{where} is not a known key; its value {shown(value)} is treated as a file."
                self.warnings.append(Note("W_UNKNOWN_KEY", where, text, "taken as a file"))
                self._take(value, where, group)
            case _:
                self._skip(where)

    def _may_be_file(self, text: str) -> bool:
        if names.file_like(text) or names.is_url(text):
            return True
        return bool(text.strip()) and names.is_file(text, self._exists)

    def _skip(self, where: str) -> None:
        text = f"{where} is not a known key, and its value is not a file name; it was skipped."
        self.warnings.append(Note("W_UNKNOWN_KEY", where, text, "not a file name, skipped"))

    def _take(self, value: Value, where: str, group: Group) -> None:
        path = self._path(value, where)
        if path is None:
            return
        if path in self._self:
            text = f"{where} names the catalog itself, which is uploaded anyway, last."
            self.warnings.append(Note("W_SELF", where, text))
            return
        found = self._found.setdefault(path, _Found())
        found.groups.add(group)
        found.key_paths.append(where)

    def _path(self, value: Value, where: str) -> str | None:
        """The path that a value names; a note and nothing when it names none."""
        if value is None:
            self.warnings.append(Note("W_NULL", where, f"{where} is null and was skipped."))
            return None
        if not isinstance(value, str):
            literal = shown(value.literal) if isinstance(value, Plain) else "a list or a mapping"
            text = f"{where} should be a file name, but is {literal}; put a name in quotes."
            self.errors.append(Note("E_NOT_A_STRING", where, text, literal))
            return None
        path = names.resolve(value)
        if isinstance(path, str) and (value.strip() or names.is_file(value, self._exists)):
            return path
        if isinstance(path, str):
            path = names.Problem("E_EMPTY_NAME", repr(value), "is blank; name a file")
        notes = self.warnings if path.code.startswith("W") else self.errors
        notes.append(Note(path.code, where, f"{where} {path.text}.", path.detail))
        return None


def _first(groups: set[Group]) -> Group:
    return next(group for group in Group if group in groups)


def _is_factor(value: Map) -> bool:
    """Whether a mapping is one factor, and not factors by their ids, which may be any words."""
    for key, child in value.items:
        if key in _CONTAINERS:
            return True
        if (key in _FACTOR_METADATA or key in _FACTOR_FILES) and not isinstance(child, (Map, tuple)):
            return True
    return False


def _without_pointer(value: Map) -> Iterator[tuple[Key, Value]]:
    """A basemap's pairs, but for a ``default`` that names one of the other keys and no file."""
    siblings = {key if isinstance(key, str) else key.text for key, _ in value.items if key != "default"}
    for key, child in value.items:
        wanted = child.text if isinstance(child, Plain) else child
        if key != "default" or not isinstance(wanted, str) or wanted not in siblings:
            yield key, child
