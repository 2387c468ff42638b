"""Starts the mock by hand: `python -m tests.zenodo --port 0`. Its URL is the first line."""

from __future__ import annotations

import argparse
import dataclasses
import signal

from tests.zenodo import ZenodoServer, state


def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.zenodo", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", help="the first user's token; made up and printed without one")
    for each in dataclasses.fields(state.Options):
        name = "--" + each.name.replace("_", "-")
        if isinstance(each.default, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=each.default)
        elif each.name == "kind":
            parser.add_argument(name, choices=("zenodo", "invenio"), default=each.default)
        else:
            parser.add_argument(name, type=type(each.default), default=each.default)
    given = vars(parser.parse_args())
    # Blocked before any thread starts, so that the signals wait for `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with ZenodoServer(**given) as server:
        print(server.url, flush=True)
        if given["token"] is None:
            print(f"token {server.token}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
