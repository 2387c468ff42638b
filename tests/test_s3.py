"""S3 as a user sees it: what arrives, what is not sent again, and in which order; on two real servers."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awscrt.checksums
import boto3
import pytest

from tests.conformance import in_process
from tests.conftest import Store
from tests.servers.recorder import Recorder, recorder

MIB = 1024 * 1024
SIZES = (0, 1, 8 * MIB - 1, 8 * MIB + 1, 16 * MIB - 1, 16 * MIB, 16 * MIB + 1)


def crc64nvme(data: bytes) -> str:
    return base64.b64encode(awscrt.checksums.crc64nvme(data).to_bytes(8, "big")).decode()


def publish(
    store: Store, workspace: Path, *, url: str = "", prefix: str = "p", **inputs: str
) -> in_process.Run:
    """Run the product on ``out``; dashes of input names are underscores here."""
    given = {"in-dir": "out", "s3-dir": f"s3://{store.bucket}/{prefix}", "n-jobs": "4"}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    environment = store.environment | ({"AWS_ENDPOINT_URL_S3": url} if url else {})
    return in_process.run(given, workspace=workspace, environment=environment)


def published(run: in_process.Run) -> in_process.Run:
    assert run.code == 0, run.log
    assert run.outputs["failed"] == "0"
    return run


# What arrives


def test_content_at_every_boundary(any_s3: Store, workspace: Path) -> None:
    """Sizes around a part and around the change to parts; then a fresh checkout sends nothing."""
    files = {f"f{size}.bin": in_process.noise(size) for size in SIZES}
    out = in_process.fill(workspace, files)
    first = published(publish(any_s3, workspace, n_jobs="8"))
    assert first.counts == (len(SIZES) + 1, 0, 0)
    for name, data in files.items():
        assert any_s3.read(f"p/{name}") == data
        assert first.file(name)["checksum"] == f"crc64nvme:{crc64nvme(data)}"
        assert first.file(name)["strong"]
        if any_s3.name == "localstack":
            head = any_s3.client.head_object(Bucket=any_s3.bucket, Key=f"p/{name}", ChecksumMode="ENABLED")
            assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (crc64nvme(data), "FULL_OBJECT")
    for path in out.iterdir():
        os.utime(path, (1, 1))
    again = published(publish(any_s3, workspace, n_jobs="8"))
    assert again.counts == (0, len(SIZES) + 1, 0)
    assert (again.outputs["bytes"], again.outputs["changed"]) == ("0", "false")


def test_objects_are_described_as_asked(s3_server: Store, workspace: Path, recorded_s3: Recorder) -> None:
    types = {
        "a.pmtiles": "application/vnd.pmtiles",
        "b.json": "application/json",
        "c.tsv": "text/tab-separated-values",
        "d.tsv.gz": "application/gzip",
        "e.png": "image/png",
        "f.pdf": "application/pdf",
        "g.weird": "application/octet-stream",
        "catalog.yaml": "application/yaml",
        "h.special": "x/y",
        "big.pmtiles": "application/vnd.pmtiles",
    }
    small = {name: name.encode() for name in types if name not in ("catalog.yaml", "big.pmtiles")}
    in_process.fill(workspace, {**small, "big.pmtiles": in_process.noise(17 * MIB)})
    published(
        publish(
            s3_server,
            workspace,
            url=recorded_s3.url,
            storage_class="STANDARD_IA",
            sse="AES256",
            tags="lab=a b+c\nproject=x/y@z",
            metadata="Run=42",
            content_type="*.special: x/y",
            cache_control="*.png: max-age=60",
            expected_bucket_owner="000000000000",
        )
    )
    for name, media_type in types.items():
        head: dict[str, Any] = dict(s3_server.client.head_object(Bucket=s3_server.bucket, Key=f"p/{name}"))
        assert head["ContentType"] == media_type, name
        assert "ContentEncoding" not in head
        assert head["StorageClass"] == "STANDARD_IA"
        assert head["ServerSideEncryption"] == "AES256"
        assert head["Metadata"] == {"run": "42"}
        wanted = "max-age=60" if name == "e.png" or name.endswith(".pmtiles") else "no-cache"
        assert head["CacheControl"] == wanted, name
        tags = s3_server.client.get_object_tagging(Bucket=s3_server.bucket, Key=f"p/{name}")["TagSet"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == {"lab": "a b+c", "project": "x/y@z"}
    assert not any("x-amz-acl" in request.headers for request in recorded_s3.requests)
    owners = [request.headers.get("x-amz-expected-bucket-owner") for request in recorded_s3.requests]
    # One request asks with another account, to see whether the store looks at it at all.
    assert len(owners) - owners.count("000000000000") == 1
    assert None not in owners


def test_an_acl_only_when_asked(s3_server: Store, workspace: Path, recorded_s3: Recorder) -> None:
    in_process.fill(workspace, {"a": b"1", "b": in_process.noise(17 * MIB)})
    s3_server.client.put_bucket_ownership_controls(
        Bucket=s3_server.bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    s3_server.client.delete_public_access_block(Bucket=s3_server.bucket)
    published(publish(s3_server, workspace, url=recorded_s3.url, acl="public-read"))
    for key in ("p/a", "p/b"):
        grants = s3_server.client.get_object_acl(Bucket=s3_server.bucket, Key=key)["Grants"]
        assert any(grant["Grantee"].get("URI", "").endswith("AllUsers") for grant in grants)


def test_rclone_keeps_the_type_and_no_encoding(rclone_server: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"a.tsv.gz": b"\x1f\x8b", "b.tsv.gz": in_process.noise(17 * MIB)})
    published(publish(rclone_server, workspace))
    for name in ("a.tsv.gz", "b.tsv.gz"):
        head: dict[str, Any] = dict(
            rclone_server.client.head_object(Bucket=rclone_server.bucket, Key=f"p/{name}")
        )
        assert "ContentEncoding" not in head
        assert head["ContentType"] == "application/gzip"


@pytest.mark.parametrize("checksum", ["crc32c", "crc32", "sha256", "none"])
def test_every_checksum(any_s3: Store, workspace: Path, checksum: str) -> None:
    """Each is kept by the store that keeps any, and each is enough to skip by."""
    in_process.fill(workspace, {"small": b"abc", "big": in_process.noise(17 * MIB)})
    published(publish(any_s3, workspace, checksum=checksum))
    if any_s3.name == "localstack":
        for name in ("small", "big"):
            head = any_s3.client.head_object(Bucket=any_s3.bucket, Key=f"p/{name}", ChecksumMode="ENABLED")
            if checksum != "none":
                assert f"Checksum{checksum.upper()}" in head
                composite = checksum == "sha256" and name == "big"
                assert head["ChecksumType"] == ("COMPOSITE" if composite else "FULL_OBJECT")
    assert published(publish(any_s3, workspace, checksum=checksum)).counts == (0, 3, 0)
    assert published(publish(any_s3, workspace)).counts == (0, 3, 0)


HOSTILE = (
    "with space.bin",
    "ünïcödé-名前-😀",
    "#hash",
    "per%20cent%",
    "a+b",
    "what?",
    "a&b=c",
    "quote'\"`",
    "semi;colon,comma",
    "<tag>",
    "back\\slash",
    "tilde~(paren)[x]{y}|^!*$@:",
    "new\nline",
    "deep/" * 3 + "file",
)


def test_hostile_names_round_trip(any_s3: Store, workspace: Path) -> None:
    names = {f"{number:02} {name}": name.encode() for number, name in enumerate(HOSTILE)}
    names |= {"%2e%2e": b"dots"}
    folder = "/".join(("k" * 200,) * 4)
    names[f"{folder}/{'é' * 60}"] = b"long"
    out = workspace / "out"
    for name, data in names.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    first = published(publish(any_s3, workspace, upload_method="all"))
    assert first.outputs["uploaded"] == str(len(names))
    if any_s3.name == "localstack":  # rclone's listing of a key with a line end is not valid XML
        assert any_s3.keys() == sorted(f"p/{name}" for name in names)
    for name, data in names.items():
        assert any_s3.read(f"p/{name}") == data
    assert published(publish(any_s3, workspace, upload_method="all")).counts == (0, len(names), 0)


def test_a_large_file_with_a_hostile_name(any_s3: Store, workspace: Path) -> None:
    files = {"a b+%ü&'?#.bin": in_process.noise(17 * MIB), "..foo": b"two dots"}
    in_process.fill(workspace, files)
    published(publish(any_s3, workspace))
    assert {name: any_s3.read(f"p/{name}") for name in files} == files


# What is not sent again


def test_an_unchanged_run_asks_little(s3_server: Store, recorded_s3: Recorder, workspace: Path) -> None:
    files = {f"f{number}.tsv": f"{number}".encode() for number in range(120)}
    in_process.fill(workspace, files)
    published(publish(s3_server, workspace, n_jobs="16"))
    again = published(publish(s3_server, workspace, url=recorded_s3.url))
    assert again.counts == (0, 121, 0)
    assert len(recorded_s3.requests) == 1
    assert not recorded_s3.writes


def test_reading_modes_write_nothing(s3_server: Store, recorded_s3: Recorder, workspace: Path) -> None:
    out = in_process.fill(workspace, {"a": b"1", "b": b"2", "c": in_process.noise(17 * MIB)})
    s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/extra", Body=b"x")
    planned = published(
        publish(s3_server, workspace, url=recorded_s3.url, dry_run="true", delete_extra="true")
    )
    assert set(planned.statuses().values()) == {"would upload"}
    assert [extra["would-delete"] for extra in planned.manifest["extras"]] == [True]
    published(publish(s3_server, workspace))
    published(publish(s3_server, workspace, url=recorded_s3.url, verify_only="true"))
    (out / "c").write_bytes(in_process.noise(17 * MIB, "other"))
    (out / "a").unlink()
    differs = publish(s3_server, workspace, url=recorded_s3.url, verify_only="true", if_missing="warn")
    assert differs.code == 3
    assert differs.statuses()["c"] == "failed"
    assert not recorded_s3.writes
    assert s3_server.read("p/extra") == b"x"


OTHERS = [
    ("in one request", 64 * MIB, {}),
    ("parts and a checksum of checksums", 8 * MIB, {"ChecksumAlgorithm": "CRC32"}),
    ("parts and nothing else", 8 * MIB, None),
    ("smaller parts and nothing else", 5 * MIB, None),
    ("odd parts and CRC64NVME", 7 * MIB, {"ChecksumAlgorithm": "CRC64NVME"}),
]


@pytest.mark.parametrize(("how", "part", "extra"), OTHERS, ids=[how for how, _, _ in OTHERS])
def test_objects_put_by_others(
    any_s3: Store, workspace: Path, how: str, part: int, extra: dict[str, str] | None
) -> None:
    """What another tool sent is skipped where it has the same content, and replaced where it has other."""
    data = in_process.noise(18 * MIB)
    out = in_process.fill(workspace, {"a": data, "b": in_process.noise(18 * MIB, "b")})
    for key in ("p/a", "p/b"):
        put_by_others(any_s3, key, out / "a", part, extra)
    run = published(publish(any_s3, workspace))
    assert run.statuses() == {"a": "skipped", "b": "uploaded", "catalog.yaml": "uploaded"}, run.file("a")
    assert any_s3.read("p/b") == in_process.noise(18 * MIB, "b")


def put_by_others(
    store: Store, key: str, path: Path, part: int, extra: Mapping[str, Any] | None = None
) -> None:
    """Upload as boto3 and the AWS command line do; nothing for ``extra`` keeps their own checksums away."""
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    client = store.client
    if extra is None:
        plain = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
        client = boto3.client(
            "s3",
            endpoint_url=store.url,
            region_name="us-east-1",
            config=plain,
            aws_access_key_id=store.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=store.credentials["AWS_SECRET_ACCESS_KEY"],
        )
    config = TransferConfig(multipart_threshold=part, multipart_chunksize=part, use_threads=False)
    client.upload_file(str(path), store.bucket, key, ExtraArgs=dict(extra or {}), Config=config)
    if client is not store.client:
        client.close()


def test_our_own_checksum_in_metadata_proves_sameness(any_s3: Store, workspace: Path) -> None:
    """What a store without checksums, and with ETags that are none, leaves to compare by."""
    data, other = in_process.noise(18 * MIB), in_process.noise(18 * MIB, "other")
    out = in_process.fill(workspace, {"same": data, "changed": other})
    extra = {"Metadata": {"catalog-upload-crc64nvme": crc64nvme(data)}}
    for key in ("p/same", "p/changed"):  # the note of the second one is true as well: `data` is there
        put_by_others(any_s3, key, out / "same", 7 * MIB, extra)
    with recorder(any_s3.url) as proxy:
        proxy.hidden_response_headers = "x-amz-checksum"
        proxy.misbehave("HEAD", headers={"etag": f'"{"0" * 32}-9"'})
        run = published(publish(any_s3, workspace, url=proxy.url))
    assert run.statuses() == {"same": "skipped", "changed": "uploaded", "catalog.yaml": "uploaded"}
    assert run.file("same")["reason"] == "same CRC64NVME (our metadata)"
    assert any_s3.read("p/changed") == other


def test_what_nothing_proves_the_same_is_sent(any_s3: Store, workspace: Path) -> None:
    """An ETag that is none, as under KMS, and no checksum."""
    out = in_process.fill(workspace, {"a": in_process.noise(18 * MIB)})
    put_by_others(any_s3, "p/a", out / "a", 7 * MIB)
    with recorder(any_s3.url) as proxy:
        proxy.hidden_response_headers = "x-amz-checksum"
        proxy.misbehave("HEAD", headers={"etag": f'"{"0" * 32}"'})
        run = published(publish(any_s3, workspace, url=proxy.url))
    assert run.file("a")["status"] == "uploaded"
    assert run.file("a")["reason"] == "different MD5 (ETag)"
