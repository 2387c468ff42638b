"""The folders that are sent, made when they are asked for the first time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import yaml

from tests import dataset
from tools.measuring import DATA


def near(*, quick: bool) -> dict[str, Callable[[], Path]]:
    """What is sent to a store beside us."""
    few, large = (16, 256) if quick else (64, 1000)
    scale = 0.1 if quick else 1.0
    return {
        "1000 x 20 kB": lambda: equal(1000, 20_000),
        f"{few} x 8 MB": lambda: equal(few, 8_000_000),
        f"2 x {large} MB": lambda: equal(2, large * 1_000_000),
        f"typical set, {760 * scale:.0f} MB": lambda: typical(scale),
    }


def far(*, quick: bool) -> dict[str, Callable[[], Path]]:
    """What is sent to a store in another region."""
    many, few, large = (200, 16, 256) if quick else (1000, 64, 1000)
    return {
        f"{many} x 20 kB": lambda: equal(many, 20_000),
        "typical set, 76 MB": lambda: typical(0.1),
        f"{few} x 8 MB": lambda: equal(few, 8_000_000),
        f"2 x {large} MB": lambda: equal(2, large * 1_000_000),
    }


def typical(scale: float) -> Path:
    """The folder of the typical set, with a part of its bytes."""
    folder = DATA / f"typical-{scale}"
    if not (folder / "catalog.yaml").exists():
        dataset.make("typical", folder, scale=scale)
    return folder


def equal(count: int, size: int) -> Path:
    """A folder with a catalog of so many files of one size; the content is noise."""
    folder = DATA / f"{count}x{size}"
    catalog = folder / "catalog.yaml"
    if catalog.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"genes_bin{number}.pmtiles" for number in range(1, count + 1)]
    for name in names:
        with (folder / name).open("wb") as file:
            for start in range(0, size, dataset.BLOCK):
                file.write(os.urandom(min(dataset.BLOCK, size - start)))
    catalog.write_text(yaml.safe_dump({"id": "bench", "assets": {"sge": {"all": names[0], "bins": names}}}))
    return folder
