"""What would be lost when one catalog takes the place of another.

cartloader's ``anno_cartload_folder --s3-dir`` adds aliases to the catalog that is on S3. A later upload from a
directory that does not have them would put the poorer catalog back.
"""

from __future__ import annotations

import re
from typing import Final

from entrypoint import catalog

NAMED: Final = 3
"""Files that are named in the sentence."""

_ALIAS: Final = re.compile(r"(?:^|\.)alias_ai(?:$|[.\[])")


def sentence(name: str, old: bytes, new: bytes, *, is_gone: bool) -> str:
    """What the old catalog has and the new one lacks; empty where that is nothing, or cannot be told.

    Args:
        name: how the message names the catalog.
        old: the catalog that is there; it may be anything.
        is_gone: the new one has taken its place by now.
    """
    before, after = catalog.read(old), catalog.read(new)
    ours = {entry.path for entry in after.entries}
    lost = [entry.path for entry in before.entries if entry.path not in ours]
    has = []
    if lost:
        more = f" and {len(lost) - NAMED:,} more" if len(lost) > NAMED else ""
        files = f"{len(lost):,} files" if len(lost) > 1 else "1 file"
        has.append(
            f"{'named' if is_gone else 'names'} {files} that yours does not ({', '.join(lost[:NAMED])}{more})"
        )
    if _aliases(before) and not _aliases(after):
        has.append(f"{'had' if is_gone else 'has'} alias_ai, which yours lacks")
    if not has:
        return ""
    if is_gone:
        return (
            f"{name}: the catalog that was there {' and '.join(has)}. To list them again, add them to yours."
        )
    return (
        f"{name}: the catalog there {' and '.join(has)}. To keep them, download it before it is replaced and add "
        "what is missing to yours."
    )


def _aliases(found: catalog.Catalog) -> bool:
    return any(_ALIAS.search(path) for entry in found.entries for path in entry.key_paths)
