"""Made-up ends of runs, one for each kind of summary.

``python -m tests.support.samples`` rewrites the golden files; check the difference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from entrypoint import __version__, destinations, errors, report, settings
from entrypoint.destinations import State
from entrypoint.outcome import ExtraResult, FileResult, Finding, Mode, Outcome, ReaderCheck, Status
from entrypoint.plan import model

GOLDEN: Final = Path(__file__).parent.parent / "golden"
S3: Final = "s3://spatial-atlas/mouse-brain"
S3_LINKS: Final = destinations.Links(
    S3, catalog="https://spatial-atlas.s3.amazonaws.com/mouse-brain/catalog.yaml"
)

_FILES: Final = (
    ("genes_all.pmtiles", "basics", 1_834_221_337),
    ("genes_bin1.pmtiles", "basics", 512_004_118),
    ("genes_bin_counts.json", "basics", 48_113),
    ("t12-results.tsv", "basics", 1_204_332),
    ("t12-bulk-de.tsv", "basics", 98_221),
    ("cells.pmtiles", "optional", 220_118_000),
    ("cells-umap.png", "optional", 611_402),
    ("sge-mono-dark.pmtiles", "basemaps", 96_441_002),
    ("histology.pmtiles", "basemaps", 3_120_441_871),
)


def given(manifest: str = "", token: str = "", *, dry_run: bool = False) -> settings.Settings:
    """Settings of a run; to Zenodo where there is a token."""
    zenodo = settings.ZenodoSettings("new", settings.Secret(token)) if token else None
    here = Path("/github/workspace")
    return settings.Settings(
        in_dir=here / "out",
        catalog_yaml=here / "out" / "catalog.yaml",
        catalog_given=False,
        method=settings.Method.CATALOG,
        top_level_only=False,
        files=(),
        groups=frozenset(),
        in_list=None,
        if_missing=settings.IfMissing.ERROR,
        n_jobs=None,
        dry_run=dry_run,
        verify_only=False,
        restart=False,
        overwrite=True,
        delete_extra=False,
        draft_only=False,
        shard=None,
        manifest=here / manifest if manifest else None,
        manifest_input=manifest,
        s3=None if zenodo else settings.S3Settings("spatial-atlas", "mouse-brain"),
        zenodo=zenodo,
        token_file=None,
        workspace=here,
        run=settings.Run(),
    )


def planned(name: str, group: str, size: int, unit: str = "") -> model.PlannedFile:
    """A file of a plan that is nowhere on disk."""
    remote = f"{unit}/{name}" if unit else name
    source = model.LocalFile(Path("/data") / name, size, (1, 2, 3, 3))
    return model.PlannedFile(remote, source, group, name, key_paths=(f"assets.{group}[0]",), unit=unit)


def unit(name: str = "", files: tuple[tuple[str, str, int], ...] = _FILES) -> model.Unit:
    """A unit with its catalog."""
    return model.Unit(
        name, tuple(planned(*file, name) for file in files), planned("catalog.yaml", "catalog", 4_812, name)
    )


def plan(*units: model.Unit) -> model.Plan:
    """A plan of one data set."""
    return model.Plan(
        units or (unit(),),
        data_set="mouse-brain",
        title="Mouse brain, coronal section",
        digest="0a1b2c3d4e5f",
    )


def uploaded(file: model.PlannedFile) -> FileResult:
    """A file that was sent and verified."""
    checksum = f"crc64nvme:{abs(file.size * 2654435761) % 2**64:016x}"
    return FileResult(
        file,
        Status.UPLOADED,
        "not uploaded yet",
        "",
        file.size,
        checksum,
        proof="CRC64NVME",
        seconds=file.size / 5e7,
        before=State.ABSENT,
    )


def skipped(file: model.PlannedFile) -> FileResult:
    """A file that was there already."""
    return FileResult(
        file, Status.SKIPPED, "same CRC64NVME", checksum=uploaded(file).checksum, before=State.SAME
    )


def outcome(of: Callable[[model.PlannedFile], FileResult], what: model.Plan | None = None) -> Outcome:
    """A whole run to S3."""
    what = what or plan()
    return Outcome(Mode.PUBLISH, S3, what, tuple(map(of, what)), links=S3_LINKS, seconds=128.4)


VIEW: Final = (
    "https://pmtiles.io/#url=https%3A%2F%2Fspatial-atlas.s3.amazonaws.com%2Fmouse-brain%2Fgenes_all.pmtiles"
)


def read(*, fails: bool, ok: bool) -> Outcome:
    """A run whose readers were thought of."""
    findings = (
        Finding(
            "https://data.example.org/mouse-brain/catalog.yaml (and 2 more) may not be read by pages of "
            "https://pmtiles.io: there is no Access-Control-Allow-Origin.",
            "Set this as the bucket's CORS rule:",
            '[{"AllowedOrigins": ["https://pmtiles.io"], "AllowedMethods": ["GET", "HEAD"]}]',
        ),
        Finding(
            "https://data.example.org/mouse-brain/genes_all.pmtiles has no ETag.", "Let the CDN pass it on."
        ),
    )
    check = ReaderCheck(4, "3 files as a page of https://pmtiles.io", () if ok else findings, fails)
    return replace(outcome(uploaded), views=(("SGE on a map", VIEW),), readers=check)


def some_failed() -> Outcome:
    """Two files fail, so the catalog is withheld."""

    def one(file: model.PlannedFile) -> FileResult:
        if file.local == "cells.pmtiles":
            return FileResult(
                file,
                Status.FAILED,
                "S3 answered AccessDenied for 'mouse-brain/cells.pmtiles'.",
                "Allow s3:PutObject below this prefix.",
            )
        if file.local == "t12-bulk-de.tsv":
            return FileResult(
                file,
                Status.FAILED,
                "'t12-bulk-de.tsv' changed during the run.",
                "Let the pipeline finish first.",
            )
        if file.is_catalog:
            return FileResult(file, Status.WITHHELD, "2 of its files failed", before=State.DIFFERENT)
        return uploaded(file) if file.group != "basemaps" else skipped(file)

    return outcome(one)


def cancelled() -> Outcome:
    """Half of the files are up."""
    sent = {"genes_all.pmtiles", "genes_bin1.pmtiles", "cells.pmtiles"}

    def one(file: model.PlannedFile) -> FileResult:
        if file.local in sent:
            return uploaded(file)
        return FileResult(file, Status.WITHHELD, "not sent: the run ended first")

    return replace(outcome(one), error=errors.Cancelled())


def dry_run() -> Outcome:
    """Something of everything, and nothing is sent."""

    def one(file: model.PlannedFile) -> FileResult:
        if file.group == "basics":
            return skipped(file)
        return FileResult(
            file, Status.WOULD_UPLOAD, "other content (CRC64NVME differs)", before=State.DIFFERENT
        )

    what = replace(
        plan(),
        warnings=("2 files that the catalog lists are not on disk; the run goes on without them.",),
        left_out=(
            "cells-old.pmtiles (assets.cells.pmtiles): not on disk",
            "umap.png (assets.umap.png): not on disk",
        ),
    )
    extras = (
        ExtraResult("old/genes.pmtiles", 12_000_000, planned=True),
        ExtraResult("notes.txt", 812, planned=True),
    )
    return replace(outcome(one, what), mode=Mode.DRY_RUN, extras=extras)


def dry_run_of_a_new_draft() -> Outcome:
    """Nothing is there yet, so nothing can be linked."""

    def one(file: model.PlannedFile) -> FileResult:
        return FileResult(file, Status.WOULD_UPLOAD, "not uploaded yet", before=State.ABSENT)

    links = destinations.Links(
        "https://zenodo.org", catalog="https://zenodo.org/records/0/files/catalog.yaml"
    )
    return replace(outcome(one), mode=Mode.DRY_RUN, links=links, destination="https://zenodo.org")


def deleted() -> Outcome:
    """Extra files were deleted after one was uploaded, and one of them could not be."""

    def one(file: model.PlannedFile) -> FileResult:
        return uploaded(file) if file.local == "cells.pmtiles" else skipped(file)

    extras = tuple(ExtraResult(f"old/layer-{n}.pmtiles", 7_000_000 * n, deleted=True) for n in range(1, 6))
    return replace(outcome(one), extras=extras, deleted=5)


def all_denied() -> Outcome:
    """The same failure for many files, and another one."""

    def one(file: model.PlannedFile) -> FileResult:
        if file.is_catalog:
            return FileResult(file, Status.WITHHELD, "its files failed", before=State.ABSENT)
        if file.local == "t12-bulk-de.tsv":
            return FileResult(
                file, Status.FAILED, "'t12-bulk-de.tsv' changed during the run.", "Let it finish."
            )
        return FileResult(
            file,
            Status.FAILED,
            f"S3 answered AccessDenied for 'mouse-brain/{file.name}' (request {file.size:012x}).",
            "Allow s3:PutObject below this prefix.",
        )

    return outcome(one)


def verified() -> Outcome:
    """Two files differ from what is there."""

    def one(file: model.PlannedFile) -> FileResult:
        if file.group == "optional":
            return FileResult(
                file,
                Status.FAILED,
                "other content (CRC64NVME differs)",
                "Run without verify-only to upload what differs.",
                before=State.DIFFERENT,
            )
        return skipped(file)

    return replace(outcome(one), mode=Mode.VERIFY)


def bad_input() -> Outcome:
    """Nothing could be begun."""
    problems = (
        "s3-dir, zenodo-id: exactly one of them must be given; neither is given.",
        "n-jobs: expected a whole number from 1 to 256, got 'many'.",
        "zenodo-token is required with zenodo-id: make one at https://zenodo.org/account/settings/applications.",
    )
    return Outcome(Mode.PUBLISH, "", error=errors.BadInput(problems))


def zenodo(*, published: bool) -> Outcome:
    """A draft that is left, or a record that is out."""
    url = "https://zenodo.org/records/17512345" if published else "https://zenodo.org/uploads/17512345"
    links = destinations.Links(
        url,
        catalog=f"{url}/files/catalog.yaml",
        deposition_id="17512345",
        doi="10.5281/zenodo.17512345",
        concept_doi="10.5281/zenodo.17512344",
        record=url,
        published=published,
        citation="Curie, M., & Franklin, R. (2026). Mouse brain, coronal section (1.2.0) [Data set]. Zenodo. "
        "https://doi.org/10.5281/zenodo.17512345",
        badge="https://zenodo.org/badge/DOI/10.5281/zenodo.17512345.svg",
        todo="" if published else "Look at the draft, and publish it there or by a run with publish: true.",
    )

    def one(file: model.PlannedFile) -> FileResult:
        return replace(uploaded(file), checksum="md5:9e107d9d372bb6826bd81d3542a419d6", proof="MD5")

    return replace(outcome(one), destination=url, links=links)


def only(what: str) -> Outcome:
    """Every file was up to date, and the record was published or its metadata changed."""
    run = zenodo(published=what == "published")
    assert run.links
    links = replace(run.links, just_published=what == "published", described=what == "described")
    return replace(run, links=links, results=tuple(skipped(r.file) for r in run.results), seconds=9.2)


def opened() -> Outcome:
    """A draft that other runs will fill."""
    run = zenodo(published=False)
    assert run.links
    links = replace(
        run.links, todo="Draft 17512345 is open: fill and publish it by runs with zenodo-id: 17512345."
    )
    results = tuple(FileResult(r.file, Status.WOULD_UPLOAD, "not uploaded yet") for r in run.results)
    return replace(run, mode=Mode.DRAFT, links=links, results=results)


def collection(samples: int = 3) -> Outcome:
    """Several samples, one of which has a failure."""
    names = [f"sample-{number}" for number in range(1, samples + 1)]

    def one(file: model.PlannedFile) -> FileResult:
        if file.unit == names[-1] and file.local == "cells.pmtiles":
            return FileResult(
                file, Status.FAILED, "The connection broke 5 times.", "Run again; uploaded files stay."
            )
        if file.unit == names[-1] and file.is_catalog:
            return FileResult(file, Status.WITHHELD, "1 of its files failed")
        return uploaded(file) if file.unit != names[0] else replace(skipped(file), strong=False)

    urls = tuple(
        (name, f"https://spatial-atlas.s3.amazonaws.com/mouse-brain/{name}/catalog.yaml") for name in names
    )
    run = outcome(one, plan(*(unit(name) for name in names)))
    extras = (ExtraResult("sample-1/old.pmtiles", 55_000_000), ExtraResult("sample-2/old.tsv", 1_000))
    return replace(run, links=destinations.Links(S3), catalog_urls=urls[:-1], extras=extras, seconds=4_011.0)


def rooted(samples: int = 2) -> Outcome:
    """Samples and a root catalog that points to them."""
    names = tuple(f"s{number}" for number in range(1, samples + 1))
    root = model.Unit("", (), planned("multi-catalog.yaml", "catalog", 612), after=names)
    run = outcome(uploaded, plan(*(unit(name) for name in names), root))
    base = "https://spatial-atlas.s3.amazonaws.com/mouse-brain"
    urls = (*((name, f"{base}/{name}/catalog.yaml") for name in names), ("", f"{base}/multi-catalog.yaml"))
    links = destinations.Links(S3, catalog="\n".join(url for _, url in urls))
    return replace(run, links=links, catalog_urls=urls)


def many(files: int = 5000) -> Outcome:
    """More than a page can hold."""
    listed = tuple((f"tiles/factor-{n:05}/level-{n % 17}.pmtiles", "basics", 1_000 * n) for n in range(files))
    return outcome(uploaded, plan(unit("", listed)))


SUMMARIES: Final[dict[str, Callable[[], str]]] = {
    "first-run": lambda: report.summary(outcome(uploaded), given(manifest="result.json")),
    "nothing-to-do": lambda: report.summary(outcome(skipped), given()),
    "some-failed": lambda: report.summary(some_failed(), given()),
    "dry-run": lambda: report.summary(dry_run(), given(dry_run=True)),
    "readers": lambda: report.summary(read(fails=False, ok=True), given()),
    "readers-warned": lambda: report.summary(read(fails=False, ok=False), given()),
    "readers-failed": lambda: report.summary(read(fails=True, ok=False), given()),
    "cancelled": lambda: report.summary(cancelled(), given()),
    "bad-input": lambda: report.summary(bad_input(), None),
    "zenodo-draft": lambda: report.summary(zenodo(published=False), given(token="t0ken")),
    "zenodo-opened": lambda: report.summary(opened(), given(token="t0ken")),
    "zenodo-published": lambda: report.summary(zenodo(published=True), given(token="t0ken")),
    "collection": lambda: report.summary(collection(), given()),
    "collection-rooted": lambda: report.summary(rooted(), given()),
    "deleted": lambda: report.summary(deleted(), given()),
    "all-denied": lambda: report.summary(all_denied(), given()),
    "verified": lambda: report.summary(verified(), given()),
    "dry-run-new": lambda: report.summary(dry_run_of_a_new_draft(), given(dry_run=True, token="t0ken")),
    "only-published": lambda: report.summary(only("published"), given(token="t0ken")),
    "only-described": lambda: report.summary(only("described"), given(token="t0ken")),
    "many-capped": lambda: report.summary(many(), given(), limit=12_000),
}
OTHERS: Final[dict[str, Callable[[], str]]] = {
    "manifest.json": lambda: report.manifest(
        some_failed(),
        given(manifest="result.json"),
        lambda name: f"https://spatial-atlas.s3.amazonaws.com/mouse-brain/{name}",
    ),
    "plan.txt": lambda: _lines(report.plan_lines(dry_run())),
    "end.txt": lambda: _lines(report.causes(some_failed(), 3), report.closing(some_failed())),
    "end-all-denied.txt": lambda: _lines(report.causes(all_denied(), 3), report.closing(all_denied())),
    "end-deleted.txt": lambda: _lines(
        report.deletions(deleted())[1], report.links(deleted()), [report.headline(deleted())]
    ),
    "end-bad-input.txt": lambda: _lines(report.causes(bad_input(), 3), report.closing(bad_input())),
    "end-cancelled.txt": lambda: _lines(report.causes(cancelled(), 3), report.closing(cancelled())),
}


def texts() -> dict[str, Callable[[], str]]:
    """Every golden file by name, and what makes it."""
    makers = {**{f"summary-{name}.md": make for name, make in SUMMARIES.items()}, **OTHERS}
    return {name: functools.partial(_without_version, make) for name, make in makers.items()}


def _lines(*parts: list[str]) -> str:
    return "".join(f"{line}\n" for part in parts for line in part)


def _without_version(make: Callable[[], str]) -> str:
    # A release must not change every golden file.
    text = make().replace(f"catalog-upload {__version__}", "catalog-upload VERSION")
    return text.replace(f'"version": "{__version__}"', '"version": "VERSION"')


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, make in texts().items():
        (GOLDEN / name).write_text(make(), encoding="utf-8")
