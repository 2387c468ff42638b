"""The environment changes during a run: files, catalogs, disks, credentials, permissions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.conftest import Store
from tests.faults.kinds import FOREVER, Fault, Faults, Kind
from tests.faults.product import Order, Ran, Zygote
from tests.faults.proxy import Proxy
from tests.servers.recorder import error_xml, recorder

pytestmark = pytest.mark.timeout(120)
MIB = 1 << 20


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as started:
        yield started


def go(zygote: Zygote, store: Store, workspace: Path, *, url: str = "", inputs: dict[str, str] | None = None,
       limits: dict[str, int] | None = None, summary: Path | None = None) -> Ran:  # fmt: skip
    given = {"in-dir": "out", "s3-dir": f"s3://{store.bucket}/p", "n-jobs": "2", **(inputs or {})}
    environment = {**store.environment, "AWS_ENDPOINT_URL_S3": url or store.url}
    return zygote.run(Order(given, workspace, environment, limits=limits or {}, summary_file=summary))


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def change(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other bytes")


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(bytes(path.stat().st_size))
    other.replace(path)


@pytest.mark.parametrize("what", [grow, shrink, change, replace, Path.unlink])
@pytest.mark.parametrize("name", ["big", "small"])
def test_a_file_changes_under_our_hands(
    name: str, what: Callable[[Path], None], s3_server: Store, workspace: Path
) -> None:
    """Named as failed; the others go on; the catalog stays."""
    out = in_process.fill(
        workspace, {"big": in_process.noise(40 * MIB), "other": b"1", "small": in_process.noise(1000)}
    )
    s3_server.client.put_object(Bucket=s3_server.bucket, Key="p/catalog.yaml", Body=b"old")
    done: list[str] = []

    def shift(method: str, target: str) -> None:
        trigger = "uploads" if name == "small" else "partNumber=1"
        if trigger in target and not done:
            done.append(target)
            what(out / name)

    with recorder(s3_server.url) as proxy:
        proxy.on_request = shift
        environment = {**s3_server.environment, "AWS_ENDPOINT_URL_S3": proxy.url}
        inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p", "n-jobs": "1"}
        ran = in_process.run(inputs, workspace=workspace, environment=environment)
    assert done
    assert ran.code == 3, ran.log
    assert ran.statuses()[name] == "failed"
    assert ran.statuses()["other"] == "uploaded"
    assert s3_server.read("p/catalog.yaml") == b"old"
    assert f"p/{name}" not in set(s3_server.keys())
    assert not s3_server.client.list_multipart_uploads(Bucket=s3_server.bucket).get("Uploads")


def test_the_catalog_changes_under_our_hands(s3_server: Store, workspace: Path) -> None:
    out = in_process.fill(workspace, {"a": b"1"})
    with recorder(s3_server.url) as proxy:
        proxy.on_request = lambda method, _: grow(out / "catalog.yaml") if method == "PUT" else None
        environment = {**s3_server.environment, "AWS_ENDPOINT_URL_S3": proxy.url}
        inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p"}
        ran = in_process.run(inputs, workspace=workspace, environment=environment)
    assert ran.code == 3
    assert ran.statuses() == {"a": "uploaded", "catalog.yaml": "failed"}
    assert s3_server.keys() == ["p/a"]


def test_the_disk_is_full_for_the_manifest(s3_server: Store, workspace: Path, zygote: Zygote) -> None:
    in_process.fill(workspace, {f"file-{number:04}.tsv": b"1" for number in range(150)})
    manifest = workspace / "result.json"
    before = '{"tool": "catalog-upload", "version": "", "mode": "", "outputs": {}, "files": []}'
    manifest.write_text(before)
    ran = go(zygote, s3_server, workspace, inputs={"manifest": "result.json"}, limits={"FSIZE": 40_000})
    assert ran.code == 5, ran.log
    assert "cannot be written" in ran.log
    assert ran.outputs["uploaded"] == "151"
    assert manifest.read_text() == before
    assert not list(workspace.glob(".catalog-upload*"))


@pytest.mark.parametrize("path", ["out/a/result.json", "out"])
def test_the_manifest_has_no_place(path: str, s3_server: Store, workspace: Path, zygote: Zygote) -> None:
    in_process.fill(workspace, {"a": b"1"})
    ran = go(zygote, s3_server, workspace, inputs={"manifest": path})
    assert ran.code in (2, 5), ran.log
    assert ran.outputs
    assert "manifest" in ran.log


@pytest.mark.parametrize("path", ["/dev/full", "/no/such/folder/summary.md"])
def test_the_summary_cannot_be_written(path: str, s3_server: Store, workspace: Path, zygote: Zygote) -> None:
    in_process.fill(workspace, {"a": b"1"})
    ran = go(zygote, s3_server, workspace, summary=Path(path))
    assert ran.code == 0, ran.log
    assert "job summary could not be written" in ran.log
    assert ran.outputs["uploaded"] == "2"


@pytest.mark.parametrize("path", ["/dev/full", "/no/such/folder/outputs"])
def test_the_outputs_cannot_be_written(path: str, s3_server: Store, workspace: Path) -> None:
    """Later steps would go on with nothing, so the run has not done what it was for."""
    in_process.fill(workspace, {"a": b"1"})
    inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p"}
    ran = in_process.run(
        inputs, workspace=workspace, environment={**s3_server.environment, "GITHUB_OUTPUT": path}
    )
    assert ran.code == ran.manifest["exit-code"] == 5, ran.log
    assert f"The outputs cannot be written to {path}" in ran.log
    assert "all 2 files are uploaded" in ran.summary


def test_a_wrong_clock(s3_server: Store, workspace: Path, zygote: Zygote) -> None:
    in_process.fill(workspace, {"a": b"1"})
    with Proxy(s3_server.url, Faults([Fault(Kind.SKEWED, "", FOREVER)])) as proxy:
        ran = go(zygote, s3_server, workspace, url=proxy.url)
    assert ran.code == 4
    assert "clock" in ran.log


def test_credentials_that_expire_within_a_file(s3_server: Store, workspace: Path, zygote: Zygote) -> None:
    """Without new credentials: exit code 4; with new ones the next run continues."""
    in_process.fill(workspace, {"big": in_process.noise(40 * MIB), "small": b"1"})
    with Proxy(s3_server.url, Faults([Fault(Kind.EXPIRED, "part", FOREVER, skip=2)])) as proxy:
        ran = go(zygote, s3_server, workspace, url=proxy.url)
    assert ran.code == 4, ran.log
    assert "expired" in ran.log
    assert "p/catalog.yaml" not in set(s3_server.keys())
    again = go(zygote, s3_server, workspace)
    assert again.code == 0, again.log


def test_puts_are_allowed_and_nothing_else(s3_server: Store, workspace: Path) -> None:
    in_process.fill(workspace, {"big": in_process.noise(17 * MIB), "small": b"1"})
    with recorder(s3_server.url) as proxy:
        proxy.misbehave("GET|HEAD", status=403, body=error_xml("AccessDenied"))
        environment = {**s3_server.environment, "AWS_ENDPOINT_URL_S3": proxy.url}
        inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/p"}
        for _ in range(2):
            ran = in_process.run(inputs, workspace=workspace, environment=environment)
            assert ran.code == 0, ran.log
            assert ran.counts == (3, 0, 0)
            assert "s3:ListBucket" in ran.log
        # What was asked for cannot be done, which is found before a byte is sent.
        ran = in_process.run({**inputs, "delete-extra": "true"}, workspace=workspace, environment=environment)
        assert ran.code == 4, ran.log
        assert ran.counts == (0, 0, 0)
        assert "delete-extra cannot find what is extra" in ran.log
    assert s3_server.read("p/big") == in_process.noise(17 * MIB)


def test_a_store_that_repeats_a_checksum_unchecked(
    rclone_server: Store, workspace: Path, zygote: Zygote
) -> None:
    """What was spoiled on its way is not taken for good by the next run."""
    in_process.fill(workspace, {"a": in_process.noise(1000)})
    with Proxy(rclone_server.url, Faults([Fault(Kind.CORRUPT, "put", 2)])) as proxy:
        ran = go(zygote, rclone_server, workspace, url=proxy.url)
    assert (ran.code, ran.statuses["a"]) == (3, "failed")
    again = go(zygote, rclone_server, workspace)
    assert (again.code, again.statuses["a"]) == (0, "uploaded")
    assert rclone_server.read("p/a") == in_process.noise(1000)
