"""Whether a licence is in the service's vocabulary: asked before anything is written."""

from __future__ import annotations

from typing import Final

from entrypoint.destinations.zenodo import answers, http, vocabulary

_SURE: Final = "cc-by-4.0"
"""In every vocabulary; one that lacks even this is none."""


def problems(way: http.Http, license_id: str, check: http.Check) -> list[str]:
    """A sentence about a licence that does not exist; nothing when it does, or when none is given."""
    if not license_id or license_id in vocabulary.LICENSES:
        return []
    if _is_there(way, license_id, check) or not _is_there(way, _SURE, check):
        return []
    return [f"license: {way.host} knows no license {license_id!r}; give an SPDX id such as CC-BY-4.0."]


def _is_there(way: http.Http, license_id: str, check: http.Check) -> bool:
    try:
        way.call("GET", f"/api/vocabularies/licenses/{http.quoted(license_id)}", check=check)
    except answers.Rejected as error:
        if error.status == 404:
            return False
        raise
    return True
