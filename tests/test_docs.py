"""The Markdown files: every relative link leads to a file, and every anchor to a heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    ROOT,
    ROOT / "docs",
    ROOT / "tests" / "data" / "catalogs",
    ROOT / "tests" / "data" / "zenodo-responses",
)
PAGES = sorted(str(page.relative_to(ROOT)) for folder in FOLDERS for page in folder.glob("*.md"))

# https://docs.github.com/en/get-started/writing-on-github: how GitHub makes anchors of headings.
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _without_code(page.read_text("utf-8")), flags=re.MULTILINE)
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading) for heading in headings)
    return {_NOT_IN_ANCHOR.sub("", heading.lower()).replace(" ", "-") for heading in plain}


def _broken(page: Path) -> list[str]:
    """Targets of the links of a page that are neither files nor headings."""
    broken = []
    for target in _LINK.findall(_without_code(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    assert _broken(ROOT / page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One, two\n[a](#one-two) [b](page.md#one-two) [c](#two) [d](none.md) [e](https://example.org/)\n"
    )
    assert _broken(page) == ["#two", "none.md"]


def test_files_that_messages_and_comments_name_exist() -> None:
    files = [
        *(ROOT / "entrypoint").rglob("*.py"),
        *(ROOT / "examples").iterdir(),
        *(ROOT / "tools").glob("*.py"),
    ]
    files += [ROOT / "Makefile", ROOT / "Dockerfile", ROOT / "action.yml"]
    named = {name for file in files for name in re.findall(r"\bdocs/[\w-]+\.md\b", file.read_text("utf-8"))}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
