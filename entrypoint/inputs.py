"""The table of inputs: their names, defaults and what they mean to a user.

The only list: ``action.yml``, the command line's ``--help`` and the README's tables are made from it or
tested against it; `entrypoint.settings` gives the values their types.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How an input is written."""

    TEXT = "text"
    FLAG = "flag"
    LINES = "lines"


@dataclass(frozen=True)
class Input:
    """One input: ``INPUT_<NAME>`` in the action, ``--<name>`` on the command line.

    Attributes:
        choices: the possible values, if there are only a few.
    """

    name: str
    section: str
    description: str
    default: str = ""
    kind: Kind = Kind.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """Name of the environment variable in which the runner hands it over."""
        return "INPUT_" + self.name.replace(" ", "_").upper()


WHAT: Final = "What to upload"
WHERE: Final = "Where to (exactly one)"
HOW: Final = "How"
S3: Final = "S3"
ZENODO: Final = "Zenodo"
READERS: Final = "Readers (S3)"


def _flag(name: str, section: str, description: str, default: str = "false") -> Input:
    return Input(name, section, description, default, Kind.FLAG)


def _lines(name: str, section: str, description: str) -> Input:
    return Input(name, section, description, kind=Kind.LINES)


INPUTS: Final[tuple[Input, ...]] = (
    Input(
        "in-dir",
        WHAT,
        "Directory with the pipeline's output, relative to the workspace; in collection mode the parent "
        "of the samples' directories.",
        required=True,
    ),
    Input(
        "catalog-yaml",
        WHAT,
        "The catalog, if it is not <in-dir>/catalog.yaml. It is always uploaded as catalog.yaml.",
    ),
    Input(
        "upload-method",
        WHAT,
        "catalog: what the catalog lists. all: every regular file below in-dir, except hidden files, *.done, "
        "*.mk and the token file. files: what the input files names.",
        "catalog",
        choices=("catalog", "all", "files"),
    ),
    _lines(
        "files",
        WHAT,
        "Names or globs relative to in-dir, one per line, for upload-method: files. One that matches nothing "
        "is an error.",
    ),
    _lines(
        "groups",
        WHAT,
        "Which groups of the catalog's files: any of basics, optional, basemaps (one per line or separated "
        "by commas). All three if empty.",
    ),
    Input(
        "in-list",
        WHAT,
        "TSV file of sample ids, no header, first column: collection mode. Each <in-dir>/<sample> has its own "
        "catalog and goes to <s3-dir>/<id of its catalog>.",
    ),
    Input(
        "if-missing",
        WHAT,
        "What to do if a file that the catalog lists is not on disk: error, or warn and continue without it.",
        "error",
        choices=("error", "warn"),
    ),
    Input(
        "s3-dir",
        WHERE,
        "S3 prefix to upload to: s3://bucket/prefix, with or without a slash at the end. An access point's "
        "ARN can take the place of the bucket.",
    ),
    Input(
        "zenodo-id",
        WHERE,
        "Zenodo deposition to fill: new, or the id, DOI or URL of a draft, of a published record (it gets a "
        "new version) or of a concept (its latest version does).",
    ),
    Input(
        "n-jobs",
        HOW,
        "Number of files sent at the same time, 1 to 256, or auto: chosen by the sizes of the files.",
        "auto",
    ),
    _flag(
        "dry-run",
        HOW,
        "true: read only. Print the whole plan with a reason for each file, and change nothing.",
    ),
    _flag(
        "verify-only",
        HOW,
        "true: read only. Compare the remote files with the local ones; a difference fails the run.",
    ),
    _flag(
        "restart",
        HOW,
        "true: on S3, also upload files that are up to date; on Zenodo, first delete every file of the draft.",
    ),
    _flag(
        "overwrite",
        HOW,
        "false: a remote file with different content is an error, found before anything is sent.",
        "true",
    ),
    _flag(
        "delete-extra",
        HOW,
        "true: after everything else succeeded, delete remote files below the prefix or in the draft that are "
        "not in the plan. Otherwise they are only listed. Refused with files and with shard, without a "
        "prefix (s3://bucket), and where another data set's catalog would be deleted.",
    ),
    Input(
        "shard",
        HOW,
        "2/8: upload the second of eight balanced parts, without the catalog. A last run without shard completes "
        "the upload. 2/8@0a1b2c3d4e5f: the same, but only if the plan has this digest (output plan).",
    ),
    Input(
        "manifest",
        HOW,
        "Path in the workspace where the result is written as JSON; - is standard output. Only an earlier "
        "manifest is ever replaced.",
    ),
    Input("aws-region", S3, "AWS region of the bucket, if the AWS configuration does not set it."),
    Input("aws-profile", S3, "Profile of the AWS configuration files to use."),
    Input(
        "role-to-assume",
        S3,
        "ARN of an AWS role to assume; with GitHub's OIDC token if no other credentials are set (the job "
        "needs permissions: id-token: write).",
    ),
    Input("role-session-name", S3, "Session name of the assumed role, as CloudTrail shows it."),
    Input("role-external-id", S3, "External id that the role's trust policy requires."),
    Input("role-duration", S3, "Seconds that the credentials of the assumed role are valid, 900 to 43200."),
    Input(
        "oidc-audience",
        S3,
        "Audience of GitHub's OIDC token, if the role's trust policy expects another than AWS's default.",
        "sts.amazonaws.com",
    ),
    Input("expected-bucket-owner", S3, "AWS account id that must own the bucket; another owner is refused."),
    Input(
        "s3-endpoint-url",
        S3,
        "URL of an S3-compatible store, e.g. https://minio.example.org. Otherwise AWS_ENDPOINT_URL_S3 or "
        "AWS_ENDPOINT_URL if set, else AWS.",
    ),
    Input(
        "s3-addressing",
        S3,
        "How requests name the bucket: path (in the URL's path), virtual (in the host name) or auto: as the AWS "
        "configuration says, else virtual on AWS and path elsewhere, corrected when a store refuses it.",
        "auto",
        choices=("auto", "path", "virtual"),
    ),
    Input(
        "checksum",
        S3,
        "Checksum that S3 keeps with each object: auto, crc64nvme, crc32c, crc32, sha256 or none. auto is "
        "CRC64NVME, with a fallback on stores that refuse it.",
        "auto",
        choices=("auto", "crc64nvme", "crc32c", "crc32", "sha256", "none"),
    ),
    Input(
        "storage-class",
        S3,
        "Storage class of the objects, e.g. INTELLIGENT_TIERING. Nothing is sent if empty.",
    ),
    Input("acl", S3, "Canned ACL of the objects, e.g. bucket-owner-full-control. No ACL is sent if empty."),
    Input(
        "sse",
        S3,
        "Server-side encryption: AES256, aws:kms or aws:kms:dsse. Nothing is sent if empty.",
        choices=("AES256", "aws:kms", "aws:kms:dsse"),
    ),
    Input("sse-kms-key-id", S3, "KMS key for sse: aws:kms or aws:kms:dsse."),
    _lines(
        "cache-control",
        S3,
        "Cache-Control of the objects, lines of 'glob: value'; the first match wins over the default "
        "(PMTiles: max-age=60, everything else: no-cache).",
    ),
    _lines(
        "content-type",
        S3,
        "Content-Type of the objects, lines of 'glob: value'; the first match wins over the default by extension.",
    ),
    _lines("tags", S3, "Tags of the objects, lines of key=value."),
    _lines("metadata", S3, "User metadata of the objects (x-amz-meta-*), lines of key=value."),
    Input(
        "public-url",
        READERS,
        "URL at which readers find the prefix of s3-dir (a CDN, a website). Links and catalog-url use it, and after "
        "the upload it is checked as a viewer would use it.",
    ),
    Input(
        "check-readable",
        READERS,
        "off, warn, or error (what readers cannot use fails the run with exit code 3). If empty: warn with "
        "public-url, else off. Without public-url the bucket's own address is checked.",
        choices=("off", "warn", "error"),
    ),
    Input("viewer-origin", READERS, "Origin of the viewer's page, for the CORS check.", "https://pmtiles.io"),
    _flag(
        "page",
        READERS,
        "true: also publish an index.html beside the catalog, with layers, sizes, links, how to cite and "
        "checksums.",
    ),
    Input(
        "zenodo-token",
        ZENODO,
        "Zenodo access token, or the path of a file that contains it. Keep it in a secret.",
    ),
    Input(
        "zenodo-url",
        ZENODO,
        "Base URL of another Zenodo or InvenioRDM service. Plain http only to a loopback address.",
        "https://zenodo.org",
    ),
    _flag("sandbox", ZENODO, "true: short for zenodo-url: https://sandbox.zenodo.org."),
    Input("title", ZENODO, "Title of the record."),
    _lines(
        "creators",
        ZENODO,
        "Creators of the record, one per line: Family, Given; affiliation; ORCID. Several affiliations are "
        "separated by |. An organisation is org: Name; affiliation; ROR id.",
    ),
    Input("description", ZENODO, "Description of the record, plain text or HTML."),
    Input("upload-type", ZENODO, "Type of the record: dataset, software, image, publication, …"),
    Input(
        "license",
        ZENODO,
        "License of the record, an SPDX id such as CC-BY-4.0 or the URL of a license; several, one per line.",
    ),
    _lines("keywords", ZENODO, "Keywords of the record, one per line."),
    Input("version", ZENODO, "Version of the record, e.g. 1.2.0. On a release event the tag, if empty."),
    _lines("communities", ZENODO, "Zenodo communities that are asked to include the record, one per line."),
    _lines(
        "related-identifiers",
        ZENODO,
        "Related identifiers, one per line: relation identifier [resource type], e.g. isSupplementTo "
        "https://github.com/o/r/releases/tag/v1.",
    ),
    _lines(
        "metadata-file",
        ZENODO,
        "A .zenodo.json, a CITATION.cff or InvenioRDM's own JSON; several, one per line: for each field the first "
        "file that has it wins. Inputs win over these files, these files over the draft; a release event fills "
        "what is still missing.",
    ),
    Input(
        "pack",
        ZENODO,
        "never, or auto: above 100 files, small files are packed into uncompressed zip files, PMTiles stay "
        "separate as far as the limit allows, and files.tsv lists what is where.",
        "never",
        choices=("never", "auto"),
    ),
    _flag(
        "draft-only",
        ZENODO,
        "true: create the draft, or that of the next version, with its metadata and a reserved DOI, and send "
        "no file. Later runs fill it by its id (output deposition-id).",
    ),
    _flag("publish", ZENODO, "true: publish the record, but only when every file is verified."),
)

