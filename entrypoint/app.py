"""A whole run: settings, catalog, plan, transfer, report; and the one place that catches errors."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import gc
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from entrypoint import cli, connect, errors, inputs, settings, workers
from entrypoint.outcome import Mode, Outcome, Status
from entrypoint.signals import Signals

if TYPE_CHECKING:
    from entrypoint import destinations, runner, transfer
    from entrypoint.plan import model


def main(environ: Mapping[str, str], argv: Sequence[str], out: TextIO, err: TextIO, signals: Signals) -> int:
    """A run in the process's own surroundings; the exit code.

    Args:
        out: for results.
        err: for progress, warnings and errors.
    """
    try:
        if "_ARGCOMPLETE" in environ:  # a shell that completes a line, https://kislyuk.github.io/argcomplete
            cli.complete(environ.get("COMP_LINE", ""))
        return run(environ, argv, Path.cwd(), out, err, signals=signals)
    except SystemExit as leave:  # --help, --version and --completion
        return leave.code if isinstance(leave.code, int) else 0
    except FileNotFoundError:  # of Path.cwd()
        err.write("error: the current directory no longer exists\n")
        return errors.ExitCode.BAD_INPUT


def run(
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: Path,
    out: TextIO,
    err: TextIO | None = None,
    *,
    signals: Signals | None = None,
) -> int:
    """A whole run; the exit code.

    Args:
        err: everything goes to `out` where it is absent.
        signals: already on watch; else they are for the time of this run.

    Raises:
        SystemExit: after ``--help``, ``--version`` or ``--completion``.
    """
    if signals is not None:
        return _run(environ, argv, cwd, (out, err), signals)
    with Signals() as own:
        return _run(environ, argv, cwd, (out, err), own)


def _run(
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: Path,
    streams: tuple[TextIO, TextIO | None],
    signals: Signals,
) -> int:
    start = time.monotonic()
    chosen: settings.Settings | None = None
    known: settings.Settings | None = None
    problem: errors.PublishError | None = None
    try:
        chosen = known = settings.read(environ, argv, cwd)
    except settings.Incomplete as error:
        # A file that turned out to hold no token is not a secret, and each of its lines would be hidden.
        secrets = tuple(s for s in error.settings.secrets if not re.search(r"\s", s.reveal()))
        known = dataclasses.replace(error.settings, secrets=secrets)
        problem = _all_problems(error, signals)
        if "manifest" in error.wrong:
            known = dataclasses.replace(known, manifest=None, manifest_input="")
    except errors.PublishError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - the one place that catches everything
        problem = _bug(error)

    # These take time to import, which --help need not wait for.
    from entrypoint import ending, report, runner

    presentation = cli.presentation(argv)
    out = runner.Runner.from_environ(
        environ,
        *streams,
        quiet=presentation.quiet,
        verbose=presentation.verbose,
        events=presentation.json,
        keep_out=known is not None and known.manifest_on_stdout,
    )
    for secret in known.secrets if known else ():
        out.mask(secret.reveal())
    if chosen is None:
        outcome = Outcome(Mode.PUBLISH, "", error=problem, seconds=time.monotonic() - start)
        return ending.end(out, outcome, None, known, None)
    for notice in chosen.notices:
        out.notice("Inputs", notice)
    work = _Work(chosen, out, signals, environ)
    outcome = dataclasses.replace(work.run(), seconds=time.monotonic() - start)
    # A plan that nothing was compared for says nothing.
    is_known = not outcome.error or any(r.status is not Status.WITHHELD for r in outcome.results)
    if outcome.mode is Mode.DRY_RUN and outcome.plan and is_known:
        with out.group("The plan"):
            for line in report.plan_lines(outcome):
                out.result(line)
    destination = work.destination
    code = ending.end(out, outcome, chosen, chosen, _urls(chosen, destination) if destination else None)
    if destination is not None:
        destination.close()
    return code


class _Work:
    """Plan and transfer, with whatever is known when it ends early."""

    def __init__(
        self, chosen: settings.Settings, out: runner.Runner, signals: Signals, environ: Mapping[str, str]
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
        self._signals.attach(cancel)
        try:
            planned, ready = workers.interruptible(lambda: _prepare(chosen, cancel, out), cancel)
            outcome = dataclasses.replace(outcome, plan=planned)
            out.info(report.start_line(planned, chosen))
            out.event("plan", files=len(planned), bytes=planned.size, destination=chosen.destination)
            cancel.check()
            self.destination = ready or workers.interruptible(
                lambda: connect.s3(chosen, self._environ, cancel, out), cancel
            )
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
            out.detail(traceback.format_exc())
            outcome = dataclasses.replace(outcome, error=_bug(error))
        return self._check_readers(self._completed(outcome, engine), cancel)

    def _check_readers(self, outcome: Outcome, cancel: workers.Cancel) -> Outcome:
        """Check what is there now as a reader without credentials, if that is enabled."""
        chosen, destination = self._chosen, self.destination
        is_off = chosen.readers.check is settings.Readable.OFF
        published = bool(chosen.s3 or (outcome.links and outcome.links.published))
        reads_only = outcome.mode in (Mode.DRY_RUN, Mode.VERIFY)
        if is_off or destination is None or outcome.error or not published:
            return outcome
        if outcome.mode is Mode.DRAFT or (outcome.exit_code and not reads_only):
            return outcome
        from entrypoint.readable import checking

        self._out.info("Checking that readers can open it …")
        urls = _urls(chosen, destination)
        try:
            found = workers.interruptible(
                lambda: checking.check(
                    outcome, chosen.readers, urls, destination.etag, self._environ, cancel.check
                ),
                cancel,
            )
        except errors.PublishError as error:
            return dataclasses.replace(outcome, error=error)
        except Exception as error:  # noqa: BLE001 - the one place that catches everything
            self._out.detail(traceback.format_exc())
            return dataclasses.replace(outcome, error=_bug(error))
        return dataclasses.replace(outcome, readers=found)

    def _completed(self, outcome: Outcome, engine: transfer.Transfer | None) -> Outcome:
        """The outcome with what engine and destination know at the end."""
        if engine is not None:
            outcome = dataclasses.replace(outcome, results=engine.results, extras=engine.extras)
        if self.destination is None:
            return outcome
        from entrypoint.readable import links as readers

        try:
            urls, links, plan = _urls(self._chosen, self.destination), self.destination.links(), outcome.plan
            if plan and self._chosen.s3 and self._chosen.readers.public_url:
                links = dataclasses.replace(links, catalog="\n".join(readers.catalogs(plan, urls)))
            catalogs = [(u.name, urls(u.catalog.name)) for u in (plan.units if plan else ()) if u.catalog]
            return dataclasses.replace(
                outcome,
                links=links,
                deleted=self.destination.removed,
                catalog_urls=tuple(catalogs),
                views=tuple(readers.views(plan, outcome.results, urls)) if plan and self._chosen.s3 else (),
                notices=(
                    *self.destination.notices(),
                    *(_losses(engine) if engine else ()),
                ),
            )
        except Exception as error:  # noqa: BLE001 - the end of a run must not fail
            return outcome if outcome.error else dataclasses.replace(outcome, error=_bug(error))


def _urls(chosen: settings.Settings, destination: destinations.Destination) -> Callable[[str], str]:
    """From a remote name to the address that readers use."""
    from entrypoint.readable import links

    return links.url_of(chosen.readers.public_url if chosen.s3 else "", destination.file_url)


def _losses(engine: transfer.Transfer) -> Iterator[str]:
    """What the catalogs that ours replace have and ours lack, one sentence for each."""
    from entrypoint.catalog import losses

    for result in engine.results:
        name = result.file.name
        if name not in engine.replaced:
            continue
        try:
            with result.file.source.open() as stream:
                new = stream.read()
        except (OSError, errors.FileFailed):
            continue
        is_gone = result.status is Status.UPLOADED
        if said := losses.sentence(name, engine.replaced[name], new, is_gone=is_gone):
            yield said


def _mode(chosen: settings.Settings) -> Mode:
    if chosen.dry_run:
        return Mode.DRY_RUN
    if chosen.verify_only:
        return Mode.VERIFY
    return Mode.DRAFT if chosen.draft_only else Mode.PUBLISH


def _all_problems(error: settings.Incomplete, signals: Signals) -> errors.PublishError:
    """Also report problems of the catalog and files, as far as the valid inputs allow."""
    choose = {item.name for item in inputs.INPUTS if item.section in (inputs.WHAT, inputs.WHERE)}
    if error.wrong & (choose | {"shard", "pack"}):
        return error
    cancel = workers.Cancel()
    signals.attach(cancel)
    zenodo = {item.name for item in inputs.INPUTS if item.section == inputs.ZENODO}
    try:
        workers.interruptible(
            lambda: _prepare(error.settings, cancel, with_zenodo=not error.wrong & zenodo), cancel
        )
    except errors.BadInput as more:
        return errors.BadInput([*error.problems, *more.problems], more.hint)
    except Exception:  # noqa: BLE001 - the known problems are reported in any case
        return error
    return error


def _prepare(
    chosen: settings.Settings,
    cancel: workers.Cancel,
    out: runner.Runner | None = None,
    *,
    with_zenodo: bool = True,
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
            destination = connect.zenodo(chosen, chosen.zenodo, cancel, out)
        except errors.BadInput as error:
            problems += error.problems
    try:
        with _gc_disabled():
            planned = page.added(plan.make(chosen), chosen, dt.datetime.now(dt.UTC))
    except errors.BadInput as error:
        raise errors.BadInput([*problems, *error.problems], error.hint) from error
    if problems:
        raise errors.BadInput(problems)
    return planned, destination


@contextlib.contextmanager
def _gc_disabled() -> Iterator[None]:
    """Switch the garbage collector off for a step whose results live as long as the process.

    Scanning a hundred thousand planned files again and again takes a quarter of the time in which they are
    planned, and stops every thread once bytes move.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _bug(error: Exception) -> errors.PublishError:
    """What a user sees of an error that we did not foresee: no traceback, but enough to report it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return errors.PublishError(
        f"A bug in catalog-upload: {type(error).__name__}{where}: {str(error)[:300]}",
        "Please report it, with the log of a run with -v, or with debug logging on GitHub (RUNNER_DEBUG=1).",
    )
