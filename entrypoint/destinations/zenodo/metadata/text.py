"""Text as the service keeps it: plain text and Markdown to HTML, HTML cleaned, Unicode repaired.

The service repairs every text with ftfy and cleans every HTML
(https://github.com/inveniosoftware/marshmallow-utils, ``marshmallow_utils/html.py``).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

TAGS: Final = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "blockquote",
        "br",
        "code",
        "div",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "i",
        "li",
        "ol",
        "p",
        "pre",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "tr",
        "u",
        "ul",
    ]
)
"""What InvenioRDM keeps (invenio-config, ``ALLOWED_HTML_TAGS``, ``ALLOWED_HTML_ATTRS``)."""
ATTRIBUTES: Final = {
    "*": {"class"},
    "a": {"href", "title", "name", "rel"},
    "abbr": {"title"},
    "acronym": {"title"},
}
PROTOCOLS: Final = frozenset({"http", "https", "mailto"})
MAX_MARKDOWN: Final = 125_000
"""Characters; GitHub keeps no longer release notes."""
_MAX_LINE: Final = 5_000

_BLOCKS: Final = "blockquote|div|h[1-5]|li|ol|p|pre|table|td|th|tr|ul"
_BLOCK: Final = re.compile(rf" *(</?(?:{_BLOCKS}|br)(?: [^>]*)?>) *")
_CLOSED: Final = re.compile(rf"<({'|'.join(sorted(TAGS))})\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_OPEN: Final = re.compile(r"<(?:br|p|li)\s*/?>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:amp|lt|gt|quot|nbsp|#[0-9]{2,5}|#x[0-9a-f]{2,5});", re.IGNORECASE)
_LIST_ITEM: Final = re.compile(r"\s*(?:[-*•–]|[0-9]{1,3}[.)])\s")


def repaired(value: str) -> str:
    """A text as the service keeps it: NFC, straight quotes, no character that XML lacks, no outer blanks."""
    return _settled(_repaired_once, value)


def _repaired_once(value: str) -> str:
    import ftfy

    fixed = ftfy.fix_text(value.strip())
    return "".join(filter(_is_kept, fixed))


def _is_kept(character: str) -> bool:
    """XML 1.0's characters (https://www.w3.org/TR/xml/#charsets), but for the blank of no width."""
    code = ord(character)
    return character != "\u200b" and (
        code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
    )


def _settled(once: Callable[[str], str], value: str) -> str:
    """Apply until nothing changes, so that twice is the same as once."""
    for _ in range(5):
        value, before = once(value), value
        if value == before:
            break
    return value


def clean(source: str) -> str:
    """HTML with nothing in it but what the service keeps."""
    import nh3

    return nh3.clean(
        source,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        url_schemes=set(PROTOCOLS),
        link_rel=None,
    ).strip()


def comparable(source: str) -> str:
    """HTML in a form that does not depend on who cleaned it: for comparing, not for sending."""
    return _settled(_comparable_once, source)


def _comparable_once(source: str) -> str:
    import nh3

    cleaned = nh3.clean(
        _repaired_once(source),
        tags=set(TAGS) - {"tbody"},
        attributes={"a": {"href", "title"}, "abbr": {"title"}, "acronym": {"title"}},
        url_schemes=set(PROTOCOLS),
        link_rel=None,
        # The service keeps the text in these.
        clean_content_tags=set(),
    )
    words = " ".join(cleaned.replace("&nbsp;", " ").split())
    words = _BLOCK.sub(r"\1", words)
    if words and not re.search(rf"<(?:{_BLOCKS})\b", words):
        words = f"<p>{words}</p>"
    return words


def rich(value: str) -> str:
    """Clean HTML of a text in which people write either: plain text becomes paragraphs."""
    if not is_html(value):
        return from_plain(value)
    # In a text without any element the service takes entities for mistakes, and reads &lt;b&gt; as an element.
    return clean(value) if "<" in value else f"<p>{clean(value)}</p>"


def is_html(value: str) -> bool:
    """Whether a text is meant as HTML: it closes an element that the service keeps, or holds an entity.

    ``<Key>`` and ``a < b`` are plain text.
    """
    return any(pattern.search(value) for pattern in (_CLOSED, _OPEN, _ENTITY))


def from_plain(value: str) -> str:
    """Paragraphs of plain text; a single line break is a blank, but before an item of a list."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", value.replace("\r\n", "\n").strip()):
        lines = [line.rstrip() for line in block.split("\n")]
        joined = html.escape(lines[0].strip(), quote=False)
        for line in lines[1:]:
            joined += "<br>" if _LIST_ITEM.match(line) else " "
            joined += html.escape(line.strip(), quote=False)
        if joined.strip():
            paragraphs.append(f"<p>{joined}</p>")
    return "\n".join(paragraphs)


def from_markdown(source: str) -> str:
    """Clean HTML of Markdown as GitHub has it: CommonMark with tables, ``~~`` and bare links."""
    shown = source[:MAX_MARKDOWN]
    # Looking for links takes time that grows with the square of a line's length.
    links = max(map(len, shown.splitlines()), default=0) <= _MAX_LINE
    return clean(_markdown(links=links).render(shown))


def _markdown(*, links: bool) -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "linkify": links, "maxNesting": 20})
    parser.enable(["table", "strikethrough", *(["linkify"] if links else [])])
    parser.core.ruler.push("kept", _only_kept)
    return parser


def _only_kept(state: Any) -> None:
    """What the service would drop, in elements that it keeps: ``<s>``, ``<h6>``, images."""
    for token in state.tokens:
        _rename(token)
        for child in token.children or ():
            _rename(child)
            if child.type == "image":
                _image_to_link(child)


def _rename(token: Token) -> None:
    token.tag = {"s": "strike", "h6": "h5"}.get(token.tag, token.tag)


def _image_to_link(token: Token) -> None:
    shown = html.escape(token.content or "image")
    token.content = f'<a href="{html.escape(str(token.attrGet("src") or ""))}">{shown}</a>'
    token.type = "html_inline"
