"""What InvenioRDM takes as a record, and what it makes of it: its fields, its refusals, its normal form.

The rules and their words are those of invenio-rdm-records 36 (`services/schemas`) and of the relation
schemas of invenio-vocabularies. The pieces that decide about text, HTML, identifiers and dates are the
server's own library, marshmallow-utils.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

import idutils
from marshmallow import (
    EXCLUDE,
    Schema,
    ValidationError,
    fields,
    post_load,
    pre_load,
    validate,
    validates_schema,
)
from marshmallow_utils.fields import (
    EDTFDateString,
    EDTFDateTimeString,
    IdentifierSet,
    IdentifierValueSet,
    ISODateString,
    SanitizedHTML,
    SanitizedUnicode,
)
from marshmallow_utils.schemas import GeometryObjectSchema, IdentifierSchema

Json = dict[str, Any]
REQUIRED = "Missing data for required field."


def _any(_: str) -> bool:
    return True


def _schemes(*names: str, **others: tuple[str, Callable[[str], Any]]) -> dict[str, Json]:
    """Schemes by name, each with its label and validator; those of `names` are idutils'."""
    known = {
        name: {"label": _LABELS.get(name, name.upper()), "validator": getattr(idutils, f"is_{name}")}
        for name in names
    }
    return known | {name: {"label": label, "validator": check} for name, (label, check) in others.items()}


_LABELS = {"arxiv": "arXiv", "ads": "Bibcode", "handle": "Handle", "wikidata": "Wikidata"}
PERSON_SCHEMES = _schemes("orcid", "isni", "gnd", "ror")
SCHEMES = _schemes(
    *("ark", "arxiv", "ads", "cstr", "doi", "ean13", "handle", "isbn", "isni", "issn", "istc", "lsid"),
    *("pmid", "purl", "rrid", "url", "urn", "wikidata"),
    crossreffunderid=("Crossref Funder ID", _any),
    eissn=("EISSN", idutils.is_issn),
    grid=("GRID", _any),
    igsn=("IGSN", _any),
    lissn=("LISSN", idutils.is_issn),
    upc=("UPC", _any),
    w3id=("W3ID", _any),
    other=("Other", _any),
)
PLACE_SCHEMES = _schemes(wikidata=("Wikidata", _any), geonames=("GeoNames", _any))
AFFILIATION_SCHEMES = _schemes("isni", "ror", "gnd", grid=("GRID", _any))
AWARD_SCHEMES = _schemes("url", "doi")


class Identifier(IdentifierSchema):  # type: ignore[misc] # the library is untyped
    """An identifier among some schemes; without a scheme it is detected."""

    schemes = SCHEMES

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allowed_schemes=self.schemes, **kwargs)


class _PersonIdentifier(Identifier):
    schemes = PERSON_SCHEMES


class _PlaceIdentifier(Identifier):
    schemes = PLACE_SCHEMES


class _AwardIdentifier(Identifier):
    schemes = AWARD_SCHEMES


class _Term(Schema):
    """An id in a vocabulary. The title that a read adds may come back, and is dropped."""

    id = SanitizedUnicode(required=True)

    @pre_load
    def _untitled(self, data: Any, **_: Any) -> Any:
        return (
            {name: value for name, value in data.items() if name != "title"}
            if isinstance(data, dict)
            else data
        )


class _TermOrText(Schema):
    """An id in a vocabulary, or free text under another name."""

    text = ""
    parent = ""
    id = SanitizedUnicode()

    @validates_schema
    def _either(self, data: Json, **_: Any) -> None:
        if not data.get("id") and not data.get(self.text):
            raise ValidationError(f"An existing id or a free text {self.text} must be present.", self.parent)


class _Affiliation(_TermOrText):
    text, parent = "name", "affiliations"
    name = SanitizedUnicode()


class _Subject(_TermOrText):
    class Meta:
        unknown = EXCLUDE

    text, parent = "subject", "subjects"
    subject = SanitizedUnicode()


class _Funder(_TermOrText):
    text, parent = "name", "funder"
    name = SanitizedUnicode(validate=validate.Length(min=1, error="Name cannot be blank."))


