"""The command line: argv to a mapping of inputs, nothing more.

Besides the plain form there are the two command lines of cartloader, ``upload_aws`` and
``upload_zenodo``, which are put into our inputs' terms here and known nowhere else.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from entrypoint import __version__, errors, inputs, text

UPLOAD_AWS: Final = "upload_aws"
UPLOAD_ZENODO: Final = "upload_zenodo"

_ASKED: Final = object()
"""Value of ``--version`` without an argument; an empty argument is different."""
_SEE_HELP: Final = "See catalog-upload --help."
_VERSION: Final = f"catalog-upload {__version__}"
_EPILOG: Final = """\
examples:
  catalog-upload --in-dir out --s3-dir s3://bucket/sample --dry-run
  catalog-upload --in-dir out --zenodo-id new --zenodo-token ~/.zenodo --title "My sample" \\
      --creators "Carberry, Josiah; Brown University; 0000-0002-1825-0097"
  catalog-upload upload_aws --in-dir out --s3-dir s3://bucket/sample --n-jobs 10     (as cartloader)

A flag wins over the environment variable of the same input (INPUT_IN-DIR). AWS credentials come from the
standard AWS variables, files and roles; the Zenodo token from --zenodo-token, preferably a file.

results go to stdout; progress, warnings and errors to stderr
shell completion: eval "$(catalog-upload --completion bash)"     (or zsh; fish: … --completion fish | source)

