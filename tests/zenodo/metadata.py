"""Metadata in the legacy form, in and out: its defaults, its refusals, and what it loses.

The mock keeps the legacy form, as the deposit API answers it, without `doi` and `prereserve_doi`.
"""

from __future__ import annotations

import re
from typing import Any

from tests.zenodo import messages, state

ORDER = tuple(
    re.findall(
        r"\w+",
        """title doi publication_date description access_right embargo_date access_conditions creators
        contributors thesis_supervisors keywords subjects related_identifiers references communities grants
        license imprint_publisher imprint_isbn imprint_place notes method version language locations dates
        journal_title journal_volume journal_issue journal_pages conference_title conference_acronym
        conference_dates conference_place conference_url partof_title partof_pages thesis_university
        upload_type publication_type image_type prereserve_doi""",
    )
)
NO_TEXTS = frozenset(
    re.findall(
        r"\w+",
        """doi publication_date access_right embargo_date creators contributors thesis_supervisors keywords
        subjects related_identifiers references communities grants license locations dates upload_type
        prereserve_doi""",
    )
)
TEXTS = tuple(each for each in ORDER if each not in NO_TEXTS)
UPLOAD_TYPES = {
    "publication": "Publication",
    "poster": "Poster",
    "presentation": "Presentation",
    "dataset": "Dataset",
    "image": "Image",
    "video": "Video/Audio",
    "software": "Software",
    "lesson": "Lesson",
    "physicalobject": "Physical object",
    "other": "Other",
}
LICENSES = {
    "cc-by-4.0": "Creative Commons Attribution 4.0 International",
    "cc-by-sa-4.0": "Creative Commons Attribution Share Alike 4.0 International",
    "cc-by-nc-4.0": "Creative Commons Attribution Non Commercial 4.0 International",
    "cc-by-nc-sa-4.0": "Creative Commons Attribution Non Commercial Share Alike 4.0 International",
    "cc-by-nd-4.0": "Creative Commons Attribution No Derivatives 4.0 International",
    "cc0-1.0": "Creative Commons Zero v1.0 Universal",
    "mit": "MIT License",
    "apache-2.0": "Apache License 2.0",
    "gpl-3.0-only": "GNU General Public License v3.0 only",
    "gpl-3.0-or-later": "GNU General Public License v3.0 or later",
    "bsd-3-clause": 'BSD 3-Clause "New" or "Revised" License',
    "odbl-1.0": "Open Data Commons Open Database License v1.0",
    "zlib": "zlib License",
}
LEGACY_LICENSES = {"cc0-1.0": "cc-zero", "mit": "mit-license", "zlib": "zlib-license"}
"""Ids that differ in the legacy form; `mit-license` is inferred, the others are recorded."""
RELATIONS = tuple(
    re.findall(
        r"\w+",
        """isCitedBy cites isSupplementTo isSupplementedBy isContinuedBy continues isDescribedBy describes
        hasMetadata isMetadataFor isNewVersionOf isPreviousVersionOf isPartOf hasPart isReferencedBy
        references isDocumentedBy documents isCompiledBy compiles isVariantFormOf isOriginalFormof
        isIdenticalTo isAlternateIdentifier isReviewedBy reviews isDerivedFrom isSourceOf requires
        isRequiredBy isObsoletedBy obsoletes hasVersion isVersionOf isPublishedIn""",
    )
)
RELATION = {each.lower(): each for each in RELATIONS}
_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?(/\d{4}(-\d{2}(-\d{2})?)?)?")
_ORCID = re.compile(r"(\d{4}-){3}\d{3}[\dX]")


def license_id(value: str) -> str | None:
    """The vocabulary id (SPDX, lower case) of an SPDX or legacy id; None for an unknown one."""
    low = value.lower()
    for spdx, legacy in LEGACY_LICENSES.items():
        if low == legacy:
            return spdx
    return low if low in LICENSES else None


def scheme(identifier: str) -> str | None:
    """What kind of identifier this is; Zenodo detects it, and drops what it does not know."""
    if re.match(r"(https?://(dx\.)?doi\.org/|doi:)?10\.\d{4,}/\S+$", identifier, re.IGNORECASE):
        return "doi"
    if re.match(r"(https?|ftp)://\S+$", identifier):
        return "url"
    if re.match(r"arxiv:\S+$", identifier, re.IGNORECASE):
        return "arxiv"
    return None


def load(given: Any) -> tuple[state.Metadata, str | None]:
    """Legacy metadata to what is kept, and the `doi` in it.

    Raises `ApiError` 400 for what the legacy loader refuses, `KeyError` where it has none of its own
    (Zenodo answers 500 then). What only InvenioRDM minds is dropped, without a word.
    """
    if not isinstance(given, dict):
        raise messages.invalid(("metadata", "Invalid input type."))
    if not given:
        return {}, None
    meta = _texts(given)
    trim(meta)
    day = given.get("publication_date") or state.today()
    if isinstance(day, str) and _DAY.fullmatch(day):
        meta["publication_date"] = day
    meta.setdefault("imprint_publisher", "Zenodo")
    if given.get("upload_type") in UPLOAD_TYPES:
        meta["upload_type"] = given["upload_type"]
    _access(given, meta)
    _license(given, meta)
    _lists(given, meta)
    _links(given, meta)
    return meta, given.get("doi") or None


