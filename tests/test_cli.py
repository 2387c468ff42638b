"""The command line: our own form, and cartloader's two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from entrypoint import __version__, cli, errors, inputs, settings
from entrypoint.catalog import Group

TOKEN = "f00dTOKENf00dTOKENf00d"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "c.yaml").write_text("id: x")
    (tmp_path / "list.tsv").write_text("a\n")
    return tmp_path


def read(place: Path, line: str | Sequence[str]) -> settings.Settings:
    argv = line.split() if isinstance(line, str) else line
    return settings.read({}, argv, place)


# --- our own form


@pytest.mark.parametrize("item", inputs.INPUTS, ids=lambda item: item.name)
def test_every_input_has_its_flag(item: inputs.Input) -> None:
    assert cli.parse([f"--{item.name}", "one"]).values == {item.name: "one"}
    assert cli.parse([f"--{item.name}=-one"]).values == {item.name: "-one"}


@pytest.mark.parametrize(
    "item", [i for i in inputs.INPUTS if i.kind is inputs.Kind.LINES], ids=lambda i: i.name
)
def test_a_list_takes_many_and_again(item: inputs.Input) -> None:
    values = cli.parse([f"--{item.name}", "a b", "c,d", f"--{item.name}", "e"]).values
    assert values == {item.name: "a b\nc,d\ne"}


@pytest.mark.parametrize(
    "item", [i for i in inputs.INPUTS if i.kind is inputs.Kind.FLAG], ids=lambda i: i.name
)
def test_a_flag_alone_is_true(item: inputs.Input) -> None:
    assert cli.parse([f"--{item.name}"]).values == {item.name: "true"}
    assert cli.parse([f"--{item.name}", "--in-dir", "x"]).values == {item.name: "true", "in-dir": "x"}
    assert cli.parse([f"--{item.name}", "false"]).values == {item.name: "false"}


@pytest.mark.parametrize(
    "line",
    [
        ["--version"],
        ["-V"],
        ["upload_aws", "--version"],
        ["upload_zenodo", "--version"],
        ["upload_aws", "-V"],
        ["--in-dir", "x", "--version"],
    ],
)
def test_version(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.parse(line)
    assert not caught.value.code
    out, err = capsys.readouterr()
    assert out + err == f"catalog-upload {__version__}\n"


def test_version_is_also_metadata() -> None:
    assert cli.parse(["--version", "v1.2"]).values == {"version": "v1.2"}
    # As in --version "$TAG" with an empty TAG: this must not end the run with success.
    assert cli.parse(["--version", ""]).values == {"version": ""}
    assert cli.parse(["--version="]).values == {"version": ""}


@pytest.mark.parametrize("line", [["--help"], ["-h"], ["upload_aws", "--help"], ["upload_zenodo", "-h"]])
def test_help_tells_every_flag(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.parse(line)
    assert not caught.value.code
    out = capsys.readouterr().out
    assert "%" not in out
    left_out = {"upload_aws": (inputs.ZENODO,), "upload_zenodo": (inputs.S3, inputs.READERS)}.get(line[0], ())
    for item in inputs.INPUTS:
        if item.section not in (*left_out, inputs.WHERE):
            assert re.search(rf"^  --{item.name}\b", out, re.MULTILINE), item.name


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (["--zenodo-tokn", "private"], "unknown flag --zenodo-tokn; did you mean --zenodo-token?"),
        (["--zenodo-tokn=private"], "unknown flag --zenodo-tokn"),
        (["--in-dir", "out", "extra"], "unexpected argument: extra"),
        (["--in-dir", "out", "out", "s3://demo/x"], "unexpected arguments: out, s3://demo/x. See"),
        (["--in-dir", "out", TOKEN, "https://me:private@x.example"], "unexpected arguments: …, …. See"),
        (["--in-dir", "out", *"abcdefg"], "unexpected arguments: a, b, c, d, e, …. See"),
        (["upload-aws", "--in-dir", "private"], "unknown command upload-aws; did you mean upload_aws?"),
        (
            ["uplod_zenodo", "--in-dir", "private"],
            "unknown command uplod_zenodo; did you mean upload_zenodo?",
        ),
        (["-q", "-v"], "-q and -v cannot be combined"),
        (["--quite-other", "private"], "unknown flag --quite-other. See"),
        (["upload_zenodo", "--tokn", "private"], "unknown flag --tokn"),
        (["upload_zenodo", "--zenodo=private"], "--zenodo=…"),
        (["upload_aws", "--zenodo-token", "private"], "unknown flag --zenodo-token"),
        (["upload_aws", "--upload-basics-only", "--upload-optional-only"], "cannot be combined"),
        (["--in-dir"], "--in-dir"),
        (["--files"], "--files"),
    ],
)
def test_a_wrong_line_is_told_without_its_values(place: Path, line: list[str], shown: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        settings.read({}, line, place)
    assert shown in str(caught.value)
    assert "private" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert any(way in str(caught.value) for way in ("--help", "--groups", "did you mean"))


def test_how_the_run_is_told() -> None:
    assert cli.presentation([]) == cli.Presentation()
    assert cli.presentation(["upload_aws", "-q", "--json"]) == cli.Presentation(quiet=True, json=True)
    assert cli.presentation(["--verbose", "--title=-q", "--no-such-flag"]) == cli.Presentation(verbose=True)
    for line in (["-q"], ["--quiet", "--json"], ["-v"]):
        for command in ([], ["upload_aws"], ["upload_zenodo"]):
            assert cli.parse([*command, *line]).problems == ()


def test_the_default_of_upload_zenodo_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for line, default in ((["upload_zenodo", "--help"], "all"), (["--help"], "catalog")):
        with pytest.raises(SystemExit):
            cli.parse(line)
        words = " ".join(capsys.readouterr().out.split())
        assert f"files: what the input files names. (default: {default})" in words


@pytest.mark.parametrize("item", [i for i in inputs.INPUTS if i.choices], ids=lambda i: i.name)
def test_the_choices_of_the_table_are_those_of_the_settings(place: Path, item: inputs.Input) -> None:
    where = (
        ["--zenodo-id", "new", "--zenodo-token", "token"]
        if item.section == inputs.ZENODO
        else ["--s3-dir", "s3://b/x"]
    )
    for value in item.choices:
        try:
            read(place, ["--in-dir", "out", *where, f"--{item.name}", value])
        except errors.BadInput as error:
            said = [problem for problem in error.problems if problem.startswith(f"{item.name}:")]
            if said:
                raise
    if item.name != "sse":
        with pytest.raises(errors.BadInput, match=f"{item.name}: expected"):
            read(place, ["--in-dir", "out", *where, f"--{item.name}", "no-such-value"])


def test_the_origin_takes_in_for_in_dir(place: Path) -> None:
    assert read(place, "upload_aws --in out --s3-dir s3://bucket/x").in_dir == (place / "out").resolve()
    assert read(place, "upload_zenodo --in out --zenodo-token token").in_dir == (place / "out").resolve()


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (
            "upload_aws --in-d out --s3 s3://b/x --n 3 --c c.yaml --dry --r",
            {
                "in-dir": "out",
                "s3-dir": "s3://b/x",
                "n-jobs": "3",
                "catalog-yaml": "c.yaml",
                "dry-run": "true",
                "restart": "true",
            },
        ),
        ("upload_aws --s3=s3://b/x --in-l list --upload-ba=", {}),
        (
            "upload_zenodo --i out --zenodo-t token --zenodo-d 7 --p --r --f a b --cr A,B --o",
            {
                "in-dir": "out",
                "zenodo-token": "token",
                "zenodo-id": "7",
                "publish": "true",
                "restart": "true",
                "files": "a\nb",
                "creators": "A,B",
                "overwrite": "true",
            },
        ),
    ],
)
def test_the_origins_flags_may_be_shortened(line: str, values: dict[str, str]) -> None:
    if not values:
        with pytest.raises(errors.BadInput, match="--upload-ba"):
            cli.parse(line.split())
        return
    parsed = cli.parse(line.split())
    assert parsed.problems == ()
    assert parsed.values == values


def test_no_abbreviations() -> None:
    assert cli.parse(["--s3", "s3://x"]).problems


# --- cartloader's upload_aws


def test_the_line_of_upload_aws(place: Path) -> None:
    chosen = read(
        place,
        "upload_aws --in-dir out --s3-dir s3://bucket/x/ --aws /opt/aws --n-jobs 10 --catalog-yaml c.yaml "
        "--profile me --dry-run --restart --makefn up.mk",
    )
    assert chosen.in_dir == (place / "out").resolve()
    assert chosen.catalog_yaml == place / "c.yaml"
    assert chosen.s3 == settings.S3Settings("bucket", "x", profile="me")
    assert chosen.n_jobs == 10
    assert chosen.dry_run
    assert chosen.restart
    assert chosen.method is settings.Method.CATALOG
    assert chosen.groups == frozenset(Group)
    assert len(chosen.notices) == 1
    assert "--aws and --makefn had no effect" in chosen.notices[0]


def test_upload_aws_of_a_collection(place: Path) -> None:
    chosen = read(place, "upload_aws --in-dir out --s3-dir s3://bucket --in-list list.tsv")
    assert chosen.in_list == place / "list.tsv"
    assert chosen.notices == ()


@pytest.mark.parametrize(
    ("flag", "group"),
    [
        ("--upload-basics-only", Group.BASICS),
        ("--upload-optional-only", Group.OPTIONAL),
        ("--upload-basemap-only", Group.BASEMAPS),
    ],
)
def test_one_group_of_upload_aws(place: Path, flag: str, group: Group) -> None:
    assert read(place, f"upload_aws --in-dir out --s3-dir s3://bucket {flag}").groups == {group}


def test_upload_aws_takes_our_inputs_too(place: Path) -> None:
    chosen = read(place, "upload_aws --in-dir out --s3-dir s3://bucket --acl private --if-missing warn")
    assert chosen.if_missing is settings.IfMissing.WARN
    assert chosen.s3
    assert chosen.s3.acl == "private"


# --- cartloader's upload_zenodo


def test_the_line_of_upload_zenodo(place: Path) -> None:
    chosen = read(
        place,
        [
            "upload_zenodo", "--zenodo-id", "123", "--zenodo-token", "token", "--in-dir", "out",
            "--upload-method", "catalog", "--catalog-yaml", "c.yaml", "--title", "A title",
            "--creators", "Curie, Marie", "Noether, Emmy", "--description", "Words", "--upload-type", "image",
            "--publish", "--overwrite", "--restart", "--dry-run",
        ],
    )  # fmt: skip
    assert chosen.method is settings.Method.CATALOG
    assert chosen.catalog_yaml == place / "c.yaml"
    assert chosen.token_file == place / "token"
    assert chosen.overwrite
    assert chosen.restart
    assert chosen.dry_run
    found = chosen.zenodo
    assert found is not None
    assert found.deposition == "123"
    assert found.token.reveal() == TOKEN
    assert found.creators == ("Curie, Marie", "Noether, Emmy")
    assert (found.title, found.description, found.upload_type) == ("A title", "Words", "image")
    assert found.publish


def test_upload_zenodo_by_the_names_of_the_origin(place: Path) -> None:
    chosen = read(place, "upload_zenodo --zenodo-deposition-id 7 --token-file token --in-dir out")
    assert chosen.zenodo is not None
    assert chosen.zenodo.deposition == "7"
    assert chosen.zenodo.upload_type == ""
    assert chosen.token_file == place / "token"


def test_upload_zenodo_has_defaults_of_its_own(place: Path) -> None:
    for extra in ([], ["--zenodo-id", ""], ["--zenodo-id", "new"]):
        chosen = read(place, ["upload_zenodo", "--zenodo-token", "token", "--in-dir", "out", *extra])
        assert chosen.zenodo is not None
        assert chosen.zenodo.deposition == "new"
        assert chosen.zenodo.upload_type == "dataset"
        assert chosen.method is settings.Method.ALL
        assert chosen.top_level_only


def test_a_variable_wins_over_a_default_of_upload_zenodo(place: Path) -> None:
    given = {"INPUT_ZENODO-ID": "99", "INPUT_UPLOAD-METHOD": "catalog", "INPUT_ZENODO-TOKEN": TOKEN}
    chosen = settings.read(given, ["upload_zenodo", "--in-dir", "out"], place)
    assert chosen.zenodo is not None
    assert chosen.zenodo.deposition == "99"
    assert chosen.method is settings.Method.CATALOG


def test_files_of_upload_zenodo(place: Path) -> None:
    line = f"upload_zenodo --zenodo-token token --in-dir out --upload-method files --files a b {place}/out/c"
    assert read(place, line).files == ("a", "b", f"{place}/out/c")


def test_the_token_of_upload_zenodo_is_a_file(place: Path) -> None:
    with pytest.raises(errors.BadInput, match=r"'zenodo\.token' does not exist"):
        read(place, "upload_zenodo --zenodo-token zenodo.token --in-dir out")
