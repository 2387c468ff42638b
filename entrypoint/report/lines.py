"""Lines for the log: before a run, for a dry run, and at the end. Every line is harmless."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from entrypoint import errors, settings, text
from entrypoint.outcome import FileResult, Mode, Outcome, Status
from entrypoint.plan import model
from entrypoint.report import verdict

PLAN_LIMIT: Final = 900
FAILURE_LIMIT: Final = 50
REMARK_LIMIT: Final = 50


def start_line(plan: model.Plan, given: settings.Settings) -> str:
    """What is about to be done."""
    verb = "Publishing"
    if given.dry_run:
        verb = "Dry run of"
    elif given.verify_only:
        verb = "Verifying"
    elif given.draft_only:
        verb = "Making the draft for"
    files = f"{text.plural(len(plan), 'file')} ({text.size_text(plan.size)})"
    samples = f" in {text.plural(len(plan.units), 'sample')}" if len(plan.units) > 1 else ""
    part = f", {verdict.part(given.shard, plan)}" if given.shard else ""
    data_set = f" of {plan.data_set!r}" if plan.data_set else ""
    way = f"{given.in_dir} -> {given.destination}, {given.n_jobs or 'auto'} at a time"
    return text.printable(f"{verb} {files}{data_set}{samples}{part}: {way}")


def plan_lines(outcome: Outcome, limit: int = PLAN_LIMIT) -> list[str]:
    """Each file with what a run would do and why, and the extra files; for a dry run's log."""
    lines = [
        f"{result.status:<12}  {text.size_text(result.file.size):>10}  {name(result.file)}  ({result.reason})"
        for result in outcome.results
    ]
    for extra in outcome.extras:
        status = "would delete" if extra.planned else "extra"
        lines.append(f"{status:<12}  {text.size_text(extra.size):>10}  {extra.name}")
    lines += [
        f"{'left out':<12}  {'':>10}  {remark}" for remark in (outcome.plan.left_out if outcome.plan else ())
    ]
    return [text.printable(line) for line in _bounded(lines, limit, ", see the summary")]


def remarks(outcome: Outcome, limit: int = REMARK_LIMIT) -> tuple[str, list[str]]:
    """What a person should know, beside failures: how many remarks, and the remarks; nothing of both if none."""
    plan = outcome.plan
    # A dry run's plan says file by file what is left out.
    found = list(plan.left_out) if plan and outcome.mode is not Mode.DRY_RUN else []
    found += [*(plan.warnings if plan else ()), *outcome.notices, *verdict.kept(outcome)]
    if outcome.readers:
        # A run that fails by them tells them as failures.
        found += outcome.readers.notes
        found += [] if outcome.readers.fails else _findings(outcome)
    lines = [text.printable(line) for line in _bounded(found, limit, ", see the summary")]
    return (text.plural(len(found), "remark") if found else "", lines)


def end_lines(outcome: Outcome, limit: int = FAILURE_LIMIT) -> list[str]:
    """Failures with what to do, what ended the run, extra files and the links."""
    lines = _bounded(list(_failures(outcome)), limit, ", see the summary")
    undeleted = [f"Could not delete {extra.name}: {extra.error}" for extra in outcome.extras if extra.error]
    lines += _bounded(undeleted, limit, "")
    if outcome.readers and outcome.readers.fails:
        lines += _bounded(_findings(outcome), limit, "")
    if outcome.error is not None:
        problems = (
            outcome.error.problems if isinstance(outcome.error, errors.BadInput) else [outcome.error.message]
        )
        if not isinstance(outcome.error, errors.Cancelled):  # the headline says it already
            lines += _bounded([f"- {problem}" for problem in problems], limit, ", see the summary")
        if outcome.error.hint:
            lines.append(outcome.error.hint)
    if before := verdict.before(outcome):
        lines.append(f"{before}.")
    lines += _links(outcome)
    return [text.printable(line) for line in lines]


def cause(outcome: Outcome) -> list[str]:
    """Why the run failed, in a few lines for one annotation; empty when it did not."""
    lines = list(_failures(outcome))
    if outcome.error is not None:
        problems = (
            outcome.error.problems if isinstance(outcome.error, errors.BadInput) else (outcome.error.message,)
        )
        lines = [*problems, *([outcome.error.hint] if outcome.error.hint else []), *lines]
    lines += [f"Could not delete {extra.name}: {extra.error}" for extra in outcome.extras if extra.error]
    if outcome.readers and outcome.readers.fails:
        lines += _findings(outcome)
    return [
        text.printable(text.shorten(line, 600))
        for line in _bounded(lines, 10, ", see the log and the summary")
    ]


def name(file: model.PlannedFile) -> str:
    """The file as the user knows it, with its sample where there are several."""
    return f"{file.unit}: {file.local}" if file.unit else file.local


def failure(result: FileResult) -> str:
    """One failed file: what happened, and what to do."""
    end = "" if not result.hint or result.reason.endswith((".", "!", "?")) else "."
    return f"{name(result.file)}: {result.reason}{end} {result.hint}".rstrip()


def _failures(outcome: Outcome) -> Iterator[str]:
    yield from (f"Failed: {failure(result)}" for result in outcome.failures)


def _findings(outcome: Outcome) -> list[str]:
    """What keeps readers from using what is there, with the way out."""
    found = outcome.readers.findings if outcome.readers else ()
    return [f"Readers: {each.what} {each.todo} {each.paste}".rstrip() for each in found]


def _links(outcome: Outcome) -> Iterator[str]:
    links = outcome.links
    if links is None:
        return
    is_draft = links.published is False
    later = " (works once the draft is published)" if is_draft else ""
    facts = (
        ("Destination", links.destination),
        ("Catalog", links.catalog and links.catalog + later if not outcome.counts[Status.WITHHELD] else ""),
        ("DOI", links.doi and links.doi + later),
        ("Record", links.record if links.record != links.destination and not is_draft else ""),
        *outcome.views,
        ("To do", links.todo),
    )
    yield from (f"{label}: {value}" for label, value in facts if value)
    if (readers := outcome.readers) and readers.asked and not readers.findings:
        yield f"Readers: {readers.scope} could be read ({text.plural(readers.asked, 'request')})"


def _bounded(lines: Sequence[str], limit: int, where: str) -> list[str]:
    if len(lines) <= limit:
        return list(lines)
    return [*lines[:limit], f"… and {len(lines) - limit:,} more{where}"]
