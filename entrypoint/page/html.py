"""The page: one HTML file without a script, in which every text is escaped."""

from __future__ import annotations

import datetime as dt
import html
import io
import posixpath
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, Final

from entrypoint import text
from entrypoint.page.style import STYLE
from entrypoint.page.sums import Checksums
from entrypoint.plan import model

GENERATOR: Final = "catalog-upload"
MARK: Final = (
    rb'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="generator" content="'
    + GENERATOR.encode()
    + rb'">\n'
)
"""Pattern of the start of every page that we made."""
VOLATILE: Final = rb"<!--run-->.*?<!--/run-->"
"""Pattern of what differs between two pages that say the same; without line ends it spans lines."""

_HASH_PLACE: Final = "\0"
_MANY: Final = 12
"""Layers of one kind, above which they are folded."""
_BINS: Final = re.compile(r"assets\.sge\.bins\b")
_SECTIONS: Final = (
    (re.compile(r"assets\.sge\.(?!bins)|assets\.overview|assets\.basemap\.sge\b"), "Gene expression"),
    (_BINS, "Genes in bins"),
    (re.compile(r"(assets\.)?(factors|shared)\b"), "Factors and cells"),
    (re.compile(r"assets\.(basemap|background)\b"), "Basemaps"),
)
_OTHER: Final = "Other files"


def quoted(path: str) -> str:
    """A relative path as part of a URL."""
    return urllib.parse.quote(path, safe="/-_.~", errors="replace")


@dataclass(frozen=True)
class Layer:
    """One file.

    Attributes:
        path: relative to the page.
        key: where the catalog names it.
    """

    path: str
    key: str
    size: int

    @classmethod
    def of(cls, file: model.PlannedFile, folder: str) -> Layer:
        """From a planned file and the folder of the page."""
        key = file.key_paths[0] if file.key_paths else ""
        return cls(posixpath.relpath(file.name, folder or "."), key, file.size)

    @property
    def section(self) -> str:
        """Heading under which it stands."""
        return next((name for pattern, name in _SECTIONS if pattern.match(self.key)), _OTHER)


@dataclass(frozen=True)
class Sample:
    """A sample of a collection, with the path of its page."""

    title: str
    page: str
    files: int
    size: int


