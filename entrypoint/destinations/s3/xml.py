"""S3's XML: read with bounds and without entities, and written for the few requests that carry some."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import Final

MAX: Final = 32 * 1024 * 1024
"""Bytes of the largest document; a page of a listing has up to 4 MB."""
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


class _Builder(ET.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("a document type")


class Element:
    """An element of an answer, whatever its namespace."""

    __slots__ = ("_element",)

    def __init__(self, element: ET.Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        """Its name, without the namespace."""
        return _local(self._element)

    def text(self, name: str) -> str:
        """The text of its first child of this name, stripped; empty where there is none."""
        return (found.text or "").strip() if (found := self._first(name)) is not None else ""

    def raw(self, name: str) -> str:
        """The same with its blanks: a key may begin or end with some."""
        return found.text or "" if (found := self._first(name)) is not None else ""

    def has(self, name: str) -> bool:
        """Whether there is such a child."""
        return self._first(name) is not None

    def number(self, name: str) -> int:
        """The text of a child as a number of bytes or parts; -1 where it is none."""
        found = self.text(name)
        return int(found) if found.isascii() and found.isdecimal() and len(found) < 20 else -1

    def texts(self, name: str) -> Iterator[str]:
        """The texts of all children of this name."""
        return ((each.text or "").strip() for each in self._element if _local(each) == name)

    def children(self, name: str) -> Iterator[Element]:
        """The children of this name."""
        return (Element(each) for each in self._element if _local(each) == name)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Name and text of each child."""
        return ((_local(each), (each.text or "").strip()) for each in self._element)

    def _first(self, name: str) -> ET.Element | None:
        return next((each for each in self._element if _local(each) == name), None)


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def parse(data: bytes) -> Element:
    """Read an answer.

    Raises:
        ValueError: it is not XML, has a document type, or is too large.
    """
    if len(data) > MAX:
        raise ValueError("too large")
    parser = ET.XMLParser(target=_Builder())  # noqa: S314 - a document type, and so every entity, is refused
    try:
        parser.feed(data.lstrip())  # a store that takes its time sends blanks first
        return Element(parser.close())
    except (ET.ParseError, LookupError, AttributeError) as error:
        raise ValueError(str(error)) from error


def write(name: str, items: Sequence[tuple[str, Sequence[tuple[str, str]]]], before: str = "") -> bytes:
    """A request: an element with children, each with a list of texts.

    Args:
        before: further content, already XML.
    """
    inner = "".join(
        f"<{child}>" + "".join(f"<{tag}>{_escape(text)}</{tag}>" for tag, text in fields) + f"</{child}>"
        for child, fields in items
    )
    return f'<{name} xmlns="{_NAMESPACE}">{before}{inner}</{name}>'.encode()


def _escape(text: str) -> str:
    # Line ends would be read as blanks or as other line ends; other control characters are no XML at all, and
    # whoever has such keys has to delete them one by one.
    return text.translate(_ESCAPES)