class _Award(Schema):
    id = SanitizedUnicode()
    number = SanitizedUnicode()
    title = fields.Dict(keys=fields.Str(validate=validate.Regexp("^[a-z]{2}$")), values=SanitizedUnicode())
    identifiers = IdentifierSet(fields.Nested(_AwardIdentifier(identifier_required=False)))
    acronym = SanitizedUnicode()
    program = SanitizedUnicode()

    @validates_schema
    def _something(self, data: Json, **_: Any) -> None:
        if not any(data.get(name) for name in ("id", "number", "title")):
            raise ValidationError("An existing id or either number or title must be present.", "award")


class _Funding(Schema):
    funder = fields.Nested(_Funder, required=True)
    award = fields.Nested(_Award)


_KINDS = ["organizational", "personal"]
_KIND = f"Invalid value. Choose one of {_KINDS}."


class _PersonOrOrg(Schema):
    type = SanitizedUnicode(
        required=True,
        validate=validate.OneOf(choices=_KINDS, error=_KIND),
        error_messages={"required": [_KIND]},
    )
    name = SanitizedUnicode()
    given_name = SanitizedUnicode()
    family_name = SanitizedUnicode()
    identifiers = IdentifierSet(fields.Nested(_PersonIdentifier))

    @validates_schema
    def _named(self, data: Json, **_: Any) -> None:
        if data["type"] == "personal" and not data.get("family_name"):
            raise ValidationError({"family_name": ["Family name cannot be blank."]})
        if data["type"] == "organizational" and not data.get("name"):
            raise ValidationError({"name": ["Name cannot be blank."]})

    @post_load
    def _joined(self, data: Json, **_: Any) -> Json:
        """A person's name is made of its parts, whatever `name` says; an organisation has no parts."""
        names = ("family_name", "given_name")
        if data["type"] == "personal":
            data["name"] = ", ".join(data[name] for name in names if data.get(name))
        else:
            for name in names:
                data.pop(name, None)
        return data


class _Creator(Schema):
    person_or_org = fields.Nested(_PersonOrOrg, required=True)
    role = fields.Nested(_Term)
    affiliations = fields.List(fields.Nested(_Affiliation))

    @validates_schema
    def _once(self, data: Json, **_: Any) -> None:
        given = data.get("affiliations") or []
        names = {each.get("name", each.get("id")) for each in given}
        if len(names) != len(given):
            listed = ", ".join({name for name in names if name})
            raise ValidationError({"affiliations": ["Duplicated affiliations: " + listed]})


class _Contributor(_Creator):
    role = fields.Nested(_Term, required=True)


class _Title(Schema):
    title = SanitizedUnicode(required=True, validate=validate.Length(min=3))
    type = fields.Nested(_Term, required=True)
    lang = fields.Nested(_Term)


class _Description(Schema):
    description = SanitizedHTML(required=True, validate=validate.Length(min=3))
    type = fields.Nested(_Term, required=True)
    lang = fields.Nested(_Term)


_URL = validate.URL(error="Not a valid URL.")


class _Props(Schema):
    url = SanitizedUnicode(validate=_URL)
    scheme = SanitizedUnicode()


def _one_locale(value: Json) -> None:
    if value and len(value) > 1:
        raise ValidationError("Only one value is accepted.")
    if value and next(iter(value)) != "en":
        raise ValidationError("Not a valid locale.")


class _Right(Schema):
    """A licence by id, or one in free words; `icon`, which a read shows, is refused."""

    id = SanitizedUnicode()
    title = fields.Dict(validate=_one_locale)
    description = fields.Dict(validate=_one_locale)
    props = fields.Nested(_Props)
    link = SanitizedUnicode(validate=_URL)

    @validates_schema
    def _either(self, data: Json, **_: Any) -> None:
        if not data.get("id") and not data.get("title"):
            raise ValidationError("An existing id or a free text title must be present", "rights")
        if data.get("id") and len(data) > 1:
            raise ValidationError(
                "Only an existing id or free text title/description/link is accepted, "
                "but not both cases at the same time",
                "rights",
            )


class _Date(Schema):
    date = EDTFDateTimeString(required=True)
    type = fields.Nested(_Term, required=True)
    description = SanitizedUnicode()


