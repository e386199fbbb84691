"""The worst of a survey, for a page: hot spots, segments and what changed, as rows of plain values by column.

Rows have the columns of `maps.tables`, and `bounds` (west, south, east, north in degrees); numbers that are not known are
None. Texts are in the language of the tables.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import geopandas
import numpy as np

from detector.classes import CLASSES, CODES
from detector.errors import Translate
from maps.assessment import Assessment
from maps.change import Change
from maps.condition import DIAGNOSES
from maps.network import Pieces
from maps.results import segment_ids
from maps.snapping import NO_ROAD
from maps.tables import Tables

Row = dict[str, Any]
MOST = 100
"""Rows of each table: more than a meeting looks at; the files have them all."""
CHANGED = (Change.new, Change.worse, Change.repaired, Change.better)
"""Changes of damages that are listed one by one."""


def worst(told: Assessment, tables: Tables, translate: Translate, most: int = MOST) -> dict[str, Any]:
    """Facts and notes, the hot spots by rank, and the worst segments of 20 m and 100 m with priority and reasons."""
    known, network = tables.tables, told.network
    hot = known["hot_spots"]
    return {
        "facts": [list(fact) for fact in tables.facts],
        "notes": list(tables.notes),
        "hot_spots": _rows(hot[hot["rank"] > 0].head(most)),
        "segments_100m": _segments(told, network.long, known["segments_100m"], translate, most),
        "segments_20m": _segments(told, network.short, known["segments_20m"], translate, most),
    }


def changed(tables: Tables, translate: Translate, most: int = MOST) -> dict[str, Any]:
    """How many damages and segments changed how, by `Change`'s names, and those that did: some of each kind of change."""
    damages, segments = (tables.tables[name] for name in ("change_damages", "change_segments"))
    names = {translate(change): change.name for change in Change}
    listed = damages[damages["change"].isin([translate(one) for one in CHANGED])]
    moved = segments[segments["change"].isin([translate(one) for one in (Change.worse, Change.better)])]
    return {
        "counts": {
            "damages": Counter(names[one] for one in damages["change"]),
            "segments": Counter(names[one] for one in segments["change"]),
        },
        "change_damages": _rows(listed.groupby("change", sort=False).head(most // 2)),
        "change_segments": _rows(moved.head(most)),
    }


def _segments(
    told: Assessment, pieces: Pieces, table: geopandas.GeoDataFrame, translate: Translate, most: int
) -> list[Row]:
    """Segments with something on them, by class and crack ratio."""
    bad = table[(table["crack_ratio"] > 0) | (table["damages"] > 0)]
    rank = np.array([DIAGNOSES.index(one) for one in bad["diagnosis"]], int)
    order = np.lexsort((-bad["damages"], -np.nan_to_num(bad["crack_ratio"], nan=-1.0), -rank))
    gravest = _gravest(told, pieces)
    rows = _rows(bad.iloc[order[:most]])
    for row in rows:
        row["priority"] = gravest.get(row["segment"])
        row["reasons"] = _kinds(row, translate)
    return rows


def _gravest(told: Assessment, pieces: Pieces) -> dict[str, float]:
    """The priority of the gravest damage on each segment that has one, by the segment's name."""
    placed, total = told.placed, told.points.total
    mine = np.flatnonzero((placed.line != NO_ROAD) & (placed.weight >= 0.5))
    piece = pieces.at(placed.line[mine], placed.at_m[mine])
    names = segment_ids(told.network, pieces, piece, placed.direction[mine])
    found: dict[str, float] = {}
    for name, points in zip(names, total[mine].tolist(), strict=True):
        found[name] = max(found.get(name, 0.0), round(points, 1))
    return found


def _kinds(row: Row, translate: Translate) -> str:
    names = zip(CLASSES, CODES, strict=True)
    return ", ".join(f"{translate(kind.name)} {row[code]}" for kind, code in names if row[code])


def _rows(table: geopandas.GeoDataFrame) -> list[Row]:
    records: Sequence[Row] = table.drop(columns="geometry").to_dict("records")
    bounds = table.geometry.bounds.to_numpy().tolist()
    return [
        {name: _plain(value) for name, value in row.items()} | {"bounds": box}
        for row, box in zip(records, bounds, strict=True)
    ]


def _plain(value: object) -> object:
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
