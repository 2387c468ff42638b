"""The pool of a transfer: how it ends when one of its jobs fails."""

from __future__ import annotations

import time
from typing import Any

import pytest

from entrypoint import errors, workers


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
