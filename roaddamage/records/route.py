"""The order in which a crew drives to its stops: short on the straight line, open at its end.

Nearest neighbour, then 2-opt (Croes, 1958) until no exchange shortens the way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.trajectory import LocalFrame

Floats = NDArray[np.float64]
GAIN_M = 1e-6
MOST_EXCHANGES = 5_000
"""After so many the way is short enough for anybody."""


def in_order(lonlat: Floats, start: tuple[float, float] | None = None) -> list[int]:
    """Rows of `lonlat` (n, 2) EPSG:4326 in the order to drive to them: from `start`, else from the first row."""
    if len(lonlat) < 2:
        return list(range(len(lonlat)))
    frame = LocalFrame(float(lonlat[0, 0]), float(lonlat[0, 1]))
    places = np.column_stack(frame.to_metres(*lonlat.T))
    if start:
        places = np.vstack([np.column_stack(frame.to_metres([start[0]], [start[1]])), places])
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    order = _untangled(_nearest(apart), apart)
    return [row - 1 for row in order[1:]] if start else order


def _nearest(apart: Floats) -> list[int]:
    """From the first to the nearest that is left, and so on."""
    order, left = [0], np.ones(len(apart), bool)
    left[0] = False
    while left.any():
        nearest = int(np.where(left, apart[order[-1]], np.inf).argmin())
        left[nearest] = False
        order.append(nearest)
    return order


def _untangled(order: list[int], apart: Floats) -> list[int]:
    """The best reversal of a part again and again; the first stays first, the last may change."""
    way, last = np.array(order), len(order) - 1
    for _ in range(MOST_EXCHANGES):
        # Reversing way[i+1 : j+1] replaces the legs i → i+1 and j → j+1 (the latter is none at the end).
        legs = np.append(apart[way[:-1], way[1:]], 0.0)
        between = apart[np.ix_(way, way)]
        after = np.zeros((len(way), len(way)))
        after[:-1, :-1] = between[1:, 1:]
        gain = legs[:, None] + legs[None] - between - after
        gain[np.tril_indices(len(way), 1)] = 0.0
        gain[last] = 0.0
        best = int(gain.argmax())
        if gain.flat[best] <= GAIN_M:
            break
        i, j = divmod(best, len(way))
        way[i + 1 : j + 1] = way[i + 1 : j + 1][::-1]
    return [int(row) for row in way]
