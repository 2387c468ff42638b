"""What an answer to a body proves, and reading an object back where it proves nothing or something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from entrypoint import errors
from entrypoint.destinations.s3 import checksums, client, compare, problems
from entrypoint.destinations.s3.store import Store

BY_MD5: Final = "MD5 (ETag)"


def of_answer(
    store: Store,
    answer: Mapping[str, str],
    algorithm: checksums.Algorithm | None,
    digest: bytes,
    md5: Callable[[], bytes],
) -> str | None:
    """What in an answer proves the bytes: a name, empty where there is nothing, None where it is wrong.

    No ETag at all is wrong too: the answer is not the store's, but for example that of a gateway that says it is down
    with a status of 200.

    Args:
        answer: headers, names in lower case.
        md5: of the bytes.
    """
    said = answer.get(algorithm.header, "") if algorithm else ""
    if algorithm and (said == checksums.encode(digest) or algorithm.is_plausible(said)):
        store.keeps_checksums = True
        return algorithm.name if said == checksums.encode(digest) else None
    if algorithm:
        store.keeps_checksums = False  # or writes another one's in its place; the MD5 counts
    etag = answer.get("etag", "")
    if not etag:
        return None
    encryption = answer.get("x-amz-server-side-encryption", "")
    if store.etag_is_md5 and compare.is_md5(etag, encryption):
        return BY_MD5 if compare.plain(etag) == md5().hex() else None
    store.tell(
        "This store returns neither a checksum nor an ETag that is an MD5; a file counts as verified when "
        "the store accepted a request that carried its checksum."
    )
    return ""


def by_reading(ask: client.Client, key: str, size: int, own: bytes, *, had_etag: bool) -> bool:
    """Whether an object has this CRC64NVME; asked when an answer says otherwise, or nothing.

    Some stores make up ETags that look like an MD5 and are none; then they are not believed again.
    """
    found, position = compare.OWN.of(b""), 0
    assert compare.OWN.combine is not None  # a CRC
    try:
        with ask.read(key) as pieces:
            for piece in pieces:
                ask.check()
                found = compare.OWN.combine(found, compare.OWN.of(piece), len(piece))
                position += len(piece)
    except (problems.Failed, errors.Unreachable):
        return False
    if found != own or position != size:
        return False
    if had_etag:
        ask.store.etag_is_md5 = False
        ask.store.tell("The ETags of this store are not MD5 checksums; they are not used.")
    return True
