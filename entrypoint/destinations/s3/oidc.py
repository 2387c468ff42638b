"""GitHub's OIDC token, by which AWS knows a job.

The rules: https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import urllib.parse
from collections.abc import Callable
from typing import Final

import requests
import requests.adapters
import urllib3

from entrypoint import __version__, errors, settings

AUDIENCE: Final = "sts.amazonaws.com"
PROVIDER: Final = "https://token.actions.githubusercontent.com"
ALLOW: Final = (
    "Give the job `permissions: id-token: write` (in a reusable workflow the job that calls it too; runs that "
    "come from a fork cannot have it)."
)
_TIMEOUT: Final = (5.0, 10.0)
"""Seconds to connect, and between bytes of an answer."""
_RETRY: Final = urllib3.Retry(
    total=4,
    redirect=0,
    status_forcelist=(408, 429, 500, 502, 503, 504),
    allowed_methods=("GET",),
    backoff_factor=0.3,
    backoff_jitter=0.3,
    raise_on_redirect=False,
    raise_on_status=False,
    respect_retry_after_header=False,
)


class _Bearer(requests.auth.AuthBase):
    """Given explicitly, so that no .netrc file can put something else in its place."""

    def __init__(self, token: settings.Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


def fetch(run: settings.Run, hide: Callable[[str], None]) -> str:
    """A token of GitHub's, for AWS.

    Raises:
        errors.NotAuthorised: GitHub gives none to this job.
        errors.Unreachable: no usable answer, after several tries.
    """
    if not _is_safe(run.oidc_url):
        raise errors.NotAuthorised(
            "role-to-assume: the address of GitHub's token service (ACTIONS_ID_TOKEN_REQUEST_URL) is not an https "
            "address, so nothing was sent there.",
            "Leave that variable to the runner.",
        )
    host = urllib.parse.urlsplit(run.oidc_url).hostname or ""
    with requests.Session() as session:
        # Plain http goes to loopback addresses only, and there a proxy must not see the token.
        session.trust_env = run.oidc_url.startswith("https:")
        adapter = requests.adapters.HTTPAdapter(max_retries=_RETRY)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        try:
            with session.get(
                run.oidc_url,
                params={"audience": AUDIENCE},
                headers={"Accept": "application/json", "User-Agent": f"catalog-upload/{__version__}"},
                auth=_Bearer(run.oidc_token),
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as answer:
                status, body = answer.status_code, answer.content
        except requests.RequestException as error:
            # Not chained: the error holds the request, and that its token.
            raise errors.Unreachable(
                f"GitHub's token service ({host}) does not answer ({type(error).__name__}).",
                "Run again later; what is up is not sent twice.",
            ) from None
    return _judge(status, body, host, hide)


def _judge(status: int, body: bytes, host: str, hide: Callable[[str], None]) -> str:
    if status in (400, 401, 403, 404):
        raise errors.NotAuthorised(f"GitHub gives this job no token for AWS ({status} from {host}).", ALLOW)
    if 300 <= status < 400:
        raise errors.Refused(
            f"GitHub's token service ({host}) sends us on to another address, to which its token must not go.",
            "Is there a proxy that wants a login? Let the runner reach the service directly.",
        )
    try:
        token = json.loads(body).get("value", "") if status == 200 else ""
    except (ValueError, AttributeError):
        token = ""
    if not isinstance(token, str) or not re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", token, re.ASCII):
        raise errors.Unreachable(
            f"GitHub's token service ({host}) answered {status}, but with no token.",
            "Run again later; what is up is not sent twice.",
        )
    hide(token)
    return token


def _is_safe(url: str) -> bool:
    """Whether a token may be sent there: by https, or within this machine."""
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "https":
            return bool(parts.hostname)
        host = parts.hostname or ""
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def subject(token: str) -> str:
    """Whom a token speaks of (`sub`), for a message only: nothing is verified; empty if it cannot be read."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return str(claims.get("sub", ""))[:300]
    except (IndexError, ValueError, AttributeError):
        return ""
