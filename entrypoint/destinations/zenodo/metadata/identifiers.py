"""Identifiers of works, people and organisations: recognised and written as the service does, with idutils."""

from __future__ import annotations

import re
from typing import Final

WORKS: Final = frozenset(
    [
        "ark",
        "arxiv",
        "ads",
        "crossreffunderid",
        "cstr",
        "doi",
        "ean13",
        "eissn",
        "grid",
        "handle",
        "igsn",
        "isbn",
        "isni",
        "issn",
        "istc",
        "lissn",
        "lsid",
        "pmid",
        "purl",
        "rrid",
        "upc",
        "url",
        "urn",
        "wikidata",
        "w3id",
        "other",
    ]
)
"""Schemes of works that InvenioRDM takes (invenio-rdm-records, ``RDM_RECORDS_IDENTIFIERS_SCHEMES``)."""

_ORCID_LIKE: Final = re.compile(
    r"(?:https?://)?(?:www\.)?orcid\.org/|orcid:|[0-9]{4}-[0-9]{4}-", re.IGNORECASE
)


def scheme_of(value: str) -> str:
    """The scheme that the service finds for an identifier of a work; empty where it takes none."""
    import idutils

    try:
        found = idutils.detect_identifier_schemes(value.strip())
    except (ValueError, TypeError, IndexError, AttributeError):
        return ""
    return next((scheme for scheme in found if scheme in WORKS), "")


def normal(value: str, scheme: str = "") -> str:
    """An identifier as the service writes it; a value that is none stays as it is.

    Args:
        scheme: nothing has it found out.
    """
    import idutils

    value = value.strip()
    for _ in range(3):
        before = value
        try:
            value = str(idutils.normalize_pid(value, scheme or scheme_of(value)) or value)
        except (ValueError, TypeError, IndexError, AttributeError):
            break
        if value == before:
            break
    return value


def comparable(value: str, scheme: str) -> str:
    """For comparing: letters of a DOI, an ORCID iD or a ROR id have no case."""
    written = normal(value, scheme)
    return written.lower() if scheme in ("doi", "orcid", "ror", "gnd", "handle") else written


def is_like_orcid(value: str) -> bool:
    """Whether it looks like an ORCID iD, valid or not."""
    return _ORCID_LIKE.search(value) is not None


def orcid(value: str) -> str:
    """The bare ORCID iD; empty where its form or check digit is wrong.

    https://support.orcid.org/hc/en-us/articles/360006897674
    """
    import idutils

    bare = re.sub(r"^(?:https?://)?(?:www\.)?orcid\.org/|^orcid:\s*", "", value.strip(), flags=re.IGNORECASE)
    bare = bare.rstrip("/").upper()
    # idutils takes 16 digits without dashes too; people who write an ORCID iD do not.
    if re.fullmatch(r"(?:[0-9]{4}-){3}[0-9]{3}[0-9X]", bare) and idutils.is_orcid(bare):
        return str(idutils.normalize_orcid(bare))
    return ""


def ror(value: str) -> str:
    """The bare ROR id of an organisation; empty where this is none."""
    import idutils

    try:
        return str(idutils.normalize_ror(value.strip().lower().rstrip("/"))) if _is_ror(value) else ""
    except (ValueError, TypeError, AttributeError):
        return ""


def _is_ror(value: str) -> bool:
    import idutils

    return bool(idutils.is_ror(value.strip().lower().rstrip("/")))


def person_scheme(value: str) -> str:
    """The scheme of a person's or organisation's identifier: orcid, isni, ror or gnd; empty for another."""
    import idutils

    try:
        found = idutils.detect_identifier_schemes(value.strip())
    except (ValueError, TypeError, IndexError, AttributeError):
        return ""
    return next((scheme for scheme in ("orcid", "ror", "isni", "gnd") if scheme in found), "")


def is_of(scheme: str, value: str) -> bool:
    """Whether a value is an identifier of this scheme; true for schemes that idutils does not know."""
    import idutils

    test = dict(idutils.IDUTILS_PID_SCHEMES).get(scheme)
    try:
        return test is None or bool(test(value.strip()))
    except (ValueError, TypeError, IndexError, AttributeError):
        return False
