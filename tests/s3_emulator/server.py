"""The stand-in as a server on loopback, and what a test holds of it."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.s3_emulator import calls, signature
from tests.s3_emulator.calls import Answer, Request, S3Error
from tests.s3_emulator.habits import AWS, Addressing, Habits, Refusal, WrongRegion
from tests.s3_emulator.objects import Bucket, Generated, Object, md5
from tests.s3_emulator.operations import Operations

KEY: Final = "local-key"
SECRET: Final = "local-secret"
BUCKET: Final = "bucket"
HOST: Final = "s3.stranger.example"
"""A name under which buckets are hosts; it does not resolve, so a proxy has to route it."""


@dataclass(frozen=True)
class Seen:
    """One request and its status; 0 where the connection was closed instead."""

    request: Request
    status: int
    ended: float

    @property
    def operation(self) -> str:
        """S3's name of the call."""
        return self.request.operation

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        return self.request.headers


@dataclass
class Stranger:
    """What a test holds: the address, the record, what is kept, and the habits, which may change."""

    url: str
    operations: Operations
    seen: list[Seen] = field(default_factory=list)
    bodies: bool = False
    """Whether the record keeps the bodies of PutObject and UploadPart."""
    session_tokens: frozenset[str] = frozenset()
    """Where there are any, a request needs one of them."""
    most_at_once: int = 0
    connections: int = 0
    hits: Counter[int] = field(default_factory=Counter)
    """How often each of the habits' refusals was asked for, by its place."""
    on_request: Callable[[Request], None] = lambda _: None

    @property
    def habits(self) -> Habits:
        """In force."""
        return self.operations.habits

    def change(self, **habits: Any) -> None:
        """Change the behaviour from now on; counts of refusals are reset."""
        self.hits.clear()
        self.operations.habits = replace(self.habits, **habits)

    def refuse(self, *refusals: Refusal) -> None:
        """Refuse these from now on, and nothing else."""
        self.change(refusals=refusals)

    @property
    def bucket(self) -> Bucket:
        """The one that is there at first."""
        return self.operations.buckets[BUCKET]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def keys(self) -> list[str]:
        """Keys of what was put, sorted."""
        return sorted(self.bucket.objects)

    def contents(self, prefix: str = "p/") -> dict[str, bytes]:
        """Content of each object below a prefix, by its name there."""
        them = self.bucket.objects.items()
        return {key.removeprefix(prefix): found.data for key, found in them if key.startswith(prefix)}

    def read(self, key: str) -> bytes:
        """The content of one object."""
        return self.bucket.objects[key].data

    def put(self, key: str, data: bytes) -> None:
        """As another client would have."""
        self.bucket.objects[key] = Object(data, md5(data))

    def generate(self, prefix: str, count: int) -> None:
        """Have so many objects below this prefix."""
        self.bucket.generated = Generated(prefix, count)

    def protect(self, key: str, code: str = "AccessDenied", message: str = "Access Denied") -> None:
        """DeleteObjects and DeleteObject refuse this key."""
        self.operations.protected = {**self.operations.protected, key: (code, message)}

    def of(self, operation: str, key: str = "") -> list[Seen]:
        """Requests whose operation matches, for keys that contain this."""
        return [
            each for each in self.seen if re.fullmatch(operation, each.operation) and key in each.request.key
        ]

    @property
    def writes(self) -> list[Seen]:
        """Requests that could change anything."""
        return [each for each in self.seen if each.request.method not in ("GET", "HEAD")]


