"""Metadata: where they come from, Zenodo's rules, identifiers, Markdown. No server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from entrypoint import errors, event, settings
from entrypoint.destinations.zenodo import (
    citation,
    identifier,
    mark,
    markdown,
    metadata,
    rules,
    vocabulary,
)
from entrypoint.plan import model

RELEASE = event.Release(
    "v2", "", "Notes", "https://github.com/o/r/releases/tag/v2", "o/r", "https://github.com/o/r", "MIT"
)
PLAN = model.Plan((), "one", title="Catalog's title", description="First.\n\nSecond <b>.")


def wanted(**how: Any) -> settings.ZenodoSettings:
    return settings.ZenodoSettings("new", settings.Secret("t"), **how)


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# Ids


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("new", None),
        ("NEW", None),
        ("123", 123),
        ("10.5281/zenodo.123", 123),
        ("doi:10.5281/zenodo.123", 123),
        ("https://doi.org/10.5281/zenodo.123", 123),
        ("http://dx.doi.org/10.5281/ZENODO.123", 123),
        ("https://zenodo.org/records/123", 123),
        ("https://zenodo.org/record/123", 123),
        ("https://www.zenodo.org/records/123?token=x#files", 123),
        ("https://zenodo.org/records/123/files/a.txt?download=1", 123),
        ("https://zenodo.org/deposit/123", 123),
        ("https://zenodo.org/uploads/123", 123),
        ("https://zenodo.org/uploads/123/", 123),
        ("https://zenodo.org/doi/10.5281/zenodo.123", 123),
        ("https://zenodo.org/api/records/123", 123),
        ("https://zenodo.org/api/deposit/depositions/123", 123),
    ],
)
def test_ids(value: str, number: int | None) -> None:
    assert identifier.parse(value, settings.ZENODO_URL) == number


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0", "names no deposition"),
        ("-5", "names no deposition"),
        ("１２", "names no deposition"),
        ("10.1234/other.5", "not a DOI that Zenodo gave"),
        ("10.5072/zenodo.5", "sandbox: true"),
        ("https://sandbox.zenodo.org/records/5", "sandbox: true"),
        ("https://zenodo.org.evil.example/records/5", "this run goes to zenodo.org"),
        ("https://zenodo.org@evil.example/records/5", "this run goes to zenodo.org"),
        ("https://zenodo.org/communities/x", "names no deposition"),
        ("http://[", "names no deposition"),
        ("9" * 30, "names no deposition"),
    ],
)
def test_ids_that_are_none(value: str, said: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        identifier.parse(value, settings.ZENODO_URL)
    assert said in str(caught.value)


def test_ids_of_production_on_the_sandbox() -> None:
    assert identifier.parse("10.5072/zenodo.5", settings.SANDBOX_URL) == 5
    for value in ("10.5281/zenodo.5", "https://zenodo.org/records/5"):
        with pytest.raises(errors.BadInput, match="this run goes to"):
            identifier.parse(value, settings.SANDBOX_URL)


# Rules


@pytest.mark.parametrize(
    ("value", "bare"),
    [
        ("0000-0002-1825-0097", "0000-0002-1825-0097"),
        ("https://orcid.org/0000-0002-1694-233X", "0000-0002-1694-233X"),
        ("0000-0002-1694-233x", "0000-0002-1694-233X"),
        ("0000-0002-1825-0098", None),
        ("0000000218250097", None),
        ("", None),
    ],
)
def test_orcids(value: str, bare: str | None) -> None:
    assert rules.orcid(value) == bare


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("title", "ab", "at least 3"),
        ("title", ["a list"], "expected text"),
        ("upload_type", "datset", "expected one of"),
        ("publication_type", "blog", "expected one of"),
        ("publication_date", "31.1.2026", "expected a date"),
        ("publication_date", "2026-13-01", "expected a date"),
        ("embargo_date", "2026-02-30", "expected a day"),
        ("version", "v" * 192, "191"),
        ("language", "english", "2 or 3 letters"),
        ("license", ["mit", "isc"], "not a list"),
        ("license", {"id": "a/b"}, "SPDX"),
        ("keywords", "one, two", "expected a list"),
        ("keywords", [1], "number 1"),
        ("creators", [], None),
        ("creators", [{"affiliation": "x"}], "has no name"),
        ("creators", ["Doe, Jane"], "expected an object"),
        ("creators", [{"name": "A"}, {"name": "Doe", "orcid": "0000-0002-1825-0098"}], "number 2"),
        ("creators", [{"name": "Doe", "email": "x"}], "would drop"),
        ("contributors", [{"name": "Doe"}], "needs a type"),
        ("related_identifiers", [{"identifier": "10.1/x"}], "no relation"),
        ("related_identifiers", [{"relation": "cites"}], "neither a DOI"),
        ("related_identifiers", [{"relation": "cites", "identifier": "see there"}], "neither a DOI"),
        ("grants", [{"x": 1}], "has no id"),
        ("dates", [{"start": "2020"}], "has no type"),
        ("locations", [{"lat": 1}], "has no place"),
        ("communities", ["atlas"], "expected an object"),
        ("titel", "x", "no such field"),
        ("access_right", "secret", "expected one of"),
        ("access_right", "embargoed", "embargo_date"),
    ],
)
def test_rules(field: str, value: object, said: str | None) -> None:
    found = rules.problems({field: value})
    assert (said in " ".join(found)) if said else not found


def test_good_metadata_pass() -> None:
    assert not rules.problems(
        {
            "title": "Abc", "upload_type": "dataset", "publication_date": "2026-01/2026-02",
            "creators": [{"name": "Doe, Jane", "affiliation": None, "orcid": ""}],
            "license": {"id": "CC-BY-4.0"}, "keywords": ["a"], "language": "eng",
            "related_identifiers": [
                {"identifier": value, "relation": "ISCITEDBY", "resource_type": "publication-article"}
                for value in ("10.1000/xyz", "https://doi.org/10.1/x", "https://example.org", "arXiv:2101.00001",
                              "978-3-16-148410-0", "1234-567X", "swh:1:rev:abc", "pmid:123")
            ],
        }
    )  # fmt: skip
    for value in (
        "10.1000/xyz",
        "https://example.org/x",
        "arXiv:2101.00001",
        "978-3-16-148410-0",
        "1234-567X",
    ):
        assert rules.is_identifier(value)


# Inputs and files


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    path = write(tmp_path, ".zenodo.json", {"keywords": "a", "nonsense": 1})
    with pytest.raises(errors.BadInput) as caught:
        metadata.gather(
            wanted(
                metadata_files=(path,), title="x", upload_type="blog", creators=("; Uni", "Doe; U; V"),
                related_identifiers=("isSupplementTo",), license="a/b",
            )
        )  # fmt: skip
    said = "\n".join(caught.value.problems)
    for start in (
        "metadata-file: keywords",
        "metadata-file: nonsense",
        "title:",
        "upload-type:",
        "creators:",
        "license:",
    ):
        assert f"\n{start}" in f"\n{said}"
    assert "related-identifiers: expected" in said
    assert "example.org" not in said


@pytest.mark.parametrize(
    ("line", "person"),
    [
        ("Doe, Jane", {"name": "Doe, Jane"}),
        ("Doe, Jane; Uni of X, Y", {"name": "Doe, Jane", "affiliation": "Uni of X, Y"}),
        ("Doe, Jane;; 0000-0002-1825-0097", {"name": "Doe, Jane", "orcid": "0000-0002-1825-0097"}),
        (
            "Doe, Jane; Uni; https://orcid.org/0000-0002-1825-0097",
            {"name": "Doe, Jane", "affiliation": "Uni", "orcid": "https://orcid.org/0000-0002-1825-0097"},
        ),
    ],
)
def test_creators(line: str, person: dict[str, str]) -> None:
    problems: list[str] = []
    assert metadata.creator(line, problems) == person
    assert not problems


@pytest.mark.parametrize(
    ("given", "kept"),
    [("CC-BY-4.0", "cc-by-4.0"), ("CC0", "cc0-1.0"), ("cc-zero", "cc0-1.0"), ("MIT License", "mit"),
     ("https://spdx.org/licenses/ISC.html", "isc"), ("Foo-1.0", "foo-1.0")],
)  # fmt: skip
def test_licenses(given: str, kept: str) -> None:
    assert vocabulary.license_id(given) == kept


def test_zenodo_json(tmp_path: Path) -> None:
    document = {
        "title": "From the file", "license": {"id": "MIT"}, "creators": [{"name": "A", "orcid": "0000-0002-1825-0097"}],
        "communities": [{"identifier": "atlas"}], "prereserve_doi": True, "doi": "10.5281/zenodo.1",
        "related_identifiers": [{"relation": "cites", "identifier": "10.1/x", "scheme": "doi"}], "$schema": "x",
    }  # fmt: skip
    for content in (document, {"metadata": document}):
        given = metadata.gather(
            wanted(metadata_files=(write(tmp_path, ".zenodo.json", content),), title="Input")
        )
        assert given.metadata == {
            "title": "Input",
            "license": "mit",
            "creators": [{"name": "A", "orcid": "0000-0002-1825-0097"}],
            "related_identifiers": [{"relation": "cites", "identifier": "10.1/x"}],
        }
        assert given.communities == ("atlas",)


CFF = """\
cff-version: 1.2.0
message: Please cite.
title: Tool
version: 1.10
date-released: 2026-01-31
type: dataset
abstract: What it is.
keywords: [a, b]
license: [MIT, Apache-2.0]
doi: 10.5281/zenodo.55
repository-code: https://github.com/o/r
authors:
  - family-names: Doe
    given-names: Jane
    name-particle: van
    orcid: https://orcid.org/0000-0002-1825-0097
    affiliation: Uni
  - name: The Team
  - alias: nick
