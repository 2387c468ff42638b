"""The mocked Zenodo as a server: authentication, cookies, rate limits, faults, then the API.

Use it as a context manager::

    with ZenodoServer(sandbox=True) as zenodo:
        zenodo.faults.add("504-publish", path="actions/publish")
        run(zenodo.url, zenodo.token)
        assert not zenodo.requests.writes()
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import json
import re
import secrets
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.zenodo import (
    actions,
    buckets,
    communities,
    documents,
    drafts,
    engine,
    faults,
    legacy,
    legacy_load,
    messages,
    mishaps,
    records,
)
from tests.zenodo import state as states
from tests.zenodo.messages import Answer, ApiError

COMMON_ROUTES = (*records.ROUTES, *communities.ROUTES)
ROUTES = {"zenodo": (*legacy.ROUTES, *buckets.ROUTES, *COMMON_ROUTES), "invenio": COMMON_ROUTES}
EXTRAS = ("/versions/latest", "/files-import", "/quota-increase", "/api/me")
BALANCER = "04f20c86f07421a9ec0f9d5ba4be544f"
COMMON = {
    "Permissions-Policy": "interest-cohort=()",
    "X-Frame-Options": "sameorigin",
    "X-XSS-Protection": "1; mode=block",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Content-Type, ETag, Link, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
    ),
}
"""What every recorded answer carries; Strict-Transport-Security is left out, this is plain http."""


class ZenodoServer:
    """A Zenodo on a loopback port, with one user and one token to begin with.

    Args:
        port: 0 for any free one.
        token: the first user's; made up when None.
        options: fields of `state.Options`.
    """

    def __init__(self, *, port: int = 0, token: str | None = None, **options: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="zenodo-")
        self.state = states.Zenodo(states.Options(**options), Path(self._folder.name))
        self.faults = faults.Faults()
        self.requests = faults.Log()
        self._windows: dict[str, collections.deque[float]] = collections.defaultdict(collections.deque)
        self._timers: list[threading.Timer] = []
        self.token = self.add_token(self.state.add_user(), token)
        self._engine = engine.Engine(port, self._answer)
        self.port: int = self._engine.server_address[1]
        self.url = self.state.base = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._engine.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        self._engine.close()
        self._folder.cleanup()

    # What tests prepare and inspect

    def add_token(
        self, user: states.User, token: str | None = None, scopes: frozenset[str] = states.SCOPES
    ) -> str:
        """A token for this user."""
        value = token or secrets.token_hex(30)
        self.state.tokens[value] = states.Token(user, scopes)
        return value

    def add_user(self, name: str = "other", scopes: frozenset[str] = states.SCOPES) -> str:
        """Another user; gives a token."""
        return self.add_token(self.state.add_user(name), scopes=scopes)

    def user(self, token: str | None = None) -> states.User:
        """Whose token this is; the first user's without one."""
        return self.state.tokens[token or self.token].user

    def add_community(
        self, slug: str, *, title: str = "", members: tuple[str, ...] = (), open_policy: bool = False
    ) -> states.Community:
        """A community; `members` are tokens."""
        ids = {self.user(each).id for each in members}
        community = states.Community(str(uuid.uuid4()), slug, title or slug, ids, open_policy)
        self.state.communities[community.id] = community
        return community

    def add_draft(
        self, files: Mapping[str, bytes] | None = None, token: str | None = None, **meta: Any
    ) -> states.Version:
        """A draft with these files; a title, a creator and a type are there unless `meta` says otherwise."""
        given = {"title": "A record", "creators": [{"name": "Doe, Jane"}], "upload_type": "dataset", **meta}
        return self.add_native(legacy_load.load({"metadata": given}), files, token)

    def add_native(
        self, body: dict[str, Any], files: Mapping[str, bytes] | None = None, token: str | None = None
    ) -> states.Version:
        """A draft from a native body (`metadata`, `custom_fields`, `access`, `pids`), with these files."""
        content = states.Content()
        with self.state.lock:
            drafts.save(self.state, None, body, content)
            version = self.state.create(self.user(token), content)
            version.born = 0.0
            version.born_request = -self.state.options.stale_requests - 1
            self.add_files(version, files or {})
        return version

    def add_files(self, version: states.Version, files: Mapping[str, bytes]) -> None:
        """Puts files into a draft."""
        for key, data in files.items():
            chunks = functools.partial(iter, [data])
            owner = version.concept.owner
            request = messages.Request("PUT", "", {}, {}, owner, states.SCOPES, len(data), chunks)
            stored = actions.receive(self.state, request, self.state.options.quota)
            buckets.keep(self.state, version.content, key, stored)
        version.touch()

    def add_record(
        self, files: Mapping[str, bytes] | None = None, token: str | None = None, **meta: Any
    ) -> states.Version:
        """A published record; with `README.md` when no files are named."""
        version = self.add_draft({"README.md": b"read me"} if files is None else files, token, **meta)
        actions.publish(self.state, version)
        return version

    def add_version(
        self, version: states.Version, files: Mapping[str, bytes] | None = None
    ) -> states.Version:
        """Publishes another version, the old files and these in it."""
        with self.state.lock:
            draft = actions.new_version(self.state, version)
            actions.import_files(draft)
            self.add_files(draft, files or {})
            actions.publish(self.state, draft)
        return draft

    def version(self, number: int | str) -> states.Version:
        """The record or draft with this id; KeyError without one."""
        return self.state.versions[self.state.key(str(number))]

    def deposited(self, number: int | str) -> dict[str, Any]:
        """The metadata as the deposit API shows them: the draft's if there is one, else the record's."""
        version = self.version(number)
        return documents.deposition_metadata(self.state, version, draft=version.draft is not None)

    def checksums(self, number: int | str) -> dict[str, str | None]:
        """Key to bare hex md5 of the draft if there is one, else of the record."""
        return {each.key: each.md5 for each in self.version(number).content.files.values()}

    def delete_record(self, version: states.Version) -> None:
        """As an administrator does: a tombstone is left."""
        version.deleted = True

    def accept(self, request_id: str) -> None:
        """A curator accepts a request."""
        with self.state.lock:
            communities.accept(self.state, self.state.requests[request_id])

    # Answering

    def _answer(self, connection: engine.Connection) -> Answer:
        parts = urlsplit(connection.path)
        path = unquote(parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in connection.headers.items()}
        if path.startswith("/_mock/"):
            return self._control(connection, path)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        value = bearer.strip() if scheme.lower() == "bearer" else query.get("access_token", "")
        token = self.state.tokens.get(value)
        entry = self._log(connection, path, query, headers, token is not None)
        self._engine.stopping.wait(self.state.options.latency)
        request = messages.Request(
            "GET" if connection.command == "HEAD" else connection.command,
            path,
            query,
            headers,
            token.user if token else None,
            token.scopes if token else frozenset(),
            connection.length(),
            connection.chunks,
            self.state.commits,
        )
        try:
            answer = self._decorated(request, connection, entry)
            entry.status = answer.status
            return answer
        finally:
            entry.body = connection.read_bytes
            entry.ended = time.monotonic()

    def _log(
        self,
        connection: engine.Connection,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        valid: bool,
    ) -> faults.Logged:
        word = "valid" if valid else "invalid"
        shown = {**headers, "authorization": word} if "authorization" in headers else dict(headers)
        asked = {**query, "access_token": word} if "access_token" in query else dict(query)
        in_url, port = "access_token" in query, connection.client_address[1]
        entry = faults.Logged(connection.command, path, asked, shown, in_url, port)
        with self.state.lock:
            self.requests.append(entry)
            self.state.served += 1
        return entry

    def _decorated(
        self, request: messages.Request, connection: engine.Connection, entry: faults.Logged
    ) -> Answer:
        """The answer with rate limit headers and cookies, or what a fault makes of it."""
        self._engine.stopping.wait(self.state.options.work)
        fault = self.faults.take(connection.command, request.path)
        entry.fault = fault.kind.value if fault else None
        limits, over = self._limits(request)
        if fault is not None:
            scene = mishaps.Scene(
                self.state,
                request,
                connection,
                self._engine.stopping,
                self._timers,
                lambda: self._api(request),
            )
            answer = mishaps.play(fault, scene)
        elif over is not None:
            answer = ApiError(429, over).answer()
        else:
            answer = self._api(request)
        common = {**COMMON, "X-Request-ID": secrets.token_hex(16)}
        answer.headers = {**limits, **common, **self._cookies(request), **answer.headers}
        return answer

    def _limits(self, request: messages.Request) -> tuple[dict[str, str], str | None]:
        """The X-RateLimit headers and Retry-After, which every answer has; the text of a 429."""
        options = self.state.options
        who = str(request.user.id) if request.user else f"guest {request.headers.get('user-agent')}"
        searching = request.method == "GET" and request.path == "/api/records"
        limit = options.search_limit if searching else options.rate_limit
        now = time.time()
        with self.state.lock:
            window = self._windows[f"{who} search" if searching else who]
            while window and window[0] <= now - options.rate_window:
                window.popleft()
            over = len(window) >= limit
            if not over:
                window.append(now)
            reset = window[0] + options.rate_window if window else now + options.rate_window
            left = limit - len(window)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(reset) + 1),
            "Retry-After": str(max(0, int(reset - now))),
        }
        span = "1 minute" if options.rate_window == 60 else f"{options.rate_window:g} second"
        return headers, f"{limit} per {span}" if over else None

    def _cookies(self, request: messages.Request) -> dict[str, str]:
        """The traps. Zenodo's are `Secure`; these are not, or no client would send them back here."""
        sent = request.headers.get("cookie", "")
        found = []
        if request.method not in ("GET", "HEAD", "OPTIONS") and "csrftoken=" not in sent:
            found.append(f"csrftoken={secrets.token_hex(16)}; Max-Age=604800; Path=/; SameSite=Lax")
        if BALANCER not in sent:
            found.append(f"{BALANCER}={secrets.token_hex(16)}; path=/; HttpOnly")
        return {"Set-Cookie": "\n".join(found)} if found else {}

    def _api(self, request: messages.Request) -> Answer:
        try:
            self._csrf(request)
            return self._routed(request)
        except ApiError as error:
            return error.answer()
        except (KeyError, AttributeError, TypeError, IndexError):
            # As in Zenodo, unexpected metadata ends here.
            answer = ApiError(500, messages.SERVER_ERROR).answer()
            answer.body["error_id"] = uuid.uuid4().hex
            return answer

    def _csrf(self, request: messages.Request) -> None:
        """Only for requests with a cookie and without a valid token."""
        cookies = request.headers.get("cookie")
        if request.user is not None or not cookies or request.method in ("GET", "HEAD", "OPTIONS"):
            return
        if self.state.options.csrf_referer:
            raise ApiError(400, "Referer checking failed - no Referer.")
        if "csrftoken=" not in cookies:
            raise ApiError(400, "CSRF cookie not set.")
        raise ApiError(400, "CSRF token missing or incorrect.")

    def _routed(self, request: messages.Request) -> Answer:
        if not self.state.options.extras and request.path.endswith(EXTRAS):
            raise messages.not_found(messages.NO_ROUTE)
        known = False
        for route in ROUTES[self.state.options.kind]:
            match = route.pattern.fullmatch(request.path)
            if match is None:
                continue
            known = True
            if route.method != request.method:
                continue
            lacks = request.user is not None and route.scope and route.scope not in request.scopes
            if lacks and self.state.options.enforce_scopes:
                raise messages.denied()
            # What writes takes the lock itself, when it has read its body.
            with self.state.lock if request.method == "GET" else contextlib.nullcontext():
                return route.handler(self.state, request, match)
        if known:
            raise ApiError(405, "The method is not allowed for the requested URL.")
        if request.path.startswith("/api/"):
            raise messages.not_found(messages.NO_ROUTE)
        return Answer(
            404, "<html><body><h1>Not found</h1></body></html>", content_type="text/html; charset=utf-8"
        )

    def _control(self, connection: engine.Connection, path: str) -> Answer:
        """For other processes: GET `/_mock/requests`; GET, POST (a `Fault`), DELETE `/_mock/faults`."""
        body = b"".join(connection.chunks())
        match connection.command, path:
            case "GET", "/_mock/faults":
                return Answer(200, self.faults.documents())
            case "POST", "/_mock/faults":
                try:
                    self.faults.add(**json.loads(body))
                except (TypeError, ValueError, re.error) as error:
                    return Answer(400, {"message": str(error)})
                return Answer(201, self.faults.documents())
            case "DELETE", "/_mock/faults":
                self.faults.clear()
                return Answer(204)
            case "GET", "/_mock/requests":
                with self.state.lock:
                    return Answer(200, [dataclasses.asdict(each) for each in self.requests])
        return Answer(404, {"message": "Not found."})
