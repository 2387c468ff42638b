"""Can readers open what was published? Asked without credentials, as a viewer in a browser would.

At most `REQUESTS` requests and `SECONDS` seconds, whatever the size of the plan. Nothing is asked but the
addresses of planned files at the place that the user named.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from entrypoint import errors, settings, text
from entrypoint.destinations.s3.network import Network
from entrypoint.outcome import Outcome, ReaderCheck
from entrypoint.plan import model
from entrypoint.readable import fetch, findings, sample
from entrypoint.readable.fetch import Answer
from entrypoint.readable.judge import MAGIC, Judge, Wanted
from entrypoint.readable.links import UrlOf

REQUESTS: Final = 40
SECONDS: Final = 60.0
"""No request begins later; each has `fetch.PATIENCE` seconds."""

_TRIES: Final = 2
_PAUSE: Final = 1.0
_HEADER: Final = 127
"""Bytes of the header of a PMTiles archive, which holds the lengths of its parts."""
_PAGE: Final = 256
"""Bytes needed to recognise a web page instead of a file."""
# https://fetch.spec.whatwg.org/#http-network-or-cache-fetch: browsers take no packed ranges.
_AS_IT_IS: Final = {"Accept-Encoding": "identity"}
_PACKED: Final = {"Accept-Encoding": "gzip, deflate, br, zstd"}


@dataclass
class _Asker:
    """Makes the requests, and counts them.

    Attributes:
        stop: raises when the run is to stop.
    """

    headers: dict[str, str]
    network: Network
    stop: Callable[[], None]
    began: float = field(default_factory=time.monotonic)
    asked: int = 0

    def get(self, url: str, headers: dict[str, str], limit: int) -> Answer | findings.Problem | None:
        """The answer, or why there is none; nothing where the bounds are reached.

        Raises:
            fetch.RefusedRedirect: it redirects to what was not named.
        """
        problem = None
        for attempt in range(_TRIES):
            self.stop()
            if self.asked >= REQUESTS or time.monotonic() - self.began > SECONDS:
                return problem
            if attempt:
                time.sleep(_PAUSE)
            self.asked += 1
            try:
                answer = fetch.get(url, {**self.headers, **headers}, limit, self.network)
            except fetch.RefusedRedirect:
                raise
            except fetch.NoAnswer as error:
                problem = _unanswered(url, error)
                if not error.passing:
                    return problem
                continue
            if answer.status < 500 or attempt == _TRIES - 1:
                return answer
        return problem


def _unanswered(url: str, error: fetch.NoAnswer) -> findings.Problem:
    match error:
        case fetch.RefusedRedirect():
            return findings.Problem(
                url,
                str(error),
                "Only the given address is checked: set public-url to the final one. A redirect to a login "
                "means that readers have to log in.",
            )
        case fetch.BadCertificate():
            return findings.Problem(
                url,
                f"has a certificate that browsers do not accept: {error}",
                "Renew it, or use the certificate's host name in public-url. For a private certificate authority, "
                "set SSL_CERT_FILE.",
            )
    return findings.Problem(
        url,
        str(error),
        "Is public-url right, and can this machine reach it? Check again with verify-only: true.",
    )


def check(
    outcome: Outcome,
    chosen: settings.ReaderSettings,
    urls: UrlOf,
    etag: Callable[[str], str],
    environ: Mapping[str, str],
    stop: Callable[[], None],
) -> ReaderCheck:
    """Check a sample of the files at the destination.

    Args:
        urls: from a remote name to the address for readers.
        etag: from a remote name to the ETag that the store has; empty where it is not known.
        environ: names proxies and certificates.
        stop: called between requests; raises when the run is to stop.

    Raises:
        errors.Cancelled: of `stop`.
    """
    try:
        network = Network(environ)
    except errors.BadInput as error:
        return ReaderCheck(0, "", notes=(f"Readers: nothing was checked. {error}",))
    assert outcome.plan is not None  # nothing was published otherwise
    in_browser = outcome.links is None or outcome.links.published is None
    origin = chosen.viewer_origin if in_browser else ""
    judge = Judge(origin, has_public_url=bool(chosen.public_url))
    asker = _Asker({"Origin": origin} if origin else {}, network, stop)
    items = list(sample.items(outcome.plan, outcome.results))
    found: list[findings.Problem] = []
    notes: list[str] = []
    done, ran_out = 0, False
    for item in items:
        look = _FileCheck(asker, judge, item, urls(item.file.name), etag, in_browser)
        found.extend(look.problems())
        ran_out = look.ran_out
        if look.elsewhere and not in_browser:
            # A repository may keep its files in a storage service; downloads follow the redirect.
            notes.append(f"Readers: {look.url} {look.elsewhere}; the file behind it was not checked.")
        if ran_out or look.is_over:
            break
        done += 1
    return ReaderCheck(
        asked=asker.asked,
        scope=_scope(outcome.plan, items, origin),
        findings=findings.merged(found),
        fails=chosen.check is settings.Readable.ERROR,
        notes=(*notes, *_notes(items, done, ran_out=ran_out)),
    )


def _scope(plan: model.Plan, items: list[sample.Item], origin: str) -> str:
    samples = {item.file.unit for item in items}
    of = f" in {len(samples):,} of {len(plan.units):,} samples" if len(plan.units) > 1 else ""
    reader = f"a page of {origin}" if origin else "a reader without an account"
    return f"{text.plural(len(items), 'file')}{of} as {reader}"


def _notes(items: list[sample.Item], done: int, *, ran_out: bool) -> Iterator[str]:
    if not items:
        yield "Readers: there is nothing to check yet."
    elif ran_out:
        yield (
            f"Readers: {done:,} of {text.plural(len(items), 'file')} were checked within "
            f"{SECONDS:.0f} seconds and {REQUESTS} requests."
        )


@dataclass
class _FileCheck:
    """One file.

    Attributes:
        ran_out: the bounds were reached.
        is_over: no answer, and other files of this place would get none either.
        elsewhere: message about a redirect that was not followed.
    """

    asker: _Asker
    judge: Judge
    item: sample.Item
    url: str
    etag: Callable[[str], str]
    in_browser: bool
    ran_out: bool = False
    is_over: bool = False
    elsewhere: str = ""

    def problems(self) -> Iterator[findings.Problem]:
        """All problems of the file that can be detected."""
        yield from self.judge.insecure(self.url)
        match self.item.kind:
            case sample.Kind.WHOLE:
                yield from self._whole()
            case sample.Kind.GZIP:
                yield from self._gzip()
            case sample.Kind.PMTILES:
                yield from self._ranged(MAGIC)
            case sample.Kind.OTHER:
                yield from self._ranged(b"")

    def _ask(self, headers: dict[str, str], limit: int) -> Iterator[Answer | findings.Problem]:
        try:
            answer = self.asker.get(self.url, headers, limit)
        except fetch.RefusedRedirect as error:
            self.is_over = True
            self.elsewhere = str(error)
            if self.in_browser:
                yield _unanswered(self.url, error)
            return
        if answer is None:
            self.ran_out = True
        elif isinstance(answer, findings.Problem):
            self.is_over = True
            yield answer
        else:
            problem = self.judge.refused(answer)
            yield problem or answer

    def _whole(self) -> Iterator[findings.Problem]:
        wanted = self._wanted(self.item.file.size)
        for answer in self._ask(_AS_IT_IS, max(self.item.file.size, _PAGE) + 1):
            if isinstance(answer, findings.Problem):
                yield answer
                return
            yield from self.judge.cors(answer)
            yield from self.judge.content(answer, wanted)

    def _gzip(self) -> Iterator[findings.Problem]:
        for answer in self._ask(_PACKED, _PAGE):
            if isinstance(answer, findings.Problem):
                yield answer
                return
            yield from self.judge.cors(answer)
            yield from self.judge.packed(answer, self._wanted(0))

    def _ranged(self, magic: bytes) -> Iterator[findings.Problem]:
        some = {"Range": f"bytes=0-{_HEADER - 1}"}
        wanted = self._wanted(_HEADER)
        for answer in self._ask(some | _AS_IT_IS, _PAGE):
            if isinstance(answer, findings.Problem):
                yield answer
                return
            yield from self.judge.cors(answer)
            yield from self.judge.ranged(answer, wanted, _HEADER, magic)
            if magic:
                yield from self.judge.etag(answer, wanted)
            if magic and not answer.header("Content-Encoding"):
                for packed in self._ask(some | _PACKED, _PAGE):
                    if isinstance(packed, Answer):
                        yield from self.judge.encoding(packed)

    def _wanted(self, count: int) -> Wanted:
        """What the file should be, with its first `count` bytes."""
        if not self.item.same:
            return Wanted()
        file = self.item.file
        head = b""
        try:
            with file.source.open() as stream:
                while len(head) < count and (piece := stream.read(count - len(head))):
                    head += piece
        except (OSError, errors.FileFailed):  # it was moved since: nothing to compare with
            return Wanted()
        return Wanted(file.size, head, self.etag(file.name))
