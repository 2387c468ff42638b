"""Settings, catalog and disk to a plan: which files, by which names, and everything that is wrong at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from entrypoint import errors, plan, settings
from entrypoint.plan import media, model
from tests import action

CATALOG = """\
id: sample
title: A sample
assets:
  sge: {all: all.pmtiles, bins: [bin1.pmtiles, bin2.pmtiles]}
  overview: dark.pmtiles
  factors:
  - id: f1
    rgb: f1-rgb.tsv
    umap: {tsv: f1-umap.tsv.gz}
  basemap:
    sge: {default: dark, dark: dark.pmtiles}
    histology: {hne: hne.pmtiles, again: f1-rgb.tsv}
"""
SIZES = {
    "all.pmtiles": 500, "bin1.pmtiles": 40, "bin2.pmtiles": 40, "dark.pmtiles": 90,
    "f1-rgb.tsv": 7, "f1-umap.tsv.gz": 20, "hne.pmtiles": 300,
}  # fmt: skip
BASICS = {"all.pmtiles", "bin1.pmtiles", "bin2.pmtiles", "dark.pmtiles", "f1-rgb.tsv"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "catalog.yaml").write_text(CATALOG)
    for name, size in SIZES.items():
        (folder / name).write_bytes(b"x" * size)
    return folder


def make(out: Path, given: Mapping[str, str] | None = None, *argv: str, zenodo: bool = False) -> model.Plan:
    where = {"zenodo-id": "new", "zenodo-token": "f00d"} if zenodo else {"s3-dir": "s3://bucket/x"}
    values = {"in-dir": str(out), **where, **(given or {})}
    environ = {f"INPUT_{name.upper()}": value for name, value in values.items()}
    return plan.make(settings.read(environ, argv, out.parent))


def problems(out: Path, given: Mapping[str, str] | None = None, *, zenodo: bool = False) -> str:
    with pytest.raises(errors.BadInput) as caught:
        make(out, given, zenodo=zenodo)
    return "\n".join(caught.value.problems)


def names(found: model.Plan) -> list[str]:
    return [file.name for file in found]


ALL = {"upload-method": "all"}


def files(*patterns: str) -> dict[str, str]:
    return {"upload-method": "files", "files": "\n".join(patterns)}


# --- catalog


def test_what_the_catalog_lists_largest_first_and_the_catalog_last(out: Path) -> None:
    (out / "unlisted.tsv").write_text("x")
    found = make(out)
    assert names(found) == [
        "all.pmtiles", "hne.pmtiles", "dark.pmtiles", "bin1.pmtiles", "bin2.pmtiles", "f1-umap.tsv.gz",
        "f1-rgb.tsv", "catalog.yaml",
    ]  # fmt: skip
    assert (found.data_set, found.title) == ("sample", "A sample")
    assert found.size == sum(SIZES.values()) + len(CATALOG)
    assert [file.is_catalog for file in found] == [False] * 7 + [True]
    by_name = {file.name: file for file in found}
    assert by_name["bin1.pmtiles"].key_paths == ("assets.sge.bins[0]",)
    assert {file.name: file.group for file in found} == {
        **dict.fromkeys(BASICS, "basics"),
        "f1-umap.tsv.gz": "optional",
        "hne.pmtiles": "basemaps",
        "catalog.yaml": "catalog",
    }


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ("basics", BASICS),
        ("optional", {"f1-umap.tsv.gz"}),
        ("basemaps", {"hne.pmtiles", "f1-rgb.tsv"}),  # a file of two groups is in both
        ("basemaps\noptional", {"hne.pmtiles", "f1-rgb.tsv", "f1-umap.tsv.gz"}),
    ],
)
def test_groups(out: Path, groups: str, expected: set[str]) -> None:
    found = make(out, {"groups": groups})
    assert set(names(found)) == expected | {"catalog.yaml"}
    assert names(found)[-1] == "catalog.yaml"
    assert set(SIZES) <= found.known  # what is not selected is not extra either


def test_missing_files_are_all_told_with_their_keys_and_what_is_near(out: Path) -> None:
    (out / "bin1.pmtiles").rename(out / "BIN1.pmtiles")
    (out / "hne.pmtiles").unlink()
    said = problems(out)
    assert (
        "bin1.pmtiles: listed in the catalog at assets.sge.bins[0], not on disk; did it mean BIN1.pmtiles?"
        in said
    )
    assert "hne.pmtiles: listed in the catalog at assets.basemap.histology.hne, not on disk." in said
    (out / "BIN1.pmtiles").unlink()
    # bin2.pmtiles is there and similar, but has its own place in the catalog.
    assert "bin1.pmtiles: listed in the catalog at assets.sge.bins[0], not on disk." in problems(out)
    found = make(out, {"if-missing": "warn"})
    assert len(found.left_out) == 2
    assert "hne.pmtiles" not in names(found)
    assert names(found)[-1] == "catalog.yaml"
    # What is not selected is not missed.
    assert make(out, {"groups": "optional"}).left_out == ()


def test_a_catalog_that_lists_thousands_of_missing_files_does_not_take_for_ever(out: Path) -> None:
    bins = [f"gone-{n}.pmtiles" for n in range(3000)]
    for number in range(2000):
        (out / f"here-{number}.pmtiles").touch()
    (out / "catalog.yaml").write_text(f"id: x\nassets: {{sge: {{bins: [{', '.join(bins)}]}}}}\n")
    assert len(problems(out).splitlines()) == 3000


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("folder", "is a directory"),
        ("pipe", "is not a regular file"),
        ("socket", "is not a regular file"),
        ("device", "points outside the directory"),
        ("outside", "is a link that points outside the directory"),
        ("outside-folder", "is a link that points outside the directory"),
        ("broken", "is a broken link"),
        ("loop", "cannot be accessed"),
    ],
)
def test_what_is_listed_and_no_file(out: Path, kind: str, reason: str) -> None:
    (out / "hne.pmtiles").unlink()
    with _strange(out / "hne.pmtiles", kind):
        said = problems(out)
        assert "hne.pmtiles: listed at assets.basemap.histology.hne, " in said
        assert reason in said
        assert reason in problems(out, files("hne.pmtiles")) or "folder" in kind
        # if-missing: warn forgives what is missing, nothing else
        assert reason in problems(out, {"if-missing": "warn"})


class _strange:  # noqa: N801 - used like a function
    def __init__(self, path: Path, kind: str) -> None:
        self._socket: socket.socket | None = None
        outside = path.parent.parent / "outside"
        outside.mkdir(exist_ok=True)
        (outside / "file").write_text("private")
        match kind:
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "socket":
                self._socket = socket.socket(socket.AF_UNIX)
                here = Path.cwd()
                os.chdir(path.parent)  # the name of a socket is short
                try:
                    self._socket.bind(path.name)
                finally:
                    os.chdir(here)
            case "device":
                path.symlink_to("/dev/zero")
            case "outside":
                path.symlink_to(outside / "file")
            case "outside-folder":
                path.symlink_to(outside)
            case "broken":
                path.symlink_to("nowhere")
            case "loop":
                path.symlink_to(path.name)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._socket:
            self._socket.close()


def test_links_inside_are_followed(out: Path) -> None:
    (out / "store").mkdir()
    (out / "hne.pmtiles").rename(out / "store" / "real")
    (out / "hne.pmtiles").symlink_to("store/real")
    by_name = {file.name: file for file in make(out)}
    assert by_name["hne.pmtiles"].size == 300


def test_a_path_through_a_linked_folder_does_not_leave(out: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.pmtiles").write_text("x")
    (out / "ext").symlink_to("../outside")
    (out / "inner").symlink_to(".")
    (out / "catalog.yaml").write_text(
        "id: x\nassets: {overview: ext/a.pmtiles, sge: {all: inner/all.pmtiles}}"
    )
    said = problems(out)
    assert "ext/a.pmtiles: listed at assets.overview, is a link that points outside the directory." in said
    assert "inner" not in said


def test_what_cannot_be_read(out: Path) -> None:
    (out / "hne.pmtiles").chmod(0)
    said = as_somebody(out, lambda: problems(out) + problems(out, ALL))
    assert said.count("hne.pmtiles") == 2
    assert "permission denied" in said


def as_somebody(folder: Path, do: Callable[[], str]) -> str:
    """What a call says in a process that is not root's: root reads everything."""
    if os.geteuid() != 0:
        return do()
    for path in (folder, *folder.parents[: len(folder.parents) - 2]):
        path.chmod(0o755)
    said = folder.parent / "said"
    said.touch()
    said.chmod(0o666)
    if not (child := os.fork()):
        try:
            os.setresuid(65534, 65534, 65534)
            said.write_text(do())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return said.read_text()


