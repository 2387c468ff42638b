"""One file into a draft: streamed, hashed in the same read, compared with the server's answer."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Self

from entrypoint import destinations, errors
from entrypoint.destinations.zenodo.api import answers, connections, http, records, values
from entrypoint.destinations.zenodo.api.request import Body, Request, quoted
from entrypoint.plan import model

_SENDS: Final = 3
"""Times that a file is sent whole when the server confirms other bytes than were sent."""


_GONE: Final = "Was the draft deleted or published in the meantime? Run again."


@dataclass(frozen=True)
class Place:
    """Where the files of one draft go.

    Attributes:
        ident: the draft's id.
        bucket: takes a file in one request; empty where each takes the three of the native API.
        turn: held by an upload that met another one at the same draft: of our own, one at a time goes on then.
    """

    way: http.Http
    native: records.Records
    ident: str
    bucket: str
    turn: threading.Lock = field(default_factory=threading.Lock)


class _Body:
    """A file as it is sent: counted, hashed, and ended by a cancel.

    Args:
        size: bytes that were promised; the server would wait for missing ones, so that a file that became
            shorter ends the request at once.
    """

    def __init__(
        self, way: http.Http, stream: BinaryIO, file: model.PlannedFile, watch: destinations.Watch
    ) -> None:
        self._way = way
        self._stream = stream
        self._file = file
        self._watch = watch
        self._rest = file.size
        self.digest = hashlib.md5(usedforsecurity=False)
        self.sent = 0

    def __len__(self) -> int:
        return self._file.size

    def __iter__(self) -> Iterator[bytes]:
        # Never called: `requests` uses it to distinguish a stream from a form.
        while block := self.read(connections.BLOCK):
            yield block

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        self._watch.check()
        wanted = self._rest if size < 0 else min(size, self._rest)
        if not wanted:
            return b""
        try:
            block = self._stream.read(wanted)
        except OSError as error:
            raise errors.FileFailed(
                f"{self._file.local!r} cannot be read: {error.strerror}.", "Check the disk, then run again."
            ) from error
        if not block:
            raise errors.FileFailed(
                f"{self._file.local!r} became shorter while it was read.",
                "Let the pipeline finish before uploading, then run again.",
            )
        self.digest.update(block)
        self._rest -= len(block)
        self.sent += len(block)
        self._watch.moved(len(block))
        self._way.budget.progress()
        return block


class _Turn:
    """The turn of one upload, which it takes once it met another one."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._is_held = False

    def wait(self) -> None:
        """Wait for the turn, and keep it to the end of the upload."""
        while not self._is_held:
            self._place.way.check()
            self._is_held = self._place.turn.acquire(timeout=0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_held:
            self._place.turn.release()


def put(place: Place, file: model.PlannedFile, watch: destinations.Watch) -> destinations.Receipt:
    """Send a file, and make sure that the server has what was sent.

    An upload whose answer got lost is sent again from the start: the server has nothing to resume with.

    Raises:
        errors.FileFailed: it could not be sent, or the server keeps confirming other bytes.
        errors.Cancelled
    """
    send = _to_bucket if place.bucket else _natively
    for _ in range(_SENDS):
        try:
            md5, answer = send(place, file, watch)
            answered = _stored(place, file.name, answer)
        except (errors.NotAuthorised, errors.Unreachable, errors.Refused) as error:
            raise _failed(place, file, error) from error
        file.source.check()
        if answered is not None and not answered.pending and _is_sent(answered, file.size, md5):
            strong = bool(answered.md5)
            proof = (
                f"{'MD5 and size' if strong else 'size, without a checksum,'} in {place.way.host}'s answer"
            )
            return destinations.Receipt(file.size, f"md5:{md5}", proof, strong=strong)
        watch.moved(-file.size)
    raise errors.FileFailed(
        f"{file.local!r} was sent {_SENDS} times, and each time {place.way.host} confirmed different bytes.",
        "Run again; if it happens again, the service or the network corrupts data.",
    )


def _to_bucket(place: Place, file: model.PlannedFile, watch: destinations.Watch) -> tuple[str, answers.Json]:
    """MD5 of what was sent last, and the answer."""
    return _send(place, f"{place.bucket}/{quoted(file.name)}", file, watch)


def _natively(place: Place, file: model.PlannedFile, watch: destinations.Watch) -> tuple[str, answers.Json]:
    """The same in three requests."""
    native, ident, name = place.native, place.ident, file.name
    try:
        native.begin_file(ident, name)
    except answers.Rejected as error:
        if error.status != 400 or "already exists" not in error.reason:
            raise
        # What is there is to be replaced, or a try that was never completed.
        native.delete_file(ident, name)
        native.begin_file(ident, name)
    md5, document = _send(place, native.content_path(ident, name), file, watch)
    if isinstance(document, dict) and document.get("errors"):
        return md5, None  # "File upload transfer failed", with a 200
    try:
        return md5, native.commit_file(ident, name)
    except answers.Rejected:
        # Completed by a try whose answer got lost, maybe.
        if (there := native.draft_files(ident).get(name)) is None or there.pending:
            raise
        return md5, None


def _send(
    place: Place, url: str, file: model.PlannedFile, watch: destinations.Watch
) -> tuple[str, answers.Json]:
    """One upload with all its tries."""
    way = place.way
    last: list[_Body] = []
    with _Turn(place) as turn, ExitStack() as stack:

        def body() -> Body | bytes:
            stack.close()
            if last:
                watch.moved(-last.pop().sent)
            stream = stack.enter_context(file.source.open())
            last.append(_Body(way, stream, file, watch))
            # A stream of no length would go out in chunks, which Zenodo's gateways do not like.
            return last[0] if file.size else b""

        request = Request(
            "PUT",
            url,
            body=body,
            size=file.size,
            wants_json=False,  # what its answer does not tell is asked for
            on_collision=turn.wait,
            purpose=f"to take {file.local!r}",
        )
        document = way.call(request).document
    return last[0].digest.hexdigest(), document


def _stored(place: Place, name: str, document: answers.Json) -> values.File | None:
    """The file as the server has it; a missing checksum is requested."""
    md5, size = values.md5_of(document), document.get("size") if isinstance(document, dict) else None
    if md5 and isinstance(size, int):
        return values.File(name, size, md5)
    return place.native.draft_files(place.ident).get(name)


def _is_sent(answered: values.File, size: int, md5: str) -> bool:
    return answered.size == size and answered.md5 in ("", md5)


def _failed(place: Place, file: model.PlannedFile, error: errors.PublishError) -> errors.FileFailed:
    """The failure of one file, with what it would mean if every file failed like that."""
    kinds = (errors.NotAuthorised, errors.Unreachable, errors.Refused)
    kind: type[errors.PublishError] = next(kind for kind in kinds if isinstance(error, kind))
    hint = _hint(error)
    if isinstance(error, answers.Denied) and _is_gone(place):
        # Files of what is published are denied, too; the token is all right.
        kind, hint = errors.Refused, _GONE
    return errors.FileFailed(f"{file.local!r}: {error.message}", hint, if_all=kind)


def _is_gone(place: Place) -> bool:
    try:
        draft = place.native.draft(place.ident)
    except (errors.NotAuthorised, errors.Unreachable, errors.Refused):
        return False
    return draft is None or draft.is_published


def _hint(error: errors.PublishError) -> str:
    if isinstance(error, answers.Rejected):
        if error.status == 404:
            return _GONE
        if "quota" in error.reason or "maximum file size" in error.reason.lower():
            return "Raise the draft's quota on its page, or upload fewer groups."
        if "mpty file" in error.reason:
            return "The service accepts no empty files: leave it out."
    return error.hint
