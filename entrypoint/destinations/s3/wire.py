"""Sending bodies: single signed requests through AWS's CRT client, driven directly.

Driven directly it is several times as fast as through botocore, which serialises every request on
one thread. Each request is a whole PutObject or one UploadPart, so the client's own splitting, and the
stores that do not understand it, do not matter, and parts can be continued by a later run.
"""

from __future__ import annotations

import concurrent.futures
import io
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, cast

import awscrt.auth
import awscrt.exceptions
import awscrt.http
import awscrt.io
import awscrt.s3

from entrypoint import __version__, errors
from entrypoint.destinations.s3 import problems

IN_FLIGHT: Final = 64 * 1024 * 1024
"""Bytes of bodies that are read and not yet answered for; the client keeps a copy of each."""
_DEAD: Final = 75.0
"""Seconds without one answer, to whatever body, after which a store counts as dead: two times the client drops
a connection on which nothing moves, and a bit."""
_SLOWEST: Final = 64 * 1024
"""Bytes per second of the slowest line that is waited for: it gets longer for what is in flight."""
_GBPS_PER_CONNECTION: Final = 0.4
"""The client opens connections by a throughput target; so much of it, and no less, buys one."""


@dataclass(frozen=True)
class Patience:
    """How long and how often; seconds.

    Attributes:
        tries: of one request, the first among them.
        first: upper bound of the wait before the second try of a body; it doubles from try to try.
        cap: upper bound of every such wait.
        connect: until there is a connection.
        answer: of a small call, while not one byte of its answer comes.
        silence: of all bodies together, while not one of them is answered, and of a small call with all its
            tries. A connection on which nothing moves is dropped by the client itself after 30 seconds; this
            ends what trickles for ever. Slow lines need some of it: `IN_FLIGHT` bytes may have to pass before
            the first answer.
    """

    tries: int = 6
    first: float = 0.3
    cap: float = 20.0
    connect: float = 10.0
    answer: float = 60.0
    silence: float = 1800.0


class Stop(Protocol):
    """Something that is asked whether to go on."""

    def check(self) -> None:
        """Raise `errors.Cancelled` if the run is to stop."""


@dataclass(frozen=True)
class Target:
    """Where requests go.

    Attributes:
        host: with the port where it is not the scheme's own.
        path: path of the bucket, percent-encoded, without a last slash; empty for virtual-hosted style.
    """

    secure: bool
    host: str
    path: str
    region: str
    ca_bundle: str = ""


