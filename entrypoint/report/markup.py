"""Untrusted text in a job summary: harmless as GitHub's Markdown and as HTML at the same time.

GitHub renders Markdown, cleans the HTML, and then looks through the *decoded* text for @mentions,
:emoji:, #references and addresses. So escaping has two parts: every character by which Markdown or HTML
begins becomes a numeric reference, and ``<wbr>``, which shows nothing and is not copied, tears apart what
those last filters look for. https://github.github.com/gfm/
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Final

from entrypoint import text

_REFERENCES: Final = {ord(c): f"&#{ord(c)};" for c in '&<>"`*_[]#|~$\\@'}
_TEARS: Final = re.compile(r"(?:[@:](?=\S)|#(?=\w)|\bwww(?=\.))", re.IGNORECASE)
_TEAR: Final = "\0"
# What begins a list, a rule or a block of code where a line, an item or a quotation begins.
_STARTS: Final = re.compile(r" |[-+=]|[0-9]+[.)]")
# What may stand in a URL as it is; `$` could begin a formula.
_URL_SAFE: Final = ":/?#[]@!&'()*+,;=%-._~"
MAX_URL: Final = 4000
"""Characters; a longer one is shown but is no link."""


def inline(untrusted: str, limit: int = 600) -> str:
    """Text within a line of Markdown or within HTML, at most `limit` characters of it."""
    shown = text.shorten(text.printable(untrusted), limit)
    torn = _TEARS.sub(lambda match: match.group() + _TEAR, shown)
    safe = torn.translate(_REFERENCES).replace(_TEAR, "<wbr>")
    return f"&#{ord(safe[0])};{safe[1:]}" if _STARTS.match(safe) else safe


def code(untrusted: str, limit: int = 300) -> str:
    """A name, a path or a checksum."""
    return f"<code>{inline(untrusted, limit)}</code>" if untrusted else ""


def link(url: str, words: str = "") -> str:
    """A link where `url` is a valid http or https URL, else the words or the URL as code."""
    if not _is_sound(url):
        return code(words or url)
    return f'<a href="{_attribute(url)}">{inline(words or url)}</a>'


def badge(image: str, url: str, words: str) -> str:
    """An image that is a link; the link alone where there is no image from the web."""
    if not _is_sound(image) or not _is_sound(url):
        return link(url, words)
    picture = f'<img src="{_attribute(image)}" alt="{inline(words).replace("<wbr>", "")}">'
    return f'<a href="{_attribute(url)}">{picture}</a>'


def row(cells: Iterable[str], *, right: frozenset[int] = frozenset(), tag: str = "td") -> str:
    """One row of an HTML table from cells that are markup already."""
    parts = (f'<{tag} align="right">' if i in right else f"<{tag}>" for i in range(1_000))
    return (
        "<tr>"
        + "".join(f"{start}{cell}</{tag}>" for start, cell in zip(parts, cells, strict=False))
        + "</tr>\n"
    )


def table(head: Sequence[str], rows: Iterable[str], *, right: frozenset[int] = frozenset()) -> str:
    """An HTML table from a head and rows made by `row`."""
    top = row(head, right=right, tag="th") if head else ""
    return f"<table>\n{top}{''.join(rows)}</table>\n"


def _is_sound(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return False
    web = parts.scheme in ("http", "https") and bool(parts.netloc)
    return web and url.isprintable() and " " not in url and len(url) <= MAX_URL


def _attribute(url: str) -> str:
    quoted = urllib.parse.quote(url, safe=_URL_SAFE, errors="replace")
    return quoted.replace("&", "&amp;").replace("'", "%27")
