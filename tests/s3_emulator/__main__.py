"""A store to try by hand: ``python -m tests.s3_emulator B2 --port 9000``."""

from __future__ import annotations

import argparse
import time

from tests.s3_emulator import habits
from tests.s3_emulator.server import emulator


def main() -> None:
    presets = {name: found for name, found in vars(habits).items() if isinstance(found, habits.Habits)}
    parser = argparse.ArgumentParser(prog="python -m tests.s3_emulator", description=__doc__)
    parser.add_argument("store", choices=sorted(presets))
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with emulator(presets[given.store], port=given.port) as store:
        for name, value in store.environment.items():
            print(f"export {name}={value}")
        print("# the bucket's name is bucket; requests follow", flush=True)
        shown = 0
        while True:
            time.sleep(0.1)
            for seen in store.seen[shown:]:
                shown += 1
                print(seen.status, seen.operation, seen.request.target, flush=True)


if __name__ == "__main__":
    main()
