"""Runs a plan against a destination: compare, send, verify, the barrier before a catalog, cancel.

The plan says what to do, and the destination how to send a file; this module decides *when*, and
keeps the results.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from entrypoint import destinations, errors, safeguards, verdicts, workers
from entrypoint.destinations import State, Verdict
from entrypoint.outcome import ExtraResult, FileResult, Mode, Status
from entrypoint.plan import model

_FIRST_THREADS: Final = 32
"""Threads to begin with where their number is left to us."""
_GIVE_UP: Final = 10.0
"""Seconds since the last success, after which a series of failures of one kind is expected to continue."""
_CLEAN_UP: Final = 15.0
"""Seconds for cleaning up after a failure."""


class Observer(Protocol):
    """Receives the progress; called from several threads."""

    def started(self, files: int, size: int) -> None:
        """Sending begins: number of files and bytes to send."""

    def moved(self, count: int) -> None:
        """`count` bytes more, or fewer when they have to be sent again."""

    def done(self, result: FileResult) -> None:
        """A file is finished."""


@dataclass(frozen=True)
class Rules:
    """How a plan is to be run; see the inputs of the same names."""

    mode: Mode
    n_jobs: int | None
    """Files in flight; nothing leaves the number to the destination."""
    restart: bool = False
    overwrite: bool = True
    delete_extra: bool = False


@dataclass
class _Watch:
    observer: Observer
    cancel: workers.Cancel
    sent: int = 0

    def moved(self, count: int) -> None:
        self.sent += count
        self.observer.moved(count)

    def check(self) -> None:
        self.cancel.check()


class Transfer:
    """One run. `results` and `extras` are up to date at any time, also after an error.

    Attributes:
        replaced: content of the catalogs that were there and differ from ours, by name.
    """

    def __init__(
        self,
        plan: model.Plan,
        destination: destinations.Destination,
        rules: Rules,
        observer: Observer,
        cancel: workers.Cancel,
    ) -> None:
        self._plan = plan
        self._destination = destination
        self._rules = rules
        self._observer = observer
        self._cancel = cancel
        self._lock = threading.Lock()
        self._results: dict[str, FileResult] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._consecutive_failures: list[errors.FileFailed] = []
        self._last_success = float("-inf")
        made = {unit.name: sum(bool(file.generated) for file in unit.files) for unit in plan.units}
        self._pending = {unit.name: len(unit.files) - made[unit.name] for unit in plan.units}
        self._pending_made = made
        self._barrier_moved = True
        self._current: workers.Pool | None = None
        self._size = 1
        self.extras: tuple[ExtraResult, ...] = ()
        self.replaced: dict[str, bytes] = {}

    @property
    def results(self) -> tuple[FileResult, ...]:
        """One result per planned file, in the plan's order."""
        with self._lock:
            return tuple(self._results.get(file.name) or _unstarted(file) for file in self._plan)

    def run(self) -> None:
        """Run the plan.

        Raises:
            errors.PublishError: what ended the run early; files that failed do not raise.
        """
        try:
            workers.interruptible(lambda: self._destination.preflight(self._plan), self._cancel)
            self.extras = tuple(ExtraResult(e.name, e.size, goes=e.goes) for e in self._destination.extras())
            if self._rules.delete_extra:
                safeguards.refuse_other_catalogs(self.extras)
            self._compare()
            if self._rules.mode is not Mode.VERIFY:
                self._read_replaced()
            if self._rules.mode is not Mode.PUBLISH or not self._may_overwrite():
                if self._rules.mode is Mode.DRAFT and self._may_overwrite() and not self._results:
                    self._open_draft()
                self._conclude_without_sending()
                return
            changed = self._publish()
            if self._all_well():
                workers.interruptible(lambda: self._destination.finish(changed=changed), self._cancel)
            else:
                self._abandon()
        except BaseException:
            self._abandon()
            raise
        self._raise_if_all_failed()

    def _pool(self, files: Sequence[model.PlannedFile]) -> workers.Pool:
        """Threads for these files: as many as the user wants, or else as many as help."""
        chosen = self._rules.n_jobs
        size = chosen or max(1, self._destination.jobs(files))
        self._current = workers.Pool(size, self._cancel, chosen or _FIRST_THREADS)
        return self._current

    def _abandon(self) -> None:
        """Let the destination clean up, for a limited time: a dead network would not answer that either."""
        thread = threading.Thread(target=self._destination.abandon, name="abandon", daemon=True)
        thread.start()
        thread.join(workers.GRACE if self._cancel.is_set else _CLEAN_UP)

    # Reading

    def _compare(self) -> None:
        def one(file: model.PlannedFile) -> None:
            self._cancel.check()
            try:
                verdict = self._destination.compare(file)
            except errors.FileFailed as error:
                self._finish(_failed(file, error))
                return
            with self._lock:
                self._verdicts[file.name] = verdict

        with self._pool(tuple(self._plan)) as pool:
            for file in self._plan:
                pool.submit(one, file)
            pool.drain()

    def _read_replaced(self) -> None:
        differ = {n for n, verdict in self._verdicts.items() if verdict.state is State.DIFFERENT}
        files = [file for file in self._plan if file.is_catalog and file.name in differ]
        self.replaced = safeguards.read_replaced(self._destination, files, self._cancel)

    def _may_overwrite(self) -> bool:
        """With overwrite: false, any remote file with other content stops everything before a byte is sent."""
        if self._rules.overwrite:
            return True
        return not any(verdicts.may_differ(verdict) for verdict in self._verdicts.values())

    def _conclude_without_sending(self) -> None:
        """Results of a run that sends no file: dry-run, verify-only, draft-only, or a refused overwrite."""
        rules = self._rules
        mode = rules.mode
        for file in self._plan:
            if verdict := self._verdicts.get(file.name):
                is_due = self._is_to_send(file)
                result = verdicts.unsent(file, verdict, mode, is_due=is_due, overwrite=rules.overwrite)
                self._finish(result)
        found = list(self._verdicts.values())
        if mode is Mode.VERIFY and found and all(each.state is State.UNKNOWN for each in found):
            raise errors.NotAuthorised(f"Nothing could be verified: {found[0].reason}.")
        if mode in (Mode.DRY_RUN, Mode.DRAFT):
            self.extras = tuple(
                dataclasses.replace(e, planned=not e.deleted and (self._rules.delete_extra or e.goes))
                for e in self.extras
            )

    # Writing

    def _publish(self) -> bool:
        """Send what is to be sent; whether anything was."""
        to_send = [file for file in self._plan if self._is_to_send(file)]
        for file in self._plan:
            verdict = self._verdicts.get(file.name)
            if verdict and not self._is_to_send(file):
                self._finish(FileResult(file, Status.SKIPPED, verdict.reason, checksum=verdict.checksum))
        removing = self._removing
        if to_send or removing:
            self._begin()
        self._observer.started(len(to_send), sum(file.size for file in to_send))
        if to_send:
            self._send(to_send)
        if removing and self._all_well():
            self._remove()
        return bool(to_send) or removing

    @property
    def _removing(self) -> bool:
        return self._rules.delete_extra and bool(self.extras)

    def _begin(self) -> None:
        verdicts = [(file, self._verdicts[file.name]) for file in self._plan if file.name in self._verdicts]
        removing = self._removing
        workers.interruptible(lambda: self._destination.begin(verdicts, remove_extras=removing), self._cancel)
        self._note_removed()

    def _open_draft(self) -> None:
        """Create the draft if anything must be sent, and compare again: with `restart` it is empty now."""
        if not (self._removing or any(self._is_to_send(file) for file in self._plan)):
            return
        self._begin()
        if self._rules.restart:
            self._verdicts = {}
            self._compare()

    def _is_to_send(self, file: model.PlannedFile) -> bool:
        verdict = self._verdicts.get(file.name)
        if verdict is None or verdict.state is State.FOREIGN:
            return False
        return verdict.state is not State.SAME or (self._rules.restart and not verdict.final)

    def _send(self, to_send: Sequence[model.PlannedFile]) -> None:
        """All data files of all units through one pool, largest first; the rest of each unit behind its barrier."""
        wanted = {file.name for file in to_send}
        data = [file for file in to_send if not file.is_guarded]
        data.sort(key=lambda file: (-file.size, file.name))
        guarded = [(unit, file) for unit in self._plan.units for file in unit if file.is_guarded]
        waiting = [(unit, file) for unit, file in guarded if file.name in wanted]
        with self._pool(to_send) as pool:
            for file in data:
                pool.submit(self._put, file)
            while True:
                ready = self._ready(waiting)
                for unit, file in ready:
                    waiting.remove((unit, file))
                    if reason := self._barrier(unit, file):
                        self._finish(FileResult(file, Status.WITHHELD, reason))
                    else:
                        pool.submit(self._put, file)
                if not ready and not pool.step():
                    break

    def _ready(
        self, waiting: Sequence[tuple[model.Unit, model.PlannedFile]]
    ) -> list[tuple[model.Unit, model.PlannedFile]]:
        """Guarded files that can be sent now; checked only after a relevant change, not after every file."""
        with self._lock:
            moved, self._barrier_moved = self._barrier_moved, False
        return [(unit, file) for unit, file in waiting if self._is_ready(unit, file)] if moved else []

    def _is_ready(self, unit: model.Unit, file: model.PlannedFile) -> bool:
        with self._lock:
            before = {u.catalog.name for u in self._plan.units if u.name in unit.after and u.catalog}
            left = self._pending[unit.name] + (self._pending_made[unit.name] if file.is_catalog else 0)
            return not left and before <= self._results.keys()

    def _barrier(self, unit: model.Unit, file: model.PlannedFile) -> str:
        """Why a guarded file must not be replaced, or nothing."""
        with self._lock:
            others = [each for each in unit.files if file.is_catalog or not each.generated]
            bad = [each for each in others if not _is_up(self._results[each.name])]
            # A page that was withheld is not a cause by itself.
            bad = [each for each in bad if not each.generated] or bad
            catalogs = [u.catalog for u in self._plan.units if u.name in unit.after and u.catalog]
            behind = [each for each in catalogs if not _is_up(self._results[each.name])]
        if bad:
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            return f"not replaced, because {bad[0].local}{more} failed"
        return f"not replaced, because {behind[0].local} was not" if behind else ""

    def _put(self, file: model.PlannedFile) -> None:
        if self._all_keep_failing():
            self._finish(
                FileResult(file, Status.WITHHELD, f"not started: {self._consecutive_failures[-1].message}")
            )
            return
        self._cancel.check()
        watch = _Watch(self._observer, self._cancel)
        start = time.monotonic()
        try:
            receipt = self._destination.put(file, watch)
        except errors.FileFailed as error:
            with self._lock:
                if error.if_all:
                    self._consecutive_failures.append(error)
            self._finish(_failed(file, error, watch.sent, time.monotonic() - start))
            return
        with self._lock:
            self._consecutive_failures.clear()
            self._last_success = time.monotonic()
        verdict = self._verdicts[file.name]
        self._finish(
            FileResult(
                file,
                Status.UPLOADED,
                verdicts.why_sent(verdict),
                bytes_sent=receipt.bytes_sent,
                checksum=receipt.checksum,
                proof=receipt.proof,
                strong=receipt.strong,
                seconds=time.monotonic() - start,
                before=verdict.state,
            )
        )

    def _all_keep_failing(self) -> bool:
        """Whether all recent files failed for a reason that would fail the others too."""
        with self._lock:
            in_flight = self._current.threads if self._current else 1
            row = len(self._consecutive_failures) >= 2 * in_flight
            return row and time.monotonic() - self._last_success > _GIVE_UP

    def _remove(self) -> None:
        left = {extra.name: extra for extra in self.extras if not extra.deleted}
        removed = self._removed(list(left))
        try:
            while ended := workers.interruptible(lambda: next(removed, None), self._cancel):
                name, error = ended
                extra = left[name]
                left[name] = (
                    dataclasses.replace(extra, error=str(error))
                    if error
                    else dataclasses.replace(extra, deleted=True)
                )
                self._cancel.check()
        finally:
            self.extras = tuple(left.get(extra.name, extra) for extra in self.extras)

    def _removed(self, names: Sequence[str]) -> Iterator[tuple[str, errors.FileFailed | None]]:
        """Delete files; each with nothing, or with why it could not be deleted."""
        if isinstance(self._destination, destinations.DeletesMany):
            yield from self._destination.remove_many(names)
            return
        for name in names:
            try:
                self._destination.remove(name)
            except errors.FileFailed as error:
                yield name, error
            else:
                yield name, None

    def _note_removed(self) -> None:
        """`begin` may have deleted extra files already: all of them, or for lack of space."""
        left = {extra.name for extra in self._destination.extras()}
        self.extras = tuple(
            dataclasses.replace(extra, deleted=True) if extra.name not in left else extra
            for extra in self.extras
        )

    # Results

    def _finish(self, result: FileResult) -> None:
        file = result.file
        with self._lock:
            verdict = self._verdicts.get(file.name)
            if verdict and result.before is not verdict.state:
                result = dataclasses.replace(result, before=verdict.state)
            self._results[file.name] = result
            self._pending[file.unit] -= not file.is_guarded
            self._pending_made[file.unit] -= bool(file.generated)
            self._barrier_moved |= file.is_guarded or not self._pending[file.unit]
        self._observer.done(result)

    def _all_well(self) -> bool:
        with self._lock:
            files = all(
                file.name in self._results and _is_up(self._results[file.name]) for file in self._plan
            )
        return files and not any(extra.error for extra in self.extras)

    def _raise_if_all_failed(self) -> None:
        """One file denied is that file's failure; all of them denied is a lack of permission."""
        results = self.results
        if self._consecutive_failures and not any(_is_up(result) for result in results):
            last = self._consecutive_failures[-1]
            kind = last.if_all
            failed = sum(result.status is Status.FAILED for result in results)
            if kind and failed == len(self._consecutive_failures):
                raise kind(last.message, last.hint) from last


def _is_up(result: FileResult) -> bool:
    return result.status in (Status.UPLOADED, Status.SKIPPED)


def _failed(
    file: model.PlannedFile, error: errors.FileFailed, sent: int = 0, seconds: float = 0.0
) -> FileResult:
    return FileResult(file, Status.FAILED, error.message, error.hint, bytes_sent=sent, seconds=seconds)


def _unstarted(file: model.PlannedFile) -> FileResult:
    return FileResult(file, Status.WITHHELD, "not sent: the run ended first")
