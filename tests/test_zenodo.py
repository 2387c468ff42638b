"""Whole runs against the mocked Zenodo, through the real transfer."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from entrypoint import errors, event, outcome, settings, transfer, workers
from entrypoint.destinations import Links, zenodo
from entrypoint.destinations.zenodo.api.patience import Patience
from entrypoint.plan import model, pack
from tests.zenodo import ZenodoServer, actions

FAST = Patience(tries=5, first=0.02, cap=0.1, denied=3, connect=3.0, stall=1.0, answer=2.0, settle=1.0)
FILES = {"a.pmtiles": b"tiles", "b.tsv": b"rows\n", "catalog.yaml": b"id: one\n"}
GITHUB = settings.Run(on_github=True, repository="o/r", id="77", attempt="1")
RELEASE = event.Release(
    "v1.2", "Atlas 1.2", "# News\n\n* one <script>", "https://github.com/o/r/releases/tag/v1.2", "o/r",
    "https://github.com/o/r", "CC-BY-4.0",
)  # fmt: skip
CREATOR = "Doe, Jane; Uni; 0000-0002-1825-0097"


class Quiet:
    """An observer that counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def started(self, files: int, size: int) -> None:
        pass

    def moved(self, count: int) -> None:
        self.bytes += count

    def done(self, result: outcome.FileResult) -> None:
        pass


@dataclasses.dataclass
class Ran:
    result: outcome.Outcome
    bytes: int

    @property
    def links(self) -> Links:
        assert self.result.links is not None
        return self.result.links

    @property
    def number(self) -> int:
        return int(self.links.deposition_id)

    @property
    def statuses(self) -> dict[str, str]:
        return {each.file.name: str(each.status) for each in self.result.results}

    @property
    def notices(self) -> str:
        return "\n".join(self.result.notices)

    def ok(self) -> Ran:
        assert self.result.error is None, self.result.error
        assert self.result.exit_code is errors.ExitCode.DONE, self.result.results
        return self


class Runner:
    """Runs the whole way from a folder to the server."""

    def __init__(self, server: ZenodoServer, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def plan(self, files: Mapping[str, bytes], known: frozenset[str] = frozenset()) -> model.Plan:
        planned, catalog = [], None
        for name, data in files.items():
            path = self.folder / name
            path.write_bytes(data)
            group = model.CATALOG if name == "catalog.yaml" else "basics"
            file = model.PlannedFile(name, model.LocalFile.of(path), group, name)
            if file.is_catalog:
                catalog = file
            else:
                planned.append(file)
        return model.Plan((model.Unit("", tuple(planned), catalog),), "one", known, title="Data set one")

    def destination(
        self, deposition: str | int = "new", *, run: settings.Run | None = None, **how: Any
    ) -> zenodo.Zenodo:
        names = ("release", "restart", "delete_extra", "check", "patience", "n_jobs", "reporter", "drafts")
        own = {name: how.pop(name) for name in names if name in how}
        wanted = settings.ZenodoSettings(
            str(deposition), settings.Secret(how.pop("token", self.server.token)), self.server.url, **how
        )
        return zenodo.Zenodo(wanted, run=run or settings.Run(), **{"patience": FAST, **own})

    def __call__(
        self,
        files: Mapping[str, bytes],
        deposition: str | int = "new",
        *,
        known: frozenset[str] = frozenset(),
        mode: outcome.Mode = outcome.Mode.PUBLISH,
        cancel: workers.Cancel | None = None,
        overwrite: bool = True,
        n_jobs: int = 4,
        **how: Any,
    ) -> Ran:
        plan, observer = self.plan(files, known), Quiet()
        cancel = cancel or workers.Cancel()
        restart, extra = how.get("restart", False), how.get("delete_extra", False)
        destination = self.destination(deposition, check=cancel.check, n_jobs=n_jobs, **how)
        rules = transfer.Rules(mode, n_jobs, restart, overwrite, extra)
        doing = transfer.Transfer(plan, destination, rules, observer, cancel)
        error: errors.PublishError | None = None
        try:
            doing.run()
        except errors.PublishError as caught:
            error = caught
        finally:
            destination.close()
        result = outcome.Outcome(
            mode, "zenodo", plan, doing.results, doing.extras, destination.links(), error=error,
            notices=tuple(destination.notices()),
        )  # fmt: skip
        return Ran(result, observer.bytes)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ZenodoServer]:
    with ZenodoServer(**getattr(request, "param", {})) as started:
        yield started
        for each in started.requests:
            assert not each.token_in_url
            assert "cookie" not in each.headers
            assert each.headers["user-agent"].startswith("catalog-upload/")


@pytest.fixture
def run(server: ZenodoServer, tmp_path: Path) -> Runner:
    return Runner(server, tmp_path)


def md5s(files: Mapping[str, bytes]) -> dict[str, str | None]:
    return {name: hashlib.md5(data, usedforsecurity=False).hexdigest() for name, data in files.items()}


# Life of a deposition


