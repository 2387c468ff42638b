"""Stores that misbehave, or support less than AWS: what is trusted, retried and reported."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entrypoint import destinations, settings, transfer
from entrypoint.destinations import s3
from entrypoint.destinations.s3 import checksums, client, compare, proof, store
from entrypoint.plan import model
from tests.conformance import in_process
from tests.conftest import Store
from tests.servers.recorder import Recorder, error_xml, recorder
from tests.test_s3 import MIB, publish, published

BIG = 17 * MIB


# The catalog goes last


@pytest.mark.parametrize("size", [3, BIG])
def test_the_catalog_goes_last(any_s3: Store, workspace: Path, size: int) -> None:
    in_process.fill(workspace, {f"f{number}": in_process.noise(size, str(number)) for number in range(4)})
    with recorder(any_s3.url) as proxy:
        proxy.misbehave("PUT", "/f", delay=0.1)
        published(publish(any_s3, workspace, url=proxy.url, n_jobs="8"))
        (catalog,) = proxy.find("PUT", "catalog.yaml")
        others = [request for request in proxy.writes if "catalog.yaml" not in request.path]
    assert catalog.began >= max(request.ended for request in others)
    assert len(others) >= 4


@pytest.mark.parametrize("status", [403, 400, 404])
def test_the_catalog_stays_when_a_file_fails(any_s3: Store, workspace: Path, status: int) -> None:
    any_s3.client.put_object(Bucket=any_s3.bucket, Key="p/catalog.yaml", Body=b"old")
    in_process.fill(workspace, {"good": b"1", "bad": b"2", "other": b"3"})
    with recorder(any_s3.url) as proxy:
        proxy.misbehave(
            "PUT", "/bad", status=status, body=error_xml("AccessDenied" if status == 403 else "Odd")
        )
        run = publish(any_s3, workspace, url=proxy.url)
    assert run.code == 3
    wanted = {"good": "uploaded", "bad": "failed", "other": "uploaded", "catalog.yaml": "withheld"}
    assert run.statuses() == wanted
    assert any_s3.read("p/catalog.yaml") == b"old"
    assert "bad" in run.log
    assert "bad" in run.summary
    again = published(publish(any_s3, workspace))
    assert again.counts == (2, 2, 0)


def test_the_later_of_two_runs_fails(any_s3: Store, workspace: Path) -> None:
    """Another run replaces the catalog after this run has checked it, also if the store ignores conditions."""
    any_s3.client.put_object(Bucket=any_s3.bucket, Key="p/catalog.yaml", Body=b"old")
    in_process.fill(workspace, {"a": b"1"})
    with recorder(any_s3.url) as proxy:
        proxy.on_request = lambda method, path: (
            any_s3.client.put_object(Bucket=any_s3.bucket, Key="p/catalog.yaml", Body=b"theirs")
            if (method, path.rpartition("/")[2]) == ("PUT", "a")
            else None
        )
        run = publish(any_s3, workspace, url=proxy.url)
    assert run.code == 3
    assert run.statuses() == {"a": "uploaded", "catalog.yaml": "failed"}
    assert "another run" in run.file("catalog.yaml")["reason"]
    assert any_s3.read("p/catalog.yaml") == b"theirs"


def test_a_condition_guards_the_last_moment(s3_server: Store, recorded_s3: Recorder, workspace: Path) -> None:
    """The catalog changes between the last check and its replacement."""
    in_process.fill(workspace, {"a": b"1"})
    recorded_s3.on_request = lambda method, path: (
        s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/catalog.yaml", Body=b"theirs")
        if (method, path.rpartition("/")[2]) == ("PUT", "catalog.yaml")
        else None
    )
    run = publish(s3_server, workspace, url=recorded_s3.url)
    assert run.code == 3
    assert s3_server.read("p/catalog.yaml") == b"theirs"


def test_a_lost_answer_is_not_another_run(any_s3: Store, workspace: Path) -> None:
    """The catalog arrived but its answer did not: the retry finds it there, and it is our own."""
    for old in (b"", b"old"):
        if old:
            any_s3.client.put_object(Bucket=any_s3.bucket, Key="p/catalog.yaml", Body=old)
        in_process.fill(workspace, {"a": b"1" + old})
        with recorder(any_s3.url) as proxy:
            proxy.misbehave("PUT", "catalog.yaml", lose=True, times=1)
            run = published(publish(any_s3, workspace, url=proxy.url))
            assert len(proxy.find("PUT", "catalog.yaml")) == 2
        assert run.file("catalog.yaml")["status"] == "uploaded"


def test_conditions_that_a_store_refuses(any_s3: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1", "b": b"2"})
    with recorder(any_s3.url) as proxy:
        proxy.misbehave("PUT", "catalog.yaml", status=501, body=error_xml("NotImplemented"), times=2)
        run = published(publish(any_s3, workspace, url=proxy.url))
    assert run.log.count("does not support conditional writes") == 1
    assert any_s3.read("p/catalog.yaml")


# Checksums that a store does not know


@pytest.mark.parametrize("status", [400, 501])
def test_checksums_that_a_store_refuses(any_s3: Store, workspace: Path, status: int) -> None:
    """It falls back to Content-MD5 and says so once; what the user chose is not weakened."""
    files = {"a": b"1", "b": b"2", "big": in_process.noise(BIG)}
    in_process.fill(workspace, files)
    with recorder(any_s3.url) as proxy:
        refusal: dict[str, Any] = {
            "status": status,
            "body": error_xml("NotImplemented" if status == 501 else "InvalidRequest"),
        }
        proxy.misbehave("PUT|POST", "", carries="x-amz-(sdk-)?checksum", **refusal)
        run = published(publish(any_s3, workspace, url=proxy.url, n_jobs="1"))
        assert run.log.count("refuses CRC64NVME") == 1
        assert published(publish(any_s3, workspace, url=proxy.url)).counts == (0, 4, 0)
        in_process.fill(workspace, {"a": b"other"})
        strict = publish(any_s3, workspace, url=proxy.url, checksum="crc64nvme")
    assert strict.code in (3, 5)
    assert {name: any_s3.read(f"p/{name}") for name in files} == files


def test_answers_without_any_proof(any_s3: Store, workspace: Path) -> None:
    """No checksum and an ETag that is none: accepted with its checksum, and said to be no more than that."""
    files = {"a": b"1", "b": b"2"}
    in_process.fill(workspace, files)
    with recorder(any_s3.url) as proxy:
        proxy.hidden_response_headers = "x-amz-checksum"
        proxy.rewrite_response_headers = {"etag": '"opaque"'}
        run = published(publish(any_s3, workspace, url=proxy.url))
    assert not run.file("a")["strong"]
    assert run.log.count("neither a checksum nor an ETag") == 1
    assert {name: any_s3.read(f"p/{name}") for name in files} == files


def test_an_answer_without_an_etag_is_not_believed(any_s3: Store, workspace: Path) -> None:
    """A gateway that says with a status of 200 that it is down has kept nothing."""
    files = {"a": b"1", "b": b"2"}
    in_process.fill(workspace, files)
    with recorder(any_s3.url) as proxy:
        proxy.misbehave("PUT", "/p/a", status=200, body=b"<html>We are down</html>", times=1)
        run = published(publish(any_s3, workspace, url=proxy.url))
        assert {name: any_s3.read(f"p/{name}") for name in files} == files
        assert run.file("a")["strong"]
        in_process.fill(workspace, {"a": b"other", "b": b"2"})
        proxy.misbehave("PUT", "/p/a", status=200, body=b"<html>We are down</html>")
        failed = publish(any_s3, workspace, url=proxy.url)
    assert (failed.code, failed.file("a")["status"]) == (3, "failed")
    assert any_s3.read("p/a") == b"1"


def test_etags_that_are_made_up_are_read_back(any_s3: Store, workspace: Path) -> None:
    in_process.fill(workspace, {f"f{number}": str(number).encode() for number in range(5)})
    with recorder(any_s3.url) as proxy:
        proxy.hidden_response_headers = "x-amz-checksum"
        proxy.misbehave("PUT", "/f", headers={"etag": f'"{"0" * 32}"'})
        run = published(publish(any_s3, workspace, url=proxy.url, n_jobs="1"))
        assert len(proxy.find("GET", "/f")) == 1
    assert "not MD5" in run.log


def test_wrong_bytes_are_found_out(any_s3: Store, workspace: Path) -> None:
    """A store that keeps other bytes than were sent, and does not notice."""
    in_process.fill(workspace, {"bad": b"12345", "good": b"1"})
    with recorder(any_s3.url) as proxy:
        proxy.hidden_request_headers = (
            "x-amz-(sdk-)?checksum|content-md5" if any_s3.name == "localstack" else "(?!)"
        )
        proxy.misbehave("PUT", "/bad", corrupt=True)
        run = publish(any_s3, workspace, url=proxy.url)
    assert run.code == 3
    assert run.statuses() == {"bad": "failed", "good": "uploaded", "catalog.yaml": "withheld"}


def test_a_bit_that_flips_on_the_way_is_refused_and_said(s3_server: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"bad": b"12345", "big": in_process.noise(BIG), "good": b"1"})
    with recorder(s3_server.url) as proxy:
        proxy.misbehave("PUT", "/p/b", corrupt=True)
        run = publish(s3_server, workspace, url=proxy.url)
    assert run.code == 3
    assert run.statuses() == {
        "bad": "failed",
        "big": "failed",
        "good": "uploaded",
        "catalog.yaml": "withheld",
    }
    assert s3_server.keys() == ["p/good"]
    assert not s3_server.client.list_multipart_uploads(Bucket=s3_server.bucket).get("Uploads")


def test_wrong_bytes_in_a_part_are_found_out(any_s3: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"big": in_process.noise(BIG)})
    with recorder(any_s3.url) as proxy:
        proxy.hidden_request_headers = (
            "x-amz-(sdk-)?checksum|content-md5" if any_s3.name == "localstack" else "(?!)"
        )
        proxy.misbehave("PUT", "partNumber=2", corrupt=True)
        run = publish(any_s3, workspace, url=proxy.url)
    assert run.code == 3
    assert run.statuses()["big"] == "failed"


# Patience


@pytest.mark.parametrize("fault", ["503", "500", "drop", "lose"])
def test_what_passes_is_tried_again(any_s3: Store, workspace: Path, fault: str) -> None:
    files = {"a": b"1", "big": in_process.noise(BIG)}
    in_process.fill(workspace, files)
    bad: dict[str, Any] = {"drop": {"drop": True}, "lose": {"lose": True}}.get(fault, {})
    if fault.isdigit():
        bad = {"status": int(fault), "body": error_xml("SlowDown" if fault == "503" else "InternalError")}
    with recorder(any_s3.url) as proxy:
        for target in ("/a", "partNumber=2", "uploadId=[^&]*$", "list-type"):
            proxy.misbehave("PUT|POST|GET", target, times=1, **bad)
        published(publish(any_s3, workspace, url=proxy.url))
    assert {name: any_s3.read(f"p/{name}") for name in files} == files


def test_many_failing_uploads_keep_no_memory(
    s3_server: Store, recorded_s3: Recorder, workspace: Path
) -> None:
    """Ten times the budget fails, and what comes after still finds room."""
    files = {f"bad{number}": in_process.noise(15 * MIB, str(number)) for number in range(10)}
    in_process.fill(workspace, {**files, "bad": in_process.noise(100 * MIB), "good": b"1"})
    recorded_s3.misbehave("PUT", "/bad", status=403, body=error_xml("AccessDenied"))
    recorded_s3.misbehave("PUT", "/good", delay=0.5)
    run = publish(s3_server, workspace, url=recorded_s3.url, n_jobs="8")
    assert run.code == 3
    assert run.counts == (1, 0, 11)


def test_a_store_that_falls_silent_ends_the_run(
    any_s3: Store, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts everything and stops answering: files are not tried one by one."""
    quick = s3.Patience(tries=3, first=0.02, answer=1.0, stall=1.0, silence=1.5)
    monkeypatch.setattr(s3, "S3", functools.partial(s3.S3, patience=quick))
    monkeypatch.setattr(transfer, "_CLEAN_UP", 1.0)
    in_process.fill(workspace, {"big": in_process.noise(BIG)} | {f"f{number}": b"1" for number in range(40)})
    with recorder(any_s3.url) as proxy:
        proxy.misbehave("PUT|DELETE", "", delay=20)
        began = time.monotonic()
        run = publish(any_s3, workspace, url=proxy.url)
    assert time.monotonic() - began < 10
    assert run.code == 5
    assert "stopped answering" in run.log
    assert run.statuses()["catalog.yaml"] == "withheld"


