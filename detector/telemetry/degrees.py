"""Degrees from the ways devices write them."""

from __future__ import annotations

import math


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
