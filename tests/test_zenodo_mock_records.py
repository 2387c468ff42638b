"""The mocked Zenodo: files, publishing, versions, lists."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from tests.zenodo import ZenodoServer
from tests.zenodo.fixtures import DEPOSIT, GOOD, Client, guest, me, options, refusal, sandbox, server

__all__ = ["guest", "me", "server"]  # fixtures

REMOVE = (400, "A validation error occurred.", {"files.enabled": ["Please remove all files first."]})


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


# Files


def test_upload_overwrites_and_reads_back(me: Client) -> None:
    draft = me.draft(GOOD, {"a.txt": b"old", "b.txt": b"b"})
    link = draft["links"]["bucket"] + "/a.txt"
    assert me("PUT", link, data=b"new!").json()["size"] == 4
    again = me("GET", draft["links"]["self"]).json()
    assert {each["filename"]: each["checksum"] for each in again["files"]} == {
        "a.txt": md5(b"new!"),
        "b.txt": md5(b"b"),
    }
    assert me("GET", link).content == b"new!"
    download = next(each for each in again["files"] if each["filename"] == "a.txt")["links"]["download"]
    assert me("GET", download).content == b"new!"


def test_upload_without_a_length(me: Client) -> None:
    draft = me.draft(GOOD)
    answer = me("PUT", draft["links"]["bucket"] + "/a", data=iter([b"one", b"two" * 100_000]))
    assert answer.json()["checksum"] == f"md5:{md5(b'one' + b'two' * 100_000)}"
    assert me.server.requests[-1].headers["transfer-encoding"] == "chunked"
    assert me.server.requests[-1].body == 300_003


@pytest.mark.parametrize("key", ["a%20b%3F%23%25.txt", "%C3%A9t%C3%A9.txt", "x" * 255])
def test_keys(me: Client, key: str) -> None:
    draft = me.draft(GOOD)
    assert me("PUT", f"{draft['links']['bucket']}/{key}", data=b"x").status_code == 201
    (stored,) = me("GET", draft["links"]["files"]).json()
    assert stored["filename"] in ("a b?#%.txt", "été.txt", "x" * 255)
    assert me("GET", stored["links"]["download"]).content == b"x"
    assert me("DELETE", stored["links"]["self"]).status_code == 204
    assert me("GET", draft["links"]["files"]).json() == []


def test_keys_refused(me: Client) -> None:
    bucket = me.draft(GOOD)["links"]["bucket"]
    assert me("PUT", f"{bucket}/a/b", data=b"x").status_code == 404
    assert me("PUT", f"{bucket}/a%2Fb", data=b"x").status_code == 404
    assert refusal(me("PUT", f"{bucket}/{'x' * 256}", data=b"x")) == (400, "Filename is too long.", {})
    assert me("PUT", f"{bucket[:-4]}0000/a", data=b"x").status_code == 404
    assert me("PUT", "/api/files/no-uuid/a", data=b"x").status_code == 500


@pytest.mark.parametrize(
    ("server", "status"), [({}, 400), ({"empty_files_allowed": True}, 201)], indirect=["server"]
)
def test_empty_file(me: Client, status: int) -> None:
    assert me("PUT", me.draft(GOOD)["links"]["bucket"] + "/a", data=b"").status_code == status


@options(quota=10, max_file=8)
def test_quota(me: Client) -> None:
    bucket = me.draft(GOOD)["links"]["bucket"]
    assert refusal(me("PUT", f"{bucket}/a", data=b"x" * 9))[1] == "Maximum file size exceeded."
    assert me("PUT", f"{bucket}/a", data=b"x" * 8).status_code == 201
    assert me("PUT", f"{bucket}/a", data=b"y" * 8).status_code == 201, "the old one makes room"
    assert refusal(me("PUT", f"{bucket}/b", data=b"x" * 3))[:2] == (400, "Bucket quota exceeded.")
    assert refusal(me("PUT", f"{bucket}/b", data=iter([b"xx", b"x"])))[1] == "Bucket quota exceeded."
    assert me("PUT", f"{bucket}/b", data=b"x" * 2).status_code == 201


@options(max_files=2)
def test_number_of_files(me: Client) -> None:
    draft = me.draft(GOOD, {"a": b"a", "b": b"b"})
    answer = me("PUT", draft["links"]["bucket"] + "/c", data=b"c")
    text = "Uploading selected files will result in exceeding the max amount per record."
    assert answer.json() == {"status": 400, "message": text}
    assert me("PUT", draft["links"]["bucket"] + "/b", data=b"c").status_code == 201


def test_documented_but_not_there(me: Client) -> None:
    draft = me.draft(GOOD, {"a": b"a"})
    assert me("PUT", draft["links"]["files"], json=[]).status_code == 405
    assert me("PUT", draft["files"][0]["links"]["self"], json={}).status_code == 405


@pytest.mark.parametrize(
    ("server", "status"), [({}, 500), ({"bucket_bugs": False}, 204)], indirect=["server"]
)
def test_bucket_delete_works_whatever_it_says(me: Client, status: int) -> None:
    draft = me.draft(GOOD, {"a": b"a"})
    assert me("DELETE", draft["links"]["bucket"] + "/a").status_code == status
    assert me("GET", draft["links"]["files"]).json() == []
    assert me("GET", draft["links"]["bucket"]).status_code == (500 if status == 500 else 200)


def test_buckets_of_published_records_are_locked(me: Client) -> None:
    record = me.record({"a": b"a"})
    bucket = record["links"]["bucket"]
    assert refusal(me("PUT", f"{bucket}/new", data=b"x"))[:2] == (404, "Not found.")
    assert refusal(me("PUT", f"{bucket}/a", data=b"x"))[:2] == (403, "Permission denied.")
    assert refusal(me("DELETE", f"{bucket}/a"))[:2] == (403, "Permission denied.")
    editing = me("POST", record["links"]["edit"]).json()
    for where in (bucket, editing["links"]["bucket"]):
        assert refusal(me("PUT", f"{where}/a", data=b"x"))[:2] == (403, "Bucket is locked for modifications.")
    assert me("DELETE", editing["files"][0]["links"]["self"]).status_code == 403
    assert me("GET", f"{bucket}/a").content == b"a"


@options(sink=True)
def test_sink_keeps_sums_only(server: ZenodoServer, me: Client) -> None:
    draft = me.draft(GOOD, {"a": b"x" * 1000})
    assert draft["files"][0]["checksum"] == md5(b"x" * 1000)
    assert me("GET", draft["links"]["bucket"] + "/a").status_code == 404
    assert list(server.state.folder.iterdir()) == []


# Publishing, editing, deleting


def test_publish_refusals_come_in_rounds(me: Client) -> None:
    draft = me.draft({"description": "Nothing else."})
    needed = ["Missing data for required field."]
    publish, own = draft["links"]["publish"], draft["links"]["self"]
    assert refusal(me("POST", publish))[2] == {
        "metadata.title": needed,
        "metadata.creators": needed,
        "metadata.resource_type": needed,
    }
    me("PUT", own, json={"metadata": GOOD})
    status, _, errors = refusal(me("POST", publish))
    assert (status, list(errors)) == (400, ["files.enabled"])
    me("POST", f"/api/records/{draft['id']}/draft/files", json=[{"key": "a"}])
    assert list(refusal(me("POST", publish))[2]) == ["files"]
    assert me("GET", own).json()["files"] == [], "a pending file is not shown"
    me("PUT", draft["links"]["bucket"] + "/a", data=b"x")
    assert me("POST", publish).status_code == 202
    assert refusal(me("POST", publish)) == (404, "Not found.", {})
    assert me("PUT", own, json={"metadata": GOOD}).status_code == 404
    assert me("DELETE", own).status_code == 404


@pytest.mark.parametrize(
    ("server", "prefix"), [({}, "10.5281"), ({"sandbox": True}, "10.5072")], indirect=["server"]
)
def test_minted_doi(me: Client, prefix: str) -> None:
    record = me.record()
    assert record["doi"] == f"{prefix}/zenodo.{record['id']}"
    assert record["conceptdoi"] == f"{prefix}/zenodo.{record['conceptrecid']}"
    assert record["metadata"]["prereserve_doi"]["doi"] == f"10.5281/zenodo.{record['id']}"


@sandbox
def test_reserved_sandbox_doi_must_not_be_written_back(me: Client) -> None:
    draft = me.draft(GOOD, {"a": b"a"})
    link = f"/api/records/{draft['id']}/draft/pids/doi"
    reserved = me("POST", link)
    assert (reserved.status_code, reserved.json()["doi"]) == (201, f"10.5072/zenodo.{draft['id']}")
    assert refusal(me("POST", link))[2] == {"pids.doi": ["A PID already exists for type doi"]}
    for doi in (reserved.json()["doi"], draft["metadata"]["prereserve_doi"]["doi"]):
        meta = {**GOOD, "doi": doi}
        assert me("PUT", draft["links"]["self"], json={"metadata": meta}).status_code == 200
        assert list(refusal(me("POST", draft["links"]["publish"]))[2]) == ["pids.doi"]


def test_external_doi_has_no_versions(me: Client) -> None:
    record = me.record(doi="10.1234/mine")
    assert record["doi"] == "10.1234/mine"
    for where in (record["links"]["newversion"], f"/api/records/{record['id']}/versions"):
        assert refusal(me("POST", where)) == (403, "Permission denied.", {})


def test_delete_and_discard_are_one(me: Client) -> None:
    first, second = me.draft(GOOD), me.draft(GOOD)
    answer = me("DELETE", first["links"]["self"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert me("DELETE", first["links"]["self"]).status_code == 404
    assert me("POST", second["links"]["discard"]).status_code == 204
    assert me("GET", second["links"]["self"]).status_code == 404


def test_edit(me: Client) -> None:
    record = me.record()
    opened = [me("POST", record["links"]["edit"]) for _ in range(2)]
    assert [each.status_code for each in opened] == [201, 201]
    own = opened[0].json()["links"]["self"]
    changed = me("PUT", own, json={"metadata": {**GOOD, "title": "Another"}}).json()
    assert (changed["state"], changed["submitted"], changed["doi"]) == ("inprogress", True, record["doi"])
    assert me("GET", f"/api/records/{record['id']}").json()["title"] == "The title"
    again = me("POST", record["links"]["publish"])
    assert (again.status_code, again.json()["doi"]) == (202, record["doi"])
    assert again.json()["links"]["bucket"] == record["links"]["bucket"]
    assert me("GET", f"/api/records/{record['id']}").json()["title"] == "Another"


def test_edit_of_a_draft_gives_the_draft(me: Client) -> None:
    draft = me.draft(GOOD)
    answer = me("POST", draft["links"]["edit"])
    assert (answer.status_code, answer.json()) == (201, draft)


# Versions


def test_newversion_inherits(me: Client) -> None:
    record = me.record({"a": b"a", "b": b"b"}, version="1", publication_date="2020-01-01")
    answer = me("POST", record["links"]["newversion"])
    draft = answer.json()
    assert answer.status_code == 201
    assert draft["id"] != record["id"]
    assert draft["conceptrecid"] == record["conceptrecid"]
    assert draft["conceptdoi"] == record["conceptdoi"]
    assert "doi" not in draft
    assert [(each["id"], each["checksum"]) for each in draft["files"]] == [
        (each["id"], each["checksum"]) for each in record["files"]
    ]
    assert "version" not in draft["metadata"]
    assert draft["metadata"]["publication_date"] != "2020-01-01"
    latest_draft = me("GET", f"{DEPOSIT}/{record['id']}").json()["links"]["latest_draft"]
    assert latest_draft.endswith(f"/{record['id']}"), "it points at itself"
    assert refusal(me("POST", record["links"]["newversion"])) == REMOVE
    me("PUT", draft["links"]["bucket"] + "/a", data=b"changed")
    assert me("GET", record["links"]["bucket"] + "/a").content == b"a"
    assert me("GET", draft["links"]["bucket"] + "/a").content == b"changed"


def test_newversion_of_an_emptied_draft_imports_again(me: Client) -> None:
    record = me.record({"a": b"a"})
    draft = me("POST", record["links"]["newversion"]).json()
    me("DELETE", draft["files"][0]["links"]["self"])
    again = me("POST", record["links"]["newversion"])
    assert again.status_code == 201
    assert again.json()["id"] == draft["id"]
    assert [each["filename"] for each in again.json()["files"]] == ["a"]


def test_newversion_of_what_is_not_published(me: Client) -> None:
    record = me.record()
    assert me("POST", me.draft(GOOD)["links"]["newversion"]).status_code == 404
    assert me("POST", f"{DEPOSIT}/{record['conceptrecid']}/actions/newversion").status_code == 404


def test_versions_without_files_again_and_again(me: Client) -> None:
    record = me.record({"a": b"a"})
    link = f"/api/records/{record['id']}/versions"
    made = [me("POST", link) for _ in range(2)]
    assert [each.status_code for each in made] == [201, 201]
    assert made[0].json()["id"] == made[1].json()["id"]
    assert made[0].json()["files"] == []
    own = f"/api/records/{made[0].json()['id']}/draft"
    assert me("POST", f"{own}/actions/files-import").status_code == 201
    assert refusal(me("POST", f"{own}/actions/files-import")) == REMOVE
    published = me("POST", f"{own}/actions/publish")
    assert published.status_code == 202
    assert published.json()["metadata"]["relations"]["version"][0]["index"] == 1
    hits = me("GET", link).json()["hits"]["hits"]
    assert [each["id"] for each in hits] == [made[0].json()["id"], record["id"]]


def test_concept_and_latest_lead_to_the_newest(server: ZenodoServer, me: Client, guest: Client) -> None:
    first = server.add_record({"a": b"a"})
    second = server.add_version(first, {"b": b"b"})
    newest = f"{server.url}/api/records/{second.id}"
    concept = guest("GET", f"/api/records/{first.concept.id}")
    assert (concept.status_code, concept.headers["Location"]) == (302, f"/api/records/{second.id}")
    for number in (first.id, second.id, first.concept.id):
        latest = guest("GET", f"/api/records/{number}/versions/latest")
        assert (latest.status_code, latest.headers["Location"]) == (301, newest)
    assert sorted(server.checksums(second.id)) == ["a", "b"]
    assert sorted(server.checksums(first.id)) == ["a"]
    server.delete_record(second)
    assert guest("GET", newest).status_code == 410
    assert guest("GET", f"/api/records/{first.concept.id}").headers["Location"].endswith(f"/{first.id}")


def test_records_unpublished_and_unknown(server: ZenodoServer, me: Client) -> None:
    draft = me.draft(GOOD)
    assert me("GET", f"/api/records/{draft['id']}").json()["message"].endswith("is not registered.")
    assert me("GET", f"/api/records/{draft['conceptrecid']}").status_code == 404
    assert me("GET", "/api/records/1").json()["message"].endswith("does not exist.")
    assert me("GET", f"/api/records/{draft['id']}/draft").json()["state"] == "unsubmitted"


def test_record_in_the_hybrid_form(me: Client, guest: Client) -> None:
    record = me.record({"a b.txt": b"abc"})
    body = guest("GET", f"/api/records/{record['id']}").json()
    assert (body["id"], body["recid"], body["conceptrecid"]) == (
        record["id"],
        str(record["id"]),
        record["conceptrecid"],
    )
    assert (body["doi"], body["conceptdoi"]) == (record["doi"], record["conceptdoi"])
    assert (body["state"], body["submitted"], body["status"]) == ("done", True, "published")
    assert body["metadata"]["resource_type"] == {"title": "Dataset", "type": "dataset"}
    assert body["metadata"]["license"] == {"id": "cc-zero"}
    (stored,) = body["files"]
    assert (stored["key"], stored["size"], stored["checksum"]) == ("a b.txt", 3, f"md5:{md5(b'abc')}")
    assert guest("GET", stored["links"]["self"]).content == b"abc"


def test_restricted_files_are_not_for_guests(me: Client, guest: Client) -> None:
    record = me.record(access_right="restricted")
    assert guest("GET", f"/api/records/{record['id']}").status_code == 200
    assert guest("GET", record["links"]["files"]).status_code == 403
    assert me("GET", record["links"]["files"]).status_code == 200


# Lists


def test_list_pages_and_filters(server: ZenodoServer, me: Client) -> None:
    made = [server.add_draft(title=f"Number {n}") for n in range(3)]
    record = server.add_record(title="Published")
    server.add_version(record)
    server.add_draft(token=server.add_user(), title="Not mine")
    assert len(me("GET", DEPOSIT).json()) == 4
    assert len(me("GET", f"{DEPOSIT}?all_versions=true").json()) == 5
    pages = [me("GET", f"{DEPOSIT}?size=3&page={page}").json() for page in (1, 2, 3)]
    assert [len(each) for each in pages] == [3, 1, 0]
    assert len({each["id"] for each in itertools.chain(*pages)}) == 4
    (hit,) = me("GET", DEPOSIT, params={"q": f"conceptrecid:{made[1].concept.id}"}).json()
    assert hit["id"] == made[1].id
    assert [each["title"] for each in me("GET", DEPOSIT, params={"q": '"Number 2"'}).json()] == ["Number 2"]
    assert len(me("GET", DEPOSIT, params={"status": "draft"}).json()) == 4, "ignored by the service"
    assert me("GET", DEPOSIT, params={"size": "101"}).status_code == 400
    assert me("GET", "/api/user/records").json()["hits"]["total"] == 4
    public = me("GET", "/api/records", params={"q": f"conceptrecid:{record.concept.id}"}).json()["hits"]
    assert [each["status"] for each in public["hits"]] == ["published"]


@options(stale_requests=2)
def test_stale_index(server: ZenodoServer, me: Client) -> None:
    made = me("POST", DEPOSIT, json={}).json()
    assert [len(me("GET", DEPOSIT).json()) for _ in range(3)] == [0, 0, 1]
    assert me("GET", made["links"]["self"]).status_code == 200


@options(stale_seconds=0.2)
def test_stale_index_by_time(server: ZenodoServer, me: Client) -> None:
    me("POST", DEPOSIT, json={})
    assert me("GET", DEPOSIT).json() == []
    server.state.versions[max(server.state.versions)].born -= 0.2
    assert len(me("GET", DEPOSIT).json()) == 1
