"""Lucene's query syntax, as a person types it: words, phrases, fields, ranges, wildcards, AND, OR, NOT."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from tests.real_zenodo.search import values
from tests.real_zenodo.search.values import Document

Predicate = Callable[[Document], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<mark>\(|\)|&&|\|\||!(?!=)|[+\-](?=\S))
      | (?P<word>AND|OR|NOT)(?=[\s()]|$)
      | (?P<field>(?:[\w@*\-]|\\.|:(?=[\w@])(?=[^:]*:)|\.)+)\s*:
      | (?P<range>[\[{].*?[\]}])
      | (?P<phrase>"(?:[^"\\]|\\.)*")
      | (?P<term>(?:[^\s()"\\]|\\.)+)
    )(?:~[\d.]*)?(?:\^[\d.]+)?""",
    re.VERBOSE,
)
_RANGE: Final = re.compile(r"([\[{])\s*(\S+)\s+TO\s+(\S+?)\s*([\]}])$")
_COMPARISON: Final = re.compile(r"(>=|<=|>|<)(.+)$")


class SyntaxProblem(Exception):
    """The text is no query."""


def predicate(text: str, fields: list[str], *, all_words: bool) -> Predicate:
    """What says whether a document matches.

    Args:
        text: as typed.
        fields: where words without a field are looked for; `*` is everywhere.
        all_words: the default operator is AND.
    """
    parser = _Parser(text, fields, all_words=all_words)
    found = parser.either("")
    if parser.left:
        raise SyntaxProblem(f"Cannot parse '{text}'")
    return found


class _Parser:
    def __init__(self, text: str, fields: list[str], *, all_words: bool) -> None:
        self.fields = fields
        self.all_words = all_words
        self.left = _tokens(text)

    def either(self, field: str) -> Predicate:
        required: list[Predicate] = []
        options: list[Predicate] = []
        joined = ""
        while self.left and self.left[0] != ("mark", ")"):
            kind, word = self.left[0]
            if (kind, word) in (("word", "AND"), ("mark", "&&"), ("word", "OR"), ("mark", "||")):
                joined = "and" if word in ("AND", "&&") else "or"
                self.left.pop(0)
                if joined == "and" and options:
                    required.append(options.pop())
                continue
            must, found = self._clause(field)
            if must or joined == "and" or (self.all_words and joined != "or"):
                required.append(found)
            else:
                if joined == "or" and self.all_words and required and not options:
                    options.append(required.pop())
                options.append(found)
            joined = ""
        return _both(required, options)

    def _clause(self, field: str) -> tuple[bool, Predicate]:
        kind, word = self.left.pop(0)
        if (kind, word) in (("word", "NOT"), ("mark", "!"), ("mark", "-")):
            inner = self._clause(field)[1]
            return True, lambda document: not inner(document)
        if (kind, word) == ("mark", "+"):
            return True, self._clause(field)[1]
        if kind == "field":
            if not self.left:
                raise SyntaxProblem(f"nothing follows {word}:")
            return False, self._clause(_unescaped(word))[1]
        if (kind, word) == ("mark", "("):
            found = self.either(field)
            if not self.left:
                raise SyntaxProblem("a bracket is not closed")
            self.left.pop(0)
            return False, found
        if kind == "mark":
            raise SyntaxProblem(f"unexpected {word}")
        return False, self._value(kind, word, field)

    def _value(self, kind: str, word: str, field: str) -> Predicate:
        fields = [field] if field else self.fields
        if field == "_exists_":
            return lambda document: bool(values.at(document, _unescaped(word)))
        if kind == "range":
            return _in_range(word, fields)
        if compared := _COMPARISON.match(word):
            sign, bound = compared.groups()
            opening, closing = ("[", "]") if "=" in sign else ("{", "}")
            low, high = (bound, "*") if ">" in sign else ("*", bound)
            return _in_range(f"{opening}{low} TO {high}{closing}", fields)
        if kind == "phrase":
            return lambda document: has_phrase(values.of_fields(document, fields), _unescaped(word[1:-1]))
        if word == "*":
            return lambda document: not field or bool(values.of_fields(document, fields))
        if re.search(r"(?<!\\)[*?]", word):
            return _wildcard(word, fields)
        return lambda document: has_phrase(values.of_fields(document, fields), _unescaped(word))


def has_phrase(found: list[Any], wanted: str) -> bool:
    """Whether one of the values is that text, or holds its words one after the other."""
    phrase = values.words(wanted)
    for value in found:
        if values.same(value, wanted):
            return True
        have = values.words(value)
        starts = range(len(have) - len(phrase) + 1) if phrase else range(0)
        if any(have[start : start + len(phrase)] == phrase for start in starts):
            return True
    return False


def within(value: Any, low: str, high: str, *, low_in: bool, high_in: bool) -> bool:
    """Whether a number, or a text or date as a text, lies in a range; `*` is no bound."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        have: Any = float(value) if number else str(value)
        least: Any = (float(low) if number else low) if low != "*" else None
        most: Any = (float(high) if number else high) if high != "*" else None
    except ValueError:
        return False
    if least is not None and not (have >= least if low_in else have > least):
        return False
    # 2020 as an upper bound covers the days of that year.
    return (
        most is None
        or (have <= most if high_in else have < most)
        or (high_in and not number and str(have).startswith(str(most)))
    )


def _in_range(text: str, fields: list[str]) -> Predicate:
    found = _RANGE.match(text)
    if not found:
        raise SyntaxProblem(f"no range: {text}")
    opening, low, high, closing = found.groups()
    low, high = low.strip('"'), high.strip('"')

    def check(document: Document) -> bool:
        return any(
            within(value, low, high, low_in=opening == "[", high_in=closing == "]")
            for value in values.of_fields(document, fields)
        )

    return check


def _wildcard(word: str, fields: list[str]) -> Predicate:
    text = "".join(
        {"*": ".*", "?": "."}.get(part, re.escape(_unescaped(part)))
        for part in re.findall(r"\\.|[*?]|[^*?\\]+", word)
    )
    pattern = re.compile(text, re.IGNORECASE | re.DOTALL)

    def check(document: Document) -> bool:
        found = values.of_fields(document, fields)
        return any(
            pattern.fullmatch(values.as_text(value)) or any(map(pattern.fullmatch, values.words(value)))
            for value in found
        )

    return check


def _both(required: list[Predicate], options: list[Predicate]) -> Predicate:
    def check(document: Document) -> bool:
        if not all(each(document) for each in required):
            return False
        return bool(required) or not options or any(each(document) for each in options)

    return check


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match or not match.lastgroup:
            raise SyntaxProblem(f"Cannot parse '{text}' at {position}")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
