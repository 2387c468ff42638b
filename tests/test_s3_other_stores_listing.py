"""What is there already: listings as stores write them, a million objects, extras, uploads that were broken off."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.s3_emulator import habits
from tests.s3_emulator.habits import Etags, Habits, Paging, Refusal
from tests.s3_emulator.product import local, publish, published
from tests.s3_emulator.server import Stranger, emulator

MIB = 1 << 20
FEW = {"a.tsv": b"1", "b c+d%20&é.tsv": b"2", "deep/er/x<y>.tsv": b"3"}


# Listings

PAGINGS = {
    "two a page": Paging(size=2),
    "empty pages": Paging(size=2, empty=True),
    "no encoding": Paging(size=2, encodes=False),
    "folders": Paging(size=2, directories=True),
    "the prefix ignored": Paging(size=2, prefix_ignored=True),
}


@pytest.mark.parametrize("paging", PAGINGS.values(), ids=list(PAGINGS))
def test_listings_as_stores_write_them(paging: Paging, workspace: Path) -> None:
    """Nothing is sent twice, and what is deleted is extra and below the prefix."""
    in_process.fill(workspace, FEW)
    with emulator(Habits(paging=paging)) as store:
        published(publish(store, workspace))
        for key in ("p/extra 1&.tsv", "p/zz.tsv", "pp/x.tsv", "other/y.tsv", "p", "0"):
            store.put(key, b"theirs")
        again = published(publish(store, workspace))
        assert again.counts == (0, 4, 0)
        published(publish(store, workspace, delete_extra="true"))
        assert store.contents() == local(workspace)
        assert {"pp/x.tsv", "other/y.tsv", "p", "0"} <= set(store.keys())


@pytest.mark.parametrize("refused", [False, True], ids=["passed over", "refused"])
def test_a_listing_by_markers(refused: bool, workspace: Path) -> None:
    """A store that knows only ListObjects as it was before its version 2 is read to its end."""
    in_process.fill(workspace, FEW)
    with emulator(Habits(paging=Paging(size=2, version_1=True))) as store:
        if refused:
            store.refuse(Refusal("ListObjectsV2", 405, "MethodNotAllowed"))
        for number in range(5):
            store.put(f"p/extra{number}", b"theirs")
        run = published(publish(store, workspace, delete_extra="true"))
        assert run.outputs["deleted"] == "5"
        assert store.contents() == local(workspace)


def test_extras_that_are_listed_twice(workspace: Path) -> None:
    in_process.fill(workspace, FEW)
    with emulator(Habits(paging=Paging(twice=True))) as store:
        store.put("p/extra", b"theirs")
        run = published(publish(store, workspace, delete_extra="true"))
        assert run.outputs["deleted"] == "1"
        assert run.log.count("extra (6 bytes)") == 1


def test_a_listing_that_does_not_go_on(workspace: Path) -> None:
    """It says that there is more, and does not return it: reported, and nothing is deleted."""
    in_process.fill(workspace, FEW)
    with emulator(Habits(paging=Paging(size=2, stuck=True))) as store:
        for number in range(5):
            store.put(f"p/extra{number}", b"theirs")
        run = publish(store, workspace, delete_extra="true")
        assert run.code == 5, run.log
        assert len(store.keys()) == 5
        assert len(store.seen) < 40


@pytest.mark.parametrize("run_again", [False, True], ids=["first", "again"])
def test_few_files_into_a_million(run_again: bool, workspace: Path) -> None:
    """A small plan asks for what it needs."""
    in_process.fill(workspace, FEW | {"big.pmtiles": in_process.noise(17 * MIB)})
    with emulator() as store:
        store.generate("p/old/", 1_000_000)
        if run_again:
            published(publish(store, workspace))
            store.seen.clear()
        run = published(publish(store, workspace))
        assert run.counts == ((0, 5, 0) if run_again else (5, 0, 0))
        assert len(store.seen) <= 60, "a whole listing takes a thousand requests"
        assert store.contents() == local(workspace)


def test_a_large_listing_that_is_needed(workspace: Path) -> None:
    """Extras are to be deleted: all pages are read, and the plan's own files are kept."""
    in_process.fill(workspace, FEW)
    with emulator() as store:
        store.generate("p/old/", 20_000)
        run = published(publish(store, workspace, delete_extra="true"))
        assert run.outputs["deleted"] == "20000"
        assert len(store.bucket.deleted) == 20_000
        assert store.contents() == local(workspace)
        assert len(store.of("DeleteObjects")) == 20
        assert store.of("DeleteObject") == []


