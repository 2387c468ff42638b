"""A page of another origin reads what the product published; and what the check says would fail, fails there."""

from __future__ import annotations

import base64
import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests import pmtiles
from tests.browser.chromium import BrowserError, Chromium, Page, chromium
from tests.conformance import in_process
from tests.conftest import Store
from tests.servers.front import Front, front
from tests.test_readable import WRONG, told
from tests.test_s3 import publish, published

HERE: Final = Path(__file__).parent
MODULES: Final = {
    "/pmtiles/index.js": "pmtiles/dist/esm/index.js",
    "/fflate/browser.js": "fflate/esm/browser.js",
    **{
        f"/maplibre-gl/{name}": f"maplibre-gl/dist/{name}"
        for name in ("maplibre-gl.mjs", "maplibre-gl-shared.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css")
    },
}
TABLE: Final = b"gene\tcount\nActb\t7\n"
SCREENSHOTS: Final = os.environ.get("CI_SCREENSHOTS", "")
"""A folder to keep them in, for people."""


def files(generation: int = 1) -> dict[str, bytes]:
    """A data set; each generation has other bytes everywhere. Tiles stand behind the 16 KiB that viewers read first."""
    noise = in_process.noise(60_000, str(generation))
    return {
        "genes_all.pmtiles": pmtiles.vector("cells", generation),
        "histology.pmtiles": pmtiles.archive(60_000, noise, f"histology {generation}" * 2000),
        "cells.tsv.gz": gzip.compress(TABLE * generation, mtime=0),
        "counts.json": b'{"generation": %d}' % generation,
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def viewer() -> Iterator[str]:
    """URL of the viewer, on an origin of its own."""
    with front() as site:
        for path, name in MODULES.items():
            site.files[path] = (HERE / "node_modules" / name).read_bytes()
        for name in ("viewer.html", "viewer.js"):
            site.files[f"/{name}"] = (HERE / name).read_bytes()
        yield f"{site.url}/viewer.html"


@pytest.fixture
def site(s3_server: Store) -> Iterator[Front]:
    with front(f"{s3_server.url}/{s3_server.bucket}/p") as found:
        yield found


@pytest.fixture
def page(browser: Chromium, viewer: str) -> Page:
    found = browser.open(viewer)
    found.run(
        "new Promise(done => { const look = () => window.ready ? done() : setTimeout(look, 20); look(); })"
    )
    return found


def upload(store: Store, workspace: Path, site: Front, viewer: str, **inputs: str) -> in_process.Run:
    """Publish, with a look as a reader of the viewer."""
    origin = viewer.removesuffix("/viewer.html")
    given = {"public_url": site.url, "viewer_origin": origin, "check_readable": "error"}
    return publish(store, workspace, **given, **inputs)


def test_everything_is_read_and_a_map_is_drawn(
    s3_server: Store, workspace: Path, site: Front, page: Page, viewer: str
) -> None:
    first = files()
    in_process.fill(workspace, first)
    published(upload(s3_server, workspace, site, viewer))
    catalog = yaml.safe_load(page.call("text", f"{site.url}/catalog.yaml"))
    assert catalog["id"] == "atlas"
    assert page.call("text", f"{site.url}/counts.json") == first["counts.json"].decode()
    packed = page.call("packed", f"{site.url}/cells.tsv.gz")
    assert base64.b64decode(packed["raw"]) == first["cells.tsv.gz"]
    assert packed["text"] == TABLE.decode()
    for name, kind in (("genes_all.pmtiles", 1), ("histology.pmtiles", 2)):
        header = page.call("header", f"{site.url}/{name}")
        assert header["tileType"] == kind
        assert header["etag"]
        tile = base64.b64decode(page.call("tile", f"{site.url}/{name}"))
        expected = pmtiles.read_tile(first[name]) if kind == 2 else pmtiles.mvt("cells", 1)
        assert tile == expected
    drawn = page.call("draw", f"{site.url}/genes_all.pmtiles", True)
    assert drawn["pixel"] == [255, 0, 0, 255]
    assert drawn["features"] == 1
    assert page.call("draw", f"{site.url}/histology.pmtiles", False)["pixel"] == [0, 0, 0, 255]
    assert page.complaints() == []
    assert not [path for path, _ in site.asked if path.startswith("OPTIONS")]


def test_a_page_that_is_open_sees_replaced_data(
    s3_server: Store, workspace: Path, site: Front, page: Page, viewer: str
) -> None:
    in_process.fill(workspace, files(1))
    published(upload(s3_server, workspace, site, viewer))
    for name in ("genes_all.pmtiles", "histology.pmtiles"):
        page.call("header", f"{site.url}/{name}")
    assert page.call("text", f"{site.url}/counts.json") == '{"generation": 1}'
    second = files(2)
    in_process.fill(workspace, second)
    published(upload(s3_server, workspace, site, viewer))
    assert page.call("text", f"{site.url}/counts.json") == '{"generation": 2}'
    assert page.call("packed", f"{site.url}/cells.tsv.gz")["text"] == (TABLE * 2).decode()
    assert base64.b64decode(page.call("tile", f"{site.url}/genes_all.pmtiles")) == pmtiles.mvt("cells", 2)
    tile = base64.b64decode(page.call("tile", f"{site.url}/histology.pmtiles"))
    assert tile == pmtiles.read_tile(second["histology.pmtiles"])
    # Of what has not changed, nothing is sent a second time.
    before = len(site.asked)
    page.call("text", f"{site.url}/counts.json")
    assert [headers["if-none-match"] for _, headers in site.asked[before:]] != []


@pytest.mark.parametrize(
    ("wrong", "function", "name"),
    [
        ("no CORS", "text", "catalog.yaml"),
        ("no CORS", "header", "genes_all.pmtiles"),
        ("CORS for another origin", "header", "genes_all.pmtiles"),
        ("CORS twice", "text", "catalog.yaml"),
        ("no ranges", "header", "histology.pmtiles"),
        ("gzip always", "header", "histology.pmtiles"),
        ("gzip claimed only", "packed", "cells.tsv.gz"),
        ("gzip claimed only", "header", "genes_all.pmtiles"),
        ("encoding claimed only", "text", "catalog.yaml"),
        ("not public", "header", "genes_all.pmtiles"),
        ("no PMTiles at all", "header", "genes_all.pmtiles"),
        ("redirect to another port", "text", "catalog.yaml"),
    ],
)
def test_what_the_check_says_would_fail_fails(
    s3_server: Store,
    workspace: Path,
    site: Front,
    page: Page,
    viewer: str,
    wrong: str,
    function: str,
    name: str,
) -> None:
    in_process.fill(workspace, files())
    published(publish(s3_server, workspace))
    turn, words = WRONG[wrong]
    turn(site)
    run = upload(s3_server, workspace, site, viewer, verify_only="true")
    assert run.code == 3
    assert words[0].partition(",")[0].partition(" (and")[0] in told(run)
    with pytest.raises(BrowserError):
        page.call(function, f"{site.url}/{name}")


def test_an_etag_that_is_not_exposed_breaks_a_page_that_is_open(
    s3_server: Store, workspace: Path, site: Front, page: Page, viewer: str
) -> None:
    site.expose = "content-length"
    in_process.fill(workspace, files(1))
    assert "does not expose its ETag" in told(upload(s3_server, workspace, site, viewer))
    url = f"{site.url}/histology.pmtiles"
    page.call("header", url)
    in_process.fill(
        workspace,
        files(2) | {"histology.pmtiles": pmtiles.archive(30_000, in_process.noise(30_000), "shorter")},
    )
    published(publish(s3_server, workspace))
    wanted = pmtiles.read_tile((workspace / "out" / "histology.pmtiles").read_bytes())
    # Not one assertion around both: pytest would take minutes to show how two binary tiles differ.
    try:
        is_right = base64.b64decode(page.call("tile", url)) == wanted
    except BrowserError:
        is_right = False
    assert not is_right


# https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
CONTRAST: Final = """(() => {
  const parts = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const linear = part => part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4;
  const light = colour => parts(colour).map(linear).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const ratio = element => { const l = light(getComputedStyle(element).color);
    return (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05); };
  return Math.min(...[...document.querySelectorAll("h1, p, a, code, td, summary, footer p")].map(ratio));
})()"""


def test_the_page_is_readable_on_every_screen(
    s3_server: Store, workspace: Path, site: Front, browser: Chromium, tmp_path: Path
) -> None:
    layers = {
        f"genes_bin{n}.pmtiles": pmtiles.archive(9_000 * n, in_process.noise(9_000 * n), "bin")
        for n in range(1, 16)
    }
    folder = in_process.fill(workspace, files() | layers)
    assets = {
        "sge": {"all": "genes_all.pmtiles", "bins": sorted(layers), "counts": "counts.json"},
        "factors": [{"id": "t12", "post": "cells.tsv.gz"}],
        "basemap": {"histology": "histology.pmtiles"},
    }
    about = {
        "id": "atlas",
        "title": "Mouse brain, coronal section",
        "description": "Sections of 10 µm, 12 factors.",
    }
    (folder / "catalog.yaml").write_text(yaml.safe_dump({**about, "assets": assets}, allow_unicode=True))
    published(publish(s3_server, workspace, page="true", public_url=site.url, check_readable="off"))
    page = browser.open(f"{site.url}/index.html")
    grounds = set()
    for width, mobile in ((390, True), (1280, False)):
        for dark in (False, True):
            page.look(width, 800, dark=dark, mobile=mobile)
            scheme = "dark" if dark else "light"
            page.screenshot(Path(SCREENSHOTS or tmp_path) / f"page-{width}-{scheme}.png")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (width, scheme)
            assert page.run(CONTRAST) >= 4.5, (width, scheme)
            grounds.add(page.run("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
    assert page.complaints() == []
    links = page.run(
        "[...document.querySelectorAll('a')].map(a => a.href).filter(h => h.startsWith(location.origin))"
    )
    for link in set(links):
        assert page.run(f"fetch({link!r}).then(r => r.status).catch(() => 200)") == 200
