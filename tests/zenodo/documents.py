"""The views of a record that are Zenodo's own: the deposition, and the hybrid form of `/api/records`; and files.

The deposition and the file documents follow recordings; the record documents follow the service's code, with
the links that a client could follow.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.zenodo import legacy_dump, native, state
from tests.zenodo.native import completed, mimetype, quoted

Json = dict[str, Any]


def _badge(zenodo: state.Zenodo, doi: str) -> str:
    return f"{zenodo.base}/badge/doi/{quote(doi, safe='')}.svg"


def _metadata(zenodo: state.Zenodo, version: state.Version, document: Json) -> Json:
    """The deposit form of a native document's metadata."""
    asked = document["custom_fields"].get("legacy:communities", [])
    slugs = dict.fromkeys([*asked, *(each.slug for each in version.concept.communities)])
    return legacy_dump.dump({**document, "communities": list(slugs)})


def deposition_metadata(zenodo: state.Zenodo, version: state.Version, *, draft: bool) -> Json:
    """The `metadata` of a deposition."""
    meta = _metadata(zenodo, version, native.record(zenodo, version, draft=draft))
    # Hard-coded on the sandbox too, where another DOI will be minted.
    return meta | {"prereserve_doi": {"doi": f"10.5281/zenodo.{version.id}", "recid": version.id}}


def _dois(version: state.Version, doi: str | None) -> Json:
    found: Json = {}
    if doi:
        found["doi"] = doi
    if version.concept.doi:
        found["conceptdoi"] = version.concept.doi
    if doi:
        found["doi_url"] = f"https://doi.org/{doi}"
    return found


def deposition(zenodo: state.Zenodo, version: state.Version, *, hit: bool = False) -> Json:
    """A deposition. A `hit` of a list has no bucket, and files and DOI as the index knows them."""
    content = version.content
    meta = deposition_metadata(zenodo, version, draft=version.draft is not None)
    files, doi = completed(content), content.doi
    if hit:
        old, doi = version.indexed
        files = [each for each in old.values() if each.status == "completed"]
        meta.pop("doi", None)
        meta |= {"doi": doi} if doi else {}
    return {
        "created": version.created,
        "modified": version.modified,
        "id": version.id,
        "conceptrecid": str(version.concept.id),
        **_dois(version, doi),
        "metadata": meta,
        "title": content.metadata.get("title", ""),
        "links": _deposition_links(zenodo, version, bucket=not hit),
        "record_id": version.id,
        "owner": version.concept.owner.id,
        "files": [deposition_file(zenodo, version, each) for each in files],
        "state": version.state,
        "submitted": version.published is not None,
    }


def _deposition_links(zenodo: state.Zenodo, version: state.Version, bucket: bool) -> Json:
    base, number, content = zenodo.base, version.id, version.content
    deposit = f"{base}/api/deposit/depositions/{number}"
    record = f"{base}/api/records/{number}"
    done = version.state == "done"
    links = {
        "self": record if done else deposit,
        "html": f"{base}/records/{number}" if done else f"{base}/deposit/{number}",
    }
    if content.doi:
        links["doi"] = f"https://doi.org/{content.doi}"
    if done and version.concept.doi:
        links["parent_doi"] = f"{base}/doi/{version.concept.doi}"
    links["badge"] = _badge(zenodo, content.doi or "")
    if done and version.concept.doi:
        links["conceptbadge"] = _badge(zenodo, version.concept.doi)
    links["files"] = f"{record if done else deposit}/files"
    if bucket:
        links["bucket"] = f"{base}/api/files/{content.bucket}"
    # Always the object itself, never a newer draft.
    links |= {"latest_draft": deposit, "latest_draft_html": f"{base}/deposit/{number}"}
    links |= {name: f"{deposit}/actions/{name}" for name in ("publish", "edit", "discard", "newversion")}
    if version.published:
        links |= {
            "record": record,
            "record_html": f"{base}/record/{number}",
            "latest": f"{record}/versions/latest",
            "latest_html": f"{base}/record/{number}/versions/latest",
        }
    return links


def deposition_file(zenodo: state.Zenodo, version: state.Version, stored: state.StoredFile) -> Json:
    """A file in a deposition: bare hex checksum, a download link that is of use in drafts only."""
    part = "records" if version.state == "done" else "deposit/depositions"
    return {
        "id": stored.file_id,
        "filename": stored.key,
        "filesize": stored.size,
        "checksum": stored.md5,
        "links": {
            "self": f"{zenodo.base}/api/{part}/{version.id}/files/{stored.file_id}",
            "download": f"{zenodo.base}/api/records/{version.id}/draft/files/{quoted(stored.key)}/content",
        },
    }


def bucket_object(zenodo: state.Zenodo, bucket: str, stored: state.StoredFile) -> Json:
    """The answer to a bucket PUT."""
    link = f"{zenodo.base}/api/files/{bucket}/{quoted(stored.key)}"
    return {
        "created": stored.created,
        "updated": stored.updated,
        "version_id": stored.version_id,
        "key": stored.key,
        "size": stored.size,
        "mimetype": mimetype(stored.key),
        "checksum": f"md5:{stored.md5}",
        "is_head": True,
        "delete_marker": False,
        "links": {
            "self": link,
            "version": f"{link}?version_id={stored.version_id}",
            "uploads": f"{link}?uploads=1",
        },
    }


