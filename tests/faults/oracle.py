"""What must hold after a run, whatever went wrong; each broken promise is one sentence."""

from __future__ import annotations

import html
from collections.abc import Iterator

from tests.faults.product import Ran
from tests.faults.remotes import digest
from tests.faults.world import Unit
from tests.support import runner_parser

CANCEL_LIMIT = 7.0
"""Seconds from a signal to the end."""


def said(ran: Ran) -> Iterator[str]:
    """Promises about the output: exit code, log, summary and outputs agree, and contain no secret."""
    if ran.hung:
        yield "it hung"
        return
    if ran.code not in (0, 2, 3, 4, 5, 130):
        yield f"exit code {ran.code}"
        return
    if "Traceback" in ran.log or "A bug in" in ran.everything:
        yield "a traceback or a bug"
    if not ran.outputs or not ran.summary.strip():
        yield "no outputs or no summary"
        return
    yield from _agrees(ran)
    if ran.code == 3:
        yield from _names(ran)


def _agrees(ran: Ran) -> Iterator[str]:
    errors = [command for command in runner_parser.commands(ran.log) if command.name == "error"]
    if bool(ran.code) != bool(errors):
        yield f"exit code {ran.code} with {len(errors)} error annotations"
    if not ran.manifest:
        return
    counts = [ran.outputs[name] for name in ("uploaded", "skipped", "failed")]
    statuses = list(ran.statuses.values())
    if counts != [str(statuses.count(status)) for status in ("uploaded", "skipped", "failed")]:
        yield f"outputs say {counts}, the manifest {statuses}"
    if ran.manifest["exit-code"] != ran.code:
        yield f"the manifest says exit code {ran.manifest['exit-code']}"
    if not ran.code and {"failed", "withheld"} & set(statuses):
        yield f"exit code 0 though not all are up: {ran.statuses}"


def _names(ran: Ran) -> Iterator[str]:
    """Each file that failed is named, with a reason."""
    failed = [file for file in ran.manifest.get("files", ()) if file["status"] == "failed"]
    for file in failed:
        name = _plain(file["local"])
        # In an annotation a percent sign is written as %25.
        if (
            name not in _plain(ran.log.replace("%25", "%"))
            or name not in _plain(ran.summary)
            or not file["reason"]
        ):
            yield f"{file['local']} failed and is not named with a reason in log and summary"
    extras = any(extra["error"] for extra in ran.manifest.get("extras", ()))
    if ran.manifest and not (failed or extras or ran.manifest.get("error")):
        yield "exit code 3 without a failed file"


def _plain(words: str) -> str:
    """Letters and digits only: escapes differ from place to place."""
    return "".join(c for c in html.unescape(words) if c.isalnum() and c.isascii())


def leaks(ran: Ran, secrets: tuple[str, ...]) -> Iterator[str]:
    """No secret anywhere."""
    for secret in secrets:
        if secret in ran.everything:
            yield f"the secret {secret[:6]}… is in the outputs"


def stands(
    unit: Unit, there: dict[str, str], ran: Ran, *, unheard: bool = False, spoiled: bool = False
) -> Iterator[str]:
    """Promises about one data set: all there, or the old catalog as it was; and nothing claimed that is not so.

    Args:
        there: digests by name below the data set's own folder.
        unheard: a catalog may have been replaced without that the client could know.
        spoiled: bodies were corrupted on their way to a store that checks nothing, which then holds what it
            got, though the run must not call it good.
    """
    wanted = {name: digest(data) for name, data in unit.all.items()}
    before = {name: digest(data) for name, data in unit.before.items()}
    lead = f"{unit.folder}/" if unit.folder else ""
    for name, should in wanted.items():
        status, found = ran.statuses.get(f"{lead}{name}", ""), there.get(name)
        if found not in (should, before.get(name)) and not (spoiled and status == "failed"):
            yield f"{name} is neither the old nor the new one: {'gone' if found is None else 'other content'}"
        if (status in ("uploaded", "skipped") or not ran.code) and found != should:
            yield f"{name} is said to be {status} and is not"
    if there.get("catalog.yaml") == wanted["catalog.yaml"] != before.get("catalog.yaml"):
        missing = [name for name, should in wanted.items() if there.get(name) != should]
        if missing:
            yield f"the new catalog is there without {missing}"
        status = ran.statuses.get(f"{lead}catalog.yaml", "")
        if status not in ("uploaded", "skipped") and not unheard:
            yield f"the catalog was replaced and is said to be {status!r}"


def tidy(left: list[str]) -> Iterator[str]:
    """Nothing half-made is left."""
    if left:
        yield f"left open: {left}"
