"""Hits, their order and their aggregations, as OpenSearch answers a search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tests.real_zenodo.search import queries, values
from tests.real_zenodo.search.store import Stored
from tests.real_zenodo.search.values import Document

_DEFAULT_SIZE: Final = 10


def search(found: list[Stored], body: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The answer to `_search` over these documents, those that do not match left out.

    Raises:
        queries.Unsupported: for a query or an aggregation that is not here.
    """
    matches = queries.predicate(body.get("query"))
    hits = [each for each in found if matches(each.seen)]
    aggregations = aggregated([each.seen for each in hits], body.get("aggs", body.get("aggregations", {})))
    if body.get("post_filter"):
        after = queries.predicate(body["post_filter"])
        hits = [each for each in hits if after(each.seen)]
    fields = _sort_fields(body.get("sort", parameters.get("sort")))
    ordered(hits, fields)
    total = len(hits)
    if body.get("search_after"):
        hits = [each for each in hits if _after(each, fields, body["search_after"])]
    start = int(body.get("from", parameters.get("from", 0)))
    size = int(body.get("size", parameters.get("size", _DEFAULT_SIZE)))
    source = body.get("_source", parameters["_source"].split(",") if "_source" in parameters else None)
    page = [_hit(each, fields, source) for each in hits[start : start + size]]
    answer: dict[str, Any] = {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": total, "relation": "eq"},
            "max_score": 1.0 if page else None,
            "hits": page,
        },
    }
    if aggregations:
        answer["aggregations"] = aggregations
    return answer


def ordered(hits: list[Stored], fields: list[tuple[str, bool]]) -> None:
    """Sort in place; what lacks a field comes last, whatever the direction."""
    for field, descending in reversed(fields):
        if field in ("_score", "_doc", "_shard_doc"):
            continue
        hits.sort(key=lambda each: _key(each, field, descending=descending), reverse=descending)


def aggregated(documents: list[Document], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The aggregations of these documents, by their names."""
    return {name: _aggregation(documents, dict(each)) for name, each in asked.items()}


def _aggregation(documents: list[Document], asked: dict[str, Any]) -> dict[str, Any]:
    inner = asked.pop("aggs", asked.pop("aggregations", {}))
    asked.pop("meta", None)
    kind, body = next(iter(asked.items()))
    if kind == "terms":
        return _terms(documents, body, inner)
    if kind in ("filter", "global", "nested", "reverse_nested"):
        if kind == "filter":
            matches = queries.predicate(body)
            documents = [each for each in documents if matches(each)]
        return {"doc_count": len(documents), **aggregated(documents, inner)}
    if kind in ("histogram", "date_histogram", "range", "date_range"):
        return {"buckets": []}  # of facets, which only pages show
    if kind in ("cardinality", "value_count", "max", "min", "sum", "avg"):
        return {"value": _number([v for each in documents for v in values.at(each, body["field"])], kind)}
    raise queries.Unsupported(f"unknown aggregation [{kind}]")


def _terms(documents: list[Document], body: dict[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    field = body.get("field")
    if field is None:
        raise queries.Unsupported("an aggregation over a script")
    counts: Counter[Any] = Counter()
    for document in documents:
        counts.update({value for value in values.at(document, field) if not isinstance(value, dict)})
    buckets = []
    for value, count in counts.most_common(int(body.get("size", 10))):
        bucket = {"key": value, "doc_count": count}
        if isinstance(value, bool):
            bucket = {"key": int(value), "key_as_string": values.as_text(value), "doc_count": count}
        if inner:
            bucket |= aggregated([each for each in documents if value in values.at(each, field)], inner)
        buckets.append(bucket)
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": buckets}


def _number(found: list[Any], kind: str) -> float | None:
    if kind == "cardinality":
        return len({values.as_text(value) for value in found})
    if kind == "value_count":
        return len(found)
    numbers = [float(value) for value in found if isinstance(value, int | float)]
    if kind == "sum":
        return sum(numbers)
    if not numbers:
        return None
    return {"max": max(numbers), "min": min(numbers), "avg": sum(numbers) / len(numbers)}[kind]


def _sort_fields(asked: Any) -> list[tuple[str, bool]]:
    fields = []
    for each in asked.split(",") if isinstance(asked, str) else _listed(asked):
        if isinstance(each, str):
            name, _, order = each.partition(":")
            fields.append((name.lstrip("-"), name.startswith("-") or order == "desc"))
        else:
            name, order = next(iter(each.items()))
            direction = order.get("order") if isinstance(order, dict) else order
            fields.append((name, direction == "desc"))
    return fields


def _key(stored: Stored, field: str, *, descending: bool) -> tuple[bool, Any]:
    found = [value for value in values.at(stored.seen, field) if not isinstance(value, dict)]
    if not found:
        return not descending, ()
    value = (max if descending else min)(found, key=_comparable)
    return descending, _comparable(value)


def _comparable(value: Any) -> tuple[float, str]:
    if isinstance(value, int | float):
        return float(value), ""
    return 0.0, str(value)


def _after(stored: Stored, fields: list[tuple[str, bool]], last: list[Any]) -> bool:
    for (field, descending), border in zip(fields, last, strict=False):
        have, there = _key(stored, field, descending=descending)[1], _comparable(border)
        if have != there:
            return bool(have < there) if descending else bool(have > there)
    return False


def _hit(stored: Stored, fields: list[tuple[str, bool]], source: Any) -> dict[str, Any]:
    hit = {
        "_index": stored.index,
        "_id": stored.ident,
        "_score": 1.0,
        "_source": values.selected(stored.source, source),
        "_version": stored.version,
        "_seq_no": stored.sequence,
        "_primary_term": 1,
    }
    if fields:
        hit["sort"] = [next(iter(values.at(stored.seen, field)), None) for field, _ in fields]
    return hit


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
