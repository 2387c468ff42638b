"""Services that differ from Zenodo in small ways, questions that fail, and what others do to the same draft."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from entrypoint import errors
from tests.test_zenodo import CREATOR, FILES, GITHUB, Runner, md5s
from tests.zenodo import ZenodoServer, actions
from tests.zenodo.messages import Answer, Request

Change = Callable[[Request, Answer], None]


class Variant(ZenodoServer):
    """A service whose answers are those of the mock, changed."""

    change: Change

    def _api(self, request: Request) -> Answer:
        answer = super()._api(request)
        self.change(request, answer)
        return answer


def every(body: Any, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Any:
    """A document with each object in it changed."""
    if isinstance(body, dict):
        return dict(change({name: every(value, change) for name, value in body.items()}))
    return [every(item, change) for item in body] if isinstance(body, list) else body


def _bare_checksums(request: Request, answer: Answer) -> None:
    answer.body = every(
        answer.body,
        lambda each: each | {n: v.removeprefix("md5:") for n, v in each.items() if n == "checksum"},
    )


def _numbers_as_ids(request: Request, answer: Answer) -> None:
    answer.body = every(
        answer.body,
        lambda each: (
            each | {n: int(v) for n, v in each.items() if n == "id" and isinstance(v, str) and v.isdigit()}
        ),
    )


def _texts_as_sizes(request: Request, answer: Answer) -> None:
    answer.body = every(
        answer.body, lambda each: each | {n: str(v) for n, v in each.items() if n == "size" and v is not None}
    )


def _no_links(request: Request, answer: Answer) -> None:
    answer.body = every(answer.body, lambda each: {n: v for n, v in each.items() if n != "links"})


def _other_entries(request: Request, answer: Answer) -> None:
    """A list in place of an object, and the other way round."""

    def change(each: dict[str, Any]) -> dict[str, Any]:
        entries = each.get("entries")
        if isinstance(entries, dict):
            return {**each, "entries": [{**entry, "key": key} for key, entry in entries.items()]}
        if isinstance(entries, list):
            return {**each, "entries": {entry["key"]: entry for entry in entries}}
        return each

    answer.body = every(answer.body, change)


def _plain_type(request: Request, answer: Answer) -> None:
    if isinstance(answer.body, dict | list):
        answer.body, answer.content_type = json.dumps(answer.body).encode(), "text/plain"


def _silent_uploads(request: Request, answer: Answer) -> None:
    ends = ("/content", "/commit", "/draft/files")
    is_upload = request.path.endswith(ends) or "/api/files/" in request.path
    if answer.status < 300 and is_upload and request.method != "GET":
        answer.status, answer.body = 204, b""


@pytest.fixture(params=["zenodo", "invenio"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str) -> Iterator[ZenodoServer]:
    with ZenodoServer(kind=kind) as started:
        yield started


@pytest.fixture
def zenodo() -> Iterator[ZenodoServer]:
    with ZenodoServer() as started:
        yield started


@pytest.mark.parametrize(
    "change",
    [
        _bare_checksums,
        _numbers_as_ids,
        _texts_as_sizes,
        _no_links,
        _other_entries,
        _plain_type,
        _silent_uploads,
    ],
)
def test_small_differences(kind: str, change: Change, tmp_path: Path) -> None:
    """A new record, its next version in two runs, and nothing sent twice."""
    with Variant(kind=kind) as server:
        server.change = change
        run = Runner(server, tmp_path)
        how: dict[str, Any] = {"creators": (CREATOR,), "license": "MIT"}
        first = run(FILES, publish=True, **how).ok()
        files = {**FILES, "b.tsv": b"other rows\n"}
        second = run(files, first.links.deposition_id).ok()
        assert second.statuses["a.pmtiles"] == "skipped"
        third = run(files, first.links.deposition_id, publish=True, **how).ok()
        assert set(third.statuses.values()) == {"skipped"}, third.statuses
        assert third.links.deposition_id == second.links.deposition_id
        assert server.checksums(third.links.deposition_id) == md5s(files)


# Questions that fail


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_community_that_is_not_shown(server: ZenodoServer, status: int, tmp_path: Path) -> None:
    server.faults.add("answer", path="/api/communities/", status=status, body={"message": "No."}, count=None)
    ran = Runner(server, tmp_path)(FILES, communities=("atlas",))
    assert isinstance(ran.result.error, errors.BadInput), ran.result.error
    assert "communities: " in str(ran.result.error)
    assert "atlas" in str(ran.result.error)
    assert server.requests.writes() == []


@pytest.mark.parametrize("fault", ["403", "504", "html-200"])
def test_vocabularies_that_do_not_answer(server: ZenodoServer, fault: str, tmp_path: Path) -> None:
    server.faults.add(fault, path="/api/vocabularies/", count=None)
    ran = Runner(server, tmp_path)(FILES, creators=(CREATOR,), license="MIT", upload_type="dataset").ok()
    assert "The vocabulary resourcetypes " in ran.notices
    tries = 5  # of one question, for a service in trouble; each 403 is tried three times
    assert fault == "403" or len(server.requests.select("GET", "/api/vocabularies/")) == tries


def test_a_draft_that_goes_between_two_questions(server: ZenodoServer, tmp_path: Path) -> None:
    """Its files are not there any more: it was published by another run."""
    version = server.add_draft(FILES, license="mit")
    actions.publish(server.state, version)
    version.draft = version.content.copy()
    server.faults.add(
        "answer", method="GET", path="/draft/files$", status=404, body={"message": "No."}, count=None
    )
    ran = Runner(server, tmp_path)(FILES, version.id).ok()
    assert set(ran.statuses.values()) == {"skipped"}


@pytest.mark.parametrize("make", [ZenodoServer.add_draft, ZenodoServer.add_record])
def test_a_first_question_that_is_denied_for_no_reason(
    server: ZenodoServer, make: Callable[..., Any], tmp_path: Path
) -> None:
    """Zenodo's own denials at random; that the token is good shows in the next answer."""
    number = make(server, FILES).id
    server.faults.add("403", method="GET")
    ran = Runner(server, tmp_path)(FILES, number).ok()
    assert set(ran.statuses.values()) == {"skipped"}


