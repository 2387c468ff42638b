"""The remote services of the suite: each lists its files, and can be made to refuse one."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.conformance import in_process
from tests.conftest import Store
from tests.servers.recorder import Recorder, error_xml, recorder
from tests.zenodo import ZenodoServer


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Remote(Protocol):
    """One destination, empty at first."""

    inputs: dict[str, str]
    environment: dict[str, str]

    def there(self) -> dict[str, str]:
        """MD5 of each file, by name."""

    def plant(self, name: str, data: bytes) -> None:
        """Put a file there, as another client would."""

    def deny(self, name: str) -> None:
        """From now on this file is refused."""

    def heal(self) -> None:
        """Nothing is refused any more."""

    def puts(self) -> list[str]:
        """Names of the files whose content was taken since the last call, in the order of the answers."""

    def writes(self) -> int:
        """Requests since the start that could change anything."""


class S3Remote:
    """A prefix of a bucket, behind a recorder."""

    def __init__(self, store: Store, proxy: Recorder) -> None:
        self._store = store
        self._proxy = proxy
        self.inputs = {"s3-dir": f"s3://{store.bucket}/p"}
        self.environment = store.environment | {"AWS_ENDPOINT_URL_S3": proxy.url}

    def there(self) -> dict[str, str]:
        return {key.removeprefix("p/"): md5(self._store.read(key)) for key in self._store.keys("p/")}

    def plant(self, name: str, data: bytes) -> None:
        self._store.client.put_object(Bucket=self._store.bucket, Key=f"p/{name}", Body=data)

    def deny(self, name: str) -> None:
        self._proxy.misbehave("PUT", f"/p/{name}", status=403, body=error_xml("AccessDenied"))

    def heal(self) -> None:
        self._proxy.behave()

    def puts(self) -> list[str]:
        found = [request for request in self._proxy.find("PUT") if request.status == 200]
        self._proxy.clear()
        return [request.path.rpartition("/")[2] for request in found]

    def writes(self) -> int:
        return len(self._proxy.writes)


class ZenodoRemote:
    """A draft of the mocked Zenodo, or of a plain InvenioRDM without Zenodo's older API."""

    def __init__(self, server: ZenodoServer) -> None:
        self._server = server
        self._draft = server.add_draft()
        self._seen = 0
        self.inputs = {
            "zenodo-id": str(self._draft.id),
            "zenodo-url": server.url,
            "zenodo-token": server.token,
            "title": "A title",
            "creators": "Doe, Jane",
        }
        self.environment: dict[str, str] = {}

    def there(self) -> dict[str, str]:
        found = self._server.checksums(self._draft.id)
        return {name: digest or "" for name, digest in found.items()}

    def plant(self, name: str, data: bytes) -> None:
        self._server.add_files(self._draft, {name: data})

    def deny(self, name: str) -> None:
        self._server.faults.add(
            "answer",
            method="PUT",
            path=f"/{name}(/content)?$",
            count=None,
            status=400,
            body={"message": "no"},
        )

    def heal(self) -> None:
        self._server.faults.clear()

    def puts(self) -> list[str]:
        found = self._server.requests[self._seen :]
        self._seen += len(found)
        return [
            each.path.removesuffix("/content").rpartition("/")[2]
            for each in found
            if each.method == "PUT" and each.status in (200, 201) and "/files/" in each.path
        ]

    def writes(self) -> int:
        return sum(each.method not in ("GET", "HEAD") for each in self._server.requests)


@contextlib.contextmanager
def s3(store: Store) -> Iterator[Remote]:
    with recorder(store.url) as proxy:
        yield S3Remote(store, proxy)


@contextlib.contextmanager
def zenodo(kind: str = "zenodo") -> Iterator[Remote]:
    with ZenodoServer(kind=kind) as server:
        yield ZenodoRemote(server)


def run(place: Remote, workspace: Path, **inputs: str) -> in_process.Run:
    """Run on ``out``; dashes of input names are underscores here."""
    given = {"in-dir": "out", "n-jobs": "2", **place.inputs}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return in_process.run(given, workspace=workspace, environment=place.environment)
