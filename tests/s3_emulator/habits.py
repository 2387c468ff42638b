"""What S3 stores do that AWS does not. Each preset names where its habits were seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final


class Etags(Enum):
    """What an ETag is."""

    MD5 = auto()
    OPAQUE = auto()
    """Random for each object; no MD5."""
    MD5_OF_PARTS_OPAQUE = auto()
    """MD5 of what came in one request; made up for a multipart object."""
    ON_PUT = auto()
    """MD5 in the answer to PUT; HEAD has none, and a listing an empty one (JuiceFS gateway)."""
    NONE = auto()


class Condition(Enum):
    """How ``If-Match`` or ``If-None-Match`` is understood."""

    OBEYED = auto()
    BARE = auto()
    """An ETag is equal only without its quotes (Ceph 16 and 18)."""
    QUOTED = auto()
    """An ETag is equal only with its quotes (Ceph 20)."""
    NEVER = auto()
    """Nothing is ever equal: always 412."""
    IGNORED = auto()
    REFUSED = auto()
    """501 NotImplemented."""
    UNKNOWN = auto()
    """400 InvalidArgument, as for any header that the store does not know."""


class Addressing(Enum):
    """Where a bucket's name may stand."""

    ANY = auto()
    VIRTUAL = auto()
    """Only in the host's name; a path is 403 SecondLevelDomainForbidden (Alibaba OSS)."""
    PATH = auto()
    """Only in the path; a host with the bucket in front is 404 NoSuchBucket."""


class WrongRegion(Enum):
    """How a signature for another region is refused, and where the right one is named."""

    ACCEPTED = auto()
    MALFORMED = auto()
    """400 AuthorizationHeaderMalformed with ``<Region>``."""
    MESSAGE = auto()
    """400 AuthorizationHeaderMalformed that names it in its message only."""
    REDIRECT = auto()
    """301 PermanentRedirect with the header ``x-amz-bucket-region``."""
    ENDPOINT = auto()
    """301 PermanentRedirect that names an ``<Endpoint>`` only."""
    CONSTRAINT = auto()
    """400 IllegalLocationConstraintException with the header."""
    TEMPORARY = auto()
    """307 TemporaryRedirect to where it is right, by a ``Location`` on the same server."""


@dataclass(frozen=True)
class Refusal:
    """Calls that are answered with an error.

    Attributes:
        operation: a pattern for S3's name of the call, as in ``HeadObject|GetObject``.
        header: only calls with a header whose name matches; `value` is a pattern for what it says.
        query: only calls with a query parameter of such a name.
        key: only calls for keys in which this is found.
        times: the first so many of those calls; all of them without it.
        skip: so many pass before.
        acts: what was asked for is done all the same.
        body: instead of S3's XML.
    """

    operation: str
    status: int = 400
    code: str = "InvalidArgument"
    message: str = "made up by the stand-in"
    header: str = ""
    value: str = ""
    query: str = ""
    key: str = ""
    times: int = 1 << 30
    skip: int = 0
    acts: bool = False
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wire:
    """How HTTP is spoken.

    Attributes:
        version: of the protocol that answers are in.
        chunked: answers have no length.
        lower: names of headers in lower case.
        closes_after: each connection is closed without a word after so many answers.
        drops: every so-many-th request on a connection that was used before meets a closed connection.
        continues: whether ``Expect: 100-continue`` is answered.
        longer: bytes that ``Content-Length`` promises beyond what comes, for GET and POST.
        surplus: bytes that follow each answer and belong to none.
        hasty: PUTs of more than 1 MiB are refused before their bodies are read.
    """

    version: str = "HTTP/1.1"
    chunked: bool = False
    lower: bool = False
    closes_after: int = 0
    drops: int = 0
    continues: bool = True
    longer: int = 0
    surplus: bytes = b""
    hasty: bool = False


@dataclass(frozen=True)
class Paging:
    """How listings come, and what they leave out.

    Attributes:
        size: keys, uploads or parts a page, at most.
        empty: each page but the last is followed by one without keys, which is truncated too.
        version_1: ListObjectsV2 is not known; answered as ListObjects, with markers.
        encodes: ``encoding-type=url`` is obeyed.
        directories: a key that ends in a slash for each folder, of no size.
        stuck: says that there is more and names the same page for ever.
        prefix_ignored: lists the whole bucket (some gateways).
        twice: each object is listed twice.
    """

    size: int = 1000
    empty: bool = False
    version_1: bool = False
    encodes: bool = True
    directories: bool = False
    stuck: bool = False
    prefix_ignored: bool = False
    twice: bool = False


