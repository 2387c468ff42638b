"""The small calls, by boto3: credentials, region, listing, heads, deleting, and a multipart's frame."""

from __future__ import annotations

import datetime as dt
import functools
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.config
import botocore.exceptions
import botocore.parsers
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from entrypoint import __version__, errors, settings
from entrypoint.destinations.s3 import credentials, problems, wire

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

T = TypeVar("T")


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it.

    Attributes:
        etag: with its quotes, as conditions want it.
        checksums: names of the checksum algorithms that the store keeps for it.
    """

    key: str
    size: int
    etag: str
    checksums: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Head:
    """An object as a HEAD shows it.

    Attributes:
        checksums: by algorithm, e.g. ``CRC64NVME``, as S3 writes them.
        checksum_type: FULL_OBJECT, COMPOSITE, or empty where the store does not say.
        metadata: user metadata, keys in lower case.
    """

    size: int
    etag: str
    checksums: dict[str, str]
    checksum_type: str
    metadata: dict[str, str]
    encryption: str


@dataclass(frozen=True)
class Part:
    """A part of an open multipart upload."""

    number: int
    size: int
    etag: str
    checksum: str


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that was neither completed nor aborted."""

    key: str
    id: str
    started: dt.datetime
    algorithm: str


class Control:
    """A boto3 client for one bucket whose errors are ours."""

    def __init__(
        self,
        chosen: settings.S3Settings,
        run: settings.Run,
        connections: int,
        hide: Callable[[str], None],
        patience: wire.Patience,
    ) -> None:
        self._patience = patience
        self._chosen = chosen
        self._connections = connections
        self.bucket = chosen.bucket
        self._target: wire.Target | None = None
        try:
            self._session, self._core = credentials.new_session(chosen)
            self.credentials = credentials.Credentials(chosen, run, hide)
            credentials.use(self._core, self.credentials)
            self.region = chosen.region or self._session.region_name or credentials.DEFAULT_REGION
            self.client = self._new_client(self.region)
        except botocore.exceptions.BotoCoreError as error:
            raise problems.from_transport(error, chosen.endpoint_url or "AWS") from error
        except ValueError as error:
            raise errors.BadInput(f"S3: {error}") from error

    def _new_client(self, region: str) -> S3Client:
        config = botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": self._patience.tries},
            connect_timeout=self._patience.connect,
            read_timeout=self._patience.answer,
            max_pool_connections=max(10, self._connections),
            # Other stores do not know AWS's newer defaults; ours are set request by request.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent_extra=f"catalog-upload/{__version__}",
        )
        client = self._client(region, config)
        if not _is_aws(client.meta.endpoint_url):
            client = self._client(
                region, config.merge(botocore.config.Config(s3={"addressing_style": "path"}))
            )
        return client

    def _client(self, region: str, config: botocore.config.Config) -> S3Client:
        client = self._session.client(
            "s3", region_name=region, endpoint_url=self._chosen.endpoint_url or None, config=config
        )
        client.meta.events.register("before-call.s3.HeadBucket", _stay)
        return client

    @property
    def endpoint(self) -> str:
        """URL of the service."""
        return str(self.client.meta.endpoint_url)

    @property
    def is_aws(self) -> bool:
        """Whether this is AWS itself, whose habits are known."""
        return _is_aws(self.endpoint)

    @property
    def owner(self) -> dict[str, Any]:
        """The argument that every call takes when the owner of the bucket is given."""
        owner = self._chosen.expected_bucket_owner
        return {"ExpectedBucketOwner": owner} if owner else {}

    def target(self) -> wire.Target:
        """Where the CRT client has to send; botocore's own rules for endpoints decide."""
        if self._target is None:
            self._target = self._find_target()
        return self._target

    def _find_target(self) -> wire.Target:
        parts = urllib.parse.urlsplit(self._url_of("k"))
        bundle = self._core.get_config_variable("ca_bundle")
        return wire.Target(
            secure=parts.scheme == "https",
            host=parts.netloc,
            path=parts.path.removesuffix("/k"),
            region=self.region,
            ca_bundle=str(bundle or ""),
        )

    def _url_of(self, key: str) -> str:
        """Where botocore would send an object. It is stopped just before: a presigned URL, which could tell
        too, names AWS's global host, and that redirects what goes to a bucket younger than a day."""
        found: list[str] = []

        def stop(params: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]]:
            found.append(params["url"])
            return AWSResponse(params["url"], 200, HTTPHeaders(), None), {}

        events: Any = self.client.meta.events  # typed for handlers that answer nothing
        events.register_first("before-call.s3.PutObject", stop)
        try:
            self.client.put_object(Bucket=self.bucket, Key=key)
        finally:
            events.unregister("before-call.s3.PutObject", stop)
        return found[0]

    def follow(self, region: str) -> None:
        """Use the region in which the bucket is."""
        self.region = region
        self.client = self._new_client(region)
        self._target = None

    def _call(self, name: str, **arguments: Any) -> Any:
        """Call the client of this moment: it may be another one after new credentials."""
        return getattr(self.client, name)(Bucket=self.bucket, **arguments)

    def ask(self, call: Callable[[], T]) -> T:
        """Make a call; after expired credentials once more with new ones.

        Raises:
            botocore.exceptions.ClientError: the store's answer, for the caller to understand.
            errors.PublishError: there was none.
        """
        try:
            try:
                return self._in_time(call)
            except botocore.exceptions.ClientError as error:
                if not problems.is_expired(problems.from_boto(error)) or not self.credentials.renew():
                    raise
                return self._in_time(call)
        except botocore.exceptions.ClientError:
            raise
        except botocore.exceptions.BotoCoreError as error:
            raise problems.from_transport(error, self.endpoint) from error
        except (botocore.parsers.ResponseParserError, KeyError, TypeError, ValueError) as error:
            # botocore understands S3's answers; these are its ways to fail at anybody else's.
            raise self._no_s3() from error

    def _no_s3(self) -> errors.Refused:
        return errors.Refused(
            f"{self.endpoint} answers, but not as S3 does.",
            "Check s3-endpoint-url, and for a proxy in between.",
        )

    def _in_time(self, call: Callable[[], T]) -> T:
        """Make a call in a thread of its own: botocore waits for ever for an answer that comes byte by byte."""
        future: futures.Future[T] = futures.Future()

        def make() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
                future.set_exception(error)

        threading.Thread(target=make, name="ask", daemon=True).start()
        try:
            return future.result(self._patience.silence)
        except futures.TimeoutError:
            if future.done():  # the call's own
                raise
            raise errors.Unreachable(
                f"{self.endpoint} began to answer and did not come to an end.", "Try again later."
            ) from None

    def listing(self, prefix: str) -> Iterator[tuple[list[Listed], str]]:
        """Objects below a prefix, page by page, each page with the region that the store names."""
        token: dict[str, Any] = {}
        while True:
            page = self.ask(
                functools.partial(self._call, "list_objects_v2", Prefix=prefix, **self.owner, **token)
            )
            found = [
                Listed(
                    item["Key"],
                    item["Size"],
                    item.get("ETag", ""),
                    frozenset(str(name) for name in item.get("ChecksumAlgorithm", ())),
                )
                for item in page.get("Contents", ())
                if "Key" in item and "Size" in item
            ]
            if ("Name" not in page and "IsTruncated" not in page) or len(found) < len(
                page.get("Contents", ())
            ):
                raise self._no_s3()
            headers = page["ResponseMetadata"].get("HTTPHeaders", {})
            yield found, headers.get("x-amz-bucket-region", "")
            if not page.get("IsTruncated"):
                return
            following = {"ContinuationToken": page.get("NextContinuationToken", "")}
            if following == token or not following["ContinuationToken"]:
                # What is not listed would count as absent, and be overwritten or never skipped.
                raise errors.Refused(
                    f"{self.endpoint} does not list what is there to the end: it says that there is more and not "
                    "how to go on.",
                    "The store must know ListObjectsV2.",
                )
            token = following

    def head(self, key: str) -> Head:
        """One object, with its checksums."""
        found: dict[str, Any] = dict(
            self.ask(
                lambda: self.client.head_object(
                    Bucket=self.bucket, Key=key, ChecksumMode="ENABLED", **self.owner
                )
            )
        )
        return Head(
            size=found.get("ContentLength", -1),
            etag=found.get("ETag", ""),
            checksums={
                name.removeprefix("Checksum"): str(value)
                for name, value in found.items()
                if name.startswith("Checksum") and name != "ChecksumType"
            },
            checksum_type=str(found.get("ChecksumType", "")),
            metadata={name.lower(): value for name, value in found.get("Metadata", {}).items()},
            encryption=str(found.get("ServerSideEncryption", "") or found.get("SSECustomerAlgorithm", "")),
        )

    def read(self, key: str, size: int) -> Iterator[bytes]:
        """Content of an object, in pieces of up to `size` bytes."""
        body = self.ask(lambda: self.client.get_object(Bucket=self.bucket, Key=key, **self.owner))["Body"]
        try:
            yield from body.iter_chunks(size)
        except (botocore.exceptions.BotoCoreError, OSError) as error:
            raise errors.Unreachable(f"{self.endpoint} broke off while an object was read back.") from error
        finally:
            body.close()

    def delete(self, key: str) -> None:
        """Delete one object."""
        self.ask(lambda: self.client.delete_object(Bucket=self.bucket, Key=key, **self.owner))

    def create_upload(self, key: str, headers: dict[str, Any]) -> tuple[str, str, bool]:
        """Open a multipart upload.

        Returns:
            its id, the checksum algorithm that the store says it keeps, and whether it took more than one
            request, so that there may be another upload whose answer was lost.
        """
        found = self.ask(
            lambda: self.client.create_multipart_upload(Bucket=self.bucket, Key=key, **headers, **self.owner)
        )
        if not found.get("UploadId"):
            raise errors.FileFailed(
                f"{key!r}: what answers at {self.endpoint} is not S3 at the moment.",
                "Run again later; what is up is not sent twice.",
                if_all=errors.Unreachable,
            )
        repeated = found["ResponseMetadata"].get("RetryAttempts", 0) > 0
        return found["UploadId"], str(found.get("ChecksumAlgorithm", "")), repeated

    def open_uploads(self, prefix: str) -> Iterator[OpenUpload]:
        """Multipart uploads below a prefix that are still open, anybody's."""
        marker: dict[str, Any] = {}
        while True:
            page = self.ask(
                functools.partial(self._call, "list_multipart_uploads", Prefix=prefix, **self.owner, **marker)
            )
            for item in page.get("Uploads", ()):
                started = item.get("Initiated") or dt.datetime.now(dt.UTC)
                yield OpenUpload(
                    item["Key"],
                    item["UploadId"],
                    started if started.tzinfo else started.replace(tzinfo=dt.UTC),
                    str(item.get("ChecksumAlgorithm", "")),
                )
            following = {
                "KeyMarker": page.get("NextKeyMarker", ""),
                "UploadIdMarker": page.get("NextUploadIdMarker", ""),
            }
            if not page.get("IsTruncated") or not following["KeyMarker"] or following == marker:
                return
            marker = following

    def list_parts(self, key: str, upload: str) -> Iterator[Part]:
        """Parts of an open multipart upload, in order."""
        marker: dict[str, Any] = {}
        while True:
            page = self.ask(
                functools.partial(self._call, "list_parts", Key=key, UploadId=upload, **self.owner, **marker)
            )
            for item in page.get("Parts", ()):
                found = [str(value) for name, value in item.items() if name.startswith("Checksum")]
                yield Part(item["PartNumber"], item["Size"], item["ETag"], found[0] if found else "")
            following = {"PartNumberMarker": page.get("NextPartNumberMarker", 0)}
            if not page.get("IsTruncated") or not following["PartNumberMarker"] or following == marker:
                return
            marker = following

    def complete_upload(
        self, key: str, upload: str, parts: list[CompletedPartTypeDef], more: dict[str, Any]
    ) -> dict[str, Any]:
        """Close a multipart upload."""
        return dict(
            self.ask(
                lambda: self.client.complete_multipart_upload(
                    Bucket=self.bucket,
                    Key=key,
                    UploadId=upload,
                    MultipartUpload={"Parts": parts},
                    **more,
                    **self.owner,
                )
            )
        )

    def abort_upload(self, key: str, upload: str) -> None:
        """Drop a multipart upload with all its parts."""
        self.ask(
            lambda: self.client.abort_multipart_upload(
                Bucket=self.bucket, Key=key, UploadId=upload, **self.owner
            )
        )

    def close(self) -> None:
        """Close connections."""
        self.client.close()


def _stay(params: dict[str, Any], **_: object) -> None:
    """Follow no redirect when botocore asks, after a redirect, where the bucket is: a store that redirects
    everything without naming a region would be asked for ever."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _is_aws(endpoint: str) -> bool:
    host = urllib.parse.urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
