"""The deposit API's metadata to InvenioRDM's: what zenodo-rdm's `legacy/deserializers` do, and do not do.

What this form cannot hold is gone with the next PUT. `KeyError`, `AttributeError` and `TypeError` are the
server's own, which answers 500.
"""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import idutils
import pycountry
from marshmallow import ValidationError
from marshmallow_utils.html import sanitize_unicode

from tests.zenodo import messages, schema, schema_parts, vocabularies

Json = dict[str, Any]
_CUSTOM = {
    "journal:journal": {
        "title": "journal_title",
        "volume": "journal_volume",
        "issue": "journal_issue",
        "pages": "journal_pages",
    },
    "meeting:meeting": {
        name: f"conference_{name}"
        for name in ("title", "acronym", "dates", "place", "url", "session", "session_part")
    },
    "imprint:imprint": {
        "title": "partof_title",
        "pages": "partof_pages",
        "isbn": "imprint_isbn",
        "place": "imprint_place",
    },
    "thesis:thesis": {"university": "thesis_university"},
}
_NOT_NULL = (
    *("title", "description", "publication_date", "imprint_publisher", "version", "creators", "license"),
    *("grants", "locations", "keywords", "dates", "references", "language", "related_identifiers"),
)
_ACCESS = {
    "open": {"record": "public", "files": "public"},
    "restricted": {"record": "public", "files": "restricted"},
    "closed": {"record": "public", "files": "restricted"},
}


def load(body: Json) -> Json:
    """A body of the deposit API as a body of `/api/records`; `ApiError` 400 for what the form refuses.

    Without `metadata` in the body there is none in the result.
    """
    body = copy.deepcopy(body)
    if unknown := [name for name in body if name not in ("metadata", "files")]:
        raise messages.invalid(*((name, "Unknown field.") for name in unknown))
    given = body.get("metadata", {})
    if given is None:
        raise messages.invalid(("metadata", "Field may not be null."))
    if given and "license" not in given and given.get("access_right", "open") in ("open", "embargoed"):
        # Not given: the server chooses.
        given["license"] = "CC0-1.0" if given.get("upload_type") == "dataset" else "CC-BY-4.0"
    found: Json = {"files": {"enabled": True}}
    if "metadata" in body:
        found["metadata"] = _metadata(given)
    if custom := _custom_fields(given):
        found["custom_fields"] = custom
    found["access"] = _access(given)
    if doi := given.get("doi"):
        own = doi.startswith("10.5281/")
        found["pids"] = {"doi": {"identifier": doi, "provider": "datacite" if own else "external"}}
        if own:
            found["pids"]["doi"]["client"] = "datacite"
    return found


def _custom_fields(given: Json) -> Json:
    custom: Json = {}
    for field, names in _CUSTOM.items():
        values = {ours: given.get(theirs) for ours, theirs in names.items()}
        if values := {name: value for name, value in values.items() if value is not None}:
            custom[field] = values
    custom |= {name: value for name, value in given.get("custom", {}).items() if value not in (None, [], {})}
    if communities := given.get("communities", []):
        if not isinstance(communities, list) or not all(
            isinstance(each, dict) and "identifier" in each for each in communities
        ):
            text = "Communities must be an array of objects with an 'identifier' key."
            raise messages.invalid(("communities", text))
        custom["legacy:communities"] = [each["identifier"] for each in communities]
    if subjects := given.get("subjects", []):
        custom["legacy:subjects"] = [
            {name: each.get(name) for name in ("term", "identifier", "scheme")} for each in subjects
        ]
    return custom


def _access(given: Json) -> Json:
    right = given.get("access_right") or "open"
    if right in _ACCESS:
        return dict(_ACCESS[right])
    if right == "embargoed" and given.get("embargo_date"):
        return {**_ACCESS["closed"], "embargo": {"active": True, "until": given["embargo_date"]}}
    raise messages.invalid(("_schema", "Unknown access type."))


def _metadata(given: Json) -> Json:
    for name in _NOT_NULL:
        if name in given and given[name] is None:
            raise messages.invalid((f"metadata.{name}", "Field may not be null."))
    meta: Json = {
        "publication_date": dt.datetime.now(dt.UTC).date().isoformat(),
        "publisher": "Zenodo",
    }
    for theirs, ours in (
        ("title", "title"),
        ("description", "description"),
        ("publication_date", "publication_date"),
        ("imprint_publisher", "publisher"),
        ("version", "version"),
    ):
        if theirs in given:
            meta[ours] = _text(theirs, given[theirs])
    if kind := given.get("upload_type"):
        sub = given.get(f"{kind}_type")
        meta["resource_type"] = {"id": f"{kind}-{sub}" if sub else kind}
    if "creators" in given:
        meta["creators"] = [_creator(each) for each in _list("creators", given["creators"])]
    contributors = [
        {**_creator(each), "role": {"id": "supervisor"}} for each in given.get("thesis_supervisors") or []
    ]
    contributors += [_contributor(each) for each in given.get("contributors", [])]
    if contributors:
        meta["contributors"] = contributors
    if "license" in given:
        meta["rights"] = _rights(given["license"])
    descriptions = [
        {"description": given[theirs], "type": {"id": ours}}
        for theirs, ours in (("notes", "notes"), ("method", "methods"))
        if given.get(theirs)
    ]
    if descriptions or "additional_descriptions" in given:
        meta["additional_descriptions"] = descriptions or given["additional_descriptions"]
    _lists(given, meta)
    _identifiers(given, meta)
    return meta


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise messages.invalid((f"metadata.{name}", "Not a valid string."))
    return str(sanitize_unicode(value))


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise messages.invalid((f"metadata.{name}", "Not a valid list."))
    return value


