"""The multipart uploads of this run, and those that earlier runs left open: what each of them is worth."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from entrypoint import errors
from entrypoint.destinations.s3 import checksums, client, problems

_OLD: Final = dt.timedelta(days=1)


class UploadAction(StrEnum):
    """What is to be done with an upload that is open."""

    CONTINUE = "continue"
    DROP = "drop"
    LEAVE = "leave"


def worth(
    upload: client.OpenUpload, parts: tuple[client.Part, ...], planned: int | None, now: dt.datetime
) -> UploadAction:
    """What an open upload is worth. Whose it is shows in the size of its parts, which no other tool uses.

    Args:
        planned: bytes of the file that is planned for its key, or nothing.
    """
    if planned is not None and planned > checksums.SINGLE:
        if not parts:
            # Begun with the checksum that we ask for, and empty: as a run of ours leaves it that was killed at
            # once. Nothing is lost with it.
            return UploadAction.DROP if upload.algorithm == checksums.OWN.name else UploadAction.LEAVE
        size, last = checksums.part_size(planned), checksums.parts(planned)
        # A last part may have any size, so one of the others must have ours, or it exactly what our cut leaves.
        fits = all(part.size == size or part.number == last for part in parts)
        rest = planned - (last - 1) * size
        if fits and any(part.size == (rest if part.number == last else size) for part in parts):
            return UploadAction.CONTINUE
    if now - upload.started >= _OLD and parts and checksums.is_own_part(parts[0].size):
        return UploadAction.DROP
    return UploadAction.LEAVE


@dataclass(frozen=True)
class Broken:
    """An upload of ours that was broken off.

    Attributes:
        parts: by number.
    """

    id: str
    algorithm: str
    parts: Mapping[int, client.Part]


class Uploads:
    """The multipart uploads of this run, and those that earlier runs left open. Thread-safe."""

    def __init__(self, ask: client.Client) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._open: set[tuple[str, str]] = set()
        self._broken: dict[str, Broken] = {}
        self._seen: set[str] = set()
        self._looking: threading.Thread | None = None
        self._problem: errors.PublishError | None = None

    def look(self, prefixes: tuple[str, ...], sizes: Mapping[str, int]) -> None:
        """Find them in a thread of its own: files that go in one request need not wait for the answer."""

        def look() -> None:
            try:
                self.find(prefixes, sizes)
            except errors.PublishError as error:
                self._problem = error

        self._looking = threading.Thread(target=look, name="uploads", daemon=True)
        self._looking.start()

    def _wait(self) -> None:
        """Wait until all were checked.

        Raises:
            errors.PublishError: that could not be done.
        """
        if self._looking is not None:
            self._looking.join()
        if self._problem is not None:
            raise self._problem

    def find(self, prefixes: tuple[str, ...], sizes: Mapping[str, int]) -> None:
        """Look for uploads of ours: of planned files to be continued, others only if older than a day.

        Args:
            prefixes: folders that are this run's alone, without a last slash.
            sizes: planned keys and their bytes. Without permission to list, nothing is found.
        """
        now = dt.datetime.now(dt.UTC)
        try:
            for prefix in prefixes:
                for upload in self._ask.open_uploads(f"{prefix}/" if prefix else ""):
                    self._seen.add(upload.id)
                    planned = sizes.get(upload.key)
                    if planned is not None or now - upload.started >= _OLD:
                        self._take(upload, planned, now)
        except (problems.Failed, errors.Refused):
            # Not allowed, or not known to this store: then there is nothing to continue.
            return

    def _take(self, upload: client.OpenUpload, planned: int | None, now: dt.datetime) -> None:
        try:
            parts = tuple(self._ask.list_parts(upload.key, upload.id))
        except (problems.Failed, errors.Refused):
            return  # ended meanwhile, or not allowed
        found = worth(upload, parts, planned, now)
        if found is UploadAction.DROP:
            self.abort(upload.key, upload.id)
        elif found is UploadAction.CONTINUE:
            numbered = {part.number: part for part in parts}
            new = Broken(upload.id, upload.algorithm, numbered)
            with self._lock:
                before = self._broken.get(upload.key)
                if before is None or len(before.parts) < len(parts):
                    self._broken[upload.key] = new
                spare = before.id if self._broken[upload.key] is new and before else upload.id
                if before:
                    self._open.add((upload.key, spare))  # dropped at the end, like our own

    def broken(self, key: str) -> Broken | None:
        """The upload of a key that was broken off, handed out once.

        Raises:
            errors.PublishError
        """
        self._wait()
        with self._lock:
            found = self._broken.pop(key, None)
            if found:
                self._open.add((key, found.id))
        return found

    def opened(self, key: str, upload: str) -> None:
        """An upload of this run is open."""
        with self._lock:
            self._open.add((key, upload))

    def abort_unreported(self, key: str) -> None:
        """Drop the empty uploads of a key that were not there before: ours, whose answers were lost."""
        try:
            found = [each.id for each in self._ask.open_uploads(key) if each.key == key]
            with self._lock:
                new = [each for each in found if (key, each) not in self._open and each not in self._seen]
            for upload in new:
                if not any(True for _ in self._ask.list_parts(key, upload)):
                    self.abort(key, upload)
        except (problems.Failed, errors.PublishError):
            return  # not allowed, or nothing to be heard again; empty uploads cost nothing

    def closed(self, key: str, upload: str) -> None:
        """It was completed."""
        with self._lock:
            self._open.discard((key, upload))

    def abort(self, key: str, upload: str) -> None:
        """Drop one, as well as it goes; also when the run is to stop."""
        try:
            self._ask.abort_upload(key, upload, _never_stop)
        except (problems.Failed, errors.PublishError) as error:
            if not (isinstance(error, problems.Failed) and error.answer.code == "NoSuchUpload"):
                self._ask.store.tell(
                    f"An unfinished upload of {key!r} could not be aborted and may cost storage."
                )
        self.closed(key, upload)

    def abort_all(self) -> None:
        """Drop whatever this run has open."""
        with self._lock:
            left = sorted(self._open)
        for key, upload in left:
            self.abort(key, upload)

    def finish(self) -> None:
        """Everything is uploaded: interrupted uploads that were not continued are obsolete.

        Raises:
            errors.PublishError
        """
        self._wait()
        with self._lock:
            self._open.update((key, found.id) for key, found in self._broken.items())
            self._broken.clear()
        self.abort_all()


def _never_stop() -> None:
    """The check of what is to be done also when the run is to stop."""
