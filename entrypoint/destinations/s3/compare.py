"""Is what is there what is here? By checksum, with as few requests as prove it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from entrypoint.destinations import State, Verdict
from entrypoint.destinations.s3 import checksums, client, problems
from entrypoint.plan import model

OWN_CHECKSUM: Final = "catalog-upload-crc64nvme"
"""User metadata in which a checksum travels where the store itself keeps none."""
OWN: Final = checksums.OWN
NO_PROOF: Final = "no checksum or MD5 to compare with"
OTHER_MD5: Final = "different MD5 (ETag)"

_MD5: Final = re.compile(r"[0-9a-f]{32}")
_MULTIPART: Final = re.compile(r"[0-9a-f]{32}-[0-9]{1,5}")


def content(
    file: model.PlannedFile,
    listed: client.Listed,
    head: Callable[[], client.Head | None],
    stop: Callable[[], None],
) -> Verdict:
    """Compare one file with the object that a listing shows.

    The ETag of an object that was sent in one request is its MD5 (but under KMS encryption), so the
    listing alone proves sameness; otherwise a HEAD returns the store's checksum, or ours in
    the object's metadata, or the parts' ETag is recomputed. What nothing proves is not called different.

    Args:
        head: asks for the object; nothing where that is not allowed.
    """
    if listed.size != file.size:
        return Verdict(State.DIFFERENT, "different size")
    etag = plain(listed.etag)
    other_md5 = False
    if _MD5.fullmatch(etag) and file.size <= checksums.SINGLE:
        local = checksums.etag(file.source, stop)
        if local == etag:
            return Verdict(State.SAME, "same MD5 (ETag)", f"md5:{local}")
        other_md5 = True
    found = head()
    if found is None:
        return Verdict(State.UNKNOWN, "cannot be compared without s3:GetObject")
    if found.size not in (file.size, -1):
        return Verdict(State.DIFFERENT, "different size")
    if other_md5 and is_md5(found.etag, found.encryption):
        # Not every store checks the checksum that it was given and repeats; its own MD5 says more.
        return Verdict(State.DIFFERENT, OTHER_MD5)
    return _by_checksum(file, found, stop) or _by_own(file, found, stop) or _by_etag(file, found, stop)


def _by_checksum(file: model.PlannedFile, found: client.Head, stop: Callable[[], None]) -> Verdict | None:
    for name, algorithm in checksums.ALGORITHMS.items():
        remote = found.checksums.get(name, "")
        if not remote or not algorithm.is_plausible(remote):
            continue
        etag = plain(found.etag)
        if found.checksum_type == "COMPOSITE" and "-" not in remote and _MULTIPART.fullmatch(etag):
            # Not every store writes the number of parts behind it.
            remote = f"{remote}-{_count(etag)}"
        if "-" in remote:
            # A checksum of checksums says nothing unless the parts are cut alike.
            for cut in checksums.cuts(file.size, _count(remote)):
                if checksums.composite(file.source, algorithm, cut, stop) == remote:
                    return Verdict(State.SAME, f"same {name} (of parts)", f"{name.lower()}:{remote}")
            continue
        local = checksums.of_file(file.source, algorithm, stop)
        same = checksums.encode(local) == remote
        state, reason = (State.SAME, f"same {name}") if same else (State.DIFFERENT, f"different {name}")
        return Verdict(state, reason, algorithm.show(local))
    return None


def _by_own(file: model.PlannedFile, found: client.Head, stop: Callable[[], None]) -> Verdict | None:
    remote = found.metadata.get(OWN_CHECKSUM)
    # An ETag that is the content's MD5 says more: metadata stay when a gateway's file is changed behind it.
    if not remote or is_md5(found.etag, found.encryption):
        return None
    local = checksums.of_file(file.source, OWN, stop)
    if checksums.encode(local) == remote:
        return Verdict(State.SAME, "same CRC64NVME (our metadata)", OWN.show(local))
    return Verdict(State.DIFFERENT, "different CRC64NVME (our metadata)", OWN.show(local))


def _by_etag(file: model.PlannedFile, found: client.Head, stop: Callable[[], None]) -> Verdict:
    etag = plain(found.etag)
    if is_md5(etag, found.encryption):
        if checksums.etag(file.source, stop) == etag:
            return Verdict(State.SAME, "same MD5 (ETag)", f"md5:{etag}")
        return Verdict(State.DIFFERENT, OTHER_MD5)
    if _MULTIPART.fullmatch(etag):
        cuts = checksums.cuts(file.size, _count(etag))
        for cut in cuts:
            if checksums.multipart_etag(file.source, cut, stop) == etag:
                return Verdict(State.SAME, "same MD5 of parts (ETag)", f"etag:{etag}")
        return Verdict(State.UNKNOWN, "different content, or sent in parts of another size")
    return Verdict(State.UNKNOWN, NO_PROOF)


def by_reading(file: model.PlannedFile, found: client.Client, key: str) -> Verdict:
    """Compare one file with an object by reading it."""
    there = OWN.of(b"")
    assert OWN.combine is not None  # a CRC
    size = 0
    with found.read(key) as pieces:
        for piece in pieces:
            found.check()
            there = OWN.combine(there, OWN.of(piece), len(piece))
            size += len(piece)
    local = checksums.of_file(file.source, OWN, found.check)
    if size == file.size and there == local:
        return Verdict(State.SAME, "same content, read back", OWN.show(local))
    return Verdict(State.DIFFERENT, "different content, read back", OWN.show(local))


def _count(checksum: str) -> int:
    """Number of parts, from the end of a checksum of checksums; 0 if it has none."""
    count = checksum.rpartition("-")[2]
    return int(count) if count.isascii() and count.isdecimal() else 0


def plain(etag: str) -> str:
    """An ETag as it is compared. Gateways make weak ones of them, and some stores write capitals."""
    return etag.removeprefix("W/").strip('"').lower()


def is_md5(etag: str, encryption: str) -> bool:
    """Whether an ETag can be the MD5 of the content: not of parts, and not under other than AES256."""
    return bool(_MD5.fullmatch(plain(etag))) and encryption in ("", "AES256")


def is_multipart(etag: str) -> bool:
    """Whether an ETag can be the MD5 of the MD5s of parts."""
    return bool(_MULTIPART.fullmatch(plain(etag)))


def head_or_none(ask: client.Client, key: str, denied: Callable[[], None]) -> client.Head | None:
    """HEAD an object; None if it is gone or reading it is denied (then `denied` is called)."""
    try:
        return ask.head(key)
    except problems.Failed as error:
        answer = error.answer
        if answer.status == 404:
            return None
        if found := problems.fatal_error(answer, f"s3://{ask.bucket}"):
            raise found from error
        if not problems.is_denied(answer):
            raise problems.for_file(answer, key, "s3:GetObject") from error
        denied()
        return None
