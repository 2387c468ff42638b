"""LocalStack without Docker ("host mode"), or one that runs already.

``LOCALSTACK_ENDPOINT`` names one that runs already, such as a service container of a workflow. Without it
LocalStack starts from ``.venv-localstack``, which ``make localstack`` makes.

LocalStack accepts every key and every signature, so it proves nothing about credentials; that is what
`tests.servers.rclone` is for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import boto3
import requests
from pytest_localstack.session import RunningSession

from tests.servers import process

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON: Final = ROOT / ".venv-localstack" / "bin" / "python"
WARM: Final = ROOT / ".venv-localstack" / "warm"
"""What LocalStack has worked out about itself at its first start; the next ones take 1.5 s instead of 5."""
CACHES: Final = (".cache", "var/lib/localstack/cache")
REGION: Final = "us-east-1"
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "local-key", "AWS_SECRET_ACCESS_KEY": "local-secret"}
"""For its clients; any value works, but a common word such as `test` would be masked in every log."""


@contextlib.contextmanager
def localstack() -> Iterator[str]:
    """The URL of a LocalStack with S3 and STS, for the length of a `with` block.

    Raises:
        RuntimeError: it is not installed, or does not come up.
    """
    given = os.environ.get("LOCALSTACK_ENDPOINT", "")
    with contextlib.nullcontext(given.rstrip("/")) if given else _host_mode() as url:
        address = urlsplit(url)
        ports = {"s3": address.port, "sts": address.port}
        session = RunningSession(address.hostname, services=ports, region_name=REGION)
        session.use_ssl = address.scheme == "https"
        with session:  # waits until S3 and STS answer
            yield url


def create_bucket(url: str, name: str) -> None:
    """Make a bucket, as an owner of the account would before anything is published."""
    key, secret = CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
    client = boto3.client(
        "s3", endpoint_url=url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret
    )
    client.create_bucket(Bucket=name)
    client.close()


@contextlib.contextmanager
def _host_mode() -> Iterator[str]:
    if not PYTHON.exists():
        raise RuntimeError("LocalStack is not installed; `make localstack` does it.")
    port = process.free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="localstack-", ignore_cleanup_errors=True) as folder:
        if WARM.exists():
            shutil.copytree(WARM, folder, dirs_exist_ok=True)
        environment = {
            "PATH": os.defpath,
            "HOME": folder,
            "TMPDIR": folder,
            "FILESYSTEM_ROOT": folder,
            "OVERRIDE_IN_DOCKER": "0",  # otherwise it writes to /var/lib wherever /.dockerenv exists
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "LOCALSTACK_HOST": f"127.0.0.1:{port}",
            "SERVICES": "s3,sts",
            "EAGER_SERVICE_LOADING": "1",
            "STRICT_SERVICE_LOADING": "1",
            "DNS_ADDRESS": "0",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
        }
        main = Path(__file__).with_name("localstack_main.py")
        # -P: the folder of that script, with modules named like LocalStack's own, stays off the path.
        command: list[str | Path] = [PYTHON, "-P", main]
        log = Path(folder, "log.txt")
        with process.running(command, ready=lambda: _healthy(url), log=log, environment=environment):
            _keep_warm(Path(folder))
            yield url


def _keep_warm(home: Path) -> None:
    if WARM.exists():
        return
    # Made aside and then moved into place: others may be starting at the same time.
    with tempfile.TemporaryDirectory(dir=WARM.parent, ignore_cleanup_errors=True) as aside:
        for cache in CACHES:
            shutil.copytree(home / cache, Path(aside, "warm", cache))
        with contextlib.suppress(OSError):
            Path(aside, "warm").rename(WARM)


def _healthy(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        services = requests.get(f"{url}/_localstack/health", timeout=5).json()["services"]
        return bool(services["s3"] == "running")
    return False
