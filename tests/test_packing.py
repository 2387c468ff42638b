"""pack: auto, whole: many files to Zenodo's hundred, and back out of the zip files."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from tests import action
from tests.zenodo import ZenodoServer


@pytest.fixture
def zenodo() -> Iterator[ZenodoServer]:
    with ZenodoServer() as server:
        yield server


def many(folder: Path, count: int) -> dict[str, bytes]:
    """A data set of PMTiles, tables and a second folder that has some of the same base names."""
    folder.mkdir(parents=True)
    files: dict[str, bytes] = {}
    for number in range(count):
        name = f"genes_bin{number}.pmtiles" if number % 5 == 0 else f"tables/t{number}.tsv"
        files[name] = f"{name} ".encode() * (number + 1)
    files["more/t1.tsv"] = b"the same base name as tables/t1.tsv"
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    names = sorted(files)
    catalog = {"id": "many", "assets": {"sge": {"all": names[0], "bins": names}}}
    (folder / "catalog.yaml").write_text(yaml.safe_dump(catalog))
    return files


def publish(zenodo: ZenodoServer, workspace: Path, **inputs: str) -> action.Run:
    given = {"in-dir": "out", "zenodo-url": zenodo.url, "zenodo-token": zenodo.token, "pack": "auto"}
    return action.run(given | inputs, workspace=workspace, environment={})


NEW = {"zenodo-id": "new", "title": "Many files", "creators": "Curie, Marie", "license": "CC-BY-4.0"}


def test_five_hundred_files_and_the_same_again(zenodo: ZenodoServer, workspace: Path) -> None:
    files = many(workspace / "out", 500)
    first = publish(zenodo, workspace, **NEW, publish="true")
    assert first.code == 0, first.log
    assert "files are packed into" in first.log
    assert "files.zip" in first.log
    there = stored(zenodo, first.outputs["deposition-id"])
    assert len(there) <= 100
    assert int(first.outputs["uploaded"]) == len(there)
    loose = {name for name in there if name.endswith(".pmtiles")}
    assert len(loose) > 50, "PMTiles stay loose as far as the limit allows"
    assert unpacked(there) == files | {"catalog.yaml": (workspace / "out" / "catalog.yaml").read_bytes()}

    again = publish(zenodo, workspace, **{"zenodo-id": first.outputs["concept-doi"]})
    assert again.code == 0, again.log
    assert (again.outputs["uploaded"], again.outputs["changed"]) == ("0", "false")


def test_one_base_name_twice_is_an_error_or_a_pack(zenodo: ZenodoServer, workspace: Path) -> None:
    files = many(workspace / "out", 10)
    refused = publish(zenodo, workspace, **NEW, pack="never")
    assert refused.code == 2
    assert "more/t1.tsv" in refused.log
    assert "tables/t1.tsv" in refused.log
    assert not zenodo.requests
    run = publish(zenodo, workspace, **NEW)
    assert run.code == 0, run.log
    assert unpacked(stored(zenodo, run.outputs["deposition-id"])).items() >= files.items()


def test_too_many_without_packing(zenodo: ZenodoServer, workspace: Path) -> None:
    many(workspace / "out", 120)
    (workspace / "out" / "more" / "t1.tsv").rename(workspace / "out" / "more" / "other.tsv")
    catalog = workspace / "out" / "catalog.yaml"
    catalog.write_text(catalog.read_text().replace("more/t1.tsv", "more/other.tsv"))
    run = publish(zenodo, workspace, **NEW, pack="never")
    assert run.code == 2
    assert "pack: auto" in run.log
    assert not zenodo.requests


def test_what_travels_in_a_pack_now_is_extra_where_it_lay_loose(
    zenodo: ZenodoServer, workspace: Path
) -> None:
    many(workspace / "out", 120)
    draft = zenodo.add_draft({"t2.tsv": b"loose, from an earlier run"})
    run = publish(zenodo, workspace, **{"zenodo-id": str(draft.id), "delete-extra": "true"})
    assert run.code == 0, run.log
    assert "t2.tsv" not in stored(zenodo, str(draft.id))


def stored(zenodo: ZenodoServer, number: str) -> dict[str, bytes]:
    """Every file of a deposition, by name."""
    headers = {"Authorization": f"Bearer {zenodo.token}"}
    deposition = requests.get(
        f"{zenodo.url}/api/deposit/depositions/{number}", headers=headers, timeout=10
    ).json()
    bucket = deposition["links"]["bucket"]
    return {
        item["filename"]: requests.get(f"{bucket}/{item['filename']}", headers=headers, timeout=10).content
        for item in deposition["files"]
    }


def unpacked(there: dict[str, bytes]) -> dict[str, bytes]:
    """What files.tsv says is where, by the path it had here."""
    rows = csv.DictReader(io.StringIO(there["files.tsv"].decode()), delimiter="\t")
    found = {}
    for row in rows:
        content = there[row["file"]]
        if row["member"]:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                assert archive.getinfo(row["member"]).compress_type == zipfile.ZIP_STORED
                content = archive.read(row["member"])
        assert len(content) == int(row["bytes"])
        found[row["path"]] = content
    return found
