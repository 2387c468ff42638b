"""A store that forgets: nginx reads every byte of a request, drops it, and says that all is well.

For the benchmark only. It is faster than any client, so that the client is what is measured. It answers as
an S3 with an empty bucket would: PUT and multipart uploads succeed, with the checksum that the request
carried; lists are empty; objects are not there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.s3_emulator import certificates
from tests.servers import process

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "local-key", "AWS_SECRET_ACCESS_KEY": "local-secret"}
REGION: Final = "us-east-1"
TEMPLATE: Final = Path(__file__).with_name("sink.conf")


ECHO: Final = tuple(
    Path(folder, "nginx/modules/ngx_http_echo_module.so")
    for folder in ("/usr/lib", "/usr/lib64", "/usr/local/lib")
)


@dataclass(frozen=True)
class Distant:
    """A sink that is far away."""

    url: str
    log: Path
    bundle: Path | None = None
    """The authority that vouches for it."""

    def requests(self) -> Counter[str]:
        """Requests so far that were answered, by method."""
        return Counter(self.log.read_text().split())


@contextlib.contextmanager
def sink() -> Iterator[str]:
    """The sink's URL, for the length of a `with` block; every bucket exists.

    Raises:
        RuntimeError: nginx is not installed.
    """
    with _nginx({"modules": "", "distance": "", "entry": "/", "secure": ""}) as (port, _):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def distant(latency: float, tls: Path | None = None) -> Iterator[Distant]:
    """A sink that lets every request wait for so many seconds before it looks at it.

    Args:
        tls: an empty folder in which a certificate is made, to speak https.

    Raises:
        RuntimeError: nginx or its echo module is not installed.
    """
    module = next((path for path in ECHO if path.exists()), None)
    if module is None:
        raise RuntimeError(
            "Latency needs nginx's echo module; on Debian: apt-get install libnginx-mod-http-echo"
        )
    waits = f"location / {{ echo_sleep {latency:.3f}; echo_exec @on; }}"
    blanks = {
        "modules": f"load_module {module};",
        "distance": f"access_log @home@/requests methods; {waits}",
        "entry": "@on",
        "secure": "",
    }
    made = certificates.authority(tls) if tls else None
    if made:
        blanks["secure"] = f"ssl; ssl_certificate {made.certificate}; ssl_certificate_key {made.key}"
    with _nginx(blanks) as (port, home):
        scheme = "https" if made else "http"
        yield Distant(f"{scheme}://127.0.0.1:{port}", home / "requests", made.bundle if made else None)


@contextlib.contextmanager
def _nginx(blanks: dict[str, str]) -> Iterator[tuple[int, Path]]:
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    program = shutil.which("nginx", path=search)
    if program is None:
        raise RuntimeError("The sink needs nginx; on Debian and Ubuntu: apt-get install nginx-light")
    port = process.free_port()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # for bodies beyond 64 MB
    with tempfile.TemporaryDirectory(prefix="sink-", dir=memory) as name:
        configuration = Path(name, "nginx.conf")
        # Started by root, nginx would give its workers to a user who may not see our folder.
        user = "user root;" if os.geteuid() == 0 else ""
        text = TEMPLATE.read_text()
        for blank, value in {**blanks, "home": name, "port": str(port), "user": user}.items():
            text = text.replace(f"@{blank}@", value)
        configuration.write_text(text)
        command = [program, "-p", name, "-c", str(configuration), "-e", "stderr"]
        log = Path(name, "log.txt")
        with process.running(command, ready=lambda: process.listens(port), log=log, environment={}):
            yield port, Path(name)
