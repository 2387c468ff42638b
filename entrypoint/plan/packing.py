"""A plan whose small files travel in zip files, for destinations that take few files."""

from __future__ import annotations

import dataclasses

from entrypoint import text
from entrypoint.plan import model, pack


def packed(plan: model.Plan, remarks: list[str]) -> model.Plan:
    """The same files, packed where they are too many or have one name.

    Args:
        remarks: gets a remark about what is in which pack.

    Raises:
        errors.BadInput: they do not fit into the limit, packed or not.
    """
    choice = pack.choose(tuple(plan))
    if not choice.packs:
        return plan
    files = {file.name: file for file in choice}
    catalogs = {unit.catalog.local for unit in plan.units if unit.catalog}
    units = tuple(
        dataclasses.replace(
            unit,
            files=model.largest_first(
                file for file in files.values() if file.unit == unit.name and file.local not in catalogs
            ),
            catalog=next((f for f in files.values() if unit.catalog and f.local == unit.catalog.local), None),
        )
        for unit in plan.units
    )
    loose = sum(file.name in plan.names for file in files.values())
    remarks.append(
        f"pack: {len(plan) - loose} files are packed into {text.plural(len(choice.packs), 'zip file')} "
        f"({', '.join(file.name for file in choice.packs[:3])}{' …' if len(choice.packs) > 3 else ''}); files.tsv "
        "lists what is where."
    )
    # What is in a pack now and lies beside it from an earlier run is extra.
    return dataclasses.replace(plan, units=units, known=plan.known - plan.names)
