"""A base map is built from each kind of map data, and says what is wrong with data that is none."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
import shapely
from command import roaddamage
from map_data_files import (
    FGD_FEATURES,
    LAT,
    LON,
    OSM_WAYS,
    block,
    place,
    streets,
    write_fgd,
    write_geopackage,
    write_pbf,
    write_shapefile,
    zipped,
)
from shapely.geometry import LineString

from maps import basemap_classes as classes
from maps import basemap_sources
from maps.basemap import FGD_ATTRIBUTION, OSM_ATTRIBUTION, Built, build
from maps.basemap_sources import batches, layers_of
from maps.map_files import BaseMapError, source_files
from maps.sea import sea
from maps.tile_archive import open_archive


def made(out: Path, *sources: object, crs: str | None = None, attribution: str | None = None) -> Built:
    return build([str(s) for s in sources], out, crs=crs, attribution=attribution, watch=lambda *_: None)


def layer(path: Path, name: str, zoom: int = 15) -> gpd.GeoDataFrame:
    """What a base map's tiles of a zoom hold, in EPSG:4326."""
    if name not in {row[0] for row in pyogrio.list_layers(path)}:
        return gpd.GeoDataFrame({"name": [], "kind": []}, geometry=[], crs=4326)
    return pyogrio.read_dataframe(path, layer=name, ZOOM_LEVEL=str(zoom)).to_crs(4326)


def names(path: Path, layer_name: str, zoom: int = 15) -> set[str]:
    frame = layer(path, layer_name, zoom)
    return set(frame["name"].dropna()) - {""} if "name" in frame else set()


