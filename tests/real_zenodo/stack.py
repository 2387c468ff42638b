"""PostgreSQL, Redis, the search stand-in and InvenioRDM, as processes of our own on 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from tests.servers import process

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON: Final = ROOT / ".venv-real-zenodo" / "bin" / "python"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_PATIENCE: Final = 120
"""Seconds until InvenioRDM answers: importing it takes half a minute on a busy machine."""


@dataclass(frozen=True)
class Site:
    """An InvenioRDM that runs, with two people."""

    url: str
    token: str
    """Of the person who publishes."""
    curator: str
    """The token of another user, who owns communities."""
    folder: Path
    """Where everything is kept, logs too."""


@contextlib.contextmanager
def site(*, port: int = 0, folder: Path | None = None, address: str = "") -> Iterator[Site]:
    """A fresh InvenioRDM for the length of a `with` block.

    Args:
        port: where it listens; 0 chooses a free one.
        folder: keeps what it writes, and must not exist; otherwise a temporary one, which goes.
        address: what it calls itself in its links, when something stands before it.

    Raises:
        RuntimeError: something is not installed, or does not come up.
    """
    postgres = _installed()
    with contextlib.ExitStack() as stack:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="invenio-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(temporary))
        else:
            folder.mkdir()
        folder.chmod(0o711)  # PostgreSQL does not run as root
        stack.enter_context(_postgresql(postgres, folder / "postgresql"))
        redis = stack.enter_context(_redis(folder))
        search = stack.enter_context(_search(folder))
        port = port or process.free_port()
        url = f"http://127.0.0.1:{port}"
        instance = folder / "instance"
        instance.mkdir()
        (instance / "invenio.cfg").write_text("from tests.real_zenodo.site.settings import *\n")
        environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "INVENIO_INSTANCE_PATH": str(instance),
            "REAL_ZENODO_URL": address or url,
            "REAL_ZENODO_DATABASE": f"postgresql+psycopg2://invenio@/postgres?host={folder / 'postgresql'}",
            "REAL_ZENODO_REDIS": f"redis://127.0.0.1:{redis}",
            "REAL_ZENODO_SEARCH": str(search),
        }
        tokens = secrets.token_hex(30), secrets.token_hex(30)
        _prepare(folder, instance, environment, tokens)
        command: list[str | Path] = [
            PYTHON,
            "-m",
            "gunicorn",
            "--bind",
            f"127.0.0.1:{port}",
            "--workers",
            "2",
        ]
        command += ["--worker-class", "gthread", "--threads", "8", "--timeout", "300", "--keep-alive", "60"]
        command += ["--access-logfile", folder / "access.txt", "tests.real_zenodo.site.wsgi:application"]
        web = process.running(
            command,
            ready=lambda: _answers(url),
            log=folder / "web.txt",
            environment=environment,
            patience=_PATIENCE,
        )
        stack.enter_context(web)
        yield Site(url, tokens[0], tokens[1], folder)


def _installed() -> Path:
    """PostgreSQL's programs, the newest.

    Raises:
        RuntimeError: they or the others are missing; says how to install them.
    """
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found or not shutil.which("redis-server"):
        raise RuntimeError("PostgreSQL or Redis is missing: apt-get install postgresql redis-server")
    if not PYTHON.exists():
        raise RuntimeError("InvenioRDM is not installed; `make real-zenodo` does it.")
    return found[-1].parent


@contextlib.contextmanager
def _postgresql(programs: Path, folder: Path) -> Iterator[None]:
    """A cluster that answers on a socket in its folder, and nowhere else; what it holds need not last."""
    folder.mkdir()
    become: list[str | Path] = []
    if os.geteuid() == 0:  # which PostgreSQL refuses to be
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        become = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    data = folder / "data"
    make: list[str | Path] = [
        *become,
        programs / "initdb",
        "--pgdata",
        data,
        "--username",
        "invenio",
        "--auth",
        "trust",
    ]
    make += ["--encoding", "UTF8", "--no-sync"]
    done = subprocess.run(make, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"initdb failed:\n{done.stderr}")
    options = {
        "listen_addresses": "",
        "unix_socket_directories": folder,
        "fsync": "off",
        "max_connections": 100,
    }
    command: list[str | Path] = [*become, programs / "postgres", "-D", data]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    ask: list[str | Path] = [programs / "pg_isready", "--quiet", "--host", folder, "--username", "invenio"]

    def ready() -> bool:
        return subprocess.run(ask, env=environment, check=False).returncode == 0

    log = folder.parent / "postgresql.txt"
    with process.running(command, ready=ready, log=log, environment=environment):
        yield


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[int]:
    port = process.free_port()
    command: list[str | Path] = [
        "redis-server",
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--save",
        "",
        "--dir",
        folder,
    ]
    with _listening(command, port, folder / "redis.txt"):
        yield port


@contextlib.contextmanager
def _search(folder: Path) -> Iterator[int]:
    port = process.free_port()
    command: list[str | Path] = [PYTHON, "-m", "tests.real_zenodo.search.server", str(port)]
    with _listening(command, port, folder / "search.txt"):
        yield port


@contextlib.contextmanager
def _listening(command: list[str | Path], port: int, log: Path) -> Iterator[None]:
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    with process.running(command, ready=lambda: process.listens(port), log=log, environment=environment):
        yield


def _prepare(folder: Path, instance: Path, environment: dict[str, str], tokens: tuple[str, str]) -> None:
    command: list[str | Path] = [PYTHON, "-m", "tests.real_zenodo.site.prepare", instance, *tokens]
    log = folder / "prepare.txt"
    with log.open("wb") as output:
        done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise RuntimeError(f"InvenioRDM could not be set up:\n{log.read_text(errors='replace')[-4000:]}")


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return bool(requests.get(f"{url}/api/records", timeout=30).ok)
    return False
