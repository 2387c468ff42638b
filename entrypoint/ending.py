"""The end of every run: outputs, log, annotations, summary and manifest, all made from one `Outcome`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from entrypoint import errors, report
from entrypoint.outcome import Outcome

if TYPE_CHECKING:
    from entrypoint import runner, settings


def end(
    out: runner.Runner,
    outcome: Outcome,
    chosen: settings.Settings | None,
    known: settings.Settings | None,
    url: Callable[[str], str] | None,
) -> int:
    """Write everything, whatever the outcome is.

    Args:
        chosen: None if the settings are incomplete.
        known: what is known of them, for the manifest.
        url: from a remote name to its address, where there is a destination.

    Returns:
        The exit code.
    """

    def written(write: Callable[[], None], outcome: Outcome) -> Outcome:
        try:
            write()
        except errors.NotWritten as error:
            if not outcome.exit_code:
                return dataclasses.replace(outcome, error=error)
            out.warning("Not written", [error.message])
        return outcome

    outcome = written(lambda: out.write_outputs(report.outputs(outcome, chosen)), outcome)
    if known and (path := known.manifest) and not _is_planned(outcome.error):
        outcome = written(
            lambda: out.write_manifest(path, report.manifest(outcome, chosen or known, url)), outcome
        )
    if known and known.manifest_on_stdout and not out.has_events:
        outcome = written(lambda: out.print_manifest(report.manifest(outcome, chosen or known, url)), outcome)
    _report(out, outcome)
    # Both take time where there are many files.
    if out.has_summary:
        out.write_summary(report.summary(outcome, chosen))
    if out.has_events:
        out.event("manifest", **report.document(outcome, chosen or known, url))
    if not outcome.exit_code:
        try:
            out.check_results()
        except errors.NotWritten as error:
            outcome = dataclasses.replace(outcome, error=error)
            _report_failure(out, outcome)
    return int(outcome.exit_code)


def _is_planned(error: errors.PublishError | None) -> bool:
    """Whether the manifest's path turned out to be that of a file to upload."""
    return isinstance(error, errors.BadInput) and any(each.startswith("manifest:") for each in error.problems)


def _report(out: runner.Runner, outcome: Outcome) -> None:
    for title, lines in (report.deletions(outcome), report.remarks(outcome)):
        if lines:
            out.warning(title, lines)
    if outcome.exit_code:
        _report_failure(out, outcome)
        return
    for line in [*report.links(outcome), report.headline(outcome)]:
        out.result(line)


def _report_failure(out: runner.Runner, outcome: Outcome) -> None:
    """Each cause once, and at the end what failed, what to do, and where things are."""
    causes = report.causes(outcome, 3 if out.on_github else 20)
    if out.on_github:
        # The annotation stands at the top of the run, and in the log here.
        out.error(report.headline(outcome), causes)
        if names := report.failed_names(outcome):
            with out.group("Files that failed"):
                for line in names:
                    out.say(line)
    else:
        out.event("error", title=report.headline(outcome), lines=causes)
        for line in causes:
            out.say(line)
    for line in report.closing(outcome):
        out.say(line)
