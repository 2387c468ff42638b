"""The servers that other tests rely on do what those tests believe of them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests import dataset, pmtiles
from tests.conftest import Store
from tests.servers import process
from tests.servers.recorder import Recorder, error_xml, recorder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def client(store: Store, url: str = "", secret: str = "") -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=url or store.url,
        region_name="us-east-1",
        aws_access_key_id=store.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or store.credentials["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_both_stores_keep_what_they_are_given(any_s3: Store) -> None:
    any_s3.client.put_object(Bucket=any_s3.bucket, Key="a/b.tsv", Body=b"content")
    assert any_s3.keys() == ["a/b.tsv"]
    assert any_s3.read("a/b.tsv") == b"content"


def test_buckets_start_empty(any_s3: Store) -> None:
    assert any_s3.keys() == []


def test_localstack_refuses_a_wrong_checksum_and_a_failed_condition(s3_server: Store) -> None:
    put = s3_server.client.put_object
    with pytest.raises(ClientError) as wrong:
        put(Bucket=s3_server.bucket, Key="k", Body=b"x", ChecksumCRC64NVME="AAAAAAAAAAA=")
    assert code(wrong) in ("BadDigest", "InvalidRequest")
    put(Bucket=s3_server.bucket, Key="k", Body=b"x", IfNoneMatch="*")
    with pytest.raises(ClientError) as second:
        put(Bucket=s3_server.bucket, Key="k", Body=b"x", IfNoneMatch="*")
    assert code(second) == "PreconditionFailed"


def test_rclone_checks_signatures(rclone_server: Store) -> None:
    with pytest.raises(ClientError) as refused:
        client(rclone_server, secret="wrong").list_objects_v2(Bucket=rclone_server.bucket)
    assert code(refused) == "SignatureDoesNotMatch"


class TestRecorder:
    def test_signed_requests_pass_and_are_recorded(self, rclone_server: Store) -> None:
        body = b"0123456789" * 100_000
        with recorder(rclone_server.url) as proxy:
            through = client(rclone_server, proxy.url)
            through.put_object(Bucket=rclone_server.bucket, Key="big file", Body=body)
            assert through.get_object(Bucket=rclone_server.bucket, Key="big file")["Body"].read() == body
            put, get = proxy.requests
        assert (put.method, put.path, put.status) == ("PUT", f"/{rclone_server.bucket}/big%20file", 200)
        assert put.size >= len(body)
        assert put.headers["host"] in proxy.url
        assert [request.writes for request in (put, get)] == [True, False]
        assert rclone_server.read("big file") == body

    def test_it_answers_by_itself_as_often_as_told(self, s3_server: Store, recorded_s3: Recorder) -> None:
        through = client(s3_server, recorded_s3.url)
        recorded_s3.misbehave("PUT", "/k$", status=503, body=error_xml("SlowDown"), times=1)
        with pytest.raises(ClientError) as slow:
            through.put_object(Bucket=s3_server.bucket, Key="k", Body=b"x" * 100_000)
        assert code(slow) == "SlowDown"
        through.put_object(Bucket=s3_server.bucket, Key="k", Body=b"x")
        assert [request.status for request in recorded_s3.find("PUT", "/k$")] == [503, 200]

    def test_it_corrupts_and_drops(self, s3_server: Store, recorded_s3: Recorder) -> None:
        through = client(s3_server, recorded_s3.url)
        recorded_s3.misbehave("PUT", corrupt=True, times=1)
        with pytest.raises(ClientError):
            through.put_object(Bucket=s3_server.bucket, Key="k", Body=b"x", ChecksumAlgorithm="CRC32")
        recorded_s3.misbehave("PUT", drop=True, times=1)
        with pytest.raises(Exception, match="Connection"):
            through.put_object(Bucket=s3_server.bucket, Key="k", Body=b"x")
        assert s3_server.keys() == []

    def test_it_hides_headers(self, s3_server: Store, recorded_s3: Recorder) -> None:
        through = client(s3_server, recorded_s3.url)
        recorded_s3.hidden_response_headers = "x-amz-checksum-"
        recorded_s3.hidden_request_headers = "if-none-match"
        for _ in range(2):
            answer = through.put_object(Bucket=s3_server.bucket, Key="k", Body=b"x", IfNoneMatch="*")
            assert "ChecksumCRC32" not in answer

    def test_it_rewrites_headers(self, s3_server: Store, recorded_s3: Recorder) -> None:
        recorded_s3.rewrite_response_headers = {"etag": '"other"'}
        answer = client(s3_server, recorded_s3.url).put_object(Bucket=s3_server.bucket, Key="k", Body=b"x")
        assert answer["ETag"] == '"other"'

    def test_it_delays(self, s3_server: Store, recorded_s3: Recorder) -> None:
        recorded_s3.delay = 0.2
        client(s3_server, recorded_s3.url).list_objects_v2(Bucket=s3_server.bucket)
        (request,) = recorded_s3.requests
        assert request.ended - request.began >= 0.2


def test_a_server_ends_with_its_parent(tmp_path: Path) -> None:
    port = process.free_port()
    script = f"""
import os, sys
from pathlib import Path
from tests.servers import process
server = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
ready = lambda: process.listens({port})
with process.running(server, ready=ready, log=Path(r"{tmp_path}/log"), environment={{}}):
    os.kill(os.getpid(), 9)
"""
    parent = subprocess.run([sys.executable, "-c", script], check=False)
    assert parent.returncode == -9
    deadline = time.monotonic() + 10
    while process.listens(port):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with (
        pytest.raises(RuntimeError, match="no such thing"),
        process.running(command, ready=lambda: False, log=tmp_path / "log", environment={}),
    ):
        pass


class TestDataset:
    def test_the_starter_set_is_whole_and_the_same_each_time(self, tmp_path: Path) -> None:
        first = dataset.make("small_starter", tmp_path / "a", scale=0.001)
        dataset.make("small_starter", tmp_path / "b", scale=0.001)
        assert len(first) == 66
        for path in first:
            assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()

    @pytest.mark.parametrize("size", [0, 400, 600, 20_000, 5_000_000])
    def test_archives_are_true_and_of_the_size_asked_for(self, tmp_path: Path, size: int) -> None:
        path = tmp_path / "x.pmtiles"
        dataset.write(path, size)
        pmtiles.read_tile(path.read_bytes())
        assert path.stat().st_size == max(size, pmtiles_floor(tmp_path))

    def test_another_seed_is_other_content_of_the_same_size(self, tmp_path: Path) -> None:
        dataset.write(tmp_path / "x.pmtiles", 10_000)
        before = (tmp_path / "x.pmtiles").read_bytes()
        dataset.write(tmp_path / "x.pmtiles", 10_000, seed="2")
        after = (tmp_path / "x.pmtiles").read_bytes()
        assert len(before) == len(after)
        assert before != after

    def test_sparse_files_take_no_room(self, tmp_path: Path) -> None:
        dataset.write(tmp_path / "x.pmtiles", 6 << 30, sparse=True)
        found = (tmp_path / "x.pmtiles").stat()
        assert found.st_size == 6 << 30
        assert found.st_blocks * 512 < 1 << 20


def pmtiles_floor(folder: Path) -> int:
    dataset.write(folder / "y.pmtiles", 0)
    return (folder / "y.pmtiles").stat().st_size
