"""When things are done: the barrier, units, cancel, hopeless runs, and what is only read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from entrypoint import destinations, errors, transfer, workers
from entrypoint.destinations import Links, Receipt, Remote, State, Verdict
from entrypoint.outcome import FileResult, Mode, Status
from entrypoint.plan import model


@dataclass
class Shelf:
    """A destination in memory, by the protocol of the real ones; the conformance suite is theirs."""

    files: dict[str, bytes] = field(default_factory=dict)
    on_put: Callable[[str, destinations.Watch], None] = lambda name, watch: None
    on_remove: Callable[[str], None] = lambda name: None
    events: list[str] = field(default_factory=list)
    removed: int = 0
    in_flight: int = 0
    most: int = 0
    _plan: model.Plan = field(default_factory=lambda: model.Plan(()))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def jobs(self, files: Sequence[model.PlannedFile]) -> int:
        return 2

    def etag(self, name: str) -> str:
        return ""

    def read(self, name: str, limit: int) -> bytes | None:
        return self.files.get(name)

    def preflight(self, plan: model.Plan) -> None:
        self._plan = plan
        self._note("look")

    def compare(self, file: model.PlannedFile) -> Verdict:
        with file.source.open() as stream:
            data = stream.read()
        there = self.files.get(file.name)
        if there is None:
            return Verdict(State.ABSENT, "not uploaded yet")
        return Verdict(State.SAME, "same") if there == data else Verdict(State.DIFFERENT, "other")

    def extras(self) -> Sequence[Remote]:
        known = self._plan.names | self._plan.known
        return [Remote(name, len(data)) for name, data in sorted(self.files.items()) if name not in known]

    def begin(self, verdicts: Sequence[tuple[model.PlannedFile, Verdict]], *, remove_extras: bool) -> None:
        self._note("begin")

    def put(self, file: model.PlannedFile, watch: destinations.Watch) -> Receipt:
        with self._lock:
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
        try:
            self._note(f"start {file.name}")
            self.on_put(file.name, watch)
            with file.source.open() as stream:
                data = stream.read()
            watch.moved(len(data))
            with self._lock:
                self.files[file.name] = data
            self._note(f"end {file.name}")
        finally:
            with self._lock:
                self.in_flight -= 1
        return Receipt(len(data), f"len:{len(data)}", "length")

    def remove(self, name: str) -> None:
        self.on_remove(name)
        self._note(f"remove {name}")
        del self.files[name]

    def finish(self, *, changed: bool) -> None:
        self._note(f"finish {changed}")

    def abandon(self) -> None:
        self._note("abandon")

    def links(self) -> Links:
        return Links("shelf:")

    def file_url(self, name: str) -> str:
        return f"shelf:{name}"

    def notices(self) -> Sequence[str]:
        return ()

    def close(self) -> None:
        self._note("close")

    def _note(self, event: str) -> None:
        with self._lock:
            self.events.append(event)


class Quiet:
    """An observer that counts."""

    def __init__(self) -> None:
        self.files = self.size = self.bytes = self.finished = 0

    def started(self, files: int, size: int) -> None:
        self.files, self.size = files, size

    def moved(self, count: int) -> None:
        self.bytes += count

    def done(self, result: FileResult) -> None:
        self.finished += 1


def unit(folder: Path, files: Mapping[str, bytes], name: str = "", after: tuple[str, ...] = ()) -> model.Unit:
    """Files of one unit; ``catalog.yaml`` is its catalog."""
    planned, catalog = [], None
    for base, data in files.items():
        remote = f"{name}/{base}" if name else base
        path = folder / remote
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        is_catalog = base == "catalog.yaml"
        group = model.CATALOG if is_catalog else "basics"
        file = model.PlannedFile(remote, model.LocalFile.of(path), group, remote, unit=name)
        if is_catalog:
            catalog = file
        else:
            planned.append(file)
    return model.Unit(name, tuple(planned), catalog, after)


def plan(folder: Path, count: int = 6) -> model.Plan:
    files = {f"f{number}": b"x" * (number + 1) for number in range(count)}
    return model.Plan((unit(folder, {**files, "catalog.yaml": b"c"}),))


def run(
    planned: model.Plan,
    shelf: Shelf,
    mode: Mode = Mode.PUBLISH,
    n_jobs: int = 2,
    cancel: workers.Cancel | None = None,
    **rules: bool,
) -> transfer.Transfer:
    doing = transfer.Transfer(
        planned, shelf, transfer.Rules(mode, n_jobs, **rules), Quiet(), cancel or workers.Cancel()
    )
    doing.run()
    return doing


def statuses(doing: transfer.Transfer) -> dict[str, str]:
    return {result.file.name: str(result.status) for result in doing.results}


def failing(*names: str, kind: type[errors.PublishError] | None = None) -> Callable[[str, object], None]:
    def fail(name: str, watch: object) -> None:
        if not names or name in names:
            raise errors.FileFailed(f"{name} is bad", if_all=kind)

    return fail


def test_the_largest_first_and_the_catalog_last(tmp_path: Path) -> None:
    shelf = Shelf(on_put=lambda name, watch: time.sleep(0.02))
    doing = run(plan(tmp_path), shelf)
    assert set(statuses(doing).values()) == {"uploaded"}
    starts = [event[6:] for event in shelf.events if event.startswith("start")]
    assert starts == ["f5", "f4", "f3", "f2", "f1", "f0", "catalog.yaml"]
    assert shelf.events[-3:] == ["start catalog.yaml", "end catalog.yaml", "finish True"]
    assert shelf.most == 2


def test_nothing_to_do_begins_nothing(tmp_path: Path) -> None:
    shelf = Shelf()
    run(plan(tmp_path), shelf)
    shelf.events.clear()
    doing = run(plan(tmp_path), shelf)
    assert set(statuses(doing).values()) == {"skipped"}
    assert shelf.events == ["look", "finish False"]
    assert set(statuses(run(plan(tmp_path), shelf, restart=True)).values()) == {"uploaded"}


def test_a_failure_keeps_the_catalog_back_and_stops_nobody_else(tmp_path: Path) -> None:
    shelf = Shelf({"catalog.yaml": b"old"}, on_put=failing("f5"))
    doing = run(plan(tmp_path), shelf)
    assert statuses(doing)["f5"] == "failed"
    assert statuses(doing)["catalog.yaml"] == "withheld"
    assert list(statuses(doing).values()).count("uploaded") == 5
    assert shelf.files["catalog.yaml"] == b"old"
    assert shelf.events[-1] == "abandon"


def test_units_keep_their_catalogs_by_themselves(tmp_path: Path) -> None:
    """A root catalog waits for those of all samples; one sample's failure leaves the others whole."""
    samples = [unit(tmp_path, {"f": b"1", "catalog.yaml": b"c"}, name) for name in ("a", "b")]
    root = unit(tmp_path, {"catalog.yaml": b"root"}, "", ("a", "b"))
    good = Shelf()
    run(model.Plan((*samples, root)), good)
    ends = [event for event in good.events if event.startswith("end")]
    assert ends[-1] == "end catalog.yaml"
    for name in ("a", "b"):
        assert ends.index(f"end {name}/f") < ends.index(f"end {name}/catalog.yaml")
    bad = Shelf(on_put=failing("a/f"))
    doing = run(model.Plan((*samples, root)), bad)
    assert statuses(doing) == {
        "a/f": "failed",
        "a/catalog.yaml": "withheld",
        "b/f": "uploaded",
        "b/catalog.yaml": "uploaded",
        "catalog.yaml": "withheld",
    }


