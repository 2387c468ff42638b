"""Communities, reviews and vocabularies.

No recording of these was at hand. The rules and words of reviews and inclusions are InvenioRDM's
(invenio-rdm-records, `services/review`, `services/communities`); the documents hold the fields that its
reference names. What is inferred says so.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from tests.zenodo import actions, drafts, messages, state, vocabularies
from tests.zenodo.messages import Answer, ApiError, Request, route

_RECORD = r"/api/records/(\d+|[0-9a-z]{5}-[0-9a-z]{5})"
_REQUEST = r"/api/requests/([0-9a-f-]+)"


def community(zenodo: state.Zenodo, found: state.Community) -> dict[str, Any]:
    """A community; the links are a part of those that InvenioRDM gives."""
    link = f"{zenodo.base}/api/communities/{found.id}"
    policy = "open" if found.open_policy else "closed"
    return {
        "id": found.id,
        "slug": found.slug,
        "metadata": {"title": found.title},
        "access": {"visibility": "public", "review_policy": policy, "record_submission_policy": "open"},
        "links": {"self": link, "self_html": f"{zenodo.base}/communities/{found.slug}"},
    }


def request_document(zenodo: state.Zenodo, found: state.ReviewRequest) -> dict[str, Any]:
    """A request, of the types `community-submission` and `community-inclusion`."""
    link = f"{zenodo.base}/api/requests/{found.id}"
    allowed = {"created": ("submit",), "submitted": ("accept", "cancel", "decline")}.get(found.status, ())
    return {
        "id": found.id,
        "number": str(found.number),
        "type": found.type,
        "title": zenodo.versions[found.recid].content.metadata.get("title", ""),
        "created": found.created,
        "status": found.status,
        "is_open": found.is_open,
        "is_closed": found.is_closed,
        "created_by": {"user": str(found.creator.id)},
        "receiver": {"community": found.community.id},
        "topic": {"record": str(found.recid)},
        "links": {
            "self": link,
            "self_html": f"{zenodo.base}/me/requests/{found.id}",
            "actions": {name: f"{link}/actions/{name}" for name in allowed},
        },
    }


def _open(
    zenodo: state.Zenodo, version: state.Version, kind: str, where: state.Community, by: state.User
) -> state.ReviewRequest:
    made = state.ReviewRequest(str(uuid.uuid4()), len(zenodo.requests) + 1, kind, where, version.id, by)
    zenodo.requests[made.id] = made
    return made


def _may_include(found: state.ReviewRequest) -> bool:
    """Whether the one who asks needs no review: a member, where the community's policy is open."""
    return found.community.open_policy and found.creator.id in found.community.members


def accept(zenodo: state.Zenodo, found: state.ReviewRequest) -> None:
    """A submitted draft is published, and the record is in the community."""
    version = zenodo.versions[found.recid]
    if found.type == "community-submission":
        actions.publish(zenodo, version, reviewed=True)
    version.concept.communities.append(found.community)
    found.status = "accepted"


