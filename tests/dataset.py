"""Data sets as cartloader leaves them: the files of a corpus, and a catalog.yaml that names them.

    python -m tests.dataset small_starter /tmp/set --scale 0.02

The corpora (``tests/data/corpus``) hold real names and sizes; content is made up, but PMTiles, PNG, JSON and
gzip files are true ones, and the same arguments always give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from tests import pmtiles

CORPORA: Final = Path(__file__).with_name("data") / "corpus"
BLOCK: Final = 1 << 20
WHOLE_IN_MEMORY: Final = 256 << 20
"""Bytes; a larger file is written block by block, with only the start of a true archive."""

# What follows a factor's id in a file's name, and the place that cartloader's catalog has for it.
FACTOR_KEYS: Final = {
    "-bulk-de.tsv": ("de",),
    "-cells-bulk-de.tsv": ("de",),
    "-info.tsv": ("info",),
    "-model.tsv": ("model",),
    "-pseudobulk.tsv.gz": ("post",),
    "-rgb.tsv": ("rgb",),
    "-alias-ai.tsv": ("alias_ai",),
    ".pmtiles": ("pmtiles", "hex"),
    "-pixel-raster.pmtiles": ("pmtiles", "raster"),
    "-cells.pmtiles": ("pmtiles", "cells"),
    "-boundaries.pmtiles": ("pmtiles", "boundaries"),
    "-umap.tsv.gz": ("umap", "tsv"),
    "-umap.pmtiles": ("umap", "pmtiles"),
    ".umap.png": ("umap", "png"),
    ".umap.single.prob.png": ("umap", "ind_png"),
    ".umap.single.binary.png": ("umap", "ind_png"),
}


def sizes(name: str) -> dict[str, int]:
    """The files of a corpus and their bytes, in the order of the catalog."""
    found: dict[str, int] = json.loads((CORPORA / f"{name}.json").read_text())
    return found


def make(name: str, folder: Path, *, scale: float = 1.0, sparse: bool = False) -> dict[str, int]:
    """Write a corpus into a folder, and a catalog.yaml wherever the corpus has one.

    Args:
        name: ``small_starter``, ``typical`` or ``large_collection_div100``.
        folder: made where it is not there.
        scale: what the bytes of each file are multiplied by.
        sparse: files of the right size without content, which take no room on the disk.

    Returns:
        each file's path below the folder, and its bytes.
    """
    files = {path: max(1, round(size * scale)) for path, size in sizes(name).items()}
    by_folder: dict[PurePosixPath, list[str]] = defaultdict(list)
    for path in files:
        by_folder[PurePosixPath(path).parent].append(PurePosixPath(path).name)
    for path, size in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.name == "catalog.yaml":
            siblings = by_folder[PurePosixPath(path).parent]
            ident = (PurePosixPath(path).parent.name or name).replace("_", "-")
            target.write_text(yaml.safe_dump(catalog(ident, siblings), sort_keys=False))
        elif target.name == "multi-catalog.yaml":
            samples = {str(p): f"{p}/catalog.yaml" for p in by_folder if p.name}
            document = {"id": name, "n_samples": len(samples), "samples": samples}
            target.write_text(yaml.safe_dump(document, sort_keys=False))
        else:
            write(target, size, sparse=sparse)
    return {path: (folder / path).stat().st_size for path in files}


def write(path: Path, size: int, *, seed: str = "", sparse: bool = False) -> None:
    """Write one file of about that many bytes, true to its suffix; another seed gives other content."""
    if sparse or size > WHOLE_IN_MEMORY:
        with path.open("wb") as file:
            file.truncate(size)
            file.write(pmtiles.archive(0, b"", path.name)[:size])
            for index in range(1, 0 if sparse else size // BLOCK):
                file.seek(index * BLOCK)
                file.write(_noise(f"{seed}{path.name}{index % 7}", BLOCK - 8) + index.to_bytes(8, "big"))
        return
    noise = _noise(seed + path.name, size)
    match path.suffix:
        case ".pmtiles":
            data = pmtiles.archive(size, noise, path.name)
        case ".png":
            data = pmtiles.png(size, noise)
        case ".gz":
            data = gzip.compress(_table(noise)[: max(0, size - 64)], compresslevel=0, mtime=0)
        case ".json":
            data = json.dumps({"noise": noise.hex()[: max(0, size - 13)]}).encode()
        case ".tsv":
            data = _table(noise)[:size]
        case _:
            data = noise
    path.write_bytes(data)


def catalog(ident: str, names: list[str]) -> dict[str, Any]:
    """What cartloader writes about files of these names (all in one folder)."""
    factors = [n.removesuffix("-rgb.tsv") for n in names if n.endswith("-rgb.tsv")]
    sge: dict[str, Any] = {"all": "genes_all.pmtiles", "bins": []}
    entries: dict[str, dict[str, Any]] = {f: {"id": f, "name": f} for f in factors}
    basemap: dict[str, Any] = {"sge": {"default": "dark"}}
    for name in names:
        if re.fullmatch(r"genes_bin\d+\.pmtiles", name):
            sge["bins"].append(name)
        elif name == "genes_bin_counts.json":
            sge["counts"] = name
        elif match := re.fullmatch(r"sge-mono-(dark|light)\.pmtiles", name):
            basemap["sge"][match[1]] = name
        elif owner := max((f for f in factors if name.startswith(f)), key=len, default=""):
            rest = re.sub(r"^-p\d+-a\d+", "", name.removeprefix(owner))
            place = entries[owner]
            *outer, last = FACTOR_KEYS[rest]
            for key in outer:
                place = place.setdefault(key, {})
            place[last] = name
        elif name.endswith(".pmtiles") and name != sge["all"]:
            basemap[PurePosixPath(name).stem] = name
    overview = basemap["sge"]["dark"]
    assets = {"sge": sge, "overview": overview, "factors": list(entries.values()), "basemap": basemap}
    return {"id": ident, "title": ident.replace("-", " ").capitalize(), "assets": assets}


def _noise(seed: str, size: int) -> bytes:
    """Reproducible bytes that do not compress within a megabyte."""
    block = random.Random(seed).randbytes(min(size, BLOCK))
    return (block * (size // BLOCK + 1))[:size]


def _table(noise: bytes) -> bytes:
    digits = noise.hex()
    lines = (f"{digits[i : i + 8]}\t{digits[i + 8 : i + 24]}\t{i}" for i in range(0, len(digits), 24))
    return "\n".join(("gene\tvalue\trow", *lines)).encode() + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a data set as cartloader leaves it.")
    parser.add_argument("name", choices=sorted(path.stem for path in CORPORA.glob("*.json")))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the bytes of each file")
    parser.add_argument("--sparse", action="store_true", help="right sizes, no content, no room on the disk")
    options = parser.parse_args()
    made = make(options.name, options.folder, scale=options.scale, sparse=options.sparse)
    print(f"{len(made)} files, {sum(made.values()):,} bytes in {options.folder}")


if __name__ == "__main__":
    main()
