"""Metadata: inputs over the metadata file over the draft over the release; what to write, and whether to."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from entrypoint import errors, event, settings
from entrypoint.destinations.zenodo import citation, mark, markdown, rules, vocabulary
from entrypoint.plan import model

DEFAULT_TYPE: Final = "dataset"
_SUPPLEMENT: Final = "isSupplementTo"
_ITEM_FIELDS: Final = {
    "creators": ("name", "affiliation", "orcid", "gnd"),
    "contributors": ("name", "affiliation", "orcid", "gnd", "type"),
    "thesis_supervisors": ("name", "affiliation", "orcid", "gnd"),
    "related_identifiers": ("identifier", "relation", "resource_type"),
    "grants": ("id",),
    "communities": ("identifier",),
    "subjects": ("term", "identifier", "scheme"),
    "locations": ("place", "lat", "lon", "description"),
}
"""What may be written of an item; the server answers with more than it takes."""


@dataclass(frozen=True)
class Given:
    """What inputs and metadata file say, checked.

    Attributes:
        metadata: in Zenodo's (legacy) form, without communities.
        communities: to be asked for: the field of that name is ignored by the server.
        notices: remarks for people.
    """

    metadata: Mapping[str, Any]
    communities: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def gather(wanted: settings.ZenodoSettings) -> Given:
    """Read inputs and metadata file.

    Raises:
        errors.BadInput: with everything that breaks Zenodo's rules.
    """
    problems: list[str] = []
    found = citation.Found({})
    for path in wanted.metadata_files[:1]:
        try:
            found = citation.read(path)
        except errors.BadInput as error:
            problems += error.problems
    from_file = {field: value for field, value in found.metadata.items() if value not in (None, "", [])}
    problems += (f"metadata-file: {problem}" for problem in rules.problems(from_file))
    inputs = _inputs(wanted, problems)
    problems += (problem.replace("_", "-", 1) for problem in rules.problems(inputs))
    if problems:
        raise errors.BadInput(problems)
    merged = _tidy({**from_file, **inputs})
    asked = tuple(item["identifier"] for item in merged.pop("communities", ()))
    return Given(merged, tuple(dict.fromkeys(asked)), found.notices)


def _inputs(wanted: settings.ZenodoSettings, problems: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "title": wanted.title,
        "description": wanted.description,
        "upload_type": wanted.upload_type,
        "license": wanted.license,
        "version": wanted.version,
        "keywords": list(wanted.keywords),
        "communities": [{"identifier": name.rstrip("/").rpartition("/")[2]} for name in wanted.communities],
        "creators": [creator(line, problems) for line in wanted.creators],
        "related_identifiers": [_related(line, problems) for line in wanted.related_identifiers],
    }
    return {field: value for field, value in fields.items() if value}


def creator(line: str, problems: list[str]) -> dict[str, str]:
    """A person from ``Family, Given; affiliation; ORCID``; affiliation and ORCID may be left out."""
    name, *rest = (part.strip() for part in line.split(";"))
    person = {"name": name}
    for part in filter(None, rest):
        field = (
            "orcid"
            if re.search(r"[0-9]{4}-[0-9]{4}-", part) or "orcid.org" in part.lower()
            else "affiliation"
        )
        if field in person:
            problems.append(f"creators: expected Family, Given; affiliation; ORCID; got {line!r}.")
        person[field] = part
    return person


def _related(line: str, problems: list[str]) -> dict[str, str]:
    """An item from ``relation identifier [resource type]``."""
    words = line.split()
    if len(words) not in (2, 3):
        problems.append(f"related-identifiers: expected relation identifier [resource type]; got {line!r}.")
        return {"relation": _SUPPLEMENT, "identifier": "https://example.org"}
    return dict(zip(("relation", "identifier", "resource_type"), words, strict=False))


def _tidy(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Checked metadata in the spelling that the server keeps."""
    tidy = dict(metadata)
    if "license" in tidy:
        tidy["license"] = license_of(tidy)
    if is_own_doi(tidy.get("doi")):
        # The server gives Zenodo's DOIs itself; an old one that is written back would spoil the record.
        del tidy["doi"]
    for field in ("creators", "contributors", "thesis_supervisors"):
        if field in tidy:
            tidy[field] = [_tidy_person(item) for item in tidy[field]]
    if "related_identifiers" in tidy:
        tidy["related_identifiers"] = [
            {
                key: vocabulary.RELATIONS[item[key].lower()] if key == "relation" else item[key].strip()
                for key in _ITEM_FIELDS["related_identifiers"]
                if item.get(key)
            }
            for item in tidy["related_identifiers"]
        ]
    return tidy


def _tidy_person(item: Mapping[str, Any]) -> dict[str, Any]:
    person = {key: value.strip() for key, value in item.items() if value}
    if "orcid" in person:
        person["orcid"] = rules.orcid(person["orcid"])
    if "type" in person:
        person["type"] = vocabulary.CONTRIBUTOR_TYPES[person["type"].lower()]
    return person


def license_of(metadata: Mapping[str, Any]) -> str:
    """The licence's id, from a text or an object, in lower case; empty without one."""
    value = metadata.get("license")
    if isinstance(value, Mapping):
        value = value.get("id")
    return vocabulary.license_id(value) if isinstance(value, str) else ""


