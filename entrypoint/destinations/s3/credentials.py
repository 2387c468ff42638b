"""What requests are signed with: found by AWS's own chain, or a role's, and always of the moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import awscrt.auth
import boto3
import botocore.credentials
import botocore.exceptions
import botocore.session

from entrypoint import errors, settings
from entrypoint.destinations.s3 import problems, role

DEFAULT_REGION: Final = "us-east-1"
_METHOD: Final = "catalog-upload"
_RENEWED: Final = 60.0
"""Seconds in which credentials count as just renewed: the others that were refused with the old ones need not
renew them once more, and a store that refuses the new ones too is believed."""


def new_session(chosen: settings.S3Settings) -> tuple[boto3.Session, botocore.session.Session]:
    """A session with AWS's own chain, as boto3 and as botocore know it.

    The region may stand in AWS_REGION, as for AWS's other SDKs; boto3 by itself reads only AWS_DEFAULT_REGION.

    Raises:
        botocore.exceptions.BotoCoreError: there is no such profile.
    """
    core = botocore.session.Session()
    session = boto3.Session(
        botocore_session=core,
        profile_name=chosen.profile or None,
        region_name=chosen.region or chosen.default_region or None,
    )
    return session, core


class Credentials(botocore.credentials.Credentials):
    """Keys that botocore and the CRT client sign with. Thread-safe.

    They are renewed in time where they can be, and on demand by `renew`.

    Args:
        run: what GitHub gives the job, for a role.
        hide: is told each secret before it is used.

    Raises:
        errors.PublishError: there are none.
    """

    def __init__(self, chosen: settings.S3Settings, run: settings.Run, hide: Callable[[str], None]) -> None:
        super().__init__("", "", method=_METHOD)  # botocore signs with the frozen ones only
        self._chosen = chosen
        self._run = run
        self._hide = hide
        self._hidden: set[str] = set()
        self._renewing = threading.Lock()
        self._changing = threading.Lock()
        self._renewed = -_RENEWED
        self._now = botocore.credentials.ReadOnlyCredentials("", "", None)
        self._found = self._find()
        self.get_frozen_credentials()

    def _find(self) -> botocore.credentials.Credentials:
        try:
            session, core = new_session(self._chosen)
            if self._chosen.role_to_assume:
                region = self._chosen.region or session.region_name or DEFAULT_REGION
                return role.find(
                    session, core, self._chosen.role_to_assume, self._run, region, self._hide_once
                )
            found = session.get_credentials()
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, OSError) as error:
            raise _explain(error) from error
        if found is None:
            raise problems.no_credentials(self._run.event_name)
        return found

    def _hide_once(self, secret: str) -> None:
        if secret not in self._hidden:
            self._hide(secret)
            self._hidden.add(secret)

    def get_frozen_credentials(self) -> botocore.credentials.ReadOnlyCredentials:
        """Key, secret and token of this moment; may wait for new ones.

        Raises:
            errors.PublishError: they expired, and no others came.
        """
        found = self._found
        try:
            now = found.get_frozen_credentials()
        except (
            botocore.exceptions.ClientError,
            botocore.exceptions.BotoCoreError,
            OSError,
            RuntimeError,
        ) as error:
            raise _explain(error) from error
        with self._changing:
            # Others may have renewed them meanwhile: what expired must not come back.
            if now != self._now and found is self._found:
                role.hide_keys(now, self._hide_once)
                self._now = now
            return self._now

    def for_crt(self) -> awscrt.auth.AwsCredentials:
        """The last that were asked for, without waiting: the CRT client asks on the thread that moves the bytes."""
        now = self._now
        return awscrt.auth.AwsCredentials(now.access_key or "", now.secret_key or "", now.token)

    def renew(self) -> bool:
        """Fetch credentials anew after they expired in spite of all; whether there are others now.

        Raises:
            errors.PublishError: there are none any more.
        """
        with self._renewing:
            if time.monotonic() - self._renewed < _RENEWED:
                return True
            before = self._now
            found = self._find()
            with self._changing:
                self._found = found
            if self.get_frozen_credentials() == before:
                return False
            self._renewed = time.monotonic()
            return True


class Provider(botocore.credentials.CredentialProvider):
    """Gives ours to the clients of a session, in the place of the chain."""

    METHOD = _METHOD
    CANONICAL_NAME = _METHOD

    def __init__(self, ours: Credentials) -> None:
        super().__init__()
        self._ours = ours

    def load(self) -> Credentials:
        """Ours."""
        return self._ours


def use(core: botocore.session.Session, ours: Credentials) -> None:
    """Let the clients that a session makes from now on sign with ours."""
    resolver = botocore.credentials.CredentialResolver([Provider(ours)])
    core.register_component("credential_provider", resolver)


def _explain(error: Exception) -> errors.PublishError:
    if isinstance(error, botocore.exceptions.ClientError):
        return role.explain(error)
    if isinstance(error, botocore.exceptions.BotoCoreError):
        return role.unreachable(error)
    if isinstance(error, OSError):
        return errors.NotAuthorised(
            f"The AWS credentials could not be read: {error.strerror or type(error).__name__}.",
            "In a container a file such as AWS_WEB_IDENTITY_TOKEN_FILE must lie in a folder that it sees: below "
            "the workspace.",
        )
    return errors.NotAuthorised(
        "The AWS credentials had expired when they came.", "Check the clock of this machine, then run again."
    )
