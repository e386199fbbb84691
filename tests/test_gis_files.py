"""Files for GIS, as GDAL's own programs read them."""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas
import pyproj
import pytest
from shapely.geometry import MultiLineString
from table_files import (
    LAT,
    LON,
    LONG_NAME,
    empty_tables,
    made_tables,
    many_segments,
    with_roads_named,
)

from maps.coordinates import CoordinatesError, coordinate_system, in_coordinates
from maps.gis_files import write_geojson, write_geopackage, write_shapefiles
from maps.kml import write_kml
from maps.sheets import write_csv, write_workbook
from maps.tables import COLUMNS, Tables

TOKYO = coordinate_system("EPSG:6677")
LONLAT = coordinate_system("EPSG:4326")
KML = "{http://www.opengis.net/kml/2.2}"


def read(path: Path, layer: str = "damages") -> list[dict[str, Any]]:
    """The features of a layer as GDAL's program reads them, in WGS 84."""
    command = ["ogr2ogr", "-f", "GeoJSON", "-lco", "RFC7946=YES", "/vsistdout/", str(path), layer]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(json.loads(said.stdout)["features"])


def described(path: Path, layer: str = "") -> str:
    command = ["ogrinfo", "-so", str(path), layer] if layer else ["ogrinfo", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def kml(path: Path) -> ET.Element:
    return ET.parse(path).getroot()  # noqa: S314  (our own file)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("4326", 4326), ("EPSG:4326", 4326), ("epsg:4326", 4326), ("WGS84", 4326), ("WGS 84", 4326),
        ("6668", 6668), ("JGD2011", 6668), ("EPSG:6677", 6677), ("6677", 6677), ("zone 9", 6677),
        ("Zone9", 6677), ("9系", 6677), ("９系", 6677), ("第9系", 6677), ("IX", 6677), ("Ⅸ", 6677), (" ix ", 6677),
        ("IX系", 6677), ("I", 6669), ("zone 1", 6669), ("XIX", 6687), ("19系", 6687), ("6687", 6687),
    ],
)  # fmt: skip
def test_coordinate_systems_by_name_and_code(text: str, code: int) -> None:
    assert coordinate_system(text).to_epsg() == code


@pytest.mark.parametrize(
    "text",
    ["", "zone 0", "20系", "IIII", "6688", "6667", "2451", "3857", "EPSG:32654", "Tokyo", "EPSG:IX", "-9"],
)
def test_other_coordinate_systems_are_refused_with_examples(text: str) -> None:
    with pytest.raises(CoordinatesError, match=r"EPSG:6677.*9系") as refused:
        coordinate_system(text)
    assert refused.value.exit_code == 2


def test_zone_9_has_its_origin_and_axes() -> None:
    places = geopandas.points_from_xy([139 + 50 / 60, LON], [36.0, LAT], crs="EPSG:4326")
    damages = made_tables().tables["damages"].iloc[:2].set_geometry(places)
    (layer,) = in_coordinates(Tables({"damages": damages}), TOKYO)
    origin, ward = layer.table.to_dict("records")
    assert (origin["northing_m"], origin["easting_m"]) == pytest.approx((0, 0), abs=1e-3)
    assert -38_500 < ward["northing_m"] < -36_000
    assert -9_000 < ward["easting_m"] < -7_000
    authority = pyproj.Transformer.from_crs("EPSG:6668", "EPSG:6677").transform(LAT, LON)
    assert (ward["northing_m"], ward["easting_m"]) == pytest.approx(authority, abs=1e-3)
    always_xy = pyproj.Transformer.from_crs(4326, 6677, always_xy=True).transform(LON, LAT)
    assert (ward["geometry"].x, ward["geometry"].y) == pytest.approx(always_xy, abs=1e-3)
    names = [column.name for column in layer.columns]
    assert names == [
        {"lon": "northing_m", "lat": "easting_m"}.get(one.name, one.name) for one in COLUMNS["damages"]
    ]


def _geopackage(folder: Path, tables: Tables) -> Path:
    write_geopackage(folder / "tables.gpkg", tables, TOKYO)
    return folder / "tables.gpkg"


def _shapefiles(folder: Path, tables: Tables) -> Path:
    write_shapefiles(folder, tables, TOKYO, str)
    return folder


def _japanese_shapefiles(folder: Path, tables: Tables) -> Path:
    write_shapefiles(folder, tables, TOKYO, str, "shift_jis")
    return folder


def _geojson(folder: Path, tables: Tables) -> Path:
    write_geojson(folder, tables, LONLAT)
    return folder / "damages.geojson"


ALL = [_geopackage, _shapefiles, _japanese_shapefiles, _geojson]


