from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path

import pytest

from entrypoint import errors, report
from entrypoint.outcome import FileResult, Status
from entrypoint.runner import Progress, Reporter, Runner, bar, drafts
from entrypoint.runner.console import MAX_ANNOTATIONS
from tests.support import hostile, runner_parser, samples


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def on_github(tmp_path: Path) -> tuple[Runner, io.StringIO, Path, Path]:
    outputs, summary, stream = tmp_path / "output", tmp_path / "summary", io.StringIO()
    outputs.touch()
    summary.touch()
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
    return Runner.from_environ(environ, stream), stream, outputs, summary


# The log


@pytest.mark.parametrize("name", hostile.NAMES)
def test_no_name_is_a_command_in_the_log(tmp_path: Path, name: str) -> None:
    runner, stream, _, _ = on_github(tmp_path)
    runner.info(name)
    runner.info(f"  {name}")
    runner.info(f"Uploaded {name} ({name})")
    assert runner_parser.commands(stream.getvalue()) == []
    assert stream.getvalue().count("\n") == 3


@pytest.mark.parametrize("name", hostile.NAMES)
def test_annotations_and_groups_say_what_they_are_told(tmp_path: Path, name: str) -> None:
    runner, stream, _, _ = on_github(tmp_path)
    with runner.group(name):
        runner.notice(name, name)
        runner.warning(name, [name, name])
        runner.error(name)
    got = runner_parser.commands(stream.getvalue())
    assert [command.name for command in got] == ["group", "notice", "warning", "error", "endgroup"]
    assert got[2].message.count("\n") == 1
    assert all(runner_parser.commands(line) == [] for command in got for line in command.message.split("\n"))


def test_annotations_are_read_back_as_they_are(tmp_path: Path) -> None:
    runner, stream, _, _ = on_github(tmp_path)
    runner.error("A title: with, marks", ["100% of it", "failed"])
    (command,) = runner_parser.commands(stream.getvalue())
    assert command.properties["title"] == "A title: with, marks"
    assert command.message == "100% of it\nfailed"


def test_what_github_would_not_keep_is_still_in_the_log(tmp_path: Path) -> None:
    runner, stream, _, _ = on_github(tmp_path)
    for number in range(MAX_ANNOTATIONS + 2):
        runner.warning(f"Number {number}", "why")
    got = runner_parser.commands(stream.getvalue())
    assert len(got) == MAX_ANNOTATIONS
    assert "warning: Number 11\n  why\n" in stream.getvalue()


def test_long_annotations_are_cut(tmp_path: Path) -> None:
    runner, stream, _, _ = on_github(tmp_path)
    runner.error("x" * 1000, ["y" * 3000, "z" * 3000])
    (command,) = runner_parser.commands(stream.getvalue())
    assert len(command.message) <= 4096
    assert command.message.endswith("…")
    assert len(command.properties["title"]) <= 250


def test_in_a_terminal_everything_is_plain() -> None:
    stream = io.StringIO()
    runner = Runner.from_environ({}, stream)
    with runner.group("Plan"):
        runner.info("a line")
    runner.error("Failed", ["one", "two"])
    runner.notice("Only a title")
    runner.detail("unseen")
    runner.event("unseen")
    runner.mask("s3cret-token")
    runner.write_outputs({"files": "1"})
    assert runner.write_summary("# x")
    assert stream.getvalue() == "a line\nerror: Failed\n  one\n  two\nnotice: Only a title\n"


def test_details_are_for_those_who_ask() -> None:
    stream = io.StringIO()
    Runner.from_environ({"GITHUB_ACTIONS": "true", "RUNNER_DEBUG": "1"}, stream).detail("a\n::error::b")
    assert [command.name for command in runner_parser.commands(stream.getvalue())] == ["debug"]
    stream = io.StringIO()
    Runner(stream, verbose=True).detail("why")
    assert stream.getvalue() == "why\n"


def spoken(**options: bool) -> tuple[str, str]:
    """What stands on standard output and on standard error after one of everything was said."""
    out, err = io.StringIO(), io.StringIO()
    environ = {"GITHUB_ACTIONS": "true"} if options.pop("github", False) else {}
    runner = Runner.from_environ(environ, out, err, **options)
    runner.info("progress")
    runner.result("result")
    runner.detail("detail")
    runner.notice("notice")
    runner.warning("warning")
    runner.error("error")
    runner.say("end")
    runner.event("one", number=1)
    runner.print_manifest("{}\n")
    return out.getvalue(), err.getvalue()


