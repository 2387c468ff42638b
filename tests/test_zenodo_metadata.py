"""Metadata in whole runs: nothing is lost or chosen for the user; problems are reported before a file is sent."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from entrypoint import errors, settings
from entrypoint.destinations.zenodo import metadata
from tests.test_metadata_merge import RELEASE, RICH
from tests.test_zenodo import CREATOR, FILES, Ran, Runner
from tests.zenodo import ZenodoServer, actions

GITHUB = settings.Run(on_github=True, repository="o/r", id="77", attempt="1")
CHANGED = {**FILES, "b.tsv": b"changed\n"}


@pytest.fixture(params=["zenodo", "invenio"])
def server(request: pytest.FixtureRequest) -> Iterator[ZenodoServer]:
    with ZenodoServer(kind=request.param) as started:
        yield started


@pytest.fixture
def run(server: ZenodoServer, tmp_path: Path) -> Runner:
    return Runner(server, tmp_path)


def rich(server: ZenodoServer) -> dict[str, Any]:
    """The rich body, in words that this server has."""
    body = copy.deepcopy(RICH)
    entries = server.state.vocabularies.entries
    if "software-computationalnotebook" not in entries["resourcetypes"]:
        body["metadata"]["resource_type"]["id"] = "software"
    body["metadata"]["subjects"] = [
        item
        for item in body["metadata"]["subjects"]
        if "subject" in item or item["id"] in entries["subjects"]
    ]
    body["metadata"]["additional_descriptions"] = [
        item
        for item in body["metadata"]["additional_descriptions"]
        if item["type"]["id"] in entries["descriptiontypes"]
    ]
    return body


def record(server: ZenodoServer, body: dict[str, Any]) -> str:
    """A published record with the files."""
    version = server.add_native(body, FILES)
    actions.publish(server.state, version)
    return str(version.id)


def sent_files(server: ZenodoServer) -> list[str]:
    return [each for each in server.requests.writes() if "/files" in each]


def refused(ran: Ran, server: ZenodoServer, *said: str) -> None:
    """Exit code 2 with these words, and no file was sent."""
    assert isinstance(ran.result.error, errors.BadInput), ran.result.error
    for part in said:
        assert part in str(ran.result.error)
    assert sent_files(server) == []


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def native(server: ZenodoServer, ident: str) -> dict[str, Any]:
    content = server.version(ident).content
    return {"metadata": content.metadata, "custom_fields": content.custom_fields, "access": content.access}


def test_a_new_version_of_a_rich_record_loses_nothing(server: ZenodoServer, run: Runner) -> None:
    body = rich(server)
    first = record(server, body)
    before = copy.deepcopy(native(server, first))
    ran = run(CHANGED, first, run=GITHUB, release=RELEASE, publish=True).ok()
    ident = ran.links.deposition_id
    assert ident != first
    after = native(server, ident)
    assert metadata.differs(after, before) == [
        "additional_descriptions", "publication_date", "related_identifiers", "version",
    ]  # fmt: skip
    assert after["metadata"]["version"] == "v2"
    notes = after["metadata"]["additional_descriptions"]
    assert [item for item in notes if "catalog-upload" not in item["description"]] == before["metadata"][
        "additional_descriptions"
    ]
    assert native(server, first) == before


def test_a_second_run_writes_nothing_whatever_the_spelling(
    server: ZenodoServer, run: Runner, tmp_path: Path
) -> None:
    document = {
        "title": "A “curly” e\u0301 title", "license": "cc-zero", "language": "en", "description": "<p>a<br/>b</p>",
        "creators": [{"name": "Doe, Jane", "orcid": "https://orcid.org/0000-0002-1825-0097", "affiliation": "U"}],
        "related_identifiers": [
            {"identifier": "https://doi.org/10.1234/AbC", "relation": "isOrignialFormOf"},
            {"identifier": "arxiv:2101.00001", "relation": "isSupplementTo"},
        ],
        "dates": [{"start": "2020-01-01", "end": "2020-01-02", "type": "Collected"}], "keywords": ["“x”"],
        "upload_type": "dataset", "version": " 1 ",
    }  # fmt: skip
    how: dict[str, Any] = {"metadata_files": (write(tmp_path, ".zenodo.json", document),)}
    first = run(FILES, **how).ok()
    server.requests.clear()
    second = run(FILES, first.links.deposition_id, **how).ok()
    assert server.requests.writes() == []
    assert len(server.requests) <= 6, [f"{each.method} {each.path}" for each in server.requests]
    assert "title" not in second.notices


@pytest.mark.parametrize("where", ["input", "file", "draft", "release", "nobody"])
def test_no_license_that_nobody_chose(server: ZenodoServer, run: Runner, tmp_path: Path, where: str) -> None:
    how: dict[str, Any] = {"creators": (CREATOR,), "publish": True}
    deposition = "new"
    match where:
        case "input":
            how["license"] = "MIT"
        case "file":
            how["metadata_files"] = (write(tmp_path, "a.json", {"license": "MIT"}),)
        case "release":
            how["release"] = RELEASE
        case "draft":
            body = {
                "metadata": {
                    "title": "A draft",
                    "rights": [{"id": "mit"}],
                    "resource_type": {"id": "dataset"},
                }
            }
            deposition = str(server.add_native(body).id)
    ran = run(FILES, deposition, **how)
    if where == "nobody":
        refused(ran, server, "license: ", "none is chosen for you")
        assert server.requests.writes() == []
        assert "will have none" in run(FILES, creators=(CREATOR,)).ok().notices
        return
    rights = native(server, ran.ok().links.deposition_id)["metadata"]["rights"]
    assert len(rights) == 1
    assert "cc0" not in str(rights)


def test_a_record_without_a_license_stays_without(server: ZenodoServer, run: Runner) -> None:
    body = rich(server)
    del body["metadata"]["rights"]
    body["access"] = {"record": "public", "files": "public"}
    first = record(server, body)
    draft = run(CHANGED, first).ok().links.deposition_id
    assert draft != first
    second = run({**CHANGED, "c.txt": b"c"}, draft, publish=True).ok()
    assert second.links.published
    assert "will have none" in second.notices
    assert "rights" not in native(server, draft)["metadata"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"upload_type": "datset"},
            "upload-type: the service has no resource type 'datset'; did you mean dataset",
        ),
        ({"license": "CC-BY-5.0"}, "license: the service has no license 'cc-by-5.0'"),
        (
            {"related_identifiers": ("supplements https://x.org",)},
            "related-identifiers: the service has no relation",
        ),
        ({"creators": ("Doe; https://ror.org/05dxps055",)}, "creators: the service has no affiliation"),
    ],
)
@pytest.mark.parametrize("deposition", ["new", "draft"])
def test_what_the_service_lacks_is_refused_before_anything_is_written(
    server: ZenodoServer, run: Runner, how: dict[str, Any], said: str, deposition: str
) -> None:
    ident = "new" if deposition == "new" else str(server.add_draft({}).id)
    refused(run(FILES, ident, **how), server, said)
    assert server.requests.writes() == []


@pytest.mark.parametrize("deposition", ["new", "draft"])
def test_what_only_the_service_knows_is_refused_before_a_file_is_sent(
    server: ZenodoServer, run: Runner, tmp_path: Path, deposition: str
) -> None:
    document = {
        "metadata": {"resource_type": {"id": "dataset"}, "house_field": 1},
        "custom_fields": {"house:x": "y"},
    }
    ident = "new" if deposition == "new" else str(server.add_draft({}).id)
    ran = run(FILES, ident, metadata_files=(write(tmp_path, "native.json", document),))
    refused(ran, server, "house_field: Unknown field.", "house:x")


def test_two_files_that_disagree(server: ZenodoServer, run: Runner, tmp_path: Path) -> None:
    paths = (
        write(tmp_path, "first.json", {"title": "First", "license": "MIT"}),
        write(tmp_path, "second.json", {"title": "Second", "license": "MIT", "version": "2"}),
    )
    ran = run(FILES, metadata_files=paths).ok()
    found = native(server, ran.links.deposition_id)["metadata"]
    assert (found["title"], found["version"]) == ("First", "2")
    assert ran.notices.count("second.json differs from first.json in title;") == 1


def test_a_service_that_requires_more(tmp_path: Path) -> None:
    for kind in ("zenodo", "invenio"):
        with ZenodoServer(kind=kind, required="description,subjects") as server:
            run = Runner(server, tmp_path)
            how: dict[str, Any] = {"creators": (CREATOR,), "license": "MIT", "publish": True}
            refused(run(FILES, **how), server, "description: ", "keywords: ")
            ok = run(FILES, **how, description="What it is.", keywords=("k",)).ok()
            assert ok.links.published


def test_an_export_as_the_metadata_file(server: ZenodoServer, run: Runner, tmp_path: Path) -> None:
    first = record(server, rich(server))
    export = {"id": first, "links": {}, **copy.deepcopy(native(server, first))}
    ran = run(FILES, metadata_files=(write(tmp_path, "export.json", export),), publish=True).ok()
    assert metadata.differs(native(server, ran.links.deposition_id), native(server, first)) == []
