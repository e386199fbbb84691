"""NMEA 0183 sentences (RMC, GGA, VTG) line by line, read by pynmea2 with their checksums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time
from pathlib import Path

import pynmea2

from detector.telemetry.degrees import from_ddmm
from detector.telemetry.fixes import METRES_PER_DOP, Fixes, FixKind, Row, fixes_from_rows

METRES_PER_SECOND_IN_A_KNOT = 1852 / 3600
LONGEST_LINE = 1000
KINDS = {1: FixKind.full, 2: FixKind.differential, 4: FixKind.rtk, 5: FixKind.rtk}
"""Kind of fix by GGA's quality indicator."""
QUALITY = ("accuracy_m", "kind")
DAY_S = 86_400


def read_nmea(path: Path) -> Fixes:
    """Fixes of a log file: see `read_sentences`."""
    with path.open(encoding="ascii", errors="replace") as file:
        lines = [(math.nan, line) for line in file if len(line) <= LONGEST_LINE]
    return fixes_from_rows(read_sentences(lines), "nmea")


def read_sentences(lines: Iterable[tuple[float, str]]) -> list[Row]:
    """Rows of the RMC sentences, or of GGA where there is no RMC; lines come with their media time.

    GGA gives the accuracy (HDOP) of the same second. GGA alone carries no date: its times are seconds
    since midnight, going on over the next one. Sentences with a wrong checksum are passed over; but
    where no checksum at all is right the log was edited, not damaged, and is read.
    """
    found = list(lines)
    return _rows(found, trust=False) or _rows(found, trust=True)


def _rows(lines: list[tuple[float, str]], *, trust: bool) -> list[Row]:
    """The rows; `trust` leaves checksums aside."""
    dated: list[Row] = []
    dateless: list[Row] = []
    for time_s, sentence in _sentences(lines, trust=trust):
        try:
            if isinstance(sentence, pynmea2.types.RMC):
                row = _rmc(sentence)
                rows = dated
            elif isinstance(sentence, pynmea2.types.GGA):
                row = _gga(sentence)
                rows = dateless
            else:
                continue
        except (ValueError, TypeError, AttributeError):
            continue  # its fields are not what the standard has there
        if row:
            rows.append(row | {"time_s": time_s})
    if not dated:
        return _over_midnight(dateless)
    quality = {row["utc_s"]: {name: row[name] for name in QUALITY if name in row} for row in dateless}
    for row in dated:
        row |= quality.get(row["utc_s"] % DAY_S, {})
    return dated


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


def _rmc(sentence: pynmea2.NMEASentence) -> Row | None:
    """Position, UTC, speed and course."""
    if sentence.status != "A" or not sentence.datestamp or not sentence.timestamp:
        return None
    day = datetime.combine(sentence.datestamp, time(tzinfo=UTC)).timestamp()
    row = _place(sentence) | {"utc_s": day + _clock_s(sentence.timestamp)}
    if sentence.spd_over_grnd is not None:
        row["speed_mps"] = float(sentence.spd_over_grnd) * METRES_PER_SECOND_IN_A_KNOT
    if sentence.true_course is not None:
        row["heading_deg"] = float(sentence.true_course)
    return row


def _gga(sentence: pynmea2.NMEASentence) -> Row | None:
    """Position, seconds of the day, and the accuracy by HDOP."""
    if not sentence.gps_qual or not sentence.timestamp:
        return None
    row = _place(sentence) | {"utc_s": _clock_s(sentence.timestamp)}
    if int(sentence.gps_qual) in KINDS:
        row["kind"] = KINDS[int(sentence.gps_qual)]
    if sentence.horizontal_dil:
        row["accuracy_m"] = float(sentence.horizontal_dil) * METRES_PER_DOP
    return row


def _place(sentence: pynmea2.NMEASentence) -> Row:
    return {
        "lat": from_ddmm(float(sentence.lat), sentence.lat_dir),
        "lon": from_ddmm(float(sentence.lon), sentence.lon_dir),
    }


def _clock_s(clock: time) -> float:
    return clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6


def _over_midnight(rows: list[Row]) -> list[Row]:
    """Seconds of the day that go back by half a day or more have passed midnight."""
    days, last_s = 0, 0.0
    for row in rows:
        clock_s = row["utc_s"]
        days += clock_s < last_s - DAY_S / 2
        last_s = clock_s
        row["utc_s"] = clock_s + days * DAY_S
    return rows