# Extras


def extras(store: Stranger, count: int) -> None:
    for number in range(count):
        store.put(f"p/extra {number:04}&<é>.tsv", b"theirs")


def test_extras_are_deleted_a_thousand_at_a_time(workspace: Path) -> None:
    in_process.fill(workspace, FEW)
    with emulator(Habits(needs_md5=True)) as store:
        extras(store, 2300)
        run = published(publish(store, workspace, delete_extra="true"))
        assert store.contents() == local(workspace)
        assert [seen.status for seen in store.of("DeleteObjects")].count(200) == 3
        assert store.of("DeleteObject") == []
        assert run.outputs["deleted"] == "2300"
        last = max(seen.ended for seen in store.of("PutObject"))
        assert all(seen.request.began >= last for seen in store.of("DeleteObjects")), "last of all"


UNKNOWN = {
    "501": Refusal("DeleteObjects", 501, "NotImplemented"),
    "400": Refusal("DeleteObjects", 400, "MalformedXML"),
    "405": Refusal("DeleteObjects", 405, "MethodNotAllowed"),
    "404": Refusal("DeleteObjects", 404, "NoSuchKey"),
    "a page": Refusal("DeleteObjects", 200, body=b"<html>hello</html>"),
}


@pytest.mark.parametrize("refusal", UNKNOWN.values(), ids=list(UNKNOWN))
def test_a_store_without_delete_objects(refusal: Refusal, workspace: Path) -> None:
    in_process.fill(workspace, FEW)
    with emulator(Habits(refusals=(refusal,))) as store:
        extras(store, 30)
        run = published(publish(store, workspace, delete_extra="true"))
        assert store.contents() == local(workspace)
        assert run.outputs["deleted"] == "30"
        assert len(store.of("DeleteObjects")) == 1, "learnt once"


def test_some_extras_cannot_be_deleted(workspace: Path) -> None:
    """DeleteObjects answers 200 with errors in it: those keys are named with the store's reason."""
    in_process.fill(workspace, FEW)
    with emulator() as store:
        extras(store, 1500)
        reason = "Access Denied because object protected by object lock."
        store.protect("p/extra 0007&<é>.tsv", message=reason)
        run = publish(store, workspace, delete_extra="true")
        assert run.code == 3, run.log
        assert run.outputs["deleted"] == "1499"
        assert "extra 0007" in run.log
        assert "object lock" in run.log
        assert len(store.keys()) == 5


def test_nothing_may_be_deleted(workspace: Path) -> None:
    in_process.fill(workspace, FEW)
    with emulator() as store:
        extras(store, 3)
        store.refuse(Refusal("DeleteObjects?", 403, "AccessDenied", "not allowed to perform s3:DeleteObject"))
        run = publish(store, workspace, delete_extra="true")
        assert run.code in (3, 4)
        assert "s3:DeleteObject" in run.log
        assert run.outputs["deleted"] == "0"
        assert len(store.keys()) == 7


# Uploads that were broken off

PARTS = in_process.noise(45 * MIB)


def broken_off(store: Stranger, workspace: Path) -> int:
    """A run that ended after some parts and could not tidy up; the number of parts that are there."""
    in_process.fill(workspace, {"big.pmtiles": PARTS})
    before = store.habits.refusals
    store.refuse(
        *before,
        Refusal("UploadPart", 403, "AccessDenied", skip=3),
        Refusal("AbortMultipartUpload", 403, "AccessDenied"),
    )
    assert publish(store, workspace, n_jobs="1").code != 0
    store.refuse(*before)
    store.seen.clear()
    [upload] = [each for each in store.bucket.uploads.values() if each.parts]
    return len(upload.parts)


