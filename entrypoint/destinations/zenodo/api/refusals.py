"""What an unusable answer means: errors with messages for people."""

from __future__ import annotations

import urllib.parse
from http import HTTPStatus

from entrypoint import errors, settings
from entrypoint.destinations.zenodo.api import answers, failures


def refusal(base: str, answer: answers.Answer) -> errors.PublishError:
    """The error for an answer that would be the same next time."""
    host = urllib.parse.urlsplit(base).netloc
    status, reason = answer.status, answer.reason
    csrf = status == HTTPStatus.BAD_REQUEST and any(word in reason for word in ("CSRF", "Referer"))
    if csrf or status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return answers.Denied(f"{host} denies access ({status}: {reason}).", token_hint(base), reason=reason)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return errors.Unreachable(f"{host} cannot be reached: {failures.PROXY}.", failures.PROXY_HINT)
    return answers.Rejected(
        f"{host} refuses ({status}): {reason}", status=status, reason=reason, document=answer.document
    )


def unusable(base: str, answer: answers.Answer) -> errors.Unreachable:
    """The error for an answer that may be another one later."""
    host = urllib.parse.urlsplit(base).netloc
    if answer.status < 300:
        return answers.NotTheApi(
            f"{host} answered with something that is not JSON.",
            "Is zenodo-url the address of a Zenodo? It may be down for maintenance: run again later.",
        )
    phrase = "".join(s.phrase for s in HTTPStatus if s == answer.status)
    return errors.Unreachable(
        f"{host} keeps answering {answer.status} {phrase}: {answer.reason.rstrip('.')}.",
        "Run again later: uploaded files are skipped.",
    )


def token_hint(base: str) -> str:
    """What to check when the token is not accepted."""
    other = settings.SANDBOX_URL if base == settings.ZENODO_URL else settings.ZENODO_URL
    names = {settings.ZENODO_URL: "zenodo.org", settings.SANDBOX_URL: "the sandbox"}
    mixed = f" Tokens of {names[other]} do not work on {names[base]}." if base in names else ""
    return (
        "Is zenodo-token current, does it belong to the owner of the draft or record, and does it have the "
        f"scopes deposit:write and deposit:actions?{mixed}"
    )
