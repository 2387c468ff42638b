"""Packs: the same bytes every time, read by common programs, chosen the same way every time."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Self

import pytest

from entrypoint import errors
from entrypoint.plan import model, pack


def planned(folder: Path, files: dict[str, bytes]) -> list[model.PlannedFile]:
    found = []
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        group = model.CATALOG if name == "catalog.yaml" else "basics"
        found.append(model.PlannedFile(name, model.LocalFile.of(path), group, name))
    return found


def sources(folder: Path, files: dict[str, bytes]) -> list[tuple[str, model.Source]]:
    return [(file.local, file.source) for file in planned(folder, files)]


def content(source: model.Source, block: int = 1000) -> bytes:
    data = bytearray()
    with source.open() as stream:
        while piece := stream.read(block):
            assert len(piece) <= block
            data += piece
    return bytes(data)


FILES = {
    "b.tsv": b"rows\n" * 1000,
    "a/ünï 码.tsv": b"1",
    "empty": b"",
    "a/large.bin": random.Random(1).randbytes(2_500_000),
    "x$(y) `z`;.tsv": b"2",
}


def test_a_zip_is_read_by_common_programs(tmp_path: Path) -> None:
    made = pack.Zip(sources(tmp_path, FILES))
    data = content(made)
    assert len(data) == made.size
    path = tmp_path / "out.zip"
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(FILES, key=str.encode)
        for name, expected in FILES.items():
            assert archive.read(name) == expected
            info = archive.getinfo(name)
            assert info.compress_type == zipfile.ZIP_STORED
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == 0o100644
            assert info.extra == b""
    if unzip := shutil.which("unzip"):
        done = subprocess.run([unzip, "-t", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    if bsdtar := shutil.which("bsdtar"):
        with path.open("rb") as stream:
            done = subprocess.run(
                [bsdtar, "-tf", "-"], stdin=stream, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, done.stderr


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    first = pack.Zip(sources(tmp_path / "one", FILES))
    other = dict(sorted(FILES.items(), reverse=True))
    second = pack.Zip(sources(tmp_path / "two", other))
    for name in FILES:
        os.utime(tmp_path / "two" / name, (1, 1))
    second = pack.Zip([(n, model.LocalFile.of(tmp_path / "two" / n)) for n in other])
    assert content(first) == content(second) == content(first, 7_000_000)
    # The bytes themselves are a promise to records that are published already.
    small = pack.Zip([("a", pack.Made(b"1")), ("b/c", pack.Made(b""))])
    assert hashlib.sha256(content(small)).hexdigest() == SMALL


SMALL = "2444c3b1d3a58695964de645e7e8a3da60e1f7724dd69136ba2a4e3abc553138"


def test_nothing_in_it(tmp_path: Path) -> None:
    made = pack.Zip([])
    (tmp_path / "empty.zip").write_bytes(content(made))
    assert made.size == 22
    assert zipfile.ZipFile(tmp_path / "empty.zip").namelist() == []


def test_a_file_that_changes_is_named(tmp_path: Path) -> None:
    made = pack.Zip(sources(tmp_path, FILES))
    (tmp_path / "b.tsv").write_bytes(b"short")
    with pytest.raises(errors.FileFailed, match=r"b\.tsv"):
        content(made)
    with pytest.raises(errors.FileFailed, match=r"b\.tsv"):
        made.check()


class Zeros:
    """A source of very many zeros, without a file."""

    def __init__(self, size: int) -> None:
        self.size = size

    def open(self) -> Zeros:
        self.rest = self.size
        return self

    def read(self, count: int) -> bytes:
        count = min(count, self.rest)
        self.rest -= count
        return bytes(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def check(self) -> None: ...


@pytest.mark.slow
def test_more_than_four_gigabytes(tmp_path: Path) -> None:
    big = 2**32 + 5
    made = pack.Zip([("a.bin", Zeros(big)), ("b.txt", pack.Made(b"after"))])  # type: ignore[list-item]
    path = tmp_path / "big.zip"
    with made.open() as stream, path.open("wb") as out:
        while piece := stream.read(1 << 20):
            if piece.strip(b"\0"):
                out.write(piece)
            else:
                out.seek(len(piece), os.SEEK_CUR)  # a sparse file
    assert path.stat().st_size == made.size
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("a.bin").file_size == big
        assert archive.read("b.txt") == b"after"


def test_very_many_files() -> None:
    made = pack.Zip([(f"{n:06}", pack.Made(b"")) for n in range(70_000)])
    data = content(made, 1 << 20)
    assert len(data) == made.size
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 70_000


# What travels how


def names(files: object) -> list[str]:
    return [file.name for file in files]  # type: ignore[attr-defined]


def test_few_files_stay_loose(tmp_path: Path) -> None:
    chosen = pack.choose(planned(tmp_path, {"catalog.yaml": b"", "a/b.tsv": b"1"}))
    assert names(chosen) == ["b.tsv", "catalog.yaml"]
    assert chosen.table is None


def five_hundred() -> dict[str, bytes]:
    files = {f"genes_bin{n}.pmtiles": b"p" * n for n in range(1, 71)}
    files |= {f"m{n % 3}/x{n}.tsv": b"%d" % n for n in range(429)}
    return {**files, "catalog.yaml": b"id: x"}


def test_many_files_are_packed_by_folder(tmp_path: Path) -> None:
    files = planned(tmp_path, five_hundred())
    chosen = pack.choose(files)
    assert len(list(chosen)) == 70 + 1 + 3 + 1
    assert names(chosen.packs) == ["m0.zip", "m1.zip", "m2.zip"]
    assert {"catalog.yaml", "genes_bin70.pmtiles"} <= set(names(chosen.loose))
    assert chosen.table is not None
    rows = [line.split("\t") for line in content(chosen.table.source).decode().splitlines()]
    assert rows[0] == ["path", "file", "member", "bytes"]
    assert len(rows) == 501
    assert ["m0/x0.tsv", "m0.zip", "m0/x0.tsv", "1"] in rows
    assert ["genes_bin7.pmtiles", "genes_bin7.pmtiles", "", "7"] in rows
    shuffled = files.copy()
    random.Random(3).shuffle(shuffled)
    again = pack.choose(shuffled)
    assert [(f.name, content(f.source)) for f in again] == [(f.name, content(f.source)) for f in chosen]


def test_pmtiles_stay_loose_as_far_as_the_limit_allows(tmp_path: Path) -> None:
    files = {f"g{n}.pmtiles": b"p" * n for n in range(1, 151)} | {"catalog.yaml": b"x", "a.tsv": b"1"}
    chosen = pack.choose(planned(tmp_path, files))
    assert len(list(chosen)) == 100
    assert names(chosen.packs) == ["files.zip"]
    assert "g150.pmtiles" in names(chosen.loose)
    assert "g1.pmtiles" not in names(chosen.loose)


def test_one_base_name_twice_goes_into_packs(tmp_path: Path) -> None:
    files = {
        "s1/x.tsv": b"1",
        "s2/x.tsv": b"2",
        "y.tsv": b"3",
        "catalog.yaml": b"",
        "s1.zip": b"z",
        "files.tsv": b"t",
    }
    chosen = pack.choose(planned(tmp_path, files))
    assert sorted(names(chosen)) == [
        "catalog.yaml",
        "files.tsv",
        "files.zip",
        "packed-s1.zip",
        "s1.zip",
        "s2.zip",
        "y.tsv",
    ]
    assert len(set(names(chosen))) == len(names(chosen))


def test_packs_are_split_by_size(tmp_path: Path) -> None:
    files = {f"f{n:03}.tsv": bytes(100) for n in range(120)}
    chosen = pack.choose(planned(tmp_path, files), max_bytes=5000)
    assert names(chosen.packs) == ["files-01.zip", "files-02.zip", "files-03.zip"]


def test_very_many_folders_share_packs(tmp_path: Path) -> None:
    files = {f"top{n % 4}/sub{n}/f{n}.tsv": b"x" for n in range(150)}
    chosen = pack.choose(planned(tmp_path, files))
    assert names(chosen.packs) == ["top0.zip", "top1.zip", "top2.zip", "top3.zip"]


def test_what_does_not_go_in_is_an_error(tmp_path: Path) -> None:
    files = {f"f{n:03}.tsv": bytes(100) for n in range(120)}
    with pytest.raises(errors.BadInput, match="fewer groups"):
        pack.choose(planned(tmp_path, files), max_bytes=100)
