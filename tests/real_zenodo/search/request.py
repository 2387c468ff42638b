"""One request and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.real_zenodo.search.store import Store


@dataclass(frozen=True)
class Request:
    """What was asked, of which store."""

    store: Store
    method: str
    path: str
    parts: tuple[str, ...]
    """The path's parts, decoded."""
    parameters: Mapping[str, str]
    body: bytes

    @property
    def index(self) -> str:
        """The index, or the indices, that the path names; empty for all."""
        return self.parts[0] if self.parts and not self.parts[0].startswith("_") else ""

    def after(self, action: str) -> str:
        """The part that follows the action, such as a document's id."""
        place = self.parts.index(action) + 1
        return self.parts[place] if place < len(self.parts) else ""

    def json(self) -> dict[str, Any]:
        """The body; empty when there is none."""
        found: dict[str, Any] = json.loads(self.body) if self.body.strip() else {}
        return found


@dataclass(frozen=True)
class Answer:
    """A status and a body."""

    status: int
    body: Any