def _texts(given: dict[str, Any]) -> state.Metadata:
    found = {name: given[name] for name in TEXTS if given.get(name)}
    for name, value in found.items():
        if not isinstance(value, str):
            raise messages.invalid((f"metadata.{name}", "Not a valid string."))
    return found


def _lists(given: dict[str, Any], meta: state.Metadata) -> None:
    for name in ("creators", "contributors", "thesis_supervisors"):
        if given.get(name):
            meta[name] = _people(name, given[name])
    for name in ("keywords", "references"):
        if given.get(name):
            # A string is iterated as it is: one keyword a letter.
            meta[name] = [str(each) for each in given[name]]
    for name, needed in (("subjects", ""), ("grants", "id"), ("locations", "place"), ("dates", "type")):
        for each in given.get(name) or ():
            if needed and needed not in each:
                raise KeyError(needed)
            meta.setdefault(name, []).append(dict(each))


def trim(meta: state.Metadata) -> None:
    """What InvenioRDM drops from a draft: too short, too long, and active HTML."""
    for name in ("title", "description"):
        if len(meta.get(name, "   ")) < 3:
            del meta[name]
    if len(meta.get("version", "")) > 191:
        del meta["version"]
    if "description" in meta:
        meta["description"] = re.sub(
            r"(?is)<(script|style)\b.*?</\1>|\son\w+=\"[^\"]*\"", "", meta["description"]
        )


def _access(given: dict[str, Any], meta: state.Metadata) -> None:
    right = given.get("access_right", "open")
    if right not in ("open", "embargoed", "restricted", "closed"):
        raise messages.invalid(("metadata.access_right", "Unknown access type."))
    meta["access_right"] = "restricted" if right == "closed" else right
    if right == "embargoed":
        if not isinstance(given.get("embargo_date"), str):
            raise messages.invalid(("metadata.embargo_date", "Missing data for required field."))
        meta["embargo_date"] = given["embargo_date"]


def _license(given: dict[str, Any], meta: state.Metadata) -> None:
    value = given.get("license")
    if isinstance(value, dict):
        value = value.get("id")
    if not value:
        if meta["access_right"] in ("open", "embargoed"):
            meta["license"] = "cc-zero" if meta.get("upload_type") == "dataset" else "cc-by-4.0"
        return
    known = license_id(value) if isinstance(value, str) else None
    if known is None:
        raise messages.invalid(("metadata.license", f"Invalid license provided: {value}"))
    meta["license"] = LEGACY_LICENSES.get(known, known)


def _people(field: str, given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list):
        raise messages.invalid((f"metadata.{field}", "Not a valid list."))
    people = []
    for number, each in enumerate(given):
        if not isinstance(each, dict) or not each.get("name"):
            raise messages.invalid((f"metadata.{field}.{number}.name", "Missing data for required field."))
        person = {"name": each["name"], "affiliation": each.get("affiliation")}
        orcid = str(each.get("orcid") or "").removeprefix("https://orcid.org/")
        if _ORCID.fullmatch(orcid):
            person["orcid"] = orcid
        for name in ("gnd", "type"):
            if each.get(name):
                person[name] = each[name]
        people.append(person)
    return people


def _links(given: dict[str, Any], meta: state.Metadata) -> None:
    related = []
    for each in given.get("related_identifiers") or []:
        relation = RELATION.get(each["relation"].lower())
        kind = scheme(each["identifier"])
        if relation and kind:
            item = {"identifier": each["identifier"], "relation": relation, "scheme": kind}
            if each.get("resource_type"):
                item["resource_type"] = each["resource_type"]
            related.append(item)
    if related:
        meta["related_identifiers"] = related
    communities = given.get("communities") or []
    if not isinstance(communities, list) or not all(
        isinstance(each, dict) and isinstance(each.get("identifier"), str) for each in communities
    ):
        raise messages.invalid(("metadata.communities", "Invalid input."))
    if communities:
        # Kept only to be tried at publish; the answers show what the record is in, not what was asked.
        meta["communities"] = communities


def missing(meta: state.Metadata) -> list[tuple[str, str]]:
    """What publishing asks for and is not there, as pairs of field and message."""
    needed = {
        "title": "metadata.title",
        "creators": "metadata.creators",
        "upload_type": "metadata.resource_type",
        "publication_date": "metadata.publication_date",
    }
    found = [
        (where, "Missing data for required field.") for name, where in needed.items() if not meta.get(name)
    ]
    if not found and not meta.get("imprint_publisher"):
        found = [("metadata.publisher", "Missing publisher field required for DOI registration.")]
    return found


def ordered(meta: state.Metadata) -> state.Metadata:
    """In the order of the answers."""
    return {name: meta[name] for name in ORDER if name in meta}
