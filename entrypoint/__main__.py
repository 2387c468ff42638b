"""Wires the one way through: settings, catalog, plan, transfer, report; and the one place that catches."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import gc
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, Self, TextIO

from entrypoint import errors, inputs, memory, settings, workers
from entrypoint.outcome import Mode, Outcome

if TYPE_CHECKING:
    from entrypoint import destinations, runner
    from entrypoint.plan import model


def main() -> NoReturn:
    """Entry point of ``catalog-upload`` and of ``python -m entrypoint``."""
    try:
        code = run(os.environ, sys.argv[1:], Path.cwd(), sys.stdout)
    except SystemExit as leave:  # --help and --version
        code = leave.code if isinstance(leave.code, int) else 0
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass
    # A thread that waits for a dead network must not keep the process; everything is written by now.
    os._exit(code)


def run(environ: Mapping[str, str], argv: Sequence[str], cwd: Path, stream: TextIO) -> int:
    """A whole run; the exit code.

    Raises:
        SystemExit: after ``--help`` or ``--version``.
    """
    with _Signals() as signals:
        return _run(environ, argv, cwd, stream, signals)


def _run(
    environ: Mapping[str, str], argv: Sequence[str], cwd: Path, stream: TextIO, signals: _Signals
) -> int:
    start = time.monotonic()
    chosen: settings.Settings | None = None
    secrets: tuple[settings.Secret, ...] = ()
    problem: errors.PublishError | None = None
    try:
        chosen = settings.read(environ, argv, cwd)
        secrets = chosen.secrets
    except settings.Incomplete as error:
        # A file that turned out to hold no token is not a secret, and each of its lines would be hidden.
        secrets = tuple(s for s in error.settings.secrets if not re.search(r"\s", s.reveal()))
        problem = _further(error, signals)
    except errors.PublishError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - the one place that catches everything
        problem = _defect(error)

    # These cost a tenth of a second to import, which --help need not wait for.
    from entrypoint import report, runner

    out = runner.Runner.from_environ(environ, stream)
    for secret in secrets:
        out.mask(secret.reveal())
    if chosen is None:
        outcome = Outcome(Mode.PUBLISH, "", error=problem)
        return _end(out, None, outcome, None)
    for notice in chosen.notices:
        out.notice("Inputs", notice)
    step = _Step(chosen, out, signals, environ)
    outcome = dataclasses.replace(step.run(), seconds=time.monotonic() - start)
    if outcome.mode is Mode.DRY_RUN and outcome.plan:
        with out.group("The plan"):
            for line in report.plan_lines(outcome):
                out.info(line)
    return _end(out, chosen, outcome, step.destination)


class _Step:
    """Plan and transfer, with whatever there is to tell when it ends early."""

    def __init__(
        self, chosen: settings.Settings, out: runner.Runner, signals: _Signals, environ: Mapping[str, str]
    ) -> None:
        self._chosen = chosen
        self._out = out
        self._signals = signals
        self._environ = environ
        self.destination: destinations.Destination | None = None

    def run(self) -> Outcome:
        """The outcome, whatever happens."""
        from entrypoint import report, runner, transfer

        chosen, out = self._chosen, self._out
        mode = _mode(chosen)
        outcome = Outcome(mode, chosen.destination)
        cancel = workers.Cancel()
        engine: transfer.Transfer | None = None
        self._signals.turn(cancel)
        try:
            memory.settle()
            planned, ready = workers.interruptible(lambda: _prepare(chosen, cancel), cancel)
            outcome = dataclasses.replace(outcome, plan=planned)
            out.info(report.start_line(planned, chosen))
            cancel.check()
            self.destination = ready or workers.interruptible(lambda: _open(chosen, cancel, out), cancel)
            rules = transfer.Rules(
                mode,
                chosen.n_jobs,
                restart=chosen.restart,
                overwrite=chosen.overwrite,
                delete_extra=chosen.delete_extra,
            )
            with runner.Progress(out, len(planned)) as progress:
                engine = transfer.Transfer(planned, self.destination, rules, progress, cancel)
                engine.run()
        except errors.PublishError as error:
            outcome = dataclasses.replace(outcome, error=error)
        except Exception as error:  # noqa: BLE001 - the one place that catches everything
            out.debug(traceback.format_exc())
            outcome = dataclasses.replace(outcome, error=_defect(error))
        return self._read_as_a_reader(self._told(outcome, engine), cancel)

    def _read_as_a_reader(self, outcome: Outcome, cancel: workers.Cancel) -> Outcome:
        """Look at what is there now as somebody without credentials would, where that was asked for."""
        from entrypoint import readable

        chosen, destination = self._chosen, self.destination
        is_off = chosen.readers.check is settings.Readable.OFF
        published = bool(chosen.s3 or (outcome.links and outcome.links.published))
        reads_only = outcome.mode in (Mode.DRY_RUN, Mode.VERIFY)
        if is_off or destination is None or outcome.error or not published:
            return outcome
        if outcome.mode is Mode.DRAFT or (outcome.exit_code and not reads_only):
            return outcome
        network = readable.Network.of(self._environ)
        urls = _urls(chosen, destination)
        try:
            found = workers.interruptible(
                lambda: readable.check(
                    outcome, chosen.readers, urls, destination.etag, network, cancel.check
                ),
                cancel,
            )
        except errors.PublishError as error:
            return dataclasses.replace(outcome, error=error)
        except Exception as error:  # noqa: BLE001 - the one place that catches everything
            self._out.debug(traceback.format_exc())
            return dataclasses.replace(outcome, error=_defect(error))
        return dataclasses.replace(outcome, readers=found)

    def _told(self, outcome: Outcome, engine: object) -> Outcome:
        from entrypoint import transfer

        if isinstance(engine, transfer.Transfer):
            outcome = dataclasses.replace(outcome, results=engine.results, extras=engine.extras)
        if self.destination is None:
            return outcome
        from entrypoint import readable

        try:
            urls, links, plan = _urls(self._chosen, self.destination), self.destination.links(), outcome.plan
            if plan and self._chosen.s3 and self._chosen.readers.public_url:
                links = dataclasses.replace(links, catalog="\n".join(readable.catalogs(plan, urls)))
            catalogs = [(u.name, urls(u.catalog.name)) for u in (plan.units if plan else ()) if u.catalog]
            return dataclasses.replace(
                outcome,
                links=links,
                deleted=self.destination.removed,
                catalog_urls=tuple(catalogs),
                views=tuple(readable.views(plan, urls)) if plan and self._chosen.s3 else (),
                notices=tuple(self.destination.notices()),
            )
        except Exception as error:  # noqa: BLE001 - the way out must not fail
            return outcome if outcome.error else dataclasses.replace(outcome, error=_defect(error))


def _urls(chosen: settings.Settings, destination: destinations.Destination) -> Callable[[str], str]:
    """From a remote name to the address that readers use."""
    from entrypoint import readable

    return readable.url_of(chosen.readers.public_url if chosen.s3 else "", destination.file_url)


def _mode(chosen: settings.Settings) -> Mode:
    if chosen.dry_run:
        return Mode.DRY_RUN
    if chosen.verify_only:
        return Mode.VERIFY
    return Mode.DRAFT if chosen.draft_only else Mode.PUBLISH


def _further(error: settings.Incomplete, signals: _Signals) -> errors.PublishError:
    """What is wrong with catalog and files as well, as far as the inputs that are right allow to tell."""
    choose = {item.name for item in inputs.INPUTS if item.section in (inputs.WHAT, inputs.WHERE)}
    if error.wrong & (choose | {"shard", "pack"}):
        return error
    cancel = workers.Cancel()
    signals.turn(cancel)
    zenodo = {item.name for item in inputs.INPUTS if item.section == inputs.ZENODO}
    try:
        workers.interruptible(
            lambda: _prepare(error.settings, cancel, with_zenodo=not error.wrong & zenodo), cancel
        )
    except errors.BadInput as more:
        return errors.BadInput([*error.problems, *more.problems], more.hint)
    except Exception:  # noqa: BLE001 - what is known is said, whatever else is wrong
        return error
    return error


def _prepare(
    chosen: settings.Settings, cancel: workers.Cancel, *, with_zenodo: bool = True
) -> tuple[model.Plan, destinations.Destination | None]:
    """The plan, and a destination that needs no network to be made, with everything wrong in both at once.

    Raises:
        errors.BadInput
    """
    from entrypoint import page, plan

    problems: list[str] = []
    destination: destinations.Destination | None = None
    if chosen.zenodo and with_zenodo:
        try:
            destination = _zenodo(chosen, chosen.zenodo, cancel)
        except errors.BadInput as error:
            problems += error.problems
    try:
        with _much_that_stays():
            planned = page.added(plan.make(chosen), chosen, dt.datetime.now(dt.UTC))
    except errors.BadInput as error:
        raise errors.BadInput([*problems, *error.problems], error.hint) from error
    if problems:
        raise errors.BadInput(problems)
    return planned, destination


@contextlib.contextmanager
def _much_that_stays() -> Iterator[None]:
    """For a step whose results live as long as the process: nothing of them is garbage, now or later.

    To look through a hundred thousand planned files for garbage again and again takes a quarter of the time
    in which they are planned, and holds up every thread once bytes move.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _zenodo(
    chosen: settings.Settings, wanted: settings.ZenodoSettings, cancel: workers.Cancel
) -> destinations.Destination:
    from entrypoint import event
    from entrypoint.destinations import zenodo

    return zenodo.Zenodo(
        wanted,
        run=chosen.run,
        release=event.read(chosen.run.event_path, chosen.run.event_name),
        n_jobs=chosen.n_jobs,
        restart=chosen.restart,
        delete_extra=chosen.delete_extra,
        part=chosen.shard is not None,
        draft_only=chosen.draft_only,
        check=cancel.check,
    )


