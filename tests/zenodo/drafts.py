"""Saving a draft, and what is asked of it when it is published; both APIs come here."""

from __future__ import annotations

import copy
from typing import Any

import idutils

from tests.zenodo import messages, relations, schema, schema_parts, state

Json = dict[str, Any]
NO_FILES = "Missing uploaded files. To disable files for this record please mark it as metadata-only."


def save(zenodo: state.Zenodo, version: state.Version | None, body: Json, draft: state.Content) -> list[Json]:
    """Takes a native body into `draft`, and gives the errors that a saved draft lists.

    What is not valid is left out. Three things refuse the whole body with a 400: an id that no vocabulary
    has, a type that may not be deposited, and access without one of its two words.
    """
    found, errors = schema.load(body)
    metadata, custom = found["metadata"], found["custom_fields"]
    if "metadata" in body:
        errors += _missing(zenodo, metadata)
    if zenodo.options.zenodo and metadata.get("resource_type", {}).get("id") == "publication-thesis":
        metadata["resource_type"]["id"] = "publication-dissertation"
    access = found.get("access", {"record": "public", "files": "public"})
    for name in ("record", "files"):
        if access.get(name) not in ("public", "restricted"):
            raise messages.invalid(("access", f"'{name}'"))
    relations.save(zenodo.vocabularies, metadata, custom)
    enabled = found.get("files", {}).get("enabled")
    if enabled is False:
        errors += _without_files(zenodo, draft)
    if version is not None and draft.files_enabled and not draft.files:
        errors.append({"field": "files.enabled", "messages": [NO_FILES]})
    draft.metadata, draft.custom_fields, draft.access = _cleared(metadata), _cleared(custom), access
    draft.pids = found.get("pids", draft.pids)
    return errors + _pids(zenodo, draft)


def _cleared(value: Any) -> Any:
    """Without what is empty: no None, no empty object, no empty list is kept."""
    if isinstance(value, dict):
        found = {name: _cleared(each) for name, each in value.items()}
        return {name: each for name, each in found.items() if each is not None and each not in ({}, [])}
    if isinstance(value, list):
        return [each for each in map(_cleared, value) if each is not None and each not in ({}, [])]
    return value


def _missing(zenodo: state.Zenodo, metadata: Json) -> list[Json]:
    """What this repository requires besides what every InvenioRDM does."""
    asked = [each.strip() for each in zenodo.options.required.split(",") if each.strip()]
    return [
        {"field": f"metadata.{each}", "messages": [schema_parts.REQUIRED]}
        for each in asked
        if not metadata.get(each)
    ]


def _without_files(zenodo: state.Zenodo, draft: state.Content) -> list[Json]:
    """A record of metadata alone: not on Zenodo, nor with files in it."""
    if zenodo.options.zenodo:
        text = "You don't have permissions to manage files options."
    elif draft.files:
        text = "You must first delete all files to set the draft to be metadata-only."
    else:
        draft.files_enabled = False
        return []
    return [{"field": "files.enabled", "messages": [text]}]


def _pids(zenodo: state.Zenodo, draft: state.Content) -> list[Json]:
    """Brings the DOI into its normal form, and says what is wrong with it."""
    prefix, doi = zenodo.options.prefix, draft.pids.get("doi")
    if not doi:
        return _publisher(draft) if prefix else []
    given, external = doi.get("identifier"), doi.get("provider") == "external"
    if not given:
        return [_wrong("Missing DOI for required field.")] if external else []
    if not idutils.is_doi(given):
        return [_wrong("Invalid DOI")]
    given = doi["identifier"] = idutils.normalize_doi(given)
    if external:
        site = "Zenodo" if zenodo.options.zenodo else "this repository"
        text = (
            f"The prefix '{prefix}' is managed by {site}. Please supply an external DOI or select 'No' to "
            "have a DOI generated for you."
        )
        return [_wrong(text)] if prefix and given.startswith(prefix) else []
    theirs = given.partition("/")[0]
    text = f"Wrong DOI {theirs} prefix provided, it should be {prefix} as defined in the rest client"
    return ([_wrong(text)] if theirs != prefix else []) + _publisher(draft)


def _wrong(text: str) -> Json:
    return {"field": "pids.doi", "messages": [text]}


def _publisher(draft: state.Content) -> list[Json]:
    if draft.metadata.get("publisher"):
        return []
    text = "Missing publisher field required for DOI registration."
    return [{"field": "metadata.publisher", "messages": [text]}]


def check(zenodo: state.Zenodo, version: state.Version, draft: state.Content) -> None:
    """400 for metadata that are not fit for publishing."""
    body = {name: copy.deepcopy(getattr(draft, name)) for name in ("metadata", "custom_fields", "access")}
    _, errors = schema.load(body)
    if errors := errors + _missing(zenodo, draft.metadata):
        raise messages.refused(errors)


def check_files(draft: state.Content) -> None:
    """400 for a pending file, or for none."""
    if any(each.status == "pending" for each in draft.files.values()):
        raise messages.invalid(("files", "One or more files have not completed their transfer, please wait."))
    if not draft.files and draft.files_enabled:
        raise messages.invalid(("files.enabled", NO_FILES))


def mint(zenodo: state.Zenodo, version: state.Version, draft: state.Content) -> None:
    """Gives the DOIs of record and concept; 400 for one that cannot be."""
    options = zenodo.options
    new = draft.doi is None and bool(options.prefix)
    errors = _pids(zenodo, draft)
    if draft.doi and not draft.external and draft.doi != options.doi(version.id):
        errors.append(_wrong(f"Invalid DOI {draft.doi}."))  # inferred words
    if errors:
        raise messages.refused(errors)
    if new:
        draft.pids = {"doi": reserved(zenodo, version)}
    if options.prefix and not draft.external:
        version.concept.doi = options.doi(version.concept.id)


def reserved(zenodo: state.Zenodo, version: state.Version) -> Json:
    """The DOI that this record will have."""
    return {"identifier": zenodo.options.doi(version.id), "provider": "datacite", "client": "datacite"}
