"""The answers' documents: deposition, record (Zenodo's hybrid and InvenioRDM's own), files.

The deposition and the file documents follow recordings; the record documents follow the facts and the
framework's documentation, with the links that a client could follow.
"""

from __future__ import annotations

import mimetypes
from typing import Any
from urllib.parse import quote

from tests.zenodo import metadata, state
from tests.zenodo import native as natives

Json = dict[str, Any]


def _key(key: str, more: str = "") -> str:
    return quote(key, safe="/!$&'()*+,;=:@" + more)


def mimetype(key: str) -> str:
    """Guessed from the name, as Zenodo does."""
    return mimetypes.guess_type(key)[0] or "application/octet-stream"


def _badge(zenodo: state.Zenodo, doi: str) -> str:
    return f"{zenodo.base}/badge/doi/{quote(doi, safe='')}.svg"


def _metadata(version: state.Version, content: state.Content) -> Json:
    meta = {"access_right": "open", **content.metadata}
    meta.pop("communities", None)
    if version.concept.communities:
        meta["communities"] = [{"identifier": each.slug} for each in version.concept.communities]
    if content.doi:
        meta["doi"] = content.doi
    # Hard-coded on the sandbox too, where another DOI will be minted.
    meta["prereserve_doi"] = {"doi": f"10.5281/zenodo.{version.id}", "recid": version.id}
    return metadata.ordered(meta)


def _dois(version: state.Version, content: state.Content) -> Json:
    found: Json = {}
    if content.doi:
        found["doi"] = content.doi
    if version.concept.doi:
        found["conceptdoi"] = version.concept.doi
    if content.doi:
        found["doi_url"] = f"https://doi.org/{content.doi}"
    return found


def deposition(zenodo: state.Zenodo, version: state.Version, *, bucket: bool = True) -> Json:
    """A deposition; `bucket` is False in lists, whose hits have no such link."""
    content = version.content
    return {
        "created": version.created,
        "modified": version.modified,
        "id": version.id,
        "conceptrecid": str(version.concept.id),
        **_dois(version, content),
        "metadata": _metadata(version, content),
        "title": content.metadata.get("title", ""),
        "links": _deposition_links(zenodo, version, bucket),
        "record_id": version.id,
        "owner": version.concept.owner.id,
        "files": [deposition_file(zenodo, version, each) for each in completed(content)],
        "state": version.state,
        "submitted": version.published is not None,
    }


def completed(content: state.Content) -> list[state.StoredFile]:
    """The files that the deposit API shows; a pending one has no id and is left out."""
    return [each for each in content.files.values() if each.status == "completed"]


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
            "download": f"{zenodo.base}/api/records/{version.id}/draft/files/{_key(stored.key)}/content",
        },
    }


def bucket_object(zenodo: state.Zenodo, bucket: str, stored: state.StoredFile) -> Json:
    """The answer to a bucket PUT."""
    link = f"{zenodo.base}/api/files/{bucket}/{_key(stored.key)}"
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
    link = f"{zenodo.base}/api/records/{version.id}{'/draft' if draft else ''}/files/{_key(stored.key, '[]')}"
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
    entry |= {"metadata": {}, "access": {"hidden": False}}
    if stored.transfer != "L":
        entry["transfer"] = {"type": stored.transfer}
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


def _record_links(zenodo: state.Zenodo, version: state.Version, draft: bool) -> Json:
    record = f"{zenodo.base}/api/records/{version.id}"
    own = f"{record}/draft" if draft else record
    links = {
        "self": own,
        "self_html": f"{zenodo.base}/{'uploads' if draft else 'records'}/{version.id}",
        "reserve_doi": f"{record}/draft/pids/doi",
        "parent": f"{zenodo.base}/api/records/{version.concept.id}",
        "parent_html": f"{zenodo.base}/records/{version.concept.id}",
        "files": f"{own}/files",
        "latest": f"{record}/versions/latest",
        "latest_html": f"{zenodo.base}/records/{version.id}/latest",
        "versions": f"{record}/versions",
        "draft": f"{record}/draft",
        "communities": f"{record}/communities",
        "requests": f"{record}/requests",
    }
    if draft:
        links |= {"review": f"{record}/draft/review", "publish": f"{record}/draft/actions/publish"}
    return links


