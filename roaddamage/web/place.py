"""The place: a small map of a damage's surroundings, drawn from the records alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector.trajectory import LocalFrame
from maps.tiles import viewport_ranges
from roaddamage.records.boxes import box_around
from roaddamage.records.models import Damage, Drive

HALF_M = 70.0
"""From the damage to the small map's edge."""
CHI_95 = 2.4477
"""Half-axes of the 95 % ellipse, in standard deviations of two axes."""
MOST_DRIVES, MOST_DAMAGES, RANGES = 12, 60, 8


@dataclass(frozen=True)
class Place:
    """What the small map shows: metres east and south of the damage.

    `lines` are ways driven, as points of an SVG polyline; `others` (east, south, class, number) the damages around;
    `along_m`, `across_m`, `turn_deg` the half-axes of the 95 % ellipse and its turn; `heading_deg` the way that the
    vehicle went, clockwise from north.
    """

    lines: list[str]
    others: list[tuple[float, float, int, int]]
    along_m: float
    across_m: float
    turn_deg: float
    heading_deg: float | None


def place_of(row: Damage) -> Place:
    """The surroundings of a damage."""
    frame = LocalFrame(row.lon, row.lat)
    cov = np.array([[row.var_east_m2, row.cov_east_north_m2], [row.cov_east_north_m2, row.var_north_m2]])
    values, vectors = np.linalg.eigh(cov)
    across_m, along_m = CHI_95 * np.sqrt(np.maximum(values, 0.0))
    turn = float(np.degrees(np.arctan2(-vectors[1, 1], vectors[0, 1])))
    return Place(
        _lines(row, frame), _others(row, frame), float(along_m), float(across_m), turn,
        row.best.heading_deg if row.best else None,
    )  # fmt: skip


def _lines(row: Damage, frame: LocalFrame) -> list[str]:
    drives = Drive.objects.filter(passages__damage=row).distinct().order_by("-begin")[:MOST_DRIVES]
    told = []
    for way in (np.array(line, float) for drive in drives for line in drive.ways if line):
        metres = np.column_stack(frame.to_metres(*way.T))
        near = np.abs(metres).max(1) <= 2 * HALF_M
        # Runs of points that are near, so that what lies between two visits is not drawn.
        for run in np.split(np.arange(len(way)), np.flatnonzero(np.diff(near)) + 1):
            if near[run[0]] and len(run) > 1:
                told.append(" ".join(f"{east:.1f},{-north:.1f}" for east, north in metres[run]))
    return told


def _others(row: Damage, frame: LocalFrame) -> list[tuple[float, float, int, int]]:
    told = []
    for low, high in viewport_ranges(*box_around(row.lon, row.lat, HALF_M), RANGES):
        for other in Damage.objects.filter(shown=True, tile_key__gte=low, tile_key__lt=high).exclude(
            pk=row.pk
        )[:MOST_DAMAGES]:
            east, north = (float(part) for part in frame.to_metres(other.lon, other.lat))
            if max(abs(east), abs(north)) < HALF_M:
                told.append((round(east, 1), round(-north, 1), other.class_id, other.pk))
    return told
