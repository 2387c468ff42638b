"""What a run publishes, and what was there before, generated from a seed."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

MIB: Final = 1 << 20
LARGE: Final = (16 * MIB + 1, 17 * MIB, 18 * MIB + 12345)
NAMES: Final = (
    "genes_all.pmtiles",
    "a b.tsv",
    "ünï-名前.json",
    "deep/er/cells.pmtiles",
    "x+y&z=1.tsv.gz",
    "per%20cent.png",
    "umap.png",
    "counts.json",
    "q'uote.tsv",
)
FLAT: Final = tuple(name.replace("/", "-") for name in NAMES)


@functools.lru_cache(maxsize=4)
def _noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(max(LARGE))


def content(rng: random.Random, size: int) -> bytes:
    """Bytes without a pattern; large ones are cheap to make."""
    if size <= MIB:
        return rng.randbytes(size)
    start = rng.randbytes(16)
    return start + _noise(rng.randrange(4))[: size - len(start)]


@dataclass(frozen=True)
class Unit:
    """A data set: one directory, one catalog.

    Attributes:
        folder: below the in-dir; empty where it is the in-dir.
        files: what the catalog lists.
        before: what is at the destination before the run, an older catalog among it or not.
    """

    folder: str
    files: Mapping[str, bytes]
    catalog: bytes
    before: Mapping[str, bytes]

    @property
    def all(self) -> dict[str, bytes]:
        """Files and catalog."""
        return {**self.files, "catalog.yaml": self.catalog}

    def write(self, root: Path) -> None:
        """Onto the disk."""
        for name, data in self.all.items():
            path = root / self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def catalog(ident: str, names: Mapping[str, bytes], note: str = "") -> bytes:
    """A catalog that lists these files."""
    listed = {f"layer{number}": name for number, name in enumerate(names)}
    document = {"id": ident, "title": f"Atlas {note}", "assets": {"basemap": listed}}
    return yaml.safe_dump(document, allow_unicode=True).encode()


def unit(rng: random.Random, folder: str, *, flat: bool, large: bool, files: int = 0) -> Unit:
    """A data set.

    Args:
        flat: names without folders, and no empty file.
        large: one file is sent in parts.
    """
    names = rng.sample(FLAT if flat else NAMES, files or rng.randint(3, 6))
    low = 1 if flat else 0
    made = {name: content(rng, rng.choice((low, 100, 5000, rng.randrange(low, 60_000)))) for name in names}
    if large:
        made[names[0]] = content(rng, rng.choice(LARGE))
    ident = folder or "atlas"
    before: dict[str, bytes] = {}
    if rng.random() < 0.65:
        before = {name: made[name] for name in names if rng.random() < 0.4 and len(made[name]) < MIB}
        before |= {
            name: b"old " + name.encode() for name in names if name not in before and rng.random() < 0.5
        }
        before["catalog.yaml"] = catalog(ident, dict.fromkeys(names[:2], b""), "of yesterday")
    return Unit(folder, made, catalog(ident, made), before)
