"""Opening a connection, directly or through a proxy, with TLS where it is asked for; and what went wrong in words."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final

from entrypoint import errors, text
from entrypoint.destinations import interrupt
from entrypoint.destinations.s3 import connection, network

_PROXY_ANSWER: Final = 1024 * 1024
"""Bytes of a proxy's refusal that are read."""


@dataclass(frozen=True)
class Patience:
    """How long and how often; seconds.

    Attributes:
        tries: of one request, the first among them.
        first: upper bound of the wait before the second try; it doubles from try to try.
        cap: upper bound of every such wait.
        connect: until there is a connection, for each address of the server.
        stall: in which a connection must take or give some bytes.
        answer: from the last byte of a request to the first of its answer.
        slow: the same for CompleteMultipartUpload, which puts thousands of parts together before it answers.
        silence: without any answer of the server, to whatever request, after which a request without one ends
            the run.
        limit: for one small request as a whole, and for reading an answer: what comes byte by byte stalls nowhere.
    """

    tries: int = 6
    first: float = 0.3
    cap: float = 20.0
    connect: float = 10.0
    stall: float = 30.0
    answer: float = 60.0
    slow: float = 300.0
    silence: float = 75.0
    limit: float = 300.0


class NoAnswer(Exception):
    """There is no usable answer.

    Attributes:
        error: what to raise when it is not tried again.
        final: whether another try would end alike.
        timed_out: whether it was waited for in vain.
    """

    def __init__(self, error: errors.PublishError, *, final: bool = False, timed_out: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.final = final
        self.timed_out = timed_out


def open_connection(
    ways: network.Network, target: network.Target, patience: Patience, operation: interrupt.Operation
) -> connection.Connection:
    """A new connection for requests to a server.

    Raises:
        NoAnswer
        OSError: the operation was ended, or the connection broke while TLS began.
    """
    proxy = ways.proxy_for(target)
    if proxy is None:
        plain = _connect(patience, target, operation, target)
        return (
            _secured(ways, patience, plain, target, operation)
            if target.secure
            else connection.Connection(plain, tls=False)
        )
    plain = _connect(patience, proxy.server, operation, proxy)
    login = f"Proxy-Authorization: {proxy.authorization}\r\n".encode() if proxy.authorization else b""
    if proxy.server.secure:
        through = _secured(ways, patience, plain, proxy.server, operation, proxy)
    else:
        through = connection.Connection(plain, tls=False)
    if not target.secure:
        return connection.Connection(
            through.socket, tls=through.tls, absolute=str(target).encode(), headers=login
        )
    _tunnel(through, target, login, proxy, patience.stall)
    if through.tls:
        raise NoAnswer(
            errors.Refused(
                f"{_start(proxy)} itself uses https, which is not supported for an https store.",
                "Name the proxy with http://.",
            ),
            final=True,
        )
    return _secured(ways, patience, through.socket, target, operation)


def _connect(
    patience: Patience,
    server: network.Target,
    operation: interrupt.Operation,
    what: network.Target | network.Proxy,
) -> socket.socket:
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _unreachable(what, getattr(error, "strerror", "") or "no such name") from error
    problem: OSError | None = None
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            operation.attach(sock)
            sock.settimeout(patience.connect)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(patience.stall)
            return sock
        except OSError as error:
            sock.close()
            problem = error
            if operation.cancelled or operation.expired:
                break
    if operation.cancelled:
        raise errors.Cancelled
    reason = "no answer in time" if isinstance(problem, TimeoutError) else getattr(problem, "strerror", "")
    raise _unreachable(what, reason or "no address") from problem


def _secured(
    ways: network.Network,
    patience: Patience,
    plain: socket.socket,
    server: network.Target,
    operation: interrupt.Operation,
    proxy: network.Proxy | None = None,
) -> connection.Connection:
    import ssl

    context = ways.tls()
    try:
        secured = context.wrap_socket(plain, server_hostname=server.host, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise
    try:
        operation.attach(secured)
        secured.settimeout(patience.connect)
        secured.do_handshake()
    except ssl.SSLCertVerificationError as error:
        secured.close()
        raise _untrusted(proxy or server, error.verify_message or "") from error
    except ssl.SSLError as error:
        secured.close()
        if operation.cancelled:
            raise errors.Cancelled from error
        raise _no_tls(proxy or server, error.reason or "") from error
    except BaseException:
        secured.close()
        raise
    return connection.Connection(secured, tls=True)


def _tunnel(
    through: connection.Connection, target: network.Target, login: bytes, proxy: network.Proxy, wait: float
) -> None:
    host = f"[{target.host}]" if ":" in target.host else target.host
    place = f"{host}:{target.port}".encode("idna" if not target.host.isascii() else "ascii")
    try:
        through.send(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (place, place, login), None)
        response = through.receive(wait)
        if response.status // 100 == 2:
            return
        response.read(_PROXY_ANSWER, without_body=False)
    except (OSError, connection.Malformed) as error:
        through.close()
        raise NoAnswer(
            errors.Unreachable(
                f"{_start(proxy)} does not connect to {target.authority}: {reason(error)}.",
                f"Check {proxy.variable}, or exclude the host with NO_PROXY.",
            ),
            timed_out=isinstance(error, TimeoutError),
        ) from error
    through.close()
    raise refused_by_proxy(proxy, target, response.status)


# Words


def refused_by_proxy(proxy: network.Proxy, target: network.Target, status: int) -> NoAnswer:
    """A proxy does not let us through."""
    if status == 407:
        return NoAnswer(
            errors.Refused(
                f"{_start(proxy)} requires a user name and password, or refuses those given (407).",
                f"Set them in {proxy.variable}, as http://USER:PASSWORD@HOST:PORT with special characters "
                "percent-encoded.",
            ),
            final=True,
        )
    later = status in (408, 429, 500, 502, 503, 504)
    return NoAnswer(
        (errors.Unreachable if later else errors.Refused)(
            f"{_start(proxy)} does not connect to {target.authority} ({status}).",
            "Try again later." if later else "Allow the host there, or exclude it with NO_PROXY.",
        ),
        final=not later,
    )


def _start(what: network.Target | network.Proxy) -> str:
    name = str(what)
    return name[0].upper() + name[1:] if isinstance(what, network.Proxy) else name


def reason(error: Exception) -> str:
    """Why something failed, in the system's words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    said = network.without_place(getattr(error, "strerror", "") or str(error))
    return text.printable(said or type(error).__name__)


def _unreachable(what: network.Target | network.Proxy, reason: str) -> NoAnswer:
    hint = "Check s3-endpoint-url, the region and the network."
    if isinstance(what, network.Proxy):
        hint = f"Check {what.variable}, or exclude the host with NO_PROXY."
    return NoAnswer(errors.Unreachable(f"{_start(what)} cannot be reached: {reason}.", hint))


def _untrusted(what: network.Target | network.Proxy, reason: str) -> NoAnswer:
    return NoAnswer(
        errors.Unreachable(
            f"{_start(what)}: the TLS connection failed: its certificate is not trusted"
            f"{f' ({text.printable(reason)})' if reason else ''}.",
            "For a private certificate authority, set AWS_CA_BUNDLE.",
        ),
        final=True,
    )


def _no_tls(what: network.Target | network.Proxy, said: str) -> NoAnswer:
    said = said.replace("_", " ").lower()
    return NoAnswer(
        errors.Unreachable(
            f"{_start(what)}: the TLS connection failed; does the server use https? ({text.printable(said)})",
            "Check the endpoint's scheme; for a private certificate authority set AWS_CA_BUNDLE.",
        ),
        final=True,
    )
