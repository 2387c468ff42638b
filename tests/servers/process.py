"""Start a server, wait until it is ready, end it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.servers import guard


def free_port() -> int:
    """A free TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether something accepts connections on that port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    ready: Callable[[], bool],
    log: Path,
    environment: Mapping[str, str],
    patience: float = 60,
) -> Iterator[None]:
    """Run a server for the length of a `with` block.

    Args:
        command: the program, which must stay in the foreground.
        ready: asked every 20 ms until it says yes.
        log: takes what the server prints; shown when the server does not come up.
        environment: all of its variables; nothing of ours leaks into it.
        patience: seconds to wait until it is ready.

    Raises:
        RuntimeError: it ended, or was not ready in time.
    """
    words = [sys.executable, "-I", "-S", str(Path(guard.__file__)), *map(str, command)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=dict(environment)
        )
    try:
        deadline = time.monotonic() + patience
        while not ready():
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{_tail(log)}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} was not ready after {patience:g} s:\n{_tail(log)}")
            time.sleep(0.02)
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
