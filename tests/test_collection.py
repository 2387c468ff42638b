"""Many samples in one plan: lists of samples, and root catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from entrypoint import errors, plan, settings
from entrypoint.plan import model


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def sample(
    out: Path, name: str, ident: str | None = None, size: int = 3, catalog: str = "catalog.yaml"
) -> None:
    (out / name).mkdir(parents=True, exist_ok=True)
    (out / name / "all.pmtiles").write_bytes(b"x" * size)
    head = f"id: {ident}\n" if ident is not None else ""
    (out / name / catalog).write_text(f"{head}assets: {{sge: {{all: all.pmtiles}}}}\n")


def make(out: Path, samples: bytes | str | None = None, given: Mapping[str, str] | None = None) -> model.Plan:
    values = {"in-dir": str(out), "s3-dir": "s3://bucket/x", **(given or {})}
    if samples is not None:
        data = samples if isinstance(samples, bytes) else samples.encode()
        (out.parent / "list.tsv").write_bytes(data)
        values["in-list"] = "list.tsv"
    environ = {f"INPUT_{name.upper()}": value for name, value in values.items() if value}
    return plan.make(settings.read(environ, [], out.parent))


def problems(out: Path, samples: bytes | str | None = None, given: Mapping[str, str] | None = None) -> str:
    with pytest.raises(errors.BadInput) as caught:
        make(out, samples, given)
    return "\n".join(caught.value.problems)


def shape(found: model.Plan) -> list[tuple[str, list[str], tuple[str, ...]]]:
    return [(unit.name, [file.name for file in unit], unit.after) for unit in found.units]


# --- in-list


@pytest.mark.parametrize(
    "listed",
    [
        "S_one\nS_two\n",
        "S_one\nS_two",
        "S_one\r\nS_two\r\n",
        "\ufeffS_one\r\nS_two",
        "S_one\rS_two\r",
        "\nS_one\tmore\tcolumns\n\n  \nS_two\t\n",
        " S_one \n S_two",
    ],
)
def test_each_sample_goes_to_its_own_place(out: Path, listed: str) -> None:
    sample(out, "S_one", "Given-Id")
    sample(out, "S_two")
    found = make(out, listed)
    assert shape(found) == [
        ("Given-Id", ["Given-Id/all.pmtiles", "Given-Id/catalog.yaml"], ()),
        ("s-two", ["s-two/all.pmtiles", "s-two/catalog.yaml"], ()),
    ]
    assert next(file.local for file in found) == "S_one/all.pmtiles"
    assert found.scopes == ("Given-Id", "s-two")


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("", "in-list: the list has no samples."),
        ("\n \n\t\n", "in-list: the list has no samples."),
        ("a\nb\na\n", "lines 1 and 3 both name 'a'"),
        ("sample_id\na\n", "there is no directory 'sample_id' below in-dir. Is the first line a header?"),
        ("a\ngone\n", "there is no directory 'gone' below in-dir."),
        ("a\n\tx\n", "line 2 has an empty sample id"),
        ("..\n", "'..' is not the name of a directory below in-dir"),
        ("a/../b\n", "is not the name of a directory below in-dir"),
        (".\n", "'.' is not the name of a directory below in-dir"),
        ("/etc\n", "'/etc' is not the name of a directory below in-dir"),
        ("out-link\n", "'out-link' is not the name of a directory below in-dir"),
        ("self\n", "'self' is not the name of a directory below in-dir"),
        ("a\0b\n", "is not the name of a directory below in-dir"),
        ("x" * 3000, "there is no directory"),
        ("file\n", "there is no directory 'file'"),
        ("empty\n", "empty/catalog.yaml: there is no such file."),
        ("a\ntwin\n", "'a' and 'twin' would both go to 'ida'"),
        ("b\nB\n", "'b' and 'B' would both go to 'b'"),
        (b"\xff\xfea\x00", "it is not UTF-8"),
        ("bad-id\n", "cannot be part of a key"),
        ("dots\n", "cannot be part of a key"),
    ],
)
def test_bad_lists(out: Path, listed: str | bytes, said: str) -> None:
    for name, ident in (
        ("a", "ida"),
        ("twin", "ida"),
        ("b", None),
        ("B", None),
        ("bad-id", '"a\\nb"'),
        ("dots", "a/../b"),
    ):
        sample(out, name, ident)
    (out / "empty").mkdir()
    (out / "file").write_text("x")
    (out.parent / "elsewhere").mkdir()
    (out / "out-link").symlink_to("../elsewhere")
    (out / "self").symlink_to(".")
    assert said in problems(out, listed)


def test_everything_wrong_in_every_sample_at_once(out: Path) -> None:
    sample(out, "a")
    sample(out, "b")
    (out / "a" / "all.pmtiles").unlink()
    (out / "b" / "catalog.yaml").write_text("- no")
    said = problems(out, "a\nb\nc\n")
    for part in ("a/all.pmtiles: listed", "b/catalog.yaml: ", "no directory 'c'"):
        assert part in said


def test_an_id_with_a_slash_is_a_folder_in_a_folder(out: Path) -> None:
    sample(out, "a", "study/a")
    assert shape(make(out, "a"))[0][1] == ["study/a/all.pmtiles", "study/a/catalog.yaml"]


def test_lists_are_long(out: Path) -> None:
    listed = "".join(f"s{number}\n" for number in range(50_000))
    assert len(problems(out, listed).splitlines()) == 50_000


# --- root catalogs


ROOT = """\
id: joint
n_samples: 2
samples: {s1: j-s1/catalog.yaml, s2: j-s2/catalog.yaml}
shared: {models: {m: {rgb: shared-rgb.tsv}}}
factors: {f: {rgb: shared-rgb.tsv}}
"""


@pytest.fixture
def joint(out: Path) -> Path:
    sample(out, "j-s1", "one")
    sample(out, "j-s2", "two")
    (out / "shared-rgb.tsv").write_text("shared")
    (out / "multi-catalog.yaml").write_text(ROOT)
    return out


JOINT = [
    ("j-s1", ["j-s1/all.pmtiles", "j-s1/catalog.yaml"], ()),
    ("j-s2", ["j-s2/all.pmtiles", "j-s2/catalog.yaml"], ()),
    ("", ["shared-rgb.tsv", "multi-catalog.yaml"], ("j-s1", "j-s2")),
]


@pytest.mark.parametrize("given", [{}, {"catalog-yaml": "out/multi-catalog.yaml"}, {"upload-method": "all"}])
def test_samples_first_and_the_root_last_by_its_name(joint: Path, given: dict[str, str]) -> None:
    if "upload-method" in given:
        given = {**given, "catalog-yaml": "out/multi-catalog.yaml"}
    found = make(joint, None, given)
    assert shape(found) == JOINT
    catalogs = [file for file in found if file.is_catalog]
    assert len(catalogs) == 3
    assert {file.cache_control for file in catalogs} == {"no-cache"}
    assert found.data_set == "joint"


def test_a_sample_s_catalog_keeps_the_name_by_which_the_root_points_to_it(joint: Path) -> None:
    (joint / "j-s1" / "catalog.yaml").rename(joint / "j-s1" / "mine.yaml")
    (joint / "multi-catalog.yaml").write_text(ROOT.replace("j-s1/catalog", "j-s1/mine"))
    assert shape(make(joint))[0][1] == ["j-s1/all.pmtiles", "j-s1/mine.yaml"]


def test_a_catalog_that_two_samples_share_is_one(joint: Path) -> None:
    (joint / "multi-catalog.yaml").write_text(ROOT.replace("j-s2/", "j-s1/"))
    assert [unit[0] for unit in shape(make(joint))] == ["j-s1", ""]


def test_a_root_that_points_to_nothing(joint: Path) -> None:
    (joint / "j-s2" / "catalog.yaml").unlink()
    assert "j-s2/catalog.yaml: the catalog of sample 's2'" in problems(joint)


def test_a_list_takes_the_root_along_where_it_fits(joint: Path) -> None:
    # The samples' own ids lead elsewhere than the root says.
    found = make(joint, "j-s1\nj-s2\n")
    assert [unit.name for unit in found.units] == ["one", "two"]
    assert "multi-catalog.yaml: not uploaded" in found.left_out[0]
    sample(joint, "j-s1")
    sample(joint, "j-s2")
    found = make(joint, "j-s1\nj-s2\n")
    assert [unit.name for unit in found.units] == ["j-s1", "j-s2", ""]
    assert found.units[-1].after == ("j-s1", "j-s2")


def test_zenodo_keeps_the_names_of_samples_apart(joint: Path) -> None:
    found = make(joint, None, {"s3-dir": "", "zenodo-id": "new", "zenodo-token": "f00d"})
    names = [file.name for file in found]
    assert "j-s1__all.pmtiles" in names
    assert "j-s2__catalog.yaml" in names
    assert names[-1] == "multi-catalog.yaml"
