"""`action.yml` says what the table of inputs says, and the Dockerfile what the action needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from entrypoint import inputs

ROOT: Final = Path(__file__).resolve().parents[1]
ACTION: Final[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text())


def test_inputs_are_those_of_the_table_in_its_order() -> None:
    assert list(ACTION["inputs"]) == [item.name for item in inputs.INPUTS]


@pytest.mark.parametrize("item", inputs.INPUTS, ids=lambda item: item.name)
def test_each_input_says_the_same(item: inputs.Input) -> None:
    expected = {"description": item.description, "required": item.required}
    if item.default:
        expected["default"] = item.default
    assert ACTION["inputs"][item.name] == expected


def test_outputs_are_those_of_the_table() -> None:
    expected = {item.name: {"description": item.description} for item in inputs.OUTPUTS}
    assert ACTION["outputs"] == expected
    assert list(ACTION["outputs"]) == list(expected)


def test_no_input_has_a_name_that_the_runner_keeps_for_itself() -> None:
    assert {"args", "entrypoint"}.isdisjoint(ACTION["inputs"])


def test_the_runner_builds_the_dockerfile_and_passes_no_arguments() -> None:
    # Arguments are printed in the log, secrets and all.
    assert ACTION["runs"] == {"using": "docker", "image": "Dockerfile"}
    assert ACTION["branding"] == {"icon": "upload-cloud", "color": "blue"}


def test_the_entry_point_is_safe_from_the_workspace() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(
        r'^ENTRYPOINT \["/opt/venv/bin/python", "-P", "-m", "entrypoint"\]$', dockerfile, re.MULTILINE
    )
    final = dockerfile.rpartition("\nFROM ")[2]
    assert not re.search(r"^(RUN|USER|WORKDIR|ADD|CMD|SHELL)\b", final, re.MULTILINE)
