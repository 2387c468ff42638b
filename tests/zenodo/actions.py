"""What both APIs do to a record: find it, change it, publish it, open an edit or a new version, take a file in."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tests.zenodo import drafts, messages, relations, state
from tests.zenodo.messages import ApiError, Request


def owned(zenodo: state.Zenodo, request: Request, number: str) -> state.Version:
    """The version with this id, for its owner only: 404, 410 or 403 otherwise."""
    version = known(zenodo, number)
    if request.user != version.concept.owner:
        raise messages.denied()
    return version


def known(zenodo: state.Zenodo, number: str) -> state.Version:
    """The version with this id; 410 for a deleted record."""
    version = zenodo.versions.get(zenodo.key(number))
    if version is None and zenodo.key(number) in zenodo.concepts:
        raise messages.not_found()
    if version is None:
        raise messages.not_found(messages.PID_MISSING)
    if version.deleted:
        raise gone(version)
    return version


def gone(version: state.Version) -> ApiError:
    """The tombstone of a deleted record."""
    return ApiError(410, "The record has been deleted.")


def draft_of(zenodo: state.Zenodo, request: Request, number: str) -> tuple[state.Version, state.Content]:
    """The version and its draft, for its owner; 404 without a draft."""
    version = owned(zenodo, request, number)
    if version.draft is None:
        raise messages.not_found()
    return version, version.draft


def check_revision(request: Request, version: state.Version) -> None:
    """412 when `If-Match` names another revision."""
    wanted = request.headers.get("if-match")
    if wanted is None:
        return
    if not wanted.isdigit():
        # With the quotes that the ETag has, too.
        raise messages.invalid(("if_match", "Not a valid integer."))
    if wanted != str(version.revision):
        text = f"Revision id provided({wanted}) doesn't match record's one({version.revision})"
        raise ApiError(412, text)


@contextlib.contextmanager
def changing(zenodo: state.Zenodo, version: state.Version, request: Request) -> Iterator[None]:
    """A transaction that changes the draft's row.

    The row is read when the request comes and is written with its number, as SQLAlchemy does it. A second
    writer waits for the first, and when that one has committed, what it wants to change is out of date. The
    lock need not be held in between: a replaced file's body is read there.
    """
    with zenodo.lock:
        while version.writer not in (None, request):
            zenodo.released.wait(5)
        if zenodo.options.lost_updates_fail and version.row > request.arrived:
            raise lost_update(version, generic=not request.path.startswith("/api/records"))
        version.writer = request
    try:
        yield
        with zenodo.lock:
            zenodo.commits += 1
            version.row = zenodo.commits
    finally:
        with zenodo.lock:
            version.writer = None
            zenodo.released.notify_all()


def lost_update(version: state.Version, *, generic: bool) -> ApiError:
    """How a lost update shows: a look-up in a vocabulary fails first, a 400; without one it is a 500."""
    content = version.draft or version.content
    if not relations.any_checked(content.metadata):
        return ApiError(500, messages.SERVER_ERROR)
    kind = content.metadata.get("resource_type", {}).get("id")
    return ApiError(400, "Not a valid value." if generic or not kind else f"Invalid value {kind}.")


def publish(zenodo: state.Zenodo, version: state.Version, *, reviewed: bool = False) -> None:
    """Publishes the draft; 404 without one, 400 for what is missing or in the way."""
    draft = version.draft
    if draft is None:
        raise messages.not_found()
    drafts.check(zenodo, version, draft)
    drafts.check_files(draft)
    drafts.mint(zenodo, version, draft)
    if version.review is not None and not version.review.is_closed and not reviewed:
        # A review that is named but not submitted is in the way too.
        raise ApiError(
            400,
            "You cannot publish a draft with an open review request. Please cancel the review request first.",
        )
    if version.published is not None:
        draft.bucket = version.published.bucket
    draft.pids["oai"] = {"identifier": f"oai:zenodo.org:{version.id}", "provider": "oai"}
    version.published, version.draft = draft, None
    version.touch()


def include(zenodo: state.Zenodo, version: state.Version) -> None:
    """What the deposit API adds to publishing: the communities that were asked for, where no review is
    needed; failures are swallowed, and the wish is forgotten.
    """
    for slug in version.content.custom_fields.pop("legacy:communities", []):
        community = zenodo.community(slug)
        if community is None or community in version.concept.communities:
            continue
        if community.open_policy and version.concept.owner.id in community.members:
            version.concept.communities.append(community)


def edit(zenodo: state.Zenodo, version: state.Version) -> None:
    """Opens an edit of a published record; the draft that exists, of whatever kind, is kept.

    The files of an edit are locked. What is refused during a review, and how, is inferred.
    """
    if version.review is not None and version.review.is_open:
        raise ApiError(400, "You cannot edit a draft with an open review request.")
    if version.draft is None:
        version.draft = version.content.copy()
        version.touch()


def new_version(zenodo: state.Zenodo, version: state.Version) -> state.Version:
    """The draft of the next version, without files; the one that exists is given again."""
    if version.published is None:
        raise messages.not_found(messages.PID_UNREGISTERED)
    latest = version.concept.latest()
    assert latest is not None
    assert latest.published is not None
    if latest.published.external:
        # A permission of Zenodo's (`IfExternalDOIRecord`), so it reads like any other.
        raise messages.denied()
    found = version.concept.next_draft()
    if found is None:
        content = latest.published.copy()
        content.files, content.pids = {}, {}
        content.metadata.pop("version", None)
        content.metadata["publication_date"] = state.today()
        found = zenodo.create(version.concept.owner, content, version.concept)
    return found


def import_files(version: state.Version) -> None:
    """Links the files of the latest published version into the draft; all or nothing."""
    latest = version.concept.latest()
    assert version.draft is not None
    if latest is None or latest is version or latest.published is None:
        raise messages.not_found(messages.PID_MISSING)
    if version.draft.files:
        raise messages.invalid(("files.enabled", "Please remove all files first."))
    version.draft.files = dict(latest.published.files)
    version.touch()


def delete_files(
    zenodo: state.Zenodo, request: Request, version: state.Version, draft: state.Content, keys: list[str]
) -> None:
    """Removes files from a draft, which commits the draft's row; the files of an edit are locked."""
    if version.published is not None:
        raise ApiError(403, "Bucket is locked for modifications.")
    with changing(zenodo, version, request):
        for key in keys:
            draft.files.pop(key, None)
    version.removal = version.row
    version.touch()


