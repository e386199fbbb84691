"""Degrees from the ways devices write them."""

from __future__ import annotations

import math
import re

SEXAGESIMAL = re.compile(
    r"(?P<degrees>\d{1,3})\s*[°度.:\s]\s*(?P<minutes>\d{1,2})\s*['′分.:\s]\s*(?P<seconds>\d{1,2}(\.\d+)?)\s*[\"″秒]?"
)
MINUTES = re.compile(r"(?P<degrees>\d{1,3})\s*[°度]\s*(?P<minutes>\d{1,2}(\.\d+)?)\s*['′分]?")
NEGATIVE = re.compile(r"[-SW南西]", re.IGNORECASE)


def from_text(text: str) -> float:
    """Degrees from what people and viewers write: 35.6586, N35°39'30.9", 北緯35度39分30.9秒, 3539.515.

    S, W, 南, 西 and a minus turn the sign. Raises ValueError where it is none of these.
    """
    text = text.strip()
    plain = re.sub(r"^[NSEW北南東西緯経\s]+|[NSEW\s]+$", "", text, flags=re.IGNORECASE).replace(",", ".")
    sign = -1.0 if NEGATIVE.search(text) else 1.0
    plain = plain.lstrip("+-")
    if match := SEXAGESIMAL.fullmatch(plain) or MINUTES.fullmatch(plain):
        parts = match.groupdict()
        minutes, seconds = float(parts["minutes"]), float(parts.get("seconds") or 0)
        if minutes >= 60 or seconds >= 60:
            raise ValueError(f"no degrees, minutes and seconds: {text!r}")
        return sign * (float(parts["degrees"]) + minutes / 60 + seconds / 3600)
    value = float(plain)
    return sign * (from_ddmm(value) if value > 180 else value)


def from_ddmm(value: float, hemisphere: str = "") -> float:
    """Degrees from DDDMM.mmmm (NMEA 0183); `hemisphere` S or W turns the sign.

    NaN where the number is none, or its minutes are no minutes.
    """
    if not math.isfinite(value):
        return math.nan
    whole = math.trunc(value / 100)
    minutes = value - 100 * whole
    if not abs(minutes) < 60:
        return math.nan
    degrees = whole + minutes / 60
    return -degrees if hemisphere in ("S", "W") else degrees
