"""The search stand-in, over HTTP: it needs nothing of InvenioRDM, so these tests run with all the others."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.real_zenodo.search import query_string
from tests.real_zenodo.search.server import Server

Ask = Callable[..., Any]
RECORDS = (
    {"id": "a", "metadata": {"title": "Mouse brain atlas", "date": "2020-05-01"}, "rank": 3, "open": True},
    {"id": "b", "metadata": {"title": "Human liver atlas", "date": "2021-01-01"}, "rank": 1, "open": False},
    {
        "id": "c",
        "metadata": {"title": "Mouse liver"},
        "rank": 2,
        "open": True,
        "who": [{"n": "x", "r": 1}, {"n": "y"}],
    },
)


@pytest.fixture
def ask() -> Iterator[Ask]:
    server = Server(0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()

    def call(method: str, path: str, body: Any = None, status: int = 200) -> Any:
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        answer = requests.request(
            method, f"http://127.0.0.1:{server.server_port}/{path}", data=text, timeout=10
        )
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    call("PUT", "records-v1", {"mappings": {}})
    call("PUT", "records-v1/_alias/records")
    lines = [line for each in RECORDS for line in ({"index": {"_index": "records", "_id": each["id"]}}, each)]
    assert not call("POST", "_bulk", "\n".join(map(json.dumps, lines)))["errors"]
    try:
        yield call
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def found(ask: Ask, query: Any, **more: Any) -> list[str]:
    body = {"query": query, "sort": ["id"], **more}
    return [hit["_id"] for hit in ask("POST", "records/_search", body)["hits"]["hits"]]


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ({"match_all": {}}, "abc"),
        ({"term": {"open": True}}, "ac"),
        ({"term": {"open": "false"}}, "b"),
        ({"terms": {"id": ["a", "c"]}}, "ac"),
        ({"ids": {"values": ["b"]}}, "b"),
        ({"exists": {"field": "metadata.date"}}, "ab"),
        ({"range": {"rank": {"gte": 2, "lt": 3}}}, "c"),
        ({"range": {"metadata.date": {"gt": "2020-12"}}}, "b"),
        ({"match": {"metadata.title": "mouse liver"}}, "abc"),
        ({"match": {"metadata.title": {"query": "mouse liver", "operator": "and"}}}, "c"),
        ({"prefix": {"metadata.title.keyword": "Mo"}}, "ac"),
        ({"multi_match": {"query": "liv", "type": "bool_prefix", "fields": ["metadata.title^2"]}}, "bc"),
        ({"nested": {"path": "who", "query": {"bool": {"must": [{"term": {"who.n": "y"}}]}}}}, "c"),
        (
            {
                "nested": {
                    "path": "who",
                    "query": {"bool": {"must": [{"term": {"who.n": "y"}}, {"term": {"who.r": 1}}]}},
                }
            },
            "",
        ),
        ({"bool": {"must_not": [{"term": {"id": "a"}}], "should": [{"term": {"rank": 1}}]}}, "b"),
        ({"bool": {"filter": [{"match_all": {}}], "should": [{"term": {"rank": 1}}]}}, "abc"),
        ({"bool": {"should": [{"term": {"rank": 1}}], "minimum_should_match": "0<1"}}, "b"),
    ],
)
def test_queries(query: Any, hits: str, ask: Ask) -> None:
    assert found(ask, query) == list(hits)


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("mouse", "ac"),
        ("mouse atlas", "a"),
        ("mouse OR human", "abc"),
        ("atlas AND NOT mouse", "b"),
        ("atlas -human", "a"),
        ('"brain atlas"', "a"),
        ("metadata.title:liv*", "bc"),
        ("metadata.title:(brain OR human)", "ab"),
        ("metadata.date:[2020 TO 2020]", "a"),
        ("metadata.date:{2020-05-01 TO *]", "b"),
        ("rank:>=2", "ac"),
        ("_exists_:who", "c"),
        ("*", "abc"),
    ],
)
def test_the_query_syntax(text: str, hits: str, ask: Ask) -> None:
    query = {"query_string": {"query": text, "default_operator": "AND"}}
    assert found(ask, query) == list(hits)


def test_a_text_that_is_no_query(ask: Ask) -> None:
    with pytest.raises(query_string.SyntaxProblem):
        query_string.predicate("(a", ["*"], all_words=True)
    ask("POST", "records/_search", {"query": {"query_string": {"query": "(a"}}}, status=400)
    ask("POST", "records/_search", {"query": {"made_up": {}}}, status=400)


def test_order_pages_and_sources(ask: Ask) -> None:
    every: dict[str, Any] = {"match_all": {}}
    assert found(ask, every, sort=[{"rank": {"order": "desc"}}]) == ["a", "c", "b"]
    assert found(ask, every, sort=["-rank"], size=1, **{"from": 1}) == ["c"]
    assert found(ask, every, sort=[{"metadata.date": "desc"}]) == ["b", "a", "c"]
    assert found(ask, every, sort=["rank"], search_after=[1]) == ["c", "a"]
    body = {
        "query": {"term": {"id": "a"}},
        "_source": {"includes": ["metadata.*"], "excludes": ["metadata.date"]},
    }
    answer = ask("POST", "records/_search", body)
    assert answer["hits"]["hits"][0]["_source"] == {"metadata": {"title": "Mouse brain atlas"}}
    aggregations = ask("POST", "records/_search", {"aggs": {"open": {"terms": {"field": "open"}}}})[
        "aggregations"
    ]
    assert [bucket["doc_count"] for bucket in aggregations["open"]["buckets"]] == [2, 1]


def test_documents(ask: Ask) -> None:
    assert (
        ask("PUT", "records/_doc/d?version=3&version_type=external_gte", {"id": "d"}, status=201)["_version"]
        == 3
    )
    ask("PUT", "records/_doc/d?version=2&version_type=external_gte", {"id": "old"}, status=409)
    ask("PUT", "records/_create/d", {"id": "d"}, status=409)
    ask("POST", "records/_update/d", {"doc": {"more": {"x": 1}}})
    assert ask("GET", "records/_doc/d")["_source"] == {"id": "d", "more": {"x": 1}}
    assert ask("POST", "records/_delete_by_query", {"query": {"term": {"id": "d"}}})["deleted"] == 1
    ask("GET", "records/_doc/d", status=404)
    ask("DELETE", "records/_doc/a")
    assert ask("GET", "records/_count")["count"] == 2


def test_indices(ask: Ask) -> None:
    ask("PUT", "records-v1", {}, status=400)
    ask("HEAD", "records")
    ask("HEAD", "nothing", status=404)
    assert ask("GET", "_alias/records") == {"records-v1": {"aliases": {"records": {}}}}
    ask(
        "PUT",
        "_index_template/events",
        {"index_patterns": ["events-*"], "template": {"aliases": {"events": {}}}},
    )
    ask("PUT", "events-2020/_doc/1", {"x": 1}, status=201)
    assert ask("GET", "events/_count")["count"] == 1
    actions = [
        {"add": {"index": "records-v1", "alias": "r"}},
        {"remove": {"index": "records-v1", "alias": "records"}},
    ]
    ask("POST", "_aliases", {"actions": actions})
    assert ask("GET", "r/_count")["count"] == 3
    ask("POST", "records/_search", {}, status=404)
    ask("DELETE", "records-v1")
    ask("GET", "r/_count", status=404)
