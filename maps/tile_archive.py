"""PMTiles files: checked before they are believed, and written with another attribution.

Format: PMTiles specification, version 3. A tile is named by zoom, column and row, row 0 in the north.
"""

from __future__ import annotations

import gzip
import io
import json
import mmap
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from pathlib import Path
from re import sub
from typing import Any, cast

from pmtiles.tile import (
    Compression,
    Entry,
    HeaderDict,
    TileType,
    deserialize_directory,
    deserialize_header,
    find_tile,
    serialize_header,
    zxy_to_tileid,
)

from detector.errors import N_
from maps.basemap_classes import LAYERS
from maps.map_files import BaseMapError

HEADER_BYTES = 127
RASTER = {TileType.PNG: b"\x89PNG", TileType.JPEG: b"\xff\xd8", TileType.WEBP: b"RIFF"}
"""Kinds of picture that tiles may be, and what such begin with."""
Tile = tuple[int, int, int]
"""Zoom, column, row."""


@dataclass(frozen=True, eq=False)
class Archive:
    """A PMTiles file that has been checked: its header, and its metadata."""

    path: Path
    header: dict[str, Any]
    metadata: dict[str, Any]
    read: Callable[[int, int], bytes]
    """Gives so many bytes from an offset on."""

    @property
    def raster(self) -> bool:
        return self.header["tile_type"] in RASTER

    @property
    def max_zoom(self) -> int:
        return int(self.header["max_zoom"])

    @property
    def attribution(self) -> str:
        """As plain text: what was markup in the file is none in a page."""
        return plain_text(str(self.metadata.get("attribution") or ""))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        west, south, east, north = (
            self.header[key] / 1e7 for key in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
        )
        return west, south, east, north

    def tile(self, tile: Tile) -> bytes | None:
        """A tile as it is stored, or None where there is none."""
        tile_id = zxy_to_tileid(*tile)
        offset, length = self.header["root_offset"], self.header["root_length"]
        for _ in range(4):
            entry = find_tile(self._directory(offset, length), tile_id)
            if entry is None:
                return None
            if entry.run_length:
                return self.read(self.header["tile_data_offset"] + entry.offset, entry.length)
            offset, length = self.header["leaf_directory_offset"] + entry.offset, entry.length
        return None

    def _directory(self, offset: int, length: int) -> list[Entry]:
        return _directory(self, offset, length)


@lru_cache(maxsize=256)
def _directory(archive: Archive, offset: int, length: int) -> list[Entry]:
    entries: list[Entry] = deserialize_directory(archive.read(offset, length))
    return entries


def plain_text(markup: str) -> str:
    """Text without its tags."""
    return " ".join(unescape(sub(r"<[^>]*>", " ", markup)).split())


def open_archive(path: Path) -> Archive:
    """A PMTiles file, looked through. Raises BaseMapError for one that is none, broken, or can't be drawn."""
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise BaseMapError(N_("{path} does not exist."), path=path) from error
    except (OSError, ValueError) as error:
        raise broken(path, str(error)) from error
    if mapped[:7] != b"PMTiles":
        raise BaseMapError(
            N_("{path} is no PMTiles file. `roaddamage basemap` makes one from map data or MBTiles."),
            path=path,
        )
    if mapped[7] != 3:
        raise BaseMapError(
            N_("{path} is PMTiles of version {version}; only version 3 is drawn. Convert it."),
            path=path, version=mapped[7],
        )  # fmt: skip

    def read(offset: int, length: int) -> bytes:
        piece = mapped[offset : offset + length]
        if len(piece) != length:
            raise EOFError("it ends before its last tile")
        return piece

    try:
        header: dict[str, Any] = dict(deserialize_header(mapped[:HEADER_BYTES]))
        read(header["tile_data_offset"], header["tile_data_length"])
        packed = read(header["metadata_offset"], header["metadata_length"])
        if header["internal_compression"] == Compression.GZIP:
            packed = gzip.decompress(packed)
        archive = Archive(path, header, json.loads(packed or b"{}"), read)
        _check(archive)
    except (ValueError, IndexError, KeyError, EOFError, OSError, zlib.error, OverflowError) as error:
        raise broken(path, str(error)) from error
    return archive


