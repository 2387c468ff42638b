"""What Zenodo's own code and other InvenioRDM services do with a run: replaced files, files half up, refusals."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from entrypoint import destinations, errors, event, outcome, workers
from tests.test_zenodo import CREATOR, FAST, FILES, GITHUB, Runner, md5s
from tests.zenodo import ZenodoServer

MANY = {f"f{number:02}.tsv": f"{number}".encode() * 50 for number in range(24)}


@pytest.fixture(params=["zenodo", "invenio"])
def server(request: pytest.FixtureRequest) -> Iterator[ZenodoServer]:
    with ZenodoServer(kind=request.param) as started:
        yield started


@pytest.fixture
def zenodo() -> Iterator[ZenodoServer]:
    with ZenodoServer() as started:
        yield started


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Runner:
    name = "server" if "server" in request.fixturenames else "zenodo"
    return Runner(request.getfixturevalue(name), tmp_path)


def ask(server: ZenodoServer, method: str, path: str, **how: Any) -> requests.Response:
    head = {"Authorization": f"Bearer {server.token}"}
    answer = requests.request(method, server.url + path, headers=head, timeout=5, **how)
    assert answer.ok, answer.text
    return answer


# Files


@pytest.mark.parametrize("n_jobs", [1, 2, 8, 64])
def test_many_files_are_replaced_at_once(server: ZenodoServer, run: Runner, n_jobs: int) -> None:
    """Deletions that are under way together meet while the server works on them; no file is lost by it."""
    server.state.options = dataclasses.replace(server.state.options, work=0.01)
    draft = server.add_draft({**MANY, "stays.bin": b"same"})
    files = {name: data + b"!" for name, data in MANY.items()} | {"stays.bin": b"same"}
    run(files, draft.id, n_jobs=n_jobs).ok()
    assert server.checksums(draft.id) == md5s(files)
    assert server.requests.in_flight_max("DELETE") <= min(n_jobs, 16)


def test_deletions_are_under_way_together_to_a_distant_server(server: ZenodoServer, run: Runner) -> None:
    server.state.options = dataclasses.replace(server.state.options, latency=0.2)
    draft = server.add_draft(MANY)
    files = {name: data + b"!" for name, data in MANY.items()}
    run(files, draft.id, n_jobs=8).ok()
    assert server.checksums(draft.id) == md5s(files)
    assert server.requests.in_flight_max("DELETE") >= 3
    assert len(server.requests.select("DELETE")) < 2 * len(MANY), "most of them do not meet"


def test_where_deletions_meet_one_goes_at_a_time(server: ZenodoServer, run: Runner) -> None:
    server.state.options = dataclasses.replace(server.state.options, work=0.05)
    draft = server.add_draft(MANY)
    files = {name: data + b"!" for name, data in MANY.items()}
    run(files, draft.id, n_jobs=64).ok()
    assert server.checksums(draft.id) == md5s(files)
    statuses = [each.status for each in server.requests.select("DELETE")]
    assert statuses.count(204) == len(MANY)
    assert 0 < len(statuses) - len(MANY) < len(MANY) // 2


def test_deletions_that_meet_and_are_blamed_on_the_server(zenodo: ZenodoServer, run: Runner) -> None:
    """A draft without metadata: the refusal is a 500, as it is for any trouble of the server's own."""
    zenodo.state.options = dataclasses.replace(zenodo.state.options, work=0.02)
    draft = zenodo.add_draft(MANY)
    zenodo.faults.add("answer", method="DELETE", status=500, body={"message": "no"}, count=4)
    files = {name: data + b"!" for name, data in MANY.items()}
    run(files, draft.id, n_jobs=8).ok()
    assert zenodo.checksums(draft.id) == md5s(files)


def test_a_file_that_can_never_be_deleted_fails_alone(zenodo: ZenodoServer, run: Runner) -> None:
    draft = zenodo.add_draft(MANY)
    zenodo.faults.add(
        "answer", method="DELETE", path="/f07.tsv", status=500, body={"message": "no"}, count=None
    )
    ran = run({name: data + b"!" for name, data in MANY.items()}, draft.id, n_jobs=8)
    assert [each.file.name for each in ran.result.results if each.status.value == "failed"] == ["f07.tsv"]
    there = zenodo.checksums(draft.id)
    assert there == md5s({name: data if name == "f07.tsv" else data + b"!" for name, data in MANY.items()})


