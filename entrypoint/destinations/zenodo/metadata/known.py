"""Ids in older spellings, to those of today's vocabularies; kept as data, with their sources.

No list of what exists: that is asked of the service (`vocabularies`).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

_CREATIVE_COMMONS: Final = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(?:licenses/([a-z-]+)/([0-9.]+)(?:/([a-z]{2,3}))?"
    r"|publicdomain/(zero)/([0-9.]+))(?:/(?:deed|legalcode)?(?:\.[a-z-]+)?)*",
    re.IGNORECASE,
)
_CC_IN_WORDS: Final = re.compile(r"CC[\s_-]+BY(?:[\s_-]+(?:NC|SA|ND))*(?:[\s_-]+[1-4]\.[05])?", re.IGNORECASE)
"""As Creative Commons itself writes them: ``CC BY-NC-SA 4.0``."""
_SPDX_PAGE: Final = re.compile(
    r"https?://(?:www\.)?(?:spdx\.org/licenses|opensource\.org/licen[sc]es?)/([^/?#\s]+?)(?:\.html|\.json)?/?",
    re.IGNORECASE,
)


@functools.cache
def _data(name: str) -> Mapping[str, Any]:
    folder = resources.files("entrypoint.destinations.zenodo.metadata") / "data"
    found: Mapping[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found


def license_id(value: str) -> str:
    """The id in lower case, as vocabularies have it, for an SPDX id (a deprecated one too), an older id of
    Zenodo, a page of SPDX, OSI or Creative Commons, or what people write; others in lower case."""
    name = license_word(value)
    return str(_data("licenses")["ids"].get(name, name))


def license_word(value: str) -> str:
    """The id in lower case as it is given, without a known page's address around it."""
    name = value.strip()
    if page := _CREATIVE_COMMONS.fullmatch(name):
        kind, number, country, zero, of_zero = page.groups()
        name = f"cc0-{of_zero}" if zero else "-".join(filter(None, ("cc", kind, number, country)))
    elif page := _SPDX_PAGE.fullmatch(name):
        name = page[1]
    elif _CC_IN_WORDS.fullmatch(name):
        name = re.sub(r"[\s_-]+", "-", name)
    return name.lower()


def resource_type(value: str) -> str:
    """A resource type's id."""
    name = value.strip().lower()
    return str(_data("legacy")["resource_types"].get(name, name))


def relation(value: str) -> str:
    """A relation type's id: the older form writes ``isSupplementTo``."""
    name = value.strip().lower()
    return str(_data("legacy")["relations"].get(name, name))


def funder(value: str) -> str:
    """A funder's id: the older form names it by its DOI."""
    name = value.strip()
    return str(_data("legacy")["funders"].get(name, name))


def language(value: str) -> str:
    """A language's ISO 639-3 code; what is no code of a language stays, in lower case.

    From ``en``, ``eng``, ``ger`` (ISO 639-2/B), ``en-GB``.
    """
    import langcodes

    name = value.strip().lower()
    try:
        code = langcodes.Language.get(name).to_alpha3()
    except (ValueError, LookupError):
        return name
    return code if re.fullmatch(r"[a-z]{2,3}(?:[-_][a-z0-9]+)*", name) else name
