"""Road files as surveyors and map projects write them, made small."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from pyproj import Transformer

ZONE_9, JGD2011 = 6677, 6668
EAST, NORTH = -7_600.0, -38_800.0
"""A place in Minato ward, metres of zone IX."""


def line(*east_north_m: tuple[float, float]) -> shapely.LineString:
    """A line through places, metres from the place in Minato ward."""
    return shapely.LineString(np.array(east_north_m) + (EAST, NORTH))


def write_roads(
    path: Path, lines: Sequence[Any], *, said: int | None = ZONE_9, degrees: bool = False, **columns: Any
) -> Path:
    """A file of these lines, which are in metres, or are written in degrees; `said` is what it says they are."""
    if degrees:
        lines = [None if one is None else _in_degrees(one) for one in lines]
    table = geopandas.GeoDataFrame(columns or {"x": range(len(lines))}, geometry=[*lines])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GDAL's, of a file without a coordinate system
        encoding = {"encoding": "CP932"} if path.suffix == ".shp" else {}
        table.set_crs(said).to_file(path, **encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    return path


def _in_degrees(one: shapely.Geometry) -> shapely.Geometry:
    to_lonlat = Transformer.from_crs(ZONE_9, JGD2011, always_xy=True)
    return shapely.transform(one, lambda xy: np.column_stack(to_lonlat.transform(*xy.T)))


def town(count: int) -> list[shapely.LineString]:
    """So many roads of 300 m, a kilometre apart, in rows of a hundred."""
    number = np.arange(count)
    begin = np.column_stack([number % 100, number // 100]) * 1000.0 + (EAST, NORTH)
    return list(shapely.linestrings(np.stack([begin, begin + (300.0, 0.0)], 1)))