def test_two_runs_that_replace_files_of_one_draft(server: ZenodoServer, tmp_path: Path) -> None:
    server.state.options = dataclasses.replace(server.state.options, work=0.01)
    draft = server.add_draft(MANY)
    names = sorted(MANY)
    folders = [tmp_path / "one", tmp_path / "two"]
    halves = [{name: MANY[name] + b"!" for name in names[start::2]} for start in (0, 1)]
    for folder in folders:
        folder.mkdir()

    def fill(number: int) -> None:
        patience = dataclasses.replace(FAST, tries=12, cap=1.0)
        Runner(server, folders[number])(halves[number], draft.id, n_jobs=4, patience=patience).ok()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, (0, 1)))
    assert server.checksums(draft.id) == md5s(halves[0] | halves[1])


def test_a_restart_deletes_everything_once(server: ZenodoServer, run: Runner) -> None:
    server.state.options = dataclasses.replace(server.state.options, latency=0.05)
    draft = server.add_draft({**MANY, "stranger.txt": b"s"})
    files = {name: data + b"!" for name, data in MANY.items()}
    run(files, draft.id, n_jobs=8, restart=True).ok()
    assert server.checksums(draft.id) == md5s(files)
    assert len(server.requests.select("DELETE")) >= len(MANY) + 1
    assert server.requests.in_flight_max("DELETE") >= 3


def test_a_cancel_amid_deletions_says_what_is_out(server: ZenodoServer, run: Runner) -> None:
    server.state.options = dataclasses.replace(server.state.options, latency=0.2)
    draft, cancel = server.add_draft(MANY), workers.Cancel()
    files = {name: data + b"!" for name, data in MANY.items()}

    def stop() -> None:
        while len(server.checksums(draft.id)) == len(MANY):
            time.sleep(0.01)
        cancel.set()

    threading.Thread(target=stop, daemon=True).start()
    began = time.monotonic()
    ran = run(files, draft.id, n_jobs=8, cancel=cancel)
    assert time.monotonic() - began < 7 + 5
    assert ran.result.exit_code == errors.ExitCode.CANCELLED
    assert "Deleted to be replaced, and not sent yet" in ran.notices
    run(files, draft.id).ok()
    assert server.checksums(draft.id) == md5s(files)


def test_one_file_is_replaced_in_one_request(zenodo: ZenodoServer, run: Runner) -> None:
    draft = zenodo.add_draft(FILES)
    run({**FILES, "b.tsv": b"changed"}, draft.id).ok()
    assert zenodo.requests.select("DELETE") == []
    assert len(zenodo.requests.select("PUT", "/api/files/")) == 1


def test_a_version_whose_files_all_change_takes_none_over(server: ZenodoServer, run: Runner) -> None:
    record = server.add_record({name: data for name, data in MANY.items() if name != "f00.tsv"})
    files = {name: data + b"!" for name, data in MANY.items()}
    ran = run(files, record.id, license="MIT", publish=True).ok()
    assert server.checksums(ran.links.deposition_id) == md5s(files)
    assert server.requests.select("POST", "files-import") == []
    assert server.requests.select("DELETE") == []


def test_a_run_that_breaks_off_says_which_files_are_out(zenodo: ZenodoServer, run: Runner) -> None:
    draft = zenodo.add_draft(MANY)
    zenodo.faults.add(
        "answer", method="PUT", path="/api/files/", status=400, body={"message": "no"}, count=None
    )
    files = {name: data + b"!" for name, data in MANY.items()}
    broken = run(files, draft.id)
    assert broken.result.exit_code
    assert "Deleted to be replaced, and not sent yet" in broken.notices
    zenodo.faults.clear()
    run(files, draft.id).ok()
    assert zenodo.checksums(draft.id) == md5s(files)


