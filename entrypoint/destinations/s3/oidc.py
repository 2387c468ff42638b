"""GitHub's OIDC token, by which AWS knows a job.

The rules: https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import base64
import ipaddress
import itertools
import json
import re
import time
import urllib.parse
from collections.abc import Callable
from typing import Final

from entrypoint import __version__, errors, settings
from entrypoint.destinations.s3 import dial, network, pool

AUDIENCE: Final = "sts.amazonaws.com"
PROVIDER: Final = "https://token.actions.githubusercontent.com"
ALLOW: Final = (
    "Give the job `permissions: id-token: write` (in a reusable workflow the job that calls it too; runs that "
    "come from a fork cannot have it)."
)
PATIENCE: Final = dial.Patience(tries=4, first=0.5, cap=4.0, connect=5.0, stall=10.0, answer=10.0, limit=20.0)
_POLL: Final = 0.1
_LATER: Final = (408, 429, 500, 502, 503, 504)


def fetch(
    run: settings.Run,
    ways: network.Network,
    hide: Callable[[str], None],
    check: Callable[[], None],
    audience: str = AUDIENCE,
    patience: dial.Patience = PATIENCE,
) -> str:
    """A token of GitHub's, for AWS.

    Args:
        ways: proxies and certificates.
        check: raises `errors.Cancelled` when the run is to stop.

    Raises:
        errors.NotAuthorised: GitHub gives none to this job.
        errors.Unreachable: no usable answer, after several tries.
    """
    if not _is_safe(run.oidc_url):
        raise errors.NotAuthorised(
            "role-to-assume: the address of GitHub's token service (ACTIONS_ID_TOKEN_REQUEST_URL) is not an https "
            "address, so nothing was sent there.",
            "Do not set that variable: the runner sets it.",
        )
    parts = urllib.parse.urlsplit(run.oidc_url)
    target = network.Target.of(run.oidc_url)
    query = [*urllib.parse.parse_qsl(parts.query, keep_blank_values=True), ("audience", audience)]
    request = pool.Request(
        "GET",
        f"{parts.path or '/'}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}",
        {
            "accept": "application/json",
            "user-agent": f"catalog-upload/{__version__}",
            "authorization": f"Bearer {run.oidc_token.reveal()}",
        },
    )
    # Plain http goes to loopback addresses only, and there a proxy must not see the token.
    connections = pool.Pool(ways if target.secure else network.Network({}), patience)
    try:
        status, body = _ask(connections, target, request, check, patience)
    finally:
        connections.close()
    return _judge(status, body, target.host, hide)


def _ask(
    connections: pool.Pool,
    target: network.Target,
    request: pool.Request,
    check: Callable[[], None],
    patience: dial.Patience,
) -> tuple[int, bytes]:
    for number in itertools.count(1):
        try:
            response = connections.exchange(target, request, check)
        except dial.NoAnswer as error:
            if error.final or number >= patience.tries:
                # Not chained: nothing that holds the request may go further than this.
                raise errors.Unreachable(
                    f"GitHub's token service ({target.host}) does not answer: {error.error.message}",
                    error.error.hint if error.final else "Run again later; uploaded files are skipped.",
                ) from None
        else:
            if response.status not in _LATER or number >= patience.tries:
                return response.status, response.body
        end = time.monotonic() + min(patience.cap, patience.first * 2 ** (number - 1))
        while time.monotonic() < end:
            check()
            time.sleep(min(_POLL, patience.first))
    raise AssertionError  # the loop has no other end


def _judge(status: int, body: bytes, host: str, hide: Callable[[str], None]) -> str:
    if status in (400, 401, 403, 404):
        raise errors.NotAuthorised(f"GitHub gives this job no token for AWS ({status} from {host}).", ALLOW)
    if 300 <= status < 400:
        raise errors.Refused(
            f"GitHub's token service ({host}) redirects to another address, which must not get its token.",
            "Does a proxy require a login? Let the runner reach the service directly.",
        )
    try:
        token = json.loads(body).get("value", "") if status == 200 else ""
    except (ValueError, AttributeError):
        token = ""
    if not isinstance(token, str) or not re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", token, re.ASCII):
        raise errors.Unreachable(
            f"GitHub's token service ({host}) answered {status}, but with no token.",
            "Run again later; uploaded files are skipped.",
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
