"""Listings: of keys, of parts, of open uploads, page by page and with a store's habits."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from tests.s3_emulator.calls import Answer, Request, Xml, document, element
from tests.s3_emulator.habits import Etags, Habits
from tests.s3_emulator.objects import Bucket, Object

STAMP = "2026-11-28T00:00:00.000Z"
_EMPTY = "\0empty"  # in a token: the next page is an empty one
_STUCK = "\0stuck"  # the next page is the same again
_LAST = "\U0010ffff"


def keys(request: Request, bucket: Bucket, habits: Habits) -> Answer:
    """ListObjectsV2, and ListObjects."""
    query, paging = request.query, habits.paging
    first = request.operation == "ListObjects" or paging.version_1
    prefix = "" if paging.prefix_ignored else query.get("prefix", "")
    after = query.get("marker", "") if first else _opened(query) or query.get("start-after", "")
    size = min(int(query.get("max-keys", "1000")), paging.size)
    if after.endswith(_STUCK):
        after = ""
    if after.endswith(_EMPTY):
        return _page(request, habits, [], after.removesuffix(_EMPTY), first=first)
    found: list[Xml] = []
    last = after
    for is_folder, name in _names(bucket, prefix, after, query.get("delimiter", ""), paging.directories):
        if len(found) == size:
            token = _STUCK if paging.stuck else last + (_EMPTY if paging.empty else "")
            return _page(request, habits, found, token, first=first)
        last = name
        text = quote(name, safe="/") if paging.encodes and query.get("encoding-type") == "url" else name
        if is_folder:
            found.append(element("CommonPrefixes", Prefix=text))
        else:
            entry = _entry(text, bucket.find(name) or Object(b"", ""), habits)
            found += [entry, entry] if paging.twice else [entry]
    return _page(request, habits, found, "", first=first)


def _opened(query: Mapping[str, str]) -> str:
    """What a continuation token says; to clients it is a word with signs that have to be encoded."""
    return base64.b64decode(query.get("continuation-token", "")).decode()


def _names(
    bucket: Bucket, prefix: str, after: str, delimiter: str, directories: bool
) -> Iterator[tuple[bool, str]]:
    """Keys below the prefix in order, and folders in their place where there is a delimiter."""
    if after < prefix:
        # The key that is the prefix itself counts as well.
        if bucket.find(prefix):
            yield False, prefix
        after = prefix
    folder = ""
    names = bucket.after(after)
    while (name := next(names, None)) is not None and name.startswith(prefix):
        if delimiter and delimiter in name[len(prefix) :]:
            common = prefix + name[len(prefix) :].partition(delimiter)[0] + delimiter
            if common != after:
                yield True, common
            names = bucket.after(common + _LAST)
            continue
        here = name.rpartition("/")[0] + "/"
        if directories and "/" in name and here != folder:
            folder = here
            yield False, folder
        yield False, name


def _entry(text: str, found: Object, habits: Habits) -> Xml:
    fields = {"Key": text, "LastModified": STAMP}
    if habits.etags is not Etags.NONE:
        fields["ETag"] = "" if habits.etags is Etags.ON_PUT else f'"{found.etag}"'
    if habits.checksums and found.checksums:
        fields |= {
            "ChecksumAlgorithm": next(iter(found.checksums)).upper(),
            "ChecksumType": found.checksum_type,
        }
    return element("Contents", **fields, Size=str(len(found.data)), StorageClass="STANDARD")


def _page(request: Request, habits: Habits, found: list[Xml], following: str, *, first: bool) -> Answer:
    query, paging = request.query, habits.paging
    url = paging.encodes and query.get("encoding-type") == "url"

    def shown(text: str) -> str:
        return quote(text, safe="/") if url else text

    fields = {"Name": request.bucket, "Prefix": shown(query.get("prefix", "")), "MaxKeys": "1000"}
    fields["IsTruncated"] = str(bool(following)).lower()
    if url:
        fields["EncodingType"] = "url"
    if not first:
        fields["KeyCount"] = str(len(found))
        if following:
            fields["NextContinuationToken"] = base64.b64encode(following.encode()).decode()
    elif following and "delimiter" in query:
        fields["NextMarker"] = shown(following)
    return document("ListBucketResult", *found, **fields)


def parts(request: Request, bucket: Bucket, habits: Habits) -> Answer:
    """ListParts."""
    upload = bucket.uploads[request.query["uploadId"]]
    after = int(request.query.get("part-number-marker", "0") or 0)
    size = min(int(request.query.get("max-parts", "1000")), habits.paging.size)
    numbers = [number for number in sorted(upload.parts) if number > after]
    found = []
    for number in numbers[:size]:
        fields = {"PartNumber": str(number), "LastModified": STAMP, "ETag": f'"{upload.etag(number)}"'}
        if habits.checksums and habits.upload_checksums:
            fields |= {f"Checksum{name.upper()}": text for name, text in upload.checksums[number].items()}
        found.append(element("Part", **fields, Size=str(len(upload.parts[number]))))
    fields = {"Bucket": request.bucket, "Key": request.key, "UploadId": upload.id}
    fields["IsTruncated"] = str(len(numbers) > size).lower()
    if len(numbers) > size:
        fields["NextPartNumberMarker"] = str(numbers[size - 1])
    return document("ListPartsResult", *found, **fields)


def uploads(request: Request, bucket: Bucket, habits: Habits) -> Answer:
    """ListMultipartUploads, ordered by key and then by id."""
    query = request.query
    after = (query.get("key-marker", ""), query.get("upload-id-marker", ""))
    size = min(int(query.get("max-uploads", "1000")), habits.paging.size)
    prefix = query.get("prefix", "")
    them = sorted((upload.key, upload.id) for upload in bucket.uploads.values())
    beyond = after if after[1] else (after[0], _LAST)
    them = [each for each in them if each[0].startswith(prefix) and (not after[0] or each > beyond)]
    found = []
    for key, ident in them[:size]:
        upload = bucket.uploads[ident]
        fields = {
            "Key": quote(key, safe="/") if query.get("encoding-type") == "url" else key,
            "UploadId": ident,
        }
        algorithm = upload.headers.get("x-amz-checksum-algorithm", "")
        if algorithm and habits.checksums and habits.upload_checksums:
            fields |= {"ChecksumAlgorithm": algorithm}
        found.append(element("Upload", **fields, Initiated=upload.started, StorageClass="STANDARD"))
    fields = {"Bucket": request.bucket, "IsTruncated": str(len(them) > size).lower()}
    if query.get("encoding-type") == "url":
        fields["EncodingType"] = "url"
    if len(them) > size:
        fields |= {"NextKeyMarker": them[size - 1][0], "NextUploadIdMarker": them[size - 1][1]}
    return document("ListMultipartUploadsResult", *found, **fields)