def test_results_go_to_one_stream_and_the_rest_to_the_other() -> None:
    rest = "progress\nnotice: notice\nwarning: warning\nerror: error\nend\n"
    assert spoken() == ("result\n{}\n", rest)
    assert spoken(quiet=True) == ("result\n{}\n", "warning: warning\nerror: error\nend\n")
    assert spoken(verbose=True)[1] == rest.replace("progress\n", "progress\ndetail\n")
    assert spoken(keep_out=True) == ("{}\n", rest.replace("progress\n", "progress\nresult\n"))


def test_on_github_everything_is_in_order_in_one_stream() -> None:
    out, err = spoken(github=True)
    assert err == ""
    assert [line.partition(" ")[0] for line in out.splitlines()] == [
        "progress", "result", "::notice", "::warning", "::error", "end", "{}",
    ]  # fmt: skip
    assert spoken(github=True, keep_out=True)[0] == "{}\n"


def test_events_are_objects_in_lines_and_nothing_else(tmp_path: Path) -> None:
    out, err = spoken(events=True)
    events = [json.loads(line) for line in out.splitlines() if line != "{}"]
    assert [event.get("event") for event in events] == ["warning", "error", "one"]
    assert events[0]["title"] == "warning"
    assert events[-1]["number"] == 1
    assert err == "warning: warning\nerror: error\nend\n"


@pytest.mark.parametrize("name", hostile.NAMES)
def test_no_name_is_a_command_in_an_event(name: str) -> None:
    out = io.StringIO()
    runner = Runner(out, io.StringIO(), events=True)
    runner.mask("s3cret-token")
    runner.event("file", name=name, secret="s3cret-token")
    assert runner_parser.commands(out.getvalue()) == []
    (event,) = map(json.loads, out.getvalue().splitlines())
    assert (event["name"], event["secret"]) == (name, "***")


def test_a_log_that_knows_ascii_only_does_not_stop_a_run() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    Runner(stream).info("5 files … é\udcff")
    assert raw.getvalue() == b"5 files \\u2026 \\xe9\\udcff\n"


def test_a_log_that_nobody_reads_does_not_stop_a_run() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = io.TextIOWrapper(io.FileIO(writer, "w"), encoding="utf-8", write_through=True)
    runner = Runner(stream)
    runner.info("one")
    runner.error("two")
    stream.close()
    runner.info("three")


# Secrets


def test_secrets_are_masked_and_hidden(tmp_path: Path) -> None:
    runner, stream, outputs, summary = on_github(tmp_path)
    runner.mask("s3cret-token\nsecond-line\n\n")
    runner.mask("")
    masks = runner_parser.commands(stream.getvalue())
    assert [mask.message for mask in masks] == ["s3cret-token\nsecond-line", "s3cret-token", "second-line"]
    stream.truncate(0)
    runner.info("token s3cret-token")
    runner.error("token s3cret-token", "second-line")
    runner.write_summary("token s3cret-token")
    runner.write_outputs({"doi": "10.5281/s3cret-token", "files": "3"})
    runner.write_manifest(tmp_path / "m.json", '"s3cret-token"')
    written = (
        stream.getvalue() + summary.read_text() + outputs.read_text() + (tmp_path / "m.json").read_text()
    )
    assert "s3cret-token" not in written
    assert "second-line" not in written
    warning = runner_parser.commands(stream.getvalue())[-1]
    assert warning.properties["title"] == "Hidden in outputs: doi"
    assert runner_parser.outputs(outputs.read_bytes()) == {"doi": "10.5281/***", "files": "3"}


def test_a_short_secret_does_not_spoil_every_line() -> None:
    stream = io.StringIO()
    runner = Runner(stream)
    runner.mask("a")
    runner.info("a data set")
    assert stream.getvalue() == "a data set\n"


# Files


@pytest.mark.parametrize("name", hostile.NAMES)
def test_outputs_are_read_back_as_they_are(tmp_path: Path, name: str) -> None:
    runner, stream, path, _ = on_github(tmp_path)
    outputs = {
        **report.outputs(samples.some_failed(), samples.given()),
        "destination": name,
        "doi": f"a\n{name}\n",
    }
    runner.write_outputs(outputs)
    got = runner_parser.outputs(path.read_bytes())
    assert got == {key: value.replace("\udcff", "\\udcff") for key, value in outputs.items()}
    assert stream.getvalue() == ""