@pytest.fixture(scope="module")
def osm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base map of the little OpenStreetMap file."""
    folder = tmp_path_factory.mktemp("osm")
    made(folder / "osm.pmtiles", write_pbf(folder / "town.osm.pbf"))
    return folder / "osm.pmtiles"


def test_openstreetmap_with_names_in_japanese(osm: Path) -> None:
    assert names(osm, "roads") == {"中央通り", "さくら通り", "本線"}
    assert names(osm, "pois") == {"渋谷", "中央公園", "不忍池"}
    assert names(osm, "places") == {"本町"}
    assert names(osm, "water") == {"目黒川"}
    assert set(layer(osm, "roads")["kind"]) == {"major_road", "minor_road", "rail"}
    assert len(layer(osm, "buildings")) == 1
    archive = open_archive(osm)
    assert archive.attribution == OSM_ATTRIBUTION
    assert not [key for key in archive.metadata if key.startswith("generator")], "paths of the machine"
    west, south, east, north = archive.bounds
    assert west == pytest.approx(LON, abs=1e-4)
    assert south == pytest.approx(LAT, abs=1e-4)
    assert (east, north) == pytest.approx(place(600, 900), abs=1e-4)


@pytest.mark.parametrize(
    ("zoom", "roads", "buildings"),
    [(7, set(), 0), (8, {"本線", "中央通り"}, 0), (11, {"本線", "中央通り"}, 0),
     (12, {"本線", "中央通り", "さくら通り"}, 0), (15, {"本線", "中央通り", "さくら通り"}, 1)],
)  # fmt: skip
def test_each_zoom_shows_what_can_be_read_there(
    osm: Path, zoom: int, roads: set[str], buildings: int
) -> None:
    assert names(osm, "roads", zoom) == roads
    assert len(layer(osm, "buildings", zoom)) == buildings


@pytest.mark.parametrize("datum", ["jgd2000", "jgd2011", "jgd2024"])
def test_fundamental_geospatial_data_of_each_datum(tmp_path: Path, datum: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_fgd(folder, datum)
    out = tmp_path / "b.pmtiles"
    built = made(out, folder)
    assert built.attribution == FGD_ATTRIBUTION
    roads = layer(out, "roads")
    # A line over a tile's edge is in both tiles; these three differ in longitude.
    assert roads.bounds["minx"].round(4).nunique() == 2, "what is marked 非表示 is not shown"
    west, south, east, north = roads.total_bounds
    # Between the datums lie decimetres here at most; a swapped axis would be a continent.
    assert (west, south) == pytest.approx((LON, LAT), abs=2e-5)
    assert (east, north) == pytest.approx(place(300, 900), abs=2e-5)
    assert names(out, "places") == {"本町一丁目"}
    assert names(out, "water") == {"不忍池"}
    assert len(layer(out, "buildings")) == 1
    assert layer(out, "roads", 12).bounds["minx"].round(4).nunique() == 1, "garden paths come later"


def test_zips_within_zips_are_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    made(tmp_path / "b.pmtiles", zipped(tmp_path / "PackDLMap.zip", write_fgd(folder)))
    assert names(tmp_path / "b.pmtiles", "places") == {"本町一丁目"}


@pytest.mark.parametrize(
    "crs", ["EPSG:6668", "EPSG:4612", "EPSG:6677", "EPSG:2451", "EPSG:30169", "EPSG:3857"]
)
def test_coordinate_systems_of_japan(tmp_path: Path, crs: str) -> None:
    """JGD2011, JGD2000, their plane-rectangular zone IX, that of the Tokyo datum, Web Mercator."""
    source = write_shapefile(tmp_path / "道路.shp", streets(crs))
    made(tmp_path / "b.pmtiles", source)
    roads = layer(tmp_path / "b.pmtiles", "roads")
    details = set(zip(roads["name"], roads["kind_detail"], strict=True))
    assert details == {("市道1号線", "residential"), ("国道246号", "trunk")}
    # Without PROJ's grids the Tokyo datum is good to metres.
    near = 1e-4 if crs == "EPSG:30169" else 2e-5
    assert roads.total_bounds == pytest.approx([*place(0, 0), *place(600, 900)], abs=near)


def test_a_geopackage_s_layers_by_their_names(tmp_path: Path) -> None:
    out = tmp_path / "b.pmtiles"
    built = made(out, write_geopackage(tmp_path / "city.gpkg"), attribution="○○市")
    assert (names(out, "roads"), names(out, "places")) == ({"市道1号線", "国道246号"}, {"本町"})
    assert built.features["buildings"] == 1
    assert open_archive(out).attribution == "○○市"


def test_several_sources_make_one_file(tmp_path: Path) -> None:
    out = tmp_path / "b.pmtiles"
    ledger = write_shapefile(tmp_path / "daicho.shp", streets())
    fgd = write_fgd(tmp_path)[0]
    built = made(out, write_pbf(tmp_path / "t.osm.pbf"), fgd, f"roads={ledger}")
    assert {"中央通り", "国道246号"} <= names(out, "roads")
    assert "edge" in set(layer(out, "roads")["kind"])
    assert built.attribution == f"{OSM_ATTRIBUTION}, {FGD_ATTRIBUTION}"


def test_a_crs_is_given_where_none_is_stated(tmp_path: Path) -> None:
    source = write_shapefile(tmp_path / "roads.shp", streets("EPSG:6677"), crs=False)
    made(tmp_path / "b.pmtiles", source, crs="EPSG:6677")
    assert layer(tmp_path / "b.pmtiles", "roads").total_bounds == pytest.approx(
        [*place(0, 0), *place(600, 900)], abs=2e-5
    )


def text_as_pbf(folder: Path) -> Path:
    (folder / "x.osm.pbf").write_text("<osm/>")
    return folder / "x.osm.pbf"


def zip_as_gpkg(folder: Path) -> Path:
    source = shutil.make_archive(str(folder / "z"), "zip", folder)
    return Path(shutil.move(source, folder / "x.gpkg"))


def half_a_pbf(folder: Path) -> Path:
    path = write_pbf(folder / "x.osm.pbf")
    path.write_bytes(path.read_bytes()[:-100])
    return path


def half_a_gml(folder: Path) -> Path:
    path = write_fgd(folder)[0]
    path.write_text(path.read_text("utf-8")[:-60], "utf-8")
    return path


def half_a_shapefile(folder: Path) -> Path:
    path = write_shapefile(folder / "roads.shp", streets())
    path.write_bytes(path.read_bytes()[:-20])
    return path


def half_a_geopackage(folder: Path) -> Path:
    path = write_geopackage(folder / "x.gpkg")
    path.write_bytes(path.read_bytes()[:5000])
    return path


def unnamed(folder: Path) -> Path:
    return write_shapefile(folder / "data1.shp", streets())


def empty(folder: Path) -> Path:
    return write_shapefile(folder / "roads.shp", streets().iloc[:0])


def contours(folder: Path) -> Path:
    return write_fgd(folder, features=[row for row in FGD_FEATURES if row[0] == "Cntr"])[0]


def lost(folder: Path) -> Path:
    frame = streets("EPSG:6677").set_crs(6668, allow_override=True)
    return write_shapefile(folder / "roads.shp", frame)


def no_crs(folder: Path) -> Path:
    return write_shapefile(folder / "roads.shp", streets(), crs=False)


def nothing(folder: Path) -> Path:
    (folder / "in").mkdir()
    (folder / "in" / "readme.txt").write_text("x")
    return folder / "in"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (text_as_pbf, "not what its name says"),
        (zip_as_gpkg, "not what its name says"),
        (half_a_pbf, "breaks off"),
        (half_a_gml, "breaks off"),
        (half_a_shapefile, "breaks off"),
        (half_a_geopackage, "can't be read"),
        (unnamed, "roads="),
        (empty, "no road, building, water or name was found"),
        (contours, "drawn on a base map"),
        (lost, "not on the globe"),
        (no_crs, "--crs EPSG:6677"),
        (nothing, "holds none of these"),
        (lambda folder: folder / "none.gpkg", "does not exist"),
        (lambda folder: Path(shutil.copy(__file__, folder / "x.py")), "of no kind"),
    ],
)
def test_bad_sources_are_refused_and_nothing_is_written(
    tmp_path: Path, source: Callable[[Path], Path], words: str
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    path, out = source(folder), tmp_path / "out" / "b.pmtiles"
    out.parent.mkdir()
    out.write_text("earlier")
    with pytest.raises(BaseMapError, match=words) as refused:
        made(out, path)
    assert path.name in str(refused.value)
    assert [(file.name, file.read_text()) for file in out.parent.iterdir()] == [("b.pmtiles", "earlier")]


def test_features_come_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basemap_sources, "BATCH", 100)
    lines = [([place(0, at), place(9, at)], {"highway": "residential"}) for at in range(450)]
    source = layers_of(write_pbf(tmp_path / "t.osm.pbf", lines, []), "", None)[1]
    assert [len(batch.tags) for batch in batches(source)] == [100, 100, 100, 100, 50]


def test_the_sea_lies_to_the_right_of_a_coastline() -> None:
    # The coast goes north, ending just short of the bounds: land in the west, sea in the east.
    coast = [LineString([place(500, 20), place(480, 400)]), LineString([place(480, 400), place(500, 980)])]
    bounds = (*place(0, 0), *place(1000, 1000))
    (water,) = sea(coast, bounds)
    assert water.contains(shapely.Point(place(800, 500)))
    assert not water.contains(shapely.Point(place(200, 500)))
    islands = [LineString(block(400, 400, 100))]  # anticlockwise: land inside
    (around,) = sea(islands, bounds)
    assert not around.contains(shapely.Point(place(450, 450)))
    assert sea([LineString([place(300, 300), place(300, 600)])], bounds) == [], "a scrap tells nothing"


@pytest.mark.parametrize(
    ("tags", "drawn"),
    [
        ({"highway": "motorway", "ref": "E1"}, ("roads", "highway", "E1")),
        ({"highway": "footway", "area": "yes"}, None),
        ({"railway": "subway", "tunnel": "yes"}, None),
        ({"waterway": "stream", "tunnel": "culvert"}, None),
        ({"boundary": "administrative", "admin_level": "7"}, ("boundaries", "locality", "")),
        ({"boundary": "postal_code"}, None),
        ({"barrier": "fence"}, None),
    ],
)
def test_lines_of_openstreetmap(tags: dict[str, str], drawn: tuple[str, str, str] | None) -> None:
    got = classes.osm_line(tags)
    assert (got and (got.layer, got.kind, got.name)) == drawn


@pytest.mark.parametrize(
    ("name", "what"),
    [("FG-GML-533935-RdEdg-20240401-0001", "RdEdg"), ("13103-建築物の外周線", "buildings"), ("市道路線", "roads"),
     ("gis_osm_waterways_free_1", "water"), ("N02-22_RailroadSection", "rail"), ("points1", "")],
)  # fmt: skip
def test_what_a_name_tells(name: str, what: str) -> None:
    assert classes.told_by_name(name) == what


def test_areas_show_once_they_are_seen() -> None:
    zooms = [classes.area_zoom(side**2, 35.0) for side in (5, 50, 500, 5000, 5e6)]
    assert zooms == sorted(zooms, reverse=True)
    assert (zooms[0], zooms[-1]) == (classes.MAX_ZOOM, classes.MIN_ZOOM)


class TestCommand:
    def test_builds_and_tells(self, tmp_path: Path) -> None:
        out = tmp_path / "b.pmtiles"
        source = write_pbf(tmp_path / "t.osm.pbf")
        done = roaddamage("basemap", "build", source, "--out", out)
        assert (done.returncode, done.stderr) == (0, "")
        assert "roads 4" in done.stdout
        again = roaddamage("basemap", "build", source, "--out", out)
        assert again.returncode == 2
        assert "--overwrite" in again.stderr

    def test_a_map_without_roads_says_so(self, tmp_path: Path) -> None:
        only = [row for row in OSM_WAYS if "building" in row[1]]
        source = write_pbf(tmp_path / "t.osm.pbf", only, [])
        done = roaddamage("basemap", "build", source, "--out", tmp_path / "b.pmtiles")
        assert done.returncode == 0
        assert "There is no road in it" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            (["x.gpkg"], 3, "does not exist"),
            (["x.gpkg", "--crs", "EPSG:1"], 2, "no coordinate system"),
        ],
    )
    def test_refusals(self, tmp_path: Path, arguments: list[Any], code: int, words: str) -> None:
        done = roaddamage("basemap", "build", *arguments, "--out", tmp_path / "b.pmtiles", cwd=tmp_path)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr

    def test_speaks_japanese(self, tmp_path: Path) -> None:
        source = no_crs(tmp_path)
        done = roaddamage("basemap", "build", source, cwd=tmp_path, env={"LC_ALL": "ja_JP.UTF-8"})
        assert done.returncode == 3
        assert "座標系" in done.stderr


def test_a_zip_that_unpacks_to_more_than_there_is_room_for_is_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("FG-GML-1.xml", "x" * 1000)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(content)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    usage = shutil.disk_usage(tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**9))
        with pytest.raises(BaseMapError, match=r"unpacks to 4\.3 GB"):
            source_files([str(path)], scratch)
    assert list(scratch.iterdir()) == []


def test_a_zip_with_a_password_is_said(tmp_path: Path) -> None:
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("FG-GML-1.xml", "<a></a>")
    content = bytearray(path.read_bytes())
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(BaseMapError, match="Unpack it, and give the folder"):
        source_files([str(path)], tmp_path)
