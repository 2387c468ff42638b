"""A mapping of inputs to one frozen `Settings`; every bad input is reported at once.

The only reader of the environment: `read` is given ``os.environ`` and ``sys.argv`` by
``__main__`` and what it finds there goes on as values.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from entrypoint import cli, errors, inputs, outfile
from entrypoint.catalog import Group
from entrypoint.settings import readers, s3, zenodo
from entrypoint.settings.model import (
    SANDBOX_URL,
    ZENODO_URL,
    Addressing,
    Checksum,
    IfMissing,
    Method,
    Pack,
    Readable,
    ReaderSettings,
    Run,
    S3Settings,
    Secret,
    Settings,
    Shard,
    ZenodoSettings,
)
from entrypoint.settings.reader import Reader, host_hint, near, why

__all__ = [
    "SANDBOX_URL",
    "ZENODO_URL",
    "Addressing",
    "Checksum",
    "IfMissing",
    "Incomplete",
    "Method",
    "Pack",
    "Readable",
    "ReaderSettings",
    "Run",
    "S3Settings",
    "Secret",
    "Settings",
    "Shard",
    "ZenodoSettings",
    "read",
]

MAX_JOBS: Final = 256


class Incomplete(errors.BadInput):
    """Everything that is wrong with the inputs.

    Args:
        problems: one sentence each, which begins with the names of the inputs that it is about.
        settings: what could be read of the others, to look further with.
        hint: what to do; may be empty.
    """

    def __init__(self, problems: Sequence[str], settings: Settings, hint: str = "") -> None:
        super().__init__(problems, hint)
        self.settings = settings

    @property
    def wrong(self) -> frozenset[str]:
        """Names of the inputs that are wrong."""
        return _wrong(self.problems)


def _wrong(problems: Sequence[str]) -> frozenset[str]:
    heads = (re.split(r":| is required| requires", problem)[0] for problem in problems)
    return frozenset(name for head in heads for name in head.split(", "))


def read(environ: Mapping[str, str], argv: Sequence[str], cwd: Path) -> Settings:
    """Read inputs from the environment and the command line; a flag wins over a variable.

    Args:
        environ: the process's environment.
        argv: the command line without the program's name.
        cwd: where relative paths start when there is no ``GITHUB_WORKSPACE``.

    Raises:
        Incomplete: with everything that is wrong.
        SystemExit: after ``--help`` or ``--version``.
    """
    line = cli.parse(argv)
    workspace = (cwd / environ.get("GITHUB_WORKSPACE", "")).absolute()
    home = environ.get("HOME", "")
    reader = Reader(_values(environ, line), workspace, home)
    reader.problems.extend(line.problems)
    run = _run(environ)
    in_dir = _in_dir(reader)
    catalog = reader.file("catalog-yaml")
    token, token_file = zenodo.token(reader)
    settings = Settings(
        in_dir=in_dir,
        catalog_yaml=catalog or in_dir / "catalog.yaml",
        catalog_given=catalog is not None,
        method=reader.choice("upload-method", Method),
        top_level_only=line.top_level_only,
        files=tuple(map(reader.expanded, reader.lines("files"))),
        groups=_groups(reader),
        in_list=reader.file("in-list"),
        if_missing=reader.choice("if-missing", IfMissing),
        n_jobs=None
        if reader.text("n-jobs").lower() == "auto"
        else reader.number("n-jobs", 1, MAX_JOBS, besides="auto"),
        dry_run=reader.flag("dry-run"),
        verify_only=reader.flag("verify-only"),
        restart=reader.flag("restart"),
        overwrite=reader.flag("overwrite"),
        delete_extra=reader.flag("delete-extra"),
        draft_only=reader.flag("draft-only"),
        shard=_shard(reader),
        manifest=_manifest(reader, run),
        manifest_input=reader.text("manifest"),
        s3=s3.read(reader, environ.get("AWS_REGION", "").strip()),
        zenodo=zenodo.read(reader, run, token),
        token_file=token_file,
        workspace=workspace,
        run=run,
        readers=readers.read(reader),
        secrets=tuple(secret for secret in (token, run.oidc_token) if secret.reveal()),
        notices=(*line.notices, *_unknown_variables(environ), *_without_effect(reader)),
        state_home=environ.get("XDG_STATE_HOME", ""),
        home=home,
    )
    if problems := [*reader.problems, *_contradictions(settings, _wrong(reader.problems))]:
        is_bare = not argv and not reader.given("in-dir") and "GITHUB_ACTIONS" not in environ
        raise Incomplete(problems, settings, "See catalog-upload --help." if is_bare else "")
    return settings


def _values(environ: Mapping[str, str], line: cli.CommandLine) -> dict[str, str]:
    values = dict(line.defaults)
    values.update({i.name: environ[i.variable] for i in inputs.INPUTS if environ.get(i.variable, "").strip()})
    values.update(line.values)
    # An empty flag is an absent one, and so leaves the command's own default alone.
    return {name: value if value.strip() else line.defaults.get(name, "") for name, value in values.items()}


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables whose names are almost those of inputs; other `INPUT_*` may belong to another program."""
    known = {item.variable: item for item in inputs.INPUTS}
    found = []
    for name in sorted(environ):
        if not name.startswith("INPUT_") or name in known or not environ[name].strip():
            continue
        near = difflib.get_close_matches(name.upper().replace("_", "-"), _DASHED, n=1, cutoff=0.85)
        if near:
            meant = _DASHED[near[0]]
            found.append(
                f"{name} is not an input and is ignored; did you mean {meant.variable}, or --{meant.name}?"
            )
    return found


