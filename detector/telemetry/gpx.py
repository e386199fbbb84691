"""GPX 1.0 and 1.1 (https://www.topografix.com/GPX/1/1/), read by gpxpy."""

from __future__ import annotations

from pathlib import Path

import gpxpy
from gpxpy.gpx import GPXException

from detector.errors import N_, TelemetryError
from detector.telemetry.fixes import METRES_PER_DOP, Fixes, fixes_from_rows


def read_gpx(path: Path) -> Fixes:
    """Fixes of every track in the file; a point without a time is left out.

    Raises TelemetryError for a file that is not GPX.
    """
    try:
        document = gpxpy.parse(path.read_bytes())
    except (GPXException, ValueError, UnicodeError) as error:
        raise TelemetryError(
            N_("{path} is not a readable GPX file ({reason}). Export the track again."),
            path=path,
            reason=error,
        ) from error
    rows = []
    for point, *_ in document.walk():
        if point.time is None:
            continue
        row = {"lon": point.longitude, "lat": point.latitude, "utc_s": point.time.timestamp()}
        if point.horizontal_dilution:
            row["accuracy_m"] = point.horizontal_dilution * METRES_PER_DOP
        if point.speed is not None:
            row["speed_mps"] = point.speed
        if point.course is not None:
            row["heading_deg"] = point.course
        rows.append(row)
    return fixes_from_rows(rows, "gpx")