exit codes: 0 done · 2 bad input or catalog, nothing sent · 3 some files failed · 4 not authorised ·
5 the destination refused or could not be reached · 130 cancelled · 1 a bug in catalog-upload
"""
SHELLS: Final = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class Presentation:
    """How the run is reported; see --help."""

    quiet: bool = False
    verbose: bool = False
    json: bool = False


@dataclass(frozen=True)
class CommandLine:
    """What argv says.

    Attributes:
        values: inputs by name, as text.
        defaults: what holds where neither a flag nor a variable says anything, in place of the input's own.
        top_level_only: `upload-method: all`, if it comes to that, takes the top level of in-dir only, as
            cartloader's ``upload_zenodo`` does.
        notices: remarks for the user.
        problems: what is wrong with the line itself, for the report of everything that is wrong.
    """

    values: dict[str, str]
    defaults: dict[str, str] = field(default_factory=dict)
    top_level_only: bool = False
    notices: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class _Parser(argparse.ArgumentParser):
    """argparse, but a mistake is our error, shows no value and prints no usage of forty lines."""

    def error(self, message: str) -> NoReturn:
        # A value may be a token: `--zenodo=SECRET` is an ambiguous flag.
        shown = re.sub(r"(?<!\S)(--?[\w-]+)=.*?(?= could match |$)", r"\1=…", message, flags=re.DOTALL)
        raise errors.BadInput(f"Command line: {shown}.", _SEE_HELP)

    def read(self, argv: Sequence[str]) -> tuple[dict[str, object], tuple[str, ...]]:
        """The values of the flags, and what is wrong with unknown ones."""
        parsed, unknown = self.parse_known_args(list(argv))
        values = vars(parsed)
        if values.get("version") is _ASKED:
            # Not self.exit(message=…), which writes to standard error.
            self._print_message(f"{_VERSION}\n", sys.stdout)
            self.exit()
        if values.get("quiet") and values.get("verbose"):
            raise errors.BadInput("Command line: -q and -v cannot be combined.", _SEE_HELP)
        if not unknown:
            return values, ()
        flags = [item.partition("=")[0] for item in unknown if item.startswith("-") and item != "--"]
        if flags:
            # What follows an unknown flag is not shown: it may be a token.
            return values, tuple(f"Command line: unknown flag {flag}{self._near(flag)}" for flag in flags)
        shown = ["…" if text.looks_secret(item) else text.shorten(item, 60) for item in unknown[:5]]
        more = ", …" if len(unknown) > len(shown) else ""
        many = "argument" if len(unknown) == 1 else "arguments"
        return values, (f"Command line: unexpected {many}: {', '.join(shown)}{more}. {_SEE_HELP}",)

    def in_full(self, argv: Sequence[str], flags: Sequence[str]) -> list[str]:
        """The line with shortened flags in full, where only one of `flags` is meant; others stay as they are."""
        line = list(argv)
        for place, item in enumerate(itertools.takewhile(lambda item: item != "--", argv)):
            name, equals, value = item.partition("=")
            if len(name) < 3 or not name.startswith("--") or name in self._option_string_actions:
                continue
            meant = [flag for flag in flags if flag.startswith(name)]
            if len(meant) == 1:
                line[place] = f"{meant[0]}{equals}{value}"
        return line

    def _near(self, flag: str) -> str:
        near = difflib.get_close_matches(flag, self._option_string_actions, n=1, cutoff=0.75)
        return f"; did you mean {near[0]}?" if near else f". {_SEE_HELP}"


def presentation(argv: Sequence[str]) -> Presentation:
    """How to report the run, even if the rest of the line is wrong."""
    # A value that begins with a dash has to be joined to its flag (`--title=-q`), so these are flags.
    given = set(itertools.takewhile(lambda item: item != "--", argv))
    return Presentation(
        quiet=bool(given & {"-q", "--quiet"}),
        verbose=bool(given & {"-v", "--verbose"}),
        json="--json" in given,
    )


def parse(argv: Sequence[str]) -> CommandLine:
    """Read the command line (without the program's name).

    Raises:
        errors.BadInput: a flag without its value, or one that is short for several.
        SystemExit: after ``--help``, ``--version`` or ``--completion``.
    """
    if argv and argv[0] == UPLOAD_AWS:
        return _upload_aws(argv[1:])
    if argv and argv[0] == UPLOAD_ZENODO:
        return _upload_zenodo(argv[1:])
    if argv and not argv[0].startswith("-") and (meant := _command_like(argv[0])):
        raise errors.BadInput(f"Command line: unknown command {argv[0]}; did you mean {meant}?")
    parsed, problems = _plain_parser().read(argv)
    if shell := parsed.get("completion"):
        _print_completion(str(shell))
    return CommandLine(_values(parsed), problems=problems)


def complete(line: str) -> None:
    """Answer a shell that completes a command line; argcomplete finds the words in the environment.

    Args:
        line: what is typed so far, the program's name included.

    Raises:
        SystemExit: always.
    """
    import argcomplete

    parser: argparse.ArgumentParser = _plain_parser(with_commands=True)
    if match := re.match(rf"\s*\S+\s+({UPLOAD_AWS}|{UPLOAD_ZENODO})\s", line):
        names, aliases = (
            (_AWS_INPUTS, _AWS_ALIASES) if match[1] == UPLOAD_AWS else (_ZENODO_INPUTS, _ZENODO_ALIASES)
        )
        parser = _origin_parser(match[1], names, aliases)
        if match[1] == UPLOAD_AWS:
            _add_aws_flags(parser)
        parser.add_argument("command", nargs="?", choices=[match[1]], help="cartloader's command line")
    argcomplete.autocomplete(parser, always_complete_options=False)
    raise SystemExit(0)


def _print_completion(shell: str) -> NoReturn:
    from argcomplete import shell_integration

    sys.stdout.write(shell_integration.shellcode(["catalog-upload"], True, shell))
    raise SystemExit(0)


def _command_like(word: str) -> str:
    plain = word.replace("-", "_")
    near = difflib.get_close_matches(plain.lower(), (UPLOAD_AWS, UPLOAD_ZENODO), n=1, cutoff=0.8)
    return near[0] if near else ""


def _plain_parser(*, with_commands: bool = False) -> _Parser:
    parser = _Parser(
        prog="catalog-upload",
        description="Publish what a cartloader catalog.yaml lists to S3 or Zenodo: in parallel, verified by "
        "checksum, the catalog last, and nothing sent twice.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if with_commands:
        parser.add_argument(
            "command", nargs="?", choices=[UPLOAD_AWS, UPLOAD_ZENODO], help="cartloader's command line"
        )
    _add_version(parser, "-V")
    _add_presentation(parser)
    parser.add_argument(
        "--completion", choices=SHELLS, help="print the completion script for this shell and exit"
    )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for item in inputs.INPUTS:
        if item.section not in groups:
            groups[item.section] = parser.add_argument_group(item.section)
        _add(groups[item.section], item)
    return parser


def _add_presentation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="print only warnings, errors and results")
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="also print every request, and every retry with its reason",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="write one JSON object per event to stdout, the manifest last (docs/terminal.md)",
    )


def _add_version(parser: argparse.ArgumentParser, *names: str) -> None:
    parser.add_argument(
        *names, action="version", version=_VERSION, help="print the program's version and exit"
    )


def _add(group: argparse._ArgumentGroup, item: inputs.Input, *aliases: str, default: str = "") -> None:
    words = item.description.replace("%", "%%")
    if default or item.default:
        words += f" (default: {default or item.default})"
    names = (f"--{item.name}", *aliases)
    if item.kind is inputs.Kind.FLAG:
        action = group.add_argument(
            *names, dest=item.name, nargs="?", const="true", metavar="true|false", help=words
        )
        _completed_by(action, ("true", "false"))
    elif item.kind is inputs.Kind.LINES:
        group.add_argument(*names, dest=item.name, nargs="+", action="extend", metavar="ITEM", help=words)
    elif item.name == "version":
        # Other programs print their version with this flag; without a value, so does this one.
        words += " Without a value: print the program's version and exit."
        group.add_argument(*names, dest=item.name, nargs="?", const=_ASKED, metavar="VALUE", help=words)
    else:
        action = group.add_argument(*names, dest=item.name, metavar="VALUE", help=words)
        if item.choices:
            _completed_by(action, item.choices)


def _completed_by(action: argparse.Action, words: Sequence[str]) -> None:
    """What argcomplete offers; not `choices` of argparse, which would report one bad value and end."""
    action.completer = lambda **_: words  # type: ignore[attr-defined]


def _values(parsed: dict[str, object]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in parsed.items():
        if isinstance(value, list):
            values[name] = "\n".join(str(item) for item in value)
        elif value is not None and name in inputs.BY_NAME:
            values[name] = str(value)
    return values


_AWS_INPUTS: Final = [i.name for i in inputs.INPUTS if i.section != inputs.ZENODO and i.name != "zenodo-id"]
_AWS_ALIASES: Final = {"--in": "in-dir", "--profile": "aws-profile"}
_AWS_FLAGS: Final = (
    *(
        "--in-dir",
        "--s3-dir",
        "--catalog-yaml",
        "--in-list",
        "--n-jobs",
        "--dry-run",
        "--restart",
        "--makefn",
    ),
    *("--aws", "--profile", "--upload-basics-only", "--upload-optional-only", "--upload-basemap-only"),
)
"""The origin's own, which it also takes shortened: flags that only we have do not make them ambiguous."""
_ONE_GROUP: Final = {
    "upload_basics_only": "basics",
    "upload_optional_only": "optional",
    "upload_basemap_only": "basemaps",
}
_ZENODO_INPUTS: Final = [
    i.name for i in inputs.INPUTS if i.section not in (inputs.S3, inputs.READERS) and i.name != "s3-dir"
]
_ZENODO_ALIASES: Final = {
    "--in": "in-dir",
    "--zenodo-deposition-id": "zenodo-id",
    "--token-file": "zenodo-token",
}
_ZENODO_FLAGS: Final = (
    *("--in-dir", "--upload-method", "--files", "--catalog-yaml", "--zenodo-token", "--zenodo-deposition-id"),
    *("--title", "--upload-type", "--creators", "--description", "--publish", "--overwrite", "--restart"),
    "--dry-run",
)
_ZENODO_DEFAULTS: Final = {"zenodo-id": "new", "upload-method": "all"}


def _origin_parser(
    command: str, names: Sequence[str], aliases: Mapping[str, str], defaults: Mapping[str, str] | None = None
) -> _Parser:
    parser = _Parser(
        prog=f"catalog-upload {command}",
        description=f"cartloader's {command}: its flags, and those of catalog-upload.",
    )
    _add_version(parser, "-V", *([] if "version" in names else ["--version"]))
    _add_presentation(parser)
    group = parser.add_argument_group("flags")
    for name in names:
        others = (alias for alias, target in aliases.items() if target == name)
        _add(group, inputs.BY_NAME[name], *others, default=(defaults or {}).get(name, ""))
    return parser


def _add_aws_flags(parser: argparse.ArgumentParser) -> None:
    for flag, name in _ONE_GROUP.items():
        parser.add_argument(
            "--" + flag.replace("_", "-"), dest=flag, action="store_true", help=f"short for --groups {name}"
        )
    parser.add_argument("--aws", dest="aws", help="accepted and ignored: no aws command is run")
    parser.add_argument("--makefn", dest="makefn", help="accepted and ignored: no Makefile is written")


def _upload_aws(argv: Sequence[str]) -> CommandLine:
    # The flags of cartloader's upload_aws.py (MIT, seqscope/cartloader at ee2fb4a), and any of ours besides.
    parser = _origin_parser(UPLOAD_AWS, _AWS_INPUTS, _AWS_ALIASES)
    _add_aws_flags(parser)
    parsed, problems = parser.read(parser.in_full(argv, _AWS_FLAGS))
    values = _values(parsed)
    chosen = [group for flag, group in _ONE_GROUP.items() if parsed[flag]]
    if len(chosen) > 1:
        problems += (
            "Command line: the --upload-…-only flags cannot be combined; --groups can name several groups.",
        )
    elif chosen:
        values["groups"] = chosen[0]
    idle = [f"--{name}" for name in ("aws", "makefn") if parsed[name] is not None]
    notices = [f"{' and '.join(idle)} had no effect: uploading needs no aws command and no Makefile."]
    return CommandLine(values, notices=tuple(notices if idle else ()), problems=problems)


def _upload_zenodo(argv: Sequence[str]) -> CommandLine:
    # The flags of cartloader's upload_zenodo.py (MIT, seqscope/cartloader at ee2fb4a), and ours besides.
    parser = _origin_parser(UPLOAD_ZENODO, _ZENODO_INPUTS, _ZENODO_ALIASES, _ZENODO_DEFAULTS)
    parsed, problems = parser.read(parser.in_full(argv, _ZENODO_FLAGS))
    values, defaults = _values(parsed), dict(_ZENODO_DEFAULTS)
    if values.get("zenodo-id", "").strip().lower() in ("", "new"):
        defaults["upload-type"] = "dataset"
    return CommandLine(values, defaults, top_level_only=True, problems=problems)
