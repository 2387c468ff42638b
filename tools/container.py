"""The image, built and run without a Docker engine: buildah, podman and runc.

    python -m tools.container build catalog-upload:ci      # the base image first, if there is none
    python -m tools.container load image.tar               # or take one that was built elsewhere

Everything lives in a folder of its own (`home`), so that nothing else on the machine changes. Where
docker.io cannot be reached, a stand-in for python:3.13-slim is made from Debian's packages.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
BASE: Final = "docker.io/library/python:3.13-slim"
SUITE: Final = "trixie"
"""The Debian release whose Python is 3.13."""
PACKAGES: Final = "ca-certificates,netbase,python3,python3-pip,python3-venv,tzdata"
BASE_AGE: Final = 7 * 24 * 3600
"""Seconds; an older substitute is rebuilt."""
LIMITS: Final = ("nofile=4096:4096", "nproc=4096:4096")
PATH: Final = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


def home() -> Path:
    """The folder for images and configuration: CI_HOME, else in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("CI_HOME") or cache / "catalog-upload-ci")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def environment(*, pip: bool = False) -> dict[str, str]:
    """The environment in which podman and buildah find our configuration.

    Args:
        pip: containers get this machine's pip configuration, for builds that a Docker API is asked for.
    """
    folder = home()
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
    )
    limits = ", ".join(f'"{limit}"' for limit in LIMITS)
    volumes = ", ".join(f'"{volume}"' for volume in (pip_volumes(folder) if pip else ()))
    settings = folder / ("serve.conf" if pip else "run.conf")
    settings.write_text(
        f'[containers]\nnetns = "host"\ndefault_ulimits = [{limits}]\nvolumes = [{volumes}]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    return {
        **os.environ,
        "CONTAINERS_CONF": str(settings),
        "CONTAINERS_STORAGE_CONF": str(storage),
        "BUILDAH_ISOLATION": "chroot",
    }


def pip_volumes(folder: Path) -> list[str]:
    """What a build needs of this machine's pip configuration: a pip.conf, and the local paths that it names."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        if option in ("index-url", "extra-index-url", "find-links", "cert", "trusted-host", "proxy"):
            found[option] = str(ast.literal_eval(value))
    if bundle := os.environ.get("SSL_CERT_FILE"):
        found.setdefault("cert", bundle)
    text = "[global]\n" + "".join(f"{name} = {value}\n" for name, value in found.items())
    (folder / "pip.conf").write_text(text)
    words = (word.removeprefix("file://") for value in found.values() for word in value.split())
    # An index's pages, in simple/, may point to files beside that folder.
    paths = {
        re.sub(r"/simple/?$", "", word) for word in words if word.startswith("/") and Path(word).exists()
    }
    return [f"{folder}/pip.conf:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in sorted(paths))]


def podman(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a podman command; what it says is in the result, and on standard error when it fails.

    Raises:
        subprocess.CalledProcessError: it failed, and `check` is not False.
    """
    return _said(["podman", *map(str, words)], check=check)


def _said(command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, env=environment(), text=True, capture_output=True, check=False)
    if check and done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()
    return done


def base() -> None:
    """Have an image called `BASE`: pulled where CI_PULL is set, else made from Debian's packages."""
    if os.environ.get("CI_PULL"):
        podman("pull", "--quiet", BASE)
        return
    archive = home() / f"{SUITE}.tar"
    fresh = archive.exists() and time.time() - archive.stat().st_mtime < BASE_AGE
    if fresh and podman("image", "exists", BASE, check=False).returncode == 0:
        return
    if not fresh:
        part = archive.with_suffix(".part.tar")
        subprocess.run(
            [
                "mmdebstrap",
                "--quiet",
                "--mode=root",
                "--variant=minbase",
                f"--include={PACKAGES}",
                *(f"--aptopt={line}" for line in apt_options()),
                '--customize-hook=ln -s /usr/bin/python3 "$1/usr/local/bin/python3"',
                '--customize-hook=ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
                '--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
                SUITE,
                str(part),
                debian_mirror(),
            ],
            check=True,
        )
        part.rename(archive)
    changes = ('CMD ["python3"]', f"ENV PATH={PATH} LANG=C.UTF-8")
    podman("import", "--quiet", *(f"--change={change}" for change in changes), archive, BASE)


