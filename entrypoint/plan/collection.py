"""From the settings to places: one directory, a list of samples, or a root catalog with its samples."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from entrypoint import catalog, settings
from entrypoint.plan import build, disk, model

_MAX_LIST: Final = 16 * 1024 * 1024
"""Bytes of a list of samples."""


def plan(chosen: settings.Settings, findings: build.Findings) -> model.Plan | None:
    """All units; nothing where the problems leave nothing to plan."""
    builder = build.Builder(chosen, findings)
    if chosen.in_list:
        return _listed(chosen, builder, findings)
    path = _catalog_path(chosen)
    place = build.Place("", chosen.in_dir, "", path, _namer(chosen))
    needed = chosen.method is settings.Method.CATALOG or chosen.catalog_given
    if not path.is_file() and not path.is_symlink():
        if needed:
            hint = (
                "" if chosen.catalog_given else " Name it with catalog-yaml; upload-method: all needs none."
            )
            findings.problems.append(f"{path.name}: there is no catalog at {_shown(chosen, path)}.{hint}")
            return None
        return _plan(findings, (builder.unit(place, None),), chosen.in_dir.name, None)
    read = builder.read_catalog(place)
    if read and read[0].is_root and chosen.method is settings.Method.CATALOG:
        return _joint(chosen, builder, findings, place, read)
    if read is None and needed:
        return None
    unit = builder.unit(place, read)
    units = _apart(builder, unit, read[0].samples) if read and read[0].is_root else (unit,)
    return _plan(findings, units, chosen.in_dir.name, read)


def _catalog_path(chosen: settings.Settings) -> Path:
    path = chosen.catalog_yaml
    root = chosen.in_dir / build.ROOT_CATALOG_NAME
    if not chosen.catalog_given and not path.exists() and root.is_file():
        return root
    return path


def _shown(chosen: settings.Settings, path: Path) -> str:
    return str(path.relative_to(chosen.workspace)) if path.is_relative_to(chosen.workspace) else str(path)


def _plan(
    findings: build.Findings, units: tuple[model.Unit, ...], data_set: str, read: build.Read | None
) -> model.Plan:
    found = read[0] if read else None
    return model.Plan(
        units=units,
        data_set=(found.id if found else None) or data_set,
        known=frozenset(findings.known),
        left_out=tuple(findings.left_out),
        warnings=tuple(findings.warnings),
        title=(found.title if found else None) or "",
        description=(found.description if found else None) or "",
    )


def _namer(chosen: settings.Settings, folder: str = "") -> Callable[[str], str]:
    """Local path to remote name. Zenodo is flat: there the base name counts, after the sample's id."""
    if chosen.s3:
        return lambda local: f"{folder}/{local}" if folder else local
    stem = folder.replace("/", "__")
    return lambda local: (f"{stem}__" if stem else "") + PurePosixPath(local).name


def _listed(chosen: settings.Settings, builder: build.Builder, findings: build.Findings) -> model.Plan | None:
    samples = _samples(chosen, findings)
    units: list[model.Unit] = []
    owners: dict[str, str] = {}
    for sample in samples:
        root = chosen.in_dir / sample
        catalog_path = root / build.CATALOG_NAME
        if not _is_below(chosen.in_dir, root):
            findings.problems.append(f"in-list: {sample!r} is not the name of a directory below in-dir.")
            continue
        if not disk.Folder(chosen.in_dir).is_folder(sample):
            header = " Is the first line a header? The list has none." if sample == samples[0] else ""
            findings.problems.append(f"in-list: there is no directory {sample!r} below in-dir.{header}")
            continue
        place = build.Place(sample, root.resolve(), f"{sample}/", catalog_path, _namer(chosen, sample))
        if not disk.Folder(root).exists(build.CATALOG_NAME):
            findings.problems.append(f"{sample}/{build.CATALOG_NAME}: there is no such file.")
            continue
        read = builder.read_catalog(place)
        if read is None:
            continue
        target = _target(sample, read[0], findings)
        if target is None:
            continue
        if (other := owners.setdefault(target, sample)) != sample:
            findings.problems.append(
                f"in-list: {other!r} and {sample!r} would both go to {target!r}; give their catalogs "
                "different ids."
            )
            continue
        units.append(
            builder.unit(dataclasses.replace(place, name=target, remote=_namer(chosen, target)), read)
        )
    if (chosen.in_dir / build.ROOT_CATALOG_NAME).is_file():
        units.extend(_root_of(chosen, builder, findings, tuple(units)))
    if not units and not findings.problems:
        findings.problems.append("in-list: the list has no samples.")
    found = _plan(findings, tuple(units), chosen.in_dir.name, None)
    if not chosen.s3 or any(not unit.name for unit in units):
        return found
    # Other samples may lie beside these at the destination; they are not ours to list or to delete.
    return dataclasses.replace(found, scopes=tuple(unit.name for unit in units))


