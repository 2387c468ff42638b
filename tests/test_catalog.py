"""What a catalog comes to, case by case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from entrypoint import catalog

DATA = Path(__file__).parent / "data" / "catalogs"
EXPECTED: dict[str, Any] = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
# The message is PyYAML's, and differs between versions.
WORDING_IS_FREE = ("E_YAML", "E_ENCODING")
BASE = "assets:\n  sge: {all: genes_all.pmtiles}\n"


def read(text: str, *, there: tuple[str, ...] = ()) -> catalog.Catalog:
    return catalog.read(text.encode(), exists=lambda path: path in there)


def in_group(found: catalog.Catalog, group: catalog.Group) -> list[str]:
    return [entry.path for entry in found.entries if entry.group is group]


def files(text: str, **kwargs: Any) -> dict[str, str]:
    return {entry.path: entry.group.value for entry in read(text, **kwargs).entries}


def codes(notes: tuple[catalog.Note, ...]) -> list[str]:
    return [f"{note.code} {note.where}".rstrip() for note in notes]


def errors(text: str) -> list[str]:
    return codes(read(text).errors)


def lines(notes: tuple[catalog.Note, ...]) -> list[str]:
    return [note.code if note.code in WORDING_IS_FREE else note.line for note in notes]


@pytest.mark.parametrize("case", sorted(EXPECTED))
def test_case(case: str) -> None:
    found = catalog.read((DATA / f"{case}.yaml").read_bytes())
    expected = EXPECTED[case]
    for group in catalog.Group:
        assert in_group(found, group) == expected[group.value]
    assert lines(found.warnings) == expected["warnings"]
    wanted = [line.split(":")[0] if line.startswith(WORDING_IS_FREE) else line for line in expected["errors"]]
    assert lines(found.errors) == wanted
    assert dict(found.samples) == expected.get("samples", {})
    assert found.is_root == (expected["last"] == ["multi-catalog.yaml"])


def test_every_sample_has_an_expectation() -> None:
    assert {path.stem for path in DATA.glob("*.yaml")} == set(EXPECTED)


def test_groups_and_key_paths_are_kept() -> None:
    found = catalog.read((DATA / "E03_duplicates.yaml").read_bytes())
    by_path = {entry.path: entry for entry in found.entries}
    stain = by_path["HnE.pmtiles"]
    assert stain.groups == {catalog.Group.BASICS, catalog.Group.BASEMAPS}
    assert stain.key_paths == ("assets.overview", "assets.basemap.HnE", "assets.basemap.histology")
    assert by_path["m-umap.tsv.gz"].key_paths == (
        "assets.factors[0].umap.tsv",
        "assets.factors[0].shared_umap.tsv",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: a\ntitle: b\ndescription: c\n", ("a", "b", "c")),
        ("id: 007\ntitle: 2026-01-02\ndescription: yes\n", ("007", "2026-01-02", "yes")),
        ("id: ''\ntitle: null\ndescription: [a]\n", (None, None, None)),
        ('title: "\\ud83d\\ude00 \\ud800"\n', (None, "😀 ?", None)),
    ],
)
def test_metadata(text: str, expected: tuple[str | None, ...]) -> None:
    found = read(text + BASE)
    assert (found.id, found.title, found.description) == expected


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("./x.tsv", "x.tsv"),
        ("a//b.tsv", "a/b.tsv"),
        ("a/./b/../c.tsv", "a/c.tsv"),
        ("...", "..."),
        ("..x", "..x"),
        ("~x.tsv", "~x.tsv"),
        ("a:b.tsv", "a:b.tsv"),
        ("%2e%2e/x", "%2e%2e/x"),
        ("::error::x", "::error::x"),
        (".hidden", ".hidden"),
        ("prose, not a name", "prose, not a name"),
        ("\ud83d\ude00.tsv", "😀.tsv"),
    ],
)
def test_good_names(name: str, path: str) -> None:
    found = read(f"assets: {{overview: {json.dumps(name)}}}")
    assert [entry.path for entry in found.entries] == [path]
    assert not found.errors


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "E_EMPTY_NAME"),
        ("  ", "E_EMPTY_NAME"),
        (".", "E_EMPTY_NAME"),
        ("./", "E_EMPTY_NAME"),
        ("a/..", "E_EMPTY_NAME"),
        ("a/", "E_BAD_NAME"),
        ("a\x00.tsv", "E_BAD_NAME"),
        ("a.tsv\n", "E_BAD_NAME"),
        ("a\tb.tsv", "E_BAD_NAME"),
        ("a\x85b.tsv", "E_BAD_NAME"),
        ("a\x7f.tsv", "E_BAD_NAME"),
        ("\ud800.tsv", "E_BAD_NAME"),
        ("a\\b.tsv", "E_BAD_NAME"),
        ("\\\\host\\share", "E_BAD_NAME"),
        ("/a.tsv", "E_ABSOLUTE"),
        ("///a.tsv", "E_ABSOLUTE"),
        ("~", "E_ABSOLUTE"),
        ("~/a.tsv", "E_ABSOLUTE"),
        ("~user/a.tsv", "E_ABSOLUTE"),
        ("c:/a.tsv", "E_ABSOLUTE"),
        ("C:\\a.tsv", "E_ABSOLUTE"),
        ("..", "E_ESCAPE"),
        ("a/../../b.tsv", "E_ESCAPE"),
        ("./../b.tsv", "E_ESCAPE"),
    ],
)
def test_bad_names(name: str, code: str) -> None:
    found = read(f"assets: {{overview: {json.dumps(name)}}}")
    assert codes(found.errors) == [f"{code} assets.overview"]
    assert str(found.errors[0]).startswith("assets.overview ")
    assert str(found.errors[0]).isprintable()
    assert not found.entries


def test_a_block_scalar_keeps_its_line_break() -> None:
    assert errors("assets:\n  overview: |\n    a.pmtiles\n") == ["E_BAD_NAME assets.overview"]


def test_blanks_are_a_name_when_a_file_has_it() -> None:
    assert files("assets: {overview: ' '}", there=(" ",)) == {" ": "basics"}


@pytest.mark.parametrize(
    ("basemap", "expected"),
    [
        ("{default: HnE, HnE: a.pmtiles}", {"a.pmtiles": "basemaps"}),
        ("{HE_default: a.pmtiles, x.default: b.pmtiles}", {"a.pmtiles": "basemaps", "b.pmtiles": "basemaps"}),
        ("{img: {default: real.pmtiles}}", {"real.pmtiles": "basemaps"}),
        ("{img: {default: real.pmtiles, real.pmtiles: x.pmtiles}}", {"x.pmtiles": "basemaps"}),
        ("{img: {default: 20, 20: x.pmtiles}}", {"x.pmtiles": "basemaps"}),
        ("{a: {b: {default: c, c: d.pmtiles}}}", {"d.pmtiles": "basemaps"}),
        ("{sge: {default: real.pmtiles}}", {"real.pmtiles": "basics"}),
        ("{sge: s.pmtiles}", {"s.pmtiles": "basics"}),
        ("{sge: [s.pmtiles]}", {"s.pmtiles": "basics"}),
        ("a.pmtiles", {"a.pmtiles": "basemaps"}),
        ("[a.pmtiles, {pmtiles: b.pmtiles}]", {"a.pmtiles": "basemaps", "b.pmtiles": "basemaps"}),
        ("{name: a.pmtiles, id: b.pmtiles}", {"a.pmtiles": "basemaps", "b.pmtiles": "basemaps"}),
    ],
)
def test_basemaps(basemap: str, expected: dict[str, str]) -> None:
    found = read(f"assets: {{basemap: {basemap}}}")
    assert {entry.path: entry.group.value for entry in found.entries} == expected
    assert not found.warnings
    assert not found.errors


def test_a_default_that_names_nothing_is_not_a_file() -> None:
    found = read("assets: {basemap: {img: {default: dark, light: x.pmtiles}}}")
    assert codes(found.warnings) == ["W_UNKNOWN_KEY assets.basemap.img.default"]
    assert in_group(found, catalog.Group.BASEMAPS) == ["x.pmtiles"]


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        ("{umap: m umap}", {"m umap": "optional"}),
        ("{umap: [a.tsv, b.png]}", {"a.tsv": "optional", "b.png": "optional"}),
        (
            "{umap: {x: {tsv: a.tsv, single_png: b}}, shared_umap: {png: c.png}}",
            {"a.tsv": "optional", "b": "optional", "c.png": "optional"},
        ),
        ("{alias: a.tsv, alias_ai: b.tsv}", {"a.tsv": "optional", "b.tsv": "optional"}),
        ("{pmtiles: a.pmtiles, heatmap: {pdf: b.pdf}}", {"a.pmtiles": "basics", "b.pdf": "basics"}),
        ("{id: a.tsv, name: b.tsv, raw_pixel_col: c.tsv, analysis_type: d.tsv, cell_id: e.tsv}", {}),
        ("{umap: null, pmtiles: null, heatmap: null, raw_pixel_col: null, pmtiles: null}", None),
    ],
)
def test_factors(factor: str, expected: dict[str, str] | None) -> None:
    found = read(f"assets: {{factors: [{factor}]}}")
    if expected is None:
        assert codes(found.errors) == ["E_DUPLICATE_KEY assets.factors[0].pmtiles"]
        return
    assert {entry.path: entry.group.value for entry in found.entries} == expected
    assert not found.warnings
    assert not found.errors


@pytest.mark.parametrize(
    "text",
    [
        "assets: {factors: [{id: t, rgb: x.tsv}]}",
        "assets: {factors: {t: {id: t, rgb: x.tsv}}}",
        "assets: {factors: {model: {rgb: x.tsv}}}",
        "assets: {factors: {id: t, rgb: x.tsv}}",
        "assets: {factors: {train_assets: [{proj_assets: [{decode_assets: [{rgb: x.tsv}]}]}]}}",
        BASE.replace("genes_all.pmtiles", "x.tsv") + "factors:\n- id: t\n",
        "assets: {sge: {}}\nfactors:\n- id: t\n  rgb: x.tsv\n",
        "samples: {s: s/catalog.yaml}\nshared: {models: {t: {cmap: x.tsv}}, cells: {}}",
        "samples: {s: s/catalog.yaml}\nassets: {factors: {t: {rgb: x.tsv}}}",
    ],
)
def test_shapes_of_factors(text: str) -> None:
    found = read(text)
    assert {entry.path: entry.group.value for entry in found.entries} == {"x.tsv": "basics"}
    assert not found.warnings
    assert not found.errors


def test_unknown_keys_never_fail_and_are_never_silent() -> None:
    found = read(
        "assets: {a: 5, b: null, c: /etc/x.tsv, d: ../x.tsv, e: see readme.txt, f: v1.2, g: '',\n"
        " h: 2026-01-01, i: 'http://x.org/a.tsv', j: [x.tsv, {k: y.png}], basemaps: {z: z.pmtiles},\n"
        " l: there, m: run.aws.done,\n"
        f' n: {"x" * 5000}, img.default: i.pmtiles, umap: {{tsv: u.tsv}}, o: "a\\0.tsv"}}',
        there=("there", "run.aws.done"),
    )
    assert not found.errors
    taken = [note.where for note in found.warnings if note.detail == "taken as a file"]
    assert [entry.key_paths[0] for entry in found.entries] == taken
    assert {entry.path: entry.group.value for entry in found.entries} == {
        "x.tsv": "basics",
        "y.png": "basics",
        "z.pmtiles": "basics",
        "there": "basics",
        "i.pmtiles": "basics",
        "u.tsv": "optional",
    }
    skipped = [note.where for note in found.warnings if note.detail == "not a file name, skipped"]
    assert skipped == [f"assets.{key}" for key in "acdefghmno"]
    rest = [note for note in found.warnings if note.where in ("assets.b", "assets.i")]
    assert [note.code for note in rest] == ["W_NULL", "W_EXTERNAL"]


def test_settings_beside_files_are_not_files() -> None:
    found = read("assets: {factors: [{umap: {tsv: a.tsv, n_neighbors: 15, metric: cosine}}]}")
    assert [entry.path for entry in found.entries] == ["a.tsv"]
    assert codes(found.warnings) == [
        "W_UNKNOWN_KEY assets.factors[0].umap.n_neighbors",
        "W_UNKNOWN_KEY assets.factors[0].umap.metric",
    ]


def test_multi_catalog() -> None:
    found = read(
        "id: 5\nsamples: {s1: k-s1/catalog.yaml, 2: k-2/catalog.yaml, a: null, b: ../x.yaml, c: 6}\n"
        "shared: {cells: {x: {shared_pseudobulk: multi-catalog.yaml}}}"
    )
    assert found.is_root
    assert found.id == "5"
    assert found.samples == (("s1", "k-s1/catalog.yaml"), ("2", "k-2/catalog.yaml"))
    assert codes(found.errors) == ["E_ESCAPE samples.b", "E_NOT_A_STRING samples.c"]
    assert codes(found.warnings) == ["W_NULL samples.a", "W_SELF shared.cells.x.shared_pseudobulk"]


@pytest.mark.parametrize("samples", ["[a, b]", "2", "{s1: liver}", "null"])
def test_samples_that_are_metadata(samples: str) -> None:
    found = read(BASE + f"samples: {samples}\n")
    assert not found.is_root
    assert not found.samples
    assert not found.errors


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "E_EMPTY"),
        ("---\n", "E_EMPTY"),
        ("~\n", "E_EMPTY"),
        ("prose", "E_ROOT"),
        ("5", "E_ROOT"),
        ("[]", "E_ROOT"),
        ("assets: {}", "E_NO_ASSETS"),
        ("assets: 5", "E_NO_ASSETS"),
        ("5: x", "E_NO_ASSETS"),
        (BASE + "---\n" + BASE, "E_YAML"),
        ("a: *x", "E_YAML"),
        ("a: &x 1\nb: &x 2", "E_YAML"),
        ("a: [", "E_YAML"),
        ("a: b: c", "E_YAML"),
        ("a: 'b", "E_YAML"),
        ("a: 2024-13-45", "E_YAML"),
        ("a: 2001-12-14 21:59:43 +99:99", "E_YAML"),
        ("a: " + "9" * 5000, "E_YAML"),
        ("a: 1" + ":59" * 100_000, "E_YAML"),
        ("a: 0x" + "f" * 100_000, "E_YAML"),
        ('a: "\\UFFFFFFFF"', "E_YAML"),
        ("%YAML 1." + "9" * 5000 + "\n---\na: b", "E_YAML"),
        ("a: b\0", "E_YAML"),
        ("a: !!int x", "E_YAML"),
        ("a: !!bool maybe", "E_YAML"),
        ("a: !!timestamp x", "E_YAML"),
        ("a: !!binary é", "E_YAML"),
        ("a: !!set {b, c}", "E_YAML"),
        ("a: !!omap [b: c]", "E_YAML"),
        ("a: !!map b", "E_YAML"),
        ("a: !!seq {b: c}", "E_YAML"),
        ("a: !own b", "E_YAML"),
        ("a: =", "E_YAML"),
        ("a: {<<: 5}", "E_YAML"),
        ("? [a]\n: b", "E_YAML"),
        ("{{a: b}: c}", "E_YAML"),
        ("&a {*a : b}", "E_YAML"),
        ("assets: &a {sge: {all: x.tsv}, me: *a}", "E_BUDGET"),
        ("assets: &a\n  <<: *a\n  overview: x.tsv", "E_BUDGET"),
        ("&a [*a]", "E_BUDGET"),
        ("a: " + "[" * 20_000, "E_BUDGET"),
        ("a: " + "{a: " * 20_000, "E_BUDGET"),
        ("- " * 5000 + "a", "E_BUDGET"),
        ("a: " + "x" * (5 << 20), "E_BUDGET"),
        ("a:\n" + "- b\n" * 200_000, "E_BUDGET"),
        ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 2000)), "E_BUDGET"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_documents_that_cannot_be_used(text: str, code: str) -> None:
    found = read(text)
    assert [note.code for note in found.errors] == [code]
    assert str(found.errors[0]).isprintable()
    assert len(str(found.errors[0])) < 500
    assert not found.entries


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings(encoding: str) -> None:
    found = catalog.read("title: é\nassets: {overview: x}".encode(encoding))
    assert [note.code for note in found.errors] == ["E_ENCODING"]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("id: a\ntitle: Mouse: brain\n", "line 2, column 13; put a text with a colon in quotes"),
        ("id: a\nassets:\n\tsge: a\n", "line 3, column 1; indent with spaces, not with tabs"),
        ("id: a\nasset: {sge: {all: a}}\n", "the key 'assets' is missing; is 'asset' a misspelling of it?"),
    ],
)
def test_the_usual_mistakes_come_with_advice(text: str, advice: str) -> None:
    (error,) = read(text).errors
    assert advice in str(error)


def test_errors_say_where_in_the_document() -> None:
    (error,) = read("id: a\nassets:\n  sge: [\n").errors
    assert "line 4, column 1" in str(error)
    (error,) = read("id: a\nassets: \x01\n").errors
    assert "line 2, column 9" in str(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE + "assets: {}", ["E_DUPLICATE_KEY assets"]),
        ("id: a\nid: b\n" + BASE, ["E_DUPLICATE_KEY id"]),
        (
            "assets: {basemap: {HnE: a.tsv, 'HnE': b.tsv}, sge: {all: x, all: y}}",
            ["E_DUPLICATE_KEY assets.basemap.HnE", "E_DUPLICATE_KEY assets.sge.all"],
        ),
        ("1: a\n0x1: b\n" + BASE, ["E_DUPLICATE_KEY 1"]),
        ("1: a\ntrue: b\n1.0: c\n'1': d\nnull: e\n2024-01-01: f\n=: g\n" + BASE, []),
    ],
)
def test_duplicate_keys(text: str, expected: list[str]) -> None:
    assert errors(text) == expected


def test_merge_keys_are_no_duplicates() -> None:
    text = (
        "a: &a {all: a.tsv, counts: a.json}\nb: &b {all: b.tsv, bins: [c.tsv]}\nassets: {sge: {<<: [*a, *b]"
    )
    assert list(files(text + "}}")) == ["a.tsv", "c.tsv", "a.json"]
    assert list(files(text + ", all: d.tsv}}")) == ["d.tsv", "c.tsv", "a.json"]


def test_each_position_of_an_alias_counts() -> None:
    (entry,) = read("assets: {overview: &o x.pmtiles, basemap: {HnE: *o}}").entries
    assert entry.key_paths == ("assets.overview", "assets.basemap.HnE")
    assert entry.groups == {catalog.Group.BASICS, catalog.Group.BASEMAPS}


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ("{<<: [", "]}")])
def test_alias_bombs(open_: str, close: str) -> None:
    first = "[x.tsv]" if open_ == "[" else "{" + ", ".join(f"k{i}: v" for i in range(100)) + "}"
    levels = "".join(f"a{i}: &a{i} {open_}{', '.join([f'*a{i - 1}'] * 30)}{close}\n" for i in range(1, 30))
    start = time.monotonic()
    assert errors(f"a0: &a0 {first}\n{levels}{BASE}") == ["E_BUDGET"]
    assert time.monotonic() - start < 5


def test_the_result_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "import sys, pathlib\nfrom entrypoint import catalog\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.yaml')):\n"
        "    found = catalog.read(path.read_bytes())\n"
        "    print([(e.path, e.group, sorted(e.groups), e.key_paths) for e in found.entries])\n"
        "    print(found.samples, found.warnings, found.errors)\n"
    )
    results = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(DATA)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[1],
            capture_output=True,
            check=True,
        )
        results.add(done.stdout)
    assert len(results) == 1
    assert results != {b""}
