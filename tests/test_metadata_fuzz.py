"""Metadata of a Zenodo: whatever a file or a server says, it is refused in words, or goes through; never a crash."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from entrypoint import errors, event, settings
from entrypoint.destinations.zenodo import metadata
from entrypoint.plan import model

NAMES = st.sampled_from([
    "title", "description", "upload_type", "publication_type", "creators", "contributors", "license",
    "keywords", "notes", "dates", "grants", "related_identifiers", "language", "custom", "access_right",
    "embargo_date", "communities", "locations", "subjects", "doi", "id", "name", "type", "orcid",
    "affiliation", "affiliations", "identifier", "identifiers", "scheme", "relation", "relation_type",
    "person_or_org", "family_name", "role", "rights", "link", "funder", "award", "number", "funding",
    "languages", "additional_descriptions", "additional_titles", "lang", "resource_type", "date",
    "start", "end", "place", "lat", "lon", "geometry", "features", "references", "reference", "metadata",
    "custom_fields", "access", "record", "files", "embargo", "active", "until", "pids", "entries",
    "default_preview", "publisher", "version",
])  # fmt: skip
WORDS = st.sampled_from(
    ["", "x", "Doe, Jane", "10.1234/x", "2020-01-01", "public", "restricted", "mit", "eng", "notes", "dataset",
     "0000-0002-1825-0097", "01ggx4157", "<p>x</p>", "cites", "personal", "organizational", "https://x.org"]
) | st.text(max_size=8)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
DOCUMENTS = st.dictionaries(NAMES, JSON, max_size=6)
NATIVE = st.fixed_dictionaries(
    {"metadata": DOCUMENTS}, optional={"custom_fields": JSON, "access": JSON, "files": JSON, "pids": JSON}
)
RELEASE = event.Release(
    "v1", "T", "# N", "https://github.com/o/r/releases/tag/v1", "o/r", "https://github.com/o/r", "MIT"
)
CONTEXT = metadata.Context(model.Plan((), "one"), "one", "Uploaded by", dt.date(2026, 1, 31), "Zenodo")


def _nothing(path: str) -> object | None:
    return None


@hypothesis.settings(deadline=None)
@given(document=DOCUMENTS | NATIVE | JSON, there=NATIVE | DOCUMENTS, odd=JSON)
def test_any_json_in_a_file_and_on_the_server(
    tmp_path_factory: Any, document: Any, there: dict[str, Any], odd: Any
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "fuzz.json"
    path.write_text(json.dumps(document))
    said = metadata.Given(release=RELEASE)
    wanted = settings.ZenodoSettings("new", settings.Secret("t"), metadata_files=(path,))
    with contextlib.suppress(errors.BadInput):
        said = metadata.gather(wanted, RELEASE)
    for shown in (None, there):
        settled = metadata.settle(said, lambda path: odd, shown)
        body = metadata.merge(metadata.settle(said, _nothing, shown).given, shown, CONTEXT)
        metadata.merge(settled.given, shown, CONTEXT)
        json.dumps(body, allow_nan=False).encode()
        assert metadata.differs(body, json.loads(json.dumps(body))) == []
        assert metadata.lost(body, body) == []
        assert metadata.has_mark(body, "Uploaded by")
        metadata.missing(body)
        metadata.license_note(body)
    metadata.differs(there, {"metadata": odd})
    metadata.given_differs(said, there)
    metadata.citation_of(there, "10.1234/x")
    metadata.has_mark(there, "x")
    metadata.problems_of(odd, there)
    metadata.missing(there)
