"""A mapping of inputs to one frozen `Settings`; every bad input is reported at once.

The only reader of the environment: `read` is given ``os.environ`` and ``sys.argv`` by
``__main__`` and what it finds there goes on as values.
"""

from __future__ import annotations

import re
import stat
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from entrypoint import cli, errors, inputs
from entrypoint.catalog import Group

ZENODO_URL: Final = "https://zenodo.org"
SANDBOX_URL: Final = "https://sandbox.zenodo.org"
MAX_JOBS: Final = 64
MAX_TOKEN_FILE: Final = 64 * 1024
"""Bytes; a larger file is no token file."""

_TRUE: Final = {"true"}
_FALSE: Final = {"false"}
# Where GitHub's runners keep things outside the container; such a path means nothing inside it.
_HOST_PATHS: Final = re.compile(r"^(/home/runner/|/Users/runner/|/opt/actions-runner/|[A-Za-z]:\\)")

E = TypeVar("E", bound=StrEnum)


class Method(StrEnum):
    """Which files are uploaded."""

    CATALOG = "catalog"
    ALL = "all"
    FILES = "files"


class IfMissing(StrEnum):
    """What a listed file that is not on disk means."""

    ERROR = "error"
    WARN = "warn"


class Checksum(StrEnum):
    """Checksum that S3 is asked to keep."""

    AUTO = "auto"
    CRC64NVME = "crc64nvme"
    CRC32C = "crc32c"
    CRC32 = "crc32"
    SHA256 = "sha256"
    NONE = "none"


class Pack(StrEnum):
    """Whether small files may travel in zip files to Zenodo."""

    NEVER = "never"
    AUTO = "auto"


