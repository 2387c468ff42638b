"""The addresses under which readers find what was published."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from entrypoint.outcome import FileResult
from entrypoint.plan import model
from entrypoint.readable import sample

UrlOf = Callable[[str], str]
"""From a remote name to its URL."""

MAX_PAGES: Final = 3
MAX_VIEWS: Final = 6

_LAYERS: Final = (("assets.sge.all", "SGE"), ("assets.overview", "Overview"))


def url_of(public_url: str, at_destination: UrlOf) -> UrlOf:
    """URLs for readers: below `public_url` where there is one, else where the destination has the files."""
    if not public_url:
        return at_destination
    return lambda name: f"{public_url}/{urllib.parse.quote(name, safe='/-_.~')}"


def pmtiles_io(url: str) -> str:
    """The page that shows a PMTiles archive; it reads the file in the browser, which needs CORS."""
    return f"https://pmtiles.io/#url={urllib.parse.quote(url, safe='')}"


def views(plan: model.Plan, results: Iterable[FileResult], urls: UrlOf) -> Iterator[tuple[str, str]]:
    """Label and URL of our own page, and of pages that show the SGE and overview layers of the first units.

    Args:
        results: say which files are at the destination; no link leads to nothing.
    """
    left = MAX_VIEWS
    there = {result.file.name for result in results if sample.is_there(result)}
    pages = [
        (unit.name, file)
        for unit in plan.units
        for file in unit.files
        if file.group == model.PAGE and file.name.endswith(".html") and file.name in there
    ]
    # A root catalog's page lists those of the samples.
    roots = [page for page in pages if not page[0]]
    for name, file in roots or pages[:MAX_PAGES]:
        yield f"Page of {name}" if name else "Page", urls(file.name)
    for unit in plan.units:
        for key, label in _LAYERS:
            for file in unit.files:
                if left and key in file.key_paths and file.name.endswith(".pmtiles") and file.name in there:
                    left -= 1
                    of = f" of {unit.name}" if unit.name else ""
                    yield f"{label} on a map{of}", pmtiles_io(urls(file.name))


def catalogs(plan: model.Plan, urls: UrlOf) -> tuple[str, ...]:
    """URLs of the catalogs to give to a viewer; a root catalog represents all."""
    names = {unit.name: unit.catalog.name for unit in plan.units if unit.catalog}
    return (urls(names[""]),) if "" in names else tuple(urls(name) for name in names.values())
