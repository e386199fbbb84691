"""The `freeGPS ` blocks of Novatek-based cameras (Viofo, Vantrue, Rexing, Silverstone, 70mai ...).

Layouts: ExifTool, QuickTimeStream.pl, ProcessFreeGPS (types 3, 15, 16 and 19); offsets here count from
the block's eight-byte literal. Blocks are found through the `gps ` index in `moov` (version, count, then
offset and size each), else by the literal in top-level boxes and the media data. One block is written
a second, with or without a fix, so a block's number is its time in the clip, roughly.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from datetime import UTC, datetime

from detector.telemetry.boxes import Container
from detector.telemetry.degrees import from_ddmm
from detector.telemetry.fixes import Row
from detector.telemetry.nmea import METRES_PER_SECOND_IN_A_KNOT, read_sentences

LITERAL = b"freeGPS "
STARTS = (44, 16, 12, 60)
"""Where the record of hour ... course begins, by firmware; most common first."""
BLOCK_BYTES = 0x400
CHUNK_BYTES = 1 << 20
MOST_BLOCKS = 200_000
LOOK_BYTES = 64_000_000
"""A file without a block in its first part has none: they come once a second."""


def read_freegps(container: Container) -> list[Row]:
    """Rows of the file's freeGPS blocks."""
    blocks = list(_indexed(container)) or list(_searched(container))
    if not blocks:
        return []
    rows = [(number, _record(block)) for number, block in enumerate(blocks)]
    if found := [row | {"nominal_s": float(number)} for number, row in rows if row]:
        return found
    share = [(number / len(blocks), _seventy_mai(block)) for number, block in enumerate(blocks)]
    if found := [row | {"share": place} for place, row in share if row]:
        return found
    lines = ((float(number), line) for number, block in enumerate(blocks) for line in _sentences(block))
    return read_sentences(lines)


def _indexed(container: Container) -> Iterator[bytes]:
    """Blocks named by the `gps ` box in `moov`; 70mai leaves the version word out of its sizes."""
    table = container.content(container.find(None, b"moov", b"gps "))
    for place in range(8, min(len(table) - 7, 8 * MOST_BLOCKS), 8):
        offset, size = struct.unpack_from(">II", table, place)
        head = container.read(offset, min(size, BLOCK_BYTES))
        start = head.find(LITERAL, 0, 64)
        if start >= 0:
            yield _alone(head[start:])


def _searched(container: Container) -> Iterator[bytes]:
    """Blocks found by their literal, anywhere in the file, a megabyte at a time."""
    place, found = 0, 0
    while place < container.size and found < MOST_BLOCKS and (found or place < LOOK_BYTES):
        chunk = container.read(place, CHUNK_BYTES + len(LITERAL) - 1)
        start = chunk.find(LITERAL)
        while start >= 0:
            found += 1
            yield _alone(container.read(place + start, BLOCK_BYTES))
            start = chunk.find(LITERAL, start + 1)
        place += CHUNK_BYTES


def _alone(block: bytes) -> bytes:
    """The block without the one that may follow it."""
    return block.partition(LITERAL)[1] + block[len(LITERAL) :].partition(LITERAL)[0]


def record_at(data: bytes, start: int) -> Row | None:
    """A Novatek record: six 32-bit numbers hour ... day, A N E, then DDMM floats, knots, course.

    None where there is none at that place, or no fix in it.
    """
    if len(data) < start + 44:
        return None
    hour, minute, second, year, month, day, fix, north, east, _, lat, lon, knots, course = struct.unpack_from(
        "<6IcccB4f", data, start
    )
    if fix != b"A" or north not in (b"N", b"S") or east not in (b"E", b"W"):
        return None
    try:
        moment = datetime(year if year >= 2000 else 2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    if data[12:15] == b"IQS":  # whole numbers where the others have floats
        lat_int, lon_int, speed = struct.unpack_from("<3i", data, start + 28)
        degrees = (
            math.copysign(lat_int / 1e7, -1 if north == b"S" else 1),
            math.copysign(lon_int / 1e7, -1 if east == b"W" else 1),
        )
        knots, course = speed / 100 / METRES_PER_SECOND_IN_A_KNOT, math.nan
    else:
        degrees = (from_ddmm(lat, north.decode()), from_ddmm(lon, east.decode()))
    if not all(math.isfinite(value) for value in (*degrees, knots)):
        return None
    row = {"lat": degrees[0], "lon": degrees[1], "utc_s": moment.timestamp()}
    row["speed_mps"] = knots * METRES_PER_SECOND_IN_A_KNOT
    return row | ({"heading_deg": course} if math.isfinite(course) else {})


def _record(block: bytes) -> Row | None:
    for start in STARTS:
        if row := record_at(block, start):
            return row
    return None


def _seventy_mai(block: bytes) -> Row | None:
    """70mai A810, M500 and kin: whole numbers of DDMM times 100,000; no time of its own."""
    if len(block) < 43 or block[8:10] != block[14:16] or block[10:12] != b"\0\0" or block[26:27] != b"A":
        return None
    lat, lon, heading, speed_kmh = struct.unpack_from("<4i", block, 27)
    degrees = (from_ddmm(lat / 1e5), from_ddmm(lon / 1e5))
    if not all(math.isfinite(value) for value in degrees):
        return None
    row = {"lat": degrees[0], "lon": degrees[1]}
    if 0 <= heading < 360:
        row["heading_deg"] = float(heading)
    if 0 <= speed_kmh < 300:
        row["speed_mps"] = speed_kmh / 3.6
    return row


def _sentences(block: bytes) -> Iterator[str]:
    """NMEA text inside a block (Vantrue)."""
    text = block.decode("ascii", "replace")
    for piece in text.split("$")[1:]:
        yield "$" + piece.split("\0")[0].split("\r")[0].split("\n")[0]
