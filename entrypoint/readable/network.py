"""How this machine reaches the web: proxies and certificate authorities, as its environment names them."""

from __future__ import annotations

import base64
import ssl
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

# The names by which AWS's tools, requests, curl and OpenSSL know a bundle of further authorities.
_BUNDLES: Final = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        authorization: value of Proxy-Authorization, or nothing. A secret.
    """

    scheme: str
    host: str
    port: int
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True)
class Network:
    """What the environment says about connections. `proxies` are URLs by scheme and may hold passwords."""

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_proxy: str = ""
    bundles: tuple[str, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read the usual variables; lower case wins, and an empty one counts as absent."""

        def value(name: str) -> str:
            return (environ.get(name.lower()) or environ.get(name.upper()) or "").strip()

        every = value("all_proxy")
        # In a CGI script HTTP_PROXY would be the header "Proxy" of a stranger's request (CVE-2016-5385).
        plain = environ.get("http_proxy", "") if "REQUEST_METHOD" in environ else value("http_proxy")
        found = {"http": plain or every, "https": value("https_proxy") or every}
        bundles = dict.fromkeys(environ[name] for name in _BUNDLES if environ.get(name, "").strip())
        return cls({k: v for k, v in found.items() if v}, value("no_proxy"), tuple(bundles))

    def proxy(self, url: urllib.parse.SplitResult) -> Proxy | None:
        """The proxy for a URL, or nothing.

        Raises:
            ValueError: the variable does not hold the URL of a proxy.
        """
        given = self.proxies.get(url.scheme)
        if not given:
            return None
        rules = {"no": self.no_proxy}
        if self.no_proxy and urllib.request.proxy_bypass_environment(url.netloc, rules):  # type: ignore[attr-defined]
            return None
        parts = urllib.parse.urlsplit(given if "://" in given else f"http://{given}")
        if not parts.hostname:
            raise ValueError
        login = ""
        if parts.username is not None:
            user, password = (urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
            login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return Proxy(parts.scheme, parts.hostname, parts.port or 80, login)

    def tls(self) -> ssl.SSLContext:
        """The machine's own authorities, and those that the environment adds.

        Raises:
            OSError: a bundle cannot be read. (`ssl.SSLError` is one.)
        """
        context = ssl.create_default_context()
        for bundle in self.bundles:
            context.load_verify_locations(bundle)
        return context
