"""A mocked Zenodo, or a plain InvenioRDM (`kind="invenio"`), over real HTTP, for the tests.

Its state is InvenioRDM's own form of records; the deposit API is a view of it that loses much, both ways.
It follows the recordings in `tests/data/zenodo-responses`, the code of zenodo-rdm and invenio-rdm-records, and
what servers of both answered to the same requests. Who does what: `state` (what it remembers), `schema`,
`schema_parts`, `relations`, `vocabularies`, `drafts` (what it takes as a record, and how it keeps it),
`native`, `legacy_load`, `legacy_dump`, `documents` (the forms of a record), `actions` (what both APIs do),
`legacy`, `buckets`, `records`, `communities` (the paths), `faults` and `mishaps` (what goes wrong), `engine`
(HTTP), `server` (all of it together).
"""

from __future__ import annotations

from tests.zenodo.server import ZenodoServer

__all__ = ["ZenodoServer"]
