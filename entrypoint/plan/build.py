"""One directory with one catalog to a `model.Unit`; everything that is wrong is collected."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from entrypoint import catalog, errors, settings
from entrypoint.plan import disk, media, model

CATALOG_NAME: Final = "catalog.yaml"
ROOT_CATALOG_NAME: Final = "multi-catalog.yaml"
"""A root catalog keeps the name by which cartloader and the viewers know it."""

MAX_CATALOG: Final = 64 * 1024 * 1024
"""Bytes that are read of a catalog; the resolver refuses much smaller ones with a better message."""

_STATE_SUFFIXES: Final = (".done", ".mk")
_MORE_STATE_SUFFIXES: Final = (".alldone", ".begin")
"""Of pipelines' state files, too; Zenodo's records are for ever, so that they are left out there."""


@dataclass
class Findings:
    """What comes up while a plan is made.

    Attributes:
        problems: what must be fixed before anything can be sent.
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
        keep_name: whether the catalog keeps its name because another one points to it by that.
        remote: local path to remote name.
    """

    name: str
    root: Path
    shown: str
    catalog: Path
    remote: Callable[[str], str]
    keep_name: bool = False


Read = tuple[catalog.Catalog, model.LocalFile]
"""What a catalog says, and the file in which it says so."""


class Builder:
    """Makes units; all units of a plan share `findings`."""

    def __init__(self, chosen: settings.Settings, findings: Findings) -> None:
        self._chosen = chosen
        self._findings = findings
        self._token = _identity(chosen.token_file)
        self._manifest = _identity(chosen.manifest)

    def read_catalog(self, place: Place) -> Read | None:
        """Read and resolve a catalog; nothing where there is none or it cannot be used."""
        shown = place.shown + place.catalog.name
        try:
            source = self._catalog_file(place)
            with source.open() as stream:
                data = stream.read(MAX_CATALOG)
        except (OSError, RuntimeError, disk.Unusable, errors.FileFailed) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            self._findings.problems.append(f"{shown}: the catalog cannot be read: {why}.".replace("..", "."))
            return None
        found = catalog.read(data, exists=disk.Folder(place.root).exists)
        strict = self._chosen.method is settings.Method.CATALOG
        (self._findings.problems if strict else self._findings.warnings).extend(
            f"{shown}: {note}" for note in found.errors
        )
        self._findings.warnings.extend(f"{shown}: {note}" for note in found.warnings)
        return found, source

    def _catalog_file(self, place: Place) -> model.LocalFile:
        # A catalog in in-dir follows the rules of every file there; one elsewhere was named by the user.
        folder = place.catalog.parent.resolve()
        if folder.is_relative_to(place.root):
            local = str((folder / place.catalog.name).relative_to(place.root))
            try:
                source = disk.Folder(place.root).take(local).source
            except disk.Missing:
                raise disk.Unusable("there is none") from None
        else:
            real = place.catalog.resolve(strict=True)
            if not real.is_file():
                raise disk.Unusable("it is not a regular file")
            source = model.LocalFile.of(real)
        if self._is_token(source):
            raise disk.Unusable("it is the token file")
        return source

    def unit(self, place: Place, read: Read | None) -> model.Unit:
        """The files of one place, by the upload method."""
        folder = disk.Folder(place.root)
        entries = {entry.path: entry for entry in read[0].entries} if read else {}
        self._findings.known.update(place.remote(path) for path in entries)
        files: list[model.PlannedFile] = []
        wants_catalog = self._chosen.method is not settings.Method.FILES
        for item in self._select(place, folder, entries.values()):
            if read and _is_own(place, item, read[1]):
                wants_catalog = True
            elif read and item.local == CATALOG_NAME and self._chosen.method is not settings.Method.CATALOG:
                self._another_catalog(place)
            else:
                files.append(self._file(place, item, entries))
        planned = self._catalog(place, *read) if read and wants_catalog else None
        if planned:
            self._findings.known.add(planned.name)
        self._warn_of_empty(place, files)
        found = read[0] if read else catalog.Catalog()
        return model.Unit(
            place.name,
            model.largest_first(files),
            planned,
            title=found.title or "",
            description=found.description or "",
        )

    def _another_catalog(self, place: Place) -> None:
        shown = (
            f"{place.shown}{CATALOG_NAME}: catalog-yaml names {place.catalog.name}, which is uploaded "
            "under this name"
        )
        if self._chosen.method is settings.Method.ALL:
            self._findings.left_out.append(f"{shown}; not uploaded.")
        else:
            self._findings.problems.append(f"{shown}; give only one of them.")

    def promote(self, file: model.PlannedFile, unit: str) -> model.PlannedFile:
        """A file that turned out to be the catalog of a sample."""
        return dataclasses.replace(file, group=model.CATALOG, unit=unit)

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

    def _listed(
        self, place: Place, folder: disk.Folder, entries: Iterable[catalog.Entry]
    ) -> Iterable[disk.Found]:
        missing: list[str] = []
        entries = list(entries)
        # A name that the catalog lists itself is not what another entry meant.
        listed = {entry.path for entry in entries}
        for entry in entries:
            if not entry.groups & self._chosen.groups:
                continue
            keys = ", ".join(entry.key_paths)
            try:
                item = folder.take(entry.path)
            except disk.Missing:
                near = folder.nearest(entry.path, apart_from=listed)
                meant = f"; did it mean {place.shown}{disk.as_meant(near, entry.path)}?" if near else "."
                missing.append(
                    f"{place.shown}{entry.path}: listed in the catalog at {keys}, not on disk{meant}"
                )
            except disk.Unusable as why:
                self._findings.problems.append(f"{place.shown}{entry.path}: listed at {keys}, {why}.")
            else:
                if not self._is_token(item.source):
                    yield item
                    continue
                self._findings.problems.append(
                    f"{place.shown}{entry.path}: listed at {keys}, but it is the token file."
                )
        if self._chosen.if_missing is settings.IfMissing.ERROR:
            self._findings.problems.extend(missing)
        else:
            self._findings.left_out.extend(missing)

    def _walked(self, place: Place, folder: disk.Folder) -> Iterable[disk.Found]:
        for item in folder.walk(top_level_only=self._chosen.top_level_only):
            if item.local.endswith(_STATE_SUFFIXES):
                continue
            if isinstance(item, disk.Found):
                if self._is_token(item.source):
                    continue
                if self._chosen.zenodo and (why := _no_use_on_zenodo(item)):
                    self._findings.left_out.append(f"{place.shown}{item.local}: {why}, not uploaded.")
                else:
                    yield item
            elif item.fatal:
                self._findings.problems.append(f"{place.shown}{item.local}: {item.reason}.")
            else:
                self._findings.left_out.append(f"{place.shown}{item.local}: {item.reason}, not uploaded.")

    def _named(self, place: Place, folder: disk.Folder) -> Iterable[disk.Found]:
        seen: set[str] = set()
        for pattern in self._chosen.files:
            local = self._below(place, pattern)
            if local is None:
                self._findings.problems.append(
                    f"files: {pattern!r} must be a path inside in-dir, without '..'."
                )
                continue
            try:
                names = folder.match(local)
            except disk.Unusable as why:
                self._findings.problems.append(f"files: {pattern!r}: {why}.")
                continue
            found = list(self._taken(folder, names, exact=names == [local]))
            if not names or not (found or local in names):
                self._findings.problems.append(f"files: {pattern!r} {_nothing(folder, local)}")
            yield from (item for item in found if item.local not in seen)
            seen.update(names)

    def _taken(self, folder: disk.Folder, names: Iterable[str], *, exact: bool) -> Iterable[disk.Found]:
        for name in names:
            try:
                item = folder.take(name)
            except (disk.Missing, disk.Unusable) as why:
                # A glob means files: a pipe that happens to match is skipped.
                if isinstance(why, disk.Unusable) and why.special and not exact:
                    self._findings.left_out.append(f"{name}: {why}, not uploaded.")
                else:
                    self._findings.problems.append(f"files: {name!r} {str(why) or 'vanished'}.")
                continue
            if not self._is_token(item.source):
                yield item
            elif exact:
                self._findings.problems.append(f"files: {name!r} is the token file.")

    def _below(self, place: Place, pattern: str) -> str | None:
        """A name or glob as a path below the place; cartloader's upload_zenodo takes absolute ones too."""
        path = PurePosixPath(pattern)
        if path.is_absolute():
            if not path.is_relative_to(place.root):  # in-dir may have been given by way of a link
                path = PurePosixPath(Path(path.parent).resolve(), path.name)
            if not path.is_relative_to(place.root):
                return None
            path = path.relative_to(place.root)
        return None if ".." in path.parts or "\0" in pattern else str(path)

    def _is_token(self, source: model.LocalFile) -> bool:
        # By device and inode, which a hard link cannot hide from.
        return source.stamp[:2] == self._token

    def _check_manifest(self, source: model.LocalFile) -> None:
        if source.stamp[:2] == self._manifest:
            self._findings.problems.append(
                f"manifest: {self._chosen.manifest_input!r} is one of the files to upload; name another path."
            )

    def _file(self, place: Place, item: disk.Found, entries: dict[str, catalog.Entry]) -> model.PlannedFile:
        self._check_manifest(item.source)
        entry = entries.get(item.local)
        name = place.remote(item.local)
        return model.PlannedFile(
            name=name,
            source=item.source,
            group=str(entry.group) if entry else model.OTHER,
            local=place.shown + item.local,
            media_type=self._media_type(name),
            cache_control=self._cache_control(name),
            key_paths=entry.key_paths if entry else (),
            unit=place.name,
        )

    def _catalog(self, place: Place, found: catalog.Catalog, source: model.LocalFile) -> model.PlannedFile:
        self._check_manifest(source)
        is_joint = found.is_root and place.catalog.name != CATALOG_NAME
        plain = ROOT_CATALOG_NAME if is_joint else CATALOG_NAME
        name = place.remote(place.catalog.name if place.keep_name else plain)
        return model.PlannedFile(
            name=name,
            source=source,
            group=model.CATALOG,
            local=place.shown + place.catalog.name,
            media_type=self._media_type(name),
            cache_control=self._cache_control(name),
            unit=place.name,
        )

    def _media_type(self, name: str) -> str:
        return media.content_type(name, self._chosen.s3.content_type if self._chosen.s3 else ())

    def _cache_control(self, name: str) -> str:
        return media.cache_control(name, self._chosen.s3.cache_control if self._chosen.s3 else ())

    def _warn_of_empty(self, place: Place, files: Iterable[model.PlannedFile]) -> None:
        empty = [file.local for file in files if not file.size]
        if len(empty) == 1:
            self._findings.warnings.append(f"{empty[0]}: the file is empty.")
        elif empty:
            more = f" and {len(empty) - 3:,} more" if len(empty) > 3 else ""
            self._findings.warnings.append(f"{len(empty):,} files are empty: {', '.join(empty[:3])}{more}.")


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Device and inode, by which a file is known under every name."""
    try:
        status = path.stat() if path else None
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status else None


def _is_own(place: Place, item: disk.Found, catalog_file: model.LocalFile) -> bool:
    """Whether a file is the catalog itself; another name for it, by a link, is a file of its own."""
    if item.source.path != catalog_file.path:
        return False
    return item.local == CATALOG_NAME or place.root / item.local == (
        place.catalog.parent.resolve() / place.catalog.name
    )


def _nothing(folder: disk.Folder, local: str) -> str:
    if folder.is_folder(local):
        return f"is a directory; name the files in it, such as {local}/**."
    near = folder.nearest(local)
    return f"matches nothing; did you mean {disk.as_meant(near, local)}?" if near else "matches nothing."


def _no_use_on_zenodo(item: disk.Found) -> str:
    """Why a file that was not named explicitly is left out of a record; empty if it is not."""
    if item.local.endswith(_MORE_STATE_SUFFIXES):
        return "the state of a pipeline"
    return "" if item.source.size else "empty"
