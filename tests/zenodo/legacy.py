"""The legacy deposit API: `/api/deposit/depositions` and below it."""

from __future__ import annotations

import re
import uuid

from tests.zenodo import actions, documents, drafts, legacy_load, messages, state
from tests.zenodo.messages import Answer, ApiError, Request, route
from tests.zenodo.native import completed

_ONE = r"/api/deposit/depositions/([^/]+)"


def _answer(zenodo: state.Zenodo, version: state.Version, status: int = 200) -> Answer:
    return Answer(status, documents.deposition(zenodo, version), {"ETag": f'"{version.revision}"'})


def page(zenodo: state.Zenodo, request: Request) -> tuple[int, int]:
    """Page and size, checked before anybody asks who is there: on Zenodo a guest gets 25 hits, a user 100;
    nobody more than 10,000 in all.
    """
    try:
        page, size = int(request.query.get("page", "1")), int(request.query.get("size", "25"))
    except ValueError:
        raise messages.invalid(("size", "Not a valid integer.")) from None
    if size < 1:
        raise messages.invalid(("size", "Must be greater than or equal to 1."))
    if zenodo.options.zenodo and size > (100 if request.user else 25):
        text = "Page size cannot be greater than 25. Please use authenticated requests to increase the limit to 100."
        raise messages.invalid(("size", "Page size cannot be greater than 100." if request.user else text))
    if page < 1 or page * size > 10_000:
        raise ApiError(400, "Maximum number of 10000 results have been reached.")
    return page, size


def select(
    zenodo: state.Zenodo, request: Request, found: list[state.Version]
) -> tuple[list[state.Version], int]:
    """The page of hits that `q`, `all_versions`, `page` and `size` ask for, and the total."""
    number, size = page(zenodo, request)
    every = request.query.get("allversions", request.query.get("all_versions", ""))
    if every.lower() not in ("1", "true", "t"):
        newest: dict[state.Id, state.Version] = {}
        for each in found:
            best = newest.setdefault(each.concept.id, each)
            if each.concept.versions.index(each) > each.concept.versions.index(best):
                newest[each.concept.id] = each
        found = [each for each in found if newest[each.concept.id] is each]
    if query := request.query.get("q", "").strip():
        found = [each for each in found if _found(zenodo, each, query)]
    return found[(number - 1) * size : number * size], len(found)


def _found(zenodo: state.Zenodo, version: state.Version, query: str) -> bool:
    document = documents.deposition(zenodo, version, hit=True)
    document["recid"] = document["id"]
    document["parent"] = {"id": document["conceptrecid"]}
    words = " ".join(str(each) for each in (document["metadata"], document.get("doi", "")))
    return state.matches(query, {**document["metadata"], **document}, words)


def listing(zenodo: state.Zenodo, request: Request, _: re.Match[str]) -> Answer:
    """A bare array from the search index. `status` is ignored, as the service does."""
    request.accept("application/json")
    page(zenodo, request)
    if request.user is None:
        raise messages.denied()
    mine = [each for each in zenodo.searched() if each.concept.owner == request.user]
    hits, _total = select(zenodo, request, mine)
    return Answer(200, [documents.deposition(zenodo, each, hit=True) for each in hits])


def create(zenodo: state.Zenodo, request: Request, _: re.Match[str]) -> Answer:
    """POST: a new draft."""
    request.accept("application/json")
    if request.user is None:
        raise messages.denied()
    body = legacy_load.load(request.json(strict=True))
    with zenodo.lock:
        draft = state.Content()
        drafts.save(zenodo, None, body, draft)
        return _answer(zenodo, zenodo.create(request.user, draft), 201)