"""


def test_citation_cff(tmp_path: Path) -> None:
    given = metadata.gather(wanted(metadata_files=(write(tmp_path, "CITATION.cff", CFF),)))
    assert given.metadata == {
        "title": "Tool",
        "description": "What it is.",
        "version": "1.10",
        "notes": "Please cite.",
        "publication_date": "2026-01-31",
        "upload_type": "dataset",
        "creators": [
            {"name": "van Doe, Jane", "affiliation": "Uni", "orcid": "0000-0002-1825-0097"},
            {"name": "The Team"},
            {"name": "nick"},
        ],
        "keywords": ["a", "b"],
        "license": "mit",
        "related_identifiers": [{"identifier": "https://github.com/o/r", "relation": "isSupplementedBy"}],
    }
    assert "the first was taken" in given.notices[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("CITATION.cff", "a: &a [x]\nb: *a\ncff-version: 1", "aliases"),
        ("CITATION.cff", "a: [", "not valid YAML"),
        ("CITATION.cff", "[" * 5000, "nested"),
        ("CITATION.cff", "title: x", "neither"),
        ("CITATION.cff", "cff-version: 1\ntitle: !!python/object:os.system xyz", None),
        ("CITATION.cff", "cff-version: 1\nauthors: [[x]]", "name"),
        (".zenodo.json", "[" * 200_000, "not valid JSON"),
        (".zenodo.json", "[1]", "does not hold an object"),
        (".zenodo.json", '{"a": 1,}', "line 1"),
        (".zenodo.json", " " * 1_000_001, "larger"),
        ("other.txt", "plain text", "neither"),
        ("other.txt", "", "neither"),
    ],
)
def test_files_that_are_hostile_or_wrong(tmp_path: Path, name: str, content: str, said: str | None) -> None:
    path = write(tmp_path, name, content)
    if said is None:
        metadata.gather(wanted(metadata_files=(path,), title="Abc"))
        return
    with pytest.raises(errors.BadInput) as caught:
        metadata.gather(wanted(metadata_files=(path,)))
    assert (
        said in str(caught.value) or "expected an object" in str(caught.value) or "name" in str(caught.value)
    )


# Merging


def merged(
    given: dict[str, Any], draft: dict[str, Any], release: event.Release | None = None
) -> dict[str, Any]:
    return metadata.merge(metadata.Given(given), draft, release, PLAN, "one", None)


def test_inputs_over_draft_over_release_over_catalog() -> None:
    assert merged({}, {})["title"] == "Catalog's title"
    assert merged({}, {})["description"] == "<p>First.</p>\n<p>Second &lt;b&gt;.</p>"
    from_release = merged({}, {}, RELEASE)
    assert from_release["title"] == "Catalog's title"
    assert (from_release["version"], from_release["license"]) == ("v2", "mit")
    assert from_release["description"] == "<p>Notes</p>"
    draft = {"title": "Draft", "version": "v1", "license": "cc-by-4.0"}
    assert merged({}, draft, RELEASE)["version"] == "v1"
    assert merged({"title": "Input"}, draft, RELEASE)["title"] == "Input"


def test_the_release_replaces_the_one_of_the_older_version() -> None:
    old = {"identifier": "https://github.com/o/r/releases/tag/v1", "relation": "isSupplementTo"}
    other = {"identifier": "https://example.org", "relation": "cites"}
    new = {"identifier": RELEASE.url, "relation": "isSupplementTo"}
    assert merged({}, {"related_identifiers": [old, other]}, RELEASE)["related_identifiers"] == [other, new]
    own = [{"identifier": "https://x.org", "relation": "isSupplementTo"}]
    assert merged({"related_identifiers": own}, {}, RELEASE)["related_identifiers"] == own


def test_what_is_not_written_back() -> None:
    draft = {
        "title": "T", "doi": "10.5072/zenodo.5", "prereserve_doi": {"doi": "10.5281/zenodo.5"},
        "dates": [{"type": "x"}],
        "creators": [{"name": "A", "affiliation": None}], "license": {"id": "CC-BY-4.0"}, "relations": {},
        "grants": [{"id": "g", "funder": {}}], "keywords": [],
    }  # fmt: skip
    assert metadata.writable(draft, 5) == {
        "title": "T", "creators": [{"name": "A"}], "license": "cc-by-4.0", "grants": [{"id": "g"}],
    }  # fmt: skip
    assert metadata.writable({"doi": "10.1234/own"}, 5) == {"doi": "10.1234/own"}
    assert metadata.writable({"doi": "10.1234/abc.5"}, 5) == {}


def test_what_the_server_respells_is_no_difference() -> None:
    wanted_ones = {"license": "cc0-1.0", "description": "<p>A &amp; b</p>\n<p>c</p>", "title": " A  b"}
    there = {"license": "cc-zero", "description": "<p>A & b</p> <p>c</p>", "title": "A b"}
    assert metadata.differs(wanted_ones, there) == []
    assert metadata.differs({"title": "x"}, {"title": "y", "notes": "z"}) == ["notes", "title"]


# The mark


def test_marks() -> None:
    run = settings.Run(on_github=True, repository="o/r", id="7")
    one = mark.of(run, "one")
    assert one == "Uploaded by catalog-upload: https://github.com/o/r/actions/runs/7 (data set one)"
    assert mark.of(settings.Run(repository="o/r", id="7"), "one") == ""
    hostile = [mark.of(run, name) for name in ("a b", "a<b", "a(b)", "a\nb", "é" * 300)]
    assert len({*hostile, one}) == 6
    assert all(mark.is_in(mark.put("My notes.", each), each) for each in hostile)
    both = mark.put(mark.put("My notes.", one), hostile[0])
    assert not mark.is_in(both, one)
    assert mark.put(both, "") == "My notes."
    assert mark.put(None, "") == ""
    assert not mark.is_in(mark.of(settings.Run(on_github=True, repository="o/r", id="77"), "one"), one)
    assert not mark.is_in("anything", "")


# Markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"),
        ("# H\ntext", "<h2>H</h2>\n<p>text</p>"),
        ("## C#\n### H ##", "<h3>C#</h3>\n<h4>H</h4>"),
        ("* a\n* b\n  more\n1. c", "<ul><li>a</li><li>b more</li></ul>\n<ol><li>c</li></ol>"),
        ("a **b** *c* `<d>`", "<p>a <strong>b</strong> <em>c</em> <code>&lt;d&gt;</code></p>"),
        ("[x](https://e.org/?a=1&b=2)", '<p><a href="https://e.org/?a=1&amp;b=2">x</a></p>'),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ('https://e.org/"onclick=x', '<p><a href="https://e.org/">https://e.org/</a>"onclick=x</p>'),
        ("```\n<x> # no\n```\nafter", "<pre><code>&lt;x&gt; # no</code></pre>\n<p>after</p>"),
        ("```\nopen", "<pre><code>open</code></pre>"),
        ("a <!-- hidden --> b", "<p>a  b</p>"),
        ("---\nx", "<p>x</p>"),
        ("2 * 3 * 4 and a_b_c", "<p>2 * 3 * 4 and a_b_c</p>"),
    ],
)
def test_markdown(text: str, html: str) -> None:
    assert markdown.to_html(text) == html


def test_markdown_is_not_slow() -> None:
    for text in (
        "[" * 100_000,
        "*" * 100_000,
        "`" * 100_000,
        "**a" * 30_000,
        "<!--" * 25_000,
        "- " * 50_000,
        "# " + " " * 90_000,
    ):
        markdown.to_html(text)


def test_a_citation() -> None:
    found = metadata.citation_of(
        {"title": "T", "publication_date": "2026-01-02", "creators": [{"name": "Doe, J."}, {"name": "Team"}]},
        "10.5281/zenodo.1",
    )
    assert found == "Doe, J.; Team (2026). T. Zenodo. https://doi.org/10.5281/zenodo.1"
    assert citation.MAX_CFF < citation.MAX_JSON
