"""Workflows, examples and forms: what they promise each other, and what they must not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from entrypoint import inputs

ROOT: Final = Path(__file__).resolve().parents[1]
WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES: Final = sorted((ROOT / "examples").glob("*.yml"))
ACTIONS: Final = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
OURS: Final = "OWNER/catalog-upload"
# What the reusable workflow has of its own, beside the action's inputs.
OWN_INPUTS: Final = ["artifact", "shards", "runs-on", "environment", "manifest-artifact"]
SECRETS: Final = ["zenodo-token", "aws-access-key-id", "aws-secret-access-key", "aws-session-token"]
# What makes sense once, after all the parts.
READERS: Final = {item.name for item in inputs.INPUTS if item.section == inputs.READERS}
LAST_ONLY: Final = {"publish", "delete-extra", "manifest", *READERS}
# What its jobs are given by one another, or by the secrets.
NOT_ASKED: Final = {*SECRETS, "shard", "draft-only"}
# A part fills the given draft, and leaves metadata to the others.
ZENODO: Final = {item.name for item in inputs.INPUTS if item.section == inputs.ZENODO}
TO_A_DRAFT: Final = {"zenodo-token", "zenodo-url", "sandbox", "pack"}
S3: Final = {"s3-dir", *(item.name for item in inputs.INPUTS if item.section == inputs.S3)}

by_name = pytest.mark.parametrize("path", [*WORKFLOWS, *EXAMPLES], ids=lambda path: path.name)


def load(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    document: dict[Any, Any] = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in document.items()}


def uses(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    document = load(path)
    jobs = list(document.get("jobs", {"": document.get("runs", {})}).values())
    for job in jobs:
        for step in [job, *job.get("steps", [])]:
            if "uses" in step:
                yield step["uses"], step


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, *EXAMPLES, *ACTIONS], ids=lambda path: path.parent.name + "/" + path.name
)
def test_actions_of_others_are_pinned_by_commit(path: Path) -> None:
    for used, step in uses(path):
        if used.startswith(("./", "$/", OURS)):
            continue
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", used), used
        assert re.search(rf"{re.escape(used)} # v\d+\.\d+\.\d+$", path.read_text(), re.MULTILINE), used
        if used.startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_an_action_of_others_has_one_version() -> None:
    found: dict[str, set[str]] = {}
    for path in [*WORKFLOWS, *EXAMPLES, *ACTIONS]:
        for used, _ in uses(path):
            name, _, version = used.partition("@")
            found.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in found.items() if len(versions) > 1} == {}


PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_use_the_actions_of_others_as_the_examples_do(path: Path) -> None:
    form = re.compile(r"uses: (?!\.|\$|OWNER/)(\S+@.+)$", re.MULTILINE)
    known = {found for example in EXAMPLES for found in form.findall(example.read_text())}
    assert set(form.findall(path.read_text())) <= known


@by_name
def test_nothing_is_permitted_but_what_a_job_asks_for(path: Path) -> None:
    if path.name == "publish.yml":  # has what its caller has
        assert "permissions" not in load(path)
        return
    assert load(path)["permissions"] == {}


@by_name
def test_no_script_takes_a_value_from_an_expression(path: Path) -> None:
    for job in load(path)["jobs"].values():
        for step in job.get("steps", []):
            assert "${{" not in step.get("run", ""), step


def test_every_job_of_ci_is_needed_by_all_green() -> None:
    jobs = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    last = jobs["all-green"]
    assert sorted(last["needs"]) == sorted(set(jobs) - {"all-green"})
    assert last["if"] == "always()"


class TestReusable:
    path = ROOT / ".github" / "workflows" / "publish.yml"
    document = load(path)
    call = document["on"]["workflow_call"]

    def test_inputs_are_the_actions_and_its_own(self) -> None:
        expected = [item.name for item in inputs.INPUTS if item.name not in NOT_ASKED]
        assert list(self.call["inputs"]) == [*OWN_INPUTS, *expected]

    @pytest.mark.parametrize("name", [item.name for item in inputs.INPUTS if item.name not in NOT_ASKED])
    def test_each_input_says_the_same_with_a_type(self, name: str) -> None:
        item = inputs.BY_NAME[name]
        expected: dict[str, Any] = {"description": item.description, "type": "string"}
        if item.required:
            expected["required"] = True
        if item.kind is inputs.Kind.FLAG:
            expected |= {"type": "boolean", "default": item.default == "true"}
        elif item.default:
            expected["default"] = item.default
        assert self.call["inputs"][name] == expected

    def test_its_own_inputs_are_described(self) -> None:
        assert all(self.call["inputs"][name]["description"] for name in OWN_INPUTS)

    def test_secrets_go_by_name_and_are_optional(self) -> None:
        assert list(self.call["secrets"]) == SECRETS
        assert all(secret["required"] is False for secret in self.call["secrets"].values())

    def test_outputs_are_the_actions(self) -> None:
        for output in inputs.OUTPUTS:
            expected = {
                "description": output.description,
                "value": f"${{{{ jobs.publish.outputs.{output.name} }}}}",
            }
            assert self.call["outputs"][output.name] == expected
            value = self.document["jobs"]["publish"]["outputs"][output.name]
            own = f"steps.publish.outputs.{output.name}"
            # What the parts sent was changed too, though the last job found it there.
            if output.name == "changed":
                own = f"needs.part.outputs.changed || {own}"
            if output.name == "changed-keys":
                own = f"needs.part.outputs.changed && '*' || {own}"
            assert value == f"${{{{ {own} }}}}"
        assert list(self.call["outputs"]) == [output.name for output in inputs.OUTPUTS]

    @pytest.mark.parametrize(
        ("job", "step"),
        [
            ("parts", "Plan the whole"),
            ("parts", "Make the draft"),
            ("part", "Publish"),
            ("publish", "Publish"),
        ],
    )
    def test_each_input_reaches_the_action(self, job: str, step: str) -> None:
        [given] = [found["with"] for found in self.document["jobs"][job]["steps"] if found["name"] == step]
        expected: dict[str, Any] = {item.name: f"${{{{ inputs.{item.name} }}}}" for item in inputs.INPUTS}
        expected["zenodo-token"] = "${{ secrets.zenodo-token }}"
        less = {"shard", "draft-only"}
        match step, job:
            case "Plan the whole", _:
                expected["dry-run"] = True
                less |= {"verify-only", "manifest"}
            case "Make the draft", _:
                expected["draft-only"] = True
                less = {"shard", "publish", "manifest", "dry-run", "verify-only", *S3, *READERS}
            case "Publish", "part":
                expected |= {
                    "shard": "${{ matrix.shard }}@${{ needs.parts.outputs.plan }}",
                    "zenodo-id": "${{ needs.parts.outputs.deposition-id }}",
                    "restart": "${{ inputs.restart && inputs.zenodo-id == '' }}",
                }
                less = {*LAST_ONLY, "dry-run", "verify-only", *(ZENODO - TO_A_DRAFT)}
            case "Publish", "publish":
                expected |= {
                    "zenodo-id": "${{ needs.parts.outputs.deposition-id || inputs.zenodo-id }}",
                    "restart": "${{ inputs.restart && needs.part.result != 'success' }}",
                }
        assert given == {name: value for name, value in expected.items() if name not in less}

    def test_the_last_job_runs_after_parts_that_succeeded_or_where_there_are_none(self) -> None:
        jobs = self.document["jobs"]
        assert jobs["part"]["needs"] == "parts"
        assert "if" in jobs["parts"]
        # No status function here: after a failure in parts there is no part.
        assert "(" not in jobs["part"]["if"]
        last = jobs["publish"]
        assert last["needs"] == ["parts", "part"]
        assert "!cancelled()" in last["if"]
        for name in last["needs"]:
            assert f'contains(fromJSON(\'["success", "skipped"]\'), needs.{name}.result)' in last["if"]

    def test_one_run_at_a_time_to_a_destination(self) -> None:
        assert "inputs.s3-dir" in self.document["concurrency"]["group"]
        assert self.document["concurrency"]["cancel-in-progress"] is False
        assert self.document["jobs"]["part"]["strategy"]["fail-fast"] is False


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_name_inputs_and_outputs_that_there_are(path: Path) -> None:
    ours = [(used, step) for used, step in uses(path) if used.startswith(OURS)]
    assert ours
    known = {item.name for item in inputs.INPUTS}
    outputs = {output.name for output in inputs.OUTPUTS}
    for used, step in ours:
        assert set(step["with"]) <= (known | set(OWN_INPUTS) if "publish.yml" in used else known)
    for step, name in re.findall(r"(?:steps|needs)\.(publish|draft)\.outputs\.([\w-]+)", path.read_text()):
        assert name in outputs, (step, name)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_run_by_act(path: Path) -> None:
    assert path.name in (ROOT / "tests" / "ci" / "test_act.py").read_text()


def test_the_release_runs_steps_that_there_are_in_their_order() -> None:
    document = load(ROOT / ".github/workflows/release.yml")
    scripts = [step.get("run", "") for job in document["jobs"].values() for step in job.get("steps", [])]
    steps = re.findall(r"python3? -m tools\.release (\w+)", "\n".join(scripts))
    assert steps == ["check", "base", "dist", "pin", "notes", "move"]
    jobs = document["jobs"]
    assert [jobs[name].get("needs") for name in ("ci", "build", "test", "attest", "publish", "pypi")] == [
        "check",
        "ci",
        "build",
        ["build", "test"],
        ["build", "attest"],
        "publish",
    ]


def test_pypi_is_published_to_without_a_token() -> None:
    job = load(ROOT / ".github/workflows/release.yml")["jobs"]["pypi"]
    assert job["permissions"] == {"id-token": "write"}
    assert job["environment"] == "release"
    assert "secrets" not in str(job)
    [publish] = [step for step in job["steps"] if step["uses"].startswith("pypa/gh-action-pypi-publish@")]
    assert "with" not in publish
