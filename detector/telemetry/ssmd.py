"""SigmaStar's `ssmd` tracks: SStar records of 40 bytes, and LigoGPS.

Layouts: SStar (Neoline and kin): two doubles of degrees, altitude, km/h, flags with the fix in bit 8,
day, hour, minute, second, half the course; no month or year, so the sample's time is used. LigoGPS:
ExifTool, LigoGPS.pm: text scrambled in groups whose first byte says how.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime

from detector.telemetry.boxes import Container, Track
from detector.telemetry.fixes import Row
from detector.telemetry.nmea import METRES_PER_SECOND_IN_A_KNOT

SSTAR_BYTES = 40
SSTAR_FIX = 0x0100
LIGO = b"LIGOGPSINFO"
LIGO_TEXT = re.compile(
    r"(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)\s+([NS]):(-?[\d.]+)\s+([EW]):(-?[\d.]+)\s+([\d.]+)"
)
LIGO_GROUPS: dict[int, tuple[int | None, ...]] = {
    2: (None, 0x01, 0x06, 0x18),
    3: (0x03, None, 0x04, 0x18),
    4: (0x03, 0x0C, None, 0x10),
    5: (0x01, 0x06, 0x18, None),
    6: (0x01, 0x02, 0x0C, 0x30),
    7: (0x01, 0x02, 0x0C, 0x30),
}
"""By the first byte's top three bits: which of its bits belong to each letter; None is a space."""


def read_ssmd(container: Container) -> list[Row]:
    """Rows of the file's `ssmd` tracks."""
    for track in container.tracks():
        if track.format != b"ssmd" or not track.samples:
            continue
        sizes = {sample.size for sample in track.samples}
        if sizes == {SSTAR_BYTES}:
            rows = _rows(container, track, _sstar)
        elif max(sizes) <= 4096:
            rows = _rows(container, track, _ligo)
        else:
            continue
        if rows:
            return rows
    return []


def holds_scrambled(container: Container) -> bool:
    """Whether LigoGPS stands somewhere where its scrambling can't be undone surely."""
    head = container.read(0, 4_000_000) + container.read(max(container.size - 4_000_000, 0), 4_000_000)
    return LIGO in head


def _rows(container: Container, track: Track, reader: Callable[[bytes], Row | None]) -> list[Row]:
    found = []
    for sample in track.samples:
        if row := reader(container.read(sample.offset, sample.size)):
            found.append(row | {"time_s": sample.time_s})
    return found


def _sstar(data: bytes) -> Row | None:
    if len(data) < SSTAR_BYTES:
        return None
    lat, lon, _, speed_kmh, flags = struct.unpack_from("<ddiHH", data)
    if not flags & SSTAR_FIX or not (abs(lat) <= 90 and abs(lon) <= 180):
        return None
    row = {"lat": lat, "lon": lon, "speed_mps": speed_kmh / 3.6}
    return row | ({"heading_deg": data[28] * 2.0} if data[28] else {})


def _ligo(data: bytes) -> Row | None:
    start = data.find(LIGO)
    chunk = data[start + 20 :] if start >= 0 else b""
    if chunk[:4] != b"####":
        return None
    length = min(int.from_bytes(chunk[4:8], "little"), len(chunk) - 8)
    match = LIGO_TEXT.search(_unscrambled(chunk[8 : 8 + length]))
    if not match:
        return None
    try:
        lat, lon, knots = (float(match[group]) for group in (8, 10, 11))
    except ValueError:
        return None
    row = {
        "lat": -lat if match[7] == "S" else lat,
        "lon": -lon if match[9] == "W" else lon,
        "speed_mps": knots * METRES_PER_SECOND_IN_A_KNOT,
    }
    try:
        moment = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return row
    return row | {"utc_s": moment.timestamp()}


def _unscrambled(data: bytes) -> str:
    """The text behind a scrambled body, as far as it goes."""
    letters, place = bytearray(), 0
    while place < len(data):
        first = data[place]
        place += 1
        masks = LIGO_GROUPS.get(first >> 5)
        if masks is None:
            if first >> 5 == 0 and place < len(data):
                letters.append(data[place] | first & 0x13)
                place += 1
                continue
            break
        for mask in masks:
            if mask is None:
                letters.append(0x20)
            elif place < len(data):
                own = first & mask
                letters.append(((data[place] | own & ~0x20) ^ 0x20) | own & 0x20)
                place += 1
    return letters.decode("ascii", "replace")