def test_outputs_go_behind_what_is_there(tmp_path: Path) -> None:
    runner, _, path, _ = on_github(tmp_path)
    path.write_text("first=1\n")
    runner.write_outputs({"files": "3"})
    assert runner_parser.outputs(path.read_bytes()) == {"first": "1", "files": "3"}


def test_files_of_the_runner_are_made_where_they_are_missing(tmp_path: Path) -> None:
    runner, _, outputs, summary = on_github(tmp_path)
    outputs.unlink()
    summary.unlink()
    runner.write_outputs({"files": "3"})
    assert runner.write_summary("# é\udcff")
    assert summary.read_bytes() == "# é\\udcff".encode()


def test_files_that_cannot_be_written_are_said(tmp_path: Path) -> None:
    stream = io.StringIO()
    nowhere = str(tmp_path / "no" / "where")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": nowhere, "GITHUB_STEP_SUMMARY": nowhere}
    runner = Runner.from_environ(environ, stream)
    with pytest.raises(errors.NotWritten, match="outputs cannot be written"):
        runner.write_outputs({"files": "3"})
    assert not runner.write_summary("# x")
    assert [command.name for command in runner_parser.commands(stream.getvalue())] == ["warning"]


def test_a_bad_input_still_leaves_outputs_and_a_summary(tmp_path: Path) -> None:
    runner, _, outputs, summary = on_github(tmp_path)
    runner.write_outputs(report.outputs(samples.bad_input(), None))
    runner.write_summary(report.summary(samples.bad_input(), None))
    assert runner_parser.outputs(outputs.read_bytes())["failed"] == "0"
    assert "3 problems" in summary.read_text(encoding="utf-8")


def test_a_manifest_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    runner = Runner(io.StringIO())
    for path in (tmp_path / "folder", tmp_path / "file", tmp_path / "file" / "m.json", tmp_path / "a\0b"):
        with pytest.raises(errors.NotWritten, match="cannot be written"):
            runner.write_manifest(path, "{}")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


# Progress


def test_a_short_run_is_quiet() -> None:
    stream = io.StringIO()
    with Progress(Runner(stream), 3) as progress:
        progress.started(3, 300)
        progress.moved(300)
    assert stream.getvalue() == ""


def test_how_it_stands() -> None:
    clock = Clock()
    progress = Progress(Runner(io.StringIO()), 66, clock=clock)
    assert progress.line() == "Comparing 66 files with the destination …"
    progress.done(samples.skipped(samples.planned("a", "basics", 5)))
    progress.started(10, 3_000_000_000)
    clock.now += 15
    progress.moved(750_000_000)
    progress.done(samples.uploaded(samples.planned("b", "basics", 5)))
    assert progress.line() == "Sent 1 of 10 files, 750 MB of 3.0 GB (25%), 50.0 MB/s, about 45 s left"
    clock.now += 45
    assert progress.line() == "Sent 1 of 10 files, 750 MB of 3.0 GB (25%), 12.5 MB/s, about 3 min 0 s left"


def test_a_standstill_is_said() -> None:
    clock = Clock()
    progress = Progress(Runner(io.StringIO()), clock=clock)
    progress.started(2, 1000)
    progress.moved(500)
    for _ in range(5):
        progress.line()
        clock.now += 15
    assert progress.line() == "Sent 0 of 2 files, 500 bytes of 1.0 kB (50%), nothing sent for 1 min 0 s"
    progress.moved(-600)
    assert "0 bytes of 1.0 kB (0%)" in progress.line()


def test_empty_files_only() -> None:
    progress = Progress(Runner(io.StringIO()))
    progress.started(2, 0)
    progress.done(samples.uploaded(samples.planned("b", "basics", 0)))
    assert progress.line() == "Sent 1 of 2 files"


def test_a_log_gets_a_line_now_and_then() -> None:
    beats = threading.Semaphore(0)

    class Log(io.StringIO):
        def flush(self) -> None:
            beats.release()

    stream = Log()
    with Progress(Runner(stream), 5, interval=0.001) as progress:
        progress.started(5, 500)
        assert beats.acquire(timeout=10)
        assert beats.acquire(timeout=10)
    seen = stream.getvalue()
    assert "of 5 files" in seen or "Comparing" in seen
    assert stream.getvalue() == seen, "it ends with the run"


