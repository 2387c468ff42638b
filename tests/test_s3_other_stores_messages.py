"""What S3 stores say when they refuse, and what they drop without saying: both reach people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.s3_emulator import habits
from tests.s3_emulator.calls import REQUEST_ID
from tests.s3_emulator.habits import Habits, Refusal
from tests.s3_emulator.product import local, publish, published
from tests.s3_emulator.server import SECRET, emulator

BIG = 17 << 20
FILES = {"a.tsv": b"1", "big.pmtiles": in_process.noise(BIG)}


@pytest.mark.parametrize(
    ("setting", "value", "header", "said"),
    [
        ("tags", "lab=a", "x-amz-tagging", "s3:PutObjectTagging"),
        ("acl", "public-read", "x-amz-acl", "s3:PutObjectAcl"),
        ("expected_bucket_owner", "000000000000", "x-amz-expected-bucket-owner", "expected-bucket-owner"),
    ],
)
def test_a_setting_that_is_denied(setting: str, value: str, header: str, said: str, workspace: Path) -> None:
    """What may be the cause is named: AWS itself often says no more than Access Denied."""
    in_process.fill(workspace, FILES)
    with emulator(
        Habits(refusals=(Refusal(".*", 403, "AccessDenied", "Access Denied", header=header),))
    ) as store:
        run = publish(store, workspace, **{setting: value})
        assert run.code == 4, run.log
        assert said in run.log


# 501 is for good


@pytest.mark.parametrize(
    ("setting", "value", "header"),
    [
        ("tags", "lab=a", "x-amz-tagging"),
        ("sse", "AES256", "x-amz-server-side-encryption"),
        ("acl", "public-read", "x-amz-acl"),
        ("storage_class", "STANDARD_IA", "x-amz-storage-class"),
        ("metadata", "lab=a", "x-amz-meta-lab"),
    ],
)
@pytest.mark.parametrize("status", [501, 400])
def test_a_setting_that_the_store_does_not_know(
    setting: str, value: str, header: str, status: int, workspace: Path
) -> None:
    """A permanent refusal: the message names the setting, nothing is retried, and no later run is suggested."""
    in_process.fill(workspace, FILES)
    code = "NotImplemented" if status == 501 else "InvalidArgument"
    reason = f"Unsupported header '{header}' received for this API call"
    refusal = Refusal("PutObject|CreateMultipartUpload", status, code, reason, header=header)
    with emulator(Habits(refusals=(refusal,))) as store:
        run = publish(store, workspace, **{setting: value})
        assert run.code in (3, 5), run.log
        assert store.keys() == [], "what was chosen is not left out in silence"
        assert "later" not in run.log
        assert status == 400 or setting.replace("_", "-") in run.log
        assert reason in run.log
        assert len(store.of("PutObject", "a.tsv")) <= 2, "not tried again"


# What gets lost


def test_tags_of_objects_in_parts_that_got_lost(workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator(habits.CEPH16) as store:
        run = published(publish(store, workspace, tags="lab=a"))
        assert re.search(r"(?i)tags?", run.log), run.log
        assert "::warning" in run.log
        kept = {key: found.settings for key, found in store.bucket.objects.items()}
        assert "x-amz-tagging" in kept["p/a.tsv"]


@pytest.mark.parametrize("inputs", [{"tags": "lab=a"}, {"metadata": "run=42"}], ids=["tags", "metadata"])
def test_settings_that_got_lost(inputs: dict[str, str], workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator(Habits(tags=(False, False), metadata=False)) as store:
        run = published(publish(store, workspace, **inputs))
        assert next(iter(inputs)) in run.log


def test_tags_that_were_kept_are_no_news(workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    with emulator() as store:
        run = published(publish(store, workspace, tags="lab=a", metadata="run=42"))
        assert "::warning" not in run.log


def test_an_owner_that_nobody_checks(workspace: Path) -> None:
    """Who names an owner relies on it."""
    in_process.fill(workspace, {"a": b"1"})
    with emulator(Habits(obeys_owner=False)) as store:
        run = publish(store, workspace, expected_bucket_owner="111111111111")
        assert "expected-bucket-owner" in run.log
    with emulator() as store:
        other = publish(store, workspace, expected_bucket_owner="111111111111")
        assert other.code == 4, other.log
        assert "owner" in other.log
        assert store.keys() == []
        right = published(publish(store, workspace, expected_bucket_owner=store.habits.owner))
        assert "::warning" not in right.log


def test_an_owner_that_is_refused_as_a_header(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    reason = "Unsupported header 'x-amz-expected-bucket-owner' received for this API call"
    refusal = Refusal(".*", 400, "InvalidArgument", reason, header="x-amz-expected-bucket-owner")
    with emulator(Habits(obeys_owner=False, refusals=(refusal,))) as store:
        run = publish(store, workspace, expected_bucket_owner="111111111111")
        assert "expected-bucket-owner" in run.log
        assert "Traceback" not in run.log


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("tags", "lab=b"),
        ("metadata", "run=43"),
        ("cache_control", "*: max-age=5"),
        ("content_type", "*.tsv: text/plain"),
        ("storage_class", "STANDARD_IA"),
        ("acl", "public-read"),
    ],
)
def test_settings_are_not_applied_to_what_is_there(setting: str, value: str, workspace: Path) -> None:
    """The summary says so, and what to do."""
    in_process.fill(workspace, FILES)
    with emulator() as store:
        published(publish(store, workspace))
        again = published(publish(store, workspace, **{setting: value}))
        assert again.counts == (0, 3, 0)
        assert setting.replace("_", "-") in again.summary
        assert "restart" in again.summary
        published(publish(store, workspace, restart="true", **{setting: value}))
        assert store.contents() == local(workspace)


# Reasons

REASONS = (
    "User: arn:aws:iam::111:user/x is not authorized: an explicit deny in a resource-based policy",
    "Access Denied because object protected by object lock.",
    "No quota left in project 7",
)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload", "ListObjectsV2"])
def test_the_stores_reason_reaches_people(operation: str, reason: str, workspace: Path) -> None:
    """With the id of the request, which a store's support asks for first."""
    in_process.fill(workspace, FILES)
    with emulator() as store:
        store.refuse(Refusal(operation, 403, "AccessDenied", reason))
        run = publish(store, workspace, delete_extra="true")
        assert run.code in (3, 4), run.log
        assert reason[-40:].rstrip(".") in run.log.replace("%25", "%")
        assert REQUEST_ID in run.log


