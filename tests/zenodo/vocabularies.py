"""The server's controlled vocabularies: Zenodo's, or those of a plain InvenioRDM.

The ids and titles are in `tests/data/zenodo-vocabularies.json`, taken from the fixtures of
invenio-rdm-records and, for licences and descriptions, from zenodo-rdm's `app_data`; how licence ids go in
and out of the deposit API is from zenodo-rdm's `legacy` package. Languages are ISO 639-3, as pycountry
lists them. Of funders, awards, affiliations and subjects there is a handful.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pycountry

Entry = dict[str, Any]
DATA = json.loads((Path(__file__).parents[1] / "data" / "zenodo-vocabularies.json").read_text())
ROLES = ("creatorsroles", "contributorsroles")
TITLED = ("resourcetypes", "relationtypes", "datetypes", "titletypes", "descriptiontypes")
GENERIC = (*TITLED, *ROLES, "licenses", "languages", "code:programmingLanguages", "code:developmentStatus")
"""Those at `/api/vocabularies/{type}`; the others have a path of their own."""

PLAIN_LICENSES = (
    "apache-2.0", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "cc0-1.0", "gpl-3.0-or-later", "mit",
)  # fmt: skip
"""What a smaller repository offers, besides a licence of its own."""


def _named(ids: dict[str, str]) -> dict[str, Entry]:
    return {name: {"id": name, "title": {"en": title}} for name, title in ids.items()}


def _licenses() -> dict[str, Entry]:
    """The old ids of no licence in particular (`other-open`) are known to the deposit API, and to nothing else."""
    return {
        name: {
            "id": name,
            "title": {"en": title},
            # As on the server, some have more to show than others; what they show must not be sent back.
            "description": {"en": f"What {title} allows." if name.startswith("cc") else ""},
            "icon": f"{name}-icon" if name.startswith("cc") else "",
            "tags": ["all"],
            "props": {"url": url, "scheme": "spdx"},
        }
        for name, (title, url) in DATA["licenses"].items()
        if not name.startswith("other-")
    }


def _resource_types() -> dict[str, Entry]:
    found = _named(DATA["resourcetypes"])
    for name, entry in found.items():
        entry["props"] = {"type": name.partition("-")[0], "subtype": name if "-" in name else ""}
        entry["tags"] = ["linkable"] if name in DATA["not_depositable"] else ["depositable", "linkable"]
    return found


@functools.cache
def _languages() -> dict[str, Entry]:
    return {
        each.alpha_3: {
            "id": each.alpha_3,
            "title": {"en": each.name},
            "props": {"alpha_2": getattr(each, "alpha_2", "")},
        }
        for each in pycountry.languages
        if hasattr(each, "alpha_3")
    }


FUNDERS = {
    "00k4n6c32": "European Commission",
    "01cwqze88": "National Institutes of Health",
    "021nxhr62": "U.S. National Science Foundation",
    "018mejw64": "Deutsche Forschungsgemeinschaft",
}
AWARDS = {
    "00k4n6c32::283595": ("283595", "2nd-Generation Open Access Infrastructure", "OpenAIREplus", "FP7"),
    "00k4n6c32::101058437": ("101058437", "An award without the older programme", "NEWER", "HORIZON"),
    "021nxhr62::2120947": ("2120947", "An award of another funder", "", ""),
}
AFFILIATIONS = {
    "01ggx4157": "European Organization for Nuclear Research",
    "00jmfr291": "University of Michigan",
}
SUBJECTS = {
    "http://id.nlm.nih.gov/mesh/D059010": ("Single-Cell Analysis", "MeSH"),
    "euroscivoc:33": ("genetics", "EuroSciVoc"),
}


class Vocabularies:
    """Entries by vocabulary and id, as the API gives them; tests may add their own."""

    def __init__(self, *, zenodo: bool) -> None:
        self.entries: dict[str, dict[str, Entry]] = {name: _named(DATA[name]) for name in TITLED}
        self.entries["resourcetypes"] = _resource_types()
        self.entries |= {name: _named(DATA["roles"]) for name in ROLES}
        self.entries["licenses"] = _licenses()
        self.entries["languages"] = _languages()
        self.entries["code:programmingLanguages"] = _named({"python": "Python", "r": "R", "c++": "C++"})
        self.entries["code:developmentStatus"] = _named(
            {"active": "Active", "wip": "WIP", "inactive": "Inactive"}
        )
        self.entries["funders"] = {
            name: {"id": name, "name": title, "title": {"en": title}} for name, title in FUNDERS.items()
        }
        self.entries["awards"] = {
            name: _award(name, number, title, acronym, program)
            for name, (number, title, acronym, program) in AWARDS.items()
        }
        self.entries["affiliations"] = {
            name: {"id": name, "name": title, "identifiers": [{"identifier": name, "scheme": "ror"}]}
            for name, title in AFFILIATIONS.items()
        }
        self.entries["subjects"] = {
            name: {"id": name, "subject": text, "scheme": scheme} for name, (text, scheme) in SUBJECTS.items()
        }
        if not zenodo:
            self._plain()

    def _plain(self) -> None:
        """A smaller repository with words of its own."""
        kept = self.entries["licenses"]
        self.entries["licenses"] = {name: kept[name] for name in PLAIN_LICENSES}
        self.entries["licenses"]["house-1.0"] = {
            "id": "house-1.0",
            "title": {"en": "House licence"},
            "props": {},
        }
        for name in ("publication-deliverable", "publication-milestone", "software-computationalnotebook"):
            del self.entries["resourcetypes"][name]
        imaging = {
            "id": "dataset-imaging",
            "title": {"en": "Imaging data"},
            "tags": ["depositable", "linkable"],
        }
        self.entries["resourcetypes"]["dataset-imaging"] = imaging
        self.entries["subjects"] = {}
        # `notes` is Zenodo's own.
        del self.entries["descriptiontypes"]["notes"]

    def find(self, vocabulary: str, name: Any) -> Entry | None:
        """The entry with this id."""
        return self.entries[vocabulary].get(name) if isinstance(name, str) else None


def _award(name: str, number: str, title: str, acronym: str, program: str) -> Entry:
    entry = {"id": name, "number": number, "title": {"en": title}}
    more = {"acronym": acronym, "program": program}
    return entry | {key: value for key, value in more.items() if value}


def from_legacy(name: str) -> str | None:
    """The vocabulary's id of a licence that the deposit API was given, None for an unknown one."""
    low = name.lower().strip()
    found = DATA["legacy_in"].get(low, low)
    return found if found in DATA["licenses"] else None


def to_legacy(name: str) -> str:
    """How the deposit API writes a licence; eleven of these names lead to another licence when they come back."""
    return str(DATA["legacy_out"].get(name, name))


def funder_from_legacy(doi: str) -> str:
    """The ROR id of a funder that is named by its DOI."""
    return str(DATA["funder_dois"].get(doi, doi))


def funder_to_legacy(ror: str) -> str:
    """The DOI of a funder; one ROR id has two, and the newer one is given."""
    found = [doi for doi, name in DATA["funder_dois"].items() if name == ror]
    return "10.13039/100014013" if "10.13039/100014013" in found else (found or [ror])[-1]
