"""The destination Zenodo: a deposition that is created, versioned, filled, verified and published."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from entrypoint import destinations, errors, event, settings, text
from entrypoint.destinations.zenodo import (
    deposition,
    describing,
    files,
    http,
    identifier,
    licenses,
    mark,
    metadata,
    names,
    opening,
    publish,
    rules,
    showing,
    target,
)
from entrypoint.plan import model

_JOBS: Final = 8


def _never() -> None:
    """A cancel switch that nobody turns."""


class Zenodo:
    """One deposition.

    Args:
        wanted: the inputs of Zenodo.
        run: for the mark by which a re-run finds its draft.
        release: of the release event, if there is one.
        n_jobs: files in flight; nothing where the number is left to `jobs`.
        restart: delete every file of the draft first.
        delete_extra: files that the plan lacks will go, so that they do not count.
        part: other runs send the other files of the same draft, and the last one completes it.
        draft_only: other runs send all files; the draft is described now.
        data_set: part of the mark; the plan's own is taken where it is empty.
        check: raises `errors.Cancelled` when the run is to stop.
        patience: how long and how often.

    Raises:
        errors.BadInput: the id or the metadata break a rule that can be checked without the service.
    """

    def __init__(
        self,
        wanted: settings.ZenodoSettings,
        *,
        run: settings.Run,
        release: event.Release | None = None,
        n_jobs: int | None = None,
        restart: bool = False,
        delete_extra: bool = False,
        part: bool = False,
        draft_only: bool = False,
        data_set: str = "",
        check: http.Check = _never,
        patience: http.Patience | None = None,
    ) -> None:
        problems: list[str] = []
        number: int | None = None
        given = metadata.Given({})
        try:
            number = identifier.parse(wanted.deposition, wanted.url)
        except errors.BadInput as error:
            problems.append(str(error))
        try:
            given = metadata.gather(wanted)
        except errors.BadInput as error:
            problems += error.problems
        if problems:
            raise errors.BadInput(problems)
        self._wanted = wanted
        self._number = number
        self._given = given
        self._run = run
        self._release = release
        self._restart = restart
        self._delete_extra = delete_extra
        self._part = part
        self._draft_only = draft_only
        self._data_set = data_set
        self._check = check
        contact = f"{run.server_url}/{run.repository}" if run.repository else ""
        self._http = http.Http(
            wanted.url,
            wanted.token,
            connections=n_jobs or _JOBS,
            patience=patience or http.Patience(),
            contact=contact if contact.isascii() and contact.isprintable() else "",
        )
        self._drafts = deposition.Depositions(self._http)
        self._lock = threading.Lock()
        self._deleting = threading.Lock()
        self._proved: dict[str, str] = {}
        self._plan = model.Plan(())
        self._mark = ""
        self._target = target.Target()
        self._now: deposition.Deposition | None = None
        self._filling = False
        self._done = False
        self._ours = False
        self._stage = showing.Stage.LOOKED_AT
        self.removed = 0
        self._communities: dict[str, str] = {}
        self._reserved = ""
        self._notices: list[str] = list(given.notices)

    # Looking

    def preflight(self, plan: model.Plan) -> None:
        """Find the draft or record, and make sure that plan and metadata fit. Only reads."""
        self._plan = plan
        data_set = self._data_set or plan.data_set
        self._mark = mark.of(self._run, data_set)
        problems = names.problems(plan)
        if self._number is None:
            problems += names.limits(plan, {})
            problems += self._missing({})
        if problems:
            raise errors.BadInput(problems)
        self._target = found = target.Finder(self._http, self._drafts, self._check).find(
            self._number, self._mark
        )
        self._now = found.there
        self._filling = found.draft
        self._ours = found.ours
        there = found.there
        kept = {} if self._restart or there is None else self._kept(there)
        problems += names.limits(plan, kept)
        if there is not None and not (found.finished and self._number is None):
            problems += self._missing(metadata.writable(there.metadata, there.number))
        problems += licenses.problems(self._http, self._given.metadata.get("license", ""), self._check)
        self._communities, unknown = publish.find_communities(
            self._http, self._given.communities, self._check
        )
        problems += unknown
        if problems:
            raise errors.BadInput(problems)
        has_license = there is not None or "license" in self._merged({})
        self._notices += showing.remarks(plan, found, has_license=has_license)

    def _missing(self, there: Mapping[str, Any]) -> list[str]:
        """What publishing would be refused for; nothing where it is not asked for."""
        return rules.missing(self._merged(there)) if self._wanted.publish else []

    def _kept(self, there: deposition.Deposition) -> dict[str, int]:
        """Sizes of the files that stay beside those of the plan."""
        return {
            name: stored.size
            for name, stored in there.files.items()
            if name not in self._plan.names and (name in self._plan.known or not self._delete_extra)
        }

    def jobs(self, files: Sequence[model.PlannedFile]) -> int:
        """Files in flight for ``n-jobs: auto``."""
        return _JOBS

    def compare(self, file: model.PlannedFile) -> destinations.Verdict:
        """Hold a file's MD5 against the one that Zenodo keeps."""
        stored = self._now.files.get(file.name) if self._now is not None else None
        if stored is None:
            return destinations.Verdict(destinations.State.ABSENT, "not there yet")
        if stored.size != file.size:
            reason = f"{file.size:,} bytes here, {stored.size:,} there"
            return destinations.Verdict(destinations.State.DIFFERENT, reason)
        digest = files.digest(file, self._check)
        if digest != stored.md5:
            return destinations.Verdict(destinations.State.DIFFERENT, "other MD5", f"md5:{digest}")
        with self._lock:
            self._proved[file.name] = digest
        return destinations.Verdict(destinations.State.SAME, "same MD5", f"md5:{digest}")

    def extras(self) -> Sequence[destinations.Remote]:
        """Files in the draft or record that neither plan nor catalog names."""
        there = self._now.files if self._now is not None else {}
        return [
            destinations.Remote(name, stored.size)
            for name, stored in sorted(there.items())
            if name not in self._plan.names and name not in self._plan.known
        ]

    # Writing

    def begin(
        self,
        verdicts: Sequence[tuple[model.PlannedFile, destinations.Verdict]],
        *,
        remove_extras: bool,
    ) -> None:
        """Have a draft that can be filled: make one, or a new version, or take the open one."""
        if self._target.finished and not remove_extras:
            # With restart, everything is sent again; but not what this very run has published.
            self._done = all(verdict.state is destinations.State.SAME for _, verdict in verdicts)
            if self._done:
                return
        if self._target.finished and (self._number is None or self._run.attempt not in ("", "1")):
            number = self._here.number
            raise errors.Refused(
                f"An earlier attempt of this run published record {number}, with other files than these.",
                f"To publish these as its new version, start another run with zenodo-id: {number}.",
            )
        if self._filling:
            self._reload()
            if self._draft_only:
                self._write_metadata()
        elif self._now is None:
            self._create()
        else:
            self._new_version(self._now)
        self._filling = True
        self._stage = showing.Stage.OPENED
        if self._restart:
            self._empty()
            return
        same = {file.name: v.checksum for file, v in verdicts if v.state is destinations.State.SAME}
        opening.hold(self._here, same)
        beside = {n: f.size for n, f in self._here.files.items() if n not in self._plan.names}
        if remove_extras and names.limits(self._plan, beside):
            for extra in self.extras():
                self.remove(extra.name)

    def _create(self) -> None:
        self._ours = True
        self._now = opening.create(
            self._http, self._drafts, self._merged({}), self._target.known, self._check
        )
        self._reserve()

    def _new_version(self, record: deposition.Deposition) -> None:
        self._now = draft = opening.next_version(
            self._drafts, record, self._check, with_files=not self._restart
        )
        # One that was there before, and is not marked, is the user's.
        self._ours = draft.number not in self._target.known or mark.is_in(
            draft.metadata.get("notes"), self._mark
        )
        self._write_metadata()
        self._reserve()

    def _reserve(self) -> None:
        """Reserve the DOI where it cannot be told from the service's address."""
        if self._ours and self._wanted.url not in showing.PREFIXES:
            self._reserved = self._drafts.reserve_doi(self._here.number, self._check)

    def _empty(self) -> None:
        with self._lock:
            self._proved.clear()
        for name in tuple(self._here.files):
            self.remove(name)

    def put(self, file: model.PlannedFile, watch: destinations.Watch) -> destinations.Receipt:
        """Send one file and verify it."""
        if self._done:
            return destinations.Receipt(0, f"md5:{self._proved[file.name]}", "MD5 in the published record")
        try:
            receipt = files.put(self._http, self._here.bucket, file, watch)
        except errors.FileFailed:
            with self._lock:
                self._proved.pop(file.name, None)
            raise
        with self._lock:
            self._proved[file.name] = receipt.checksum.removeprefix("md5:")
        return receipt

    def remove(self, name: str) -> None:
        """Delete one file of the draft; one at a time, which is all that the server can."""
        with self._deleting:
            stored = self._here.files.get(name)
            if stored is None:
                return
            try:
                self._drafts.delete_file(self._here.number, stored, self._check)
            except (errors.NotAuthorised, errors.Refused, errors.Unreachable) as error:
                raise errors.FileFailed(
                    f"{text.printable(name)} could not be deleted: {error.message}", error.hint
                ) from error
            self.removed += 1
            rest = {key: value for key, value in self._here.files.items() if key != name}
            self._now = dataclasses.replace(self._here, files=rest)

    # Ending

    def finish(self, *, changed: bool) -> None:
        """Write metadata where they differ, verify every file on the server, publish if asked."""
        self._stage = showing.Stage.IN_PART if self._part else showing.Stage.FILLED
        if not self._filling or self._now is None:
            if self._now is not None:
                self._notices += describing.unwritten(self._now, self._given.metadata)
            return
        self._reload()
        if not self._part:
            self._write_metadata()
        self._verify()
        if not self._wanted.publish:
            return
        number, verified = self._here.number, self._here
        publish.publish(self._http, self._drafts, number, self._check)
        self._now = publish.published(self._drafts, verified, self._check)
        self._now = publish.hold(self._http, self._drafts, self._now, verified, self._check)
        if self._communities:
            self._notices += publish.ask_communities(self._http, number, self._communities, self._check)
            self._communities = {}

    def _write_metadata(self) -> None:
        wanted = self._merged(metadata.writable(self._here.metadata, self._here.number))
        self._now, remarks = describing.write(self._drafts, self._here, wanted, self._check)
        self._notices += remarks

    def _verify(self) -> None:
        """Hold the server's list against the plan; files may take a moment to be completed."""
        waited, count = 0.0, 0
        while missing := files.unverified(self._plan, self._here.files, self._proved, self._http.host):
            if waited >= self._http.patience.settle:
                raise errors.FileFailed(
                    f"{self._http.host} does not list {text.printable(missing[0])} as complete "
                    f"({text.plural(len(missing), 'file')} in all).",
                    "Run again: what is up is not sent twice.",
                )
            count += 1
            pause = self._http.patience.pause(count)
            self._http.sleep(pause, self._check)
            waited += pause
            self._reload()

    def abandon(self) -> None:
        """Leave the draft as it is: the next run continues with it."""
        self._stage = showing.Stage.ABANDONED

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    # Telling

    def links(self) -> destinations.Links:
        """Where things are, as far as known now."""
        base, now = self._wanted.url, self._now
        if now is None:
            return destinations.Links(base)
        match self._stage:
            case showing.Stage.OPENED:
                todo = showing.to_fill(now)
            case showing.Stage.IN_PART:
                todo = showing.to_complete(now)
            case showing.Stage.FILLED:
                todo = showing.to_publish(base, now, tuple(self._communities.values()))
            case showing.Stage.ABANDONED:
                todo = showing.to_continue(now, by_rerun=self._ours and bool(self._mark))
            case _:
                todo = ""
        catalogs = [file.name for file in self._plan if file.is_catalog]
        return showing.links(base, now, reserved=self._reserved, catalogs=catalogs, todo=todo)

    def file_url(self, name: str) -> str:
        """URL of one file; that of a draft works once it is published."""
        return showing.file_url(self._wanted.url, self._now, name) if self._now is not None else ""

    def etag(self, name: str) -> str:
        """Zenodo has none that a reader could use."""
        return ""

    def notices(self) -> Sequence[str]:
        """Remarks to be shown once."""
        waited = self._http.gate.waited
        if waited < 5:
            return tuple(self._notices)
        return (
            *self._notices,
            f"Zenodo's rate limit made requests wait {text.duration_text(waited)} in all.",
        )

    # What the rest is made of

    def _merged(self, there: Mapping[str, Any]) -> dict[str, Any]:
        run_mark = self._mark if self._ours or self._now is None else None
        data_set = self._data_set or self._plan.data_set
        return metadata.merge(self._given, there, self._release, self._plan, data_set, run_mark)

    def _reload(self) -> None:
        self._now = self._drafts.get(self._here.number, self._check)

    @property
    def _here(self) -> deposition.Deposition:
        """The draft or record, where the order of calls makes sure that there is one."""
        if self._now is None:
            raise errors.PublishError("There is no draft yet.", "Please report this.")
        return self._now


__all__ = ["Zenodo"]
