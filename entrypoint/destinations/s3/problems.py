"""What S3 says is wrong, put into our errors: one plain sentence, the store's own reason, and what to do."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from entrypoint import errors, text
from entrypoint.destinations.s3 import xml

MAX_MESSAGE: Final = 300
"""Characters of a server's message that are passed on."""
_MAX_ID: Final = 80
_SECRET: Final = re.compile(r"eyJ[\w.-]+|(?<![\w/+=])[A-Za-z0-9/+]{100,}={0,2}")
"""Tokens as GitHub and STS write them; what quotes one may quote half of it, which no mask would find."""

_LATER: Final = "Run again later; uploaded files are skipped."
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_CREDENTIALS: Final = {
    "InvalidAccessKeyId": (
        "the access key is not known there",
        "Check AWS_ACCESS_KEY_ID, and that it belongs to this store.",
    ),
    "SignatureDoesNotMatch": (
        "the secret key does not belong to the access key",
        "Check AWS_SECRET_ACCESS_KEY; a pasted blank or line break is a common cause.",
    ),
    "InvalidToken": (
        "the session token is malformed or belongs to other keys",
        "Set AWS_SESSION_TOKEN together with the keys it was issued with, or leave it out.",
    ),
    "TokenRefreshRequired": (
        "the session token has expired",
        "Get new credentials and run again; uploaded files are skipped.",
    ),
    "ExpiredToken": (
        "the credentials have expired",
        "Get new ones and run again (role-to-assume renews them by itself); uploaded files are skipped.",
    ),
    "ExpiredTokenException": (
        "the credentials have expired",
        "Get new ones and run again; uploaded files are skipped.",
    ),
    "RequestExpired": (
        "the credentials or the signature have expired",
        "Check the clock of this machine and the credentials.",
    ),
    "RequestTimeTooSkewed": (
        "the clock of this machine is wrong by more than 15 minutes",
        "Set the clock, e.g. by NTP, and run again.",
    ),
    "AccountProblem": ("the AWS account has a problem", "Ask the owner of the account."),
    "NotSignedUp": ("the AWS account is not signed up for S3", "Ask the owner of the account."),
    "UnrecognizedClientException": (
        "the credentials are not known there",
        "Check AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN.",
    ),
    "AuthFailure": (
        "the credentials were refused",
        "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    ),
    # Ceph: https://docs.ceph.com/en/latest/radosgw/admin/#suspend-a-user
    "UserSuspended": ("the user of the access key is suspended", "Ask the operator of the store."),
}
_NEEDED: Final = {"acl": "s3:PutObjectAcl", "tags": "s3:PutObjectTagging"}
_DENIED: Final = {"AccessDenied", "AllAccessDisabled", "403", "Forbidden", "InvalidObjectState"}
_REGION_HINT: Final = "Set aws-region to the bucket's region."
_WRONG_REGION: Final = {
    "PermanentRedirect": "the bucket is in another region",
    "TemporaryRedirect": "the bucket is in another region",
    "IllegalLocationConstraintException": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the request was signed for the wrong region",
    "InvalidRegion": "the request was signed for the wrong region",
}
_GONE: Final = {
    "NoSuchBucket": (
        "there is no such bucket",
        "Check s3-dir, and create the bucket first if it is a new one.",
    ),
    "InvalidBucketName": ("the bucket's name is not valid", "Check s3-dir."),
    "QuotaExceeded": ("the store's quota is used up", "Free some space or ask for more."),
    "XMinioStorageFull": ("the store is full", "Free some space or ask for more."),
    "KMS.NotFoundException": ("the KMS key does not exist", "Check sse-kms-key-id and the region."),
    "KMS.DisabledException": ("the KMS key is disabled", "Enable it, or use another sse-kms-key-id."),
    "AccessControlListNotSupported": ("the bucket does not allow ACLs", "Leave acl empty."),
}
_THROTTLED: Final = {
    "SlowDown",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
}
RETRYABLE: Final = _THROTTLED | {
    "InternalError",
    "RequestTimeout",
    "OperationAborted",
    "RequestTimeoutException",
}


@dataclass(frozen=True)
class Answer:
    """An error as S3 returns it.

    Attributes:
        status: HTTP status, 0 where there was none.
        code: S3's code, e.g. ``AccessDenied``; empty where there was none.
        message: the store's words, as they came.
        request_id: for the store's support.
        region: the one that the bucket is in, where the answer names it.
        location: scheme and host to which the answer redirects; empty where it does not.
    """

    status: int
    code: str = ""
    message: str = ""
    request_id: str = ""
    region: str = ""
    location: str = ""

    @property
    def reason(self) -> str:
        """The store's words, shortened and harmless; empty where it gave none."""
        return text.shorten(text.printable(masked(" ".join(self.message.split()))), MAX_MESSAGE)

    def __str__(self) -> str:
        kind = text.printable(self.code[:_MAX_ID]) or (f"HTTP {self.status}" if self.status else "")
        return ": ".join(part for part in (kind, self.reason.rstrip(".")) if part) + self.id_text

    @property
    def id_text(self) -> str:
        """The request's id in brackets, for a sentence's end."""
        return f" (request {text.printable(self.request_id[:_MAX_ID])})" if self.request_id else ""


def masked(said: str) -> str:
    """A text of a server or a program, without what looks like a token."""
    return _SECRET.sub("***", said)


def harmless(error: Exception) -> str:
    """What an error of a library says, as a part of a sentence."""
    said = " ".join(str(error).split()).rstrip(".")
    return text.shorten(text.printable(masked(said)), MAX_MESSAGE)


class Failed(Exception):
    """The store answered with an error, or (status 0) did not answer usably after all tries.

    Attributes:
        error: what to raise where one call decides on the whole run.
    """

    def __init__(self, answer: Answer, error: errors.PublishError | None = None) -> None:
        super().__init__(str(answer))
        self.answer = answer
        self.error = error


def from_xml(status: int, body: bytes, headers: dict[str, str] | None = None) -> Answer:
    """Read an error; anything that is not S3's XML gives an answer without a code."""
    headers = headers or {}
    answer = Answer(
        status,
        headers.get("x-minio-error-code", ""),
        headers.get("x-minio-error-desc", "").strip('"'),
        headers.get("x-amz-request-id", ""),
        headers.get("x-amz-bucket-region", ""),
        _server(headers.get("location", "")),
    )
    if not body:
        return answer
    try:
        root = xml.parse(body)
        if root.name == "ErrorResponse":  # as STS and others wrap it
            root = next(root.children("Error"), root)
    except ValueError:
        return answer
    message = root.text("Message") or answer.message
    return dataclasses.replace(
        answer,
        code=root.text("Code") or answer.code,
        message=message,
        request_id=root.text("RequestId") or answer.request_id,
        region=answer.region or root.text("Region") or _region(message, root.text("Endpoint")),
    )


def _server(url: str) -> str:
    """Scheme and host of a URL; the rest may contain a login and stays hidden."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""


def _region(message: str, endpoint: str) -> str:
    """The region in a message or a host name; empty if there is none."""
    found = re.search(r"expecting '([a-z0-9-]{1,40})'", message) or re.search(
        r"s3[.-](?:dualstack\.)?([a-z0-9]+(?:-[a-z0-9]+)+)\.", endpoint
    )
    return found[1] if found else ""


def is_expired(answer: Answer) -> bool:
    """Whether new credentials would help."""
    return answer.code in ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")


def is_denied(answer: Answer) -> bool:
    """Whether the credentials are good but do not suffice for this."""
    return answer.code in _DENIED or (not answer.code and answer.status in (401, 403))


def is_throttled(answer: Answer) -> bool:
    """Whether fewer requests at a time would help."""
    return answer.code in _THROTTLED or answer.status in (429, 503)


def is_passing(answer: Answer) -> bool:
    """Whether another try may end otherwise. Not implemented (501) stays so."""
    return answer.code in RETRYABLE or answer.status in (408, 429, 500, 502, 503, 504)


def is_wrong_region(answer: Answer) -> bool:
    """Whether the bucket has to be asked in another region."""
    return answer.code in _WRONG_REGION or answer.status in (301, 307)


def is_unknown(answer: Answer) -> bool:
    """Whether a store seems not to understand a header rather than to refuse the object."""
    return (
        answer.status in (400, 405, 406, 411, 415, 417, 422, 501)
        and not fatal_error(answer, "")
        and not is_expired(answer)
        and answer.code
        not in (
            "BadDigest",
            "InvalidDigest",
            "EntityTooLarge",
            "EntityTooSmall",
            "InvalidPart",
            "InvalidPartOrder",
            "InvalidStorageClass",
            "KeyTooLongError",
            "MalformedACLError",
            "RequestTimeout",
            "UnresolvableGrantByEmailAddress",
            "XAmzContentChecksumMismatch",
        )
    )


def fatal_error(answer: Answer, what: str) -> errors.PublishError | None:
    """The error that concerns every file, or nothing where it may be this one's alone."""
    why = f": {answer.reason}" if answer.reason and answer.code not in _SELF_EXPLAINING else ""
    said = f"({answer.code}{why}){answer.id_text}"
    if found := _CREDENTIALS.get(answer.code):
        return errors.NotAuthorised(f"{what}: {found[0]} {said}.", found[1])
    if wrong := _WRONG_REGION.get(answer.code):
        hint = f"Set aws-region: {text.printable(answer.region)}." if answer.region else _REGION_HINT
        return errors.Refused(f"{what}: {wrong} {said}.", hint)
    if found := _GONE.get(answer.code):
        return errors.Refused(f"{what}: {found[0]} {said}.", found[1])
    return None


_SELF_EXPLAINING: Final = {"NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
"""Codes whose messages say no more than our words, at length."""


def _why(answer: Answer) -> str:
    """The store's reason for a denial behind a colon, the request's id, and the end of the sentence."""
    plain = answer.reason.rstrip(".").lower() in ("", "access denied", "forbidden", "none")
    said = ("" if plain else f": {answer.reason}") + answer.id_text
    return said if said.endswith(".") else f"{said}."


def _is_redirect(answer: Answer) -> bool:
    return 300 <= answer.status < 400


def _redirected(answer: Answer) -> tuple[str, str]:
    """What a redirect says, and what to do."""
    where = text.printable(answer.location[:_MAX_ID]) or "another address"
    if answer.region:
        hint = f"Set aws-region: {text.printable(answer.region)}."
    elif answer.location:
        hint = f"If the store is at {where}, let s3-endpoint-url name it; a proxy that requires a login also redirects."
    else:
        hint = "Check aws-region and s3-endpoint-url."
    return f"the store redirects to {where}, which is not followed ({answer}).", hint


def for_bucket(answer: Answer, bucket: str, action: str) -> errors.PublishError:
    """An answer about the bucket as a whole."""
    what = f"s3://{bucket}"
    if found := fatal_error(answer, what):
        return found
    if is_denied(answer):
        return errors.NotAuthorised(
            f"{what}: access denied ({action}){_why(answer)}",
            f"Allow {action} to these credentials in the IAM or bucket policy; docs/setup-s3.md has a sufficient "
            "policy.",
        )
    if answer.status == 404:
        return errors.Refused(
            f"{what}: there is no such bucket{f' ({answer})' if answer.code else ''}.",
            "Check s3-dir and the endpoint.",
        )
    if is_passing(answer) or not answer.status:
        return errors.Unreachable(
            f"{what}: the store is not working at the moment ({answer}).", "Try again later."
        )
    if _is_redirect(answer):
        said, hint = _redirected(answer)
        return errors.Refused(f"{what}: {said}", hint)
    hint = "Check s3-dir, the region and the endpoint."
    if answer.status in (405, 501):
        hint = "Is there an S3 store at this endpoint? Check s3-endpoint-url."
    return errors.Refused(f"{what}: the store refused {action} ({answer}).", hint)


def for_file(
    answer: Answer, name: str, action: str = "s3:PutObject", given: Sequence[str] = ()
) -> errors.FileFailed:
    """An answer about one file.

    Args:
        given: inputs that became part of the request, and that a store may not know.
    """
    if is_denied(answer):
        code = f", {answer.code}" if answer.code else ""
        return errors.FileFailed(
            f"{name!r}: access denied ({action}{code}){_why(answer)}",
            _permission(action, given),
            if_all=errors.NotAuthorised,
        )
    if is_passing(answer) or not answer.status:
        said = (
            "the store refused it in several tries" if answer.status else "no usable answer in several tries"
        )
        return errors.FileFailed(
            f"{name!r}: {said} ({answer}).",
            _LATER,
            if_all=errors.Unreachable,
        )
    if _is_redirect(answer):
        said, hint = _redirected(answer)
        return errors.FileFailed(f"{name!r}: {said}", hint, if_all=errors.Refused)
    hint = ""
    if given and is_unknown(answer):
        hint = f"Perhaps the store does not support it: leave out {' and '.join(given)}."
    return errors.FileFailed(f"{name!r}: the store refused it ({answer}).", hint, if_all=errors.Refused)


def _permission(action: str, given: Sequence[str]) -> str:
    """What to allow where a file is denied; inputs may need more."""
    actions = " and ".join([action, *(needed for name, needed in _NEEDED.items() if name in given)])
    owner = " Check expected-bucket-owner too." if "expected-bucket-owner" in given else ""
    return f"Allow {actions} on this key (and kms:GenerateDataKey if the bucket is encrypted with a KMS key).{owner}"


def no_credentials(event: str = "") -> errors.NotAuthorised:
    """There is nothing to sign with.

    Args:
        event: GitHub's name of what started the workflow.
    """
    fork = " Secrets are empty in runs that come from a fork." if event.startswith("pull_request") else ""
    return errors.NotAuthorised(
        "There are no AWS credentials.",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name role-to-assume or aws-profile, or log in first: in a "
        "workflow with aws-actions/configure-aws-credentials, in a terminal with aws configure or aws sso login."
        + fork,
    )
