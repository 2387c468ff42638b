"""Write the tables of inputs and outputs into README.md, or only say whether they are up to date.

    python tools/readme_tables.py            write them
    python tools/readme_tables.py --check    exit code 1 when README.md differs

They stand between ``<!-- inputs -->`` and ``<!-- /inputs -->``, and the same for outputs.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from pathlib import Path
from typing import Final

from entrypoint import inputs

README: Final = Path(__file__).resolve().parents[1] / "README.md"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the tables of inputs and outputs into README.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when it differs")
    check = parser.parse_args().check
    before = README.read_text(encoding="utf-8")
    after = between(between(before, "inputs", input_tables()), "outputs", output_table())
    if before == after:
        return 0
    if check:
        print("README.md: its tables differ from entrypoint/inputs.py; run tools/readme_tables.py")
        return 1
    README.write_text(after, encoding="utf-8")
    return 0


def between(text: str, name: str, content: str) -> str:
    """The text with new content between a pair of markers, of which there must be one."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->\n)", re.DOTALL)
    after, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n{match[2]}", text)
    if count != 1:
        sys.exit(f"README.md: expected one pair of markers {name} and /{name}, found {count}.")
    return after


def input_tables() -> str:
    """One table for each section, in the order of `inputs.INPUTS`."""
    sections = itertools.groupby(inputs.INPUTS, key=lambda item: item.section)
    return "\n".join(_section(name, list(items)) for name, items in sections)


def _section(name: str, items: list[inputs.Input]) -> str:
    lines = [f"#### {name}", "", "| Input | Default | Meaning |", "|---|---|---|"]
    for item in items:
        default = "(required)" if item.required else f"`{item.default}`" if item.default else ""
        lines.append(f"| `{item.name}` | {default} | {escaped(item.description)} |")
    return "\n".join(lines) + "\n"


def output_table() -> str:
    """All outputs."""
    lines = ["| Output | Meaning |", "|---|---|"]
    lines += (f"| `{item.name}` | {escaped(item.description)} |" for item in inputs.OUTPUTS)
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text as it stands in a cell of a Markdown table."""
    return re.sub(r"[\\`*_<|]", r"\\\g<0>", text)


if __name__ == "__main__":
    raise SystemExit(main())
