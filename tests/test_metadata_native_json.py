"""Metadata of a Zenodo: InvenioRDM's own JSON as a metadata file. No server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_metadata_sources import gathered, refused


def test_native_json(tmp_path: Path) -> None:
    organisation = {
        "person_or_org": {"type": "organizational", "name": "X, Inc."},
        "role": {"id": "hostinginstitution", "title": {"en": "Hosting institution"}},
        "affiliations": [{"id": "01ggx4157", "name": "CERN", "identifiers": [{"scheme": "ror"}]}],
    }
    document = {
        "id": "123", "links": {}, "pids": {"doi": {"identifier": "10.5281/zenodo.1"}}, "parent": {},
        "files": {"enabled": True}, "odd": 1,
        "metadata": {
            "title": "T“x”", "creators": [organisation],
            "resource_type": {"id": "publication-thesis", "title": {"en": "x"}},
            "rights": [
                {"id": "mit", "title": {"en": "MIT"}, "icon": "i"},
                {"title": {"en": "Own"}, "link": "https://x.org"},
            ],
            "subjects": [{"subject": "free"}, {"id": "http://x/1", "subject": "Term", "scheme": "MeSH"}],
            "additional_descriptions": [
                {"description": "D", "type": {"id": "methods", "title": {}}},
                {"description": "E", "type": {"id": "abstract"}},
            ],
            "funding": [{"funder": {"name": "F"}, "award": {"number": "1", "title": {"en": "A"}}}],
            "house_field": {"any": "thing"},
        },
        "custom_fields": {"code:codeRepository": "https://x.org"},
        "access": {"record": "restricted", "status": "restricted"},
    }  # fmt: skip
    found = gathered(tmp_path, document)
    assert found.values == {
        "title": 'T"x"',
        "creators": [
            {
                "person_or_org": {"type": "organizational", "name": "X, Inc."},
                "role": {"id": "hostinginstitution"},
                "affiliations": [{"id": "01ggx4157"}],
            }
        ],
        "resource_type": {"id": "publication-dissertation"},
        "rights": [{"id": "mit"}, {"title": {"en": "Own"}, "link": "https://x.org"}],
        "subjects.listed": [{"id": "http://x/1"}],
        "subjects.free": [{"subject": "free"}],
        "additional_descriptions.methods": [{"description": "D", "type": {"id": "methods"}}],
        "additional_descriptions.abstract": [{"description": "E", "type": {"id": "abstract"}}],
        "funding": [{"funder": {"name": "F"}, "award": {"number": "1", "title": {"en": "A"}}}],
        "house_field": {"any": "thing"},
        "custom_fields.code:codeRepository": "https://x.org",
        "access": {"record": "restricted", "files": "public"},
    }
    assert "odd" in found.notices[0]
    assert not found.loose
    assert gathered(tmp_path, document["metadata"]).values["creators"] == found.values["creators"]


@pytest.mark.parametrize(
    ("metadata_", "said"),
    [
        ({"creators": [{"person_or_org": {"type": "personal"}}]}, "has no name"),
        ({"creators": ["x"], "resource_type": {}}, "creators: number 1: expected an object"),
        (
            {"creators": [{"name": "Doe, J"}], "publisher": "Zenodo"},
            "person_or_org, as InvenioRDM's JSON has it",
        ),
        ({"resource_type": "dataset"}, "resource_type: expected an object"),
        ({"rights": "mit"}, "rights: expected a list"),
        ({"languages": [{"id": "klingonese"}]}, "languages: number 1"),
        ({"publisher": "x", "dates": [{"date": "2020"}]}, "dates: number 1: has no type"),
        ({"publisher": "x", "related_identifiers": [{"identifier": "10.1234/x"}]}, "has no relation"),
        ({"publisher": "x", "identifiers": [{"identifier": "??"}]}, "identifiers: number 1"),
    ],
)
def test_native_json_that_is_wrong(tmp_path: Path, metadata_: object, said: str) -> None:
    problems = refused(tmp_path, {"metadata": metadata_})
    assert any(said in problem for problem in problems), problems


def test_native_json_with_nulls_and_a_doi_from_elsewhere(tmp_path: Path) -> None:
    document = {
        "metadata": {"title": "A title", "description": None},
        "custom_fields": None,
        "access": None,
        "pids": {"doi": {"identifier": "10.1234/x", "provider": "external"}},
    }
    found = gathered(tmp_path, document)
    assert found.fields == ("title",)
    assert "pids is not read" in found.notices[0]