def test_empty_files_are_remarked(out: Path) -> None:
    (out / "f1-rgb.tsv").write_bytes(b"")
    assert make(out).warnings == ("f1-rgb.tsv: the file is empty.",)


# --- the catalog's own file


def test_a_catalog_of_another_name_is_uploaded_as_catalog_yaml(out: Path) -> None:
    (out / "catalog.yaml").rename(out / "mine.yml")
    found = make(out, {"catalog-yaml": str(out / "mine.yml")})
    assert names(found)[-1] == "catalog.yaml"
    found = make(out, {**ALL, "catalog-yaml": "out/mine.yml"})
    assert sorted(names(found)) == sorted([*SIZES, "catalog.yaml"])
    assert list(found)[-1].local == "mine.yml"


def test_a_catalog_from_elsewhere_wins_over_the_one_in_in_dir(out: Path, tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text("id: new\nassets: {overview: dark.pmtiles}")
    assert names(make(out, {"catalog-yaml": "new.yaml"})) == ["dark.pmtiles", "catalog.yaml"]
    found = make(out, {**ALL, "catalog-yaml": "new.yaml"})
    assert names(found).count("catalog.yaml") == 1
    assert list(found)[-1].size == (tmp_path / "new.yaml").stat().st_size
    assert "catalog.yaml: catalog-yaml names new.yaml" in found.left_out[0]
    assert "give only one" in problems(out, {**files("catalog.yaml"), "catalog-yaml": "new.yaml"})


def test_a_link_to_the_catalog_is_a_file_of_its_own(out: Path) -> None:
    (out / "latest.yaml").symlink_to("catalog.yaml")
    assert sorted(names(make(out, ALL))) == sorted([*SIZES, "latest.yaml", "catalog.yaml"])


@pytest.mark.parametrize("kind", ["outside", "pipe", "device", "broken", "loop", "folder"])
@pytest.mark.parametrize("method", ["catalog", "all"])
def test_a_catalog_that_is_no_file_of_in_dir(out: Path, kind: str, method: str) -> None:
    (out / "catalog.yaml").unlink()
    with _strange(out / "catalog.yaml", kind):
        if method == "all" and kind in ("pipe", "folder"):
            assert "catalog.yaml" not in names(make(out, ALL))
        else:
            assert "catalog.yaml" in problems(out, {"upload-method": method})


def test_a_link_inside_as_catalog(out: Path) -> None:
    (out / "catalog.yaml").rename(out / "real.yaml")
    (out / "catalog.yaml").symlink_to("real.yaml")
    assert names(make(out))[-1] == "catalog.yaml"
    assert "real.yaml" in names(make(out, ALL))


def test_no_catalog(out: Path) -> None:
    (out / "catalog.yaml").unlink()
    assert "there is no catalog at out/catalog.yaml" in problems(out)
    assert sorted(names(make(out, ALL))) == sorted(SIZES)
    assert names(make(out, files("*.tsv"))) == ["f1-rgb.tsv"]


@pytest.mark.parametrize(
    "content", [b"", b"- a", b"a: [", b"\xff\xfe\x00", b"a: 1\na: 2\n", b"a: 1\n---\nb: 2\n"]
)
def test_a_catalog_that_cannot_be_used(out: Path, content: bytes) -> None:
    (out / "catalog.yaml").write_bytes(content)
    assert "catalog.yaml: " in problems(out)


# --- all


def test_all_is_every_regular_file_but_hidden_and_state_files(out: Path, tmp_path: Path) -> None:
    for name in ("a/b/c.tsv", "a/.hidden/x", ".env", "a/x.done", "run.mk", "up.aws.done", "x.log", "a/y.MK"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("x")
    found = make(out, ALL)
    assert sorted(names(found)) == sorted([*SIZES, "a/b/c.tsv", "x.log", "a/y.MK", "catalog.yaml"])
    assert names(found)[-1] == "catalog.yaml"
    assert {f.group for f in found if f.name == "x.log"} == {"other"}
    assert found.left_out == ()


def test_all_takes_the_top_level_only_where_the_origin_does(out: Path) -> None:
    (out / "a").mkdir()
    (out / "a" / "b").write_text("x")
    found = make(out, {}, "upload_zenodo", zenodo=True)
    assert sorted(names(found)) == sorted([*SIZES, "catalog.yaml"])


@pytest.mark.parametrize(
    ("kind", "fatal"),
    [
        ("pipe", False),
        ("socket", False),
        ("outside", True),
        ("outside-folder", True),
        ("broken", True),
        ("loop", True),
    ],
)
def test_all_passes_over_what_is_no_file_and_stops_at_what_leads_out(
    out: Path, kind: str, fatal: bool
) -> None:
    with _strange(out / "odd", kind):
        if fatal:
            assert "odd: " in problems(out, ALL)
        else:
            found = make(out, ALL)
            assert "odd" not in names(found)
            assert found.left_out == ("odd: is not a regular file, not uploaded.",)


def test_all_does_not_go_through_links_to_folders(out: Path) -> None:
    (out / "a").mkdir()
    (out / "a" / "file").write_text("x")
    (out / "a" / "loop").symlink_to("..")
    found = make(out, ALL)
    assert "a/file" in names(found)
    assert found.left_out == ("a/loop: is a link to a directory, not uploaded.",)


def test_folders_deeper_than_calls_may_be(out: Path) -> None:
    here = os.open(out, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    deepest = "d/" * 1500 + "f"
    try:
        assert f"{deepest}: the key is" in problems(out, ALL)
    finally:
        # pytest could not clean it up.
        subprocess.run(["rm", "-r", str(out / "d")], check=True)


def test_the_file_of_the_token_is_never_uploaded(out: Path) -> None:
    (out / "secret.txt").write_text("f00d")
    os.link(out / "secret.txt", out / "twin.txt")
    (out / "alias.txt").symlink_to("secret.txt")
    given = {"zenodo-token": str(out / "secret.txt")}
    for zenodo in (False, True):
        assert sorted(names(make(out, {**ALL, **given}, zenodo=zenodo))) == sorted([*SIZES, "catalog.yaml"])
        with pytest.raises(errors.BadInput, match="matches nothing"):
            make(out, {**files("*.txt"), **given}, zenodo=zenodo)
        for name in ("secret.txt", "twin.txt", "alias.txt"):
            assert "is the token file" in problems(out, {**files(name), **given}, zenodo=zenodo)
    assert "token" in problems(out, {**given, "catalog-yaml": str(out / "secret.txt")}, zenodo=True)
    (out / "catalog.yaml").write_text("id: x\nassets: {overview: secret.txt}")
    assert "it is the token file" in problems(out, given)


# --- files


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["all.pmtiles"], ["all.pmtiles"]),
        (["./all.pmtiles", "all.pmtiles", "*l.pmtiles"], ["all.pmtiles"]),
        (["bin?.pmtiles"], ["bin1.pmtiles", "bin2.pmtiles"]),
        (["bin[!1].pmtiles"], ["bin2.pmtiles"]),
        (["[x].tsv"], ["[x].tsv"]),
        (["x.tsv"], ["x.tsv"]),
        (["[x]/*"], ["[x]/1"]),
        (["**/*.deep"], ["a/b/2.deep", "a/1.deep", "0.deep"]),
        (["a/**"], ["a/1.deep", "a/b/2.deep"]),
        (["**/b/*"], ["a/b/2.deep"]),
        ([".hid*"], [".hidden"]),
        (["x*.done"], ["x.done"]),
        (["link/1.deep"], ["link/1.deep"]),
        (["link/*.deep"], ["link/1.deep"]),
        (["catalog.yaml", "x.tsv"], ["x.tsv", "catalog.yaml"]),
        (["*.yaml"], ["catalog.yaml"]),
    ],
)  # fmt: skip
def test_files_by_names_and_globs(out: Path, patterns: list[str], expected: list[str]) -> None:
    for name in (
        "[x].tsv",
        "x.tsv",
        "[x]/1",
        "a/1.deep",
        "a/b/2.deep",
        "0.deep",
        ".hidden",
        "x.done",
        "a/.h/3.deep",
    ):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("x")
    (out / "link").symlink_to("a")
    (out / "a" / "loop").symlink_to(".")
    (out / "a" / "loop2").symlink_to("..")
    found = make(out, files(*patterns))
    assert sorted(names(found)) == sorted(expected)
    assert ("catalog.yaml" in expected) == (found.units[0].catalog is not None)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("nothing-like-it", "files: 'nothing-like-it' matches nothing."),
        ("al.pmtiles", "files: 'al.pmtiles' matches nothing; did you mean all.pmtiles?"),
        ("*.zip", "files: '*.zip' matches nothing"),
        ("../outside/file", "must be a path inside in-dir"),
        ("a/../all.pmtiles", "must be a path inside in-dir"),
        ("/etc/passwd", "must be a path inside in-dir"),
        ("a", "files: 'a' is a directory; name the files in it, such as a/**."),
        (".", "files: '.' "),
        ("pipe", "is not a regular file"),
        ("x" * 5000, "matches nothing"),
        ("[", "matches nothing"),
    ],
)
def test_files_that_are_none(out: Path, pattern: str, said: str) -> None:
    (out / "a").mkdir()
    os.mkfifo(out / "pipe")
    assert said in problems(out, files(pattern))


