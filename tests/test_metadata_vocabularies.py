"""Metadata of a Zenodo: ids are the service's own, and its refusals are reported in terms of the inputs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from entrypoint import errors, event, settings
from entrypoint.destinations.zenodo import metadata
from entrypoint.plan import model
from tests.support.native import Service
from tests.zenodo import ZenodoServer

CONTEXT = metadata.Context(model.Plan((), "one"), "one", None, dt.date(2026, 1, 31), "Zenodo")


@pytest.fixture(params=["zenodo", "invenio"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(kind: str) -> Iterator[Service]:
    with ZenodoServer(kind=kind) as server:
        yield Service(server)


@pytest.fixture
def zenodo() -> Iterator[Service]:
    with ZenodoServer() as server:
        yield Service(server)


def gathered(release: event.Release | None = None, **inputs: Any) -> metadata.Given:
    return metadata.gather(settings.ZenodoSettings("new", settings.Secret("t"), **inputs), release)


def said(values: dict[str, Any], *, loose: bool = False) -> metadata.Given:
    return metadata.Given(values, frozenset(values) if loose else frozenset())


def settled(service: Service, values: dict[str, Any], **how: Any) -> Any:
    found = metadata.settle(said(values), service.ask, **how)
    assert found.problems == ()
    assert found.remarks == ()
    return found.given.values


@pytest.mark.parametrize(
    ("license_", "kept"),
    [
        ("CC-BY-4.0", "cc-by-4.0"), ("cc-zero", "cc0-1.0"), ("odc-odbl", "odbl-1.0"), ("isc-license", "isc"),
        ("lgpl-2.1", "lgpl-2.1-only"), ("bsl1.0", "bsl-1.0"), ("apgl-v3", "agpl-3.0-only"),
        ("GPL-3.0+", "gpl-3.0-or-later"),
        ("Artistic-2.0", "artistic-2.0"), ("https://spdx.org/licenses/MIT.html", "mit"),
        ("https://creativecommons.org/licenses/by/4.0/", "cc-by-4.0"),
    ],
)  # fmt: skip
def test_licenses_in_any_spelling(zenodo: Service, license_: str, kept: str) -> None:
    found = metadata.settle(gathered(license=license_), zenodo.ask)
    assert found.problems == ()
    assert found.given.values["rights"] == [{"id": kept}]
    draft = zenodo.draft(metadata.merge(found.given, None, CONTEXT))
    assert draft["metadata"]["rights"][0]["id"] == kept


@pytest.mark.parametrize("spdx", ["LGPL-2.1", "Artistic-2.0", "GPL-2.0", "MIT", "AGPL-3.0", "NCSA"])
def test_the_license_of_a_release(zenodo: Service, spdx: str) -> None:
    found = metadata.settle(gathered(event.Release("v1", license=spdx)), zenodo.ask)
    body = metadata.merge(found.given, None, CONTEXT)
    (right,) = zenodo.draft(body)["metadata"]["rights"]
    assert right["id"].startswith(spdx.lower())
    assert found.remarks == (
        f"License of the record: {right['id']}, which is that of the release's repository.",
    )
    assert metadata.license_note(body) == ""


def test_a_license_of_a_release_that_the_service_lacks(zenodo: Service) -> None:
    found = metadata.settle(gathered(event.Release("v1", license="Foo-1.0")), zenodo.ask)
    body = metadata.merge(found.given, None, CONTEXT)
    page = {"title": {"en": "Foo-1.0"}, "link": "https://spdx.org/licenses/Foo-1.0.html"}
    assert body["metadata"]["rights"] == [page]
    assert zenodo.draft(body)["metadata"]["rights"] == [page]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"rights": [{"id": "CC-BY-5.0"}]}, ("license: ", "cc-by-5.0", "did you mean")),
        ({"rights": [{"id": "GPL"}]}, ("license: ", "did you mean gpl-3.0-or-later or gpl-3.0-only")),
        ({"resource_type": {"id": "datset"}}, ("upload-type: ", "datset", "did you mean dataset")),
        ({"resource_type": {"id": "article"}}, ("upload-type: ", "did you mean publication-article")),
        ({"languages": [{"id": "xyz"}]}, ("languages", "xyz")),
        (
            {"creators": [{"person_or_org": {}, "role": {"id": "datacurater"}}]},
            ("creators: ", "role", "datacurator"),
        ),
        (
            {"creators": [{"person_or_org": {}, "affiliations": [{"id": "0aaaaaa11"}]}]},
            ("creators: ", "affiliation", "0aaaaaa11"),
        ),
        (
            {"related_identifiers": [{"identifier": "10.1234/x", "relation_type": {"id": "isSupplementOf"}}]},
            ("related-identifiers: ", "relation", "did you mean"),
        ),
        ({"dates": [{"date": "2020", "type": {"id": "made"}}]}, ("dates", "made")),
        ({"funding": [{"funder": {"id": "nobody"}}]}, ("funding", "funder", "nobody")),
        ({"subjects.listed": [{"id": "http://x/1"}]}, ("keywords", "http://x/1")),
    ],
)
def test_what_the_service_does_not_know(
    zenodo: Service, values: dict[str, Any], told: tuple[str, ...]
) -> None:
    found = metadata.settle(said(values), zenodo.ask)
    (problem,) = found.problems
    for part in told:
        assert part in problem


def test_types_that_no_record_may_have(zenodo: Service) -> None:
    entries = zenodo.server.state.vocabularies.entries["resourcetypes"]
    closed = [
        name for name, entry in entries.items() if "depositable" not in entry.get("tags", ["depositable"])
    ]
    for name in closed:
        (problem,) = metadata.settle(said({"resource_type": {"id": name}}), zenodo.ask).problems
        assert "accepts no record of type" in problem
    assert closed
    assert settled(zenodo, {"resource_type": {"id": "software-computationalnotebook"}})


def test_older_spellings_are_settled(zenodo: Service) -> None:
    values = {
        "resource_type": {"id": "publication-thesis"},
        "languages": [{"id": "en"}],
        "related_identifiers": [{"identifier": "10.1234/x", "relation_type": {"id": "isOrignialFormOf"}}],
        "contributors": [{"person_or_org": {}, "role": {"id": "translator"}}],
    }
    found = settled(zenodo, values)
    assert found["resource_type"]["id"] in ("publication-thesis", "publication-dissertation")
    assert found["languages"] == [{"id": "eng"}]
    assert found["related_identifiers"][0]["relation_type"] == {"id": "isoriginalformof"}


def test_an_award_outside_of_the_database(zenodo: Service) -> None:
    awards = zenodo.server.state.vocabularies.entries["awards"]
    known = next(iter(awards))
    funder = known.partition("::")[0]
    grants = [{"funder": {"id": funder}, "award": {"id": each}} for each in (known, f"{funder}::999")]
    found = settled(zenodo, {"funding": grants})
    assert found["funding"] == [grants[0], {"funder": {"id": funder}, "award": {"number": "999"}}]
    draft = zenodo.draft(metadata.merge(said(found), None, CONTEXT))
    assert draft["metadata"]["funding"][1]["award"] == {"number": "999"}


def test_what_a_draft_has_is_not_asked_for(zenodo: Service) -> None:
    given = gathered(
        license="MIT", upload_type="Dataset", creators=("Doe, J; https://ror.org/01ggx4157",),
        related_identifiers=("isSupplementTo https://x.org",),
    )  # fmt: skip
    first = metadata.settle(given, zenodo.ask)
    draft = zenodo.draft(metadata.merge(first.given, None, CONTEXT))
    asked: list[str] = []

    def ask(path: str) -> object | None:
        asked.append(path)
        return zenodo.ask(path)

    again = metadata.settle(given, ask, draft, marked=False)
    assert asked == []
    assert metadata.differs(metadata.merge(again.given, draft, CONTEXT), draft) == []
    assert metadata.settle(given, ask, draft).given.values["rights"] == [{"id": "mit"}]


def test_a_service_without_the_vocabulary(zenodo: Service) -> None:
    del zenodo.server.state.vocabularies.entries["licenses"]

    def ask(path: str) -> object | None:
        return None if "/licenses" in path else zenodo.ask(path)

    found = metadata.settle(gathered(license="odc-odbl", upload_type="dataset"), ask)
    assert found.problems == ()
    assert found.given.values["rights"] == [{"id": "odbl-1.0"}]
    assert found.remarks == ("The service has no vocabulary of licenses: their values could not be checked.",)


def test_a_service_that_does_not_answer(zenodo: Service) -> None:
    def ask(path: str) -> object | None:
        raise errors.Unreachable("The service is away.")

    found = metadata.settle(gathered(license="MIT"), ask)
    assert found.problems == ()
    assert found.given.values["rights"] == [{"id": "mit"}]
    assert "could not be read: The service is away." in found.remarks[0]


@pytest.mark.parametrize("kind", [errors.Unreachable, errors.NotAuthorised, errors.Refused])
def test_a_question_that_fails_is_a_remark(kind: type[errors.PublishError]) -> None:
    """The token is known to be good then; what is in doubt the service itself decides."""
    asked = []

    def failing(path: str) -> object | None:
        asked.append(path)
        raise kind("No.")

    found = metadata.settle(gathered(license="MIT", upload_type="dataset"), failing)
    assert (found.problems, len(found.remarks)) == ((), len(asked))
    assert found.given.values["rights"] == [{"id": "mit"}]
    # Each one that it does not answer costs all tries of a request.
    assert kind is not errors.Unreachable or len(asked) == 1


def test_any_invenio(service: Service, kind: str) -> None:
    """Notes and mark, where the service has no such type of description, too."""
    if kind == "invenio":
        service.server.state.vocabularies.entries["descriptiontypes"].pop("notes", None)
    note = [{"description": "<p>N</p>", "type": {"id": "notes"}}]
    values = {"additional_descriptions.notes": note, "title": "A title"}
    found = metadata.settle(said(values, loose=True), service.ask)
    assert found.problems == ()
    context = metadata.Context(model.Plan((), "one"), "one", "Uploaded by", dt.date(2026, 1, 31), "H")
    draft = service.draft(metadata.merge(found.given, None, context))
    assert metadata.has_mark(draft, "Uploaded by")
    types = [item["type"]["id"] for item in draft["metadata"]["additional_descriptions"]]
    assert types == (["notes", "notes"] if kind == "zenodo" else ["other"])
    assert bool(found.remarks) == (kind == "invenio")


# What publishing needs, and what the server says


def test_what_publishing_needs() -> None:
    assert [sentence.partition(":")[0] for sentence in metadata.missing({"metadata": {}})] == [
        "title", "creators", "upload-type", "publication_date", "publisher", "license",
    ]  # fmt: skip
    full = metadata.merge(gathered(title="Abc", creators=("A, B",), license="MIT"), None, CONTEXT)
    assert metadata.missing(full) == []


@pytest.mark.parametrize(
    ("access", "published", "needed"),
    [
        ({"record": "public", "files": "public"}, False, True),
        ({"record": "public", "files": "public"}, True, False),
        ({"record": "public", "files": "restricted"}, False, False),
        ({"record": "public", "files": "restricted", "embargo": {"active": True}}, False, True),
    ],
)
def test_a_license_that_nobody_chose(access: Any, published: bool, needed: bool) -> None:
    body = metadata.merge(gathered(title="Abc", creators=("A, B",)), None, CONTEXT) | {"access": access}
    assert "rights" not in body["metadata"]
    assert bool(metadata.missing(body, published=published)) == needed
    assert "will have none" in metadata.license_note(body)


def test_what_the_server_says_is_told_in_words_of_the_inputs(zenodo: Service) -> None:
    body = {
        "metadata": {
            "title": "Abc",
            "resource_type": {"id": "dataset"},
            "creators": [
                {"person_or_org": {"type": "personal", "family_name": "A"}},
                {"person_or_org": {"type": "personal", "family_name": ""}},
            ],
            "related_identifiers": [{"identifier": "PMC1", "relation_type": {"id": "cites"}}],
            "version": "v" * 200,
            "house": 1,
        },
        "custom_fields": {"house:field": 1},
    }
    answer = zenodo.send("POST", "", body)
    told = metadata.problems_of(answer["errors"], body)
    for start in (
        "creators: number 2: ",
        "related-identifiers: number 1: ",
        "version: ",
        "metadata-file: house: ",
    ):
        assert any(problem.startswith(start) for problem in told), (start, told)
    assert any("house:field" in problem for problem in told)
    assert not any("publication" in problem or "files" in problem for problem in told)
    assert len(metadata.problems_of(answer["errors"])) > len(told)


@pytest.mark.parametrize(
    ("said_", "told"),
    [
        ([{"field": "metadata.title", "message": "Bad."}], ["title: Bad."]),
        (
            [{"field": "metadata.rights.0", "messages": ["A", "A", "B"]}],
            ["license: number 1: A.", "license: number 1: B."],
        ),
        (
            [{"field": "metadata.creators", "messages": {"1": {"person_or_org": {"family_name": ["X."]}}}}],
            ["creators: number 2: family name: X."],
        ),
        ([{"field": "access.embargo.until", "messages": ["Past."]}], ["metadata-file: access.embargo.until: Past."]),
        ([{"field": "files.enabled", "messages": ["Missing uploaded files."]}], []),
        ([{"field": "", "messages": ["::error::x\n\x1b[1m"]}], ["metadata: \\::error::x \\x1b[1m."]),
        ([{"messages": ["x" * 900]}], None),
        ([1, None, "x", {"field": 1}], []),
        ("File upload transfer failed.", []),
        (None, []),
    ],
)  # fmt: skip
def test_errors_of_any_shape(said_: object, told: list[str] | None) -> None:
    found = metadata.problems_of(said_)
    if told is None:
        assert len(found[0]) < 330
    else:
        assert found == told
