"""The files REST API: `/api/files/{bucket}/{key}`."""

from __future__ import annotations

import contextlib
import re
import uuid

from tests.zenodo import actions, documents, messages, state
from tests.zenodo.messages import Answer, ApiError, Request, route
from tests.zenodo.native import completed, mimetype

_KEY = r"/api/files/([^/]+)/([^/]+)"


def _find(zenodo: state.Zenodo, bucket: str) -> tuple[state.Version, state.Content]:
    try:
        uuid.UUID(bucket)
    except ValueError:
        raise ApiError(500, messages.SERVER_ERROR) from None
    found = zenodo.in_bucket(bucket)
    if found is None:
        raise messages.not_found()
    return found


def _writable(
    zenodo: state.Zenodo, request: Request, match: re.Match[str]
) -> tuple[state.Version, state.Content]:
    """The draft of this bucket. A published bucket is locked, in one of three ways."""
    version, content = _find(zenodo, match[1])
    if request.user != version.concept.owner:
        raise messages.denied()
    if version.published is not None:
        if version.draft is not None:
            raise ApiError(403, "Bucket is locked for modifications.")
        raise messages.denied() if match[2] in content.files else messages.not_found()
    return version, content


def put(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """PUT: the upload; a broken one leaves nothing.

    An existing key is deleted first, in the same transaction, and that commits the draft's row: of two that
    are replaced at the same time one fails. New keys leave the row alone.
    """
    key = match[2]
    request.accept("application/json")
    with zenodo.lock:
        version, draft = _writable(zenodo, request, match)
        space = actions.space_for(zenodo, draft, key)
        replaces = key in draft.files
    request.expect("application/octet-stream")
    if len(key) > 255:
        raise ApiError(400, "Filename is too long.")
    with actions.changing(zenodo, version, request) if replaces else contextlib.nullcontext():
        stored = actions.receive(zenodo, request, space)
        with zenodo.lock:
            version, draft = _writable(zenodo, request, match)
            keep(zenodo, draft, key, stored)
            if replaces:
                version.touch()
            return Answer(201, documents.bucket_object(zenodo, match[1], stored))


def keep(zenodo: state.Zenodo, draft: state.Content, key: str, stored: state.StoredFile) -> None:
    """Takes a received file into the draft, the limits checked again: others may have been faster."""
    if (stored.size or 0) > actions.space_for(zenodo, draft, key):
        raise ApiError(400, "Bucket quota exceeded.")
    stored.key = key
    draft.files[key] = stored


def get(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET: the bytes, whatever they are, and yet only for who takes JSON."""
    request.accept("application/json")
    version, content = _find(zenodo, match[1])
    hidden = content is version.draft or content.access["files"] != "public"
    if hidden and request.user != version.concept.owner:
        raise messages.denied()
    stored = content.files.get(match[2])
    if stored is None or stored.size is None:
        raise messages.not_found()
    return messages.file_answer(stored.path, stored.size, mimetype(stored.key))


def contents(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of the bucket itself: a 500 for years, a list since the repair."""
    version, content = _find(zenodo, match[1])
    if request.user != version.concept.owner:
        raise messages.denied()
    if zenodo.options.bucket_bugs:
        # A KeyError in the service, hence a 500 with an `error_id`.
        raise KeyError(match[1])
    shown = [documents.bucket_object(zenodo, match[1], each) for each in completed(content)]
    return Answer(200, {"contents": shown})


def delete(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """DELETE: 204 in the code; live it was a 500 although the file is gone."""
    with zenodo.lock:
        version, draft = _writable(zenodo, request, match)
        if match[2] not in draft.files:
            raise messages.not_found(f"Record '{version.id}' has no file '{match[2]}'.")
        actions.delete_files(zenodo, request, version, draft, [match[2]])
    if zenodo.options.bucket_bugs:
        raise ApiError(500, messages.SERVER_ERROR)
    return Answer(204)


ROUTES = (
    route("PUT", _KEY, put, "deposit:write"),
    route("GET", _KEY, get),
    route("DELETE", _KEY, delete, "deposit:write"),
    route("GET", r"/api/files/([^/]+)", contents),
)
