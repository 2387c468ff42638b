"""What a stand-in answers to each call."""

from __future__ import annotations

import base64
import itertools
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from tests.s3_emulator import listing
from tests.s3_emulator.calls import Answer, Request, S3Error, document, element
from tests.s3_emulator.habits import Condition, Etags, Habits
from tests.s3_emulator.objects import ALGORITHMS, Bucket, Object, Upload, checksum, md5, opaque

SETTINGS: Final = (
    "x-amz-tagging",
    "x-amz-acl",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
)
DESCRIBED: Final = ("content-type", "cache-control", "content-encoding", "content-disposition")


class Operations:
    """S3's calls on buckets in memory."""

    def __init__(self, habits: Habits, buckets: dict[str, Bucket]) -> None:
        self.habits = habits
        self.buckets = buckets
        self.protected: dict[str, tuple[str, str]] = {}
        """Code and message with which keys are kept from being deleted."""
        self.lock = threading.RLock()
        self._ids = itertools.count(1)
        self._calls: dict[str, Callable[[Request, Bucket], Answer]] = {
            "ListObjectsV2": lambda request, bucket: listing.keys(request, bucket, self.habits),
            "ListObjects": lambda request, bucket: listing.keys(request, bucket, self.habits),
            "ListMultipartUploads": self._list_uploads,
            "ListParts": self._list_parts,
            "HeadBucket": lambda *_: Answer(200, {"x-amz-bucket-region": self.habits.region}),
            "GetBucketLocation": lambda *_: document("LocationConstraint"),
            "DeleteObjects": self._delete_objects,
            "HeadObject": self._get_object,
            "GetObject": self._get_object,
            "PutObject": self._put_object,
            "DeleteObject": self._delete_object,
            "CreateMultipartUpload": self._create,
            "UploadPart": self._upload_part,
            "CompleteMultipartUpload": self._complete,
            "AbortMultipartUpload": self._abort,
            "GetObjectTagging": self._get_tagging,
        }

    def call(self, request: Request) -> Answer:
        """Do what is asked for.

        Raises:
            S3Error: it is refused.
        """
        call = self._calls.get(request.operation)
        if call is None:
            raise S3Error(501, "NotImplemented", f"{request.operation} is not implemented.")
        with self.lock:
            bucket = self.buckets.get(request.bucket)
            if bucket is None:
                raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
            return call(request, bucket)

    # Objects

    def _get_object(self, request: Request, bucket: Bucket) -> Answer:
        found = bucket.find(request.key)
        if found is None:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.", more={"Key": request.key})
        headers = {"Last-Modified": formatdate(usegmt=True), "Accept-Ranges": "bytes", **found.headers}
        if found.etag and self.habits.etags not in (Etags.ON_PUT, Etags.NONE):
            headers["ETag"] = f'"{found.etag}"'
        if self.habits.checksums and request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= {f"x-amz-checksum-{name}": text for name, text in found.checksums.items()}
            headers |= {"x-amz-checksum-type": found.checksum_type} if found.checksums else {}
        return Answer(200, headers, found.data)

    def _put_object(self, request: Request, bucket: Bucket) -> Answer:
        self._conditions(request, bucket)
        sums = self._checksums(request)
        etag = (opaque if self.habits.etags is Etags.OPAQUE else md5)(request.body)
        kept = self._settings(request.headers, in_parts=False)
        headers = self._described(request.headers)
        kind = "FULL_OBJECT" if sums else ""
        bucket.objects[request.key] = Object(request.body, etag, headers, sums, kind, kept)
        return Answer(200, {**self._etag(etag), **self._told(request, sums, kind)})

    def _delete_object(self, request: Request, bucket: Bucket) -> Answer:
        if refusal := self.protected.get(request.key):
            raise S3Error(403, *refusal)
        self._conditions(request, bucket)
        bucket.delete(request.key)
        return Answer(204)

    def _delete_objects(self, request: Request, bucket: Bucket) -> Answer:
        if not self.habits.delete_objects:
            raise S3Error(501, "NotImplemented", "DeleteObjects is not implemented.")
        if self.habits.needs_md5:
            given = request.headers.get("content-md5", "")
            if not given:
                raise S3Error(400, "InvalidRequest", "Missing required header for this request: Content-MD5")
            if given != base64.b64encode(bytes.fromhex(md5(request.body))).decode():
                raise S3Error(400, "BadDigest", "The Content-MD5 you specified did not match.")
        self._checksums(request)
        asked = _parsed(request.body)
        keys = [found.text or "" for found in asked.iter(_tag(asked, "Key"))]
        if not 0 < len(keys) <= 1000:
            raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed.")
        quiet = (asked.findtext(_tag(asked, "Quiet")) or "").lower() == "true"
        told = []
        for key in keys:
            if refusal := self.protected.get(key):
                told.append(element("Error", Key=key, Code=refusal[0], Message=refusal[1]))
                continue
            bucket.delete(key)
            if not quiet:
                told.append(element("Deleted", Key=key))
        return document("DeleteResult", *told)

    def _get_tagging(self, request: Request, bucket: Bucket) -> Answer:
        found = bucket.find(request.key)
        if found is None:
            raise S3Error(404, "NoSuchKey")
        pairs = [
            pair.partition("=")[::2] for pair in found.settings.get("x-amz-tagging", "").split("&") if pair
        ]
        tags = [element("Tag", Key=key, Value=value) for key, value in pairs]
        return document("Tagging", element("TagSet", *tags))

    # Multipart

    def _create(self, request: Request, bucket: Bucket) -> Answer:
        ident = f"upload-{next(self._ids)}"
        etag_of = opaque if self.habits.etags is Etags.OPAQUE else md5
        bucket.uploads[ident] = Upload(ident, request.key, request.headers, etag_of=etag_of)
        headers = {}
        if self.habits.checksums and (algorithm := request.headers.get("x-amz-checksum-algorithm")):
            headers = {"x-amz-checksum-algorithm": algorithm}
            headers["x-amz-checksum-type"] = request.headers.get("x-amz-checksum-type", "COMPOSITE")
        told = document(
            "InitiateMultipartUploadResult", Bucket=request.bucket, Key=request.key, UploadId=ident
        )
        return Answer(200, {**told.headers, **headers}, told.body)

    def _upload(self, request: Request, bucket: Bucket) -> Upload:
        found = bucket.uploads.get(request.query["uploadId"])
        if found is None or found.key != request.key:
            raise S3Error(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        return found

    def _upload_part(self, request: Request, bucket: Bucket) -> Answer:
        upload, number = self._upload(request, bucket), int(request.query["partNumber"])
        if not 0 < number <= 10_000:
            raise S3Error(400, "InvalidArgument", "Part number must be an integer between 1 and 10000")
        sums = self._checksums(request)
        upload.parts[number], upload.checksums[number] = request.body, sums
        return Answer(200, {"ETag": f'"{upload.etag(number)}"', **self._told(request, sums, "")})

    def _complete(self, request: Request, bucket: Bucket) -> Answer:
        upload = self._upload(request, bucket)
        asked = _parsed(request.body)
        numbers = []
        for part in asked.iter(_tag(asked, "Part")):
            number = int(part.findtext(_tag(asked, "PartNumber")) or 0)
            etag = (part.findtext(_tag(asked, "ETag")) or "").strip('"')
            if number not in upload.parts or etag != upload.etag(number):
                raise S3Error(400, "InvalidPart", "One or more of the specified parts could not be found.")
            numbers.append(number)
        if not numbers or numbers != sorted(set(numbers)):
            raise S3Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        sizes = [len(upload.parts[number]) for number in numbers]
        if any(size < 5 << 20 for size in sizes[:-1]):
            raise S3Error(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum size")
        if self.habits.equal_parts and len(set(sizes[:-1])) > 1:
            raise S3Error(400, "InvalidPart", "All non-trailing parts must have the same length.")
        self._conditions(request, bucket)
        data = b"".join(upload.parts[number] for number in numbers)
        etag = (
            f"{md5(b''.join(bytes.fromhex(md5(upload.parts[number])) for number in numbers))}-{len(numbers)}"
        )
        if self.habits.etags in (Etags.OPAQUE, Etags.MD5_OF_PARTS_OPAQUE):
            etag = opaque(data)
        sums, kind = self._whole(request, upload, numbers, data)
        kept = self._settings(upload.headers, in_parts=True)
        described = self._described(upload.headers)
        bucket.objects[request.key] = Object(data, etag, described, sums, kind, kept)
        del bucket.uploads[upload.id]
        fields = {} if self.habits.etags is Etags.NONE else {"ETag": f'"{etag}"'}
        fields |= {f"Checksum{name.upper()}": text for name, text in sums.items()}
        fields |= {"ChecksumType": kind} if kind else {}
        return document(
            "CompleteMultipartUploadResult", Location="x", Bucket=request.bucket, Key=request.key, **fields
        )

    def _whole(
        self, request: Request, upload: Upload, numbers: list[int], data: bytes
    ) -> tuple[dict[str, str], str]:
        name = upload.headers.get("x-amz-checksum-algorithm", "").lower()
        if not self.habits.checksums or name not in ALGORITHMS:
            return {}, ""
        if upload.headers.get("x-amz-checksum-type", "COMPOSITE").upper() == "FULL_OBJECT":
            sums = {name: checksum(name, data)}
            given = request.headers.get(f"x-amz-checksum-{name}", sums[name])
            if given != sums[name]:
                raise S3Error(400, "BadDigest", f"The {name.upper()} you specified did not match.")
            return sums, "FULL_OBJECT"
        digests = b"".join(ALGORITHMS[name](upload.parts[number]) for number in numbers)
        return {name: f"{checksum(name, digests)}-{len(numbers)}"}, "COMPOSITE"

    def _abort(self, request: Request, bucket: Bucket) -> Answer:
        del bucket.uploads[self._upload(request, bucket).id]
        return Answer(204)

    def _list_parts(self, request: Request, bucket: Bucket) -> Answer:
        self._upload(request, bucket)
        return listing.parts(request, bucket, self.habits)

    def _list_uploads(self, request: Request, bucket: Bucket) -> Answer:
        if not self.habits.upload_listing:
            raise S3Error(501, "NotImplemented", "ListMultipartUploads is not implemented.")
        return listing.uploads(request, bucket, self.habits)

    # What objects carry

    def _conditions(self, request: Request, bucket: Bucket) -> None:
        found = bucket.find(request.key)
        etag = found.etag if found else ""
        for name, how in (("if-match", self.habits.if_match), ("if-none-match", self.habits.if_none_match)):
            given = request.headers.get(name)
            if given is None or how is Condition.IGNORED:
                continue
            if how is Condition.REFUSED:
                raise S3Error(501, "NotImplemented", "A header you provided is not implemented")
            if how is Condition.UNKNOWN:
                raise S3Error(400, "InvalidArgument", f"Unsupported header '{name}'.")
            equal = bool(etag) and _is_equal(how, given, etag)
            if how is Condition.NEVER or equal is (name == "if-none-match"):
                raise S3Error(412, "PreconditionFailed", "At least one of the preconditions did not hold")

    def _checksums(self, request: Request) -> dict[str, str]:
        """The request's own, checked."""
        if not self.habits.checksums:
            return {}
        found = {}
        for name in ALGORITHMS:
            given = request.headers.get(f"x-amz-checksum-{name}")
            if given is not None:
                if given != checksum(name, request.body):
                    raise S3Error(400, "BadDigest", f"The {name.upper()} you specified did not match.")
                found[name] = given
        return found

    def _told(self, request: Request, sums: dict[str, str], kind: str) -> dict[str, str]:
        """Headers that tell of checksums."""
        told = {f"x-amz-checksum-{name}": text for name, text in sums.items()}
        if self.habits.echoes_checksums:
            told |= {k: v for k, v in request.headers.items() if k.startswith("x-amz-checksum-")}
        return told | ({"x-amz-checksum-type": kind} if sums and kind else {})

    def _etag(self, etag: str) -> dict[str, str]:
        return {} if self.habits.etags is Etags.NONE else {"ETag": f'"{etag}"'}

    def _described(self, given: object) -> dict[str, str]:
        assert isinstance(given, dict)
        kept = {name: given[name] for name in DESCRIBED if name in given}
        if self.habits.metadata:
            kept |= {name: text for name, text in given.items() if name.startswith("x-amz-meta-")}
        if self.habits.settings:
            kept |= {name: given[name] for name in SETTINGS[2:] if name in given}
        return kept

    def _settings(self, given: object, *, in_parts: bool) -> dict[str, str]:
        assert isinstance(given, dict)
        names = SETTINGS[1:] if self.habits.settings else ()
        if self.habits.tags[in_parts]:
            names = (SETTINGS[0], *names)
        return {name: given[name] for name in names if name in given}


def _is_equal(how: Condition, given: str, etag: str) -> bool:
    if given == "*":
        return True
    if how is Condition.BARE:
        return given == etag
    if how is Condition.QUOTED:
        return given == f'"{etag}"'
    return given.strip('"') == etag


def _parsed(body: bytes) -> ET.Element:
    try:
        return ET.fromstring(body)  # noqa: S314 - the product wrote it
    except ET.ParseError as error:
        raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed.") from error


def _tag(root: ET.Element, name: str) -> str:
    """The name in the namespace of the document, where it has one."""
    space, bracket, _ = root.tag.rpartition("}")
    return f"{space}{bracket}{name}"
