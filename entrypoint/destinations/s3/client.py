"""S3's operations for one bucket."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from entrypoint import destinations, errors, settings
from entrypoint.destinations.s3 import checksums, configuration, credentials, pool, problems, service, xml
from entrypoint.destinations.s3.store import Option, Store

PAGE: Final = 1000
"""Objects on a page of a listing, and most that DeleteObjects takes."""


Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it.

    Attributes:
        etag: with its quotes, as conditions want it; empty where the store lists none.
    """

    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class Page:
    """A page of a listing.

    Attributes:
        following: parameters that ask for the next page; empty on the last one.
    """

    objects: tuple[Listed, ...]
    following: Query


@dataclass(frozen=True)
class Head:
    """An object as a HEAD shows it.

    Attributes:
        checksums: by algorithm, e.g. ``CRC64NVME``, as S3 writes them.
        checksum_type: FULL_OBJECT, COMPOSITE, or empty where the store does not say.
        metadata: user metadata, keys in lower case.
        headers: all of them, names in lower case.
    """

    size: int
    etag: str
    checksums: Mapping[str, str]
    checksum_type: str
    metadata: Mapping[str, str]
    encryption: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """A part of an open multipart upload.

    Attributes:
        checksums: by algorithm.
    """

    number: int
    size: int
    etag: str
    checksums: Mapping[str, str]


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that was neither completed nor aborted.

    Attributes:
        algorithm: of its checksums, empty where the store does not say.
    """

    key: str
    id: str
    started: dt.datetime
    algorithm: str


class Client:
    """S3's operations. Thread-safe. Every method may raise `problems.Failed` and `errors.PublishError`."""

    def __init__(
        self,
        chosen: settings.S3Settings,
        found: configuration.Configuration,
        keys: credentials.Credentials,
        connections: pool.Pool,
        most: int,
        check: Callable[[], None],
        reporter: destinations.Reporter,
    ) -> None:
        self._owner = (
            {"x-amz-expected-bucket-owner": chosen.expected_bucket_owner}
            if chosen.expected_bucket_owner
            else {}
        )
        self.bucket = chosen.bucket
        self.check = check
        self.service = service.Service(chosen, found, keys, connections, most, check, reporter)
        here = self.service.endpoint
        signs = found.sign_payload
        if signs is None:
            # Nothing but a signature protects a body on a plain line.
            signs = not here.target.secure and not here.target.is_loopback
        self.store = Store(chosen, is_aws=here.is_aws, sign_payload=signs)

    def _call(self, call: service.Call, check: Callable[[], None] | None = None) -> service.Reply:
        return self.service.call(call, check)

    def _document(self, reply: service.Reply) -> xml.Element:
        try:
            return reply.xml()
        except ValueError as error:
            raise self.no_s3() from error

    def no_s3(self) -> errors.Refused:
        """Whatever answers is no S3."""
        return errors.Refused(
            f"{self.service.endpoint.target} does not answer like an S3 store.",
            "Check s3-endpoint-url, and whether a proxy is in between.",
        )

    # Reading

    def page(self, prefix: str, begin: Query = (), most: int = PAGE, owner: str = "") -> Page:
        """A page of the objects below a prefix.

        Args:
            begin: parameters that an earlier page gave for this one.
            owner: expected owner of the bucket, instead of the one from the settings.

        Raises:
            errors.Refused: this is no listing, or none that can be read to its end.
        """
        is_first_kind = any(name == "marker" for name, _ in begin)
        query: Query = (("prefix", prefix), *begin)
        query += (("max-keys", str(most)),) if most != PAGE else ()
        headers = {"x-amz-expected-bucket-owner": owner} if owner else self._owner

        def send(options: frozenset[Option]) -> service.Reply:
            is_second_kind = Option.SECOND_KIND in options or (begin and not is_first_kind)
            kind = (("list-type", "2"),) if is_second_kind else ()
            encoding = (("encoding-type", "url"),) if Option.ENCODING in options else ()
            return self._call(service.Call("GET", None, (*kind, *query, *encoding), headers))

        options = (Option.ENCODING, *(() if begin else (Option.SECOND_KIND,)))
        root = self._document(self.store.call(options, send))
        if not root.has("Name") and not root.has("IsTruncated"):
            raise self.no_s3()
        is_encoded = root.text("EncodingType") == "url"
        decode = urllib.parse.unquote_plus if is_encoded else str
        objects = []
        for each in root.children("Contents"):
            key, size = each.raw("Key"), each.number("Size")
            if not key or size < 0:
                raise self.no_s3()
            objects.append(Listed(decode(key), size, each.text("ETag")))
        if not is_encoded and self.store.knows(Option.ENCODING) and any("%" in each.key for each in objects):
            # Some encode keys when asked to, and do not say so: they are not asked any more.
            self.store.learn(Option.ENCODING, problems.Answer(200))
            return self.page(prefix, begin, most, owner)
        following = self._following(root, objects, decode)
        if following and following == begin:
            raise self._no_end()
        return Page(tuple(objects), following)

    def _following(self, root: xml.Element, objects: Sequence[Listed], decode: Callable[[str], str]) -> Query:
        if root.text("IsTruncated").lower() != "true":
            return ()
        if token := root.raw("NextContinuationToken"):
            return (("continuation-token", token),)
        # Answered as the first kind of listing: the next page begins after the last key.
        marker = decode(root.raw("NextMarker")) or (objects[-1].key if objects else "")
        if not marker or root.has("KeyCount"):
            raise self._no_end()
        return (("marker", marker),)

    def _no_end(self) -> errors.Refused:
        # What is not listed would count as absent, and be overwritten or never skipped.
        return errors.Refused(
            f"{self.service.endpoint.target} returned an incomplete listing: it says that there is more, but gives "
            "no continuation token.",
            "The store must support ListObjectsV2.",
        )

    def head(self, key: str) -> Head:
        """One object, with its checksums."""

        def send(options: frozenset[Option]) -> service.Reply:
            mode = {"x-amz-checksum-mode": "ENABLED"} if Option.CHECKSUM_MODE in options else {}
            return self._call(service.Call("HEAD", key, (), {**self._owner, **mode}))

        headers = self.store.call((Option.CHECKSUM_MODE,), send).headers
        length = headers.get("content-length", "")
        return Head(
            size=int(length) if length.isascii() and length.isdecimal() else -1,
            etag=headers.get("etag", ""),
            checksums=_checksums(headers),
            checksum_type=headers.get("x-amz-checksum-type", ""),
            metadata={
                name.removeprefix("x-amz-meta-"): value
                for name, value in headers.items()
                if name.startswith("x-amz-meta-")
            },
            encryption=headers.get("x-amz-server-side-encryption", "")
            or headers.get("x-amz-server-side-encryption-customer-algorithm", ""),
            headers=headers,
        )

    @contextlib.contextmanager
    def read(self, key: str) -> Iterator[Iterator[bytes]]:
        """Content of an object, in pieces."""
        with self.service.stream(service.Call("GET", key, (), self._owner)) as response:
            yield response.pieces()

    def tags(self, key: str) -> dict[str, str]:
        """Tags of an object."""
        root = self._document(self._call(service.Call("GET", key, (("tagging", ""),), self._owner)))
        return {
            tag.raw("Key"): tag.raw("Value")
            for tags in root.children("TagSet")
            for tag in tags.children("Tag")
        }

    def acl(self, key: str) -> bytes:
        """The grants of an object, as XML."""
        return self._call(service.Call("GET", key, (("acl", ""),), self._owner)).response.body

    # Writing

    def put(
        self, key: str, headers: Mapping[str, str], body: pool.Body, *, sign_body: bool
    ) -> dict[str, str]:
        """PutObject; the headers of the answer."""
        call = service.Call("PUT", key, (), {**headers, **self._owner}, body, sign_body)
        return self._call(call).headers

    def delete(self, key: str) -> None:
        """Delete one object."""
        self._call(service.Call("DELETE", key, (), self._owner))

    def delete_many(self, keys: Sequence[str]) -> dict[str, problems.Answer]:
        """Delete up to 1,000 objects; the answers to those that could not be deleted."""
        items = [("Object", (("Key", key),)) for key in keys]
        data = xml.write("Delete", items, before="<Quiet>true</Quiet>")
        headers = {
            "content-md5": base64.b64encode(checksums.md5(data)).decode(),
            "content-type": "application/xml",
        }
        if self.store.algorithm:
            headers["x-amz-sdk-checksum-algorithm"] = "SHA256"
            headers["x-amz-checksum-sha256"] = base64.b64encode(hashlib.sha256(data).digest()).decode()
        query = (("delete", ""),)
        reply = self._call(
            service.Call("POST", None, query, {**headers, **self._owner}, pool.Bytes(data), sign_body=True)
        )
        root = self._document(reply)
        if "delete" not in root.name.lower():
            raise self.no_s3()
        return {
            each.raw("Key"): problems.Answer(0, each.text("Code") or "an error", each.text("Message"))
            for each in root.children("Error")
        }

    # The multipart family

    def create_upload(self, key: str, headers: Mapping[str, str]) -> tuple[str, str, bool]:
        """Open a multipart upload.

        Returns:
            its id, the checksum algorithm that the store says it keeps, and whether it took more than one request,
            so that there may be another upload whose answer was lost.

        Raises:
            errors.FileFailed: something else answered.
        """
        reply = self._call(service.Call("POST", key, (("uploads", ""),), {**headers, **self._owner}))
        try:
            upload = reply.xml().text("UploadId")
        except ValueError:
            upload = ""
        if not upload:
            raise errors.FileFailed(
                f"{key!r}: {self.service.endpoint.target} does not answer like an S3 store at the moment.",
                "Run again later; uploaded files are skipped.",
                if_all=errors.Unreachable,
            )
        return upload, reply.headers.get("x-amz-checksum-algorithm", ""), reply.tries > 1

    def upload_part(
        self,
        key: str,
        upload: str,
        number: int,
        headers: Mapping[str, str],
        body: pool.Body,
        *,
        sign_body: bool,
    ) -> dict[str, str]:
        """UploadPart; the headers of the answer."""
        query = (("partNumber", str(number)), ("uploadId", upload))
        return self._call(
            service.Call("PUT", key, query, {**headers, **self._owner}, body, sign_body)
        ).headers

    def complete_upload(
        self,
        key: str,
        upload: str,
        parts: Sequence[tuple[int, str, Mapping[str, str]]],
        headers: Mapping[str, str],
    ) -> dict[str, str]:
        """Close a multipart upload.

        Args:
            parts: of each its number, its ETag, and its checksum by the name of its element.

        Returns:
            ``etag`` and, as far as the store tells them, the object's checksums by the names of their headers;
            nothing at all where something else answered.
        """
        items = [
            ("Part", (("PartNumber", str(number)), ("ETag", etag), *sums.items()))
            for number, etag, sums in parts
        ]
        data = pool.Bytes(xml.write("CompleteMultipartUpload", items))
        call = service.Call(
            "POST", key, (("uploadId", upload),), {**headers, **self._owner}, data, sign_body=True, slow=True
        )
        reply = self._call(call)
        try:
            root = reply.xml()
        except ValueError:
            return {}
        if not root.name.startswith("CompleteMultipartUpload"):
            return {}
        found = {
            f"x-amz-{name.lower().replace('checksum', 'checksum-', 1)}": text
            for name, text in root
            if name.startswith("Checksum")
        }
        return {"etag": root.text("ETag"), **found}

    def abort_upload(self, key: str, upload: str, check: Callable[[], None]) -> None:
        """Drop a multipart upload with all its parts."""
        self._call(service.Call("DELETE", key, (("uploadId", upload),), self._owner), check)

    def open_uploads(self, prefix: str, check: Callable[[], None] | None = None) -> Iterator[OpenUpload]:
        """Multipart uploads below a prefix that are still open, anybody's."""
        marker: tuple[tuple[str, str], ...] = ()
        while True:
            # Not url-encoded: LocalStack says that it encodes these keys, and does not.
            query = (("uploads", ""), ("prefix", prefix), *marker)
            root = self._document(self._call(service.Call("GET", None, query, self._owner), check))
            for item in root.children("Upload"):
                yield OpenUpload(
                    item.raw("Key"),
                    item.text("UploadId"),
                    _time(item.text("Initiated")),
                    item.text("ChecksumAlgorithm"),
                )
            following = (
                ("key-marker", root.raw("NextKeyMarker")),
                ("upload-id-marker", root.text("NextUploadIdMarker")),
            )
            if root.text("IsTruncated").lower() != "true" or not following[0][1] or following == marker:
                return
            marker = following

    def list_parts(self, key: str, upload: str, check: Callable[[], None] | None = None) -> Iterator[Part]:
        """Parts of an open multipart upload, in order."""
        marker: tuple[tuple[str, str], ...] = ()
        while True:
            query = (("uploadId", upload), *marker)
            root = self._document(self._call(service.Call("GET", key, query, self._owner), check))
            for item in root.children("Part"):
                sums = {
                    name.removeprefix("Checksum"): text for name, text in item if name.startswith("Checksum")
                }
                yield Part(item.number("PartNumber"), item.number("Size"), item.text("ETag"), sums)
            following = (("part-number-marker", root.text("NextPartNumberMarker")),)
            if (
                root.text("IsTruncated").lower() != "true"
                or following[0][1] in ("", "0")
                or following == marker
            ):
                return
            marker = following

    def url_of(self, key: str) -> str:
        """URL of an object."""
        return self.service.endpoint.url_of(key)


def _checksums(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: headers[algorithm.header]
        for name, algorithm in checksums.ALGORITHMS.items()
        if headers.get(algorithm.header)
    }


def _time(text: str) -> dt.datetime:
    """When an upload began; now where the store does not say, so that it is not taken for an old one."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return dt.datetime.now(dt.UTC)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
