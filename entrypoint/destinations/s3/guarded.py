"""Replacing what must not be replaced by two runs at once: a catalog, or a page beside it."""

from __future__ import annotations

import time
from typing import Final

from entrypoint import destinations, errors
from entrypoint.destinations import Receipt, State
from entrypoint.destinations.s3 import client, compare, listing, upload
from entrypoint.destinations.s3.store import Option
from entrypoint.destinations.s3.upload import Condition
from entrypoint.plan import model

_CONFLICT: Final = 1.0
"""Seconds after which a write that met another one is tried again."""
_CONFLICTS: Final = 6
"""Times that it is."""


class Guarded:
    """Files that are replaced only if they still are what the run found at its start.

    Args:
        prefix: of the destination, with its last slash, or empty.
        found: what was there.
    """

    def __init__(self, ask: client.Client, prefix: str, found: listing.Listing) -> None:
        self._ask = ask
        self._store = ask.store
        self._prefix = prefix
        self._there = found

    def put(
        self, uploader: upload.Uploader, file: model.PlannedFile, key: str, watch: destinations.Watch
    ) -> Receipt:
        """Replace it.

        Raises:
            errors.FileFailed: it could not be sent, or another run replaced it in the meantime.
        """
        condition = self._condition(key, file)
        conflicts = 0
        while True:
            try:
                return uploader.put(file, key, condition, watch)
            except upload.ConditionFailed as error:
                assert condition is not None  # it failed
                answer = error.answer
            # A replacement changes the ETag. If it is the same, the store handles conditions differently.
            now = compare.head_or_none(self._ask, key, lambda: None)
            if (now.etag if now else "").strip('"') != condition.etag.strip('"'):
                if self._is_ours(file, key):
                    return Receipt(0, "", "same content")
                raise self._replaced_by_another_run(file)
            if answer.status == 409 and conflicts < _CONFLICTS:
                conflicts += 1
                watch.check()
                time.sleep(_CONFLICT)
            elif condition.etag and self._store.quotes_etags:
                self._store.quotes_etags = False
            else:
                self._store.learn(Option.CONDITION, answer)
                condition = None

    def _condition(self, key: str, file: model.PlannedFile) -> Condition | None:
        """What the catalog must look like now; stores that ignore conditions are asked beforehand."""
        if self._there.denied or not self._store.knows(Option.CONDITION):
            return None
        listed = self._there.listed(file.name)
        etag = listed.etag if listed else ""
        if not self._store.is_aws:
            denied: list[str] = []
            found = compare.head_or_none(self._ask, key, lambda: denied.append(key))
            if not denied:
                # Some stores list no ETags.
                is_told = not listed or bool(etag)
                now = found.etag if found else ""
                if is_told and now.strip('"') != etag.strip('"') and not self._is_ours(file, key):
                    raise self._replaced_by_another_run(file)
                etag = now or etag
                listed = listed or (client.Listed(key, found.size, etag) if found else None)
        if listed and not etag:
            self._store.tell(
                "This store returns no ETags, so a catalog is replaced without a condition; two runs that end at the "
                "same moment could overwrite each other's catalog."
            )
            return None
        return Condition(etag)

    def _replaced_by_another_run(self, file: model.PlannedFile) -> errors.FileFailed:
        return errors.FileFailed(
            f"{file.local!r}: the {'catalog' if file.is_catalog else 'file'} at the destination was replaced by "
            "another run since this one started.",
            "Let one run end before the next one starts (concurrency: in the workflow), then run again.",
        )

    def _is_ours(self, file: model.PlannedFile, key: str) -> bool:
        """Whether the catalog there has our content: our own first attempt, whose answer was lost."""
        found = compare.head_or_none(self._ask, key, lambda: None)
        if found is None:
            return False
        listed = client.Listed(key, found.size, found.etag)
        return compare.content(file, listed, lambda: found, self._ask.check).state is State.SAME

    def check(self, file: model.PlannedFile) -> None:
        """See whether a catalog that this run does not write is still what the run found.

        Raises:
            errors.FileFailed: another run replaced it.
        """
        if self._was_replaced(file, f"{self._prefix}{file.name}"):
            raise self._replaced_by_another_run(file)

    def _was_replaced(self, file: model.PlannedFile, key: str) -> bool:
        """Whether a catalog that was left alone is another one now."""
        denied: list[str] = []
        found = compare.head_or_none(self._ask, key, lambda: denied.append(key))
        listed = self._there.listed(file.name)
        if denied or not listed or not listed.etag or (found and found.etag == listed.etag):
            return False
        return not self._is_ours(file, key)
