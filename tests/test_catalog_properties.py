"""What holds for every catalog, however odd."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrypoint import catalog

FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def words(text: str) -> list[str]:
    return text.split()


IDENTIFIERS = frozenset(
    words(
        "id name prefix model_id proj_id decode_id cells_id cell_id square_id "
        "analysis analysis_type raw_pixel_col n_samples"
    )
)
KEYS = st.sampled_from(
    [
        *sorted(IDENTIFIERS),
        *words("sge all bins counts overview basemap default dark HnE factors background layers"),
        *words("de info model post rgb pmtiles hex umap shared_umap tsv png alias alias_ai heatmap pdf"),
        *words("train_assets proj_assets decode_assets shared models cells samples s1 x.y"),
    ]
)
NAMES = st.sampled_from(
    [
        *words("a.tsv b.pmtiles ./a.tsv d/e.png d/../e.png ../x.tsv /etc/passwd ~/x C:\\x.tsv d\\e.tsv"),
        *words("catalog.yaml https://x.org/a.tsv //cdn/x.tsv s1/catalog.yaml v1.2 multi-sample . .. d/ a//b"),
        *words("dark HnE << = 😀.tsv ::error::x %0A.tsv $(x).tsv"),
        *("", " ", "a b.tsv", "some prose.", "x\n", "a\x00b", "\x85.tsv"),
    ]
)
SCALARS = st.one_of(
    NAMES, NAMES, NAMES, st.text(max_size=8), st.none(), st.booleans(), st.integers(), st.floats()
)
ANY_KEY = st.one_of(KEYS, KEYS, KEYS, st.text(max_size=4), st.integers(0, 3), st.booleans(), st.none())
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ANY_KEY, inner, max_size=5)),
    max_leaves=20,
)
CATALOGS = st.dictionaries(
    st.sampled_from(["id", "title", "assets", "factors", "shared", "samples", "x"]), VALUES, max_size=5
)
PIECES = [
    *words("assets: sge: all: a.tsv - ? : , [ ] { } & * ! | > ' \" % # &a *a <<: !!set !!binary"),
    *words("\\ud800 2024-13-45 ~ ="),
    *(" ", "  ", "\n", "\n  ", "\n- ", "\t", "\n---\n", "\n...\n", "\ufeff"),
]
YAML_TEXT = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def dump(value: Any) -> bytes:
    """As cartloader writes it; what PyYAML cannot write in UTF-8 is left out."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode("utf-8", "ignore")


def check(found: catalog.Catalog) -> None:
    paths = [entry.path for entry in found.entries]
    assert len(paths) == len(set(paths))
    for path in [*paths, *(path for _, path in found.samples)]:
        assert path
        assert path == posixpath.normpath(path)
        assert not path.startswith(("/", "../", "~/"))
        assert path not in (".", "..")
        assert "\\" not in path
        assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in path)
    for entry in found.entries:
        assert entry.group == next(group for group in catalog.Group if group in entry.groups)
        assert entry.key_paths
    for note in (*found.warnings, *found.errors):
        assert str(note)
        assert note.line.startswith(note.code)
        assert (str(note) + note.line).isprintable()
    assert all(note.code.startswith("W_") for note in found.warnings)
    assert all(note.code.startswith("E_") for note in found.errors)


def string_leaves(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Key paths of strings, as notes have them, but for keys that need escapes; last keys beside them."""
    match value:
        case dict():
            for key, child in value.items():
                inner = f"{where}.{key}"
                if isinstance(child, str):
                    yield inner, str(key)
                yield from string_leaves(child, inner)
        case list():
            for index, child in enumerate(value):
                if isinstance(child, str):
                    yield f"{where}[{index}]", ""
                yield from string_leaves(child, f"{where}[{index}]")


@FAST
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    check(catalog.read(data))


@FAST
@given(YAML_TEXT)
def test_any_yaml_text(text: str) -> None:
    check(catalog.read(text.encode("utf-8", "surrogatepass"), exists=lambda path: True))


@FAST
@given(CATALOGS, st.booleans())
def test_any_catalog(value: dict[str, Any], there: bool) -> None:
    data = dump(value)
    found = catalog.read(data, exists=lambda path: there)
    check(found)
    assert found == catalog.read(data, exists=lambda path: there)


@FAST
@given(VALUES)
def test_no_string_of_the_assets_is_lost(value: Any) -> None:
    found = catalog.read(dump({"assets": value}))
    if any(note.where == "" for note in found.errors):
        return  # The document as a whole was refused.
    accounted = {note.where for note in (*found.warnings, *found.errors)}
    accounted.update(where for entry in found.entries for where in entry.key_paths)
    for where, key in string_leaves(yaml.safe_load(dump(value)), "assets"):
        pointer = key == "default" and ".basemap" in where
        assert where in accounted or key in IDENTIFIERS or pointer or not where.isprintable()


@FAST
@given(st.lists(NAMES, max_size=8), st.lists(NAMES, max_size=8))
def test_files_come_in_the_order_of_the_document(first: list[str], second: list[str]) -> None:
    found = catalog.read(dump({"assets": {"sge": {"bins": first}, "basemap": {"x": second}}}))
    accepted: list[str] = []
    for name in [*first, *second]:
        only = catalog.read(dump({"assets": {"overview": name}})).entries
        accepted.extend(entry.path for entry in only if entry.path not in accepted)
    assert [entry.path for entry in found.entries] == accepted