BY_NAME: Final[dict[str, Input]] = {item.name: item for item in INPUTS}


@dataclass(frozen=True)
class Output:
    """One output of the action."""

    name: str
    description: str


OUTPUTS: Final[tuple[Output, ...]] = (
    Output("destination", "Where it went: s3://bucket/prefix, or the URL of the Zenodo record or draft."),
    Output("catalog-url", "URL of the uploaded catalog.yaml."),
    Output("files", "Number of planned files, the catalog among them."),
    Output("uploaded", "Number of files that were sent."),
    Output("skipped", "Number of files that were up to date."),
    Output("failed", "Number of files that failed or did not verify."),
    Output("bytes", "Bytes sent."),
    Output("deleted", "Number of extra files that were deleted."),
    Output(
        "changed", "true if any file was sent or deleted, the metadata changed, or the record was published."
    ),
    Output(
        "changed-keys",
        "S3: keys that were sent or deleted, one per line, for a CDN invalidation; prefix/* if there are too many.",
    ),
    Output("plan", "Digest of the names and sizes of all planned files; equal plans have equal digests."),
    Output("manifest", "Path of the manifest, if one was asked for."),
    Output("deposition-id", "Zenodo: id of the deposition."),
    Output("doi", "Zenodo: DOI of the record, reserved or minted."),
    Output("concept-doi", "Zenodo: DOI of all versions of the record."),
    Output("record-url", "Zenodo: URL of the record or draft."),
    Output("published", "Zenodo: true if the record that these outputs name is published."),
)
