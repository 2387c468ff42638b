"""Whether a store kept what an object was to be: some drop tags, classes or owners without a word."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from entrypoint import errors, settings
from entrypoint.destinations.s3 import checksums, client, problems
from entrypoint.plan import model


class Readback:
    """Looks at one object of each kind (in one request, in parts) on stores that are not AWS. Thread-safe."""

    def __init__(self, chosen: settings.S3Settings, ask: client.Client) -> None:
        self._chosen = chosen
        self._ask = ask
        self._lock = threading.Lock()
        asked = chosen.tags or chosen.metadata or chosen.storage_class or chosen.acl or chosen.sse
        described = chosen.cache_control or chosen.content_type
        self._left = {False, True} if (asked or described) and not ask.store.is_aws else set[bool]()

    def look(self, file: model.PlannedFile, key: str) -> None:
        """Check an object that was just sent, if it is the first of its kind. Does not raise."""
        in_parts = file.size > checksums.SINGLE
        with self._lock:
            if in_parts not in self._left:
                return
            self._left.discard(in_parts)
        kind = "sent in parts" if in_parts else "sent in one request"
        lost = [*self._of_head(file, key), *self._of_tags(key, kind), *self._of_acl(key)]
        if lost:
            self._ask.store.tell(
                f"This store did not keep these settings of objects that are {kind}: {', '.join(lost)}."
            )

    def _of_head(self, file: model.PlannedFile, key: str) -> list[str]:
        try:
            head = self._ask.head(key)
        except (problems.Failed, errors.PublishError):
            return []
        chosen, said = self._chosen, head.headers
        wanted: Mapping[str, tuple[str, str]] = {
            "storage-class": (chosen.storage_class, said.get("x-amz-storage-class", "STANDARD")),
            "sse": (chosen.sse, said.get("x-amz-server-side-encryption", "")),
            "content-type": (file.media_type, said.get("content-type", "")),
            "cache-control": (file.cache_control, said.get("cache-control", "")),
        }
        lost = [name for name, (asked, kept) in wanted.items() if asked and asked.lower() != kept.lower()]
        if any(head.metadata.get(name.lower()) != value for name, value in chosen.metadata):
            lost.append("metadata")
        return lost

    def _of_tags(self, key: str, kind: str) -> list[str]:
        if not self._chosen.tags:
            return []
        try:
            return [] if self._ask.tags(key) == dict(self._chosen.tags) else ["tags"]
        except (problems.Failed, errors.PublishError) as error:
            why = str(error.answer) if isinstance(error, problems.Failed) else error.message
            self._ask.store.tell(
                f"Whether the tags of objects that are {kind} were kept could not be checked ({why})."
            )
            return []

    def _of_acl(self, key: str) -> list[str]:
        if not self._chosen.acl.startswith("public-read"):
            return []
        try:
            return [] if b"groups/global/AllUsers" in self._ask.acl(key) else ["acl"]
        except (problems.Failed, errors.PublishError):
            return []
