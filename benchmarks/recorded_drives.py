"""The drives of a made city: each third of a street driven once, and one of them again and again."""

from __future__ import annotations

import itertools
import json

import numpy as np
from numpy.typing import NDArray

from benchmarks.bulk_rows import put
from benchmarks.damage_store import DamageStore

DRIVES = 2_000
DAYS = 400
"""So long ago the first drive was; the last one was yesterday."""
SIDE_DEG, GRID_DEG, THIRD_DEG = 0.36, 0.0012, 0.12
WEST, SOUTH = 139.5, 35.5
LINES = round(SIDE_DEG / GRID_DEG) + 1
STRETCHES = 2 * LINES * 3
"""Thirds of streets: those to the east and those to the north."""
STEP_DEG, DEGREE_M, SPEED_MS = 6e-4, 100_000.0, 9.0
DAY_S = 86_400.0
Ints = NDArray[np.int64]


def stretches_of(store: DamageStore) -> tuple[Ints, NDArray[np.float64]]:
    """For each damage the third of a street that it lies on, and how far along, in degrees."""
    place = np.column_stack([store.lon - WEST, store.lat - SOUTH])
    off = np.abs(place - np.round(place / GRID_DEG) * GRID_DEG)
    north = (off[:, 0] < off[:, 1]).astype(int)  # on a street to the north
    rows = np.arange(len(place))
    line = np.clip(np.round(place[rows, 1 - north] / GRID_DEG), 0, LINES - 1).astype(int)
    along = np.clip(place[rows, north], 0, SIDE_DEG - 1e-9)
    third = (along / THIRD_DEG).astype(int)
    return (north * LINES + line) * 3 + third, along - third * THIRD_DEG


def put_drives(by: int) -> NDArray[np.float64]:
    """Drives along all stretches, and again and again along the first; when each began."""
    from django.utils import timezone

    from maps.tiles import tile_key
    from roaddamage.records.models import Drive, Job, Vehicle, WayPiece
    from roaddamage.records.pieces import SHIFT
    from roaddamage.records.rows import moment

    now_s = timezone.now().timestamp()
    begins = np.round(now_s - DAY_S * np.linspace(DAYS, 1, DRIVES))
    steps = np.arange(0, THIRD_DEG, STEP_DEG)
    ways, boxes, pieces = [], [], []
    for drive in range(DRIVES):
        north, line, third = _street(drive)
        fixed, moving = np.full(len(steps), line * GRID_DEG), steps + third * THIRD_DEG
        parts = (fixed, moving) if north else (moving, fixed)
        way = np.round(np.column_stack([WEST + parts[0], SOUTH + parts[1]]), 7)
        ways.append(json.dumps([way.tolist()]))
        boxes.append((*way.min(0).tolist(), *way.max(0).tolist()))
        tiles = tile_key(*way.T) >> SHIFT
        edges = [0, *(np.flatnonzero(np.diff(tiles)) + 1).tolist(), len(way)]
        pieces += [
            (drive + 1, int(tiles[a]), json.dumps(way[a : b + 1].tolist()))
            for a, b in itertools.pairwise(edges)
        ]
    times = [moment(float(begin)) for begin in begins]
    names = [f"made {number}" for number in range(1, DRIVES + 1)]
    west, south, east, north_ = (list(side) for side in zip(*boxes, strict=True))
    put(Vehicle, 10, name=[f"vehicle {number}" for number in range(10)])
    put(
        Drive, DRIVES, name=names, digest=names, by_id=by, state="done", at=times, begin=times, west=west, south=south,
        east=east, north=north_, metres=THIRD_DEG * DEGREE_M, ways=ways, preview=ways, reach_m=json.dumps([[6.0] * 3] * 4),
        accuracy_m=3.0, vehicle_id=[drive % 10 + 1 for drive in range(DRIVES)], model="made",
        duration_s=THIRD_DEG * DEGREE_M / SPEED_MS, found=500, found_new=500,
    )  # fmt: skip
    put(Job, DRIVES, drive_id=list(range(1, DRIVES + 1)), state="done", by_id=by, at=times, finished=times)
    drives, tiles_, lines = (list(column) for column in zip(*pieces, strict=True))
    put(WayPiece, len(pieces), drive_id=drives, tile=tiles_, line=lines)
    return begins


def _street(drive: int) -> tuple[int, int, int]:
    """Whether a drive's street goes north, the street's number, and the third of it."""
    stretch = drive if drive < STRETCHES else 0
    return stretch // (3 * LINES), stretch // 3 % LINES, stretch % 3
