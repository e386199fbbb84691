"""Placing: which damages belong on the map, and where the map is to look first.

One damage at (0, 0) would have the map show half the world. Such strays are listed beside the map, counted, and
left out of what it shows at first; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.cluster.hierarchy import DisjointSet
from scipy.spatial import cKDTree

from detector.errors import N_
from maps.damage import Damage
from maps.places_file import PlacesError, read_places
from maps.streets import EARTH_RADIUS_M, Streets
from maps.tiles import LATITUDE_LIMIT

Floats = NDArray[np.float64]

FAR_M = 1_000.0
"""A damage further than this from every way driven is a stray."""
AREA_M = 20_000.0
"""What lies nearer than this is one area."""
AREA_CELL_DEG = 0.02


def read_ground(path: Path) -> shapely.Geometry:
    """The municipality's ground, EPSG:4326: all polygons of a GeoJSON, GeoPackage or Shapefile. Raises PlacesError."""
    ground = read_places(path).to_crs(4326).geometry
    ground = ground[ground.geom_type.isin(["Polygon", "MultiPolygon"])]
    if ground.empty:
        raise PlacesError(N_("{path} has no polygons: give the municipality's boundary."), path=path)
    return ground.make_valid().union_all()


@dataclass(frozen=True)
class Placed:
    """`on_map` says for each damage whether it is where it can be; `areas` are bounds, the fullest first.

    Bounds are (west, south, east, north), EPSG:4326.
    """

    on_map: NDArray[np.bool_]
    areas: list[tuple[float, float, float, float]]


def place(damages: Sequence[Damage], driven: Streets, within: shapely.Geometry | None = None) -> Placed:
    """Tell strays: no place on Earth, (0, 0), outside `within`, or far from all streets where any were driven.

    `within` is the municipality's ground in EPSG:4326, where it is known.
    """
    lonlat = np.array([(damage.lon, damage.lat) for damage in damages], float).reshape(-1, 2)
    points = np.vstack([np.zeros((0, 2)), *driven.lines])
    on_map = np.isfinite(lonlat).all(1) & (np.abs(lonlat) <= (180, LATITUDE_LIMIT)).all(1)
    on_map &= (np.abs(lonlat) > 1e-4).any(1)
    if within is not None:
        rows = np.flatnonzero(on_map)
        on_map[rows] = shapely.intersects_xy(within, *lonlat[rows].T)
    elif len(points):
        rows = np.flatnonzero(on_map)
        on_map[rows] = driven.nearest(*lonlat[rows].T)[1] < FAR_M
    return Placed(on_map, _areas(lonlat[on_map], points))


def _areas(lonlat: Floats, points: Floats) -> list[tuple[float, float, float, float]]:
    """Bounds of what lies together, with most damages first, then with most of the ways."""
    both = np.vstack([lonlat, points])
    if not len(both):
        return []
    cells, of = np.unique(np.round(both / AREA_CELL_DEG), axis=0, return_inverse=True)
    of = of.ravel()
    joined = DisjointSet(range(len(cells)))
    centres = _on_sphere(cells * AREA_CELL_DEG)
    for one, other in cKDTree(centres).query_pairs(AREA_M / EARTH_RADIUS_M):
        joined.merge(one, other)
    bounds = list[tuple[int, int, tuple[float, float, float, float]]]()
    for subset in joined.subsets():
        inside = np.isin(of, list(subset))
        low, high = both[inside].min(0), both[inside].max(0)
        found = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        bounds.append((int(inside[: len(lonlat)].sum()), int(inside.sum()), found))
    return [found for *_, found in sorted(bounds, reverse=True)]


def _on_sphere(lonlat: Floats) -> Floats:
    """Points on the unit sphere (n, 3): straight distances there are good for a few kilometres."""
    lon, lat = np.radians(lonlat).T
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
