"""The errors of catalog-upload; each knows its exit code and says what to do.

::

    PublishError            1   a bug in catalog-upload, unless a subclass says otherwise
    ├── BadInput            2   inputs, catalog or local files; nothing was sent
    ├── FileFailed          3   one file; the others go on
    ├── NotAuthorised       4   the destination refuses the credentials
    ├── Refused             5   the destination said no, and would say so again
    ├── Unreachable         5   the destination did not answer, after all retries
    └── Cancelled         130   SIGINT or SIGTERM

An error is raised at the layer that understands the failure, chained with ``from``,
and is caught once: a `FileFailed` by the transfer, the rest by ``app``.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with; see the table in the README."""

    DONE = 0
    BUG = 1
    BAD_INPUT = 2
    FILES_FAILED = 3
    NOT_AUTHORISED = 4
    REFUSED = 5
    CANCELLED = 130


class PublishError(Exception):
    """An error with an explanation for users.

    Args:
        message: what happened, and to what; one sentence, without secrets.
        hint: what a person can do now; one sentence, may be empty.
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class BadInput(PublishError):
    """Everything that is wrong with the inputs, the catalog and the files, at once.

    Args:
        problems: one sentence each, in the order in which a person would fix them.
    """

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, problems: Sequence[str] | str, hint: str = "") -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems), hint)


class FileFailed(PublishError):
    """One file was not sent, or could not be verified; the other files go on.

    Args:
        if_all: what it means when every file fails with the same: one file denied is that file's
            failure, all of them denied is a lack of permission.
    """

    exit_code = ExitCode.FILES_FAILED

    def __init__(self, message: str, hint: str = "", *, if_all: type[PublishError] | None = None) -> None:
        super().__init__(message, hint)
        self.if_all = if_all


class NotAuthorised(PublishError):
    """The credentials or the token are missing, wrong, expired or not sufficient."""

    exit_code = ExitCode.NOT_AUTHORISED


class Refused(PublishError):
    """The destination exists and answers, but refuses what we ask."""

    exit_code = ExitCode.REFUSED


class NotWritten(PublishError):
    """Outputs, results or manifest could not be written on this machine; what was sent stays sent."""

    exit_code = ExitCode.REFUSED


class Unreachable(PublishError):
    """No usable answer from the destination, after all retries."""

    exit_code = ExitCode.REFUSED


class Cancelled(PublishError):
    """The run was cancelled."""

    exit_code = ExitCode.CANCELLED

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__(message, "Run it again to continue: uploaded files are skipped.")