_DASHED: Final = {item.variable.replace("_", "-"): item for item in inputs.INPUTS}


def _contradictions(settings: Settings, wrong: frozenset[str]) -> list[str]:
    """Inputs that are valid alone, but contradict each other; nothing that follows from one that is wrong."""
    found = []
    if bool(settings.s3) == bool(settings.zenodo):
        which = "both are given" if settings.s3 else "neither is given"
        found.append(f"s3-dir, zenodo-id: exactly one of them must be given; {which}.")
    found.extend(
        f"files: {name!r} is not below in-dir.{hint}" for name in settings.files if (hint := host_hint(name))
    )
    if settings.method is Method.FILES and not settings.files:
        found.append("files: required with upload-method: files; name at least one file or glob.")
    if settings.method is not Method.FILES and settings.files and "upload-method" not in wrong:
        found.append(f"files: given, but upload-method is {settings.method}; set upload-method: files.")
    found += _bounds_of_deletion(settings)
    if settings.in_list and settings.catalog_given:
        found.append("catalog-yaml: not with in-list, where each sample has its own catalog.")
    if settings.shard and settings.zenodo and settings.zenodo.publish:
        found.append("publish: not with shard; publish in the last run, without shard.")
    if settings.verify_only and (settings.restart or settings.delete_extra or settings.draft_only):
        found.append(
            "verify-only: it only reads, so it cannot be combined with restart, delete-extra or draft-only."
        )
    if settings.draft_only and settings.s3:
        found.append("draft-only: S3 has no drafts; use it with zenodo-id.")
    if settings.draft_only and settings.shard:
        found.append("draft-only: not with shard; one run makes the draft for all parts.")
    if settings.draft_only and settings.zenodo and settings.zenodo.publish:
        found.append("publish: not with draft-only; publish in the run that sends the files.")
    return found


def _bounds_of_deletion(settings: Settings) -> list[str]:
    """Where `delete-extra` would delete more than anybody wants."""
    found: list[str] = []
    if not settings.delete_extra:
        return found
    if settings.method is Method.FILES:
        found.append("delete-extra: not with upload-method: files, because all other files would be extra.")
    if settings.s3 and settings.s3.bucket and not settings.s3.prefix:
        found.append(
            f"delete-extra: requires a prefix: every object of the bucket {settings.s3.bucket!r} that is not "
            "planned would be deleted; name a prefix in s3-dir (s3://bucket/prefix)."
        )
    if settings.shard:
        found.append("delete-extra: not with shard, which sees only a part; give it to the last run.")
    return found


