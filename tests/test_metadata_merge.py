"""Metadata of a Zenodo: what a draft is to have, over what it has; against the mocked Zenodo where it matters."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from entrypoint import event, settings
from entrypoint.destinations.zenodo import metadata
from entrypoint.plan import model
from tests.support.native import Service
from tests.zenodo import ZenodoServer

RELEASE = event.Release(
    "v2", "", "Notes with ~~old~~\n\n| a |\n|---|\n| 1 |", "https://github.com/o/r/releases/tag/v2", "o/r",
    "https://github.com/o/r", "LGPL-2.1",
)  # fmt: skip
PLAN = model.Plan((), "one", title="Catalog's title", description="First.\n\nSecond <b>.")
MARK = "Uploaded by catalog-upload: https://github.com/o/r/actions/runs/7 (data set one)"
OTHER_MARK = MARK.replace("/7 ", "/77 ")
ORCID = "0000-0002-1825-0097"

RICH: dict[str, Any] = {
    "metadata": {
        "title": "A rich record",
        "resource_type": {"id": "software-computationalnotebook"},
        "publication_date": "2020-01-02",
        "publisher": "Zenodo",
        "creators": [
            {
                "person_or_org": {
                    "type": "personal", "family_name": "Doe", "given_name": "Jane",
                    "identifiers": [{"scheme": "orcid", "identifier": ORCID}],
                },
                "role": {"id": "datacurator"},
                "affiliations": [{"id": "01ggx4157"}, {"name": "Second Uni"}],
            },
            {
                "person_or_org": {
                    "type": "organizational", "name": "X, Inc.",
                    "identifiers": [{"scheme": "ror", "identifier": "01ggx4157"}],
                }
            },
        ],
        "contributors": [
            {
                "person_or_org": {"type": "personal", "family_name": "Roe"},
                "role": {"id": "translator"},
            }
        ],
        "additional_titles": [{"title": "Another", "type": {"id": "subtitle"}, "lang": {"id": "deu"}}],
        "additional_descriptions": [
            {"description": "<p>How.</p>", "type": {"id": "methods"}},
            {"description": "<p>My notes.</p>", "type": {"id": "notes"}},
        ],
        "description": "<p>What it is.</p>",
        "rights": [{"id": "mit"}, {"title": {"en": "House"}, "link": "https://x.org/L"}],
        "copyright": "(c) us",
        "subjects": [{"subject": "free"}, {"id": "euroscivoc:33"}],
        "languages": [{"id": "eng"}, {"id": "deu"}],
        "dates": [{"date": "2019/2020", "type": {"id": "collected"}, "description": "d"}],
        "version": "1.0",
        "sizes": ["11 pages"],
        "formats": ["text/csv"],
        "identifiers": [{"identifier": "https://x.org", "scheme": "url"}],
        "related_identifiers": [
            {
                "identifier": "10.1234/x", "scheme": "doi", "relation_type": {"id": "istranslationof"},
                "resource_type": {"id": "publication-article"},
            },
        ],
        "references": [{"reference": "R", "identifier": "10.1234/y", "scheme": "doi"}],
        "funding": [{"funder": {"name": "A fund"}, "award": {"number": "7", "title": {"en": "Own award"}}}],
        "locations": {"features": [{"place": "Geneva", "description": "here"}]},
    },
    "custom_fields": {
        "code:codeRepository": "https://github.com/o/r",
        "code:programmingLanguage": [{"id": "python"}],
        "journal:journal": {"title": "J", "volume": "1"},
    },
    "access": {
        "record": "public",
        "files": "restricted",
        "embargo": {"active": True, "until": "2099-01-01", "reason": "secret"},
    },
    "files": {"enabled": True},
}  # fmt: skip


def context(mark: str | None = None, today: dt.date = dt.date(2026, 1, 31)) -> metadata.Context:
    return metadata.Context(PLAN, "one", mark, today, "Zenodo")


def given(
    folder: Path, *files: object, release: event.Release | None = None, **inputs: Any
) -> metadata.Given:
    paths = []
    for place, content in enumerate(files):
        path = folder / f"{place}.json"
        path.write_text(json.dumps(content))
        paths.append(path)
    wanted = settings.ZenodoSettings("new", settings.Secret("t"), metadata_files=tuple(paths), **inputs)
    return metadata.gather(wanted, release)


def merged(
    folder: Path, *files: object, there: Any = None, mark: str | None = None, **rest: Any
) -> dict[str, Any]:
    return metadata.merge(given(folder, *files, **rest), there, context(mark))


@pytest.fixture
def zenodo() -> Iterator[ZenodoServer]:
    with ZenodoServer() as server:
        yield server


@pytest.fixture
def service(zenodo: ZenodoServer) -> Service:
    return Service(zenodo)


# Nothing that is there is lost


def test_a_rich_draft_stays_what_it_is(service: Service, tmp_path: Path) -> None:
    draft = service.draft(RICH)
    body = merged(tmp_path, there=draft)
    assert metadata.differs(body, draft) == []
    before = service.server.version(draft["id"]).content
    kept = copy.deepcopy((before.metadata, before.custom_fields, before.access))
    again = service.written(draft, body)
    after = service.server.version(draft["id"]).content
    assert (after.metadata, after.custom_fields, after.access) == kept
    assert metadata.differs(body, again) == []


def test_only_what_is_given_changes(service: Service, tmp_path: Path) -> None:
    draft = service.draft(RICH)
    said = given(tmp_path, title="New title", keywords=("new",), version="2.0", release=RELEASE)
    settled = metadata.settle(said, service.ask, draft)
    assert not settled.problems
    body = metadata.merge(settled.given, draft, context(MARK))
    changed = ["additional_descriptions", "related_identifiers", "subjects", "title", "version"]
    assert metadata.differs(body, draft) == changed
    again = service.written(draft, body)
    assert metadata.differs(body, again) == []
    assert metadata.has_mark(again, MARK)
    expected: dict[str, Any] = copy.deepcopy(RICH)
    expected["metadata"] |= {
        "title": "New title",
        "version": "2.0",
        "subjects": [{"subject": "new"}, {"id": "euroscivoc:33"}],
        "related_identifiers": [
            *RICH["metadata"]["related_identifiers"],
            {"identifier": RELEASE.url, "scheme": "url", "relation_type": {"id": "issupplementto"}},
        ],
        "additional_descriptions": [
            RICH["metadata"]["additional_descriptions"][0],
            {"description": f"<p>{MARK}</p>", "type": {"id": "notes"}},
            RICH["metadata"]["additional_descriptions"][1],
        ],
    }
    assert metadata.differs(expected, again) == []


def test_what_a_form_cannot_express_stays(service: Service, tmp_path: Path) -> None:
    """Inputs that name the same people keep roles, ROR ids and organisations."""
    draft = service.draft(RICH)
    name = draft["metadata"]["creators"][0]["affiliations"][0]["name"]
    document = {
        "creators": [{"name": "Doe, Jane", "affiliation": name}, {"name": "X, Inc."}],
        "related_identifiers": [{"identifier": "https://doi.org/10.1234/X", "relation": "isTranslationOf"}],
    }
    body = merged(tmp_path, document, there=draft)
    creator = body["metadata"]["creators"][0]
    assert creator["role"] == {"id": "datacurator"}
    assert creator["affiliations"] == [{"id": "01ggx4157"}]
    assert creator["person_or_org"]["identifiers"][0]["identifier"] == ORCID
    assert body["metadata"]["creators"][1]["person_or_org"]["type"] == "organizational"
    assert body["metadata"]["related_identifiers"][0]["resource_type"] == {"id": "publication-article"}
    new = merged(tmp_path, there=draft, creators=(f"Doe, Jane Mary; Other Uni; {ORCID}", "New, Person"))
    assert new["metadata"]["creators"][0]["person_or_org"]["given_name"] == "Jane Mary"
    assert new["metadata"]["creators"][0]["role"] == {"id": "datacurator"}
    assert new["metadata"]["creators"][0]["affiliations"] == [{"name": "Other Uni"}]
    assert new["metadata"]["creators"][1] == {
        "person_or_org": {"type": "personal", "family_name": "New", "given_name": "Person"}
    }


def test_an_organisation_that_was_taken_for_a_person(tmp_path: Path) -> None:
    person = {"person_or_org": {"type": "personal", "family_name": "The Team"}, "role": {"id": "other"}}
    there = {"metadata": {"creators": [person]}}
    (creator,) = merged(tmp_path, there=there, creators=("org: The Team",))["metadata"]["creators"]
    assert creator == {
        "person_or_org": {"type": "organizational", "name": "The Team"},
        "role": {"id": "other"},
    }


def test_native_json_is_taken_as_it_is(service: Service, tmp_path: Path) -> None:
    draft = service.draft(RICH)
    creators = [{"person_or_org": {"type": "personal", "family_name": "Doe", "given_name": "Jane"}}]
    body = merged(tmp_path, {"metadata": {"creators": creators}, "custom_fields": {"a:b": 1}}, there=draft)
    assert body["metadata"]["creators"] == creators
    assert body["custom_fields"] == {**RICH["custom_fields"], "a:b": 1}


def test_an_export_of_a_record_makes_the_same_record(service: Service, tmp_path: Path) -> None:
    export = service.draft(RICH)
    settled = metadata.settle(given(tmp_path, export), service.ask)
    assert (settled.problems, settled.remarks) == ((), ())
    draft = service.draft(metadata.merge(settled.given, None, context()))
    assert metadata.differs(export, draft) == []


def test_metadata_of_another_house_go_through(tmp_path: Path) -> None:
    """Fields that this code does not know, and that need no change, are written as they were read."""
    there: dict[str, Any] = {
        "metadata": {"title": "T", "house": [{"x": {"id": "a", "title": {"en": "A"}}}]},
        "house": 1,
    }
    body = merged(tmp_path, there=there)
    assert body["metadata"]["house"] == [{"x": {"id": "a"}}]
    assert metadata.differs({**there, "metadata": {**body["metadata"], **there["metadata"]}}, body) == []


# Who wins


def test_inputs_over_files_over_the_draft_over_the_release_over_the_catalog(tmp_path: Path) -> None:
    new = merged(tmp_path)["metadata"]
    assert new["title"] == "Catalog's title"
    assert new["description"] == "<p>First.</p>\n<p>Second &lt;b&gt;.</p>"
    assert new["resource_type"] == {"id": "dataset"}
    assert (new["publication_date"], new["publisher"]) == ("2026-01-31", "Zenodo")
    assert "rights" not in new
    from_release = merged(tmp_path, release=RELEASE)["metadata"]
    assert (from_release["title"], from_release["version"]) == ("Catalog's title", "v2")
    assert from_release["rights"] == [{"id": "lgpl-2.1-only"}]
    assert "<strike>old</strike>" in from_release["description"]
    assert "<td>1</td>" in from_release["description"]
    there = {
        "metadata": {"title": "Draft", "version": "v1", "rights": [{"id": "isc"}], "publication_date": "2020"}
    }
    of_draft = merged(tmp_path, there=there, release=RELEASE)["metadata"]
    assert (of_draft["title"], of_draft["version"], of_draft["publication_date"]) == ("Draft", "v1", "2020")
    assert of_draft["rights"] == [{"id": "isc"}]
    document = {"title": "File", "version": "v3"}
    of_file = merged(tmp_path, document, there=there, release=RELEASE, title="Input")["metadata"]
    assert (of_file["title"], of_file["version"]) == ("Input", "v3")


def test_the_release_replaces_the_one_of_the_older_version(tmp_path: Path) -> None:
    def related(*items: tuple[str, str]) -> list[dict[str, Any]]:
        return [{"identifier": value, "relation_type": {"id": kind}} for kind, value in items]

    def after(there: Any) -> list[tuple[str, str]]:
        found = merged(tmp_path, there={"metadata": {"related_identifiers": there}}, release=RELEASE)
        return [(e["relation_type"]["id"], e["identifier"]) for e in found["metadata"]["related_identifiers"]]

    old = ("issupplementto", "https://github.com/o/r/releases/tag/v1")
    new, other = ("issupplementto", RELEASE.url), ("cites", "https://example.org")
    assert after(related(old, other)) == [new, other]
    assert after(related(other)) == [other, new]
    assert after(related(other, new)) == [other, new]
    asked = merged(tmp_path, release=RELEASE, related_identifiers=("isSupplementTo https://x.org",))
    assert [item["identifier"] for item in asked["metadata"]["related_identifiers"]] == ["https://x.org"]


@pytest.mark.parametrize(("title", "made"), [("", "Data set"), ("ab", "Data set ab")])
def test_short_titles(title: str, made: str, tmp_path: Path) -> None:
    plan = model.Plan((), "", title=title)
    body = metadata.merge(given(tmp_path), None, metadata.Context(plan, "", None, dt.date(2026, 1, 31), ""))
    assert body["metadata"].get("title", "Data set") == made


def test_a_doi_from_elsewhere(tmp_path: Path) -> None:
    body = merged(tmp_path, {"doi": "https://doi.org/10.1234/own"})
    assert body["pids"] == {"doi": {"identifier": "10.1234/own", "provider": "external"}}
    assert metadata.differs(body, {**body, "pids": {}}) == ["pids.doi"]
    assert "pids" not in merged(tmp_path, there=RICH | {"pids": {"doi": {"identifier": "10.5281/zenodo.1"}}})


def test_access_that_is_given(tmp_path: Path) -> None:
    body = merged(tmp_path, {"access_right": "open"}, there=RICH)
    assert metadata.differs(body, RICH) == ["access"]
    assert body["access"] == {"record": "public", "files": "public", "embargo": {"active": False}}


# The mark


def test_the_mark_is_a_note_of_its_own(tmp_path: Path) -> None:
    def notes(body: Any) -> list[str]:
        return [item["description"] for item in body["metadata"].get("additional_descriptions", ())]

    first = merged(tmp_path, mark=MARK)
    assert metadata.has_mark(first, MARK)
    assert not metadata.has_mark(first, OTHER_MARK)
    assert not metadata.has_mark(first, "")
    assert metadata.differs(merged(tmp_path, there=first, mark=MARK), first) == []
    other = merged(tmp_path, there=first, mark=OTHER_MARK)
    assert notes(other) == [f"<p>{OTHER_MARK}</p>"]
    assert notes(merged(tmp_path, there=other, mark="")) == []
    assert notes(merged(tmp_path, there=other)) == notes(other)
    with_notes = merged(tmp_path, {"notes": "New notes"}, there=other, mark=MARK)
    assert notes(with_notes) == [f"<p>{MARK}</p>", "<p>New notes</p>"]


@pytest.mark.parametrize(
    "old", [f"My notes.\n{MARK}", f"<p>My notes.</p>\n{MARK}", f"My notes.<br>{MARK}", MARK, f"<p>{MARK}</p>"]
)
def test_marks_of_earlier_versions_are_found_and_move(old: str, tmp_path: Path) -> None:
    assert metadata.legacy_has_mark(old, MARK)
    there = {"metadata": {"additional_descriptions": [{"description": old, "type": {"id": "notes"}}]}}
    assert metadata.has_mark(there, MARK)
    body = merged(tmp_path, there=there, mark=OTHER_MARK)
    first, *rest = body["metadata"]["additional_descriptions"]
    assert first["description"] == f"<p>{OTHER_MARK}</p>"
    assert all("My notes." in each["description"] and MARK not in each["description"] for each in rest)
    assert bool(rest) == ("My notes." in old)


def test_the_mark_shows_in_the_deposit_api(service: Service, tmp_path: Path) -> None:
    draft = service.draft(merged(tmp_path, there=RICH, mark=MARK))
    assert metadata.legacy_has_mark(service.server.deposited(draft["id"])["notes"], MARK)


def test_what_a_record_has_otherwise(tmp_path: Path) -> None:
    record = merged(tmp_path, {"notes": "N", "title": "T old"}, mark=MARK)
    assert metadata.given_differs(given(tmp_path, {"notes": "N", "title": "T old"}), record) == []
    assert metadata.given_differs(given(tmp_path, title="T new", keywords=("a",)), record) == [
        "subjects",
        "title",
    ]
    assert metadata.given_differs(given(tmp_path), record) == []
    cites: dict[str, Any] = {"related_identifiers": ("cites https://x.org",)}
    released = merged(tmp_path, release=RELEASE, **cites)
    assert metadata.given_differs(given(tmp_path, release=RELEASE, **cites), released) == []
    assert metadata.given_differs(given(tmp_path, **cites), record) == ["related_identifiers"]


# A sentence


def test_a_citation() -> None:
    found = metadata.citation_of(RICH, "10.5281/zenodo.1")
    assert found == (
        "Doe, Jane; X, Inc. (2020). A rich record (version 1.0). Zenodo. https://doi.org/10.5281/zenodo.1"
    )
    assert metadata.citation_of({}, "10.5281/zenodo.1") == ""
    named = {"title": "T", "creators": [{"person_or_org": {"name": "A"}}]}
    assert (
        metadata.citation_of({"metadata": named}, "10.1/x", "H") == "A (n.d.). T. H. https://doi.org/10.1/x"
    )
    assert metadata.citation_of({"metadata": {"title": "T"}}, "10.1/x") == ""