@pytest.mark.parametrize("write", ALL)
def test_places_numbers_and_texts_come_back(tmp_path: Path, write: Callable[[Path, Tables], Path]) -> None:
    tables = made_tables()
    rows = read(write(tmp_path, tables))
    given = tables.tables["damages"]
    places = [row["geometry"]["coordinates"] for row in rows]
    assert places == [pytest.approx([point.x, point.y], abs=2e-7) for point in given.geometry]
    first, second = (row["properties"] for row in rows[:2])
    assert [first["id"], first["class"], first["state"]] == [1, "D40", "あり"]
    assert first["priority"] == 89.0
    assert first["confidence"] == 0.912
    assert first["road"] == '=HYPERLINK("http://x")'
    assert second["area_m2"] is None
    assert second["priority_growth" if "priority_growth" in second else "p_growth"] is None
    assert second["last_seen"] in ("", None)


@pytest.mark.parametrize("write", [_geopackage, _shapefiles, _japanese_shapefiles])
def test_northing_and_easting_are_not_swapped_in_files_of_a_zone(
    tmp_path: Path, write: Callable[[Path, Tables], Path]
) -> None:
    path = write(tmp_path, made_tables())
    command = ["ogr2ogr", "-f", "CSV", "-lco", "GEOMETRY=AS_XY", "/vsistdout/", str(path), "damages"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for row in csv.DictReader(said.splitlines()):
        assert -38_500 < float(row["northing_m"]) < -36_000
        assert -9_000 < float(row["easting_m"]) < -7_000
        # x is easting in a file, whatever surveyors call it.
        assert float(row["X"]) == pytest.approx(float(row["easting_m"]), abs=1e-2)
        assert float(row["Y"]) == pytest.approx(float(row["northing_m"]), abs=1e-2)
        assert "lon" not in row
    lines = read(path, "segments_100m")
    assert lines[0]["geometry"]["coordinates"][0] == pytest.approx([LON, LAT], abs=2e-7)


def test_jgd2011_is_written_as_such(tmp_path: Path) -> None:
    write_geopackage(tmp_path / "tables.gpkg", made_tables(), coordinate_system("JGD2011"))
    assert 'ID["EPSG",6668]' in described(tmp_path / "tables.gpkg", "damages")
    (row, *_) = read(tmp_path / "tables.gpkg")
    assert row["properties"]["lon"] == pytest.approx(row["geometry"]["coordinates"][0], abs=1e-7)


@pytest.mark.parametrize("tables", [made_tables(), empty_tables()], ids=["rows", "empty"])
def test_every_table_is_a_layer_of_its_kind(tmp_path: Path, tables: Tables) -> None:
    kinds = {name: "Point" if "damages" in name else "Line String" for name in COLUMNS}
    said = described(_geopackage(tmp_path, tables))
    assert [line.split(": ")[1] for line in said.splitlines() if line[:1].isdigit()] == [
        f"{name} ({kind})" for name, kind in kinds.items()
    ]
    write_shapefiles(tmp_path, tables, TOKYO, str)
    write_geojson(tmp_path, tables, LONLAT)
    for name, kind in kinds.items():
        assert f"Geometry: {kind}\n" in described(tmp_path / f"{name}.shp", name)
        assert len(read(tmp_path / f"{name}.geojson", name)) == len(tables.tables[name])


def test_lines_in_parts_are_kept(tmp_path: Path) -> None:
    table = made_tables().tables["segments_100m"].copy()
    parts = MultiLineString([[(LON, LAT), (LON, LAT + 0.001)], [(LON, LAT + 0.002), (LON, LAT + 0.003)]])
    table.geometry = [parts, *table.geometry.iloc[1:]]
    tables = Tables({"segments_100m": table})
    (first, *_) = read(_geopackage(tmp_path, tables), "segments_100m")
    assert len(first["geometry"]["coordinates"]) == 2
    write_kml(tmp_path / "tables.kml", tables, str)
    (multi,) = kml(tmp_path / "tables.kml").iter(f"{KML}MultiGeometry")
    assert len(multi) == 2


def test_shapefiles_have_short_names_and_say_what_they_mean(tmp_path: Path) -> None:
    write_shapefiles(tmp_path, made_tables(), TOKYO, lambda text: text.replace("area", "面積"), "shift_jis")
    with (tmp_path / "fields.csv").open(encoding="cp932", newline="") as file:
        meant = {(row["file"], row["field"]): (row["name"], row["heading"]) for row in csv.DictReader(file)}
    assert meant["damages", "area_m2"] == ("area_m2", "面積 (m2)")
    assert meant["damages", "northing_m"] == ("northing_m", "X, north (m)")
    for name, columns in COLUMNS.items():
        fields = read(tmp_path / f"{name}.shp", name)[0]["properties"]
        assert list(fields) == [field for file, field in meant if file == name]
        assert len(fields) == len(columns)


def test_texts_of_shapefiles_are_in_their_encoding_and_cut_between_characters(tmp_path: Path) -> None:
    for encoding, code_page in {"utf-8": "UTF-8", "cp932": "932"}.items():
        folder = tmp_path / encoding
        folder.mkdir()
        write_shapefiles(folder, made_tables(), TOKYO, str, encoding)
        assert (folder / "segments_100m.cpg").read_text() == code_page
        assert "桜田通り(国道1号)".encode(encoding) in (folder / "segments_100m.dbf").read_bytes()
        rows = [row["properties"] for row in read(folder, "segments_100m")]
        assert {row["diagnosis"] for row in rows} - {None, ""} == {"Ⅰ", "Ⅱ", "Ⅲ"}
        long = rows[-1]["road"]
        assert LONG_NAME.startswith(long)
        assert 254 - 3 <= len(long.encode(encoding)) <= 254


def test_characters_that_shift_jis_lacks_are_replaced_in_shapefiles(tmp_path: Path) -> None:
    write_shapefiles(tmp_path, with_roads_named("𠮷野通り😀 100 m²"), TOKYO, str, "cp932")
    assert read(tmp_path)[0]["properties"]["road"] == "?野通り? 100 m2"


def test_geojson_is_not_written_in_a_zone(tmp_path: Path) -> None:
    with pytest.raises(CoordinatesError, match="GeoPackage or Shapefile"):
        write_geojson(tmp_path, made_tables(), TOKYO)
    assert not list(tmp_path.iterdir())
    write_geojson(tmp_path, made_tables(), coordinate_system("JGD2011"))
    told = json.loads((tmp_path / "damages.geojson").read_text(encoding="utf-8"))
    assert told["features"][0]["geometry"]["coordinates"] == [139.7447, 35.6586]
    assert "crs" not in told


def test_kml_has_folders_of_places_that_people_can_read(tmp_path: Path) -> None:
    path = tmp_path / "tables.kml"
    write_kml(path, made_tables(), lambda text: "損傷" if text == "Damages" else text)
    folders = kml(path).findall(f"*/{KML}Folder")
    assert [folder.findtext(f"{KML}name") for folder in folders][:2] == ["損傷", "Segments of 20 m"]
    (first, *_) = read(path, "損傷")
    assert first["geometry"]["coordinates"][:2] == pytest.approx([LON + 0.001, LAT + 0.0005], abs=2e-7)
    assert first["properties"]["Name"] == "1"
    (segment, *_) = read(path, "Segments of 100 m")
    assert segment["properties"]["Name"] == "0-0"
    assert "<th align='left'>crack ratio (%)</th><td>3.2</td>" in segment["properties"]["description"]
    styles = {style.get("id") for style in kml(path).iter(f"{KML}Style")}
    used = {
        folder.findtext(f"{KML}name"): {url.text for url in folder.iter(f"{KML}styleUrl")}
        for folder in folders
    }
    assert set().union(*used.values()) <= {f"#{name}" for name in styles}
    assert used["Segments of 100 m"] == {"#diagnosis-1", "#diagnosis-2", "#diagnosis-3", "#lines"}
    assert used["Hot spots"] == {"#hot", "#lines"}


def test_texts_of_data_are_no_markup_in_kml(tmp_path: Path) -> None:
    path = tmp_path / "tables.kml"
    write_kml(path, with_roads_named("<script>alert(1)</script>]]>&amp;\0"), str)
    for told in kml(path).iter(f"{KML}description"):
        assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;]]&gt;&amp;amp;</td>" in (told.text or "")