@contextlib.contextmanager
def emulator(habits: Habits = AWS, *, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Stranger]:
    """A store with one bucket, on 127.0.0.1, for the length of a `with` block."""
    server = _Server(("127.0.0.1", port), _Handler)
    number = server.server_address[1]
    url = f"{'https' if tls else 'http'}://127.0.0.1:{number}"
    server.held = Stranger(url, Operations(habits, {BUCKET: Bucket()}))
    server.tls = tls
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    held: Stranger
    tls: ssl.SSLContext | None

    def __init__(self, *args: Any) -> None:
        self.lock = threading.Lock()
        self.now = 0
        self.used = 0
        super().__init__(*args)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are no news."""


class _CutError(Exception):
    """The connection ends here, without an answer."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 60
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def setup(self) -> None:
        if self.server.tls:
            self.request.settimeout(10)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.answered = 0
        with self.server.lock:
            self.server.held.connections += 1
        self.protocol_version = self.server.held.habits.wire.version

    def finish(self) -> None:
        super().finish()
        if self.server.tls:
            self.request.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the record has it."""

    def handle_expect_100(self) -> bool:
        if self.server.held.habits.wire.continues:
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
        return True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        held = self.server.held
        target = re.sub(r"^https?://[^/]*", "", self.path) or "/"
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            self.server.now += 1
            held.most_at_once = max(held.most_at_once, self.server.now)
            crowded = self.server.now > held.habits.busy
            self.server.used += self.answered > 0
            cut = self.answered and held.habits.wire.drops and not self.server.used % held.habits.wire.drops
        status = 0
        request = answer = None
        try:
            if self._is_hasty(headers):
                answer = S3Error(403, "AccessDenied", "Not into this prefix").answer()
                status = answer.status
            elif not cut:
                body = self._body(headers)
                request = calls.of(self.command, target, headers, body, (HOST,))
                held.on_request(request)
                time.sleep(held.habits.delay)
                answer = self._answer(request, crowded=crowded)
                status = answer.status
        except _CutError:
            pass
        with self.server.lock:
            self.server.now -= 1
            if request is None:
                request = calls.of(self.command, target, headers, b"", (HOST,))
            kept = (
                request if held.bodies or request.operation == "DeleteObjects" else replace(request, body=b"")
            )
            held.seen.append(Seen(kept, status, time.monotonic()))
        if answer is None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(answer)

    def _is_hasty(self, headers: Mapping[str, str]) -> bool:
        """Whether this one is answered with its body unread, and the connection closed."""
        wire = self.server.held.habits.wire
        hasty = wire.hasty and self.command == "PUT" and int(headers.get("content-length", 0)) > 1 << 20
        self.close_connection |= hasty
        return hasty

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            whole = b"".join(self._chunks())
        else:
            size = int(headers.get("content-length", 0))
            whole = self.rfile.read(size)
            if len(whole) < size:
                raise _CutError
        if "aws-chunked" in headers.get("content-encoding", ""):
            return _decoded(whole)
        return whole

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    # Answers

    def _answer(self, request: Request, *, crowded: bool) -> Answer:
        habits = self.server.held.habits
        if crowded:
            return S3Error(503, "SlowDown", "Please reduce your request rate.").answer()
        try:
            self._authorize(request)
            self._place(request)
            refusal = self._refusal(request)
            if refusal and not refusal.acts:
                return _refused(refusal, habits)
            answer = self.server.held.operations.call(request)
            return _refused(refusal, habits) if refusal else answer
        except S3Error as error:
            return error.answer(message=habits.messages)

    def _authorize(self, request: Request) -> None:
        """Signature, region, body's hash, as far as this store looks at them."""
        held, headers = self.server.held, request.headers
        claim = signature.scope(headers.get("authorization", ""))
        if claim is None:
            raise S3Error(403, "AccessDenied", "Access Denied")
        if claim.key != KEY:
            raise S3Error(403, "InvalidAccessKeyId", "The access key you provided does not exist.")
        self._region(request, claim.region)
        if held.session_tokens and headers.get("x-amz-security-token") not in held.session_tokens:
            raise S3Error(403, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        if not signature.is_right(claim, SECRET, request.method, request.target, headers):
            raise S3Error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        must = {"host", "x-amz-date", "x-amz-content-sha256"}
        must |= {name for name in headers if name.startswith("x-amz-")}
        if not must <= set(claim.signed):
            raise S3Error(
                403, "AccessDenied", "There were headers present in the request which were not signed"
            )
        hashed = headers.get("x-amz-content-sha256", "")
        if hashed == "UNSIGNED-PAYLOAD":
            if not held.habits.unsigned:
                raise S3Error(400, "InvalidRequest", "UNSIGNED-PAYLOAD is not accepted; sign the payload.")
        elif hashed.startswith("STREAMING-"):
            if not held.habits.streaming:
                raise S3Error(
                    400,
                    "InvalidArgument",
                    "aws-chunked encoding is not supported with this x-amz-content-sha256",
                )
        elif hashed != _sha256(request.body):
            raise S3Error(
                400, "XAmzContentSHA256Mismatch", "The provided header does not match what was computed."
            )

    def _region(self, request: Request, region: str) -> None:
        habits = self.server.held.habits
        right, how = habits.region, habits.wrong_region
        if how is WrongRegion.ACCEPTED or region == right:
            return
        named = {"x-amz-bucket-region": right}
        match how:
            case WrongRegion.MALFORMED | WrongRegion.MESSAGE:
                text = f"The authorization header is malformed; the region '{region}' is wrong; expecting '{right}'"
                more = {"Region": right} if how is WrongRegion.MALFORMED else {}
                raise S3Error(400, "AuthorizationHeaderMalformed", text, more=more)
            case WrongRegion.REDIRECT | WrongRegion.ENDPOINT:
                text = (
                    "The bucket you are attempting to access must be addressed using the specified endpoint."
                )
                host = f"{request.bucket}.s3.{right}.amazonaws.com"
                headers = named if how is WrongRegion.REDIRECT else {}
                raise S3Error(
                    301, "PermanentRedirect", text, more={"Endpoint": host, "Bucket": BUCKET}, headers=headers
                )
            case WrongRegion.CONSTRAINT:
                text = f"The {region} location constraint is incompatible for the region specific endpoint"
                raise S3Error(400, "IllegalLocationConstraintException", text, headers=named)
            case WrongRegion.TEMPORARY:
                where = f"{self.server.held.url}{request.target}"
                raise S3Error(
                    307,
                    "TemporaryRedirect",
                    "Please re-send this request",
                    headers={"Location": where, **named},
                )

    def _place(self, request: Request) -> None:
        """Where the bucket's name stands, and whose it is."""
        habits = self.server.held.habits
        if habits.addressing is Addressing.VIRTUAL and not request.virtual:
            raise S3Error(
                403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access OSS services."
            )
        if habits.addressing is Addressing.PATH and request.virtual:
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
        owner = request.headers.get("x-amz-expected-bucket-owner", habits.owner)
        if habits.obeys_owner and owner != habits.owner:
            raise S3Error(403, "AccessDenied", "Access Denied")

    def _refusal(self, request: Request) -> Refusal | None:
        held = self.server.held
        for place, refusal in enumerate(held.habits.refusals):
            if not _concerns(refusal, request):
                continue
            with self.server.lock:
                held.hits[place] += 1
                hits = held.hits[place]
            if refusal.skip < hits <= refusal.skip + refusal.times:
                return refusal
        return None

    def _send(self, answer: Answer) -> None:
        wire = self.server.held.habits.wire
        self.answered += 1
        self.send_response_only(answer.status, "Made Up" if answer.status >= 400 else None)
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        chunked = wire.chunked and not bodiless and wire.version == "HTTP/1.1"
        fields = {**answer.headers, "Server": "stand-in"}
        if chunked:
            fields["Transfer-Encoding"] = "chunked"
        elif answer.status != 204:
            longer = wire.longer if self.command in ("GET", "POST") else 0
            fields["Content-Length"] = str(len(answer.body) + longer)
            if longer:
                self.close_connection = True
        for name, value in fields.items():
            self.send_header(name.lower() if wire.lower else name, value)
        self.end_headers()
        if not bodiless:
            for at in range(0, len(answer.body), 40_000):
                piece = answer.body[at : at + 40_000]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        self.wfile.write(wire.surplus)
        self.wfile.flush()
        if wire.closes_after and self.answered >= wire.closes_after:
            self.close_connection = True


def _concerns(refusal: Refusal, request: Request) -> bool:
    if not re.fullmatch(refusal.operation, request.operation) or refusal.key not in request.key:
        return False
    if refusal.query and refusal.query not in request.query:
        return False
    return not refusal.header or any(
        re.fullmatch(refusal.header, name, re.IGNORECASE) and re.search(refusal.value, value)
        for name, value in request.headers.items()
    )


def _refused(refusal: Refusal, habits: Habits) -> Answer:
    if refusal.body is not None:
        return Answer(refusal.status, {"Content-Type": "text/html", **refusal.headers}, refusal.body)
    error = S3Error(refusal.status, refusal.code, refusal.message, headers=refusal.headers)
    return error.answer(message=habits.messages)


def _decoded(body: bytes) -> bytes:
    """What is in an aws-chunked body, without its trailer."""
    found: list[bytes] = []
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if not size:
            return b"".join(found)
        found.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
