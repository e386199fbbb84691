"""MBTiles files, written as PMTiles: the same tiles, in one file that needs no database to read."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from detector.errors import N_
from maps.map_files import BaseMapError
from maps.tile_archive import broken, header_for

SQLITE = b"SQLite format 3\0"
KINDS = {"pbf": TileType.MVT, "mvt": TileType.MVT, "png": TileType.PNG, "jpg": TileType.JPEG,
           "jpeg": TileType.JPEG, "webp": TileType.WEBP}  # fmt: skip
"""MBTiles' `format` → what its tiles are."""


def from_mbtiles(path: Path, out: Path) -> None:
    """Write an MBTiles file as PMTiles. Raises BaseMapError for one that is none."""
    with path.open("rb") as file:
        if file.read(16) != SQLITE:
            raise BaseMapError(N_("{path} is no MBTiles file."), path=path)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            told = dict(database.execute("SELECT name, value FROM metadata"))
            kind = KINDS.get(str(told.get("format", "")).lower())
            if kind is None:
                raise BaseMapError(
                    N_("{path} has tiles of a kind that is not drawn ({kind})."),
                    path=path, kind=told.get("format", "?"),
                )  # fmt: skip
            _write_tiles(_mbtiles(database, kind), out, kind, told)
    except sqlite3.Error as error:
        raise BaseMapError(N_("{path} is no MBTiles file."), path=path) from error
    except (ValueError, IndexError, TypeError) as error:
        raise broken(path, str(error)) from error


def _mbtiles(database: sqlite3.Connection, kind: TileType) -> Iterator[tuple[int, bytes]]:
    """Tiles in PMTiles' order, by number. MBTiles counts rows from the south."""
    (table,) = database.execute("SELECT type = 'table' FROM sqlite_master WHERE name = 'tiles'").fetchone()
    # A table may lack an index, and is then asked by its rows; a view has none, and lies over indexed tables.
    key = "rowid" if table else "zoom_level, tile_column, tile_row"
    places = sorted(
        (zxy_to_tileid(z, x, (1 << z) - 1 - y), *keys)
        for z, x, y, *keys in database.execute(
            f"SELECT zoom_level, tile_column, tile_row, {key} FROM tiles"  # noqa: S608  (one of the two above)
        )
    )
    asked = " AND ".join(f"{column} = ?" for column in key.split(", "))
    query = f"SELECT tile_data FROM tiles WHERE {asked}"  # noqa: S608
    for tile_id, *keys in places:
        (data,) = database.execute(query, keys).fetchone()
        if kind == TileType.MVT and data[:2] != b"\x1f\x8b":
            data = gzip.compress(data, mtime=0)
        yield tile_id, data


def _write_tiles(tiles: Iterator[tuple[int, bytes]], out: Path, kind: TileType, told: dict[str, str]) -> None:
    """Tiles in their order as a PMTiles file; `told` is MBTiles' metadata."""
    metadata: dict[str, Any] = {key: value for key, value in told.items() if key != "json"}
    metadata |= json.loads(told.get("json") or "{}")
    bounds = [float(value) for value in told.get("bounds", "-180,-85.0511,180,85.0511").split(",")]
    header = header_for(kind, Compression.GZIP if kind == TileType.MVT else Compression.NONE, bounds)
    first = next(tiles, None)
    if first is None:
        raise ValueError("no tile")
    with out.open("wb") as file:
        writer = Writer(file)
        for tile_id, data in chain([first], tiles):
            writer.write_tile(tile_id, data)
        writer.finalize(header, metadata)
