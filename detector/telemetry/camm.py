"""Camera motion metadata (CAMM), types 5 and 6.

Layout: https://developers.google.com/streetview/publish/camm-spec: two reserved bytes, a type, then
little-endian fields.
"""

from __future__ import annotations

import math
import struct

from detector.telemetry.boxes import Container
from detector.telemetry.fixes import Row

MIN_GPS, GPS = 5, 6
UNIX_OF_GPS_EPOCH_S = 315_964_800
"""1980-01-06 in POSIX time."""
LEAP_SECONDS = 18
"""GPS minus UTC since 2017-01-01 (IERS Bulletin C 52 and later)."""


def read_camm(container: Container) -> list[Row]:
    """Rows of the file's `camm` track; type 6 where both types are there."""
    for track in container.tracks():
        if track.format != b"camm":
            continue
        found: dict[int, list[Row]] = {MIN_GPS: [], GPS: []}
        for sample in track.samples:
            data = container.read(sample.offset, min(sample.size, 64))
            kind = int.from_bytes(data[2:4], "little")
            row = _min_gps(data) if kind == MIN_GPS else _gps(data) if kind == GPS else None
            if row:
                found[kind].append(row | {"time_s": sample.time_s})
        return found[GPS] or found[MIN_GPS]
    return []


def _min_gps(data: bytes) -> Row | None:
    if len(data) < 28:
        return None
    lat, lon, _ = struct.unpack_from("<ddd", data, 4)
    return {"lat": lat, "lon": lon}


def _gps(data: bytes) -> Row | None:
    if len(data) < 60:
        return None
    gps_s, fix, lat, lon, _, accuracy_m, _, east, north, _, _ = struct.unpack_from("<didd7f", data, 4)
    if fix < 2:
        return None
    row: Row = {
        "lat": lat,
        "lon": lon,
        "kind": fix,
        "speed_mps": math.hypot(east, north),
        "heading_deg": math.degrees(math.atan2(east, north)) % 360,
        "utc_s": _utc_s(gps_s),
    }
    if accuracy_m > 0:
        row["accuracy_m"] = accuracy_m
    return row


def _utc_s(gps_s: float) -> float:
    """The specification counts from 1980 in GPS time; several writers put POSIX time there instead.

    POSIX time passed 1.6e9 in 2020, GPS time will in 2030.
    """
    return gps_s if gps_s > 1.6e9 else gps_s + UNIX_OF_GPS_EPOCH_S - LEAP_SECONDS
