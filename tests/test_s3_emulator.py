"""The emulated S3 stores behave as the tests that use them expect."""

from __future__ import annotations

import io
import ssl
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.s3_emulator import habits
from tests.s3_emulator.certificates import authority
from tests.s3_emulator.forward import forward, to
from tests.s3_emulator.habits import Addressing, Condition, Habits, Refusal, WrongRegion
from tests.s3_emulator.server import BUCKET, HOST, KEY, SECRET, Stranger, emulator

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def client(
    store: Stranger, *, url: str = "", style: str = "path", secret: str = SECRET, proxy: str = ""
) -> S3Client:
    chosen: Any = {"addressing_style": style}
    config = Config(
        s3=chosen,
        retries={"total_max_attempts": 1},
        proxies={"http": proxy},
        request_checksum_calculation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=url or store.url,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=secret,
        config=config,
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_it_keeps_and_lists_what_it_is_given() -> None:
    """By AWS's own client, whose signatures it checks."""
    with emulator() as store:
        s3 = client(store)
        s3.put_object(
            Bucket=BUCKET, Key="a b/ü+%20.tsv", Body=b"1", Metadata={"x": "y"}, ChecksumAlgorithm="SHA256"
        )
        data = bytes(range(256)) * (1 << 16)
        s3.upload_fileobj(io.BytesIO(data), BUCKET, "big")
        assert store.read("big") == data
        assert s3.get_object(Bucket=BUCKET, Key="a b/ü+%20.tsv")["Body"].read() == b"1"
        assert s3.head_object(Bucket=BUCKET, Key="a b/ü+%20.tsv")["Metadata"] == {"x": "y"}
        assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == store.keys()
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "big"}]})
        assert store.keys() == ["a b/ü+%20.tsv"]
        assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_it_checks_signatures_and_checksums() -> None:
    with emulator() as store:
        with pytest.raises(ClientError) as unsigned:
            client(store, secret="wrong").put_object(Bucket=BUCKET, Key="k", Body=b"1")
        assert code(unsigned) == "SignatureDoesNotMatch"
        with pytest.raises(ClientError) as wrong:
            client(store).put_object(Bucket=BUCKET, Key="k", Body=b"1", ChecksumCRC32="AAAAAA==")
        assert code(wrong) == "BadDigest"
        assert store.keys() == []


@pytest.mark.parametrize(
    ("how", "given", "passes"),
    [
        (Condition.OBEYED, '"{}"', True),
        (Condition.OBEYED, '"0"', False),
        (Condition.BARE, '"{}"', False),
        (Condition.BARE, "{}", True),
        (Condition.QUOTED, "{}", False),
        (Condition.QUOTED, '"{}"', True),
        (Condition.NEVER, '"{}"', False),
        (Condition.IGNORED, '"0"', True),
        (Condition.REFUSED, '"{}"', False),
    ],
)
def test_conditions(how: Condition, given: str, passes: bool) -> None:
    with emulator(Habits(if_match=how)) as store:
        store.put("k", b"1")
        given = given.format(store.bucket.objects["k"].etag)
        try:
            client(store).put_object(Bucket=BUCKET, Key="k", Body=b"2", IfMatch=given)
        except ClientError:
            assert not passes
        assert store.read("k") == (b"2" if passes else b"1")


def test_refusals_and_their_count() -> None:
    with emulator() as store:
        store.refuse(Refusal("PutObject", 501, "NotImplemented", header="x-amz-tagging", times=1, skip=1))
        s3 = client(store)
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1", Tagging="x=y")
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=BUCKET, Key="b", Body=b"1", Tagging="x=y")
        assert code(refused) == "NotImplemented"
        s3.put_object(Bucket=BUCKET, Key="c", Body=b"1", Tagging="x=y")
        assert [seen.status for seen in store.of("PutObject")] == [200, 501, 200]


def test_hosts_by_way_of_a_proxy() -> None:
    with emulator(habits.OSS) as store, forward(to(store.url), password="me:secret") as proxy:
        url = proxy.url.replace("//", "//me:secret@")
        client(store, url=f"http://{HOST}", style="virtual", proxy=url).put_object(
            Bucket=BUCKET, Key="k", Body=b"1"
        )
        assert store.keys() == ["k"]
        with pytest.raises(ClientError) as path:
            client(store, url=f"http://{HOST}", proxy=url).put_object(Bucket=BUCKET, Key="k", Body=b"2")
        assert code(path) == "SecondLevelDomainForbidden"
        assert {given for _, given in proxy.asked} == {"me:secret"}
        assert store.habits.addressing is Addressing.VIRTUAL


@pytest.mark.parametrize("how", [WrongRegion.MALFORMED, WrongRegion.REDIRECT])
def test_regions(how: WrongRegion) -> None:
    """AWS's client learns the region from these two, so they say it as S3 does."""
    with emulator(Habits(region="eu-west-3", wrong_region=how)) as store:
        client(store).put_object(Bucket=BUCKET, Key="k", Body=b"1")
        assert [seen.status for seen in store.of("PutObject")] == [
            400 if how is WrongRegion.MALFORMED else 301,
            200,
        ]


def test_a_million_keys_are_listed_by_pages() -> None:
    with emulator() as store:
        store.generate("p/", 1_000_000)
        page = client(store).list_objects_v2(Bucket=BUCKET, Prefix="p/00999", MaxKeys=10)
        assert [item["Key"] for item in page["Contents"]][:1] == ["p/00999000.tsv"]
        assert page["IsTruncated"]
        folders = client(store).list_objects_v2(Bucket=BUCKET, Delimiter="/")
        assert [item["Prefix"] for item in folders["CommonPrefixes"]] == ["p/"]


def test_certificates(tmp_path: Path) -> None:
    made = authority(tmp_path)
    with emulator(tls=made.server) as store:
        for known in ({"cafile": str(made.bundle)}, {"capath": str(made.folder)}):
            context = ssl.create_default_context(**known)  # type: ignore[arg-type]
            with pytest.raises(urllib.request.HTTPError) as answer:
                urllib.request.urlopen(store.url, context=context)  # noqa: S310
            assert answer.value.code == 403
            answer.value.close()
