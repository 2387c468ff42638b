"""Lines for the log: before a run, for a dry run, and at the end. Every line is harmless."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from entrypoint import errors, settings, text
from entrypoint.outcome import Mode, Outcome, Status
from entrypoint.plan import model
from entrypoint.report import grouping, verdict

PLAN_LIMIT: Final = 900
FAILURE_LIMIT: Final = 50
REMARK_LIMIT: Final = 50
SOME: Final = 3
"""Files that are named for a cause, and catalogs that are listed, in few words."""
MORE: Final = "; see the summary or the manifest"


def start_line(plan: model.Plan, given: settings.Settings) -> str:
    """What is about to be done."""
    verb = "Publishing"
    if given.dry_run:
        verb = "Dry run of"
    elif given.verify_only:
        verb = "Verifying"
    elif given.draft_only:
        verb = "Creating the draft for"
    files = f"{text.plural(len(plan), 'file')} ({text.size_text(plan.size)})"
    samples = f" in {verdict.samples(plan)}" if len(plan.units) > 1 else ""
    part = f", {verdict.part(given.shard, plan)}" if given.shard else ""
    data_set = f" of {plan.data_set!r}" if plan.data_set else ""
    pace = f", {given.n_jobs} at a time" if given.n_jobs else ""
    way = f"{given.in_dir} -> {given.destination}"
    return text.printable(f"{verb} {files}{data_set}{samples}{part}: {way}{pace}")


def plan_lines(outcome: Outcome, limit: int = PLAN_LIMIT) -> list[str]:
    """What would be deleted, then each file with what a run would do and why; for a dry run's log."""
    doomed = [
        f"{'would delete':<12}  {text.size_text(extra.size):>10}  {extra.name}"
        for extra in outcome.extras
        if extra.planned
    ]
    lines = [
        f"{result.status:<12}  {text.size_text(result.file.size):>10}  {grouping.name(result.file)}  "
        f"({result.reason})"
        for result in outcome.results
    ]
    lines += [
        f"{'extra, kept':<12}  {text.size_text(extra.size):>10}  {extra.name}"
        for extra in outcome.extras
        if not extra.planned
    ]
    lines += [
        f"{'left out':<12}  {'':>10}  {remark}" for remark in (outcome.plan.left_out if outcome.plan else ())
    ]
    # Deletions come first and complete: they are what a dry run is for.
    return [text.printable(line) for line in [*doomed, *_bounded(lines, limit, MORE)]]


def remarks(outcome: Outcome, limit: int = REMARK_LIMIT) -> tuple[str, list[str]]:
    """What a person should know beside failures: how many remarks, and the remarks; empty if there are none."""
    plan = outcome.plan
    # A dry run's plan says file by file what is left out.
    found = list(plan.left_out) if plan and outcome.mode is not Mode.DRY_RUN else []
    found += [*(plan.warnings if plan else ()), *outcome.notices, *verdict.kept(outcome)]
    if outcome.readers:
        # If they fail the run, they are reported as failures.
        found += outcome.readers.notes
        found += [] if outcome.readers.fails else _findings(outcome)
    lines = [text.printable(line) for line in _bounded(found, limit, MORE)]
    return (text.plural(len(found), "remark") if found else "", lines)


def deletions(outcome: Outcome, limit: int = REMARK_LIMIT) -> tuple[str, list[str]]:
    """What was deleted at the destination beside the planned files; empty if nothing was."""
    gone = [f"{extra.name} ({text.size_text(extra.size)})" for extra in outcome.extras if extra.deleted]
    title = f"Deleted {text.plural(len(gone), 'extra file')}" if gone else ""
    return title, [text.printable(line) for line in _bounded(gone, limit, MORE)]


