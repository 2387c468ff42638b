"""Collections, whole: several samples through one pool, each catalog last behind its own barrier."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from tests import action
from tests import dataset as datasets
from tests.conftest import Store
from tests.servers.recorder import Recorder, error_xml

SAMPLES = {"Kidney_S1": "kidney-s1", "Liver_S1": "liver-s1", "Brain_S1": "brain-first"}
"""Folders, and the ids in their catalogs."""
EACH = 8
"""Files of a sample, its catalog among them."""


def write_sample(place: Path, ident: str) -> None:
    """A sample of eight small files, as cartloader leaves it."""
    names = ["genes_all.pmtiles", "genes_bin1.pmtiles", "genes_bin2.pmtiles", "genes_bin_counts.json"]
    names += ["sge-mono-dark.pmtiles", "t12-f24-rgb.tsv", "t12-f24-model.tsv"]
    place.mkdir(parents=True)
    for number, name in enumerate(names):
        datasets.write(place / name, 900 + 100 * number, seed=ident)
    (place / "catalog.yaml").write_text(yaml.safe_dump(datasets.catalog(ident, names), sort_keys=False))


class Study:
    """Three samples below one folder, and a bucket."""

    def __init__(self, workspace: Path, store: Store, proxy: Recorder) -> None:
        self.workspace, self.store, self.proxy = workspace, store, proxy
        self.out = workspace / "out"
        for folder, ident in SAMPLES.items():
            write_sample(self.out / folder, ident)
        self.choose(*SAMPLES)

    def choose(self, *samples: str) -> None:
        (self.workspace / "samples.tsv").write_text("".join(f"{sample}\tnote\n" for sample in samples))

    def run(self, more: Mapping[str, str] | None = None) -> action.Run:
        inputs = {"in-dir": "out", "in-list": "samples.tsv", "s3-dir": f"s3://{self.store.bucket}/c"}
        inputs |= more or {}
        environment = {**self.store.environment, "AWS_ENDPOINT_URL_S3": self.proxy.url}
        return action.run(inputs, workspace=self.workspace, environment=environment)

    def put(self) -> list[str]:
        """Names below the prefix that the store accepted, in the order of its answers."""
        start = f"/{self.store.bucket}/c/"
        found = [r for r in self.proxy.find("PUT", start) if r.status == 200]
        return [unquote(request.path).removeprefix(start) for request in found]

    def change(self, folder: str, name: str = "genes_all.pmtiles") -> None:
        with (self.out / folder / name).open("ab") as file:
            file.write(b"changed")
        catalog = self.out / folder / "catalog.yaml"
        catalog.write_text(catalog.read_text() + "# changed\n")


@pytest.fixture
def study(workspace: Path, s3_server: Store, recorded_s3: Recorder) -> Study:
    return Study(workspace, s3_server, recorded_s3)


def lists(proxy: Recorder) -> list[str]:
    return [r.query["prefix"] for r in proxy.requests if r.query.get("list-type") == "2"]


def test_each_sample_to_its_id_and_its_catalog_last(study: Study) -> None:
    run = study.run()
    assert (run.code, run.outputs["files"], run.outputs["uploaded"]) == (0, "24", "24")
    assert sorted(lists(study.proxy)) == sorted(f"c/{ident}/" for ident in SAMPLES.values())
    put = study.put()
    assert set(Counter(put).values()) == {1}
    for ident in SAMPLES.values():
        own = [name for name in put if name.startswith(f"{ident}/")]
        assert len(own) == EACH
        assert own[-1] == f"{ident}/catalog.yaml"
        assert re.search(rf"<code>{ident}</code></td><td align=\"right\">{EACH}</td>", run.summary)
    assert "<b>total</b>" in run.summary
    assert len(run.outputs["catalog-url"].splitlines()) == 3


def test_a_second_run_makes_fewer_requests_than_it_has_files(study: Study) -> None:
    study.run()
    study.proxy.clear()
    run = study.run()
    assert (run.code, run.outputs["skipped"], run.outputs["changed"]) == (0, "24", "false")
    assert len(study.proxy.requests) < 24
    assert study.proxy.writes == []


def test_a_sample_that_fails_leaves_the_others_whole(study: Study) -> None:
    assert study.run().code == 0
    old = study.store.read("c/liver-s1/catalog.yaml")
    for folder in SAMPLES:
        study.change(folder)
    study.proxy.misbehave("PUT", "liver-s1/genes_all", status=403, body=error_xml("AccessDenied"))
    run = study.run()
    assert (run.code, run.outputs["failed"], run.outputs["uploaded"]) == (3, "1", "4")
    assert study.store.read("c/liver-s1/catalog.yaml") == old
    for folder, ident in SAMPLES.items():
        if ident != "liver-s1":
            here = (study.out / folder / "catalog.yaml").read_bytes()
            assert study.store.read(f"c/{ident}/catalog.yaml") == here
    assert "1 of 3 catalogs was not replaced" in run.log
    assert "Liver_S1/genes_all.pmtiles" in html.unescape(run.summary)

    study.proxy.behave()
    study.proxy.clear()
    assert study.run().code == 0
    assert study.put() == ["liver-s1/genes_all.pmtiles", "liver-s1/catalog.yaml"]


def test_one_bad_sample_stops_all_before_a_byte_is_sent(study: Study) -> None:
    (study.out / "Liver_S1" / "genes_all.pmtiles").unlink()
    study.choose(*SAMPLES, "Nowhere")
    run = study.run()
    assert run.code == 2
    assert "Liver_S1/genes_all.pmtiles" in run.log
    assert "'Nowhere'" in run.log
    assert study.proxy.requests == []


def test_samples_that_are_not_listed_are_left_alone(study: Study) -> None:
    assert study.run().code == 0
    put = study.store.client.put_object
    put(Bucket=study.store.bucket, Key="c/kidney-s1/old.pmtiles", Body=b"old")
    put(Bucket=study.store.bucket, Key="c/other/old.pmtiles", Body=b"old")
    put(Bucket=study.store.bucket, Key="c/kidney-s10/old.pmtiles", Body=b"old")
    before = study.store.keys()
    study.choose("Kidney_S1")
    run = study.run({"delete-extra": "true"})
    assert run.code == 0
    assert set(before) - set(study.store.keys()) == {"c/kidney-s1/old.pmtiles"}


def test_the_root_catalog_last_of_all_and_shared_files_once(study: Study) -> None:
    for folder, ident in SAMPLES.items():
        (study.out / folder).rename(study.out / ident)
    datasets.write(study.out / "shared-model.tsv", 500)
    root = {
        "id": "study",
        "samples": {ident: f"{ident}/catalog.yaml" for ident in SAMPLES.values()},
        "shared": {"model": "shared-model.tsv"},
        "factors": {"t12": {"id": "t12", "model": "shared-model.tsv"}},
    }
    (study.out / "multi-catalog.yaml").write_text(yaml.safe_dump(root, sort_keys=False))
    study.choose(*SAMPLES.values())
    listed = study.run()
    assert listed.code == 0, listed.log
    put = study.put()
    assert put[-1] == "multi-catalog.yaml"
    assert (len(put), put.count("shared-model.tsv")) == (26, 1)

    study.proxy.clear()
    joint = study.run({"in-list": ""})
    assert (joint.code, joint.outputs["skipped"], study.put()) == (0, "26", [])


def test_the_root_catalog_stays_when_a_sample_s_does(study: Study) -> None:
    for folder, ident in SAMPLES.items():
        (study.out / folder).rename(study.out / ident)
    root = {"id": "study", "samples": {ident: f"{ident}/catalog.yaml" for ident in SAMPLES.values()}}
    (study.out / "multi-catalog.yaml").write_text(yaml.safe_dump(root))
    study.proxy.misbehave("PUT", "liver-s1/genes_all", status=403, body=error_xml("AccessDenied"))
    run = study.run({"in-list": ""})
    assert run.code == 3
    keys = study.store.keys()
    assert "c/multi-catalog.yaml" not in keys
    assert "c/liver-s1/catalog.yaml" not in keys
    assert "c/kidney-s1/catalog.yaml" in keys