@dataclass(frozen=True)
class Habits:
    """One store.

    Attributes:
        checksums: ``x-amz-checksum-*`` are checked, kept and answered.
        echoes_checksums: a request's checksum stands in its own answer, unchecked, and nowhere else.
        metadata: ``x-amz-meta-*`` are kept.
        tags: ``x-amz-tagging`` is kept for objects that came in one request, and in parts.
        obeys_owner: ``x-amz-expected-bucket-owner`` is compared with `owner`.
        settings: storage class, encryption and ACL are kept and answered.
        unsigned: ``UNSIGNED-PAYLOAD`` is accepted.
        streaming: ``aws-chunked`` bodies are understood.
        delete_objects: DeleteObjects is known; `needs_md5` asks it for a Content-MD5.
        equal_parts: all parts but the last must be of one size (Cloudflare R2).
        upload_listing: ListMultipartUploads is known.
        upload_checksums: ListParts and ListMultipartUploads say what they know of checksums.
        busy: more requests than that at a time are 503 SlowDown.
        delay: seconds that every call waits.
        messages: errors have a ``<Message>``; Ceph's is empty.
    """

    etags: Etags = Etags.MD5
    checksums: bool = True
    echoes_checksums: bool = False
    metadata: bool = True
    tags: tuple[bool, bool] = (True, True)
    settings: bool = True
    if_match: Condition = Condition.OBEYED
    if_none_match: Condition = Condition.OBEYED
    addressing: Addressing = Addressing.ANY
    region: str = "us-east-1"
    wrong_region: WrongRegion = WrongRegion.ACCEPTED
    owner: str = "000000000000"
    obeys_owner: bool = True
    unsigned: bool = True
    streaming: bool = True
    delete_objects: bool = True
    needs_md5: bool = False
    equal_parts: bool = False
    upload_listing: bool = True
    upload_checksums: bool = True
    busy: int = 1 << 30
    delay: float = 0.0
    messages: bool = True
    paging: Paging = Paging()
    wire: Wire = Wire()
    refusals: tuple[Refusal, ...] = ()


AWS: Final = Habits()
CEPH16: Final = Habits(
    checksums=False,
    tags=(True, False),
    if_match=Condition.BARE,
    obeys_owner=False,
    messages=False,
    upload_checksums=False,
)
"""Ceph RGW 16.2 and 18.2."""
CEPH20: Final = Habits(if_match=Condition.QUOTED, messages=False)
B2: Final = Habits(
    checksums=False,
    obeys_owner=False,
    upload_checksums=False,
    if_match=Condition.REFUSED,
    if_none_match=Condition.REFUSED,
    refusals=(
        Refusal(
            ".*",
            header="x-amz-(sdk-)?checksum-.*|x-amz-tagging|x-amz-optional-object-attributes",
            message="Unsupported header received for this API call.",
        ),
    ),
)
"""Backblaze B2: every header that it does not know is 400 InvalidArgument, HEAD's x-amz-checksum-mode among them."""
JUICEFS: Final = Habits(
    etags=Etags.ON_PUT,
    checksums=False,
    metadata=False,
    tags=(False, False),
    obeys_owner=False,
    settings=False,
    if_none_match=Condition.IGNORED,
)
"""The JuiceFS gateway 1.4 with its defaults, without ``--keep-etag`` and ``--object-meta``."""
SWIFT: Final = Habits(
    checksums=False,
    obeys_owner=False,
    if_match=Condition.IGNORED,
    if_none_match=Condition.IGNORED,
    refusals=(
        Refusal(
            "PutObject|CreateMultipartUpload",
            501,
            "NotImplemented",
            "The requested resource is not implemented",
            header="x-amz-tagging|x-amz-server-side-encryption",
        ),
    ),
)
"""OpenStack Swift 2.38 with s3api."""
OSS: Final = Habits(
    addressing=Addressing.VIRTUAL,
    checksums=False,
    streaming=False,
    region="oss-cn-hangzhou",
    if_match=Condition.IGNORED,
    if_none_match=Condition.IGNORED,
)
"""Alibaba Cloud OSS's S3-compatible API."""
R2: Final = Habits(
    region="auto",
    equal_parts=True,
    refusals=(
        Refusal(
            "PutObject|CreateMultipartUpload",
            501,
            "NotImplemented",
            "Header 'x-amz-tagging' with value 'a=b' not implemented",
            header="x-amz-tagging|x-amz-acl",
        ),
    ),
)
"""Cloudflare R2."""
GARAGE: Final = Habits(
    region="garage", wrong_region=WrongRegion.MALFORMED, tags=(False, False), settings=False
)
"""Garage."""
SEAWEEDFS: Final = Habits(checksums=False, upload_checksums=False, obeys_owner=False)
"""SeaweedFS 4.48: broken-off uploads list parts with an MD5 and no checksum."""
GCS: Final = Habits(
    checksums=False,
    delete_objects=False,
    upload_checksums=False,
    etags=Etags.MD5_OF_PARTS_OPAQUE,
    streaming=False,
)
"""Google Cloud Storage's XML API as S3 clients meet it."""
