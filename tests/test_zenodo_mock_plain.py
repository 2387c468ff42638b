"""The mock as a plain InvenioRDM: no deposit API, ids of letters, its own vocabularies and DOIs."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.zenodo import ZenodoServer
from tests.zenodo.fixtures import DEPOSIT, Client, refusal

NATIVE = {"Accept": "application/vnd.inveniordm.v1+json"}
META: dict[str, Any] = {
    "title": "A plain record",
    "publisher": "A house",
    "publication_date": "2026-01-01",
    "resource_type": {"id": "dataset"},
    "creators": [{"person_or_org": {"type": "personal", "family_name": "Doe", "given_name": "Jane"}}],
}


@pytest.fixture
def plain(request: pytest.FixtureRequest) -> Iterator[Client]:
    """The owner's client of a plain InvenioRDM."""
    with ZenodoServer(kind="invenio", **getattr(request, "param", {})) as server:
        client = Client(server, server.token)
        yield client
        client.session.close()


def options(**chosen: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("plain", [chosen], indirect=True)


def upload(client: Client, draft: str, key: str, data: bytes) -> Any:
    """Begin, content, commit."""
    started = client("POST", f"{draft}/files", json=[{"key": key}])
    assert started.status_code == 201
    (entry,) = (each for each in started.json()["entries"] if each["key"] == key)
    assert client("PUT", entry["links"]["content"], data=data).status_code == 200
    return client("POST", entry["links"]["commit"]).json()


def test_a_life(plain: Client) -> None:
    made = plain("POST", "/api/records", json={"metadata": META}).json()
    assert re.fullmatch(r"[0-9a-z]{5}-[0-9a-z]{5}", made["id"])
    assert made["metadata"]["resource_type"]["title"] == {"en": "Dataset"}, "the native form without asking"
    draft = f"/api/records/{made['id']}/draft"
    done = upload(plain, draft, "d/a ü.txt", b"abc")
    assert done["checksum"] == f"md5:{hashlib.md5(b'abc', usedforsecurity=False).hexdigest()}"
    published = plain("POST", f"{draft}/actions/publish")
    assert (published.status_code, published.json()["pids"]["doi"]["identifier"]) == (
        202,
        f"10.83132/{made['id']}",
    )
    concept = published.json()["parent"]["id"]
    assert published.json()["parent"]["pids"]["doi"]["identifier"] == f"10.83132/{concept}"
    record = f"/api/records/{made['id']}"
    assert plain("GET", f"{record}/files").json()["entries"][0]["key"] == "d/a ü.txt"
    assert plain("GET", f"{record}/files", headers=NATIVE).status_code == 406
    version = plain("POST", f"{record}/versions").json()
    assert (version["parent"]["id"], version["status"], version["files"]["count"]) == (
        concept,
        "new_version_draft",
        0,
    )
    imported = plain("POST", f"/api/records/{version['id']}/draft/actions/files-import")
    assert [each["status"] for each in imported.json()["entries"]] == ["completed"]
    found = plain("GET", "/api/user/records", params={"q": f"parent.id:{concept}", "allversions": "true"})
    assert {each["id"] for each in found.json()["hits"]["hits"]} == {made["id"], version["id"]}


def test_there_is_no_deposit_api(plain: Client) -> None:
    for method, path in (
        ("GET", DEPOSIT),
        ("POST", DEPOSIT),
        ("GET", f"{DEPOSIT}/1"),
        ("PUT", "/api/files/00000000-0000-0000-0000-000000000000/a"),
    ):
        status, message, _ = refusal(plain(method, path))
        assert (status, message[:43]) == (404, "The requested URL was not found on the serv")


def test_its_own_words(plain: Client) -> None:
    for change, word in (
        ({"additional_descriptions": [{"description": "a note", "type": {"id": "notes"}}]}, "notes"),
        ({"rights": [{"id": "agpl-3.0-only"}]}, "agpl-3.0-only"),
        ({"resource_type": {"id": "publication-deliverable"}}, "publication-deliverable"),
    ):
        answer = plain("POST", "/api/records", json={"metadata": {**META, **change}})
        assert answer.json() == {"status": 400, "message": f"Invalid value {word}."}
    own = {"rights": [{"id": "house-1.0"}], "resource_type": {"id": "dataset-imaging"}}
    assert plain("POST", "/api/records", json={"metadata": {**META, **own}}).status_code == 201
    assert plain("GET", "/api/vocabularies/licenses/house-1.0").status_code == 200
    assert plain("GET", "/api/vocabularies/licenses/agpl-3.0-only").status_code == 404


def test_pages_have_no_limit_and_empty_files_are_taken(plain: Client) -> None:
    assert plain("GET", "/api/user/records?size=1000").status_code == 200
    guest = Client(plain.server, None)
    assert refusal(guest("GET", "/api/user/records?size=1000")) == (403, "Permission denied.", {})
    guest.session.close()
    made = plain("POST", "/api/records", json={"metadata": META}).json()
    assert upload(plain, f"/api/records/{made['id']}/draft", "empty", b"")["size"] == 0


def test_all_files_at_once_are_deleted(plain: Client) -> None:
    made = plain("POST", "/api/records", json={"metadata": META}).json()
    draft = f"/api/records/{made['id']}/draft"
    upload(plain, draft, "a", b"a")
    plain("POST", f"{draft}/files", json=[{"key": "pending"}])
    for _ in range(2):
        assert plain("DELETE", f"{draft}/files").status_code == 204
    assert plain("GET", f"{draft}/files").json()["entries"] == []
    for key, status in (("a", 500), ("b", 201)):
        assert plain("POST", f"{draft}/files", json=[{"key": key}]).status_code == status, "its key is dead"


@options(doi_prefix="none")
def test_without_dois(plain: Client) -> None:
    made = plain("POST", "/api/records", json={"metadata": {**META, "publisher": ""}}).json()
    draft = f"/api/records/{made['id']}/draft"
    upload(plain, draft, "a", b"a")
    assert plain("POST", f"{draft}/pids/doi").status_code == 404
    assert "doi" not in plain("POST", f"{draft}/actions/publish").json()["pids"]


@options(required="description", extras=False)
def test_a_smaller_and_stricter_one(plain: Client) -> None:
    made = plain("POST", "/api/records", json={"metadata": META}).json()
    draft = f"/api/records/{made['id']}/draft"
    assert [each["field"] for each in made["errors"]] == ["metadata.description"]
    upload(plain, draft, "a", b"a")
    assert list(refusal(plain("POST", f"{draft}/actions/publish"))[2]) == ["metadata.description"]
    plain("PUT", draft, json={"metadata": {**META, "description": "What it is."}})
    assert plain("POST", f"{draft}/actions/publish").status_code == 202
    assert plain("GET", f"/api/records/{made['id']}/versions/latest").status_code == 404
    assert plain("POST", f"{draft}/actions/files-import").status_code == 404


def test_it_starts_by_hand() -> None:
    command = [
        sys.executable,
        "-m",
        "tests.zenodo",
        "--token",
        "t",
        "--kind",
        "invenio",
        "--required",
        "version",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]}
    ) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        try:
            head = {"Authorization": "Bearer t"}
            made = requests.post(
                f"{url}/api/records", json={"metadata": META}, headers=head, timeout=5
            ).json()
            assert [each["field"] for each in made["errors"]] == ["metadata.version"]
        finally:
            child.send_signal(signal.SIGTERM)
        assert child.wait(5) == 0
