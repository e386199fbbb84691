"""Boxes: bounds in degrees, which a query can look in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CHUNK_M = 400.0
DEGREE_M = 111_000.0
Box = tuple[float, float, float, float]
"""West, south, east, north; west is east of east across the 180th meridian."""


def boxes_along(lines: Sequence[np.ndarray], room_m: float) -> list[Box]:
    """Bounds (west, south, east, north) of pieces of a way's lines, with so much room around each."""
    boxes = []
    for line in lines:
        step = max(int(CHUNK_M / max(_mean_step_m(line), 0.1)), 1)
        for first in range(0, max(len(line), 1), step):
            piece = line[first : first + step + 1]
            if not len(piece):
                continue
            wide, tall = _room_deg(float(piece[0, 1]), room_m)
            # Across the 180th meridian west is east of east, as `viewport_ranges` has it.
            lon = piece[:, 0] % 360 if np.ptp(piece[:, 0]) > 180 else piece[:, 0]
            west, east = ((float(edge) + 180) % 360 - 180 for edge in (lon.min() - wide, lon.max() + wide))
            boxes.append((west, float(piece[:, 1].min() - tall), east, float(piece[:, 1].max() + tall)))
    return boxes


def box_around(lon: float, lat: float, room_m: float) -> Box:
    """Bounds with so much room around a place; they may lie beyond the 180th meridian."""
    wide, tall = _room_deg(lat, room_m)
    return lon - wide, lat - tall, lon + wide, lat + tall


def _room_deg(lat: float, room_m: float) -> tuple[float, float]:
    """So many metres in degrees of longitude and of latitude."""
    tall = room_m / DEGREE_M
    return tall / max(float(np.cos(np.radians(lat))), 0.05), tall


def _mean_step_m(line: np.ndarray) -> float:
    if len(line) < 2:
        return 1.0
    step = np.diff(line, axis=0)
    step[:, 0] = (step[:, 0] + 180) % 360 - 180  # the 180th meridian is no way round the world
    step *= DEGREE_M * np.array([np.cos(np.radians(line[0, 1])), 1.0])
    return float(np.hypot(*step.T).mean())
