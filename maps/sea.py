"""The sea, put together from OpenStreetMap's coastlines: land lies on a coastline's left, sea on its right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Bounds = tuple[float, float, float, float]
BESIDE = 1e-7
"""How far to the right of a coastline the sea is looked for, in degrees; a centimetre."""

REACH = 0.1
"""How far short of the bounds a coastline may end, as a share of their side."""


def sea(coastlines: Sequence[BaseGeometry], bounds: Bounds) -> list[BaseGeometry]:
    """The sea's polygons within `bounds` (west, south, east, north); EPSG:4326 like the coastlines.

    Where an extract cuts a coastline short of the bounds, what lies there stays land: a wrong blank is
    less harm than a wrong sea.
    """
    box = shapely.box(*bounds)
    lines = shapely.intersection(np.array(coastlines, dtype=object), box)
    edges = shapely.union_all([*lines, *_led_out(lines, box), box.exterior])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(edges)))
    if len(faces) < 2:
        return []
    right, left = _beside(coastlines)
    tree = shapely.STRtree(faces)
    votes = np.zeros(len(faces))
    for points, vote in ((right, 1), (left, -1)):
        np.add.at(votes, tree.query(points, predicate="within")[1], vote)
    return [face for face, vote in zip(faces, votes, strict=True) if vote > 0]


def _led_out(lines: NDArray[np.object_], box: BaseGeometry) -> list[BaseGeometry]:
    """Where a coastline ends just short of the box, as extracts leave it, the way on to its edge."""
    merged = shapely.line_merge(shapely.multilinestrings(_parts(lines)))
    ends = shapely.get_parts(shapely.boundary(shapely.get_parts(merged)))
    reach = REACH * shapely.length(box.exterior) / 4
    gaps = [shapely.shortest_line(end, box.exterior) for end in ends]
    return [gap for gap in gaps if 0 < shapely.length(gap) < reach]


def _parts(lines: NDArray[np.object_]) -> list[BaseGeometry]:
    return [part for part in shapely.get_parts(lines) if shapely.get_dimensions(part) == 1]


def _beside(lines: Sequence[BaseGeometry]) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Points just to the right and just to the left of the middle of every stretch of these lines."""
    middles, across = [], []
    for line in shapely.get_parts(np.array(lines, dtype=object)):
        points = shapely.get_coordinates(line)
        steps = np.diff(points, axis=0)
        length = np.hypot(*steps.T)
        steps, length = steps[length > 0], length[length > 0]
        middles.append((points[:-1] + points[1:])[: len(steps)] / 2)
        across.append(np.column_stack([steps[:, 1], -steps[:, 0]]) / length[:, None] * BESIDE)
    middle, aside = np.vstack(middles), np.vstack(across)
    return shapely.points(middle + aside), shapely.points(middle - aside)