class _Related(Identifier):
    relation_type = fields.Nested(_Term)
    resource_type = fields.Nested(_Term)

    @validates_schema
    def _related(self, data: Json, **_: Any) -> None:
        if not data.get("relation_type"):
            raise ValidationError({"relation_type": REQUIRED})


class _Reference(Identifier):
    reference = SanitizedUnicode(required=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(identifier_required=False, **kwargs)


class _Place(Schema):
    geometry = fields.Nested(GeometryObjectSchema)
    place = SanitizedUnicode()
    identifiers = fields.List(fields.Nested(_PlaceIdentifier))
    description = SanitizedUnicode()

    @validates_schema
    def _something(self, data: Json, **_: Any) -> None:
        if not any(data.get(name) for name in ("geometry", "place", "identifiers", "description")):
            raise ValidationError({"locations": "At least one of the fields must be present."})


class _Features(Schema):
    features = fields.List(fields.Nested(_Place))


def _filled(message: str) -> validate.Length:
    return validate.Length(min=1, error=message)


class MetadataSchema(Schema):
    """`metadata`: an unknown field is an error."""

    resource_type = fields.Nested(_Term, required=True)
    creators = fields.List(fields.Nested(_Creator), required=True, validate=_filled(REQUIRED))
    title = SanitizedUnicode(required=True, validate=validate.Length(min=3))
    additional_titles = fields.List(fields.Nested(_Title))
    publisher = SanitizedUnicode()
    publication_date = EDTFDateString(required=True)
    subjects = fields.List(fields.Nested(_Subject))
    contributors = fields.List(fields.Nested(_Contributor))
    dates = fields.List(fields.Nested(_Date))
    languages = fields.List(fields.Nested(_Term))
    identifiers = IdentifierValueSet(fields.Nested(Identifier))
    related_identifiers = fields.List(fields.Nested(_Related))
    sizes = fields.List(SanitizedUnicode(validate=_filled("Size cannot be a blank string.")))
    formats = fields.List(SanitizedUnicode(validate=_filled("Format cannot be a blank string.")))
    version = SanitizedUnicode(validate=validate.Length(max=191))
    rights = fields.List(fields.Nested(_Right))
    copyright = SanitizedHTML(validate=validate.Length(min=1))
    description = SanitizedHTML(validate=validate.Length(min=3))
    additional_descriptions = fields.List(fields.Nested(_Description))
    locations = fields.Nested(_Features)
    funding = fields.List(fields.Nested(_Funding))
    references = fields.List(fields.Nested(_Reference))


class _Embargo(Schema):
    active = fields.Bool(allow_none=True, load_default=None)
    until = ISODateString(allow_none=True, load_default=None)
    reason = SanitizedUnicode(allow_none=True, load_default=None)

    @validates_schema
    def _when(self, data: Json, **_: Any) -> None:
        until = dt.date.fromisoformat(data["until"]) if data.get("until") else None
        today = dt.datetime.now(dt.UTC).date()
        if data.get("active") and (until is None or until <= today):
            raise ValidationError("Embargo end date must be set to a future date.", field_name="until")
        if data.get("active") is False and until is not None and until > today:
            raise ValidationError("Embargo end date must be unset or in the past.", field_name="until")


def _protection(name: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value not in ("public", "restricted"):
            raise ValidationError(f"'{name}' must be either 'public' or 'restricted'")

    return check


class _Access(Schema):
    record = SanitizedUnicode(required=True, validate=_protection("record"))
    files = SanitizedUnicode(required=True, validate=_protection("files"))
    embargo = fields.Nested(_Embargo)
    status = SanitizedUnicode()


class _Files(Schema):
    class Meta:
        unknown = EXCLUDE

    enabled = fields.Bool()
    default_preview = SanitizedUnicode(allow_none=True)
    order = fields.List(SanitizedUnicode())


class _Pid(Schema):
    identifier = SanitizedUnicode(required=True)
    provider = SanitizedUnicode(required=True)
    client = SanitizedUnicode()


def _texts(*names: str) -> fields.Nested:
    return fields.Nested(Schema.from_dict({name: SanitizedUnicode() for name in names}))


class CustomFieldsSchema(Schema):
    """The fields that Zenodo has configured; the lists of the life sciences' terms are in `load`."""

    journal = _texts("title", "issue", "volume", "pages", "issn")
    meeting = fields.Nested(
        Schema.from_dict(
            {
                **{
                    name: SanitizedUnicode()
                    for name in ("acronym", "dates", "place", "session_part", "session", "title")
                },
                "url": SanitizedUnicode(validate=validate.URL(error="You must provide a valid URL.")),
                "identifiers": IdentifierValueSet(fields.Nested(Identifier)),
            }
        )
    )
    imprint = _texts("title", "isbn", "pages", "place", "edition")
    thesis = _texts("university", "department", "type", "date_submitted", "date_defended")
    repository = SanitizedUnicode(validate=validate.URL())
    languages = fields.List(fields.Nested(_Term))
    status = fields.Nested(_Term)
    communities = fields.List(SanitizedUnicode())
    subjects = fields.List(_texts("term", "identifier", "scheme"))


_CUSTOM = {
    "journal": "journal:journal",
    "meeting": "meeting:meeting",
    "imprint": "imprint:imprint",
    "thesis": "thesis:thesis",
    "repository": "code:codeRepository",
    "languages": "code:programmingLanguage",
    "status": "code:developmentStatus",
    "communities": "legacy:communities",
    "subjects": "legacy:subjects",
}
_LISTS = ("dwc", "gbif-dwc", "gbif", "mixs", "ac", "openbiodiv", "obo", "dc")
"""Namespaces whose fields are lists of words or numbers."""


def _custom_fields(given: Any) -> tuple[Json, list[Json]]:
    """What is kept, and the errors; `None` counts as not given."""
    if not isinstance(given, dict):
        return {}, [] if given is None else [{"field": "custom_fields", "messages": ["Invalid input type."]}]
    kept: Json = {}
    errors: list[Json] = []
    names = {theirs: ours for ours, theirs in _CUSTOM.items()}
    for name, value in given.items():
        if value is None:
            continue
        if name in names:
            found, wrong = lax(CustomFieldsSchema(), {names[name]: value}, "")
            if found:
                kept[name] = found[names[name]]
            errors += [
                {**each, "field": each["field"].replace(names[name], f"custom_fields.{name}", 1)}
                for each in wrong
            ]
        elif name.partition(":")[0] in _LISTS and isinstance(value, list):
            kept[name] = value
        else:
            errors.append({"field": f"custom_fields.{name}", "messages": ["Unknown field."]})
    return kept, errors


def listed(messages: Any, where: str) -> list[Json]:
    """Marshmallow's tree of messages as the API's list of fields."""
    if isinstance(messages, dict):
        return [
            item
            for name, each in messages.items()
            for item in listed(each, f"{where}.{name}" if where else str(name))
        ]
    return [{"field": where, "messages": messages if isinstance(messages, list) else [messages]}]


def lax(schema: Schema, given: Any, where: str) -> tuple[Json, list[Json]]:
    """What is valid, and the errors of the rest: how a draft is saved."""
    try:
        return dict(schema.load(copy.deepcopy(given))), []
    except ValidationError as error:
        kept = error.valid_data if isinstance(error.valid_data, dict) else {}
        return dict(kept), listed(error.messages, where)


def load(body: Json) -> tuple[Json, list[Json]]:
    """The parts of a record in a request's body, and what was wrong with them.

    A part that was not given is not there, but for `metadata` and `custom_fields`, which are replaced
    whatever the body holds.
    """
    found: Json = {}
    found["metadata"], errors = lax(MetadataSchema(), body.get("metadata", {}), "metadata")
    found["custom_fields"], wrong = _custom_fields(body.get("custom_fields", {}))
    errors += wrong
    for name, schema in (("access", _Access()), ("files", _Files())):
        if name in body:
            found[name], wrong = lax(schema, body[name], name)
            errors += wrong
    if "pids" in body:
        found["pids"] = {}
        for scheme, pid in (body["pids"] or {}).items():
            if scheme != "doi":
                if scheme != "oai":
                    errors.append(
                        {"field": f"pids.{scheme}.key", "messages": ["Invalid persistent identifier scheme."]}
                    )
                continue
            found["pids"][scheme], wrong = lax(_Pid(), pid, f"pids.{scheme}.value")
            errors += wrong
    return found, errors
