"""The part of a base map that a page needs: the tiles around the ways driven, as a PMTiles file of its own."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pmtiles.tile import zxy_to_tileid
from pmtiles.writer import Writer

from maps.tile_archive import Archive, Tile, header_for

MARGIN_TILES = (2, 1)
"""Tiles kept beside a way, to the sides and up and down: a screenful around any point of it."""


@dataclass(frozen=True)
class CutOut:
    """The part of an archive around some ways, as a PMTiles file in memory."""

    data: bytes
    max_zoom: int
    left_out: int
    """Deepest zooms that were left out, to keep within the limit."""


def cut_out(archive: Archive, ways: Sequence[NDArray[np.float64]], limit_bytes: int) -> CutOut | None:
    """What a screen shows anywhere along these ways, each (n, 2) longitude and latitude.

    The deepest zooms are left out as far as it takes to stay within the limit. None where the archive
    has nothing there, or nothing within the limit.
    """
    kept: list[tuple[Tile, bytes]] = []
    room, deepest = limit_bytes, archive.max_zoom
    for zoom in range(archive.header["min_zoom"], archive.max_zoom + 1):
        found = [(tile, data) for tile in tiles_near(ways, zoom) if (data := archive.tile(tile))]
        room -= sum(len(data) for _, data in found)
        if room < 0:
            deepest = zoom - 1
            break
        kept.extend(found)
    if not kept:
        return None
    buffer = io.BytesIO()
    writer = Writer(buffer)
    for tile, data in sorted(kept, key=lambda one: zxy_to_tileid(*one[0])):
        writer.write_tile(zxy_to_tileid(*tile), data)
    header = archive.header
    metadata = {"vector_layers": archive.metadata.get("vector_layers", [])}
    writer.finalize(header_for(header["tile_type"], header["tile_compression"], archive.bounds), metadata)
    return CutOut(buffer.getvalue(), max(tile[0] for tile, _ in kept), archive.max_zoom - deepest)


def tiles_near(ways: Sequence[NDArray[np.float64]], zoom: int) -> list[Tile]:
    """The tiles of a zoom that ways (each (n, 2), longitude and latitude) go through, with a margin."""
    across, down = MARGIN_TILES
    near: set[tuple[int, int]] = set()
    for way in ways:
        lon, lat = way.T
        sines = np.sin(np.radians(np.clip(lat, -85.05, 85.05)))
        x = (lon / 360 + 0.5) * (1 << zoom)
        y = (0.5 - np.log((1 + sines) / (1 - sines)) / (4 * math.pi)) * (1 << zoom)
        places = np.column_stack([x, y])
        if len(way) > 1:
            places = shapely.get_coordinates(shapely.segmentize(shapely.linestrings(places), 0.5))
        near.update((x, y) for x, y in np.unique(np.floor(places).astype(int), axis=0).tolist())
    last = (1 << zoom) - 1
    return sorted(
        {
            (zoom, column, row)
            for x, y in near
            for column in range(max(x - across, 0), min(x + across, last) + 1)
            for row in range(max(y - down, 0), min(y + down, last) + 1)
        }
    )