def test_a_fatal_error_ends_the_run_at_once(tmp_path: Path) -> None:
    def fail(name: str, watch: object) -> None:
        if name == "f9":
            raise errors.NotAuthorised("no")
        time.sleep(0.1)

    shelf = Shelf(on_put=fail)
    with pytest.raises(errors.NotAuthorised):
        run(plan(tmp_path, 10), shelf)
    assert sum(event.startswith("start") for event in shelf.events) <= 4
    assert "abandon" in shelf.events


@pytest.mark.parametrize("kind", [errors.NotAuthorised, errors.Refused, errors.Unreachable])
def test_what_fails_for_all_is_not_tried_for_all(tmp_path: Path, kind: type[errors.PublishError]) -> None:
    shelf = Shelf(on_put=failing(kind=kind))
    with pytest.raises(kind):
        run(plan(tmp_path, 50), shelf)
    assert sum(event.startswith("start") for event in shelf.events) <= 6


def test_one_success_among_many_failures_keeps_trying(tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(50) if number % 3]
    doing = run(plan(tmp_path, 50), Shelf(on_put=failing(*names, kind=errors.NotAuthorised)))
    counts = list(statuses(doing).values())
    assert (counts.count("failed"), counts.count("uploaded")) == (len(names), 50 - len(names))


