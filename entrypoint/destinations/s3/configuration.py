"""What environment and AWS configuration files say, read once; botocore reads the files, where there are some."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from entrypoint import errors, settings
from entrypoint.destinations.s3 import network

if TYPE_CHECKING:
    import boto3
    import botocore.session

DEFAULT_REGION: Final = "us-east-1"
_YES: Final = ("true", "1")


@dataclass(frozen=True)
class Configuration:
    """The settings that no input gives.

    Attributes:
        variables: of the environment, without the empty ones.
        profile: from inputs or environment; empty where none is named.
        region: the one to begin with; empty where none is named.
        endpoint_url: of a store that is not AWS's own; empty for AWS.
        addressing: where a request names the bucket, if already known.
        sign_payload: whether bodies are signed; nothing where that is left to us.
        bundle: certificates that the profile names.
        special: whether AWS is reached by other than its plain endpoints: FIPS, dual stack, acceleration.
    """

    variables: Mapping[str, str]
    profile: str = ""
    region: str = ""
    endpoint_url: str = ""
    addressing: settings.Addressing = settings.Addressing.AUTO
    sign_payload: bool | None = None
    bundle: str = ""
    special: bool = False

    def network(self) -> network.Network:
        """Proxies and certificates.

        Raises:
            errors.BadInput
        """
        return network.Network(self.variables, self.bundle)


def read(chosen: settings.S3Settings, environ: Mapping[str, str]) -> Configuration:
    """Put inputs, environment and files together.

    Raises:
        errors.BadInput: a file cannot be understood, or there is no such profile.
    """
    variables = {name: value.strip() for name, value in environ.items() if value.strip()}
    profile = chosen.profile or variables.get("AWS_PROFILE", "") or variables.get("AWS_DEFAULT_PROFILE", "")
    found: dict[str, Any] = {}
    services: dict[str, Any] = {}
    if profile or _has_files(variables):
        found, services = _from_files(chosen)
    s3 = found.get("s3", {})
    if not isinstance(s3, dict):
        s3 = {}

    def text(name: str) -> str:
        value = found.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def yes(name: str, variable: str) -> bool:
        return (variables.get(variable, "") or text(name)).lower() in _YES

    endpoint = chosen.endpoint_url
    if not endpoint and not yes("ignore_configured_endpoint_urls", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        of_service = services.get(text("services"), {}).get("s3", {})
        endpoint = (
            variables.get("AWS_ENDPOINT_URL_S3")
            or variables.get("AWS_ENDPOINT_URL")
            or (of_service.get("endpoint_url", "") if isinstance(of_service, dict) else "")
            or text("endpoint_url")
        )
    signs = str(s3.get("payload_signing_enabled", "")).lower()
    region = (
        chosen.region
        or chosen.default_region.strip()
        or variables.get("AWS_REGION", "")
        or variables.get("AWS_DEFAULT_REGION", "")
        or text("region")
    )
    if not re.fullmatch(r"[\w.-]*", region, re.ASCII):
        raise errors.BadInput(
            f"The AWS region {region[:80]!r} is not the name of a region, such as eu-central-1.",
            "Check AWS_REGION, AWS_DEFAULT_REGION and the profile.",
        )
    return Configuration(
        variables,
        profile=profile,
        region=region,
        endpoint_url=_checked(endpoint),
        addressing=_addressing(chosen.addressing, str(s3.get("addressing_style", ""))),
        sign_payload=signs in _YES if signs else None,
        bundle=text("ca_bundle"),
        special=(
            yes("use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT")
            or yes("use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT")
            or any(
                str(s3.get(name, "")).lower() in _YES
                for name in ("use_accelerate_endpoint", "use_dualstack_endpoint")
            )
        ),
    )


def _addressing(chosen: settings.Addressing, configured: str) -> settings.Addressing:
    if chosen is not settings.Addressing.AUTO:
        return chosen
    try:
        return settings.Addressing(configured.strip().lower())
    except ValueError:
        return settings.Addressing.AUTO


def _checked(endpoint: str) -> str:
    if endpoint:
        try:
            network.Target.of(endpoint)
        except ValueError:
            raise errors.BadInput(
                f"The S3 endpoint {endpoint[:200]!r} is not a URL.",
                "Write it like https://minio.example.org (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or endpoint_url).",
            ) from None
    return endpoint.rstrip("/")


def _has_files(variables: Mapping[str, str]) -> bool:
    home = Path(variables.get("HOME", "~"))
    places = (
        variables.get("AWS_CONFIG_FILE", str(home / ".aws" / "config")),
        variables.get("AWS_SHARED_CREDENTIALS_FILE", str(home / ".aws" / "credentials")),
    )
    try:
        return any(Path(place).expanduser().is_file() for place in places)
    except (OSError, RuntimeError):
        return False


def _from_files(chosen: settings.S3Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """The profile's settings, and the sections of services."""
    import botocore.exceptions

    try:
        _, core = new_session(chosen)
        return dict(core.get_scoped_config()), dict(core.full_config.get("services", {}))
    except botocore.exceptions.ProfileNotFound as error:
        raise errors.BadInput(f"aws-profile: {error}.") from error
    except (botocore.exceptions.BotoCoreError, OSError, ValueError) as error:
        raise errors.BadInput(
            f"The AWS configuration cannot be read: {str(error)[:300]}.",
            "Check the file; AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE can name others.",
        ) from error


def new_session(chosen: settings.S3Settings) -> tuple[boto3.Session, botocore.session.Session]:
    """A session with AWS's own chain, as boto3 and as botocore know it.

    The region may stand in AWS_REGION, as for AWS's other SDKs; boto3 by itself reads only AWS_DEFAULT_REGION.

    Raises:
        botocore.exceptions.BotoCoreError: there is no such profile, or a file cannot be understood.
    """
    import boto3
    import botocore.session

    core = botocore.session.Session()
    session = boto3.Session(
        botocore_session=core,
        profile_name=chosen.profile or None,
        region_name=chosen.region or chosen.default_region.strip() or None,
    )
    return session, core
