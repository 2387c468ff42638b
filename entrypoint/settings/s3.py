"""The inputs of destination S3."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

from entrypoint import text
from entrypoint.settings.model import Addressing, Checksum, S3Settings
from entrypoint.settings.reader import Reader

# A region becomes part of a host's name.
_REGION: Final = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_ENCRYPTIONS: Final = ("AES256", "aws:kms", "aws:kms:dsse")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-access-points.html
_ACCESS_POINT: Final = re.compile(
    r"arn:aws[a-z-]*:(?:s3:[a-z0-9-]*:[0-9]{12}:accesspoint"
    r"|s3-outposts:[a-z0-9-]+:[0-9]{12}:outpost[/:][A-Za-z0-9-]+[/:]accesspoint)[/:][A-Za-z0-9.-]+"
)
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
_STORAGE_CLASSES: Final = (
    "INTELLIGENT_TIERING",
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY",
    "OUTPOSTS",
    "SNOW",
    "EXPRESS_ONEZONE",
)
_ACLS: Final = (
    "bucket-owner-full-control",
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "log-delivery-write",
)


def read(reader: Reader, default_region: str) -> S3Settings | None:
    """The settings, or nothing where the destination is not S3; every input is checked in any case."""
    checksum = reader.choice("checksum", Checksum)
    cache_control = _headers(reader, "cache-control")
    content_type = _headers(reader, "content-type")
    tags, metadata = _tags(reader), _metadata(reader)
    sse = reader.text("sse")
    if sse and sse not in _ENCRYPTIONS:
        reader.problems.append(f"sse: expected AES256, aws:kms or aws:kms:dsse, got {sse!r}.")
    key = reader.visible("sse-kms-key-id", "the id, ARN or alias of a KMS key")
    if key and not sse.startswith("aws:kms"):
        reader.problems.append("sse-kms-key-id requires sse: aws:kms or aws:kms:dsse.")
    owner = reader.visible("expected-bucket-owner", "an AWS account id, which has 12 digits", "[0-9]{12}")
    endpoint = reader.url("s3-endpoint-url", "https://minio.example.org")
    role = reader.text("role-to-assume")
    if role and not re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", role, re.ASCII):
        reader.problems.append(f"role-to-assume: expected arn:aws:iam::ACCOUNT:role/NAME, got {role!r}.")
    bucket, prefix = _bucket_and_prefix(reader, reader.text("s3-dir"))
    settings = S3Settings(
        bucket=bucket,
        prefix=prefix,
        region=reader.visible("aws-region", "the name of a region, such as eu-central-1", _REGION),
        default_region=default_region,
        profile=reader.text("aws-profile"),
        role_to_assume=role,
        role_session_name=reader.visible(
            "role-session-name",
            "the name of a session (2 to 64 letters, digits and =,.@-_)",
            r"[\w+=,.@-]{2,64}",
        ),
        role_external_id=reader.visible("role-external-id", "an external id", r"[\w+=,.@:/-]{2,1224}"),
        role_duration=_duration(reader),
        oidc_audience=reader.visible("oidc-audience", "the audience of a token"),
        expected_bucket_owner=owner,
        endpoint_url=endpoint,
        addressing=reader.choice("s3-addressing", Addressing),
        checksum=checksum,
        storage_class=_named(reader, "storage-class", "a storage class", _STORAGE_CLASSES),
        acl=_named(reader, "acl", "a canned ACL", _ACLS),
        sse=sse,
        sse_kms_key_id=key,
        cache_control=cache_control,
        content_type=content_type,
        tags=tags,
        metadata=metadata,
    )
    return settings if reader.given("s3-dir") else None


def _named(reader: Reader, name: str, what: str, known: Sequence[str]) -> str:
    """A value by a name of S3's. Other stores have names of their own, so only a typo is an error."""
    value = reader.visible(name, f"{what}, such as {known[0]}")
    same = [each for each in known if _letters(each) == _letters(value)]
    similar = same or difflib.get_close_matches(value, known, n=1, cutoff=0.85)
    if value and value not in known and similar:
        reader.problems.append(f"{name}: there is no {value!r}; did you mean {similar[0]}?")
    return value


def _of_url(value: str) -> str:
    """The s3:// form of an address of AWS, as its console shows it, or of one with a wrong scheme; else nothing."""
    if scheme := re.fullmatch(r"(?:s3[an]?:)?/{0,3}([a-z0-9][a-z0-9.-]+/[^?#\s:]+)", value, re.IGNORECASE):
        return f"s3://{scheme[1]}"
    host = re.fullmatch(r"https://([a-z0-9.-]+)\.s3[.-][a-z0-9.-]*amazonaws\.com/([^?#]*)", value)
    path = re.fullmatch(r"https://s3[.-][a-z0-9.-]*amazonaws\.com/([^/?#]+)/?([^?#]*)", value)
    found = path or host
    return f"s3://{found[1]}/{found[2]}" if found else ""


