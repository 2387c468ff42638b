"""Metadata of a Zenodo: text, and the server's normal form, compared with the server's own library."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from entrypoint.destinations.zenodo import metadata
from entrypoint.destinations.zenodo.metadata import identifiers, known, normal, text
from tests.zenodo import schema

# Text


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("", ""),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>"),
        ("# H\ntext", "<h1>H</h1>\n<p>text</p>"),
        ("###### six", "<h5>six</h5>"),
        ("* a\n* b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("a **b** *c* `<d>` ~~e~~", "<p>a <strong>b</strong> <em>c</em> <code>&lt;d&gt;</code> <strike>e</strike></p>"),
        ("[x](https://e.org/?a=1&b=2)", '<p><a href="https://e.org/?a=1&amp;b=2">x</a></p>'),
        ("![a](https://e.org/i.png)", '<p><a href="https://e.org/i.png">a</a></p>'),
        ("**Changes**: https://e.org/a...b", None),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("x <script>alert(1)</script> y", "<p>x  y</p>"),
        ('<b onclick="x()">bold</b> <i class="y">it</i>', '<p><b>bold</b> <i class="y">it</i></p>'),
        ("```\n<x> # no\n```", "<pre><code>&lt;x&gt; # no\n</code></pre>"),
        ("a <!-- hidden --> b", "<p>a  b</p>"),
        ("2 * 3 * 4 and a_b_c", "<p>2 * 3 * 4 and a_b_c</p>"),
    ],
)  # fmt: skip
def test_markdown(source: str, html: str | None) -> None:
    found = text.from_markdown(source)
    if html is not None:
        assert found == html
    else:
        assert '<a href="https://e.org/a...b">https://e.org/a...b</a>' in found


def test_tables_of_markdown_are_tables() -> None:
    found = text.from_markdown("| a | b |\n|---|--:|\n| 1 | 2 |")
    for part in ("<table>", "<th>a</th>", "<td>2</td>"):
        assert part in found
    # The server keeps every cell.
    kept, errors = schema.load({"metadata": {"description": found}})
    assert text.comparable(kept["metadata"]["description"]) == text.comparable(found)
    assert "description" not in json.dumps(errors)


def test_markdown_is_not_slow() -> None:
    for source in (
        *("[" * 100_000, "*" * 100_000, "`" * 100_000, "**a" * 30_000, "<!--" * 25_000, "- " * 50_000),
        *("# " + " " * 90_000, "> " * 50_000, "http://a." * 10_000, "|a" * 50_000 + "\n" + "|-" * 50_000),
    ):
        text.from_markdown(source)


# The normal form of each kind of field: what people write, what the server makes of it


def stored(field: str, value: Any) -> Any:
    """The field as the server's schema keeps it."""
    kept, errors = schema.load({"metadata": {field: copy.deepcopy(value)}})
    assert field in kept["metadata"], errors
    return kept["metadata"][field]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "“Curly” quotes and ‘others’"),
        ("title", "Cafe\u0301 \u200bzero"),
        ("title", "R&amp;D ﬁne Ｗide"),
        ("title", "  blanks around  "),
        ("title", "form\x0cfeed\x01control"),
        ("description", "<p>a<br/>b</p>"),
        ("description", "<p>A &amp; b &lt;c&gt; &copy; &nbsp; “x”</p>\n\n<p>c</p>"),
        ("description", "<div style='x: y' class='z'><s>old</s> <hr/> <img src=x> <h6>six</h6></div>"),
        ("description", "plain & simple < text"),
        ("description", "<table><tr><td>1<td>2</table>"),
        (
            "description",
            "<table><thead><tr><th>1</th></tr></thead><tbody><tr><td>2</td></tr></tbody></table>",
        ),
        ("description", '<a href="javascript:x">a</a> <a href="https://x.org/?a=1&b=2" target=_blank>b</a>'),
        ("description", "<script>alert(1)</script>text"),
        ("description", "<p>unclosed <b>bold"),
        ("description", "<p>one<ul><li>x</ul></p>"),
        ("additional_descriptions", [{"description": "<p>x<br/></p>", "type": {"id": "notes"}}]),
        ("creators", [{"person_or_org": {"type": "personal", "family_name": "Doe", "given_name": "J"}}]),
        (
            "creators",
            [
                {
                    "person_or_org": {
                        "type": "personal",
                        "family_name": "“Doe”",
                        "identifiers": [{"identifier": "https://orcid.org/0000-0002-1825-0097"}],
                    }
                }
            ],
        ),
        (
            "creators",
            [
                {
                    "person_or_org": {
                        "type": "organizational",
                        "name": "CERN",
                        "identifiers": [
                            {"identifier": "https://ror.org/01ggx4157", "scheme": "ror"},
                            {"identifier": "GND:118540238", "scheme": "gnd"},
                        ],
                    },
                    "affiliations": [{"name": "A"}, {"id": "01ggx4157"}],
                }
            ],
        ),
        *(
            ("related_identifiers", [{"identifier": value, "relation_type": {"id": "cites"}}])
            for value in (
                *(
                    "doi:10.1234/AbC",
                    "https://doi.org/10.1234/AbC",
                    "http://dx.doi.org/10.1234/x",
                    "10.1234/x",
                ),
                *("arxiv:2101.00001", "math.GT/0309136", "978-3-16-148410-0", "0-306-40615-2", "hdl:123/456"),
                *("pmid:12345678", "URN:nbn:de:101", "https://x.org/a", "0317-8471", "ark:/123/456", "Q42"),
            )
        ),
        ("identifiers", [{"identifier": "doi:10.1234/x"}]),
        ("references", [{"reference": "“R”", "identifier": "doi:10.1234/x"}, {"reference": "S"}]),
        ("dates", [{"date": "2020-01/2020-02", "type": {"id": "collected"}, "description": "d “x”"}]),
        ("subjects", [{"subject": "“x”"}]),
        ("sizes", ["“11” pages"]),
        ("copyright", "(c) “me” <br/>"),
        ("funding", [{"funder": {"name": "“F”"}, "award": {"number": "1", "title": {"en": "A"}}}]),
        ("rights", [{"title": {"en": "Own"}, "link": "https://x.org"}]),
        ("locations", {"features": [{"place": "P", "geometry": {"type": "Point", "coordinates": [1, 2.5]}}]}),
    ],
)
def test_what_the_server_makes_of_it_is_no_difference(field: str, value: Any) -> None:
    sent = {"metadata": {field: value}}
    kept = {"metadata": {field: stored(field, value)}}
    assert metadata.differs(sent, kept) == []
    assert metadata.lost(sent, kept) == []


