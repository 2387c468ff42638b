"""Reviews by communities: one under way stops a run; after publishing, communities are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from entrypoint import errors, text
from entrypoint.destinations.zenodo.api import answers, http, values
from entrypoint.destinations.zenodo.api.request import Request, quoted

_IN_REVIEW: Final = "in_review"
_TO_BE_REVIEWED: Final = "draft_with_review"


def refuse_reviewed(way: http.Http, draft: values.Record, *, publish: bool) -> None:
    """Make sure that no curators are at work on a draft: the service itself would let us change it.

    Args:
        publish: it is to be published, which a review that is only prepared is in the way of, too.

    Raises:
        errors.Refused
    """
    page = f"{way.base}/uploads/{draft.id}"
    if draft.status == _IN_REVIEW:
        raise errors.Refused(
            f"Draft {draft.id} is in review by a community, so nothing is changed.",
            f"Wait for their decision, or cancel the review at {page}, then run again.",
        )
    if publish and draft.status == _TO_BE_REVIEWED:
        raise errors.Refused(
            f"Draft {draft.id} is meant for a community, whose review comes before publishing.",
            f"Run with publish: false and submit the draft for review at {page}, or remove the community there.",
        )


def find_communities(way: http.Http, names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Short names of communities by id, and a sentence for each that does not exist. Only reads."""
    found, problems = {}, []
    for name in names:
        try:
            number = _find_community(way, name)
        except answers.Denied:
            problems.append(
                f"communities: {text.printable(name)!r} is not open to the owner of zenodo-token."
            )
            continue
        if number is None:
            problems.append(f"communities: {way.host} has no community {text.printable(name)!r}.")
        else:
            found[number] = name
    return found, problems


def _find_community(way: http.Http, name: str) -> str | None:
    try:
        answer = way.get(f"/api/communities/{quoted(name)}", purpose="to look up a community")
    except answers.Rejected as error:
        if error.is_unknown or error.status == 410:
            return None
        raise
    found = answer.document.get("id") if isinstance(answer.document, dict) else None
    return found if isinstance(found, str) else None


def ask_communities(way: http.Http, ident: str, communities: Mapping[str, str]) -> list[str]:
    """Ask communities to include a published record; the answers, one sentence each.

    A request for inclusion, as InvenioRDM's own pages make it: the field in the metadata is ignored
    (https://github.com/zenodo/zenodo-rdm/issues/851).

    Args:
        communities: short names by id.
    """
    path = f"/api/records/{quoted(ident)}/communities"
    try:
        hits = way.get(path).document
        there = {item.get("id") for item in _list(_dict(hits).get("hits"), "hits")}
        wanted = [key for key in communities if key not in there]
        if not wanted:
            return []
        asked = {"communities": [{"id": key} for key in wanted]}
        document = way.call(Request("POST", path, document=asked)).document
    except errors.Cancelled:
        raise
    except errors.PublishError as error:
        # The record is out; a request that went wrong must not look like a failed publication.
        names = ", ".join(communities.values())
        return [
            f"Communities ({names}) could not be asked: {error.message} Ask at {way.base}/records/{ident}."
        ]
    remarks = []
    for item in _list(document, "processed"):
        name = communities.get(str(item.get("community_id")), str(item.get("community_id")))
        is_in = _dict(item.get("request")).get("status") == "accepted"
        what = "has included the record" if is_in else "was asked; its curators decide"
        remarks.append(f"Community {text.printable(name)} {what}.")
    for item in _list(document, "errors"):
        name = communities.get(str(item.get("community_id")), str(item.get("community_id")))
        said = text.printable(text.shorten(str(item.get("message", "")), 200))
        remarks.append(f"Community {text.printable(name)} was not asked: {said}")
    return remarks


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(document: Any, key: str) -> list[dict[str, Any]]:
    value = _dict(document).get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
