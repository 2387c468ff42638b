"""What inputs, metadata files and a release event say, as one value.

Metadata are kept in InvenioRDM's own form
(https://inveniordm.docs.cern.ch/reference/metadata/), one entry per field, so that "the first wins field by
field" is a union of mappings. A key names a field of ``metadata`` (``title``, ``creators``), or one of these:

* ``custom_fields.NAME``, ``access``, ``pids.doi``;
* ``additional_descriptions.TYPE``: the descriptions of one type, as the older form knows two of them only;
* ``subjects.free`` and ``subjects.listed``: keywords, and terms of a vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from entrypoint import event

CUSTOM: Final = "custom_fields."
DESCRIPTIONS: Final = "additional_descriptions."
KEYWORDS: Final = "subjects.free"
TERMS: Final = "subjects.listed"
EXTERNAL_DOI: Final = "pids.doi"

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """What one source says.

    Attributes:
        fields: see the module.
        notices: remarks for people, one sentence each.
        communities: short names of communities to ask.
        problems: what is wrong, one sentence each.
        exact: the source can express all of a field; else what it cannot say stays as the draft has it.
    """

    fields: Fields
    notices: tuple[str, ...] = ()
    communities: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    exact: bool = False


@dataclass(frozen=True)
class Given:
    """What all sources say together, checked.

    Attributes:
        values: see the module.
        loose: keys whose value comes from a form that cannot express all of the field.
        release: of the release event; fills what is left.
        license: the release's license, once the service was asked.
        notes_type: type of the description that holds the mark of a run.
        communities: to be asked for; no field of the metadata.
        notices: remarks for people.
    """

    values: Fields = field(default_factory=dict)
    loose: frozenset[str] = frozenset()
    release: event.Release | None = None
    license: tuple[Mapping[str, Any], ...] = ()
    notes_type: str = "notes"
    communities: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that inputs or files give."""
        return tuple(self.values)


def items(value: Any) -> list[Any]:
    """The items of a list; none of what is no list."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list; none of what is no list."""
    return [item for item in items(value) if isinstance(item, Mapping)]


def metadata_of(document: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The ``metadata`` of a document, empty where it has none."""
    found = (document or {}).get("metadata")
    return found if isinstance(found, Mapping) else {}


def is_empty(value: Any) -> bool:
    """Whether a value says nothing."""
    return value is None or (isinstance(value, str | list | dict | tuple) and not value)