# Publishing


class Race(ZenodoServer):
    """Somebody else publishes each draft just before."""

    def _api(self, request: Request) -> Answer:
        if request.path.endswith("actions/publish"):
            with self.state.lock:
                actions.publish(self.state, self.version(request.path.split("/")[3]))
        return super()._api(request)


def test_a_draft_that_somebody_else_published_meanwhile(kind: str, tmp_path: Path) -> None:
    """It is out, with the files that were verified: nothing failed, and this run did not do it."""
    with Race(kind=kind) as server:
        ran = Runner(server, tmp_path)(FILES, server.add_draft({}).id, license="MIT", publish=True).ok()
        assert "was not published by this run" in ran.notices
        assert ran.links.published
        assert not ran.links.just_published


@pytest.mark.parametrize("then", ["403", "404", "reset-before"])
def test_a_lost_publish_stays_in_doubt_whatever_comes_next(
    zenodo: ZenodoServer, then: str, tmp_path: Path
) -> None:
    """The service goes on in the background; what it says in between does not tell how that ends."""
    draft = zenodo.add_draft({})
    zenodo.faults.add("504", method="POST", path="actions/publish")
    if then == "404":
        zenodo.faults.add(
            "answer", method="POST", path="actions/publish", status=404, body={"message": "No."}, count=None
        )
    else:
        zenodo.faults.add(then, method="POST", path="actions/publish", count=None)
    ran = Runner(zenodo, tmp_path)(FILES, draft.id, license="MIT", publish=True)
    assert ran.result.exit_code is errors.ExitCode.REFUSED
    assert f"{zenodo.url}/records/{draft.id}" in str(ran.result.error)
    assert "does not say whether" in str(ran.result.error)


def test_a_publish_that_is_refused_after_a_lost_one(zenodo: ZenodoServer, tmp_path: Path) -> None:
    draft = zenodo.add_draft({})
    zenodo.faults.add("504", method="POST", path="actions/publish")
    zenodo.faults.add(
        "answer", method="POST", path="actions/publish", status=400, body={"message": "Not yet."}, count=None
    )
    ran = Runner(zenodo, tmp_path)(FILES, draft.id, license="MIT", publish=True, run=GITHUB)
    assert isinstance(ran.result.error, errors.Refused), ran.result.error
    assert "refuses to publish the draft: Not yet." in str(ran.result.error)
