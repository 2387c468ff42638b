"""Large files: what a broken-off run leaves, what the next one makes of it, and a clean end in every case."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from entrypoint.destinations.s3 import checksums, client, unfinished
from tests import action
from tests.conformance import in_process
from tests.conformance.counting_store import counting_store
from tests.conftest import Store
from tests.servers.recorder import Recorder, error_xml, recorder
from tests.test_s3 import MIB, publish, published

SIZE = 42 * MIB
PARTS = 6


def open_uploads(store: Store) -> list[str]:
    found = store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])
    return [upload["Key"] for upload in found]


def parts_sent(proxy: Recorder) -> list[int]:
    sent = [request for request in proxy.find("PUT", "big") if request.status == 200]
    return sorted(int(request.query["partNumber"]) for request in sent)


def start(store: Store, workspace: Path, url: str, **inputs: str) -> subprocess.Popen[str]:
    """The product as a process of its own."""
    given = {
        "in-dir": "out",
        "s3-dir": f"s3://{store.bucket}/p",
        "n-jobs": "4",
        "manifest": "m.json",
        **inputs,
    }
    environment = store.environment | {
        "PYTHONPATH": str(action.ROOT),
        "AWS_ENDPOINT_URL_S3": url,
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_OUTPUT": str(workspace / "output"),
        "GITHUB_STEP_SUMMARY": str(workspace / "summary"),
        **action.variables(given),
    }
    for name in ("output", "summary"):
        (workspace / name).touch()
    return subprocess.Popen(
        action.COMMAND,
        cwd=workspace,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def broken_off(store: Store, workspace: Path, proxy: Recorder) -> list[int]:
    """Kill a run that has sent some parts of ``big``, and tell which."""
    proxy.misbehave("PUT", "partNumber=[456]", delay=30)
    process = start(store, workspace, proxy.url)
    try:
        wait_until(lambda: len(parts_sent(proxy)) >= 3)
    finally:
        process.kill()
        process.communicate()
    proxy.behave()
    sent = parts_sent(proxy)
    proxy.clear()
    return sent


def test_a_killed_run_is_continued(s3_server: Store, workspace: Path, recorded_s3: Recorder) -> None:
    data = in_process.noise(SIZE)
    in_process.fill(workspace, {"big": data})
    had = broken_off(s3_server, workspace, recorded_s3)
    assert open_uploads(s3_server) == ["p/big"]
    published(publish(s3_server, workspace, url=recorded_s3.url))
    assert set(parts_sent(recorded_s3)) == set(range(1, PARTS + 1)) - set(had)
    assert s3_server.read("p/big") == data
    assert open_uploads(s3_server) == []


def test_a_changed_file_starts_anew(s3_server: Store, workspace: Path, recorded_s3: Recorder) -> None:
    in_process.fill(workspace, {"big": in_process.noise(SIZE)})
    broken_off(s3_server, workspace, recorded_s3)
    data = in_process.noise(SIZE, "other")
    in_process.fill(workspace, {"big": data})
    published(publish(s3_server, workspace, url=recorded_s3.url))
    assert parts_sent(recorded_s3) == list(range(1, PARTS + 1))
    assert s3_server.read("p/big") == data
    assert open_uploads(s3_server) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["localstack", "rclone"])
def test_a_cancelled_run_ends_soon_and_clean(
    request: pytest.FixtureRequest, workspace: Path, name: str, number: signal.Signals
) -> None:
    store = request.getfixturevalue("s3_server" if name == "localstack" else "rclone_server")
    in_process.fill(workspace, {"big": in_process.noise(SIZE), "small": b"1"})
    with recorder(store.url) as proxy:
        proxy.misbehave("PUT", "partNumber=[456]", delay=30)
        process = start(store, workspace, proxy.url)
        wait_until(lambda: len(parts_sent(proxy)) >= 3)
        began = time.monotonic()
        process.send_signal(number)
        log, _ = process.communicate(timeout=20)
        seconds = time.monotonic() - began
    assert process.returncode == 130, log
    assert seconds < 7
    assert "Traceback" not in log
    assert "uploaded" in (workspace / "output").read_text()
    assert "ancelled" in (workspace / "summary").read_text()
    assert (workspace / "m.json").exists()
    assert set(store.keys()) <= {"p/small"}
    if name == "localstack":
        assert open_uploads(store) == []


def test_a_failed_run_leaves_nothing_open(s3_server: Store, workspace: Path, recorded_s3: Recorder) -> None:
    in_process.fill(
        workspace, {"big": in_process.noise(SIZE), "big2": in_process.noise(SIZE, "2"), "small": b"1"}
    )
    recorded_s3.misbehave("PUT", "big.*partNumber=4", status=403, body=error_xml("AccessDenied"))
    recorded_s3.misbehave("POST", "big2.*uploadId", status=400, body=error_xml("InvalidPart"))
    run = publish(s3_server, workspace, url=recorded_s3.url)
    assert run.code == 3
    assert open_uploads(s3_server) == []
    assert s3_server.keys() == ["p/small"]


def test_uploads_of_others_are_left_alone(s3_server: Store, workspace: Path) -> None:
    """Of planned and of other keys, with and without parts, of other tools and in other prefixes."""
    client, bucket = s3_server.client, s3_server.bucket
    data = in_process.noise(SIZE)
    in_process.fill(workspace, {"big": data, "big2": data})
    opened = []
    for key, size, number in (
        ("p/big", 8 * MIB, 1),
        ("p/big", 5 * MIB, PARTS),  # its number is that of our last part
        ("p/big2", 0, 0),
        ("p/other", 8 * MIB, 1),
        ("p2/own", checksums.part_size(SIZE), 1),
    ):
        upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        if number:
            client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=data[:size])
        opened.append(upload)
    published(publish(s3_server, workspace))
    left = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert {upload["UploadId"] for upload in left} == set(opened)


def test_what_a_run_leaves_that_is_killed_before_its_first_part(s3_server: Store, workspace: Path) -> None:
    """Empty, of a planned file, with the checksum that we ask for: it goes when the file is sent."""
    client, bucket = s3_server.client, s3_server.bucket
    in_process.fill(workspace, {"big": in_process.noise(SIZE)})
    client.create_multipart_upload(Bucket=bucket, Key="p/big", ChecksumAlgorithm="CRC64NVME")
    published(publish(s3_server, workspace))
    assert open_uploads(s3_server) == []


def test_our_own_that_are_old_are_dropped(s3_server: Store) -> None:
    """Below the prefix, older than a day and of no planned file; a day cannot be waited for."""
    aborted: list[str] = []
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1, minutes=1)
    own, other = checksums.part_size(SIZE), 8 * MIB
    found = [
        (client.OpenUpload("p/gone", "old-own", now - day, ""), own),
        (client.OpenUpload("p/gone", "new-own", now, ""), own),
        (client.OpenUpload("p/gone", "old-other", now - day, ""), other),
    ]
    sizes = {upload.id: size for upload, size in found}

    class Ask:
        def open_uploads(self, prefix: str) -> list[client.OpenUpload]:
            assert prefix == "p/"
            return [upload for upload, _ in found]

        def list_parts(self, key: str, upload: str) -> list[client.Part]:
            return [client.Part(1, sizes[upload], "", {})]

        def abort_upload(self, key: str, upload: str, check: Callable[[], None]) -> None:
            aborted.append(upload)

    unfinished.Uploads(Ask()).find(("p",), {"p/big": SIZE})  # type: ignore[arg-type]
    assert aborted == ["old-own"]


def test_a_file_that_changes_while_it_is_sent(any_s3: Store, workspace: Path) -> None:
    out = in_process.fill(workspace, {"big": in_process.noise(SIZE), "small": b"1"})
    any_s3.client.put_object(Bucket=any_s3.bucket, Key="p/big", Body=b"old")

    def change(method: str, target: str) -> None:
        if method == "PUT" and "partNumber=2" in target:
            os.utime(out / "big", (5, 5))

    with recorder(any_s3.url) as proxy:
        proxy.on_request = change
        run = publish(any_s3, workspace, url=proxy.url)
    assert run.code == 3
    assert run.statuses() == {"big": "failed", "small": "uploaded", "catalog.yaml": "withheld"}
    assert "changed during the run" in run.log
    assert any_s3.read("p/big") == b"old"


def test_two_runs_at_once(s3_server: Store, workspace: Path) -> None:
    """Each of them ends; the result is that of one run, complete."""
    in_process.fill(workspace, {"big": in_process.noise(20 * MIB), "a": b"1"})
    (workspace / "second").mkdir()
    in_process.fill(workspace / "second", {"big": in_process.noise(20 * MIB, "2"), "a": b"2"}, ident="second")
    with recorder(s3_server.url) as proxy:
        proxy.misbehave("PUT", "/a", delay=0.5)
        processes = [start(s3_server, folder, proxy.url) for folder in (workspace, workspace / "second")]
        ends = [process.communicate(timeout=60)[0] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) in ([0, 0], [0, 3]), ends
    assert open_uploads(s3_server) == []
    if 3 in codes:
        assert "another run" in ends[codes.index(3)]
    winner = codes.index(0)
    catalog = s3_server.read("p/catalog.yaml").decode()
    assert sorted(codes) == [0, 0] or ("second" in catalog) == (winner == 1)


@pytest.mark.slow
def test_a_very_large_file(workspace: Path) -> None:
    """6 GB, sparse: every byte arrives in parts that fit together, and memory does not grow with the file."""
    size = 6 << 30
    out = in_process.fill(workspace, {"huge.bin": b""})
    os.truncate(out / "huge.bin", size)
    with counting_store() as far:
        environment = {"AWS_ACCESS_KEY_ID": "local-key", "AWS_SECRET_ACCESS_KEY": "local-secret"}
        store = Store("hole", far.url, "bucket", environment, client=None)  # type: ignore[arg-type]
        process = start(store, workspace, far.url)
        peak = 0
        # A process that has just ended is without memory, and then without a status.
        with contextlib.suppress(OSError, IndexError):
            while process.poll() is None:
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]))
                time.sleep(0.05)
        log, _ = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert sum(far.parts.values()) == size
    assert sorted(far.parts) == list(range(1, checksums.parts(size) + 1))
    assert peak < 300 * 1024, "kB of memory"
