"""CSV logs: columns are recognised by their headings, in English or Japanese."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from detector.errors import N_, TelemetryError
from detector.telemetry.fixes import Fixes, fixes_from_rows

HEADINGS: dict[str, tuple[str, ...]] = {
    "lat": ("lat", "latitude", "緯度", "北緯"),
    "lon": ("lon", "lng", "long", "longitude", "経度", "東経"),
    "time": ("utc", "time", "timestamp", "datetime", "date_time", "日時", "時刻", "日付時刻"),
    "date": ("date", "日付", "年月日"),
    "time_s": ("time_s", "video_s", "media_s", "time_seconds", "seconds", "経過時間", "経過秒"),
    "speed_kmh": ("speed_kmh", "speed_km_h", "km_h", "kmh", "速度", "時速", "車速"),
    "speed_mps": ("speed_mps", "speed_m_s", "m_s", "mps"),
    "speed": ("speed",),
    "heading_deg": ("heading", "heading_deg", "course", "bearing", "方位", "進行方向", "方位角"),
    "accuracy_m": ("accuracy", "accuracy_m", "hacc", "精度"),
}
JAPAN = timezone(timedelta(hours=9))
FORMATS = ("%Y/%m/%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y.%m.%d %H:%M:%S")


def read_csv(path: Path) -> Fixes:
    """Fixes of a CSV, TSV or semicolon file with a heading row, in UTF-8 or Shift_JIS.

    Times with a zone are taken as they are; without one they are Japan's clock where the headings
    are Japanese, else UTC. A `speed` without a unit is left out rather than guessed. Raises
    TelemetryError where position or time columns can't be told.
    """
    text = _decode(path)
    heading = text.split("\n", 1)[0]
    separator = max(",;\t", key=heading.count)
    table = csv.DictReader(io.StringIO(text), delimiter=separator)
    try:
        headings = table.fieldnames or []
    except csv.Error as error:
        raise _unreadable(path, error) from error
    columns = _columns(list(headings))
    if "lat" not in columns or "lon" not in columns or not {"time", "time_s"} & set(columns):
        raise TelemetryError(
            N_(
                "{path} has no columns that can be told to be latitude, longitude and time"
                " (its headings: {headings}). Name them lat, lon and utc (or time_s)."
            ),
            path=path,
            headings=", ".join(str(h)[:30] for h in headings[:12]) or "-",
        )
    zone = JAPAN if any(ord(letter) > 0x2FFF for letter in "".join(headings)) else UTC
    try:
        rows = [row for line in table if (row := _row(line, columns, zone))]
    except csv.Error as error:
        raise _unreadable(path, error) from error
    return fixes_from_rows(rows, "csv")


def _unreadable(path: Path, error: csv.Error) -> TelemetryError:
    return TelemetryError(
        N_("{path} is not a readable CSV file ({reason}). Export the log again."), path=path, reason=error
    )


def _decode(path: Path) -> str:
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "cp932"):
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
    return found


def _row(line: dict[str, str], columns: dict[str, str], zone: timezone) -> dict[str, float]:
    row: dict[str, float] = {}
    try:
        for name in ("lat", "lon", "time_s", "heading_deg", "accuracy_m", "speed_mps"):
            if name in columns and line[columns[name]]:
                row[name] = float(line[columns[name]])
        if "speed_kmh" in columns and line[columns["speed_kmh"]]:
            row["speed_mps"] = float(line[columns["speed_kmh"]]) / 3.6
        if "time" in columns:
            day = line[columns["date"]] + " " if "date" in columns else ""
            row["utc_s"] = _utc_s(day + line[columns["time"]], zone)
    except (ValueError, TypeError):
        return {}
    return row if {"lat", "lon"} <= row.keys() else {}


def _utc_s(text: str, zone: timezone) -> float:
    """POSIX seconds of a time written as ISO 8601, YYYY/MM/DD, or seconds themselves."""
    text = text.strip()
    if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        for pattern in FORMATS:
            try:
                moment = datetime.strptime(text, pattern)
                break
            except ValueError:
                continue
        else:
            raise
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
