"""Files of a draft that are replaced: taken out ahead of their upload, a few at a time.

A PUT onto a file that is there deletes it first, and a deletion changes the draft itself: of several at the
same time the server refuses all but one. PUTs of new files do not touch each other, nor a deletion beside
them. So the old files are deleted first, and the uploads follow behind.

How many deletions the server takes at once shows from its answers: on a distant server, most of their time is
spent on the way, where they do not meet. Where nearly everything is replaced, one request deletes all files.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from entrypoint import errors
from entrypoint.destinations.zenodo.api import http, records
from entrypoint.plan import model

_MOST: Final = 8
"""Deletions at the same time."""
_AHEAD: Final = 24
"""Files that may be out before their upload begins, so that a run that breaks off leaves few holes."""
_STEADY: Final = 4
"""Deletions in a row without a collision, after which one more is tried at a time."""
_MANY: Final = 20
"""Replaced files, from which on a few small ones are sent again rather than that many deleted one by one."""
_FEW: Final = 20
"""How many replaced files there must be for each one that is sent again."""
_SMALL: Final = 1_000_000
"""Bytes that may be sent again."""
_POLL: Final = 0.2


def all_at_once(
    there: Mapping[str, records.File], to_send: Sequence[model.PlannedFile], plan: model.Plan
) -> list[model.PlannedFile] | None:
    """Whether all files of a draft are better deleted in one request.

    A draft is seen by nobody, so that it may lack its catalog and a few small files for a while.

    Returns:
        the planned files that are then to be sent though they had not changed; nothing where the draft has
        others, or too many.
    """
    sent = {file.name for file in to_send}
    old = [file for file in to_send if file.name in there]
    again = [file for file in plan if file.name in there and file.name not in sent]
    if there.keys() - plan.names or len(old) < 2:
        return None
    if len(old) < _MANY:
        return [] if not again and not any(file.is_catalog for file in old) else None
    is_little = len(again) * _FEW <= len(old) and sum(file.size for file in again) <= _SMALL
    return again if is_little else None


class Replacement:
    """Takes files out of a draft, in the order in which they will be sent.

    Args:
        names: of the files, in that order.
        beside_uploads: the uploads may go on at the same time. By the native API, where an upload begins with
            a request of its own, they may not, and everything is taken out at once, one after the other.
    """

    def __init__(
        self,
        way: http.Http,
        native: records.Records,
        ident: str,
        names: Sequence[str],
        *,
        beside_uploads: bool,
    ) -> None:
        self._way = way
        self._native = native
        self._ident = ident
        self._state = threading.Condition()
        self._waiting = list(reversed(names))
        self._running: set[str] = set()
        self._out: set[str] = set()
        self._failed: dict[str, errors.PublishError] = {}
        self._ahead = 0
        self._limit = 2
        self._most = _MOST
        self._steady = 0
        self._closed = False
        if not beside_uploads:
            self._limit = 1
            while (name := self._next()) is not None:
                self._delete(name)
                self._ahead -= 1
            return
        for number in range(min(_MOST, len(names))):
            threading.Thread(target=self._work, name=f"replace-{number}", daemon=True).start()

    @property
    def out(self) -> frozenset[str]:
        """Names of the files that are out of the draft."""
        with self._state:
            return frozenset(self._out)

    def clear(self, file: model.PlannedFile) -> None:
        """Make sure that a file is out of the draft, where it was in it; called before its upload.

        Raises:
            errors.FileFailed: it could not be deleted.
        """
        name = file.name
        with self._state:
            mine = name in self._waiting
            if mine:
                self._waiting.remove(name)
            elif name not in self._running and name not in self._out and name not in self._failed:
                return
            else:
                self._ahead -= 1
                self._state.notify_all()
        if mine:
            self._delete(name)
        with self._state:
            while name in self._running:
                self._state.wait(_POLL)
                self._way.check()
            failure = self._failed.get(name)
        if failure is not None:
            raise errors.FileFailed(
                f"{file.local!r} could not be replaced: {failure.message}", failure.hint
            ) from failure

    def close(self) -> None:
        """Take out nothing more."""
        with self._state:
            self._closed = True
            self._state.notify_all()

    def _work(self) -> None:
        while (name := self._next()) is not None:
            self._delete(name)

    def _next(self) -> str | None:
        with self._state:
            while not self._closed and self._waiting:
                if len(self._running) < self._limit and self._ahead < _AHEAD:
                    self._ahead += 1
                    name = self._waiting.pop()
                    self._running.add(name)
                    return name
                self._state.wait(_POLL)
        return None

    def _delete(self, name: str) -> None:
        failure: errors.PublishError | None = None
        try:
            self._native.delete_file(self._ident, name, self._collided)
        except errors.PublishError as error:
            failure = error
        with self._state:
            self._running.discard(name)
            if failure is None:
                self._out.add(name)
                self._steady += 1
                if self._steady >= _STEADY and self._limit < self._most:
                    self._limit, self._steady = self._limit + 1, 0
            else:
                self._failed[name] = failure
            self._state.notify_all()

    def _collided(self) -> None:
        with self._state:
            # As many at a time are not tried again.
            self._most = self._limit = max(1, min(self._limit, len(self._running)) - 1)
            self._steady = 0
