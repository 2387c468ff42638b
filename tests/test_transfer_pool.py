"""The pool of a transfer: how it ends when one of its jobs fails."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from entrypoint import errors, workers
from tests.action import ROOT


def test_jobs_that_never_started_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE", 60.0)
    began = time.monotonic()

    def job(_: Any) -> None:
        raise errors.NotAuthorised("no")

    def run() -> None:
        file: Any = None
        with workers.Pool(1, workers.Cancel()) as pool:
            pool.submit(job, file)
            pool.submit(lambda _: time.sleep(0.2), file)
            for _ in range(50):  # still queued when the first has failed
                pool.submit(job, file)
            pool.drain()

    with pytest.raises(errors.NotAuthorised):
        run()
    assert time.monotonic() - began < 30


def _most_at_once(pool: workers.Pool, jobs: int) -> int:
    running, most, lock = 0, 0, threading.Lock()

    def job(_: Any) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.1)
        with lock:
            running -= 1

    file: Any = None
    with pool:
        for _ in range(jobs):
            pool.submit(job, file)
        pool.drain()
    return most


def test_jobs_that_wait_get_more_threads() -> None:
    pool = workers.Pool(32, workers.Cancel(), 2)
    assert 2 < _most_at_once(pool, 200) <= 32
    assert pool.threads > 2


def test_a_chosen_number_is_used_from_the_start_and_never_exceeded() -> None:
    assert _most_at_once(workers.Pool(8, workers.Cancel()), 40) == 8


def test_there_are_no_more_threads_than_jobs() -> None:
    pool = workers.Pool(64, workers.Cancel())
    _most_at_once(pool, 3)
    assert pool.threads == 3


def test_a_machine_that_allows_few_threads_does_with_those_it_has() -> None:
    script = """
import resource, threading, time
from entrypoint import workers
pool, done = workers.Pool(64, workers.Cancel()), []
resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST))
threading.stack_size(64 * 2**20)
with pool:
    for number in range(200):
        pool.submit(lambda _: done.append(time.sleep(0.001)), None)
    pool.drain()
assert len(done) == 200 and 0 < pool.threads < 64, (len(done), pool.threads)
"""
    # Address space for itself and some ten stacks.
    limited = script.replace("MOST", str(1200 * 2**20))
    run = subprocess.run(
        [sys.executable, "-c", limited], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr


def test_a_job_counts_among_the_threads_that_it_asks_for() -> None:
    seen: list[int] = []
    file: Any = None
    with workers.Pool(8, workers.Cancel()) as pool:
        for _ in range(8):
            pool.submit(lambda _: seen.append(pool.threads), file)
        pool.drain()
    assert min(seen) >= 1