class Secret:
    """Text that must not be seen; it prints as ``<hidden>``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "<hidden>"

    __str__ = __repr__


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `count` parts, counted from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True)
class S3Settings:
    """Destination S3. Texts are as the user gave them, empty where not given.

    Attributes:
        bucket: name of the bucket.
        prefix: key prefix without slashes at its ends; empty for the whole bucket.
        cache_control: pairs of glob and value, in order.
        content_type: pairs of glob and value, in order.
    """

    bucket: str
    prefix: str
    region: str = ""
    profile: str = ""
    role_to_assume: str = ""
    expected_bucket_owner: str = ""
    endpoint_url: str = ""
    checksum: Checksum = Checksum.AUTO
    storage_class: str = ""
    acl: str = ""
    sse: str = ""
    sse_kms_key_id: str = ""
    cache_control: tuple[tuple[str, str], ...] = ()
    content_type: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``, without a last slash."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True)
class ZenodoSettings:
    """Destination Zenodo. Metadata are texts as the user gave them, empty where not given."""

    deposition: str
    token: Secret
    url: str = ZENODO_URL
    title: str = ""
    creators: tuple[str, ...] = ()
    description: str = ""
    upload_type: str = ""
    license: str = ""
    keywords: tuple[str, ...] = ()
    version: str = ""
    communities: tuple[str, ...] = ()
    related_identifiers: tuple[str, ...] = ()
    metadata_file: Path | None = None
    pack: Pack = Pack.NEVER
    publish: bool = False


@dataclass(frozen=True)
class Run:
    """What GitHub's runner says of this run; empty elsewhere.

    Attributes:
        id: number of the workflow run, the same for every attempt.
        event_path: the event's JSON file.
        oidc_url: where GitHub gives out OIDC tokens, if the job may have them.
    """

    on_github: bool = False
    debug: bool = False
    repository: str = ""
    id: str = ""
    attempt: str = ""
    server_url: str = "https://github.com"
    event_name: str = ""
    event_path: Path | None = None
    oidc_url: str = ""
    oidc_token: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True)
class Settings:
    """One run, wholly described. Paths are absolute."""

    in_dir: Path
    catalog_yaml: Path
    catalog_given: bool
    method: Method
    top_level_only: bool
    files: tuple[str, ...]
    groups: frozenset[Group]
    in_list: Path | None
    if_missing: IfMissing
    n_jobs: int
    dry_run: bool
    verify_only: bool
    restart: bool
    overwrite: bool
    delete_extra: bool
    shard: Shard | None
    manifest: Path | None
    manifest_input: str
    s3: S3Settings | None
    zenodo: ZenodoSettings | None
    token_file: Path | None
    workspace: Path
    run: Run
    secrets: tuple[Secret, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def destination(self) -> str:
        """The destination as the user named it, for the first line of the log."""
        if self.s3:
            return self.s3.url
        assert self.zenodo is not None  # read() refuses anything else
        return f"{self.zenodo.url} deposition {self.zenodo.deposition}"


class _Reader:
    """Takes typed values out of the mapping and keeps a list of what is wrong."""

    def __init__(self, values: Mapping[str, str], workspace: Path) -> None:
        self._values = values
        self.workspace = workspace
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        return (self._values.get(name) or inputs.BY_NAME[name].default).strip()

    def given(self, name: str) -> bool:
        return bool((self._values.get(name) or "").strip())

    def flag(self, name: str) -> bool:
        value = self.text(name).lower()
        if value not in _TRUE | _FALSE:
            self.problems.append(f"{name}: expected true or false, got {value!r}.")
        return value in _TRUE

    def lines(self, name: str, *, commas: bool = False) -> tuple[str, ...]:
        pattern = r"[\n,]" if commas else r"\n"
        return tuple(item.strip() for item in re.split(pattern, self.text(name)) if item.strip())

    def choice(self, name: str, kind: type[E]) -> E:
        value = self.text(name).lower()
        try:
            return kind(value)
        except ValueError:
            self.problems.append(f"{name}: expected {_or(kind)}, got {value!r}.")
            return next(iter(kind))

    def number(self, name: str, low: int, high: int) -> int:
        value = self.text(name)
        if not re.fullmatch(r"[0-9]{1,6}", value) or not low <= int(value) <= high:
            self.problems.append(f"{name}: expected a whole number from {low} to {high}, got {value!r}.")
            return low
        return int(value)

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return self._path(value) if value else None

    def _path(self, value: str) -> Path:
        return self.workspace / Path(value).expanduser()

    def pairs(self, name: str, separator: str, form: str) -> tuple[tuple[str, str], ...]:
        pairs = []
        for line in self.lines(name):
            key, found, value = line.partition(separator)
            if not found or not key.strip() or not value.strip():
                self.problems.append(f"{name}: expected lines of {form}, got {line!r}.")
            elif not (key + value).isprintable():
                self.problems.append(f"{name}: control characters are not allowed, got {line!r}.")
            else:
                pairs.append((key.strip(), value.strip()))
        return tuple(pairs)

    def file(self, name: str) -> Path | None:
        path = self.path(name)
        if path is not None and not path.is_file():
            self.problems.append(f"{name}: there is no file {self.text(name)!r}.{self.host_hint(self.text(name))}")
        return path

    def host_hint(self, value: str) -> str:
        if _HOST_PATHS.match(value) and not Path(value).exists():
            return " This is a path of the runner outside the container: name it relative to the workspace."
        return ""


def _or(kind: type[StrEnum]) -> str:
    *head, last = [str(member) for member in kind]
    return f"{', '.join(head)} or {last}"


def read(environ: Mapping[str, str], argv: Sequence[str], cwd: Path) -> Settings:
    """Read inputs from the environment and the command line; a flag wins over a variable.

    Args:
        environ: the process's environment.
        argv: the command line without the program's name.
        cwd: where relative paths start when there is no ``GITHUB_WORKSPACE``.

    Raises:
        errors.BadInput: with everything that is wrong.
    """
    line = cli.parse(argv)
    values = {item.name: environ.get(item.variable, "") for item in inputs.INPUTS}
    values.update(line.values)
    workspace = Path(environ.get("GITHUB_WORKSPACE") or cwd).absolute()
    reader = _Reader(values, workspace)
    run = _run(environ)

    in_dir = _in_dir(reader)
    in_list = reader.file("in-list")
    catalog = reader.path("catalog-yaml")
    method = reader.choice("upload-method", Method)
    files = reader.lines("files")
    for name in files:
        if hint := reader.host_hint(name):
            reader.problems.append(f"files: {name!r} is not below in-dir.{hint}")
    if method is Method.FILES and not files:
        reader.problems.append("files: needed with upload-method: files; name at least one file or glob.")
    if method is not Method.FILES and files:
        reader.problems.append(f"files: given, but upload-method is {method}; set upload-method: files.")
    shard = _shard(reader)
    delete_extra = reader.flag("delete-extra")
    if delete_extra and method is Method.FILES:
        reader.problems.append("delete-extra: not with upload-method: files, where everything else would be extra.")
    if delete_extra and shard:
        reader.problems.append("delete-extra: not with shard, which sees only a part; give it to the last run.")
    token, token_file = _token(reader)
    s3 = _s3(reader)
    zenodo = _zenodo(reader, run, token)
    if bool(reader.given("s3-dir")) == bool(reader.given("zenodo-id")):
        which = "both are given" if reader.given("s3-dir") else "neither is given"
        reader.problems.append(f"s3-dir, zenodo-id: exactly one of them names the destination; {which}.")
    if in_list and catalog:
        reader.problems.append("catalog-yaml: not with in-list, where each sample has its own catalog.")
    if shard and zenodo and zenodo.publish:
        reader.problems.append("publish: not with shard; publish in the last run, without shard.")
    restart, verify_only, dry_run = reader.flag("restart"), reader.flag("verify-only"), reader.flag("dry-run")
    if verify_only and (restart or delete_extra):
        reader.problems.append("verify-only: only reads; it goes with neither restart nor delete-extra.")
    manifest = reader.path("manifest")
    if manifest is not None and not manifest.resolve().is_relative_to(workspace.resolve()) and run.on_github:
        reader.problems.append(f"manifest: {reader.text('manifest')!r} is outside the workspace.")
    settings_groups = _groups(reader)
    overwrite = reader.flag("overwrite")
    n_jobs = reader.number("n-jobs", 1, MAX_JOBS)
    if_missing = reader.choice("if-missing", IfMissing)
    if reader.problems:
        raise errors.BadInput(reader.problems)
    secrets = tuple(s for s in (token, run.oidc_token) if s.reveal())
    return Settings(
        in_dir=in_dir,
        catalog_yaml=catalog or in_dir / "catalog.yaml",
        catalog_given=catalog is not None,
        method=method,
        top_level_only=line.top_level_only,
        files=files,
        groups=settings_groups,
        in_list=in_list,
        if_missing=if_missing,
        n_jobs=n_jobs,
        dry_run=dry_run,
        verify_only=verify_only,
        restart=restart,
        overwrite=overwrite,
        delete_extra=delete_extra,
        shard=shard,
        manifest=manifest,
        manifest_input=reader.text("manifest"),
        s3=s3,
        zenodo=zenodo,
        token_file=token_file,
        workspace=workspace,
        run=run,
        secrets=secrets,
        notices=line.notices,
    )


def _run(environ: Mapping[str, str]) -> Run:
    event = environ.get("GITHUB_EVENT_PATH", "")
    return Run(
        on_github=environ.get("GITHUB_ACTIONS") == "true",
        debug=environ.get("RUNNER_DEBUG") == "1",
        repository=environ.get("GITHUB_REPOSITORY", ""),
        id=environ.get("GITHUB_RUN_ID", ""),
        attempt=environ.get("GITHUB_RUN_ATTEMPT", ""),
        server_url=environ.get("GITHUB_SERVER_URL", "https://github.com"),
        event_name=environ.get("GITHUB_EVENT_NAME", ""),
        event_path=Path(event) if event else None,
        oidc_url=environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", ""),
        oidc_token=Secret(environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")),
    )


def _in_dir(reader: _Reader) -> Path:
    path = reader.path("in-dir")
    if path is None:
        reader.problems.append("in-dir: needed; name the directory that the pipeline wrote.")
        return reader.workspace
    if not path.is_dir():
        what = "is not a directory" if path.exists() else "does not exist"
        hint = reader.host_hint(reader.text("in-dir"))
        reader.problems.append(f"in-dir: {reader.text('in-dir')!r} {what} (looked in {reader.workspace}).{hint}")
        return path
    return path.resolve()


def _groups(reader: _Reader) -> frozenset[Group]:
    chosen = set()
    for name in reader.lines("groups", commas=True):
        try:
            chosen.add(Group(name.lower()))
        except ValueError:
            reader.problems.append(f"groups: expected any of {', '.join(Group)}, got {name!r}.")
    return frozenset(chosen or Group)


def _shard(reader: _Reader) -> Shard | None:
    value = reader.text("shard")
    if not value:
        return None
    match = re.fullmatch(r"([0-9]{1,5})\s*/\s*([0-9]{1,5})", value)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        reader.problems.append(f"shard: expected i/n with i from 1 to n, such as 2/8; got {value!r}.")
        return None
    return Shard(int(match[1]), int(match[2]))


def _s3(reader: _Reader) -> S3Settings | None:
    value = reader.text("s3-dir")
    checksum = reader.choice("checksum", Checksum)
    cache_control = reader.pairs("cache-control", ":", "glob: value")
    content_type = reader.pairs("content-type", ":", "glob: value")
    tags, metadata = reader.pairs("tags", "=", "key=value"), reader.pairs("metadata", "=", "key=value")
    _check_metadata(reader, tags, metadata)
    sse, key = reader.text("sse"), reader.text("sse-kms-key-id")
    if sse and sse not in ("AES256", "aws:kms", "aws:kms:dsse"):
        reader.problems.append(f"sse: expected AES256, aws:kms or aws:kms:dsse, got {sse!r}.")
    if key and not sse.startswith("aws:kms"):
        reader.problems.append("sse-kms-key-id: needs sse: aws:kms or aws:kms:dsse.")
    owner = reader.text("expected-bucket-owner")
    if owner and not re.fullmatch(r"[0-9]{12}", owner):
        reader.problems.append(f"expected-bucket-owner: expected an AWS account id of 12 digits, got {owner!r}.")
    endpoint = reader.text("s3-endpoint-url")
    if endpoint and not _is_url(endpoint):
        reader.problems.append(f"s3-endpoint-url: expected a URL such as https://minio.example.org, got {endpoint!r}.")
    role = reader.text("role-to-assume")
    if role and not re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", role):
        reader.problems.append(f"role-to-assume: expected arn:aws:iam::ACCOUNT:role/NAME, got {role!r}.")
    if not value:
        return None
    bucket, prefix = _bucket_and_prefix(reader, value)
    return S3Settings(
        bucket=bucket,
        prefix=prefix,
        region=reader.text("aws-region"),
        profile=reader.text("aws-profile"),
        role_to_assume=role,
        expected_bucket_owner=owner,
        endpoint_url=endpoint,
        checksum=checksum,
        storage_class=reader.text("storage-class"),
        acl=reader.text("acl"),
        sse=sse,
        sse_kms_key_id=key,
        cache_control=cache_control,
        content_type=content_type,
        tags=tags,
        metadata=metadata,
    )


def _bucket_and_prefix(reader: _Reader, value: str) -> tuple[str, str]:
    if not value.startswith("s3://"):
        reader.problems.append(f"s3-dir: expected s3://bucket/prefix, got {value!r}.")
        return "", ""
    bucket, _, prefix = value.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    # Rules of a bucket's name: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html;
    # older buckets and other stores know capitals and underscores too.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", bucket) or ".." in bucket:
        reader.problems.append(f"s3-dir: {bucket!r} cannot be the name of a bucket.")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        reader.problems.append(f"s3-dir: the prefix {prefix!r} has an empty, '.' or '..' part.")
    if any(ord(c) < 32 or ord(c) == 127 for c in prefix):
        reader.problems.append(f"s3-dir: the prefix {prefix!r} holds control characters.")
    return bucket, prefix


def _check_metadata(
    reader: _Reader, tags: Sequence[tuple[str, str]], metadata: Sequence[tuple[str, str]]
) -> None:
    # Limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html and UsingMetadata.html
    if len(tags) > 10:
        reader.problems.append(f"tags: S3 keeps at most 10 tags an object, got {len(tags)}.")
    for key, value in tags:
        if len(key) > 128 or len(value) > 256:
            reader.problems.append(f"tags: {key!r} is longer than 128 characters, or its value than 256.")
    for key, value in metadata:
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", key):
            reader.problems.append(f"metadata: {key!r} cannot be part of a header's name.")
        if not value.isascii():
            reader.problems.append(f"metadata: the value of {key!r} has characters that a header cannot carry.")
    if sum(len(key) + len(value) for key, value in metadata) > 2048:
        reader.problems.append("metadata: S3 keeps at most 2 KB an object.")


def _token(reader: _Reader) -> tuple[Secret, Path | None]:
    value = reader.text("zenodo-token")
    if not value:
        return Secret(""), None
    path = reader.workspace / Path(value).expanduser() if len(value) < 4096 and "\0" not in value else None
    try:
        is_file = path is not None and stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        is_file = False
    if path is not None and is_file:
        try:
            content = path.read_bytes()[: MAX_TOKEN_FILE + 1]
            token = content.decode("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            content, token = b"", ""
        if not token:
            reader.problems.append("zenodo-token: the file is empty or cannot be read.")
        elif len(content) > MAX_TOKEN_FILE or not re.fullmatch(r"[!-~]+", token):
            # A wrong file must not be quoted: it may be a secret of another kind.
            reader.problems.append("zenodo-token: the file does not hold one token and nothing else.")
        return Secret(token), path.resolve()
    if "/" in value or value.startswith("~"):
        reader.problems.append("zenodo-token: it looks like a path, and there is no such file.")
    elif not re.fullmatch(r"[!-~]+", value):
        reader.problems.append("zenodo-token: it holds blanks or characters that no token has.")
    return Secret(value), None


def _zenodo(reader: _Reader, run: Run, token: Secret) -> ZenodoSettings | None:
    sandbox, publish = reader.flag("sandbox"), reader.flag("publish")
    pack = reader.choice("pack", Pack)
    metadata_file = reader.file("metadata-file")
    url = reader.text("zenodo-url").rstrip("/")
    if sandbox and url not in (ZENODO_URL, SANDBOX_URL):
        reader.problems.append("sandbox, zenodo-url: both name a service; give one of them.")
    if sandbox:
        url = SANDBOX_URL
    if not _is_url(url):
        reader.problems.append(f"zenodo-url: expected a URL such as {ZENODO_URL}, got {url!r}.")
    elif url.startswith("http://") and not _is_loopback(url):
        reader.problems.append(f"zenodo-url: plain http would show the token to the network; use https, got {url!r}.")
    if publish and run.event_name in ("pull_request", "pull_request_target"):
        reader.problems.append(f"publish: refused on {run.event_name} events; a published record stays for ever.")
    if not reader.text("zenodo-id"):
        return None
    if not reader.text("zenodo-token"):
        fork = " Secrets are empty in runs that come from a fork." if run.event_name.startswith("pull_request") else ""
        reader.problems.append(
            f"zenodo-token: needed with zenodo-id; make one at {url}/account/settings/applications and keep it in "
            f"a secret.{fork}"
        )
    return ZenodoSettings(
        deposition=reader.text("zenodo-id"),
        token=token,
        url=url,
        title=reader.text("title"),
        creators=reader.lines("creators"),
        description=reader.text("description"),
        upload_type=reader.text("upload-type").lower(),
        license=reader.text("license"),
        keywords=reader.lines("keywords"),
        version=reader.text("version"),
        communities=reader.lines("communities", commas=True),
        related_identifiers=reader.lines("related-identifiers"),
        metadata_file=metadata_file,
        pack=pack,
        publish=publish,
    )


def _is_url(value: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(value)
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        # A port that is no number raises when it is asked for.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and parts.port != 0
    except ValueError:
        return False


def _is_loopback(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None

