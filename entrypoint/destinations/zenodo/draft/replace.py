"""Files of a draft that are replaced: taken out ahead of their upload, a few at a time.

A PUT onto a file that is there deletes it first, and a deletion changes the draft itself: of several at the
same time the server refuses all but one. PUTs of new files do not touch each other, nor a deletion beside
them. So the old files are deleted first, and the uploads follow behind.

How many deletions the server takes at once shows from its answers: on a distant server, most of their time is
spent on the way, where they do not meet. The single request that deletes all files of a draft cannot be used: names
that it deleted cannot be taken again (seen with invenio-rdm-records 35: 500).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from entrypoint import errors
from entrypoint.destinations.zenodo.api import http, records
from entrypoint.plan import model

_MOST: Final = 8
"""Deletions at the same time."""
_AHEAD: Final = 24
"""Files that may be out before their upload begins, so that a run that breaks off leaves few holes."""
_STEADY: Final = 4
"""Deletions in a row without a collision, after which one more is tried at a time; twice as many after each one."""
_POLL: Final = 0.2


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
        self._steady = 0
        self._needed = _STEADY
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
            if name in self._waiting:
                # It is the next to go, whatever the order was thought to be.
                self._waiting.remove(name)
                self._waiting.append(name)
            elif name not in self._running and name not in self._out and name not in self._failed:
                return
            self._ahead -= 1
            self._state.notify_all()
            while name in self._waiting or name in self._running:
                self._state.wait(_POLL)
                self._way.check()
                if self._closed:
                    raise errors.Cancelled
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
                if self._steady >= self._needed and self._limit < _MOST:
                    self._limit, self._steady = self._limit + 1, 0
            else:
                self._failed[name] = failure
            self._state.notify_all()

    def _collided(self) -> None:
        with self._state:
            self._limit = max(1, self._limit - 1)
            self._steady, self._needed = 0, 2 * self._needed