def test_failures_are_counted_and_told_at_the_end(tmp_path: Path) -> None:
    runner, stream, _, _ = on_github(tmp_path)
    progress = Progress(runner)
    progress.started(30, 30)
    for name in hostile.NAMES:
        progress.done(FileResult(samples.planned(name, "basics", 1), Status.FAILED, f"broke {name}"))
    assert stream.getvalue() == ""
    assert progress.line().endswith(f"{len(hostile.NAMES)} failed")


def test_a_terminal_gets_a_bar_that_makes_way_for_lines() -> None:
    out, stream = io.StringIO(), Terminal()
    runner = Runner(out, stream)
    before = threading.active_count()
    with Progress(runner, 2, interval=0.001) as progress:
        progress.started(2, 2_000_000)
        has_bar = runner.bar is not None
        assert has_bar
        assert threading.active_count() == before
        progress.moved(1_000_000)
        runner.info("a line of the log")
        progress.moved(1_000_000)
    assert not hasattr(runner.bar, "clear")
    assert "\ra line of the log\n" in stream.getvalue()
    assert "0/2 files" in stream.getvalue()
    assert "1.0 MB of 2.0 MB" in stream.getvalue()
    assert out.getvalue() == ""


@pytest.mark.parametrize("width", [1, 5, 10, 20, 27, 40, 60, 80, 100, 200])
def test_a_bar_fits_the_window(width: int) -> None:
    progress = Progress(Runner(io.StringIO()))
    progress.started(1_234, 3_000_000_000)
    progress.moved(750_000_000)
    progress.done(FileResult(samples.planned("a", "basics", 1), Status.FAILED, "broke"))
    words = progress.words(12_500_000.0)
    line = bar.fitted(words, 0.25, width)
    assert 0 < len(line) < max(width, 2)
    assert width < 20 or " 25%  1 failed" in line
    assert width < 40 or "1/1,234 files" in line
    assert width < 100 or "3 min 0 s left  12.5 MB/s  750 MB of 3.0 GB" in line
    assert width < 100 or line.startswith("[███")
    assert bar.fitted(words, 0.25, width, ascii_only=True).isascii()


def test_a_bar_of_empty_files_and_one_of_no_rate() -> None:
    progress = Progress(Runner(io.StringIO()))
    progress.started(2, 0)
    assert progress.words(0.0) == ["0/2 files"]
    assert bar.fitted([], None, 80) == ""


@pytest.mark.parametrize(
    ("environ", "options"), [({"TERM": "dumb"}, {}), ({}, {"quiet": True}), ({}, {"events": True})]
)
def test_where_no_line_can_be_drawn_again_there_is_no_bar(
    environ: dict[str, str], options: dict[str, bool]
) -> None:
    runner = Runner.from_environ(environ, Terminal(), Terminal(), **options)
    with Progress(runner) as progress:
        progress.started(2, 2_000_000)
        assert runner.bar is None


def test_github_gets_no_bar() -> None:
    stream = Terminal()
    runner = Runner(stream, on_github=True)
    with Progress(runner) as progress:
        progress.started(2, 2_000_000)
        assert runner.bar is None


# What is asked and waited for


def test_requests_are_for_those_who_ask_and_show_no_secret() -> None:
    stream = io.StringIO()
    asked = ("PUT", "https://me:pass@s3.example/b/k?X-Amz-Signature=abc&X-Amz-Security-Token=x", "200", 0.125)
    Reporter(Runner(stream)).request(*asked)
    assert stream.getvalue() == ""
    reporter = Reporter(Runner(stream, verbose=True))
    reporter.request(*asked)
    reporter.request("GET", "https://s3.example/b?list-type=2&prefix=a%2F", "timed out", 30.0)
    assert stream.getvalue() == (
        "PUT https://s3.example/b/k?…: 200, 0.12 s\n"
        "GET https://s3.example/b?list-type=2&prefix=a%2F: timed out, 30.00 s\n"
    )


