"""One anonymous request as a viewer's browser would make it, bounded in bytes and seconds.

Nothing is asked but what the user named: a redirect is followed only on the same host, from http to https at
most, so that no answer sends a workflow's requests into a network of its own.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from entrypoint import errors, text
from entrypoint.destinations.s3.network import Network, Target

PATIENCE: Final = 10.0
"""Seconds for one request with its redirects, from the first byte to the last that is wanted."""
REDIRECTS: Final = 3

_REDIRECT: Final = (301, 302, 303, 307, 308)
_PORTS: Final = {"http": 80, "https": 443}
_PIECE: Final = 64 * 1024


class NoAnswer(Exception):
    """There was no answer that could be judged; the text completes "URL …"."""

    passing: bool = True
    """Whether it may be well a moment later."""


class Slow(NoAnswer):
    """It took too long; another try would take as long."""

    passing = False


class RefusedRedirect(NoAnswer):
    """A redirect that leads out of what the user named, or nowhere."""

    passing = False


class BadCertificate(NoAnswer):
    """The certificate is not one that a browser would accept; the text says why."""

    passing = False


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        url: what was asked last, after redirects.
        hops: headers of the redirects on the way.
        body: the first bytes, at most as many as were asked for.
        broken: the connection ended before as many bytes had come as the answer had announced.
    """

    url: str
    status: int
    headers: http.client.HTTPMessage
    hops: tuple[http.client.HTTPMessage, ...]
    body: bytes
    broken: bool = False

    def header(self, name: str) -> str:
        """The value of a header, several of them joined as browsers do; empty where there is none."""
        return ", ".join(value.strip() for value in self.headers.get_all(name, []))


def get(
    url: str, headers: Mapping[str, str], limit: int, network: Network, patience: float = PATIENCE
) -> Answer:
    """GET a URL, and read `limit` bytes of the body at most.

    Raises:
        NoAnswer: there is none within so many seconds, or none that can be judged.
    """
    deadline = time.monotonic() + patience
    hops: list[http.client.HTTPMessage] = []
    while True:
        answer = _once(url, headers, limit, network, deadline)
        target = answer.header("Location")
        if answer.status not in _REDIRECT or not target:
            return Answer(url, answer.status, answer.headers, tuple(hops), answer.body, answer.broken)
        if len(hops) == REDIRECTS:
            raise RefusedRedirect(f"redirects more than {REDIRECTS} times")
        hops.append(answer.headers)
        url = _follow(url, target)


def _follow(url: str, location: str) -> str:
    target = ""
    try:
        target = urllib.parse.urldefrag(urllib.parse.urljoin(url, location)).url
        old, new = urllib.parse.urlsplit(url), urllib.parse.urlsplit(target)
        stays = old.hostname == new.hostname and "@" not in new.netloc
        same = stays and (old.scheme, _port(old)) == (new.scheme, _port(new))
        safer = stays and (old.scheme, new.scheme) == ("http", "https")
    except ValueError:
        same = safer = False
        new = urllib.parse.SplitResult("", "", "", "", "")
    if not (same or safer):
        # Only the origin: a query could contain secrets.
        shown = f"{new.scheme}://{new.netloc.rpartition('@')[2]}" if new.netloc else "an invalid URL"
        raise RefusedRedirect(
            f"redirects to {text.shorten(text.printable(shown), 200)}, which was not followed"
        )
    if not target.isascii() or not target.isprintable() or " " in target:
        target = urllib.parse.quote(target, safe=":/?#[]@!$&'()*+,;=%-._~")
    return target


def _port(url: urllib.parse.SplitResult) -> int:
    return url.port or _PORTS.get(url.scheme, 0)