def space_for(zenodo: state.Zenodo, draft: state.Content, key: str) -> int:
    """Bytes that the draft's quota leaves for this key; 400 when it would be one file too many.

    A key that went with all files at once is a 500.
    """
    if key in draft.dead:
        raise ApiError(500, messages.SERVER_ERROR)
    old = draft.files.get(key)
    if old is None and len(draft.files) >= zenodo.options.max_files:
        raise ApiError(400, "Uploading selected files will result in exceeding the max amount per record.")
    quota = draft.quota if draft.quota is not None else zenodo.options.quota
    return quota - draft.size() + ((old.size or 0) if old else 0)


def receive(zenodo: state.Zenodo, request: Request, space: int, *, empty: bool = False) -> state.StoredFile:
    """Reads the body into a file of its own, outside the lock; memory holds one chunk.

    `space` is what the record's quota leaves, in bytes; with `empty` an empty body is not refused yet.
    """
    limits = ((zenodo.options.max_file, "Maximum file size exceeded."), (space, "Bucket quota exceeded."))
    _fits(request.length or 0, limits)
    path = None if zenodo.options.sink else zenodo.folder / uuid.uuid4().hex
    try:
        with (path or Path(os.devnull)).open("wb") as target:
            size, md5 = _copy(request, target, limits)
            if not empty:
                not_empty(zenodo, size)
    except BaseException:
        # The transaction rolls back: nothing is left of a broken upload.
        if path is not None:
            path.unlink()
        raise
    return state.StoredFile("", size, md5, path)


_Limits = tuple[tuple[int, str], ...]


def _fits(size: int, limits: _Limits) -> None:
    for limit, message in limits:
        if size > limit:
            raise ApiError(400, message)


def not_empty(zenodo: state.Zenodo, size: int) -> None:
    """400 for an empty file, where those are refused: on Zenodo, but not on every InvenioRDM."""
    if size == 0 and zenodo.options.zenodo and not zenodo.options.empty_files_allowed:
        raise ApiError(400, "Empty files are not accepted.")


def _copy(request: Request, target: BinaryIO, limits: _Limits) -> tuple[int, str]:
    """Bytes copied, and their md5."""
    digest, size = hashlib.md5(usedforsecurity=False), 0
    for chunk in request.chunks():
        size += len(chunk)
        _fits(size, limits)
        digest.update(chunk)
        target.write(chunk)
    return size, digest.hexdigest()