def _open(chosen: settings.Settings, cancel: workers.Cancel, out: runner.Runner) -> destinations.Destination:
    # Each side's libraries are imported only when they are needed.
    from entrypoint.destinations import s3

    assert chosen.s3 is not None  # settings.read() saw to it, and Zenodo is made before
    return s3.S3(
        chosen.s3,
        n_jobs=chosen.n_jobs,
        delete_extra=chosen.delete_extra,
        cancel=cancel,
        hide=out.mask,
        run=chosen.run,
    )


class _Signals:
    """While it lasts, SIGINT and SIGTERM turn the switch; a second SIGINT ends the process at once.

    It lasts from the first line to the last, so that no signal finds the process without a summary to write.
    """

    def __init__(self) -> None:
        self._came = False
        self._cancel: workers.Cancel | None = None

    def turn(self, cancel: workers.Cancel) -> None:
        """From now on, turn this switch; at once where a signal came before."""
        self._cancel = cancel
        if self._came:
            cancel.set()

    def __enter__(self) -> Self:
        self._before = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._came and number == signal.SIGINT:
            os._exit(errors.ExitCode.CANCELLED)
        self._came = True
        if self._cancel is not None:
            self._cancel.set()


def _defect(error: Exception) -> errors.PublishError:
    """What a user sees of an error that we did not foresee: no traceback, but enough to report it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return errors.PublishError(
        f"A defect of catalog-upload: {type(error).__name__}{where}: {str(error)[:300]}",
        "Please report it, with the log of a run with debug logging on (RUNNER_DEBUG=1).",
    )


def _say(out: runner.Runner, lines: Sequence[str]) -> None:
    for line in lines:
        out.info(line)


def _end(
    out: runner.Runner,
    chosen: settings.Settings | None,
    outcome: Outcome,
    destination: destinations.Destination | None,
) -> int:
    """Manifest, log, annotations, outputs and summary, in every case."""
    from entrypoint import report

    def written(write: Callable[[], None], outcome: Outcome) -> Outcome:
        try:
            write()
        except errors.NotWritten as error:
            if not outcome.exit_code:
                return dataclasses.replace(outcome, error=error)
            out.warning("Not written", [error.message])
        return outcome

    outcome = written(lambda: out.write_outputs(report.outputs(outcome, chosen)), outcome)
    if chosen and (manifest := chosen.manifest):
        url = _urls(chosen, destination) if destination else None
        outcome = written(
            lambda: out.write_manifest(manifest, report.manifest(outcome, chosen, url)), outcome
        )
    title, lines = report.remarks(outcome)
    if lines:
        out.warning(title, lines)
    if outcome.exit_code and out.on_github:
        # The annotation stands at the top of the run and holds the first causes; the log has them all.
        out.error(report.headline(outcome), report.cause(outcome))
        with out.group("What went wrong, and where things are"):
            _say(out, report.end_lines(outcome))
    elif outcome.exit_code:
        out.error(report.headline(outcome))
        _say(out, report.end_lines(outcome))
    else:
        _say(out, [*report.end_lines(outcome), report.headline(outcome)])
    out.write_summary(report.summary(outcome, chosen))
    if destination is not None:
        destination.close()
    return int(outcome.exit_code)


if __name__ == "__main__":
    main()
