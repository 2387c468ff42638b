"""The job summary: one page of GitHub's Markdown for a scientist to read, within a number of bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from entrypoint import __version__, destinations, errors, settings, text
from entrypoint.outcome import ExtraResult, FileResult, Mode, Outcome, Status
from entrypoint.plan import model
from entrypoint.report import grouping, markup, verdict

SUMMARY_LIMIT: Final = 900_000
"""Bytes. GitHub drops a summary above 1 MiB as a whole, and counts after masking secrets."""

FEW: Final = 3
"""Files of a cause, or catalogs, that are listed one by one."""
MANY: Final = 100
"""Files of a cause that are listed at all; the table of all files has the others."""

_GROUPS: Final = ("basics", "optional", "basemaps", "other", model.PAGE, model.CATALOG)
_UP: Final = {
    Mode.PUBLISH: "Uploaded",
    Mode.DRY_RUN: "Would upload",
    Mode.VERIFY: "Uploaded",
    Mode.DRAFT: "To upload",
}

_WORDS: Final = {Status.SKIPPED: "up to date", Status.WITHHELD: "not sent"}


class _Page:
    """Blocks of Markdown, as many as fit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.left = limit
        self._blocks: list[str] = []

    def add(self, block: str) -> None:
        """Add a block with its blank line, or leave out the whole block."""
        block = block.rstrip("\n") + "\n\n"
        size = len(block.encode("utf-8"))
        if size <= self.left:
            self._blocks.append(block)
            self.left -= size

    def fit(
        self, before: str, items: Iterable[str], count: int, after: str, more: str, share: float = 1.0
    ) -> None:
        """Add a block of as many items as fit into a share of the page.

        Args:
            items: the others are never made: of a million files a few thousand fit.
            count: number of all items.
            more: takes the place of the items that do not fit; ``{}`` is their number.
            share: of the whole page, at most.
        """
        space = min(self.left, int(self._limit * share))
        space -= len((before + after + more).encode("utf-8")) + 20
        taken: list[str] = []
        for item in items:
            space -= len(item.encode("utf-8"))
            if space < 0:
                break
            taken.append(item)
        rest = more.format(f"{count - len(taken):,}") if len(taken) < count else ""
        self.add(before + "".join(taken) + rest + after)

    def __str__(self) -> str:
        return "".join(self._blocks)


def summary(outcome: Outcome, given: settings.Settings | None, limit: int = SUMMARY_LIMIT) -> str:
    """The job summary.

    Args:
        given: nothing where the settings could not be read.
        limit: bytes in UTF-8; where not everything fits, there are fewer rows, and a line says how many are missing.
    """
    end = f"<sub>catalog-upload {__version__}"
    if given and given.manifest:
        end += f" · every detail is in {markup.code(given.manifest_input)}"
    end += "</sub>\n"
    page = _Page(limit - len(end.encode("utf-8")))
    page.add(f"## {verdict.mark(outcome)} {markup.inline(verdict.headline(outcome))}")
    _about(page, outcome, given)
    _error(page, outcome)
    _failures(page, outcome)
    _deletions(page, outcome)
    _links(page, outcome)
    _readers(page, outcome)
    _groups(page, outcome)
    _units(page, outcome)
    _remarks(page, outcome, given)
    _extras(page, outcome)
    _files(page, outcome)
    return f"{page}{end}"


def _about(page: _Page, outcome: Outcome, given: settings.Settings | None) -> None:
    plan, facts = outcome.plan, []
    if plan is None:
        return
    if plan.title or plan.data_set:
        facts.append(f"<b>{markup.inline(plan.title or plan.data_set, 200)}</b>")
    if given and given.shard:
        facts.append(verdict.part(given.shard, plan))
    facts.append(f"{text.plural(len(plan), 'file')}, {text.size_text(plan.size)}")
    if len(plan.units) > 1:
        facts.append(verdict.samples(plan))
    if outcome.seconds:
        facts.append(text.duration_text(outcome.seconds))
    if proofs := sorted({result.proof for result in outcome.results if result.proof and result.strong}):
        facts.append(f"verified by {markup.inline(', '.join(proofs), 200)}")
    page.add(" · ".join(facts))
    if before := verdict.before(outcome):
        page.add(f"{before}.")


