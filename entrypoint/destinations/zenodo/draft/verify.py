"""Whether what is there is what was here: local files, drafts and records, compared by MD5 and size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from entrypoint import errors, text
from entrypoint.destinations.zenodo.api import connections, http, values
from entrypoint.destinations.zenodo.draft.files import Place
from entrypoint.plan import model


def digest(file: model.PlannedFile, way: http.Http) -> str:
    """MD5 of a planned file, bare hex.

    Raises:
        errors.FileFailed: it cannot be read, or changed.
    """
    found = hashlib.md5(usedforsecurity=False)
    try:
        with file.source.open() as stream:
            while block := stream.read(4 * connections.BLOCK):
                way.check()
                found.update(block)
    except OSError as error:
        raise errors.FileFailed(
            f"{file.local!r} cannot be read: {error.strerror}.", "Check the disk, then run again."
        ) from error
    file.source.check()
    return found.hexdigest()


def differing(expected: Mapping[str, values.File], there: Mapping[str, values.File]) -> list[str]:
    """Names that two lists of files do not share with the same content; a record that lists none is not compared."""
    if not there:
        return []
    names = {name for name in expected.keys() & there.keys() if not _are_same(expected[name], there[name])}
    return sorted(names | (expected.keys() ^ there.keys()))


def _are_same(one: values.File, other: values.File) -> bool:
    """Whether two files have the same content, as far as the server says."""
    return one.size == other.size and (one.md5 == other.md5 or not (one.md5 and other.md5))


def verify(place: Place, plan: model.Plan, proved: Mapping[str, str]) -> values.Record:
    """Compare the server's list with the plan; files may take a moment to be completed.

    Args:
        proved: MD5 of what was sent or compared, bare hex, by name.

    Returns:
        the draft as it is listed.

    Raises:
        errors.FileFailed: a file is missing, or there with other content.
        errors.Refused: the draft is gone.
    """
    way = place.way
    pauses = way.pauses(way.patience.settle)
    while True:
        draft = place.native.draft(place.ident)
        if draft is None:
            raise errors.Refused(
                f"Draft {place.ident} is gone: it was deleted or published in the meantime.",
                f"Look at {way.base}/uploads/{place.ident}.",
            )
        missing = _unverified(plan, draft.files, proved, way.host)
        if not missing:
            return draft
        if next(pauses, None) is None:
            raise errors.FileFailed(
                f"{way.host} does not list {text.printable(missing[0])} as complete "
                f"({text.plural(len(missing), 'file')} in all).",
                "Run again: uploaded files are skipped.",
            )


def _unverified(
    plan: model.Plan, there: Mapping[str, values.File], proved: Mapping[str, str], host: str
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
        if stored is None or stored.pending or expected is None:
            missing.append(file.name)
        elif not _are_same(stored, values.File(file.name, file.size, expected)):
            raise errors.FileFailed(
                f"{host} lists {text.printable(file.name)} with different content than was sent.",
                "Does something else write to the same draft? Run again.",
            )
    return missing
