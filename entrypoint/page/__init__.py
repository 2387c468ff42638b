"""A page beside each catalog that shows what was published, and the checksums of its files.

Made from the plan alone, so that a dry run knows it. The files go the way of every other file; what is special
about them is in `model.Generated`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import posixpath
import re
from collections.abc import Iterator
from typing import Final

from entrypoint import errors, settings
from entrypoint.page import html
from entrypoint.page.sums import Checksums
from entrypoint.plan import media, model

INDEX: Final = "index.html"
SUMS: Final = "SHA256SUMS"

_OURS: Final = model.Generated(re.compile(html.MARK), re.compile(html.VOLATILE, re.DOTALL))
# With any other content, the file is not ours.
_ONLY_SUMS: Final = model.Generated(re.compile(rb"(?:\\?[0-9a-f]{64} [ *][^\n]+\n)*\Z"))


def added(plan: model.Plan, chosen: settings.Settings, now: dt.datetime) -> model.Plan:
    """The plan with the pages that it should have.

    Whether or not a run makes them, pages of earlier runs are never extra.

    Raises:
        errors.BadInput: the plan has files of these names already.
    """
    if chosen.s3 is None:
        return plan
    named = {_beside(unit.catalog, name) for unit in plan.units if unit.catalog for name in (INDEX, SUMS)}
    if not chosen.readers.page:
        return dataclasses.replace(plan, known=plan.known | named)
    if taken := [file.local for file in plan if file.name in named]:
        raise errors.BadInput(
            [f"page: {local} would be replaced by the page or its checksums." for local in taken],
            "Leave page out, or move these files.",
        )
    if not named and not chosen.shard:
        why = "page: no page is made, because this run uploads no catalog."
        return dataclasses.replace(plan, warnings=(*plan.warnings, why))
    units = tuple(_with_page(plan, unit, chosen, now) for unit in plan.units)
    return dataclasses.replace(plan, units=units, known=plan.known | named)


def _with_page(plan: model.Plan, unit: model.Unit, chosen: settings.Settings, now: dt.datetime) -> model.Unit:
    catalog = unit.catalog
    if catalog is None or chosen.s3 is None:
        return unit
    folder = posixpath.dirname(catalog.name)
    listed = sorted((*unit.files, catalog), key=lambda file: file.name)
    sums = Checksums(tuple((posixpath.relpath(file.name, folder or "."), file.source) for file in listed))
    page = html.Page(
        title=unit.title or (plan.title if len(plan.units) == 1 else "") or unit.name or plan.data_set,
        description=unit.description,
        catalog=posixpath.basename(catalog.name),
        layers=tuple(html.Layer.of(file, folder) for file in unit.files),
        samples=tuple(_samples(plan, unit, folder)),
        address=_address(chosen.readers.public_url, folder),
        run=_run(chosen.run),
        now=now,
        sums=sums,
    )
    made = (
        _planned(unit, SUMS, sums, "text/plain; charset=utf-8", _ONLY_SUMS, chosen.s3),
        _planned(unit, INDEX, page, "text/html; charset=utf-8", _OURS, chosen.s3),
    )
    return dataclasses.replace(unit, files=(*unit.files, *made))


def _planned(
    unit: model.Unit,
    name: str,
    source: model.Source,
    media_type: str,
    generated: model.Generated,
    s3: settings.S3Settings,
) -> model.PlannedFile:
    assert unit.catalog is not None  # the caller looked
    remote = _beside(unit.catalog, name)
    return model.PlannedFile(
        name=remote,
        source=source,
        group=model.PAGE,
        local=remote,
        media_type=media.content_type(remote, s3.content_type, default=media_type),
        cache_control=media.cache_control(remote, s3.cache_control),
        unit=unit.name,
        generated=generated,
    )


def _beside(catalog: model.PlannedFile | None, name: str) -> str:
    return posixpath.join(posixpath.dirname(catalog.name) if catalog else "", name)


def _samples(plan: model.Plan, unit: model.Unit, folder: str) -> Iterator[html.Sample]:
    """Of a root catalog: the samples that wait for nothing but it."""
    for other in plan.units:
        if other.name in unit.after and other.catalog:
            page = posixpath.relpath(_beside(other.catalog, INDEX), folder or ".")
            size = sum(file.size for file in other)
            yield html.Sample(other.title or other.name, page, sum(1 for _ in other), size)


def _address(public_url: str, folder: str) -> str:
    return f"{public_url}/{html.quoted(folder)}".rstrip("/") if public_url else ""


def _run(run: settings.Run) -> tuple[str, str]:
    """Words and URL of the workflow run; empty elsewhere."""
    if not (run.on_github and run.repository and run.id):
        return "", ""
    return f"{run.repository}, run {run.id}", f"{run.server_url}/{run.repository}/actions/runs/{run.id}"
