"""InvenioRDM's API: `/api/records` and what hangs on a record or a draft."""

from __future__ import annotations

import re
from pathlib import Path

from tests.zenodo import actions, buckets, documents, drafts, legacy, messages, native, state
from tests.zenodo.messages import Answer, ApiError, Request, route
from tests.zenodo.native import mimetype

NATIVE = "application/vnd.inveniordm.v1+json"
_ONE = r"/api/records/(\d+|[0-9a-z]{5}-[0-9a-z]{5})"
_FILE = _ONE + r"/draft/files/(.+?)"


def _answer(
    zenodo: state.Zenodo,
    request: Request,
    version: state.Version,
    status: int = 200,
    *,
    draft: bool = True,
    errors: list[dict[str, messages.Json]] | None = None,
) -> Answer:
    """The record in the form that Accept asks for; errors of a saved draft are in the native form only."""
    kind = request.accept("application/json", NATIVE)
    body = _form(zenodo, kind, version, draft=draft)
    if errors and (kind == NATIVE or not zenodo.options.zenodo):
        body["errors"] = errors
    return Answer(status, body, {"ETag": f'"{version.revision}"'}, kind)


def _form(
    zenodo: state.Zenodo, kind: str, version: state.Version, *, draft: bool
) -> dict[str, messages.Json]:
    """Zenodo's `application/json` is a form of its own; a plain InvenioRDM's is the native one."""
    if kind == NATIVE or not zenodo.options.zenodo:
        return native.record(zenodo, version, draft=draft)
    return documents.hybrid(zenodo, version, draft=draft)


