"""CSV logs: columns are recognised by their headings, in English or Japanese."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from pyproj import Transformer

from detector.errors import N_, TelemetryError
from detector.telemetry.degrees import from_text
from detector.telemetry.fixes import Fixes, Row, fixes_from_rows

HEADINGS: dict[str, tuple[str, ...]] = {
    "lat": ("lat", "latitude", "緯度", "北緯"),
    "lon": ("lon", "lng", "long", "longitude", "経度", "東経"),
    "north": ("n_s", "ns", "lat_dir", "latitude_ref", "南北"),
    "east": ("e_w", "ew", "lon_dir", "longitude_ref", "東西"),
    "time": ("utc", "time", "timestamp", "datetime", "date_time", "日時", "時刻", "日付時刻"),
    "date": ("date", "日付", "年月日"),
    "time_s": ("time_s", "video_s", "media_s", "time_seconds", "seconds", "経過時間", "経過秒"),
    "speed_kmh": ("speed_kmh", "speed_km_h", "km_h", "kmh", "速度", "時速", "車速", "速度_km_h"),
    "speed_mps": ("speed_mps", "speed_m_s", "m_s", "mps"),
    "heading_deg": ("heading", "heading_deg", "course", "bearing", "方位", "進行方向", "方位角"),
    "accuracy_m": ("accuracy", "accuracy_m", "hacc", "精度"),
}
JAPANESE: tuple[tuple[str, str], ...] = (
    ("緯度", "lat"),
    ("経度", "lon"),
    ("速度", "speed_kmh"),
    ("車速", "speed_kmh"),
    ("方位", "heading_deg"),
    ("進行方向", "heading_deg"),
    ("日時", "time"),
    ("時刻", "time"),
    ("日付", "date"),
)
"""A heading that holds the word is that column: viewers add units and the like (緯度[deg], GPS速度(km/h))."""
OLD_DATUM, NEW_DATUM = "日本測地系", "世界測地系"
MOST_PREAMBLE = 30
"""Lines that a viewer may write above the headings."""
SCALE = {"speed_kmh": ("speed_mps", 1 / 3.6)}
"""Columns that are another one in other units."""
JAPAN = timezone(timedelta(hours=9))
LONGEST_HEADING = 10_000
FORMATS = (
    "%Y/%m/%d %H:%M:%S.%f",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H時%M分%S秒",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H%M%S",
)

NO_COLUMNS = N_(
    "{path} has no columns that can be told to be latitude, longitude and time"
    " (its headings: {headings}). Say which they are: --gps-columns"
    " lat=HEADING,lon=HEADING,time=HEADING (known are {names})."
)


def read_csv(path: Path, columns: Mapping[str, str] | None = None) -> Fixes:
    """Fixes of a CSV, TSV or semicolon file with a heading row, in UTF-8, UTF-16 or Shift_JIS.

    Lines above the headings are passed over. `columns` names headings that can't be told (keys of
    `HEADINGS`). Times with a zone are taken as they are; without one they are Japan's clock where
    the headings are Japanese, else UTC. A speed without a unit is left out rather than guessed.
    Positions in Japan's old datum (日本測地系) are moved to today's. Raises TelemetryError where
    position or time columns can't be told.
    """
    text = _decode(path)
    lines = text.splitlines(keepends=True)
    first, separator, headings, found = _heading_row(lines, columns or {})
    if not {"lat", "lon"} <= found.keys() or not {"time", "time_s"} & found.keys():
        raise TelemetryError(
            NO_COLUMNS,
            path=path,
            headings=", ".join(heading.strip()[:30] for heading in headings[:12]) or "-",
            names=", ".join(HEADINGS),
        )
    above = "".join(lines[: first + 1])
    zone = JAPAN if any(ord(letter) > 0x2FFF for letter in above) else UTC
    try:
        table = csv.DictReader(lines[first + 1 :], headings, delimiter=separator)
        rows = [row for line in table if (row := _row(line, found, zone))]
    except csv.Error as error:
        raise TelemetryError(
            N_("{path} is not a readable CSV file ({reason}). Export the log again."),
            path=path,
            reason=error,
        ) from error
    if OLD_DATUM in above and NEW_DATUM not in above:
        _to_new_datum(rows)
    return fixes_from_rows(rows, "csv")


def _heading_row(lines: list[str], given: Mapping[str, str]) -> tuple[int, str, list[str], dict[str, str]]:
    """The line that holds most headings we know, what separates them, they, and which of them we know."""
    best: tuple[int, str, list[str], dict[str, str]] = (0, ",", [], {})
    for number, line in enumerate(lines[:MOST_PREAMBLE]):
        separator = max(",;\t", key=line.count)
        headings = next(csv.reader([line[:LONGEST_HEADING]], delimiter=separator), [])
        found = _columns(headings) | {name: heading for name, heading in given.items() if heading in headings}
        if len(found) > len(best[3]) or not number:
            best = (number, separator, headings, found)
    return best


def _to_new_datum(rows: list[Row]) -> None:
    """Tokyo datum (EPSG:4301) to WGS 84, in place: some 450 m north-west in Tokyo."""
    change = Transformer.from_crs("EPSG:4301", "EPSG:4326", always_xy=True)
    for row in rows:
        row["lon"], row["lat"] = change.transform(row["lon"], row["lat"])


def _decode(path: Path) -> str:
    data = path.read_bytes()
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TelemetryError(
        N_("{path} is neither UTF-8 nor Shift_JIS text. Export the log again as CSV."), path=path
    )


def _columns(headings: list[str]) -> dict[str, str]:
    """Our name for a column → its heading in the file."""
    plain = {re.sub(r"[^\w]+", "_", h.strip().lower()).strip("_"): h for h in headings if h}
    found = {}
    for name, words in HEADINGS.items():
        for word in words:
            if word in plain:
                found[name] = plain[word]
                break
    for word, name in JAPANESE:
        heading = next((h for h in headings if h and word in h and h not in found.values()), None)
        if heading and name not in found and not (name == "speed_kmh" and "m/s" in heading.lower()):
            found[name] = heading
    return found


def _row(line: dict[str, str], columns: dict[str, str], zone: timezone) -> Row | None:
    """One line's fix; None without a position. What else can't be read is left out."""
    row: Row = {}
    for name, heading in columns.items():
        try:
            if name == "time":
                day = line[columns["date"]] + " " if "date" in columns else ""
                row["utc_s"] = _utc_s(day + line[heading], zone)
            elif name not in ("date", "north", "east"):
                own, scale = SCALE.get(name, (name, 1.0))
                text = line[heading]
                row[own] = from_text(text) if own in ("lat", "lon") else float(text.replace(",", ".")) * scale
        except (ValueError, TypeError, AttributeError):
            continue
    if not {"lat", "lon"} <= row.keys() or not {"utc_s", "time_s"} & row.keys():
        return None
    for own, side, negative in (("lat", "north", "S南"), ("lon", "east", "W西")):
        if side in columns and (line[columns[side]] or " ").strip()[:1].upper() in tuple(negative):
            row[own] = -abs(row[own])
    return row


def _utc_s(text: str, zone: timezone) -> float:
    """POSIX seconds of a time: ISO 8601, YYYY/MM/DD and kin, or (milli)seconds since 1970."""
    text = text.strip()
    if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
        return float(text)
    if re.fullmatch(r"1\d{12}", text):
        return float(text) / 1000
    for pattern in (None, *FORMATS):
        try:
            moment = datetime.strptime(text, pattern) if pattern else datetime.fromisoformat(text)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    raise ValueError(f"no time: {text!r}")