def causes(outcome: Outcome, names: int, limit: int = FAILURE_LIMIT) -> list[str]:
    """Why the run failed: what ended it, then each cause once with its number of files.

    Args:
        names: of files, at most, that are named for each cause.
    """
    lines: list[str] = []
    error = outcome.error
    if error is not None and not _is_said(outcome, error):
        lines += error.problems if isinstance(error, errors.BadInput) else [error.message]
    lines += [cause.line(names) for cause in grouping.of(outcome)]
    lines += [f"Could not delete {extra.name}: {extra.error}" for extra in outcome.extras if extra.error]
    if outcome.readers and outcome.readers.fails:
        lines += _findings(outcome)
    return [text.printable(text.shorten(line, 1000)) for line in _bounded(lines, limit, MORE)]


def _is_said(outcome: Outcome, error: errors.PublishError) -> bool:
    """Whether other lines say it already: the headline, or the files that all failed with it."""
    return isinstance(error, errors.Cancelled) or grouping.is_cause(outcome, error)


def _findings(outcome: Outcome) -> list[str]:
    """What keeps readers from using the files, with a fix."""
    found = outcome.readers.findings if outcome.readers else ()
    return [f"Readers: {each.what} {each.todo} {each.paste}".rstrip() for each in found]


def failed_names(outcome: Outcome, limit: int = PLAN_LIMIT) -> list[str]:
    """Every file that failed, where `causes` does not name them all; else nothing."""
    found = grouping.of(outcome)
    if all(len(cause.files) <= SOME for cause in found) and len(found) <= FAILURE_LIMIT:
        return []
    return [text.printable(line) for line in _bounded(grouping.names(found), limit, MORE)]


def closing(outcome: Outcome) -> list[str]:
    """The last lines of a failed run: what failed, what to do, where things are."""
    todo = _todo(outcome)
    known = outcome.links
    where = [(known.destination if known else "") or outcome.destination, known.todo if known else ""]
    lines = [
        f"error: {verdict.headline(outcome)}",
        f"What to do: {todo}" if todo else "",
        f"Where: {'. '.join(part for part in where if part)}" if where[0] else "",
    ]
    return [text.printable(line) for line in lines if line]


def links(outcome: Outcome) -> list[str]:
    """Where things are, one line each, and before it what an earlier run had left to do."""
    known = outcome.links
    lines = [f"{verdict.before(outcome)}."] if verdict.before(outcome) else []
    if known is None:
        return [text.printable(line) for line in lines]
    is_draft = known.published is False
    later = " (works once the draft is published)" if is_draft else ""
    facts = [
        ("Destination", known.destination),
        *(("Catalog", f"{url}{later}") for url in verdict.catalogs_there(outcome)[:SOME]),
        ("DOI", known.doi and known.doi + later),
        ("Record", known.record if known.record != known.destination and not is_draft else ""),
        *(outcome.views if verdict.catalogs_there(outcome) else ()),
        ("To do", known.todo),
    ]
    lines += [f"{label}: {value}" for label, value in facts if value]
    if (readers := outcome.readers) and readers.asked and not readers.findings:
        lines.append(f"Readers: {readers.scope} could be read ({text.plural(readers.asked, 'request')})")
    return [text.printable(line) for line in lines]


def _todo(outcome: Outcome) -> str:
    """What to do about a failure, in one line."""
    error = outcome.error
    if isinstance(error, errors.BadInput):
        return error.hint or "fix the problems above, then run again."
    if error is not None:
        return error.hint
    if outcome.readers and outcome.readers.fails and not outcome.counts[Status.FAILED]:
        return "fix the findings above, then check again with verify-only: true."
    hints = list(dict.fromkeys(cause.hint for cause in grouping.of(outcome) if cause.hint))
    first = f"{hints[0]}{' See above for the other causes.' if len(hints) > 1 else ''}" if hints else ""
    is_said = "run again" in first.lower()
    again = ""
    if outcome.mode is Mode.PUBLISH and not is_said:
        again = f"{'Then run' if first else 'Run'} again: uploaded files are skipped."
    return " ".join(part for part in (first, again) if part)


def _bounded(lines: Sequence[str], limit: int, where: str) -> list[str]:
    if len(lines) <= limit:
        return list(lines)
    return [*lines[:limit], f"… and {len(lines) - limit:,} more{where}"]