def read(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET: the draft if there is one, else the published record; for the owner alone, even then."""
    request.accept("application/json")
    return _answer(zenodo, actions.owned(zenodo, request, match[1]))


def update(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """PUT: replaces all metadata of the draft."""
    request.accept("application/json")
    actions.draft_of(zenodo, request, match[1])
    body = legacy_load.load(request.json(strict=True))
    with zenodo.lock:
        version, draft = actions.draft_of(zenodo, request, match[1])
        actions.check_revision(request, version)
        with actions.changing(zenodo, version, request):
            drafts.save(zenodo, version, body, draft)
        version.touch()
        return _answer(zenodo, version)


def discard(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """DELETE and `discard` are one: a draft that was never published is deleted by either."""
    with zenodo.lock:
        version, _draft = actions.draft_of(zenodo, request, match[1])
        actions.check_revision(request, version)
        if version.review is not None and version.review.is_open:
            raise ApiError(
                400, "You cannot delete a draft with an open review. Please cancel the review first."
            )
        zenodo.drop_draft(version)
        return Answer(204)


def publish(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """202; a second one is a 404."""
    with zenodo.lock:
        version = actions.owned(zenodo, request, match[1])
        actions.publish(zenodo, version)
        actions.include(zenodo, version)
        return _answer(zenodo, version, 202)


def edit(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """201, for an edit that is open already too."""
    with zenodo.lock:
        version = actions.owned(zenodo, request, match[1])
        actions.edit(zenodo, version)
        return _answer(zenodo, version, 201)


def new_version(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """201 with the new draft, the old files in it; refused while an older draft has files."""
    with zenodo.lock:
        version = actions.owned(zenodo, request, match[1])
        draft = actions.new_version(zenodo, version)
        actions.import_files(draft)
        return _answer(zenodo, draft, 201)


def files(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET: the files' array; a pending file, which the deposition itself leaves out, breaks it."""
    request.accept("application/json")
    version = actions.owned(zenodo, request, match[1])
    shown = completed(version.content)
    if len(shown) < len(version.content.files):
        raise ApiError(500, messages.SERVER_ERROR)
    return Answer(200, [documents.deposition_file(zenodo, version, each) for each in shown])


def _file(version: state.Version, file_id: str) -> state.StoredFile:
    """The file with this id; what is no UUID breaks the query."""
    try:
        uuid.UUID(file_id)
    except ValueError:
        raise ApiError(500, messages.SERVER_ERROR) from None
    for each in completed(version.content):
        if each.file_id == file_id:
            return each
    raise messages.not_found(messages.NO_ROUTE)


def file(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of one file, by the id of the file instance."""
    version = actions.owned(zenodo, request, match[1])
    return Answer(200, documents.deposition_file(zenodo, version, _file(version, match[2])))


def delete_file(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """DELETE of one file: 204. Of two at a time on one draft one fails."""
    with zenodo.lock:
        version = actions.owned(zenodo, request, match[1])
        key = _file(version, match[2]).key
        if version.draft is None:
            raise messages.denied()
        actions.delete_files(zenodo, request, version, version.draft, [key])
        return Answer(204)


def multipart(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """The old upload. Bodies over 100 MiB are a 413; the mock carries out no other."""
    actions.owned(zenodo, request, match[1])
    if request.length is not None and request.length > 100 * 2**20:
        raise ApiError(413, "The data value transmitted exceeds the capacity limit.")
    raise ApiError(501, "The mock has no multipart upload.")


ROUTES = (
    route("GET", r"/api/deposit/depositions/?", listing),
    route("POST", r"/api/deposit/depositions/?", create, "deposit:write"),
    route("GET", _ONE, read),
    route("PUT", _ONE, update, "deposit:write"),
    route("DELETE", _ONE, discard, "deposit:write"),
    route("POST", _ONE + "/actions/publish", publish, "deposit:actions"),
    route("POST", _ONE + "/actions/edit", edit, "deposit:actions"),
    route("POST", _ONE + "/actions/discard", discard, "deposit:actions"),
    route("POST", _ONE + "/actions/newversion", new_version, "deposit:actions"),
    route("GET", _ONE + "/files", files),
    route("POST", _ONE + "/files", multipart, "deposit:write"),
    route("GET", _ONE + "/files/([^/]+)", file),
    route("DELETE", _ONE + "/files/([^/]+)", delete_file, "deposit:write"),
)
