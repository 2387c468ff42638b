"""A server between a store and its readers (a CDN, a website, a proxy) with one chosen fault.

    with front(bucket_url) as site:
        site.ranges = False
        …                                   # readers come to site.url

Files come from the store at each request. Requests are answered anonymously, whatever they carry.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import re
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

EXPOSED: Final = "etag, content-range, content-encoding"
LOGIN: Final = b"<!DOCTYPE html>\n<html><title>Log in</title><form method=post></form></html>\n"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
}


@dataclass
class Front:
    """What a test holds: the address, and the levers.

    Attributes:
        upstream: URL that stands before each path; or nothing, then only `files` are there.
        files: answers for paths, instead of the store's: what a cache has kept.
        allow_origin: values of Access-Control-Allow-Origin, each in a header of its own.
        etag: ``store``, ``weak``, ``other`` or ``none``.
        encoding: Content-Encoding that is claimed; gzip is also done, when it was accepted or always.
        always: whether it compresses although the client does not accept that.
        status: instead of 200 and 206, if not 0.
        location: of a redirect, with `status`; ``{path}`` is the path that was asked for.
        moved: paths for which that holds, by a pattern.
        more: bytes that a Content-Length claims too many.
        total: the length that a Content-Range claims; 0 is the true one.
        drip: seconds between two bytes.
        headers: further ones.
    """

    url: str = ""
    upstream: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    allow_origin: tuple[str, ...] = ("*",)
    expose: str = EXPOSED
    etag: str = "store"
    ranges: bool = True
    encoding: str = ""
    always: bool = False
    status: int = 0
    location: str = ""
    moved: str = ".*"
    body: bytes | None = None
    media_type: str = ""
    more: int = 0
    total: int = 0
    drip: float = 0.0
    only: str = ".*"
    """Only paths that match this are treated wrongly in body, encoding, length and speed."""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    """Path and headers of each request, names in lower case."""


@contextlib.contextmanager
def front(upstream: str = "", tls: ssl.SSLContext | None = None) -> Iterator[Front]:
    """Stand before the store for the length of a `with` block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.front = Front(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.front
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    front: Front

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""

    def do_OPTIONS(self) -> None:
        """A preflight, which no reader should need."""
        self.server.front.asked.append((f"OPTIONS {self.path}", {}))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """One file, or part of it."""
        site = self.server.front
        site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        path = self.path.partition("?")[0]
        status, data, etag, media_type = self._found(path)
        wrong = bool(re.search(site.only, path))
        if site.status and re.search(site.moved, path) and wrong:
            status, data = site.status, b"" if site.location else data
        if site.body is not None and wrong and status == 200:
            data = site.body
        headers = {"Content-Type": (site.media_type if wrong else "") or media_type}
        if site.location and status == site.status:
            headers["Location"] = site.location.replace("{path}", path)
        if site.encoding and wrong and (site.always or "gzip" in self.headers.get("Accept-Encoding", "")):
            headers["Content-Encoding"] = site.encoding
            data = gzip.compress(data) if site.encoding == "gzip" else data
        if status == 200 and etag and self.headers.get("If-None-Match") == etag and site.etag == "store":
            status, data = 304, b""
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        # https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
        is_same = self.headers.get("If-Range") in (None, etag)
        if site.ranges and status == 200 and asked and is_same:
            first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{(site.total if wrong else 0) or len(data)}"
            status, data = 206, data[first : last + 1]
        named = {"store": etag, "weak": f"W/{etag}", "other": '"0123"', "none": ""}[site.etag]
        if named and etag:
            headers["ETag"] = named
        headers["Content-Length"] = str(len(data) + (site.more if wrong else 0))
        self.send_response(status)
        for name, value in {**headers, **site.headers}.items():
            self.send_header(name, value)
        for origin in site.allow_origin if self.headers.get("Origin") else ():
            self.send_header("Access-Control-Allow-Origin", origin)
        if site.expose and site.allow_origin:
            self.send_header("Access-Control-Expose-Headers", site.expose)
        self.end_headers()
        for piece in _pieces(data, site.drip if wrong else 0.0):
            self.wfile.write(piece)
            self.wfile.flush()
        self.close_connection = bool(site.more)

    def _found(self, path: str) -> tuple[int, bytes, str, str]:
        """Status, bytes, ETag and type, of a file of ours or of the store's."""
        site = self.server.front
        if path in site.files:
            data = site.files[path]
            suffix = path[path.rfind(".") :]
            return (
                200,
                data,
                f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"',
                _TYPES.get(suffix, "application/octet-stream"),
            )
        if not site.upstream:
            return 404, b"not here\n", "", "text/plain"
        parts = urllib.parse.urlsplit(site.upstream)
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        try:
            connection.request("GET", parts.path + path, headers={"Accept-Encoding": "identity"})
            answer = connection.getresponse()
            data = answer.read()
            cached = answer.headers.get("Cache-Control")
            if cached:
                self._cache_control = cached
            return (
                answer.status,
                data,
                answer.headers.get("ETag", ""),
                answer.headers.get("Content-Type", "application/octet-stream"),
            )
        finally:
            connection.close()

    def end_headers(self) -> None:
        """With what the store says about caches."""
        if cached := getattr(self, "_cache_control", ""):
            self.send_header("Cache-Control", cached)
            self._cache_control = ""
        super().end_headers()


def _pieces(data: bytes, pause: float) -> Iterator[bytes]:
    if not pause:
        yield data
        return
    for position in range(len(data)):
        yield data[position : position + 1]
        time.sleep(pause)
