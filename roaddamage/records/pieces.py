"""Pieces of drives' ways by tile: which drives went past a place, and where, without reading whole ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from maps.coverage import Way
from maps.tiles import ZOOM as FINEST
from maps.tiles import tile_key
from roaddamage.records.boxes import Box
from roaddamage.records.models import Drive, WayPiece
from roaddamage.records.portions import SOME, portions
from roaddamage.records.rows import way_of

ZOOM = 16
"""Tiles of some 500 m in Japan."""
SHIFT = 2 * (FINEST - ZOOM)
LOOKS = 5
"""Places looked at along each side of a box of some 600 m: closer than tiles are wide."""


def put_pieces(drive: Drive, way: Way) -> None:
    """Write the pieces of a drive's way, in the place of those that it had."""
    drive.pieces.all().delete()
    rows = []
    for line in way.lines:
        if not len(line):
            continue
        tiles = tile_key(line[:, 0], line[:, 1]) >> SHIFT
        starts = [0, *(np.flatnonzero(np.diff(tiles)) + 1).tolist()]
        for first, end in zip(starts, [*starts[1:], len(line)], strict=True):
            part = np.round(line[first : end + 1], 7).tolist()
            rows.append(WayPiece(drive=drive, tile=int(tiles[first]), line=part))
    WayPiece.objects.bulk_create(rows, batch_size=SOME)


def ways_around(boxes: Sequence[Box], without: Drive | None = None) -> list[Way]:
    """What drives saw in and around these boxes (west, south, east, north), the earliest drive first."""
    tiles = _tiles(boxes)
    lines: defaultdict[int, list[list[list[float]]]] = defaultdict(list)
    for some in portions(tiles):
        rows = WayPiece.objects.filter(tile__in=some)
        rows = rows.exclude(drive=without) if without else rows
        for drive, line in rows.order_by("pk").values_list("drive", "line"):
            lines[drive].append(line)
    told = Drive.objects.filter(pk__in=list(lines)).only("name", "begin", "accuracy_m", "reach_m", "light")
    return [way_of(drive, lines[drive.pk]) for drive in told.order_by("begin", "pk")]


def _tiles(boxes: Sequence[Box]) -> list[int]:
    """The tiles that these boxes lie in."""
    found: set[int] = set()
    for west, south, east, north in boxes:
        past = east + 360 if east < west else east  # across the 180th meridian
        lon, lat = np.meshgrid(np.linspace(west, past, LOOKS), np.linspace(south, north, LOOKS))
        found |= set((tile_key((lon + 180) % 360 - 180, lat) >> SHIFT).ravel().tolist())
    return sorted(found)
