"""Inputs to settings: every default, every meaning, and everything that is wrong at once."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from entrypoint import errors, inputs, settings
from entrypoint.catalog import Group

TOKEN = "f00dTOKENf00dTOKENf00d"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path


def read(place: Path, given: Mapping[str, str], *argv: str, **environ: str) -> settings.Settings:
    variables = {inputs.BY_NAME[name].variable: value for name, value in given.items()}
    return settings.read({"HOME": str(place / "home"), **environ, **variables}, argv, place)


def problems(place: Path, given: Mapping[str, str], *argv: str, **environ: str) -> str:
    with pytest.raises(errors.BadInput) as caught:
        read(place, given, *argv, **environ)
    return "\n".join(caught.value.problems)


S3 = {"in-dir": "out", "s3-dir": "s3://bucket/prefix"}
ZENODO = {"in-dir": "out", "zenodo-id": "new", "zenodo-token": TOKEN}


# --- defaults


@pytest.mark.parametrize("blank", [None, "", "  ", "\n"])
def test_what_is_absent_empty_or_blank_has_its_default(place: Path, blank: str | None) -> None:
    names = [item.name for item in inputs.INPUTS if item.name not in S3]
    values = {} if blank is None else dict.fromkeys(names, blank)
    chosen = read(place, {**values, **S3})
    assert chosen.in_dir == (place / "out").resolve()
    assert chosen.catalog_yaml == chosen.in_dir / "catalog.yaml"
    assert not chosen.catalog_given
    assert chosen.method is settings.Method.CATALOG
    assert chosen.groups == frozenset(Group)
    assert chosen.if_missing is settings.IfMissing.ERROR
    assert chosen.n_jobs is None
    assert chosen.overwrite
    for name in (
        "dry_run",
        "verify_only",
        "restart",
        "delete_extra",
        "files",
        "in_list",
        "shard",
        "manifest",
    ):
        assert not getattr(chosen, name)
    assert chosen.token_file is None
    assert chosen.zenodo is None
    assert chosen.s3 == settings.S3Settings("bucket", "prefix")


def test_defaults_of_zenodo(place: Path) -> None:
    chosen = read(place, ZENODO)
    assert chosen.s3 is None
    assert chosen.zenodo is not None
    assert chosen.zenodo.url == "https://zenodo.org"
    assert chosen.zenodo.pack is settings.Pack.NEVER
    assert not chosen.zenodo.publish
    assert chosen.zenodo.token.reveal() == TOKEN
    assert [secret.reveal() for secret in chosen.secrets] == [TOKEN]


# --- precedence and paths


def test_a_flag_wins_over_a_variable(place: Path) -> None:
    chosen = read(place, {**S3, "n-jobs": "3", "dry-run": "true"}, "--n-jobs", "5", "--dry-run", "false")
    assert chosen.n_jobs == 5
    assert not chosen.dry_run


def test_an_empty_flag_is_an_absent_input(place: Path) -> None:
    assert read(place, S3, "--n-jobs", "").n_jobs is None
    assert "neither is given" in problems(place, S3, "--s3-dir", "")


def test_relative_paths_start_at_the_workspace_else_at_the_current_directory(place: Path) -> None:
    workspace = place / "ws"
    (workspace / "out").mkdir(parents=True)
    assert read(place, S3).in_dir == (place / "out").resolve()
    assert read(place, S3, GITHUB_WORKSPACE=str(workspace)).in_dir == (workspace / "out").resolve()


def test_a_tilde_is_the_home_of_the_environment(place: Path) -> None:
    (place / "home" / "data").mkdir(parents=True)
    assert read(place, {**S3, "in-dir": "~/data"}).in_dir == (place / "home" / "data").resolve()


def test_a_link_as_in_dir_is_followed(place: Path) -> None:
    (place / "link").symlink_to("out")
    assert read(place, {**S3, "in-dir": "link"}).in_dir == (place / "out").resolve()


def test_the_catalog_has_its_own_place(place: Path) -> None:
    (place / "other.yaml").write_text("id: x")
    chosen = read(place, {**S3, "catalog-yaml": "other.yaml"})
    assert chosen.catalog_yaml == place / "other.yaml"
    assert chosen.catalog_given


# --- kinds of values


@pytest.mark.parametrize("value", ["yes", "1", "on", "truefalse", "tru", "nein", "Yes", "t"])
@pytest.mark.parametrize("name", [item.name for item in inputs.INPUTS if item.kind is inputs.Kind.FLAG])
def test_a_boolean_is_true_or_false_and_nothing_else(place: Path, name: str, value: str) -> None:
    assert f"{name}: expected true or false, got {value!r}." in problems(place, {**ZENODO, name: value})


@pytest.mark.parametrize("name", ["dry-run", "verify-only", "restart", "overwrite", "delete-extra"])
def test_booleans_arrive(place: Path, name: str) -> None:
    for text, value in (("true", True), (" false ", False), ("TRUE", True), ("False", False)):
        assert getattr(read(place, {**S3, name: text}), name.replace("-", "_")) is value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("basics", {Group.BASICS}),
        ("basics,optional", {Group.BASICS, Group.OPTIONAL}),
        ("basics\r\n basemaps \n\n", {Group.BASICS, Group.BASEMAPS}),
        (" , ,basemaps", {Group.BASEMAPS}),
        (",", set(Group)),
    ],
)
def test_groups_are_a_list_by_lines_or_commas(place: Path, text: str, expected: set[Group]) -> None:
    assert read(place, {**S3, "groups": text}).groups == expected


def test_files_are_a_list_by_lines_alone(place: Path) -> None:
    given = {**S3, "upload-method": "files", "files": "a,b.tsv\r\n\n  c d.tsv  \n[x].png"}
    assert read(place, given).files == ("a,b.tsv", "c d.tsv", "[x].png")


@pytest.mark.parametrize("value", ["0", "257", "many", "-1", "1.5", "1e1", "٣", "9999999", "0x8"])
def test_jobs_are_1_to_256(place: Path, value: str) -> None:
    assert f"n-jobs: expected auto or a whole number from 1 to 256, got {value!r}" in problems(
        place, {**S3, "n-jobs": value}
    )


@pytest.mark.parametrize("value", ["1", "256", "008"])
def test_jobs_within_the_limits(place: Path, value: str) -> None:
    assert read(place, {**S3, "n-jobs": value}).n_jobs == int(value)


@pytest.mark.parametrize(
    "value", ["0/4", "5/4", "a/b", "1", "/", "1/0", "-1/4", "1/4/2", "1/4x", "1,4", "99999999/9"]
)
def test_a_shard_is_i_of_n(place: Path, value: str) -> None:
    assert f"shard: expected i/n with i from 1 to n, such as 2/8; got {value!r}" in problems(
        place, {**S3, "shard": value}
    )


def test_a_good_shard(place: Path) -> None:
    assert read(place, {**S3, "shard": " 2 / 8 "}).shard == settings.Shard(2, 8)
    assert str(settings.Shard(2, 8)) == "2/8"


# --- contradictions


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({**S3, **ZENODO}, "s3-dir, zenodo-id: exactly one of them must be given; both are given."),
        ({"in-dir": "out"}, "neither is given."),
        ({"s3-dir": "s3://bucket"}, "in-dir is required"),
        ({**S3, "in-dir": "nowhere"}, "in-dir: 'nowhere' does not exist"),
        ({**S3, "in-dir": "file"}, "in-dir: 'file' is not a directory"),
        ({**S3, "in-dir": "x" * 5000}, "in-dir: "),
        ({**S3, "in-dir": "/home/runner/work/a/a/out"}, "outside the container"),
        ({**S3, "in-dir": "/__w/r/r/out"}, "outside the container"),
        ({**S3, "in-dir": "/actions/_work/r/r/out"}, "outside the container"),
        ({**S3, "catalog-yaml": "nowhere.yaml"}, "catalog-yaml: 'nowhere.yaml' does not exist."),
        ({**S3, "catalog-yaml": "fle"}, "catalog-yaml: 'fle' does not exist; did you mean 'file'"),
        ({**S3, "catalog-yaml": "a/b.yaml"}, "there is no folder"),
        ({**S3, "catalog-yaml": "out"}, "catalog-yaml: 'out' is a directory."),
        ({**S3, "catalog-yaml": "x" * 5000}, "catalog-yaml: 'xxx"),
        ({**S3, "in-list": "nowhere.tsv"}, "in-list: 'nowhere.tsv' does not exist."),
        ({**S3, "in-list": "file", "catalog-yaml": "file"}, "catalog-yaml: not with in-list"),
        ({**S3, "upload-method": "some"}, "upload-method: expected catalog, all or files, got 'some'."),
        ({**S3, "upload-method": "files"}, "files: required with upload-method: files"),
        ({**S3, "files": "a"}, "files: given, but upload-method is catalog"),
        (
            {**S3, "upload-method": "files", "files": "a\n/home/runner/work/r/r/out/b"},
            "outside the container",
        ),
        (
            {**S3, "groups": "basics,everything"},
            "groups: expected any of basics, optional, basemaps, got 'everything'",
        ),
        ({**S3, "s3-dir": "s3://"}, "s3-dir: expected s3://bucket/prefix, got 's3://'."),
        (
            {**S3, "s3-dir": "https://b-1.s3.us-east-1.amazonaws.com/a/b"},
            "got 'https://b-1.s3.us-east-1.amazonaws.com/a/b'; did you mean s3://b-1/a/b?",
        ),
        ({**S3, "s3-dir": "https://s3.amazonaws.com/b-1/a"}, "did you mean s3://b-1/a?"),
        ({**S3, "s3-dir": "S3://b-1/a"}, "got 'S3://b-1/a'; did you mean s3://b-1/a?"),
        ({**S3, "s3-dir": "s3:/b-1/a"}, "did you mean s3://b-1/a?"),
        ({**S3, "s3-dir": "s3a://b-1/a"}, "did you mean s3://b-1/a?"),
        ({**S3, "s3-dir": "b-1/a"}, "did you mean s3://b-1/a?"),
        ({**S3, "s3-dir": "gs://b-1/a"}, "got 'gs://b-1/a'."),
        ({**S3, "s3-dir": "https://example.org/b-1/a"}, "got 'https://example.org/b-1/a'."),
        ({**S3, "if-missing": "ignore"}, "if-missing: expected error or warn, got 'ignore'."),
        ({**S3, "delete-extra": "true", "shard": "1/2"}, "delete-extra: not with shard"),
        ({**S3, "delete-extra": "true", "s3-dir": "s3://bucket"}, "delete-extra: requires a prefix"),
        ({**S3, "delete-extra": "true", "s3-dir": "s3://bucket/"}, "delete-extra: requires a prefix"),
        ({**S3, "groups": "basic"}, "got 'basic'; did you mean basics?"),
        ({**S3, "checksum": "sha-256"}, "got 'sha-256'; did you mean sha256?"),
        (
            {**S3, "storage-class": "standard_ia"},
            "storage-class: there is no 'standard_ia'; did you mean STANDARD_IA?",
        ),
        ({**S3, "storage-class": "INTELIGENT_TIERING"}, "did you mean INTELLIGENT_TIERING?"),
        ({**S3, "acl": "public_read"}, "acl: there is no 'public_read'; did you mean public-read?"),
        ({**S3, "delete-extra": "true", "upload-method": "files", "files": "a"}, "delete-extra: not with"),
        ({**S3, "verify-only": "true", "restart": "true"}, "verify-only: it only reads"),
        ({**S3, "manifest": "out"}, "manifest: 'out' is a directory"),
        ({**ZENODO, "shard": "1/2", "publish": "true"}, "publish: not with shard"),
        ({**ZENODO, "shard": "1/2", "draft-only": "true"}, "draft-only: not with shard"),
        ({**ZENODO, "publish": "true", "draft-only": "true"}, "publish: not with draft-only"),
        ({**ZENODO, "verify-only": "true", "draft-only": "true"}, "verify-only: it only reads"),
        ({**S3, "draft-only": "true"}, "draft-only: S3 has no drafts"),
        ({**ZENODO, "zenodo-token": ""}, "zenodo-token is required with zenodo-id"),
        ({**ZENODO, "pack": "always"}, "pack: expected never or auto, got 'always'."),
        ({**ZENODO, "metadata-file": "nowhere.json"}, "nowhere.json' does not exist."),
        ({**ZENODO, "sandbox": "true", "zenodo-url": "https://rdm.example.org"}, "sandbox, zenodo-url: both"),
    ],
)
def test_what_does_not_go(place: Path, given: dict[str, str], expected: str) -> None:
    (place / "file").write_text("x")
    assert expected in problems(place, given)


@pytest.mark.parametrize("name", ["in-dir", "catalog-yaml", "in-list", "manifest", "metadata-file"])
def test_every_path_may_begin_at_home(place: Path, name: str) -> None:
    (place / "home" / "x").mkdir(parents=True)
    if name != "in-dir":
        (place / "home" / "x" / "y").write_text("")
    value = "~/x" if name == "in-dir" else "~/x/z" if name == "manifest" else "~/x/y"
    given = {**(ZENODO if name == "metadata-file" else S3), name: value}
    chosen = read(place, given)
    found = {
        "in-dir": chosen.in_dir,
        "catalog-yaml": chosen.catalog_yaml,
        "in-list": chosen.in_list,
        "manifest": chosen.manifest,
        "metadata-file": (chosen.zenodo.metadata_files or (None,))[0] if chosen.zenodo else None,
    }[name]
    assert found == place / "home" / value.removeprefix("~/")


def test_names_of_files_may_begin_at_home_and_homes_have_names(place: Path) -> None:
    given = {**S3, "upload-method": "files", "files": "~/out/a\n~root/b\n~nobody-at-all/c\nd~"}
    root = pwd.getpwnam("root").pw_dir
    assert read(place, given).files == (f"{place}/home/out/a", f"{root}/b", "~nobody-at-all/c", "d~")
    # Without HOME the user's own entry tells.
    variables = {inputs.BY_NAME[name].variable: value for name, value in given.items()}
    assert settings.read(variables, [], place).files[0] == f"{pwd.getpwuid(os.getuid()).pw_dir}/out/a"


def test_custom_names_of_other_stores_are_taken(place: Path) -> None:
    found = read(place, {**S3, "storage-class": "COLD", "acl": "project-private"}).s3
    assert found
    assert (found.storage_class, found.acl) == ("COLD", "project-private")


def test_variables_that_are_almost_inputs_are_told(place: Path) -> None:
    said = read(
        place, S3, INPUT_IN_DIR="x", INPUT_ZENODOTOKEN="y", INPUT_OTHER="z", **{"INPUT_N-JOB": ""}
    ).notices
    assert [notice.partition(" ")[0] for notice in said] == ["INPUT_IN_DIR", "INPUT_ZENODOTOKEN"]
    assert "did you mean INPUT_IN-DIR, or --in-dir?" in said[0]


def test_variables_that_are_set_and_empty_are_not_set(place: Path) -> None:
    names = ("GITHUB_WORKSPACE", "GITHUB_SERVER_URL", "GITHUB_EVENT_PATH", "XDG_STATE_HOME", "AWS_REGION")
    chosen = read(place, S3, **dict.fromkeys(names, ""))
    assert chosen.workspace == place
    assert chosen.run.server_url == "https://github.com"
    assert chosen.run.event_path is None


def test_a_manifest_replaces_nothing_else(place: Path) -> None:
    (place / "file").write_text("x")
    (place / "link").symlink_to("nowhere")
    os.mkfifo(place / "pipe")
    for name, what in (
        ("file", "a file that is not an earlier manifest"),
        ("link", "a link"),
        ("pipe", "a pipe"),
        ("out", "a directory"),
        ("/dev/full", "a device"),
    ):
        said = problems(place, {**S3, "manifest": name})
        assert f"manifest: {name!r} is {what}, and is not replaced" in said
    assert "'file/m.json' is not a valid path" in problems(place, {**S3, "manifest": "file/m.json"})
    chosen = read(place, {**S3, "manifest": "-"})
    assert chosen.manifest is None
    assert chosen.manifest_on_stdout


def test_inputs_of_the_other_destination_are_told(place: Path) -> None:
    given = {"title": "T", "publish": "true", "sandbox": "false", "zenodo-token": "t0ken"}
    [said] = read(place, {**S3, **given}).notices
    assert said == "title, publish have no effect with s3-dir: Zenodo is not the destination."
    [said] = read(place, {**ZENODO, "acl": "private", "checksum": "auto"}).notices
    assert said == "acl has no effect with zenodo-id: S3 is not the destination."
    assert read(place, {**S3, "acl": "private"}).notices == ()


def test_everything_is_reported_at_once(place: Path) -> None:
    said = problems(
        place,
        {
            "in-dir": "gone",
            "n-jobs": "many",
            "groups": "x",
            "shard": "0/1",
            "checksum": "md5",
            "dry-run": "ja",
        },
        "--no-such-flag",
    )
    for name in (
        "in-dir:",
        "n-jobs:",
        "groups:",
        "shard:",
        "checksum:",
        "dry-run:",
        "s3-dir, zenodo-id:",
        "--no-such-flag",
    ):
        assert name in said


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_pull_request_publishes_nothing(place: Path, event: str) -> None:
    said = problems(place, {**ZENODO, "publish": "true"}, GITHUB_EVENT_NAME=event)
    assert f"publish: refused on {event} events" in said
    assert read(place, ZENODO, GITHUB_EVENT_NAME=event).zenodo
    assert read(place, {**ZENODO, "publish": "true"}, GITHUB_EVENT_NAME="release").zenodo


def test_the_manifest_stays_in_the_workspace_of_a_runner(place: Path) -> None:
    given = {**S3, "manifest": "../result.json"}
    assert "manifest: '../result.json' is outside" in problems(
        place, given, GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(place)
    )
    assert read(place, given).manifest == place / "../result.json"
    assert read(place, {**S3, "manifest": "m/result.json"}).manifest == place / "m/result.json"


# --- S3


@pytest.mark.parametrize(
    ("value", "bucket", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://bucket/a/b", "bucket", "a/b"),
        ("s3://bucket/a/b/", "bucket", "a/b"),
        ("s3://my.Old_bucket/a b/ü", "my.Old_bucket", "a b/ü"),
    ],
)
def test_where_on_s3(place: Path, value: str, bucket: str, prefix: str) -> None:
    found = read(place, {**S3, "s3-dir": value}).s3
    assert found is not None
    assert (found.bucket, found.prefix) == (bucket, prefix)
    assert found.url == f"s3://{bucket}/{prefix}".rstrip("/")


@pytest.mark.parametrize(
    "value",
    [
        "bucket/prefix",
        "https://bucket.s3.amazonaws.com/x",
        "s3:/bucket",
        "s3://",
        "s3:///prefix",
        "s3://b",
        "s3://bu..cket/x",
        "s3://bucket//x",
        "s3://bucket/a//b",
        "s3://bucket/a/../b",
        "s3://bucket/./b",
        "s3://buc ket/b",
        "s3://bucket/a\x1bb",
        "s3://bucket/a\nb",
        "s3://bucket/a\x85b",
        "s3://bucket/a\udcffb",
        "s3://-bucket/a",
        "s3://bucket\r/a",
    ],
)
def test_where_on_s3_not(place: Path, value: str) -> None:
    assert "s3-dir: " in problems(place, {**S3, "s3-dir": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("checksum", "md5"),
        ("sse", "aes"),
        ("sse-kms-key-id", "alias/x"),
        ("expected-bucket-owner", "12345"),
        ("expected-bucket-owner", "١٢٣٤٥٦٧٨٩٠١٢"),
        ("s3-endpoint-url", "minio.example.org"),
        ("s3-endpoint-url", "ftp://minio.example.org"),
        ("s3-endpoint-url", "https://minio.example.org:port"),
        ("s3-endpoint-url", "https://minio.example.org?x=1"),
        ("role-to-assume", "my-role"),
        ("role-to-assume", "arn:aws:iam::123456789012:user/x"),
        ("aws-region", "eu central"),
        ("aws-region", "evil.example.org/"),
        ("storage-class", "A\r\nx-amz-acl: public-read"),
        ("acl", "public\nread"),
        ("cache-control", "*.pmtiles max-age=1"),
        ("cache-control", "*.pmtiles:"),
        ("cache-control", "*: max-age=1\x00"),
        ("cache-control", "*: größe"),
        ("content-type", ": text/plain"),
        ("content-type", "*: a\rb"),
        ("tags", "novalue"),
        ("tags", "a=1\na=2"),
        ("tags", "\n".join(f"k{n}=v" for n in range(11))),
        ("tags", f"{'k' * 129}=v"),
        ("metadata", "a b=c"),
        ("metadata", "a=ü"),
        ("metadata", "a=1\nA=2"),
        ("metadata", f"a={'v' * 2048}"),
    ],
)
def test_what_s3_cannot_take(place: Path, name: str, value: str) -> None:
    assert re.search(rf"{name}(:| requires) ", problems(place, {**S3, name: value}))


def test_what_s3_takes(place: Path) -> None:
    found = read(
        place,
        {
            **S3,
            "aws-region": "eu-central-1",
            "aws-profile": "work place",
            "role-to-assume": "arn:aws-cn:iam::123456789012:role/path/name",
            "expected-bucket-owner": "123456789012",
            "s3-endpoint-url": "http://127.0.0.1:9000/",
            "checksum": "SHA256",
            "storage-class": "INTELLIGENT_TIERING",
            "acl": "bucket-owner-full-control",
            "sse": "aws:kms",
            "sse-kms-key-id": "alias/x",
            "cache-control": "*.pmtiles: max-age=60, public\r\n\ncatalog.yaml: no-store",
            "content-type": "*.x:y: text/x; charset=utf-8",
            "tags": "project = atlas=1\nünï=ö",
            "metadata": "run=1",
        },
    ).s3
    assert found == settings.S3Settings(
        "bucket",
        "prefix",
        region="eu-central-1",
        profile="work place",
        role_to_assume="arn:aws-cn:iam::123456789012:role/path/name",
        expected_bucket_owner="123456789012",
        endpoint_url="http://127.0.0.1:9000",
        checksum=settings.Checksum.SHA256,
        storage_class="INTELLIGENT_TIERING",
        acl="bucket-owner-full-control",
        sse="aws:kms",
        sse_kms_key_id="alias/x",
        cache_control=(("*.pmtiles", "max-age=60, public"), ("catalog.yaml", "no-store")),
        content_type=(("*.x", "y: text/x; charset=utf-8"),),
        tags=(("project", "atlas=1"), ("ünï", "ö")),
        metadata=(("run", "1"),),
    )


# --- Zenodo


def test_metadata_of_zenodo(place: Path) -> None:
    (place / "meta.json").write_text("{}")
    found = read(
        place,
        {
            **ZENODO,
            "title": "T",
            "creators": "Curie, Marie; ESPCI; 0000-0001-2345-6789\nNoether, Emmy",
            "description": "two\nlines",
            "upload-type": "Dataset",
            "license": "CC-BY-4.0",
            "keywords": "a, b\nc",
            "version": "v1.0",
            "communities": "x, y\nz",
            "related-identifiers": "isSupplementTo https://example.org/a,b",
            "metadata-file": "meta.json",
            "pack": "auto",
            "publish": "true",
            "sandbox": "true",
        },
    ).zenodo
    assert found is not None
    assert found.creators == ("Curie, Marie; ESPCI; 0000-0001-2345-6789", "Noether, Emmy")
    assert found.description == "two\nlines"
    assert found.upload_type == "dataset"
    assert found.keywords == ("a, b", "c")
    assert found.version == "v1.0"
    assert found.communities == ("x", "y", "z")
    assert found.related_identifiers == ("isSupplementTo https://example.org/a,b",)
    assert found.metadata_files == (place / "meta.json",)
    assert found.url == "https://sandbox.zenodo.org"
    assert found.publish
    assert found.pack is settings.Pack.AUTO


@pytest.mark.parametrize(
    "url",
    [
        "http://zenodo.org",
        "HTTP://zenodo.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::2]:80",
        "http://127.0.0.1@example.org",
        "http://127.0.0.1:80\\@example.org",
        "http://user:secret-word@127.0.0.1",
        "https://zeno\tdo.org",
        "https://zenodo.org/?x=1",
        "https://zenodo.org/#x",
        "https://",
        "/",
        "zenodo.org",
        "file:///etc/passwd",
        "https://zenodo.org:99999",
        "https://[::1",
        "https://zénodo.org",
    ],
)
def test_urls_that_are_refused(place: Path, url: str) -> None:
    said = problems(place, {**ZENODO, "zenodo-url": url})
    assert "zenodo-url: " in said
    assert "secret-word" not in said


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5000",
        "http://127.9.9.9",
        "http://localhost:1",
        "http://[::1]:8080",
        "https://rdm.example.org/base/",
    ],
)
def test_urls_that_are_taken(place: Path, url: str) -> None:
    found = read(place, {**ZENODO, "zenodo-url": url}).zenodo
    assert found is not None
    assert found.url == url.rstrip("/")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/records", "/api/deposit/depositions/"])
def test_the_path_of_the_api_is_not_part_of_a_service(place: Path, path: str) -> None:
    found = read(place, {**ZENODO, "zenodo-url": f"https://rdm.example.org/base{path}"}).zenodo
    assert found is not None
    assert found.url == "https://rdm.example.org/base"


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://ZENODO.org/", settings.ZENODO_URL),
        ("HTTPS://zenodo.org:443", settings.ZENODO_URL),
        ("https://www.zenodo.org", settings.ZENODO_URL),
        ("https://zenodo.org.", settings.ZENODO_URL),
        ("https://Sandbox.Zenodo.org/api/", settings.SANDBOX_URL),
        ("https://RDM.example.org:8443/Base", "https://rdm.example.org:8443/Base"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_a_service_has_one_spelling(place: Path, url: str, service: str) -> None:
    found = read(place, {**ZENODO, "zenodo-url": url}).zenodo
    assert found is not None
    assert found.url == service


@pytest.mark.parametrize(
    "page", ["/records/123", "/uploads/123", "/deposit", "/account/settings/applications/", "/communities/x"]
)
def test_a_page_is_no_service(place: Path, page: str) -> None:
    said = problems(place, {**ZENODO, "zenodo-url": f"https://rdm.example.org/base{page}"})
    assert "give the address of the service, https://rdm.example.org/base, " in said


# --- the token


@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f"\ufeff{TOKEN}\r\n", f"\n  {TOKEN} \n\n"])
def test_a_file_that_holds_the_token(place: Path, content: str) -> None:
    (place / "secret").mkdir()
    path = place / "secret" / "token"
    path.write_text(content, encoding="utf-8")
    (place / "home").symlink_to("secret")
    for value in ("secret/token", str(path), "~/token"):
        chosen = read(place, {**ZENODO, "zenodo-token": value})
        assert chosen.zenodo is not None
        assert chosen.zenodo.token.reveal() == TOKEN
        assert chosen.token_file == path.resolve()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"\xff\xfe\x00binary\x00", "blanks or characters that are not valid in a token"),
        (b"private words, several", "blanks or characters that are not valid in a token"),
        (b"private\nlines", "one token and nothing else"),
        (b"ZENODO_TOKEN=private", "begins with a name"),
        (b"export TOKEN = 'private'", "begins with a name"),
        (b"'private'", "in quotes"),
        (b"Bearer private", "the word Bearer"),
        (b"private" * 20000, "one token and nothing else"),
    ],
)
def test_a_file_that_holds_none(place: Path, content: bytes, expected: str) -> None:
    (place / "token").write_bytes(content)
    said = problems(place, {**ZENODO, "zenodo-token": "token"})
    assert expected in said
    assert "private" not in said


def test_a_huge_file_is_not_read_to_its_end(place: Path) -> None:
    with (place / "token").open("wb") as stream:
        stream.truncate(1 << 40)
    assert "one token and nothing else" in problems(place, {**ZENODO, "zenodo-token": "token"})


def test_what_is_no_file_is_no_token(place: Path) -> None:
    (place / "folder").mkdir()
    os.mkfifo(place / "pipe")
    for value, what in (("folder", "is a directory"), ("pipe", "is not a regular file")):
        said = problems(place, {**ZENODO, "zenodo-token": value})
        assert f"zenodo-token: {value!r} {what} (looked in {place})." in said


@pytest.mark.parametrize(
    "value", ["/no/such/file", "~/zenodo", "~nobody-at-all/x", ".token", "zenodo.txt", "secrets/token"]
)
def test_a_path_without_a_file_is_named_and_not_sent_as_a_token(place: Path, value: str) -> None:
    said = problems(place, {**ZENODO, "zenodo-token": value})
    assert f"zenodo-token: {value!r} does not exist" in said
    assert value.startswith("/") or f"(looked in {place}" in said
    with pytest.raises(settings.Incomplete) as caught:
        read(place, {**ZENODO, "zenodo-token": value})
    # It would be hidden in the very message.
    assert value not in [secret.reveal() for secret in caught.value.settings.secrets]


@pytest.mark.parametrize(
    "value", [f"ab/{TOKEN}1", f"/{TOKEN}2", f".{TOKEN}3", f"{TOKEN}4.abc", f"https://me:{TOKEN}@x.example/y"]
)
def test_what_could_be_a_token_is_not_shown_for_looking_like_a_path(place: Path, value: str) -> None:
    said = problems(place, {**ZENODO, "zenodo-token": value})
    assert "it looks like a path, but there is no such file" in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"private"', "in quotes"),
        ("'private", "in quotes"),
        ("ZENODO_TOKEN=private", "begins with a name"),
        ("token: private", "begins with a name"),
        ("Bearer private", "the word Bearer"),
        ("$ZENODO_TOKEN", "not expanded"),
        ("{{ZENODO_TOKEN}}", "not expanded"),
    ],
)
def test_a_token_with_something_around_it(place: Path, value: str, expected: str) -> None:
    said = problems(place, {**ZENODO, "zenodo-token": value})
    assert expected in said
    assert "private" not in said


@pytest.mark.parametrize(
    "value",
    [
        "private words",
        "private\nlines",
        "pri\x1bvate",
        "privät" * 1000,
        "<private>",
        '{"a":"private"}',
        "private,",
    ],
)
def test_what_no_token_can_be(place: Path, value: str) -> None:
    said = problems(place, {**ZENODO, "zenodo-token": value})
    assert "zenodo-token: it contains blanks" in said
    assert "pri" not in said.replace("print", "")


def test_no_secret_is_seen(place: Path) -> None:
    chosen = read(place, ZENODO, ACTIONS_ID_TOKEN_REQUEST_TOKEN="oidc-SECRET")
    for text in (repr(chosen), str(chosen), f"{chosen.zenodo}", f"{chosen.secrets}", f"{chosen.run!r}"):
        assert TOKEN not in text
        assert "oidc-SECRET" not in text
    assert {secret.reveal() for secret in chosen.secrets} == {TOKEN, "oidc-SECRET"}


# --- anything at all


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)
@given(
    st.dictionaries(
        st.sampled_from([item.name for item in inputs.INPUTS if item.name != "manifest"]),
        st.one_of(
            st.sampled_from(
                ["~nobody-at-all/x", "x" * 300, "/", "..", "true", "new", "s3://b/", "~", "1/1", "[", "a:b"]
            ),
            st.text(st.characters(exclude_characters="\0"), max_size=30),
        ),
        max_size=8,
    )
)
def test_any_input_is_settings_or_bad_input(place: Path, given: dict[str, str]) -> None:
    with contextlib.suppress(errors.BadInput):
        chosen = read(place, {"in-dir": "out", **given})
        assert bool(chosen.s3) != bool(chosen.zenodo)


def test_nothing_is_said_that_follows_from_another_mistake(place: Path) -> None:
    with pytest.raises(errors.BadInput) as caught:
        read(place, {**S3, "upload-method": "file", "files": "a"})
    assert caught.value.problems == (
        "upload-method: expected catalog, all or files, got 'file'; did you mean files?",
    )


def test_who_gives_nothing_is_led_to_the_help(place: Path) -> None:
    for argv, hint in (([], "See catalog-upload --help."), (["--s3-dir", "s3://bucket/a"], "")):
        with pytest.raises(settings.Incomplete) as caught:
            settings.read({}, argv, place)
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("HTTPS://PMTiles.io:443/", "https://pmtiles.io"),
        ("http://LocalHost:80", "http://localhost"),
        ("https://v.example.org:8443", "https://v.example.org:8443"),
        ("http://v.example.org:443", "http://v.example.org:443"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(place: Path, given: str, origin: str) -> None:
    assert read(place, {**S3, "viewer-origin": given}).readers.viewer_origin == origin


def test_new_in_any_case_is_a_new_deposition(place: Path) -> None:
    chosen = read(place, {"in-dir": "out", "zenodo-id": "New", "zenodo-token": "token"})
    assert chosen.destination == "https://zenodo.org (a new deposition)"