def _target(sample: str, found: catalog.Catalog, findings: build.Findings) -> str | None:
    """The folder of a sample at the destination: its catalog's id, else the sample in cartloader's spelling."""
    target = (found.id or sample.lower().replace("_", "-")).strip("/")
    parts = PurePosixPath(target).parts
    if not target or ".." in parts or target != "/".join(parts) or not target.isprintable():
        findings.problems.append(f"{sample}: the catalog's id {target!r} cannot be part of a key.")
        return None
    return target


def _samples(chosen: settings.Settings, findings: build.Findings) -> list[str]:
    assert chosen.in_list is not None  # the caller asked
    try:
        with chosen.in_list.open("rb") as stream:
            data = stream.read(_MAX_LIST + 1)
        if len(data) > _MAX_LIST:
            findings.problems.append(f"in-list: {chosen.in_list.name} is larger than {_MAX_LIST} bytes.")
            return []
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        findings.problems.append(f"in-list: {chosen.in_list.name} cannot be read: {why}.")
        return []
    samples: dict[str, int] = {}
    # Not splitlines(), which also splits at characters that a name may hold.
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if not line.strip():
            continue
        sample = line.split("\t")[0].strip()
        if not sample:
            findings.problems.append(f"in-list: line {number} has an empty sample id.")
        elif sample in samples:
            findings.problems.append(f"in-list: lines {samples[sample]} and {number} both name {sample!r}.")
        else:
            samples[sample] = number
    if not samples and not findings.problems:
        findings.problems.append("in-list: the list has no samples.")
    return list(samples)


def _is_below(root: Path, path: Path) -> bool:
    try:
        real = path.resolve()
        return ".." not in path.parts and real != root and real.is_relative_to(root)
    except (OSError, RuntimeError, ValueError):
        return False


def _joint(
    chosen: settings.Settings,
    builder: build.Builder,
    findings: build.Findings,
    place: build.Place,
    read: build.Read,
) -> model.Plan:
    """A root catalog: its own (shared) files once, the samples' catalogs before it, itself last."""
    units: list[model.Unit] = []
    folder = disk.Folder(place.root)
    # A catalog that several samples point to is one catalog.
    first = {pointer: sample for sample, pointer in reversed(read[0].samples)}
    for pointer, sample in reversed(first.items()):
        below = str(PurePosixPath(pointer).parent)
        if not folder.exists(pointer):
            findings.problems.append(
                f"{pointer}: the catalog of sample {sample!r}, listed at samples.{sample}, is not on disk."
            )
            continue
        root = (place.root / below).resolve()
        if not _is_below(place.root, place.root / below):
            findings.problems.append(
                f"{pointer}: the catalog of sample {sample!r} is not in a folder below in-dir."
            )
            continue
        inner = build.Place(
            below if all(unit.name != below for unit in units) else pointer,
            root,
            f"{below}/",
            place.root / pointer,
            _namer(chosen, below),
            keep_name=True,
        )
        found = builder.read_catalog(inner)
        if found is not None:
            units.append(builder.unit(inner, found))
    units.append(dataclasses.replace(builder.unit(place, read), after=tuple(unit.name for unit in units)))
    return _plan(findings, tuple(units), chosen.in_dir.name, read)


def _apart(
    builder: build.Builder, unit: model.Unit, samples: Iterable[tuple[str, str]]
) -> tuple[model.Unit, ...]:
    """The samples of a root catalog as units of their own, where the files were not found by catalogs."""
    rest = {file.local: file for file in unit.files}
    units: list[model.Unit] = []
    for _, pointer in samples:
        below = str(PurePosixPath(pointer).parent)
        if below == "." or pointer not in rest:
            continue
        own = builder.promote(rest.pop(pointer), below)
        names = [local for local in rest if local.startswith(f"{below}/")]
        files = [dataclasses.replace(rest.pop(local), unit=below) for local in names]
        units.append(model.Unit(below, model.largest_first(files), own))
    after = tuple(unit.name for unit in units)
    return (*units, dataclasses.replace(unit, files=model.largest_first(rest.values()), after=after))


def _root_of(
    chosen: settings.Settings,
    builder: build.Builder,
    findings: build.Findings,
    units: tuple[model.Unit, ...],
) -> tuple[model.Unit, ...]:
    """The root catalog of a listed collection, if it points at where these samples go."""
    path = chosen.in_dir / build.ROOT_CATALOG_NAME
    place = build.Place("", chosen.in_dir, "", path, _namer(chosen))
    read = builder.read_catalog(place)
    if read is None or not read[0].is_root:
        return ()
    here = {unit.catalog.name for unit in units if unit.catalog}
    elsewhere = [pointer for _, pointer in read[0].samples if place.remote(pointer) not in here]
    if elsewhere and chosen.s3:
        findings.left_out.append(
            f"{path.name}: not uploaded; it points to {elsewhere[0]}, which this list does not upload there."
        )
        return ()
    return (dataclasses.replace(builder.unit(place, read), after=tuple(unit.name for unit in units)),)
