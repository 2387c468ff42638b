"""Filling one draft: files are sent, replaced and deleted; what goes ahead of what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from entrypoint import destinations, errors, text
from entrypoint.destinations.zenodo.api import values
from entrypoint.destinations.zenodo.draft import files, replace
from entrypoint.plan import model


class Filling:
    """One draft that is being filled; `put` is called from several threads.

    Args:
        one_at_a_time: only one file is in flight.
    """

    def __init__(self, place: files.Place, *, one_at_a_time: bool) -> None:
        self.place = place
        self._one_at_a_time = one_at_a_time
        self._replacement: replace.Replacement | None = None

    def take_out(self, to_send: Sequence[model.PlannedFile], there: Mapping[str, values.File]) -> None:
        """Have the files that are replaced taken out ahead of their upload, unless it is one at a time.

        The catalog stays until its own upload replaces it, which is the last one.
        """
        place = self.place
        old = [file for file in to_send if file.name in there and not file.is_catalog]
        if not old or (place.bucket and (len(old) == 1 or self._one_at_a_time)):
            return
        names = [file.name for file in model.largest_first(old)]
        self._replacement = replace.Replacement(
            place.way, place.native, place.ident, names, beside_uploads=bool(place.bucket)
        )

    def put(self, file: model.PlannedFile, watch: destinations.Watch) -> destinations.Receipt:
        """Send one file and verify it; see `files.put`."""
        if self._replacement is not None:
            self._replacement.clear(file)
        return files.put(self.place, file, watch)

    def remove(self, name: str) -> None:
        """Delete one file.

        Raises:
            errors.FileFailed
        """
        try:
            self.place.native.delete_file(self.place.ident, name)
        except (errors.NotAuthorised, errors.Refused, errors.Unreachable) as error:
            raise errors.FileFailed(
                f"{text.printable(name)} could not be deleted: {error.message}", error.hint
            ) from error

    def end(self, proved: Collection[str]) -> list[str]:
        """Take out nothing more; a remark about files that were taken out and are not there again.

        Args:
            proved: names of the files that are there.
        """
        if self._replacement is None:
            return []
        self._replacement.close()
        lost = sorted(self._replacement.out.difference(proved))
        if not lost:
            return []
        names = text.printable(", ".join(lost[:3]))
        many = text.plural(len(lost), "file")
        after = "Run again to make the draft whole."
        return [f"Deleted to be replaced, and not sent yet: {many} of the draft ({names}). {after}"]
