"""What InvenioRDM takes as a record, and what it makes of it: its fields, its refusals, its normal form.

Rules and words are those of invenio-rdm-records 36 (`services/schemas`), compared with a server of it.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema
from marshmallow_utils.fields import (
    EDTFDateString,
    EDTFDateTimeString,
    IdentifierValueSet,
    ISODateString,
    SanitizedHTML,
    SanitizedUnicode,
)
from marshmallow_utils.schemas import GeometryObjectSchema

from tests.zenodo.schema_parts import (
    ATTRIBUTES,
    REQUIRED,
    TAGS,
    Contributor,
    Creator,
    Funding,
    Identifier,
    PlaceIdentifier,
    Subject,
    Term,
)

Json = dict[str, Any]


class _Title(Schema):
    title = SanitizedUnicode(required=True, validate=validate.Length(min=3))
    type = fields.Nested(Term, required=True)
    lang = fields.Nested(Term)


class _Description(Schema):
    description = SanitizedHTML(TAGS, ATTRIBUTES, required=True, validate=validate.Length(min=3))
    type = fields.Nested(Term, required=True)
    lang = fields.Nested(Term)


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
    type = fields.Nested(Term, required=True)
    description = SanitizedUnicode()


class _Related(Identifier):
    relation_type = fields.Nested(Term)
    resource_type = fields.Nested(Term)

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
    identifiers = fields.List(fields.Nested(PlaceIdentifier))
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

    resource_type = fields.Nested(Term, required=True)
    creators = fields.List(fields.Nested(Creator), required=True, validate=_filled(REQUIRED))
    title = SanitizedUnicode(required=True, validate=validate.Length(min=3))
    additional_titles = fields.List(fields.Nested(_Title))
    publisher = SanitizedUnicode()
    publication_date = EDTFDateString(required=True)
    subjects = fields.List(fields.Nested(Subject))
    contributors = fields.List(fields.Nested(Contributor))
    dates = fields.List(fields.Nested(_Date))
    languages = fields.List(fields.Nested(Term))
    identifiers = IdentifierValueSet(fields.Nested(Identifier))
    related_identifiers = fields.List(fields.Nested(_Related))
    sizes = fields.List(SanitizedUnicode(validate=_filled("Size cannot be a blank string.")))
    formats = fields.List(SanitizedUnicode(validate=_filled("Format cannot be a blank string.")))
    version = SanitizedUnicode(validate=validate.Length(max=191))
    rights = fields.List(fields.Nested(_Right))
    copyright = SanitizedHTML(TAGS, ATTRIBUTES, validate=validate.Length(min=1))
    description = SanitizedHTML(TAGS, ATTRIBUTES, validate=validate.Length(min=3))
    additional_descriptions = fields.List(fields.Nested(_Description))
    locations = fields.Nested(_Features)
    funding = fields.List(fields.Nested(Funding))
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
    languages = fields.List(fields.Nested(Term))
    status = fields.Nested(Term)
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
        return {}, [{"field": "custom_fields", "messages": ["Invalid input type."]}]
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
    found: Json = {"metadata": {}, "custom_fields": {}}
    errors: list[Json] = []
    for name, part in _PARTS.items():
        if name in body and body[name] is None:
            errors.append({"field": name, "messages": ["Field may not be null."]})
        elif name in body:
            found[name], wrong = part(body[name])
            errors += wrong
    return found, errors


def _pids(given: Any) -> tuple[Json, list[Json]]:
    kept: Json = {}
    errors: list[Json] = []
    for scheme, pid in given.items():
        if scheme in ("doi", "oai"):
            kept[scheme], wrong = lax(_Pid(), pid, f"pids.{scheme}.value")
            errors += wrong
        else:
            # One message a letter: so it is on the server.
            errors.append(
                {"field": f"pids.{scheme}.key", "messages": list("Invalid persistent identifier scheme.")}
            )
    return kept, errors


_PARTS: dict[str, Callable[[Any], tuple[Json, list[Json]]]] = {
    "metadata": lambda given: lax(MetadataSchema(), given, "metadata"),
    "custom_fields": _custom_fields,
    "access": lambda given: lax(_Access(), given, "access"),
    "files": lambda given: lax(_Files(), given, "files"),
    "pids": _pids,
}
