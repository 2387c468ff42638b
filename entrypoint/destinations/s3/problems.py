"""What S3 says is wrong, put into our errors: one plain sentence and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import botocore.exceptions

from entrypoint import errors

MAX_MESSAGE: Final = 300
"""Characters of a server's message that are passed on."""

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_CREDENTIALS: Final = {
    "InvalidAccessKeyId": (
        "the access key is not known there",
        "Check AWS_ACCESS_KEY_ID, and that it belongs to this store.",
    ),
    "SignatureDoesNotMatch": (
        "the secret key does not belong to the access key",
        "Check AWS_SECRET_ACCESS_KEY; a blank or a line end pasted along is a common cause.",
    ),
    "InvalidToken": (
        "the session token is malformed or belongs to other keys",
        "Set AWS_SESSION_TOKEN together with the keys it was issued with, or leave it out.",
    ),
    "TokenRefreshRequired": (
        "the session token has expired",
        "Get new credentials and run again; what is up is not sent twice.",
    ),
    "ExpiredToken": (
        "the credentials have expired",
        "Get new ones and run again (role-to-assume renews them by itself); what is up is not sent twice.",
    ),
    "ExpiredTokenException": (
        "the credentials have expired",
        "Get new ones and run again; what is up is not sent twice.",
    ),
    "RequestExpired": (
        "the credentials or the signature have expired",
        "Check the clock of this machine and the credentials.",
    ),
    "RequestTimeTooSkewed": (
        "the clock of this machine is wrong by more than 15 minutes",
        "Set the clock, e.g. by NTP, and run again.",
    ),
    "AccountProblem": (
        "the AWS account has a problem",
        "Ask the owner of the account.",
    ),
    "NotSignedUp": (
        "the AWS account is not signed up for S3",
        "Ask the owner of the account.",
    ),
    "UnrecognizedClientException": (
        "the credentials are not known there",
        "Check AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN.",
    ),
    "AuthFailure": (
        "the credentials were refused",
        "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    ),
}
_DENIED: Final = {"AccessDenied", "AllAccessDisabled", "403", "Forbidden", "InvalidObjectState"}
_GONE: Final = {
    "NoSuchBucket": (
        "there is no such bucket",
        "Check s3-dir, and create the bucket first if it is a new one.",
    ),
    "PermanentRedirect": (
        "the bucket is in another region",
        "Set aws-region to the bucket's region.",
    ),
    "IllegalLocationConstraintException": (
        "the bucket is in another region",
        "Set aws-region to the bucket's region.",
    ),
    "AuthorizationHeaderMalformed": (
        "the request was signed for the wrong region",
        "Set aws-region to the bucket's region.",
    ),
    "InvalidBucketName": (
        "the bucket's name is not valid",
        "Check s3-dir.",
    ),
    "QuotaExceeded": (
        "the store's quota is used up",
        "Free some space or ask for more.",
    ),
    "KMS.NotFoundException": (
        "the KMS key does not exist",
        "Check sse-kms-key-id and the region.",
    ),
    "KMS.DisabledException": (
        "the KMS key is disabled",
        "Enable it, or use another sse-kms-key-id.",
    ),
    "AccessControlListNotSupported": (
        "the bucket does not allow ACLs",
        "Leave acl empty.",
    ),
}
RETRYABLE: Final = {
    "InternalError",
    "ServiceUnavailable",
    "SlowDown",
    "RequestTimeout",
    "Throttling",
    "OperationAborted",
}


@dataclass(frozen=True)
class Answer:
    """An error as S3 tells it.

    Attributes:
        status: HTTP status, 0 where there was none.
        code: S3's code, e.g. ``AccessDenied``; empty where there was none.
        request_id: for the store's support.
    """

    status: int
    code: str = ""
    message: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        said = f"{self.code or 'HTTP ' + str(self.status)}"
        if self.message:
            said += f": {self.message[:MAX_MESSAGE]}"
        return said + (f" (request {self.request_id})" if self.request_id else "")


def from_xml(status: int, body: bytes) -> Answer:
    """Read an error body; anything that is not S3's XML gives an answer without a code."""
    text = body[:16384].decode("utf-8", "replace")

    def field(name: str) -> str:
        match = re.search(rf"<{name}>([^<]*)</{name}>", text)
        return match[1].strip() if match else ""

    return Answer(status, field("Code"), field("Message"), field("RequestId"))


def from_boto(error: botocore.exceptions.ClientError) -> Answer:
    """Read botocore's error."""
    found = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    code = str(found.get("Code", ""))
    status = int(meta.get("HTTPStatusCode", 0) or 0)
    return Answer(
        status, "" if code.isdigit() else code, str(found.get("Message", "")), str(meta.get("RequestId", ""))
    )


def is_expired(answer: Answer) -> bool:
    """Whether new credentials would help."""
    return answer.code in ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")


def is_denied(answer: Answer) -> bool:
    """Whether the credentials are good but do not suffice for this."""
    return answer.code in _DENIED or (not answer.code and answer.status in (401, 403))


def everywhere(answer: Answer, what: str) -> errors.PublishError | None:
    """The error that concerns every file, or nothing where it may be this one's alone."""
    if found := _CREDENTIALS.get(answer.code):
        return errors.NotAuthorised(f"{what}: {found[0]} ({answer.code}).", found[1])
    if found := _GONE.get(answer.code):
        return errors.Refused(f"{what}: {found[0]} ({answer.code}).", found[1])
    return None


def for_bucket(answer: Answer, bucket: str, action: str) -> errors.PublishError:
    """An answer about the bucket as a whole."""
    what = f"s3://{bucket}"
    if found := everywhere(answer, what):
        return found
    if is_denied(answer):
        return errors.NotAuthorised(
            f"{what}: access denied ({action}).",
            f"Allow {action} to these credentials in the IAM or bucket policy; the README has a policy that suffices.",
        )
    if answer.status == 404:
        return errors.Refused(f"{what}: there is no such bucket.", "Check s3-dir and the endpoint.")
    if answer.status >= 500 or answer.code in RETRYABLE:
        return errors.Unreachable(
            f"{what}: the store does not work at the moment ({answer}).", "Try again later."
        )
    return errors.Refused(
        f"{what}: the store refused {action} ({answer}).", "Check s3-dir, the region and the endpoint."
    )


def for_file(answer: Answer, name: str) -> errors.FileFailed:
    """An answer about one file."""
    if is_denied(answer):
        return errors.FileFailed(
            f"{name!r}: access denied (s3:PutObject{f', {answer.code}' if answer.code else ''}).",
            "Allow s3:PutObject on this key (and kms:GenerateDataKey if the bucket is encrypted with a KMS key).",
            if_all=errors.NotAuthorised,
        )
    if answer.status >= 500 or answer.code in RETRYABLE or answer.status == 0:
        return errors.FileFailed(
            f"{name!r}: the store did not take it in spite of several tries ({answer}).",
            "Run again later; what is up is not sent twice.",
            if_all=errors.Unreachable,
        )
    return errors.FileFailed(f"{name!r}: the store refused it ({answer}).", if_all=errors.Refused)


def from_transport(error: Exception, endpoint: str) -> errors.PublishError:
    """No answer at all, or no way to ask: botocore's other errors."""
    if isinstance(
        error, botocore.exceptions.NoCredentialsError | botocore.exceptions.PartialCredentialsError
    ):
        return no_credentials()
    if isinstance(error, botocore.exceptions.ProfileNotFound):
        return errors.BadInput(f"aws-profile: {error}.")
    if isinstance(error, botocore.exceptions.SSLError):
        return errors.Unreachable(
            f"{endpoint}: no TLS connection: the certificate cannot be trusted, or it is not https there.",
            "For a private certificate authority set AWS_CA_BUNDLE.",
        )
    if isinstance(
        error, botocore.exceptions.EndpointConnectionError | botocore.exceptions.ConnectTimeoutError
    ):
        return errors.Unreachable(
            f"{endpoint} cannot be reached.", "Check s3-endpoint-url, the region and the network."
        )
    if isinstance(
        error,
        botocore.exceptions.CredentialRetrievalError
        | botocore.exceptions.TokenRetrievalError
        | botocore.exceptions.UnauthorizedSSOTokenError
        | botocore.exceptions.SSOTokenLoadError,
    ):
        return errors.NotAuthorised(
            "The AWS credentials could not be fetched.",
            f"Check the profile or the role ({type(error).__name__}).",
        )
    if isinstance(error, botocore.exceptions.HTTPClientError | botocore.exceptions.ConnectionError):
        return errors.Unreachable(f"{endpoint} broke off the connection.", "Try again later.")
    return errors.Refused(f"{endpoint}: {str(error)[:MAX_MESSAGE]}")


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
