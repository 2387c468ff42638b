"""Metadata of a Zenodo: what inputs and files say, in InvenioRDM's form. No server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from entrypoint import errors, settings
from entrypoint.destinations.zenodo import metadata

ORCID = "0000-0002-1825-0097"
CFF = """\
cff-version: 1.2.0
message: Please cite.
title: Tool
version: 1.10
date-released: 2026-01-31
type: dataset
abstract: |
  What it is: a <Key>, a & b.

  Second paragraph.
keywords: [a, b]
license: [MIT, Apache-2.0]
doi: 10.5281/zenodo.55
repository-code: https://github.com/o/r
identifiers:
  - {type: swh, value: "swh:1:rev:0000000000000000000000000000000000000000"}
authors: &authors
  - family-names: Doe
    given-names: Jane
    name-particle: van
    orcid: https://orcid.org/0000-0002-1825-0097
    affiliation: Uni
  - name: X, Inc.
  - alias: nick
preferred-citation:
  type: article
  title: A paper
  authors: *authors
"""


def wanted(**how: Any) -> settings.ZenodoSettings:
    return settings.ZenodoSettings("new", settings.Secret("t"), **how)


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def gathered(folder: Path, *contents: object, **inputs: Any) -> metadata.Given:
    paths = [
        write(folder, "CITATION.cff" if isinstance(content, str) else f"{place}.json", content)
        for place, content in enumerate(contents)
    ]
    return metadata.gather(wanted(metadata_files=tuple(paths), **inputs))


def refused(folder: Path, *contents: object, **inputs: Any) -> list[str]:
    with pytest.raises(errors.BadInput) as caught:
        gathered(folder, *contents, **inputs)
    return list(caught.value.problems)


def personal(family: str, given: str = "", orcid: str = "", **rest: Any) -> dict[str, Any]:
    who: dict[str, Any] = {"type": "personal", "family_name": family}
    if given:
        who["given_name"] = given
    if orcid:
        who["identifiers"] = [{"scheme": "orcid", "identifier": orcid}]
    return {"person_or_org": who, **rest}


def organisation(name: str, ror: str = "", **rest: Any) -> dict[str, Any]:
    who: dict[str, Any] = {"type": "organizational", "name": name}
    if ror:
        who["identifiers"] = [{"scheme": "ror", "identifier": ror}]
    return {"person_or_org": who, **rest}


# Inputs


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("Doe, Jane", personal("Doe", "Jane")),
        ("Doe, Jane; Uni of X, Y", personal("Doe", "Jane", affiliations=[{"name": "Uni of X, Y"}])),
        (f"Doe, Jane;; {ORCID}", personal("Doe", "Jane", ORCID)),
        (f"Doe, Jane; {ORCID}", personal("Doe", "Jane", ORCID)),
        ("Doe, Jane;; https://orcid.org/0000-0002-1694-233x", personal("Doe", "Jane", "0000-0002-1694-233X")),
        (
            "Doe, Jane; Uni | https://ror.org/01ggx4157 | 05a28rw58 | Uni",
            personal("Doe", "Jane", affiliations=[{"name": "Uni"}, {"id": "01ggx4157"}, {"id": "05a28rw58"}]),
        ),
        ("The Team", personal("The Team")),
        ("Doe, Jane, Jr.", personal("Doe", "Jane, Jr.")),
        ("org: X, Inc.", organisation("X, Inc.")),
        ("ORG:X; https://ror.org/01ggx4157", organisation("X", "01ggx4157")),
        ("org: X; Uni | 05a28rw58", organisation("X", affiliations=[{"name": "Uni"}, {"id": "05a28rw58"}])),
        ("org: X; Uni; 01ggx4157", organisation("X", "01ggx4157", affiliations=[{"name": "Uni"}])),
    ],
)
def test_creators(line: str, entry: dict[str, Any], tmp_path: Path) -> None:
    assert gathered(tmp_path, creators=(line,)).values["creators"] == [entry]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"creators": ("; Uni",)}, "creators: has no name"),
        ({"creators": ("org: ; Uni",)}, "creators: expected org: Name"),
        ({"creators": ("org: X; Uni; V",)}, "creators: expected org: Name"),
        ({"creators": (" , ; Uni",)}, "creators: has no name"),
        ({"creators": ("Doe; U; V",)}, "creators: expected Family, Given; affiliation; ORCID"),
        ({"creators": ("Doe; 0000-0002-1825-0098",)}, "ORCID iD that is not valid"),
        ({"creators": (f"Doe; {ORCID}; {ORCID}",)}, "creators: expected"),
        ({"title": "ab"}, "title: needs at least 3"),
        ({"version": "v" * 192}, "191"),
        ({"license": "three odd words"}, "license: expected an SPDX id"),
        ({"license": "a/b"}, "license: expected an SPDX id"),
        ({"related_identifiers": ("isSupplementTo",)}, "related-identifiers: expected relation"),
        ({"related_identifiers": ("cites PMC1234567",)}, "related-identifiers: number 1: 'PMC1234567' is"),
        ({"related_identifiers": ("cites 1234-5678",)}, "related-identifiers: number 1"),
        ({"related_identifiers": ("cites 978-3-16-148410-1",)}, "related-identifiers: number 1"),
    ],
)
def test_inputs_that_are_wrong(inputs: dict[str, Any], said: str, tmp_path: Path) -> None:
    problems = refused(tmp_path, **inputs)
    assert any(said in problem for problem in problems), problems


def test_an_input_that_cannot_be_read_hides_no_problem_of_another(tmp_path: Path) -> None:
    heads = [
        problem.partition(":")[0]
        for problem in refused(
            tmp_path,
            title="X",
            license="nope 1",
            creators=("A; B; 0000-0000-0000-0000",),
            related_identifiers=("isPartOf nonsense",),
        )
    ]
    assert sorted(heads) == ["creators", "license", "related-identifiers", "title"]


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    problems = refused(
        tmp_path,
        {"keywords": "a", "titel": "x", "creators": [{"name": "A", "orcid": "1"}, {}]},
        title="x",
        creators=("; Uni",),
        license="a/b",
        related_identifiers=("x",),
    )
    told = " ".join(problems)
    for part in ("keywords: expected a list", "did you mean title?", "creators: number 1", "number 2"):
        assert f"{part}" in told
    for part in (
        "title: needs",
        "creators: has no name",
        "license: expected",
        "related-identifiers: expected",
    ):
        assert any(problem.startswith(part) for problem in problems), part


@pytest.mark.parametrize(
    ("value", "rights"),
    [
        ("CC-BY-4.0", [{"id": "CC-BY-4.0"}]),
        ("MIT OR Apache-2.0", [{"id": "MIT"}, {"id": "Apache-2.0"}]),
        ("MIT\nCC0-1.0", [{"id": "MIT"}, {"id": "CC0-1.0"}]),
        ("MIT, CC0-1.0", [{"id": "MIT"}, {"id": "CC0-1.0"}]),
        ("CC BY 4.0", [{"id": "CC BY 4.0"}]),
        (
            "https://creativecommons.org/licenses/by/4.0/",
            [{"id": "https://creativecommons.org/licenses/by/4.0/"}],
        ),
        ("https://x.org/L", [{"title": {"en": "https://x.org/L"}, "link": "https://x.org/L"}]),
        ("House licence: https://x.org/L", [{"title": {"en": "House licence"}, "link": "https://x.org/L"}]),
    ],
)
def test_licenses(value: str, rights: list[dict[str, Any]], tmp_path: Path) -> None:
    assert gathered(tmp_path, license=value).values["rights"] == rights


@pytest.mark.parametrize(
    ("value", "html"),
    [
        ("One.\n\nTwo <Key> & three.", "<p>One.</p>\n<p>Two &lt;Key&gt; &amp; three.</p>"),
        ("<p>One</p>", "<p>One</p>"),
        ("a <b>bold</b> word", "a <b>bold</b> word"),
        ("one<br>two", "one<br>two"),
        ("R&amp;D", "<p>R&amp;D</p>"),
        ("x < y and y > z", "<p>x &lt; y and y &gt; z</p>"),
        ("<i> is the index", "<p>&lt;i&gt; is the index</p>"),
        ("List:\n- a\n- b", "<p>List:<br>- a<br>- b</p>"),
        ("one\ntwo", "<p>one two</p>"),
    ],
)
def test_descriptions_are_plain_text_or_html(value: str, html: str, tmp_path: Path) -> None:
    assert gathered(tmp_path, description=value).values["description"] == html
    assert gathered(tmp_path, {"description": value}).values["description"] == html


# CITATION.cff


def test_citation_cff(tmp_path: Path) -> None:
    found = gathered(tmp_path, CFF)
    assert found.values == {
        "title": "Tool",
        "version": "1.10",
        "publication_date": "2026-01-31",
        "description": "<p>What it is: a &lt;Key&gt;, a &amp; b.</p>\n<p>Second paragraph.</p>",
        "creators": [
            personal("van Doe", "Jane", ORCID, affiliations=[{"name": "Uni"}]),
            {"person_or_org": {"type": "organizational", "name": "X, Inc."}},
            personal("nick"),
        ],
        "subjects.free": [{"subject": "a"}, {"subject": "b"}],
        "rights": [{"id": "MIT"}, {"id": "Apache-2.0"}],
        "related_identifiers": [
            {"identifier": "https://github.com/o/r", "relation_type": {"id": "issupplementedby"}}
        ],
        "additional_descriptions.notes": [{"description": "<p>Please cite.</p>", "type": {"id": "notes"}}],
        "resource_type": {"id": "dataset"},
    }
    (left_out,) = found.notices
    assert "swh:1:rev:" in left_out


def test_a_citation_with_merged_keys_and_nothing_in_words(tmp_path: Path) -> None:
    people = "authors:\n- &doe {family-names: Doe, given-names: Jane}\n- {<<: *doe, given-names: John}\n"
    found = gathered(tmp_path, f"cff-version: 1.2.0\n{people}version: ~\nabstract: null\ntitle: 2020-01-01\n")
    assert found.values == {
        "title": "2020-01-01",
        "creators": [personal("Doe", "Jane"), personal("Doe", "John")],
    }


def test_identifiers_of_a_citation(tmp_path: Path) -> None:
    lines = [
        "{type: other, value: 'arXiv:1310.2590'}",
        "{type: other, value: internal 5}",
        "{type: other, value: internal 6}",
        "{type: doi, value: 10.5281/zenodo.7}",
    ]
    found = gathered(
        tmp_path, "cff-version: 1.2.0\nidentifiers:\n" + "".join(f"- {line}\n" for line in lines)
    )
    assert [item["identifier"] for item in found.values["related_identifiers"]] == ["arXiv:1310.2590"]
    assert found.notices == (
        "metadata-file: the service takes no identifier such as 'internal 5'; 2 were left out.",
    )


BOMB = "cff-version: 1.2.0\na0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("CITATION.cff", "cff-version: 1\na: &a [x, *a]", "inside itself"),
        ("CITATION.cff", BOMB, "too large"),
        ("CITATION.cff", "a: [", "not valid YAML"),
        ("CITATION.cff", "a: *nobody", "not valid YAML"),
        ("CITATION.cff", "[" * 5000, "nested"),
        ("CITATION.cff", "title: x", "neither"),
        ("CITATION.cff", "title: x\nauthors: []", "without cff-version"),
        ("CITATION.cff", "# nothing", "is empty"),
        ("CITATION.cff", "cff-version: 1\nauthors: {family-names: Doe}", "authors: expected a list"),
        ("CITATION.cff", "cff-version: 1\nkeywords: a, b", "keywords: expected a list"),
        ("CITATION.cff", "cff-version: 1\nversion: [1]", "version: expected text"),
        ("CITATION.cff", "cff-version: 1\ndate-released: 1.2.2020", "date-released: expected a date"),
        ("CITATION.cff", "cff-version: 1\ntitle: !!python/object:os.system x", "not valid YAML"),
        ("CITATION.cff", "cff-version: 1\nauthors: [[x]]", "authors: number 1"),
        ("CITATION.cff", "cff-version: 1\nauthors: [{orcid: '0000-0002-1825-0098', name: x}]", "ORCID"),
        ("CITATION.cff", "cff-version: 1\nlicense: [a/b c]", "license: expected"),
        ("CITATION.cff", "#" * 128_001, "larger"),
        (".zenodo.json", "[" * 200_000, "not valid JSON"),
        (".zenodo.json", '{"a":' * 60 + "1" + "}" * 60, "nested"),
        (".zenodo.json", "[1]", "does not contain a metadata object"),
        (".zenodo.json", '{"title": NaN}', "not valid JSON"),
        (".zenodo.json", '{"a": 1,}', "line 1"),
        (".zenodo.json", " " * 1_000_001, "larger"),
        (
            "codemeta.json",
            '{"@context": "https://w3id.org/codemeta/3.0", "name": "x", "license": "y"}',
            "neither",
        ),
        ("datacite.json", '{"data": {"attributes": {"titles": [{"title": "x"}]}}}', "neither"),
        ("other.txt", "plain text", "neither"),
        ("other.txt", "", "is empty"),
        (".zenodo.json", "\n", "is empty"),
    ],
)
def test_files_that_are_hostile_or_wrong(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(errors.BadInput) as caught:
        metadata.gather(wanted(metadata_files=(path,)))
    assert said in str(caught.value), str(caught.value)


def test_what_the_deposit_api_shows_is_a_zenodo_json(tmp_path: Path) -> None:
    content = {"id": 5, "links": {}, "metadata": {"title": "A title", "upload_type": "dataset"}}
    path = write(tmp_path, "m.json", json.dumps(content))
    found = metadata.gather(wanted(metadata_files=(path,)))
    assert (found.values["title"], found.notices) == ("A title", ())


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(errors.BadInput, match="cannot be read"):
        metadata.gather(wanted(metadata_files=(tmp_path / "none.json",)))
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"title": "\xe9"}')
    with pytest.raises(errors.BadInput, match="not UTF-8"):
        metadata.gather(wanted(metadata_files=(path,)))


# .zenodo.json


def test_zenodo_json_whole(tmp_path: Path) -> None:
    document = {
        "title": "From the file", "license": {"id": "odc-odbl"}, "upload_type": "publication",
        "publication_type": "thesis", "publication_date": "2026-01",
        "creators": [{"name": "Doe, J", "orcid": ORCID, "gnd": "118540238", "affiliation": "Uni"}],
        "contributors": [{"name": "Roe", "type": "DataCurator"}],
        "thesis_supervisors": [{"name": "Boss"}],
        "communities": [{"identifier": "atlas"}], "prereserve_doi": True, "doi": "10.5281/zenodo.1",
        "related_identifiers": [
            {"relation": "isOrignialFormOf", "identifier": "10.1234/x", "scheme": "doi",
             "resource_type": "image-figure"},
            {"relation": "isAlternateIdentifier", "identifier": "https://x.org"},
        ],
        "grants": [{"id": "283595"}, {"id": "10.13039/100000001::99"}, {"id": "021nxhr62::98"}],
        "keywords": ["a"], "notes": "Old & new", "method": "<p>How</p>", "references": ["R"], "language": "en",
        "version": "1", "dates": [{"start": "2020-01-01", "end": "2020-02-01", "type": "Collected"}],
        "locations": [{"place": "CERN", "lat": 0, "lon": 6.05, "description": "d"}],
        "subjects": [{"term": "T", "identifier": "I", "scheme": "url"}],
        "journal_title": "J", "conference_title": "C", "conference_session_part": "2", "imprint_publisher": "P",
        "imprint_isbn": "I", "partof_pages": "3", "thesis_university": "U",
        "access_right": "embargoed", "embargo_date": "2099-01-01",
        "custom": {"code:codeRepository": "https://x.org"}, "$schema": "x", "access_conditions": "c", "zzz": 1,
    }  # fmt: skip
    for content in (document, {"metadata": document}):
        found = gathered(tmp_path, content)
        values = found.values
        assert values["resource_type"] == {"id": "publication-dissertation"}
        assert values["creators"][0]["person_or_org"]["identifiers"][1] == {
            "scheme": "gnd", "identifier": "gnd:118540238"
        }  # fmt: skip
        assert [each["role"]["id"] for each in values["contributors"]] == ["supervisor", "datacurator"]
        assert values["related_identifiers"] == [
            {
                "identifier": "10.1234/x",
                "relation_type": {"id": "isoriginalformof"},
                "resource_type": {"id": "image-figure"},
            }
        ]
        assert values["identifiers"] == [{"identifier": "https://x.org"}]
        assert values["funding"] == [
            {"funder": {"id": "00k4n6c32"}, "award": {"id": "00k4n6c32::283595"}},
            {"funder": {"id": "021nxhr62"}, "award": {"id": "021nxhr62::99"}},
            {"funder": {"id": "021nxhr62"}, "award": {"id": "021nxhr62::98"}},
        ]
        assert values["languages"] == [{"id": "eng"}]
        assert values["dates"] == [{"date": "2020-01-01/2020-02-01", "type": {"id": "collected"}}]
        assert values["locations"]["features"][0]["geometry"] == {"type": "Point", "coordinates": [6.05, 0.0]}
        assert values["access"] == {
            "record": "public", "files": "restricted", "embargo": {"active": True, "until": "2099-01-01"}
        }  # fmt: skip
        assert values["publisher"] == "P"
        assert values["additional_descriptions.notes"][0]["description"] == "<p>Old &amp; new</p>"
        assert values["additional_descriptions.methods"][0]["description"] == "<p>How</p>"
        assert {name.removeprefix("custom_fields.") for name in values if name.startswith("custom_")} == {
            "legacy:subjects", "journal:journal", "meeting:meeting", "imprint:imprint", "thesis:thesis",
            "code:codeRepository",
        }  # fmt: skip
        assert values["custom_fields.meeting:meeting"] == {"title": "C", "session_part": "2"}
        assert "pids.doi" not in values
        assert found.communities == ("atlas",)
        assert any("zzz is not a field" in notice for notice in found.notices)
        assert any("access_conditions" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("title", ["a list"], "expected text"),
        ("publication_date", "31.1.2026", "expected a date"),
        ("publication_date", "2026-13-01", "expected a date"),
        ("publication_date", "2026-02/2026-01", "expected a date"),
        ("keywords", "one, two", "expected a list"),
        ("keywords", [1], "number 1"),
        ("creators", [{"affiliation": "x"}], "has no name"),
        ("creators", ["Doe, Jane"], "expected an object"),
        ("creators", [{"name": "A"}, {"name": "Doe", "orcid": "0000-0002-1825-0098"}], "number 2"),
        ("contributors", [{"name": "Doe"}], "needs a type"),
        ("related_identifiers", [{"identifier": "10.1234/x"}], "no relation"),
        ("related_identifiers", [{"relation": "cites"}], "no identifier"),
        ("related_identifiers", [{"relation": "cites", "identifier": "see there"}], "neither a DOI"),
        ("grants", [{"x": 1}], "has no id"),
        ("dates", [{"start": "2020"}], "has no type"),
        ("dates", [{"type": "collected"}], "neither start nor end"),
        ("locations", [{"lat": 1, "place": "x"}], "only one of lat and lon"),
        ("locations", [{"x": 1}], "has no place"),
        ("locations", ["Paris"], "an object with place; got"),
        ("dates", [{"type": "valid", "start": "2021", "end": "2020"}], "ends before it begins"),
        ("dates", [{"type": "valid", "start": "soon"}], "expected dates"),
        ("embargo_date", "2999-01-01", "would be public at once"),
        ("locations", [{"place": "x", "lat": "north", "lon": 1}], "not a number"),
        ("communities", ["atlas"], "expected an object"),
        ("license", ["MIT", {"id": ""}], "license: expected"),
        ("language", "english please", "2 or 3 letters"),
        ("access_right", "secret", "expected one of"),
        ("access_right", "embargoed", "embargo_date"),
        ("doi", "no doi", "expected a DOI"),
        ("custom", [1], "expected an object"),
        ("licence", "MIT", "did you mean license?"),
    ],
)
def test_zenodo_json_that_is_wrong(tmp_path: Path, field: str, value: object, said: str) -> None:
    problems = refused(tmp_path, {field: value})
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith("metadata-file: ") for problem in problems)


def test_parts_that_a_zenodo_json_does_not_have_are_named(tmp_path: Path) -> None:
    who = {"name": "Doe", "affiliations": [{"name": "A"}], "orcid": None, "email": "x@example.org"}
    (said,) = gathered(tmp_path, {"creators": [who, {"name": "Roe", "email": ""}]}).notices
    assert "creators: affiliations, email cannot be given" in said


def test_an_embargo_of_the_past_without_a_right_is_over(tmp_path: Path) -> None:
    assert gathered(tmp_path, {"embargo_date": "2020-01-01"}).values == {}


def test_an_embargo_that_is_over_is_wrong_before_anything_is_sent(tmp_path: Path) -> None:
    problems = refused(tmp_path, {"access_right": "embargoed", "embargo_date": "2020-01-01"})
    assert "not in the future" in problems[0]
    native = {"metadata": {"resource_type": {"id": "dataset"}}, "access": {"embargo": {"active": True}}}
    assert "expected a day" in refused(tmp_path, native)[0]


# Several at once


def test_inputs_win_over_the_first_file_over_the_second(tmp_path: Path) -> None:
    first = {"title": "First", "creators": [{"name": "van Doe, Jane"}], "version": "1.10"}
    found = gathered(tmp_path, first, CFF, version="v9")
    assert found.values["title"] == "First"
    assert found.values["version"] == "v9"
    assert found.values["subjects.free"] == [{"subject": "a"}, {"subject": "b"}]
    said = found.notices[-1]
    assert "CITATION.cff differs from 0.json in title, creators;" in said
    same = gathered(tmp_path, {"title": "Tool", "version": "1.10"}, CFF)
    assert not [each for each in same.notices if "differs" in each]


def test_communities_of_inputs_win(tmp_path: Path) -> None:
    document = {"communities": [{"identifier": "a"}, {"identifier": "https://zenodo.org/communities/a/"}]}
    assert gathered(tmp_path, document).communities == ("a",)
    given = gathered(tmp_path, document, communities=("https://zenodo.org/communities/b/", "c"))
    assert given.communities == ("b", "c")


def test_text_that_no_request_can_carry(tmp_path: Path) -> None:
    found = gathered(tmp_path, {"title": "A\ud800 title", "keywords": ["\udfff"]})
    json.dumps(dict(found.values), ensure_ascii=False).encode()
