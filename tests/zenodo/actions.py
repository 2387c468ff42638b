"""What both APIs do to a record: find it, publish it, open an edit or a new version, take a file in."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path
from typing import BinaryIO

from tests.zenodo import messages, metadata, state
from tests.zenodo.messages import ApiError, Request


def owned(zenodo: state.Zenodo, request: Request, number: str) -> state.Version:
    """The version with this id, for its owner only: 404, 410 or 403 otherwise."""
    version = known(zenodo, number)
    if request.user != version.concept.owner:
        raise messages.denied()
    return version


def known(zenodo: state.Zenodo, number: str) -> state.Version:
    """The version with this id; 410 for a deleted record."""
    version = zenodo.versions.get(int(number)) if number.isdigit() else None
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
        raise messages.not_found(messages.PID_MISSING)
    return version, version.draft


def check_revision(request: Request, version: state.Version) -> None:
    """412 when `If-Match` names another revision."""
    wanted = request.headers.get("if-match")
    if wanted is not None and wanted.strip('"') != str(version.revision):
        raise ApiError(
            412, f"Revision id provided({wanted}) doesn't match record's current({version.revision})"
        )


def set_doi(zenodo: state.Zenodo, version: state.Version, draft: state.Content, doi: str | None) -> None:
    """Takes `metadata.doi`. Only 10.5281 counts as Zenodo's own, on the sandbox too, so a reserved
    10.5072 DOI that comes back is external. Without a DOI the draft keeps what it has (inferred).
    """
    if doi is not None and not isinstance(doi, str):
        raise messages.invalid(("metadata.doi", "Not a valid string."))
    if doi:
        draft.doi = doi
        draft.external = not doi.startswith("10.5281/")


def check(draft: state.Content) -> None:
    """400 for a draft that is not fit for publishing; one round of refusals: metadata, then files."""
    if wrong := metadata.missing(draft.metadata):
        raise messages.invalid(*wrong)
    if any(each.status == "pending" for each in draft.files.values()):
        raise messages.invalid(("files", "One or more files have not completed their transfer, please wait."))
    if not draft.files:
        raise messages.invalid(
            (
                "files.enabled",
                "Missing uploaded files. To disable files for this record please mark it as metadata-only.",
            )
        )


def publish(zenodo: state.Zenodo, version: state.Version, *, reviewed: bool = False) -> None:
    """Publishes the draft; 404 without one, 400 for what is missing or in the way."""
    draft = version.draft
    if draft is None:
        raise messages.not_found()
    if version.review is not None and not version.review.is_closed and not reviewed:
        # A review that is named but not submitted is in the way too.
        raise ApiError(
            400,
            "You cannot publish a draft with an open review request. Please cancel the review request first.",
        )
    check(draft)
    _mint(zenodo, version, draft)
    if version.published is not None:
        draft.bucket = version.published.bucket
    version.published, version.draft = draft, None
    _include(zenodo, version, draft)
    version.touch()


def _mint(zenodo: state.Zenodo, version: state.Version, draft: state.Content) -> None:
    prefix = zenodo.options.prefix
    if draft.doi is None:
        draft.doi = f"{prefix}/zenodo.{version.id}"
    elif draft.external and draft.doi.startswith(f"{prefix}/"):
        # What a reserved sandbox DOI ends in when it was put back; the words are inferred.
        raise messages.invalid(("pids.doi", f"The prefix '{prefix}' is administrated locally."))
    elif not draft.external and draft.doi != f"{prefix}/zenodo.{version.id}":
        raise messages.invalid(("pids.doi", f"Invalid DOI {draft.doi}."))
    if not draft.external:
        version.concept.doi = f"{prefix}/zenodo.{version.concept.id}"


def _include(zenodo: state.Zenodo, version: state.Version, draft: state.Content) -> None:
    """Communities of the legacy metadata: only where no review is needed, failures are swallowed."""
    for each in draft.metadata.get("communities", ()):
        community = zenodo.community(each["identifier"])
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
        old = version.content
        version.draft = state.Content(dict(old.metadata), dict(old.files), doi=old.doi, external=old.external)
        version.touch()


def new_version(zenodo: state.Zenodo, version: state.Version) -> state.Version:
    """The draft of the next version, without files; the one that exists is given again."""
    if version.published is None:
        raise messages.not_found(messages.PID_UNREGISTERED)
    latest = version.concept.latest()
    assert latest is not None
    assert latest.published is not None
    if latest.published.external:
        # Inferred words; the facts say that such records cannot be versioned.
        raise messages.invalid(("pids.doi", "Records with an external DOI cannot have new versions."))
    found = version.concept.next_draft()
    if found is None:
        copied = dict(latest.published.metadata)
        copied.pop("version", None)
        copied["publication_date"] = state.today()
        found = zenodo.create(version.concept.owner, copied, version.concept)
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


def delete_file(zenodo: state.Zenodo, version: state.Version, draft: state.Content, key: str) -> None:
    """Removes a file from a draft; the files of an edit are locked."""
    if version.published is not None:
        raise ApiError(403, "Bucket is locked for modifications.")
    del draft.files[key]
    version.touch()


def receive(zenodo: state.Zenodo, request: Request, room: int) -> state.StoredFile:
    """Reads the body into a file of its own, outside the lock; memory holds one chunk.

    `room` is what the record's quota leaves, in bytes.
    """
    limits = ((zenodo.options.max_file, "Maximum file size exceeded."), (room, "Bucket quota exceeded."))
    _fits(request.length or 0, limits)
    path = None if zenodo.options.sink else zenodo.folder / uuid.uuid4().hex
    try:
        with (path or Path(os.devnull)).open("wb") as target:
            size, md5 = _copy(request, target, limits)
            if not zenodo.options.empty_files_allowed:
                _not_empty(size)
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


def _not_empty(size: int) -> None:
    if size == 0:
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
