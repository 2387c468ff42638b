"""Our workflows and examples, run by act. Only the values that a user would fill in are replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci import act
from tests.conftest import Store
from tests.servers.localstack import CREDENTIALS
from tests.zenodo import ZenodoServer
from tools import container

ROLE = "role-to-assume: arn:aws:iam::123456789012:role/catalog-upload"

pytestmark = pytest.mark.timeout(600)

PULL_REQUEST = {"pull_request": {"number": 7, "head": {"ref": "a"}, "base": {"ref": "main"}}}
RELEASE = {
    "action": "published",
    "release": {
        "tag_name": "v1.2.0",
        "name": "Atlas 1.2",
        "body": "More cells.",
        "html_url": "https://github.com/octocat/atlas/releases/tag/v1.2.0",
        "draft": False,
        "prerelease": False,
        "published_at": "2026-11-01T10:00:00Z",
        "author": {"login": "octocat"},
    },
    "repository": {"full_name": "octocat/atlas", "html_url": "https://github.com/octocat/atlas"},
}
PIPELINE = '#!/bin/sh\nexec python3 -m tests.dataset small_starter "$1" --scale 0.001\n'


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    container.build(act.RUNNER, file=act.ROOT / "tests" / "ci" / "runner.Dockerfile")
    with act.service() as path:
        yield path


def swapped(image: str) -> dict[str, str]:
    """action.yml with the image that is built already, to save each step a build."""
    return {
        "action.yml": replaced(
            (act.ROOT / "action.yml").read_text(), {"image: Dockerfile": f"image: docker://{image}"}
        )
    }


def replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def example(name: str, changes: dict[str, str]) -> dict[str, str]:
    """An example where its user would copy it to, with the user's own values."""
    text = (act.ROOT / "examples" / name).read_text()
    return {
        f".github/workflows/{name}": replaced(text, {"./pipeline.sh": "sh pipeline.sh", **changes}),
        "pipeline.sh": PIPELINE,
    }


