"""70mai's `GPSData*.txt`: one log for a whole card, each line naming its clip.

Layout (70mai X800, S500, A810): a first line `$V02`, then seconds, A or V, latitude, longitude, heading in
hundredths of a degree, speed in hundredths of m/s, three of the sensor, and the front clip's file name.
The seconds are the camera's local clock written as if it were UTC, so only their differences count.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from detector.telemetry.fixes import Fixes, Row, fixes_from_rows

HEAD = "$V02"
PARENTS = 3
"""How many folders above a clip its card's log may stand."""


def read_gps_data(path: Path, clip: Path | None) -> Fixes:
    """Fixes of one clip, timed from the first line that names it; of the whole log without a clip."""
    wanted = front_name(clip) if clip else None
    rows: list[Row] = []
    first_s = math.nan
    with path.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            parts = line.strip().split(",")
            if len(parts) < 10 or (wanted and parts[9].rpartition(".")[0].upper() != wanted):
                continue
            try:
                second = float(parts[0])
                lat, lon, heading, speed = (float(part) for part in parts[2:6])
            except ValueError:
                continue
            first_s = second if math.isnan(first_s) else first_s
            if parts[1] == "A":
                row = {"lat": lat, "lon": lon, "heading_deg": heading / 100, "speed_mps": speed / 100}
                rows.append(row | ({"time_s": second - first_s} if wanted else {"utc_s": second}))
    return fixes_from_rows(rows, "70mai")


def find_gps_data(clip: Path) -> Path | None:
    """The card's log that names a clip, in its folder or the few above it."""
    wanted = os.fsencode(front_name(clip))
    for folder in list(clip.resolve().parents)[: PARENTS + 1]:
        for path in sorted(folder.glob("GPSData*.txt")):
            if path.stat().st_size < 100_000_000 and wanted in path.read_bytes().upper():
                return path
    return None


def front_name(clip: Path) -> str:
    """The front clip's name that belongs to a clip: ...B and ...I record beside ...F."""
    stem = clip.stem.upper()
    return stem[:-1] + "F" if stem[-1:] in ("B", "I") else stem