def _error(page: _Page, outcome: Outcome) -> None:
    error = outcome.error
    if error is None or grouping.is_cause(outcome, error):
        return
    kind = "WARNING" if isinstance(error, errors.Cancelled) else "CAUTION"
    hint = f">\n> {markup.inline(error.hint)}\n" if error.hint else ""
    if isinstance(error, errors.BadInput) and len(error.problems) > 1:
        problems = (f"> - {markup.inline(problem)}\n" for problem in error.problems)
        page.fit(
            f"> [!{kind}]\n", problems, len(error.problems), hint, "> - … and {} more, see the log\n", 0.25
        )
    else:
        page.add(f"> [!{kind}]\n> {markup.inline(error.message, 2000)}\n{hint}")


def _failures(page: _Page, outcome: Outcome) -> None:
    causes = grouping.of(outcome)
    if not causes:
        return
    rows = (
        markup.row([_names(cause.files), markup.inline(cause.reason), markup.inline(cause.hint) or "–"])
        for cause in causes
    )
    failed = sum(len(cause.files) for cause in causes)
    head = markup.row(["Files", "What happened", "What to do"], tag="th")
    more = markup.row(["… and {} more causes"])
    page.fit(f"### What failed ({failed:,})\n\n<table>\n{head}", rows, len(causes), "</table>", more, 0.3)


def _names(files: Sequence[model.PlannedFile]) -> str:
    """The files of one cause: a few by name, many by number with the names folded away."""
    if len(files) <= FEW:
        return "<br>".join(map(_name, files))
    shown = "<br>".join(map(_name, files[:MANY]))
    more = f"<br>… and {len(files) - MANY:,} more" if len(files) > MANY else ""
    return f"<details><summary>{text.plural(len(files), 'file')}</summary>{shown}{more}</details>"


def _deletions(page: _Page, outcome: Outcome) -> None:
    """What was deleted, or would be, in a prominent place."""
    gone = [extra for extra in outcome.extras if extra.deleted or extra.planned]
    if not gone:
        return
    size = text.size_text(sum(extra.size for extra in gone))
    verb = "Would delete" if any(extra.planned for extra in gone) else "Deleted"
    page.add(
        f"> [!WARNING]\n> <b>{verb} {text.plural(len(gone), 'extra file')}</b> ({size}) that the plan does not "
        "name, because of delete-extra."
    )
    _table_of_extras(page, f"{verb}: {text.plural(len(gone), 'file')}", gone)


def _links(page: _Page, outcome: Outcome) -> None:
    links = outcome.links
    destination = (links.destination if links else "") or outcome.destination
    rows = [("Destination", markup.link(destination))] if destination else []
    if links:
        rows += _catalogs(outcome, links)
        if verdict.catalogs_there(outcome):
            rows += [(label, markup.link(url)) for label, url in outcome.views]
        if links.published and links.record and links.record != destination:
            rows.append(("Record", markup.link(links.record)))
        for label, doi in (("DOI", links.doi), ("DOI of all versions", links.concept_doi)):
            if doi and (label == "DOI" or doi != links.doi):
                rows.append((label, _doi(doi, links.badge if label == "DOI" else "", links.published)))
        if links.citation:
            rows.append(("Cite as", markup.inline(links.citation, 2000)))
    if rows:
        page.add(markup.table((), (markup.row([f"<b>{label}</b>", value]) for label, value in rows)))
    if links and links.todo:
        page.add(f"> [!IMPORTANT]\n> **Left to do:** {markup.inline(links.todo, 2000)}")


def _readers(page: _Page, outcome: Outcome) -> None:
    readers = outcome.readers
    if readers is None or not (readers.asked or readers.findings):
        return
    looked = f"{markup.inline(readers.scope)}, {text.plural(readers.asked, 'request')}"
    if not readers.findings:
        page.add(f"Readers can open it ({looked}).")
        return
    kind = "CAUTION" if readers.fails else "WARNING"
    blocks = [f"> [!{kind}]\n> **Problems for readers** ({looked}):\n"]
    for finding in readers.findings:
        blocks.append(f">\n> - {markup.inline(finding.what, 1000)} {markup.inline(finding.todo, 1000)}\n")
        if finding.paste:
            blocks.append(f">\n>   {markup.code(finding.paste, 2000)}\n")
    page.add("".join(blocks))