def keys(store: Store) -> dict[str, str]:
    return {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": store.url, "AWS_EC2_METADATA_DISABLED": "true"}


def test_end_to_end_on_a_pull_request(socket: Path, localstack_url: str, image: str) -> None:
    environment = {"LOCALSTACK_ENDPOINT": localstack_url}
    with act.project(swapped(image)) as folder:
        result = act.run(
            socket, folder, "ci.yml", "pull_request", payload=PULL_REQUEST, environment=environment, job="e2e"
        )
    assert result.code == 0, result.log
    assert len(result.jobs) >= 3, result.jobs
    assert set(result.jobs.values()) == {"success"}, result.jobs


def test_example_of_a_step_after_a_pipeline(socket: Path, s3_server: Store) -> None:
    """The published form, which builds the Dockerfile as GitHub does for a tag without an image."""
    ours = {
        f"          {ROLE}\n": "",
        "my-bucket": s3_server.bucket,
    }
    with act.project(example("pipeline.yml", ours)) as folder:
        result = act.run(socket, folder, "pipeline.yml", "push", environment=keys(s3_server))
    assert result.code == 0, result.log
    assert "66 files are new; the catalog is at " in result.log
    assert len(s3_server.keys("atlas/")) == 66


# act does not know workflows of a stand-in for a repository.
SECRETS = {"KEY": CREDENTIALS["AWS_ACCESS_KEY_ID"], "SECRET": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
REUSABLE = f"{act.PUBLISHED.partition('@')[0]}/.github/workflows/publish.yml@v1"


def reusable(image: str, changes: dict[str, str]) -> str:
    """The reusable workflow as a release publishes it (tools/release.py): it names the image, not `$/`."""
    text = (act.ROOT / ".github/workflows/publish.yml").read_text()
    return replaced(text, {"uses: $/": f"uses: docker://{image}", **changes})


DEPOSITION = """
  deposition:
    needs: pipeline
    uses: ./.github/workflows/publish.yml
    with:
      artifact: atlas
      in-dir: .
      zenodo-id: new
      zenodo-url: "{url}"
      title: An atlas
      creators: Doe, Jane
      description: All of it.
      license: CC-BY-4.0
      publish: true
      shards: 4
    secrets:
      zenodo-token: ${{{{ secrets.ZENODO_TOKEN }}}}
  after:
    needs: deposition
    runs-on: ubuntu-latest
    steps:
      - run: echo "Record ${{{{ needs.deposition.outputs.deposition-id }}}} is out"
        if: needs.deposition.outputs.published == 'true'
"""


def test_a_deposition_in_four_parts_that_one_job_opens_and_one_publishes(socket: Path, image: str) -> None:
    with ZenodoServer() as server:
        changes = {
            **swapped(image),
            **example("reusable.yml", {}),
            ".github/workflows/publish.yml": reusable(image, {}),
        }
        name = ".github/workflows/reusable.yml"
        changes[name] = changes[name].partition("  publish:\n")[0] + DEPOSITION.format(url=server.url)
        with act.project(changes) as folder:
            secrets = {"ZENODO_TOKEN": server.token}
            result = act.run(socket, folder, "reusable.yml", "push", secrets=secrets)
        assert result.code == 0, result.log
        [number] = server.state.versions
        assert len(server.checksums(number)) == 66
        assert server.version(number).published
        puts = [
            entry.path for entry in server.requests if entry.method == "PUT" and "/api/files/" in entry.path
        ]
        assert len(puts) == len(set(puts)) == 66, "no file was sent twice"
    parts = re.findall(r"part (\d) of 4 of plan ([0-9a-f]{12})", result.log)
    assert {part for part, _ in parts} == {"1", "2", "3", "4"}
    assert len({plan for _, plan in parts}) == 1
    assert f"Draft {number} is open" in result.log
    assert "Published 1 of 66 files" in result.log
    assert f"Record {number} is out" in result.log
    assert server.token not in result.log


def test_example_of_the_reusable_workflow_in_two_parts(socket: Path, s3_server: Store, image: str) -> None:
    ours = {
        f"      {ROLE}\n": f"      s3-endpoint-url: {s3_server.url}\n",
        "my-bucket": s3_server.bucket,
        REUSABLE: "./.github/workflows/publish.yml",
        "  publish:\n": "  publish:\n    secrets:\n"
        "      aws-access-key-id: ${{ secrets.KEY }}\n      aws-secret-access-key: ${{ secrets.SECRET }}\n",
    }
    changes = {
        **swapped(image),
        **example("reusable.yml", ours),
        ".github/workflows/publish.yml": reusable(image, {}),
    }
    with act.project(changes) as folder:
        result = act.run(socket, folder, "reusable.yml", "push", secrets=SECRETS)
    assert result.code == 0, result.log
    assert "The catalog is at http" in result.log
    assert len(s3_server.keys("atlas/")) == 66
    # Both are parts of the plan that the job before them made, and leave nothing but the catalog.
    parts = re.findall(r"part (\d) of 2 of plan ([0-9a-f]{12})", result.log)
    assert {number for number, _ in parts} == {"1", "2"}
    assert len({plan for _, plan in parts}) == 1
    assert "Published 1 of 66 files" in result.log


CALLS = """
  other-plan:
    needs: pipeline
    uses: ./.github/workflows/publish.yml
    with: {{ artifact: atlas, in-dir: ., s3-dir: "s3://{bucket}/parts", s3-endpoint-url: "{url}", shards: 2 }}
    secrets: {{ aws-access-key-id: "${{{{ secrets.KEY }}}}", aws-secret-access-key: "${{{{ secrets.SECRET }}}}" }}
  after:
    needs: other-plan
    runs-on: ubuntu-latest
    steps:
      - run: echo "This must not run"
"""


def test_what_fails_fails_its_job_and_the_workflow(socket: Path, s3_server: Store, image: str) -> None:
    """A step of an example; a part, whose catalog stays as it was. One run for both."""
    plan = "${{ needs.parts.outputs.plan }}"
    other = "${{ matrix.shard == '2/2' && '000000000000' || needs.parts.outputs.plan }}"
    changes = {
        **swapped(image),
        **example("pipeline.yml", {ROLE: "n-jobs: many", "my-bucket": s3_server.bucket}),
        ".github/workflows/publish.yml": reusable(image, {plan: other}),
    }
    changes[".github/workflows/pipeline.yml"] += CALLS.format(bucket=s3_server.bucket, url=s3_server.url)
    with act.project(changes) as folder:
        result = act.run(socket, folder, "pipeline.yml", "push", environment=keys(s3_server), secrets=SECRETS)
    assert result.code != 0
    assert result.jobs["pipeline"] == "success"

    assert result.jobs["publish"] == "failure"
    assert "The summary of this run says which files failed" in result.log
    assert s3_server.keys("atlas/") == []

    assert "is a part of plan 000000000000, but here the plan is " in result.log
    # act gives all jobs of a matrix one result, whichever ends first; the steps tell them apart.
    assert result.jobs["2-2"] == "failure"
    published = re.compile(r"/Part (\d)/2-\d\]\s+(\S+)\s+(?:Success|Failure) - Main Publish\b")
    assert dict(published.findall(result.log)) == {"1": "✅", "2": "❌"}
    assert 20 < len(s3_server.keys("parts/")) < 60, "what the other part brought up stays up"
    assert "parts/catalog.yaml" not in s3_server.keys("parts/")

    assert "Publish" not in result.jobs
    assert "after" not in result.jobs


def test_example_of_a_release_on_zenodo(socket: Path, image: str) -> None:
    with ZenodoServer() as server:
        ours = {"          zenodo-id:": f"          zenodo-url: {server.url}\n          zenodo-id:"}
        with act.project({**swapped(image), **example("zenodo-release.yml", ours)}) as folder:
            secrets = {"ZENODO_TOKEN": server.token}
            result = act.run(
                socket, folder, "zenodo-release.yml", "release", payload=RELEASE, secrets=secrets
            )
        assert result.code == 0, result.log
        assert "https://doi.org/10." in result.log
        assert server.token not in result.log
