"""Publishing, which cannot be undone and is therefore never repeated blindly; and asking communities."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from entrypoint import errors, text
from entrypoint.destinations.zenodo import answers, deposition, files, http

_ATTEMPTS: Final = 3


def publish(way: http.Http, drafts: deposition.Depositions, number: int, check: http.Check) -> None:
    """Publish a draft.

    Zenodo's gateways give up after about a minute while the service goes on, so that after every answer
    that leaves doubt the record itself is asked for.

    Raises:
        errors.Refused: the service will not publish it as it is.
        errors.Unreachable: it is not known whether it was published.
    """
    doubt: errors.PublishError | None = None
    for _ in range(_ATTEMPTS):
        try:
            drafts.publish(number, check)
        except answers.Unsure as error:
            doubt = error
            if _turned_up(way, drafts, number, check):
                return
        except answers.Rejected as error:
            # After an earlier attempt, 404 is how the service says that there is no draft any more.
            if doubt is not None and drafts.record(number, check) == number:
                return
            raise errors.Refused(
                f"{way.host} refuses to publish the draft: {error.reason}",
                f"All files are up and verified. Mend it at {way.base}/uploads/{number}, then publish there.",
            ) from error
        else:
            return
    raise errors.Unreachable(
        f"{way.host} does not say whether draft {number} was published.",
        f"Look at {way.base}/records/{number} in a while; running again continues without sending twice.",
    ) from doubt


def _turned_up(way: http.Http, drafts: deposition.Depositions, number: int, check: http.Check) -> bool:
    waited, count = 0.0, 0
    while True:
        if drafts.record(number, check) == number:
            return True
        if waited >= way.patience.settle:
            return False
        count += 1
        pause = way.patience.pause(count)
        way.sleep(pause, check)
        waited += pause


def published(
    drafts: deposition.Depositions, draft: deposition.Deposition, check: http.Check
) -> deposition.Deposition:
    """The record that came of a draft, as it is shown; that it is published is known."""
    try:
        found = drafts.get(draft.number, check)
    except errors.Cancelled:
        raise
    except errors.PublishError:
        found = draft
    return dataclasses.replace(found, state="done") if not found.is_published else found


def hold(
    way: http.Http,
    drafts: deposition.Depositions,
    record: deposition.Deposition,
    verified: deposition.Deposition,
    check: http.Check,
) -> deposition.Deposition:
    """Hold a record against the draft that was verified: somebody else may have written to it in between.

    Returns:
        the record as it was last shown.

    Raises:
        errors.Refused: it is another one. Not a failure of files: those promise that nothing was published.
    """
    waited, count = 0.0, 0
    while other := files.differing(verified.files, record.files):
        # What is not listed may be a moment later; what is there and another one will stay that.
        if waited >= way.patience.settle or any(name in record.files for name in other):
            raise errors.Refused(
                f"Record {record.number} is published, but not as it was verified just before: "
                f"{text.printable(other[0])} is another one, or gone, or was added "
                f"({text.plural(len(other), 'file')} in all).",
                "Did something else write to the same draft? Publish its next version: start another run with "
                f"zenodo-id: {record.number}, and nothing beside it.",
            )
        count += 1
        pause = way.patience.pause(count)
        way.sleep(pause, check)
        waited += pause
        record = published(drafts, record, check)
    return record


def find_communities(
    way: http.Http, names: Sequence[str], check: http.Check
) -> tuple[dict[str, str], list[str]]:
    """Short names of communities by id, and a sentence for each that does not exist. Only reads."""
    found, problems = {}, []
    for name in names:
        number = _find_community(way, name, check)
        if number is None:
            problems.append(f"communities: {way.host} has no community {text.printable(name)!r}.")
        else:
            found[number] = name
    return found, problems


def _find_community(way: http.Http, name: str, check: http.Check) -> str | None:
    try:
        answer = way.call("GET", f"/api/communities/{http.quoted(name)}", check=check)
    except answers.Rejected as error:
        if error.status == 404:
            return None
        raise
    found = answer.document.get("id") if isinstance(answer.document, dict) else None
    return found if isinstance(found, str) else None


def ask_communities(way: http.Http, number: int, communities: dict[str, str], check: http.Check) -> list[str]:
    """Ask communities to include a published record; the answers, one sentence each.

    A request for inclusion, as InvenioRDM's own pages make it: the field in the metadata is ignored
    (https://github.com/zenodo/zenodo-rdm/issues/851).

    Args:
        communities: short names by id.
    """
    path = f"/api/records/{number}/communities"
    try:
        hits = way.call("GET", path, check=check).document
        there = {item.get("id") for item in _list(_dict(hits).get("hits"), "hits")}
        wanted = [key for key in communities if key not in there]
        if not wanted:
            return []
        asked = {"communities": [{"id": key} for key in wanted]}
        document = way.call("POST", path, check=check, document=asked).document
    except errors.Cancelled:
        raise
    except errors.PublishError as error:
        # The record is out; a request that went wrong must not look like a failed publication.
        names = ", ".join(communities.values())
        return [
            f"Communities ({names}) could not be asked: {error.message} Ask at {way.base}/records/{number}."
        ]
    remarks = []
    for item in _list(document, "processed"):
        name = communities.get(str(item.get("community_id")), str(item.get("community_id")))
        is_in = _dict(item.get("request")).get("status") == "accepted"
        what = "has taken the record in" if is_in else "was asked; its curators decide"
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
