"""InvenioRDM's metadata in the deposit API's form: what zenodo-rdm's `legacy/serializers` show of it.

The second affiliation, organisations, the roles of creators, the second licence and much else are not shown,
and so are lost when a client writes back what it has read.
"""

from __future__ import annotations

import re
from typing import Any

from tests.zenodo import vocabularies

Json = dict[str, Any]
ORDER = tuple(
    re.findall(
        r"\w+",
        """title doi publication_date description access_right embargo_date creators contributors
        keywords subjects related_identifiers references communities grants
        license imprint_publisher imprint_isbn imprint_place notes method version language locations dates
        custom journal_title journal_volume journal_issue journal_pages conference_title conference_acronym
        conference_dates conference_place conference_url conference_session conference_session_part
        partof_title partof_pages thesis_university upload_type""",
    )
)
"""As the recordings have them; the types of a type and `prereserve_doi` come last."""
ROLES = {
    each.lower(): each
    for each in re.findall(
        r"\w+",
        """ContactPerson DataCollector DataCurator DataManager Distributor Editor HostingInstitution Producer
        ProjectLeader ProjectManager ProjectMember RegistrationAgency RegistrationAuthority RelatedPerson
        Researcher ResearchGroup RightsHolder Sponsor Supervisor WorkPackageLeader Other""",
    )
}
RELATIONS = {
    each.lower(): each
    for each in re.findall(
        r"\w+",
        """isCitedBy cites isSupplementTo isSupplementedBy isContinuedBy continues isDescribedBy describes
        hasMetadata isMetadataFor isNewVersionOf isPreviousVersionOf isPartOf hasPart isReferencedBy
        references isDocumentedBy documents isCompiledBy compiles isVariantFormOf isOriginalFormOf
        isIdenticalTo isAlternateIdentifier isReviewedBy reviews isDerivedFrom isSourceOf requires
        isRequiredBy isObsoletedBy obsoletes hasVersion isVersionOf isPublishedIn""",
    )
}
_PLAIN = ("title", "publication_date", "description", "version")
_CUSTOM = {
    "journal:journal": ("journal_", ("title", "volume", "issue", "pages")),
    "meeting:meeting": (
        "conference_",
        ("title", "acronym", "dates", "place", "url", "session", "session_part"),
    ),
    "thesis:thesis": ("thesis_", ("university",)),
}
_IMPRINT = {
    "isbn": "imprint_isbn",
    "place": "imprint_place",
    "title": "partof_title",
    "pages": "partof_pages",
}
_HIDDEN = ("legacy:", "thesis:", "imprint:", "meeting:", "journal:", "part_of:")


def dump(document: Json) -> Json:
    """The `metadata` of a deposition, without `prereserve_doi`, from the native document.

    `document` has `communities`, the slugs that are shown, besides the native parts.
    """
    meta, custom = document["metadata"], document["custom_fields"]
    found: Json = {name: meta[name] for name in _PLAIN if name in meta}
    if doi := document["pids"].get("doi", {}).get("identifier"):
        found["doi"] = doi
    found |= _access(document["access"])
    for name in ("creators", "contributors"):
        if name in meta:
            found[name] = [_person(each, contributor=name == "contributors") for each in meta[name]]
    keywords = [
        each["subject"] for each in meta.get("subjects", []) if not each.get("id") and each.get("subject")
    ]
    if keywords:
        found["keywords"] = keywords
    if "legacy:subjects" in custom:
        found["subjects"] = custom["legacy:subjects"]
    if related := [_related(each) for each in _links(meta)]:
        found["related_identifiers"] = related
    if document["communities"]:
        found["communities"] = [{"identifier": each} for each in document["communities"]]
    if "publisher" in meta:
        found["imprint_publisher"] = meta["publisher"]
    found |= _first(meta) | _descriptions(meta) | _custom(custom) | _places_and_dates(meta)
    if grants := [each for each in map(grant, meta.get("funding", [])) if each]:
        found["grants"] = [
            {"id": each["code"] if each.get("program") == "FP7" else each["internal_id"]} for each in grants
        ]
    return {name: found[name] for name in ORDER if name in found} | _type(meta)


def _access(access: Json) -> Json:
    embargo = access.get("embargo") or {}
    closed = "embargoed" if embargo.get("active") else "restricted"
    right = "open" if access["files"] == "public" else closed
    until = embargo.get("until")
    return {"access_right": right} | ({"embargo_date": until} if until else {})


