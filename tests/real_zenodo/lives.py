"""The life cycle of drafts: whole runs against a real InvenioRDM, and the server's state afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.faults.product import Order, Zygote
from tests.real_zenodo.client import unique
from tests.real_zenodo.conftest import Real
from tests.real_zenodo.runs import FILES, LICENSED, expected, published, run

pytestmark = pytest.mark.timeout(300)


def test_a_new_draft(real: Real, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    done = run(real, workspace, "new")
    assert done.code == 0, done.log
    ident = done.outputs["deposition-id"]
    assert done.outputs["published"] == "false"
    assert real.owner.mine()[ident] == "draft"
    assert real.owner.files(ident, draft=True) == expected(workspace)
    real.proxy.clear()
    again = run(real, workspace, ident)
    assert again.code == 0, again.log
    assert again.outputs["changed"] == "false"
    assert real.proxy.writes == []


def test_a_new_record(real: Real, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    done = run(real, workspace, "new", publish="true")
    assert done.code == 0, done.log
    ident = done.outputs["deposition-id"]
    record = real.guest.record(ident)
    assert done.outputs["published"] == "true"
    assert done.outputs["doi"] == record["pids"]["doi"]["identifier"]
    assert done.outputs["concept-doi"] == record["parent"]["pids"]["doi"]["identifier"]
    assert record["metadata"]["rights"][0]["id"] == "cc-by-4.0"
    assert real.guest.files(ident) == expected(workspace)


@pytest.mark.parametrize("form", ["id", "doi", "concept", "concept doi", "address"])
def test_a_new_version(form: str, real: Real, workspace: Path) -> None:
    ident = published(real, workspace, FILES)
    before = real.guest.files(ident)
    record = real.guest.record(ident)
    (workspace / "out" / "b.tsv").write_bytes(b"changed")
    names = {
        "id": ident,
        "doi": record["pids"]["doi"]["identifier"],
        "concept": record["parent"]["id"],
        "concept doi": record["parent"]["pids"]["doi"]["identifier"],
        "address": f"{real.proxy.url}/records/{ident}",
    }
    done = run(real, workspace, names[form], publish="true", license="cc-by-4.0")
    assert done.code == 0, done.log
    assert done.counts == (1, 3, 0)
    new = done.outputs["deposition-id"]
    assert new != ident
    assert real.guest.record(new)["parent"]["id"] == record["parent"]["id"]
    assert real.guest.files(new) == expected(workspace)
    assert real.guest.files(ident) == before


def test_nothing_changed_makes_no_version(real: Real, workspace: Path) -> None:
    ident = published(real, workspace, FILES, metadata=LICENSED)
    real.proxy.clear()
    done = run(real, workspace, ident, publish="true")
    assert done.code == 0, done.log
    assert done.outputs["changed"] == "false"
    assert real.proxy.writes == []


def test_many_files_are_replaced_at_once(real: Real, workspace: Path) -> None:
    names = [f"f{number:02}.tsv" for number in range(12)]
    ident = published(real, workspace, dict.fromkeys(names, b"old"))
    in_process.fill(workspace, dict.fromkeys(names, b"new"))
    done = run(real, workspace, ident, n_jobs="8")
    assert done.code == 0, done.log
    assert done.counts == (12, 1, 0)
    assert real.owner.files(done.outputs["deposition-id"], draft=True) == expected(workspace)


def test_extra_files_go(real: Real, workspace: Path) -> None:
    ident = published(real, workspace, {**FILES, "extra1.tsv": b"e", "extra2.tsv": b"e"})
    for name in ("extra1.tsv", "extra2.tsv"):
        (workspace / "out" / name).unlink()
    in_process.fill(workspace, FILES)
    done = run(real, workspace, ident, delete_extra="true")
    assert done.code == 0, done.log
    assert done.outputs["deleted"] == "2"
    assert real.owner.files(done.outputs["deposition-id"], draft=True) == expected(workspace)


def test_a_restart(real: Real, workspace: Path) -> None:
    out = in_process.fill(workspace, FILES)
    ident = real.owner.draft({"a.tsv": b"old", "stranger.txt": b"s", "b.tsv": (out / "b.tsv").read_bytes()})
    done = run(real, workspace, ident, restart="true")
    assert done.code == 0, done.log
    assert done.counts == (4, 0, 0)
    assert real.owner.files(ident, draft=True) == expected(workspace)


def test_killed_and_run_again(real: Real, workspace: Path) -> None:
    """Wherever it was killed, there is one draft, and it is whole in the end."""
    in_process.fill(workspace, {f"f{number}.tsv": b"%d" % number for number in range(12)})
    (workspace / "about.json").write_text(json.dumps({"metadata": LICENSED}))
    inputs = {"in-dir": "out", "zenodo-id": "new", "metadata-file": "about.json", "n-jobs": "1"}
    inputs |= {"zenodo-url": real.proxy.url, "zenodo-token": real.owner.token, "publish": "true"}
    before, environment = set(real.owner.mine()), {"GITHUB_RUN_ID": unique("run")}

    def kill_after(writes: int) -> Callable[[int], float]:
        def act(pid: int) -> float:
            deadline = time.monotonic() + 60
            while len(real.proxy.writes) < writes and time.monotonic() < deadline:
                time.sleep(0.01)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return time.monotonic()

        return act

    wanted = Order(inputs, workspace, environment, hurried=False)
    with Zygote() as zygote:
        for attempt, writes in enumerate((1, 2, 3, 3, 3), start=1):
            real.proxy.clear()
            order = dataclasses.replace(wanted, act=kill_after(writes), attempt=attempt)
            killed = zygote.run(order)
            assert killed.code == -signal.SIGKILL, killed.log
        done = zygote.run(dataclasses.replace(wanted, attempt=6))
    assert done.code == 0, done.log
    made = set(real.owner.mine()) - before
    assert made == {done.outputs["deposition-id"]}
    assert real.guest.files(done.outputs["deposition-id"]) == expected(workspace)


def test_rich_metadata_stay_whole(real: Real, workspace: Path) -> None:
    rich = json.loads((Path(__file__).parent / "rich.json").read_text())
    ident = published(real, workspace, FILES, **rich)
    before = real.owner.record(ident)
    (workspace / "out" / "b.tsv").write_bytes(b"changed")
    done = run(real, workspace, ident, version="2.0", publish="true")
    assert done.code == 0, done.log
    after = real.owner.record(done.outputs["deposition-id"])
    for each in (before, after):
        for name in ("version", "publication_date"):  # the server drops the one and sets the other
            each["metadata"].pop(name)
        # Where there is no other room, a run on GitHub says in a description which one it was.
        each["metadata"]["additional_descriptions"] = [
            note
            for note in each["metadata"]["additional_descriptions"]
            if "catalog-upload" not in note["description"]
        ]
    assert after["metadata"] == before["metadata"]
    assert after["custom_fields"] == before["custom_fields"]
    assert after["access"] == before["access"]


def test_a_hundred_files(real: Real, workspace: Path) -> None:
    in_process.fill(workspace, {f"f{number:02}.tsv": b"%d" % number for number in range(99)})
    done = run(real, workspace, "new", publish="true")
    assert done.code == 0, done.log
    ident = done.outputs["deposition-id"]
    assert real.guest.files(ident) == expected(workspace)
    in_process.fill(workspace, {f"f{number:02}.tsv": b"%d" % number for number in range(100)})
    refused = run(real, workspace, "new")
    assert refused.code == 2, refused.log


def test_odd_names(real: Real, workspace: Path) -> None:
    names = [
        "a b.tsv",
        "ünï-名.tsv",
        "100%.tsv",
        "q?x=1&y.tsv",
        "#1.tsv",
        "a+b.tsv",
        "'quoted'.tsv",
        ".x",
        "%41.tsv",
    ]
    in_process.fill(workspace, {name: name.encode() for name in names})
    done = run(real, workspace, "new", publish="true")
    assert done.code == 0, done.log
    assert real.guest.files(done.outputs["deposition-id"]) == expected(workspace)