@pytest.mark.parametrize(
    ("field", "here", "there"),
    [
        ("resource_type", {"id": "publication-thesis"}, {"id": "publication-dissertation", "title": {"en": "x"}}),
        ("rights", [{"id": "CC-BY-4.0"}], [{"id": "cc-by-4.0", "title": {"en": "x"}, "icon": "i"}]),
        ("rights", [{"id": "odc-odbl"}], [{"id": "odbl-1.0"}]),
        ("rights", [{"id": "LGPL-2.1"}], [{"id": "lgpl-2.1-only"}]),
        ("languages", [{"id": "en"}], [{"id": "eng", "title": {"en": "English"}}]),
        ("languages", [{"id": "ger"}], [{"id": "deu"}]),
        (
            "related_identifiers",
            [{"identifier": "10.1234/x", "relation_type": {"id": "isOrignialFormOf"}}],
            [{"identifier": "10.1234/X", "scheme": "doi", "relation_type": {"id": "isoriginalformof"}}],
        ),
        ("creators", [{"person_or_org": {"type": "personal", "family_name": "Doe", "given_name": "J"}, "role": None}],
         [{"person_or_org": {"type": "personal", "family_name": "Doe", "given_name": "J", "name": "Doe, J"},
           "affiliations": []}]),
        ("description", "just text", "<p>just text</p>"),
        ("subjects", [{"id": "x"}], [{"id": "x", "subject": "X", "scheme": "MeSH"}]),
        ("publication_date", "2026-01-01", "2026-01-01 "),
    ],
)  # fmt: skip
def test_older_spellings_are_no_difference(field: str, here: Any, there: Any) -> None:
    assert metadata.differs({"metadata": {field: here}}, {"metadata": {field: there}}) == []


@pytest.mark.parametrize(
    ("field", "here", "there"),
    [
        ("title", "A  b", "A b"),
        ("title", "A", "a"),
        ("description", "<p>a</p><p>b</p>", "<p>a b</p>"),
        ("description", "<b>a</b>", "a"),
        ("rights", [{"id": "mit"}, {"id": "isc"}], [{"id": "mit"}]),
        ("creators", [{"person_or_org": {"type": "organizational", "name": "X"}}],
         [{"person_or_org": {"type": "personal", "family_name": "X"}}]),
        ("house_field", {"a": 1}, {"a": 2}),
    ],
)  # fmt: skip
def test_real_differences(field: str, here: Any, there: Any) -> None:
    assert metadata.differs({"metadata": {field: here}}, {"metadata": {field: there}}) == [field]
    assert metadata.differs({"metadata": {field: here}}, {"metadata": {}}) == [field]


def test_differences_outside_of_metadata() -> None:
    assert metadata.differs({"custom_fields": {"a:b": "x"}}, {"custom_fields": {"a:b": "y"}}) == [
        "custom_fields.a:b"
    ]
    assert metadata.differs({"access": {"files": "restricted"}}, {}) == ["access"]
    open_ = {
        "record": "public",
        "files": "public",
        "embargo": {"active": False, "reason": None},
        "status": "open",
    }
    assert metadata.differs({}, {"access": open_}) == []
    language = [{"id": "python", "title": {"en": "Python"}}]
    bare = {"custom_fields": {"code:programmingLanguage": [{"id": "python"}]}}
    assert metadata.differs(bare, {"custom_fields": {"code:programmingLanguage": language}}) == []


