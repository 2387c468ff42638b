from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given as arbitrary
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from entrypoint import destinations, errors, inputs, report
from entrypoint.destinations import State
from entrypoint.outcome import ExtraResult, FileResult, Mode, Outcome, Status
from entrypoint.plan import model
from entrypoint.report import markup
from tests.support import hostile, runner_parser, samples

TAGS = {"h2", "a", "b", "br", "code", "details", "img", "sub", "summary", "table", "td", "th", "tr", "wbr"}


class _Page(HTMLParser):
    """Takes down the tags of a page, and whether they are well nested."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.words = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.words += "\0" if tag == "wbr" else ""
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]
        assert {name for name, _ in attrs} <= {"href", "src", "alt", "align"}
        if tag not in ("br", "img", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def is_sound(page: str) -> _Page:
    parsed = _Page(page)
    assert parsed.tags <= TAGS
    assert all(target.startswith("https://") for target in parsed.targets)
    return parsed


@pytest.mark.parametrize(("name", "make"), samples.texts().items())
def test_golden_files(name: str, make: Callable[[], str]) -> None:
    """Written by ``python -m tests.support.samples``."""
    assert make() == (samples.GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("make", samples.SUMMARIES.values(), ids=list(samples.SUMMARIES))
def test_summaries_are_sound_html(make: Callable[[], str]) -> None:
    is_sound(make())


def hostile_outcome(name: str) -> Outcome:
    """The name wherever a name or a word from elsewhere can be."""

    def one(file: model.PlannedFile) -> FileResult:
        if file.is_catalog:
            return FileResult(file, Status.WITHHELD, name)
        if file.group == "basics":
            return FileResult(file, Status.FAILED, name, name)
        return replace(samples.uploaded(file), reason=name, checksum=name, proof=name)

    plan = replace(
        samples.plan(
            samples.unit(name, ((name, "basics", 1), (name + "2", "optional", 2))), samples.unit("b")
        ),
        title=name,
        data_set=name,
        warnings=(name,),
        left_out=(name,),
    )
    return Outcome(
        Mode.PUBLISH,
        name,
        plan,
        tuple(map(one, plan)),
        extras=(ExtraResult(name, 1, error=name), ExtraResult(name, 1)),
        links=destinations.Links(
            name, name, name, name, name, name, published=True, citation=name, badge=name, todo=name
        ),
        catalog_urls=((name, name),),
        error=errors.Refused(name, name),
        notices=(name,),
    )


@pytest.mark.parametrize("name", hostile.NAMES)
def test_hostile_names_do_no_harm_in_a_summary(name: str) -> None:
    outcome = hostile_outcome(name)
    page = report.summary(outcome, samples.given())
    page.encode("utf-8")
    parsed = is_sound(page)
    assert not [target for target in parsed.targets if not target.startswith("https://doi.org/")]
    # Nothing that GitHub looks for in the text of a page.
    assert not re.search(r"@[A-Za-z]|:[a-z0-9+_-]+:|https?:/|www\.|#[0-9]", parsed.words)
    # No Markdown but ours: every line begins as we begin lines, and nothing in it is special.
    ours = r"(## |### |> \[!\w+\]$|> |>$|- |<|$|[0-9A-Za-z…])"
    for line in page.split("\n"):
        assert re.match(ours, line), line
        item = re.sub(r"^(- |> (- )?)", "", line)
        assert item == line or not re.match(r"[ +=-]|[0-9]+[.)]", item), line
        bare = re.sub(
            r"^(### |## |> \*\*Left to do:\*\*|> \[!\w+\]|- )", "", re.sub(r"<[^>]*>|&#?\w+;", "", line)
        )
        assert not re.search(r"[`*_\[\]|~$\\#<]", bare), line
    assert len(page.splitlines()) == len(page.split("\n")) - 1


@pytest.mark.parametrize("name", hostile.NAMES)
def test_hostile_names_do_no_harm_in_a_log(name: str) -> None:
    outcome = hostile_outcome(name)
    lines = [
        report.headline(outcome),
        *report.plan_lines(outcome),
        *report.causes(outcome, 3),
        *report.failed_names(outcome),
        *report.closing(outcome),
        *report.deletions(outcome)[1],
        *report.links(outcome),
        report.start_line(outcome.plan or samples.plan(), samples.given()),
    ]
    assert runner_parser.commands("\n".join(lines)) == []
    assert all(len(line.splitlines()) == 1 for line in lines)


@pytest.mark.parametrize("name", hostile.NAMES)
def test_hostile_names_come_back_from_a_manifest(name: str) -> None:
    document = json.loads(report.manifest(hostile_outcome(name), samples.given()).encode("ascii"))
    assert document["files"][0]["local"] == name
    assert document["extras"][0]["name"] == name


@hypothesis_settings(deadline=None)
@arbitrary(st.text(st.characters(), max_size=60))
def test_inline_text_is_text(words: str) -> None:
    shown = markup.inline(words)
    assert "\n" not in shown
    assert _Page(f"<b>{shown}</b>").tags <= {"b", "wbr"}


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "s3://b/k", "//evil", "https://", "http://[", ""]
)
def test_only_the_web_is_linked(url: str) -> None:
    assert "<a" not in markup.link(url)


def test_links_keep_their_target() -> None:
    assert markup.link('https://x.example/a"><script>?a=1&b=%20') == (
        '<a href="https://x.example/a%22%3E%3Cscript%3E?a=1&amp;b=%20">'
        "https:<wbr>//x.example/a&#34;&#62;&#60;script&#62;?a=1&#38;b=%20</a>"
    )


@pytest.mark.parametrize("limit", [900_000, 100_000, 20_000, 5_000, 1_000])
@pytest.mark.parametrize("name", ["x" * 255, "\U0001f600" * 63, "<" * 255, "é`|" * 80])
def test_summaries_keep_within_their_bytes(limit: int, name: str) -> None:
    files = tuple((f"{name}{number}", "basics", number) for number in range(500))
    hint = "Do this. " * 100

    def one(file: model.PlannedFile) -> FileResult:
        return FileResult(file, Status.FAILED, name * 20, hint) if file.size % 2 else samples.uploaded(file)

    plan = replace(samples.plan(samples.unit("", files)), warnings=(name,) * 500, left_out=(name,) * 500)
    extras = tuple(ExtraResult(name, 1) for _ in range(500))
    outcome = replace(
        samples.outcome(one, plan),
        extras=extras,
        error=errors.BadInput([name * 10] * 400),
        notices=(hint,) * 300,
    )
    page = report.summary(outcome, samples.given(), limit)
    assert len(page.encode("utf-8")) <= limit
    assert page.startswith("## ❌ ")
    assert "catalog-upload" in page.splitlines()[-1]
    is_sound(page)


def test_a_capped_summary_says_how_many_are_missing() -> None:
    page = report.summary(samples.many(), samples.given(), 12_000)
    shown = page.count("<td>uploaded</td>")
    assert shown > 10
    assert f"… and {5001 - shown:,} more" in page


def test_many_samples_fit() -> None:
    page = report.summary(samples.collection(1500), samples.given())
    assert len(page.encode("utf-8")) <= report.SUMMARY_LIMIT
    assert "<summary>1,500 samples</summary>" in page
    is_sound(page)


OUTCOMES = [
    samples.bad_input(),
    samples.some_failed(),
    samples.cancelled(),
    samples.dry_run(),
    samples.zenodo(published=True),
    Outcome(Mode.PUBLISH, ""),
]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("settings", [None, samples.given()])
def test_outputs_are_always_all_there(outcome: Outcome, settings: object) -> None:
    given = samples.given() if settings else None
    assert list(report.outputs(outcome, given)) == [item.name for item in inputs.OUTPUTS]


def test_outputs_of_a_failed_run() -> None:
    outputs = report.outputs(samples.some_failed(), samples.given(manifest="out/result.json"))
    sent = [each for each in samples.some_failed().results if each.status is Status.UPLOADED]
    assert outputs.pop("changed-keys").split("\n") == sorted(f"mouse-brain/{each.file.name}" for each in sent)
    assert outputs == {
        "destination": "s3://spatial-atlas/mouse-brain",
        "catalog-url": "https://spatial-atlas.s3.amazonaws.com/mouse-brain/catalog.yaml",
        "files": "10",
        "uploaded": "5",
        "skipped": "2",
        "failed": "2",
        "bytes": str(samples.some_failed().bytes_sent),
        "deleted": "0",
        "changed": "true",
        "plan": "0a1b2c3d4e5f",
        "manifest": "out/result.json",
        "deposition-id": "",
        "doi": "",
        "concept-doi": "",
        "record-url": "",
        "published": "",
    }


@pytest.mark.parametrize(("before", "is_there"), [(None, False), (State.ABSENT, False), (State.SAME, True)])
def test_no_catalog_is_named_that_was_never_uploaded(before: State | None, is_there: bool) -> None:
    def one(file: model.PlannedFile) -> FileResult:
        return FileResult(file, Status.WITHHELD, "a file failed", before=before)

    outcome = samples.outcome(one)
    assert bool(report.outputs(outcome, samples.given())["catalog-url"]) is is_there
    assert report.outputs(replace(outcome, mode=Mode.DRY_RUN), samples.given())["catalog-url"]


def test_outputs_of_zenodo() -> None:
    draft = report.outputs(samples.zenodo(published=False), None)
    record = report.outputs(samples.zenodo(published=True), None)
    assert (draft["published"], record["published"]) == ("false", "true")
    assert record["doi"] == "10.5281/zenodo.17512345"
    assert record["deposition-id"] == "17512345"


def test_outputs_of_a_collection_name_its_catalogs() -> None:
    assert report.outputs(samples.collection(), None)["catalog-url"].count("\n") == 1


def would(outcome: Outcome) -> Outcome:
    """A dry run of the same."""
    results = tuple(replace(each, status=Status.WOULD_UPLOAD) for each in outcome.results)
    return replace(outcome, mode=Mode.DRY_RUN, results=results)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (samples.outcome(samples.uploaded), "Published 10 files (5.8 GB) to s3://spatial-atlas/mouse-brain"),
        (
            samples.outcome(samples.skipped),
            "Nothing to do: 10 files at s3://spatial-atlas/mouse-brain are up to date",
        ),
        (samples.some_failed(), "Failed: 2 of 10 files; the catalog was not replaced"),
        (samples.cancelled(), "Cancelled; 3 of 10 files are uploaded; the catalog was not replaced"),
        (samples.collection(), "Failed: 1 of 30 files; 1 of 3 catalogs was not replaced"),
        (samples.bad_input(), "Bad input: 3 problems to fix; nothing was sent"),
        (
            samples.zenodo(published=False),
            "Uploaded 10 files (5.8 GB) to the draft 10.5281/zenodo.17512345; not published yet",
        ),
        (samples.zenodo(published=True), "Published 10 files (5.8 GB) in the record 10.5281/zenodo.17512345"),
        (
            replace(samples.outcome(samples.skipped), mode=Mode.VERIFY),
            "Verified: 10 files at s3://spatial-atlas/mouse-brain have the same content as here",
        ),
        (
            replace(samples.some_failed(), mode=Mode.VERIFY),
            "Verification failed: 2 of 10 files differ at s3://spatial-atlas/mouse-brain",
        ),
        (
            replace(samples.some_failed(), mode=Mode.DRY_RUN),
            "Dry run: 2 of 10 files would fail; nothing was sent",
        ),
        (
            replace(samples.outcome(samples.skipped), mode=Mode.DRY_RUN),
            "Dry run: nothing to do; 10 files at s3://spatial-atlas/mouse-brain are up to date",
        ),
        (
            replace(samples.outcome(samples.uploaded), extras=(ExtraResult("x", 1, error="denied"),)),
            f"Published 10 files (5.8 GB) to {samples.S3}; 1 extra file could not be deleted",
        ),
        (
            replace(samples.outcome(samples.skipped), extras=(ExtraResult("x", 1, deleted=True),)),
            "Nothing to upload: 10 files were up to date at s3://spatial-atlas/mouse-brain; deleted 1 extra file",
        ),
        (
            replace(samples.zenodo(published=False), error=errors.Refused("The publish was refused.")),
            "Refused by the draft 10.5281/zenodo.17512345; all 10 files are uploaded; nothing was published",
        ),
        (
            Outcome(Mode.PUBLISH, "s3://b", samples.plan(), error=errors.NotAuthorised("No credentials.")),
            "Not authorised at s3://b; no file was uploaded",
        ),
        (
            Outcome(Mode.DRY_RUN, "s3://b", samples.plan(), error=errors.Unreachable("Timeout.")),
            "No answer from s3://b; nothing was sent",
        ),
        (
            Outcome(Mode.PUBLISH, "s3://b", samples.plan(), error=errors.PublishError("Ouch.")),
            "Stopped by a bug in catalog-upload; no file was uploaded",
        ),
        (Outcome(Mode.PUBLISH, "s3://b", model.Plan(())), "Nothing to do: no file is planned"),
        (
            replace(would(samples.zenodo(published=True)), extras=(ExtraResult("x", 1, planned=True),)),
            (
                "Dry run: would delete 1 extra file and upload 10 files (5.8 GB) to a new version of the record "
                "10.5281/zenodo.17512345; nothing was sent"
            ),
        ),
        (
            replace(
                samples.only("published"), mode=Mode.DRY_RUN, extras=(ExtraResult("x", 1, planned=True),)
            ),
            (
                "Dry run: would delete 1 extra file in a new version of the record 10.5281/zenodo.17512345; "
                "nothing was sent"
            ),
        ),
    ],
)
def test_headlines(outcome: Outcome, words: str) -> None:
    assert report.headline(outcome) == words


def test_remarks_are_counted_and_bounded_in_the_log() -> None:
    what = replace(
        samples.plan(), warnings=("w",), left_out=tuple(f"{number}.tsv: not on disk" for number in range(500))
    )
    run = samples.outcome(samples.uploaded, what)
    title, lines = report.remarks(run)
    assert title == "501 remarks"
    assert len(lines) == 51
    assert lines[-1] == "… and 451 more; see the summary or the manifest"
    # The plan of a dry run says of each what is left out.
    assert report.remarks(replace(run, mode=Mode.DRY_RUN)) == ("1 remark", ["w"])
    assert report.remarks(samples.outcome(samples.uploaded)) == ("", [])


def test_long_lists_are_bounded_in_the_log() -> None:
    def one(file: model.PlannedFile) -> FileResult:
        return FileResult(file, Status.FAILED, "It broke.", "Fix it.")

    files = tuple((f"{number}.tsv", "basics", number) for number in range(1999))
    outcome = samples.outcome(one, samples.plan(samples.unit("", files)))
    assert report.plan_lines(outcome)[-1] == "… and 1,100 more; see the summary or the manifest"
    (line,) = report.causes(outcome, 3)
    assert line == "2,000 files: It broke. Fix it. (0.tsv, 1.tsv, 2.tsv and 1,997 more)"
    assert report.failed_names(outcome)[-1] == "… and 1,100 more; see the summary or the manifest"
    results = [
        replace(r, reason=f"It broke in way {chr(97 + n % 26)}{chr(97 + n // 26)}.")
        for n, r in enumerate(outcome.results[:600])
    ]
    lines = report.causes(replace(outcome, results=tuple(results)), 3)
    assert lines[50:] == ["… and 550 more; see the summary or the manifest"]


def test_the_causes_of_a_failed_run() -> None:
    assert report.causes(samples.outcome(samples.uploaded), 3) == []
    assert report.causes(samples.bad_input(), 3)[0].startswith("s3-dir, zenodo-id")
    assert report.causes(samples.cancelled(), 3) == []
    assert report.causes(samples.some_failed(), 3)[0].endswith("Let the pipeline finish first.")


def test_the_same_failure_is_told_once_with_its_number() -> None:
    first, second = report.causes(samples.all_denied(), 2)
    assert first.startswith("8 files: S3 answered AccessDenied for the file")
    assert first.endswith(
        "Allow s3:PutObject below this prefix. (genes_all.pmtiles, genes_bin1.pmtiles and 6 more)"
    )
    assert second.startswith("t12-bulk-de.tsv: 't12-bulk-de.tsv' changed")
    page = report.summary(samples.all_denied(), samples.given())
    assert page.partition("### By group")[0].count("AccessDenied") == 1
    # Where every file fails with the same, the run ends with that; it is no second failure.
    failures = samples.all_denied().failures
    error = errors.NotAuthorised(failures[0].reason, failures[0].hint)
    outcome = replace(samples.all_denied(), error=error)
    assert report.causes(outcome, 2) == [first, second]
    assert report.summary(outcome, None).partition("### By group")[0].count("AccessDenied") == 1


def test_a_failed_run_ends_with_what_failed_what_to_do_and_where() -> None:
    for run in (samples.some_failed(), samples.cancelled(), samples.all_denied()):
        assert [line.partition(":")[0] for line in report.closing(run)] == ["error", "What to do", "Where"]
    assert [line.partition(":")[0] for line in report.closing(samples.bad_input())] == ["error", "What to do"]


def test_what_happened_and_what_to_do_are_two_sentences() -> None:
    outcome = samples.some_failed()
    for reason, shown in (("different size", "different size. Run"), ("Gone.", "Gone. Run")):
        results = [replace(one, reason=reason, hint="Run again.") for one in outcome.failures]
        assert f"{shown} again." in report.causes(replace(outcome, results=tuple(results)), 3)[0]


@pytest.mark.parametrize("named", ["'{}': ", "'a/prefix/{}': "])
def test_a_file_is_named_once(named: str) -> None:
    outcome = samples.some_failed()
    first = outcome.failures[0]
    said = replace(first, reason=f"{named.format(first.file.local)}refused.", hint="")
    lone = replace(outcome, results=(said,))
    assert report.causes(lone, 3) == [f"{first.file.local}: refused."]
    assert "What to do: Run again: uploaded files are skipped." in report.closing(lone)


def test_a_cancelled_run_says_so_once() -> None:
    said = [*report.causes(samples.cancelled(), 3), *report.closing(samples.cancelled())]
    assert len([line for line in said if "Cancelled" in line]) == 1


def test_what_was_deleted_is_said_everywhere() -> None:
    run = samples.deleted()
    assert report.outputs(run, samples.given())["deleted"] == "5"
    assert report.headline(run).endswith("; deleted 5 extra files")
    title, lines = report.deletions(run)
    assert (title, lines[0]) == ("Deleted 5 extra files", "old/layer-1.pmtiles (7.0 MB)")
    assert "<b>Deleted 5 extra files</b> (105 MB)" in report.summary(run, samples.given())
    assert report.plan_lines(samples.dry_run())[0].startswith("would delete")
    assert report.headline(samples.dry_run()).startswith("Dry run: would delete 2 extra files and upload")
    assert "<b>Would delete 2 extra files</b>" in report.summary(samples.dry_run(), samples.given())
    assert report.deletions(samples.dry_run()) == ("", [])
    # What `restart` deletes of a draft is no extra file.
    emptied = replace(samples.outcome(samples.uploaded), deleted=7)
    assert report.outputs(emptied, None)["deleted"] == "0"


def test_a_run_that_only_published_or_described_changed_something() -> None:
    for run, words in (
        (
            samples.only("published"),
            "Published the record 10.5281/zenodo.17512345; 10 files were up to date",
        ),
        (
            samples.only("described"),
            "Updated the metadata of the draft 10.5281/zenodo.17512345; 10 files were up to date",
        ),
    ):
        assert report.headline(run) == words
        assert report.outputs(run, None)["changed"] == "true"
    assert report.outputs(samples.outcome(samples.skipped), None)["changed"] == "false"


def test_nothing_is_linked_that_is_not_there() -> None:
    for run in (samples.dry_run_of_a_new_draft(), samples.all_denied()):
        assert "catalog.yaml</a>" not in report.summary(run, samples.given())
        assert not [line for line in report.links(run) if line.startswith("Catalog")]
    assert "catalog.yaml</a>" in report.summary(samples.dry_run(), samples.given())
    draft = report.summary(samples.zenodo(published=False), samples.given(token="t0ken"))
    assert "files/catalog.yaml</a>" not in draft


def test_a_collection_names_samples_and_catalogs() -> None:
    page = report.summary(samples.rooted(), samples.given())
    assert "2 samples and a root catalog" in page
    assert "\\n" not in page
    assert page.count("/s1/catalog.yaml</a>") == 1
    plan = samples.rooted().plan
    assert plan
    assert "21 files (11.6 GB) of 'mouse-brain' in 2 samples and a root catalog:" in report.start_line(
        plan, samples.given()
    )
    for count in (2, 5):  # the root catalog leads to the others, so that it comes first
        shown = [line for line in report.links(samples.rooted(count)) if line.startswith("Catalog: ")]
        assert shown[0].endswith("/mouse-brain/multi-catalog.yaml")
    page = report.summary(samples.rooted(5), samples.given())
    assert page.index("/multi-catalog.yaml</a>") < page.index("6, see below by sample")
    many = report.summary(samples.collection(40), samples.given())
    assert "39, see below by sample" in many


def test_links_of_a_draft_say_that_they_work_later() -> None:
    lines = report.links(samples.zenodo(published=False))
    later = "(works once the draft is published)"
    assert [line.partition(":")[0] for line in lines if later in line] == ["Catalog", "DOI"]
    assert not [line for line in lines if line.startswith("Record")]


def test_the_first_line_says_what_and_where() -> None:
    assert report.start_line(samples.plan(), samples.given()) == (
        "Publishing 10 files (5.8 GB) of 'mouse-brain': /github/workspace/out -> "
        "s3://spatial-atlas/mouse-brain"
    )
    assert report.start_line(samples.plan(), samples.given(dry_run=True)).startswith("Dry run of 10 files")
    assert report.start_line(samples.plan(), replace(samples.given(), n_jobs=8)).endswith(", 8 at a time")


def test_running_again_is_said_once() -> None:
    hint = "Run again later: uploaded files are skipped."
    failed = samples.outcome(lambda file: FileResult(file, Status.FAILED, "The store is busy.", hint))
    assert f"What to do: {hint}" in report.closing(failed)


def test_no_secret_is_in_a_report() -> None:
    given = samples.given(token="s3cret-token", manifest="m.json")
    outcome = samples.zenodo(published=False)
    texts = [
        report.summary(outcome, given),
        report.manifest(outcome, given),
        str(report.outputs(outcome, given)),
    ]
    assert "s3cret-token" not in "".join([*texts, report.start_line(samples.plan(), given)])
