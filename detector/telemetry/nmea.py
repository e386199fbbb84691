"""NMEA 0183 sentences (RMC, GGA, VTG) line by line, read by pynmea2 with their checksums."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pynmea2

from detector.telemetry.fixes import METRES_PER_DOP, Fixes, fixes_from_rows

METRES_PER_SECOND_IN_A_KNOT = 1852 / 3600


def read_nmea(path: Path) -> Fixes:
    """Fixes of the file's RMC sentences, or of its GGA where there is no RMC.

    GGA gives the accuracy (HDOP) of the same second. GGA alone carries no date: its times count
    from 1970-01-01, over midnight where the clock goes back. Sentences with a wrong checksum are
    passed over; but a log in which no checksum is right was edited, not damaged, and is read.
    """
    return _read(path, trust=False) or _read(path, trust=True) or fixes_from_rows([], "nmea")


def _read(path: Path, *, trust: bool) -> Fixes | None:
    """The log's fixes, None where there are none; `trust` leaves checksums aside."""
    moments: dict[float, dict[str, float]] = {}
    day: date | None = None
    for sentence in _sentences(path, trust=trust):
        try:
            day = _take(sentence, moments, day)
        except (ValueError, TypeError, AttributeError):
            continue  # its fields are not what the standard has there
    if day is not None:  # GGA sentences before the first date belong to no day that is known
        moments = {utc_s: row for utc_s, row in moments.items() if utc_s > 10 * 86400}
    if not moments:
        return None
    return fixes_from_rows([moments[key] for key in sorted(moments)], "nmea")


def _take(
    sentence: pynmea2.NMEASentence, moments: dict[float, dict[str, float]], day: date | None
) -> date | None:
    """Add what a sentence says to the fix of its moment; gives the date known from now on."""
    if isinstance(sentence, pynmea2.types.RMC):
        if sentence.status != "A" or not sentence.datestamp or not sentence.timestamp:
            return day
        day = sentence.datestamp
        row = _row(moments, day, sentence)
        if sentence.spd_over_grnd is not None:
            row["speed_mps"] = float(sentence.spd_over_grnd) * METRES_PER_SECOND_IN_A_KNOT
        if sentence.true_course is not None:
            row["heading_deg"] = float(sentence.true_course)
    elif isinstance(sentence, pynmea2.types.GGA) and sentence.gps_qual and sentence.timestamp:
        row = _row(moments, day or date(1970, 1, 1), sentence)
        if sentence.horizontal_dil:
            row["accuracy_m"] = float(sentence.horizontal_dil) * METRES_PER_DOP
    return day


def _sentences(path: Path, *, trust: bool) -> Iterator[pynmea2.NMEASentence]:
    with path.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            start = line.find("$")
            if start < 0 or len(line) > 1000:
                continue
            text = line[start:].strip()
            try:
                yield pynmea2.parse(text.partition("*")[0] if trust else text)
            except (pynmea2.ParseError, ValueError):
                continue


def _row(
    moments: dict[float, dict[str, float]], day: date, sentence: pynmea2.NMEASentence
) -> dict[str, float]:
    clock: time = sentence.timestamp
    moment = datetime.combine(day, clock.replace(tzinfo=UTC))
    if moments and day.year == 1970 and moment.timestamp() < max(moments) - 43200:
        moment += timedelta(days=1)
    lat, lon = sentence.latitude, sentence.longitude
    row = moments.setdefault(moment.timestamp(), {"utc_s": moment.timestamp()})
    row["lat"], row["lon"] = lat, lon
    return row
