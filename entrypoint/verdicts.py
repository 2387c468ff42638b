"""What a verdict means: why a file is sent, and what becomes of it in a run that sends nothing."""

from __future__ import annotations

from entrypoint.destinations import State, Verdict
from entrypoint.outcome import FileResult, Mode, Status
from entrypoint.plan import model


def may_differ(verdict: Verdict) -> bool:
    """Whether sending the file could replace other content."""
    return verdict.state in (State.DIFFERENT, State.UNKNOWN)


def why_sent(verdict: Verdict) -> str:
    """Why a file is sent."""
    return "up to date, sent again because of restart" if verdict.state is State.SAME else verdict.reason


def unsent(
    file: model.PlannedFile, verdict: Verdict, mode: Mode, *, is_due: bool, overwrite: bool
) -> FileResult:
    """The result of a file where nothing is sent: dry-run, verify-only, draft-only, or a refused overwrite.

    Args:
        is_due: whether a run that sends would send it.
    """
    if mode is not Mode.VERIFY and may_differ(verdict) and not overwrite:
        return _must_not_replace(file, verdict)
    if verdict.state is State.FOREIGN:
        return FileResult(file, Status.SKIPPED, verdict.reason)
    if verdict.state is State.SAME and not (mode is Mode.DRY_RUN and is_due):
        return FileResult(file, Status.SKIPPED, verdict.reason, checksum=verdict.checksum)
    match mode:
        case Mode.VERIFY:
            hint = "Run without verify-only to upload what differs."
            return FileResult(file, Status.FAILED, verdict.reason, hint, checksum=verdict.checksum)
        case Mode.DRY_RUN | Mode.DRAFT:
            is_last = file.is_catalog and verdict.state is not State.SAME
            reason = why_sent(verdict) + ("; goes last" if is_last else "")
            return FileResult(file, Status.WOULD_UPLOAD, reason)
        case Mode.PUBLISH:
            reason = "not sent, because another file must not be overwritten"
            return FileResult(file, Status.WITHHELD, reason)


def _must_not_replace(file: model.PlannedFile, verdict: Verdict) -> FileResult:
    is_known = verdict.state is State.DIFFERENT
    what = "already exists with different content" if is_known else verdict.reason
    return FileResult(
        file,
        Status.FAILED,
        f"{what}, and overwrite is false",
        "Set overwrite: true, or choose another destination.",
    )
