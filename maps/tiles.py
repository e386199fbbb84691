"""Tile keys: the Morton code of a place's zoom-24 tile, by which every viewport is a few ranges of one index.

Tiles are those of web maps (EPSG:3857, row 0 in the north). Of a key's 48 bits the even ones are the column's and
the odd ones the row's, so that `key >> 2 * (24 - zoom)` is the key of the tile at any lower zoom: what lies in a
tile is one range, and clusters are a `GROUP BY tile_key >> n`.
"""

from __future__ import annotations

import heapq
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]

ZOOM = 24
"""Tiles of 2.4 m at the equator, 1.9 m in Tokyo."""
LATITUDE_LIMIT = 85.0511287798066
"""Web maps end here; what lies beyond is put on the edge."""
LAST = 1 - 1e-12
"""The world's eastern and southern edge, as a share of its square, is in its last tiles."""
CLUSTER_ZOOMS = 2
"""A cluster's cell is a tile of so many zooms further in: 64 of a tile's 256 pixels."""
MOST_RANGES = 64


def tile_key(lon: ArrayLike, lat: ArrayLike) -> Keys:
    """Keys of places in EPSG:4326, any shape. Raises ValueError for what is no number."""
    x, y = _world(lon, lat)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a place that is no number has no tile")
    column, row = ((np.clip(part, 0, LAST) * 2**ZOOM).astype(np.uint64) for part in (x, y))
    return (_spread(column) | _spread(row) << np.uint64(1)).astype(np.int64)


def key_centre(key: ArrayLike, zoom: int = ZOOM) -> tuple[Floats, Floats]:
    """Longitude and latitude of the middle of tiles, of which these are the keys at a zoom."""
    keys = np.asarray(key, np.int64).astype(np.uint64)
    x = (_gathered(keys).astype(float) + 0.5) / 2**zoom
    y = (_gathered(keys >> np.uint64(1)).astype(float) + 0.5) / 2**zoom
    return 360 * x - 180, np.degrees(np.arctan(np.sinh(math.pi * (1 - 2 * y))))


def cluster_shift(zoom: float) -> int:
    """By how many bits to shift keys right for the clusters of a map at a zoom."""
    return 2 * max(ZOOM - math.floor(zoom) - CLUSTER_ZOOMS, 0)


def viewport_ranges(
    west: float, south: float, east: float, north: float, most: int = MOST_RANGES
) -> list[tuple[int, int]]:
    """The ranges of keys (first, one past the last) that hold a viewport in EPSG:4326, in order.

    They may hold more, as there are `most` at most: what comes of them is to be held against the viewport itself.
    Where west is east of east the viewport crosses the antimeridian. Raises ValueError for what is none.
    """
    if not (np.isfinite([west, south, east, north]).all() and south <= north):
        raise ValueError(f"no viewport: {west}, {south}, {east}, {north}")
    if west > east:
        halves = ((min(west, 180.0), 180.0), (-180.0, max(east, -180.0)))
        return _joined([one for a, b in halves for one in viewport_ranges(a, south, b, north, most // 2)])
    (left, right), (bottom, top) = _world([west, east], [south, north])
    if right < 0 or left > 1:
        return []
    box = (min(float(left), LAST), min(float(top), LAST), float(right), max(float(bottom), 0.0))
    # The largest tiles that are only in part inside are parted first; each parting adds three ranges at most.
    whole, parts = list[tuple[int, int]](), [(0, 0)]  # (zoom, key)
    while parts and len(whole) + len(parts) + 3 <= most:
        zoom, key = heapq.heappop(parts)
        if zoom == ZOOM:
            whole.append((zoom, key))
            continue
        for child in range(4 * key, 4 * key + 4):
            if (inside := _inside(zoom + 1, child, box)) is not None:
                whole.append((zoom + 1, child)) if inside else heapq.heappush(parts, (zoom + 1, child))
    spans = [(key << 2 * (ZOOM - zoom), key + 1 << 2 * (ZOOM - zoom)) for zoom, key in whole + parts]
    return _joined(spans)


def _inside(zoom: int, key: int, box: tuple[float, float, float, float]) -> bool | None:
    """Whether a tile lies in the box as a whole; None where it does not at all."""
    x, y = (int(_gathered(np.array([key >> bit], np.uint64))[0]) for bit in (0, 1))
    size = 2.0**-zoom
    low, high = (x * size, y * size), ((x + 1) * size, (y + 1) * size)
    if low[0] > box[2] or high[0] <= box[0] or low[1] > box[3] or high[1] <= box[1]:
        return None
    return box[0] <= low[0] and high[0] <= box[2] and box[1] <= low[1] and high[1] <= box[3]


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, those that touch made one."""
    joined = list[tuple[int, int]]()
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _world(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Web Mercator as shares of the world's square: x to the east, y to the south."""
    x = (np.asarray(lon, float) + 180) / 360
    clipped = np.clip(np.asarray(lat, float), -LATITUDE_LIMIT, LATITUDE_LIMIT)
    return x, np.asarray(0.5 - np.arcsinh(np.tan(np.radians(clipped))) / (2 * math.pi), float)


_STEPS = (
    (16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333), (1, 0x5555555555555555),
)  # fmt: skip


def _spread(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A zero put after each bit."""
    for shift, mask in _STEPS:
        value = (value | value << np.uint64(shift)) & np.uint64(mask)
    return value


def _gathered(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every other bit, those at even places."""
    value = value & np.uint64(_STEPS[-1][1])
    for (shift, _), mask in zip(_STEPS[::-1], [one for _, one in _STEPS[-2::-1]] + [0xFFFFFFFF], strict=True):
        value = (value | value >> np.uint64(shift)) & np.uint64(mask)
    return value
