"""The command line: argv to a mapping of inputs, nothing more.

Besides the plain form there are the two command lines of cartloader, ``upload_aws`` and
``upload_zenodo``, which are put into our inputs' terms here and known nowhere else.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from entrypoint import __version__, errors, inputs

UPLOAD_AWS: Final = "upload_aws"
UPLOAD_ZENODO: Final = "upload_zenodo"

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
        top_level_only: `upload-method: all` takes the top level of in-dir only, as cartloader's
            ``upload_zenodo`` does.
        notices: remarks for the user.
    """

    values: dict[str, str]
    top_level_only: bool = False
    notices: tuple[str, ...] = ()


class _Parser(argparse.ArgumentParser):
    """argparse, but a mistake is our error and prints no usage of forty lines."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise errors.BadInput(f"Command line: {message}.", "See catalog-upload --help.")


def parse(argv: Sequence[str]) -> CommandLine:
    """Read the command line (without the program's name).

    Raises:
        errors.BadInput: an unknown flag, or a flag without its value.
        SystemExit: after ``--help`` or ``--version``.
    """
    if argv and argv[0] == UPLOAD_AWS:
        return _upload_aws(argv[1:])
    if argv and argv[0] == UPLOAD_ZENODO:
        return _upload_zenodo(argv[1:])
    parser = _Parser(
        prog="catalog-upload",
        description="Publish what a cartloader catalog.yaml lists to S3 or Zenodo: in parallel, verified by "
        "checksum, the catalog last, and nothing sent twice.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", action="version", version=_VERSION, help="print the program's version and end")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for item in inputs.INPUTS:
        group = groups.setdefault(item.section, parser.add_argument_group(item.section))
        _add(group, item)
    parsed = vars(parser.parse_args(list(argv)))
    if parsed["version"] == "":
        parser.exit(message=f"{_VERSION}\n")
    return CommandLine(_values(parsed))


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
        # The record's version has the name that asks other programs for theirs; without a value it does here too.
        text += " Without a value: print the program's version and end."
        group.add_argument(*names, dest=item.name, nargs="?", const="", metavar="VALUE", help=text)
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
    parser = _Parser(prog=f"catalog-upload {command}", description=f"cartloader's {command}, as it is called there.")
    group = parser.add_argument_group("flags")
    for name in names:
        _add(group, inputs.BY_NAME[name], *(alias for alias, target in aliases.items() if target == name))
    return parser


def _upload_aws(argv: Sequence[str]) -> CommandLine:
    # The flags of cartloader's upload_aws.py (MIT, seqscope/cartloader at ee2fb4a), and any of ours besides.
    names = [i.name for i in inputs.INPUTS if i.section not in (inputs.ZENODO,) and i.name != "zenodo-id"]
    parser = _origin_parser(UPLOAD_AWS, names, {"--profile": "aws-profile"})
    only = {"upload_basics_only": "basics", "upload_optional_only": "optional", "upload_basemap_only": "basemaps"}
    for flag in only:
        parser.add_argument("--" + flag.replace("_", "-"), dest=flag, action="store_true")
    parser.add_argument("--aws", dest="aws", help="accepted, without effect: no aws command is run")
    parser.add_argument("--makefn", dest="makefn", help="accepted, without effect: no Makefile is written")
    parsed = vars(parser.parse_args(list(argv)))
    values = _values(parsed)
    chosen = [group for flag, group in only.items() if parsed[flag]]
    if len(chosen) > 1:
        raise errors.BadInput(
            "Command line: the --upload-…-only flags exclude each other.",
            "Give one of them, or name several groups with --groups.",
        )
    if chosen:
        values["groups"] = chosen[0]
    idle = [f"--{name}" for name in ("aws", "makefn") if parsed[name] is not None]
    notices = (f"{' and '.join(idle)} had no effect: uploading needs no aws command and no Makefile.",) if idle else ()
    return CommandLine(values, notices=notices)


def _upload_zenodo(argv: Sequence[str]) -> CommandLine:
    # The flags of cartloader's upload_zenodo.py (MIT, seqscope/cartloader at ee2fb4a), and any of ours besides.
    names = [i.name for i in inputs.INPUTS if i.section != inputs.S3 and i.name != "s3-dir"]
    aliases = {"--zenodo-deposition-id": "zenodo-id", "--token-file": "zenodo-token"}
    values = _values(vars(_origin_parser(UPLOAD_ZENODO, names, aliases).parse_args(list(argv))))
    values.setdefault("zenodo-id", "new")
    top_level_only = values.setdefault("upload-method", "all") == "all"
    if values["zenodo-id"] == "new":
        values.setdefault("upload-type", "dataset")
    return CommandLine(values, top_level_only=top_level_only)