@pytest.mark.parametrize("write", ALL)
def test_bytes_that_are_no_text_are_left_out(tmp_path: Path, write: Callable[[Path, Tables], Path]) -> None:
    """A file's name may hold some: Python reads them as surrogates."""
    assert read(write(tmp_path, with_roads_named("a\udc83b\x00\x1bc")))[0]["properties"]["road"] == "abc"


def _kml(folder: Path, tables: Tables) -> None:
    write_kml(folder / "tables.kml", tables, str)


def _csv(folder: Path, tables: Tables) -> None:
    write_csv(folder, tables, TOKYO, str)


def _workbook(folder: Path, tables: Tables) -> None:
    write_workbook(folder / "tables.xlsx", tables, TOKYO, str)


@pytest.mark.parametrize("room", [0.0, 0.5, "all but one byte"])
@pytest.mark.parametrize("write", [_geopackage, _shapefiles, _geojson, _kml, _csv, _workbook])
def test_a_full_disk_is_an_error_at_whatever_byte(
    tmp_path: Path, write: Callable[[Path, Tables], object], room: float | str
) -> None:
    tables = many_segments(2000)
    (tmp_path / "whole").mkdir()
    (tmp_path / "part").mkdir()
    write(tmp_path / "whole", tables)
    size = max(path.stat().st_size for path in (tmp_path / "whole").iterdir())
    limit = size - 1 if isinstance(room, str) else int(size * room)
    with files_no_longer_than(limit), pytest.raises(OSError, match=r"."):
        write(tmp_path / "part", tables)


def test_a_geopackage_that_lost_its_index_is_an_error(tmp_path: Path) -> None:
    """GDAL makes the index as it closes the file, and says nothing of a disk that is full by then."""
    tables = many_segments(20_000)
    size = _geopackage(tmp_path, tables).stat().st_size
    (tmp_path / "tables.gpkg").unlink()
    with files_no_longer_than(size - 4096), pytest.raises(OSError, match="rtree"):
        _geopackage(tmp_path, tables)


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
