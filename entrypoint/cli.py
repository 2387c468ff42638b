"""The command line: argv to a mapping of inputs, nothing more.

Besides the plain form there are the two command lines of cartloader, ``upload_aws`` and
``upload_zenodo``, which are put into our inputs' terms here and known nowhere else.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from entrypoint import __version__, errors, inputs

UPLOAD_AWS: Final = "upload_aws"
UPLOAD_ZENODO: Final = "upload_zenodo"

_ASKED: Final = object()
"""Stands for a ``--version`` without a value; one with an empty value is not meant so."""
_SEE_HELP: Final = "See catalog-upload --help."
_VERSION: Final = f"catalog-upload {__version__}"
_EPILOG: Final = """\
examples:
  catalog-upload --in-dir out --s3-dir s3://bucket/sample --dry-run
  catalog-upload --in-dir out --zenodo-id new --zenodo-token ~/.zenodo --title "My sample" \\
      --creators "Curie, Marie; ESPCI; 0000-0001-2345-6789"
  catalog-upload upload_aws --in-dir out --s3-dir s3://bucket/sample --n-jobs 10     (as cartloader)

A flag wins over the variable of the same name (INPUT_IN-DIR and so on). AWS credentials come from the
standard AWS variables, files and roles; the Zenodo token from --zenodo-token, best as a file.

