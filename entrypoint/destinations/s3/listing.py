"""What is at the destination: by listing where that is worth it, else by asking for what is planned."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent import futures
from dataclasses import dataclass
from typing import Final

from entrypoint import errors
from entrypoint.destinations import Remote
from entrypoint.destinations.s3 import client, problems

_PER_PAGE: Final = 12
"""Requests for one object that a page of a listing is worth: AWS charges for a list what it takes for 12 of them."""
_LISTS: Final = 16
"""Listings at a time, where each sample of a collection has its own."""


@dataclass(frozen=True)
class Found:
    """An object that is there.

    Attributes:
        head: where it was asked for by itself.
    """

    listed: client.Listed
    head: client.Head | None = None


class Listing:
    """What is at the destination. Thread-safe.

    Args:
        prefix: of the destination, with its last slash, or empty.
        known: remote names that are not extra though they are not planned.
        everything: what is extra has to be known whole.

    Attributes:
        extras: objects that are neither planned nor known, as far as they were listed.
        denied: whether listing is not allowed.
    """

    def __init__(
        self,
        ask: client.Client,
        prefix: str,
        planned: frozenset[str],
        known: frozenset[str],
        *,
        everything: bool,
    ) -> None:
        self._ask = ask
        self._prefix = prefix
        self._planned = planned
        self._known = known
        self._everything = everything
        self._lock = threading.Lock()
        self._objects: dict[str, client.Listed] = {}
        self._unlisted: list[str] = []
        self._heads_denied = False
        self.extras: list[Remote] = []
        self.denied = False

    @property
    def whole(self) -> bool:
        """Whether everything was listed, so that `extras` is complete."""
        return not self._unlisted and not self.denied

    def list_all(self, scopes: Mapping[str, int]) -> None:
        """List some folders, as far as that is cheaper than single requests.

        Args:
            scopes: folders without a last slash, and how many files are planned in each.

        Raises:
            problems.Failed: of the first listing that does not work.
            errors.PublishError
        """
        if len(scopes) < 2:
            for scope, count in scopes.items():
                self._list(scope, count)
        else:
            first, *rest = scopes.items()
            self._list(*first)  # checks bucket, region and credentials for all
            with futures.ThreadPoolExecutor(_LISTS, thread_name_prefix="list") as pool:
                waiting = [pool.submit(self._list, scope, count) for scope, count in rest]
                try:
                    for each in waiting:
                        each.result()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        # Not every store lists each object once.
        self.extras = sorted(
            {extra.name: extra for extra in self.extras}.values(), key=lambda extra: extra.name
        )

    def _list(self, scope: str, count: int) -> None:
        below = f"{self._prefix}{scope}/" if scope else self._prefix
        left = None if self._everything else 1 + count // _PER_PAGE
        begin: client.Query = ()
        seen = 0
        while True:
            self._ask.check()
            page = self._ask.page(below, begin)
            self._take(page, below)
            seen += len(page.objects)
            begin = page.following
            if not begin:
                return
            if left is not None and (left := left - 1) <= 0:
                break
        with self._lock:
            self._unlisted.append(below)
        self._ask.store.tell(
            f"More than {seen:,} objects are below s3://{self._ask.bucket}/{below}; only the planned ones were "
            "checked, and extra ones are not listed."
        )

    def _take(self, page: client.Page, below: str) -> None:
        with self._lock:
            for item in page.objects:
                if item.key == below or not item.key.startswith(below):
                    continue  # the folder itself, or a store that looks at no prefix
                name = item.key.removeprefix(self._prefix)
                if name in self._planned:
                    self._objects[name] = item
                elif name not in self._known:
                    self.extras.append(Remote(name, item.size))

    def listed(self, name: str) -> client.Listed | None:
        """An object as it was when the run began, if it was checked."""
        return self._objects.get(name)

    def find(self, name: str) -> Found | None:
        """A planned object, asked for where it was not listed; nothing where there is none.

        Raises:
            errors.PublishError
        """
        found = self._objects.get(name)
        key = f"{self._prefix}{name}"
        if found or not any(key.startswith(below) for below in self._unlisted):
            return Found(found) if found else None
        head: client.Head | None = None
        try:
            if not self._heads_denied:
                head = self._ask.head(key)
                found = client.Listed(key, head.size, head.etag)
        except problems.Failed as error:
            if error.answer.status == 404:
                return None
            self._heads_denied = True
        if found is None or found.size < 0:
            found = self._first(key)
        if found is None:
            return None
        with self._lock:
            self._objects[name] = found
        return Found(found, head)

    def _first(self, key: str) -> client.Listed | None:
        """An object by a listing that begins with it: for those who may list and not look."""
        try:
            page = self._ask.page(key, most=1)
        except problems.Failed as error:
            what = f"s3://{self._ask.bucket}"
            raise problems.fatal_error(error.answer, what) or problems.for_file(
                error.answer, key, "s3:ListBucket"
            ) from error
        return next((item for item in page.objects if item.key == key), None)


def failed(error: problems.Failed, bucket: str) -> errors.PublishError:
    """What a listing that does not work means for the run."""
    return error.error or problems.for_bucket(error.answer, bucket, "s3:ListBucket")
