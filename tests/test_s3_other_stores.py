"""S3 stores other than AWS: unsupported conditions and optional headers, and what cannot be verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.s3_emulator import habits
from tests.s3_emulator.habits import Condition, Etags, Habits, Refusal
from tests.s3_emulator.product import local, publish, published
from tests.s3_emulator.server import emulator

BIG = 17 << 20
FILES = {"a.tsv": b"1", "b c+d%20é.tsv": b"2", "big.pmtiles": in_process.noise(BIG)}
PRESETS = {name: found for name, found in vars(habits).items() if isinstance(found, Habits)}


@pytest.mark.parametrize("name", sorted(PRESETS.keys() - {"OSS"}))  # OSS needs names of hosts
def test_two_runs_and_a_change(name: str, workspace: Path) -> None:
    """Everything arrives, nothing is sent twice where it can be proved, what changed is replaced."""
    in_process.fill(workspace, FILES)
    with emulator(PRESETS[name]) as store:
        first = published(publish(store, workspace))
        assert first.counts == (4, 0, 0)
        again = published(publish(store, workspace))
        known = PRESETS[name].etags is not Etags.ON_PUT
        assert again.counts == ((0, 4, 0) if known else (4, 0, 0))
        in_process.fill(workspace, {**FILES, "a.tsv": b"other", "new.tsv": b"3"})
        published(publish(store, workspace))
        assert store.contents() == local(workspace)
        assert store.bucket.uploads == {}


# Conditions

WORKING = (Condition.OBEYED, Condition.BARE, Condition.QUOTED)


@pytest.mark.parametrize("restart", ["false", "true"])
@pytest.mark.parametrize("etags", [Etags.MD5, Etags.OPAQUE, Etags.ON_PUT, Etags.NONE])
@pytest.mark.parametrize("how", Condition)
def test_a_changed_catalog_is_published(how: Condition, etags: Etags, restart: str, workspace: Path) -> None:
    """However a store handles ``If-Match``: no other run replaced the catalog, so it is replaced."""
    with emulator(Habits(if_match=how, etags=etags)) as store:
        in_process.fill(workspace, {"a": b"1"})
        published(publish(store, workspace))
        out = in_process.fill(workspace, {"a": b"1", "b": b"2"})
        run = published(publish(store, workspace, restart=restart))
        assert store.read("p/catalog.yaml") == (out / "catalog.yaml").read_bytes()
        assert run.file("catalog.yaml")["status"] == "uploaded"
        if how is Condition.NEVER and etags is Etags.MD5:
            assert "condition" in run.log, "it went without one, and that is said"
        assert published(publish(store, workspace)).code == 0


@pytest.mark.parametrize("how", Condition)
def test_a_first_catalog_is_published(how: Condition, workspace: Path) -> None:
    with emulator(Habits(if_none_match=how)) as store:
        out = in_process.fill(workspace, {"a": b"1"})
        published(publish(store, workspace))
        assert store.read("p/catalog.yaml") == (out / "catalog.yaml").read_bytes()


@pytest.mark.parametrize("how", WORKING)
def test_the_later_of_two_runs_fails(how: Condition, workspace: Path) -> None:
    """Another run replaces the catalog at the last moment: if conditions work at all, its catalog stays."""
    with emulator(Habits(if_match=how)) as store:
        in_process.fill(workspace, {"a": b"1"})
        published(publish(store, workspace))
        in_process.fill(workspace, {"a": b"1", "b": b"2"})
        store.on_request = lambda request: (
            store.put("p/catalog.yaml", b"theirs")
            if (request.operation, request.key) == ("PutObject", "p/catalog.yaml")
            else None
        )
        run = publish(store, workspace)
        assert run.code == 3, run.log
        assert store.read("p/catalog.yaml") == b"theirs"
        assert "another run" in run.log


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
def test_a_conflict_that_passes(code: str, workspace: Path) -> None:
    """409 means that another request is active: the catalog is checked again, and the request retried."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator() as store:
        store.refuse(Refusal("PutObject", 409, code, key="catalog.yaml", times=1))
        published(publish(store, workspace))
        assert store.contents() == local(workspace)


# Optional headers

