"""One file to the draft's bucket: streamed, hashed in the same read, held against the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import BinaryIO, Final

from entrypoint import destinations, errors, text
from entrypoint.destinations.zenodo import answers, deposition, flights, http
from entrypoint.plan import model

MAX_NAME: Final = 255
"""Characters of a file's name."""
_SENDS: Final = 3
"""Times that a file is sent whole when the server confirms other bytes than were sent."""


class _Body:
    """A file as it is sent: counted, hashed, and ended by a cancel.

    Args:
        size: bytes that were promised; the server would wait for missing ones, so that a file that became
            shorter ends the request at once.
    """

    def __init__(self, stream: BinaryIO, file: model.PlannedFile, watch: destinations.Watch) -> None:
        self._stream = stream
        self._file = file
        self._watch = watch
        self._rest = file.size
        self.digest = hashlib.md5(usedforsecurity=False)
        self.sent = 0

    def __len__(self) -> int:
        return self._file.size

    def __iter__(self) -> Iterator[bytes]:
        # Never used: `requests` looks for it to tell a stream from a form.
        while block := self.read(flights.BLOCK):
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
        return block


def put(
    way: http.Http, bucket: str, file: model.PlannedFile, watch: destinations.Watch
) -> destinations.Receipt:
    """Send a file, in one request, and make sure that the server has what was sent.

    An upload whose answer got lost is sent again from the start: the server overwrites, and has nothing to
    resume with.

    Raises:
        errors.FileFailed: it could not be sent, or the server keeps confirming other bytes.
        errors.Cancelled
    """
    answered = ""
    for _ in range(_SENDS):
        digest, answer = _send(way, bucket, file, watch)
        file.source.check()
        answered = _confirmed(answer.document)
        if answered == f"md5:{digest} {file.size}":
            return destinations.Receipt(file.size, f"md5:{digest}", "MD5 and size in Zenodo's answer")
        watch.moved(-file.size)
    raise errors.FileFailed(
        f"{file.local!r} was sent {_SENDS} times, and each time {way.host} confirmed other bytes.",
        "Run again; if it stays so, the service or the network damages data.",
    )


def _send(
    way: http.Http, bucket: str, file: model.PlannedFile, watch: destinations.Watch
) -> tuple[str, answers.Answer]:
    """One upload with all its tries: MD5 of what was sent last, and the answer."""
    url = f"{bucket}/{http.quoted(file.name)}"
    last: list[_Body] = []
    with ExitStack() as stack:

        def body() -> http.Body | bytes:
            stack.close()
            if last:
                watch.moved(-last.pop().sent)
            stream = stack.enter_context(file.source.open())
            last.append(_Body(stream, file, watch))
            # A stream of no length would go out in chunks, which Zenodo's gateways do not like.
            return last[0] if file.size else b""

        try:
            answer = way.call("PUT", url, check=watch.check, body=body, size=file.size)
        except (errors.NotAuthorised, errors.Unreachable, errors.Refused) as error:
            kinds = (errors.NotAuthorised, errors.Unreachable, errors.Refused)
            kind = next(kind for kind in kinds if isinstance(error, kind))
            raise errors.FileFailed(f"{file.local!r}: {error.message}", _hint(error), if_all=kind) from error
    return last[0].digest.hexdigest(), answer


def _hint(error: errors.PublishError) -> str:
    if isinstance(error, answers.Rejected):
        if error.status == 404:
            return "Was the draft deleted or published meanwhile? Run again."
        if "quota" in error.reason or "maximum file size" in error.reason.lower():
            return "Ask Zenodo for more space for this draft, or upload fewer groups."
        if "mpty file" in error.reason:
            return "Zenodo takes no empty files: leave it out."
    return error.hint


def _confirmed(document: answers.Json) -> str:
    if not isinstance(document, dict):
        return ""
    return f"{str(document.get('checksum', '')).lower()} {document.get('size')}"


def digest(file: model.PlannedFile, check: http.Check) -> str:
    """MD5 of a planned file, bare hex.

    Raises:
        errors.FileFailed: it cannot be read, or changed.
    """
    found = hashlib.md5(usedforsecurity=False)
    try:
        with file.source.open() as stream:
            while block := stream.read(4 * flights.BLOCK):
                check()
                found.update(block)
    except OSError as error:
        raise errors.FileFailed(
            f"{file.local!r} cannot be read: {error.strerror}.", "Check the disk, then run again."
        ) from error
    file.source.check()
    return found.hexdigest()


def differing(expected: Mapping[str, deposition.Stored], there: Mapping[str, deposition.Stored]) -> list[str]:
    """Names that two lists of files do not share with the same content; a record that lists none tells nothing."""
    if not there:
        return []
    before, after = (
        {(stored.name, stored.size, stored.md5) for stored in those.values()} for those in (expected, there)
    )
    return sorted({name for name, _, _ in before ^ after})


def unverified(
    plan: model.Plan, there: Mapping[str, deposition.Stored], proved: Mapping[str, str], host: str
) -> list[str]:
    """Planned files that the server does not list yet.

    Args:
        there: the draft's files.
        proved: MD5 of what was sent or compared, bare hex, by name.
        host: the service's name, for people.

    Raises:
        errors.FileFailed: it lists one with other content.
    """
    missing = []
    for file in plan:
        stored, expected = there.get(file.name), proved.get(file.name)
        if stored is None or expected is None:
            missing.append(file.name)
        elif (stored.size, stored.md5) != (file.size, expected):
            raise errors.FileFailed(
                f"{host} lists {text.printable(file.name)} with other content than was sent.",
                "Does something else write to the same draft? Run again.",
            )
    return missing