def test_new_and_publish(server: ZenodoServer, run: Runner) -> None:
    ran = run(FILES, creators=(CREATOR,), publish=True, license="CC-BY-4.0", release=RELEASE).ok()
    assert server.checksums(ran.number) == md5s(FILES)
    assert server.version(ran.number).published is not None
    meta = server.deposited(ran.number)
    assert (meta["title"], meta["version"], meta["license"]) == ("Atlas 1.2", "v1.2", "cc-by-4.0")
    assert meta["creators"] == [{"name": "Doe, Jane", "affiliation": "Uni", "orcid": "0000-0002-1825-0097"}]
    assert meta["description"].startswith("<h1>News</h1>")
    assert "<script" not in meta["description"]
    assert meta["related_identifiers"][0]["relation"] == "isSupplementTo"
    assert meta["upload_type"] == "dataset"
    links = ran.links
    assert links.published
    assert links.doi == f"10.5281/zenodo.{ran.number}"
    assert links.concept_doi == server.version(ran.number).concept.doi
    assert links.record == f"{server.url}/records/{ran.number}" == links.destination
    assert links.citation.startswith("Doe, Jane (20")
    assert links.citation.endswith(f"Atlas 1.2 (version v1.2). Zenodo. https://doi.org/{links.doi}")
    assert links.catalog.endswith(f"/records/{ran.number}/files/catalog.yaml")
    assert links.todo == ""
    assert ran.bytes == sum(map(len, FILES.values()))


def test_the_catalog_is_put_last(server: ZenodoServer, run: Runner) -> None:
    run(FILES, n_jobs=8).ok()
    puts = server.requests.select("PUT", "/api/files/")
    assert puts[-1].path.endswith("catalog.yaml")
    assert puts[-1].started >= max(each.ended or 0 for each in puts[:-1])


def test_without_publish_the_draft_is_linked(server: ZenodoServer, run: Runner) -> None:
    links = run(FILES, creators=(CREATOR,)).ok().links
    assert links.published is False
    assert links.destination == f"{server.url}/uploads/{links.deposition_id}"
    assert "press Publish" in links.todo
    assert links.doi == f"10.5281/zenodo.{links.deposition_id}"


@pytest.mark.parametrize("server", [{"sandbox": True}], indirect=True)
def test_the_reserved_doi_is_the_one_that_is_minted_on_a_sandbox(server: ZenodoServer, run: Runner) -> None:
    reserved = run(FILES, creators=(CREATOR,), run=GITHUB).ok().links
    assert reserved.doi == f"10.5072/zenodo.{reserved.deposition_id}"
    minted = run(FILES, creators=(CREATOR,), license="CC-BY-4.0", run=GITHUB, publish=True).ok().links
    assert (minted.doi, minted.concept_doi) == (reserved.doi, reserved.concept_doi)
    assert minted.concept_doi == server.version(minted.deposition_id).concept.doi


@pytest.mark.parametrize(
    "form",
    [
        "{id}",
        "10.5281/zenodo.{id}",
        "{url}/records/{id}",
        "{concept}",
        "{url}/deposit/{id}",
        "https://doi.org/10.5281/zenodo.{concept}",
    ],
)
def test_a_new_version_with_a_changed_a_removed_and_a_same_file(
    server: ZenodoServer, run: Runner, form: str
) -> None:
    old = server.add_record({**FILES, "old.tsv": b"old"}, version="v1")
    new = {**FILES, "b.tsv": b"other rows\n"}
    name = form.format(id=old.id, url=server.url, concept=old.concept.id)
    ran = run(new, name, delete_extra=True, publish=True, release=RELEASE).ok()
    assert ran.number != old.id
    assert server.checksums(ran.number) == md5s(new)
    assert server.checksums(old.id) == md5s({**FILES, "old.tsv": b"old"})
    assert ran.statuses == {"a.pmtiles": "skipped", "b.tsv": "uploaded", "catalog.yaml": "skipped"}
    assert [extra.name for extra in ran.result.extras if extra.deleted] == ["old.tsv"]
    assert len(server.requests.select("PUT", "/api/files/")) == 1
    assert server.version(ran.number).content.metadata["version"] == "v1.2"
    # The same again: nothing to do.
    server.requests.clear()
    again = run(new, name, delete_extra=True, publish=True, release=RELEASE).ok()
    assert again.number == ran.number
    assert again.links.published
    assert not again.result.changed
    assert server.requests.writes() == []


def test_files_that_the_plan_lacks_stay_and_are_listed(server: ZenodoServer, run: Runner) -> None:
    old = server.add_record({**FILES, "old.tsv": b"old", "known.tsv": b"k"})
    ran = run({**FILES, "b.tsv": b"new"}, old.id, known=frozenset({"known.tsv"})).ok()
    assert [extra.name for extra in ran.result.extras] == ["old.tsv"]
    assert set(server.checksums(ran.number)) == {*FILES, "old.tsv", "known.tsv"}


