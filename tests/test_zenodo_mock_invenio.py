"""The mocked Zenodo: InvenioRDM's own paths, reviews and communities."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.zenodo import ZenodoServer
from tests.zenodo.fixtures import DEPOSIT, GOOD, Client, me, refusal, server

__all__ = ["me", "server"]  # fixtures

NATIVE = {"Accept": "application/vnd.inveniordm.v1+json"}


def test_native_draft_and_files(me: Client) -> None:
    meta: dict[str, Any] = {
        "title": "Native",
        "resource_type": {"id": "dataset"},
        "creators": [{"person_or_org": {"type": "personal", "family_name": "Doe", "given_name": "Jane"}}],
        "publication_date": "2026-01-01",
        "rights": [{"id": "cc-by-4.0"}],
    }
    hat = {**meta, "resource_type": {"id": "hat"}}
    refused = me("POST", "/api/records", json={"metadata": hat}, headers=NATIVE)
    assert refused.json() == {"status": 400, "message": "Invalid value hat."}
    made = me("POST", "/api/records", json={"metadata": {**meta, "title": "", "publisher": "X"}}, headers=NATIVE)
    assert made.status_code == 201
    assert [each["field"] for each in made.json()["errors"]] == ["metadata.title"]
    own = f"/api/records/{made.json()['id']}/draft"
    put = me("PUT", own, json={"metadata": meta}, headers=NATIVE)
    assert put.status_code == 200
    assert [each["field"] for each in put.json()["errors"]] == ["files.enabled", "metadata.publisher"]
    assert put.json()["metadata"]["rights"][0]["id"] == "cc-by-4.0"
    started = me("POST", f"{own}/files", json=[{"key": "d/a.txt"}])
    (entry,) = started.json()["entries"]
    assert (started.status_code, entry["status"], "checksum" in entry) == (201, "pending", False)
    sent = me("PUT", entry["links"]["content"], data=b"abc")
    assert (sent.status_code, sent.json()["status"]) == (200, "pending")
    done = me("POST", entry["links"]["commit"])
    assert (done.json()["status"], done.json()["checksum"]) == (
        "completed",
        f"md5:{hashlib.md5(b'abc', usedforsecurity=False).hexdigest()}",
    )
    text = "File with key d/a.txt is already committed."
    assert refusal(me("PUT", entry["links"]["content"], data=b"abc"))[:2] == (400, text)
    published = me("POST", f"{own}/actions/publish")
    assert list(refusal(published)[2]) == ["metadata.publisher"]
    deleted = me("DELETE", entry["links"]["self"])
    assert (deleted.status_code, deleted.content) == (204, b"")


def test_review_of_a_draft(server: ZenodoServer, me: Client) -> None:
    curator = server.add_user()
    community = server.add_community("cells", members=(curator,))
    draft = me.draft(GOOD, {"a": b"a"})
    own = f"/api/records/{draft['id']}/draft"
    asked = {"type": "community-submission", "receiver": {"community": community.id}}
    named = me("PUT", f"{own}/review", json=asked)
    assert (named.status_code, named.json()["status"]) == (200, "created")
    assert me("POST", draft["links"]["publish"]).status_code == 400
    submitted = me("POST", f"{own}/actions/submit-review", json={})
    assert (submitted.status_code, submitted.json()["is_open"]) == (202, True)
    for method, where in (
        ("POST", draft["links"]["publish"]),
        ("POST", draft["links"]["edit"]),
        ("DELETE", draft["links"]["self"]),
    ):
        assert "review" in refusal(me(method, where))[1]
    assert me("DELETE", f"{own}/review").status_code == 400
    server.accept(submitted.json()["id"])
    assert me("GET", f"{DEPOSIT}/{draft['id']}").json()["state"] == "done"
    hits = me("GET", f"/api/records/{draft['id']}/communities").json()["hits"]["hits"]
    assert [each["slug"] for each in hits] == ["cells"]


def test_review_without_waiting(server: ZenodoServer, me: Client) -> None:
    server.add_community("open", members=(server.token,), open_policy=True)
    draft = me.draft(GOOD, {"a": b"a"})
    own = f"/api/records/{draft['id']}/draft"
    me("PUT", f"{own}/review", json={"type": "community-submission", "receiver": {"community": "open"}})
    assert me("POST", f"{own}/actions/submit-review").json()["status"] == "accepted"
    assert me("GET", f"/api/records/{draft['id']}").status_code == 200


def test_inclusion_of_a_record(server: ZenodoServer, me: Client) -> None:
    server.add_community("closed")
    server.add_community("open", members=(server.token,), open_policy=True)
    record = me.record(communities=[{"identifier": "closed"}])
    assert "communities" not in record["metadata"], "the legacy field includes nothing that needs a review"
    link = f"/api/records/{record['id']}/communities"
    answer = me("POST", link, json={"communities": [{"id": "closed"}, {"id": "open"}, {"id": "none"}]})
    assert answer.status_code == 200
    assert [each["request"]["status"] for each in answer.json()["processed"]] == ["submitted", "accepted"]
    assert [each["message"] for each in answer.json()["errors"]] == ["Community not found."]
    assert me("POST", link, json={"communities": [{"id": "closed"}]}).status_code == 400
    waiting = answer.json()["processed"][0]["request"]["links"]
    assert me("POST", waiting["actions"]["accept"]).status_code == 403
    assert me("POST", waiting["actions"]["cancel"]).json()["status"] == "cancelled"
    second = me("POST", f"/api/records/{record['id']}/versions").json()["id"]
    asked = {"type": "community-submission", "receiver": {"community": "open"}}
    assert me("PUT", f"/api/records/{second}/draft/review", json=asked).status_code == 400
