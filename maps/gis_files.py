"""Tables as files for GIS: GeoPackage, GeoJSON and Shapefile.

Each raises OSError where a file can't be written. GDAL says nothing of a disk that gets full while it closes a file, so
what it wrote is looked at again.
"""

from __future__ import annotations

import csv
import errno
import json
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import geopandas
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyproj import CRS

from detector.errors import N_, Translate
from maps.coordinates import JGD2011, WGS84, CoordinatesError, Layer, in_coordinates, is_text
from maps.tables import Tables
from maps.texts import SHIFT_JIS, codec, cut, encodable

POINTS = ("damages", "change_damages")
GEOJSON_GRID_DEG = 1e-7
"""About a centimetre."""
AT_ONCE = 10_000
"""Rows that are features in memory at a time."""
FIELDS = "fields.csv"
MOST_BYTES = 254
"""Of a text in a Shapefile."""
CODE_PAGES = {SHIFT_JIS: "932"}
"""What a .cpg file says: a name that both GDAL and ArcGIS take for Windows' Shift_JIS."""


def write_geopackage(path: Path, tables: Tables, crs: CRS) -> None:
    """One layer a table, by the table's name."""
    layers = list(in_coordinates(tables, crs))
    save_geopackage(path, {layer.name: (layer.table, _kind(layer)) for layer in layers})


def write_geojson(folder: Path, tables: Tables, crs: CRS) -> None:
    """One file a table: RFC 7946, so WGS 84, longitude first. JGD2011 is the same to within a metre, and written so.

    Raises CoordinatesError for a plane-rectangular zone.
    """
    if crs.to_epsg() not in (WGS84, JGD2011):
        raise CoordinatesError(
            N_(
                "GeoJSON is in WGS 84 alone (RFC 7946), not in {name}. Take GeoPackage or Shapefile for that, or leave"
                " the coordinate system out."
            ),
            name=crs.name,
        )
    for layer in in_coordinates(tables, CRS.from_epsg(WGS84)):
        save_geojson(folder / f"{layer.name}.geojson", layer.table)


def write_shapefiles(
    folder: Path, tables: Tables, crs: CRS, translate: Translate, encoding: str = "utf-8"
) -> None:
    """One set of files a table, its columns by their short names, and `fields.csv`, which says what those mean.

    `encoding` is that of texts: "utf-8" or "cp932" (Shift_JIS).
    """
    encoding = codec(encoding).removesuffix("-sig")
    fields = [("file", "field", "name", "heading")]
    for layer in in_coordinates(tables, crs):
        _save_shapefile(folder / f"{layer.name}.shp", layer, encoding)
        fields += [(layer.name, one.short, one.name, translate(one.heading)) for one in layer.columns]
    with (folder / FIELDS).open("w", encoding=codec(encoding), newline="") as file:
        csv.writer(file).writerows([encodable(one, encoding) for one in row] for row in fields)


def save_geopackage(path: Path, layers: Mapping[str, tuple[geopandas.GeoDataFrame, str]]) -> None:
    """A layer for each name: its rows, and the kind of their shapes ("Point" …)."""
    with _disk_errors(path):
        for name, (table, kind) in layers.items():
            pyogrio.write_dataframe(table, path, layer=name, driver="GPKG", geometry_type=kind)
        with closing(sqlite3.connect(path)) as database:
            _check(database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",), path)
            for name, (table, _) in layers.items():
                # The index of places is the last that GDAL writes of a layer.
                index = database.execute(f'SELECT count(*) FROM "rtree_{name}_geom_rowid"').fetchone()  # noqa: S608
                _check(index[0] == (~(table.geometry.is_empty | table.geometry.isna())).sum(), path)


def save_geojson(path: Path, table: geopandas.GeoDataFrame) -> None:
    """RFC 7946 of a table in EPSG:4326: UTF-8, null for what is not known; a feature a line, however many there are."""
    shapes = shapely.set_precision(table.geometry.array, GEOJSON_GRID_DEG, mode="pointwise")
    table = table.set_geometry(shapes)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        begin = "\n"
        for first in range(0, len(table), AT_ONCE):
            for feature in table.iloc[first : first + AT_ONCE].iterfeatures(na="null", drop_id=True):
                file.write(begin + json.dumps(feature, ensure_ascii=False, allow_nan=False))
                begin = ",\n"
        file.write("\n]}\n")


def _save_shapefile(path: Path, layer: Layer, encoding: str) -> None:
    table = layer.table.rename(columns={column.name: column.short for column in layer.columns})
    for name in (column.short for column in layer.columns if is_text(table[column.short])):
        texts = {one: cut(encodable(one, encoding), MOST_BYTES, encoding) for one in table[name].unique()}
        table[name] = table[name].map(texts)
    with _disk_errors(path):
        pyogrio.write_dataframe(
            table, path, driver="ESRI Shapefile", geometry_type=_kind(layer), encoding=encoding, RESIZE="YES"
        )
        _check(_shapefile_is_whole(path, len(table)), path)
    path.with_suffix(".cpg").write_text(CODE_PAGES.get(encoding, "UTF-8"), encoding="ascii")


def _shapefile_is_whole(path: Path, rows: int) -> bool:
    """Whether each file is as long as its beginning says (ESRI Shapefile Technical Description, 1998; dBASE)."""
    for suffix in (".shp", ".shx"):
        with path.with_suffix(suffix).open("rb") as file:
            file.seek(24)
            if struct.unpack(">i", file.read(4))[0] * 2 != path.with_suffix(suffix).stat().st_size:
                return False
    table = path.with_suffix(".dbf")
    with table.open("rb") as file:
        count, begin, row = struct.unpack("<4xIHH", file.read(12))
    return bool(count == rows and table.stat().st_size >= begin + rows * row)


def _kind(layer: Layer) -> str:
    """The kind of a layer's shapes, also where it has no rows."""
    if layer.name in POINTS:
        return "Point"
    return "MultiLineString" if (layer.table.geom_type == "MultiLineString").any() else "LineString"


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """What GDAL and SQLite say of a file that can't be written, as OSError."""
    try:
        yield
    except (DataSourceError, DataLayerError, FeatureError, sqlite3.Error, struct.error) as error:
        raise OSError(errno.EIO, f"{path.name}: {error}") from error


def _check(good: bool, path: Path) -> None:
    if not good:
        raise OSError(errno.EIO, f"{path.name} was not written in whole")
