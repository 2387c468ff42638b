"""These tests need podman and a built image, which `.ci/run` sees to; `make test` goes without them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests import action
from tests.support import runner_parser
from tools import container

IMAGE: Final = "CI_IMAGE"
"""The variable that names the image under test."""

collect_ignore_glob = [] if os.environ.get(IMAGE) else ["test_*.py"]

Publish = Callable[..., action.Run]


@pytest.fixture(scope="session")
def image() -> str:
    return os.environ[IMAGE]


@pytest.fixture
def publish(image: str, workspace: Path, tmp_path: Path) -> Publish:
    """Run the action in a container as GitHub's runner does, with its mounts, variables and command files."""

    def run(
        inputs: Mapping[str, str], environment: Mapping[str, str], name: str = "", workspace_as: str = "rw"
    ) -> action.Run:
        commands = tmp_path / "_temp" / "_runner_file_commands"
        mounts = {
            tmp_path / "_temp": "/github/runner_temp",
            tmp_path / "_temp" / "_github_home": "/github/home",
            tmp_path / "_temp" / "_github_workflow": "/github/workflow",
            commands: "/github/file_commands",
            workspace: "/github/workspace",
        }
        for folder in mounts:
            folder.mkdir(parents=True, exist_ok=True)
        mounts[workspace] += f":{workspace_as}"
        (tmp_path / "_temp" / "_github_workflow" / "event.json").write_text("{}")
        files = {
            name: commands / f"{name.lower()}_1"
            for name in ("OUTPUT", "STEP_SUMMARY", "STATE", "ENV", "PATH")
        }
        for file in files.values():
            file.write_text("")
        variables = {
            "HOME": "/github/home",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION": "__self",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "GITHUB_REPOSITORY": "octocat/atlas",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "1",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKSPACE": "/github/workspace",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": "/github/runner_temp",
            **{f"GITHUB_{name}": f"/github/file_commands/{file.name}" for name, file in files.items()},
            **action.variables(inputs),
            **environment,
        }
        # PATH is the image's own.
        variables.pop("PATH", None)
        began = time.perf_counter()
        done = container.run(image, variables=variables, volumes=mounts, name=name)
        seconds = time.perf_counter() - began
        outputs = runner_parser.outputs(files["OUTPUT"].read_bytes())
        return action.Run(
            done.returncode, done.stdout, outputs, files["STEP_SUMMARY"].read_text("utf-8"), seconds
        )

    return run