@pytest.mark.parametrize("size", [1000, 2])
@pytest.mark.parametrize("kind", ["AWS", "CEPH16", "SEAWEEDFS", "GCS", "B2"])
def test_parts_that_can_be_proved_are_not_sent_again(kind: str, size: int, workspace: Path) -> None:
    """By their checksums, or by ETags that are MD5s; the list of parts may have pages."""
    found: Habits = getattr(habits, kind)
    with emulator(replace(found, paging=Paging(size=size))) as store:
        count = broken_off(store, workspace)
        assert count == 3
        run = published(publish(store, workspace, n_jobs="1"))
        assert store.contents() == local(workspace)
        sent = {
            int(seen.request.query["partNumber"]) for seen in store.of("UploadPart") if seen.status == 200
        }
        assert len(sent) == 6 - count, run.log
        assert [seen for seen in store.of("CreateMultipartUpload") if seen.status == 200] == []
        assert not [each for each in store.bucket.uploads.values() if each.parts]


def test_parts_that_cannot_be_proved_are_sent_again_and_said(workspace: Path) -> None:
    kind = Habits(checksums=False, upload_checksums=False, etags=Etags.OPAQUE)
    with emulator(kind) as store:
        broken_off(store, workspace)
        run = published(publish(store, workspace, n_jobs="1"))
        assert store.contents() == local(workspace)
        assert re.search("broken off|unfinished|incomplete|interrupted", run.log), run.log


def test_parts_of_other_content_are_not_taken(workspace: Path) -> None:
    with emulator(habits.SEAWEEDFS) as store:
        broken_off(store, workspace)
        in_process.fill(workspace, {"big.pmtiles": in_process.noise(45 * MIB, "other")})
        published(publish(store, workspace))
        assert store.contents() == local(workspace)


def test_a_store_that_lists_no_uploads(workspace: Path) -> None:
    in_process.fill(workspace, {"big.pmtiles": PARTS})
    with emulator(Habits(upload_listing=False)) as store:
        published(publish(store, workspace))
        assert store.contents() == local(workspace)


@pytest.mark.parametrize("status", [500, 503, 504])
def test_an_upload_that_was_opened_and_not_told(status: int, workspace: Path) -> None:
    """CreateMultipartUpload answers an error and did what it was asked for: none of them stays open."""
    in_process.fill(workspace, {"big.pmtiles": PARTS})
    with emulator() as store:
        store.refuse(Refusal("CreateMultipartUpload", status, "InternalError", times=2, acts=True))
        published(publish(store, workspace))
        assert store.contents() == local(workspace)
        assert store.bucket.uploads == {}


def test_an_upload_that_is_never_told_of(workspace: Path) -> None:
    in_process.fill(workspace, {"big.pmtiles": PARTS})
    with emulator() as store:
        store.refuse(Refusal("CreateMultipartUpload", 500, "InternalError", acts=True))
        assert publish(store, workspace).code in (3, 5)
        assert store.bucket.uploads == {}


def test_completing_that_takes_long_or_is_told_late(workspace: Path) -> None:
    """The store completed and answered an error: NoSuchUpload on the second try is not a failure."""
    in_process.fill(workspace, {"big.pmtiles": PARTS})
    with emulator() as store:
        store.refuse(Refusal("CompleteMultipartUpload", 500, "InternalError", times=1, acts=True))
        published(publish(store, workspace))
        assert store.contents() == local(workspace)


@pytest.mark.parametrize("before", [b"", b" " * 400, b'<?xml version="1.0"?>' + b"\n" * 400])
def test_an_error_that_is_told_with_200(before: bytes, workspace: Path) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html"""
    in_process.fill(workspace, {"big.pmtiles": PARTS})
    body = (
        before
        + b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"
    )
    with emulator() as store:
        store.refuse(Refusal("CompleteMultipartUpload", 200, body=body, times=1))
        published(publish(store, workspace))
        assert store.contents() == local(workspace)
