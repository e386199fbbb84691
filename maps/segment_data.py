"""Tables of road pieces as columns of a map page: what each piece is, and its line.

Numbers are f4, NaN where not known; texts stand once each, and a column has the place of each piece's. Lines are
`line_lon` and `line_lat`, millionths of a degree (10 cm), each point told from the one before it, so that they pack
well; `line_begin` says where each piece's points begin, `table_begin` where each table's pieces do.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas
import numpy as np
import pandas
import shapely
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from maps import tables
from maps.columns import bounds
from maps.map_data import Columns, Texts

Lines = NDArray[np.object_]
Ints = NDArray[np.int64]

STEP_DEG = 1e-6
STRAIGHT_DEG = 0.5 / 111_320
"""Bends of less than half a metre are left out."""


def segment_columns(
    pieces: Sequence[geopandas.GeoDataFrame], told: Sequence[tables.Column]
) -> tuple[Columns, Texts]:
    """Columns and texts of tables that have the columns `told`, one table after another.

    `beside` is 1 for a piece that shares its ground with another one of its table: the other direction's.
    """
    lengths = [len(table) for table in pieces]
    columns: Columns = {"table_begin": bounds(lengths)}
    texts: Texts = {}
    # An empty table does not know its numbers from its texts.
    full = [table for table in pieces if len(table)] or list(pieces[:1])
    for column in told:
        values = pandas.concat([table[column.name] for table in full], ignore_index=True)
        if is_numeric_dtype(values):
            known = values.to_numpy("f8", na_value=np.nan)
            # Digits that nobody is told would not pack.
            columns[column.name] = np.round(known, column.digits or 0).astype("<f4")
        else:
            places, words = pandas.factorize(values.fillna("").astype(str))
            columns[column.name], texts[column.name] = places.astype("<u4"), words.tolist()
    lines = np.concatenate([table.geometry.to_numpy() for table in full])
    of = np.repeat(np.arange(len(lengths)), lengths)
    return {**columns, "beside": _beside(lines, of), **_lines(lines)}, texts


def _beside(lines: Lines, of: Ints) -> NDArray[np.uint8]:
    """1 for a line that lies where another one `of` its table does, whichever way it runs, (n,)."""
    rounded = shapely.transform(lines, lambda lonlat: np.round(lonlat / STEP_DEG))
    ground = pandas.DataFrame({"line": shapely.to_wkb(shapely.normalize(rounded)), "of": of})
    return np.asarray(ground.duplicated(keep=False), "u1")


def _lines(lines: Lines) -> Columns:
    straight = shapely.simplify(lines, STRAIGHT_DEG)
    points = np.round(shapely.get_coordinates(straight) / STEP_DEG).astype("<i4")
    lon, lat = np.diff(points, axis=0, prepend=np.zeros((1, 2), "<i4")).T
    return {"line_begin": bounds(shapely.get_num_coordinates(straight)), "line_lon": lon, "line_lat": lat}
