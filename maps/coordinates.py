"""Coordinates of results: WGS 84, JGD2011, or one of its plane-rectangular zones 平面直角座標系.

Shapes have x (longitude, or easting) before y (latitude, or northing) in every file, as GIS reads them. Surveyors
in Japan call northing X and easting Y: columns are named `northing_m` and `easting_m`, so that nobody mistakes them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import geopandas
import numpy as np
import pandas
import shapely
from pandas.api.types import is_float_dtype, is_object_dtype, is_string_dtype
from pyproj import CRS

from detector.errors import N_, RoadDamageError
from maps.tables import COLUMNS, Column, Tables
from maps.texts import printable

WGS84, JGD2011 = 4326, 6668
ZONES = (
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X",
    "XI", "XII", "XIII", "XIV", "XV", "XVI", "XVII", "XVIII", "XIX",
)  # fmt: skip
NAMED = {"WGS84": WGS84, "WGS 84": WGS84, "JGD2011": JGD2011}
PLANE = {
    "lon": Column("northing_m", "northing_m", N_("X, north (m)"), 3),
    "lat": Column("easting_m", "easting_m", N_("Y, east (m)"), 3),
}
"""What stands in the place of longitude and latitude: X first, as surveyors write it."""


class CoordinatesError(RoadDamageError):
    """A coordinate system that results can't be written in."""

    exit_code = 2


@dataclass(frozen=True)
class Layer:
    """A table as files tell it: its columns in order and `geometry`, in one coordinate system.

    Numbers are rounded, whole ones integers, with NA where not known; texts hold no control characters.
    """

    name: str
    columns: tuple[Column, ...]
    table: geopandas.GeoDataFrame


def coordinate_system(text: str) -> CRS:
    """EPSG:4326, 6668 or 6669–6687 by code or name: "EPSG:6677", "JGD2011", "zone 9", "9系", "IX".

    Raises CoordinatesError for any other.
    """
    said = unicodedata.normalize("NFKC", text).strip().upper()
    code = re.fullmatch(r"(?:EPSG:)?(\d{4,5})", said)
    zone = re.fullmatch(r"(?:ZONE *|第)?(\d{1,2}|[IVX]+) *系?", said)
    number = NAMED.get(said, int(code[1]) if code else 0)
    if zone:
        place = zone[1] if not zone[1].isdigit() else dict(enumerate(ZONES, 1)).get(int(zone[1]))
        number = JGD2011 + 1 + ZONES.index(place) if place in ZONES else 0
    if number != WGS84 and not JGD2011 <= number <= JGD2011 + len(ZONES):
        raise CoordinatesError(
            N_(
                "Results can't be written in the coordinate system {name}. Give EPSG:4326 (WGS 84), EPSG:6668"
                ' (JGD2011), or a plane-rectangular zone of JGD2011: EPSG:6669 to 6687, such as EPSG:6677, "zone 9",'
                " 9系 or IX for Tokyo."
            ),
            name=text,
        )
    return CRS.from_epsg(number)


def in_coordinates(tables: Tables, crs: CRS) -> Iterator[Layer]:
    """The tables in a coordinate system of `coordinate_system`, one after the other.

    In a zone the columns `lon` and `lat` become `northing_m` and `easting_m`.
    """
    for name, table in tables.tables.items():
        yield _layer(name, table.to_crs(crs), crs)


def outside(places: geopandas.GeoSeries, crs: CRS) -> int:
    """How many places (EPSG:4326) lie outside the ground that a coordinate system is for (its area of use in EPSG)."""
    if crs.area_of_use is None:
        return 0
    return int((~places.covered_by(shapely.box(*crs.area_of_use.bounds))).sum())


def is_text(values: pandas.Series) -> bool:
    """Whether a column holds texts."""
    return bool(is_string_dtype(values) or is_object_dtype(values))


def _layer(name: str, table: geopandas.GeoDataFrame, crs: CRS) -> Layer:
    columns = COLUMNS[name]
    if crs.is_projected and any(column.name in PLANE for column in columns):
        table = table.assign(northing_m=table.geometry.y, easting_m=table.geometry.x)
        columns = tuple(PLANE.get(column.name, column) for column in columns)
    told = {column.name: _told(table[column.name], column.digits) for column in columns}
    return Layer(name, columns, geopandas.GeoDataFrame(told, geometry=table.geometry.array, crs=crs))


def _told(values: pandas.Series, digits: int | None) -> pandas.Series:
    """A column as files tell it, numbered anew from 0."""
    values = values.reset_index(drop=True)
    if digits is not None:
        return values.astype(float).replace([np.inf, -np.inf], np.nan).round(digits)
    if is_text(values):
        texts = values.fillna("")
        return texts.map({one: printable(one) if isinstance(one, str) else one for one in texts.unique()})
    return values.astype("Int64") if is_float_dtype(values) else values