def _catalogs(outcome: Outcome, links: destinations.Links) -> list[tuple[str, str]]:
    """A row for the catalog, where there is one at the destination; a collection's are listed by sample."""
    urls = verdict.catalogs_there(outcome)
    if links.published is False:
        later = "works once the draft is published"
        return [("Catalog", f"{markup.code(url)} ({later})") for url in urls[:FEW]]
    old = any(r.file.is_catalog and r.status in (Status.WITHHELD, Status.FAILED) for r in outcome.results)
    if len(urls) > FEW:
        root = (
            [("Root catalog", markup.link(urls[0]))] if urls[0] == dict(outcome.catalog_urls).get("") else []
        )
        return [*root, ("Catalogs", f"{len(urls):,}, see below by sample")]
    label = "Catalog (as it was)" if old and len(urls) == 1 else "Catalog" if len(urls) == 1 else "Catalogs"
    use = "" if links.published is not None or old else "<br>to paste into CartoScope"
    return [(label, "<br>".join(map(markup.link, urls)) + use)] if urls else []


def _doi(doi: str, badge: str, published: bool | None) -> str:
    if published is False:
        return f"{markup.code(doi)} (reserved; it works once the draft is published)"
    return markup.badge(badge, f"https://doi.org/{doi}", doi)


def _groups(page: _Page, outcome: Outcome) -> None:
    names = [name for name in _GROUPS if any(r.file.group == name for r in outcome.results)]
    if not names:
        return
    parts = [(name, [r for r in outcome.results if r.file.group == name]) for name in names]
    if len(parts) > 1:
        parts.append(("total", list(outcome.results)))
    page.add("### By group\n\n" + _totals(outcome, "Group", [(name, part, "") for name, part in parts]))


def _units(page: _Page, outcome: Outcome) -> None:
    plan = outcome.plan
    if plan is None or len(plan.units) < 2 or not outcome.results:
        return
    urls = dict(outcome.catalog_urls)
    by_unit: dict[str, list[FileResult]] = {unit.name: [] for unit in plan.units}
    for result in outcome.results:
        by_unit.setdefault(result.file.unit, []).append(result)
    parts = [
        (name or "root catalog", part, _catalog(part, urls.get(name, ""))) for name, part in by_unit.items()
    ]
    # The samples with failures first; otherwise as planned.
    parts.sort(key=lambda part: not any(r.status is Status.FAILED for r in part[1]))
    block = _totals(outcome, "Sample", parts[:1000], catalogs=True)
    rest = f"\n… and {len(parts) - 1000:,} more samples" if len(parts) > 1000 else ""
    if len(parts) > 20:
        block = f"<details>\n<summary>{verdict.samples(plan)}</summary>\n\n{block}\n</details>"
    page.add(f"### By sample\n\n{block}{rest}")


def _catalog(part: Sequence[FileResult], url: str) -> str:
    for result in part:
        if result.file.is_catalog:
            if result.status in (Status.FAILED, Status.WITHHELD):
                return "not replaced"
            return (
                markup.link(url, result.file.name.rpartition("/")[2])
                if verdict.is_there(result) and url
                else "–"
            )
    return "–"


def _totals(
    outcome: Outcome,
    label: str,
    parts: Sequence[tuple[str, Sequence[FileResult], str]],
    *,
    catalogs: bool = False,
) -> str:
    verify = outcome.mode is Mode.VERIFY
    columns = [
        (
            _UP[outcome.mode],
            Status.WOULD_UPLOAD if outcome.mode in (Mode.DRY_RUN, Mode.DRAFT) else Status.UPLOADED,
        ),
        ("Same" if verify else "Up to date", Status.SKIPPED),
        ("Different or missing" if verify else "Failed", Status.FAILED),
        ("Not sent", Status.WITHHELD),
    ]
    always = {Status.SKIPPED, Status.FAILED} if verify else {columns[0][1], Status.SKIPPED, Status.FAILED}
    columns = [column for column in columns if column[1] in always or outcome.counts[column[1]]]
    sent = ["Sent"] if outcome.mode is Mode.PUBLISH else []
    head = [label, "Files", *(name for name, _ in columns), "Size", *sent, *(["Catalog"] if catalogs else [])]
    right = frozenset(range(1, len(columns) + 3 + len(sent)))
    rows = []
    for name, results, catalog in parts:
        counts = Counter(result.status for result in results)
        cells = [
            markup.code(name) if catalogs else markup.inline(name),
            f"{len(results):,}",
            *(f"{counts[status]:,}" if counts[status] else "–" for _, status in columns),
            text.size_text(sum(result.file.size for result in results)),
            *([_sent(results)] if sent else []),
            *([catalog] if catalogs else []),
        ]
        bold = name == "total" and not catalogs
        rows.append(markup.row((f"<b>{cell}</b>" for cell in cells) if bold else cells, right=right))
    return markup.table(head, rows, right=right)


