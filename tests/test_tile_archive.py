"""PMTiles and MBTiles are believed only after a look; a cut-out holds what a screen shows along a drive."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from map_data_files import LAT, LON, place, write_mbtiles, write_pbf
from PIL import Image
from test_basemap import made

from maps.basemap import add_archive, add_service
from maps.basemap_layer import open_basemap
from maps.cut_out import cut_out, tiles_near
from maps.map_files import BaseMapError
from maps.mbtiles import from_mbtiles
from maps.tile_archive import Archive, open_archive, plain_text, rewrite
from maps.tile_service import TileService, checked, origin, read_tile_json

WAY = np.array([[LON, LAT], [*place(0, 900)]])
AT = tiles_near([WAY], 15)[0]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base map of a few streets."""
    folder = tmp_path_factory.mktemp("town")
    made(folder / "town.pmtiles", write_pbf(folder / "town.osm.pbf"))
    return folder / "town.pmtiles"


def picture(colour: tuple[int, int, int] = (200, 60, 60), kind: str = "png") -> bytes:
    file = BytesIO()
    Image.new("RGB", (256, 256), colour).save(file, kind)
    return file.getvalue()


def changed(at: int, data: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        whole = bytearray(path.read_bytes())
        whole[at : at + len(data)] = data
        path.write_bytes(whole)

    return change


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def other_layers(path: Path) -> None:
    archive = open_archive(path)
    archive.metadata["vector_layers"] = [{"id": "transportation"}]
    rewrite(archive, path.with_suffix(".new"), attribution="")
    path.with_suffix(".new").replace(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_text("no tiles"), "is no PMTiles file"),
        (lambda path: path.write_bytes(b""), "is broken"),
        (lambda path: path.unlink(), "does not exist"),
        (changed(7, b"\x02"), "version 2"),
        (shortened, "is broken"),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "is broken"),
        (changed(99, b"\x06"), "of a kind that is not drawn"),
        (changed(98, b"\x03"), "not every browser reads"),
        (changed(99, b"\x02"), "not PNG"),
        (changed(102, b"\xff\xff\xff\x7f"), "bounds off the globe"),
        (changed(100, b"\x10"), "zooms"),
        (changed(127, b"\x00" * 20), "is broken"),
        (other_layers, "transportation"),
    ],
)
def test_what_is_no_base_map_is_refused(
    town: Path, tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    path = Path(shutil.copy(town, tmp_path / "b.pmtiles"))
    spoil(path)
    with pytest.raises(BaseMapError, match=words):
        open_archive(path)
    with pytest.raises(BaseMapError):
        add_archive(path, tmp_path / "out.pmtiles", "x")
    assert not (tmp_path / "out.pmtiles").exists()


def test_an_attribution_is_added(town: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.pmtiles"
    add_archive(town, out, "© ○○市 & 県")
    before, after = open_archive(town), open_archive(out)
    assert after.attribution == "© ○○市 & 県"
    assert [after.tile(tile) for tile in tiles_near([WAY], 15)] == [
        before.tile(tile) for tile in tiles_near([WAY], 15)
    ]


def test_mbtiles_of_vectors(town: Path, tmp_path: Path) -> None:
    archive = open_archive(town)
    tiles = {
        tile: data for z in range(4, 16) for tile in tiles_near([WAY], z) if (data := archive.tile(tile))
    }
    plain = {tile: gzip.decompress(data) for tile, data in tiles.items()}
    told = json.dumps({"vector_layers": archive.metadata["vector_layers"]})
    add_archive(write_mbtiles(tmp_path / "t.mbtiles", "pbf", plain, json=told), tmp_path / "b.pmtiles", "市")
    after = open_archive(tmp_path / "b.pmtiles")
    assert (after.header["min_zoom"], after.max_zoom) == (8, 15)
    assert {tile: gzip.decompress(after.tile(tile) or b"") for tile in tiles} == plain


@pytest.mark.parametrize(("kind", "view"), [("png", False), ("png", True), ("jpg", False), ("webp", False)])
def test_mbtiles_of_pictures(tmp_path: Path, kind: str, view: bool) -> None:
    data = picture(kind="jpeg" if kind == "jpg" else kind)
    source = write_mbtiles(tmp_path / "t.mbtiles", kind, {AT: data}, view=view)
    add_archive(source, tmp_path / "b.pmtiles", "市")
    archive = open_archive(tmp_path / "b.pmtiles")
    assert archive.raster
    assert archive.tile(AT) == data


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"x" * 99), "no MBTiles"),
        (lambda path: write_mbtiles(path, "tiff", {AT: b"x"}), "not drawn"),
        (lambda path: write_mbtiles(path, "png", {}), "no tile"),
        (lambda path: write_mbtiles(path, "png", {AT: picture()}, bounds="a,b"), "broken"),
        (lambda path: write_mbtiles(path, "png", {AT: b"text"}), "not PNG"),
    ],
)
def test_mbtiles_that_are_none(tmp_path: Path, write: Callable[[Path], object], words: str) -> None:
    write(tmp_path / "t.mbtiles")
    with pytest.raises(BaseMapError, match=words):
        add_archive(tmp_path / "t.mbtiles", tmp_path / "b.pmtiles", "市")
    assert [path.name for path in tmp_path.iterdir()] == ["t.mbtiles"]