def read(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of a published record; a concept id leads to its latest version."""
    concept = zenodo.concepts.get(zenodo.key(match[1]))
    if concept is not None:
        latest = concept.latest()
        if latest is None:
            raise messages.not_found(messages.PID_UNREGISTERED)
        return Answer(302, b"", {"Location": f"/api/records/{latest.id}"}, "text/html")
    return _answer(zenodo, request, _published(zenodo, match), draft=False)


def _published(zenodo: state.Zenodo, match: re.Match[str]) -> state.Version:
    version = actions.known(zenodo, match[1])
    if version.published is None:
        raise messages.not_found(messages.PID_UNREGISTERED)
    return version


def files(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of a published record's files; not in the native form's media type, which those of a draft have."""
    request.accept("application/json")
    version = _published(zenodo, match)
    _visible(version, request)
    return Answer(200, documents.record_files(zenodo, version, draft=False))


def _visible(version: state.Version, request: Request) -> None:
    assert version.published is not None
    if version.published.access["files"] != "public" and request.user != version.concept.owner:
        raise messages.denied()


def content(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of a published file's bytes."""
    version = _published(zenodo, match)
    _visible(version, request)
    assert version.published is not None
    stored = version.published.files.get(match[2])
    if stored is None or stored.size is None:
        raise messages.not_found()
    return messages.file_answer(stored.path, stored.size, mimetype(stored.key))


def download(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of the address that people see: unlike that of the API, nginx answers ranges there."""
    whole = content(zenodo, request, match)
    headers = {name.lower(): value for name, value in request.headers.items()}
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
    if not asked or not isinstance(whole.body, Path):
        return whole
    data = whole.body.read_bytes()
    part = data[int(asked[1]) : int(asked[2]) + 1]
    told = {"Content-Range": f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(data)}"}
    return Answer(206, part, told, whole.content_type)


def new_version(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST versions: the next draft, the same one each time, without files."""
    with zenodo.lock:
        version = actions.owned(zenodo, request, match[1])
        return _answer(zenodo, request, actions.new_version(zenodo, version), 201)


def versions(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET versions: the published ones, newest first."""
    concept = _published(zenodo, match).concept
    found = [each for each in reversed(concept.versions) if each.published and not each.deleted]
    return _hits(zenodo, request, found, len(found), drafts=False)


def latest(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET versions/latest: a redirect, of a concept too."""
    concept = zenodo.concepts.get(zenodo.key(match[1])) or _published(zenodo, match).concept
    found = concept.latest()
    if found is None:
        raise messages.not_found(messages.PID_UNREGISTERED)
    where = f"{zenodo.base}/api/records/{found.id}"
    return Answer(301, {"status": 301, "message": "Redirecting...", "location": where}, {"Location": where})


def _hits(
    zenodo: state.Zenodo, request: Request, found: list[state.Version], total: int, *, drafts: bool
) -> Answer:
    """The envelope of a search; with `drafts`, drafts show as drafts."""
    kind = request.accept("application/json", NATIVE)
    hits = [_form(zenodo, kind, each, draft=drafts and each.draft is not None) for each in found]
    body = {"hits": {"hits": hits, "total": total}, "aggregations": {}, "links": {}}
    return Answer(200, body, content_type=kind)


def search(zenodo: state.Zenodo, request: Request, _: re.Match[str]) -> Answer:
    """GET /api/records: published records, everyone's."""
    found = [each for each in zenodo.searched() if each.published]
    page, total = legacy.select(zenodo, request, found)
    return _hits(zenodo, request, page, total, drafts=False)


def mine(zenodo: state.Zenodo, request: Request, _: re.Match[str]) -> Answer:
    """GET /api/user/records: one's own records and drafts."""
    legacy.page(zenodo, request)
    if request.user is None:
        raise messages.denied()
    found = [each for each in zenodo.searched() if each.concept.owner == request.user]
    page, total = legacy.select(zenodo, request, found)
    return _hits(zenodo, request, page, total, drafts=True)


def create(zenodo: state.Zenodo, request: Request, _: re.Match[str]) -> Answer:
    """POST /api/records: a draft from native metadata."""
    if request.user is None:
        raise messages.denied()
    body = request.json()
    with zenodo.lock:
        made = state.Content()
        errors = drafts.save(zenodo, None, body, made)
        return _answer(zenodo, request, zenodo.create(request.user, made), 201, errors=errors)


def draft(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of a draft."""
    version = actions.owned(zenodo, request, match[1])
    if version.draft is None:
        raise messages.not_found(messages.PID_MISSING)
    return _answer(zenodo, request, version)


def edit(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST of a draft: an edit of a published record, 201; the one that is open already is given again."""
    with zenodo.lock:
        version = actions.owned(zenodo, request, match[1])
        actions.edit(zenodo, version)
        return _answer(zenodo, request, version, 201)


def update(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """PUT of a draft: a full replacement; what is not valid is left out and listed, with a 200."""
    actions.draft_of(zenodo, request, match[1])
    body = request.json()
    with zenodo.lock:
        version, kept = actions.draft_of(zenodo, request, match[1])
        actions.check_revision(request, version)
        with actions.changing(zenodo, version, request):
            errors = drafts.save(zenodo, version, body, kept)
        version.touch()
        return _answer(zenodo, request, version, errors=errors)


def discard(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """DELETE of a draft."""
    return legacy.discard(zenodo, request, match)


def publish(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """202 with the record."""
    with zenodo.lock:
        version = actions.owned(zenodo, request, match[1])
        actions.publish(zenodo, version)
        return _answer(zenodo, request, version, 202, draft=False)


def import_files(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST files-import: the files of the latest version, by reference."""
    with zenodo.lock:
        version, _draft = actions.draft_of(zenodo, request, match[1])
        actions.import_files(version)
        return _files_answer(zenodo, request, version, 201)


def reserve_doi(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST pids/doi: reserves the DOI that will be minted."""
    with zenodo.lock:
        version, kept = actions.draft_of(zenodo, request, match[1])
        if kept.doi:
            raise messages.invalid(("pids.doi", "A PID already exists for type doi"))
        if not zenodo.options.prefix:
            raise messages.not_found()  # inferred: no provider of DOIs
        with actions.changing(zenodo, version, request):
            kept.pids = {"doi": drafts.reserved(zenodo, version)}
        version.touch(index=False)
        return _answer(zenodo, request, version, 201)


def release_doi(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """DELETE pids/doi: gives a reserved DOI back."""
    with zenodo.lock:
        version, kept = actions.draft_of(zenodo, request, match[1])
        if not kept.doi or version.published:
            raise messages.not_found(messages.PID_MISSING)
        with actions.changing(zenodo, version, request):
            kept.pids = {}
        version.touch()
        return _answer(zenodo, request, version)


def draft_files(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of a draft's files, pending ones too."""
    version, _draft = actions.draft_of(zenodo, request, match[1])
    return _files_answer(zenodo, request, version, 200)


def _files_answer(zenodo: state.Zenodo, request: Request, version: state.Version, status: int) -> Answer:
    kind = request.accept("application/json", NATIVE)
    return Answer(status, documents.record_files(zenodo, version, draft=True), content_type=kind)


def _file_answer(
    zenodo: state.Zenodo, request: Request, version: state.Version, entry: state.StoredFile
) -> Answer:
    kind = request.accept("application/json", NATIVE)
    return Answer(200, documents.record_file(zenodo, version, entry, draft=True), content_type=kind)


def start_files(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST of a list of keys: pending entries, 201, and all entries in the answer; all keys or none.

    An edit of a published record takes them too, and cannot be published any more.
    """
    actions.draft_of(zenodo, request, match[1])
    entries = request.keys()
    with zenodo.lock:
        version, kept = actions.draft_of(zenodo, request, match[1])
        if version.removal > request.arrived:
            raise ApiError(500, messages.SERVER_ERROR)
        if len(kept.files) + len(entries) > zenodo.options.max_files:
            raise ApiError(
                400, "Uploading selected files will result in exceeding the max amount per record."
            )
        new: dict[str, state.StoredFile] = {}
        for each in entries:
            key, transfer = each["key"], each.get("transfer") or {}
            if key in kept.dead:
                raise ApiError(500, messages.SERVER_ERROR)
            if key in kept.files or key in new:
                raise ApiError(400, f"File with key {key} already exists.")
            kind, parts = transfer.get("type", "L"), transfer.get("parts", 0)
            new[key] = state.StoredFile(key, None, None, None, "pending", kind, parts)
        kept.files |= new
        return _files_answer(zenodo, request, version, 201)


def _unlocked(
    zenodo: state.Zenodo, request: Request, match: re.Match[str]
) -> tuple[state.Version, state.Content]:
    version, kept = actions.draft_of(zenodo, request, match[1])
    if version.published is not None:
        raise ApiError(403, "Bucket is locked for modifications.")
    return version, kept


def _entry(version: state.Version, kept: state.Content, key: str) -> state.StoredFile:
    if key not in kept.files:
        raise messages.not_found(f"Record '{version.id}' has no file '{key}'.")
    return kept.files[key]


def draft_file(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of one entry."""
    version, kept = actions.draft_of(zenodo, request, match[1])
    return _file_answer(zenodo, request, version, _entry(version, kept, match[2]))


def draft_content(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of a draft file's bytes; the legacy `download` link of a draft."""
    version, kept = actions.draft_of(zenodo, request, match[1])
    stored = _entry(version, kept, match[2])
    if stored.size is None:
        raise messages.not_found()
    return messages.file_answer(stored.path, stored.size, mimetype(stored.key))


def put_content(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """PUT of the bytes: the entry stays pending until the commit.

    A committed file is lost by it, and the answer is a 200 all the same, with an error in it.
    """
    with zenodo.lock:
        version, kept = _unlocked(zenodo, request, match)
        entry = _entry(version, kept, match[2])
        if entry.transfer != "L":
            raise messages.denied()
        space = actions.space_for(zenodo, kept, match[2])
    request.expect("application/octet-stream")
    if entry.status == "completed":
        with zenodo.lock:
            actions.delete_files(zenodo, request, version, kept, [entry.key])
        answer = _file_answer(zenodo, request, version, entry)
        answer.body["errors"] = "File upload transfer failed."
        return answer
    stored = actions.receive(zenodo, request, space, empty=True)
    with zenodo.lock:
        entry.size, entry.md5, entry.path = stored.size, stored.md5, stored.path
        return _file_answer(zenodo, request, version, entry)


def put_part(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """PUT of a part of a multipart transfer: it registers on Zenodo, but parts are refused."""
    _unlocked(zenodo, request, match)
    raise messages.denied()


def commit(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST commit: the entry is completed; a 500 before there is any content."""
    with zenodo.lock:
        version, kept = _unlocked(zenodo, request, match)
        entry = _entry(version, kept, match[2])
        if entry.size is None:
            raise ApiError(500, messages.SERVER_ERROR)
        actions.not_empty(zenodo, entry.size)
        buckets.keep(zenodo, kept, entry.key, entry)
        entry.status = "completed"
        return _file_answer(zenodo, request, version, entry)


def raise_quota(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST quota-increase: an owner may have up to 200 GB on Zenodo; elsewhere it is not allowed.

    The form of the answer is inferred.
    """
    body = request.json()
    with zenodo.lock:
        version, kept = actions.draft_of(zenodo, request, match[1])
        wanted = int(body.get("quota_size", 0)) * 10**9
        if not zenodo.options.zenodo or not zenodo.options.quota <= wanted <= 200 * 10**9:
            raise messages.denied()
        kept.quota = wanted
        return _answer(zenodo, request, version)


def delete_file(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """DELETE of a draft's file, pending or not: 204, as HTML."""
    with zenodo.lock:
        version, kept = _unlocked(zenodo, request, match)
        actions.delete_files(zenodo, request, version, kept, [_entry(version, kept, match[2]).key])
        return Answer(204)


def delete_files(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """DELETE of all files of a draft: 204, one commit. Their keys cannot be used in this draft afterwards."""
    with zenodo.lock:
        version, kept = _unlocked(zenodo, request, match)
        kept.dead |= set(kept.files)
        actions.delete_files(zenodo, request, version, kept, list(kept.files))
        return Answer(204)


ROUTES = (
    route("GET", r"/api/records", search),
    route("POST", r"/api/records", create, "deposit:write"),
    route("GET", r"/api/user/records", mine),
    route("GET", _ONE, read),
    route("GET", _ONE + "/files", files),
    route("GET", _ONE + "/files/(.+)/content", content),
    route("GET", _ONE.removeprefix("/api") + "/files/(.+)", download),
    route("GET", _ONE + "/versions", versions),
    route("POST", _ONE + "/versions", new_version, "deposit:write"),
    route("GET", _ONE + "/versions/latest", latest),
    route("GET", _ONE + "/draft", draft),
    route("POST", _ONE + "/draft", edit, "deposit:write"),
    route("PUT", _ONE + "/draft", update, "deposit:write"),
    route("DELETE", _ONE + "/draft", discard, "deposit:write"),
    route("POST", _ONE + "/draft/actions/publish", publish, "deposit:actions"),
    route("POST", _ONE + "/draft/actions/files-import", import_files, "deposit:write"),
    route("POST", _ONE + "/draft/pids/doi", reserve_doi, "deposit:write"),
    route("DELETE", _ONE + "/draft/pids/doi", release_doi, "deposit:write"),
    route("POST", _ONE + "/quota-increase", raise_quota, "deposit:write"),
    route("GET", _ONE + "/draft/files", draft_files),
    route("POST", _ONE + "/draft/files", start_files, "deposit:write"),
    route("DELETE", _ONE + "/draft/files", delete_files, "deposit:write"),
    route("GET", _FILE + "/content", draft_content),
    route("PUT", _FILE + "/content", put_content, "deposit:write"),
    route("PUT", _FILE + r"/content/\d+", put_part, "deposit:write"),
    route("POST", _FILE + "/commit", commit, "deposit:write"),
    route("GET", _FILE, draft_file),
    route("DELETE", _FILE, delete_file, "deposit:write"),
)
