"""A draft of the real server as a destination of the conformance suite."""

from __future__ import annotations

from urllib.parse import quote, unquote

from tests.real_zenodo.client import Person
from tests.servers.recorder import Recorder


class RealRemote:
    """It implements `tests.conformance.remotes.Remote`."""

    def __init__(self, proxy: Recorder, owner: Person) -> None:
        self._proxy = proxy
        self._owner = owner
        self._draft = owner.draft()
        self._seen = len(proxy.requests)
        self._began = self._seen
        self.inputs = {
            "zenodo-id": self._draft,
            "zenodo-url": proxy.url,
            "zenodo-token": owner.token,
            "title": "A title",
            "creators": "Doe, Jane",
        }
        self.environment: dict[str, str] = {}

    def there(self) -> dict[str, str]:
        return self._owner.files(self._draft, draft=True)

    def plant(self, name: str, data: bytes) -> None:
        self._owner.upload(self._draft, name, data)

    def deny(self, name: str) -> None:
        body, headers = b'{"status": 403, "message": "no"}', {"Content-Type": "application/json"}
        self._proxy.misbehave("PUT", f"/{quote(name)}/content$", status=403, body=body, headers=headers)

    def heal(self) -> None:
        self._proxy.behave()

    def puts(self) -> list[str]:
        found = self._proxy.requests[self._seen :]
        self._seen += len(found)
        contents = [each for each in found if each.method == "PUT" and each.path.endswith("/content")]
        return [unquote(each.path.split("/")[-2]) for each in contents if each.status == 200]

    def writes(self) -> int:
        return sum(each.writes for each in self._proxy.requests[self._began :])