def broken(path: Path, reason: str) -> BaseMapError:
    """The error for a file that begins as it should and can't be read on."""
    return BaseMapError(
        N_("{path} is broken ({reason}). Copy or build it again."), path=path, reason=reason or "?"
    )


def _check(archive: Archive) -> None:
    """Raise BaseMapError for tiles that the page can't draw, ValueError for a header that can't be."""
    header, path = archive.header, archive.path
    west, south, east, north = archive.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("bounds off the globe")
    if not 0 <= header["min_zoom"] <= header["max_zoom"] <= 24:
        raise ValueError("zooms out of order")
    kind = header["tile_type"]
    if kind != TileType.MVT and kind not in RASTER:
        raise BaseMapError(
            N_("{path} has tiles of a kind that is not drawn ({kind})."), path=path, kind=kind.name
        )
    if header["tile_compression"] not in (Compression.NONE, Compression.GZIP):
        raise BaseMapError(
            N_("{path} is compressed in a way that not every browser reads ({kind}). Convert it to gzip."),
            path=path, kind=header["tile_compression"].name,
        )  # fmt: skip
    first = _first_tile(archive)
    if header["tile_compression"] == Compression.GZIP:
        first = gzip.decompress(first)
    if kind in RASTER and not first.startswith(RASTER[kind]):
        raise ValueError(f"its tiles are not {kind.name}")
    named = {str(layer.get("id")) for layer in archive.metadata.get("vector_layers", [])}
    if kind == TileType.MVT and not named & set(LAYERS):
        raise BaseMapError(
            N_("{path} has no layer that is drawn ({drawn}); it has: {layers}. Build it with `roaddamage basemap build`."),
            path=path, drawn=", ".join(LAYERS), layers=", ".join(sorted(named)) or "-",
        )  # fmt: skip


def _first_tile(archive: Archive) -> bytes:
    header = archive.header
    entries = archive._directory(header["root_offset"], header["root_length"])
    while entries and not entries[0].run_length:
        entries = archive._directory(header["leaf_directory_offset"] + entries[0].offset, entries[0].length)
    if not entries:
        raise BaseMapError(N_("{path} holds no tile."), path=archive.path)
    return archive.read(header["tile_data_offset"] + entries[0].offset, entries[0].length)


def rewrite(archive: Archive, out: Path, *, attribution: str, name: str = "") -> None:
    """The same tiles with another attribution; what a tool wrote of the machine it ran on is left out."""
    metadata = {key: value for key, value in archive.metadata.items() if not key.startswith("generator")}
    metadata |= {"attribution": attribution} | ({"name": name, "description": ""} if name else {})
    packed = gzip.compress(json.dumps(metadata, ensure_ascii=False).encode(), mtime=0)
    header = dict(archive.header)
    sections = ["root", "leaf_directory", "tile_data"]
    parts = [archive.read(header[f"{part}_offset"], header[f"{part}_length"]) for part in sections[:2]]
    header |= {"internal_compression": Compression.GZIP, "root_offset": HEADER_BYTES}
    header["metadata_offset"] = HEADER_BYTES + header["root_length"]
    header["metadata_length"] = len(packed)
    header["leaf_directory_offset"] = header["metadata_offset"] + len(packed)
    old_tiles = header["tile_data_offset"]
    header["tile_data_offset"] = header["leaf_directory_offset"] + header["leaf_directory_length"]
    with archive.path.open("rb") as source, out.open("wb") as target:
        target.write(serialize_header(cast(HeaderDict, header)) + parts[0] + packed + parts[1])
        source.seek(old_tiles)
        _copy(source, target, header["tile_data_length"])


def _copy(source: io.BufferedReader, target: io.BufferedWriter, length: int) -> None:
    while length > 0 and (piece := source.read(min(length, 1 << 20))):
        target.write(piece)
        length -= len(piece)


def header_for(kind: TileType, compression: Compression, bounds: Sequence[float]) -> dict[str, Any]:
    """What pmtiles' writer has to be told; `bounds` are west, south, east and north in degrees."""
    west, south, east, north = (int(value * 1e7) for value in bounds)
    return {
        "tile_type": kind, "tile_compression": compression,
        "min_lon_e7": west, "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north,
        "center_zoom": 12, "center_lon_e7": (west + east) // 2, "center_lat_e7": (south + north) // 2,
    }  # fmt: skip
