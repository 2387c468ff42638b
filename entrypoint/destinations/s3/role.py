"""``role-to-assume``: a session of an AWS role, by other credentials or by GitHub's OIDC token.

The rules: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import botocore
import botocore.config
import botocore.credentials
import botocore.exceptions
import botocore.session

from entrypoint import __version__, errors, settings
from entrypoint.destinations.s3 import configuration, oidc, problems, signing

if TYPE_CHECKING:
    import boto3

DURATION: Final = 3600
"""Seconds of a session: what every role allows, and the most where one role assumes another."""
EARLY: Final = 15 * 60
"""Seconds before its end at which a new session is fetched, while uploads continue with the old one."""
LATE: Final = 60
"""Seconds before its end from which on there is no going on without a new one."""
_MAX_NAME: Final = 64
_STS: Final = botocore.config.Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=10,
    read_timeout=20,
    user_agent_extra=f"catalog-upload/{__version__}",
)


def find(
    session: boto3.Session,
    core: botocore.session.Session,
    chosen: settings.S3Settings,
    found: configuration.Configuration,
    run: settings.Run,
    hide: Callable[[str], None],
    check: Callable[[], None],
) -> botocore.credentials.Credentials:
    """Credentials of a session of the role, renewed before they expire.

    Args:
        session: whose chain may find other credentials to assume the role with.
        core: botocore's part of that session.
        hide: is given every secret before anything else happens with it.

    Raises:
        errors.PublishError: there is no way to the role.
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: for `explain`.
    """
    by_token = bool(run.oidc_url and run.oidc_token.reveal())
    if by_token:
        # Credentials of the machine itself were not set for this job; and on GitHub's
        # machines, asking for it only takes time.
        core.get_component("credential_provider").remove("iam-role")
    others = session.get_credentials()
    if others is None and not by_token:
        raise _no_credentials(run)
    region = found.region or configuration.DEFAULT_REGION
    bundle = found.network().bundle
    verify = bundle if bundle and Path(bundle).is_file() else None
    wanted: dict[str, Any] = {
        "RoleArn": chosen.role_to_assume,
        "RoleSessionName": chosen.role_session_name or session_name(run),
        "DurationSeconds": chosen.role_duration or DURATION,
    }

    def by_others() -> dict[str, Any]:
        assert others is not None  # used only then
        frozen = others.get_frozen_credentials()
        _hide(signing.Keys(frozen.access_key or "", frozen.secret_key or "", frozen.token or ""), hide)
        more: dict[str, Any] = {"ExternalId": chosen.role_external_id} if chosen.role_external_id else {}
        with contextlib.closing(
            session.client("sts", region_name=region, config=_STS, verify=verify)
        ) as client:
            return _take(client.assume_role(**wanted, **more), hide)

    def by_web() -> dict[str, Any]:
        token = oidc.fetch(run, found.network(), hide, check, chosen.oidc_audience or oidc.AUDIENCE)
        unsigned = _STS.merge(botocore.config.Config(signature_version=botocore.UNSIGNED))
        with contextlib.closing(
            session.client("sts", region_name=region, config=unsigned, verify=verify)
        ) as client:
            try:
                return _take(client.assume_role_with_web_identity(**wanted, WebIdentityToken=token), hide)
            except botocore.exceptions.ClientError as error:
                raise explain(error, oidc.subject(token), chosen.oidc_audience or oidc.AUDIENCE) from error

    fetch = by_others if others else by_web
    return botocore.credentials.RefreshableCredentials.create_from_metadata(
        fetch(), fetch, "assume-role", advisory_timeout=EARLY, mandatory_timeout=LATE
    )


def _hide(keys: signing.Keys, hide: Callable[[str], None]) -> None:
    for secret in keys.secrets:
        hide(secret)


def _take(answer: Any, hide: Callable[[str], None]) -> dict[str, Any]:
    """STS's answer as botocore keeps it."""
    found = answer["Credentials"]
    keys = signing.Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    _hide(keys, hide)
    return {
        "access_key": keys.access_key,
        "secret_key": keys.secret_key,
        "token": keys.token,
        "expiry_time": found["Expiration"].isoformat(),
    }


def session_name(run: settings.Run) -> str:
    """What CloudTrail will show: repository and run, in the 2 to 64 characters that STS takes."""
    if not run.repository:
        return "catalog-upload"
    tail = f"-{run.id}" if run.id else ""
    plain = re.sub(r"[^\w+=,.@-]+", "-", run.repository, flags=re.ASCII)
    return plain[: _MAX_NAME - len(tail)] + tail


# What goes wrong


