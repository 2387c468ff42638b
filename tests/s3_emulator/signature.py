"""Whether a request is signed as Signature Version 4 wants it, and for which region.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, written apart from the product's
own, so that they cannot agree on a mistake.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True)
class Scope:
    """What the header ``Authorization`` claims."""

    key: str
    date: str
    region: str
    service: str
    signed: tuple[str, ...]
    signature: str


def scope(authorization: str) -> Scope | None:
    """Read the header; nothing where it is missing or of another kind."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 +Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, *SignedHeaders=([^,]+), *"
        r"Signature=([0-9a-f]{64})",
        authorization,
    )
    if not found:
        return None
    key, date, region, service, signed, signature = found.groups()
    return Scope(key, date, region, service, tuple(signed.split(";")), signature)


def is_right(claim: Scope, secret: str, method: str, target: str, headers: Mapping[str, str]) -> bool:
    """Whether the secret key made the signature.

    Args:
        target: as in the request line: path and query, percent-encoded.
        headers: names in lower case.
    """
    path, _, query = target.partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    canonical = "&".join(sorted(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs))
    fields = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in claim.signed)
    digest = headers.get("x-amz-content-sha256", "")
    request = "\n".join([method, path, canonical, fields, ";".join(claim.signed), digest])
    place = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    hashed = hashlib.sha256(request.encode("latin-1")).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", headers.get("x-amz-date", ""), place, hashed])
    key = f"AWS4{secret}".encode()
    for part in (claim.date, claim.region, claim.service, "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(key.hex(), claim.signature)


def _encoded(text: str) -> str:
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in unquote_to_bytes(text))