def review(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET draft/review."""
    version, _draft = actions.draft_of(zenodo, request, match[1])
    return Answer(200, request_document(zenodo, _review(version)))


def _review(version: state.Version) -> state.ReviewRequest:
    if version.review is None:
        raise messages.not_found("Review for draft not found")
    return version.review


def set_review(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """PUT draft/review: names the community; only for what was never published, in no version."""
    body = request.json()
    with zenodo.lock:
        version, _draft = actions.draft_of(zenodo, request, match[1])
        assert request.user is not None
        _forget(version)
        if version.published is not None:
            raise ApiError(400, "You cannot create a review for an already published record.")
        if version.concept.versions[0] is not version:
            raise ApiError(400, "You cannot create a review for a new version of a published record.")
        if body.get("type") != "community-submission":
            raise messages.invalid(("type", "Invalid review type."))
        # By its UUID; a slug is not found.
        where = zenodo.communities.get(str((body.get("receiver") or {}).get("community")))
        if where is None:
            raise messages.not_found()
        version.review = _open(zenodo, version, "community-submission", where, request.user)
        return Answer(200, request_document(zenodo, version.review))


def _forget(version: state.Version) -> None:
    if version.review is not None and version.review.is_open:
        raise ApiError(400, "An open review cannot be deleted.")
    version.review = None


def delete_review(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """DELETE draft/review: 204; not while it is open."""
    with zenodo.lock:
        version, _draft = actions.draft_of(zenodo, request, match[1])
        _review(version)
        _forget(version)
        return Answer(204)


def submit_review(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST draft/actions/submit-review: 202 with the request; accepted at once where no review is needed.

    The draft's metadata have to be fit for publishing. It is not locked by a review: its owner may change
    files and metadata, only publishing is refused.
    """
    body = request.json()
    with zenodo.lock:
        version, draft = actions.draft_of(zenodo, request, match[1])
        found = _review(version)
        if found.status != "created":
            raise ApiError(400, "The review is submitted already.")  # inferred words
        drafts.check(zenodo, version, draft)
        found.status = "submitted"
        if not body.get("require_review") and _may_include(found):
            accept(zenodo, found)
        return Answer(202, request_document(zenodo, found))


def add_communities(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST communities of a published record: an inclusion request each; 400 when none went through."""
    asked = request.json().get("communities")
    if not isinstance(asked, list):
        raise messages.invalid(("communities", "Missing data for required field."))
    with zenodo.lock:
        version = actions.owned(zenodo, request, match[1])
        if version.published is None:
            raise messages.not_found(messages.PID_UNREGISTERED)
        assert request.user is not None
        processed: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for each in asked:
            where = zenodo.community(each["id"])
            if problem := _problem(zenodo, version, where):
                errors.append({"community_id": each["id"], "message": problem})
                continue
            assert where is not None
            found = _open(zenodo, version, "community-inclusion", where, request.user)
            found.status = "submitted"
            if not each.get("require_review") and _may_include(found):
                accept(zenodo, found)
            processed.append(
                {
                    "community_id": each["id"],
                    "request_id": found.id,
                    "request": request_document(zenodo, found),
                }
            )
    parts = {"processed": processed, "errors": errors}
    return Answer(200 if processed else 400, {name: value for name, value in parts.items() if value})


def _problem(zenodo: state.Zenodo, version: state.Version, where: state.Community | None) -> str | None:
    if where is None:
        return "Community not found."
    if where in version.concept.communities:
        return "The record is already included in this community."
    for each in zenodo.requests.values():
        if each.is_open and each.community is where and each.recid == version.id:
            return "There is already an open inclusion request for this community."
    return None


def record_communities(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET communities of a record."""
    version = actions.known(zenodo, match[1])
    return _hits([community(zenodo, each) for each in version.concept.communities])


def _hits(hits: list[dict[str, Any]]) -> Answer:
    return Answer(200, {"hits": {"hits": hits, "total": len(hits)}, "links": {}})


def search(zenodo: state.Zenodo, request: Request, _: re.Match[str]) -> Answer:
    """GET /api/communities, with `q`."""
    wanted = request.query.get("q", "").lower()
    found = [each for each in zenodo.communities.values() if wanted in f"{each.slug} {each.title}".lower()]
    return _hits([community(zenodo, each) for each in found])


def read(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET /api/communities/{id or slug}."""
    found = zenodo.community(match[1])
    if found is None:
        raise messages.not_found(messages.PID_MISSING)
    return Answer(200, community(zenodo, found))


def _mine(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> state.ReviewRequest:
    found = zenodo.requests.get(match[1])
    if found is None:
        raise messages.not_found()
    user = request.user
    if user is None or (user != found.creator and user.id not in found.community.members):
        raise messages.denied()
    return found


def read_request(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of a request."""
    return Answer(200, request_document(zenodo, _mine(zenodo, request, match)))


def act(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """POST accept or decline (the community's members) or cancel (who asked)."""
    with zenodo.lock:
        found = _mine(zenodo, request, match)
        assert request.user is not None
        curator = request.user.id in found.community.members
        if curator == (match[2] == "cancel") and not (curator and request.user == found.creator):
            raise messages.denied()
        if not found.is_open:
            raise ApiError(400, "The request is not open.")  # inferred words
        if match[2] == "accept":
            accept(zenodo, found)
        else:
            found.status = {"cancel": "cancelled", "decline": "declined"}[match[2]]
            if match[2] == "cancel" and found.type == "community-submission":
                zenodo.versions[found.recid].review = None
        return Answer(200, request_document(zenodo, found))


def vocabulary(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of a vocabulary: with `q` or `suggest` those that hold all its words; 25 hits a page."""
    name = _vocabulary(match[1])
    words = (request.query.get("q") or request.query.get("suggest") or "").lower().replace('"', " ").split()
    found = [
        each
        for each in zenodo.vocabularies.entries[name].values()
        if all(word in f"{each}".lower() for word in words)
    ]
    page, size = int(request.query.get("page", "1")), int(request.query.get("size", "25"))
    if page * size > 10_000:
        raise ApiError(400, "Maximum number of 10000 results have been reached.")
    shown = [_entry(zenodo, match[1], each) for each in found[(page - 1) * size : page * size]]
    kind = request.accept("application/json", "application/vnd.inveniordm.v1+json")
    return Answer(200, {"hits": {"hits": shown, "total": len(found)}, "links": {}}, content_type=kind)


def _vocabulary(path: str) -> str:
    """`vocabularies/licenses` or `funders`; 404 for what is none, or in the wrong place."""
    prefix, _, name = path.rpartition("/")
    if (name in vocabularies.GENERIC) != (prefix == "vocabularies"):
        raise messages.not_found()
    return name


def _entry(zenodo: state.Zenodo, path: str, entry: vocabularies.Entry) -> dict[str, Any]:
    return {**entry, "links": {"self": f"{zenodo.base}/api/{path}/{entry['id']}"}}


def vocabulary_entry(zenodo: state.Zenodo, request: Request, match: re.Match[str]) -> Answer:
    """GET of one entry by its id; licences have theirs in lower case."""
    found = zenodo.vocabularies.find(_vocabulary(match[1]), match[2])
    if found is None:
        raise messages.not_found(messages.PID_MISSING)
    return Answer(200, _entry(zenodo, match[1], found))


def me(zenodo: state.Zenodo, request: Request, _: re.Match[str]) -> Answer:
    """GET /api/me: whose token this is."""
    if request.user is None:
        raise messages.denied()
    return Answer(200, {"id": str(request.user.id), "email": f"{request.user.name}@example.org"})


_VOCABULARY = r"/api/(vocabularies/[\w:]+|funders|awards|affiliations|subjects)"
ROUTES = (
    route("GET", _RECORD + "/draft/review", review),
    route("PUT", _RECORD + "/draft/review", set_review, "deposit:write"),
    route("DELETE", _RECORD + "/draft/review", delete_review, "deposit:write"),
    route("POST", _RECORD + "/draft/actions/submit-review", submit_review, "deposit:actions"),
    route("GET", _RECORD + "/communities", record_communities),
    route("POST", _RECORD + "/communities", add_communities, "deposit:actions"),
    route("GET", "/api/communities", search),
    route("GET", "/api/communities/([^/]+)", read),
    route("GET", _REQUEST, read_request),
    route("POST", _REQUEST + "/actions/(accept|decline|cancel)", act, "deposit:actions"),
    route("GET", "/api/me", me),
    route("GET", _VOCABULARY, vocabulary),
    route("GET", _VOCABULARY + "/(.+)", vocabulary_entry),
)
