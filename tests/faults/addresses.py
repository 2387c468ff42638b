"""Addresses that do not answer, and certificates."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from typing import Final

COMMAND: Final = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
    *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
)


def certificate(folder: str) -> tuple[ssl.SSLContext, str]:
    """A server's context for 127.0.0.1, and the path of the certificate that clients have to trust."""
    key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"
    subprocess.run(
        [*COMMAND, "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A reserved port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