def test_a_local_failure_is_never_hopeless(tmp_path: Path) -> None:
    doing = run(plan(tmp_path, 30), Shelf(on_put=failing()))
    assert list(statuses(doing).values()).count("failed") == 30


def test_a_cancel_ends_soon_and_tells_how_it_stands(tmp_path: Path) -> None:
    cancel = workers.Cancel()

    def put(name: str, watch: destinations.Watch) -> None:
        if name == "f4":
            cancel.set()
        while name != "f5":
            watch.check()
            time.sleep(0.01)

    shelf = Shelf(on_put=put)
    doing = transfer.Transfer(plan(tmp_path), shelf, transfer.Rules(Mode.PUBLISH, 2), Quiet(), cancel)
    began = time.monotonic()
    with pytest.raises(errors.Cancelled):
        doing.run()
    assert time.monotonic() - began < 2
    assert statuses(doing)["catalog.yaml"] == "withheld"
    assert "start f0" not in shelf.events
    assert shelf.events[-1] == "abandon"


def test_a_cancel_does_not_wait_for_who_is_deaf(tmp_path: Path) -> None:
    cancel = workers.Cancel()
    free = threading.Event()

    def put(name: str, watch: destinations.Watch) -> None:
        cancel.set()
        free.wait(30)

    began = time.monotonic()
    try:
        with pytest.raises(errors.Cancelled):
            run(plan(tmp_path), Shelf(on_put=put), cancel=cancel)
        assert time.monotonic() - began < 6
    finally:
        free.set()


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.VERIFY])
def test_reading_modes_write_nothing(tmp_path: Path, mode: Mode) -> None:
    planned = plan(tmp_path, 2)
    shelf = Shelf({"f0": b"x", "f1": b"other", "extra": b"e"})
    doing = run(planned, shelf, mode, delete_extra=True)
    assert shelf.events == ["look"]
    if mode is Mode.VERIFY:
        assert statuses(doing) == {"f0": "skipped", "f1": "failed", "catalog.yaml": "failed"}
    else:
        assert statuses(doing) == {"f0": "skipped", "f1": "would upload", "catalog.yaml": "would upload"}
        assert [extra.planned for extra in doing.extras] == [True]


def test_overwrite_false_stops_everything_before(tmp_path: Path) -> None:
    shelf = Shelf({"f1": b"other"})
    doing = run(plan(tmp_path, 3), shelf, overwrite=False)
    assert shelf.events == ["look"]
    assert statuses(doing) == {
        "f0": "withheld",
        "f1": "failed",
        "f2": "withheld",
        "catalog.yaml": "withheld",
    }
    del shelf.files["f1"]
    assert set(statuses(run(plan(tmp_path, 3), shelf, overwrite=False)).values()) == {"uploaded"}


def test_extras_go_last_and_only_when_all_is_well(tmp_path: Path) -> None:
    shelf = Shelf({"x": b"1", "y": b"2"}, on_put=failing("f0"))
    doing = run(plan(tmp_path, 2), shelf, delete_extra=True)
    assert [extra.deleted for extra in doing.extras] == [False, False]

    def refuse(name: str) -> None:
        if name == "x":
            raise errors.FileFailed("may not")

    shelf.on_put, shelf.on_remove = failing("none"), refuse
    doing = run(plan(tmp_path, 2), shelf, delete_extra=True)
    assert [(extra.name, extra.deleted, bool(extra.error)) for extra in doing.extras] == [
        ("x", False, True),
        ("y", True, False),
    ]
    assert shelf.events.index("remove y") > shelf.events.index("end catalog.yaml")
    assert shelf.events[-1] == "abandon"
    shelf.on_remove = lambda name: None
    shelf.events.clear()
    doing = run(plan(tmp_path, 2), shelf, delete_extra=True)
    assert shelf.events == ["look", "begin", "remove x", "finish True"]
    assert set(statuses(doing).values()) == {"skipped"}


def test_what_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    planned = plan(tmp_path, 3)
    (tmp_path / "f1").unlink()
    doing = run(planned, Shelf())
    assert statuses(doing) == {
        "f0": "uploaded",
        "f1": "failed",
        "f2": "uploaded",
        "catalog.yaml": "withheld",
    }
    assert next(result for result in doing.results if result.file.name == "f1").status is Status.FAILED
