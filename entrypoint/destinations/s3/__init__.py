"""S3 and what calls itself so."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from entrypoint import destinations, errors, settings
from entrypoint.destinations import Links, Receipt, Remote, State, Verdict, generated
from entrypoint.destinations.s3 import (
    checksums,
    client,
    compare,
    configuration,
    credentials,
    dial,
    guarded,
    listing,
    pool,
    problems,
    readback,
    unfinished,
    upload,
)
from entrypoint.plan import model

Patience = dial.Patience

_SMALL_JOBS: Final = 256
"""Small files in flight, at most: a request mostly waits."""
_LARGE_AT_A_TIME: Final = 4
"""Files in parts at a time: their parts go side by side."""
_REQUESTS: Final = 256 + upload.PARTS
"""Requests at a time, at most."""
_READ_BACK: Final = 1024 * 1024 * 1024
"""Bytes of the largest object that `verify-only` reads where nothing else proves its content."""
_START: Final = 60.0
"""Seconds in which the first request is sent, if ever."""
_NO_ACCOUNT: Final = ("000000000000", "111111111111")


class Stop(Protocol):
    """Something that is asked whether to go on."""

    def check(self) -> None:
        """Raise `errors.Cancelled` if the run is to stop."""


class S3(destinations.Destination):
    """The destination ``s3://bucket/prefix``.

    Args:
        n_jobs: files in flight; nothing where the number is left to `jobs`.
        delete_extra: what is below the prefix has to be known.
        verify_only: objects may be read where nothing else proves what they hold.
        environ: where credentials, endpoints, proxies and certificates are found.
        hide: called with each secret that is found, so that logs mask it.
        run: what GitHub gives the job, for `role-to-assume`.
        patience: time-outs and number of retries.
        reporter: receives each request.

    Raises:
        errors.PublishError: there are no credentials, or the configuration cannot be used.
    """

    def __init__(
        self,
        chosen: settings.S3Settings,
        *,
        n_jobs: int | None,
        delete_extra: bool = False,
        verify_only: bool = False,
        environ: Mapping[str, str],
        cancel: Stop,
        hide: Callable[[str], None],
        run: settings.Run,
        patience: dial.Patience | None = None,
        reporter: destinations.Reporter | None = None,
    ) -> None:
        self._chosen = chosen
        self._n_jobs = n_jobs
        self._delete_extra = delete_extra
        self._verify_only = verify_only
        self._cancel = cancel
        found = configuration.read(chosen, environ)
        self._pool = pool.Pool(found.network(), patience or dial.Patience())
        reporter = reporter or destinations.Silent()
        with reporter.waiting("AWS credentials"):
            keys = credentials.Credentials(chosen, found, run, hide, cancel.check)
        self._ask = client.Client(chosen, found, keys, self._pool, _REQUESTS, cancel.check, reporter)
        self._store = self._ask.store
        self._uploads = unfinished.Uploads(self._ask)
        self._kept = readback.Readback(chosen, self._ask)
        threading.Thread(target=self._load, name="load", daemon=True).start()
        self._prefix = f"{chosen.prefix}/" if chosen.prefix else ""
        self._plan = model.Plan(())
        self._there = listing.Listing(
            self._ask, self._prefix, frozenset(), frozenset(), everything=delete_extra
        )
        self._guarded = guarded.Guarded(self._ask, self._prefix, self._there)
        self._uploader: upload.Uploader | None = None
        self._lock = threading.Lock()
        self._same: set[str] = set()
        self._put: set[str] = set()
        self._put_catalogs: set[str] = set()
        self._may_delete_many = True
        self.removed = 0

    # Reading

    def preflight(self, plan: model.Plan) -> None:
        """List the prefix; the first request also checks bucket, region and credentials."""
        self._plan = plan
        self._there = listing.Listing(
            self._ask, self._prefix, plan.names, plan.known, everything=self._delete_extra
        )
        self._guarded = guarded.Guarded(self._ask, self._prefix, self._there)
        try:
            self._there.list_all(self._scopes(plan))
        except problems.Failed as error:
            answer = error.answer
            if self._chosen.expected_bucket_owner and problems.is_unknown(answer):
                raise errors.Refused(
                    f"s3://{self._chosen.bucket}: the store refused to list the bucket ({answer}).",
                    "Perhaps it does not support expected-bucket-owner: leave it out.",
                ) from error
            if not problems.is_denied(answer) or problems.fatal_error(answer, ""):
                raise listing.failed(error, self._chosen.bucket) from error
            if self._delete_extra:
                raise errors.NotAuthorised(
                    f"Listing s3://{self._chosen.bucket} is not allowed ({answer}), so delete-extra cannot find what "
                    "is extra.",
                    "Allow s3:ListBucket on the bucket, or leave delete-extra out.",
                ) from error
            self._there.denied = True
            self._store.tell(
                f"Listing the bucket is not allowed (s3:ListBucket; {answer}), so no file can be skipped and no extra "
                "file found: every file is sent."
            )
            return
        self._check_owner()

    def _scopes(self, plan: model.Plan) -> dict[str, int]:
        """The plan's folders, and how many files are planned in each."""
        if len(plan.scopes) == 1:
            return {plan.scopes[0]: len(plan)}
        count = Counter(file.unit for file in plan)
        return {scope: count[scope] for scope in plan.scopes}

    def _check_owner(self) -> None:
        """See whether a store that is not AWS looks at the owner at all: ask with one who cannot be it."""
        owner = self._chosen.expected_bucket_owner
        if not owner or self._store.is_aws:
            return
        other = next(account for account in _NO_ACCOUNT if account != owner)
        try:
            self._ask.page(self._prefix, most=1, owner=other)
        except (problems.Failed, errors.PublishError):
            return
        self._store.tell("This store ignores expected-bucket-owner: the bucket's owner was not checked.")

    def _load(self) -> None:
        """While the first request waits for its answer, load what the next ones need. Not before: loading stops
        every other thread."""
        if self._pool.busy.wait(_START):
            checksums.library()

    def jobs(self, files: Sequence[model.PlannedFile]) -> int:
        """Files in flight for ``n-jobs: auto``: as many as are there, for their bytes are bounded elsewhere."""
        return max(1, min(_SMALL_JOBS, len(files)))

    def compare(self, file: model.PlannedFile) -> Verdict:
        """By listing where that proves it, else by HEAD."""
        if self._there.denied and file.generated:
            return Verdict(
                State.FOREIGN, "not sent: without s3:ListBucket it is unknown who made the existing file"
            )
        if self._there.denied:
            return Verdict(State.UNKNOWN, "cannot be compared without s3:ListBucket")
        found = self._there.find(file.name)
        if found is None:
            return Verdict(State.ABSENT, "not uploaded yet")
        key = self._key(file.name)
        if file.generated:
            return generated.compare(file, file.generated, lambda: self._pieces(key))

        def head() -> client.Head | None:
            return found.head or compare.head_or_none(self._ask, key, self._heads_denied)

        verdict = compare.content(file, found.listed, head, self._cancel.check)
        if verdict.state is State.UNKNOWN and verdict.reason == compare.NO_PROOF:
            self._store.tell(
                "This store returns neither a checksum nor an MD5 for some objects; their files are sent again by "
                "every run."
            )
        # An ETag that looks like an MD5 is not one everywhere.
        doubted = verdict.state is State.UNKNOWN or (
            verdict.reason == compare.OTHER_MD5 and not self._store.is_aws
        )
        if doubted and self._verify_only and file.size <= _READ_BACK:
            verdict = self._read_back(file, key, verdict)
        if verdict.state is State.SAME:
            with self._lock:
                self._same.add(file.name)
        return verdict

    def _pieces(self, key: str) -> Iterator[bytes]:
        with self._ask.read(key) as pieces:
            yield from pieces

    def _read_back(self, file: model.PlannedFile, key: str, verdict: Verdict) -> Verdict:
        try:
            return compare.by_reading(file, self._ask, key)
        except problems.Failed:
            return verdict

    def _heads_denied(self) -> None:
        self._store.tell("Reading objects is not allowed (s3:GetObject), so large files cannot be skipped.")

    def extras(self) -> Sequence[Remote]:
        """Objects below the prefix that neither the plan nor a catalog of it names, where all were listed."""
        return tuple(self._there.extras) if self._there.whole else ()

    # Writing

    def begin(self, verdicts: Sequence[tuple[model.PlannedFile, Verdict]], *, remove_extras: bool) -> None:
        """Look for uploads that were broken off."""
        large = None if self._n_jobs else _LARGE_AT_A_TIME
        self._uploader = upload.Uploader(self._chosen, self._ask, self._uploads, large)
        sizes = {self._key(file.name): file.size for file, _ in verdicts if file.size > checksums.SINGLE}
        self._uploads.look(tuple(self._key(scope) for scope in self._plan.scopes), sizes)

    def put(self, file: model.PlannedFile, watch: destinations.Watch) -> Receipt:
        """Send one file; a catalog only if no other run replaced it since `preflight`."""
        assert self._uploader is not None  # begin() comes first
        key = self._key(file.name)
        if file.generated:
            # A page must not stand beside another run's catalog.
            for unit in self._plan.units:
                if unit.name == file.unit and unit.catalog:
                    self._guarded.check(unit.catalog)
        if file.is_guarded:
            self._put_catalogs.add(file.name)
            receipt = self._guarded.put(self._uploader, file, key, watch)
        else:
            receipt = self._uploader.put(file, key, None, watch)
        with self._lock:
            self._put.add(file.name)
        self._kept.look(file, key)
        return receipt

    def remove(self, name: str) -> None:
        """Delete one object."""
        try:
            self._ask.delete(self._key(name))
        except problems.Failed as error:
            raise self._not_deleted(name, error.answer) from error
        self.removed += 1

    def remove_many(self, names: Sequence[str]) -> Iterator[tuple[str, errors.FileFailed | None]]:
        """Delete objects, a thousand with each request; where the store does not know that, one by one."""
        for start in range(0, len(names), client.PAGE):
            batch = names[start : start + client.PAGE]
            yield from self._remove_batch(batch) if self._may_delete_many else map(self._remove_one, batch)

    def _remove_batch(self, names: Sequence[str]) -> Iterator[tuple[str, errors.FileFailed | None]]:
        try:
            failed = self._ask.delete_many([self._key(name) for name in names])
        except (problems.Failed, errors.Refused):
            self._may_delete_many = False
            yield from map(self._remove_one, names)
            return
        for name in names:
            answer = failed.get(self._key(name))
            self.removed += answer is None
            yield name, self._not_deleted(name, answer) if answer else None

    def _remove_one(self, name: str) -> tuple[str, errors.FileFailed | None]:
        try:
            self.remove(name)
        except errors.FileFailed as error:
            return name, error
        return name, None

    def _not_deleted(self, name: str, answer: problems.Answer) -> errors.FileFailed:
        return errors.FileFailed(
            f"{name!r} could not be deleted ({answer}).", "Allow s3:DeleteObject, or leave delete-extra off."
        )

    def finish(self, *, changed: bool) -> None:
        """Abort uploads of files that are no longer planned, and check unchanged catalogs again.

        A catalog with the same content is not written, so no condition detects that another run replaces it
        while this one sends files.

        Raises:
            errors.FileFailed: that happened.
        """
        self._uploads.finish()
        for file in (unit.catalog for unit in self._plan.units if changed):
            if file and file.name not in self._put_catalogs:
                self._guarded.check(file)

    def abandon(self) -> None:
        """Drop the multipart uploads of this run."""
        if self._uploader is not None:
            self._uploader.close()
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
        return self._ask.url_of(self._key(name))

    def read(self, name: str, limit: int) -> bytes | None:
        """Content of one object; nothing where it is larger, or may not be read."""
        content = bytearray()
        try:
            for piece in self._pieces(self._key(name)):
                content += piece
                if len(content) > limit:
                    return None
        except (problems.Failed, errors.Refused, errors.Unreachable, errors.NotAuthorised):
            return None
        return bytes(content)

    def etag(self, name: str) -> str:
        """ETag of one object: of what was sent, else as it was when the run began."""
        if self._uploader is not None and (sent := self._uploader.etags.get(self._key(name))) is not None:
            return sent
        found = self._there.listed(name)
        return found.etag if found and name not in self._put else ""

    def notices(self) -> Sequence[str]:
        """What the store turned out not to do, and what was not done."""
        return (*self._store.notices, *self._not_applied())

    def _not_applied(self) -> Sequence[str]:
        """Settings of objects that were skipped because their content is there."""
        chosen = self._chosen
        given = {
            "acl": chosen.acl,
            "storage-class": chosen.storage_class,
            "sse": chosen.sse,
            "cache-control": chosen.cache_control,
            "content-type": chosen.content_type,
            "tags": chosen.tags,
            "metadata": chosen.metadata,
        }
        names = [name for name, value in given.items() if value]
        skipped = len(self._same - self._put)
        if not names or not skipped or self._verify_only:
            return ()
        files = "1 file that was" if skipped == 1 else f"{skipped:,} files that were"
        notice = (
            f"Not applied to {files} skipped as up to date: {', '.join(names)}. "
            "restart: true sends them again and applies it."
        )
        return (notice,)

    def close(self) -> None:
        """Close connections."""
        if self._uploader is not None:
            self._uploader.close()
        self._pool.close()

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}" if name else self._prefix.rstrip("/")
