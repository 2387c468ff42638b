"""Checks before a run replaces or deletes: catalogs of other data sets, and richer ones of the same."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from entrypoint import destinations, errors, workers
from entrypoint.outcome import ExtraResult
from entrypoint.plan import model

MOST_READ: Final = 20
"""Catalogs that are read before they are replaced; of a large collection the first ones."""
LARGEST_READ: Final = 8 * 1024 * 1024
"""Bytes of a catalog that is read before it is replaced."""


def refuse_other_catalogs(extras: Sequence[ExtraResult]) -> None:
    """A catalog among the extra files is that of another data set, which `delete-extra` must not delete.

    Raises:
        errors.BadInput: there is one.
    """
    catalogs = [extra.name for extra in extras if extra.name.rpartition("/")[2] in model.CATALOG_NAMES]
    if catalogs:
        more = f" and {len(catalogs) - 3:,} more" if len(catalogs) > 3 else ""
        raise errors.BadInput(
            f"delete-extra: there are catalogs of other data sets among the {len(extras):,} extra files "
            f"({', '.join(catalogs[:3])}{more}), so nothing is deleted.",
            "Name the data set's own prefix or draft, or delete the other data sets by hand first.",
        )


def read_replaced(
    destination: destinations.Destination, catalogs: Sequence[model.PlannedFile], cancel: workers.Cancel
) -> dict[str, bytes]:
    """The catalogs that ours would replace, by name."""
    found: dict[str, bytes] = {}
    for file in catalogs[:MOST_READ]:
        content = workers.interruptible(functools.partial(destination.read, file.name, LARGEST_READ), cancel)
        if content is not None:
            found[file.name] = content
    return found