def _sent(results: Sequence[FileResult]) -> str:
    size = sum(result.bytes_sent for result in results)
    return text.size_text(size) if size else "–"


def _remarks(page: _Page, outcome: Outcome, given: settings.Settings | None) -> None:
    remarks = list(outcome.plan.warnings) if outcome.plan else []
    remarks += [*(given.notices if given else ()), *outcome.notices, *verdict.kept(outcome)]
    weak = sum(not result.strong for result in outcome.results)
    if weak:
        remarks.append(
            f"{text.plural(weak, 'file')} verified only by the store accepting a request with the checksum: "
            "it returns no checksum of its own and no usable ETag."
        )
    if remarks:
        items = (f"- {markup.inline(remark)}\n" for remark in remarks)
        page.fit("### Remarks\n\n", items, len(remarks), "", "- … and {} more\n", 0.1)
    left_out = outcome.plan.left_out if outcome.plan else ()
    if left_out:
        items = (f"- {markup.inline(remark)}\n" for remark in left_out)
        before = f"<details>\n<summary>Left out: {text.plural(len(left_out), 'file')}</summary>\n\n"
        page.fit(before, items, len(left_out), "\n</details>", "- … and {} more\n", 0.1)


def _extras(page: _Page, outcome: Outcome) -> None:
    """Extra files that are still there."""
    kept = [extra for extra in outcome.extras if not (extra.deleted or extra.planned)]
    if kept:
        size = text.size_text(sum(extra.size for extra in kept))
        _table_of_extras(
            page, f"{text.plural(len(kept), 'extra file')} at the destination ({size}): kept", kept
        )


def _table_of_extras(page: _Page, title: str, extras: Sequence[ExtraResult]) -> None:
    rows = (
        markup.row([markup.code(extra.name), text.size_text(extra.size), _fate(extra)], right=frozenset({1}))
        for extra in sorted(extras, key=lambda extra: not extra.error)
    )
    head = markup.row(["Name", "Size", ""], tag="th")
    before = f"<details>\n<summary>{title}</summary>\n\n<table>\n{head}"
    page.fit(before, rows, len(extras), "</table>\n\n</details>", markup.row(["… and {} more"]), 0.15)


def _fate(extra: ExtraResult) -> str:
    if extra.error:
        return "not deleted: " + markup.inline(extra.error)
    return "deleted" if extra.deleted else "would be deleted" if extra.planned else "kept"


def _files(page: _Page, outcome: Outcome) -> None:
    if not outcome.results:
        return
    right = frozenset({2})
    rows = (
        markup.row(
            [
                _name(result.file),
                markup.inline(result.file.group),
                text.size_text(result.file.size),
                _WORDS.get(result.status, str(result.status)),
                markup.inline(result.reason, 200)
                + (f"<br>{markup.code(result.checksum)}" if result.checksum else ""),
            ],
            right=right,
        )
        for result in outcome.results
    )
    head = markup.row(["File", "Group", "Size", "Status", "Reason and checksum"], right=right, tag="th")
    before = f"<details>\n<summary>Every file ({len(outcome.results):,})</summary>\n\n<table>\n{head}"
    page.fit(before, rows, len(outcome.results), "</table>\n\n</details>", markup.row(["… and {} more"]))


def _name(file: model.PlannedFile) -> str:
    sample = f"{markup.code(file.unit)} " if file.unit else ""
    remote = f" → {markup.code(file.name)}" if file.name != file.local and not file.unit else ""
    return f"{sample}{markup.code(file.local)}{remote}"
