"""The steps of a release, on a repository and a remote made for the test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import entrypoint
from tools import release

DIGEST = "sha256:" + "0123456789abcdef" * 4
NAMING = ("action.yml", WORKFLOW := ".github/workflows/publish.yml")
IMAGE = f"ghcr.io/owner/catalog-upload@{DIGEST}"


def git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *words],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = tmp_path / "project"
    (root / "entrypoint").mkdir(parents=True)
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(root, "init", "-q", "-b", "main")
    git(root, "remote", "add", "origin", str(tmp_path / "remote.git"))
    (root / ".github" / "workflows").mkdir(parents=True)
    commit(root, "1.2.0")
    return root


def commit(root: Path, version: str) -> None:
    git(root, "checkout", "-q", "-B", "main")
    (root / "entrypoint" / "__init__.py").write_text(f'"""A package."""\n\n__version__ = "{version}"\n')
    (root / "CHANGELOG.md").write_text(
        f"# Changes\n\n## {version} (2026-11-22)\n\n- Better.\n\n## 0.0.1\n\n- First.\n"
    )
    for name in NAMING:
        (root / name).write_text((release.ROOT / name).read_text())
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", version)
    git(root, "push", "-q", "--force", "origin", "main")


def remote(root: Path, name: str) -> str:
    return git(root.parent / "remote.git", "rev-parse", f"{name}^{{commit}}")


def test_a_release_names_its_image_and_leaves_the_branch_alone(project: Path) -> None:
    main = remote(project, "main")
    made = release.pin("1.2.0", IMAGE, root=project)
    assert remote(project, "v1.2.0") == made
    action = git(project.parent / "remote.git", "show", "v1.2.0:action.yml")
    assert f"\n  image: docker://{IMAGE}" in action
    assert (
        action.replace(f"docker://{IMAGE}", "Dockerfile") == (release.ROOT / "action.yml").read_text().strip()
    )
    workflow = git(project.parent / "remote.git", "show", f"v1.2.0:{WORKFLOW}")
    assert "$/" not in re.findall(r"uses: (.*)", workflow)
    assert (
        workflow.replace(f"uses: docker://{IMAGE}", "uses: $/")
        == (release.ROOT / WORKFLOW).read_text().strip()
    )
    assert remote(project, "main") == main
    assert release.move("1.2.0", root=project) == ["v1", "v1.2"]
    assert remote(project, "v1") == remote(project, "v1.2") == made


def test_the_packages_build_from_nothing_and_run(tmp_path: Path) -> None:
    """The wheel is built from the sdist, and the command in it starts in an environment of its own."""
    sdist, wheel = release.dist(entrypoint.__version__, tmp_path / "dist")
    assert sdist.name == f"catalog_upload-{entrypoint.__version__}.tar.gz"
    venv.create(tmp_path / "env", with_pip=False)
    [packages] = (tmp_path / "env" / "lib").glob("python3*/site-packages")
    # The dependencies come from the environment of the tests, so that no index is asked.
    (packages / "dependencies.pth").write_text(
        "\n".join(path for path in sys.path if "site-packages" in path)
    )
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "env" / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    command = tmp_path / "env" / "bin" / "catalog-upload"
    done = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split()[-1] == entrypoint.__version__, done.stderr
    assert "entrypoint.__main__" in command.read_text()


def test_a_package_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(release.Refused, match=r"is not version 9\.9\.9"):
        release.dist("9.9.9", tmp_path)


def test_moving_tags_only_go_forward(project: Path) -> None:
    first = release.pin("1.2.0", IMAGE, root=project)
    release.move("1.2.0", root=project)
    commit(project, "1.3.0")
    second = release.pin("1.3.0", IMAGE, root=project)
    assert release.move("1.3.0", root=project) == ["v1", "v1.3"]
    commit(project, "1.2.1")
    third = release.pin("1.2.1", IMAGE, root=project)
    assert release.move("1.2.1", root=project) == ["v1.2"]
    assert [remote(project, tag) for tag in ("v1", "v1.2", "v1.3", "v1.2.0")] == [
        second,
        third,
        second,
        first,
    ]


def test_a_version_is_released_once(project: Path) -> None:
    release.pin("1.2.0", IMAGE, root=project)
    commit(project, "1.2.0")
    with pytest.raises(release.Refused, match="there already"):
        release.pin("1.2.0", IMAGE, root=project)


def test_everything_wrong_is_said_at_once(project: Path) -> None:
    with pytest.raises(
        release.Refused, match=r"__init__.py says 1\.2\.0, not 1\.2\.1; CHANGELOG\.md has no heading"
    ):
        release.check("1.2.1", root=project)
    with pytest.raises(release.Refused, match="no version like"):
        release.check("v1", root=project)


@pytest.mark.parametrize(
    "image", ["ghcr.io/owner/catalog-upload:v1.2.0", "docker.io/owner/x@" + DIGEST, "x; rm -rf"]
)
def test_an_image_goes_by_its_digest(project: Path, image: str) -> None:
    with pytest.raises(release.Refused, match="by its digest"):
        release.pin("1.2.0", image, root=project)


def test_notes_are_the_changelogs(project: Path) -> None:
    assert release.notes("1.2.0", root=project) == "- Better."


def test_the_base_is_looked_up_by_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\ntest "$4" = python:3.13-slim && echo {DIGEST}\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert release.base(root=tmp_path) == f"python:3.13-slim@{DIGEST}"
    docker.write_text("#!/bin/sh\necho denied >&2\nexit 1\n")
    with pytest.raises(release.Refused, match="denied"):
        release.base(root=tmp_path)
