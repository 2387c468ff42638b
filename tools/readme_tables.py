"""Write the inputs and outputs into README.md, action.yml and publish.yml, or only say whether they are up to date.

    python tools/readme_tables.py            write them
    python tools/readme_tables.py --check    exit code 1 when a file differs

In README.md they stand between ``<!-- inputs -->`` and ``<!-- /inputs -->``, and the same for outputs; in
action.yml between the lines ``inputs:`` and ``runs:``; in the reusable workflow from its section
``What to upload`` to its secrets, and where its outputs are declared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Final

from entrypoint import inputs

ROOT: Final = Path(__file__).resolve().parents[1]
README: Final = ROOT / "README.md"
ACTION: Final = ROOT / "action.yml"
WORKFLOW: Final = ROOT / ".github" / "workflows" / "publish.yml"
NOT_ASKED: Final = ("zenodo-token", "shard", "draft-only")
"""Inputs that the jobs of the reusable workflow are given by one another, or by the secrets."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Write inputs and outputs into README.md and action.yml.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a file differs")
    check = parser.parse_args().check
    readme, action = README.read_text(encoding="utf-8"), ACTION.read_text(encoding="utf-8")
    wanted = {
        README: between(between(readme, "inputs", input_tables()), "outputs", output_table()),
        ACTION: with_action(action),
        WORKFLOW: with_workflow(WORKFLOW.read_text(encoding="utf-8")),
    }
    stale = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            print(f"{path.name} differs from entrypoint/inputs.py; run tools/readme_tables.py")
        else:
            path.write_text(wanted[path], encoding="utf-8")
    return int(check and bool(stale))


def with_action(text: str) -> str:
    """action.yml with the inputs and outputs of the table."""
    head, _, rest = text.partition("\ninputs:\n")
    _, _, tail = rest.partition("\nruns:\n")
    sections = itertools.groupby(inputs.INPUTS, key=lambda item: item.section)
    ins = "\n".join(f"  # {name}\n" + "".join(map(_action_input, items)) for name, items in sections)
    outs = "".join(_action_output(item) for item in inputs.OUTPUTS)
    return f"{head}\ninputs:\n{ins}\noutputs:\n{outs}\nruns:\n{tail}"


def _action_input(item: inputs.Input) -> str:
    lines = textwrap.wrap(item.description, 94, break_long_words=False, break_on_hyphens=False)
    default = f'    default: "{item.default}"\n' if item.default else ""
    return (
        f"  {item.name}:\n    description: >-\n"
        + "".join(f"      {line}\n" for line in lines)
        + f"    required: {'true' if item.required else 'false'}\n{default}"
    )


def with_workflow(text: str) -> str:
    """The reusable workflow with the inputs and outputs of the table."""
    asked = (item for item in inputs.INPUTS if item.name not in NOT_ASKED)
    sections = itertools.groupby(asked, key=lambda item: item.section)
    ins = "\n".join(f"      # {name}\n" + "".join(map(_workflow_input, items)) for name, items in sections)
    outs = "".join(
        f"      {item.name}:\n        description: {json.dumps(item.description, ensure_ascii=False)}\n"
        f"        value: ${{{{ jobs.publish.outputs.{item.name} }}}}\n"
        for item in inputs.OUTPUTS
    )
    start, end = text.index(f"      # {inputs.WHAT}\n"), text.index("    secrets:\n")
    text = text[:start] + ins + text[end:]
    start = text.index("    outputs:\n") + len("    outputs:\n")
    return text[:start] + outs + text[text.index("\nconcurrency:\n") :]


def _workflow_input(item: inputs.Input) -> str:
    lines = textwrap.wrap(item.description, 92, break_long_words=False, break_on_hyphens=False)
    kind, default = "string", f'"{item.default}"' if item.default else ""
    if item.kind is inputs.Kind.FLAG:
        kind, default = "boolean", item.default
    return (
        f"      {item.name}:\n        description: >-\n"
        + "".join(f"          {line}\n" for line in lines)
        + ("        required: true\n" if item.required else "")
        + f"        type: {kind}\n"
        + (f"        default: {default}\n" if default else "")
    )


def _action_output(item: inputs.Output) -> str:
    return f"  {item.name}:\n    description: {json.dumps(item.description, ensure_ascii=False)}\n"


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