def test_a_glob_passes_over_a_pipe(out: Path) -> None:
    os.mkfifo(out / "bin9.pmtiles")
    found = make(out, files("bin*"))
    assert sorted(names(found)) == ["bin1.pmtiles", "bin2.pmtiles"]
    assert found.left_out == ("bin9.pmtiles: is not a regular file, not uploaded.",)


def test_absolute_names_below_in_dir(out: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to("out")
    given = {
        **files(str(tmp_path / "way" / "all.pmtiles"), str(out / "bin*")),
        "in-dir": str(tmp_path / "way"),
    }
    assert names(make(out, given)) == ["all.pmtiles", "bin1.pmtiles", "bin2.pmtiles"]


def test_every_problem_of_files_at_once(out: Path) -> None:
    said = problems(out, files("gone", "../up", "all.pmtiles", "*.zip"))
    assert len(said.splitlines()) == 3


# --- names


def test_names_that_are_not_utf_8_are_refused(out: Path) -> None:
    (out / os.fsdecode(b"caf\xe9.tsv")).write_text("x")
    assert "is not valid UTF-8" in problems(out, ALL)


@pytest.mark.parametrize(
    "name", ["a\nb", "::error::x", "\x1b[31mred", "tab\there", "$(touch x)", "ü ö", "-rf", "a\\b", "😀"]
)
def test_every_other_name_works(out: Path, name: str) -> None:
    (out / name).write_text("x")
    assert name in names(make(out, ALL))


def test_a_key_has_at_most_1024_bytes(out: Path) -> None:
    folder = "ü" * 100 + "/"
    deep = folder * 5 + "é" * 3
    (out / deep).parent.mkdir(parents=True)
    (out / deep).write_text("x")
    used = len(deep.encode())
    for room, fits in ((1024 - used - 1, True), (1024 - used, False)):
        given = {**ALL, "s3-dir": f"s3://bucket/{'p' * room}"}
        if fits:
            assert deep in names(make(out, given))
        else:
            assert "the key is 1025 bytes long; S3 allows 1024" in problems(out, given)


def test_names_that_differ_in_case_alone_are_remarked(out: Path) -> None:
    (out / "ALL.pmtiles").write_text("x")
    (out / "e\u0301").write_text("x")
    (out / "\u00e9").write_text("x")
    warnings = "\n".join(make(out, ALL).warnings)
    assert "differ only in case" in warnings
    assert warnings.count("differ") == 2


def test_zenodo_has_no_folders(out: Path) -> None:
    for folder in ("a", "b"):
        (out / folder).mkdir()
        (out / folder / "x.tsv").write_text("x")
    assert "a/x.tsv and b/x.tsv would both become x.tsv" in problems(out, ALL, zenodo=True)
    assert "a/x.tsv" in names(make(out, ALL))


def test_nothing_to_upload(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert "There is nothing to upload" in problems(tmp_path / "out", ALL)


# --- headers


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pmtiles", "application/vnd.pmtiles"),
        ("A.PMTILES", "application/vnd.pmtiles"),
        ("catalog.yaml", "application/yaml"),
        ("a.json", "application/json"),
        ("a.tsv", "text/tab-separated-values"),
        ("a.tsv.gz", "application/gzip"),
        ("a.png", "image/png"),
        ("a.pdf", "application/pdf"),
        ("a", "application/octet-stream"),
        (".png", "application/octet-stream"),
        ("a.png/b", "application/octet-stream"),
        ("a.html", "application/octet-stream"),
    ],
)
def test_content_types(name: str, expected: str) -> None:
    assert media.content_type(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pmtiles", "max-age=60"),
        ("deep/A.PMTILES", "max-age=60"),
        ("pmtiles", "no-cache"),
        ("a.pmtiles.gz", "no-cache"),
        ("catalog.yaml", "no-cache"),
        ("counts.json", "no-cache"),
        ("a.tsv.gz", "no-cache"),
        ("umap.png", "no-cache"),
        ("no-suffix", "no-cache"),
    ],
)
def test_no_file_goes_without_cache_control(name: str, expected: str) -> None:
    assert media.cache_control(name) == expected
    assert media.cache_control(name, [("*", "no-store")]) == "no-store"