def test_a_cut_out_holds_what_is_along_a_way_and_no_more(tmp_path: Path) -> None:
    lines = [
        ([(139.0 + step / 50, 35.5), (139.02 + step / 50, 35.5)], {"highway": "residential"})
        for step in range(60)
    ]
    made(tmp_path / "b.pmtiles", write_pbf(tmp_path / "t.osm.pbf", lines, []))
    archive = open_archive(tmp_path / "b.pmtiles")
    way = np.array([[139.5, 35.5], [139.55, 35.5]])
    part = cut_out(archive, [way], 10_000_000)
    assert part is not None
    assert (part.max_zoom, part.left_out) == (15, 0)
    (tmp_path / "part.pmtiles").write_bytes(part.data)
    cut = open_archive(tmp_path / "part.pmtiles")
    kept = [tile for tile in tiles_near([way], 15) if archive.tile(tile)]
    assert len(kept) == 10, "five tiles along the way, two on to either side, and one begun"
    assert all(cut.tile(tile) == archive.tile(tile) for tile in kept)
    far = tiles_near([np.array([[139.9, 35.5]])], 15)
    assert [cut.tile(tile) for tile in far] == [None] * len(far)
    assert any(archive.tile(tile) for tile in far)


def test_a_cut_out_keeps_within_its_limit_by_leaving_the_deepest_zooms(town: Path) -> None:
    archive = open_archive(town)
    whole = cut_out(archive, [WAY], 1_000_000)
    assert whole is not None
    less = cut_out(archive, [WAY], len(whole.data) // 2)
    assert less is not None
    assert less.left_out > 0
    assert less.max_zoom == 15 - less.left_out
    assert len(less.data) < len(whole.data)
    assert cut_out(archive, [WAY], 10) is None
    assert cut_out(archive, [np.array([[0.0, 0.0]])], 1_000_000) is None


def test_a_tile_is_found_beyond_the_root_directory(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tiles = {
        (15, AT[1] + 2 * (at % 160), AT[2] + at // 160): b"\x89PNG" + rng.bytes(int(rng.integers(4, 2000)))
        for at in range(160**2)
    }
    from_mbtiles(write_mbtiles(tmp_path / "t.mbtiles", "png", tiles), tmp_path / "b.pmtiles")
    archive: Archive = open_archive(tmp_path / "b.pmtiles")
    assert archive.header["leaf_directory_length"] > 0
    some = list(tiles)[:: len(tiles) // 40]
    assert [archive.tile(tile) for tile in some] == [tiles[tile] for tile in some]


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://gis.example.lg.jp/t/{z}/{x}/{y}.png", "http://gis.example.lg.jp"),
        ("https://gis.example.lg.jp:8443/{z}/{x}/{-y}.jpg", "https://gis.example.lg.jp:8443"),
        ("http://10.1.2.3/base.pmtiles", "http://10.1.2.3"),
        ("http://[fd00::1]:80/{z}/{x}/{y}.mvt", "http://[fd00::1]:80"),
        ("http://地図.example.jp/{z}/{x}/{y}.png", "http://xn--lcs7e.example.jp"),
    ],
)
def test_a_policy_names_the_origin_alone(url: str, named: str) -> None:
    assert origin(url) == named
    checked(TileService(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://gis.example.lg.jp/map.html", "ftp://gis.example.lg.jp/{z}/{x}/{y}.png",
        "file:///etc/{z}/{x}/{y}.png", "http:///{z}/{x}/{y}.png", "http://{s}.example.jp/{z}/{x}/{y}.png",
        "http://user:word@example.jp/{z}/{x}/{y}.png", "http://a;b/{z}/{x}/{y}.png", "http://a *//{z}/{x}/{y}",
        "http://example.jp:port/{z}/{x}/{y}.png", "http://example.jp/{z}/{x}/{y}/{key}.png",
    ],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BaseMapError, match="no address of tiles"):
        add_service(url, tmp_path / "b.json", "市", 0, 18)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://a.jp/{z}/{x}/{y}.png", "http://a.jp/base.pmtiles"])
def test_an_address_is_kept_as_tilejson(tmp_path: Path, url: str) -> None:
    add_service(url, tmp_path / "b.json", "○○市", 5, 17)
    told = json.loads((tmp_path / "b.json").read_text("utf-8"))
    assert told["tilejson"] == "3.0.0"
    assert open_basemap(str(tmp_path / "b.json")) == TileService(url, "○○市", 5, 17)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"tiles": []}', '{"tiles": ["http://a/{z}/{x}/{y}"], "minzoom": "x"}']
)
def test_tilejson_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(BaseMapError, match="no TileJSON"):
        read_tile_json(tmp_path / "b.json")


def test_markup_in_an_attribution_is_taken_out() -> None:
    assert plain_text('<a href="x">&copy; OSM</a> <img src=x onerror=alert(1)>, 市') == "© OSM , 市"