def _without_effect(reader: Reader) -> list[str]:
    """Inputs of the other destination. Not the token, which is often passed to every job."""
    found = []
    for where, section in (
        ("s3-dir", inputs.ZENODO),
        ("zenodo-id", inputs.S3),
        ("zenodo-id", inputs.READERS),
    ):
        given = [
            item.name
            for item in inputs.INPUTS
            if item.section == section
            and item.name not in ("zenodo-token", "check-readable")
            and reader.text(item.name) not in ("", item.default)
        ]
        if given and reader.text(where):
            has = "has" if len(given) == 1 else "have"
            found.append(f"{', '.join(given)} {has} no effect with {where}: {_not_meant(section)}.")
    return found


def _not_meant(section: str) -> str:
    if section == inputs.READERS:
        return "a record on Zenodo has its own addresses and its own page"
    return f"{section} is not the destination"


def _run(environ: Mapping[str, str]) -> Run:
    event = environ.get("GITHUB_EVENT_PATH", "")
    return Run(
        on_github=environ.get("GITHUB_ACTIONS") == "true",
        debug=environ.get("RUNNER_DEBUG") == "1",
        repository=environ.get("GITHUB_REPOSITORY", ""),
        id=environ.get("GITHUB_RUN_ID", ""),
        attempt=environ.get("GITHUB_RUN_ATTEMPT", ""),
        server_url=environ.get("GITHUB_SERVER_URL") or "https://github.com",
        event_name=environ.get("GITHUB_EVENT_NAME", ""),
        event_path=Path(event) if event else None,
        oidc_url=environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""),
        oidc_token=Secret(environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")),
    )


def _in_dir(reader: Reader) -> Path:
    path = reader.path("in-dir")
    if path is None:
        reader.problems.append("in-dir is required: the directory that the pipeline wrote.")
        return reader.workspace
    shown = repr(reader.text("in-dir"))
    try:
        if path.is_dir():
            # Without the second right there are names, but no files.
            if not os.access(path, os.R_OK | os.X_OK):
                reader.problems.append(f"in-dir: {shown} cannot be opened: permission denied.")
            return path.resolve()
        what = "is not a directory" if path.exists() else "does not exist"
    except (OSError, RuntimeError, ValueError) as error:
        what = f"cannot be opened: {why(error)}"
    where = (
        ""
        if path.is_absolute() and str(path) == reader.text("in-dir")
        else f" (looked in {reader.workspace})"
    )
    reader.problems.append(f"in-dir: {shown} {what}{where}.{host_hint(reader.text('in-dir'))}")
    return path


def _manifest(reader: Reader, run: Run) -> Path | None:
    """The path, where there must be nothing or an earlier manifest."""
    if reader.text("manifest") == "-":
        return None
    path = reader.path("manifest")
    if path is None:
        return None
    shown = repr(reader.text("manifest"))
    try:
        if run.on_github and not path.resolve().is_relative_to(reader.workspace.resolve()):
            reader.problems.append(f"manifest: {shown} is outside the workspace.")
        elif what := outfile.occupied_by(path):
            reader.problems.append(f"manifest: {shown} is {what}, and is not replaced; name another path.")
            return None
    except (OSError, RuntimeError, ValueError) as error:
        reader.problems.append(f"manifest: {shown} is not a valid path: {why(error)}.")
    return path


def _groups(reader: Reader) -> frozenset[Group]:
    chosen = set()
    for name in reader.lines("groups", commas=True):
        try:
            chosen.add(Group(name.lower()))
        except ValueError:
            reader.problems.append(
                f"groups: expected any of {', '.join(Group)}, got {name!r}{near(name, Group)}"
            )
    return frozenset(chosen or Group)


def _shard(reader: Reader) -> Shard | None:
    value = reader.text("shard")
    if not value:
        return None
    match = re.fullmatch(r"([0-9]{1,5})\s*/\s*([0-9]{1,5})\s*(?:@\s*([0-9a-fA-F]{12}))?", value)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        reader.problems.append(
            f"shard: expected i/n with i from 1 to n, such as 2/8; got {value!r}. The digest of its plan may follow, "
            "as in 2/8@0a1b2c3d4e5f."
        )
        return None
    return Shard(int(match[1]), int(match[2]), (match[3] or "").lower())