def test_an_empty_message_is_not_none(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    for status, code in ((403, "AccessDenied"), (404, "NoSuchBucket"), (400, "InvalidArgument"), (403, "")):
        with emulator(Habits(messages=False)) as store:
            store.refuse(Refusal(".*", status, code, ""))
            run = publish(store, workspace)
            assert run.code in (3, 4, 5)
            assert "None" not in run.log
            assert ": )" not in run.log


def test_a_suspended_user_is_told_so(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with emulator(Habits(messages=False)) as store:
        store.refuse(Refusal(".*", 403, "UserSuspended", ""))
        run = publish(store, workspace)
        assert run.code == 4, run.log
        assert "suspended" in run.log.lower()
        assert "region" not in run.log


def test_a_reason_is_shortened_and_harmless(workspace: Path) -> None:
    """It may hold commands for the runner, HTML, line ends, a secret, and a megabyte."""
    in_process.fill(workspace, {"a": b"1"})
    text = f"\n::error::x\r\n<script>alert(1)</script>\x1b[31m {SECRET} " + "long " * 200_000
    for operation in ("ListObjects.*", "PutObject"):
        with emulator() as store:
            store.refuse(Refusal(operation, 400, "Odd\n::warning::y", text))
            run = publish(store, workspace)
            assert run.code in (3, 5)
            assert len(run.log) < 20_000
            shown = [line for line in run.log.splitlines() if not line.startswith("::add-mask::")]
            assert not [line for line in shown if line.startswith(("::error::x", "::warning::y"))]
            assert SECRET not in "\n".join([*shown, run.summary, *run.outputs.values()])
            assert "\x1b" not in run.log
            assert "<script>" not in run.summary


@pytest.mark.parametrize("entity", ["&#10;::error::x", "&lt;b&gt;", "<![CDATA[<i>]]>"])
def test_xml_is_read_as_xml(entity: str, workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    body = f"<?xml version='1.0'?><Error><Code>Odd</Code><Message>so {entity}</Message></Error>".encode()
    with emulator() as store:
        store.refuse(Refusal("PutObject", 400, body=body))
        run = publish(store, workspace)
        assert run.code in (3, 5)
        assert "Odd" in run.log
        assert "\n::error::x" not in run.log


def test_xml_bombs_do_not_go_off(workspace: Path) -> None:
    in_process.fill(workspace, {"a": b"1"})
    levels = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 9))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "lol">{levels}]><Error><Code>Odd</Code><Message>&l8;</Message></Error>'
    for operation, status in (("ListObjects.*", 400), ("ListObjectsV2", 200), ("PutObject", 400)):
        with emulator() as store:
            store.refuse(Refusal(operation, status, body=bomb.encode()))
            run = publish(store, workspace)
            assert run.code in (3, 5), run.log
            assert len(run.log) < 20_000