@dataclass(frozen=True)
class Page:
    """A `model.Source` of the page.

    Attributes:
        address: URL of the folder for readers; empty where it is not known.
        run: words and URL of the workflow run; empty where there is none.
        sums: the checksums, whose fingerprint makes the page another one when any file changes.
    """

    title: str
    description: str
    catalog: str
    layers: Sequence[Layer]
    samples: Sequence[Sample]
    address: str
    run: tuple[str, str]
    now: dt.datetime
    sums: Checksums

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self._halves)) + 64

    def open(self) -> BinaryIO:
        """Open for reading; the first time this reads every file.

        Raises:
            errors.FileFailed: a file cannot be read, or is not what was planned.
        """
        return io.BytesIO(self.sums.fingerprint().encode().join(self._halves))

    def check(self) -> None:
        """Make sure that no file changed since it was planned."""
        self.sums.check()

    @cached_property
    def _halves(self) -> list[bytes]:
        """The page before and after the fingerprint, which needs every file to be read."""
        return "".join(self._parts()).encode("utf-8", "replace").split(_HASH_PLACE.encode())

    def _parts(self) -> Iterator[str]:
        title = _safe(self.title)
        yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        yield f'<meta name="generator" content="{GENERATOR}">\n'
        yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        yield "base-uri 'none'; form-action 'none'\">\n"
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        yield '<meta name="color-scheme" content="light dark">\n'
        yield f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        yield f'<header>\n<h1 dir="auto">{title}</h1>\n'
        for paragraph in filter(None, map(str.strip, self.description.split("\n"))):
            yield f'<p dir="auto">{_safe(paragraph, 5000)}</p>\n'
        yield f"<p>{self._totals()}</p>\n</header>\n<main>\n"
        yield from self._view()
        yield from self._samples()
        yield from self._layers()
        yield from self._cite()
        yield from self._checksums()
        yield f"</main>\n<footer>\n<p><!--run-->{self._published()}<!--/run--></p>\n</footer>\n</body>\n</html>\n"

    def _totals(self) -> str:
        size = sum(layer.size for layer in self.layers)
        own = f"{text.plural(len(self.layers), 'file')}, {text.size_text(size)}"
        if not self.samples:
            return own
        count = text.plural(len(self.samples), "sample")
        return f"{count}; {own} for all of them" if self.layers else count

    def _view(self) -> Iterator[str]:
        yield '<section aria-labelledby="view">\n<h2 id="view">View</h2>\n'
        link = _link(self.catalog, self._url(self.catalog) or self.catalog)
        yield f"<p>CartoScope shows the whole data set: paste the address of the catalog there. {link}</p>\n"
        if self.address:
            maps = [
                each for each in self.layers if each.path.endswith(".pmtiles") and not _BINS.match(each.key)
            ]
            some = [each for each in maps if each.section == "Gene expression"] or maps
            if links := [_map_link(self._url(each.path), each.path) for each in some[:_MANY]]:
                yield f"<p>Single layers on pmtiles.io: {', '.join(links)}</p>\n"
        yield "</section>\n"

    def _samples(self) -> Iterator[str]:
        if self.samples:
            rows = [
                (_link(each.page, each.title), f"{each.files:,}", text.size_text(each.size))
                for each in self.samples
            ]
            yield '<section aria-labelledby="samples">\n<h2 id="samples">Samples</h2>\n'
            yield _table("Samples", ("Sample", "Files", "Size"), rows)
            yield "</section>\n"

    def _layers(self) -> Iterator[str]:
        if not self.layers:
            return
        yield '<section aria-labelledby="files">\n<h2 id="files">Files</h2>\n'
        for name in (*(name for _, name in _SECTIONS), _OTHER):
            found = sorted((each for each in self.layers if each.section == name), key=_order)
            if not found:
                continue
            rows = [
                (
                    _link(each.path, each.path),
                    f"<code>{_safe(each.key)}</code>" if each.key else "",
                    _size(each),
                )
                for each in found
            ]
            table = _table(name, ("File", "In the catalog", "Size"), rows)
            summary = (
                f"{name}: {text.plural(len(found), 'file')}, {text.size_text(sum(e.size for e in found))}"
            )
            opened = " open" if len(found) <= _MANY else ""
            yield f"<details{opened}>\n<summary>{summary}</summary>\n{table}</details>\n"
        yield "</section>\n"

    def _cite(self) -> Iterator[str]:
        where = f" {_safe(self.address)}/." if self.address else ""
        day = f"{self.now:%Y-%m-%d}"
        yield '<section aria-labelledby="cite">\n<h2 id="cite">How to cite</h2>\n'
        yield f'<p><cite dir="auto">{_safe(self.title)}</cite> [Data set].{where} '
        yield f"Version of <!--run-->{day}<!--/run-->, SHA-256 fingerprint <code>{_HASH_PLACE}</code>."
        yield "</p>\n</section>\n" if where else " Add the address of this page.</p>\n</section>\n"

    def _checksums(self) -> Iterator[str]:
        yield '<section aria-labelledby="checksums">\n<h2 id="checksums">Checksums</h2>\n'
        yield f"<p>{_link('SHA256SUMS', 'SHA256SUMS')} contains the SHA-256 of every file. Next to downloaded files, "
        yield "<code>sha256sum --check --ignore-missing SHA256SUMS</code> compares them.</p>\n</section>\n"

    def _published(self) -> str:
        words, url = self.run
        by = f" by {_anchor(url, words)}" if words else ""
        stamp = self.now.strftime("%Y-%m-%dT%H:%MZ")
        return f'Published <time datetime="{stamp}">{self.now:%Y-%m-%d %H:%M} UTC</time>{by} with {GENERATOR}'

    def _url(self, path: str) -> str:
        return f"{self.address}/{quoted(path)}" if self.address else ""


def _safe(untrusted: str, limit: int = 500) -> str:
    return html.escape(text.shorten(text.printable(untrusted), limit))


def _link(path: str, words: str) -> str:
    """A link to a file beside the page. A colon is quoted, so no path can be taken for a scheme."""
    return _anchor(quoted(path), words)


def _anchor(url: str, words: str) -> str:
    return f'<a href="{html.escape(url)}">{_safe(words)}</a>'


def _map_link(url: str, words: str) -> str:
    return _anchor(f"https://pmtiles.io/#url={urllib.parse.quote(url, safe='')}", words)


def _size(layer: Layer) -> str:
    return text.size_text(layer.size)


def _order(layer: Layer) -> list[tuple[int, str]]:
    """Names with numbers in the order of the numbers."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]{1,9})", layer.path)
    ]


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already; the last column is a number."""
    heads = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return (
        f'<div class="wide" role="region" aria-label="{caption}" tabindex="0">\n<table>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n</div>\n"
    )
