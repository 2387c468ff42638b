"""The S3 server of an end-to-end workflow: `python3 -m tests.ci.servers BUCKET …`, in a step of the job.

Writes its address and keys to the environment of the job's later steps. With LOCALSTACK_ENDPOINT it takes that
server. Otherwise it starts one that outlives the step, and lets it be reached from containers by the address
that Docker's bridge has on GitHub's runners (CI_BRIDGE names another): 127.0.0.1 would be the container itself.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import boto3

BRIDGE: Final = os.environ.get("CI_BRIDGE") or "172.17.0.1"
PORT: Final = 4566
PATIENCE: Final = 90
"""Seconds until the server must be there."""
ROOT: Final = Path(__file__).resolve().parents[2]
ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "local-key",
    "AWS_SECRET_ACCESS_KEY": "local-secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def main() -> None:
    if sys.argv[1:] == ["--serve"]:
        serve()
        return
    url = os.environ.get("LOCALSTACK_ENDPOINT") or start()
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local-key",
        aws_secret_access_key="local-secret",
    )
    for name in sys.argv[1:]:
        client.create_bucket(Bucket=name)
    with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
        file.writelines(
            f"{name}={value}\n" for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL_S3": url}.items()
        )


def start() -> str:
    """Start the server as a process of its own; its address once it answers.

    Raises:
        RuntimeError: it did not come up.
    """
    log = Path(tempfile.gettempdir(), "servers.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [ROOT / ".venv/bin/python", "-m", "tests.ci.servers", "--serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + PATIENCE
    while "ready" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The S3 server did not come up:\n{log.read_text()}")
        time.sleep(0.2)
    return f"http://{BRIDGE}:{PORT}"


def serve() -> None:
    """LocalStack, and a way to it from containers, until the job ends."""
    from tests.servers.localstack import localstack

    with localstack() as url:
        asyncio.run(_forward(urlsplit(url).port or 0))


async def _forward(port: int) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pump(reader, here), _pump(there, writer))

    server = await asyncio.start_server(connect, BRIDGE, PORT)
    print("ready", flush=True)
    await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    main()
