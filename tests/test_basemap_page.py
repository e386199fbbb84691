"""The base map in a real browser: drawn from within the page, or from one server and no other."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import roaddamage
from conftest import until
from map_data_files import LAT, LON, place, write_fgd, write_mbtiles, write_pbf
from test_basemap import made
from test_map import EVIL, TOKYO, Page
from test_tile_archive import picture

from maps import basemap_layer
from maps.basemap import add_archive, add_service
from maps.basemap_layer import open_basemap
from maps.cut_out import tiles_near
from maps.exports import Driven
from maps.offline import ASSETS, CARRIED, POLICY
from maps.tile_archive import Archive
from maps.webmap import write_map
from roaddamage.language import translation

WAY = Driven("a", [np.array([[LON, LAT], [*place(0, 900)]])], 900.0, 1.7157e9)
WATER = "205,223,234"
"""Colour of water on the page."""
FIND_MAP = "Object.values(window).find(x => x instanceof L.Map)"
LOADING = f"Object.values({FIND_MAP}._layers).some(layer => layer.isLoading && layer.isLoading())"
COLOURS = """() => { const seen = {};
    document.querySelectorAll('canvas.leaflet-tile').forEach(tile => {
        if (!tile.width) return;
        const data = tile.getContext('2d').getImageData(0, 0, tile.width, tile.height).data;
        for (let i = 0; i < data.length; i += 4)
            if (data[i + 3] > 90) { const c = data.slice(i, i + 3).join(); seen[c] = (seen[c] || 0) + 1; }
    }); return seen; }"""


def page_with(tmp_path: Path, basemap: Any, language: str = "ja") -> tuple[Path, basemap_layer.Drawn]:
    path = tmp_path / "map.html"
    drawn = write_map(
        path, [], [WAY], tmp_path, zone=TOKYO, language=language, translate=translation(language),
        basemap=basemap,
    )  # fmt: skip
    return path, drawn


def show(opened: Page, east_m: float, north_m: float, zoom: int) -> None:
    lon, lat = place(east_m, north_m)
    opened.page.evaluate(f"{FIND_MAP}.setView([{lat}, {lon}], {zoom}, {{animate: false}})")
    until(lambda: not opened.page.evaluate(LOADING), "the map's tiles")


def policy(path: Path) -> dict[str, list[str]]:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', path.read_text("utf-8"))
    assert found
    return {part.split()[0]: part.split()[1:] for part in found[1].split(";")}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    made(folder / "town.pmtiles", write_pbf(folder / "town.osm.pbf"))
    return folder / "town.pmtiles"


def test_it_is_drawn_from_within_the_page(tmp_path: Path, town: Path, browser: Any) -> None:
    path, drawn = page_with(tmp_path, open_basemap(str(town)))
    assert drawn.told(str) == ""
    opened = Page(browser, path)
    show(opened, 50, 630, 18)
    colours = opened.page.evaluate(COLOURS)
    assert colours.get(WATER, 0) > 5000, "the pond"
    assert colours.get("255,255,255", 0) > 1000, "the road"
    assert "© OpenStreetMap contributors" in opened.page.inner_text(".leaflet-control-attribution")
    assert "背景地図" in opened.page.inner_text(".leaflet-control-layers")
    opened.page.click("text=背景地図")
    until(lambda: opened.page.evaluate(COLOURS) == {}, "a map without its ground")
    assert opened.asked_for() == [path.as_uri()]
    assert opened.errors == []
    assert policy(path).keys() == set(POLICY)
    assert policy(path)["img-src"] == ["data:", "'self'"]


@pytest.mark.parametrize("zoom", [10, 11, 13, 14, 16, 18, 20])
def test_every_zoom_is_drawn_without_an_error(tmp_path: Path, town: Path, browser: Any, zoom: int) -> None:
    opened = Page(browser, page_with(tmp_path, open_basemap(str(town)))[0])
    show(opened, 20, 400, zoom)
    assert len(opened.page.evaluate(COLOURS)) > 1
    assert opened.errors == []


def test_fundamental_geospatial_data_is_drawn(tmp_path: Path, browser: Any) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_fgd(folder)
    made(tmp_path / "b.pmtiles", folder)
    opened = Page(browser, page_with(tmp_path, open_basemap(str(tmp_path / "b.pmtiles")))[0])
    show(opened, 50, 630, 18)
    assert opened.page.evaluate(COLOURS).get(WATER, 0) > 5000
    assert "基盤地図情報" in opened.page.inner_text(".leaflet-control-attribution")
    assert opened.errors == []


def test_without_a_base_map_the_page_carries_none_of_it(tmp_path: Path, browser: Any) -> None:
    path, _ = page_with(tmp_path, None)
    assert "protomaps" not in path.read_text("utf-8")
    assert Page(browser, path).errors == []


def test_text_of_a_base_map_never_becomes_markup(tmp_path: Path, browser: Any) -> None:
    source = write_pbf(
        tmp_path / "t.osm.pbf", [([place(0, 0), place(0, 900)], {"highway": "primary", "name": EVIL})]
    )
    made(
        tmp_path / "b.pmtiles", source, attribution=f"市 {EVIL} &lt;script&gt;window.hacked=1&lt;/script&gt;"
    )
    opened = Page(browser, page_with(tmp_path, open_basemap(str(tmp_path / "b.pmtiles")))[0])
    show(opened, 0, 300, 17)
    assert opened.page.evaluate("window.hacked") is None
    assert "<script>" in opened.page.inner_text(".leaflet-control-attribution")
    assert opened.errors == []


@pytest.mark.parametrize("name", ["\u200b", "\u3000", "⠀", "・"])
def test_a_name_that_can_not_be_seen_does_no_harm(tmp_path: Path, browser: Any, name: str) -> None:
    road = ([place(0, 0), place(0, 900)], {"highway": "primary", "name": name})
    made(tmp_path / "b.pmtiles", write_pbf(tmp_path / "t.osm.pbf", [road], []))
    opened = Page(browser, page_with(tmp_path, open_basemap(str(tmp_path / "b.pmtiles")))[0])
    show(opened, 0, 300, 17)
    assert opened.page.evaluate(COLOURS).get("255,255,255", 0) > 1000
    assert opened.errors == []


def test_pictures_out_of_a_file(tmp_path: Path, browser: Any) -> None:
    tiles = {tile: picture() for zoom in range(12, 18) for tile in tiles_near(WAY.ways, zoom)}
    add_archive(write_mbtiles(tmp_path / "t.mbtiles", "png", tiles), tmp_path / "b.pmtiles", "○○市")
    path, _ = page_with(tmp_path, open_basemap(str(tmp_path / "b.pmtiles")))
    opened = Page(browser, path)
    show(opened, 0, 400, 16)
    widths = opened.page.eval_on_selector_all(
        "img.leaflet-tile", "all => all.filter(x => x.src).map(x => x.naturalWidth)"
    )
    assert set(widths) == {256}
    show(opened, 0, 400, 4)
    assert opened.page.locator("img.leaflet-tile").count() == 0, "far out it would be every tile there is"
    assert policy(path)["img-src"] == ["data:", "'self'", "blob:"]
    assert [url for url in opened.asked_for() if not url.startswith("blob:")] == [path.as_uri()]
    assert opened.errors == []


def served(context: Any, origin: str, files: dict[str, bytes]) -> None:
    """Answer for a server in the browser, also to requests for a piece of a file."""

    def answer(route: Any) -> None:
        data = files[route.request.url.removeprefix(origin)]
        headers = {"Access-Control-Allow-Origin": "*", "ETag": '"1"'}
        if piece := re.match(r"bytes=(\d+)-(\d+)", route.request.headers.get("range", "")):
            first, last = int(piece[1]), min(int(piece[2]), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            route.fulfill(status=206, body=data[first : last + 1], headers=headers)
        else:
            route.fulfill(status=200, body=data, headers=headers)

    context.route(f"{origin}/**", answer)


class Served(Page):
    """A page beside a server that answers for one origin."""

    def __init__(self, browser: Any, path: Path, origin: str, files: dict[str, bytes]) -> None:
        self.context = browser.new_context(viewport={"width": 800, "height": 600})
        served(self.context, origin, files)
        super().__init__(type("Tabs", (), {"new_page": lambda *_, **__: self.context.new_page()})(), path)


@pytest.mark.parametrize("kind", ["png", "pmtiles", "pbf"])
def test_one_server_may_be_asked_and_no_other(tmp_path: Path, town: Path, browser: Any, kind: str) -> None:
    origin = "http://gis.example.lg.jp:8080"
    address = "/base.pmtiles" if kind == "pmtiles" else f"/t/{{z}}/{{x}}/{{y}}.{kind}"
    files = {"/base.pmtiles": town.read_bytes()}
    near = [tile for zoom in range(12, 18) for tile in tiles_near(WAY.ways, zoom)]
    files |= {f"/t/{z}/{x}/{y}.png": picture() for z, x, y in near}
    archive = open_basemap(str(town))
    assert isinstance(archive, Archive)
    files |= {
        f"/t/{z}/{x}/{y}.pbf": gzip.decompress(archive.tile((z, x, y)) or gzip.compress(b""))
        for z, x, y in near
    }
    add_service(origin + address, tmp_path / "b.json", "○○市", 4, 17 if kind == "png" else 15)
    path, _ = page_with(tmp_path, open_basemap(str(tmp_path / "b.json")))
    opened = Served(browser, path, origin, files)
    show(opened, 20, 400, 16)
    asked = [url for url in opened.asked_for() if url != path.as_uri() and not url.startswith("blob:")]
    assert asked
    assert all(url.startswith(origin + "/") for url in asked)
    if kind == "png":
        assert opened.page.eval_on_selector_all("img.leaflet-tile", "all => all[0].naturalWidth") == 256
    else:
        assert opened.page.evaluate(COLOURS).get("255,255,255", 0) > 1000
    assert opened.errors == []
    rules = policy(path)
    sources = [source for values in rules.values() for source in values if "//" in source]
    assert sources == [origin]
    assert rules["img-src" if kind == "png" else "connect-src"][-1] == origin
    opened.context.close()


def test_what_is_left_out_for_its_size_is_said(
    tmp_path: Path, town: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basemap_layer, "EMBEDDED_BYTES", town.stat().st_size // 2)
    path, drawn = page_with(tmp_path, open_basemap(str(town)))
    assert "deepest zooms are left out" in drawn.told(str)
    opened = Page(browser, path)
    show(opened, 0, 400, 16)
    assert len(opened.page.evaluate(COLOURS)) > 1, "the coarser zooms serve close by"
    assert opened.errors == []


def test_a_base_map_of_elsewhere_is_said(tmp_path: Path, town: Path) -> None:
    way = replace(WAY, ways=[np.array([[135.0, 34.0], [135.01, 34.0]])])
    drawn = write_map(
        tmp_path / "map.html", [], [way], tmp_path, zone=TOKYO, language="en", translate=str,
        basemap=open_basemap(str(town)),
    )  # fmt: skip
    assert "has nothing where was driven" in drawn.told(str)


def test_everything_carried_is_there_with_its_licence() -> None:
    for path in CARRIED.values():
        assert path.is_file()
        if path.is_relative_to(ASSETS) and not path.is_relative_to(ASSETS / "roaddamage"):
            assert [file for file in path.parent.iterdir() if "LICEN" in file.name.upper()], path


def test_detect_takes_it_and_refuses_what_is_none(tmp_path: Path, town: Path, short_drive: Path) -> None:
    done = roaddamage("detect", short_drive, "--out", tmp_path / "out", "--basemap", town, "--lang", "en")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "map.html").read_text("utf-8")
    assert "roadBasemap" in page
    bad = tmp_path / "bad.pmtiles"
    bad.write_text("x")
    done = roaddamage("detect", short_drive, "--out", tmp_path / "no", env={"ROADDAMAGE_BASEMAP": str(bad)})
    assert (done.returncode, "is no PMTiles file" in done.stderr) == (3, True)
    assert not (tmp_path / "no").exists()
    done = roaddamage("probe", short_drive, "--map", tmp_path / "way.html", "--basemap", town)
    assert done.returncode == 0
    assert "roadBasemap" in (tmp_path / "way.html").read_text("utf-8")
