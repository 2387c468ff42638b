"""Parts of a record's metadata that occur in several places: identifiers, terms of vocabularies, people, funding.

Rules and words are those of invenio-rdm-records 36 (`services/schemas/metadata.py`) and of the relation
schemas of invenio-vocabularies. What decides about text, identifiers and HTML is the server's own library,
marshmallow-utils.
"""

from __future__ import annotations

import re
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
from marshmallow_utils.fields import IdentifierSet, SanitizedUnicode
from marshmallow_utils.schemas import IdentifierSchema

Json = dict[str, Any]
TAGS = tuple(
    re.findall(
        r"\w+",
        """a abbr acronym b blockquote br code div table tbody td th tr em h1 h2 h3 h4 h5 i li ol p pre span
        strike strong sub sup u ul""",
    )
)
ATTRIBUTES = {
    "*": ["class"],
    "a": ["href", "title", "name", "class", "rel"],
    "abbr": ["title"],
    "acronym": ["title"],
}
"""What is left of HTML: the defaults of invenio-config, which the library's own defaults are not."""
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


class PlaceIdentifier(Identifier):
    schemes = PLACE_SCHEMES


class _AwardIdentifier(Identifier):
    schemes = AWARD_SCHEMES


class Term(Schema):
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


class Subject(_TermOrText):
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


class Funding(Schema):
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


class Creator(Schema):
    person_or_org = fields.Nested(_PersonOrOrg, required=True)
    role = fields.Nested(Term)
    affiliations = fields.List(fields.Nested(_Affiliation))

    @validates_schema
    def _once(self, data: Json, **_: Any) -> None:
        given = data.get("affiliations") or []
        names = {each.get("name", each.get("id")) for each in given}
        if len(names) != len(given):
            listed = ", ".join({name for name in names if name})
            raise ValidationError({"affiliations": ["Duplicated affiliations: " + listed]})


class Contributor(Creator):
    role = fields.Nested(Term, required=True)
