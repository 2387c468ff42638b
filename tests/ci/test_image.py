"""The image: what is in it, and that a container of it does what the process does."""

from __future__ import annotations

import json
import tarfile
import threading
import time
from pathlib import Path
from typing import IO

import pytest

from entrypoint import __version__
from tests import dataset as datasets
from tests.ci.conftest import Publish
from tests.conftest import Store
from tests.servers.recorder import Recorder
from tools import container

# A user's repository may contain files with the names of modules that the action imports.
HOSTILE = (
    "requests.py",
    "boto3.py",
    "yaml.py",
    "entrypoint.py",
    "sitecustomize.py",
    "usercustomize.py",
    "json.py",
)


def test_publishes_skips_and_replaces(publish: Publish, s3_server: Store, dataset: Path) -> None:
    inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/atlas", "manifest": "manifest.json"}
    names = sorted(path.relative_to(dataset).as_posix() for path in dataset.rglob("*") if path.is_file())

    first = publish(inputs, s3_server.environment)
    assert first.code == 0, first.log
    assert s3_server.keys() == [f"atlas/{name}" for name in names]
    assert all(s3_server.read(f"atlas/{name}") == (dataset / name).read_bytes() for name in names)
    assert (first.outputs["uploaded"], first.outputs["changed"]) == (str(len(names)), "true")
    assert json.loads((dataset.parent / "manifest.json").read_text())
    assert f"Published {len(names)} files" in first.summary

    second = publish(inputs, s3_server.environment)
    assert (second.code, second.outputs["uploaded"], second.outputs["changed"]) == (0, "0", "false"), (
        second.log
    )
    print(
        f"a run with nothing to do over {len(names)} files: {second.seconds:.2f} s from start to end of the container"
    )

    datasets.write(dataset / "t12-f12-info.tsv", 500, seed="changed")
    third = publish(inputs, s3_server.environment)
    assert (third.code, third.outputs["uploaded"]) == (0, "1"), third.log


def test_nothing_of_the_workspace_is_imported(publish: Publish, s3_server: Store, dataset: Path) -> None:
    workspace = dataset.parent
    for name in HOSTILE:
        (workspace / name).write_text("raise SystemExit('imported from the workspace')\n")
    for package in ("tests", "entrypoint", "botocore", "encodings"):
        (workspace / package).mkdir()
        (workspace / package / "__init__.py").write_text("raise SystemExit('imported from the workspace')\n")
    run = publish({"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}"}, s3_server.environment)
    assert run.code == 0, run.log
    assert "imported from" not in run.log


def test_a_workspace_that_cannot_be_written(publish: Publish, s3_server: Store, dataset: Path) -> None:
    inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/atlas"}
    run = publish(inputs, s3_server.environment, workspace_as="ro")
    assert (run.code, run.outputs["uploaded"]) == (0, "66"), run.log
    run = publish({**inputs, "manifest": "result/manifest.json"}, s3_server.environment, workspace_as="ro")
    assert run.code == 5, run.log
    assert "manifest.json' cannot be written: Read-only file system" in run.log, run.log
    assert (run.outputs["skipped"], run.outputs["failed"]) == ("66", "0")
    assert "Read-only file system" in run.summary
    assert not (dataset.parent / "result").exists()


def test_a_dry_run_writes_nothing(publish: Publish, s3_server: Store, dataset: Path) -> None:
    inputs = {"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}/x", "dry-run": "true"}
    run = publish(inputs, s3_server.environment)
    assert (run.code, s3_server.keys()) == (0, []), run.log


def test_bad_input_ends_with_2_and_says_so_everywhere(publish: Publish, workspace: Path) -> None:
    run = publish({"in-dir": "/home/runner/work/a/a/out", "n-jobs": "many"}, {})
    assert run.code == 2
    assert "::error" in run.log
    for name in ("in-dir", "n-jobs", "s3-dir"):
        assert name in run.log
        assert name in run.summary
    assert set(run.outputs) >= {"uploaded", "failed"}


