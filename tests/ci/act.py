"""nektos/act instead of GitHub: workflow files run in containers on this machine."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers import process
from tools import container

ROOT: Final = Path(__file__).resolve().parents[2]
STAND_INS: Final = Path(__file__).with_name("stand_ins")
RUNNER: Final = "localhost/catalog-upload-runner:ci"
PUBLISHED: Final = "OWNER/catalog-upload@v1"
_USES: Final = re.compile(r"uses:\s*(actions/([\w-]+)@\w+)")


@dataclass(frozen=True)
class Result:
    """How a workflow ended: its exit code, its log, and the result of each job as act tells it."""

    code: int
    log: str
    jobs: Mapping[str, str]


@contextlib.contextmanager
def service() -> Iterator[Path]:
    """A Docker API by podman, for the length of a `with` block; its socket."""
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        socket = Path(folder, "podman.sock")
        command = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
        environment = container.environment(pip=True)
        with process.running(
            command, ready=socket.exists, log=Path(folder, "log.txt"), environment=environment
        ):
            yield socket


@contextlib.contextmanager
def project(changes: Mapping[str, str]) -> Iterator[Path]:
    """A copy of this project under version control, with some files (by path) given or changed."""
    with tempfile.TemporaryDirectory(prefix="project-") as folder:
        copy = Path(folder, "catalog-upload")
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        for name, text in changes.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_text(text)
        git = ["git", "-c", "user.name=ci", "-c", "user.email=ci@localhost", "-c", "commit.gpgsign=false"]
        for words in (
            ["init", "-q", "-b", "main"],
            ["add", "-A"],
            ["commit", "-q", "-m", "as it is"],
            ["remote", "add", "origin", "https://github.com/octocat/atlas"],
        ):
            subprocess.run([*git, *words], cwd=copy, check=True)
        yield copy


def run(
    socket: Path,
    folder: Path,
    workflow: str,
    event: str,
    *,
    payload: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    job: str = "",
) -> Result:
    """Run a workflow file of a project for an event, to its end."""
    with tempfile.TemporaryDirectory(prefix="act-") as name:
        artifacts = Path(name, "artifacts")
        artifacts.mkdir()
        event_file = Path(name, "event.json")
        event_file.write_text(json.dumps(payload or {}))
        texts = [path.read_text() for path in folder.rglob("*.yml") if ".github" in path.parts]
        used = {match[1]: match[2] for text in texts for match in _USES.finditer(text)}
        local = {action: STAND_INS / short for action, short in used.items() if (STAND_INS / short).exists()}
        local[PUBLISHED] = folder
        words = [
            *("--workflows", f".github/workflows/{workflow}", "--eventpath", str(event_file)),
            *("--platform", f"ubuntu-latest={RUNNER}", "--pull=false", "--network", "host"),
            *("--container-daemon-socket", "-", "--no-cache-server", "--action-offline-mode", "--rm"),
            *("--container-options", f"-v {artifacts}:/artifacts"),
            *("--action-cache-path", f"{name}/actions", "--json"),
            *(["--job", job] if job else []),
        ]
        for action, path in local.items():
            words += ["--local-repository", f"{action}={path}"]
        for flag, values in (("--env", environment), ("--secret", secrets), ("--var", variables)):
            for key, value in (values or {}).items():
                words += [flag, f"{key}={value}"]
        done = subprocess.run(
            [str(Path(sys.executable).with_name("act")), event, *words],
            cwd=folder,
            env={**container.environment(), "DOCKER_HOST": f"unix://{socket}", "HOME": name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    jobs: dict[str, str] = {}
    lines = []
    for line in done.stdout.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        lines.append(f"[{said.get('job', '')}] {said.get('msg', '').rstrip()}")
        if "jobResult" in said:
            jobs[str(said.get("job", "")).rpartition("/")[2].strip()] = said["jobResult"]
    return Result(done.returncode, "\n".join(lines), jobs)
