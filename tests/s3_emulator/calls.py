"""What a request is, by S3's name, and what an answer is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

REQUEST_ID: Final = "4442587FB7D0A2F9"

_BUCKET: Final = (
    ("GET", "uploads", "ListMultipartUploads"),
    ("GET", "location", "GetBucketLocation"),
    ("GET", "list-type", "ListObjectsV2"),
    ("GET", "versioning", "GetBucketVersioning"),
    ("GET", "ownershipControls", "GetBucketOwnershipControls"),
    ("POST", "delete", "DeleteObjects"),
    ("GET", "", "ListObjects"),
    ("HEAD", "", "HeadBucket"),
)
_OBJECT: Final = (
    ("GET", "uploadId", "ListParts"),
    ("GET", "tagging", "GetObjectTagging"),
    ("GET", "acl", "GetObjectAcl"),
    ("GET", "attributes", "GetObjectAttributes"),
    ("GET", "", "GetObject"),
    ("HEAD", "", "HeadObject"),
    ("PUT", "partNumber", "UploadPart"),
    ("PUT", "tagging", "PutObjectTagging"),
    ("PUT", "acl", "PutObjectAcl"),
    ("PUT", "", "PutObject"),
    ("POST", "uploads", "CreateMultipartUpload"),
    ("POST", "uploadId", "CompleteMultipartUpload"),
    ("DELETE", "uploadId", "AbortMultipartUpload"),
    ("DELETE", "tagging", "DeleteObjectTagging"),
    ("DELETE", "", "DeleteObject"),
)


@dataclass(frozen=True)
class Request:
    """One request, whole.

    Attributes:
        target: as in the request line, without scheme and host.
        headers: names in lower case.
        body: as the caller meant it: an aws-chunked one is decoded.
        virtual: the bucket's name stood in the host's.
        began: `time.monotonic()` seconds.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    bucket: str
    key: str
    virtual: bool
    began: float = field(default_factory=time.monotonic)

    @property
    def query(self) -> dict[str, str]:
        """Parameters, decoded."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def operation(self) -> str:
        """S3's name of the call."""
        if not self.bucket:
            return "ListBuckets"
        for method, parameter, name in _OBJECT if self.key else _BUCKET:
            if method == self.method and (not parameter or parameter in self.query):
                return name
        return "Unknown"


def of(method: str, target: str, headers: Mapping[str, str], body: bytes, hosts: tuple[str, ...]) -> Request:
    """Find bucket and key, in the host's name where it ends in one of ours."""
    host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    path = unquote(target.partition("?")[0]).lstrip("/")
    for ours in hosts:
        if host.endswith(f".{ours}"):
            return Request(method, target, headers, body, host.removesuffix(f".{ours}"), path, virtual=True)
    bucket, _, key = path.partition("/")
    return Request(method, target, headers, body, bucket, key, virtual=False)


@dataclass(frozen=True)
class Answer:
    """What is sent back.

    Attributes:
        headers: as they are to be spelt.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class S3Error(Exception):
    """An answer that is one of S3's errors."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str = "",
        *,
        more: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message
        self.more, self.headers = more or {}, headers or {}

    def answer(self, *, message: bool = True) -> Answer:
        """As XML; without `message` its element is there and empty."""
        fields = {"Code": self.code, "Message": self.message if message else ""}
        fields |= {**self.more, "RequestId": REQUEST_ID, "HostId": "made-up"}
        body = '<?xml version="1.0" encoding="UTF-8"?>\n' + element("Error", **fields)
        headers = {"Content-Type": "application/xml", "x-amz-request-id": REQUEST_ID, **self.headers}
        return Answer(self.status, headers, body.encode())


class Xml(str):
    """Text that is XML already."""

    __slots__ = ()


def element(tag: str, /, *inner: Xml, **fields: str) -> Xml:
    """One element: fields, escaped, then what is XML already; an empty field is an empty element."""
    parts = [f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>" for name, text in fields.items()]
    return Xml(f"<{tag}>{''.join(parts)}{''.join(inner)}</{tag}>")


def document(name: str, *inner: Xml, **fields: str) -> Answer:
    """An answer of XML."""
    whole = element(name, *inner, **fields).replace(
        f"<{name}>", f'<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">', 1
    )
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{whole}'.encode()
    return Answer(200, {"Content-Type": "application/xml"}, body)
