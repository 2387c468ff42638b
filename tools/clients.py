"""Those who are measured: ours first, and the clients of requirements/bench.txt with everybody's defaults."""

from __future__ import annotations

import sys
from typing import Final

from tests import action
from tools.measuring import Client

PEERS: Final = action.ROOT / ".venv-bench" / "bin"

# What a careful user would write by hand.
BOTO3_THREADS: Final = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import boto3
folder, bucket = Path(sys.argv[1]), sys.argv[2]
client = boto3.client("s3")
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda path: client.upload_file(str(path), bucket, "p/" + path.name), folder.iterdir()))
"""

# The shape of a Makefile run with -j10 in which every file is a process of its own.
AWS_PER_FILE: Final = """
import subprocess, sys
from concurrent.futures import ThreadPoolExecutor
aws, target, *files = sys.argv[1:]
command = lambda file: subprocess.run([aws, "s3", "cp", "--only-show-errors", file, target], check=True)
with ThreadPoolExecutor(10) as pool:
    list(pool.map(command, files))
"""

# A library that sends as fast as Python's can, one request a file and nothing compared or verified.
# It ends at once, because its threads abort some interpreters at exit.
OBSTORE: Final = """
import asyncio, os, sys
from pathlib import Path
import obstore
from obstore.store import S3Store
folder, bucket = Path(sys.argv[1]), sys.argv[2]
store = S3Store(bucket, client_options={"allow_http": True})
async def main():
    limit = asyncio.Semaphore(128)
    async def one(path):
        async with limit:
            await obstore.put_async(store, "p/" + path.name, path)
    await asyncio.gather(*map(one, folder.iterdir()))
asyncio.run(main())
os._exit(0)
"""


def ours(n_jobs: str = "") -> Client:
    """This product, with its own choice of `n_jobs` where none is given."""
    flags = ["--s3-dir", "s3://bucket/p", *(["--n-jobs", n_jobs] if n_jobs else [])]
    name = "catalog-upload" + (f", n-jobs {n_jobs}" if n_jobs else "")
    return Client(name, lambda folder: [*action.COMMAND, "--in-dir", str(folder), *flags])


def peers() -> list[Client]:
    """The others."""
    python, aws, s5cmd = str(PEERS / "python"), str(PEERS / "aws"), str(PEERS / "s5cmd")
    copy = ("s3", "cp", "--recursive", "--only-show-errors")
    return [
        Client("s5cmd", lambda folder: [s5cmd, "--log", "error", "cp", f"{folder}/", "s3://bucket/p/"]),
        Client("aws s3 cp --recursive", lambda folder: [aws, *copy, str(folder), "s3://bucket/p/"]),
        Client("obstore, 128 at a time", lambda folder: [python, "-c", OBSTORE, str(folder), "bucket"]),
        Client(
            "boto3, 8 threads", lambda folder: [sys.executable, "-c", BOTO3_THREADS, str(folder), "bucket"]
        ),
    ]


def one_by_one() -> Client:
    """A process a file; ten files stand for all."""
    command = [sys.executable, "-c", AWS_PER_FILE, str(PEERS / "aws"), "s3://bucket/p/"]
    return Client(
        "one aws a file (*)",
        lambda folder: [*command, *map(str, sorted(folder.iterdir())[:10])],
        share=lambda files: min(10, files) / files,
    )