def _letters(value: str) -> str:
    return re.sub(r"[^a-z]", "", value.lower())


def _duration(reader: Reader) -> int:
    # Limits: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    return reader.number("role-duration", 900, 43200) if reader.given("role-duration") else 0


def _bucket_and_prefix(reader: Reader, value: str) -> tuple[str, str]:
    if not value:
        return "", ""
    place = value.removeprefix("s3://")
    if place.startswith("arn:"):
        return _access_point(reader, place)
    if place == value:
        shown = "a URL with a password in it" if text.looks_secret(value) else repr(value)
        meant = f"; did you mean {near}?" if shown == repr(value) and (near := _of_url(value)) else "."
        reader.problems.append(f"s3-dir: expected s3://bucket/prefix, got {shown}{meant}")
        return "", ""
    bucket, _, prefix = place.partition("/")
    if not bucket:
        reader.problems.append(f"s3-dir: expected s3://bucket/prefix, got {value!r}.")
        return "", ""
    # Rules of a bucket's name: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html;
    # older buckets and other stores know capitals and underscores too.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", bucket) or ".." in bucket:
        reader.problems.append(f"s3-dir: {bucket!r} is not a valid bucket name.")
    if bucket.endswith("--x-s3"):
        # They take requests of sessions of their own, list in no order and keep no MD5.
        reader.problems.append(f"s3-dir: {bucket!r} is a directory bucket (S3 Express); use a general one.")
    return bucket, _prefix(reader, prefix)


def _access_point(reader: Reader, place: str) -> tuple[str, str]:
    """The ARN of an access point instead of a bucket's name, and the prefix after it."""
    match = _ACCESS_POINT.match(place)
    rest = place[match.end() :] if match else ""
    if match is None or (rest and not rest.startswith("/")):
        reader.problems.append(
            f"s3-dir: {place!r} does not begin with the ARN of an access point, such as "
            "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME."
        )
        return "", ""
    return match[0], _prefix(reader, rest.removeprefix("/"))


def _prefix(reader: Reader, prefix: str) -> str:
    prefix = prefix.rstrip("/")
    if prefix and any(part in ("", ".", "..") for part in prefix.split("/")):
        reader.problems.append(f"s3-dir: the prefix {prefix!r} has an empty, '.' or '..' part.")
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in prefix):
        reader.problems.append(f"s3-dir: the prefix {prefix!r} contains control characters.")
    if any(0xD800 <= ord(c) < 0xE000 for c in prefix):
        reader.problems.append(f"s3-dir: the prefix {prefix!r} is not valid UTF-8.")
    return prefix


def _headers(reader: Reader, name: str) -> tuple[tuple[str, str], ...]:
    pairs = reader.pairs(name, ":", "glob: value")
    for glob, value in pairs:
        if not value.isascii():
            reader.problems.append(f"{name}: the value for {glob!r} is not valid in a header.")
    return pairs


def _tags(reader: Reader) -> tuple[tuple[str, str], ...]:
    # Limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
    tags = reader.pairs("tags", "=", "key=value")
    if len(tags) > 10:
        reader.problems.append(f"tags: S3 allows at most 10 tags per object, got {len(tags)}.")
    for key, value in tags:
        if len(key) > 128 or len(value) > 256:
            reader.problems.append(f"tags: {key!r} is longer than 128 characters, or its value than 256.")
    _refuse_duplicates(reader, "tags", [key for key, _ in tags])
    return tags


def _metadata(reader: Reader) -> tuple[tuple[str, str], ...]:
    # Limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    metadata = reader.pairs("metadata", "=", "key=value")
    for key, value in metadata:
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", key):
            reader.problems.append(f"metadata: {key!r} is not valid in the name of a header.")
        if not value.isascii():
            reader.problems.append(f"metadata: the value of {key!r} is not valid in a header.")
    if sum(len(key) + len(value) for key, value in metadata) > 2048:
        reader.problems.append("metadata: S3 allows at most 2 KB per object.")
    # Names of headers differ in more than the case of their letters.
    _refuse_duplicates(reader, "metadata", [key.lower() for key, _ in metadata])
    return metadata


def _refuse_duplicates(reader: Reader, name: str, keys: Sequence[str]) -> None:
    twins = sorted({key for key in keys if keys.count(key) > 1})
    reader.problems.extend(f"{name}: {key!r} is given twice." for key in twins)
