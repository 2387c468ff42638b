"""A real InvenioRDM to try by hand: `python -m tests.real_zenodo --port 5000`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.real_zenodo import stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.real_zenodo", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep everything there; it must not exist")
    given = parser.parse_args()
    with stack.site(port=given.port, folder=given.folder) as site:
        print(f"zenodo-url: {site.url}")
        print(f"zenodo-token: {site.token}")
        print(f"another person's token: {site.curator}")
        print(f"logs: {site.folder}", flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    raise SystemExit(main())
