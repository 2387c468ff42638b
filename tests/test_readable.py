"""The check that readers can open what was published, against servers that each do one thing wrong."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from entrypoint.destinations.s3.network import Network
from entrypoint.readable import fetch, findings
from tests import action, pmtiles
from tests.conformance import in_process
from tests.conftest import Store
from tests.servers.front import LOGIN, Front, front
from tests.test_s3 import publish
from tests.zenodo import ZenodoServer

FILES = {
    "genes_all.pmtiles": pmtiles.archive(4000, in_process.noise(4000), "genes"),
    "cells.tsv.gz": gzip.compress(b"gene\tcount\nA\t1\n", mtime=0),
    "counts.json": b'{"a": 1}',
}
ORIGIN = "https://pmtiles.io"


@pytest.fixture
def site(s3_server: Store) -> Iterator[Front]:
    """A website before the bucket; nothing is wrong with it."""
    with front(f"{s3_server.url}/{s3_server.bucket}/p") as found:
        yield found


@pytest.fixture
def out(workspace: Path) -> Path:
    return in_process.fill(workspace, FILES)


def found(run: in_process.Run) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = run.manifest["readers"]["findings"]
    return listed


def told(run: in_process.Run) -> str:
    return "\n".join(f"{each['what']} {each['todo']} {each['paste']}" for each in found(run))


@pytest.mark.usefixtures("out")
def test_what_is_right_is_said_in_a_line(s3_server: Store, workspace: Path, site: Front) -> None:
    run = publish(s3_server, workspace, public_url=site.url, check_readable="error")
    assert run.code == 0, run.log
    assert found(run) == []
    assert f"Readers: 4 files as a page of {ORIGIN} could be read (5 requests)" in run.log
    assert "Readers can open it (4 files" in run.summary
    assert {path for path, _ in site.asked} == {
        "/catalog.yaml",
        "/genes_all.pmtiles",
        "/cells.tsv.gz",
        "/counts.json",
    }
    for _, headers in site.asked:
        assert headers["origin"] == ORIGIN
        assert "authorization" not in headers
        assert "cookie" not in headers
    assert run.outputs["catalog-url"] == f"{site.url}/catalog.yaml"
    assert run.file("counts.json")["url"] == f"{site.url}/counts.json"


Break = Callable[[Front], object]


def _set(**levers: object) -> Break:
    def turn(site: Front) -> None:
        for name, value in levers.items():
            setattr(site, name, value)

    return turn


WRONG: dict[str, tuple[Break, tuple[str, ...]]] = {
    "no CORS": (
        _set(allow_origin=()),
        (
            "there is no Access-Control-Allow-Origin",
            '"AllowedOrigins": ["https://pmtiles.io"]',
            "content-range",
        ),
    ),
    "CORS for another origin": (
        _set(allow_origin=("https://viewer.example.org",)),
        ("may be read by pages of https://viewer.example.org, not by those of https://pmtiles.io",),
    ),
    "CORS twice": (_set(allow_origin=("*", "*")), ("more than one Access-Control-Allow-Origin",)),
    "no ranges": (_set(ranges=False), ("ignores ranges", "Range header")),
    "gzip always": (_set(encoding="gzip", always=True), ("comes with Content-Encoding: gzip", "compression")),
    "gzip where accepted": (
        _set(encoding="gzip", only="pmtiles|gz"),
        ("genes_all.pmtiles (and 1 more) comes with Content-Encoding: gzip",),
    ),
    "encoding claimed only": (_set(encoding="br", always=True), ("comes with Content-Encoding: br",)),
    "gzip claimed only": (
        _set(headers={"Content-Encoding": "gzip"}),
        ("catalog.yaml (and 3 more) comes with Content-Encoding: gzip",),
    ),
    "old JSON": (
        _set(files={"/counts.json": b'{"a": 0}'}),
        ("counts.json is not the file that was uploaded", "invalidate /counts.json"),
    ),
    "weak ETag": (_set(etag="weak"), ("has a weak ETag (W/",)),
    "no ETag": (_set(etag="none"), ("has no ETag",)),
    "ETag not exposed": (_set(expose="content-length"), ("does not expose its ETag", '"etag"')),
    "not public": (_set(status=403), ("is not public (403)", "Block public access")),
    "not there": (_set(status=404), ("is not there (404)", "the prefix")),
    "login asked": (_set(status=401), ("asks for a login (401)",)),
    "server broken": (_set(status=502), ("server error (502)",)),
    "login page": (_set(body=LOGIN, media_type="text/html"), ("answers with a web page (HTML)", "login")),
    "old catalog": (
        _set(files={"/catalog.yaml": b"id: old\n"}, headers={"Age": "86400"}),
        ("catalog.yaml is not the file that was uploaded", "invalidate /catalog.yaml", "86400 seconds old"),
    ),
    "old PMTiles": (
        _set(files={"/genes_all.pmtiles": pmtiles.archive(900, in_process.noise(900), "old")}),
        ("genes_all.pmtiles is not the file that was uploaded", "invalidate /genes_all.pmtiles"),
    ),
    "no PMTiles at all": (
        _set(files={"/genes_all.pmtiles": b"x" * 4000}),
        ("does not begin with 'PMTiles'",),
    ),
    "too long a Content-Length": (_set(more=7), ("announces a length",)),
    "a false total": (_set(total=10**12, only="pmtiles"), ("genes_all.pmtiles",)),
    "redirect to another host": (
        _set(status=302, location="https://login.example.org/?next=t0ken"),
        ("redirects to https://login.example.org, which was not followed", "public-url"),
    ),
    "redirect into the network": (
        _set(status=307, location="http://169.254.169.254/latest/meta-data/"),
        ("redirects to http://169.254.169.254, which was not followed",),
    ),
    "redirect to another port": (
        _set(status=301, location="http://127.0.0.1:9/{path}"),
        ("redirects to http://127.0.0.1:9, which was not followed",),
    ),
    "redirect in a circle": (_set(status=302, location="{path}"), ("redirects more than 3 times",)),
    "redirect to nonsense": (_set(status=302, location="http://[::1"), ("an invalid URL",)),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.usefixtures("out")
def test_what_is_wrong_is_said_with_the_way_out(
    s3_server: Store, workspace: Path, site: Front, name: str
) -> None:
    turn, words = WRONG[name]
    turn(site)
    run = publish(s3_server, workspace, public_url=site.url, check_readable="error")
    assert run.code == 3, run.log
    said = told(run)
    for word in words:
        assert word in said, said
    assert "t0ken" not in run.log + run.summary
    assert "readers cannot use it" in run.manifest["headline"]
    assert run.outputs["uploaded"] == "4"  # what was sent stays
    assert len(found(run)) <= 4, said
    for each in found(run):
        assert each["what"][:60] in run.log


@pytest.mark.usefixtures("out")
def test_a_warning_does_not_fail_the_run_and_off_asks_nothing(
    s3_server: Store, workspace: Path, site: Front
) -> None:
    site.allow_origin = ()
    run = publish(s3_server, workspace, public_url=site.url)
    assert run.code == 0
    assert "there is no Access-Control-Allow-Origin" in run.log
    assert "Problems for readers" in run.summary
    before = len(site.asked)
    assert publish(s3_server, workspace, public_url=site.url, check_readable="off").code == 0
    assert publish(s3_server, workspace).manifest["readers"] is None
    assert len(site.asked) == before


@pytest.mark.usefixtures("out")
def test_a_dry_run_and_verify_only_look_at_what_is_there_now(
    s3_server: Store, workspace: Path, site: Front
) -> None:
    run = publish(s3_server, workspace, public_url=site.url, check_readable="error", dry_run="true")
    assert run.code == 0, run.log
    assert not site.asked
    assert "there is nothing to check yet" in run.log
    assert publish(s3_server, workspace).code == 0
    for only in ("dry_run", "verify_only"):
        asked = len(site.asked)
        site.ranges = True
        run = publish(s3_server, workspace, public_url=site.url, check_readable="error", **{only: "true"})
        assert run.code == 0, run.log
        assert len(site.asked) == asked + 5
        site.ranges = False
        run = publish(s3_server, workspace, public_url=site.url, check_readable="error", **{only: "true"})
        assert run.code == 3
        assert "ignores ranges" in told(run)
    site.ranges = True
    # Other content there is what a run would change, and no fault of a cache.
    (workspace / "out" / "genes_all.pmtiles").write_bytes(
        pmtiles.archive(5000, in_process.noise(5000), "new")
    )
    run = publish(s3_server, workspace, public_url=site.url, check_readable="error", dry_run="true")
    assert run.code == 0, run.log


@pytest.mark.usefixtures("out")
def test_the_bucket_itself_is_asked_without_public_url(s3_server: Store, workspace: Path) -> None:
    run = publish(s3_server, workspace, check_readable="warn")
    assert run.manifest["readers"]["requests"] >= 3
    # LocalStack lets some origins in, and this is none of them.
    assert "may not be read by pages of https://pmtiles.io" in told(run)
    origin = "https://app.localstack.cloud"
    run = publish(s3_server, workspace, check_readable="warn", viewer_origin=origin)
    assert "may not be read by pages" not in told(run)


@pytest.mark.usefixtures("out")
def test_a_store_that_asks_for_signatures_is_not_public(rclone_server: Store, workspace: Path) -> None:
    run = publish(rclone_server, workspace, check_readable="error")
    assert run.code == 3
    assert "refuses a reader without credentials (400)" in told(run)
    assert "check-readable: off" in told(run)


@pytest.mark.usefixtures("out")
def test_nobody_at_the_address(s3_server: Store, workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run = publish(s3_server, workspace, public_url=f"http://127.0.0.1:{port}", check_readable="error")
    assert run.code == 3
    assert "the connection was refused" in told(run)
    assert run.manifest["readers"]["requests"] == 2  # one more try, and no other file


@pytest.mark.usefixtures("out")
def test_plain_http_is_no_address_for_readers(s3_server: Store, workspace: Path, site: Front) -> None:
    """The name leads to this machine by a proxy, as a test must not ask the web."""
    environment = s3_server.environment | {"http_proxy": site.url, "no_proxy": "127.0.0.1"}
    inputs = {
        "in-dir": "out",
        "s3-dir": f"s3://{s3_server.bucket}/p",
        "public-url": "http://data.example.org",
        "check-readable": "error",
    }
    run = in_process.run(inputs, workspace=workspace, environment=environment)
    assert "http://data.example.org uses plain http" in told(run)
    assert all(path.startswith("http://data.example.org/") for path, _ in site.asked)


@pytest.mark.usefixtures("out")
def test_an_etag_that_is_not_the_stores_is_told(s3_server: Store, workspace: Path, site: Front) -> None:
    site.etag = "other"
    for _ in ("sent just now", "there already"):
        run = publish(s3_server, workspace, public_url=site.url, check_readable="error")
        assert run.code == 3
        etag = s3_server.client.head_object(Bucket=s3_server.bucket, Key="p/genes_all.pmtiles")["ETag"]
        assert f'genes_all.pmtiles has the ETag "0123", but the store has {etag}' in told(run)


@pytest.mark.usefixtures("out")
def test_proxies_are_those_of_the_environment(s3_server: Store, workspace: Path, site: Front) -> None:
    def run(**variables: str) -> in_process.Run:
        environment = s3_server.environment | {"no_proxy": "127.0.0.1"} | variables
        address = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p", "check-readable": "warn"}
        return in_process.run(
            address | {"public-url": "https://data.example.org"}, workspace=workspace, environment=environment
        )

    # A website is no proxy: it refuses to open a tunnel.
    refused = run(https_proxy=site.url.replace("http://", "http://us%40er:pa55@"))
    assert "https://data.example.org/catalog.yaml was not reached: the proxy answers 501." in told(refused)
    assert "pa55" not in refused.log.replace("add-mask", "") + refused.summary
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    dead = told(run(https_proxy=f"http://127.0.0.1:{port}"))
    assert (
        f"cannot be reached by the proxy http://127.0.0.1:{port} (https_proxy): the connection was refused"
        in dead
    )


@pytest.mark.usefixtures("out")
def test_a_certificate_must_be_right(s3_server: Store, workspace: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = shutil.which("openssl")
    assert openssl, "openssl makes the certificate, and is missing"
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate)]
    name = ["-days", "2", "-subj", "/CN=elsewhere.example", "-addext", "subjectAltName=DNS:elsewhere.example"]
    subprocess.run([openssl, *new, *name], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with front(f"{s3_server.url}/{s3_server.bucket}/p", tls) as site:
        run = publish(s3_server, workspace, public_url=site.url, check_readable="error")
        assert run.code == 3
        assert "certificate that browsers do not accept: self-signed" in told(run)
        trusting = s3_server.environment | {"SSL_CERT_FILE": str(certificate)}
        inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p", "public-url": site.url}
        run = in_process.run(inputs, workspace=workspace, environment=trusting)
        assert run.code == 0
        assert "IP address mismatch" in told(run)
        assert not site.asked


def test_a_collection_is_looked_at_in_samples(s3_server: Store, workspace: Path, site: Front) -> None:
    names = [f"s{number:02}" for number in range(12)]
    (workspace / "out").mkdir()
    for name in names:
        in_process.fill(workspace, FILES, ident=name, name=f"out/{name}")
    (workspace / "list.tsv").write_text("".join(f"{name}\n" for name in names))
    site.upstream = f"{s3_server.url}/{s3_server.bucket}/c"
    run = publish(s3_server, workspace, prefix="c", in_list="list.tsv", public_url=site.url)
    assert run.code == 0
    assert found(run) == []
    asked = {path.split("/")[1] for path, _ in site.asked}
    assert len(asked) == 5
    assert {"s00", "s11"} <= asked
    assert len(site.asked) == 25
    assert "20 files in 5 of 12 samples" in run.summary
    assert run.outputs["catalog-url"].splitlines()[0] == f"{site.url}/s00/catalog.yaml"


def test_layers_are_linked_on_a_map(s3_server: Store, workspace: Path) -> None:
    folder = in_process.fill(workspace, FILES | {"dark #1.pmtiles": FILES["genes_all.pmtiles"]})
    assets = {"sge": {"all": "genes_all.pmtiles", "counts": "counts.json"}, "overview": "dark #1.pmtiles"}
    (folder / "catalog.yaml").write_text(yaml.safe_dump({"id": "atlas", "assets": assets}))
    run = publish(s3_server, workspace, public_url="https://data.example.org/a", check_readable="off")
    start = "https://pmtiles.io/#url=https%3A%2F%2Fdata.example.org%2Fa%2F"
    assert run.manifest["views"] == [
        {"label": "SGE on a map", "url": f"{start}genes_all.pmtiles"},
        {"label": "Overview on a map", "url": f"{start}dark%2520%25231.pmtiles"},
    ]
    for view in run.manifest["views"]:
        assert f"{view['label']}: {view['url']}" in run.log
        assert f'href="{view["url"]}"' in run.summary
    assert "to paste into CartoScope" in run.summary
    assert run.outputs["catalog-url"] == "https://data.example.org/a/catalog.yaml"


def test_only_what_is_there_is_linked(s3_server: Store, workspace: Path, out: Path) -> None:
    assert publish(s3_server, workspace).code == 0
    (out / "new.pmtiles").write_bytes(FILES["genes_all.pmtiles"])
    assets = {"sge": {"all": "genes_all.pmtiles"}, "overview": "new.pmtiles"}
    (out / "catalog.yaml").write_text(yaml.safe_dump({"id": "atlas", "assets": assets}))
    run = publish(s3_server, workspace, page="true", dry_run="true")
    assert run.code == 0
    assert [view["label"] for view in run.manifest["views"]] == ["SGE on a map"]
    run = publish(s3_server, workspace, page="true")
    labels = [view["label"] for view in run.manifest["views"]]
    assert labels == ["Page", "SGE on a map", "Overview on a map"]


def test_each_sample_without_a_root_catalog_has_its_page_linked(s3_server: Store, workspace: Path) -> None:
    (workspace / "out").mkdir()
    for name in ("s1", "s2", "s3", "s4"):
        in_process.fill(workspace, FILES, ident=name, name=f"out/{name}")
    (workspace / "list.tsv").write_text("s1\ns2\ns3\ns4\n")
    run = publish(s3_server, workspace, prefix="c", in_list="list.tsv", page="true")
    pages = {view["label"]: view["url"] for view in run.manifest["views"] if "Page" in view["label"]}
    assert list(pages) == ["Page of s1", "Page of s2", "Page of s3"]
    assert all(url.endswith(f"/c/{label[-2:]}/index.html") for label, url in pages.items())


def test_nothing_is_asked_after_files_failed(
    s3_server: Store, workspace: Path, site: Front, out: Path
) -> None:
    assert publish(s3_server, workspace).code == 0
    (out / "counts.json").write_bytes(b"{}")
    run = publish(s3_server, workspace, public_url=site.url, check_readable="error", overwrite="false")
    assert run.code == 3
    assert run.manifest["readers"] is None
    assert not site.asked


def test_names_are_quoted_in_addresses(s3_server: Store, workspace: Path, site: Front) -> None:
    name = "a b#c?d%e&ü.pmtiles"
    in_process.fill(workspace, {name: FILES["genes_all.pmtiles"]})
    run = publish(s3_server, workspace, public_url=site.url, check_readable="error")
    assert run.code == 0, run.log
    assert any(path == "/a%20b%23c%3Fd%25e%26%C3%BC.pmtiles" for path, _ in site.asked)


# On Zenodo


@pytest.fixture
def zenodo() -> Iterator[ZenodoServer]:
    with ZenodoServer() as server:
        yield server


def archive(server: ZenodoServer, workspace: Path, **inputs: str) -> in_process.Run:
    given = {
        "in-dir": "out",
        "zenodo-id": "new",
        "zenodo-url": server.url,
        "zenodo-token": server.token,
        "title": "A title",
        "creators": "Doe, Jane",
        "license": "CC-BY-4.0",
        "check-readable": "error",
    }
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return in_process.run(given, workspace=workspace, environment={})


@pytest.mark.usefixtures("out")
def test_a_published_record_is_looked_at_as_anybody_would(zenodo: ZenodoServer, workspace: Path) -> None:
    run = archive(zenodo, workspace, publish="true")
    assert run.code == 0, run.log
    assert found(run) == []
    assert "4 files as a reader without an account could be read" in run.log
    asked = [each for each in zenodo.requests if each.path.startswith("/records/")]
    assert len(asked) == run.manifest["readers"]["requests"] == 5
    assert not any("authorization" in {name.lower() for name in each.headers} for each in asked)


@pytest.mark.usefixtures("out")
def test_a_draft_has_no_readers(zenodo: ZenodoServer, workspace: Path) -> None:
    run = archive(zenodo, workspace)
    assert run.code == 0
    assert run.manifest["readers"] is None


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 403, "body": {"message": "restricted"}}, "Is the record restricted or under an embargo?"),
        ({"status": 404, "body": {"message": "gone"}}, "may need a moment"),
        ({"status": 200, "body": {"message": "not the file"}}, "is not the file that was uploaded"),
    ],
)
def test_a_record_that_cannot_be_read(
    zenodo: ZenodoServer, workspace: Path, fault: dict[str, Any], words: str
) -> None:
    zenodo.faults.add("answer", method="GET", path=r"^/records/", count=None, **fault)
    run = archive(zenodo, workspace, publish="true")
    assert run.code == 3
    assert run.outputs["published"] == "true"
    assert words in told(run)


@pytest.mark.usefixtures("out")
def test_inputs_for_readers_of_s3_have_no_effect_on_zenodo(zenodo: ZenodoServer, workspace: Path) -> None:
    run = archive(zenodo, workspace, page="true", publish="true")
    assert run.code == 0
    assert (
        "page has no effect with zenodo-id: a record on Zenodo has its own addresses and its own page."
        in run.log
    )
    assert "check-readable has no effect" not in run.log
    assert "index.html" not in run.statuses()


# One request


class _Odd(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        match self.path:
            case "/headers":  # one byte of a header after the other
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                self._drip(b"X-Long: " + b"x" * 1000)
            case "/body":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                self._drip(b"x" * 1000)
            case "/endless":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    self.wfile.write(b"x" * 65536)
            case "/silent":
                time.sleep(20)
            case "/nonsense":
                self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            case "/closed":
                self.connection.shutdown(socket.SHUT_RDWR)

    def _drip(self, data: bytes) -> None:
        for byte in data:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), _Odd)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["headers", "body", "silent"])
def test_no_answer_is_waited_for_without_end(odd: str, path: str) -> None:
    with pytest.raises(fetch.Slow):
        fetch.get(f"{odd}/{path}", {}, 1000, Network({}), patience=0.3)


def test_an_endless_answer_is_read_as_far_as_wanted(odd: str) -> None:
    answer = fetch.get(f"{odd}/endless", {}, 100_000, Network({}))
    assert len(answer.body) == 100_000


@pytest.mark.parametrize(("path", "why"), [("nonsense", "not HTTP"), ("closed", "closed without an answer")])
def test_what_is_no_answer(odd: str, path: str, why: str) -> None:
    with pytest.raises(fetch.NoAnswer, match=why):
        fetch.get(f"{odd}/{path}", {}, 10, Network({}))


def test_equal_findings_are_one() -> None:
    problems = [findings.Problem(f"https://e/{i % 3}", "is wrong", "Do it.") for i in range(6)]
    assert [f.what for f in findings.merged(problems)] == ["https://e/0 (and 2 more) is wrong."]


def test_the_rules_to_paste_are_what_s3_takes(s3_server: Store) -> None:
    rules = json.loads(findings.cors_rules(ORIGIN))
    s3_server.client.put_bucket_cors(Bucket=s3_server.bucket, CORSConfiguration={"CORSRules": rules})
    kept = s3_server.client.get_bucket_cors(Bucket=s3_server.bucket)["CORSRules"]
    assert kept[0]["ExposeHeaders"] == ["etag", "content-range", "content-encoding", "content-length"]
    told = re.search(r"```json\n(.*?)```", (action.ROOT / "docs" / "readers.md").read_text(), re.DOTALL)
    assert told
    assert json.loads(told[1]) == json.loads(findings.cors_rules("*"))


@pytest.mark.usefixtures("out")
def test_a_cancel_ends_the_check_in_time(s3_server: Store, workspace: Path) -> None:
    """Waits for a server that says nothing; the run ends within the promise, with all it has to say."""
    environment = dict(os.environ) | s3_server.environment | {"PYTHONPATH": str(action.ROOT)}
    environment |= action.variables({"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p"})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment["INPUT_PUBLIC-URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "entrypoint"],
            cwd=workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            silent.settimeout(60)
            taken, _ = silent.accept()
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            log, _ = process.communicate(timeout=30)
            taken.close()
    assert process.returncode == 130, log
    assert time.monotonic() - began < 7
    assert "all 4 files are uploaded" in log
