"""The process under test: forked from one that has imported everything, so that a thousand runs are affordable.

Each run is a process of its own, with its own environment, signals, log and limits, and goes through the
product's `main`. What differs from the real thing is the patience with servers, which is shortened by the
constructors' arguments that are there for it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests import action
from tests.support import runner_parser

HANG: Final = 90.0
"""Seconds after which a run counts as hanging; far beyond what the shortened patience adds up to."""

PRELOADED: Final = (
    "awscrt.s3",
    "entrypoint.app",
    "entrypoint.destinations.s3",
    "entrypoint.destinations.zenodo",
    "entrypoint.event",
    "entrypoint.plan",
    "entrypoint.report",
    "entrypoint.runner",
    "entrypoint.transfer",
)


@dataclass(frozen=True)
class Ran:
    """What one run leaves behind.

    Attributes:
        code: exit code; negative for a signal that ended it.
        hung: it had to be killed.
        after_signal: seconds from the signal to the end; 0 without one.
        memory: bytes, at most.
    """

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str
    manifest: dict[str, Any]
    manifest_text: str
    seconds: float
    hung: bool = False
    after_signal: float = 0.0
    memory: int = 0

    @property
    def statuses(self) -> dict[str, str]:
        """Status of each file by its remote name."""
        return {file["name"]: file["status"] for file in self.manifest.get("files", ())}

    @property
    def everything(self) -> str:
        """All that anybody can read of it, but for the commands that tell the runner what to mask."""
        log = "\n".join(line for line in self.log.splitlines() if not line.startswith("::add-mask::"))
        outputs = "\n".join(f"{name}={value}" for name, value in self.outputs.items())
        return f"{log}\n{outputs}\n{self.summary}\n{self.manifest_text}"


@dataclass
class Order:
    """A run to be made.

    Args:
        limits: resource limits by their names in `resource`, without RLIMIT_, as for the shell's ulimit.
        act: called in a thread of its own with the process's id once it runs; gives the monotonic time at
            which it sent a signal, or 0.
        attempt: GITHUB_RUN_ATTEMPT.
        hurried: with shortened patience.
    """

    inputs: Mapping[str, str]
    workspace: Path
    environment: Mapping[str, str]
    limits: Mapping[str, int] = field(default_factory=dict)
    act: Callable[[int], float] | None = None
    attempt: int = 1
    hurried: bool = True
    arguments: tuple[str, ...] = ()
    summary_file: Path | None = None
    """Instead of a writable summary file."""
    hang: float = HANG


class Zygote:
    """The process that forks. Makes one run at a time; a context manager."""

    def __enter__(self) -> Self:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(action.ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.faults.product"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def run(self, order: Order) -> Ran:
        """Make a run, to its end."""
        with tempfile.TemporaryDirectory(prefix="runner-") as name:
            return self._run(order, Path(name))

    def _run(self, order: Order, home: Path) -> Ran:
        files = {key: home / key.lower() for key in ("OUTPUT", "STEP_SUMMARY")}
        for path in files.values():
            path.touch()
        summary = files["STEP_SUMMARY"]
        files["STEP_SUMMARY"] = order.summary_file or summary
        manifest = order.workspace / "manifest.json"
        if "manifest" not in order.inputs:
            manifest.unlink(missing_ok=True)
        inputs = {"manifest": manifest.name, **order.inputs}
        environment = {
            "PATH": os.defpath,
            "HOME": str(home),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(order.workspace),
            "GITHUB_REPOSITORY": "octocat/atlas",
            "GITHUB_RUN_ID": "1",
            "GITHUB_RUN_ATTEMPT": str(order.attempt),
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_SERVER_URL": "https://github.com",
            "RUNNER_TEMP": str(home),
            "AWS_EC2_METADATA_DISABLED": "true",
            **{f"GITHUB_{key}": str(path) for key, path in files.items()},
            **action.variables(inputs),
            **order.environment,
        }
        words = {
            "environment": environment,
            "cwd": str(order.workspace),
            "log": str(home / "log"),
            "limits": dict(order.limits),
            "hurried": order.hurried,
            "arguments": list(order.arguments),
        }
        began = time.monotonic()
        code, hung, signalled, memory = self._supervise(words, order)
        ended = time.monotonic()
        text = manifest.read_text() if manifest.is_file() and "manifest" not in order.inputs else ""
        return Ran(
            code,
            (home / "log").read_text("utf-8", "replace"),
            runner_parser.outputs(files["OUTPUT"].read_bytes()),
            summary.read_text("utf-8", "replace"),
            json.loads(text) if text else {},
            text,
            ended - began,
            hung,
            ended - signalled if signalled else 0.0,
            memory,
        )

    def _supervise(self, words: dict[str, Any], order: Order) -> tuple[int, bool, float, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        done = threading.Event()
        hung: list[float] = []

        def guard() -> None:
            if not done.wait(order.hang):
                hung.append(order.hang)
                os.kill(pid, signal.SIGUSR2)  # prints where it hangs
                done.wait(1)
                os.kill(pid, signal.SIGKILL)

        signalled: list[float] = []

        def act() -> None:
            with contextlib.suppress(ProcessLookupError):
                assert order.act is not None
                signalled.append(order.act(pid))

        threads = [threading.Thread(target=guard, daemon=True)]
        if order.act:
            threads.append(threading.Thread(target=act, daemon=True))
        for thread in threads:
            thread.start()
        # The child is not waited for before it is told to: until then its id is nobody else's.
        assert self._process.stdout.readline() == "ended\n"
        done.set()
        for thread in threads:
            thread.join()
        self._process.stdin.write("reap\n")
        self._process.stdin.flush()
        status, memory = map(int, self._process.stdout.readline().split())
        when = signalled[0] if signalled else 0.0
        return os.waitstatus_to_exitcode(status), bool(hung), when, memory


# What follows happens in the process that forks, and in its children.


def _main() -> None:
    import faulthandler
    import gc
    import importlib

    import boto3

    for name in PRELOADED:
        importlib.import_module(name)
    boto3.Session(region_name="us-east-1").client(
        "s3", aws_access_key_id="x", aws_secret_access_key="x", endpoint_url="http://127.0.0.1:9"
    ).close()
    faulthandler.register(signal.SIGUSR2, all_threads=True, chain=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1  # a fork takes no threads along
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            _child(order)
        print(pid, flush=True)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        print("ended", flush=True)
        sys.stdin.readline()
        _, status, usage = os.wait4(pid, 0)
        print(status, usage.ru_maxrss * 1024, flush=True)


def _child(order: dict[str, Any]) -> None:
    try:
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["environment"])
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 64)
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
        sys.argv = ["catalog-upload", *order["arguments"]]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, limit in order["limits"].items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
        if order["hurried"]:
            _hurry()
        from entrypoint import __main__ as product

        product.main()
    except BaseException:  # noqa: BLE001 - nothing may go back to the loop of the parent
        import traceback

        traceback.print_exc()
    os._exit(70)


def _hurry() -> None:
    from entrypoint.destinations import s3, zenodo
    from entrypoint.destinations.zenodo.api.patience import Patience

    quick = s3.Patience(
        tries=3, first=0.02, cap=1.0, connect=1.0, stall=1.5, answer=1.5, slow=1.5, silence=3.0, limit=3.0
    )
    s3.S3 = functools.partial(s3.S3, patience=quick)  # type: ignore[misc,assignment]
    patience = Patience(
        tries=4, first=0.02, cap=0.2, denied=2, connect=1.0, stall=1.0, answer=2.0, whole=4.0, settle=2.0
    )
    zenodo.Zenodo = functools.partial(zenodo.Zenodo, patience=patience)  # type: ignore[misc,assignment]


if __name__ == "__main__":
    _main()
