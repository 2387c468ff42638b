"""What a run is to do with its draft: the plan, the inputs, and what looking around found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from entrypoint import destinations, settings
from entrypoint.destinations.zenodo import metadata
from entrypoint.destinations.zenodo.api import values
from entrypoint.destinations.zenodo.draft import find, limits
from entrypoint.plan import model

_NOTHING = find.Found()


@dataclass(frozen=True)
class Task:
    """The work of one run; `preflight` completes it.

    Attributes:
        host: the service's name, for people.
        mark: of this run; empty outside of GitHub.
        given: metadata from inputs and files; after preflight, in the server's vocabularies.
        restart: delete every file of the draft first.
        delete_extra: files that the plan lacks will go, so that they do not count.
        part: other runs send the other files of the same draft, and the last one completes it.
        communities: short names by id, to be asked after publishing.
    """

    wanted: settings.ZenodoSettings
    host: str
    given: metadata.Given
    data_set: str = ""
    restart: bool = False
    delete_extra: bool = False
    part: bool = False
    plan: model.Plan = field(default_factory=lambda: model.Plan(()))
    mark: str = ""
    found: find.Found = _NOTHING
    communities: Mapping[str, str] = field(default_factory=dict)

    @property
    def there(self) -> values.Record | None:
        """The draft or record that was there."""
        return self.found.there

    @property
    def files(self) -> Mapping[str, values.File]:
        """The files that were there."""
        return self.there.files if self.there is not None else {}

    @property
    def publisher(self) -> str:
        """Default publisher."""
        return self.host if self.found.is_plain else "Zenodo"

    @property
    def is_finished(self) -> bool:
        """Whether an earlier attempt of this run has published its record."""
        return self.found.finished and self.there is not None and not self.there.is_draft

    def body(self, there: values.Record | None, *, ours: bool) -> dict[str, Any]:
        """The native JSON that a draft is to have.

        Args:
            there: the draft as it is, or the record whose new version it is; nothing for a new record.
            ours: it gets the mark of this run.
        """
        context = metadata.Context(
            plan=self.plan,
            data_set=self.data_set,
            mark=self.mark if ours else None,
            today=dt.datetime.now(dt.UTC).date(),
            publisher=self.publisher,
        )
        return dict(metadata.merge(self.given, there.document if there is not None else None, context))

    def planned_body(self) -> dict[str, Any]:
        """What the draft will have, as far as it is known before it exists."""
        continues = self.there is not None and self.there.is_draft
        return self.body(self.there, ours=self.found.ours if continues else True)

    def lacks(self) -> list[str]:
        """What publishing would be refused for; nothing where it is not asked for."""
        if not self.wanted.publish or self.found.finished:
            return []
        published = self.there is not None and (not self.there.is_draft or self.there.is_later_version)
        return list(metadata.missing(self.planned_body(), published=published))

    def limits(self) -> tuple[list[str], list[str]]:
        """Problems and remarks about the number and sizes of files, and about those half up."""
        plan, there = self.plan, self.there
        problems = [] if self.found.is_plain else limits.empty(plan)
        if there is None:
            return problems, []
        kept = {
            name: stored.size
            for name, stored in ({} if self.restart else there.files).items()
            if name not in plan.names and (name in plan.known or not self.delete_extra)
        }
        wrong, remarks = limits.capacity(plan, kept, is_new=False)
        problems += wrong
        if there.is_draft:
            removed = self.restart or self.delete_extra
            wrong, odd = limits.pending(there.files, plan.names, removed=removed, publish=self.wanted.publish)
            problems, remarks = problems + wrong, remarks + odd
        return problems, remarks

    def extras(self, files: Mapping[str, values.File]) -> Sequence[destinations.Remote]:
        """Those of these files that neither plan nor catalog names; with `restart`, that the plan does not name."""
        return [
            destinations.Remote(name, stored.size, goes=self.restart)
            for name, stored in sorted(files.items())
            if name not in self.plan.names and (self.restart or name not in self.plan.known)
        ]
