"""Obstacles: curators, incomplete files of others, records of another account; and read-only runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import in_process
from tests.real_zenodo.client import unique
from tests.real_zenodo.conftest import Real
from tests.real_zenodo.runs import FILES, LICENSED, expected, published, run

pytestmark = pytest.mark.timeout(300)


def test_a_community(real: Real, workspace: Path) -> None:
    """Its curators decide: the draft is not published before."""
    slug = unique("community")
    real.curator.community(slug)
    in_process.fill(workspace, FILES)
    done = run(real, workspace, "new", communities=slug)
    assert done.code == 0, done.log
    ident = done.outputs["deposition-id"]
    assert real.owner.files(ident, draft=True) == expected(workspace)
    missing = run(real, workspace, "new", communities=unique("nobody-made-this"))
    assert missing.code == 2, missing.log


def test_a_draft_in_review_is_left_alone(real: Real, workspace: Path) -> None:
    community = real.curator.community(unique("curated"))
    in_process.fill(workspace, FILES)
    ident = real.owner.draft({"a.tsv": b"what the curators see"})
    real.owner.submit(ident, community)
    before = real.owner.record(ident, draft=True)
    real.proxy.clear()
    done = run(real, workspace, ident)
    assert done.code == 5, done.log
    assert "review" in done.log
    assert real.proxy.writes == []
    assert real.owner.record(ident, draft=True) == before


def test_files_that_were_never_completed(real: Real, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    ident = real.owner.draft(metadata=LICENSED)
    real.owner.begin(ident, "a.tsv")
    done = run(real, workspace, ident, publish="true")
    assert done.code == 0, done.log
    assert real.guest.files(ident) == expected(workspace)


def test_a_stranger_that_was_never_completed(real: Real, workspace: Path) -> None:
    """It would stop the publishing: it is named before any byte is sent, and `delete-extra` takes it away."""
    in_process.fill(workspace, FILES)
    ident = real.owner.draft(metadata=LICENSED)
    real.owner.begin(ident, "stranger.bin")
    refused = run(real, workspace, ident, publish="true")
    assert refused.code != 0
    assert "stranger.bin" in refused.log
    done = run(real, workspace, ident, publish="true", delete_extra="true")
    assert done.code == 0, done.log
    assert real.guest.files(ident) == expected(workspace)


@pytest.mark.parametrize("how", ["dry-run", "verify-only"])
@pytest.mark.parametrize("where", ["new", "draft", "record"])
def test_looking_leaves_no_trace(how: str, where: str, real: Real, workspace: Path) -> None:
    out = in_process.fill(workspace, FILES)
    ident = "new"
    if where == "draft":
        ident = real.owner.draft({"a.tsv": b"old"})
    elif where == "record":
        ident = published(real, workspace, FILES)
        (out / "a.tsv").write_bytes(b"changed")
    before = real.owner.mine()
    real.proxy.clear()
    run(
        real,
        workspace,
        ident,
        dry_run=str(how == "dry-run").lower(),
        verify_only=str(how == "verify-only").lower(),
    )
    assert real.proxy.writes == []
    assert real.owner.mine() == before


def test_a_wrong_token(real: Real, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    for ident in ("new", real.owner.draft()):
        done = run(real, workspace, ident, zenodo_token="wrong")
        assert done.code == 4, done.log


def test_somebody_elses(real: Real, workspace: Path) -> None:
    in_process.fill(workspace, FILES)
    draft = real.curator.draft()
    record = real.curator.draft({"a.tsv": b"1"})
    real.curator.publish(record)
    for ident in (draft, record):
        done = run(real, workspace, ident)
        assert done.code in (4, 5), done.log
        assert "traceback" not in done.log.lower()
