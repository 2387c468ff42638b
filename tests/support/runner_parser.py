"""What GitHub's runner makes of a step's log and of its command files.

Our own words for the rules of https://github.com/actions/runner: ``ActionCommand.cs`` (both forms of a
command), ``ActionCommandManager.cs`` (which commands there are) and ``FileCommandManager.cs`` (outputs).
Where the runner might be stricter than this, this is the more suspicious one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

COMMANDS = frozenset(
    {
        "add-mask",
        "add-matcher",
        "add-path",
        "debug",
        "echo",
        "endgroup",
        "error",
        "group",
        "notice",
        "warning",
    }
    | {"internal-set-repo-path", "remove-matcher", "save-state", "set-env", "set-output", "stop-commands"}
)


@dataclass(frozen=True)
class Command:
    """A command that the runner would carry out."""

    name: str
    message: str = ""
    properties: dict[str, str] = field(default_factory=dict)


def commands(log: str) -> list[Command]:
    """Every command in a log, in order; a lone carriage return ends a line as well."""
    # The .NET reader ends lines at \n, \r and \r\n; the others are here out of suspicion.
    lines = re.split("\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]", log)
    return [command for line in lines if (command := _v2(line) or _v1(line)) is not None]


def _seen(line: str) -> str:
    """Without what comparisons that know languages skip: controls, invisible and combining characters."""
    skipped = ("Cc", "Cf", "Cs", "Cn", "Co", "Mn", "Me")
    return "".join(
        c for c in line if unicodedata.category(c) not in skipped and c not in "\u115f\u1160\u3164\uffa0"
    )


def _v2(line: str) -> Command | None:
    line = _seen(line).strip()
    if not line.startswith("::") or (end := line.find("::", 2)) < 0:
        return None
    name, _, rest = line[2:end].strip().partition(" ")
    if name.lower() not in COMMANDS:
        return None
    pairs = (pair.partition("=") for pair in rest.split(",") if "=" in pair)
    properties = {key.strip(): _unescape(value, properties=True) for key, _, value in pairs}
    return Command(name.lower(), _unescape(line[end + 2 :]), properties)


def _v1(line: str) -> Command | None:
    line = _seen(line)
    start = line.find("##[")
    if start < 0 or (end := line.find("]", start)) < 0:
        return None
    name, _, _ = line[start + 3 : end].strip().partition(" ")
    return Command(name.lower(), line[end + 1 :]) if name.lower() in COMMANDS else None


def _unescape(value: str, *, properties: bool = False) -> str:
    for escape, character in [
        ("%0D", "\r"),
        ("%0A", "\n"),
        *([("%3A", ":"), ("%2C", ",")] if properties else []),
    ]:
        value = value.replace(escape, character)
    return value.replace("%25", "%")


def outputs(content: bytes) -> dict[str, str]:
    """Read a file of outputs.

    Raises:
        ValueError: the step would fail: the file is malformed.
    """
    lines = content.decode("utf-8").split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    found: dict[str, str] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            found[line[:equals]] = line[equals + 1 :]
            continue
        if heredoc < 1:
            raise ValueError(f"Invalid format {line!r}")
        name, delimiter = line[:heredoc], line[heredoc + 2 :]
        if not delimiter or delimiter not in lines[at:]:
            raise ValueError(f"Matching delimiter not found {delimiter!r}")
        end = lines.index(delimiter, at)
        found[name] = "\n".join(lines[at:end])
        at = end + 1
    return found