def _no_credentials(run: settings.Run) -> errors.NotAuthorised:
    if run.on_github:
        return errors.NotAuthorised(
            "role-to-assume: this job may not ask GitHub for a token, and no other AWS credentials are set.",
            oidc.ALLOW,
        )
    return errors.NotAuthorised(
        "role-to-assume: there are no AWS credentials to assume the role with.",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, aws-profile, or AWS_WEB_IDENTITY_TOKEN_FILE together "
        "with AWS_ROLE_ARN.",
    )


# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#Errors
_ERRORS: Final = {
    "InvalidIdentityToken": (
        "AWS rejects the token",
        f"Add the identity provider {oidc.PROVIDER} with the audience {oidc.AUDIENCE} to the AWS account of the role.",
    ),
    "ExpiredTokenException": (
        "the token or the credentials were expired when AWS checked them",
        "Get new ones, check the clock of this machine, and run again; uploaded files are skipped.",
    ),
    "ExpiredToken": (
        "the credentials were expired when AWS checked them",
        "Get new ones and run again; uploaded files are skipped.",
    ),
    "IDPRejectedClaim": (
        "the identity provider rejected the token",
        "Check the identity provider in the AWS account of the role.",
    ),
    "InvalidClientTokenId": (
        "AWS does not know the access key that is used to assume the role",
        "Check AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN.",
    ),
    "SignatureDoesNotMatch": (
        "the secret key does not belong to the access key",
        "Check AWS_SECRET_ACCESS_KEY; a pasted blank or line break is a common cause.",
    ),
    "RegionDisabledException": (
        "STS is switched off in this region",
        "Set aws-region to a region that is active in the AWS account of the role.",
    ),
    "ValidationError": ("AWS rejects the request", "Check the account and the name in role-to-assume."),
}
_LATER: Final = {
    "IDPCommunicationError",
    "InternalFailure",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "RequestTimeout",
}


def _answer(error: botocore.exceptions.ClientError) -> problems.Answer:
    found = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    code = str(found.get("Code", ""))
    return problems.Answer(
        int(meta.get("HTTPStatusCode", 0) or 0),
        "" if code.isdigit() else code,
        str(found.get("Message", "")),
        str(meta.get("RequestId", "")),
    )


def explain(
    error: botocore.exceptions.ClientError, sub: str = "", audience: str = oidc.AUDIENCE
) -> errors.PublishError:
    """An answer of STS, or of another service that gives out credentials, in our words.

    Args:
        sub: whom the token speaks of, if there was one.
        audience: of that token.
    """
    # It quotes what it does not like; a token among it is taken out of `reason`.
    answer, what = _answer(error), f"AWS STS ({error.operation_name})"
    if error.operation_name not in ("AssumeRole", "AssumeRoleWithWebIdentity"):
        what = f"AWS ({error.operation_name})"
    why = f": {answer.reason.rstrip('.')}" if answer.reason else ""
    if answer.code in _LATER or answer.status >= 500:
        return errors.Unreachable(
            f"{what} does not work at the moment ({answer.code or answer.status}).",
            "Run again later; uploaded files are skipped.",
        )
    if found := _ERRORS.get(answer.code):
        return errors.NotAuthorised(f"{what}: {found[0]} ({answer.code}{why}).", found[1])
    if not problems.is_denied(answer):
        return errors.NotAuthorised(f"{what} refused: {answer}", "Check role-to-assume and the role.")
    if sub:
        return errors.NotAuthorised(
            f"{what}: the role does not trust this job ({answer.code}{why}); the token's sub is {sub!r}.",
            f"Check role-to-assume, and allow this sub with the audience {audience} in the role's trust policy.",
        )
    return errors.NotAuthorised(
        f"{what}: the current credentials may not assume the role ({answer.code}{why}).",
        "Allow it in the role's trust policy; after aws-actions/configure-aws-credentials, which assumed a role "
        "already, leave role-to-assume out.",
    )


def unreachable(error: botocore.exceptions.BotoCoreError) -> errors.PublishError:
    """STS, or another service that provides credentials, did not answer."""
    if isinstance(error, botocore.exceptions.SSLError):
        return errors.Unreachable(
            "AWS STS, or another service that gives out credentials: the TLS connection failed: its certificate is "
            "not trusted, or it is not https there.",
            "For a private certificate authority, set AWS_CA_BUNDLE.",
        )
    if isinstance(error, botocore.exceptions.ProxyConnectionError):
        return errors.Unreachable(
            "The proxy for the service that provides AWS credentials cannot be reached.",
            "Check HTTPS_PROXY, or exclude the host with NO_PROXY.",
        )
    return errors.Unreachable(
        f"The service that provides AWS credentials cannot be reached: {problems.harmless(error)}.",
        "Check aws-region (each has its own STS), AWS_ENDPOINT_URL_STS if it is set, and the network.",
    )
