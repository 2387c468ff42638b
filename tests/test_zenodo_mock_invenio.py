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
    made = me(
        "POST", "/api/records", json={"metadata": {**meta, "title": "", "publisher": "X"}}, headers=NATIVE
    )
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
    published = me("POST", f"{own}/actions/publish")
    assert list(refusal(published)[2]) == ["metadata.publisher"]
    deleted = me("DELETE", entry["links"]["self"])
    assert (deleted.status_code, deleted.content) == (204, b"")
    text = f"Record '{made.json()['id']}' has no file 'd/a.txt'."
    assert refusal(me("DELETE", entry["links"]["self"]))[:2] == (404, text)


def test_content_sent_to_a_committed_file_loses_it(server: ZenodoServer, me: Client) -> None:
    version = server.add_draft({"a": b"a", "b": b"b"})
    link = f"/api/records/{version.id}/draft/files/a"
    answer = me("PUT", f"{link}/content", data=b"other")
    assert (answer.status_code, answer.json()["errors"]) == (200, "File upload transfer failed.")
    assert answer.json()["checksum"] == f"md5:{hashlib.md5(b'a', usedforsecurity=False).hexdigest()}"
    assert list(version.content.files) == ["b"]


def test_files_are_begun_all_or_none(server: ZenodoServer, me: Client) -> None:
    version = server.add_draft({"a": b"a"})
    link = f"/api/records/{version.id}/draft/files"
    answer = me("POST", link, json=[{"key": "b"}, {"key": "a"}])
    assert refusal(answer)[:2] == (400, "File with key a already exists.")
    assert list(version.content.files) == ["a"]
    entries = me("POST", link, json=[{"key": "b"}, {"key": "c"}]).json()["entries"]
    assert [(each["key"], each["status"]) for each in entries] == [
        ("a", "completed"),
        ("b", "pending"),
        ("c", "pending"),
    ]
    assert me("POST", f"{link}/b/commit").status_code == 500, "nothing was sent"
    assert me("PUT", f"{link}/b/content", data=b"").status_code == 200
    assert refusal(me("POST", f"{link}/b/commit"))[:2] == (400, "Empty files are not accepted.")
    deposition = me("GET", f"{DEPOSIT}/{version.id}").json()
    assert [each["filename"] for each in deposition["files"]] == ["a"], "the deposition hides what is pending"
    assert me("GET", f"{DEPOSIT}/{version.id}/files").status_code == 500, "its list of files breaks"
    assert list(refusal(me("POST", f"{DEPOSIT}/{version.id}/actions/publish"))[2]) == ["files"]
    assert me("DELETE", f"{link}/b").status_code == 204
    assert me("DELETE", f"{link}/c").status_code == 204
    assert me("POST", f"{DEPOSIT}/{version.id}/actions/publish").status_code == 202


def test_an_edit_takes_a_file_and_cannot_be_published(server: ZenodoServer, me: Client) -> None:
    record = server.add_record({"a": b"a"})
    link = f"/api/records/{record.id}/draft"
    assert me("POST", f"{link}/files", json=[{"key": "b"}]).status_code == 404
    assert me("POST", link, headers=NATIVE).json()["is_draft"] is True
    assert me("POST", f"{link}/files", json=[{"key": "b"}]).status_code == 201
    assert refusal(me("DELETE", f"{link}/files/a"))[:2] == (403, "Bucket is locked for modifications.")
    assert list(refusal(me("POST", f"{link}/actions/publish"))[2]) == ["files"]


def test_a_quota_may_be_raised(server: ZenodoServer, me: Client) -> None:
    version = server.add_draft()
    link = f"/api/records/{version.id}/quota-increase"
    assert me("POST", link, json={"quota_size": "201"}).status_code == 403
    assert me("POST", link, json={"quota_size": "200"}).status_code == 200
    assert version.content.quota == 200 * 10**9


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
    assert me("GET", own, headers=NATIVE).json()["status"] == "in_review"
    assert me("GET", own).json()["status"] == "draft", "only the native form tells"
    assert (
        me("PUT", draft["links"]["self"], json={"metadata": {**GOOD, "title": "Changed"}}).status_code == 200
    )
    assert me("PUT", draft["links"]["bucket"] + "/b", data=b"b").status_code == 201
    server.accept(submitted.json()["id"])
    assert me("GET", f"{DEPOSIT}/{draft['id']}").json()["state"] == "done"
    hits = me("GET", f"/api/records/{draft['id']}/communities").json()["hits"]["hits"]
    assert [each["slug"] for each in hits] == ["cells"]


def test_review_without_waiting(server: ZenodoServer, me: Client) -> None:
    community = server.add_community("open", members=(server.token,), open_policy=True)
    draft = me.draft(GOOD, {"a": b"a"})
    own = f"/api/records/{draft['id']}/draft"
    asked = {"type": "community-submission", "receiver": {"community": "open"}}
    assert refusal(me("PUT", f"{own}/review", json=asked)) == (404, "Not found.", {}), "a slug is not found"
    me("PUT", f"{own}/review", json={**asked, "receiver": {"community": community.id}})
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