def test_retries_are_said_when_the_trouble_lasts_and_then_rarely() -> None:
    stream, clock = io.StringIO(), Clock()
    reporter = Reporter(Runner(stream), clock=clock)
    for _ in range(40):
        reporter.retry("PUT a.pmtiles", "connection refused", 1.0)
        clock.now += 1.0
    said = stream.getvalue().splitlines()
    assert said == ["PUT a.pmtiles: connection refused; trying again in 1.0 s"] * 2
    clock.now += 300
    reporter.retry("PUT a.pmtiles", "connection refused", 1.0)
    assert len(stream.getvalue().splitlines()) == 2, "new trouble, which may be over soon"
    stream = io.StringIO()
    Reporter(Runner(stream, verbose=True), clock=clock).retry("GET /x", "503 Slow Down.", 0.5)
    assert stream.getvalue() == "GET /x: 503 Slow Down; trying again in 0.5 s\n"


def test_what_is_waited_for_is_said_after_a_while_and_then_rarely() -> None:
    written = threading.Semaphore(0)

    class Log(io.StringIO):
        def flush(self) -> None:
            written.release()

    stream, clock = Log(), Clock()
    reporter = Reporter(Runner(stream), clock=clock, tick=0.001)
    with reporter.waiting("nothing that lasts"):
        pass
    with reporter.waiting("zenodo.org to publish record 123"):
        assert not written.acquire(timeout=0.05)
        clock.now += 4
        assert written.acquire(timeout=10)
        assert not written.acquire(timeout=0.05)
        clock.now += 16
        assert written.acquire(timeout=10)
    assert stream.getvalue() == (
        "Waiting for zenodo.org to publish record 123 (4.0 s) …\n"
        "Waiting for zenodo.org to publish record 123 (20 s) …\n"
    )


# Drafts


def test_a_draft_is_remembered_for_its_service_directory_and_data_set(tmp_path: Path) -> None:
    stream = io.StringIO()

    def memory(service: str = "https://zenodo.org", in_dir: str = "/data/out") -> drafts.Drafts:
        return drafts.Drafts(Runner(stream), tmp_path / "state" / "x", service, Path(in_dir))

    assert memory().read("atlas") == ""
    memory().write("atlas", "jq8t5-0xk42")  # as InvenioRDM has them
    assert memory().read("atlas") == "jq8t5-0xk42"
    memory().write("atlas", "412019")
    assert memory().read("atlas") == "412019"
    assert memory().read("other") == ""
    assert memory("https://sandbox.zenodo.org").read("atlas") == ""
    assert memory(in_dir="/data/other").read("atlas") == ""
    assert Path(memory().where("atlas")).is_file()
    memory().write("atlas", "")
    memory().write("atlas", "")
    assert memory().read("atlas") == ""
    assert stream.getvalue() == ""


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"draft": 7}', b'{"draft": "../../x"}', b"\xff"])
def test_a_note_that_is_not_ours_is_no_draft(tmp_path: Path, content: bytes) -> None:
    memory = drafts.Drafts(Runner(io.StringIO()), tmp_path, "https://zenodo.org", tmp_path)
    Path(memory.where("x")).write_bytes(content)
    assert memory.read("x") == ""
    memory.write("x", "9")
    assert memory.read("x") == "9"


def test_a_state_folder_that_cannot_be_written_is_a_remark(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    stream = io.StringIO()
    memory = drafts.Drafts(Runner(stream), tmp_path / "file" / "state", "https://zenodo.org", tmp_path)
    memory.write("atlas", "412019")
    assert "A draft would not be found again" in stream.getvalue()
    assert "zenodo-id: 412019" in stream.getvalue()


def test_where_drafts_are_remembered() -> None:
    assert drafts.folder("/s", "/home/me") == Path("/s/catalog-upload")
    assert drafts.folder("", "/home/me") == Path("/home/me/.local/state/catalog-upload")
    assert drafts.folder("relative", "/home/me") == Path("/home/me/.local/state/catalog-upload")
    assert drafts.folder("", "") is None


def test_many_threads_may_tell(tmp_path: Path) -> None:
    runner, stream, _, _ = on_github(tmp_path)
    clock = Clock()
    progress = Progress(runner, clock=clock)
    progress.started(800, 8000)

    def tell() -> None:
        for number in range(100):
            progress.moved(10)
            progress.done(samples.uploaded(samples.planned("f", "basics", 10)))
            runner.notice("Told", str(number))
            runner.info("a line")

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now += 1
    assert progress.line() == "Sent 800 of 800 files, 8.0 kB of 8.0 kB (100%), 8.0 kB/s"
    assert len(runner_parser.commands(stream.getvalue())) == MAX_ANNOTATIONS
    assert stream.getvalue().splitlines().count("a line") == 800
