"""Signature Version 4, as S3 wants it.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import hmac
import time
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
EMPTY: Final = hashlib.sha256(b"").hexdigest()
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_MIN_SECRET: Final = 8
"""Characters; AWS's own secret keys have 40."""


@dataclass(frozen=True)
class Keys:
    """What requests are signed with."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is to be hidden of them. Made-up keys of local stores are short, and hiding every "test" would
        spoil the log."""
        return tuple(part for part in (self.secret_key, self.token) if len(part) >= _MIN_SECRET)


@dataclass(frozen=True)
class Scope:
    """What a signature is good for.

    Attributes:
        region: of several regions (Signature Version 4A) a set such as ``*``.
        asymmetric: whether the signature is of Version 4A.
    """

    region: str
    service: str = "s3"
    asymmetric: bool = False


def quote_path(key: str) -> str:
    """A key as it is written in a path; also the form that is signed."""
    return urllib.parse.quote(key, safe="/-_.~")


def query_string(parameters: Iterable[tuple[str, str]]) -> str:
    """A query in the form in which it is signed as well."""
    encoded = sorted(
        (urllib.parse.quote(name, safe="-_.~"), urllib.parse.quote(value, safe="-_.~"))
        for name, value in parameters
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def sign(
    keys: Keys,
    scope: Scope,
    method: str,
    host: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload: str,
    now: dt.datetime | None = None,
) -> dict[str, str]:
    """The headers with those of the signature; all of them are signed.

    Args:
        host: value of the header Host.
        path, query: as `quote_path` and `query_string` make them.
        headers: without Host; names in lower case.
        payload: SHA-256 of the body in hexadecimal, or `UNSIGNED`.
    """
    stamp = _stamp(int(now.timestamp() if now else time.time()))
    if scope.asymmetric:
        now = now or dt.datetime.now(dt.UTC)
        return _sign_for_regions(keys, scope, method, host, path, query, headers, payload, now)
    signed = {**headers, "x-amz-content-sha256": payload, "x-amz-date": stamp}
    if keys.token:
        signed["x-amz-security-token"] = keys.token
    lines = sorted([("host", host), *[(name, " ".join(value.split())) for name, value in signed.items()]])
    names = ";".join([name for name, _ in lines])
    shown = "".join([f"{name}:{value}\n" for name, value in lines])
    request = f"{method}\n{path}\n{query}\n{shown}\n{names}\n{payload}"
    digest = hashlib.sha256(request.encode("latin-1", "surrogateescape")).hexdigest()
    place = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{stamp}\n{place}\n{digest}"
    key = _signing_key(keys.secret_key, stamp[:8], scope.region, scope.service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key}/{place}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


@functools.lru_cache(maxsize=8)
def _stamp(second: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))


@functools.lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _sign_for_regions(
    keys: Keys,
    scope: Scope,
    method: str,
    host: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload: str,
    now: dt.datetime,
) -> dict[str, str]:
    """Version 4A, which multi-region access points want: its elliptic curve is AWS's C library's."""
    import awscrt.auth
    import awscrt.http

    target = f"{path}?{query}" if query else path
    request = awscrt.http.HttpRequest(
        method, target, awscrt.http.HttpHeaders([("host", host), *headers.items()])
    )
    provider = awscrt.auth.AwsCredentialsProvider.new_static(
        keys.access_key, keys.secret_key, keys.token or None
    )
    awscrt.auth.aws_sign_request(
        request,
        awscrt.auth.AwsSigningConfig(
            algorithm=awscrt.auth.AwsSigningAlgorithm.V4_ASYMMETRIC,
            signature_type=awscrt.auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=provider,
            region=scope.region,
            service=scope.service,
            date=now,
            use_double_uri_encode=False,
            should_normalize_uri_path=False,
            signed_body_value=payload,
            signed_body_header_type=awscrt.auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
        ),
    ).result()
    return {name.lower(): value for name, value in request.headers if name.lower() != "host"}
