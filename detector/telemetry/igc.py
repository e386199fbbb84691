"""IGC flight logs, as some loggers write them on the road too (FAI IGC GNSS FR specification, A)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from detector.telemetry.degrees import from_ddmm
from detector.telemetry.fixes import Fixes, Row, fixes_from_rows

DATE = re.compile(r"^HFDTE(?:DATE:)?\s*(\d\d)(\d\d)(\d\d)")
FIX = re.compile(r"^B(\d\d)(\d\d)(\d\d)(\d{4})(\d{3})([NS])(\d{5})(\d{3})([EW])([AV])")


def read_igc(path: Path) -> Fixes:
    """Fixes of the B records, dated by the header; over midnight where the clock goes back."""
    rows: list[Row] = []
    day: datetime | None = None
    with path.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if match := DATE.match(line):
                day = _day(*(int(part) for part in match.groups()))
            elif day and (match := FIX.match(line)):
                moment = day + timedelta(hours=int(match[1]), minutes=int(match[2]), seconds=int(match[3]))
                if rows and moment.timestamp() < rows[-1]["utc_s"] - 43200:
                    day += timedelta(days=1)
                    moment += timedelta(days=1)
                lat = from_ddmm(float(f"{match[4]}.{match[5]}"), match[6])
                lon = from_ddmm(float(f"{match[7]}.{match[8]}"), match[9])
                rows.append({"lat": lat, "lon": lon, "utc_s": moment.timestamp()})
    return fixes_from_rows(rows, "igc")


def _day(day: int, month: int, year: int) -> datetime | None:
    try:
        return datetime(2000 + year, month, day, tzinfo=UTC)
    except ValueError:
        return None
