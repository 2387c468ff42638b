"""The inputs of destination Zenodo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from entrypoint.settings.model import SANDBOX_URL, ZENODO_URL, Pack, Run, Secret, ZenodoSettings
from entrypoint.settings.reader import Reader, is_file, is_plain_http

MAX_TOKEN_FILE: Final = 64 * 1024
"""Bytes; a larger file is no token file."""

_TOKEN: Final = re.compile(r"[!-~]+")
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
    if _exists(path):
        reader.problems.append("zenodo-token: it is the path of something that is not a file.")
    elif _LIKE_A_PATH.fullmatch(value):
        reader.problems.append("zenodo-token: it looks like a path, and there is no such file.")
    elif not _TOKEN.fullmatch(value):
        reader.problems.append("zenodo-token: it holds blanks or characters that no token has.")
    return Secret(value), None


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
        reader.problems.append(f"zenodo-token: the file cannot be read: {error.strerror}.")
        return Secret("")
    text = content.decode("utf-8-sig", "replace").strip()
    if not text:
        reader.problems.append("zenodo-token: the file is empty.")
    elif len(content) > MAX_TOKEN_FILE or not _TOKEN.fullmatch(text):
        # A wrong file must not be quoted: it may be a secret of another kind.
        reader.problems.append("zenodo-token: the file does not hold one token and nothing else.")
    return Secret(text)


def read(reader: Reader, run: Run, token: Secret) -> ZenodoSettings | None:
    """The settings, or nothing where the destination is not Zenodo; every input is checked in any case."""
    publish = reader.flag("publish")
    pack = reader.choice("pack", Pack)
    metadata_files = reader.files("metadata-file")
    url = _url(reader)
    if publish and run.event_name in ("pull_request", "pull_request_target"):
        reader.problems.append(
            f"publish: refused on {run.event_name} events; a published record stays for ever."
        )
    if not reader.given("zenodo-id"):
        return None
    if not reader.given("zenodo-token"):
        on_pull = run.event_name.startswith("pull_request")
        fork = " Secrets are empty in runs that come from a fork." if on_pull else ""
        reader.problems.append(
            f"zenodo-token: needed with zenodo-id; make one at {url}/account/settings/applications and keep "
            f"it in a secret.{fork}"
        )
    return ZenodoSettings(
        deposition=reader.text("zenodo-id"),
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


def _url(reader: Reader) -> str:
    before = len(reader.problems)
    url = reader.url("zenodo-url", ZENODO_URL)
    sandbox = reader.flag("sandbox")
    if sandbox and url not in (ZENODO_URL, SANDBOX_URL):
        reader.problems.append("sandbox, zenodo-url: both name a service; give one of them.")
    elif len(reader.problems) == before and is_plain_http(url):
        reader.problems.append(
            f"zenodo-url: plain http would show the token to the network; use https, got {url!r}."
        )
    return SANDBOX_URL if sandbox else url
