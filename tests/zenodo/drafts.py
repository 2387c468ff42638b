"""Saving a draft, and what is asked of it when it is published; both APIs come here."""

from __future__ import annotations

import copy
from typing import Any

import idutils

from tests.zenodo import messages, relations, schema, state

Json = dict[str, Any]


def save(zenodo: state.Zenodo, version: state.Version | None, body: Json, draft: state.Content) -> list[Json]:
    """Takes a native body into `draft`, and gives the errors that a saved draft lists.

    What is not valid is left out. Three things refuse the whole body with a 400: an id that no vocabulary
    has, a type that may not be deposited, and an embargo that makes no sense.
    """
    found, errors = schema.load(body)
    errors += _missing(zenodo, found["metadata"])
    metadata, custom = found["metadata"], found["custom_fields"]
    if zenodo.options.zenodo and metadata.get("resource_type", {}).get("id") == "publication-thesis":
        metadata["resource_type"]["id"] = "publication-dissertation"
    relations.save(zenodo.vocabularies, metadata, custom)
    access = found.get("access", draft.access)
    embargo = [each for each in errors if each["field"].startswith("access.embargo")]
    if embargo:
        raise messages.invalid(("access", embargo[0]["messages"][0]))
    if found.get("files", {}).get("enabled") is False:
        errors += _without_files(zenodo, draft)
    draft.metadata, draft.custom_fields = metadata, custom
    draft.access = {"record": "public", "files": "public", **access}
    draft.pids = found.get("pids", draft.pids)
    errors += _pids(zenodo, version, draft)
    return errors


def _missing(zenodo: state.Zenodo, metadata: Json) -> list[Json]:
    """What this repository requires besides what every InvenioRDM does."""
    asked = [each.strip() for each in zenodo.options.required.split(",") if each.strip()]
    return [
        {"field": f"metadata.{each}", "messages": [schema.REQUIRED]}
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


def _pids(zenodo: state.Zenodo, version: state.Version | None, draft: state.Content) -> list[Json]:
    """The DOI in its normal form, and what is wrong with it."""
    doi = draft.pids.get("doi")
    if not doi or not doi.get("identifier"):
        return []
    if not idutils.is_doi(doi["identifier"]):
        return [{"field": "pids.doi", "messages": ["Invalid DOI"]}]
    doi["identifier"] = idutils.normalize_doi(doi["identifier"])
    prefix, given = zenodo.options.prefix, doi["identifier"]
    if doi.get("provider") == "external":
        if prefix and given.startswith(prefix):
            site = "Zenodo" if zenodo.options.zenodo else "this repository"
            text = (
                f"The prefix '{prefix}' is managed by {site}. Please supply an external DOI or select 'No' to "
                "have a DOI generated for you."
            )
            return [{"field": "pids.doi", "messages": [text]}]
        return []
    errors: list[Json] = []
    if version is not None and given != zenodo.options.doi(version.id):
        errors.append({"field": "pids.doi", "messages": [f"Invalid DOI {given}."]})
    return errors + _publisher(draft)


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
        text = "Missing uploaded files. To disable files for this record please mark it as metadata-only."
        raise messages.invalid(("files.enabled", text))


def mint(zenodo: state.Zenodo, version: state.Version, draft: state.Content) -> None:
    """Gives the DOIs of record and concept; 400 for one that cannot be."""
    options = zenodo.options
    new = draft.doi is None and bool(options.prefix)
    if errors := _publisher(draft) if new else _pids(zenodo, version, draft):
        raise messages.refused(errors)
    if new:
        draft.pids = {"doi": reserved(zenodo, version)}
    if options.prefix and not draft.external:
        version.concept.doi = options.doi(version.concept.id)


def reserved(zenodo: state.Zenodo, version: state.Version) -> Json:
    """The DOI that this record will have."""
    return {"identifier": zenodo.options.doi(version.id), "provider": "datacite", "client": "datacite"}
