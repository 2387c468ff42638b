"""What an answer means for a reader in a browser: pure, from answers to problems.

The rules of CORS: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import urllib.parse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from entrypoint import text
from entrypoint.readable.fetch import Answer
from entrypoint.readable.findings import Problem, cors_rules

MAGIC: Final = b"PMTiles"
GZIP: Final = b"\x1f\x8b"

_HTML: Final = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_RANGE: Final = re.compile(r"bytes (\d{1,20})-(\d{1,20})/(\d{1,20}|\*)")


@dataclass(frozen=True)
class Wanted:
    """What a file should be.

    Attributes:
        size: bytes; nothing where other content may be there.
        head: its first bytes; likewise.
        etag: what the store calls it, with quotes; empty where that is not known.
    """

    size: int | None = None
    head: bytes = b""
    etag: str = ""


class Judge:
    """Judges answers.

    Args:
        origin: of the page that reads; empty where no page in a browser can (Zenodo).
        has_public_url: whether the user named the address, or it is the bucket's own.
    """

    def __init__(self, origin: str, *, has_public_url: bool) -> None:
        self._origin = origin
        self._has_public_url = has_public_url

    def insecure(self, url: str) -> Iterator[Problem]:
        """Plain http: a page of https may not read it."""
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        local = host == "localhost" or host.endswith(".localhost")
        with contextlib.suppress(ValueError):
            local = local or ipaddress.ip_address(host).is_loopback
        if parts.scheme == "http" and not local:
            yield Problem(
                f"http://{parts.netloc}",
                "uses plain http, which browsers do not let an https page read",
                "Serve it over https, and use that address in public-url.",
            )

    def refused(self, answer: Answer) -> Problem | None:
        """The problem where the answer is not the file at all."""
        match answer.status:
            case 200 | 206:
                if _is_page(answer):
                    return Problem(
                        answer.url,
                        "answers with a web page (HTML) instead of the file",
                        "Is that a login page, or the front page of another site? public-url is the address of "
                        "the prefix, and the files must be readable without a login.",
                    )
                return None
            case 401 | 407:
                what, todo = f"asks for a login ({answer.status})", self._public()
            case 400:
                # So some stores say that there is no signature.
                what, todo = "refuses a reader without credentials (400)", self._public()
            case 403:
                what, todo = "is not public (403)", self._public()
            case 404 | 410:
                what, todo = f"is not there ({answer.status})", self._absent()
            case 416:
                what = "refuses to send a range (416)"
                todo = (
                    "Is the file there shorter than it should be? Invalidate it in the CDN, if there is one."
                )
            case 429:
                what, todo = "refuses because of too many requests (429)", "Check again later."
            case status if status >= 500:
                what = f"answers with a server error ({status})"
                todo = "Check the logs of the CDN or the store, and run again with verify-only: true."
            case status:
                what, todo = f"answers with the status {status}", "A viewer needs 200, and 206 for a range."
        return Problem(answer.url, what, todo)

    def _public(self) -> str:
        if not self._origin:
            return (
                "Is the record restricted or under an embargo? Only people with access read its files then."
            )
        grant = (
            "allow s3:GetObject to everybody in the bucket policy, and turn off Block public access for policies "
            "(on the bucket and on the account)"
        )
        if self._has_public_url:
            return (
                f"Let the CDN read the bucket (CloudFront: origin access control), or {grant}. S3 also gives "
                "this answer for files that do not exist: is public-url the address of the prefix?"
            )
        return (
            f"To publish it, {grant}; or serve the bucket through a CDN and use its address in public-url. If "
            "it is private on purpose, set check-readable: off."
        )

    def _absent(self) -> str:
        if not self._origin:
            return "A record may need a moment after publishing; check again with verify-only: true."
        if self._has_public_url:
            return (
                "public-url must be the address of the prefix in s3-dir itself. A CDN may also remember that the "
                "file was not there: invalidate it."
            )
        return "Is something else in front of the store? Set public-url to the address for readers."

    def content(self, answer: Answer, wanted: Wanted) -> Iterator[Problem]:
        """The whole file, as it was asked for."""
        body, encoding = answer.body, _encoding(answer)
        unpacked = False
        if encoding:
            unpacked, body = True, _decoded(body, encoding) or b""
        if wanted.size is None:
            return
        if answer.broken:
            yield self._broken(answer)
        elif body != wanted.head or len(body) != wanted.size:
            if unpacked and not body:
                yield self._encoded(answer, encoding)
            else:
                yield self._other(answer, f"({text.plural(wanted.size, 'byte')} were uploaded)")

    def ranged(self, answer: Answer, wanted: Wanted, count: int, magic: bytes) -> Iterator[Problem]:
        """A range of `count` bytes from the start of a file."""
        if answer.status != 206:
            yield Problem(
                answer.url,
                "ignores ranges: it answers 200 with the whole file to a request for a few bytes",
                "PMTiles are read in ranges: let the server or CDN pass on the Range header, and turn "
                "off compression.",
            )
        elif self._is_short(answer, wanted, count):
            yield self._broken(answer)
        if encoding := _encoding(answer):
            yield self._encoded(answer, encoding)
            return
        if magic and not answer.body.startswith(magic) and len(answer.body) >= len(magic):
            yield Problem(
                answer.url,
                "is not a PMTiles archive: it does not begin with 'PMTiles'",
                "Is public-url the address of the prefix? If the file here is right, a cache has another one.",
            )
        elif wanted.size is not None and self._is_other(answer, wanted):
            yield self._other(answer, f"({text.plural(wanted.size, 'byte')} were uploaded)")

    def _is_short(self, answer: Answer, wanted: Wanted, count: int) -> bool:
        """Whether the answer to a range contradicts itself."""
        told = _RANGE.fullmatch(answer.header("Content-Range"))
        if answer.broken or not told or int(told[1]) != 0:
            return True
        total = int(told[3]) if told[3] != "*" else wanted.size
        expected = count if total is None else min(count, total)
        return int(told[2]) + 1 != len(answer.body) or len(answer.body) != expected

    def _is_other(self, answer: Answer, wanted: Wanted) -> bool:
        told = _RANGE.fullmatch(answer.header("Content-Range"))
        if told and told[3] != "*" and int(told[3]) != wanted.size:
            return True
        return not wanted.head.startswith(answer.body[: len(wanted.head)])

    def packed(self, answer: Answer, wanted: Wanted) -> Iterator[Problem]:
        """The start of a .gz file, asked for as browsers do, who would unpack it under the viewer."""
        if encoding := _encoding(answer):
            yield self._encoded(answer, encoding)
            return
        length = answer.header("Content-Length")
        other = wanted.size is not None and length.isdecimal() and int(length) != wanted.size
        if other or (wanted.size and not answer.body.startswith(GZIP)):
            yield self._other(answer, f"({text.plural(wanted.size or 0, 'byte')} were uploaded)")

    def encoding(self, answer: Answer) -> Iterator[Problem]:
        """An answer to a request that takes gzip."""
        if answer.status in (200, 206) and (encoding := _encoding(answer)):
            yield self._encoded(answer, encoding)

    def cors(self, answer: Answer) -> Iterator[Problem]:
        """Whether a page of the origin may read the answer, and each redirect on the way to it."""
        if not self._origin:
            return
        allowed = answer.header("Access-Control-Allow-Origin")
        missing = [
            hop
            for hop in answer.hops
            if not _allows(hop.get("Access-Control-Allow-Origin", ""), self._origin)
        ]
        if missing and _allows(allowed, self._origin):
            yield Problem(
                answer.url,
                "is reached through a redirect without CORS headers, which a page of another site may not follow",
                "Set public-url to the address behind the redirect.",
            )
        if not allowed:
            what = f"may not be read by pages of {self._origin}: there is no Access-Control-Allow-Origin"
            yield self._cors_missing(answer, what)
        elif "," in allowed:
            yield Problem(
                answer.url,
                f"has more than one Access-Control-Allow-Origin ({_quoted(allowed)}), which browsers refuse",
                "Let either the bucket or the CDN set it, not both.",
            )
        elif not _allows(allowed, self._origin):
            what = f"may be read by pages of {_quoted(allowed)}, not by those of {self._origin}"
            yield self._cors_missing(answer, what)

    def _cors_missing(self, answer: Answer, what: str) -> Problem:
        return Problem(
            answer.url,
            what,
            "Let a CDN in front pass on the Origin header, and set this as the bucket's CORS rule (in S3's console "
            "under Permissions, Cross-origin resource sharing):",
            cors_rules(self._origin),
        )

    def etag(self, answer: Answer, wanted: Wanted) -> Iterator[Problem]:
        """By the ETag a page that is open notices that a file was replaced."""
        if not self._origin:
            return
        etag = answer.header("ETag")
        if not etag:
            yield Problem(
                answer.url,
                "has no ETag, so a page that is open does not notice when the file is replaced",
                "Let the server or CDN pass on the ETag of the store.",
            )
            return
        if etag.startswith(("W/", "w/")):
            yield Problem(
                answer.url,
                f"has a weak ETag ({_quoted(etag)}), so a page that is open does not notice when the file is replaced",
                "Compression makes ETags weak: turn it off in the server or CDN.",
            )
        exposed = {name.strip().lower() for name in answer.header("Access-Control-Expose-Headers").split(",")}
        readable = _allows(answer.header("Access-Control-Allow-Origin"), self._origin)
        if readable and not exposed & {"etag", "*"}:
            yield Problem(
                answer.url,
                "does not expose its ETag to pages, so every tile fails when the file is replaced while a page is open",
                "Add etag to ExposeHeaders in the CORS of the bucket, as here:",
                cors_rules(self._origin),
            )
        if wanted.etag and _core(etag) != _core(wanted.etag):
            yield Problem(
                answer.url,
                f"has the ETag {_quoted(etag)}, but the store has {_quoted(wanted.etag)}",
                _stale(answer),
            )

    def _broken(self, answer: Answer) -> Problem:
        length = answer.header("Content-Range") or answer.header("Content-Length") or "no length"
        return Problem(
            answer.url,
            f"announces a length ({_quoted(length)}) that differs from what it sends",
            "Something between the store and the reader truncates or changes answers; check the proxy or CDN.",
        )

    def _encoded(self, answer: Answer, encoding: str) -> Problem:
        return Problem(
            answer.url,
            f"comes with Content-Encoding: {_quoted(encoding)}, so browsers decompress what viewers need unchanged",
            "Turn off compression in the server or CDN, or remove the Content-Encoding of the object (run once "
            "with restart: true).",
        )

    def _other(self, answer: Answer, detail: str) -> Problem:
        todo = _stale(answer) if self._origin else "Check the record; if it is right, check again later."
        return Problem(answer.url, f"is not the file that was uploaded {detail}", todo)


def _stale(answer: Answer) -> str:
    """A stale cache, or another place: the headers distinguish them."""
    path = urllib.parse.urlsplit(answer.url).path
    age = answer.header("Age")
    told = f" (the answer is {age} seconds old)" if age.isdecimal() and len(age) < 10 and int(age) else ""
    return (
        f"A cache or CDN in front still has the old file{told}: invalidate {text.shorten(path, 200)} and everything "
        "else that the output changed-keys lists. Without a cache, public-url points to another place than s3-dir."
    )


def _allows(allowed: str, origin: str) -> bool:
    return allowed.strip() in ("*", origin)


def _is_page(answer: Answer) -> bool:
    claims = answer.header("Content-Type").lower().startswith(("text/html", "application/xhtml"))
    return bool(_HTML.match(answer.body[:2048])) or (
        claims and answer.body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")
    )


def _core(etag: str) -> str:
    return etag.removeprefix("W/").removeprefix("w/").strip('"')


def _quoted(value: str) -> str:
    return text.shorten(text.printable(value), 100)


def _encoding(answer: Answer) -> str:
    """The Content-Encoding where it changes anything; some stores keep the framing of an upload there."""
    found = answer.header("Content-Encoding").lower()
    return "" if found in ("", "identity") else found


def _decoded(body: bytes, encoding: str) -> bytes | None:
    """What a browser would make of it; nothing where it could not."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return None
    with contextlib.suppress(zlib.error):
        # As many bytes as catalogs may have, whatever a packed answer comes to.
        return zlib.decompressobj(wbits=47).decompress(body, 64 * 1024 * 1024)
    return None