def _once(url: str, headers: Mapping[str, str], limit: int, network: Network, deadline: float) -> Answer:
    parts = urllib.parse.urlsplit(url)
    try:
        with _connected(parts, network, deadline) as (sock, prefix, more):
            # The socket is handed over connected: this class only speaks HTTP on it.
            connection = http.client.HTTPConnection(parts.hostname or "", _port(parts))
            connection.sock = sock
            target = parts.path or "/"
            target = f"{prefix}{target}?{parts.query}" if parts.query else f"{prefix}{target}"
            connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": parts.netloc, **headers, "Connection": "close", **more}.items():
                connection.putheader(name, value)
            connection.endheaders()
            with connection.getresponse() as response:
                body, broken = _read(response, limit)
                if time.monotonic() >= deadline:
                    raise TimeoutError
                return Answer(url, response.status, response.headers, (), body, broken)
    except ssl.SSLCertVerificationError as error:
        raise BadCertificate(text.printable(error.verify_message or "it cannot be verified")) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline or isinstance(error, TimeoutError):
            raise Slow(f"does not complete its answer within {PATIENCE:.0f} seconds") from error
        raise NoAnswer(_why(error)) from error


def _read(response: http.client.HTTPResponse, limit: int) -> tuple[bytes, bool]:
    body = bytearray()
    announced = response.length
    try:
        while len(body) < limit and (piece := response.read1(min(_PIECE, limit - len(body)))):
            body += piece
    except http.client.IncompleteRead as error:
        return bytes(body + error.partial), True
    return bytes(body), announced is not None and len(body) < min(limit, announced)


@contextlib.contextmanager
def _connected(
    url: urllib.parse.SplitResult, network: Network, deadline: float
) -> Iterator[tuple[socket.socket, str, dict[str, str]]]:
    """A connection that is cut at the deadline, however slowly bytes drip in.

    Yields:
        the socket, what stands before the path in the request's line, and more headers.
    """
    target = Target.of(f"{url.scheme}://{url.netloc}")
    proxy = network.proxy_for(target)
    if proxy and proxy.server.secure:
        raise NoAnswer(f"was not checked: {proxy} itself uses https, which is not supported")
    server = proxy.server if proxy else target
    try:
        plain = socket.create_connection((server.host, server.port), max(0.1, deadline - time.monotonic()))
    except OSError as error:
        which = f" by {proxy}" if proxy else ""
        raise NoAnswer(f"cannot be reached{which}: {_why(error)}") from error
    with contextlib.ExitStack() as stack:
        stack.callback(plain.close)
        # TLS takes the socket over, so what cuts the connection needs a handle of its own.
        handle = plain.dup()
        stack.callback(handle.close)
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, (handle,))
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)
        login = {"Proxy-Authorization": proxy.authorization} if proxy and proxy.authorization else {}
        if not target.secure:
            yield plain, str(target) if proxy else "", login
            return
        if proxy:
            _tunnel(plain, f"{url.hostname}:{target.port}", login)
        try:
            context = network.tls()
        except errors.BadInput as error:
            raise NoAnswer(f"was not checked: {error.message}") from error
        # A bundle for the store may lack the authorities of the web.
        context.load_default_certs()
        secure = context.wrap_socket(plain, server_hostname=url.hostname)
        stack.callback(secure.close)
        yield secure, "", {}


def _tunnel(sock: socket.socket, target: str, headers: Mapping[str, str]) -> None:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *(f"{k}: {v}" for k, v in headers.items())]
    sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    response = http.client.HTTPResponse(sock, method="CONNECT")
    response.begin()
    if response.status != http.HTTPStatus.OK:
        raise NoAnswer(f"was not reached: the proxy answers {response.status}")


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    match error:
        case socket.gaierror():
            return "the host name is not known"
        case ConnectionRefusedError():
            return "the connection was refused"
        case TimeoutError():
            return "no answer"
        case http.client.RemoteDisconnected() | ConnectionError():
            return "the connection was closed without an answer"
        case ssl.SSLError():
            return f"the TLS handshake failed ({text.printable(str(error.reason or 'no reason given'))})"
        case http.client.HTTPException() | ValueError():
            return "the answer is not HTTP"
        case OSError():
            return text.printable(error.strerror or type(error).__name__)
    return type(error).__name__
