"""A record as InvenioRDM itself gives it: `application/vnd.inveniordm.v1+json`. All else is a view of it."""

from __future__ import annotations

import datetime as dt
import mimetypes
from typing import Any
from urllib.parse import quote

from tests.zenodo import relations, state

Json = dict[str, Any]


def quoted(key: str, more: str = "") -> str:
    """A file's key as it stands in links."""
    return quote(key, safe="/!$&'()*+,;=:@" + more)


def mimetype(key: str) -> str:
    """Guessed from the name, as the server does."""
    return mimetypes.guess_type(key)[0] or "application/octet-stream"


def completed(content: state.Content) -> list[state.StoredFile]:
    """The files that are there; a pending one has neither size nor checksum."""
    return [each for each in content.files.values() if each.status == "completed"]


def links(zenodo: state.Zenodo, version: state.Version, draft: bool) -> Json:
    """Those that a client could follow."""
    record = f"{zenodo.base}/api/records/{version.id}"
    own = f"{record}/draft" if draft else record
    found = {
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
        "quota_increase": f"{record}/quota-increase",
    }
    content = version.draft if draft else version.published
    if content is not None and content.doi:
        found["doi"] = found["self_doi"] = f"https://doi.org/{content.doi}"
    if version.concept.doi:
        found["parent_doi"] = f"https://doi.org/{version.concept.doi}"
    if draft:
        found |= {"review": f"{record}/draft/review", "publish": f"{record}/draft/actions/publish"}
        if version.review is not None:
            found["submit-review"] = f"{record}/draft/actions/submit-review"
    return found


_STATUS = {"created": "with_review", "submitted": "in_review", "declined": "declined", "expired": "expired"}


def status(version: state.Version, draft: bool) -> str:
    """The draft's status, which its review decides; deposit API and hybrid form do not show it."""
    if not draft or version.published:
        return "published"
    first = "draft" if version.concept.versions[0] is version else "new_version_draft"
    if version.review is None:
        return first
    found = _STATUS.get(version.review.status, "")
    return f"{first}_with_review" if found == "with_review" else found or first


def _parent(version: state.Version) -> Json:
    communities = [each.id for each in version.concept.communities]
    parent: Json = {
        "id": str(version.concept.id),
        "access": {
            "owned_by": {"user": str(version.concept.owner.id)},
            "settings": {"allow_user_requests": False, "allow_guest_requests": False},
        },
        "communities": {"ids": communities} if communities else {},
        "pids": {},
    }
    if communities:
        parent["communities"]["default"] = communities[0]
    if version.concept.doi:
        parent["pids"] = {
            "doi": {"identifier": version.concept.doi, "provider": "datacite", "client": "datacite"}
        }
    review = version.review
    if review is not None and version.concept.versions[0] is version:
        parent["review"] = {
            "id": review.id,
            "type": review.type,
            "receiver": {"community": review.community.id},
            "status": review.status,
        }
    return parent


def _file(zenodo: state.Zenodo, version: state.Version, stored: state.StoredFile, draft: bool) -> Json:
    where = f"{links(zenodo, version, draft)['files']}/{quoted(stored.key)}"
    return {
        "id": stored.file_id,
        "checksum": f"md5:{stored.md5}",
        "ext": stored.key.rpartition(".")[2] if "." in stored.key else "",
        "size": stored.size,
        "mimetype": mimetype(stored.key),
        "storage_class": "L",
        "key": stored.key,
        "metadata": None,
        "access": {"hidden": False},
        "links": {"self": where, "content": f"{where}/content"},
    }


def _access(content: state.Content) -> Json:
    """With the embargo's fields and the status, which the server works out."""
    access = content.access
    embargo = {"active": False, "reason": None} | {
        name: value for name, value in (access.get("embargo") or {}).items() if value is not None
    }
    word = "restricted"
    if embargo["active"]:
        word = "embargoed"
    elif access["record"] == "public" and not content.files_enabled:
        word = "metadata-only"
    elif access["record"] == access["files"] == "public":
        word = "open"
    return {"record": access["record"], "files": access["files"], "embargo": embargo, "status": word}


def record(
    zenodo: state.Zenodo,
    version: state.Version,
    *,
    draft: bool,
    errors: list[Json] | None = None,
) -> Json:
    """The draft or the published record, with the titles of what has an id in a vocabulary.

    `errors` is what was wrong with a body that was saved.
    """
    content = version.draft if draft else version.published
    assert content is not None
    metadata, custom = relations.spelled_out(zenodo.vocabularies, content.metadata, content.custom_fields)
    shown = completed(content)
    versions = version.concept.versions
    document: Json = {
        "created": version.created,
        "updated": version.modified,
        "id": str(version.id),
        "links": links(zenodo, version, draft),
        "revision_id": version.revision,
        "parent": _parent(version),
        "versions": {
            "index": versions.index(version) + 1,
            "is_latest": version.concept.latest() is version,
            "is_latest_draft": versions[-1] is version,
        },
        "is_published": version.published is not None,
        "is_draft": draft,
        "status": status(version, draft),
        "pids": content.pids,
        "metadata": metadata,
        "custom_fields": custom,
        "access": _access(content),
        "files": {
            "enabled": content.files_enabled,
            "order": [],
            "count": len(shown),
            "total_bytes": content.size(),
            "entries": {each.key: _file(zenodo, version, each, draft) for each in shown},
        },
        "media_files": {"enabled": False, "order": [], "count": 0, "total_bytes": 0, "entries": {}},
    }
    if draft:
        late = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
        document["expires_at"] = late.replace(tzinfo=None).isoformat()
    if not draft and not version.deleted:
        document["deletion_status"] = {"is_deleted": False, "status": "P"}
    if errors:
        document["errors"] = errors
    return document
