"""Where the requests for a bucket go: the plain endpoints by ourselves, all others by botocore's rules."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass
from typing import Any, Final

from entrypoint import errors, settings
from entrypoint.destinations.s3 import configuration, network, signing

_PLAIN: Final = re.compile(r"(af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov)-[a-z]+-[0-9]+", re.ASCII)
"""Regions of AWS whose hosts are named alike: https://docs.aws.amazon.com/general/latest/gr/s3.html"""
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])", re.ASCII)
"""Names of buckets that can be part of a host's name which a certificate covers, so without dots."""
_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonwebservices.com.cn")
# Alibaba OSS, Tencent COS, Volcengine TOS and others.
_WANTS_HOST: Final = re.compile(r"SecondLevelDomain|PathStyle|PathAccess|Virtual[- ]?Host", re.IGNORECASE)


@dataclass(frozen=True)
class Endpoint:
    """Where requests for one bucket go.

    Attributes:
        path: before the key, percent-encoded, without a last slash; empty where the host names the bucket.
        region: whose endpoint it is.
        is_aws: whether this is AWS itself, whose habits are known.
    """

    target: network.Target
    path: str
    scope: signing.Scope
    region: str
    is_aws: bool

    def path_of(self, key: str | None) -> str:
        """Path of an object, or of the bucket."""
        if key is None:
            return self.path or "/"
        return f"{self.path}/{signing.quote_path(key)}"

    def url_of(self, key: str) -> str:
        """URL of an object."""
        return f"{self.target}{self.path_of(key)}"


def wants_host(said: str) -> bool:
    """Whether a store's refusal says that it knows buckets only as part of its host's name."""
    return bool(_WANTS_HOST.search(said))


def resolve(
    chosen: settings.S3Settings,
    found: configuration.Configuration,
    region: str = "",
    addressing: settings.Addressing | None = None,
) -> Endpoint:
    """Find the endpoint.

    Args:
        region: another one than that of the configuration, which an answer named.
        addressing: another one than that of the configuration, which an answer asked for.

    Raises:
        errors.BadInput: what is set does not fit together.
    """
    region = region or found.region or configuration.DEFAULT_REGION
    addressing = addressing or found.addressing
    bucket = chosen.bucket
    if bucket.startswith("arn:"):
        return _by_botocore(chosen, found, region, addressing)
    if found.endpoint_url:
        return _custom(found.endpoint_url, bucket, region, addressing)
    if found.special or not _PLAIN.fullmatch(region):
        return _by_botocore(chosen, found, region, addressing)
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    host = f"s3.{region}.{suffix}"
    in_host = addressing is not settings.Addressing.PATH and bool(_HOST.fullmatch(bucket))
    target = network.Target(True, f"{bucket}.{host}" if in_host else host, 443)
    return Endpoint(target, "" if in_host else f"/{bucket}", signing.Scope(region), region, is_aws=True)


def _custom(url: str, bucket: str, region: str, addressing: settings.Addressing) -> Endpoint:
    target = network.Target.of(url)
    base = urllib.parse.urlsplit(url).path.rstrip("/")
    is_aws = target.host.endswith(_AWS)
    if addressing is settings.Addressing.VIRTUAL:
        if target.host.startswith(f"{bucket}."):  # some name the bucket's own host as the endpoint
            return Endpoint(target, base, signing.Scope(region), region, is_aws)
        host = network.Target(target.secure, f"{bucket}.{target.host}", target.port)
        return Endpoint(host, base, signing.Scope(region), region, is_aws)
    return Endpoint(target, f"{base}/{bucket}", signing.Scope(region), region, is_aws)


def _by_botocore(
    chosen: settings.S3Settings,
    found: configuration.Configuration,
    region: str,
    addressing: settings.Addressing,
) -> Endpoint:
    """Ask botocore where it would send an object. It is stopped just before it does: a presigned URL, which could
    tell too, names AWS's global host, and that redirects what goes to a bucket younger than a day."""
    import botocore.config
    import botocore.exceptions
    from botocore.awsrequest import AWSResponse
    from botocore.compat import HTTPHeaders

    seen: list[dict[str, Any]] = []

    def stop(params: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]]:
        seen.append(params)
        return AWSResponse(params["url"], 200, HTTPHeaders(), None), {}

    config = botocore.config.Config(request_checksum_calculation="when_required")
    if addressing is not settings.Addressing.AUTO:
        style: Any = {"addressing_style": addressing.value}
        config = config.merge(botocore.config.Config(s3=style))
    try:
        session, _ = configuration.new_session(chosen)
        client = session.client(
            "s3",
            region_name=region,
            endpoint_url=found.endpoint_url or None,
            config=config,
            aws_access_key_id="unused",  # nothing is signed with it
            aws_secret_access_key="unused",  # noqa: S106
        )
        events: Any = client.meta.events  # typed for handlers that answer nothing
        events.register_first("before-call.s3.PutObject", stop)
        client.put_object(Bucket=chosen.bucket, Key="k")
        client.close()
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise errors.BadInput(f"S3: {str(error)[:300]}") from error
    params = seen[0]
    context = params.get("context", {})
    signer = context.get("signing", {})
    asymmetric = context.get("auth_type") == "v4a"
    scope = signing.Scope(
        str(signer.get("region") or region), str(signer.get("signing_name") or "s3"), asymmetric=asymmetric
    )
    target = network.Target.of(params["url"])
    path = urllib.parse.urlsplit(params["url"]).path.removesuffix("/k")
    is_aws = not found.endpoint_url or target.host.endswith(_AWS)
    return Endpoint(target, path, scope, region if asymmetric else scope.region, is_aws)
