"""What was given, with every id as the service has it; what it does not have is a problem in the input's words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

from entrypoint import text as words
from entrypoint.destinations.zenodo.metadata import (
    given,
    known,
    licenses,
    normal,
    notes,
    problems,
    vocabularies,
)


@dataclasses.dataclass(frozen=True)
class Settled:
    """What is known once the service was asked.

    Attributes:
        given: with ids as the service has them.
        problems: one sentence for each id that it does not have.
        remarks: what could not be found out.
    """

    given: given.Given
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def settle(
    said: given.Given, ask: vocabularies.Ask, there: Mapping[str, Any] | None = None, *, marked: bool = True
) -> Settled:
    """Ask the service for every id that was given. Only reads.

    Args:
        there: the draft or record as the service shows it: what it has as it is given is not asked for.
        marked: a mark of this run will be put into the draft.
    """
    has = normal.of(there) if there is not None else {}
    asker = _Asker(vocabularies.Vocabularies(ask, _ids(has)))
    lacking = asker.lacking_notes(said)
    values = {name: asker.settle(name, value) for name, value in said.values.items() if name not in lacking}
    license_ = () if "rights" in values or has.get("rights") else asker.release_license(said)
    kind = notes.type_of_mark(there or {}) or (asker.notes_type() if marked else notes.NOTES)
    settled = dataclasses.replace(said, values=values, license=license_, notes_type=kind)
    chosen = ", ".join(words.printable(licenses.title_of(item)) for item in license_)
    remarks = (
        [f"License of the record: {chosen}, which is that of the release's repository."] if chosen else []
    )
    remarks += [
        f"{problems.word_of(name)}: the service has no such type of description; it was left out."
        for name in lacking
    ]
    return Settled(settled, tuple(dict.fromkeys(asker.problems)), (*remarks, *asker.vocabularies.remarks()))


def _ids(has: Mapping[str, Any]) -> dict[str, list[str]]:
    """Ids of a draft in normal form, by vocabulary."""
    found: dict[str, list[str]] = {}

    def note(vocabulary: str, *ids: Any) -> None:
        found.setdefault(vocabulary, []).extend(each for each in ids if isinstance(each, str))

    note("licenses", *given.items(has.get("rights")))
    note("languages", *given.items(has.get("languages")))
    note("subjects", *given.items(has.get("subjects")))
    note("resourcetypes", has.get("resource_type"))
    for field, roles in (("creators", "creatorsroles"), ("contributors", "contributorsroles")):
        for person in given.objects(has.get(field)):
            note(roles, person.get("role"))
            note("affiliations", *given.items(person.get("affiliations")))
    for work in given.objects(has.get("related_identifiers")):
        note("relationtypes", work.get("relation_type"))
        note("resourcetypes", work.get("resource_type"))
    for grant in given.objects(has.get("funding")):
        note("funders", grant.get("funder"))
        note("awards", grant.get("award"))
    for field, kinds in (
        ("additional_descriptions", "descriptiontypes"),
        ("additional_titles", "titletypes"),
        ("dates", "datetypes"),
    ):
        for item in given.objects(has.get(field)):
            note(kinds, item.get("type"))
            note("languages", item.get("lang"))
    return found


class _Asker:
    """Collects the problems of one run."""

    def __init__(self, of_service: vocabularies.Vocabularies) -> None:
        self.vocabularies = of_service
        self.problems: list[str] = []

    def settle(self, name: str, value: Any) -> Any:
        """One field with its ids as the service has them."""
        word = problems.word_of(name)
        field = name.partition(".")[0]
        if field == "resource_type":
            return self._resource_type(value, word)
        if field == "rights":
            return [self._right(item, word) for item in value]
        if field == "languages":
            return [self._relation("languages", word, "language", item, known.language) for item in value]
        if field == "funding":
            return [self._funding(item, word) for item in value]
        if name == given.TERMS:
            return [self._relation("subjects", word, "subject", item) for item in value]
        if field in _PARTS and isinstance(value, list):
            return [self._parts(_PARTS[field], item, word) for item in value]
        return value

    def lacking_notes(self, said: given.Given) -> list[str]:
        """The notes and methods of forms that know these two types only, where the service has not even them."""
        return [
            name
            for name in said.values
            if name in said.loose
            and name.startswith(given.DESCRIPTIONS)
            and self.vocabularies.find("descriptiontypes", [name.removeprefix(given.DESCRIPTIONS)]) is None
        ]

    def notes_type(self) -> str:
        """The type of description for the mark of a run."""
        return notes.NOTES if self.vocabularies.find("descriptiontypes", [notes.NOTES]) else notes.OTHER

    def release_license(self, said: given.Given) -> tuple[Mapping[str, Any], ...]:
        """The license of the release's repository; in words, with its page, where the service lacks it."""
        spdx = said.release.license if said.release is not None else ""
        if not spdx:
            return ()
        found = self.vocabularies.find("licenses", licenses.candidates(spdx))
        if found is not None:
            return ({"id": found},)
        return (licenses.custom(spdx, f"https://spdx.org/licenses/{spdx}.html"),)

    def _find(self, vocabulary: str, word: str, what: str, candidates: list[str], unasked: str = "") -> str:
        found = self.vocabularies.find(vocabulary, candidates, unasked)
        if found is None:
            sentence = vocabularies.unknown(self.vocabularies, vocabulary, candidates[0], what)
            self.problems.append(f"{word}: {sentence}")
        return found or candidates[0]

    def _relation(
        self, vocabulary: str, word: str, what: str, item: Any, respell: Callable[[str], str] = str.strip
    ) -> Any:
        value = item.get("id") if isinstance(item, Mapping) else None
        if not isinstance(value, str) or not value.strip():
            return item
        spelled, given_ = respell(value), value.strip()
        wanted = [spelled, given_] if vocabulary == "languages" else [given_, spelled]
        found = self._find(vocabulary, word, what, list(dict.fromkeys(wanted)), unasked=spelled)
        return {**item, "id": found}

    def _resource_type(self, value: Any, word: str) -> Any:
        found = self._relation("resourcetypes", word, "resource type", value, known.resource_type)
        if isinstance(found, Mapping) and not self.vocabularies.has_tag(
            "resourcetypes", found.get("id"), "depositable"
        ):
            self.problems.append(f"{word}: the service accepts no record of type {found['id']}.")
        return found

    def _right(self, item: Any, word: str) -> Any:
        value = item.get("id") if isinstance(item, Mapping) else None
        if not isinstance(value, str):
            return item
        return {"id": self._find("licenses", word, "license", licenses.candidates(value))}

    def _parts(self, parts: Mapping[str, tuple[str, str]], item: Any, word: str) -> Any:
        if not isinstance(item, Mapping):
            return item
        new = dict(item)
        for part, (vocabulary, what) in parts.items():
            respell = _RESPELL.get(vocabulary, str.strip)
            if isinstance(new.get(part), list):
                new[part] = [self._relation(vocabulary, word, what, each, respell) for each in new[part]]
            elif part in new:
                new[part] = self._relation(vocabulary, word, what, new[part], respell)
        return new

    def _funding(self, item: Any, word: str) -> Any:
        """An award that the service does not know is written by its number; its funder must be known."""
        if not isinstance(item, Mapping):
            return item
        new = dict(item)
        if "funder" in new:
            new["funder"] = self._relation("funders", word, "funder", new["funder"], known.funder)
        award = new.get("award")
        value = award.get("id") if isinstance(award, Mapping) else None
        if isinstance(value, str) and self.vocabularies.find("awards", [value]) is None:
            new["award"] = {"number": value.rpartition("::")[2]}
        return new


_PARTS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "creators": {
        "role": ("creatorsroles", "role"),
        "affiliations": ("affiliations", "affiliation with ROR id"),
    },
    "contributors": {
        "role": ("contributorsroles", "role"),
        "affiliations": ("affiliations", "affiliation with ROR id"),
    },
    "related_identifiers": {
        "relation_type": ("relationtypes", "relation"),
        "resource_type": ("resourcetypes", "resource type"),
    },
    "dates": {"type": ("datetypes", "type of date")},
    "additional_titles": {"type": ("titletypes", "type of title"), "lang": ("languages", "language")},
    "additional_descriptions": {
        "type": ("descriptiontypes", "type of description"),
        "lang": ("languages", "language"),
    },
}
_RESPELL: Final[Mapping[str, Callable[[str], str]]] = {
    "languages": known.language,
    "relationtypes": known.relation,
    "resourcetypes": known.resource_type,
}
