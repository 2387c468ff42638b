"""The mocked Zenodo: the native form is whole, the deposit form is not, and text comes out in the normal form."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.zenodo import ZenodoServer
from tests.zenodo.fixtures import DEPOSIT, GOOD, Client, guest, me, options, refusal, server

__all__ = ["guest", "me", "server"]  # fixtures

NATIVE = {"Accept": "application/vnd.inveniordm.v1+json"}
JANE = {
    "person_or_org": {
        "type": "personal",
        "family_name": "Doe",
        "given_name": "Jane",
        "identifiers": [
            {"scheme": "orcid", "identifier": "0000-0002-1825-0097"},
            {"scheme": "isni", "identifier": "0000000121032683"},
        ],
    },
    "role": {"id": "datamanager"},
    "affiliations": [{"id": "01ggx4157"}, {"name": "Another house"}],
}
RICH: dict[str, Any] = {
    "metadata": {
        "title": "A rich record",
        "publisher": "Zenodo",
        "publication_date": "2026-01-01",
        "resource_type": {"id": "software-computationalnotebook"},
        "creators": [JANE, {"person_or_org": {"type": "organizational", "name": "Cells, Inc."}}],
        "contributors": [
            {"person_or_org": {"type": "personal", "family_name": "Roe"}, "role": {"id": "editor"}}
        ],
        "additional_titles": [{"title": "Its subtitle", "type": {"id": "subtitle"}, "lang": {"id": "eng"}}],
        "additional_descriptions": [{"description": "<p>By hand.</p>", "type": {"id": "methods"}}],
        "rights": [{"id": "mit"}, {"title": {"en": "House rules"}, "link": "https://example.org/rules"}],
        "languages": [{"id": "eng"}, {"id": "deu"}],
        "dates": [{"date": "2020-01-01/2020-02", "type": {"id": "collected"}}],
        "subjects": [{"subject": "atlas"}, {"id": "euroscivoc:33"}],
        "identifiers": [{"scheme": "urn", "identifier": "urn:nbn:de:101:1-201102033592"}],
        "related_identifiers": [
            {
                "scheme": "doi",
                "identifier": "10.1234/x",
                "relation_type": {"id": "cites"},
                "resource_type": {"id": "dataset"},
            }
        ],
        "references": [{"reference": "A paper", "scheme": "doi", "identifier": "10.1234/paper"}],
        "sizes": ["11 pages"],
        "formats": ["application/pdf"],
        "version": "v1",
        "copyright": "© Jane Doe",
        "funding": [
            {"funder": {"id": "00k4n6c32"}, "award": {"id": "00k4n6c32::283595"}},
            {"funder": {"name": "A foundation"}, "award": {"title": {"en": "An award"}, "number": "1"}},
        ],
        "locations": {"features": [{"place": "Ann Arbor"}]},
    },
    "custom_fields": {
        "code:codeRepository": "https://github.com/o/r",
        "code:programmingLanguage": [{"id": "python"}],
        "journal:journal": {"title": "A journal", "issn": "0028-0836"},
    },
    "access": {
        "record": "public",
        "files": "restricted",
        "embargo": {"active": True, "until": "2999-01-01", "reason": "a patent"},
    },
}


def native(client: Client, number: Any) -> Any:
    """The draft as InvenioRDM gives it."""
    return client("GET", f"/api/records/{number}/draft", headers=NATIVE).json()


def kept(document: Any) -> dict[str, Any]:
    """The parts that a client writes."""
    return {name: copy.deepcopy(document[name]) for name in ("metadata", "custom_fields", "access")}


# The native form


def test_the_native_form_loses_nothing(server: ZenodoServer, me: Client) -> None:
    draft = server.add_native(RICH, {"a": b"a"})
    link = f"/api/records/{draft.id}/draft"
    first = native(me, draft.id)
    put = me("PUT", link, json=first, headers=NATIVE)
    assert put.status_code == 200
    assert kept(put.json()) == kept(first) == kept(native(me, draft.id))
    assert [each["field"] for each in put.json()["errors"]] == [
        "metadata.creators.0.affiliations.0.identifiers",
        "metadata.rights.0.rights",
    ], "what a read adds is not taken back"
    assert first["metadata"]["creators"][0]["affiliations"][0]["name"].startswith("European")
    assert first["metadata"]["funding"][0]["award"]["number"] == "283595"


def test_a_licence_is_not_taken_back_as_it_is_shown(server: ZenodoServer, me: Client) -> None:
    draft = server.add_native(
        {"metadata": {**RICH["metadata"], "rights": [{"id": "cc-by-4.0"}]}}, {"a": b"a"}
    )
    put = me("PUT", f"/api/records/{draft.id}/draft", json=native(me, draft.id), headers=NATIVE)
    assert "metadata.rights.0.icon" in [each["field"] for each in put.json()["errors"]]
    assert put.json()["metadata"]["rights"][0]["id"] == "cc-by-4.0", "it is kept all the same"


def test_what_a_put_leaves_out_is_gone(server: ZenodoServer, me: Client) -> None:
    draft = server.add_native(
        {**RICH, "pids": {"doi": {"identifier": "10.1234/mine", "provider": "external"}}}
    )
    link = f"/api/records/{draft.id}/draft"
    found = me("PUT", link, json={"metadata": {"title": "Only a title"}}, headers=NATIVE).json()
    assert found["metadata"] == {"title": "Only a title"}
    assert found["custom_fields"] == {}
    assert (found["access"]["files"], found["access"]["status"]) == ("public", "open")
    assert found["pids"]["doi"]["identifier"] == "10.1234/mine", "but for the DOI"
    assert me("PUT", link, json={"pids": {}}, headers=NATIVE).json()["pids"] == {}


def test_errors_of_a_saved_draft_are_in_the_native_form_only(me: Client) -> None:
    draft = me.draft(GOOD)
    body = {"metadata": {"title": "ab", "colour": "red", "publication_date": "soon"}, "colour": "red"}
    link = f"/api/records/{draft['id']}/draft"
    put = me("PUT", link, json=body, headers=NATIVE)
    found = {each["field"]: each["messages"] for each in put.json()["errors"]}
    needed = ["Missing data for required field."]
    assert (put.status_code, put.json()["metadata"]) == (200, {})
    assert found == {
        "metadata.title": ["Shorter than minimum length 3."],
        "metadata.colour": ["Unknown field."],
        "metadata.publication_date": ["Please provide a valid date or interval."],
        "metadata.creators": needed,
        "metadata.resource_type": needed,
        "metadata.publisher": ["Missing publisher field required for DOI registration."],
        "files.enabled": [
            "Missing uploaded files. To disable files for this record please mark it as metadata-only."
        ],
    }
    assert "errors" not in me("PUT", link, json=body).json()


@options(required="description,version")
def test_a_repository_may_require_more(me: Client) -> None:
    draft = me.draft(GOOD, {"a": b"a"})
    put = me("PUT", f"/api/records/{draft['id']}/draft", json={"metadata": {}}, headers=NATIVE)
    assert {"metadata.description", "metadata.version"} <= {each["field"] for each in put.json()["errors"]}
    me("PUT", draft["links"]["self"], json={"metadata": {**GOOD, "version": "1"}})
    assert list(refusal(me("POST", draft["links"]["publish"]))[2]) == ["metadata.description"]


# The deposit form


def test_the_deposit_form_thins_what_it_gives_back(server: ZenodoServer, me: Client) -> None:
    draft = server.add_native(RICH, {"a": b"a"})
    link = f"{DEPOSIT}/{draft.id}"
    shown = me("GET", link).json()["metadata"]
    assert shown["creators"][0] == {
        "name": "Doe, Jane",
        "affiliation": "European Organization for Nuclear Research",
        "orcid": "0000-0002-1825-0097",
    }
    assert (shown["license"], shown["language"]) == ("mit-license", "eng")
    assert (shown["upload_type"], shown["software_type"]) == ("software", "computationalnotebook")
    assert shown["grants"] == [{"id": "283595"}]
    answer = me("PUT", link, json={"metadata": shown})
    assert answer.status_code == 200
    meta = native(me, draft.id)["metadata"]
    assert meta["resource_type"]["id"] == "software-computationalnotebook"
    assert [each["id"] for each in meta["rights"]] == ["mit"]
    jane, company = meta["creators"]
    assert [each["scheme"] for each in jane["person_or_org"]["identifiers"]] == ["orcid"]
    assert "role" not in jane
    assert jane["affiliations"] == [{"name": "European Organization for Nuclear Research"}]
    assert company["person_or_org"] == {
        "type": "personal",
        "family_name": "Cells",
        "given_name": "Inc.",
        "name": "Cells, Inc.",
    }
    gone = {"additional_titles", "sizes", "formats", "copyright"}
    assert not gone & set(meta)
    assert [each["id"] for each in meta["languages"]] == ["eng"]
    assert meta["subjects"] == [{"subject": "atlas"}]
    assert len(meta["funding"]) == 1
    assert meta["references"] == [{"reference": "A paper"}]
    assert "reason" not in native(me, draft.id)["access"]["embargo"] or (
        native(me, draft.id)["access"]["embargo"]["reason"] is None
    )
    assert native(me, draft.id)["custom_fields"]["journal:journal"] == {"title": "A journal"}


@pytest.mark.parametrize(
    ("kind", "rights", "then"),
    [
        ("dataset", [], "cc0-1.0"),
        ("software", [], "cc-by-4.0"),
        ("dataset", [{"title": {"en": "House rules"}}], "cc0-1.0"),
        ("dataset", [{"id": "apache-1.0"}], "apache-2.0"),
        ("dataset", [{"id": "cc-by-1.0"}], "cc-by-4.0"),
        ("dataset", [{"id": "python-2.0"}], "cnri-python"),
        ("dataset", [{"id": "odbl-1.0"}], "odbl-1.0"),
    ],
)
def test_a_licence_changes_by_being_written_back(
    server: ZenodoServer, me: Client, kind: str, rights: list[Any], then: str
) -> None:
    meta = {**RICH["metadata"], "resource_type": {"id": kind}, "rights": rights}
    draft = server.add_native({"metadata": meta})
    link = f"{DEPOSIT}/{draft.id}"
    me("PUT", link, json={"metadata": me("GET", link).json()["metadata"]})
    assert [each.get("id") for each in draft.content.metadata["rights"]] == [then]


def test_eleven_licences_turn_into_others(server: ZenodoServer, me: Client) -> None:
    turned = []
    draft = server.add_draft()
    link = f"{DEPOSIT}/{draft.id}"
    for name in ["qtpl", "zpl-1.1", "ofl-1.0", *list(server.state.vocabularies.entries["licenses"])[::20]]:
        draft.content.metadata["rights"] = [{"id": name}]
        answer = me("PUT", link, json={"metadata": me("GET", link).json()["metadata"]})
        if answer.status_code != 200 or draft.content.metadata["rights"] != [{"id": name}]:
            turned.append(name)
    assert {"qtpl", "zpl-1.1", "ofl-1.0"} <= set(turned)
    assert len(turned) < 7, "most are written back as they are"


@pytest.mark.parametrize(
    "meta",
    [
        {
            "related_identifiers": [
                {**RICH["metadata"]["related_identifiers"][0], "relation_type": {"id": "iscollectedby"}}
            ]
        },
        {
            "related_identifiers": [
                {**RICH["metadata"]["related_identifiers"][0], "relation_type": {"id": "other"}}
            ]
        },
        {"locations": {"features": [{"description": "a place without a name"}]}},
    ],
    ids=["collected", "other", "location"],
)
def test_some_records_cannot_be_written_back(server: ZenodoServer, me: Client, meta: dict[str, Any]) -> None:
    draft = server.add_native({"metadata": {**RICH["metadata"], **meta}})
    link = f"{DEPOSIT}/{draft.id}"
    assert me("PUT", link, json={"metadata": me("GET", link).json()["metadata"]}).status_code == 500


def test_an_identifier_of_no_known_scheme_cannot_be_written_back(server: ZenodoServer, me: Client) -> None:
    other = [{"scheme": "other", "identifier": "internal 7"}]
    draft = server.add_native({"metadata": {**RICH["metadata"], "identifiers": other}})
    link = f"{DEPOSIT}/{draft.id}"
    answer = me("PUT", link, json={"metadata": me("GET", link).json()["metadata"]})
    assert list(refusal(answer)[2]) == ["metadata.alternate_identifiers.scheme"]


def test_a_translator_cannot_be_published_again(server: ZenodoServer, me: Client) -> None:
    person = {"person_or_org": {"type": "personal", "family_name": "Roe"}, "role": {"id": "translator"}}
    draft = server.add_native({"metadata": {**RICH["metadata"], "contributors": [person]}}, {"a": b"a"})
    link = f"{DEPOSIT}/{draft.id}"
    shown = me("GET", link).json()["metadata"]
    assert shown["contributors"][0]["type"] is None
    assert me("PUT", link, json={"metadata": shown}).status_code == 200
    assert list(refusal(me("POST", f"{link}/actions/publish"))[2]) == ["metadata.contributors.0.role"]


def test_dates_of_one_day_are_shown_without_it(server: ZenodoServer, me: Client) -> None:
    dates = [{"type": "Collected", "start": "2020-01-01"}, {"type": "Valid", "start": "2020", "end": "2021"}]
    draft = server.add_draft(dates=dates)
    shown = me("GET", f"{DEPOSIT}/{draft.id}").json()["metadata"]["dates"]
    assert shown == [{"type": "collected"}, {"type": "valid", "start": "2020", "end": "2021"}]
    answer = me("PUT", f"{DEPOSIT}/{draft.id}", json={"metadata": {**GOOD, "dates": shown}})
    assert refusal(answer)[2] == {"metadata.dates": ["Invalid date provided."]}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("odc-odbl", "odc-odbl"),
        ("ODbL-1.0", "odc-odbl"),
        ("isc-license", "isc-license"),
        ("ISC", "isc-license"),
        ("lgpl-2.1", "lgpl-2.1"),
        ("LGPL-2.1-only", "lgpl-2.1"),
        ("bsl1.0", "bsl1.0"),
        ("apgl-v3", "apgl-v3"),
        ("cc-by", "cc-by-4.0"),
    ],
)
def test_licences_in_their_legacy_spelling(me: Client, asked: str, shown: str) -> None:
    assert me.draft({**GOOD, "license": asked})["metadata"]["license"] == shown


def test_a_licence_that_only_the_deposit_api_knows(me: Client) -> None:
    answer = me("POST", DEPOSIT, json={"metadata": {**GOOD, "license": "other-open"}})
    assert answer.json() == {"status": 400, "message": "Invalid value other-open."}


# The normal form


@pytest.mark.parametrize(
    ("field", "given", "stored"),
    [
        ("title", "“Curly” and ‘single’", "\"Curly\" and 'single'"),
        ("title", "  cafe\u0301 \u200b ", "caf\u00e9"),
        ("description", "<p>a<br/>b</p>", "<p>a<br>b</p>"),
        ("description", '<p onclick="x()" class="c">a</p>', '<p class="c">a</p>'),
        ("description", "<script>alert(1)</script>abc", "alert(1)abc"),
        ("description", "see <Key> & more", "see  &amp; more"),
        ("description", '<a href="javascript:x" rel="r">abc</a>', '<a rel="r">abc</a>'),
        (
            "description",
            "<table><thead><tr><th>a</th></tr></thead></table>",
            "<table><tbody><tr><th>a</th></tr></tbody></table>",
        ),
        ("description", "<img src='x'>abc <h6>d</h6>", "abc \nd"),
        ("version", " v1 ", "v1"),
    ],
)
def test_text(me: Client, field: str, given: str, stored: str) -> None:
    assert me.draft({**GOOD, field: given})["metadata"][field] == stored


@pytest.mark.parametrize(
    ("given", "stored", "scheme"),
    [
        ("doi:10.1234/Abc", "10.1234/Abc", "doi"),
        ("https://doi.org/10.1234/abc", "10.1234/abc", "doi"),
        ("https://dx.doi.org/10.1234/abc", "10.1234/abc", "doi"),
        ("arxiv:1234.56789", "arXiv:1234.56789", "arxiv"),
        ("ISBN 978-3-16-148410-0", "978-3-16-148410-0", "isbn"),
        ("https://hdl.handle.net/11234/1-2", "11234/1-2", "handle"),
        ("https://example.org/a", "https://example.org/a", "url"),
    ],
)
def test_identifiers(me: Client, given: str, stored: str, scheme: str) -> None:
    item = {"identifier": given, "relation": "cites"}
    (found,) = me.draft({**GOOD, "related_identifiers": [item]})["metadata"]["related_identifiers"]
    assert found == {"identifier": stored, "relation": "cites", "scheme": scheme}


def test_words_that_come_back_as_others(me: Client) -> None:
    found = me.draft(
        {
            **GOOD,
            "upload_type": "publication",
            "publication_type": "thesis",
            "language": "en",
            "related_identifiers": [{"identifier": "10.1/x", "relation": "isOriginalFormof"}],
            "creators": [{"name": "Doe, Jane", "orcid": "https://orcid.org/0000-0002-1825-0097"}],
        }
    )["metadata"]
    assert (found["publication_type"], found["language"]) == ("dissertation", "eng")
    assert found["related_identifiers"][0]["relation"] == "isOriginalFormOf"
    assert found["creators"][0]["orcid"] == "0000-0002-1825-0097"


# Lists, guests, vocabularies


def test_hits_know_files_and_doi_of_the_last_commit(server: ZenodoServer, me: Client) -> None:
    draft = me.draft(GOOD, {"a": b"a"})
    me("POST", f"/api/records/{draft['id']}/draft/pids/doi")
    (hit,) = me("GET", DEPOSIT).json()
    assert (hit["files"], "doi" in hit, "doi" in hit["metadata"]) == ([], False, False)
    me("PUT", draft["links"]["self"], json={"metadata": GOOD})
    (hit,) = me("GET", DEPOSIT).json()
    assert ([each["filename"] for each in hit["files"]], "doi" in hit) == (["a"], True)


def test_guests_are_told_of_the_page_first(server: ZenodoServer, me: Client, guest: Client) -> None:
    wrong = Client(server, "no-such-token")
    for client in (guest, wrong):
        for path in (DEPOSIT, "/api/user/records"):
            (text,) = refusal(client("GET", f"{path}?size=26"))[2]["size"]
            assert text.startswith("Page size cannot be greater than 25. Please use authenticated requests")
            assert refusal(client("GET", f"{path}?size=25")) == (403, "Permission denied.", {})
    wrong.session.close()
    answer = me("GET", f"{DEPOSIT}?size=101")
    assert refusal(answer)[2] == {"size": ["Page size cannot be greater than 100."]}
    record = server.add_record()
    assert guest("GET", f"{DEPOSIT}/{record.id}").status_code == 403
    assert guest("GET", f"/api/records/{record.id}").status_code == 200


def test_a_file_id_that_is_none(server: ZenodoServer, me: Client) -> None:
    link = f"{DEPOSIT}/{server.add_draft({'a': b'a'}).id}/files"
    assert me("DELETE", f"{link}/a").status_code == 500
    assert me("DELETE", f"{link}/00000000-0000-0000-0000-000000000000").status_code == 404


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("vocabularies/licenses", "cc-by-4.0"),
        ("vocabularies/resourcetypes", "publication-article"),
        ("vocabularies/relationtypes", "iscollectedby"),
        ("vocabularies/creatorsroles", "translator"),
        ("vocabularies/contributorsroles", "editor"),
        ("vocabularies/titletypes", "subtitle"),
        ("vocabularies/descriptiontypes", "notes"),
        ("vocabularies/datetypes", "collected"),
        ("vocabularies/languages", "eng"),
        ("awards", "00k4n6c32::283595"),
        ("funders", "00k4n6c32"),
        ("affiliations", "01ggx4157"),
        ("subjects", "euroscivoc:33"),
    ],
)
def test_vocabularies(guest: Client, path: str, name: str) -> None:
    assert guest("GET", f"/api/{path}/{name}").json()["id"] == name
    assert guest("GET", f"/api/{path}/no-such-entry").status_code == 404
    hits = guest("GET", f"/api/{path}", params={"q": f'"{name}"', "size": "1000"}).json()["hits"]
    assert name in [each["id"] for each in hits["hits"]]
    assert len(guest("GET", f"/api/{path}?size=1").json()["hits"]["hits"]) == 1
