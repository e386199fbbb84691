"""GPX 1.0 and 1.1 (https://www.topografix.com/GPX/1/1/), read by gpxpy."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path

import gpxpy
from gpxpy.gpx import GPXException

from detector.errors import N_, TelemetryError
from detector.telemetry.fixes import METRES_PER_DOP, Fixes, FixKind, fixes_from_rows

KINDS = {"2d": FixKind.flat, "3d": FixKind.full, "dgps": FixKind.differential, "pps": FixKind.full}
EARLIEST_YEAR = 1990
"""Times before are a clock that was never set."""


def read_gpx(path: Path) -> Fixes:
    """Fixes of every track in the file; a point without a time is left out.

    Raises TelemetryError for a file that is not GPX.
    """
    try:
        document = gpxpy.parse(_text(path.read_bytes()))
    except (GPXException, ValueError, UnicodeError) as error:
        raise TelemetryError(
            N_("{path} is not a readable GPX file ({reason}). Export the track again."),
            path=path,
            reason=error,
        ) from error
    rows = []
    for point, *_ in document.walk():
        if point.time is None or point.time.year < EARLIEST_YEAR:
            continue
        moment = point.time if point.time.tzinfo else point.time.replace(tzinfo=UTC)
        row = {"lon": point.longitude, "lat": point.latitude, "utc_s": moment.timestamp()}
        if point.horizontal_dilution:
            row["accuracy_m"] = point.horizontal_dilution * METRES_PER_DOP
        if point.type_of_gpx_fix in KINDS:
            row["kind"] = KINDS[point.type_of_gpx_fix]
        if point.speed is not None:
            row["speed_mps"] = point.speed
        if point.course is not None:
            row["heading_deg"] = point.course
        rows.append(row)
    return fixes_from_rows(rows, "gpx")


def _text(data: bytes) -> str:
    """The document as text, in the encoding that it declares."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    declared = re.match(rb"<\?xml[^>]{0,80}encoding=[\"']([\w-]{1,20})", data)
    try:
        return data.decode(declared[1].decode("ascii") if declared else "utf-8-sig")
    except LookupError:
        return data.decode("utf-8-sig")