def test_removing_a_file_alone_makes_a_version(server: ZenodoServer, run: Runner) -> None:
    old = server.add_record({**FILES, "old.tsv": b"old", "older.tsv": b"older"})
    ran = run(FILES, old.id, delete_extra=True, publish=True).ok()
    assert ran.number != old.id
    assert server.checksums(ran.number) == md5s(FILES)
    assert server.requests.in_flight_max("DELETE") == 1


def test_an_open_version_draft_is_continued(server: ZenodoServer, run: Runner) -> None:
    old = server.add_record(FILES)
    new = {**FILES, "b.tsv": b"new", "c.tsv": b"c"}
    server.faults.add("500", method="PUT", path="c.tsv", count=None)
    first = run(new, old.id, publish=True)
    assert first.result.exit_code is errors.ExitCode.FILES_FAILED
    assert not first.links.published
    assert f"zenodo-id: {first.number}" in first.links.todo
    assert first.statuses == {
        "a.pmtiles": "skipped",
        "b.tsv": "uploaded",
        "c.tsv": "failed",
        "catalog.yaml": "skipped",
    }
    server.faults.clear()
    server.requests.clear()
    second = run(new, old.id, publish=True).ok()
    assert second.number == first.number
    assert [each.path[-5:] for each in server.requests.select("PUT", "/api/files/")] == ["c.tsv"]
    assert server.checksums(second.number) == md5s(new)


def test_a_version_draft_that_the_user_left_empty_is_filled(server: ZenodoServer, run: Runner) -> None:
    old = server.add_record(FILES)
    draft = actions.new_version(server.state, old)
    ran = run({**FILES, "b.tsv": b"new"}, old.id).ok()
    assert ran.number == draft.id
    assert len(server.requests.select("PUT", "/api/files/")) == 1
    assert "notes" not in server.deposited(draft.id)


@pytest.mark.parametrize("server", [{"stale_seconds": 60.0}], indirect=True)
def test_a_version_draft_that_the_index_does_not_know_is_not_mixed_up(
    server: ZenodoServer, run: Runner
) -> None:
    old = server.add_record(FILES)
    draft = actions.new_version(server.state, old)
    server.add_files(draft, {"b.tsv": b"users own"})
    ran = run({**FILES, "c.tsv": b"c"}, old.id)
    assert isinstance(ran.result.error, errors.Refused)
    assert f"zenodo-id: {draft.id}" in str(ran.result.error)
    assert server.requests.select("PUT") == []


@pytest.mark.parametrize("links_to_it", [False, True])
@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_that_knows_only_what_zenodo_documents(
    server: ZenodoServer, run: Runner, status: int, links_to_it: bool
) -> None:
    old = server.add_record(FILES)
    unknown = r"/api/records/\d+/versions"
    server.faults.add("answer", path=unknown, status=status, body={"message": "no such thing"}, count=None)
    if links_to_it:
        draft = actions.new_version(server.state, old)
        actions.import_files(draft)
        said = {"id": old.id, "links": {"latest_draft": f"{server.url}/api/deposit/depositions/{draft.id}"}}
        server.faults.add("answer", path="actions/newversion", status=201, body=said)
    ran = run({**FILES, "b.tsv": b"second"}, old.id, publish=True).ok()
    assert ran.number != old.id
    assert ran.statuses["b.tsv"] == "uploaded"
    assert ran.links.published


@pytest.mark.parametrize("kind", ["504", "500"])
def test_the_list_of_depositions_is_not_needed_for_a_draft(
    server: ZenodoServer, run: Runner, kind: str
) -> None:
    server.faults.add(kind, path=r"/api/deposit/depositions$", count=None)
    assert run(FILES, server.add_draft().id, publish=True).ok().links.published
    assert server.requests.select("GET", r"/api/deposit/depositions$") == []


@pytest.mark.parametrize("kind", ["500", "504"])
def test_a_version_without_the_list_of_depositions(server: ZenodoServer, run: Runner, kind: str) -> None:
    old = server.add_record(FILES)
    server.faults.add(kind, path=r"/api/deposit/depositions$", count=None)
    assert run({**FILES, "b.tsv": b"second"}, old.id, publish=True).ok().links.published


