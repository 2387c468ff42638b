"""Filling one draft: files are sent, replaced and deleted; what goes ahead of what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from entrypoint import destinations, errors, text
from entrypoint.destinations.zenodo.api import values
from entrypoint.destinations.zenodo.draft import files, replace
from entrypoint.plan import model

_AHEAD: Final = 24
"""Files that may be out of a draft before their upload begins, where uploads go on beside deletions."""


def deletions(n_jobs: int) -> int:
    """Deletions at the same time, at most: as many as files, where their number was chosen (else 0)."""
    return min(n_jobs or replace.MOST, replace.MOST)


class Filling:
    """One draft that is being filled; `put` is called from several threads.

    Args:
        n_jobs: files in flight; 0 where their number was not chosen.
    """

    def __init__(self, place: files.Place, n_jobs: int) -> None:
        self.place = place
        self._n_jobs = n_jobs
        self._removal: replace.Removal | None = None

    def take_out(self, to_send: Sequence[model.PlannedFile], there: Mapping[str, values.File]) -> None:
        """Have the files that are replaced taken out ahead of their upload, unless it is one at a time.

        The catalog stays until its own upload replaces it, which is the last one.
        """
        old = [file for file in to_send if file.name in there and not file.is_catalog]
        beside_uploads = bool(self.place.bucket)
        if not old or (beside_uploads and (len(old) == 1 or self._n_jobs == 1)):
            return
        names = [file.name for file in model.largest_first(old)]
        self._removal = self._remove_all(names, ahead=_AHEAD if beside_uploads else len(names))
        if not beside_uploads:
            # By the native API an upload begins with a request of its own, which fails beside a deletion.
            self._removal.wait()

    def empty(self, names: Sequence[str]) -> None:
        """Delete these files, as many at the same time as the service takes.

        Raises:
            errors.FileFailed: one of them could not be deleted.
        """
        removal = self._remove_all(names, ahead=len(names))
        try:
            removal.wait()
        finally:
            removal.close()
        for name, error in removal.failed.items():
            raise _not_deleted(name, error) from error

    def _remove_all(self, names: Sequence[str], *, ahead: int) -> replace.Removal:
        place, most = self.place, deletions(self._n_jobs)
        return replace.Removal(place.way, place.native, place.ident, names, most=most, ahead=ahead)

    def put(self, file: model.PlannedFile, watch: destinations.Watch) -> destinations.Receipt:
        """Send one file and verify it; see `files.put`."""
        if self._removal is not None:
            self._removal.clear(file)
        return files.put(self.place, file, watch)

    def remove(self, name: str) -> None:
        """Delete one file.

        Raises:
            errors.FileFailed
        """
        try:
            self.place.native.delete_file(self.place.ident, name)
        except (errors.NotAuthorised, errors.Refused, errors.Unreachable) as error:
            raise _not_deleted(name, error) from error

    def end(self, proved: Collection[str]) -> list[str]:
        """Take out nothing more; a remark about files that were taken out and are not there again.

        Args:
            proved: names of the files that are there.
        """
        if self._removal is None:
            return []
        self._removal.close()
        lost = sorted(self._removal.out.difference(proved))
        if not lost:
            return []
        names = text.printable(", ".join(lost[:3]))
        more = ", …" if len(lost) > 3 else ""
        many = text.plural(len(lost), "file")
        after = "Run again to make the draft whole."
        return [f"Deleted to be replaced, and not sent yet: {many} of the draft ({names}{more}). {after}"]


def _not_deleted(name: str, error: errors.PublishError) -> errors.FileFailed:
    return errors.FileFailed(f"{text.printable(name)} could not be deleted: {error.message}", error.hint)
