"""All output: results, the log, annotations, masks, and the files for outputs, summary and manifest."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TextIO

from entrypoint import errors, outfile, text

# What the runner keeps: 10 annotations of a kind in a step, 4096 characters of each.
# https://github.com/actions/runner, src/Runner.Worker/ExecutionContext.cs
MAX_ANNOTATIONS: Final = 10
MAX_ANNOTATION: Final = 4000
MIN_SECRET: Final = 6
"""Characters; hiding shorter ones would make every text unreadable and hide nothing."""


class Bar(Protocol):
    """A line at the bottom of a terminal that makes way for the log."""

    def clear(self) -> None:
        """Take the line away."""

    def refresh(self) -> object:
        """Draw it again."""


class Runner:
    """Says and writes things where the process runs. Its methods may be called from every thread.

    It can be made before anything else is known, so that even bad settings are reported in full. In a terminal
    results go to one stream and everything else to the other; on GitHub, where the two are shown as one, all goes
    to the first, so that it stays in order.

    Args:
        out: for results, as a rule standard output.
        err: for progress, warnings and errors, as a rule standard error; `out` where it is absent.
        on_github: whether GitHub's runner reads the log.
        quiet: say nothing but results, warnings and errors.
        verbose: also say what `detail` is given.
        events: write a JSON object per event to `out`, which then gets nothing else.
        keep_out: `out` is reserved for a document, so all messages go to `err`.
        plain: the terminal knows no cursor (TERM=dumb), so there is no bar.
        output_file: GITHUB_OUTPUT, if any.
        summary_file: GITHUB_STEP_SUMMARY, if any.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO | None = None,
        *,
        on_github: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        events: bool = False,
        keep_out: bool = False,
        plain: bool = False,
        output_file: Path | None = None,
        summary_file: Path | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.on_github = on_github
        self.verbose = verbose
        self.bar: Bar | None = None
        self._out = out
        err = err or out
        self._results = err if keep_out or events else out
        self.log = out if on_github and not (keep_out or events) else err
        self._quiet = quiet or events
        self._events = events
        self._plain = plain
        self._output_file = output_file
        self._summary_file = summary_file
        self._secrets: list[str] = []
        self._annotations: Counter[str] = Counter()
        self._gone: dict[int, OSError | ValueError] = {}

    @classmethod
    def from_environ(
        cls,
        environ: Mapping[str, str],
        out: TextIO,
        err: TextIO | None = None,
        *,
        quiet: bool = False,
        verbose: bool = False,
        events: bool = False,
        keep_out: bool = False,
    ) -> Runner:
        """What the environment says about the runner; a mapping without such variables is a terminal."""
        output, summary = environ.get("GITHUB_OUTPUT"), environ.get("GITHUB_STEP_SUMMARY")
        return cls(
            out,
            err,
            on_github=environ.get("GITHUB_ACTIONS") == "true",
            quiet=quiet,
            verbose=verbose or environ.get("RUNNER_DEBUG") == "1",
            events=events,
            keep_out=keep_out,
            plain=environ.get("TERM", "") == "dumb",
            output_file=Path(output) if output else None,
            summary_file=Path(summary) if summary else None,
        )

    @property
    def has_events(self) -> bool:
        """Whether a program asked for events."""
        return self._events

    @property
    def has_summary(self) -> bool:
        """Whether there is a page for a summary."""
        return self._summary_file is not None

    @property
    def has_terminal(self) -> bool:
        """Whether a person watches a terminal in which a line can be drawn again."""
        return not (self.on_github or self._quiet or self._plain) and self.log.isatty()

    # The log

    def result(self, line: str) -> None:
        """One line of what the run was for; whatever is in it, it stays one line and no command."""
        if not self._events:
            self._write(self._harmless(line) + "\n", self._results)

    def info(self, line: str) -> None:
        """One line on how it goes."""
        if not self._quiet:
            self._write(self._harmless(line) + "\n")

    def detail(self, line: str) -> None:
        """A line for those who asked for everything (-v, or debug logging on GitHub)."""
        if self.verbose and self.on_github:
            self._command("debug", self._harmless(line))
        elif self.verbose:
            self._write(self._harmless(line) + "\n")

    def notice(self, title: str, lines: str | Sequence[str] = ()) -> None:
        """A notice: an annotation on GitHub, a paragraph elsewhere."""
        if not self._quiet:
            self._annotate("notice", title, lines)

    def warning(self, title: str, lines: str | Sequence[str] = ()) -> None:
        """A warning. GitHub shows the first ten only: say many things in the lines of one."""
        self._annotate("warning", title, lines)

    def error(self, title: str, lines: str | Sequence[str] = ()) -> None:
        """An error. GitHub shows the first ten only: say many things in the lines of one."""
        self._annotate("error", title, lines)

    def say(self, line: str) -> None:
        """A log line that belongs to an error, and so is always printed."""
        self._write(self._harmless(line) + "\n")

    @contextlib.contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold the lines printed within the context under a title, if the log supports it."""
        if not self.on_github:
            yield
            return
        self._command("group", self._harmless(title))
        try:
            yield
        finally:
            self._command("endgroup")

    def event(self, kind: str, **facts: object) -> None:
        """One JSON object in a line, where a program asked for events."""
        if not self._events:
            return
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        self._write(self._hide(_compact({"event": kind, "time": now, **facts})) + "\n", self._out)

    def mask(self, secret: str) -> None:
        """Mask a secret: GitHub masks it, and we do so in everything that we write."""
        parts = dict.fromkeys(part for part in (secret.strip(), *map(str.strip, secret.splitlines())) if part)
        with self.lock:
            self._secrets += [part for part in parts if len(part) >= MIN_SECRET and part not in self._secrets]
            self._secrets.sort(key=len, reverse=True)
        for part in parts if self.on_github else ():
            self._command("add-mask", part)

    # Files

    def write_outputs(self, outputs: Mapping[str, str]) -> None:
        """Hand over the outputs, if the runner asks for any.

        Args:
            outputs: names are constants of ours, never made from data.

        Raises:
            errors.NotWritten
        """
        if self._output_file is None:
            return
        from actions_toolkit import file_command

        leaking = [name for name, value in outputs.items() if self._hide(value) != value]
        if leaking:
            self.warning(
                f"Hidden in outputs: {', '.join(leaking)}",
                "They contain a secret, and GitHub drops such outputs between jobs. Keep names of buckets "
                "and prefixes in variables, not in secrets.",
            )
        # The toolkit's own set_output takes the path from the process's environment and, without one, falls
        # back to a command that GitHub has retired; so only its form is used. All of them in one write.
        entries = (
            file_command.prepare_key_value_message(name, self._hide(value)) for name, value in outputs.items()
        )
        try:
            outfile.append(self._output_file, "".join(f"{entry}\n" for entry in entries))
        except (OSError, ValueError) as error:
            raise errors.NotWritten(
                f"The outputs cannot be written to {text.printable(str(self._output_file))}: {_why(error)}.",
                "Later steps would find them empty. Uploaded files stay. Run again.",
            ) from error

    def write_summary(self, markdown: str) -> bool:
        """Append to the job summary, if there is one.

        Returns:
            False when it could not be written; a warning says so.
        """
        if self._summary_file is None:
            return True
        try:
            outfile.append(self._summary_file, self._hide(markdown))
        except (OSError, ValueError) as error:
            self.warning("The job summary could not be written", f"{self._summary_file}: {_why(error)}.")
            return False
        return True

    def write_manifest(self, path: Path, document: str) -> None:
        """Write the manifest, whole or not at all, and over nothing but an earlier manifest.

        Raises:
            errors.NotWritten
        """
        try:
            outfile.replace_manifest(path, self._hide(document))
        except (OSError, ValueError) as error:
            why = str(error) if isinstance(error, outfile.Occupied) else _why(error)
            raise errors.NotWritten(
                f"The manifest {text.printable(str(path))!r} cannot be written: {why}.",
                "Uploaded files stay. Name a writable path and run again.",
            ) from error

    def print_manifest(self, document: str) -> None:
        """Write the manifest to standard output.

        Raises:
            errors.NotWritten: it could not be written, but for a reader who has left.
        """
        self._write(self._hide(document), self._out)
        self._check_written("manifest", self._out)

    def check_results(self) -> None:
        """Make sure that all results, or all events, were written.

        Raises:
            errors.NotWritten: they were not, and it is not their reader who has left.
        """
        if not self.on_github:
            self._check_written("events" if self._events else "results", self._out)

    # Below

    def _check_written(self, what: str, stream: TextIO) -> None:
        error = self._gone.get(id(stream))
        if error is not None and not isinstance(error, BrokenPipeError):
            raise errors.NotWritten(
                f"The {what} cannot be written to standard output: {_why(error)}.",
                "Uploaded files stay. Redirect standard output to a place that can be written, and run again.",
            )

    def _annotate(self, kind: str, title: str, lines: str | Sequence[str]) -> None:
        title = self._harmless(text.shorten(title, 250))
        shown = [self._harmless(line) for line in ([lines] if isinstance(lines, str) else lines) if line]
        self.event(kind, title=title, lines=shown)
        with self.lock:
            self._annotations[kind] += 1
            annotate = self.on_github and self._annotations[kind] <= MAX_ANNOTATIONS
        if annotate:
            self._command(kind, text.shorten("\n".join(shown) or title, MAX_ANNOTATION), title=title)
        else:
            self._write(
                "".join(f"{line}\n" for line in [f"{kind}: {title}", *(f"  {line}" for line in shown)])
            )

    def _command(self, name: str, message: str = "", **properties: str) -> None:
        """A workflow command, as the toolkit writes it. Only on GitHub, so the toolkit is loaded only there."""
        from actions_toolkit import command

        self._write(f"{command.Command(name, properties, message)}\n")

    def _harmless(self, line: str) -> str:
        return text.printable(self._hide(line))

    def _hide(self, words: str) -> str:
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return words

    def _write(self, lines: str, stream: TextIO | None = None) -> None:
        stream = stream or self.log
        encoding = stream.encoding or "utf-8"
        lines = lines.encode(encoding, "backslashreplace").decode(encoding)
        with self.lock:
            if id(stream) in self._gone:
                return
            try:
                if self.bar is not None:
                    self.bar.clear()
                stream.write(lines)
                stream.flush()
                if self.bar is not None:
                    self.bar.refresh()
            except (OSError, ValueError) as error:
                # The pipe is closed, or the disk full. The upload continues; its exit code reports the result.
                self._gone[id(stream)] = error


def _compact(document: Mapping[str, object]) -> str:
    # The escape keeps a name from being a command of the old form wherever GitHub's runner reads this.
    return json.dumps(document, separators=(", ", ": ")).replace("##[", "\\u0023\\u0023[")


def _why(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
