"""Road files: what is taken from them, what is left out and said, and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from map_data_files import write_fgd, write_pbf
from pyproj import CRS, Geod, Transformer
from road_files import EAST, JGD2011, NORTH, ZONE_9, line, town, write_roads

from maps.exports import Driven
from maps.roads import Roads, RoadsError, driven_roads, read_roads
from maps.streets import streets

STREET, ACROSS = line((0, 0), (500, 0)), line((250, -200), (250, 200))
ON_THE_GLOBE = Geod(ellps="GRS80")


def length_m(roads: Roads) -> list[float]:
    return [ON_THE_GLOBE.line_length(*one.xy) for one in roads.lines]


def test_a_japanese_ledger_as_its_surveyors_wrote_it(tmp_path: Path) -> None:
    """Shift_JIS without a .cpg, zone IX, easting before northing in the file as GIS has it."""
    path = write_roads(
        tmp_path / "道路台帳.shp", [STREET, line((500, 0), (500, 300)), ACROSS],
        路線番号=["1001", "1001", "1002"], 路線名=["特別区道第千一号線", "特別区道第千一号線", "表参道"],
        幅員=["５．５ｍ", "５．５ｍ", "W=12.0"], 車線数=[None, None, 2], 一方通行=["", "", "有"], 交通量=["1,200台", "1,200台", None],
    )  # fmt: skip
    roads = read_roads(path)
    assert roads.road_id == ["1001", "1002"], "lines that run on are one road"
    assert roads.name == ["特別区道第千一号線", "表参道"]
    assert roads.width_m.tolist() == [5.5, 12.0]
    assert roads.oneway.tolist() == [0, 1]
    assert (roads.traffic[0], roads.lanes[1]) == (1200, 2)
    assert length_m(roads) == pytest.approx([800, 400], rel=2e-4)
    # Axes of the authority: northing before easting, latitude before longitude.
    known = Transformer.from_crs(ZONE_9, JGD2011).transform(NORTH, EAST)
    assert roads.lines[0].coords[0][::-1] == pytest.approx(known, abs=1e-7)
    assert known == pytest.approx((35.650, 139.749), abs=1e-3)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        pytest.param({"width": "5.5 m"}, {"width_m": 5.5}, id="a width with its unit"),
        pytest.param({"width": "4.0-6.5"}, {"width_m": 4.0}, id="a range of widths"),
        pytest.param({"width": "W-5.5"}, {"width_m": 5.5}, id="a dash that is no sign"),
        pytest.param({"width": -9999.0}, {"width_m": math.nan}, id="a number that stands for none"),
        pytest.param({"width": "unknown", "lanes": "two"}, {"width_m": math.nan, "lanes": math.nan}, id="words"),
        pytest.param({"lanes": 2.0}, {"lanes": 2}, id="lanes as a float"),
        pytest.param({"oneway": "yes"}, {"oneway": 1}, id="OpenStreetMap: one way"),
        pytest.param({"oneway": "-1"}, {"oneway": -1}, id="OpenStreetMap: against its line"),
        pytest.param({"oneway": True}, {"oneway": 1}, id="a truth value"),
        pytest.param({"oneway": 1.0}, {"oneway": 1}, id="a truth value as a float"),
        pytest.param({"oneway": "F"}, {"oneway": 1}, id="Geofabrik: one way"),
        pytest.param({"oneway": "T"}, {"oneway": -1}, id="Geofabrik: against its line"),
        pytest.param({"oneway": "B"}, {"oneway": 0}, id="Geofabrik: both ways"),
        pytest.param({"highway": "motorway"}, {"oneway": 1, "kind": "motorway"}, id="a motorway"),
        pytest.param({"highway": "motorway", "oneway": "no"}, {"oneway": 0}, id="a motorway for both ways"),
        pytest.param({"highway": "residential", "junction": "roundabout"}, {"oneway": 1}, id="a roundabout"),
        pytest.param({"bridge": "yes"}, {"level": 1}, id="a bridge"),
        pytest.param({"tunnel": "culvert"}, {"level": -1}, id="a tunnel"),
        pytest.param({"bridge": "F"}, {"level": 0}, id="Geofabrik: no bridge"),
        pytest.param({"layer": "-2", "bridge": "yes"}, {"level": -2}, id="a level"),
        pytest.param({"Layer": "C-ROAD-CL3"}, {"level": 0}, id="the layer of a drawing"),
        pytest.param({"路線番号": 1001.0}, {"road_id": "1001"}, id="a number as a float"),
        pytest.param({"路線番号": "0012"}, {"road_id": "0012"}, id="a number with zeros before it"),
        pytest.param({"name": " 表参道 "}, {"name": "表参道"}, id="spaces about a name"),
        pytest.param({"aadt": "12,345"}, {"traffic": 12345}, id="traffic"),
    ],
)  # fmt: skip
def test_what_columns_say(tmp_path: Path, columns: dict[str, Any], told: dict[str, Any]) -> None:
    roads = read_roads(
        write_roads(tmp_path / "a.gpkg", [STREET], **{name: [one] for name, one in columns.items()})
    )
    assert {name: getattr(roads, name)[0] for name in told} == pytest.approx(told, nan_ok=True)


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = write_roads(tmp_path / "a.gpkg", [STREET], name=["wrong"], Street_JP=["表参道"])
    assert read_roads(path, columns={"name": "street_jp"}).name == ["表参道"]
    with pytest.raises(RoadsError, match=r"no column Strasse\. Its columns are: name, Street_JP"):
        read_roads(path, columns={"name": "Strasse"})


NOTHING = shapely.LineString()


@pytest.mark.parametrize(
    ("shapes", "lengths_m", "said"),
    [
        pytest.param([STREET, STREET.centroid, STREET.buffer(5)], [500], "no lines, and are left out: 2", id="points and areas"),
        pytest.param([STREET, None, NOTHING], [500], "no lines, and are left out: 2", id="features without shape"),
        pytest.param([shapely.MultiLineString([STREET, ACROSS])], [500, 400], "", id="a line in parts"),
        pytest.param([shapely.GeometryCollection([STREET, shapely.MultiLineString([ACROSS])])], [500, 400], "", id="a collection"),
        pytest.param([shapely.force_3d(STREET, 12.5)], [500], "", id="heights"),
        pytest.param([STREET, line((0, 0), (0.3, 0))], [500], "shorter than a metre, which are left out: 1", id="a stub"),
        pytest.param([STREET, STREET], [500], "there twice, and count once: 1", id="the same line"),
        pytest.param([STREET, STREET.reverse()], [500], "there twice, and count once: 1", id="the same line the other way"),
        pytest.param([line((100, 0.4), (300, 0.4)), STREET], [500], "there twice, and count once: 1", id="a part of it, drawn beside it"),
        pytest.param([STREET, line((0, 3), (500, 3))], [500, 500], "", id="a parallel road"),
        pytest.param([STREET, line((100, 0), (700, 0))], [500, 600], "", id="lines that overlap"),
    ],
)  # fmt: skip
def test_what_is_a_road_line(tmp_path: Path, shapes: list[Any], lengths_m: list[float], said: str) -> None:
    roads = read_roads(write_roads(tmp_path / "a.gpkg", shapes))
    assert sorted(length_m(roads)) == pytest.approx(sorted(lengths_m), rel=2e-4)
    assert [said in remark.message() for remark in roads.remarks] == [True] * bool(said)


def test_lines_with_missing_coordinates_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    points = {
        "whole": [[139.75, 35.65], [139.76, 35.65]],
        "no number": [[139.75, 35.65], [math.nan, 35.66]],
        "one point": [[139.75, 35.65]],
    }
    features = ",".join(
        f'{{"type":"Feature","properties":{{"name":"{name}"}},"geometry":{{"type":"LineString","coordinates":{line}}}}}'
        for name, line in points.items()
    )
    path.write_text(f'{{"type":"FeatureCollection","features":[{features}]}}'.replace("nan", "NaN"))
    roads = read_roads(path)
    assert roads.name == ["whole"]
    assert roads.remarks


def test_a_viaduct_over_a_street_is_another_road(tmp_path: Path) -> None:
    roads = read_roads(write_roads(tmp_path / "a.gpkg", [STREET, STREET], bridge=["no", "yes"]))
    assert sorted(roads.level.tolist()) == [0, 1]
    assert not roads.remarks


def test_numbers_are_given_once(tmp_path: Path) -> None:
    """Parts of a road are numbered, but not with a number that another has."""
    lines = [line((0, north), (200, north)) for north in range(0, 500, 100)]
    roads = read_roads(write_roads(tmp_path / "a.gpkg", lines, id=["12", "12", "12-1", "R00001", None]))
    assert sorted(roads.road_id) == ["12-1", "12-2", "12-3", "R00001", "R00002"]


def test_a_road_begins_where_its_first_line_does(tmp_path: Path) -> None:
    path = write_roads(tmp_path / "a.gpkg", [line((0, 0), (100, 0)), line((300, 0), (100, 0))], id=["1", "1"])
    (one,) = read_roads(path).lines
    assert one.coords[0][0] < one.coords[-1][0]
    oneway = write_roads(
        tmp_path / "b.gpkg", [line((0, 0), (100, 0)), line((300, 0), (100, 0))], id=["1", "1"], oneway=["yes"] * 2
    )  # fmt: skip
    assert len(read_roads(oneway)) == 2, "one way lines that run against each other are not one"


def test_openstreetmap_holds_more_than_roads(tmp_path: Path) -> None:
    at = [(139.75, 35.65), (139.752, 35.65)]
    kinds = ("residential", "footway", "steps", "primary_link", "construction")
    ways = [(at, {"highway": kind, "name": kind, "oneway": "-1", "width": "5.5 m"}) for kind in kinds]
    ways += [
        (at, {"railway": "rail"}),
        ([*at, (139.751, 35.651), at[0]], {"highway": "service", "area": "yes"}),
    ]
    roads = read_roads(write_pbf(tmp_path / "a.osm.pbf", ways, []))
    assert sorted(roads.name) == ["primary_link", "residential"]
    assert set(roads.oneway.tolist()) == {-1}
    assert set(roads.width_m.tolist()) == {5.5}


@pytest.mark.parametrize("column", ["highway", "fclass"])
def test_files_made_of_openstreetmap_hold_footways(tmp_path: Path, column: str) -> None:
    lines = [STREET, ACROSS, line((0, 50), (100, 50))]
    path = write_roads(tmp_path / "a.gpkg", lines, **{column: ["residential", "footway", "cycleway"]})
    assert read_roads(path).kind == ["residential"]


def test_of_several_layers_those_named_for_roads_are_read(tmp_path: Path) -> None:
    import geopandas

    for layer, shape in (("rivers", ACROSS), ("道路中心線", STREET), ("buildings", STREET.buffer(9))):
        geopandas.GeoDataFrame(geometry=[shape], crs=ZONE_9).to_file(tmp_path / "city.gpkg", layer=layer)
    roads = read_roads(tmp_path / "city.gpkg")
    assert length_m(roads) == pytest.approx([500], rel=2e-4)
    assert not roads.remarks


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _none(folder: Path) -> Path:
    return folder / "none.gpkg"


@pytest.mark.parametrize(
    ("made", "given", "said"),
    [
        pytest.param(_none, None, "does not exist", id="no file"),
        pytest.param(lambda at: at, None, "can't be read", id="a folder"),
        pytest.param(lambda at: _text(at / "a.csv", "a,b"), None, "of no kind that is read", id="a table"),
        pytest.param(lambda at: _text(at / "a.gpkg", "hello"), None, "not what its name says", id="no GeoPackage"),
        pytest.param(lambda at: _text(at / "a.gpkg", ""), None, "not what its name says", id="an empty file"),
        pytest.param(lambda at: _text(at / "a.geojson", '{"a": 1}'), None, "can't be read as what its name says", id="other JSON"),
        pytest.param(lambda at: write_roads(at / "a.gpkg", []), None, "no road lines", id="no features"),
        pytest.param(lambda at: write_roads(at / "a.gpkg", [STREET.centroid]), None, "no road lines .*: 1", id="points alone"),
        pytest.param(lambda at: write_roads(at / "a.gpkg", [line((0, 0), (0.1, 0))]), None, "no road lines", id="stubs alone"),
        pytest.param(lambda at: write_roads(at / "a.shp", [STREET], said=None), None, "no coordinate system.*--roads-crs EPSG:6677", id="no coordinate system"),
        pytest.param(lambda at: write_roads(at / "a.shp", [STREET], said=None), JGD2011, "not those of JGD2011.*--roads-crs", id="metres given as degrees"),
        pytest.param(lambda at: write_roads(at / "a.shp", [STREET], said=None, degrees=True), ZONE_9, "not those of .*IX.*--roads-crs", id="degrees given as metres"),
        pytest.param(lambda at: write_roads(at / "a.gpkg", [STREET], said=JGD2011), None, "are degrees .*but they are metres.*EPSG:6677", id="metres labelled as degrees"),
        pytest.param(lambda at: write_roads(at / "a.gpkg", [STREET], degrees=True), None, "are metres .*but they are degrees.*EPSG:6668", id="degrees labelled as metres"),
        pytest.param(lambda at: next(one for one in write_fgd(at) if "RdEdg" in one.name), None, "edges of roads", id="road edges"),
    ],
)  # fmt: skip
def test_files_that_are_refused(
    tmp_path: Path, made: Callable[[Path], Path], given: int | None, said: str
) -> None:
    with pytest.raises(RoadsError, match=said) as refused:
        read_roads(made(tmp_path), CRS(given) if given else None)
    assert refused.value.exit_code == 2


def test_a_coordinate_system_can_be_given(tmp_path: Path) -> None:
    said = read_roads(write_roads(tmp_path / "a.shp", [STREET]))
    given = read_roads(write_roads(tmp_path / "b.shp", [STREET], said=None), CRS(ZONE_9))
    degrees = read_roads(write_roads(tmp_path / "c.shp", [STREET], said=None, degrees=True), CRS(JGD2011))
    assert shapely.equals_exact(said.lines[0], [given.lines[0], degrees.lines[0]], 1e-6).all()


def test_an_area_is_cut_out(tmp_path: Path) -> None:
    path = write_roads(tmp_path / "a.gpkg", [STREET, line((50_000, 0), (50_500, 0))])
    assert length_m(read_roads(path, within=(139.7, 35.6, 139.8, 35.7))) == pytest.approx([500], rel=2e-4)
    with pytest.raises(RoadsError, match="None of the 2 road lines"):
        read_roads(path, within=(0.0, 0.0, 1.0, 1.0))


def test_of_a_large_file_an_area_takes_little_memory(tmp_path: Path) -> None:
    """A large file may take a few batches' memory more than a small one, not its own size more."""
    taken = {}
    for count in (1_000, 150_000):
        path = write_roads(
            tmp_path / f"{count}.gpkg", town(count), 路線名=["市道第千二百三十四号線" * 8] * count
        )
        program = (
            "import resource, sys, pathlib; from maps.roads import read_roads;"
            "assert len(read_roads(pathlib.Path(sys.argv[1]), within=(139.7, 35.6, 139.8, 35.7))) > 20;"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
        )
        run = [sys.executable, "-c", program, str(path)]
        taken[count] = float(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    assert path.stat().st_size > 60e6
    assert taken[150_000] - taken[1_000] < 120


def test_the_ways_driven_are_roads_where_none_are_given() -> None:
    way = np.column_stack([139.75 + np.linspace(0, 400, 50) / 90_565, np.full(50, 35.65)])
    roads = driven_roads(streets([Driven("a", [way], 400.0, None)]))
    assert not roads.given
    assert length_m(roads) == pytest.approx([400], rel=0.01)
    assert roads.road_id == ["D00001"]
    assert len(driven_roads(streets([]))) == 0
