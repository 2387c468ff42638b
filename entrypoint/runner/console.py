"""Where the words go: the log, annotations, masks, and the files of outputs, summary and manifest."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TextIO

from actions_toolkit import core, file_command

from entrypoint import errors, text

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

    It can be made before anything else is known, so that even bad settings are reported in full.

    Args:
        stream: the log, as a rule standard output.
        on_github: whether GitHub's runner reads the log.
        debug: whether to show `debug` lines.
        output_file: GITHUB_OUTPUT, if any.
        summary_file: GITHUB_STEP_SUMMARY, if any.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        on_github: bool = False,
        debug: bool = False,
        output_file: Path | None = None,
        summary_file: Path | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.stream = stream
        self.on_github = on_github
        self.bar: Bar | None = None
        self._debug = debug
        self._output_file = output_file
        self._summary_file = summary_file
        self._secrets: list[str] = []
        self._annotations: Counter[str] = Counter()
        self._gone = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], stream: TextIO) -> Runner:
        """What the environment says about the runner; a mapping without such variables is a terminal."""
        output, summary = environ.get("GITHUB_OUTPUT"), environ.get("GITHUB_STEP_SUMMARY")
        return cls(
            stream,
            on_github=environ.get("GITHUB_ACTIONS") == "true",
            debug=environ.get("RUNNER_DEBUG") == "1",
            output_file=Path(output) if output else None,
            summary_file=Path(summary) if summary else None,
        )

    # The log

    def info(self, line: str) -> None:
        """One line of the log; whatever is in it, it stays one line and no command."""
        self._write(self._harmless(line) + "\n")

    def debug(self, line: str) -> None:
        """A line for those who asked for debug output."""
        if self._debug and self.on_github:
            self._command(core.debug, self._harmless(line))
        elif self._debug:
            self.info(f"debug: {line}")

    def notice(self, title: str, lines: str | Sequence[str] = ()) -> None:
        """A notice: an annotation on GitHub, a paragraph elsewhere."""
        self._annotate(core.notice, "notice", title, lines)

    def warning(self, title: str, lines: str | Sequence[str] = ()) -> None:
        """A warning. GitHub shows the first ten only: say many things in the lines of one."""
        self._annotate(core.warning, "warning", title, lines)

    def error(self, title: str, lines: str | Sequence[str] = ()) -> None:
        """An error. GitHub shows the first ten only: say many things in the lines of one."""
        self._annotate(core.error, "error", title, lines)

    @contextlib.contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what is said meanwhile under a title, where the log can fold."""
        if not self.on_github:
            self.info(title)
            yield
            return
        self._command(core.start_group, self._harmless(title))
        try:
            yield
        finally:
            self._command(core.end_group)

    def mask(self, secret: str) -> None:
        """Let nobody see a secret: GitHub is told to hide it, and we do so in all that we write ourselves."""
        parts = dict.fromkeys(part for part in (secret.strip(), *map(str.strip, secret.splitlines())) if part)
        with self.lock:
            self._secrets += [part for part in parts if len(part) >= MIN_SECRET and part not in self._secrets]
            self._secrets.sort(key=len, reverse=True)
        for part in parts if self.on_github else ():
            self._command(core.set_secret, part)

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
        leaking = [name for name, value in outputs.items() if self._hide(value) != value]
        if leaking:
            self.warning(
                f"Hidden in outputs: {', '.join(leaking)}",
                "They hold a secret, and GitHub drops such outputs between jobs. Keep names of buckets "
                "and prefixes in variables, not in secrets.",
            )
        # The toolkit's own set_output takes the path from the process's environment and, without one, falls
        # back to a command that GitHub has retired; so only its form is used. All of them in one write.
        entries = (
            file_command.prepare_key_value_message(name, self._hide(value)) for name, value in outputs.items()
        )
        try:
            _append(self._output_file, "".join(f"{entry}\n" for entry in entries))
        except (OSError, ValueError) as error:
            raise errors.NotWritten(
                f"The outputs cannot be written to {text.printable(str(self._output_file))}: {_why(error)}.",
                "Steps that need them would find nothing. What was uploaded stays; run again.",
            ) from error

    def write_summary(self, markdown: str) -> bool:
        """Append to the job summary, if there is one.

        Returns:
            False when it could not be written; a warning says so.
        """
        if self._summary_file is None:
            return True
        try:
            _append(self._summary_file, self._hide(markdown))
        except (OSError, ValueError) as error:
            self.warning("The job summary could not be written", f"{self._summary_file}: {_why(error)}.")
            return False
        return True

    def write_manifest(self, path: Path, document: str) -> None:
        """Write the manifest, whole or not at all.

        Raises:
            errors.NotWritten
        """
        part = path.with_name(f".catalog-upload-{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                # Plain permissions: in a container we are root, and later steps are not.
                part.write_text(self._hide(document), encoding="utf-8", errors="backslashreplace")
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            raise errors.NotWritten(
                f"The manifest {text.printable(str(path))!r} cannot be written: {_why(error)}.",
                "What was uploaded stays; name a path that can be written and run again.",
            ) from error

    # Below

    def _annotate(
        self, command: Callable[..., None], kind: str, title: str, lines: str | Sequence[str]
    ) -> None:
        title = self._harmless(text.shorten(title, 250))
        shown = [self._harmless(line) for line in ([lines] if isinstance(lines, str) else lines) if line]
        with self.lock:
            self._annotations[kind] += 1
            annotate = self.on_github and self._annotations[kind] <= MAX_ANNOTATIONS
        if annotate:
            self._command(command, text.shorten("\n".join(shown) or title, MAX_ANNOTATION), title=title)
        else:
            self._write(
                "".join(f"{line}\n" for line in [f"{kind}: {title}", *(f"  {line}" for line in shown)])
            )

    def _command(self, command: Callable[..., object], *arguments: str, **properties: str) -> None:
        """Let the toolkit write a command, to our stream instead of the process's output."""
        with self.lock:
            buffer = io.StringIO()
            with contextlib.redirect_stdout(buffer):
                command(*arguments, **properties)
            self._write(buffer.getvalue())

    def _harmless(self, line: str) -> str:
        return text.printable(self._hide(line))

    def _hide(self, words: str) -> str:
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return words

    def _write(self, lines: str) -> None:
        encoding = self.stream.encoding or "utf-8"
        lines = lines.encode(encoding, "backslashreplace").decode(encoding)
        with self.lock:
            if self._gone:
                return
            try:
                if self.bar is not None:
                    self.bar.clear()
                self.stream.write(lines)
                self.stream.flush()
                if self.bar is not None:
                    self.bar.refresh()
            except (OSError, ValueError):
                # Nobody reads any more (a closed pipe). The upload goes on; its exit code tells how it went.
                self._gone = True


def _append(path: Path, content: str) -> None:
    with path.open("ab") as stream:
        stream.write(content.encode("utf-8", "backslashreplace"))


def _why(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
