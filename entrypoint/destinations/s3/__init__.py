"""S3 and what calls itself so."""

from __future__ import annotations

import functools
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Final

import botocore.exceptions

from entrypoint import destinations, errors, settings
from entrypoint.destinations import Links, Receipt, Remote, State, Verdict, generated
from entrypoint.destinations.s3 import checksums, compare, control, multipart, problems, upload, wire
from entrypoint.destinations.s3.sender import Condition, Overtaken, Sender
from entrypoint.destinations.s3.store import Store
from entrypoint.plan import model

_JOBS: Final = 8
_OPEN_FILES_EACH: Final = 2
"""Connections per file in flight: parts of large files use more than one."""


class S3(destinations.Destination):
    """The destination ``s3://bucket/prefix``.

    Args:
        n_jobs: files in flight; nothing where the number is left to `jobs`.
        delete_extra: what is below the prefix has to be known.
        hide: is told each secret that is found, so that logs mask it.
        run: what GitHub gives the job, for `role-to-assume`.
        patience: how long and how often.
    """

    def __init__(
        self,
        chosen: settings.S3Settings,
        *,
        n_jobs: int | None,
        delete_extra: bool = False,
        cancel: wire.Stop,
        hide: Callable[[str], None],
        run: settings.Run,
        patience: wire.Patience | None = None,
    ) -> None:
        self._patience = patience or wire.Patience()
        self._chosen = chosen
        self._n_jobs = n_jobs or _JOBS
        self._delete_extra = delete_extra
        self._cancel = cancel
        self._ask = control.Control(chosen, run, self._n_jobs, hide, self._patience)
        self._store = Store(chosen, is_aws=self._ask.is_aws)
        self._uploads = multipart.Uploads(self._ask)
        self._listed: dict[str, control.Listed] = {}
        self.removed = 0
        self._listing_denied = False
        self._put_catalogs: set[str] = set()
        self._sent: set[str] = set()
        self._plan = model.Plan(())
        self._uploader: upload.Uploader | None = None

    # Reading

    def preflight(self, plan: model.Plan) -> None:
        """List what is below the prefix; the one request tells bucket, region and credentials too."""
        self._plan = plan
        for scope in plan.scopes:
            self._list(self._key(scope))

    def _list(self, prefix: str) -> None:
        below = f"{prefix}/" if prefix and not prefix.endswith("/") else prefix
        try:
            for page, region in self._ask.listing(below):
                self._cancel.check()
                self._check_region(region)
                for item in page:
                    if item.key != below:
                        self._listed[item.key] = item
        except botocore.exceptions.ClientError as error:
            answer = problems.from_boto(error)
            if not problems.is_denied(answer) or problems.everywhere(answer, ""):
                raise problems.for_bucket(answer, self._chosen.bucket, "s3:ListBucket") from error
            if self._delete_extra:
                raise errors.NotAuthorised(
                    f"Listing s3://{self._chosen.bucket} is not allowed, so delete-extra cannot find what is extra.",
                    "Allow s3:ListBucket on the bucket, or leave delete-extra out.",
                ) from error
            self._listing_denied = True
            self._store.tell(
                "Listing the bucket is not allowed (s3:ListBucket), so nothing can be skipped and nothing extra "
                "found: every file is sent."
            )

    def _check_region(self, region: str) -> None:
        if not region or region == self._ask.region:
            return
        if self._chosen.region:
            raise errors.Refused(
                f"s3://{self._chosen.bucket} is in the region {region}, not in {self._chosen.region}.",
                f"Set aws-region: {region}.",
            )
        self._ask.follow(region)

    def jobs(self, files: Sequence[model.PlannedFile]) -> int:
        """Files in flight for ``n-jobs: auto``."""
        return _JOBS

    def compare(self, file: model.PlannedFile) -> Verdict:
        """By listing where that proves it, else by HEAD."""
        key = self._key(file.name)
        listed = self._listed.get(key)
        if self._listing_denied and file.generated:
            return Verdict(
                State.FOREIGN, "not sent: without s3:ListBucket nobody knows who made what is there"
            )
        if self._listing_denied:
            return Verdict(State.UNKNOWN, "cannot be compared without s3:ListBucket")
        if listed is None:
            return Verdict(State.ABSENT, "not there yet")
        if file.generated:
            return generated.compare(file, file.generated, lambda: self._ask.read(key, checksums.CHUNK))
        return compare.content(
            file,
            listed,
            lambda: compare.head_or_nothing(self._ask, key, self._heads_denied),
            self._cancel.check,
        )

    def _heads_denied(self) -> None:
        self._store.tell("Objects must not be looked at (s3:GetObject), so large files cannot be skipped.")

    def extras(self) -> Sequence[Remote]:
        """Objects below the prefix that neither the plan nor a catalog of it names."""
        below = f"{self._chosen.prefix}/" if self._chosen.prefix else ""
        known = self._plan.names | self._plan.known
        found = ((key.removeprefix(below), item) for key, item in sorted(self._listed.items()))
        return tuple(Remote(name, item.size) for name, item in found if name not in known)

    # Writing

    def begin(self, verdicts: Sequence[tuple[model.PlannedFile, Verdict]], *, remove_extras: bool) -> None:
        """Connect for sending, and look for uploads that were broken off."""
        line = wire.Wire(
            self._ask.target(), self._ask.credentials.for_crt, _OPEN_FILES_EACH * self._n_jobs, self._patience
        )
        self._uploader = upload.Uploader(Sender(self._chosen, self._ask, line, self._store), self._uploads)
        sizes = {self._key(file.name): file.size for file, _ in verdicts}
        self._uploads.find(tuple(self._key(scope) for scope in self._plan.scopes), sizes)

    def put(self, file: model.PlannedFile, watch: destinations.Watch) -> Receipt:
        """Send one file; a catalog only if nobody else replaced it since `look`."""
        assert self._uploader is not None  # begin() comes first
        key = self._key(file.name)
        self._sent.add(key)
        if not file.is_guarded:
            return self._uploader.put(file, key, None, watch)
        self._put_catalogs.add(file.name)
        condition = self._condition(key, file)
        try:
            return self._uploader.put(file, key, condition, watch)
        except Overtaken:
            if self._is_ours(file, key):
                return Receipt(0, "", "same content there")
            raise self._overtaken(file) from None
        except upload.Unconditional:
            self._store.knows_conditions = False
            self._store.tell(
                "This store knows no conditional writes; two runs that end at the same moment could overwrite each "
                "other's catalog."
            )
            return self._uploader.put(file, key, None, watch)

    def _condition(self, key: str, file: model.PlannedFile) -> Condition | None:
        """What the catalog must look like now; stores that ignore conditions are asked beforehand."""
        if self._listing_denied or not self._store.knows_conditions:
            return None
        listed = self._listed.get(key)
        etag = listed.etag if listed else ""
        if not self._ask.is_aws:
            denied: list[str] = []
            found = compare.head_or_nothing(self._ask, key, lambda: denied.append(key))
            if denied:
                return None if listed and not etag else Condition(etag)
            # Some stores list no ETags.
            is_told = not listed or bool(etag)
            now = found.etag if found else ""
            if is_told and now.strip('"') != etag.strip('"') and not self._is_ours(file, key):
                raise self._overtaken(file)
            etag = now or etag
        return Condition(etag)

    def _overtaken(self, file: model.PlannedFile) -> errors.FileFailed:
        return errors.FileFailed(
            f"{file.local!r}: the {'catalog' if file.is_catalog else 'file'} at the destination was replaced by "
            "another run since this one started.",
            "Let one run end before the next one starts (concurrency: in the workflow), then run again.",
        )

    def _is_ours(self, file: model.PlannedFile, key: str) -> bool:
        """Whether the catalog there has our content: our own first attempt, whose answer was lost."""
        found = compare.head_or_nothing(self._ask, key, lambda: None)
        if found is None:
            return False
        listed = control.Listed(key, found.size, found.etag)
        return compare.content(file, listed, lambda: found, self._cancel.check).state is State.SAME

    def remove(self, name: str) -> None:
        """Delete one object."""
        try:
            self._ask.delete(self._key(name))
        except botocore.exceptions.ClientError as error:
            answer = problems.from_boto(error)
            raise errors.FileFailed(
                f"{name!r} could not be deleted ({answer}).",
                "Allow s3:DeleteObject, or leave delete-extra off.",
            ) from error
        self.removed += 1

    def finish(self, *, changed: bool) -> None:
        """Drop uploads that belong to no planned file any more, and look once more at catalogs left alone.

        A catalog of the same content is not written, so no condition tells when another run replaces it
        while this one sends files.

        Raises:
            errors.FileFailed: that happened.
        """
        self._uploads.finish()
        for file in (unit.catalog for unit in self._plan.units if changed):
            if file is None or file.name in self._put_catalogs:
                continue
            key = self._key(file.name)
            denied: list[str] = []
            found = compare.head_or_nothing(self._ask, key, functools.partial(denied.append, key))
            listed = self._listed.get(key)
            if denied or not listed or not listed.etag or (found and found.etag == listed.etag):
                continue
            if not self._is_ours(file, key):
                raise self._overtaken(file)

    def abandon(self) -> None:
        """Drop the multipart uploads of this run."""
        self._uploads.abort_all()

    # Telling

    def links(self) -> Links:
        """Where the prefix and its catalog are."""
        catalogs = {unit.name: unit.catalog.name for unit in self._plan.units if unit.catalog}
        # A root catalog stands for all; a collection without one has a catalog for each sample.
        names = [catalogs[""]] if "" in catalogs else list(catalogs.values())
        return Links(destination=self._chosen.url, catalog="\n".join(self.file_url(name) for name in names))

    def file_url(self, name: str) -> str:
        """https URL of one object, as viewers ask for it."""
        target = self._ask.target()
        scheme = "https" if target.secure else "http"
        return f"{scheme}://{target.host}{target.path}/{urllib.parse.quote(self._key(name), safe='/-_.~')}"

    def etag(self, name: str) -> str:
        """ETag of one object, as far as it is known: as it was listed, unless it was sent since."""
        key = self._key(name)
        return found.etag if key not in self._sent and (found := self._listed.get(key)) else ""

    def notices(self) -> Sequence[str]:
        """What the store turned out not to do."""
        return (*self._store.notices, *self._uploads.notices)

    def close(self) -> None:
        """Close connections; the CRT client ends with the process."""
        self._ask.close()

    def _key(self, name: str) -> str:
        return "/".join(part for part in (self._chosen.prefix, name) if part)