# Properties


WORDS = st.text(
    st.characters(exclude_categories=["Cs"], max_codepoint=0x2FFFF)
    | st.sampled_from("“”‘’&;<>/ \u0301\u200b\xa0"),
    max_size=60,
)
TAGS = st.sampled_from(
    ["p", "b", "div", "span", "s", "ul", "li", "table", "tr", "td", "h6", "Key", "a href='x'"]
)
HTML = st.lists(
    WORDS
    | TAGS.map(lambda tag: f"<{tag}>")
    | TAGS.map(lambda tag: f"</{tag.split()[0]}>")
    | st.just("<br/>"),
    max_size=8,
).map("".join)


@settings(deadline=None)
@given(WORDS)
@example("&amp;amp;lt;")
def test_normal_text_is_the_servers(value: str) -> None:
    once = text.repaired(value)
    assert text.repaired(once) == once
    kept, _ = schema.load({"metadata": {"title": value}})
    if "title" in kept["metadata"]:
        assert text.repaired(kept["metadata"]["title"]) == once


@settings(deadline=None)
@given(HTML)
@example("<p>a</p> <p>b</p>")
@example("&lt;b&gt;&amp;nbsp;")
@example("<li></li><td>x")
@example("<TABLE><A")
def test_normal_html_is_the_servers(value: str) -> None:
    once = text.comparable(value)
    assert text.comparable(once) == once
    sent = text.rich(value)
    once = text.comparable(sent)
    kept, _ = schema.load({"metadata": {"copyright": sent}})
    if "copyright" in kept["metadata"]:
        assert text.comparable(kept["metadata"]["copyright"]) == once


@settings(deadline=None)
@given(
    st.sampled_from(sorted(identifiers.WORKS)) | st.just(""),
    st.from_regex(r"(doi:|https://doi\.org/|arXiv:|hdl:|urn:|pmid:|)[0-9a-zA-Z./:-]{1,30}", fullmatch=True),
)
def test_normal_identifiers_are_the_servers(scheme: str, value: str) -> None:
    once = identifiers.normal(value, scheme)
    assert identifiers.normal(once, scheme or identifiers.scheme_of(value)) == once
    item = {"identifier": value, "relation_type": {"id": "cites"}, **({"scheme": scheme} if scheme else {})}
    kept, errors = schema.load({"metadata": {"related_identifiers": [item]}})
    if not any(error["field"].startswith("metadata.related_identifiers") for error in errors):
        assert metadata.differs({"metadata": {"related_identifiers": [item]}}, kept) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "title", "type", "name", "identifier", "scheme", "x"]) | WORDS, inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip
FIELDS = st.sampled_from(
    [
        *(
            "title",
            "description",
            "creators",
            "contributors",
            "rights",
            "subjects",
            "languages",
            "dates",
            "access",
        ),
        *("related_identifiers", "identifiers", "references", "funding", "locations", "resource_type", "odd"),
        *("additional_descriptions", "additional_titles", "copyright", "publication_date"),
    ]
)


@settings(deadline=None)
@given(st.dictionaries(FIELDS, JSON, max_size=4), st.dictionaries(st.just("a:b"), JSON, max_size=1))
def test_whatever_a_server_shows_is_equal_to_itself(fields: dict[str, Any], custom: dict[str, Any]) -> None:
    document = {"metadata": fields, "custom_fields": custom}
    assert metadata.differs(document, copy.deepcopy(document)) == []
    assert normal.of(document) == normal.of(json.loads(json.dumps(document)))


def test_ids_in_older_spellings() -> None:
    for value, found in {
        "CC-BY-4.0": "cc-by-4.0", "cc-zero": "cc0-1.0", "CC0": "cc0-1.0", "MIT License": "mit", "isc-license": "isc",
        "bsl1.0": "bsl-1.0", "apgl-v3": "agpl-3.0-only", "Artistic-2.0": "artistic-2.0", "GPL-3.0+": "gpl-3.0-or-later",
        "https://spdx.org/licenses/ISC.html": "isc", "https://opensource.org/license/mit/": "mit",
        "http://creativecommons.org/licenses/by-sa/3.0/at/": "cc-by-sa-3.0-at", "Foo-1.0": "foo-1.0",
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode": "cc0-1.0",
        "https://creativecommons.org/licenses/by/4.0/deed.de": "cc-by-4.0",
    }.items():  # fmt: skip
        assert known.license_id(value) == found, value
    for value, found in {
        "en": "eng",
        "EN": "eng",
        "ger": "deu",
        "en-GB": "eng",
        "eng": "eng",
        "x y": "x y",
    }.items():
        assert known.language(value) == found, value
