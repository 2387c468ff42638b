"""The destination Zenodo, or another InvenioRDM: a draft that is found or made, filled, verified and published."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import Final

from entrypoint import destinations, errors, event, settings, text
from entrypoint.destinations.zenodo import links, metadata
from entrypoint.destinations.zenodo.api import deposit, http, records, values
from entrypoint.destinations.zenodo.api.patience import Patience
from entrypoint.destinations.zenodo.api.request import Check
from entrypoint.destinations.zenodo.draft import (
    create,
    files,
    fill,
    find,
    identifier,
    limits,
    mark,
    publish,
    review,
    save,
    verify,
)
from entrypoint.destinations.zenodo.draft.task import Task
from entrypoint.plan import model

_MOST_JOBS: Final = 8
_FEW_JOBS: Final = 4
_LARGE: Final = 50_000_000
"""Bytes of a file on the average, above which a few at a time fill the line."""


def _never() -> None:
    """A cancel switch that is never set."""


class Zenodo:
    """One draft or record. What is known of it is three values, each replaced as the run goes on: the task,
    how it stands, and where files go.

    Args:
        wanted: the inputs of Zenodo.
        run: for the mark by which a re-run finds its draft.
        release: of the release event, if there is one.
        n_jobs: files in flight; nothing where the number is left to `jobs`.
        restart: delete every file of the draft first.
        delete_extra: files that the plan lacks will go, so that they do not count.
        part: other runs send the other files of the same draft, and the last one completes it.
        draft_only: other runs send all files; the metadata is saved now.
        data_set: part of the mark; the plan's own is taken where it is empty.
        check: raises `errors.Cancelled` when the run is to stop.
        patience: time-outs and number of retries.
        reporter: receives requests and waits.
        drafts: remembers the draft of an earlier run where there is no mark.

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
        check: Check = _never,
        patience: Patience | None = None,
        reporter: destinations.Reporter | None = None,
        drafts: destinations.Drafts | None = None,
    ) -> None:
        self._ident, given = _read(wanted, release)
        self._run = run
        self._n_jobs = n_jobs
        self._drafts = drafts or destinations.NoDrafts()
        contact = f"{run.server_url}/{run.repository}" if run.repository else ""
        self._http = http.Http(
            wanted.url,
            wanted.token,
            connections=(n_jobs or _MOST_JOBS) + fill.deletions(n_jobs or 0),
            patience=patience or Patience(),
            contact=contact if contact.isascii() and contact.isprintable() else "",
            check=check,
            reporter=reporter,
        )
        self._records = records.Records(self._http)
        self._deposits = deposit.Deposits(self._http)
        self._task = Task(
            wanted,
            self._http.host,
            given,
            data_set,
            restart=restart,
            delete_extra=delete_extra,
            part=part and not draft_only,
        )
        self._now = links.Standing()
        self._filling: fill.Filling | None = None
        self._lock = threading.Lock()
        self._proved: dict[str, str] = {}
        self._notices: list[str] = list(given.notices)
        if release is not None and release.prerelease:
            tag = text.printable(release.tag)
            self._notices.append(f"{tag} is a pre-release; it is uploaded like any release.")
        self.removed = 0

    # Looking

    def preflight(self, plan: model.Plan) -> None:
        """Find the draft or record, and make sure that plan and metadata fit. Only reads."""
        data_set = self._task.data_set or plan.data_set
        run_mark = mark.of(self._run, data_set)
        self._task = dataclasses.replace(self._task, plan=plan, data_set=data_set, mark=run_mark)
        problems = limits.of_plan(plan)
        if self._ident is None:
            problems += limits.capacity(plan, {}, is_new=True)[0] + self._task.lacks()
        if problems:
            raise errors.BadInput(problems)
        found = self._finder().find(self._ident, "" if run_mark else self._drafts.read(data_set))
        if found.forget:
            self._drafts.write(data_set, "")
        there = found.there
        self._notices += found.remarks
        if there is not None and self._ident is None and not run_mark:
            self._notices.append(f"To start a new draft instead, delete {self._drafts.where(data_set)}.")
        self._now = links.Standing(record=there)
        if there is not None and there.is_draft:
            review.refuse_reviewed(self._http, there, publish=self._task.wanted.publish)
        document = there.document if there is not None else None
        settled = metadata.settle(self._task.given, self._records.vocabulary, document, marked=bool(run_mark))
        communities, unknown = review.find_communities(self._http, settled.given.communities)
        task = dataclasses.replace(self._task, found=found, given=settled.given, communities=communities)
        # What this very run has published is not made once more.
        self._task = task = dataclasses.replace(task, restart=task.restart and not task.is_finished)
        self._now = dataclasses.replace(self._now, communities=tuple(communities.values()))
        problems, remarks = task.limits()
        problems = [*settled.problems, *problems, *task.lacks(), *unknown]
        if problems:
            raise errors.BadInput(problems)
        self._notices += [*settled.remarks, *remarks]
        is_described = there is None or there.is_draft or task.wanted.publish
        if is_described and (note := metadata.license_note(task.planned_body())):
            self._notices.append(note)

    def _finder(self) -> find.Finder:
        return find.Finder(self._http, self._records, self._deposits, self._task.mark)

    def jobs(self, files: Sequence[model.PlannedFile]) -> int:
        """Files in flight for ``n-jobs: auto``: few, as the service shares its line among all."""
        size = sum(file.size for file in files)
        return _FEW_JOBS if size > _LARGE * max(1, len(files)) else _MOST_JOBS

    def compare(self, file: model.PlannedFile) -> destinations.Verdict:
        """Compare a file's MD5 with the one that the server keeps."""
        there = self._now.record
        stored = there.files.get(file.name) if there is not None else None
        if stored is None:
            return destinations.Verdict(destinations.State.ABSENT, "not uploaded yet")
        if stored.pending:
            return destinations.Verdict(destinations.State.ABSENT, "an earlier upload was not completed")
        if stored.size != file.size:
            reason = f"{file.size:,} bytes here, {stored.size:,} there"
            return destinations.Verdict(destinations.State.DIFFERENT, reason)
        digest = verify.digest(file, self._http)
        if digest != stored.md5:
            reason = "different MD5" if stored.md5 else "no checksum to compare with"
            return destinations.Verdict(destinations.State.DIFFERENT, reason, f"md5:{digest}")
        with self._lock:
            self._proved[file.name] = digest
        final = self._task.is_finished
        return destinations.Verdict(destinations.State.SAME, "same MD5", f"md5:{digest}", final=final)

    def extras(self) -> Sequence[destinations.Remote]:
        """Files in the draft or record that neither plan nor catalog names; with `restart`, all that go."""
        return self._task.extras(self._now.record.files if self._now.record is not None else {})

    # Writing

    def begin(
        self,
        verdicts: Sequence[tuple[model.PlannedFile, destinations.Verdict]],
        *,
        remove_extras: bool,
    ) -> None:
        """Have a draft that can be filled, with its metadata; nothing of a file is sent yet."""
        task = self._task
        same = {file.name: v.checksum for file, v in verdicts if v.state is destinations.State.SAME}
        if task.is_finished and (self._ident is None or self._run.attempt not in ("", "1")):
            number = self._draft.id
            raise errors.Refused(
                f"An earlier attempt of this run published record {number}, with other files than these.",
                f"To publish these as its new version, start another run with zenodo-id: {number}.",
            )
        self._open(same)
        if task.there is not None and task.there.is_draft:
            # Once more: saving the metadata took its time, and the next step deletes files.
            create.check_unchanged(self._draft, task.there, task.plan.names)
        if task.restart:
            self._empty()
            same = {}
        create.check_contents(self._draft, same.items())
        beside = {n: f.size for n, f in self._draft.files.items() if n not in task.plan.names}
        if remove_extras and limits.capacity(task.plan, beside, is_new=True)[0]:
            for extra in self.extras():
                self.remove(extra.name)
        if self._filling is not None:
            changed = [file for file, _ in verdicts if file.name not in same]
            self._filling.take_out(changed, self._draft.files)

    def _open(self, same: dict[str, str]) -> None:
        """Make or take the draft, and save its metadata."""
        task = self._task
        opened = create.open_draft(self._http, self._records, self._deposits, self._finder(), task, same)
        draft = opened.draft
        place = files.Place(self._http, self._records, draft.id, opened.bucket)
        self._filling = fill.Filling(place, self._n_jobs or 0)
        self._now = dataclasses.replace(
            self._now,
            stage=links.Stage.OPENED,
            record=draft,
            reserved=opened.reserved,
            ours=opened.ours,
            by_rerun=self._by_rerun() if opened.ours else "",
            made=opened.made,
            described=opened.is_saved,
        )
        if self._ident is None and opened.made:
            self._drafts.write(task.data_set, draft.id)
        if opened.is_saved:
            body = task.body(None, ours=True)
            save.check(self._http, draft, body, publish=task.wanted.publish)
        elif opened.made or not task.part:
            self._save()

    def _by_rerun(self) -> str:
        """How running the same again continues the draft; empty where it does not."""
        if self._task.mark:
            return "re-run the failed jobs"
        remembered = self._ident is None and self._drafts.where(self._task.data_set)
        return "run the same command again" if remembered else ""

    def _save(self) -> None:
        """Save the metadata where it differs."""
        draft = self._draft
        ours = self._now.ours if self._filling is not None else self._task.found.ours
        body = self._task.body(draft, ours=ours)
        if not metadata.differs(body, draft.document):
            return
        kept, remarks = save.save(self._http, self._records, draft, body, publish=self._task.wanted.publish)
        self._now = dataclasses.replace(self._now, record=kept, described=True)
        self._notices += remarks

    def _empty(self) -> None:
        """Delete every file of the draft."""
        with self._lock:
            self._proved.clear()
        names = tuple(self._draft.files)
        if names and self._filling is not None:
            self._filling.empty(names)
            self._drop(*names)

    def put(self, file: model.PlannedFile, watch: destinations.Watch) -> destinations.Receipt:
        """Send one file and verify it."""
        if self._filling is None:
            raise _no_draft()
        try:
            receipt = self._filling.put(file, watch)
        except errors.FileFailed:
            with self._lock:
                self._proved.pop(file.name, None)
            raise
        with self._lock:
            self._proved[file.name] = receipt.checksum.removeprefix("md5:")
        return receipt

    def remove(self, name: str) -> None:
        """Delete one file of the draft."""
        if self._filling is None or name not in self._draft.files:
            return
        self._filling.remove(name)
        self._drop(name)

    def _drop(self, *names: str) -> None:
        """Count files that were deleted from the draft."""
        with self._lock:
            self.removed += len(names)
            rest = {key: value for key, value in self._draft.files.items() if key not in names}
            self._now = dataclasses.replace(self._now, record=dataclasses.replace(self._draft, files=rest))

    # Ending

    def finish(self, *, changed: bool) -> None:
        """Save metadata where it differs, verify every file on the server, publish if asked."""
        there, task = self._now.record, self._task
        if there is None or not there.is_draft:
            self._note_unwritten_metadata(there)
            return
        if self._filling is None and not task.part:
            self._save()
        stage = links.Stage.IN_PART if task.part else links.Stage.FILLED
        self._now = dataclasses.replace(self._now, stage=stage)
        if self._filling is None and not (task.wanted.publish or self._now.described):
            return  # nothing was written, so that all is as it was read
        place = files.Place(self._http, self._records, there.id, "")
        self._now = dataclasses.replace(self._now, record=verify.verify(place, task.plan, self._proved))
        if task.wanted.publish:
            self._publish()

    def _note_unwritten_metadata(self, record: values.Record | None) -> None:
        """Where no file of a record changed, it stays as it is; other metadata that was given is named."""
        other = metadata.given_differs(self._task.given, record.document) if record is not None else []
        if record is not None and other:
            self._notices.append(
                f"No file changed, so record {record.id} stays as it is, its metadata too "
                f"({', '.join(other)}): edit them on {self._http.host}."
            )

    def _publish(self) -> None:
        verified = self._draft
        by_us = publish.publish(self._http, self._records, verified.id)
        if not by_us:
            self._notices.append(f"Record {verified.id} was not published by this run.")
        record = publish.published(self._records, verified)
        self._now = dataclasses.replace(self._now, record=record, published=by_us)
        self._drafts.write(self._task.data_set, "")
        record = publish.compare(self._http, self._records, record, verified)
        self._now = dataclasses.replace(self._now, record=record, communities=())
        if self._task.communities:
            self._notices += review.ask_communities(self._http, record.id, self._task.communities)

    def abandon(self) -> None:
        """Leave the draft as it is: the next run continues with it."""
        self._now = dataclasses.replace(self._now, stage=links.Stage.ABANDONED)
        if self._filling is not None:
            with self._lock:
                self._notices += self._filling.end(self._proved)

    def close(self) -> None:
        """Let go of connections."""
        if self._filling is not None:
            self._filling.end(())
        self._http.close()

    # Telling

    def links(self) -> destinations.Links:
        """The addresses, as far as known now."""
        catalogs = [file.name for file in self._task.plan if file.is_catalog]
        return links.links(self._task.wanted.url, self._task.publisher, self._now, catalogs)

    def file_url(self, name: str) -> str:
        """URL of one file; that of a draft works once it is published."""
        there = self._now.record
        return links.file_url(self._task.wanted.url, there, name) if there is not None else ""

    def read(self, name: str, limit: int) -> bytes | None:
        """Nothing: tools that change a catalog where it is, which this is for, do so on S3 alone."""
        return None

    def etag(self, name: str) -> str:
        """Zenodo has none that a reader could use."""
        return ""

    def notices(self) -> Sequence[str]:
        """Remarks to be shown once."""
        waited = self._http.rate_limit.waited
        if waited < 5:
            return tuple(self._notices)
        said = f"Requests waited {text.duration_text(waited)} in all for {self._http.host}'s rate limit."
        return (*self._notices, said)

    @property
    def _draft(self) -> values.Record:
        """The draft, where the order of calls makes sure that there is one."""
        if self._now.record is None:
            raise _no_draft()
        return self._now.record


def _read(
    wanted: settings.ZenodoSettings, release: event.Release | None
) -> tuple[str | None, metadata.Given]:
    """The id (nothing for a new record) and the metadata that inputs and files give.

    Raises:
        errors.BadInput: everything that is wrong with both.
    """
    problems: list[str] = []
    ident, given = None, metadata.Given()
    try:
        ident = identifier.parse(wanted.deposition, wanted.url)
    except errors.BadInput as error:
        problems.append(str(error))
    try:
        given = metadata.gather(wanted, release)
    except errors.BadInput as error:
        problems += error.problems
    if problems:
        raise errors.BadInput(problems)
    return ident, given


def _no_draft() -> errors.PublishError:
    return errors.PublishError("There is no draft yet.", "Please report this.")


__all__ = ["Zenodo"]
