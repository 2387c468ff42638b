"""Files that are taken out of a draft: ahead of the upload that replaces them, or all of them.

A PUT onto a file that is there deletes it first, and a deletion changes the draft itself: of several at the
same time the server refuses all but one. PUTs of new files do not touch each other, nor a deletion beside
them. So the old files are deleted first, and the uploads follow behind.

How many deletions the server takes at once shows from its answers (`pace`). A deletion that met another has
changed nothing, and is repeated. The single request that deletes all files of a draft cannot be used: names that
it deleted cannot be taken again (seen with invenio-rdm-records 35: 500).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

from entrypoint import errors
from entrypoint.destinations.zenodo.api import http, records
from entrypoint.destinations.zenodo.draft import pace
from entrypoint.plan import model

MOST: Final = 16
"""Deletions at the same time."""
_POLL: Final = 0.2
_LAST: Final = 1.0
"""Seconds for deletions under way to end when no more are wanted."""


class _Met(Exception):
    """A deletion met another one."""


class Removal:
    """Takes files out of a draft, in the order in which they are wanted.

    Args:
        names: of the files, in that order.
        most: deletions at the same time.
        ahead: files that may be out before their upload begins, so that a run that breaks off leaves few
            holes.
    """

    def __init__(
        self,
        way: http.Http,
        native: records.Records,
        ident: str,
        names: Sequence[str],
        *,
        most: int,
        ahead: int,
    ) -> None:
        self._way = way
        self._native = native
        self._ident = ident
        self._state = threading.Condition()
        self._pace = pace.Pace(most)
        self._waiting = list(reversed(names))
        self._running: set[str] = set()
        self._out: set[str] = set()
        self._failed: dict[str, errors.PublishError] = {}
        self._ahead = ahead
        self._closed = False
        for number in range(min(most, len(names))):
            threading.Thread(target=self._work, name=f"remove-{number}", daemon=True).start()

    @property
    def out(self) -> frozenset[str]:
        """Names of the files that are out of the draft, or may be: whose deletion was not answered."""
        with self._state:
            unsure = {name for name, error in self._failed.items() if _is_unsure(error)}
            return frozenset(self._out | self._running | unsure)

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
            self._ahead += 1
            self._state.notify_all()
            while name in self._waiting or name in self._running:
                self._pause()
            failure = self._failed.get(name)
        if isinstance(failure, errors.Cancelled):
            raise failure
        if failure is not None:
            raise errors.FileFailed(
                f"{file.local!r} could not be replaced: {failure.message}", failure.hint
            ) from failure

    def wait(self) -> None:
        """Wait until everything was tried."""
        with self._state:
            while self._waiting or self._running:
                self._pause()

    @property
    def failed(self) -> Mapping[str, errors.PublishError]:
        """Files that could not be deleted, and why."""
        with self._state:
            return dict(self._failed)

    def close(self) -> None:
        """Take out nothing more; what is under way may end."""
        with self._state:
            self._closed = True
            self._state.notify_all()
            self._state.wait_for(lambda: not self._running, _LAST)

    def _pause(self) -> None:
        self._state.wait(_POLL)
        self._way.check()
        if self._closed:
            raise errors.Cancelled

    def _work(self) -> None:
        while (found := self._next()) is not None:
            self._delete(*found)

    def _next(self) -> tuple[str, pace.Start] | None:
        with self._state:
            while not self._closed and (self._waiting or self._running):
                delay: float | None = None
                if self._waiting and self._ahead > 0:
                    delay = self._pace.delay(time.monotonic())
                if delay == 0.0:
                    self._ahead -= 1
                    name = self._waiting.pop()
                    self._running.add(name)
                    return name, self._pace.start(time.monotonic())
                self._state.wait(_POLL if delay is None else min(delay, _POLL))
        return None

    def _delete(self, name: str, start: pace.Start) -> None:
        def collided() -> None:
            # Alone, it met somebody else's, and the usual patience says how often it is tried again.
            if not start.alone:
                raise _Met

        failure: errors.PublishError | None = None
        met = False
        try:
            self._native.delete_file(self._ident, name, collided)
        except _Met:
            met = True
        except errors.PublishError as error:
            failure = error
        with self._state:
            self._running.discard(name)
            if met:
                self._waiting.append(name)
                self._ahead += 1
                self._pace.collide(start, time.monotonic())
            else:
                self._pace.end(start, time.monotonic())
                if failure is None:
                    self._out.add(name)
                else:
                    self._failed[name] = failure
                    self._closed |= isinstance(failure, errors.Cancelled)
            self._state.notify_all()


def _is_unsure(error: errors.PublishError) -> bool:
    return isinstance(error, errors.Cancelled | errors.Unreachable)