def is_own_doi(doi: Any) -> bool:
    """Whether this is a DOI that Zenodo gives, on production or on the sandbox."""
    return (
        isinstance(doi, str) and re.match(r"10\.(5281|5072)/zenodo\.", doi.strip(), re.IGNORECASE) is not None
    )


def writable(draft: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The part of a draft's metadata that can be written back as it was read.

    Left out: ``prereserve_doi``, which is ignored; a DOI that the service reserved, which would become a
    foreign one; ``dates``, which the server does not take in the form that it gives
    (https://github.com/zenodo/zenodo/issues/2594).

    Args:
        number: the draft's id, by which a reserved DOI is known on other services than Zenodo.
    """
    kept: dict[str, Any] = {}
    for field, value in draft.items():
        if field not in vocabulary.FIELDS or field == "dates" or value in (None, "", [], {}):
            continue
        if field == "doi" and (is_own_doi(value) or str(value).endswith(f".{number}")):
            continue
        if field == "license":
            kept[field] = license_of(draft)
        elif field in _ITEM_FIELDS and isinstance(value, list):
            kept[field] = [_writable_item(field, item) for item in value if isinstance(item, Mapping)]
        else:
            kept[field] = value
    return kept


def _writable_item(field: str, item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item[key] for key in _ITEM_FIELDS[field] if item.get(key) not in (None, "")}


def merge(
    given: Given,
    draft: Mapping[str, Any],
    release: event.Release | None,
    plan: model.Plan,
    data_set: str,
    run_mark: str | None,
) -> dict[str, Any]:
    """All metadata that the draft is to have.

    Args:
        draft: what `writable` left of the draft's.
        run_mark: the mark of this run for a draft that it made; nothing leaves the notes as they are.
    """
    merged = {**_fallback(release, plan, data_set), **draft, **given.metadata}
    if release is not None and release.url:
        merged["related_identifiers"] = _with_release(
            merged.get("related_identifiers", []), given.metadata.get("related_identifiers", []), release
        )
    if merged["upload_type"] != "publication":
        merged.pop("publication_type", None)
    if merged["upload_type"] != "image":
        merged.pop("image_type", None)
    if run_mark is not None:
        merged["notes"] = mark.put(merged.get("notes"), run_mark)
    return {field: value for field, value in merged.items() if value not in (None, "", [])}


def _fallback(release: event.Release | None, plan: model.Plan, data_set: str) -> dict[str, Any]:
    """What the release event, and after it the catalog, fill in where nobody else said anything."""
    title, description = plan.title or data_set, markdown.from_plain(plan.description)
    fields: dict[str, Any] = {"upload_type": DEFAULT_TYPE}
    if release is not None:
        title = release.title or plan.title or f"{release.repository} {release.tag}".strip()
        description = markdown.to_html(release.notes) or description
        fields["version"] = release.tag[: rules.MAX_VERSION]
        spdx = vocabulary.license_id(release.license)
        # Nobody asked for this licence by name: one that the service may lack must not end the run.
        fields["license"] = spdx if spdx in vocabulary.LICENSES else ""
    fields["title"] = title if len(title.strip()) >= rules.MIN_TEXT else f"Data set {title}".strip()
    if len(description) >= rules.MIN_TEXT:
        fields["description"] = description
    return {field: value for field, value in fields.items() if value}


def _with_release(
    related: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]], release: event.Release
) -> list[Mapping[str, Any]]:
    """The list with the release that the record supplements; the one of an older version goes."""
    if any(item.get("relation") == _SUPPLEMENT for item in asked):
        return list(related)
    releases = f"{release.repository_url}/releases/" if release.repository_url else release.url
    kept = [
        item
        for item in related
        if not (item.get("relation") == _SUPPLEMENT and str(item.get("identifier", "")).startswith(releases))
    ]
    return [*kept, {"identifier": release.url, "relation": _SUPPLEMENT}]


def differs(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """The fields in which metadata to be written differ from those of the draft, as `writable` gives them."""
    return [
        field
        for field in sorted({*wanted, *there})
        if _plain(field, wanted.get(field)) != _plain(field, there.get(field))
    ]


def _plain(field: str, value: Any) -> Any:
    """A value without what the server changes when it keeps it: entities, blanks, spelling."""
    if isinstance(value, str):
        if field == "license":
            return vocabulary.license_id(value)
        words = html.unescape(value) if field in ("description", "notes", "method") else value
        return " ".join(words.split())
    if isinstance(value, Mapping):
        return {key: _plain(key, item) for key, item in value.items() if item not in (None, "")}
    if isinstance(value, list | tuple):
        return [_plain(field, item) for item in value]
    return value


def citation_of(metadata: Mapping[str, Any], doi: str) -> str:
    """A sentence to cite the record by; empty where its title is not known."""
    people = metadata.get("creators")
    names = [str(item.get("name", "")) for item in people or [] if isinstance(item, Mapping)]
    title, year = metadata.get("title"), str(metadata.get("publication_date", ""))[:4]
    if not title or not doi:
        return ""
    who = "; ".join(filter(None, names)) + " " if names else ""
    version = f" (version {metadata['version']})" if metadata.get("version") else ""
    publisher = metadata.get("imprint_publisher") or "Zenodo"
    return f"{who}({year or 'n.d.'}). {title}{version}. {publisher}. https://doi.org/{doi}"