def test_help_and_version(image: str) -> None:
    shown = container.run(image, ["--help"])
    assert (shown.returncode, shown.stdout.startswith("usage: catalog-upload")) == (0, True)
    assert container.run(image, ["--version"]).stdout.strip() == f"catalog-upload {__version__}"


def test_layers_above_the_base_hold_the_program_and_nothing_else(image: str, tmp_path: Path) -> None:
    container.podman("save", "--quiet", "--format=docker-archive", f"--output={tmp_path}/image.tar", image)
    ours = len(json.loads(container.podman("image", "inspect", container.BASE).stdout)[0]["RootFS"]["Layers"])
    config = json.loads(container.podman("image", "inspect", image).stdout)[0]["Config"]
    found: list[tarfile.TarInfo] = []
    with tarfile.open(tmp_path / "image.tar") as archive:

        def member(name: str) -> IO[bytes]:
            stream = archive.extractfile(name)
            assert stream is not None
            return stream

        for layer in json.load(member("manifest.json"))[0]["Layers"][ours:]:
            with tarfile.open(fileobj=member(layer)) as tar:
                found += tar.getmembers()
    files = [member.name for member in found if not member.isdir()]
    assert files
    assert [
        name for name in files if not name.startswith(("opt/venv/", "opt/app/entrypoint/", "opt/app/LICENSE"))
    ] == []
    packages = {name.partition("/site-packages/")[2].partition("/")[0] for name in files}
    assert packages & {"pip", "setuptools", "tests", "github"} == set()
    writable = [m.name for m in found if m.isfile() and m.mode & 0o222 and m.name != "opt/app/LICENSE"]
    assert writable == []
    sources = {name for name in files if name.endswith(".py") and "/entrypoint/" in name}
    compiled = {name for name in files if name.endswith(".pyc") and "/entrypoint/" in name}
    assert len(sources) == len(compiled)

    assert config["Entrypoint"] == ["/opt/venv/bin/python", "-P", "-m", "entrypoint"]
    assert not config.get("User"), "the runner needs root, as the workspace belongs to another user"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "catalog-upload"


@pytest.mark.parametrize("signal", ["INT", "TERM"])
def test_a_cancelled_run_ends_in_time(
    publish: Publish, s3_server: Store, recorded_s3: Recorder, dataset: Path, signal: str
) -> None:
    """The runner sends SIGINT, 7.5 s later SIGTERM, and 2.5 s later it kills."""
    sending, ended = threading.Event(), threading.Event()

    def hold(method: str, target: str) -> None:
        if method == "PUT":
            sending.set()
            ended.wait(30)

    recorded_s3.on_request = hold
    name = f"{s3_server.bucket}-{signal.lower()}"
    environment = {**s3_server.environment, "AWS_ENDPOINT_URL_S3": recorded_s3.url}
    began: list[float] = []

    def cancel() -> None:
        assert sending.wait(10)
        began.append(time.perf_counter())
        container.podman("kill", f"--signal={signal}", name)

    thread = threading.Thread(target=cancel)
    thread.start()
    run = publish({"in-dir": "out", "s3-dir": f"s3://{s3_server.bucket}"}, environment, name=name)
    ended.set()
    thread.join()
    assert began, run.log
    assert time.perf_counter() - began[0] < 7
    assert run.code == 130, run.log
    assert run.summary
    # What was held back may arrive once it is let go, whole; the catalog never set out.
    there = s3_server.keys()
    assert "catalog.yaml" not in there
    for key in there:
        assert s3_server.read(key) == (dataset / key).read_bytes()


def test_size_and_start(image: str) -> None:
    """Printed and watched, not asserted."""
    base = len(container.layers(container.BASE))
    above = sum(container.layers(image)[base:])
    print(f"image: {above / 1e6:.1f} MB compressed above its base")
    began = time.perf_counter()
    container.run(image, ["--version"])
    print(f"start: {time.perf_counter() - began:.2f} s from start to end of a container that says --version")
