"""HTTP to Zenodo: one pooled session, one retry policy, one place where answers are judged."""

from __future__ import annotations

import random
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, Protocol

import requests
import urllib3.exceptions

import entrypoint
from entrypoint import errors, settings, text
from entrypoint.destinations.zenodo import answers, flights, gate

MAX_REDIRECTS: Final = 5
_RETRIED: Final = {408, 500, 502, 503, 504}
_HASHED_PER_SECOND: Final = 50_000_000
"""Bytes; a server that stores and hashes more slowly than this is not waited for."""
_SLOWEST: Final = 64 * 1024
"""Bytes per second; a line that is slower all the time is not waited for."""
_MAX_TURNED_AWAY: Final = 30
_RANDOM: Final = random.SystemRandom()

Check = Callable[[], None]
"""Raises `errors.Cancelled` when the run is to stop."""


@dataclass(frozen=True)
class Patience:
    """How long and how often; seconds.

    Attributes:
        tries: of one request, the first among them, against trouble that passes.
        first: upper bound of the wait before the second try; it doubles from try to try.
        cap: upper bound of every such wait.
        denied: tries against a 403 in a run that was let in before: from 2023 to 2026 Zenodo gave them
            out at random (https://github.com/zenodo/zenodo/issues/2502).
        connect: until there is a connection.
        stall: while not one block of a body moves.
        answer: until the answer begins; a large file gets more.
        whole: for one try of a small request with its answer; a file gets more.
        settle: how long to ask for a thing that must turn up: a record after its publishing timed out.
    """

    tries: int = 8
    first: float = 1.0
    cap: float = 60.0
    denied: int = 3
    connect: float = 12.0
    stall: float = 60.0
    answer: float = 180.0
    whole: float = 900.0
    settle: float = 180.0

    def pause(self, count: int) -> float:
        """Seconds to wait after the `count`-th failure: exponential, capped, with jitter."""
        return min(self.cap, self.first * 2.0 ** min(count - 1, 16)) * _RANDOM.uniform(0.5, 1.0)


