"""One table of inputs and outputs: the code, action.yml, the command line, the README and the version agree."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

import entrypoint
from entrypoint import cli, inputs
from tests import action


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    found = yaml.safe_load((action.ROOT / "action.yml").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def readme() -> str:
    return (action.ROOT / "README.md").read_text(encoding="utf-8")


def plain(text: str) -> str:
    """Without Markdown's escapes, and with one blank between words."""
    return " ".join(re.sub(r"\\([\\`*_<>|\[\]])", r"\1", text).split())


def test_action_yml_has_these_inputs_in_this_order(metadata: dict[str, Any]) -> None:
    assert list(metadata["inputs"]) == [item.name for item in inputs.INPUTS]


@pytest.mark.parametrize("item", inputs.INPUTS, ids=lambda item: item.name)
def test_an_input_in_action_yml(metadata: dict[str, Any], item: inputs.Input) -> None:
    found = metadata["inputs"][item.name]
    assert found.get("required", False) is item.required
    assert str(found.get("default", "")) == item.default
    assert plain(found["description"]) == plain(item.description)
    assert set(found) <= {"description", "required", "default"}


def test_action_yml_has_these_outputs_in_this_order(metadata: dict[str, Any]) -> None:
    assert list(metadata["outputs"]) == [item.name for item in inputs.OUTPUTS]


@pytest.mark.parametrize("item", inputs.OUTPUTS, ids=lambda item: item.name)
def test_an_output_in_action_yml(metadata: dict[str, Any], item: inputs.Output) -> None:
    assert plain(metadata["outputs"][item.name]["description"]) == plain(item.description)


def test_action_yml_runs_a_container_without_arguments(metadata: dict[str, Any]) -> None:
    assert metadata["runs"]["using"] == "docker"
    assert not {"args", "entrypoint", "env"} & set(metadata["runs"])
    assert metadata["branding"]["icon"]
    assert metadata["branding"]["color"]


def rows(readme: str, part: str) -> dict[str, list[str]]:
    """The rows of the tables between a pair of markers, by the name in their first cell."""
    text = readme.partition(f"<!-- {part} -->")[2].partition(f"<!-- /{part} -->")[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and (match := re.fullmatch(r"`([a-z0-9-]+)`", cells[0])):
            found[match[1]] = cells[1:]
    return found


@pytest.mark.parametrize("item", inputs.INPUTS, ids=lambda item: item.name)
def test_an_input_in_the_readme(readme: str, item: inputs.Input) -> None:
    default, meaning = rows(readme, "inputs")[item.name]
    assert default == ("(required)" if item.required else f"`{item.default}`" if item.default else "")
    assert plain(meaning) == plain(item.description)


@pytest.mark.parametrize("item", inputs.OUTPUTS, ids=lambda item: item.name)
def test_an_output_in_the_readme(readme: str, item: inputs.Output) -> None:
    (meaning,) = rows(readme, "outputs")[item.name]
    assert plain(meaning) == plain(item.description)


def test_the_readme_has_no_input_that_there_is_not(readme: str) -> None:
    found = set(rows(readme, "inputs"))
    assert found == {item.name for item in inputs.INPUTS}


@pytest.mark.parametrize("item", inputs.INPUTS, ids=lambda item: item.name)
def test_an_input_on_the_command_line(item: inputs.Input) -> None:
    assert cli.parse([f"--{item.name}=x"]).values == {item.name: "x"}


@pytest.mark.parametrize("item", inputs.INPUTS, ids=lambda item: item.name)
def test_the_variable_of_an_input(item: inputs.Input) -> None:
    assert action.variables({item.name: "x"}) == {item.variable: "x"}


def test_names_are_given_once() -> None:
    assert len(inputs.BY_NAME) == len(inputs.INPUTS)
    assert len({item.name for item in inputs.OUTPUTS}) == len(inputs.OUTPUTS)


def test_the_version_is_a_version_and_the_changelog_knows_it() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", entrypoint.__version__)
    changes = (action.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[?(Unreleased|{re.escape(entrypoint.__version__)})\b", changes, re.MULTILINE)
