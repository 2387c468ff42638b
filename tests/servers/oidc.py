"""A small server that replaces GitHub's token service and an STS whose sessions have a chosen length.

LocalStack's STS takes every token and gives an hour at least; this one knows its own tokens only.
Faults are the recorder's business, which stands before it.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

SUBJECT: Final = "repo:octocat/atlas:ref:refs/heads/main"
NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"


def sts_error(code: str, message: str = "made up") -> bytes:
    """The body of an error of STS."""
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    ).encode()


@dataclass(frozen=True)
class Session:
    """A session that STS gave out."""

    action: str
    role: str
    name: str
    duration: int
    signed: bool
    key: str
    secret: str
    token: str


@dataclass
class Identity:
    """What a test holds.

    Attributes:
        url: of both services.
        bearer: what GitHub wants to see before it gives out a token.
        lifetime: seconds that a session of STS lasts.
        tokens: given out by GitHub.
        sessions: given out by STS.
    """

    url: str
    bearer: str = field(default_factory=lambda: "runner-" + secrets.token_hex(20))
    lifetime: float = 3600.0
    tokens: list[str] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    @property
    def request(self) -> dict[str, str]:
        """What the runner puts into the environment of a job with `id-token: write`."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.bearer,
        }

    @property
    def secrets(self) -> list[str]:
        """All secrets."""
        return [self.bearer, *self.tokens, *(part for s in self.sessions for part in (s.secret, s.token))]


@contextlib.contextmanager
def identity() -> Iterator[Identity]:
    """Both services, for the length of a `with` block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.identity = Identity(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.identity
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    identity: Identity

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""

    def do_GET(self) -> None:
        """GitHub: a token for an audience."""
        own, query = self.server.identity, parse_qs(urlsplit(self.path).query)
        if self.headers.get("Authorization") != f"Bearer {own.bearer}" or "api-version" not in query:
            self._answer(401, b"{}")
            return
        claims = {"sub": SUBJECT, "aud": query["audience"][0], "jti": secrets.token_hex(8)}
        token = ".".join(
            base64.urlsafe_b64encode(part).rstrip(b"=").decode()
            for part in (b'{"alg":"RS256"}', json.dumps(claims).encode(), secrets.token_bytes(64))
        )
        own.tokens.append(token)
        self._answer(200, json.dumps({"count": 1, "value": token}).encode())

    def do_POST(self) -> None:
        """STS: a session for a token, or for a signature."""
        own = self.server.identity
        given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        form = {name: values[0] for name, values in given.items()}
        signed = "Authorization" in self.headers
        web = form["Action"] == "AssumeRoleWithWebIdentity"
        if web and (signed or form["WebIdentityToken"] not in own.tokens):
            self._answer(400, sts_error("InvalidIdentityToken"))
        elif not web and not signed:
            self._answer(403, sts_error("MissingAuthenticationToken"))
        elif not re.fullmatch(r"[\w+=,.@-]{2,64}", form["RoleSessionName"], re.ASCII):
            self._answer(400, sts_error("ValidationError"))
        else:
            self._answer(200, self._session(form, signed=signed))

    def _session(self, form: dict[str, str], *, signed: bool) -> bytes:
        own, action = self.server.identity, form["Action"]
        session = Session(
            action,
            form["RoleArn"],
            form["RoleSessionName"],
            int(form["DurationSeconds"]),
            signed,
            "ASIA" + secrets.token_hex(8).upper(),
            secrets.token_hex(20),
            secrets.token_hex(60),
        )
        own.sessions.append(session)
        end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=own.lifetime)
        return (
            f'<{action}Response xmlns="{NAMESPACE}"><{action}Result><Credentials>'
            f"<AccessKeyId>{session.key}</AccessKeyId><SecretAccessKey>{session.secret}</SecretAccessKey>"
            f"<SessionToken>{session.token}</SessionToken><Expiration>{end.isoformat()}</Expiration>"
            f"</Credentials></{action}Result></{action}Response>"
        ).encode()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