def record_file(zenodo: state.Zenodo, version: state.Version, stored: state.StoredFile, draft: bool) -> Json:
    """A file of InvenioRDM; a pending one has neither checksum nor size.

    Its links leave brackets alone, a recording shows, which those of the deposit API do not.
    """
    link = (
        f"{zenodo.base}/api/records/{version.id}{'/draft' if draft else ''}/files/{quoted(stored.key, '[]')}"
    )
    entry: Json = {"key": stored.key, "storage_class": "L"}
    if stored.status == "completed":
        entry |= {"checksum": f"md5:{stored.md5}", "size": stored.size}
    entry |= {"created": stored.created, "updated": stored.updated, "status": stored.status}
    content = version.draft if draft else version.published
    if stored.status == "completed" and content is not None:
        entry |= {
            "mimetype": mimetype(stored.key),
            "version_id": stored.version_id,
            "file_id": stored.file_id,
            "bucket_id": content.bucket,
        }
    links: Json = {"self": link, "content": f"{link}/content"}
    if draft:
        links["commit"] = f"{link}/commit"
    entry |= {"metadata": {} if not draft else None, "access": {"hidden": False}}
    if draft:
        entry["transfer"] = {"type": stored.transfer}
    if stored.transfer != "L":
        links["parts"] = [{"part": n, "url": f"{link}/content/{n}"} for n in range(1, stored.parts + 1)]
    return entry | {"links": links}


def record_files(zenodo: state.Zenodo, version: state.Version, draft: bool) -> Json:
    """The list of a record's or a draft's files."""
    content = version.draft if draft else version.published
    assert content is not None
    link = f"{zenodo.base}/api/records/{version.id}{'/draft' if draft else ''}/files"
    return {
        "enabled": True,
        "links": {"self": link, "archive": f"{link}-archive"},
        "entries": [record_file(zenodo, version, each, draft) for each in content.files.values()],
        "default_preview": None,
        "order": [],
    }


def hybrid(zenodo: state.Zenodo, version: state.Version, *, draft: bool) -> Json:
    """A record as Zenodo's `/api/records` gives it by default: legacy metadata in a newer frame.

    Its `status` knows nothing of reviews, and errors of a saved draft are not in it.
    """
    document = native.record(zenodo, version, draft=draft)
    meta = _hybrid_metadata(zenodo, version, document)
    siblings = [each for each in version.concept.versions if each.published or each is version]
    relation = {
        "index": siblings.index(version),
        "is_last": version.concept.latest() is version,
        "parent": {"pid_type": "recid", "pid_value": str(version.concept.id)},
    }
    meta["relations"] = {"version": [relation]}
    files = [
        {
            "id": each["id"],
            "key": each["key"],
            "size": each["size"],
            "checksum": each["checksum"],
            "links": {"self": each["links"]["content"]},
        }
        for each in document["files"]["entries"].values()
    ]
    return {
        "created": version.created,
        "modified": version.modified,
        "id": version.id,
        "conceptrecid": str(version.concept.id),
        **_dois(version, document["pids"].get("doi", {}).get("identifier")),
        "metadata": meta,
        "title": document["metadata"].get("title", ""),
        "links": document["links"],
        "updated": version.modified,
        "recid": str(version.id),
        "revision": version.revision,
        "files": files,
        "owners": [{"id": str(version.concept.owner.id)}],
        "status": "draft" if draft else "published",
        "state": ("inprogress" if version.published else "unsubmitted") if draft else "done",
        "submitted": version.published is not None,
    }


_GROUPS = {
    "journal:journal": "journal",
    "meeting:meeting": "meeting",
    "imprint:imprint": "imprint",
    "thesis:thesis": "thesis",
}
_PREFIXES = ("journal_", "conference_", "partof_", "thesis_", "imprint_")


def _hybrid_metadata(zenodo: state.Zenodo, version: state.Version, document: Json) -> Json:
    """The deposit form's metadata, with some of it in objects, and grants spelled out."""
    shown = _metadata(zenodo, version, document)
    meta = {
        name: value
        for name, value in shown.items()
        if not name.startswith(_PREFIXES) and not name.endswith("_type") and name != "upload_type"
    }
    theirs, custom = document["metadata"], document["custom_fields"]
    if "license" in meta:
        meta["license"] = {"id": meta["license"]}
    if "communities" in meta:
        meta["communities"] = [{"id": each["identifier"]} for each in meta["communities"]]
    if related := meta.pop("related_identifiers", None):
        kept = [each for each in related if each.get("relation") != "isAlternateIdentifier"]
        meta |= {"related_identifiers": kept} if kept else {}
    if theirs.get("identifiers"):
        meta["alternate_identifiers"] = [{"identifier": each["identifier"]} for each in theirs["identifiers"]]
    meta |= {ours: custom[field] for field, ours in _GROUPS.items() if field in custom}
    meta.pop("grants", None)
    if found := [each for each in map(legacy_dump.grant, theirs.get("funding", [])) if each]:
        meta["grants"] = found
    if kind := theirs.get("resource_type"):
        meta["resource_type"] = _kind(kind)
    return meta


def _kind(term: Json) -> Json:
    kind, _, _ = term["id"].partition("-")
    found = {"type": kind}
    if "-" in term["id"]:
        found["subtype"] = term["id"].split("-")[-1]
    if "title" in term:
        found["title"] = term["title"]["en"]
    return found
