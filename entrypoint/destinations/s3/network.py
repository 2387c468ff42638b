"""What the environment says about the way to a server: proxies and certificates, read once, for every request."""

from __future__ import annotations

import base64
import functools
import ipaddress
import re
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from entrypoint import errors

if TYPE_CHECKING:
    import ssl

BUNDLES: Final = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name a file or a folder of certificates; the first that is set decides."""
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """A server.

    Attributes:
        host: name or address, an IPv6 address without brackets.
    """

    secure: bool
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Target:
        """The server of a URL.

        Raises:
            ValueError: it is none.
        """
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or re.search(r"\s", url):
            raise ValueError("expected http://HOST or https://HOST")
        return cls(parts.scheme == "https", parts.hostname, parts.port or _PORTS[parts.scheme])

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self.secure else "http"

    @property
    def authority(self) -> str:
        """As a Host header names it: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        return self.host == "localhost" or bool((address := _address(self.host)) and address.is_loopback)


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    Attributes:
        variable: the one that names it.
        authorization: value of Proxy-Authorization, or nothing.
    """

    server: Target
    variable: str
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"the proxy {self.server} ({self.variable})"


class Network:
    """Proxies and certificates. Thread-safe.

    Args:
        variables: of the environment; empty ones count as unset.
        bundle: certificates that the AWS configuration names, if it names any.

    Raises:
        errors.BadInput: a variable names no proxy, or a bundle that is not there.
    """

    def __init__(self, variables: Mapping[str, str], bundle: str = "") -> None:
        self._variables = {name: value for name, value in variables.items() if value.strip()}
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self.bundle, self._bundle_from = self._find_bundle(bundle)
        self._proxies = {scheme: self._read_proxy(scheme) for scheme in _PORTS}
        self._without = _exceptions(self._variable("NO_PROXY")[0])
        self.proxy_for: Callable[[Target], Proxy | None] = functools.cache(self._proxy_for)

    def _variable(self, name: str) -> tuple[str, str]:
        """Value and name of a variable that is known in small letters too, which win as for curl."""
        for each in (name.lower(), name):
            if value := self._variables.get(each, "").strip():
                return value, each
        return "", name

    # Certificates

    def _find_bundle(self, configured: str) -> tuple[str, str]:
        found = [(self._variables.get(name, "").strip(), name) for name in BUNDLES]
        found.insert(1, (configured, "ca_bundle of the AWS configuration"))
        for value, name in found:
            if not value:
                continue
            # As OpenSSL has it, only this one may name several folders.
            listed = value.split(":") if name == "SSL_CERT_DIR" else [value]
            paths = [path for path in (Path(each).expanduser() for each in listed if each) if path.exists()]
            if not paths:
                raise errors.BadInput(
                    f"{name}: there are no certificates at {value!r}.",
                    "In a container it must be inside the workspace.",
                )
            return ":".join(map(str, paths)), name
        return "", ""

    def tls(self) -> ssl.SSLContext:
        """How to speak TLS; made once.

        Raises:
            errors.BadInput: the bundle holds no certificates.
        """
        with self._lock:
            if self._context is None:
                self._context = self._new_context()
            return self._context

    def _new_context(self) -> ssl.SSLContext:
        import ssl

        if not self.bundle:
            context = ssl.create_default_context()
            paths = ssl.get_default_verify_paths()
            if not context.cert_store_stats()["x509_ca"] and not (
                paths.capath and any(Path(paths.capath).iterdir())
            ):
                # A system without certificates of its own.
                import certifi

                context.load_verify_locations(cafile=certifi.where())
            return context
        several = self.bundle.split(":") if self._bundle_from == "SSL_CERT_DIR" else [self.bundle]
        folders = [path for path in map(Path, several) if path.is_dir()]
        is_folder = bool(folders)
        if is_folder and not any(
            re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", each.name) for folder in folders for each in folder.iterdir()
        ):
            raise errors.BadInput(
                f"{self._bundle_from}: the folder {self.bundle!r} has no certificates with the file names that "
                "OpenSSL looks for.",
                "Name a file, or run openssl rehash on the folder.",
            )
        try:
            return ssl.create_default_context(
                cafile=None if is_folder else self.bundle, capath=self.bundle if is_folder else None
            )
        except (OSError, ValueError) as error:
            raise errors.BadInput(
                f"{self._bundle_from}: {self.bundle!r} cannot be used as certificates: "
                f"{getattr(error, 'reason', None) or without_place(getattr(error, 'strerror', None) or str(error))}.",
                "It has to be a file of PEM certificates, or a folder of them.",
            ) from error

    # Proxies

    def _read_proxy(self, scheme: str) -> Proxy | None:
        value, variable = self._variable(f"{scheme.upper()}_PROXY")
        if scheme == "http" and variable == "HTTP_PROXY" and "REQUEST_METHOD" in self._variables:
            value = (
                ""  # in a CGI script, the variable of this name is the header Proxy of any client's request
            )
        if not value:
            value, variable = self._variable("ALL_PROXY")
        if not value:
            return None
        text = value if "://" in value else f"http://{value}"
        try:
            parts = urllib.parse.urlsplit(text)
            if parts.scheme.startswith("socks"):
                raise errors.BadInput(
                    f"{variable}: SOCKS proxies ({parts.scheme}) are not supported.",
                    "Name an HTTP proxy, or exclude the host with NO_PROXY.",
                )
            if parts.scheme not in _PORTS:
                raise errors.BadInput(
                    f"{variable}: {parts.scheme} is not a scheme for proxies.", "Name one with http://."
                )
            server = Target.of(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        except ValueError:
            raise errors.BadInput(
                f"{variable}: this is not the address of a proxy.",
                "Write it like http://USER:PASSWORD@HOST:PORT.",
            ) from None
        user, has_user, _ = parts.netloc.rpartition("@")
        authorization = ""
        if has_user:
            name, _, password = user.partition(":")
            pair = f"{urllib.parse.unquote(name)}:{urllib.parse.unquote(password)}".encode()
            authorization = f"Basic {base64.b64encode(pair).decode('ascii')}"
        return Proxy(server, variable, authorization)

    def _proxy_for(self, target: Target) -> Proxy | None:
        proxy = self._proxies[target.scheme]
        return None if proxy is None or any(test(target) for test in self._without) else proxy


def without_place(said: str) -> str:
    """What Python's TLS says, without the line of its source."""
    return re.sub(r" \(_ssl\.c:[0-9]+\)", "", said)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _exceptions(text: str) -> list[Callable[[Target], bool]]:
    """NO_PROXY: names with all that is below them, ``*``, addresses, networks, and each of them with a port."""
    return [_exception(entry) for entry in re.split(r"[\s,]+", text.lower()) if entry]


def _exception(entry: str) -> Callable[[Target], bool]:
    if entry == "*":
        return lambda _: True
    host, port = entry, ""
    if match := re.fullmatch(r"\[([^\]]+)\](?::(\d+))?", entry):
        host, port = match[1], match[2] or ""
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    if "/" in host:
        try:
            network = ipaddress.ip_network(host, strict=False)
        except ValueError:
            return lambda _: False
        return lambda target: (address := _address(target.host)) is not None and address in network
    name, wanted = host.lstrip("*").strip("."), _address(host)

    def matches(target: Target) -> bool:
        if port and str(target.port) != port:
            return False
        here = target.host.lower().rstrip(".")
        if wanted is not None:
            return _address(here) == wanted
        return bool(name) and (here == name or here.endswith(f".{name}"))

    return matches