# What a HEAD says


def _composite(path: Path, name: str) -> str:
    source = model.LocalFile.of(path)
    return checksums.composite(
        source, checksums.ALGORITHMS[name], checksums.part_size(source.size), lambda: None
    )


@pytest.mark.parametrize(
    ("name", "said", "kind", "of_parts", "same"),
    [
        # A CRC32 where the CRC64NVME should be, as moto writes it: no checksum at all, so the ETag decides.
        ("CRC64NVME", "Zv51fg==", "FULL_OBJECT", True, True),
        ("CRC64NVME", "Zv51fg==", "FULL_OBJECT", False, False),
        ("CRC64NVME", "no base64", "", True, True),
        ("CRC64NVME", "AAAAAAAAAAA=", "FULL_OBJECT", True, False),
        # A checksum of checksums without the number of parts, which the ETag tells.
        ("SHA256", "", "COMPOSITE", True, True),
    ],
)
def test_a_checksum_is_believed_when_it_can_be_one(
    tmp_path: Path, name: str, said: str, kind: str, of_parts: bool, same: bool
) -> None:
    path = tmp_path / "f"
    path.write_bytes(in_process.noise(BIG))
    source = model.LocalFile.of(path)
    etag = (
        checksums.multipart_etag(source, checksums.part_size(BIG), lambda: None)
        if of_parts
        else "0" * 32 + "-3"
    )
    said = said or _composite(path, name).partition("-")[0]
    head = client.Head(BIG, f'"{etag}"', {name: said}, kind, {}, "", {})
    verdict = compare.content(
        model.PlannedFile("f", source, "basics", "f"),
        client.Listed("f", BIG, f'"{etag}"'),
        lambda: head,
        lambda: None,
    )
    assert (verdict.state is destinations.State.SAME) is same