def _person(given: Json, *, contributor: bool) -> Json:
    """The first affiliation's name only, no role of a creator, nothing to tell an organisation."""
    person = given.get("person_or_org", {})
    found: Json = {}
    if "name" in person:
        found["name"] = person["name"]
    affiliations = given.get("affiliations")
    found["affiliation"] = affiliations[0].get("name") if affiliations else None
    if contributor:
        found["type"] = ROLES.get((given.get("role") or {}).get("id", ""))
    for each in person.get("identifiers", []):
        if each["scheme"] in ("orcid", "gnd"):
            found[each["scheme"]] = each["identifier"].replace(f"{each['scheme']}:", "")
    return found


def _links(meta: Json) -> list[Json]:
    alternate = [
        {**each, "relation_type": {"id": "isalternateidentifier"}} for each in meta.get("identifiers", [])
    ]
    return [*meta.get("related_identifiers", []), *alternate]


def _related(given: Json) -> Json:
    """A relation that the old API had no name for is left out, and the next PUT is a 500."""
    found: Json = {"identifier": given["identifier"]}
    relation = RELATIONS.get((given.get("relation_type") or {}).get("id", ""))
    if relation:
        found["relation"] = relation
    if given.get("resource_type"):
        found["resource_type"] = given["resource_type"]["id"]
    if "scheme" in given:
        found["scheme"] = given["scheme"]
    return found


def _first(meta: Json) -> Json:
    """Of licences and languages the first, and the references' texts."""
    found: Json = {}
    if meta.get("references"):
        found["references"] = [each["reference"] for each in meta["references"]]
    if meta.get("rights") and meta["rights"][0].get("id"):
        found["license"] = vocabularies.to_legacy(meta["rights"][0]["id"])
    if meta.get("languages"):
        found["language"] = meta["languages"][0]["id"]
    return found


def _descriptions(meta: Json) -> Json:
    found: Json = {}
    for each in meta.get("additional_descriptions", []):
        name = {"notes": "notes", "methods": "method"}.get(each["type"]["id"])
        text = each.get("description", "")
        if name and text and (name == "method" or name not in found):
            found[name] = text
    return found


def _custom(custom: Json) -> Json:
    found: Json = {}
    for field, (prefix, names) in _CUSTOM.items():
        found |= {f"{prefix}{name}": custom[field][name] for name in names if name in custom.get(field, {})}
    imprint = custom.get("imprint:imprint", {})
    found |= {theirs: imprint[ours] for ours, theirs in _IMPRINT.items() if ours in imprint}
    if others := {name: value for name, value in custom.items() if not name.startswith(_HIDDEN)}:
        found["custom"] = others
    return found


def _places_and_dates(meta: Json) -> Json:
    found: Json = {}
    if meta.get("locations"):
        found["locations"] = [_place(each) for each in meta["locations"]["features"]]
    if "dates" in meta:
        found["dates"] = [_date(each) for each in meta["dates"]]
    return found


def _place(feature: Json) -> Json:
    found = {name: feature[name] for name in ("place", "description") if feature.get(name)}
    if coordinates := feature.get("geometry", {}).get("coordinates"):
        found |= {"lon": coordinates[0], "lat": coordinates[1]}
    return found


def _date(given: Json) -> Json:
    """Only an interval has a start and an end; a single day is not shown, and cannot be written back."""
    found: Json = {"type": given["type"]["id"]}
    if "description" in given:
        found["description"] = given["description"]
    ends = given.get("date", "").split("/")
    if len(ends) == 2:
        found |= {"start": ends[0], "end": ends[1]}
    return found


def grant(funding: Json) -> Json | None:
    """An award as Zenodo's own JSON has it; nothing unless funder and award are from the vocabularies."""
    award, funder = funding.get("award"), funding.get("funder")
    if not award or not funder:
        return None
    name, number = vocabularies.funder_to_legacy(funder.get("id") or ""), award.get("number")
    if not name or not number:
        return None
    found: Json = {"code": number, "internal_id": f"{name}::{number}", "funder": {"name": funder["name"]}}
    if name.startswith("10.13039/"):
        found["funder"]["doi"] = name
    if acronym := vocabularies.DATA["funder_acronyms"].get(name):
        found["funder"]["acronym"] = acronym
    title = award.get("title") or {}
    if text := title.get("en") or next(iter(title.values()), None):
        found["title"] = text
    found |= {key: award[key] for key in ("acronym", "program") if award.get(key)}
    return found


def _type(meta: Json) -> Json:
    name = (meta.get("resource_type") or {}).get("id")
    if not name:
        return {}
    kind, _, _ = name.partition("-")
    return {"upload_type": kind} | ({f"{kind}_type": name.split("-")[-1]} if "-" in name else {})
