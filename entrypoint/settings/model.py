"""The settings of one run, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from entrypoint.catalog import Group

ZENODO_URL: Final = "https://zenodo.org"
SANDBOX_URL: Final = "https://sandbox.zenodo.org"


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


class Addressing(StrEnum):
    """Where a request names the bucket."""

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


class Readable(StrEnum):
    """What it means when readers cannot use what was published."""

    OFF = "off"
    WARN = "warn"
    ERROR = "error"


class Pack(StrEnum):
    """Whether small files may travel in zip files to Zenodo."""

    NEVER = "never"
    AUTO = "auto"


class Secret:
    """A text that must not be shown; it prints as ``<hidden>``."""

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
    """The `index`-th of `count` parts, counted from 1.

    Attributes:
        plan: digest of the plan that was split; empty where the user did not name it.
    """

    index: int
    count: int
    plan: str = ""

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
        role_duration: seconds; 0 leaves it to AWS.
        default_region: AWS_REGION of the environment, which boto3 by itself does not read.
    """

    bucket: str
    prefix: str
    region: str = ""
    default_region: str = ""
    profile: str = ""
    role_to_assume: str = ""
    role_session_name: str = ""
    role_external_id: str = ""
    role_duration: int = 0
    oidc_audience: str = "sts.amazonaws.com"
    expected_bucket_owner: str = ""
    endpoint_url: str = ""
    addressing: Addressing = Addressing.AUTO
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
class ReaderSettings:
    """How readers reach what is published on S3, and whether that is checked.

    Attributes:
        public_url: of the prefix, without a last slash; empty for the bucket's own address.
        viewer_origin: scheme, host and port of the page that reads.
        page: whether an index.html is published beside the catalog.
    """

    public_url: str = ""
    check: Readable = Readable.OFF
    viewer_origin: str = "https://pmtiles.io"
    page: bool = False


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
    metadata_files: tuple[Path, ...] = ()
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
    """The settings of one run. Paths are absolute.

    Attributes:
        n_jobs: files in flight; nothing leaves the number to the destination.
        manifest: where to write it; nothing also where it goes to standard output.
        manifest_input: as the user gave it.
        state_home: XDG_STATE_HOME, if set.
        home: HOME, if set.
    """

    in_dir: Path
    catalog_yaml: Path
    catalog_given: bool
    method: Method
    top_level_only: bool
    files: tuple[str, ...]
    groups: frozenset[Group]
    in_list: Path | None
    if_missing: IfMissing
    n_jobs: int | None
    dry_run: bool
    verify_only: bool
    restart: bool
    overwrite: bool
    delete_extra: bool
    draft_only: bool
    shard: Shard | None
    manifest: Path | None
    manifest_input: str
    s3: S3Settings | None
    zenodo: ZenodoSettings | None
    token_file: Path | None
    workspace: Path
    run: Run
    readers: ReaderSettings = field(default_factory=ReaderSettings)
    secrets: tuple[Secret, ...] = ()
    notices: tuple[str, ...] = ()
    state_home: str = ""
    home: str = ""

    @property
    def manifest_on_stdout(self) -> bool:
        """Whether standard output is kept for the manifest."""
        return self.manifest_input == "-"

    @property
    def destination(self) -> str:
        """The destination as the user named it, for the first line of the log."""
        if self.s3:
            return self.s3.url
        assert self.zenodo is not None  # read() refuses anything else
        which = self.zenodo.deposition
        return f"{self.zenodo.url} ({'a new deposition' if which == 'new' else f'deposition {which}'})"