def test_an_answer_without_a_checksum_is_looked_up(zenodo: ZenodoServer, run: Runner) -> None:
    zenodo.faults.add("no-checksum", method="PUT", path="/api/files/", count=None)
    run(FILES).ok()
    assert len(zenodo.requests.select("PUT", "/api/files/")) == len(FILES)


@pytest.mark.parametrize("kind", ["zenodo", "invenio"])
def test_empty_files(kind: str, tmp_path: Path) -> None:
    with ZenodoServer(kind=kind) as server:
        ran = Runner(server, tmp_path)({**FILES, "empty.tsv": b""})
        if kind == "zenodo":
            assert isinstance(ran.result.error, errors.BadInput)
            assert server.requests.writes() == []
        else:
            ran.ok()


def test_planned_files_that_are_half_up_are_sent(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({"b.tsv": FILES["b.tsv"]})
    ask(server, "POST", f"/api/records/{draft.id}/draft/files", json=[{"key": "a.pmtiles"}])
    run(FILES, draft.id).ok()
    assert server.checksums(draft.id) == md5s(FILES)


def test_other_files_that_are_half_up(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({}, license="mit")
    ask(server, "POST", f"/api/records/{draft.id}/draft/files", json=[{"key": "half.bin"}])
    server.requests.clear()
    refused = run(FILES, draft.id, license="MIT", publish=True)
    assert isinstance(refused.result.error, errors.BadInput)
    assert "half.bin" in str(refused.result.error)
    assert server.requests.writes() == []
    assert "half.bin" in run(FILES, draft.id).ok().notices
    done = run(FILES, draft.id, license="MIT", publish=True, delete_extra=True).ok()
    assert done.links.published
    assert server.checksums(draft.id) == md5s(FILES)


def test_the_quota_of_a_draft_is_only_warned_of(
    zenodo: ZenodoServer, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from entrypoint.destinations.zenodo.draft import limits

    monkeypatch.setattr(limits, "MAX_BYTES", 5)
    assert "unless its quota was raised" in run(FILES, zenodo.add_draft().id).ok().notices
    assert isinstance(run(FILES).result.error, errors.BadInput)


# Refusals before a byte is sent


def test_what_the_server_refuses_is_said_before_a_byte(
    server: ZenodoServer, run: Runner, tmp_path: Path
) -> None:
    """A field that only the server knows to be wrong, in a file of InvenioRDM's own JSON."""
    (tmp_path / "native.json").write_text(json.dumps(NATIVE))
    how: dict[str, Any] = {"metadata_files": (tmp_path / "native.json",), "run": GITHUB}
    first = run(FILES, **how)
    assert first.result.exit_code in (errors.ExitCode.BAD_INPUT, errors.ExitCode.REFUSED)
    assert server.requests.select("PUT", "/files/") == []
    if first.links.deposition_id:
        assert first.links.deposition_id in str(first.result.error)
        # It is found again, and not a second one made.
        second = run(FILES, run=dataclasses.replace(GITHUB, attempt="2")).ok()
        assert second.links.deposition_id == first.links.deposition_id
    assert len(server.state.versions) <= 1


NATIVE: Mapping[str, Any] = {
    "metadata": {
        "title": "A title",
        "resource_type": {"id": "dataset"},
        "publication_date": "2026-01-01",
        "creators": [{"person_or_org": {"type": "personal", "family_name": "Doe", "given_name": "J"}}],
        "identifiers": [{"identifier": "10.1234/x", "scheme": "isbn"}],
    }
}


@pytest.mark.parametrize("kind", ["zenodo", "invenio"])
def test_a_service_that_needs_more_than_zenodo(kind: str, tmp_path: Path) -> None:
    with ZenodoServer(kind=kind, required="description") as server:
        run = Runner(server, tmp_path)
        ran = run(FILES, creators=(CREATOR,), license="MIT", publish=True)
        assert isinstance(ran.result.error, errors.BadInput), ran.result.error
        assert "description" in str(ran.result.error)
        assert server.requests.select("PUT", "/files/") == []


@pytest.mark.parametrize("number", ["draft", "record", "new", "nothing"])
def test_a_wrong_token_is_said_to_be_one(server: ZenodoServer, run: Runner, number: str) -> None:
    ids: dict[str, Any] = {
        "draft": lambda: server.add_draft().id,
        "record": lambda: server.add_record().id,
        "new": lambda: "new",
        "nothing": lambda: 987654,
    }
    ran = run(FILES, ids[number](), token="wrong")
    assert isinstance(ran.result.error, errors.NotAuthorised), ran.result.error
    assert "does not accept zenodo-token" in str(ran.result.error)
    assert server.requests.writes() == []


def test_a_doi_from_elsewhere(zenodo: ZenodoServer, run: Runner) -> None:
    draft = zenodo.add_draft(FILES, doi="10.1000/abc")
    ask(zenodo, "POST", f"/api/records/{draft.id}/draft/actions/publish")
    ran = run({**FILES, "b.tsv": b"other"}, draft.id)
    assert isinstance(ran.result.error, errors.Refused), ran.result.error
    assert "10.1000/abc" in str(ran.result.error)
    same = run(FILES, draft.id).ok()
    assert "10.1000/abc" in same.notices


# Requests and waits


@pytest.mark.parametrize("what", ["draft", "record", "new"])
def test_a_second_run_with_nothing_to_do_asks_little(server: ZenodoServer, run: Runner, what: str) -> None:
    """The list is in docs/zenodo.md."""
    how: dict[str, Any] = {"title": "T one", "creators": (CREATOR,), "license": "MIT", "run": GITHUB}
    if what == "draft":
        number: int | str = server.add_draft({}).id
    else:
        number = server.add_record(FILES).id if what == "record" else "new"
    first = run({**FILES, "b.tsv": b"second"}, number, publish=what == "record", **how).ok()
    again = "new" if what == "new" else first.links.deposition_id
    server.requests.clear()
    second = run({**FILES, "b.tsv": b"second"}, again, publish=what == "record", **how).ok()
    assert not second.result.changed
    assert server.requests.writes() == []
    asked = [f"{each.method} {each.path}" for each in server.requests]
    assert len(asked) <= 6, asked


class Told(destinations.Silent):
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.waits: list[str] = []

    def waiting(self, what: str) -> Any:
        self.waits.append(what)
        return super().waiting(what)


def test_waiting_is_bounded_for_the_whole_run_and_said(zenodo: ZenodoServer, run: Runner) -> None:
    """A publish whose answer is an error though it worked, and then a record that a gateway hides."""
    told = Told()
    hurry = dataclasses.replace(FAST, tries=50, run=2.0, settle=60.0)
    zenodo.faults.add("500-after", method="POST", path="actions/publish")
    draft = zenodo.add_draft({})
    zenodo.faults.add("504", method="GET", path=rf"/api/records/{draft.id}$", skip=0, count=None)
    destination = run.destination(draft.id, license="MIT", publish=True, patience=hurry, reporter=told)
    plan = run.plan(FILES)
    destination.preflight(plan)
    destination.begin([(file, destination.compare(file)) for file in plan], remove_extras=False)
    for file in plan:
        destination.put(file, Quiet())
    start = time.monotonic()
    with pytest.raises(errors.Unreachable) as caught:
        destination.finish(changed=True)
    destination.close()
    assert time.monotonic() - start < 30
    assert f"/records/{draft.id}" in str(caught.value)
    assert any("to publish" in each for each in told.waits)


class Quiet:
    """A watch that never stops."""

    def moved(self, count: int) -> None:
        pass

    def check(self) -> None:
        pass


def test_a_pre_release_is_remarked(zenodo: ZenodoServer, run: Runner) -> None:
    release = event.Release("v2.0-rc1", url="https://github.com/o/r/releases/tag/v2.0-rc1", prerelease=True)
    assert "v2.0-rc1 is a pre-release" in run(FILES, release=release).ok().notices


def test_only_publishing_is_told(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft(FILES)
    ran = run(FILES, draft.id, license="MIT", publish=True).ok()
    assert ran.links.just_published
    assert ran.result.changed
    assert ran.result.mode is outcome.Mode.PUBLISH
