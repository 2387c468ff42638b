"""Starts the program. Nothing of weight is imported here, so that Ctrl-C is quiet from the first moment."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from entrypoint.signals import Signals


def main() -> NoReturn:
    """Entry point of ``catalog-upload`` and of ``python -m entrypoint``."""
    with Signals() as signals:
        from entrypoint import app

        code = app.main(os.environ, sys.argv[1:], sys.stdout, sys.stderr, signals)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                stream.flush()
        # A thread that waits for a dead network must not keep the process; everything is written by now.
        os._exit(code)


if __name__ == "__main__":
    main()