def debian_mirror() -> str:
    """The mirror of Debian in this machine's apt sources.

    Raises:
        RuntimeError: there is none; `apt-get update` may have to run first.
    """
    form = "$(REPO_URI) $(ORIGIN) $(CODENAME) $(COMPONENT)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in listed.splitlines():
        uri, origin, codename, component = (*line.split(" "), "", "", "", "")[:4]
        if origin == "Debian" and component == "main" and "-" not in codename:
            return uri
    raise RuntimeError("No Debian mirror in the apt sources of this machine; a stand-in cannot be made.")


def apt_options() -> list[str]:
    """This machine's way through a proxy, as apt knows it."""
    listed = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = re.compile(r'Acquire::(http|https)::(Proxy|CaInfo|Verify)\S* "[^"]+";')
    return [line.removesuffix(";") for line in listed.splitlines() if wanted.fullmatch(line)]


def build(tag: str, *, file: Path = ROOT / "Dockerfile", arguments: Mapping[str, str] | None = None) -> None:
    """Build an image of this project, as `docker build` would.

    Raises:
        subprocess.CalledProcessError: the build failed; its log is on standard error.
    """
    given = {"BASE_IMAGE": BASE, **(arguments or {})}
    _said(
        [
            "buildah",
            "bud",
            "--layers",
            "--pull-never",
            *(f"--volume={volume}" for volume in pip_volumes(home())),
            *(f"--build-arg={name}={value}" for name, value in given.items()),
            f"--file={file}",
            f"--tag={tag}",
            str(ROOT),
        ]
    )
    # Layers stay for the next build, but not for ever.
    podman("image", "prune", "--force", "--filter=until=48h", check=False)


def layers(tag: str) -> list[int]:
    """The size of each layer as a registry would hold it, in bytes compressed by gzip."""
    with tempfile.TemporaryDirectory(prefix="layers-") as folder:
        podman("push", "--quiet", "--compress", tag, f"dir:{folder}")
        manifest = json.loads(Path(folder, "manifest.json").read_text())
        return [
            Path(folder, layer["digest"].partition(":")[2]).stat().st_size for layer in manifest["layers"]
        ]


def run(
    tag: str,
    arguments: Sequence[str] = (),
    *,
    variables: Mapping[str, str] | None = None,
    volumes: Mapping[Path, str] | None = None,
    entrypoint: str = "",
    name: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a container as GitHub's runner does: its own working directory, variables passed by name.

    Args:
        tag: the image.
        arguments: for the entry point.
        variables: of the container's environment.
        volumes: folders of this machine, and where they are in the container.
        entrypoint: instead of the image's own.
        name: of the container, for who wants to send it a signal.

    Returns:
        the exit code, and standard output and error in one.
    """
    variables = variables or {}
    command = ["podman", "run", "--rm", "--pull=never", "--network=host"]
    command += ["--workdir=/github/workspace"] if volumes else []
    command += [f"--ulimit={limit}" for limit in LIMITS]
    command += [word for name in variables for word in ("-e", name)]
    command += [f"--volume={source}:{target}" for source, target in (volumes or {}).items()]
    command += [f"--entrypoint={entrypoint}"] if entrypoint else []
    command += [f"--name={name}"] if name else []
    return subprocess.run(
        [*command, tag, *arguments],
        env={**environment(), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the image without a Docker engine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("base", help="have the base image")
    building = commands.add_parser("build", help="build the image")
    building.add_argument("tag")
    building.add_argument("--file", type=Path, default=ROOT / "Dockerfile")
    loading = commands.add_parser("load", help="take an image that was built elsewhere")
    loading.add_argument("archive", type=Path, help="as docker save writes it")
    options = parser.parse_args()
    for program in ("podman", "buildah", "runc"):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            sys.exit(f"{program} is needed; on Debian: apt-get install buildah podman runc mmdebstrap")
    base()
    if options.command == "build":
        build(options.tag, file=options.file)
    if options.command == "load":
        podman("load", "--quiet", f"--input={options.archive}")


if __name__ == "__main__":
    main()
