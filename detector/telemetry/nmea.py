"""NMEA 0183 sentences (RMC, GGA, VTG) line by line, read by pynmea2 with their checksums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pynmea2

from detector.telemetry.degrees import from_ddmm
from detector.telemetry.fixes import METRES_PER_DOP, Fixes, Row, fixes_from_rows

METRES_PER_SECOND_IN_A_KNOT = 1852 / 3600
LONGEST_LINE = 1000


def read_nmea(path: Path) -> Fixes:
    """Fixes of a log file: see `read_sentences`."""
    with path.open(encoding="ascii", errors="replace") as file:
        lines = [(math.nan, line) for line in file if len(line) <= LONGEST_LINE]
    return fixes_from_rows(read_sentences(lines), "nmea")


def read_sentences(lines: Iterable[tuple[float, str]]) -> list[Row]:
    """Rows of the RMC sentences, or of GGA where there is no RMC; lines come with their media time.

    GGA gives the accuracy (HDOP) of the same second. GGA alone carries no date: its times count
    from 1970-01-01, over midnight where the clock goes back. Sentences with a wrong checksum are
    passed over; but where no checksum at all is right the log was edited, not damaged, and is read.
    """
    found = list(lines)
    return _read(found, trust=False) or _read(found, trust=True)


def _read(lines: list[tuple[float, str]], *, trust: bool) -> list[Row]:
    """The rows; `trust` leaves checksums aside."""
    moments: dict[float, Row] = {}
    day: date | None = None
    for time_s, sentence in _sentences(lines, trust=trust):
        try:
            day = _take(sentence, time_s, moments, day)
        except (ValueError, TypeError, AttributeError):
            continue  # its fields are not what the standard has there
    if day is not None:  # GGA sentences before the first date belong to no day that is known
        moments = {utc_s: row for utc_s, row in moments.items() if utc_s > 10 * 86400}
    return [moments[key] for key in sorted(moments)]


def _sentences(
    lines: list[tuple[float, str]], *, trust: bool
) -> Iterator[tuple[float, pynmea2.NMEASentence]]:
    for time_s, line in lines:
        start = line.find("$")
        if start < 0:
            continue
        text = line[start:].strip()
        try:
            yield time_s, pynmea2.parse(text.partition("*")[0] if trust else text)
        except (pynmea2.ParseError, ValueError):
            continue


def _take(
    sentence: pynmea2.NMEASentence, time_s: float, moments: dict[float, Row], day: date | None
) -> date | None:
    """Add what a sentence says to the fix of its moment; gives the date known from now on."""
    if isinstance(sentence, pynmea2.types.RMC):
        if sentence.status != "A" or not sentence.datestamp or not sentence.timestamp:
            return day
        day = sentence.datestamp
        row = _row(moments, day, sentence, time_s)
        if sentence.spd_over_grnd is not None:
            row["speed_mps"] = float(sentence.spd_over_grnd) * METRES_PER_SECOND_IN_A_KNOT
        if sentence.true_course is not None:
            row["heading_deg"] = float(sentence.true_course)
    elif isinstance(sentence, pynmea2.types.GGA) and sentence.gps_qual and sentence.timestamp:
        row = _row(moments, day or date(1970, 1, 1), sentence, time_s)
        if sentence.horizontal_dil:
            row["accuracy_m"] = float(sentence.horizontal_dil) * METRES_PER_DOP
    return day


def _row(moments: dict[float, Row], day: date, sentence: pynmea2.NMEASentence, time_s: float) -> Row:
    clock: time = sentence.timestamp
    moment = datetime.combine(day, clock.replace(tzinfo=UTC))
    if moments and day.year == 1970 and moment.timestamp() < max(moments) - 43200:
        moment += timedelta(days=1)
    lat = from_ddmm(float(sentence.lat), sentence.lat_dir)
    lon = from_ddmm(float(sentence.lon), sentence.lon_dir)
    row = moments.setdefault(moment.timestamp(), {"utc_s": moment.timestamp(), "time_s": time_s})
    row["lat"], row["lon"] = lat, lon
    return row
