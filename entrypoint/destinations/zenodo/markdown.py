"""Release notes (Markdown) to the simple, safe HTML of a description.

Only what release notes are made of: headings, paragraphs, lists, code, emphasis and links. Everything else,
HTML among it, is shown as the text that it is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

MAX_NOTES: Final = 100_000
"""Characters that are converted; GitHub keeps at most 125,000."""
_FENCE: Final = re.compile(r"\s{0,3}(```+|~~~+)")
_HEADING: Final = re.compile(r"\s{0,3}(#{1,6})\s+(.*)")
_BULLET: Final = re.compile(r"\s*[-*+]\s+(.*)")
_NUMBERED: Final = re.compile(r"\s*[0-9]{1,9}[.)]\s+(.*)")
_RULE: Final = re.compile(r"\s*([-*_])(\s*\1){2,}\s*")
_INLINE: Final = re.compile(
    r"(?P<code>`[^`\n]+`)"
    r"|!?\[(?P<label>[^\[\]\n]{0,500})\]\((?P<target>https?://[^\s()<>\"]{1,2000})\)"
    r"|(?P<bare>https?://[^\s<>()\"'`]{1,2000})"
    r"|\*\*(?P<bold>[^*\n]{1,500})\*\*"
    r"|(?<![\w*])\*(?P<italic>[^*\s][^*\n]{0,500})\*(?![\w*])"
)


def to_html(text: str) -> str:
    """HTML for a text in Markdown; only http links become links."""
    lines = _without_comments(text[:MAX_NOTES].replace("\r\n", "\n")).split("\n")
    return "\n".join(_blocks(lines))


def from_plain(text: str) -> str:
    """HTML for a text without any markup: its paragraphs."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n".join(
        f"<p>{html.escape(part.strip(), quote=False)}</p>" for part in paragraphs if part.strip()
    )


def _without_comments(text: str) -> str:
    """The text without HTML comments, in which templates for release notes talk to their writers."""
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts.append(text[at:start])
        at = end + len("-->")
    return "".join((*parts, text[at:]))


def _title(text: str) -> str:
    """A heading without the number signs that may close it."""
    whole = text.strip()
    bare = whole.rstrip("#")
    return bare.rstrip() if bare.endswith(" ") or not bare else whole


def _blocks(lines: list[str]) -> Iterator[str]:
    paragraph: list[str] = []
    at = 0
    while at < len(lines):
        block, after = _block(lines, at)
        if after == at and lines[at].strip():
            paragraph.append(lines[at].strip())
            at += 1
            continue
        if paragraph:
            yield f"<p>{_inline(' '.join(paragraph))}</p>"
            paragraph = []
        if block:
            yield block
        at = max(after, at + 1)
    if paragraph:
        yield f"<p>{_inline(' '.join(paragraph))}</p>"


def _block(lines: list[str], at: int) -> tuple[str, int]:
    """The block that starts here and the line after it; the same line where none does."""
    line = lines[at]
    if fence := _FENCE.match(line):
        end = at + 1
        while end < len(lines) and not lines[end].strip().startswith(fence[1]):
            end += 1
        code = html.escape("\n".join(lines[at + 1 : end]), quote=False)
        return f"<pre><code>{code}</code></pre>", end + 1
    if heading := _HEADING.fullmatch(line):
        level = min(len(heading[1]) + 1, 6)
        return f"<h{level}>{_inline(_title(heading[2]))}</h{level}>", at + 1
    if _RULE.fullmatch(line):
        return "", at + 1
    for pattern, tag in ((_BULLET, "ul"), (_NUMBERED, "ol")):
        items, end = _items(lines, at, pattern)
        if items:
            listed = "".join(f"<li>{_inline(item)}</li>" for item in items)
            return f"<{tag}>{listed}</{tag}>", end
    return "", at


def _items(lines: list[str], at: int, pattern: re.Pattern[str]) -> tuple[list[str], int]:
    items: list[str] = []
    while at < len(lines):
        if item := pattern.fullmatch(lines[at]):
            items.append(item[1])
        elif items and lines[at].startswith("  ") and lines[at].strip():
            items[-1] += " " + lines[at].strip()
        else:
            break
        at += 1
    return items, at


def _inline(text: str) -> str:
    parts, last = [], 0
    for match in _INLINE.finditer(text):
        parts.append(html.escape(text[last : match.start()], quote=False))
        parts.append(_span(match))
        last = match.end()
    parts.append(html.escape(text[last:], quote=False))
    return "".join(parts)


def _span(match: re.Match[str]) -> str:
    if match["code"]:
        return f"<code>{html.escape(match['code'][1:-1], quote=False)}</code>"
    if target := match["target"] or match["bare"]:
        label = match["label"] or target
        return f'<a href="{html.escape(target)}">{html.escape(label, quote=False)}</a>'
    if match["bold"]:
        return f"<strong>{html.escape(match['bold'], quote=False)}</strong>"
    return f"<em>{html.escape(match['italic'], quote=False)}</em>"