OPTIONAL = {
    "HEAD's checksum mode": Refusal("HeadObject", header="x-amz-checksum-mode"),
    "GET's checksum mode": Refusal("GetObject", header="x-amz-checksum-mode"),
    "checksums of all that is read": Refusal("Head.*|Get.*|List.*", header="x-amz-.*checksum.*"),
    "checksums of PUT": Refusal("PutObject", header="x-amz-(sdk-)?checksum-.*"),
    "PUT's name of its algorithm": Refusal("PutObject", header="x-amz-sdk-checksum-algorithm"),
    "checksums of a new upload": Refusal("CreateMultipartUpload", header="x-amz-checksum-.*"),
    "a new upload's type of checksum": Refusal("CreateMultipartUpload", header="x-amz-checksum-type"),
    "checksums of a part": Refusal("UploadPart", header="x-amz-(sdk-)?checksum-.*"),
    "checksums at the end": Refusal("CompleteMultipartUpload", header="x-amz-checksum-.*"),
    "the size at the end": Refusal("CompleteMultipartUpload", header="x-amz-mp-object-size"),
    "every checksum": Refusal(".*", header="x-amz-(sdk-)?checksum-.*|x-amz-mp-object-size"),
    "optional attributes of a listing": Refusal("List.*", header="x-amz-optional-object-attributes"),
    "the encoding of a listing": Refusal("List.*", query="encoding-type"),
    "the second kind of listing": Refusal("ListObjectsV2"),
    "conditions": Refusal("PutObject|CompleteMultipartUpload", header="if-(none-)?match"),
    "Content-MD5": Refusal("PutObject|UploadPart", header="content-md5"),
    "Expect": Refusal(".*", 417, "ExpectationFailed", header="expect"),
}


@pytest.mark.parametrize("answer", ["400 InvalidArgument", "422 Unprocessable", "501 NotImplemented"])
@pytest.mark.parametrize("what", OPTIONAL)
def test_an_optional_header_is_refused(what: str, answer: str, workspace: Path) -> None:
    """It is left out from then on: learnt once, and said no more than once."""
    refusal = OPTIONAL[what]
    if refusal.status == 400:
        status, code = answer.split()
        refusal = replace(refusal, status=int(status), code=code)
    files = {**FILES, **{f"more{number}.tsv": b"m" for number in range(12)}}
    in_process.fill(workspace, files)
    with emulator(Habits(refusals=(refusal,))) as store:
        published(publish(store, workspace, n_jobs="1"))
        assert store.contents() == local(workspace)
        assert sum(seen.status == refusal.status for seen in store.seen) <= 4, "learnt, not tried each time"
        assert store.bucket.uploads == {}
        store.seen.clear()
        again = published(publish(store, workspace, n_jobs="1"))
        assert again.counts == (0, len(files) + 1, 0)
        assert published(publish(store, workspace, verify_only="true")).code == 0


def test_a_chosen_checksum_is_not_weakened(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator(habits.B2) as store:
        run = publish(store, workspace, checksum="sha256")
        assert run.code in (3, 5)
        assert store.keys() == []
        assert "checksum" in run.log


def test_a_store_that_checks_no_checksum_and_one_that_is_off(workspace: Path) -> None:
    """Content-MD5 and the ETag prove what was sent, and `none` sends no checksum header at all."""
    in_process.fill(workspace, FILES)
    with emulator(habits.B2) as store:
        published(publish(store, workspace, checksum="none"))
        assert not [seen for seen in store.writes if any("checksum" in name for name in seen.headers)]
        assert {seen.status for seen in store.writes} <= {200, 204, 501}


# What cannot be proved


@pytest.mark.parametrize("etags", [Etags.ON_PUT, Etags.NONE, Etags.OPAQUE])
def test_what_cannot_be_proved_is_said_once(etags: Etags, workspace: Path) -> None:
    kind = replace(habits.JUICEFS, etags=etags)
    in_process.fill(workspace, {**FILES, "d.tsv": b"4"})
    with emulator(kind) as store:
        published(publish(store, workspace))
        again = published(publish(store, workspace))
        assert again.counts[0] == 5, "what may differ is sent again"
        remarks = [line for line in again.log.splitlines() if "checksum" in line.lower()]
        assert remarks, again.log
        assert len(remarks) <= 2, "once, and not once a file"
        assert "other content" not in again.log


@pytest.mark.parametrize("etags", [Etags.ON_PUT, Etags.NONE])
def test_what_cannot_be_proved_is_not_called_different(etags: Etags, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator(replace(habits.JUICEFS, etags=etags)) as store:
        published(publish(store, workspace))
        kept = publish(store, workspace, overwrite="false")
        assert "other content" not in kept.log
        assert "differs" not in kept.log
        store.seen.clear()
        same = published(publish(store, workspace, verify_only="true"))
        assert same.counts == (0, 4, 0), "read back, and equal"
        assert store.writes == []
        store.put("p/big.pmtiles", in_process.noise(BIG, "other"))
        other = publish(store, workspace, verify_only="true")
        assert other.code == 3
        assert other.statuses()["big.pmtiles"] == "failed"
        assert other.statuses()["a.tsv"] == "skipped"


def test_verify_only_finds_a_short_object_without_reading_it(workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator(habits.JUICEFS) as store:
        published(publish(store, workspace))
        store.put("p/big.pmtiles", b"short")
        store.seen.clear()
        run = publish(store, workspace, verify_only="true")
        assert run.code == 3
        assert store.of("GetObject", "big") == []
