"""What a store turned out to do, learnt from its answers and told once."""

from __future__ import annotations

from entrypoint import settings
from entrypoint.destinations.s3 import checksums


class Store:
    """Shared by all uploads of a run.

    Attributes:
        algorithm: checksum that requests carry; nothing where an MD5 has to do.
        may_fall_back: whether the user left the choice to us.
        keeps_checksums: whether the store was seen to keep and tell them.
        knows_conditions: whether it obeys If-Match and If-None-Match.
        etag_is_md5: whether ETags that look like an MD5 are one.
    """

    def __init__(self, chosen: settings.S3Settings, *, is_aws: bool) -> None:
        wanted = settings.Checksum.CRC64NVME if chosen.checksum is settings.Checksum.AUTO else chosen.checksum
        self.algorithm: checksums.Algorithm | None = checksums.ALGORITHMS.get(wanted.upper())
        self.may_fall_back = chosen.checksum is settings.Checksum.AUTO
        self.keeps_checksums = is_aws and self.algorithm is not None
        self.knows_conditions = True
        self.etag_is_md5 = True
        self._notices: dict[str, None] = {}

    def tell(self, notice: str) -> None:
        """Keep a remark, once."""
        self._notices[notice] = None

    @property
    def notices(self) -> tuple[str, ...]:
        """All remarks."""
        return tuple(self._notices)
