"""Settings, catalog and disk to one immutable plan; everything preflight can say without the network."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from entrypoint import errors, settings
from entrypoint.plan import build, collection, model, packing, shards

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html and qfacts.html
MAX_KEY: Final = 1024
"""Bytes of an S3 key in UTF-8."""
MAX_OBJECT: Final = 10_000 * 5 * 1024**3
"""Bytes that the largest number of parts of the largest size can hold."""
MAX_ZENODO_NAME: Final = 255
"""Characters of a file's name on Zenodo."""


def make(chosen: settings.Settings) -> model.Plan:
    """Make the plan.

    Raises:
        errors.BadInput: with every problem of the catalog, of the files and of their names.
    """
    findings = build.Findings()
    found = collection.plan(chosen, findings)
    if found is not None:
        if chosen.zenodo and chosen.zenodo.pack is settings.Pack.AUTO:
            found = packing.packed(found, findings.warnings)
        _check_names(chosen, found, findings)
        if not len(found) and not findings.problems:
            findings.problems.append("There is nothing to upload: no file was selected.")
    if findings.problems or found is None:
        raise errors.BadInput(findings.problems)
    found = dataclasses.replace(found, warnings=tuple(findings.warnings))
    found = dataclasses.replace(found, digest=shards.digest(found))
    return shards.part(found, chosen.shard) if chosen.shard else found


def _check_names(chosen: settings.Settings, plan: model.Plan, findings: build.Findings) -> None:
    prefix = chosen.s3.prefix if chosen.s3 else ""
    seen: dict[str, model.PlannedFile] = {}
    folded: dict[str, model.PlannedFile] = {}
    for file in plan:
        findings.problems.extend(_name_problems(file, prefix, on_s3=chosen.s3 is not None))
        if (other := seen.setdefault(file.name, file)) is not file:
            findings.problems.append(
                f"{other.local} and {file.local} would both become {file.name}.{_collision_hint(chosen)}"
            )
            continue
        alike = unicodedata.normalize("NFC", file.name).casefold()
        if (other := folded.setdefault(alike, file)) is not file:
            findings.warnings.append(
                f"{other.local} and {file.local} differ only in case or in how accents are written."
            )


def _name_problems(file: model.PlannedFile, prefix: str, *, on_s3: bool) -> Iterable[str]:
    try:
        encoded = f"{prefix}/{file.name}".lstrip("/").encode()
    except UnicodeEncodeError:
        yield f"{file.local}: the name is not valid UTF-8; rename the file."
        return
    if on_s3 and len(encoded) > MAX_KEY:
        yield f"{file.local}: the key is {len(encoded)} bytes long; S3 allows {MAX_KEY}."
    if on_s3 and file.size > MAX_OBJECT:
        yield f"{file.local}: {file.size} bytes are more than S3 allows for an object ({MAX_OBJECT})."
    if not on_s3 and len(PurePosixPath(file.name).name) > MAX_ZENODO_NAME:
        yield f"{file.local}: the name is longer than the {MAX_ZENODO_NAME} characters that Zenodo allows."


def _collision_hint(chosen: settings.Settings) -> str:
    if chosen.zenodo:
        return (
            " Zenodo has no folders: rename one of them, or set pack: auto, where zip files keep the folders."
        )
    return " Rename one of them."