def test_files_go_natively_where_the_bucket_is_not_told(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({**FILES, "b.tsv": b"old"})
    server.faults.add("504", path=r"/api/deposit/depositions/\d+$", count=None)
    run(FILES, draft.id).ok()
    assert server.checksums(draft.id) == md5s(FILES)
    assert server.requests.select("PUT", "/api/files/") == []


def test_restart_empties_the_draft_first(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({**FILES, "old.tsv": b"old"})
    dry = run(FILES, draft.id, restart=True, mode=outcome.Mode.DRY_RUN).ok()
    assert [(each.name, each.planned) for each in dry.result.extras] == [("old.tsv", True)]
    ran = run(FILES, draft.id, restart=True).ok()
    assert server.checksums(draft.id) == md5s(FILES)
    assert set(ran.statuses.values()) == {"uploaded"}
    assert [(each.name, each.deleted) for each in ran.result.extras] == [("old.tsv", True)]


def test_restart_deletes_what_the_catalog_names_and_the_run_does_not_send(
    server: ZenodoServer, run: Runner
) -> None:
    draft = server.add_draft({**FILES, "other-group.tsv": b"old"})
    ran = run(FILES, draft.id, known=frozenset({"other-group.tsv"}), restart=True).ok()
    assert [(each.name, each.deleted) for each in ran.result.extras] == [("other-group.tsv", True)]
    kept = run(FILES, server.add_draft({**FILES, "x.tsv": b"x"}).id, known=frozenset({"x.tsv"})).ok()
    assert kept.result.extras == ()


def test_restart_of_a_record_leaves_it_alone(server: ZenodoServer, run: Runner) -> None:
    old = server.add_record({**FILES, "old.tsv": b"old"})
    ran = run(FILES, old.id, restart=True, publish=True).ok()
    assert ran.number != old.id
    assert server.checksums(ran.number) == md5s(FILES)
    assert "old.tsv" in server.checksums(old.id)


def test_an_older_version_leads_to_the_latest(server: ZenodoServer, run: Runner) -> None:
    old = server.add_record(FILES)
    latest = server.add_version(old, {"b.tsv": b"second"})
    ran = run({**FILES, "b.tsv": b"second"}, old.id, publish=True).ok()
    assert ran.number == latest.id
    assert server.requests.writes() == []


def test_the_latest_version_is_found_without_its_address(server: ZenodoServer, run: Runner) -> None:
    old = server.add_record(FILES)
    latest = server.add_version(old, {"b.tsv": b"second"})
    server.faults.add("500", path="versions/latest", count=None)
    assert run({**FILES, "b.tsv": b"second"}, old.id).ok().number == latest.id


def test_open_edits_of_a_record_are_left_alone(server: ZenodoServer, run: Runner) -> None:
    old = server.add_record(FILES)
    actions.edit(server.state, old)
    assert run(FILES, old.id).ok().number == old.id
    assert server.requests.writes() == []
    ran = run({**FILES, "b.tsv": b"new"}, old.id).ok()
    assert ran.number != old.id


@pytest.mark.parametrize("mode", [outcome.Mode.DRY_RUN, outcome.Mode.VERIFY])
@pytest.mark.parametrize("what", ["new", "draft", "record"])
def test_reading_modes_only_read(server: ZenodoServer, run: Runner, mode: outcome.Mode, what: str) -> None:
    old = {"b.tsv": b"old"}
    number: str | int = "new"
    if what == "draft":
        number = server.add_draft(old).id
    if what == "record":
        number = server.add_record(old).id
    server.add_community("atlas")
    run(FILES, number, mode=mode, creators=(CREATOR,), publish=True, communities=("atlas",), license="ISC")
    assert server.requests.writes() == []
    assert {each.method for each in server.requests} == {"GET"}


# Re-runs


def test_a_rerun_continues_the_draft_of_its_first_attempt(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("500", method="PUT", path="b.tsv", count=None)
    first = run(FILES, run=GITHUB, creators=(CREATOR,), license="CC-BY-4.0", publish=True)
    assert first.result.exit_code is errors.ExitCode.FILES_FAILED
    assert "re-run" in first.links.todo
    notes = server.deposited(first.number)["notes"]
    assert "Uploaded by catalog-upload: https://github.com/o/r/actions/runs/77 (data set one)" in notes
    server.faults.clear()
    for _ in range(150):
        server.add_draft()
    again = dataclasses.replace(GITHUB, attempt="2")
    second = run(FILES, run=again, creators=(CREATOR,), license="CC-BY-4.0", publish=True).ok()
    assert second.number == first.number
    third = run(FILES, run=again, creators=(CREATOR,), license="CC-BY-4.0", publish=True).ok()
    assert third.number == first.number
    assert third.links.published
    assert not third.result.changed
    other = run(
        {**FILES, "b.tsv": b"other"}, run=again, creators=(CREATOR,), license="CC-BY-4.0", publish=True
    )
    assert isinstance(other.result.error, errors.Refused)
    assert len(server.state.concepts) == 151


@pytest.mark.parametrize("new", [True, False])
def test_a_rerun_with_restart_does_not_publish_twice(server: ZenodoServer, run: Runner, new: bool) -> None:
    number: str | int = "new" if new else server.add_record(FILES).id
    files = {**FILES, "b.tsv": b"changed"}
    how: dict[str, Any] = {
        "run": GITHUB,
        "creators": (CREATOR,),
        "license": "MIT",
        "publish": True,
        "restart": True,
    }
    first = run(files, number, **how).ok()
    server.requests.clear()
    second = run(files, number, **how).ok()
    assert second.number == first.number
    assert second.links.published
    assert server.requests.writes() == []
    assert set(second.statuses.values()) == {"skipped"}
    assert not second.result.changed
    dry = run(files, number, **how, mode=outcome.Mode.DRY_RUN).ok()
    assert set(dry.statuses.values()) == {"skipped"}


@pytest.mark.parametrize("what", ["b.tsv is replaced", "catalog.yaml is gone", "zzz.tsv is added"])
def test_who_writes_between_verifying_and_publishing_is_found_out(
    server: ZenodoServer, run: Runner, what: str
) -> None:
    draft = server.add_draft()
    server.faults.add("504-publish", path="actions/publish", delay=0.5)
    name = what.partition(" ")[0]

    def meddle() -> None:
        while not server.requests.select("POST", "actions/publish"):
            time.sleep(0.01)
        if "gone" in what:
            del draft.content.files[name]
        else:
            server.add_files(draft, {name: b"of somebody else"})

    other = threading.Thread(target=meddle)
    other.start()
    ran = run(FILES, draft.id, publish=True)
    other.join()
    assert isinstance(ran.result.error, errors.Refused)
    said = str(ran.result.error)
    assert f"Record {draft.id} is published, but not as it was verified just before: {name}" in said
    assert ran.result.exit_code is errors.ExitCode.REFUSED
    assert ran.links.published
    # The next version puts it right, by another run: a second attempt of the same one publishes none.
    assert run(FILES, draft.id, publish=True, delete_extra=True).ok().links.published
    assert len(server.state.versions) == 2


def test_a_second_attempt_makes_no_version_of_what_the_first_published(
    server: ZenodoServer, run: Runner
) -> None:
    """Also where the id was handed on by a job that the attempt does not repeat."""
    how: dict[str, Any] = {"creators": (CREATOR,), "license": "MIT", "publish": True}
    first = run(FILES, run=GITHUB, **how).ok()
    again = dataclasses.replace(GITHUB, attempt="2")
    assert not run(FILES, first.number, run=again, **how).ok().result.changed
    ran = run({**FILES, "b.tsv": b"other"}, first.number, run=again, **how)
    assert isinstance(ran.result.error, errors.Refused)
    assert "published record" in str(ran.result.error)
    assert len(server.state.versions) == 1
    # Another run may.
    other = dataclasses.replace(again, id="78")
    assert run({**FILES, "b.tsv": b"other"}, first.number, run=other, **how).ok().number != first.number


def test_other_runs_and_data_sets_stay_apart(server: ZenodoServer, run: Runner) -> None:
    first = run(FILES, run=GITHUB).ok()
    other_run = run(FILES, run=dataclasses.replace(GITHUB, id="7")).ok()
    off_github = run(FILES).ok()
    again_off = run(FILES).ok()
    numbers = {ran.number for ran in (first, other_run, off_github, again_off)}
    assert len(numbers) == 4
    assert "notes" not in server.deposited(off_github.number)


def test_drafts_of_the_user_are_not_marked(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({}, notes="mine")
    run(FILES, draft.id, run=GITHUB).ok()
    assert server.deposited(draft.id)["notes"] == "mine"
    assert server.requests.select("PUT", "/api/deposit") == []


def test_a_version_of_a_marked_record_gets_its_own_mark(server: ZenodoServer, run: Runner) -> None:
    first = run(FILES, run=GITHUB, creators=(CREATOR,), license="CC-BY-4.0", publish=True).ok()
    later = dataclasses.replace(GITHUB, id="78")
    second = run({**FILES, "b.tsv": b"2"}, first.number, run=later, publish=True).ok()
    notes = server.deposited(second.number)["notes"]
    assert notes.count("catalog-upload") == 1
    assert "runs/78 " in notes


# Limits


def many(count: int) -> dict[str, bytes]:
    return {f"f{number:03}.tsv": b"%d" % number for number in range(count)}


def test_too_many_files_are_refused_before_anything_is_sent(server: ZenodoServer, run: Runner) -> None:
    ran = run(many(101))
    assert isinstance(ran.result.error, errors.BadInput)
    assert "101" in str(ran.result.error)
    assert "pack: auto" in str(ran.result.error)
    assert list(server.requests) == []


def test_files_in_the_draft_count(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({f"old{n}": b"x" for n in range(60)})
    ran = run(many(41), draft.id)
    assert isinstance(ran.result.error, errors.BadInput)
    assert "delete-extra: true" in str(ran.result.error)
    assert server.requests.writes() == []
    ran = run(many(41), draft.id, delete_extra=True).ok()
    assert set(server.checksums(draft.id)) == set(many(41))
    writes = server.requests.writes()
    assert writes[0].startswith("DELETE")
    assert sum(extra.deleted for extra in ran.result.extras) == 60


def test_extra_files_go_last_where_there_is_room(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({"old": b"x"})
    run(FILES, draft.id, delete_extra=True).ok()
    assert server.requests.writes()[-1].startswith("DELETE")


def test_bytes_are_limited(server: ZenodoServer, run: Runner) -> None:
    class Huge:
        size = 50 * 10**9 + 1

    file = model.PlannedFile("huge", Huge(), "basics", "huge")  # type: ignore[arg-type]
    with pytest.raises(errors.BadInput, match=r"50\.0 GB"):
        run.destination().preflight(model.Plan((model.Unit("", (file,)),)))


@pytest.mark.parametrize("name", ["a/b", "x" * 256, ".."])
def test_names_are_checked(run: Runner, name: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    file = model.PlannedFile(name, model.LocalFile.of(tmp_path / "x"), "basics", "x")
    with pytest.raises(errors.BadInput, match="'x': Zenodo"):
        run.destination().preflight(model.Plan((model.Unit("", (file,)),)))


NAMES = {
    "a b#c?d%20e&+.tsv": b"1",
    "ünï–码.tsv": b"2",
    "x" * 255: b"3",
    "~tilde'(1)!*.tsv": b"4",
    "[b];$(x)`.tsv": b"5",
}


def test_every_name_works(server: ZenodoServer, run: Runner) -> None:
    ran = run({k: v for k, v in NAMES.items() if len(k.encode()) < 256}).ok()
    assert set(server.checksums(ran.number)) == set(NAMES)
    assert set(run(NAMES, ran.number).ok().statuses.values()) == {"skipped"}


def test_an_empty_file_is_refused_before_anything_is_sent(server: ZenodoServer, run: Runner) -> None:
    ran = run({**FILES, "empty.tsv": b""})
    assert isinstance(ran.result.error, errors.BadInput)
    assert "empty.tsv" in str(ran.result.error)
    assert server.requests.writes() == []


# Refusals


def test_no_deposition_of_that_id(server: ZenodoServer, run: Runner) -> None:
    ran = run(FILES, 999999)
    assert isinstance(ran.result.error, errors.BadInput)
    assert "999999" in str(ran.result.error)


def test_a_concept_without_a_record(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft()
    assert isinstance(run(FILES, draft.concept.id).result.error, errors.BadInput)


def test_a_deleted_record(server: ZenodoServer, run: Runner) -> None:
    record = server.add_record()
    record.deleted = True
    ran = run(FILES, record.id)
    assert isinstance(ran.result.error, errors.BadInput)
    assert "deleted" in str(ran.result.error)


@pytest.mark.parametrize("what", ["draft", "record"])
def test_someone_elses(server: ZenodoServer, run: Runner, what: str) -> None:
    other = server.add_user()
    number = (server.add_draft({}, other) if what == "draft" else server.add_record(FILES, other)).id
    ran = run({**FILES, "new": b"n"}, number)
    assert isinstance(ran.result.error, errors.NotAuthorised)
    assert "another account" in str(ran.result.error)
    assert server.requests.select("PUT") == []


@pytest.mark.parametrize("what", ["new", "draft", "record"])
def test_a_bad_token(server: ZenodoServer, run: Runner, what: str) -> None:
    number: str | int = "new"
    if what != "new":
        number = (server.add_draft() if what == "draft" else server.add_record()).id
    ran = run(FILES, number, token="a-bad-token")
    assert isinstance(ran.result.error, errors.NotAuthorised)
    assert "does not accept zenodo-token" in str(ran.result.error)
    assert "a-bad-token" not in str(ran.result.error)


@pytest.mark.parametrize("server", [{"enforce_scopes": True}], indirect=True)
def test_a_token_that_may_not_publish(server: ZenodoServer, run: Runner) -> None:
    token = server.add_token(server.user(), scopes=frozenset({"deposit:write"}))
    ran = run(FILES, token=token, creators=(CREATOR,), license="CC-BY-4.0", publish=True)
    assert isinstance(ran.result.error, errors.NotAuthorised)
    assert "deposit:actions" in str(ran.result.error)
    assert ran.links.published is False


def test_a_draft_in_review(server: ZenodoServer, run: Runner) -> None:
    community = server.add_community("atlas")
    draft = server.add_draft({"x": b"x"})
    import requests

    head = {"Authorization": f"Bearer {server.token}"}
    where = f"{server.url}/api/records/{draft.id}/draft"
    asked = {"receiver": {"community": community.id}, "type": "community-submission"}
    assert requests.put(f"{where}/review", json=asked, headers=head, timeout=5).ok
    assert requests.post(f"{where}/actions/submit-review", json={}, headers=head, timeout=5).ok
    server.requests.clear()
    ran = run(FILES, draft.id)
    assert isinstance(ran.result.error, errors.Refused)
    assert "in review" in str(ran.result.error)
    assert ran.links.destination.endswith(f"/uploads/{draft.id}")
    assert server.requests.writes() == []


def test_metadata_that_cannot_be_published_are_refused_first(server: ZenodoServer, run: Runner) -> None:
    ran = run(FILES, publish=True)
    assert isinstance(ran.result.error, errors.BadInput)
    assert "creators" in str(ran.result.error)
    assert list(server.requests) == []
    run(FILES).ok()


def test_a_license_that_does_not_exist(server: ZenodoServer, run: Runner) -> None:
    ran = run(FILES, license="no-such-license")
    assert isinstance(ran.result.error, errors.BadInput)
    assert "no-such-license" in str(ran.result.error)
    assert server.requests.writes() == []


def test_overwrite_false(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({"b.tsv": b"other"})
    ran = run(FILES, draft.id, overwrite=False)
    assert ran.result.exit_code is errors.ExitCode.FILES_FAILED
    assert server.requests.writes() == []


# Publishing


@pytest.mark.parametrize("fault", ["504-publish", "reset-after", "500-after", "cut-answer", "502"])
@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_publish_is_never_repeated_blindly(
    server: ZenodoServer, run: Runner, fault: str, delay: float
) -> None:
    server.faults.add(fault, path="actions/publish", delay=delay if fault == "504-publish" else 0)
    ran = run(FILES, creators=(CREATOR,), license="CC-BY-4.0", publish=True).ok()
    assert ran.links.published
    asked = server.requests.select("POST", "actions/publish")
    assert len(asked) == (2 if fault == "502" else 1)
    assert len(server.state.concepts) == 1


def test_a_publish_that_is_refused(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({})
    body = {"message": "A validation error occurred.", "errors": [{"field": "a.b", "messages": ["Too odd."]}]}
    server.faults.add("answer", path="actions/publish", status=400, body=body)
    ran = run(FILES, draft.id, publish=True)
    assert isinstance(ran.result.error, errors.Refused)
    assert "Too odd." in str(ran.result.error)


def test_nothing_incomplete_is_published(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("500", method="PUT", path="b.tsv", count=None)
    ran = run(FILES, creators=(CREATOR,), license="CC-BY-4.0", publish=True)
    assert ran.result.exit_code is errors.ExitCode.FILES_FAILED
    assert ran.statuses == {"a.pmtiles": "uploaded", "b.tsv": "failed", "catalog.yaml": "withheld"}
    assert server.requests.select("POST", "publish") == []


def test_a_file_that_changes_on_the_server_is_not_published(server: ZenodoServer, run: Runner) -> None:
    plan = run.plan(FILES)
    destination = run.destination(creators=(CREATOR,), license="CC-BY-4.0", publish=True)
    watch = transfer._Watch(Quiet(), workers.Cancel())
    destination.preflight(plan)
    destination.begin([(file, destination.compare(file)) for file in plan], remove_extras=False)
    for file in plan:
        destination.put(file, watch)
    number = destination.links().deposition_id
    server.add_files(server.version(number), {"b.tsv": b"someone else"})
    with pytest.raises(errors.FileFailed, match=r"b\.tsv"):
        destination.finish(changed=True)
    destination.close()
    assert server.requests.select("POST", "publish") == []


@pytest.mark.parametrize("other", [{"a.pmtiles": FILES["a.pmtiles"]}, {"b.tsv": b"newer"}, {"b.tsv": None}])
def test_files_of_another_run_at_the_same_time_stay(
    server: ZenodoServer, run: Runner, other: dict[str, bytes | None]
) -> None:
    """It wrote after this run had looked: to delete and send again could publish a record with a hole."""
    number = server.add_draft({"b.tsv": b"old"}).id
    plan = run.plan(FILES)
    destination = run.destination(number)
    destination.preflight(plan)
    verdicts = [(file, destination.compare(file)) for file in plan]
    version = server.version(number)
    for key, data in other.items():
        if data is None:
            del version.content.files[key]
        else:
            server.add_files(version, {key: data})
    there = server.checksums(number)
    with pytest.raises(errors.Refused, match="Another run writes to the same draft"):
        destination.begin(verdicts, remove_extras=False)
    destination.close()
    assert server.checksums(number) == there
    assert server.requests.writes() == []


def test_files_that_another_run_adds_while_metadata_are_saved_stay(server: ZenodoServer, run: Runner) -> None:
    version = server.add_draft()
    server.faults.add("503", method="PUT", path="/draft$")

    def other_run() -> None:
        if server.requests.select("PUT", "/draft$") and not version.content.files:
            server.add_files(version, FILES)

    plan = run.plan(FILES)
    destination = run.destination(version.id, title="Another title", check=other_run)
    destination.preflight(plan)
    verdicts = [(file, destination.compare(file)) for file in plan]
    with pytest.raises(errors.Refused, match="Another run writes to the same draft"):
        destination.begin(verdicts, remove_extras=False)
    destination.close()
    assert server.checksums(version.id).keys() == FILES.keys()
    assert server.requests.select("DELETE", "files") == []


def test_communities_are_asked(server: ZenodoServer, run: Runner) -> None:
    server.add_community("open", members=(server.token,), open_policy=True)
    server.add_community("closed")
    ran = run(
        FILES, creators=(CREATOR,), license="CC-BY-4.0", publish=True, communities=("open", "closed")
    ).ok()
    assert "open has included the record" in ran.notices
    assert "closed was asked" in ran.notices
    missing = run(FILES, creators=(CREATOR,), communities=("nobody",))
    assert isinstance(missing.result.error, errors.BadInput)
    draft = run(FILES, communities=("closed",)).ok()
    assert "closed" in draft.links.todo


# Metadata of a draft


def test_the_draft_is_not_touched_when_nothing_changes(server: ZenodoServer, run: Runner) -> None:
    how: dict[str, Any] = {
        "creators": (CREATOR,), "description": "<p>A &amp; b</p>", "keywords": ("x", "y"), "license": "MIT",
        "related_identifiers": ("issupplementto https://github.com/o/r/releases/tag/v1",),
    }  # fmt: skip
    first = run(FILES, **how).ok()
    server.requests.clear()
    run(FILES, first.number, **how).ok()
    assert server.requests.writes() == []
    run(FILES, first.number, **{**how, "title": "Another"}).ok()
    assert server.requests.writes() == [f"PUT /api/records/{first.number}/draft"]
    assert server.deposited(first.number)["keywords"] == ["x", "y"]


def test_the_draft_wins_over_the_release_and_inputs_over_the_draft(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({}, title="Mine", version="v0", upload_type="software", license="mit")
    run(FILES, draft.id, release=RELEASE, version="v9").ok()
    meta = server.deposited(draft.id)
    assert (meta["title"], meta["version"], meta["upload_type"]) == ("Mine", "v9", "software")
    assert meta["license"] == "mit-license"
    assert meta["description"].startswith("<h1>News")


@pytest.mark.parametrize("server", [{"sandbox": True}], indirect=True)
def test_a_reserved_doi_is_not_written_back(server: ZenodoServer, run: Runner) -> None:
    import requests

    draft = server.add_draft({})
    head = {"Authorization": f"Bearer {server.token}"}
    assert requests.post(f"{server.url}/api/records/{draft.id}/draft/pids/doi", headers=head, timeout=5).ok
    server.requests.clear()
    ran = run(FILES, draft.id, title="New title", publish=True).ok()
    assert ran.links.doi == f"10.5072/zenodo.{draft.id}"


def test_dates_stay(server: ZenodoServer, run: Runner) -> None:
    draft = server.add_draft({}, dates=[{"type": "Collected", "start": "2020-01-01"}])
    before = server.version(draft.id).content.metadata["dates"]
    ran = run(FILES, draft.id, title="New title").ok()
    assert ran.notices == ""
    assert server.version(draft.id).content.metadata["dates"] == before


# Cancel


def test_cancel_ends_a_stalled_upload_within_seconds(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("stall", method="PUT", path="/api/files/", count=None)
    cancel = workers.Cancel()
    timer = threading.Timer(0.5, cancel.set)
    timer.start()
    start = time.monotonic()
    patience = dataclasses.replace(FAST, stall=60, answer=60)
    ran = run({**FILES, "big": b"x" * 20_000_000}, cancel=cancel, patience=patience)
    assert isinstance(ran.result.error, errors.Cancelled)
    assert time.monotonic() - start < 3
    assert "zenodo-id" in ran.links.todo


def test_cancel_ends_waiting(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("429", method="PUT", path="/api/files/", count=None, retry_after=600)
    cancel = workers.Cancel()
    threading.Timer(0.5, cancel.set).start()
    start = time.monotonic()
    assert isinstance(run(FILES, cancel=cancel).result.error, errors.Cancelled)
    assert time.monotonic() - start < 3


def test_no_secret_in_what_is_told(server: ZenodoServer, run: Runner) -> None:
    server.faults.add("reset-before", method="PUT", count=None)
    ran = run(FILES)
    assert server.token not in repr(ran)
    assert re.search(r"cannot be reached", str(ran.result.error or ran.result.results))


def test_five_hundred_files_in_packs_twice(server: ZenodoServer, run: Runner, tmp_path: Path) -> None:
    def plan() -> model.Plan:
        files = []
        for number in range(500):
            path = tmp_path / (f"t{number:03}.pmtiles" if number < 60 else f"x{number:03}.tsv")
            path.write_bytes(b"%d" % number)
            files.append(model.PlannedFile(path.name, model.LocalFile.of(path), "basics", path.name))
        chosen = pack.choose(files)
        return model.Plan((model.Unit("", tuple(chosen)),), "one", title="Data set one")

    def once(deposition: str) -> Links:
        destination = run.destination(deposition, creators=(CREATOR,), license="CC-BY-4.0", publish=True)
        rules = transfer.Rules(outcome.Mode.PUBLISH, 4)
        transfer.Transfer(plan(), destination, rules, Quiet(), workers.Cancel()).run()
        destination.close()
        return destination.links()

    first = once("new")
    assert len(server.checksums(first.deposition_id)) == 62
    server.requests.clear()
    assert (first.made, first.described, first.just_published) == (True, True, True)
    again = dataclasses.replace(first, made=False, described=False, just_published=False)
    assert once(first.deposition_id) == again
    assert server.requests.writes() == []
