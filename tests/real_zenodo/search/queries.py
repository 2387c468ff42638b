"""OpenSearch's query language: whether one document matches."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any, Final

from tests.real_zenodo.search import query_string, values
from tests.real_zenodo.search.values import Document

Predicate = Callable[[Document], bool]
_EVERY_FIELD: Final = ["*"]


class Unsupported(Exception):
    """A query that this stand-in does not know."""


def predicate(query: dict[str, Any] | None) -> Predicate:
    """What says whether a document (with its id as `_id`) matches.

    Raises:
        Unsupported: for a kind of query that is not here yet.
        query_string.SyntaxProblem: for a text that is no query.
    """
    if not query:
        return lambda document: True
    kind, body = next(iter(query.items()))
    if kind not in _KINDS:
        raise Unsupported(f"unknown query [{kind}]")
    return _KINDS[kind](body)


def _bool(body: dict[str, Any]) -> Predicate:
    must = [predicate(each) for key in ("must", "filter") for each in _listed(body.get(key))]
    not_ = [predicate(each) for each in _listed(body.get("must_not"))]
    should = [predicate(each) for each in _listed(body.get("should"))]
    least = _least(body.get("minimum_should_match"), len(should), 0 if must else min(1, len(should)))

    def check(document: Document) -> bool:
        return (
            all(each(document) for each in must)
            and not any(each(document) for each in not_)
            and (least <= 0 or sum(each(document) for each in should) >= least)
        )

    return check


def _least(asked: Any, options: int, default: int) -> int:
    if asked is None:
        return default
    text = str(asked)
    if "<" in text:  # `0<1`: if there is more than none, one of them
        border, _, count = text.partition("<")
        return int(count) if options > int(border) else options
    if text.endswith("%"):
        return options * int(text[:-1]) // 100
    return int(text) if int(text) >= 0 else options + int(text)


def _term(body: dict[str, Any]) -> Predicate:
    field, wanted = _field_of(body)
    wanted = wanted["value"] if isinstance(wanted, dict) else wanted
    return lambda document: _equal(document, field, [wanted])


def _terms(body: dict[str, Any]) -> Predicate:
    field, wanted = _field_of(body)
    if isinstance(wanted, dict):
        raise Unsupported("terms looked up in another document")
    return lambda document: _equal(document, field, wanted)


def _equal(document: Document, field: str, wanted: list[Any]) -> bool:
    found = values.at(document, field)
    return any(values.same(value, each) for value in found for each in wanted)


def _ids(body: dict[str, Any]) -> Predicate:
    wanted = set(map(str, body.get("values", [])))
    return lambda document: document["_id"] in wanted


def _exists(body: dict[str, Any]) -> Predicate:
    return lambda document: bool(values.at(document, body["field"]))


def _range(body: dict[str, Any]) -> Predicate:
    field, bounds = _field_of(body)
    low = str(bounds.get("gte", bounds.get("gt", "*")))
    high = str(bounds.get("lte", bounds.get("lt", "*")))

    def check(document: Document) -> bool:
        return any(
            query_string.within(value, low, high, low_in="gt" not in bounds, high_in="lt" not in bounds)
            for each in values.at(document, field)
            # A field of dates may hold {"gte": …, "lte": …}.
            for value in (each.values() if isinstance(each, dict) else [each])
        )

    return check


def _prefix(body: dict[str, Any]) -> Predicate:
    field, wanted = _field_of(body)
    start = str(wanted["value"] if isinstance(wanted, dict) else wanted)
    return lambda document: any(values.as_text(each).startswith(start) for each in values.at(document, field))


def _wildcard(body: dict[str, Any]) -> Predicate:
    field, wanted = _field_of(body)
    pattern = str(wanted.get("value", wanted.get("wildcard")) if isinstance(wanted, dict) else wanted).lower()
    return lambda document: any(
        fnmatch.fnmatchcase(values.as_text(each).lower(), pattern) for each in values.at(document, field)
    )


def _match(body: dict[str, Any], *, whole: bool = False) -> Predicate:
    field, wanted = _field_of(body)
    every = whole
    if isinstance(wanted, dict):
        every = every or str(wanted.get("operator", "or")).lower() == "and"
        wanted = wanted["query"]
    return _words([field], str(wanted), every=every)


def _multi_match(body: dict[str, Any]) -> Predicate:
    every = str(body.get("operator", "or")).lower() == "and" or "phrase" in body.get("type", "")
    start = body.get("type") in ("bool_prefix", "phrase_prefix")
    return _words(body.get("fields", _EVERY_FIELD), str(body["query"]), every=every, start=start)


def _words(fields: list[str], text: str, *, every: bool, start: bool = False) -> Predicate:
    wanted = values.words(text)

    def has(have: set[str], word: str) -> bool:
        return word in have or (start and word == wanted[-1] and any(each.startswith(word) for each in have))

    def check(document: Document) -> bool:
        found = values.of_fields(document, fields)
        if any(values.same(value, text) for value in found):
            return True
        have = {word for value in found for word in values.words(value)}
        return bool(wanted) and (all if every else any)(has(have, word) for word in wanted)

    return check


def _query_string(body: dict[str, Any]) -> Predicate:
    fields = body.get("fields") or [body.get("default_field", "*")]
    every = str(body.get("default_operator", "or")).lower() == "and"
    return query_string.predicate(str(body["query"]), fields, all_words=every)


def _nested(body: dict[str, Any]) -> Predicate:
    inner = predicate(body["query"])
    path = body["path"]

    def alone(found: Document) -> Document:
        for step in reversed(path.split(".")):
            found = {step: found}
        return found

    return lambda document: any(
        inner({**alone(each), "_id": document["_id"]}) for each in values.objects(document, path)
    )


def _dis_max(body: dict[str, Any]) -> Predicate:
    options = [predicate(each) for each in body["queries"]]
    return lambda document: any(each(document) for each in options)


def _listed(value: Any) -> list[dict[str, Any]]:
    return [] if value is None else [value] if isinstance(value, dict) else list(value)


def _field_of(body: dict[str, Any]) -> tuple[str, Any]:
    return next((key, value) for key, value in body.items() if key not in ("boost", "_name"))


def _nothing(_: Any) -> Predicate:
    return lambda document: False


_KINDS: Final[dict[str, Callable[[dict[str, Any]], Predicate]]] = {
    "match_all": lambda body: lambda document: True,
    "match_none": _nothing,
    "percolate": _nothing,  # stored queries: collections and OAI sets, of which there are none
    "bool": _bool,
    "term": _term,
    "terms": _terms,
    "ids": _ids,
    "exists": _exists,
    "range": _range,
    "prefix": _prefix,
    "wildcard": _wildcard,
    "match": _match,
    "match_phrase": lambda body: _match(body, whole=True),
    "match_phrase_prefix": lambda body: _match(body, whole=True),
    "match_bool_prefix": _match,
    "multi_match": _multi_match,
    "query_string": _query_string,
    "simple_query_string": _query_string,
    "nested": _nested,
    "dis_max": _dis_max,
    "constant_score": lambda body: predicate(body["filter"]),
    "function_score": lambda body: predicate(body.get("query")),
    "script_score": lambda body: predicate(body.get("query")),
}
