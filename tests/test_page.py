"""The page beside the catalog: what it says, when it is sent, and what it never replaces."""

from __future__ import annotations

import hashlib
import html.parser
import re
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest
import yaml

from tests.conformance import in_process
from tests.conftest import Store
from tests.servers.recorder import Recorder
from tests.test_readable import FILES
from tests.test_s3 import publish, published

INDEX, SUMS = "index.html", "SHA256SUMS"
PUBLIC = "http://127.0.0.1:9/a%20b"


class _Page(html.parser.HTMLParser):
    """Collects what a reader would get to see."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str, name: str) -> list[str]:
        return [attrs[name] or "" for found, attrs in self.tags if found == tag and name in attrs]


@pytest.fixture
def out(workspace: Path) -> Path:
    folder = in_process.fill(workspace, FILES)
    document = {
        "id": "atlas",
        "title": "Mouse brain <b>",
        "description": "First line & more.\nSecond line.",
        "assets": {
            "sge": {"all": "genes_all.pmtiles", "counts": "counts.json"},
            "factors": [{"id": "f", "post": "cells.tsv.gz"}],
        },
    }
    (folder / "catalog.yaml").write_text(yaml.safe_dump(document))
    return folder


def page(store: Store, key: str = "p/index.html") -> _Page:
    return _Page(store.read(key).decode())


@pytest.mark.usefixtures("out")
def test_the_page_shows_what_is_there(s3_server: Store, workspace: Path) -> None:
    run = published(
        publish(
            s3_server,
            workspace,
            page="true",
            public_url="http://127.0.0.1:9/a b".replace(" ", "%20"),
            check_readable="off",
        )
    )
    assert s3_server.keys("p/") == sorted(f"p/{name}" for name in (*FILES, "catalog.yaml", INDEX, SUMS))
    found = page(s3_server)
    assert "Mouse brain <b>" in found.text
    assert "First line & more." in found.text
    links = found.attributes("a", "href")
    for name in (*FILES, SUMS):
        assert name in links
    assert "http://127.0.0.1:9/a%20b/catalog.yaml" in found.text
    archive = "http://127.0.0.1:9/a%20b/genes_all.pmtiles"
    assert f"https://pmtiles.io/#url={urllib.parse.quote(archive, safe='')}" in links
    assert "https://github.com/octocat/atlas/actions/runs/1" in links
    assert time.strftime("%Y-%m", time.gmtime()) in found.text
    head = s3_server.client.head_object(Bucket=s3_server.bucket, Key="p/index.html")
    assert head["ContentType"] == "text/html; charset=utf-8"
    assert head["CacheControl"] == "no-cache"
    assert "http://127.0.0.1:9/a%20b/index.html" in run.summary
    assert run.outputs["files"] == "6"


@pytest.mark.usefixtures("out")
def test_the_citation_is_a_sentence_with_and_without_an_address(s3_server: Store, workspace: Path) -> None:
    published(publish(s3_server, workspace, page="true"))
    said = page(s3_server).text
    assert "Mouse brain <b> [Data set]. Version of " in said
    assert ". Add the address of this page.\n" in said
    published(publish(s3_server, workspace, page="true", public_url=PUBLIC, check_readable="off"))
    assert f"Mouse brain <b> [Data set]. {PUBLIC}/. Version of " in page(s3_server).text
    assert "Add the address" not in page(s3_server).text


@pytest.mark.usefixtures("out")
def test_the_page_stands_by_itself_and_is_accessible(s3_server: Store, workspace: Path) -> None:
    published(publish(s3_server, workspace, page="true"))
    found = page(s3_server)
    tags = [tag for tag, _ in found.tags]
    assert not {"script", "img", "iframe", "link", "form", "object"} & set(tags)
    assert found.attributes("html", "lang") == ["en"]
    assert ("meta", {"name": "generator", "content": "catalog-upload"}) in found.tags
    assert [tags.count(one) for one in ("title", "h1", "main", "header", "footer")] == [1] * 5
    named = found.attributes("section", "aria-labelledby")
    assert named
    assert set(named) <= set(found.attributes("h2", "id"))
    assert "width=device-width, initial-scale=1" in found.attributes("meta", "content")
    assert "prefers-color-scheme: dark" in found.text
    assert not re.search(r"url\(|@import|https?://", found.text.partition("}\n")[0])


@pytest.mark.usefixtures("out")
def test_the_checksums_are_those_of_sha256sum(s3_server: Store, workspace: Path, out: Path) -> None:
    published(publish(s3_server, workspace, page="true"))
    sums = s3_server.read(f"p/{SUMS}").decode()
    for name in FILES:
        assert f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" in sums
    assert "catalog.yaml\n" in sums
    ended = subprocess.run(
        ["sha256sum", "--check", "--strict"], input=sums, text=True, cwd=out, capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert hashlib.sha256(sums.encode()).hexdigest() in page(s3_server).text


def test_an_unchanged_data_set_is_nothing_to_do(s3_server: Store, workspace: Path, out: Path) -> None:
    given = {"page": "true"}
    published(publish(s3_server, workspace, **given))
    first = s3_server.read("p/index.html")
    environment = s3_server.environment | {"GITHUB_RUN_ID": "20000000000"}
    inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p", **given}
    run = in_process.run(inputs, workspace=workspace, environment=environment)
    assert run.counts == (0, 6, 0)
    assert run.outputs["changed"] == "false"
    assert "Nothing to do" in run.log
    assert s3_server.read("p/index.html") == first
    assert published(publish(s3_server, workspace, verify_only="true", **given)).counts == (0, 6, 0)
    # Other content of the same size: another fingerprint, and so another page.
    (out / "counts.json").write_bytes(b'{"a": 2}')
    assert published(publish(s3_server, workspace, **given)).counts == (3, 3, 0)
    assert s3_server.read("p/index.html") != first
    # restart sends everything again, the page too.
    assert published(publish(s3_server, workspace, restart="true", **given)).counts == (6, 0, 0)


@pytest.mark.usefixtures("out")
def test_it_goes_after_the_data_before_the_catalog_and_on_conditions(
    s3_server: Store, workspace: Path, recorded_s3: Recorder
) -> None:
    published(publish(s3_server, workspace, url=recorded_s3.url, page="true"))
    puts = [request for request in recorded_s3.requests if request.method == "PUT"]
    names = [request.path.rpartition("/")[2] for request in puts]
    assert set(names[:3]) == set(FILES)
    assert set(names[3:5]) == {INDEX, SUMS}
    assert names[5:] == ["catalog.yaml"]
    assert all(request.headers.get("if-none-match") == "*" for request in puts[3:])


def test_when_a_file_fails_neither_page_nor_catalog_is_replaced(
    s3_server: Store, workspace: Path, recorded_s3: Recorder, out: Path
) -> None:
    published(publish(s3_server, workspace, page="true"))
    before = {key: s3_server.read(key) for key in s3_server.keys("p/")}
    (out / "counts.json").write_bytes(b'{"a": 3}')
    document = yaml.safe_load((out / "catalog.yaml").read_text())
    (out / "catalog.yaml").write_text(yaml.safe_dump({**document, "title": "New"}))
    recorded_s3.misbehave("PUT", "counts", status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    run = publish(s3_server, workspace, url=recorded_s3.url, page="true")
    assert run.code == 3
    assert {key: s3_server.read(key) for key in s3_server.keys("p/")} == before
    statuses = run.statuses()
    assert [statuses[name] for name in (INDEX, SUMS, "catalog.yaml")] == ["withheld"] * 3
    assert "not replaced, because counts.json failed" in run.file("catalog.yaml")["reason"]


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize("restart", ["false", "true"])
def test_a_page_of_somebody_else_is_kept_and_told(s3_server: Store, workspace: Path, restart: str) -> None:
    own = b"<!DOCTYPE html>\n<title>My own</title>\n"
    s3_server.client.put_object(Bucket=s3_server.bucket, Key=f"p/{INDEX}", Body=own)
    s3_server.client.put_object(Bucket=s3_server.bucket, Key=f"p/{SUMS}", Body=b"# by hand\n")
    run = published(publish(s3_server, workspace, page="true", restart=restart))
    assert s3_server.read(f"p/{INDEX}") == own
    assert s3_server.read(f"p/{SUMS}") == b"# by hand\n"
    assert "index.html: kept: it was not made by catalog-upload." in run.log
    assert run.counts == (4, 2, 0)
    assert "not made by catalog-upload" in run.summary


@pytest.mark.usefixtures("out")
def test_it_is_never_extra(s3_server: Store, workspace: Path) -> None:
    published(publish(s3_server, workspace, page="true"))
    s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/old.tsv", Body=b"x")
    run = published(publish(s3_server, workspace, delete_extra="true"))
    assert run.outputs["deleted"] == "1"
    assert {f"p/{INDEX}", f"p/{SUMS}"} <= set(s3_server.keys("p/"))


def test_a_file_of_the_same_name_is_bad_input(s3_server: Store, workspace: Path, out: Path) -> None:
    (out / INDEX).write_text("mine")
    run = publish(s3_server, workspace, page="true", upload_method="all")
    assert run.code == 2
    assert "page: index.html would be replaced by the page or its checksums." in run.log
    assert not s3_server.keys()


@pytest.mark.usefixtures("out")
def test_without_a_catalog_there_is_no_page(s3_server: Store, workspace: Path) -> None:
    run = published(publish(s3_server, workspace, page="true", upload_method="files", files="counts.json"))
    assert s3_server.keys() == ["p/counts.json"]
    assert "page: no page is made, because this run uploads no catalog." in run.log


@pytest.mark.usefixtures("out")
def test_a_shard_makes_no_page_and_the_last_run_does(s3_server: Store, workspace: Path) -> None:
    for shard in ("1/2", "2/2"):
        published(publish(s3_server, workspace, page="true", shard=shard))
    keys = s3_server.keys("p/")
    assert f"p/{INDEX}" not in keys
    run = published(publish(s3_server, workspace, page="true"))
    assert run.counts == (3, 3, 0)


def test_a_page_that_another_run_replaced_meanwhile_is_not_overwritten(
    s3_server: Store, workspace: Path, recorded_s3: Recorder, out: Path
) -> None:
    published(publish(s3_server, workspace, page="true"))
    (out / "counts.json").write_bytes(b'{"a": 4}')
    other = b"<!DOCTYPE html>of another run"

    def overtake(method: str, target: str) -> None:
        if method == "PUT" and "counts" in target:
            s3_server.client.put_object(Bucket=s3_server.bucket, Key=f"p/{INDEX}", Body=other)

    recorded_s3.on_request = overtake
    run = publish(s3_server, workspace, url=recorded_s3.url, page="true")
    assert run.code == 3, run.log
    assert s3_server.read(f"p/{INDEX}") == other
    assert "the file at the destination was replaced by another run" in run.file(INDEX)["reason"]
    assert run.statuses()["catalog.yaml"] in ("withheld", "skipped")


def test_no_page_stands_beside_the_catalog_of_another_run(
    s3_server: Store, workspace: Path, recorded_s3: Recorder, out: Path
) -> None:
    published(publish(s3_server, workspace, page="true"))
    before = s3_server.read(f"p/{INDEX}")
    (out / "counts.json").write_bytes(b'{"a": 5}')

    def overtake(method: str, target: str) -> None:
        if method == "PUT" and "counts" in target:
            s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/catalog.yaml", Body=b"id: other\n")

    recorded_s3.on_request = overtake
    run = publish(s3_server, workspace, url=recorded_s3.url, page="true")
    assert run.code == 3, run.log
    assert s3_server.read(f"p/{INDEX}") == before
    assert s3_server.read("p/catalog.yaml") == b"id: other\n"
    assert "the catalog at the destination was replaced by another run" in run.file(INDEX)["reason"]


def test_names_that_are_html_stay_names(s3_server: Store, workspace: Path) -> None:
    names = [
        "<script>alert(1)<!--run-->.pmtiles",
        'a" onload="x.tsv.gz',
        "javascript:alert(1).json",
        "& ü #?.tsv",
    ]
    folder = in_process.fill(workspace, dict.fromkeys(names, b"PMTiles"))
    document = yaml.safe_load((folder / "catalog.yaml").read_text())
    document |= {"title": "</title><script>x</script>", "description": "<img src=x onerror=y> {{7*7}}"}
    (folder / "catalog.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
    published(publish(s3_server, workspace, page="true"))
    found = page(s3_server)
    assert not {"script", "img"} & {tag for tag, _ in found.tags}
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
    links = found.attributes("a", "href")
    assert not [link for link in links if link.startswith("javascript:")]
    for name in names:
        assert name in [urllib.parse.unquote(link) for link in links]
        assert name in found.text
    assert published(publish(s3_server, workspace, page="true")).counts == (0, 7, 0)


def test_a_collection_has_a_page_for_each_sample_and_a_root_page(s3_server: Store, workspace: Path) -> None:
    root = workspace / "out"
    root.mkdir()
    for name in ("j-s1", "j-s2"):
        in_process.fill(workspace, FILES, ident=name, name=f"out/{name}")
    pointers = {name: f"{name}/catalog.yaml" for name in ("j-s1", "j-s2")}
    (root / "multi-catalog.yaml").write_text(yaml.safe_dump({"id": "joint", "samples": pointers}))
    published(publish(s3_server, workspace, page="true"))
    found = page(s3_server)
    assert {"j-s1/index.html", "j-s2/index.html"} <= set(found.attributes("a", "href"))
    assert "genes_all.pmtiles" in page(s3_server, "p/j-s1/index.html").attributes("a", "href")
    run = published(publish(s3_server, workspace, page="true", delete_extra="true"))
    assert run.outputs["changed"] == "false"


def test_without_rights_to_list_nothing_of_others_is_replaced(
    s3_server: Store, workspace: Path, out: Path, recorded_s3: Recorder
) -> None:
    assert out.exists()
    s3_server.client.put_object(Bucket=s3_server.bucket, Key=f"p/{INDEX}", Body=b"mine")
    recorded_s3.misbehave("GET", "list-type", status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    run = publish(s3_server, workspace, url=recorded_s3.url, page="true")
    assert run.code == 0, run.log
    assert s3_server.read(f"p/{INDEX}") == b"mine"
    assert "without s3:ListBucket" in run.log


@pytest.mark.usefixtures("out")
def test_a_dry_run_plans_it_and_writes_nothing(
    s3_server: Store, workspace: Path, recorded_s3: Recorder
) -> None:
    run = published(publish(s3_server, workspace, url=recorded_s3.url, page="true", dry_run="true"))
    assert run.statuses()[INDEX] == "would upload"
    assert not recorded_s3.writes
