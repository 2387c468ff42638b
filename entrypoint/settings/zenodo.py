"""The inputs of destination Zenodo."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path
from typing import Final

from entrypoint import text
from entrypoint.settings.model import SANDBOX_URL, ZENODO_URL, Pack, Run, Secret, ZenodoSettings
from entrypoint.settings.reader import Reader, is_file, is_plain_http, no_file, why

MAX_TOKEN_FILE: Final = 64 * 1024
"""Bytes; a larger file is no token file."""

# https://www.rfc-editor.org/rfc/rfc6750#section-2.1
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_PAGE: Final = re.compile(r"/(?:records?|uploads|deposit|communities|account|me|search|doi)(?:/.*)?$")
_WWW: Final = ("www.zenodo.org", "www.sandbox.zenodo.org")
# What is no token, but the path of a file that is not there.
_LIKE_A_PATH: Final = re.compile(r"[~.].*|.*/.*|[^.]*\.[A-Za-z]{1,6}", re.DOTALL)


def token(reader: Reader) -> tuple[Secret, Path | None]:
    """The token, and the file that it came from if it did. No message shows any of it."""
    value = reader.text("zenodo-token")
    if not value:
        return Secret(""), None
    path = reader.absolute(value)
    if is_file(path):
        return _token_of(reader, path), path.resolve()
    if _LIKE_A_PATH.fullmatch(value) or _exists(path):
        # What looks like a token is not shown, whatever else it looks like.
        is_shown = not text.looks_secret(value)
        shown = (
            f"{value!r} {no_file(path)}" if is_shown else "it looks like a path, but there is no such file"
        )
        where = f" (looked in {path.parent})" if is_shown and not value.startswith("/") else ""
        reader.problems.append(f"zenodo-token: {shown}{where}.")
        return Secret("" if is_shown else value), None
    if problem := _problem_of(value):
        reader.problems.append(f"zenodo-token: {problem}")
    return Secret(value), None


def _problem_of(value: str) -> str:
    """What is wrong with a text that should be a token; it shows nothing of the text."""
    bare = value.removeprefix("export ")
    if re.match(r"[A-Za-z_][A-Za-z0-9_]* *[=:]", bare) and not value.endswith("="):
        return "it begins with a name (NAME=token); give the token alone."
    if re.match(r"(?i)bearer ", value):
        return "it begins with the word Bearer; give the token alone."
    if value[0] in "\"'`" or value[-1] in "\"'`":
        return "it is in quotes; give the token without them."
    if value[0] == "$" or value.startswith("{{"):
        return "it is the name of a variable or secret that was not expanded."
    return (
        "" if _TOKEN.fullmatch(value) else "it contains blanks or characters that are not valid in a token."
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _token_of(reader: Reader, path: Path) -> Secret:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_TOKEN_FILE + 1)
    except OSError as error:
        reader.problems.append(f"zenodo-token: the file {str(path)!r} cannot be opened: {why(error)}.")
        return Secret("")
    # A wrong file must not be quoted: it may be a secret of another kind.
    found = content.decode("utf-8-sig", "replace").strip()
    problem = ""
    if not found:
        problem = "the file is empty"
    elif len(content) > MAX_TOKEN_FILE or len(found.splitlines()) > 1:
        problem = "the file must contain one token and nothing else"
    elif what := _problem_of(found):
        problem = "in the file, " + what.rstrip(".")
    if problem:
        reader.problems.append(f"zenodo-token: {problem} ({path}).")
    return Secret(found)


def read(reader: Reader, run: Run, token: Secret) -> ZenodoSettings | None:
    """The settings, or nothing where the destination is not Zenodo; every input is checked in any case."""
    publish = reader.flag("publish")
    pack = reader.choice("pack", Pack)
    metadata_files = reader.files("metadata-file")
    url = _url(reader)
    if publish and run.event_name in ("pull_request", "pull_request_target"):
        reader.problems.append(
            f"publish: refused on {run.event_name} events; a published record cannot be deleted."
        )
    if not reader.given("zenodo-id"):
        return None
    if not reader.given("zenodo-token"):
        on_pull = run.event_name.startswith("pull_request")
        fork = " Secrets are empty in runs that come from a fork." if on_pull else ""
        reader.problems.append(
            f"zenodo-token is required with zenodo-id: make one at {url}/account/settings/applications and keep "
            f"it in a secret, or in a file that only you can read.{fork}"
        )
    return ZenodoSettings(
        deposition="new" if (which := reader.text("zenodo-id")).lower() == "new" else which,
        token=token,
        url=url,
        title=reader.text("title"),
        creators=reader.lines("creators"),
        description=reader.text("description"),
        upload_type=reader.text("upload-type").lower(),
        license=reader.text("license"),
        keywords=reader.lines("keywords"),
        version=reader.text("version"),
        communities=reader.lines("communities", commas=True),
        related_identifiers=reader.lines("related-identifiers"),
        metadata_files=metadata_files,
        pack=pack,
        publish=publish,
    )


def _of_service(url: str) -> str:
    """The one spelling of a service's address: DOIs and messages depend on which service it is."""
    # The addresses in a service's documentation have the path of its API.
    parts = urllib.parse.urlsplit(re.sub(r"/api(?:/.*)?$", "", url))
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host.removeprefix("www.") if host in _WWW else host
    default = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port not in (None, default) else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _url(reader: Reader) -> str:
    before = len(reader.problems)
    url = reader.url("zenodo-url", ZENODO_URL)
    if len(reader.problems) == before:
        url = _of_service(url)
        if page := _PAGE.search(url):
            service = url[: page.start()]
            reader.problems.append(
                f"zenodo-url: {url!r} is a page of a service; give the address of the service, {service}, and a "
                "record or draft as zenodo-id."
            )
            url = service
    sandbox = reader.flag("sandbox")
    if sandbox and url not in (ZENODO_URL, SANDBOX_URL):
        reader.problems.append("sandbox, zenodo-url: both name a service; give one of them.")
    elif len(reader.problems) == before and is_plain_http(url):
        reader.problems.append(
            f"zenodo-url: plain http would show the token to the network; use https, got {url!r}."
        )
    return SANDBOX_URL if sandbox else url