class Body(Protocol):
    """A body that `requests` streams: it knows its length and can be read once."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Any: ...
    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""


class _Bearer(requests.auth.AuthBase):
    """The token, in a header; given explicitly so that no .netrc file can put another in its place."""

    def __init__(self, token: settings.Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


@dataclass(frozen=True)
class _Ask:
    """One request as its caller wants it."""

    method: str
    url: str
    check: Check
    document: answers.Json = None
    body: Callable[[], Body | bytes] | None = None
    once: bool = False
    wants_json: bool = True
    size: int = 0


@dataclass
class _Tries:
    """How often one request went wrong, by kind."""

    failures: int = 0
    denials: int = 0
    turned_away: int = 0


class Http:
    """The way to one Zenodo.

    Args:
        base: URL of the service, without a last slash.
        token: sent to this service only.
        connections: kept open, at most.
        contact: URL for the operators of the service, told in the User-Agent (they ask for one).
    """

    def __init__(
        self,
        base: str,
        token: settings.Secret,
        *,
        connections: int,
        patience: Patience,
        contact: str = "",
    ) -> None:
        self.base = base
        self.patience = patience
        self.gate = gate.Gate()
        self._token = token
        self._place = _place(base)
        self._flights = flights.Flights()
        self._let_in = threading.Event()
        self._session = session = requests.Session()
        # A cookie turns a bad token into a confusing 400, and none is ever needed.
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        agent = f"catalog-upload/{entrypoint.__version__}" + (f" (+{contact})" if contact else "")
        session.headers.update(
            {"User-Agent": agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        )
        session.auth = _Bearer(token)
        # Plain http goes to loopback addresses only, and there a proxy must not see the token.
        session.trust_env = base.startswith("https:")
        adapter = flights.Adapter(connections)
        session.mount("https://", adapter)
        session.mount("http://", adapter)

    @property
    def host(self) -> str:
        """The service's name, for people."""
        return urllib.parse.urlsplit(self.base).netloc

    def close(self) -> None:
        """End what is under way and close all connections."""
        self._flights.close()
        self._session.close()

    def own(self, url: object) -> str:
        """A link that the server gave, if it leads to the same scheme, host and port.

        Raises:
            errors.Refused: it does not; the token would go astray.
        """
        if not isinstance(url, str) or not url:
            raise errors.Refused(
                f"{self.host} answered without a link that is needed.",
                "Is zenodo-url right? Try again later.",
            )
        if _place(url) != self._place:
            raise errors.Refused(
                f"{self.host} answered with a link to another server, to which the token must not go.",
                "Check zenodo-url; if it is right, tell the operators of the service.",
            )
        return url

    def call(
        self,
        method: str,
        path: str,
        *,
        check: Check,
        document: answers.Json = None,
        body: Callable[[], Body | bytes] | None = None,
        size: int = 0,
        once: bool = False,
        wants_json: bool = True,
    ) -> answers.Answer:
        """Send a request, with all the patience that it deserves.

        Args:
            path: below the base URL, or a whole URL of the same server.
            document: goes as JSON.
            body: makes a fresh body for each try, `size` bytes long.
            once: not to be repeated when it may have been carried out.
            wants_json: the answer is of no use unless it is JSON.

        Raises:
            answers.Denied, answers.Rejected, answers.Unsure
            errors.Unreachable: no usable answer, after all tries.
            errors.Refused: a redirect or a link to another server.
        """
        url = self.own(path if "://" in path else self.base + path)
        ask = _Ask(method, url, check, document, body, once, wants_json, size)
        return self._patiently(ask)

    def sleep(self, seconds: float, check: Check) -> None:
        """Wait, but wake up for a cancel."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            check()
            time.sleep(min(rest, 0.1))
        check()

    # One request, many tries

    def _patiently(self, ask: _Ask) -> answers.Answer:
        tries = _Tries()
        while True:
            try:
                answer = self._attempt(ask)
            except answers.TroubleError as trouble:
                self._bear(trouble, ask, tries)
                continue
            if answer.status < 300 and (answer.is_json or not (ask.wants_json or answer.is_page)):
                self._let_in.set()
                return answer
            self._judge(answer, ask, tries)

    def _bear(self, trouble: answers.TroubleError, ask: _Ask, tries: _Tries) -> None:
        """Wait after a broken connection, or give up."""
        if trouble.sent and ask.once:
            raise answers.Unsure(f"{self.host} did not answer: {trouble}.") from trouble
        tries.failures += 1
        if trouble.final or tries.failures >= self.patience.tries:
            raise errors.Unreachable(
                f"{self.host} cannot be reached: {trouble}.",
                "Check the network and zenodo-url, or run again later.",
            ) from trouble
        self.sleep(self.patience.pause(tries.failures), ask.check)

    def _judge(self, answer: answers.Answer, ask: _Ask, tries: _Tries) -> None:
        """Wait after an answer that may be another one next time, or raise what it means."""
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            # Nothing was carried out, and it is known how long to wait: this is not a failure.
            tries.turned_away += 1
            if tries.turned_away > _MAX_TURNED_AWAY:
                raise self._unreachable(answer)
            told = gate.retry_after(answer.headers) or gate.seconds_to_reset(answer.headers) or 0.0
            self.gate.hold(max(told, self.patience.pause(tries.turned_away)))
        elif answer.status in _RETRIED or answer.status < 300:
            if ask.once:
                raise answers.Unsure(self._unreachable(answer).message)
            tries.failures += 1
            if tries.failures >= self.patience.tries:
                raise self._unreachable(answer)
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                self.gate.hold(gate.retry_after(answer.headers) or 0.0)
            self.sleep(self.patience.pause(tries.failures), ask.check)
        else:
            tries.denials += 1
            may_pass = answer.status == HTTPStatus.FORBIDDEN and self._let_in.is_set()
            if not may_pass or tries.denials >= self.patience.denied:
                raise self._refusal(answer)
            self.sleep(self.patience.pause(tries.denials), ask.check)

    def _attempt(self, ask: _Ask) -> answers.Answer:
        """Send once; a GET follows redirects on the same server."""
        url = ask.url
        for _ in range(MAX_REDIRECTS):
            answer = self._send(ask, url)
            if not 300 <= answer.status < 400:
                return answer
            target = urllib.parse.urljoin(url, answer.headers.get("Location", ""))
            if _place(target) != self._place:
                where = text.printable(urllib.parse.urlsplit(target).netloc or "nowhere")
                raise errors.Refused(
                    f"{self.host} sends us on to {text.shorten(where, 100)}, to which the token must not go.",
                    "Set zenodo-url to the service's final address.",
                )
            if ask.method != "GET":
                break
            url = target
        raise errors.Refused(f"{self.host} redirects in a way that cannot be followed.", "Check zenodo-url.")

    def _send(self, ask: _Ask, url: str) -> answers.Answer:
        ask.check()
        self.gate.enter(lambda seconds: self.sleep(seconds, ask.check))
        headers: Mapping[str, str] = {}
        try:
            with self._flights.flight(ask.check, self.patience.stall, self._limit(ask)) as flight:
                try:
                    answer = self._exchange(ask, url)
                    headers = answer.headers
                    return answer
                except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                    if flight.stopped:
                        ask.check()
                        raise errors.Cancelled from error  # closed meanwhile
                    raise answers.trouble(error) from error
        finally:
            self.gate.leave(headers)

    def _limit(self, ask: _Ask) -> float:
        return self.patience.whole + ask.size / _SLOWEST

    def _exchange(self, ask: _Ask, url: str) -> answers.Answer:
        response = self._session.request(
            ask.method,
            url,
            json=ask.document,
            data=ask.body() if ask.body else None,
            timeout=(self.patience.connect, self.patience.answer + ask.size / _HASHED_PER_SECOND),
            allow_redirects=False,
            stream=True,
        )
        return answers.of(response, self._token.reveal())

    # What answers mean

    def _refusal(self, answer: answers.Answer) -> errors.PublishError:
        status, reason = answer.status, answer.reason
        csrf = status == HTTPStatus.BAD_REQUEST and any(word in reason for word in ("CSRF", "Referer"))
        if csrf or status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            message = f"{self.host} denies access ({status}: {reason})."
            return answers.Denied(message, self.token_hint(), reason=reason)
        return answers.Rejected(f"{self.host} refuses ({status}): {reason}", status=status, reason=reason)

    def token_hint(self) -> str:
        """What to look at when the token is not taken."""
        other = settings.SANDBOX_URL if self.base == settings.ZENODO_URL else settings.ZENODO_URL
        names = {settings.ZENODO_URL: "production", settings.SANDBOX_URL: "the sandbox"}
        mixed = ""
        if self.base in names:
            mixed = f" Tokens of {names[other]} are of no use on {names[self.base]}."
        return (
            "Is zenodo-token current, does it belong to the owner of the deposition, and has it the scopes "
            f"deposit:write and deposit:actions?{mixed}"
        )

    def _unreachable(self, answer: answers.Answer) -> errors.Unreachable:
        if answer.status < 300:
            return errors.Unreachable(
                f"{self.host} answered with something that is not JSON.",
                "Is zenodo-url the address of a Zenodo? It may be down for maintenance: run again later.",
            )
        phrase = "".join(s.phrase for s in HTTPStatus if s == answer.status)
        return errors.Unreachable(
            f"{self.host} keeps answering {answer.status} {phrase}: {answer.reason}.",
            "Run again later: what is up is not sent twice.",
        )


def _place(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; what cannot be read is nowhere."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        # A user's name in a link could look like our host to a person, but is not one.
        host = "" if "@" in parts.netloc else parts.hostname or ""
    except ValueError:
        return ("", "", None)
    return (parts.scheme, host.lower(), port)


def quoted(part: str) -> str:
    """One part of a path, every special character percent-encoded."""
    return urllib.parse.quote(part, safe="")
