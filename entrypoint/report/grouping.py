"""Failures grouped by cause: the same failure of many files is reported once, with their number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from entrypoint import errors, text
from entrypoint.outcome import FileResult, Outcome
from entrypoint.plan import model


@dataclass(frozen=True)
class Cause:
    """Why some files failed.

    Attributes:
        reason: what happened; without the file's name where there are several.
        hint: what to do; may be empty.
        files: in the plan's order.
    """

    reason: str
    hint: str
    files: tuple[model.PlannedFile, ...]

    def line(self, most: int) -> str:
        """One line: how many files, what happened, what to do, and at most `most` of their names."""
        end = "" if not self.hint or self.reason.endswith((".", "!", "?")) else "."
        words = f"{self.reason}{end} {self.hint}".rstrip()
        if len(self.files) == 1:
            return f"{name(self.files[0])}: {_unheaded(words, self.files[0])}"
        shown = ", ".join(name(file) for file in self.files[:most])
        more = f" and {len(self.files) - most:,} more" if len(self.files) > most else ""
        return f"{text.plural(len(self.files), 'file')}: {words} ({shown}{more})"


def of(outcome: Outcome) -> tuple[Cause, ...]:
    """The causes of all failures, the most frequent one first."""
    groups: dict[tuple[str, str], list[FileResult]] = {}
    for result in outcome.failures:
        groups.setdefault((_key(result.reason, result.file), _key(result.hint, result.file)), []).append(
            result
        )
    causes = [_cause(results) for results in groups.values()]
    return tuple(sorted(causes, key=lambda cause: -len(cause.files)))


def is_cause(outcome: Outcome, error: errors.PublishError) -> bool:
    """Whether an error of the whole run is what files failed with."""
    return any(result.reason == error.message for result in outcome.failures)


def _cause(results: list[FileResult]) -> Cause:
    first = results[0]
    reason, hint = first.reason, first.hint
    if len(results) > 1:
        reason, hint = (_nameless(words, first.file) for words in (reason, hint))
    return Cause(reason, hint, tuple(result.file for result in results))


def _nameless(words: str, file: model.PlannedFile) -> str:
    """A sentence about one file, so that it fits others too; keys have a prefix before the name."""
    for known in sorted({file.name, file.local, file.name.rpartition("/")[2]}, key=len, reverse=True):
        words = re.sub(rf"(['\"])[^'\"]*{re.escape(known)}\1", "the file", words)
        words = re.sub(rf"(?<![\w/.-])(?:[\w.-]+/)*{re.escape(known)}(?![\w/-])", "the file", words)
    return words[:1].upper() + words[1:] if words.startswith("the file") else words


def _unheaded(words: str, file: model.PlannedFile) -> str:
    """A sentence without the file's name and a colon at its beginning; keys have a prefix before the name."""
    known = "|".join(re.escape(each) for each in (file.name, file.local))
    return re.sub(rf"^(['\"])(?:[^'\"]*/)?(?:{known})\1: ", "", words)


def _key(words: str, file: model.PlannedFile) -> str:
    """What is the same for all files that failed in one way: no name, no number, no id of a request."""
    return re.sub(r"\b(?=\w*[0-9])\w{8,}\b|[0-9]+(?:[.,][0-9]+)?", "#", _nameless(words, file))


def name(file: model.PlannedFile) -> str:
    """The file as the user knows it, with its sample where there are several."""
    return (
        f"{file.unit}: {file.local}"
        if file.unit and not file.local.startswith(f"{file.unit}/")
        else file.local
    )


def names(causes: Iterable[Cause]) -> list[str]:
    """Every file that failed, by cause."""
    return [name(file) for cause in causes for file in cause.files]
