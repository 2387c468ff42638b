"""Starts the program. Nothing of weight is imported here, so that Ctrl-C is quiet from the first moment."""

from __future__ import annotations

import contextlib
import os
import sys

from entrypoint.signals import Signals


def main() -> None:
    """Entry point of ``catalog-upload`` and of ``python -m entrypoint``. It ends the process."""
    # Python leaves out a stream that was closed before it began (`>&-`).
    out, err = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: PTH123, SIM115
    with Signals() as signals:
        from entrypoint import app

        code = app.main(os.environ, sys.argv[1:], out, err, signals)
        for stream in (out, err):
            with contextlib.suppress(OSError, ValueError):  # nothing reads it any more
                stream.flush()
        # A thread that waits for a dead network must not keep the process; everything is written by now.
        os._exit(code)


if __name__ == "__main__":
    main()
