"""A certificate authority of the tests' own, and server certificates by it."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Authority:
    """Its certificate, as a bundle and in a folder as ``SSL_CERT_DIR`` wants it, and a server's: context and files."""

    bundle: Path
    folder: Path
    server: ssl.SSLContext
    certificate: Path
    key: Path


def authority(folder: Path, *names: str) -> Authority:
    """Make an authority and a certificate for 127.0.0.1 and these names (``*.`` allowed)."""
    ca, ca_key, key, request, cert = (
        folder / name for name in ("ca.pem", "ca.key", "server.key", "server.csr", "server.pem")
    )
    _openssl(
        *("req", "-x509", *NEW_KEY, "-subj", "/CN=stand-in authority", "-keyout", ca_key, "-out", ca),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
    )
    _openssl("req", *NEW_KEY, "-subj", "/CN=stand-in", "-keyout", key, "-out", request)
    extensions = folder / "extensions"
    extensions.write_text(
        "subjectAltName=" + ",".join(["IP:127.0.0.1", *(f"DNS:{name}" for name in names)]) + "\n"
        "authorityKeyIdentifier=keyid\n"
    )
    _openssl(
        *("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2"),
        *("-extfile", extensions, "-out", cert),
    )
    hashed = _openssl("x509", "-in", ca, "-noout", "-hash").strip()
    directory = folder / "certs"
    directory.mkdir()
    (directory / f"{hashed}.0").write_bytes(ca.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return Authority(ca, directory, context, cert, key)


def _openssl(*words: str | Path) -> str:
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True).stdout
