"""Metadata of a Zenodo or another InvenioRDM, in its own ("native") form. Asks the service by a function it is given.

::

    gather (inputs, files) ─► settle (ids of the service) ─► merge (over the draft) ─► differs? ─► to be written

Nothing is dropped for not being understood: a draft is read whole, what is given is changed in it, and it is
written back whole.
"""

from __future__ import annotations

from entrypoint.destinations.zenodo.metadata.citation import citation_of
from entrypoint.destinations.zenodo.metadata.given import Given
from entrypoint.destinations.zenodo.metadata.merge import Context, given_differs, merge
from entrypoint.destinations.zenodo.metadata.normal import differs, lost
from entrypoint.destinations.zenodo.metadata.notes import has_mark, legacy_has_mark
from entrypoint.destinations.zenodo.metadata.problems import license_note, missing, problems_of
from entrypoint.destinations.zenodo.metadata.settle import Settled, settle
from entrypoint.destinations.zenodo.metadata.sources import gather
from entrypoint.destinations.zenodo.metadata.vocabularies import Ask

__all__ = [
    "Ask",
    "Context",
    "Given",
    "Settled",
    "citation_of",
    "differs",
    "gather",
    "given_differs",
    "has_mark",
    "legacy_has_mark",
    "license_note",
    "lost",
    "merge",
    "missing",
    "problems_of",
    "settle",
]