def _creator(given: Json) -> Json:
    """Always a person: a name with exactly one comma is split there, any other is a family name."""
    person: Json = {"type": "personal"}
    if name := given.get("name"):
        family, comma, first = name.partition(",")
        if comma and "," not in first:
            person |= {"given_name": first.strip(), "family_name": family.strip()}
        else:
            person["family_name"] = name
    identifiers = []
    if given.get("orcid"):
        identifiers.append({"scheme": "orcid", "identifier": idutils.normalize_orcid(given["orcid"])})
    if given.get("gnd"):
        identifiers.append({"scheme": "gnd", "identifier": idutils.normalize_gnd(given["gnd"])})
    if identifiers:
        person["identifiers"] = identifiers
    creator: Json = {"person_or_org": person}
    if given.get("affiliation"):
        creator["affiliations"] = [{"name": given["affiliation"]}]
    return creator


def _contributor(given: Json) -> Json:
    found = _creator(given)
    if given.get("type"):
        found["role"] = {"id": given["type"].lower()}
    return found


def _rights(value: Any) -> list[Json]:
    if not isinstance(value, str | dict):
        text = f"Invalid license value provided (expected string, or object with 'id' key): {value}"
        raise messages.invalid(("metadata.license", text))
    if isinstance(value, dict) and "id" not in value:
        raise messages.invalid(
            ("metadata.license", f"Invalid license object provided (missing 'id' key): {value}")
        )
    name = value["id"] if isinstance(value, dict) else value
    if name and (known := vocabularies.from_legacy(name)):
        return [{"id": known}]
    if name in vocabularies.DATA["legacy_custom"]:
        return [{"title": {"en": vocabularies.DATA["legacy_custom"][name]}}]
    raise messages.invalid(("metadata.license", f"Invalid license provided: {name}"))


def _lists(given: Json, meta: Json) -> None:
    if given.get("keywords"):
        # A string is iterated as it is: one keyword a letter.
        meta["subjects"] = [{"subject": each} for each in given["keywords"]]
    if "references" in given:
        meta["references"] = [{"reference": each} for each in given["references"]]
    if given.get("grants"):
        meta["funding"] = [_grant(each["id"]) for each in given["grants"]]
    if "locations" in given:
        meta["locations"] = {"features": [_location(each) for each in given["locations"]]}
    if "dates" in given:
        meta["dates"] = [_date(each) for each in given["dates"]]
    if "language" in given:
        meta["languages"] = [{"id": _language(given["language"])}]


def _grant(name: str) -> Json:
    """A bare number is one of the European Commission's seventh framework programme."""
    funder, _, award = (name if "::" in name else f"10.13039/501100000780::{name}").partition("::")
    ror = vocabularies.funder_from_legacy(funder)
    return {"funder": {"id": ror}, "award": {"id": f"{ror}::{award}"}}


def _location(given: Json) -> Json:
    """A latitude or longitude of 0 is lost."""
    feature: Json = {"place": given["place"]}
    if given.get("lat") and given.get("lon"):
        feature["geometry"] = {"type": "Point", "coordinates": [given["lon"], given["lat"]]}
    if given.get("description"):
        feature["description"] = given["description"]
    return feature


def _date(given: Json) -> Json:
    ends = [given[name] for name in ("start", "end") if given.get(name)]
    if not ends:
        raise messages.invalid(("metadata.dates", "Invalid date provided."))
    found = {"date": "/".join(dict.fromkeys(ends)), "type": {"id": given["type"].lower()}}
    if given.get("description"):
        found["description"] = given["description"]
    return found


def _language(value: str) -> str | None:
    if len(value) == 3:
        return value
    if len(value) != 2:
        text = "Language must be either ISO-639-1 or 639-2 compatible."
        raise messages.invalid(("metadata.language", text))
    found = pycountry.languages.get(alpha_2=value)
    return found.alpha_3 if found else None


def _identifiers(given: Json, meta: Json) -> None:
    items = given.get("related_identifiers", [])
    if not isinstance(items, list):
        raise messages.invalid(("metadata.related_identifiers", "related_identifiers must be a list"))
    for number, each in enumerate(items):
        where = f"metadata.related_identifiers.{number}"
        if not isinstance(each, dict):
            raise messages.invalid((where, "Each related identifier must be an object"))
        if each.get("relation") is not None and not isinstance(each["relation"], str):
            raise messages.invalid((f"{where}.relation", "relation must be a string"))
    alternate = [each for each in items if each.get("relation") == "isAlternateIdentifier"]
    related = [each for each in items if each.get("relation") != "isAlternateIdentifier"]
    if related:
        meta["related_identifiers"] = [_related(each) for each in related]
    if alternate:
        meta["identifiers"] = [_identifier("alternate_identifiers", each["identifier"]) for each in alternate]


def _related(given: Json) -> Json:
    relation = given["relation"]
    found = _identifier("related_identifiers", given["identifier"])
    found["relation_type"] = {"id": relation.replace("isOrignialFormOf", "isOriginalFormOf").lower()}
    if given.get("resource_type"):
        found["resource_type"] = {"id": given["resource_type"]}
    return found


def _identifier(field: str, value: Any) -> Json:
    """The scheme is detected; what has none is refused."""
    try:
        return dict(schema_parts.Identifier().load({"identifier": value}))
    except ValidationError as error:
        raise messages.refused(schema.listed(error.messages, f"metadata.{field}")) from None
