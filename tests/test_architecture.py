"""The dependencies of docs/architecture.md: which part may import which, and who alone reads the environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests import action

PACKAGE: Final = action.ROOT / "entrypoint"
MAY_IMPORT: Final[dict[str, frozenset[str]]] = {
    "errors": frozenset(),
    "text": frozenset(),
    "inputs": frozenset(),
    "outfile": frozenset(),
    "signals": frozenset(),
    "catalog": frozenset(),
    "event": frozenset({"errors"}),
    "cli": frozenset({"errors", "inputs", "text"}),
    "settings": frozenset({"catalog", "cli", "errors", "inputs", "outfile", "text"}),
    "plan": frozenset({"catalog", "errors", "settings", "text"}),
    # A destination gets settings and a plan; it knows neither catalogs nor GitHub.
    "destinations": frozenset({"errors", "event", "plan", "settings", "text"}),
    "outcome": frozenset({"destinations", "errors", "plan"}),
    "page": frozenset({"errors", "plan", "settings", "text"}),
    "readable": frozenset({"destinations", "errors", "outcome", "plan", "settings", "text"}),
    "workers": frozenset({"errors", "plan"}),
    "safeguards": frozenset({"destinations", "errors", "outcome", "plan", "workers"}),
    "verdicts": frozenset({"destinations", "outcome", "plan"}),
    "transfer": frozenset({"destinations", "errors", "outcome", "plan", "safeguards", "verdicts", "workers"}),
    "report": frozenset({"destinations", "errors", "inputs", "outcome", "plan", "settings", "text"}),
    "ending": frozenset({"errors", "outcome", "report", "runner", "settings"}),
    "connect": frozenset({"destinations", "event", "runner", "settings", "workers"}),
    "runner": frozenset({"errors", "outcome", "outfile", "text"}),
}
FILES: Final = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[str]:
    """Dotted names, with those that `from … import` takes out of a package of ours."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_every_part_is_known() -> None:
    found = {part(path) for path in FILES} - {"__init__", "__main__", "app"}
    assert found == set(MAY_IMPORT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_dependencies(path: Path) -> None:
    here = part(path)
    if here in ("__main__", "app"):
        return
    known = {name.split(".")[1] for name in imported(path) if name.startswith("entrypoint.")}
    known -= {here, "__version__"}
    assert known <= MAY_IMPORT.get(here, frozenset()), f"{here} must not import {known - MAY_IMPORT[here]}"


def test_a_destination_does_not_know_the_other() -> None:
    for here, other in (("s3", "zenodo"), ("zenodo", "s3")):
        for path in (PACKAGE / "destinations" / here).rglob("*.py"):
            assert not [n for n in imported(path) if n.startswith(f"entrypoint.destinations.{other}")], path


def test_there_is_no_circle() -> None:
    done: set[str] = set()
    while ready := {name for name, known in MAY_IMPORT.items() if name not in done and known <= done}:
        done |= ready
    assert done == set(MAY_IMPORT)


def test_only_the_runner_knows_the_toolkit() -> None:
    users = {
        part(path) for path in FILES for name in imported(path) if name.split(".")[0] == "actions_toolkit"
    }
    assert users == {"runner"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "sys.argv"):
            assert part(path) in ("__main__", "settings"), f"{path}:{node.lineno} reads {ast.unparse(node)}"
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in ("os.system", "os.popen", "eval", "exec"), f"{path}:{node.lineno}"
            assert name != "print", f"{path}:{node.lineno} prints; the runner alone writes to the log"
            shell = [k for k in node.keywords if k.arg == "shell"]
            assert not shell, f"{path}:{node.lineno} uses a shell"
    assert not {"subprocess", "pickle"} & {name.split(".")[0] for name in imported(path)}, path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 450, f"{lines} lines"
