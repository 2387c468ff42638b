"""What `zenodo-id` leads to: a draft to fill, a record to compare with, or nothing yet. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from entrypoint import errors
from entrypoint.destinations.zenodo import answers, deposition, http, mark


@dataclass(frozen=True)
class Target:
    """Where a run starts.

    Attributes:
        there: the draft or record whose files the plan is held against; nothing for a new deposition.
        draft: whether `there` is a draft that can be filled; otherwise one has to be made.
        ours: the draft carries the mark of this run.
        finished: `there` was made, and published, by an earlier attempt of this run.
        known: ids of all the account's depositions that were seen, to tell which one is new.
    """

    there: deposition.Deposition | None = None
    draft: bool = False
    ours: bool = False
    finished: bool = False
    known: frozenset[int] = frozenset()


class Finder:
    """Looks for the target of a run."""

    def __init__(self, way: http.Http, drafts: deposition.Depositions, check: http.Check) -> None:
        self._http = way
        self._drafts = drafts
        self._check = check

    def find(self, number: int | None, run_mark: str) -> Target:
        """The target.

        Args:
            number: of a draft, record or concept; nothing for a new deposition.
            run_mark: empty outside of GitHub.

        Raises:
            errors.BadInput: there is no such deposition.
            errors.NotAuthorised: the token is not taken, or the deposition is someone else's.
            errors.Refused: it is in review.
        """
        return self._new(run_mark) if number is None else self._existing(number, run_mark)

    def _new(self, run_mark: str) -> Target:
        """Nothing, unless an earlier attempt of this run left something."""
        hits = self._mine("")
        known = frozenset(hit.number for hit in hits)
        marked = [hit for hit in hits if mark.is_in(hit.metadata.get("notes"), run_mark)]
        # A draft that somebody made from the published record has inherited its mark: the record comes first.
        for hit in sorted(marked, key=lambda hit: (hit.is_published, hit.number), reverse=True):
            found = self._get(hit.number)
            if found is None:
                continue  # the index is behind: it is gone
            if found.is_published:
                return Target(found, finished=True, known=known)
            self._refuse_review(found.number)
            return Target(found, draft=True, ours=True, known=known)
        return Target(known=known)

    def _existing(self, number: int, run_mark: str) -> Target:
        found = self._owned(number)
        if found is None:
            latest = self._drafts.record(number, self._check)
            found = None if latest is None else self._owned(latest)
        if found is None:
            raise errors.BadInput(
                f"zenodo-id: {self._http.host} has no draft or record {number}.",
                "Check the id and whether it is one of the sandbox; new makes a new deposition.",
            )
        if not found.is_published:
            self._mine_first_page()
            return self._draft(found, run_mark)
        siblings = [
            hit for hit in self._mine(f"conceptrecid:{found.concept}") if hit.concept == found.concept
        ]
        latest = self._latest(found.number, siblings)
        if latest != found.number:
            found = self._owned(latest) or found
        return self._published(found, siblings, run_mark)

    def _latest(self, number: int, siblings: Sequence[deposition.Deposition]) -> int:
        """The newest published version; from the index where the service fails to tell.

        The addresses of versions do fail: https://github.com/zenodo/zenodo-rdm/issues/1440
        """
        try:
            return self._drafts.latest(number, self._check)
        except (errors.Refused, errors.Unreachable):
            return max((hit.number for hit in siblings if hit.is_published), default=number)

    def _published(
        self, record: deposition.Deposition, siblings: Sequence[deposition.Deposition], run_mark: str
    ) -> Target:
        """The record itself, or the draft of its next version where that has something of its own."""
        known = frozenset(hit.number for hit in siblings)
        for hit in sorted(siblings, key=lambda hit: hit.number, reverse=True):
            draft = None if hit.is_published else self._get(hit.number)
            if draft is None or draft.is_published:
                continue
            self._refuse_review(draft.number)
            if draft.files and _contents(draft) != _contents(record):
                return self._draft(draft, run_mark)
        finished = mark.is_in(record.metadata.get("notes"), run_mark)
        return Target(record, finished=finished, known=known)

    def _draft(self, draft: deposition.Deposition, run_mark: str) -> Target:
        self._refuse_review(draft.number)
        return Target(draft, draft=True, ours=mark.is_in(draft.metadata.get("notes"), run_mark))

    def _refuse_review(self, number: int) -> None:
        if self._drafts.in_review(number, self._check):
            raise errors.Refused(
                f"Draft {number} is in review by a community, and locked until its curators decide.",
                f"Wait for them, or cancel the review at {self._http.base}/uploads/{number}.",
            )

    def _get(self, number: int) -> deposition.Deposition | None:
        try:
            return self._drafts.get(number, self._check)
        except answers.Rejected as error:
            if error.status == 404:
                return None
            if error.status == 410:
                raise errors.BadInput(
                    f"zenodo-id: record {number} was deleted.", "Give another id, or new."
                ) from error
            raise

    def _owned(self, number: int) -> deposition.Deposition | None:
        try:
            return self._get(number)
        except answers.Denied as error:
            # Not let in to this one: because of the token, or because of the deposition?
            self._mine_first_page()
            raise errors.NotAuthorised(
                f"Deposition {number} on {self._http.host} belongs to another account than zenodo-token.",
                "Use a token of its owner, or check the id.",
            ) from error

    def _mine(self, query: str) -> list[deposition.Deposition]:
        try:
            return list(self._drafts.mine(query, self._check))
        except answers.Denied as error:
            raise errors.NotAuthorised(
                f"{self._http.host} does not accept zenodo-token ({error.reason.rstrip('.')}).",
                self._http.token_hint(),
            ) from error

    def _mine_first_page(self) -> None:
        """Make sure that the token is taken at all: records are shown to everybody."""
        self._mine("conceptrecid:0")


def _contents(found: deposition.Deposition) -> dict[str, tuple[int, str]]:
    return {name: (stored.size, stored.md5) for name, stored in found.files.items()}
