"""The steps of a release (.github/workflows/release.yml), each one to be run by hand as well.

    python -m tools.release check 1.2.0               # may this commit become that version?
    python -m tools.release base                      # python:3.13-slim as it is now, by digest
    python -m tools.release dist 1.2.0 DIR            # build sdist and wheel into DIR, the wheel from the sdist
    python -m tools.release pin 1.2.0 IMAGE@sha256:…  # commit a tree that names the image, tag it v1.2.0
    python -m tools.release move 1.2.0                # let v1 (and v1.2) point to that tag

v1.2.0 is never pushed twice: it is made once, from a tested image, and `move` only ever moves v1 and v1.2.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
BASE: Final = "python:3.13-slim"
VERSION: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
IMAGE: Final = re.compile(r"ghcr\.io/[a-z0-9._/-]+@sha256:[0-9a-f]{64}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
AUTHOR: Final = (
    "-c",
    "user.name=github-actions[bot]",
    "-c",
    "user.email=41898282+github-actions[bot]@users.noreply.github.com",
)


class Refused(Exception):
    """A release cannot be made like this."""


def git(*words: str, root: Path) -> str:
    """What a git command prints.

    Raises:
        Refused: it failed, with its own words.
    """
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def check(version: str, *, root: Path = ROOT) -> None:
    """See that the package and the changelog say this version, and that no tag does.

    Raises:
        Refused: with everything that is wrong.
    """
    problems = []
    if not VERSION.fullmatch(version):
        problems.append(f"{version!r} is no version like 1.2.0")
    found = re.search(
        r'^__version__ = "([^"]+)"$', (root / "entrypoint/__init__.py").read_text(), re.MULTILINE
    )
    if not found or found[1] != version:
        problems.append(f"entrypoint/__init__.py says {found[1] if found else 'nothing'}, not {version}")
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text() if changelog.exists() else ""
    if not re.search(rf"^## \[?v?{re.escape(version)}\b", text, re.MULTILINE):
        problems.append(f"CHANGELOG.md has no heading for {version}")
    if git("ls-remote", "--tags", "origin", f"refs/tags/v{version}", root=root):
        problems.append(f"the tag v{version} is there already, and a release is made once")
    if problems:
        raise Refused("; ".join(problems))


def notes(version: str, *, root: Path = ROOT) -> str:
    """What the changelog says of a version, without its heading."""
    text = (root / "CHANGELOG.md").read_text()
    found = re.search(rf"^## \[?v?{re.escape(version)}\b.*\n((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    return found[1].strip() if found else ""


def base(*, root: Path = ROOT) -> str:
    """The base image by tag and digest, as its registry has it now.

    Raises:
        Refused: the registry gave no digest.
    """
    command = ["docker", "buildx", "imagetools", "inspect", BASE, "--format", "{{.Manifest.Digest}}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    digest = done.stdout.strip().strip('"')
    if done.returncode or not DIGEST.fullmatch(digest):
        raise Refused(f"no digest of {BASE}: {(done.stderr or done.stdout).strip()}")
    return f"{BASE}@{digest}"


def dist(version: str, folder: Path, *, root: Path = ROOT) -> list[Path]:
    """Build the packages for PyPI: the sdist from the checkout, and the wheel from that sdist.

    So the wheel proves that the sdist builds from nothing but itself.

    Returns:
        the sdist and the wheel.

    Raises:
        Refused: a build failed, or the packages have another version.
    """
    build = (
        "import sys, flit_core.buildapi as api; "
        "print((api.build_sdist if sys.argv[1] == 'sdist' else api.build_wheel)(sys.argv[2]))"
    )

    def run(kind: str, where: Path) -> Path:
        command = [sys.executable, "-c", build, kind, str(folder.resolve())]
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refused(f"{kind}: {done.stderr.strip()}")
        return folder / done.stdout.split()[-1]

    folder.mkdir(parents=True, exist_ok=True)
    sdist = run("sdist", root)
    with tempfile.TemporaryDirectory() as name:
        with tarfile.open(sdist) as archive:
            archive.extractall(name, filter="data")
        [unpacked] = Path(name).iterdir()
        wheel = run("wheel", unpacked)
    for path in (sdist, wheel):
        if not path.name.startswith(f"catalog_upload-{version}"):
            raise Refused(f"{path.name} is not version {version}")
    return [sdist, wheel]


def pin(version: str, image: str, *, root: Path = ROOT) -> str:
    """Commit a tree that runs the image, beside the branch, and push it as the tag of the version.

    `action.yml` names the image by digest, and so does the reusable workflow: `$/`, which stands there on the
    branch, needs GitHub.com and a runner of version 2.336 or newer.

    Returns:
        the commit.

    Raises:
        Refused: the image is not named by digest, or the tag is there.
    """
    if not IMAGE.fullmatch(image):
        raise Refused(f"{image!r} does not name an image of ghcr.io by its digest")
    check(version, root=root)
    action = root / "action.yml"
    text, changed = re.subn(
        r"^  image: Dockerfile$", f"  image: docker://{image}", action.read_text(), flags=re.MULTILINE
    )
    if changed != 1:
        raise Refused("action.yml has no line `image: Dockerfile`")
    workflow = root / ".github" / "workflows" / "publish.yml"
    steps, changed = re.subn(
        r"^(\s+uses: )\$/$", rf"\g<1>docker://{image}", workflow.read_text(), flags=re.MULTILINE
    )
    if not changed:
        raise Refused("publish.yml has no line `uses: $/`")
    git("checkout", "--quiet", "--detach", root=root)
    action.write_text(text)
    workflow.write_text(steps)
    changes = [str(path.relative_to(root)) for path in (action, workflow)]
    git(*AUTHOR, "commit", "--quiet", "-m", f"Release {version}: run {image}", "--", *changes, root=root)
    git(*AUTHOR, "tag", "-a", f"v{version}", "-m", f"catalog-upload {version}", root=root)
    git("push", "--quiet", "origin", f"refs/tags/v{version}", root=root)
    return git("rev-parse", "HEAD", root=root)


def move(version: str, *, root: Path = ROOT) -> list[str]:
    """Let the tags of the major and the minor version point to the release, but never backwards.

    Returns:
        the tags that were moved.

    Raises:
        Refused: there is no such release.
    """
    if not VERSION.fullmatch(version):
        raise Refused(f"{version!r} is no version like 1.2.0")
    git("fetch", "--quiet", "--tags", "--force", "origin", root=root)
    commit = git("rev-parse", "--verify", f"refs/tags/v{version}^{{commit}}", root=root)
    released = [tag.removeprefix("v") for tag in git("tag", "--list", "v*", root=root).splitlines()]
    numbers = [tuple(map(int, tag.split("."))) for tag in released if VERSION.fullmatch(tag)]
    this = tuple(map(int, version.split(".")))
    moved = [
        "v" + ".".join(map(str, this[:length]))
        for length in (1, 2)
        if this == max(number for number in numbers if number[:length] == this[:length])
    ]
    for tag in moved:
        git("tag", "--force", tag, commit, root=root)
        git("push", "--quiet", "--force", "origin", f"refs/tags/{tag}", root=root)
    return moved


def main() -> None:
    parser = argparse.ArgumentParser(description="The steps of a release.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("check", "notes", "dist", "pin", "move"):
        command = commands.add_parser(name)
        command.add_argument("version")
        if name == "pin":
            command.add_argument("image")
        if name == "dist":
            command.add_argument("folder", type=Path)
    commands.add_parser("base")
    options = parser.parse_args()
    try:
        match options.command:
            case "check":
                check(options.version)
            case "notes":
                print(notes(options.version))
            case "base":
                print(base())
            case "dist":
                print(*dist(options.version, options.folder), sep="\n")
            case "pin":
                print(pin(options.version, options.image))
            case _:
                print(" ".join(move(options.version)))
    except Refused as refused:
        sys.exit(f"No release: {refused}.")


if __name__ == "__main__":
    main()
