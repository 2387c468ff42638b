"""The run for machines: the action's outputs and the manifest."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Final

from entrypoint import __version__, destinations, errors, inputs, settings
from entrypoint.outcome import ExtraResult, FileResult, Mode, Outcome, ReaderCheck, Status
from entrypoint.report import verdict

KEYS_LIMIT: Final = 1000
"""Keys in the output `changed-keys`; the manifest has them all."""


def outputs(outcome: Outcome, given: settings.Settings | None) -> dict[str, str]:
    """Every output of the action, always all of them; empty where there is nothing to say.

    Args:
        given: nothing where the settings could not be read.
    """
    links = outcome.links or destinations.Links("")
    counts = outcome.counts
    values = {
        "destination": links.destination or _wanted(given),
        "catalog-url": "\n".join(_catalogs(outcome)),
        "files": str(verdict.planned(outcome)),
        "uploaded": str(counts[Status.UPLOADED]),
        "skipped": str(counts[Status.SKIPPED]),
        "failed": str(counts[Status.FAILED]),
        "bytes": str(outcome.bytes_sent),
        "deleted": str(sum(extra.deleted for extra in outcome.extras)),
        "changed": _flag(outcome.changed),
        "changed-keys": "\n".join(_changed_keys(outcome, given)),
        "plan": outcome.plan.digest if outcome.plan else "",
        "manifest": given.manifest_input if given else "",
        "deposition-id": links.deposition_id,
        "doi": links.doi,
        "concept-doi": links.concept_doi,
        "record-url": links.record,
        "published": "" if links.published is None else _flag(links.published),
    }
    return {item.name: values[item.name] for item in inputs.OUTPUTS}


def _catalogs(outcome: Outcome) -> list[str]:
    """URLs of the catalogs; of a run that publishes or verifies, those that are there."""
    links = outcome.links.catalog.split("\n") if outcome.links and outcome.links.catalog else []
    urls = links or [url for _, url in outcome.catalog_urls]
    if outcome.mode not in (Mode.PUBLISH, Mode.VERIFY):
        return urls
    there = verdict.catalogs_there(outcome)
    return [url for url in urls if url in there]


def changed_keys(outcome: Outcome, given: settings.Settings | None) -> list[str]:
    """Keys of the objects on S3 that were sent or deleted, in order; what a CDN may have older answers for."""
    if given is None or given.s3 is None:
        return []
    below = f"{given.s3.prefix}/" if given.s3.prefix else ""
    names = {result.file.name for result in outcome.results if result.status is Status.UPLOADED}
    names |= {extra.name for extra in outcome.extras if extra.deleted}
    return [f"{below}{name}" for name in sorted(names)]


def _changed_keys(outcome: Outcome, given: settings.Settings | None) -> list[str]:
    """The same for an output, which has to be short: a wildcard replaces too many."""
    keys = changed_keys(outcome, given)
    if len(keys) <= KEYS_LIMIT or given is None or given.s3 is None:
        return keys
    return [f"{given.s3.prefix}/*".lstrip("/")]


def manifest(
    outcome: Outcome, given: settings.Settings | None, file_url: Callable[[str], str] | None = None
) -> str:
    """The whole result as JSON, the same text for the same result; for the arguments see `document`."""
    # ASCII: a name that is not UTF-8 (a lone surrogate here) stays what it is. The escape keeps a name from being
    # a command of the old form where GitHub's runner reads this.
    text = json.dumps(document(outcome, given, file_url), indent=2, ensure_ascii=True)
    return text.replace("##[", "\\u0023\\u0023[") + "\n"


def document(
    outcome: Outcome, given: settings.Settings | None, file_url: Callable[[str], str] | None = None
) -> dict[str, object]:
    """The manifest.

    Args:
        given: nothing where the settings could not be read.
        file_url: the destination's `file_url`, where there is a destination.
    """
    plan = outcome.plan
    return {
        "tool": "catalog-upload",
        "version": __version__,
        "mode": str(outcome.mode),
        "exit-code": int(outcome.exit_code),
        "headline": verdict.headline(outcome),
        "plan": plan.digest if plan else "",
        "data-set": plan.data_set if plan else "",
        "destination": outcome.destination,
        "outputs": outputs(outcome, given),
        "catalogs": [{"unit": unit, "url": url} for unit, url in outcome.catalog_urls],
        "files": [_file(result, file_url) for result in outcome.results],
        "extras": [_extra(extra) for extra in outcome.extras],
        "changed-keys": changed_keys(outcome, given),
        "left-out": list(plan.left_out) if plan else [],
        "warnings": list(plan.warnings) if plan else [],
        "notices": [*(given.notices if given else ()), *outcome.notices, *verdict.kept(outcome)],
        "views": [{"label": label, "url": url} for label, url in outcome.views],
        "readers": _readers(outcome.readers) if outcome.readers else None,
        "error": _error(outcome.error) if outcome.error else None,
        "seconds": round(outcome.seconds, 3),
    }


def _wanted(given: settings.Settings | None) -> str:
    """URL of the destination that was asked for, while nothing better is known."""
    if given is None:
        return ""
    return given.s3.url if given.s3 else given.zenodo.url if given.zenodo else ""


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _file(result: FileResult, file_url: Callable[[str], str] | None) -> dict[str, object]:
    file = result.file
    return {
        "local": file.local,
        "name": file.name,
        "unit": file.unit,
        "group": file.group,
        "key-paths": list(file.key_paths),
        "size": file.size,
        "media-type": file.media_type,
        "status": str(result.status),
        "reason": result.reason,
        "hint": result.hint,
        "bytes-sent": result.bytes_sent,
        "checksum": result.checksum,
        "proof": result.proof,
        "strong": result.strong,
        "url": file_url(file.name) if file_url else "",
        "seconds": round(result.seconds, 3),
    }


def _extra(extra: ExtraResult) -> dict[str, object]:
    return {
        "name": extra.name,
        "size": extra.size,
        "deleted": extra.deleted,
        "would-delete": extra.planned,
        "error": extra.error,
    }


def _readers(check: ReaderCheck) -> dict[str, object]:
    return {
        "scope": check.scope,
        "requests": check.asked,
        "findings": [dataclasses.asdict(finding) for finding in check.findings],
        "notes": list(check.notes),
    }


def _error(error: errors.PublishError) -> dict[str, object]:
    problems = error.problems if isinstance(error, errors.BadInput) else (error.message,)
    return {"kind": type(error).__name__, "problems": list(problems), "hint": error.hint}