def test_an_answer_with_another_checksum_is_proved_by_its_etag(s3_server: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"small": b"1", "big": in_process.noise(BIG)})
    with recorder(s3_server.url) as proxy:
        proxy.misbehave("PUT", headers={"x-amz-checksum-crc64nvme": "Zv51fg=="})
        run = published(publish(s3_server, workspace, url=proxy.url))
    assert run.file("small")["proof"] == "MD5 (ETag)"
    assert run.file("big")["strong"] is True
    assert "neither a checksum" not in run.log


def test_a_part_whose_md5_is_another_is_not_accepted() -> None:
    """An invalid checksum is ignored, so the ETag counts; nothing else is reported."""
    known = store.Store(settings.S3Settings("bucket", ""), is_aws=True)
    answer = {"etag": '"' + "0" * 32 + '"', "x-amz-checksum-crc64nvme": "Zv51fg=="}
    crc = checksums.ALGORITHMS["CRC64NVME"]
    assert proof.of_answer(known, answer, crc, crc.of(b"1"), lambda: checksums.md5(b"1")) is None
    assert known.keeps_checksums is False
    assert known.notices == ()


@pytest.mark.parametrize("form", ['"{}"', "{}", 'W/"{}"'])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_an_md5_in_another_form_is_one(tmp_path: Path, form: str, case: Callable[[str], str]) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"1")
    etag = form.format(case("c4ca4238a0b923820dcc509a6f75849b"))
    verdict = compare.content(
        model.PlannedFile("f", model.LocalFile.of(path), "basics", "f"),
        client.Listed("f", 1, etag),
        lambda: None,
        lambda: None,
    )
    assert verdict.state is destinations.State.SAME