def test_rules_win_over_defaults_and_the_first_over_the_next(out: Path) -> None:
    rules = {
        "content-type": "bin*.pmtiles: x/first\n*.pmtiles: x/second",
        "cache-control": "bin1.*: no-store\n*.tsv: max-age=60",
    }
    found = {file.name: file for file in make(out, rules)}
    assert found["bin1.pmtiles"].media_type == "x/first"
    assert found["all.pmtiles"].media_type == "x/second"
    assert found["f1-rgb.tsv"].media_type == "text/tab-separated-values"
    assert found["bin1.pmtiles"].cache_control == "no-store"
    assert found["f1-rgb.tsv"].cache_control == "max-age=60"
    assert found["all.pmtiles"].cache_control == "max-age=60"
    assert found["catalog.yaml"].cache_control == "no-cache"
    found = {file.name: file for file in make(out, {"cache-control": "catalog.yaml: max-age=5"})}
    assert found["catalog.yaml"].cache_control == "max-age=5"


def test_rules_match_the_path_or_the_name() -> None:
    assert media.content_type("a/b.x", [("b.x", "t/n")]) == "t/n"
    assert media.content_type("a/b.x", [("a/*", "t/n")]) == "t/n"


# --- the same everywhere


def test_the_same_plan_in_every_order_of_hashing(out: Path) -> None:
    code = (
        "import sys, pathlib; from entrypoint import plan, settings;"
        "p = plan.make(settings.read({}, sys.argv[1:], pathlib.Path('/')));"
        "print([(f.name, f.group, f.key_paths) for f in p], p.left_out, p.warnings, sorted(p.known))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code, "--in-dir", str(out), "--s3-dir", "s3://bucket"],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(action.ROOT), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(said) == 1


def test_all_on_zenodo_leaves_state_and_empty_files_out(tmp_path: Path) -> None:
    """Zenodo refuses empty files; on S3 they are files like any other."""
    out = tmp_path / "out"
    out.mkdir()
    for name, data in {
        "a.tsv": b"1",
        "e.tsv": b"",
        "b.alldone": b"x",
        "c.begin": b"x",
        "d.done": b"x",
    }.items():
        (out / name).write_bytes(data)
    found = make(out, ALL, zenodo=True)
    assert names(found) == ["a.tsv"]
    said = "\n".join(found.left_out)
    assert "e.tsv: empty, not uploaded" in said
    assert "b.alldone: the state of a pipeline, not uploaded" in said
    assert set(names(make(out, ALL))) == {"a.tsv", "e.tsv", "b.alldone", "c.begin"}
