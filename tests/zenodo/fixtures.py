"""What the tests of the mock itself share: a thin client, and fixtures to import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.zenodo import ZenodoServer

DEPOSIT = "/api/deposit/depositions"
GOOD = {"title": "The title", "upload_type": "dataset", "creators": [{"name": "Doe, Jane"}]}


class Client:
    """A session with a token, and addresses that may be relative."""

    def __init__(self, server: ZenodoServer, token: str | None) -> None:
        self.server = server
        self.session = requests.Session()
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method: str, where: str, **how: Any) -> requests.Response:
        url = where if where.startswith("http") else self.server.url + where
        how = {"timeout": 10, "allow_redirects": False, **how}
        return self.session.request(method, url, **how)

    def draft(self, meta: dict[str, Any] | None = None, files: dict[str, bytes] | None = None) -> Any:
        """A draft made over HTTP, read again."""
        made = self("POST", DEPOSIT, json={"metadata": meta} if meta else {}).json()
        for key, data in (files or {}).items():
            assert self("PUT", f"{made['links']['bucket']}/{key}", data=data).status_code == 201
        return self("GET", made["links"]["self"]).json()

    def record(self, files: dict[str, bytes] | None = None, **meta: Any) -> Any:
        """A record published over HTTP."""
        draft = self.draft({**GOOD, **meta}, files or {"README.md": b"0123456789abcd"})
        answer = self("POST", draft["links"]["publish"])
        assert answer.status_code == 202, answer.text
        return answer.json()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ZenodoServer]:
    """A server with the options of the `parametrize(..., indirect=True)`, if any."""
    with ZenodoServer(**getattr(request, "param", {})) as started:
        yield started


@pytest.fixture
def me(server: ZenodoServer) -> Iterator[Client]:
    client = Client(server, server.token)
    yield client
    client.session.close()


@pytest.fixture
def guest(server: ZenodoServer) -> Iterator[Client]:
    client = Client(server, None)
    yield client
    client.session.close()


sandbox = pytest.mark.parametrize("server", [{"sandbox": True}], indirect=True)


def options(**chosen: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("server", [chosen], indirect=True)


def refusal(answer: requests.Response) -> tuple[int, str, dict[str, list[str]]]:
    """Status, message, and the errors by field."""
    body = answer.json()
    assert body["status"] == answer.status_code
    errors = {each["field"]: each["messages"] for each in body.get("errors", ())}
    return answer.status_code, body["message"], errors