exit codes: 0 done · 2 bad input or catalog, nothing sent · 3 some files failed · 4 not authorised ·
5 the destination refused or could not be reached · 130 cancelled · 1 a defect of ours
"""


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
        """What the flags say, and what is wrong with those that there are not."""
        parsed, unknown = self.parse_known_args(list(argv))
        values = vars(parsed)
        if values.get("version") is _ASKED:
            # Not self.exit(message=…), which writes to standard error.
            self._print_message(f"{_VERSION}\n", sys.stdout)
            self.exit()
        if not unknown:
            return values, ()
        flags = [item.partition("=")[0] for item in unknown if item.startswith("-") and item != "--"]
        if flags:
            # What follows an unknown flag is not shown: it may be a token.
            return values, tuple(f"Command line: there is no flag {flag}{self._near(flag)}" for flag in flags)
        words = "one word belongs" if len(unknown) == 1 else f"{len(unknown)} words belong"
        return values, (f"Command line: {words} to no flag. {_SEE_HELP}",)

    def _near(self, flag: str) -> str:
        near = difflib.get_close_matches(flag, self._option_string_actions, n=1, cutoff=0.75)
        return f"; did you mean {near[0]}?" if near else f". {_SEE_HELP}"


def parse(argv: Sequence[str]) -> CommandLine:
    """Read the command line (without the program's name).

    Raises:
        errors.BadInput: a flag without its value, or one that is short for several.
        SystemExit: after ``--help`` or ``--version``.
    """
    if argv and argv[0] == UPLOAD_AWS:
        return _upload_aws(argv[1:])
    if argv and argv[0] == UPLOAD_ZENODO:
        return _upload_zenodo(argv[1:])
    if argv and argv[0].replace("-", "_") in (UPLOAD_AWS, UPLOAD_ZENODO):
        meant = argv[0].replace("-", "_")
        raise errors.BadInput(f"Command line: there is no command {argv[0]}; did you mean {meant}?")
    parser = _Parser(
        prog="catalog-upload",
        description="Publish what a cartloader catalog.yaml lists to S3 or Zenodo: in parallel, verified by "
        "checksum, the catalog last, and nothing sent twice.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_version(parser, "-V")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for item in inputs.INPUTS:
        group = groups.setdefault(item.section, parser.add_argument_group(item.section))
        _add(group, item)
    parsed, problems = parser.read(argv)
    return CommandLine(_values(parsed), problems=problems)


def _add_version(parser: argparse.ArgumentParser, *names: str) -> None:
    text = "print the program's version and end"
    parser.add_argument(*names, action="version", version=_VERSION, help=text)


def _add(group: argparse._ArgumentGroup, item: inputs.Input, *aliases: str) -> None:
    text = item.description.replace("%", "%%")
    if item.default:
        text += f" (default: {item.default})"
    names = (f"--{item.name}", *aliases)
    if item.kind is inputs.Kind.FLAG:
        group.add_argument(*names, dest=item.name, nargs="?", const="true", metavar="true|false", help=text)
    elif item.kind is inputs.Kind.LINES:
        group.add_argument(*names, dest=item.name, nargs="+", action="extend", metavar="ITEM", help=text)
    elif item.name == "version":
        # The record's version has the name by which other programs tell theirs; without a value, so does it.
        text += " Without a value: print the program's version and end."
        group.add_argument(*names, dest=item.name, nargs="?", const=_ASKED, metavar="VALUE", help=text)
    else:
        group.add_argument(*names, dest=item.name, metavar="VALUE", help=text)


def _values(parsed: dict[str, object]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in parsed.items():
        if isinstance(value, list):
            values[name] = "\n".join(str(item) for item in value)
        elif value is not None and name in inputs.BY_NAME:
            values[name] = str(value)
    return values


def _origin_parser(command: str, names: Sequence[str], aliases: dict[str, str]) -> _Parser:
    parser = _Parser(
        prog=f"catalog-upload {command}", description=f"cartloader's {command}, as it is called there."
    )
    _add_version(parser, "-V", *([] if "version" in names else ["--version"]))
    group = parser.add_argument_group("flags")
    for name in names:
        _add(group, inputs.BY_NAME[name], *(alias for alias, target in aliases.items() if target == name))
    return parser


def _upload_aws(argv: Sequence[str]) -> CommandLine:
    # The flags of cartloader's upload_aws.py (MIT, seqscope/cartloader at ee2fb4a), and any of ours besides.
    names = [i.name for i in inputs.INPUTS if i.section != inputs.ZENODO and i.name != "zenodo-id"]
    parser = _origin_parser(UPLOAD_AWS, names, {"--profile": "aws-profile"})
    only = {
        "upload_basics_only": "basics",
        "upload_optional_only": "optional",
        "upload_basemap_only": "basemaps",
    }
    for flag in only:
        parser.add_argument("--" + flag.replace("_", "-"), dest=flag, action="store_true")
    parser.add_argument("--aws", dest="aws", help="accepted, without effect: no aws command is run")
    parser.add_argument("--makefn", dest="makefn", help="accepted, without effect: no Makefile is written")
    parsed, problems = parser.read(argv)
    values = _values(parsed)
    chosen = [group for flag, group in only.items() if parsed[flag]]
    if len(chosen) > 1:
        problems += (
            "Command line: the --upload-…-only flags exclude each other; --groups can name several groups.",
        )
    elif chosen:
        values["groups"] = chosen[0]
    idle = [f"--{name}" for name in ("aws", "makefn") if parsed[name] is not None]
    notices = [f"{' and '.join(idle)} had no effect: uploading needs no aws command and no Makefile."]
    return CommandLine(values, notices=tuple(notices if idle else ()), problems=problems)


def _upload_zenodo(argv: Sequence[str]) -> CommandLine:
    # The flags of cartloader's upload_zenodo.py (MIT, seqscope/cartloader at ee2fb4a), and ours besides.
    names = [i.name for i in inputs.INPUTS if i.section != inputs.S3 and i.name != "s3-dir"]
    aliases = {"--zenodo-deposition-id": "zenodo-id", "--token-file": "zenodo-token"}
    parsed, problems = _origin_parser(UPLOAD_ZENODO, names, aliases).read(argv)
    values = _values(parsed)
    defaults = {"zenodo-id": "new", "upload-method": "all"}
    if values.get("zenodo-id", "").strip() in ("", "new"):
        defaults["upload-type"] = "dataset"
    return CommandLine(values, defaults, top_level_only=True, problems=problems)
