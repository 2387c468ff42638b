"""The command as people use it in a terminal: streams, events, completion, Ctrl-C, and what it must not destroy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from entrypoint import cli
from tests import action
from tests.s3_emulator import habits
from tests.s3_emulator.habits import Refusal
from tests.s3_emulator.server import Stranger, emulator

PREFIX: Final = "s3://bucket/atlas/x"


@pytest.fixture
def store() -> Iterator[Stranger]:
    with emulator(habits.AWS) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    (out / "catalog.yaml").write_text("id: x\nassets: {sge: {all: all.pmtiles}}\n")
    (out / "all.pmtiles").write_bytes(b"tiles")
    return tmp_path


def command(
    place: Path, store: Stranger | None, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(action.ROOT),
        "HOME": str(place / "home"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **(store.environment if store else {}),
        **more,
    }
    return subprocess.run(
        [*action.COMMAND, *arguments], cwd=place, env=environment, capture_output=True, text=True, check=False
    )


def upload(place: Path, store: Stranger, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(place, store, "--in-dir", "out", "--s3-dir", PREFIX, *arguments)


# --- what goes where


def test_results_and_progress_are_apart(place: Path, store: Stranger) -> None:
    done = upload(place, store)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("Published 2 files")
    assert done.stderr.startswith("Publishing 2 files")
    quiet = upload(place, store, "-q")
    assert quiet.stdout.splitlines()[-1].startswith("Nothing to do")
    assert quiet.stderr == ""


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_stream_that_is_closed_from_the_start(place: Path, store: Stranger, closed: str) -> None:
    line = [*action.COMMAND, "--in-dir", "out", "--s3-dir", PREFIX]
    code = f"import os; os.close({closed}); os.execv({line[0]!r}, {line!r})"
    environment = {**os.environ, **store.environment, "PYTHONPATH": str(action.ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_manifest_that_standard_output_cannot_take_is_said(place: Path, store: Stranger) -> None:
    environment = {**os.environ, **store.environment, "PYTHONPATH": str(action.ROOT)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*action.COMMAND, "--in-dir", "out", "--s3-dir", PREFIX, "--manifest", "-"],
            cwd=place,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--dry-run", "-q"]])
def test_results_that_standard_output_cannot_take_are_a_failure(
    place: Path, store: Stranger, arguments: list[str]
) -> None:
    environment = {**os.environ, **store.environment, "PYTHONPATH": str(action.ROOT)}
    line = [*action.COMMAND, "--in-dir", "out", "--s3-dir", PREFIX, *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            line, cwd=place, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 5
    what = "events" if arguments == ["--json"] else "results"
    assert f"The {what} cannot be written to standard output: No space left on device" in done.stderr
    assert "error: The result could not be written; " in done.stderr


def test_a_dry_run_that_could_compare_nothing_prints_no_plan(place: Path, store: Stranger) -> None:
    done = command(place, store, "--in-dir", "out", "--s3-dir", "s3://nobody/x", "--dry-run")
    assert (done.returncode, done.stdout) == (5, "")


def test_the_readme_shows_what_bad_inputs_look_like(tmp_path: Path) -> None:
    done = command(tmp_path, None, "--in-dir", "nope", "--n-jobs", "many")
    assert done.stderr.replace(str(tmp_path), "/data") in (action.ROOT / "README.md").read_text()


def test_a_failed_run_says_all_of_it_on_standard_error(place: Path, store: Stranger) -> None:
    (place / "out" / "all.pmtiles").unlink()
    done = upload(place, store, "-q")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("all.pmtiles: listed in the catalog")
    assert [line.partition(":")[0] for line in lines[-3:]] == ["error", "What to do", "Where"]


def test_a_dry_run_prints_its_plan_as_the_result(place: Path, store: Stranger) -> None:
    done = upload(place, store, "--dry-run", "-q")
    assert done.stdout.splitlines()[0].split() == [
        "would",
        "upload",
        "5",
        "bytes",
        "all.pmtiles",
        "(not",
        "uploaded",
        "yet)",
    ]
    assert store.writes == []


def test_programs_get_an_object_in_each_line_and_the_manifest_last(place: Path, store: Stranger) -> None:
    done = upload(place, store, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "plan"
    assert kinds[-1] == "manifest"
    assert kinds.count("file") == 2
    assert events[-1]["exit-code"] == 0
    assert events[-1]["outputs"]["uploaded"] == "2"
    bad = command(place, None, "--json", "--no-such-flag")
    last = json.loads(bad.stdout.splitlines()[-1])
    assert (last["event"], last["exit-code"], bad.returncode) == ("manifest", 2, 2)
    assert "--no-such-flag" in bad.stderr


def test_the_manifest_may_go_to_standard_output(place: Path, store: Stranger) -> None:
    done = upload(place, store, "--manifest", "-")
    document = json.loads(done.stdout)
    assert document["headline"].startswith("Published 2 files")
    assert "Published 2 files" in done.stderr
    bad = upload(place, store, "--manifest", "-", "--n-jobs", "many")
    assert json.loads(bad.stdout)["exit-code"] == 2


# --- what it must not destroy


@pytest.mark.parametrize("name", ["out/catalog.yaml", "out/all.pmtiles", "notes.txt", "token"])
@pytest.mark.parametrize("broken", [False, True])
def test_a_manifest_replaces_no_file_of_the_user(
    place: Path, store: Stranger, name: str, broken: bool
) -> None:
    for extra in ("notes.txt", "token"):
        (place / extra).write_text("mine")
    before = (place / name).read_bytes()
    done = upload(place, store, "--manifest", name, *(["--groups", "x"] if broken else []))
    assert done.returncode == 2
    assert f"manifest: {name!r} is a file that is not an earlier manifest" in done.stderr
    assert (place / name).read_bytes() == before
    assert store.seen == []


def test_an_earlier_manifest_is_not_uploaded_and_then_replaced(place: Path, store: Stranger) -> None:
    assert upload(place, store, "--manifest", "out/m.json").returncode == 0
    assert upload(place, store, "--manifest", "out/m.json").returncode == 0
    before = (place / "out" / "m.json").read_bytes()
    done = upload(place, store, "--manifest", "out/m.json", "--upload-method", "all")
    assert done.returncode == 2
    assert "manifest: 'out/m.json' is one of the files to upload" in done.stderr
    assert (place / "out" / "m.json").read_bytes() == before


def other_data_set(place: Path, store: Stranger) -> None:
    assert command(place, store, "--in-dir", "out", "--s3-dir", f"{PREFIX}/other").returncode == 0
    store.seen.clear()


def test_delete_extra_needs_a_prefix(place: Path, store: Stranger) -> None:
    other_data_set(place, store)
    done = command(place, store, "--in-dir", "out", "--s3-dir", "s3://bucket", "--delete-extra")
    assert done.returncode == 2
    assert "delete-extra: requires a prefix" in done.stderr
    assert store.seen == []


@pytest.mark.parametrize("mode", [[], ["--dry-run"], ["--restart"]])
def test_delete_extra_deletes_no_other_data_set(place: Path, store: Stranger, mode: list[str]) -> None:
    other_data_set(place, store)
    keys = store.keys()
    done = upload(place, store, "--delete-extra", *mode)
    assert done.returncode == 2
    assert (
        "delete-extra: there are catalogs of other data sets among the 2 extra files (other/catalog.yaml)"
        in done.stderr
    )
    assert store.keys() == keys
    assert store.writes == []


def test_delete_extra_is_loud(place: Path, store: Stranger) -> None:
    old = place / "old"
    old.mkdir()
    (old / "old.pmtiles").write_bytes(b"old")
    assert upload(place, store, "--in-dir", "old", "--upload-method", "all").returncode == 0
    dry = upload(place, store, "--delete-extra", "--dry-run")
    assert dry.stdout.splitlines()[0].split() == ["would", "delete", "3", "bytes", "old.pmtiles"]
    assert dry.stdout.splitlines()[-1].startswith("Dry run: would delete 1 extra file and upload 2 files")
    done = upload(place, store, "--delete-extra", "-q", "--manifest", "m.json")
    assert done.stdout.splitlines()[-1].endswith("; deleted 1 extra file")
    assert done.stderr.startswith("warning: Deleted 1 extra file\n  old.pmtiles (3 bytes)\n")
    assert json.loads((place / "m.json").read_text())["outputs"]["deleted"] == "1"
    assert store.keys() == ["atlas/x/all.pmtiles", "atlas/x/catalog.yaml"]


def test_a_catalog_that_replaces_a_richer_one_is_said(place: Path, store: Stranger) -> None:
    out = place / "out"
    poor = (out / "catalog.yaml").read_text()
    for name in ("a.tsv", "b.pmtiles"):
        (out / name).write_text(name)
    (out / "catalog.yaml").write_text(
        "id: x\nassets: {sge: {all: all.pmtiles}, alias_ai: a.tsv, basemap: {dark: b.pmtiles}}\n"
    )
    assert "the catalog that was there" not in upload(place, store).stderr
    (out / "catalog.yaml").write_text(poor)
    said = (
        "catalog.yaml: the catalog there names 2 files that yours does not (a.tsv, b.pmtiles) and has alias_ai, "
        "which yours lacks."
    )
    dry = upload(place, store, "--dry-run")
    assert said in dry.stderr
    assert "download it before it is replaced" in dry.stderr
    done = upload(place, store)
    assert done.returncode == 0
    assert "the catalog that was there named 2 files that yours does not" in done.stderr
    assert "and had alias_ai" in done.stderr
    assert "download" not in done.stderr  # it is too late
    assert "the catalog that was there" not in upload(place, store).stderr
    # Whatever is there instead, and may not even be read, ends no run.
    for other in (b"no: [catalog", b"\0\xff", b"[]"):
        store.put("atlas/x/catalog.yaml", other)
        done = upload(place, store)
        assert done.returncode == 0, done.stderr
        assert "the catalog that was there" not in done.stderr
    store.put("atlas/x/catalog.yaml", b"id: x\nassets: {basemap: {z: z.png}}\n")
    store.refuse(Refusal("GetObject", 403, "AccessDenied"))
    done = upload(place, store)
    assert done.returncode == 0, done.stderr


# --- Ctrl-C

SIGNAL_AT_IMPORT: Final = """
import os, signal, sys
wanted = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from entrypoint.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "module",
    ["entrypoint.app", "yaml", "entrypoint.settings", "entrypoint.report", "entrypoint.transfer"],
)
def test_ctrl_c_is_quiet_while_modules_are_loaded(place: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", SIGNAL_AT_IMPORT, module, "--in-dir", "out", "--s3-dir", PREFIX],
        cwd=place,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(action.ROOT), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert "error: Cancelled" in done.stderr


# --- completion


def completed(place: Path, line: str, **more: str) -> set[str]:
    found = place / "completions"
    command(
        place,
        None,
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
        COMP_TYPE="9",
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_STDOUT_FILENAME=str(found),
        _ARGCOMPLETE_IFS="\n",
        **more,
    )
    return {word.strip() for word in found.read_text().split("\n")}


def test_fish_explains_the_commands(place: Path) -> None:
    words = completed(place, "catalog-upload up", _ARGCOMPLETE_SHELL="fish", _ARGCOMPLETE_DFS="\t")
    assert words == {f"{name}\tcartloader's command line" for name in ("upload_aws", "upload_zenodo")}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("catalog-upload --upload-m", {"--upload-method"}),
        ("catalog-upload --upload-method ", {"catalog", "all", "files"}),
        ("catalog-upload --dry-run f", {"false"}),
        ("catalog-upload upl", {"upload_aws", "upload_zenodo"}),
        ("catalog-upload upload_aws --prof", {"--profile"}),
        ("catalog-upload upload_zenodo --tok", {"--token-file"}),
        ("catalog-upload --completion ", set(cli.SHELLS)),
    ],
)
def test_shells_complete_flags_and_values(place: Path, line: str, words: set[str]) -> None:
    assert completed(place, line) == words


@pytest.mark.parametrize("shell", cli.SHELLS)
def test_each_shell_gets_its_script(place: Path, shell: str) -> None:
    done = command(place, None, "--completion", shell)
    assert done.returncode == 0
    assert "catalog-upload" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)