def _status(version: state.Version, draft: bool) -> str:
    if not draft:
        return "published"
    if version.review and version.review.is_open:
        return "in_review"
    if version.published:
        return "draft"
    return "draft" if len(version.concept.versions) == 1 else "new_version_draft"


def hybrid(zenodo: state.Zenodo, version: state.Version, *, draft: bool) -> Json:
    """A record as `/api/records/{id}` gives it by default: legacy metadata in a newer frame."""
    content = version.draft if draft else version.published
    assert content is not None
    meta = _metadata(version, content)
    kind = meta.pop("upload_type", None)
    meta.pop("prereserve_doi")
    publisher = meta.pop("imprint_publisher", None)
    if publisher and publisher != "Zenodo":
        meta["imprint"] = {"publisher": publisher}
    if "license" in meta:
        meta["license"] = {"id": meta["license"]}
    if kind:
        meta["resource_type"] = {"title": metadata.UPLOAD_TYPES[kind], "type": kind}
    siblings = [each for each in version.concept.versions if each.published or each is version]
    relation = {
        "index": siblings.index(version),
        "is_last": version.concept.latest() is version,
        "parent": {"pid_type": "recid", "pid_value": str(version.concept.id)},
    }
    meta["relations"] = {"version": [relation]}
    link = f"{zenodo.base}/api/records/{version.id}{'/draft' if draft else ''}/files"
    files = [
        {
            "id": each.file_id,
            "key": each.key,
            "size": each.size,
            "checksum": f"md5:{each.md5}",
            "links": {"self": f"{link}/{_key(each.key)}/content"},
        }
        for each in completed(content)
    ]
    return {
        "created": version.created,
        "modified": version.modified,
        "id": version.id,
        "conceptrecid": str(version.concept.id),
        **_dois(version, content),
        "metadata": meta,
        "title": content.metadata.get("title", ""),
        "links": _record_links(zenodo, version, draft),
        "updated": version.modified,
        "recid": str(version.id),
        "revision": version.revision,
        "files": files,
        "owners": [{"id": str(version.concept.owner.id)}],
        "status": _status(version, draft),
        "state": ("inprogress" if version.published else "unsubmitted") if draft else "done",
        "submitted": version.published is not None,
    }


def native(
    zenodo: state.Zenodo, version: state.Version, *, draft: bool, errors: list[Json] | None = None
) -> Json:
    """A record in InvenioRDM's own form (`application/vnd.inveniordm.v1+json`)."""
    content = version.draft if draft else version.published
    assert content is not None
    pids: Json = {}
    if content.doi:
        pids["doi"] = {"identifier": content.doi, "provider": "external" if content.external else "datacite"}
    right = content.metadata.get("access_right", "open")
    parent: Json = {
        "id": str(version.concept.id),
        "communities": {"ids": [each.id for each in version.concept.communities]},
    }
    if version.concept.doi:
        parent["pids"] = {"doi": {"identifier": version.concept.doi, "provider": "datacite"}}
    document: Json = {
        "id": str(version.id),
        "created": version.created,
        "updated": version.modified,
        "links": _record_links(zenodo, version, draft),
        "revision_id": version.revision,
        "parent": parent,
        "versions": {
            "index": version.concept.versions.index(version) + 1,
            "is_latest": version.concept.latest() is version,
            "is_latest_draft": version.concept.versions[-1] is version,
        },
        "is_published": version.published is not None,
        "is_draft": draft,
        "status": _status(version, draft),
        "pids": pids,
        "metadata": natives.dump(content.metadata),
        "access": {"record": "public", "files": "public" if right == "open" else "restricted"},
        "files": {
            "enabled": True,
            "order": [],
            "count": len(completed(content)),
            "total_bytes": content.size(),
            "entries": {each.key: {"key": each.key, "size": each.size} for each in completed(content)},
        },
    }
    if errors:
        document["errors"] = errors
    return document
