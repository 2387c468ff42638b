"""A mocked Zenodo over real HTTP, for the tests; nothing but the standard library.

It follows the recordings in `tests/data/zenodo-responses` and, where there are none, what is publicly known
of the service in 2026. Its rooms: `state` (what it remembers), `metadata`, `documents` (what it answers),
`actions` (what both APIs do), `legacy`, `buckets`, `records`, `communities` (who answers which path),
`faults` and `mishaps` (what goes wrong), `engine` (HTTP), `server` (the door).
"""

from __future__ import annotations

from tests.zenodo.server import ZenodoServer

__all__ = ["ZenodoServer"]