class Failed(Exception):
    """The store answered with an error, or (status 0) did not answer usably after all retries."""

    def __init__(self, answer: problems.Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class Budget:
    """Bytes in flight, bounded; who wants some waits until there are."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._changed = threading.Condition()

    @property
    def taken(self) -> int:
        """Bytes that are in flight."""
        return self._size - self._free

    def take(self, count: int, stop: Stop) -> None:
        """Wait for `count` bytes; more than the whole budget gets the whole."""
        count = min(count, self._size)
        with self._changed:
            while self._free < count:
                stop.check()
                self._changed.wait(0.2)
            self._free -= count

    def give(self, count: int) -> None:
        """Give bytes back."""
        with self._changed:
            self._free += min(count, self._size)
            self._changed.notify_all()


class Pending:
    """A request under way."""

    def __init__(
        self,
        request: awscrt.s3.S3Request,
        headers: dict[str, str],
        hush: Callable[[], float],
        limit: Callable[[], float],
    ) -> None:
        self._request = request
        self._headers = headers
        self._hush = hush
        self._limit = limit
        self._began = time.monotonic()

    def wait(self, stop: Stop) -> dict[str, str]:
        """Wait for the answer; its headers, in lower case.

        Raises:
            Failed: the store refused it.
            errors.Cancelled: the run is to stop; the request is given up.
            errors.Unreachable: no request was answered for too long.
        """
        while True:
            try:
                self._request.finished_future.result(0.2)
                return self._headers
            except (concurrent.futures.TimeoutError, TimeoutError):
                try:
                    stop.check()
                except errors.Cancelled:
                    self.cancel()
                    raise
                if min(self._hush(), time.monotonic() - self._began) > self._limit():
                    self.cancel()
                    raise errors.Unreachable(
                        "The store takes data, or nothing at all, and answers no more.",
                        "Run again later; what is up is not sent twice.",
                    ) from None
            except awscrt.s3.S3ResponseError as error:
                raise Failed(problems.from_xml(cast("int", error.status_code), error.body or b"")) from None
            except awscrt.exceptions.AwsCrtError as error:
                raise Failed(_from_crt(error)) from None

    def cancel(self) -> None:
        """Give the request up."""
        self._request.cancel()


def _from_crt(error: awscrt.exceptions.AwsCrtError) -> problems.Answer:
    # Throttling and server errors reach us without the answer once the client's retries are used up.
    codes = {
        "AWS_ERROR_S3_SLOW_DOWN": (503, "SlowDown"),
        "AWS_ERROR_S3_INTERNAL_ERROR": (500, "InternalError"),
        "AWS_ERROR_S3_REQUEST_TIMEOUT": (400, "RequestTimeout"),
        "AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED": (403, "RequestTimeTooSkewed"),
    }
    status, code = codes.get(error.name, (0, ""))
    return problems.Answer(status, code, f"{error.message} [{error.name}]" if not code else "")


class Wire:
    """The CRT client. Thread-safe."""

    def __init__(
        self,
        target: Target,
        credentials: Callable[[], awscrt.auth.AwsCredentials],
        connections: int,
        patience: Patience,
    ) -> None:
        self.target = target
        self._patience = patience
        self._heard = time.monotonic()
        provider = awscrt.auth.AwsCredentialsProvider.new_delegate(credentials)
        tls = None
        if target.secure:
            options = awscrt.io.TlsContextOptions()
            if target.ca_bundle:
                options.override_default_trust_store_from_path(None, target.ca_bundle)
            tls = awscrt.io.ClientTlsContext(options).new_connection_options()
        mode = awscrt.s3.S3RequestTlsMode
        self._client = awscrt.s3.S3Client(
            region=target.region,
            tls_mode=mode.ENABLED if target.secure else mode.DISABLED,
            tls_connection_options=tls,
            signing_config=awscrt.s3.create_default_s3_signing_config(
                region=target.region, credential_provider=provider
            ),
            throughput_target_gbps=max(10.0, connections * _GBPS_PER_CONNECTION),
            retry_config=awscrt.s3.S3RetryConfig(
                max_retries=patience.tries - 1,
                backoff_scale_factor_ms=round(patience.first * 1000),
                max_backoff_secs=max(1, round(patience.cap)),
            ),
            connect_timeout_ms=round(patience.connect * 1000),
        )
        self.budget = Budget(IN_FLIGHT)

    def put(
        self, operation: str, path: str, headers: Mapping[str, str], body: bytes, on_end: Callable[[], None]
    ) -> Pending:
        """Send a PUT with a body.

        Args:
            operation: PutObject or UploadPart.
            path: percent-encoded key below the bucket, with the query.
            on_end: called once, from another thread, when the request is over one way or the other.
        """
        stream = io.BytesIO(body)
        request = awscrt.http.HttpRequest(
            "PUT",
            f"{self.target.path}/{path}",
            awscrt.http.HttpHeaders(
                [
                    ("host", self.target.host),
                    ("content-length", str(len(body))),
                    ("user-agent", f"catalog-upload/{__version__}"),
                    *headers.items(),
                ]
            ),
            stream,
        )
        answer: dict[str, str] = {}

        def on_headers(headers: list[tuple[str, str]], **_: object) -> None:
            self._heard = time.monotonic()
            answer.update((name.lower(), value) for name, value in headers)

        def on_done(**_: object) -> None:
            # Whoever waits for the answer holds the request; the bytes must not wait with it.
            self._heard = time.monotonic()
            stream.close()
            on_end()

        return Pending(
            self._client.make_request(
                type=awscrt.s3.S3RequestType.DEFAULT,
                operation_name=operation,
                request=request,
                on_headers=on_headers,
                on_done=on_done,
            ),
            answer,
            lambda: time.monotonic() - self._heard,
            lambda: min(self._patience.silence, max(_DEAD, self.budget.taken / _SLOWEST)),
        )
