"""A client of a mocked Zenodo that speaks InvenioRDM's own form."""

from __future__ import annotations

from typing import Any

import requests

from entrypoint import errors
from entrypoint.destinations.zenodo import metadata
from tests.zenodo import ZenodoServer


class Service:
    """What a client does with the mocked service."""

    def __init__(self, server: ZenodoServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {server.token}"
        self.session.headers["Accept"] = "application/vnd.inveniordm.v1+json"

    def ask(self, path: str) -> object | None:
        answer = self.session.get(f"{self.server.url}{path}")
        if answer.status_code in (404, 405, 501):
            return None
        if not answer.ok:
            raise errors.Refused(f"{path} is a {answer.status_code}.")
        found: object = answer.json()
        return found

    def send(self, method: str, path: str, body: object = None) -> Any:
        answer = self.session.request(method, f"{self.server.url}/api/records{path}", json=body)
        assert answer.ok, answer.text
        return answer.json()

    def draft(self, body: Any) -> Any:
        """A draft with this body, as it is shown."""
        number = self.send("POST", "", body)["id"]
        return self.send("GET", f"/{number}/draft")

    def written(self, draft: Any, body: Any) -> Any:
        """The draft once a body was written; nothing of it may be refused."""
        answer = self.send("PUT", f"/{draft['id']}/draft", body)
        assert metadata.problems_of(answer.get("errors", [])) == []
        return self.send("GET", f"/{draft['id']}/draft")
