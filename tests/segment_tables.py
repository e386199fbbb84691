"""Tables of road pieces made by hand: what a row does not say is not known."""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
import shapely
from map_data_files import place

from maps.tables import COLUMNS

TEXTS = frozenset(
    (
        "segment", "road_id", "road", "road_kind", "direction", "last_surveyed", "measured_on", "class_crack",
        "class_rut", "class_iri", "diagnosis", "diagnosis_low", "diagnosis_high", "reasons",
    )
)  # fmt: skip


def line(*east_north_m: tuple[float, float]) -> shapely.LineString:
    """A line in EPSG:4326 through places in metres."""
    return shapely.LineString([place(*one) for one in east_north_m])


def table(name: str, *rows: dict[str, Any]) -> geopandas.GeoDataFrame:
    """A table of `COLUMNS[name]`; each row has its `geometry` and what of its columns is known."""
    columns = [column.name for column in COLUMNS[name]]
    assert all(set(row) <= {*columns, "geometry"} for row in rows)
    unknown = {one: "" if one in TEXTS else np.nan for one in columns}
    return geopandas.GeoDataFrame(
        [{**unknown, **row} for row in rows], columns=[*columns, "geometry"], geometry="geometry", crs=4326
    )


def street(
    name: str, north_m: float, *diagnoses: tuple[str, str], length_m: float = 100.0, **more: Any
) -> list[dict[str, Any]]:
    """Rows of a road that runs east: for each piece the diagnoses of the lanes along it and against it."""
    rows = []
    for number, both in enumerate(diagnoses):
        begin, end = number * length_m, (number + 1) * length_m
        along = line((begin, north_m), (end, north_m))
        for direction, diagnosis in zip(("up", "down"), both, strict=True):
            rows.append(
                {
                    "segment": f"{name}-{begin:.0f}-{direction}", "road": name, "direction": direction,
                    "from_m": begin, "to_m": end, "length_m": length_m, "diagnosis": diagnosis,
                    "seen_share": 1.0, "geometry": along if direction == "up" else along.reverse(), **more,
                }
            )  # fmt: skip
    return rows
