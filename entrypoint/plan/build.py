"""One directory with one catalog to a `model.Unit`; everything that is wrong is collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from entrypoint import catalog, settings
from entrypoint.plan import disk, media, model

CATALOG_NAME: Final = "catalog.yaml"
ROOT_CATALOG_NAME: Final = "multi-catalog.yaml"
"""A root catalog keeps the name by which cartloader and the viewers know it."""

MAX_CATALOG: Final = 64 * 1024 * 1024
"""Bytes that are read of a catalog; the resolver refuses far smaller ones with a better sentence."""

_STATE_SUFFIXES: Final = (".done", ".mk")


@dataclass
class Findings:
    """What comes up while a plan is made.

    Attributes:
        problems: what must be mended before anything can be sent.
        known: remote names that a catalog lists, selected or not.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Place:
    """Where one catalog's files are, and where they go.

    Attributes:
        name: of the unit; empty in a run of one catalog.
        root: resolved directory.
        shown: how messages name the directory below in-dir; empty, or with a last slash.
        catalog: the catalog's path.
        remote: local path to remote name.
    """

    name: str
    root: Path
    shown: str
    catalog: Path
    remote: Callable[[str], str]


class Builder:
    """Makes units; `findings` is shared by all units of a plan."""

    def __init__(self, chosen: settings.Settings, findings: Findings) -> None:
        self._chosen = chosen
        self._findings = findings

    def read_catalog(self, place: Place) -> tuple[catalog.Catalog, model.LocalFile] | None:
        """Read and resolve a catalog; nothing where there is none or it cannot be used."""
        shown = place.shown + place.catalog.name
        try:
            source = model.LocalFile.of(place.catalog.resolve())
            with source.path.open("rb") as stream:
                data = stream.read(MAX_CATALOG)
        except (OSError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else "a loop of links"
            self._findings.problems.append(f"{shown}: the catalog cannot be read: {why}.")
            return None
        found = catalog.read(data, exists=disk.Folder(place.root).exists)
        strict = self._chosen.method is settings.Method.CATALOG
        (self._findings.problems if strict else self._findings.warnings).extend(
            f"{shown}: {note}" for note in found.errors
        )
        self._findings.warnings.extend(f"{shown}: {note}" for note in found.warnings)
        return found, source

    def unit(self, place: Place, read: tuple[catalog.Catalog, model.LocalFile] | None) -> model.Unit:
        """The files of one place, by the upload method."""
        folder = disk.Folder(place.root)
        entries = {entry.path: entry for entry in read[0].entries} if read else {}
        self._findings.known.update(place.remote(path) for path in entries)
        found = list(self._select(place, folder, entries.values()))
        is_own = self._is_catalog(place, read)
        files = [self._file(place, item, entries) for item in found if not is_own(item)]
        wants_catalog = self._chosen.method is not settings.Method.FILES or any(
            is_own(item) for item in found
        )
        planned = self._catalog(place, *read) if read and wants_catalog else None
        if planned:
            self._findings.known.add(planned.name)
        self._warn_of_empty(place, files)
        return model.Unit(place.name, largest_first(files), planned)

    def _select(
        self, place: Place, folder: disk.Folder, entries: Iterable[catalog.Entry]
    ) -> Iterable[disk.Found]:
        match self._chosen.method:
            case settings.Method.CATALOG:
                return self._listed(place, folder, entries)
            case settings.Method.ALL:
                return self._walked(place, folder)
            case settings.Method.FILES:
                return self._named(place, folder)

    def _is_catalog(
        self, place: Place, read: tuple[catalog.Catalog, model.LocalFile] | None
    ) -> Callable[[disk.Found], bool]:
        path = read[1].path if read else None
        return lambda item: item.source.path == path

    def _listed(
        self, place: Place, folder: disk.Folder, entries: Iterable[catalog.Entry]
    ) -> Iterable[disk.Found]:
        missing: list[str] = []
        for entry in entries:
            if not entry.groups & self._chosen.groups:
                continue
            keys = ", ".join(entry.key_paths)
            try:
                yield folder.take(entry.path)
            except disk.Missing:
                near = folder.nearest(entry.path)
                meant = f"; did it mean {place.shown}{near}?" if near else "."
                missing.append(
                    f"{place.shown}{entry.path}: listed in the catalog at {keys}, not on disk{meant}"
                )
            except disk.Unusable as why:
                self._findings.problems.append(f"{place.shown}{entry.path}: listed at {keys}, {why}.")
        if self._chosen.if_missing is settings.IfMissing.ERROR:
            self._findings.problems.extend(missing)
        else:
            self._findings.left_out.extend(missing)

    def _walked(self, place: Place, folder: disk.Folder) -> Iterable[disk.Found]:
        for item in folder.walk(top_level_only=self._chosen.top_level_only):
            if item.local.endswith(_STATE_SUFFIXES) or self._is_private(folder, item.local):
                continue
            if isinstance(item, disk.Found):
                yield item
            elif item.fatal:
                self._findings.problems.append(f"{place.shown}{item.local}: {item.reason}.")
            else:
                self._findings.left_out.append(f"{place.shown}{item.local}: {item.reason}, not uploaded.")

    def _named(self, place: Place, folder: disk.Folder) -> Iterable[disk.Found]:
        seen: set[str] = set()
        for pattern in self._chosen.files:
            relative = self._below(place, pattern)
            if relative is None:
                self._findings.problems.append(f"files: {pattern!r} leads out of in-dir.")
                continue
            exact = folder.exists(relative)
            names = [n for n in folder.match(relative) if not self._is_private(folder, n)]
            if not names:
                near = folder.nearest(relative)
                what = (
                    "is a directory; name what is in it, such as" if (place.root / relative).is_dir() else ""
                )
                meant = (
                    f" {what} {relative}/**"
                    if what
                    else f" matches nothing{f'; did it mean {near}?' if near else ''}"
                )
                private = exact and self._is_private(folder, relative)
                self._findings.problems.append(
                    f"files: {pattern!r}{' is the file of the token' if private else meant}".rstrip(".?")
                    + "."
                )
            for name in names:
                if name in seen:
                    continue
                seen.add(name)
                try:
                    yield folder.take(name)
                except (disk.Missing, disk.Unusable) as why:
                    self._findings.problems.append(f"files: {name!r} {why}.")

    def _below(self, place: Place, pattern: str) -> str | None:
        """A name or glob as a path below the place; cartloader's upload_zenodo takes absolute ones too."""
        path = PurePosixPath(pattern)
        if path.is_absolute():
            for root in (place.root, self._chosen.workspace / self._chosen.in_dir):
                if path.is_relative_to(root):
                    path = path.relative_to(root)
                    break
            else:
                return None
        return None if ".." in path.parts or "\0" in pattern else str(path)

    def _is_private(self, folder: disk.Folder, local: str) -> bool:
        token = self._chosen.token_file
        return token is not None and (folder.root / local).resolve() == token

    def _file(self, place: Place, item: disk.Found, entries: dict[str, catalog.Entry]) -> model.PlannedFile:
        entry = entries.get(item.local)
        name = place.remote(item.local)
        return model.PlannedFile(
            name=name,
            source=item.source,
            group=str(entry.group) if entry else model.OTHER,
            local=place.shown + item.local,
            media_type=self._media_type(name),
            cache_control=self._cache_control(name, is_catalog=False),
            key_paths=entry.key_paths if entry else (),
            unit=place.name,
        )

    def _catalog(self, place: Place, found: catalog.Catalog, source: model.LocalFile) -> model.PlannedFile:
        name = place.remote(ROOT_CATALOG_NAME if found.is_root else CATALOG_NAME)
        return model.PlannedFile(
            name=name,
            source=source,
            group=model.CATALOG,
            local=place.shown + place.catalog.name,
            media_type=self._media_type(name),
            cache_control=self._cache_control(name, is_catalog=True),
            unit=place.name,
        )

    def _media_type(self, name: str) -> str:
        return media.content_type(name, self._chosen.s3.content_type if self._chosen.s3 else ())

    def _cache_control(self, name: str, *, is_catalog: bool) -> str:
        rules = self._chosen.s3.cache_control if self._chosen.s3 else ()
        return media.cache_control(name, rules, is_catalog=is_catalog)

    def _warn_of_empty(self, place: Place, files: Iterable[model.PlannedFile]) -> None:
        self._findings.warnings.extend(f"{file.local}: the file is empty." for file in files if not file.size)


def largest_first(files: Iterable[model.PlannedFile]) -> tuple[model.PlannedFile, ...]:
    """The order of sending: with the largest first, the last ones in flight are short."""
    return tuple(sorted(files, key=lambda file: (-file.size, file.name)))
