"""What requests are signed with: from variables by ourselves, else by AWS's own chain, and always of the moment."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from entrypoint import errors, settings
from entrypoint.destinations.s3 import configuration, problems
from entrypoint.destinations.s3.signing import Keys

if TYPE_CHECKING:
    import botocore.credentials

T = TypeVar("T")

_RENEWED: Final = 60.0
"""Seconds in which credentials count as just renewed: the others that were refused with the old ones need not
renew them again; if a store refuses the new ones too, that is final."""


class Credentials:
    """Keys that requests are signed with. Thread-safe.

    They are renewed in time where they can be, and on demand by `renew`.

    Args:
        run: what GitHub gives the job, for a role.
        hide: called with each secret before it is used.
        check: raises `errors.Cancelled` when the run is to stop.

    Raises:
        errors.PublishError: there are none.
    """

    def __init__(
        self,
        chosen: settings.S3Settings,
        found: configuration.Configuration,
        run: settings.Run,
        hide: Callable[[str], None],
        check: Callable[[], None],
    ) -> None:
        self._chosen = chosen
        self._configuration = found
        self._run = run
        self._hide = hide
        self._check = check
        self._hidden: set[str] = set()
        self._renewing = threading.Lock()
        self._changing = threading.Lock()
        self._renewed = -_RENEWED
        self._keys = Keys("", "")
        self._source: botocore.credentials.Credentials | None = None
        self._find()

    def now(self) -> Keys:
        """Keys of this moment; may wait for new ones.

        Raises:
            errors.PublishError: they expired, and no others came.
        """
        source = self._source
        if source is None:
            return self._keys
        keys = _asked(lambda: _keys_of(source), self._configuration.profile)
        with self._changing:
            # Another thread may have renewed them: expired ones must not come back.
            if keys != self._keys and source is self._source:
                self._hide_keys(keys)
                self._keys = keys
            return self._keys

    def renew(self) -> bool:
        """Fetch credentials again after they expired; whether they are new ones.

        Raises:
            errors.PublishError: there are none any more.
        """
        with self._renewing:
            if time.monotonic() - self._renewed < _RENEWED:
                return True
            before = self._keys
            self._find()
            if self.now() == before:
                return False
            self._renewed = time.monotonic()
            return True

    def _find(self) -> None:
        source: botocore.credentials.Credentials | None = None
        profile = self._configuration.profile
        if self._chosen.role_to_assume:
            source = _asked(self._from_role, profile)
            keys = _asked(lambda: _keys_of(source), profile)
        elif plain := self._from_variables():
            keys = plain
        else:
            source = _asked(self._from_chain, profile)
            keys = _asked(lambda: _keys_of(source), profile)
        self._hide_keys(keys)
        with self._changing:
            self._source, self._keys = source, keys

    def _hide_keys(self, keys: Keys) -> None:
        for secret in keys.secrets:
            self._hide_once(secret)

    def _hide_once(self, secret: str) -> None:
        if secret not in self._hidden:
            self._hide(secret)
            self._hidden.add(secret)

    # Sources

    def _from_variables(self) -> Keys | None:
        """Keys in variables, unless a profile is asked for; blanks and line ends around them are no part of them.

        Raises:
            errors.NotAuthorised: there is half a pair, or what cannot be a key.
        """
        variables = self._configuration.variables
        key = variables.get("AWS_ACCESS_KEY_ID", "")
        if self._chosen.profile or not key:
            return None
        secret = variables.get("AWS_SECRET_ACCESS_KEY", "")
        token = variables.get("AWS_SESSION_TOKEN", "") or variables.get("AWS_SECURITY_TOKEN", "")
        if not secret:
            raise errors.NotAuthorised(
                "The AWS credentials are incomplete: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not.",
                "Set both, or neither." + _fork_hint(self._run),
            )
        for name, value in (
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_SESSION_TOKEN", token),
        ):
            if value and not re.fullmatch(r"[!-~]+", value):
                raise errors.NotAuthorised(
                    f"{name} is not valid: it contains a blank, a line break or a character that is not ASCII.",
                    "Copy it again, on one line and with nothing else.",
                )
        return Keys(key, secret, token)

    def _from_role(self) -> botocore.credentials.Credentials:
        from entrypoint.destinations.s3 import role

        session, core = configuration.new_session(self._chosen)
        _refuse_mfa_prompt(core.get_scoped_config(), core.full_config.get("profiles", {}))
        return role.find(
            session, core, self._chosen, self._configuration, self._run, self._hide_once, self._check
        )

    def _from_chain(self) -> botocore.credentials.Credentials:
        session, core = configuration.new_session(self._chosen)
        _refuse_mfa_prompt(core.get_scoped_config(), core.full_config.get("profiles", {}))
        found = session.get_credentials()
        if found is None:
            raise problems.no_credentials(self._run.event_name)
        return found


def _fork_hint(run: settings.Run) -> str:
    return (
        " Secrets are empty in runs that come from a fork."
        if run.event_name.startswith("pull_request")
        else ""
    )


def _keys_of(source: botocore.credentials.Credentials | None) -> Keys:
    assert source is not None  # asked only of a source
    frozen = source.get_frozen_credentials()
    parts = [(part or "").strip() for part in (frozen.access_key, frozen.secret_key, frozen.token)]
    if any(part and not re.fullmatch(r"[!-~]+", part) for part in parts):
        raise errors.NotAuthorised(
            "The AWS credentials that were found are not valid: one contains a blank, a line break or a character "
            "that is not ASCII.",
            "Check the profile or the program that provides them.",
        )
    if not (parts[0] and parts[1]):
        raise errors.NotAuthorised(
            "The AWS credentials that were found are incomplete: the access key or the secret key is empty.",
            "Check the profile or the program that provides them.",
        )
    return Keys(*parts)


def _refuse_mfa_prompt(profile: dict[str, Any], profiles: dict[str, dict[str, Any]]) -> None:
    """Refuse a profile for which botocore would prompt for a code.

    Raises:
        errors.NotAuthorised
    """
    seen: list[dict[str, Any]] = []
    while profile and profile not in seen:
        if profile.get("role_arn") and profile.get("mfa_serial") and not sys.stdin.isatty():
            raise errors.NotAuthorised(
                "The AWS profile requires an MFA code (mfa_serial), and nobody can enter one here.",
                "Get a session first, e.g. with aws sts get-session-token or aws-vault, and set its three variables.",
            )
        seen.append(profile)
        profile = profiles.get(str(profile.get("source_profile", "")), {})


def _asked(ask: Callable[[], T], profile: str = "") -> T:
    """Ask a source of credentials; what it says when it has none is passed on.

    Raises:
        errors.PublishError
    """
    import botocore.exceptions

    from entrypoint.destinations.s3 import role

    try:
        return ask()
    except botocore.exceptions.ClientError as error:
        raise role.explain(error) from error
    except botocore.exceptions.BotoCoreError as error:
        raise explain(error, profile) from error
    except OSError as error:
        raise errors.NotAuthorised(
            f"The AWS credentials could not be read: {error.strerror or type(error).__name__}"
            f"{f' ({error.filename})' if error.filename else ''}.",
            "In a container a file such as AWS_WEB_IDENTITY_TOKEN_FILE must be inside the workspace.",
        ) from error
    except RuntimeError as error:
        raise errors.NotAuthorised(
            "The AWS credentials were already expired when they were fetched.",
            "Check the clock of this machine, then run again.",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.NotAuthorised(
            f"The AWS credentials could not be understood: {problems.harmless(error)}.",
            "Check the profile and the program that it names: a credential_process has to print a JSON object.",
        ) from error


def explain(error: Exception, profile: str = "") -> errors.PublishError:
    """What botocore says when a source gives no credentials, in our words and its own."""
    import botocore.exceptions as b

    from entrypoint.destinations.s3 import role

    if isinstance(error, b.ProfileNotFound):
        return errors.BadInput(f"aws-profile: {error}.")
    if isinstance(error, b.PartialCredentialsError):
        return errors.NotAuthorised(
            f"The AWS credentials are incomplete: {problems.harmless(error)}.", "Set both."
        )
    if isinstance(error, b.NoCredentialsError):
        return problems.no_credentials()
    if isinstance(error, b.SSOError | b.TokenRetrievalError | b.UnauthorizedSSOTokenError):
        return errors.NotAuthorised(
            f"There is no AWS single sign-on session, or it has expired: {problems.harmless(error)}.",
            f"Log in with aws sso login{f' --profile {profile}' if profile else ''}, and run again.",
        )
    if isinstance(error, b.ConfigParseError | b.ConfigNotFound | b.InvalidConfigError):
        return errors.BadInput(
            f"The AWS configuration cannot be used: {problems.harmless(error)}.", "Check the profile."
        )
    if isinstance(error, b.HTTPClientError | b.ConnectionError):
        return role.unreachable(error)
    return errors.NotAuthorised(
        f"The AWS credentials could not be fetched: {problems.harmless(error)}.",
        f"Check the profile or the role ({type(error).__name__}).",
    )
