"""The remote services: two S3 servers and the mocked Zenodo, and their state after a run."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import boto3
import botocore.exceptions
from botocore.config import Config

from entrypoint.destinations.s3 import checksums
from tests.servers import localstack as locally
from tests.servers import rclone as rcloned
from tests.zenodo import ZenodoServer
from tests.zenodo.state import Id

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET: Final = "faults"
SECRET: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYplantedkey"
"""A secret key as AWS makes them, for stores that take any."""
TOKEN: Final = "FwoGZXIvYXdzEplantedsessiontoken1234567890=="


def digest(data: bytes) -> str:
    """MD5 in hex, by which contents are compared here."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Remote(Protocol):
    """A place that was published to."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be seen anywhere."""


@dataclass(frozen=True)
class S3Store:
    """A server that lasts for many runs."""

    name: str
    url: str
    client: S3Client
    environment: Mapping[str, str]
    secrets: tuple[str, ...]
    folder: Path | None = None


@dataclass(frozen=True)
class S3Prefix:
    """A prefix of one run's own."""

    store: S3Store
    prefix: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be seen anywhere."""
        return self.store.secrets

    @property
    def url(self) -> str:
        """For s3-dir."""
        return f"s3://{BUCKET}/{self.prefix}"

    def put(self, files: Mapping[str, bytes]) -> None:
        """As another client would have."""
        for name, data in files.items():
            self.store.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", Body=data)

    def contents(self) -> dict[str, str]:
        """Digest of each object, by its name below the prefix."""
        for _ in range(2):
            # What a client that was ended had sent may still be on its way into the store.
            with contextlib.suppress(botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                return self._contents()
            time.sleep(0.5)
        return self._contents()

    def _contents(self) -> dict[str, str]:
        client, found = self.store.client, {}
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{self.prefix}/")
        for page in pages:
            for entry in page.get("Contents", ()):
                body = client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"]
                hashed = hashlib.md5(usedforsecurity=False)
                for piece in body.iter_chunks(1 << 20):
                    hashed.update(piece)
                found[entry["Key"].removeprefix(f"{self.prefix}/")] = hashed.hexdigest()
        return found

    def left_open(self) -> list[str]:
        """Multipart uploads below the prefix."""
        return [key for key, _ in self._uploads()]

    def left_to_continue(self) -> list[str]:
        """Those that hold a whole part of the product's, by which a later run knows them; others cost nothing."""
        client, found = self.store.client, []
        for key, upload in self._uploads():
            parts = client.list_parts(Bucket=BUCKET, Key=key, UploadId=upload).get("Parts", ())
            if any(checksums.is_own_part(part["Size"]) for part in parts):
                found.append(key)
        return found

    def _uploads(self) -> list[tuple[str, str]]:
        client = self.store.client
        try:
            found = client.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{self.prefix}/")
        except client.exceptions.NoSuchUpload:  # what rclone says where there never was any
            return []
        return [(upload["Key"], upload["UploadId"]) for upload in found.get("Uploads", ())]

    def break_off(self, name: str, data: bytes) -> None:
        """Leave an upload open that holds the first part, as a run leaves it that was killed."""
        client, key = self.store.client, f"{self.prefix}/{name}"
        size = checksums.part_size(len(data))
        upload = client.create_multipart_upload(
            Bucket=BUCKET, Key=key, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
        )["UploadId"]
        client.upload_part(
            Bucket=BUCKET,
            Key=key,
            UploadId=upload,
            PartNumber=1,
            Body=data[:size],
            ChecksumAlgorithm="CRC64NVME",
        )

    def clear(self) -> None:
        """Delete everything below the prefix."""
        client = self.store.client
        for name in self.contents():
            client.delete_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")
        for key, upload in self._uploads():
            client.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)


@contextlib.contextmanager
def stores() -> Iterator[dict[str, S3Store]]:
    """LocalStack and rclone, each with the bucket."""
    with locally.localstack() as url, rcloned.rclone() as other:
        yield {
            "localstack": localstack_at(url),
            "rclone": rclone_at(other),
        }


def localstack_at(url: str) -> S3Store:
    """A LocalStack that runs, with the bucket and keys that have to be kept secret."""
    keys = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
    }
    return _store("localstack", url, keys, (SECRET, TOKEN))


def rclone_at(server: rcloned.Rclone) -> S3Store:
    """An rclone that runs, with the bucket."""
    return _store("rclone", server.url, server.credentials, (server.secret,))


def _store(name: str, url: str, keys: Mapping[str, str], secrets: tuple[str, ...]) -> S3Store:
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name=locally.REGION,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(
            s3={"addressing_style": "path"},
            max_pool_connections=32,
            read_timeout=10,
            retries={"total_max_attempts": 2},
            # Data that was corrupted in transit is to be inspected, not refused.
            response_checksum_validation="when_required",
        ),
    )
    there = (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists)
    with contextlib.suppress(*there):
        client.create_bucket(Bucket=BUCKET)
    environment = {"AWS_REGION": locally.REGION, "AWS_CONFIG_FILE": "/dev/null", **keys}
    return S3Store(name, url, client, environment, secrets)


class ZenodoDrafts:
    """A Zenodo of one run's own."""

    def __init__(self, server: ZenodoServer) -> None:
        self.server = server
        self.before = frozenset(server.state.versions)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be seen anywhere."""
        return (self.server.token,)

    @property
    def new(self) -> list[Id]:
        """Ids of drafts and records that were not there before, the newest last."""
        return [each for each in self.server.state.versions if each not in self.before]

    def contents(self) -> dict[str, str]:
        """Digest of each file of the newest draft or record that is new."""
        return self.of(self.new[-1]) if self.new else {}

    def of(self, number: Id) -> dict[str, str]:
        """Digest of each file of one draft or record."""
        return {name: found or "" for name, found in self.server.checksums(number).items()}

    def published(self, number: Id) -> bool:
        """Whether it is out."""
        return self.server.version(number).published is not None

    def left_open(self) -> list[str]:
        """More than one new draft is one too many."""
        return [str(number) for number in self.new[:-1]]
