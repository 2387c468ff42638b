"""HTTP to Zenodo: one pooled session, one retry policy, one place where answers are judged."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import requests
import urllib3.exceptions

from entrypoint import destinations, errors, settings, text
from entrypoint.destinations import interrupt
from entrypoint.destinations.zenodo.api import answers, failures, patience, rate_limit, refusals
from entrypoint.destinations.zenodo.api.connections import session
from entrypoint.destinations.zenodo.api.request import JSON, Check, Request, place

MAX_REDIRECTS: Final = 5
_RETRIED: Final = {408, 500, 502, 503, 504}
_HASHED_PER_SECOND: Final = 50_000_000
"""Bytes; a server that stores and hashes more slowly than this is not waited for."""
_SLOWEST: Final = 64 * 1024
"""Bytes per second; a line that is slower all the time is not waited for."""
_MAX_TURNED_AWAY: Final = 30


@dataclass
class _Tries:
    """How often one request went wrong, by kind."""

    failures: int = 0
    denials: int = 0
    turned_away: int = 0
    told: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


class Http:
    """The way to one Zenodo.

    Args:
        base: URL of the service, without a last slash.
        token: sent to this service only.
        connections: kept open, at most.
        contact: URL for the operators of the service, sent in the User-Agent (they ask for one).
        check: raises `errors.Cancelled` when the run is to stop.
        reporter: receives requests, retries and waits.
    """

    def __init__(
        self,
        base: str,
        token: settings.Secret,
        *,
        connections: int,
        patience: patience.Patience,
        check: Check,
        contact: str = "",
        reporter: destinations.Reporter | None = None,
    ) -> None:
        self.base = base
        self.patience = patience
        self.check = check
        self.reporter = reporter or destinations.Silent()
        self.rate_limit = rate_limit.RateLimit()
        self.budget = _budget(patience)
        self._token = token
        self._place = place(base)
        self._operations = interrupt.Interrupter("zenodo-interrupter")
        self._let_in = threading.Event()
        self._session = session(base, token, connections, contact)

    @property
    def host(self) -> str:
        """The service's name, for people."""
        return urllib.parse.urlsplit(self.base).netloc

    @property
    def was_let_in(self) -> bool:
        """Whether any request of this run had a good answer, so that a 403 may be one that passes."""
        return self._let_in.is_set()

    def close(self) -> None:
        """End what is under way and close all connections."""
        self._operations.close()
        self._session.close()

    def own(self, url: object) -> str:
        """A link that the server gave, if it leads to the same scheme, host and port.

        Raises:
            errors.Refused: it does not; the token would go astray.
        """
        if not isinstance(url, str) or not url:
            raise errors.Refused(
                f"{self.host} answered without a required link.",
                "Is zenodo-url right? Try again later.",
            )
        if place(url) != self._place:
            raise errors.Refused(
                f"{self.host} answered with a link to another server, which must not get the token.",
                "Check zenodo-url; if it is right, tell the operators of the service.",
            )
        return url

    def get(self, path: str, *, accept: str = JSON, purpose: str = "to answer") -> answers.Answer:
        """Ask a question; see `call`."""
        return self.call(Request("GET", path, accept=accept, purpose=purpose))

    def call(self, request: Request) -> answers.Answer:
        """Send a request, with retries as far as `patience` allows.

        Raises:
            answers.Denied, answers.Rejected, answers.OutcomeUnknown
            errors.Unreachable: no usable answer, after all tries.
            errors.Refused: a redirect or a link to another server.
        """
        url = self.own(request.path if "://" in request.path else self.base + request.path)
        tries = _Tries()
        with tries.told:
            while True:
                start = time.monotonic()
                try:
                    answer = self._attempt(request, url)
                except failures.Failure as failure:
                    self._wait_or_give_up(failure, request, tries, start)
                    continue
                if answer.status < 300 and (answer.is_json or not (request.wants_json or answer.is_page)):
                    self._let_in.set()
                    if request.method != "GET":
                        self.budget.progress()
                    return answer
                self._judge(answer, request, tries, start)

    def sleep(self, seconds: float) -> None:
        """Wait, but wake up for a cancel."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(rest, 0.1))
        self.check()

    def pauses(self, seconds: float) -> Iterator[int]:
        """Pause again and again for something that must turn up; ends after `seconds`, or with the budget."""
        end, count = time.monotonic() + seconds, 0
        while (rest := min(end - time.monotonic(), self.budget.left())) > 0:
            count += 1
            start = time.monotonic()
            self.sleep(min(self.patience.pause(count), rest))
            self.budget.spend(start)
            yield count

    # What goes wrong

    def _wait_or_give_up(
        self, failure: failures.Failure, request: Request, tries: _Tries, start: float
    ) -> None:
        """Wait after a broken connection, or give up."""
        if failure.sent and request.once:
            self.budget.spend(start)
            raise answers.OutcomeUnknown(f"{self.host} did not answer: {failure}.") from failure
        # An hour of sending before the connection broke does not count as waiting.
        left = self.budget.spend(time.monotonic() if request.body and failure.sent else start)
        tries.failures += 1
        if failure.final or tries.failures >= self.patience.tries or not left:
            kind = errors.Unreachable if failure.sent else answers.NoConnection
            raise kind(f"{self.host} cannot be reached: {failure}.", failure.hint or _LATER) from failure
        self._pause(request, tries, str(failure), self.patience.pause(tries.failures), left)

    def _judge(self, answer: answers.Answer, request: Request, tries: _Tries, start: float) -> None:
        """Wait after an answer that may be another one next time, or raise what it means."""
        passing = answer.status in _RETRIED or answer.status < 300
        collided = request.on_collision is not None and answer.is_collision
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._throttled(answer, tries)
        elif passing or collided:
            if request.once:
                self.budget.spend(start)
                raise answers.OutcomeUnknown(refusals.unusable(self.base, answer).message)
            left = self.budget.spend(start)
            tries.failures += 1
            if tries.failures >= self.patience.tries or not left:
                raise refusals.unusable(self.base, answer)
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                self.rate_limit.hold(min(rate_limit.retry_after(answer.headers) or 0.0, left))
            reason = f"{answer.status}: {answer.reason}" if answer.reason else "something that is not JSON"
            pause = self.patience.pause(tries.failures)
            if request.on_collision is not None and collided:
                request.on_collision()
                pause *= self.patience.collision
            self._pause(request, tries, reason, pause, left)
        else:
            tries.denials += 1
            may_pass = answer.status == HTTPStatus.FORBIDDEN and self._let_in.is_set()
            if not may_pass or tries.denials >= self.patience.denied:
                raise refusals.refusal(self.base, answer)
            self.sleep(self.patience.pause(tries.denials))

    def _throttled(self, answer: answers.Answer, tries: _Tries) -> None:
        """Nothing was carried out. Where it is known how long to wait, this is no trouble."""
        tries.turned_away += 1
        told = rate_limit.retry_after(answer.headers) or rate_limit.seconds_to_reset(answer.headers)
        pause = max(told or 0.0, self.patience.pause(tries.turned_away))
        start = time.monotonic()
        if tries.turned_away > _MAX_TURNED_AWAY or not (told or self.budget.left()):
            raise refusals.unusable(self.base, answer)
        self.rate_limit.hold(pause)
        if not told:
            self.sleep(pause)
            self.budget.spend(start)

    def _pause(self, request: Request, tries: _Tries, reason: str, pause: float, left: float) -> None:
        what = f"{request.method} {urllib.parse.unquote(urllib.parse.urlsplit(request.path).path)}"
        if tries.failures == 1:
            said = f"{self.host} {request.purpose} ({reason}); it is tried again for up to {left:.0f} s"
            tries.told.enter_context(self.reporter.waiting(said))
        start = time.monotonic()
        pause = min(pause, left)
        self.reporter.retry(text.printable(what), reason, pause)
        self.sleep(pause)
        self.budget.spend(start)

    # One attempt

    def _attempt(self, request: Request, url: str) -> answers.Answer:
        """Send once; a GET follows redirects on the same server."""
        for _ in range(MAX_REDIRECTS):
            answer = self._send(request, url)
            if not 300 <= answer.status < 400:
                return answer
            target = urllib.parse.urljoin(url, answer.headers.get("Location", ""))
            if place(target) != self._place:
                where = text.printable(urllib.parse.urlsplit(target).netloc or "nowhere")
                raise errors.Refused(
                    f"{self.host} redirects to {text.shorten(where, 100)}, which must not get the token.",
                    "If you trust that server, set zenodo-url to the service's final address.",
                )
            if request.method != "GET":
                break
            url = target
        raise errors.Refused(f"{self.host} redirects in a way that cannot be followed.", "Check zenodo-url.")

    def _send(self, request: Request, url: str) -> answers.Answer:
        self.check()
        with contextlib.ExitStack() as told:

            def wait(seconds: float) -> None:
                told.enter_context(self.reporter.waiting(f"{self.host}'s rate limit"))
                self.sleep(seconds)

            self.rate_limit.enter(wait)
        headers: Mapping[str, str] = {}
        start, status = time.monotonic(), "no answer"
        limit = self.patience.whole + request.size / _HASHED_PER_SECOND
        sending = request.size / _SLOWEST
        try:
            with self._operations.operation(self.check, self.patience.stall, limit, sending) as operation:
                try:
                    answer = self._exchange(request, url)
                    headers, status = answer.headers, str(answer.status)
                    return answer
                except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                    if operation.cancelled:
                        self.check()
                        raise errors.Cancelled from error  # closed meanwhile
                    failure = failures.of(error)
                    status = str(failure)
                    raise failure from error
        finally:
            self.rate_limit.leave(headers)
            self.reporter.request(request.method, url.partition("?")[0], status, time.monotonic() - start)

    def _exchange(self, request: Request, url: str) -> answers.Answer:
        headers = {"Accept": request.accept}
        if request.body:
            headers["Content-Type"] = "application/octet-stream"
        # A server that does not answer must not use up more than the whole run has left.
        answer = min(self.patience.answer, max(self.budget.left(), 5.0))
        response = self._session.request(
            request.method,
            url,
            headers=headers,
            json=request.document,
            data=request.body() if request.body else None,
            timeout=(self.patience.connect, answer + request.size / _HASHED_PER_SECOND),
            allow_redirects=False,
            stream=True,
        )
        return answers.of(response, self._token.reveal())

    def token_hint(self) -> str:
        """What to check when the token is not accepted."""
        return refusals.token_hint(self.base)


_LATER: Final = "Check the network and zenodo-url, or run again later."


def _budget(limits: patience.Patience) -> patience.Budget:
    return patience.Budget(limits.run)
