"""Connections that fail: what happened in plain words, whether trying again may help, and what to do."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import requests
import urllib3.exceptions

PROXY: Final = "the proxy asks for a user name and a password (407)"
PROXY_HINT: Final = (
    "Put them into HTTPS_PROXY, as http://user:password@proxy:port, or allow this machine in the proxy."
)
_BUNDLE_HINT: Final = (
    "REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) must name a PEM file of certificates: correct or unset it."
)
_CERTIFICATE_HINT: Final = (
    "Check zenodo-url and this machine's clock. For a private certificate authority, "
    "set REQUESTS_CA_BUNDLE to a file with its certificate."
)


class Failure(Exception):
    """A connection that failed.

    Args:
        reason: completes "… cannot be reached: …"; without URLs or headers, whatever the exception holds.
        sent: false where the request cannot have reached the server.
        final: trying again cannot help.
        hint: what a person can do; may be empty.
    """

    def __init__(self, reason: str, *, sent: bool, final: bool = False, hint: str = "") -> None:
        super().__init__(reason)
        self.sent = sent
        self.final = final
        self.hint = hint


def of(error: Exception) -> Failure:
    """What went wrong."""
    causes = list(_causes(error))
    words = " ".join(str(cause) for cause in causes)
    if (proxy := _proxy(error, words)) is not None:
        return proxy
    if (tls := _tls(error, causes, words)) is not None:
        return tls
    if (never := _no_connection(error, causes)) is not None:
        return never
    if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return Failure("the connection stalled", sent=True)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return Failure("the address is not valid", sent=False, final=True)
    return Failure("the connection broke", sent=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it holds, from the outside in."""
    seen: set[int] = set()
    rest: list[BaseException] = [error]
    while rest:
        each = rest.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [getattr(each, "reason", None), each.__cause__, each.__context__, *each.args]
        rest += [cause for cause in inner if isinstance(cause, BaseException)]


def _proxy(error: Exception, words: str) -> Failure | None:
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return Failure(
            "HTTPS_PROXY is not a valid address", sent=False, final=True, hint="Correct or unset it."
        )
    if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in words:
        return Failure(
            "SOCKS proxies are not supported",
            sent=False,
            final=True,
            hint="Name an HTTP proxy in HTTPS_PROXY.",
        )
    if not isinstance(error, requests.exceptions.ProxyError):
        return None
    status = re.search(r"Tunnel connection failed: ([0-9]{3})", words)
    if status is None:
        return Failure("the proxy does not answer", sent=False, hint="Check HTTPS_PROXY, or run again later.")
    if status[1] == "407":
        return Failure(PROXY, sent=False, final=True, hint=PROXY_HINT)
    # A proxy that has trouble itself may have none later; one that forbids the address will go on to.
    final = status[1].startswith("4")
    return Failure(
        f"the proxy refuses the connection ({status[1]})",
        sent=False,
        final=final,
        hint="Have the service's address allowed in the proxy, or correct HTTPS_PROXY or NO_PROXY.",
    )


def _tls(error: Exception, causes: list[BaseException], words: str) -> Failure | None:
    if "invalid path" in words and ("CA certificate bundle" in words or "TLS certificate" in words):
        # requests raises a bare OSError for it.
        reason = "the file of trusted certificates does not exist"
        return Failure(reason, sent=False, final=True, hint=_BUNDLE_HINT)
    if not isinstance(error, requests.exceptions.SSLError | ssl.SSLError) and not any(
        isinstance(cause, ssl.SSLError) for cause in causes
    ):
        return None
    if "NO_CERTIFICATE_OR_CRL_FOUND" in words or "PEM lib" in words or "NO_START_LINE" in words:
        reason = "the file of trusted certificates contains none"
        return Failure(reason, sent=False, final=True, hint=_BUNDLE_HINT)
    if "CERTIFICATE_VERIFY_FAILED" in words or "certificate verify failed" in words:
        detail = re.search(r"certificate verify failed: ([^()\n]{1,120})", words)
        why = f" ({detail[1].strip(' .')})" if detail else ""
        reason = f"its certificate is not valid{why}"
        return Failure(reason, sent=False, final=True, hint=_CERTIFICATE_HINT)
    if "WRONG_VERSION_NUMBER" in words or "HTTP_REQUEST" in words:
        return Failure("it does not use TLS", sent=False, final=True, hint="Check zenodo-url.")
    return Failure("the TLS connection broke", sent=True)


def _no_connection(error: Exception, causes: list[BaseException]) -> Failure | None:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Failure("connecting timed out", sent=False)
    if not any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes):
        return None
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            if cause.errno == socket.EAI_AGAIN:
                return Failure("its name cannot be resolved at the moment", sent=False)
            return Failure(
                "its name is not known", sent=False, hint="Check zenodo-url and the network's DNS."
            )
        if isinstance(cause, ConnectionRefusedError):
            return Failure("the connection is refused", sent=False)
        if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return Failure("there is no network route to it", sent=False)
    return Failure("no connection", sent=False)
