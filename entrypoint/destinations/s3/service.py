"""One signed request for a bucket, tried again where that helps: the one place in which answers become errors."""

from __future__ import annotations

import datetime as dt
import email.utils
import hashlib
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from entrypoint import __version__, destinations, errors, settings
from entrypoint.destinations.s3 import (
    configuration,
    connection,
    credentials,
    dial,
    endpoint,
    pace,
    pool,
    problems,
    signing,
    xml,
)

_AGENT: Final = f"catalog-upload/{__version__}"
_THROTTLED_TRIES: Final = 2
"""Times the usual number of tries where a store says that it has too much to do."""
_LONGEST: Final = 6
"""Times the longest wait of our own that a store may ask for by Retry-After."""
_POLL: Final = 0.1


@dataclass(frozen=True)
class Call:
    """What is asked of a bucket.

    Attributes:
        key: of an object; nothing for the bucket as a whole.
        query: pairs of names and values.
        headers: names in lower case.
        sign_body: whether the signature covers the body.
        slow: whether the store may take its time before it answers.
        once: not tried again.
    """

    method: str
    key: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: pool.Body | None = None
    sign_body: bool = False
    slow: bool = False
    once: bool = False


@dataclass(frozen=True)
class Reply:
    """A good answer.

    Attributes:
        tries: requests that it took.
    """

    response: connection.Response
    tries: int

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case."""
        return self.response.headers

    def xml(self) -> xml.Element:
        """The body. Not every store gives its root the name that S3 does.

        Raises:
            ValueError: it is no XML.
        """
        return xml.parse(self.response.body)


class Service:
    """Requests for one bucket. Thread-safe.

    Args:
        check: raises `errors.Cancelled` when the run is to stop.
    """

    def __init__(
        self,
        chosen: settings.S3Settings,
        found: configuration.Configuration,
        keys: credentials.Credentials,
        connections: pool.Pool,
        most: int,
        check: Callable[[], None],
        reporter: destinations.Reporter,
    ) -> None:
        self._chosen = chosen
        self._found = found
        self._keys = keys
        self._pool = connections
        self._pace = pace.Pace(most)
        self._check = check
        self._reporter = reporter
        self._patience = connections.patience
        self._lock = threading.Lock()
        self._regions: set[str] = set()
        self.endpoint = endpoint.resolve(chosen, found)

    # Following

    def follow(self, region: str) -> None:
        """Use the region in which the bucket is.

        Raises:
            errors.Refused: the user named another one.
        """
        with self._lock:
            here = self.endpoint
            if region == here.region or region in self._regions or here.scope.asymmetric:
                return
            if self._chosen.region:
                raise errors.Refused(
                    f"s3://{self._chosen.bucket} is in the region {region}, not in {self._chosen.region}.",
                    f"Set aws-region: {region}.",
                )
            self._regions.add(here.region)
            self.endpoint = endpoint.resolve(self._chosen, self._found, region)

    def _follows(self, answer: problems.Answer, used: endpoint.Endpoint) -> bool:
        """Whether an answer contains a new region or address for the bucket."""
        region = answer.region
        if region and (problems.is_wrong_region(answer) or answer.status == 400) and region != used.region:
            if self.endpoint is used:
                self.follow(region)
            return self.endpoint is not used
        is_open = self._found.addressing is settings.Addressing.AUTO and not used.is_aws
        if is_open and used.path and endpoint.wants_host(f"{answer.code} {answer.message}"):
            with self._lock:
                if self.endpoint is used:
                    virtual = settings.Addressing.VIRTUAL
                    self.endpoint = endpoint.resolve(self._chosen, self._found, used.region, virtual)
            return self.endpoint.path != used.path
        return False

    # Calling

    def call(self, call: Call, check: Callable[[], None] | None = None) -> Reply:
        """Make a call until it is answered for good.

        Args:
            check: used instead of the usual one.

        Raises:
            problems.Failed: the store refused it, or did not answer in spite of all tries.
            errors.PublishError: nothing would be answered, or the run is to stop.
        """
        return self._repeated(call, check or self._check, self._exchange)

    @contextmanager
    def stream(self, call: Call) -> Iterator[connection.Response]:
        """Make a call whose answer is read piece by piece; once it has begun, nothing is tried again.

        Raises:
            problems.Failed, errors.PublishError
        """
        check, used = self._check, self.endpoint
        try:
            with self._pool.stream(used.target, self._request(call, used), check) as response:
                if response.status // 100 != 2:
                    response.read(xml.MAX, without_body=False)
                    raise problems.Failed(problems.from_xml(response.status, response.body, response.headers))
                yield response
        except dial.NoAnswer as error:
            raise problems.Failed(problems.Answer(0, "", str(error)), error.error) from error

    def _exchange(
        self, call: Call, used: endpoint.Endpoint, check: Callable[[], None]
    ) -> connection.Response:
        with self._pace.turn(check):
            return self._pool.exchange(used.target, self._request(call, used), check)

    def _request(self, call: Call, used: endpoint.Endpoint) -> pool.Request:
        query = signing.query_string(call.query)
        path = used.path_of(call.key)
        if call.body is None or not call.body.size:
            payload = signing.EMPTY
        elif call.sign_body:
            payload = hashlib.sha256(call.body.view()).hexdigest()
        else:
            payload = signing.UNSIGNED
        headers = signing.sign(
            self._keys.now(),
            used.scope,
            call.method,
            used.target.authority,
            path,
            query,
            call.headers,
            payload,
        )
        headers["user-agent"] = _AGENT
        wait = self._patience.slow if call.slow else 0.0
        return pool.Request(call.method, f"{path}?{query}" if query else path, headers, call.body, wait)

    def _repeated(
        self,
        call: Call,
        check: Callable[[], None],
        exchange: Callable[[Call, endpoint.Endpoint, Callable[[], None]], connection.Response],
    ) -> Reply:
        tries = count = 0
        renewed = False
        while True:
            count += 1
            used = self.endpoint
            began = time.monotonic()
            response: connection.Response | None = None
            try:
                response = exchange(call, used, check)
            except dial.NoAnswer as error:
                failed = self._unanswered(error, call, used, began)
            else:
                self._tell(call, used, str(response.status), began)
                found = self._judge(response, used)
                if found is None:
                    self._pace.record_success()
                    if region := response.headers.get("x-amz-bucket-region", ""):
                        self.follow(region)
                    return Reply(response, count + response.again)
                failed = problems.Failed(found)
                if count < 10 and self._follows(found, used):
                    continue
                if problems.is_expired(found) and not renewed and self._keys.renew():
                    renewed = True
                    continue
            tries += 1
            pause = self._pause(failed.answer, tries, call, response)
            if pause is None:
                raise failed
            self._reporter.retry(self._what(call), failed.answer.reason or str(failed.answer), pause)
            self._sleep(pause, check)

    def _judge(self, response: connection.Response, used: endpoint.Endpoint) -> problems.Answer | None:
        """What is wrong with an answer, or nothing."""
        if response.status // 100 == 2:
            if not _ERROR.match(response.body):
                return None
            # CompleteMultipartUpload answers 200 before it knows the end, and sends blanks meanwhile.
            answer = problems.from_xml(response.status, response.body, response.headers)
            return None if not answer.code else answer
        if response.status == 407 and (proxy := self._pool.proxy_for(used.target)):
            raise dial.refused_by_proxy(proxy, used.target, 407).error
        return problems.from_xml(response.status, response.body, response.headers)

    def _unanswered(
        self, error: dial.NoAnswer, call: Call, used: endpoint.Endpoint, began: float
    ) -> problems.Failed:
        self._tell(call, used, "timed out" if error.timed_out else "no answer", began)
        silent = time.monotonic() - self._pool.heard > self._patience.silence
        if error.final or (error.timed_out and silent):
            raise error.error from error
        return problems.Failed(problems.Answer(0, "", error.error.message), error.error)

    # Waiting

    def _pause(
        self, answer: problems.Answer, tries: int, call: Call, response: connection.Response | None
    ) -> float | None:
        """Seconds until the next try, or nothing when there is to be none."""
        passing = problems.is_passing(answer) or not answer.status
        throttled = answer.status == 429 or (problems.is_throttled(answer) and bool(answer.code))
        if throttled or answer.status == 503:
            self._pace.slow_down()
        most = self._patience.tries * (_THROTTLED_TRIES if throttled else 1)
        if not passing or call.once or tries >= most:
            return None
        pause = random.uniform(0.1, 1.0) * min(self._patience.cap, self._patience.first * 2.0 ** (tries - 1))  # noqa: S311
        asked = _retry_after(response.headers.get("retry-after", "")) if response else 0.0
        return max(pause, min(asked, _LONGEST * self._patience.cap))

    def _sleep(self, seconds: float, check: Callable[[], None]) -> None:
        end = time.monotonic() + seconds
        with self._reporter.waiting(f"{self.endpoint.target} to take requests again"):
            while (left := end - time.monotonic()) > 0:
                check()
                time.sleep(min(left, _POLL))
        check()

    # Telling

    def _tell(self, call: Call, used: endpoint.Endpoint, status: str, began: float) -> None:
        if not self._reporter.wants_requests:
            return
        names: Iterable[str] = (name for name, _ in call.query if name in _SHOWN)
        query = "&".join(names)
        url = f"{used.target}{used.path_of(call.key)}"
        self._reporter.request(
            call.method, f"{url}?{query}" if query else url, status, time.monotonic() - began
        )

    def _what(self, call: Call) -> str:
        return f"{call.method} {call.key if call.key is not None else self._chosen.bucket}"


_ERROR: Final = re.compile(rb"\s*(<\?xml[^>]*>)?\s*<Error\b")
_SHOWN: Final = {"uploads", "uploadId", "partNumber", "list-type", "delete", "tagging", "acl"}


def _retry_after(text: str) -> float:
    """Seconds that a header Retry-After asks for; 0 where it says nothing that we understand."""
    if text.isascii() and text.isdecimal():
        return float(text[:6])
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())
