"""Show the product at work, with nothing to set up: ``make demo``.

A local S3 server, a data set of 66 files as cartloader leaves it (scaled down), and three runs of the
action's own process: all files, no file, one file. Then a mocked Zenodo: a record is published, and gets a
new version in which only what changed is sent.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests import action, dataset
from tests.servers.localstack import CREDENTIALS, REGION, create_bucket, localstack
from tests.zenodo import ZenodoServer

SCALE: Final = 0.02
BUCKET: Final = "demo-bucket"
CHANGED: Final = "t12-f12-info.tsv"
WIDTH: Final = 100


def main() -> int:
    """Exit code 0 when each run did what its heading says."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        workspace = Path(name)
        to_s3(workspace)
        to_zenodo(workspace)
    return 0


def to_s3(workspace: Path) -> None:
    """The three runs against S3, and the last one's summary."""
    out = workspace / "out"
    files = dataset.make("small_starter", out, scale=SCALE)
    say(f"A cartloader output directory: {len(files)} files, {sum(files.values()) / 1e6:.1f} MB.")
    say("LocalStack, an S3 server for tests, is starting on this machine …")
    with localstack() as url:
        create_bucket(url, BUCKET)
        inputs = {"in-dir": "out", "s3-dir": f"s3://{BUCKET}/atlas/starter"}
        environment = {**CREDENTIALS, "AWS_REGION": REGION, "AWS_ENDPOINT_URL_S3": url}

        def step(number: int, title: str, expected: Mapping[str, str]) -> action.Run:
            heading(f"Run {number} of 3: {title}")
            return checked(inputs, workspace, environment, expected)

        step(1, "everything is new", {"uploaded": str(len(files)), "skipped": "0"})
        step(2, "the same again, so nothing is sent", {"uploaded": "0", "skipped": str(len(files))})
        dataset.write(out / CHANGED, files[CHANGED], seed="changed")
        expected = {"uploaded": "1", "skipped": str(len(files) - 1)}
        last = step(3, f"{CHANGED} has new content of the same size", expected)

    heading("The job summary of run 3, in Markdown")
    print(shortened(last.summary))


def to_zenodo(workspace: Path) -> None:
    """A new record, and a new version of it, on a Zenodo of the tests' own."""
    out = workspace / "out"
    count = str(sum(1 for _ in out.iterdir()))
    say("\nNow Zenodo: a mocked one, on this machine …")
    with ZenodoServer() as server:
        inputs = {
            "in-dir": "out",
            "zenodo-url": server.url,
            "zenodo-token": server.token,
            "publish": "true",
        }
        first = {
            "zenodo-id": "new",
            "title": "A starter data set",
            "creators": "Curie, Marie; ESPCI; 0000-0002-1825-0097",
            "license": "CC-BY-4.0",
        }
        heading("Zenodo, run 1 of 2: a new record, published")
        expected = {"uploaded": count, "published": "true"}
        made = checked(inputs | first, workspace, {"GITHUB_RUN_ID": "1"}, expected)
        dataset.write(out / CHANGED, (out / CHANGED).stat().st_size, seed="changed again")
        again = {"zenodo-id": made.outputs["concept-doi"]}
        heading(f"Zenodo, run 2 of 2: a new version, in which {CHANGED} changed")
        expected = {"uploaded": "1", "skipped": str(int(count) - 1), "published": "true"}
        last = checked(inputs | again, workspace, {"GITHUB_RUN_ID": "2"}, expected)

    heading("The job summary of run 2, in Markdown")
    print(shortened(last.summary))


def checked(
    inputs: Mapping[str, str], workspace: Path, environment: Mapping[str, str], expected: Mapping[str, str]
) -> action.Run:
    """Run the action with its log shown, print its outputs, and end the demo when they surprise."""
    for name, value in inputs.items():
        say(f"with {name}: {'***' if name == 'zenodo-token' else value}")
    print()
    run = action.run(inputs, workspace=workspace, environment=environment, on_line=indented("│ "))
    print()
    say(f"exit code {run.code} after {run.seconds:.1f} s; outputs:")
    for name, value in run.outputs.items():
        if value:
            say(f"    {name:14} {value}")
    surprises = {name: run.outputs.get(name) for name in expected if run.outputs.get(name) != expected[name]}
    if run.code or surprises:
        sys.exit(f"The demo expected exit code 0 and {dict(expected)}; it got {run.code} and {surprises}.")
    return run


def shortened(summary: str, rows: int = 8) -> str:
    """The summary without most rows of its folded table, which a browser would hide as well."""
    head, fold, rest = summary.partition("<details>")
    table, end, foot = rest.partition("</details>")
    lines = table.splitlines()
    left_out = len(lines) - 2 * rows
    if left_out > 0:
        lines[rows:-rows] = [f"… {left_out} more lines …"]
    return head + fold + "\n".join(lines) + end + foot


def heading(text: str) -> None:
    """A line across the terminal."""
    print(f"\n── {text} {'─' * max(0, WIDTH - len(text) - 4)}", flush=True)


def say(text: str) -> None:
    """The demo's own words."""
    print(text, flush=True)


def indented(mark: str) -> Callable[[str], None]:
    """A printer that sets the product's log apart from the demo's own words, and shows what a runner would."""

    def show(line: str) -> None:
        if not line.startswith("::add-mask::"):  # the runner takes these for itself
            print(mark + line, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main())
