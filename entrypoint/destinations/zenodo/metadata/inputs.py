"""The inputs of the action or the command, in InvenioRDM's form."""

from __future__ import annotations

from typing import Any

from entrypoint import settings
from entrypoint import text as words
from entrypoint.destinations.zenodo.metadata import checks, given, known, licenses, people, text


def read(wanted: settings.ZenodoSettings) -> given.Found:
    """What the inputs say; problems are led by the input's name."""
    problems: list[str] = []
    fields: dict[str, Any] = {
        "title": wanted.title,
        "description": text.rich(wanted.description) if wanted.description else "",
        "resource_type": {"id": known.resource_type(wanted.upload_type)} if wanted.upload_type else None,
        "rights": _rights(wanted.license, problems),
        "version": wanted.version,
        given.KEYWORDS: [{"subject": word} for word in wanted.keywords],
        "creators": [people.from_line(line, problems) for line in wanted.creators],
        "related_identifiers": [_related(line, problems) for line in wanted.related_identifiers],
    }
    said = {name: value for name, value in fields.items() if not given.is_empty(value)}
    broken = {problem.partition(":")[0] for problem in problems}
    whole = {name: value for name, value in said.items() if name.replace("_", "-") not in broken}
    problems += (problem.replace("_", "-", 1) for problem in checks.problems(whole))
    communities = tuple(name.rstrip("/").rpartition("/")[2] for name in wanted.communities)
    return given.Found(said, communities=communities, problems=tuple(problems))


def _rights(value: str, problems: list[str]) -> list[dict[str, Any]]:
    found = licenses.read(value) if value else []
    if value and not found:
        problems.append(
            f"license: expected an SPDX id such as CC-BY-4.0, or the URL of a license; got {checks.shown(value)}."
        )
    return found


def _related(line: str, problems: list[str]) -> dict[str, Any]:
    """An item from ``relation identifier [resource type]``."""
    parts = line.split()
    if len(parts) not in (2, 3):
        shown = repr(words.printable(words.shorten(line, 80)))
        problems.append(f"related-identifiers: expected relation identifier [resource type]; got {shown}.")
        return {}
    item: dict[str, Any] = {"identifier": parts[1], "relation_type": {"id": known.relation(parts[0])}}
    if len(parts) == 3:
        item["resource_type"] = {"id": known.resource_type(parts[2])}
    return item
