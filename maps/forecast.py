"""Forecast: where a segment's crack ratio is going, a straight line through its surveys.

Pavements crack faster with age, and a line is the least that a few surveys can bear: it is told with its interval,
for a few years ahead, and only where there are enough surveys over enough time. A segment that was repaired
begins anew. Where the ratios scatter more than their errors say, the interval is as much wider (Birge 1932).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from detector.errors import N_
from maps.growth import YEAR_S
from maps.rules import ChangeRules
from maps.segments import Segments

Floats = NDArray[np.float64]

SURE = 0.975
TOO_FEW = N_("no forecast: {count} surveys of at least {fewest}")
TOO_SHORT = N_("no forecast: surveys over {years} years of at least {least}")
SINCE = N_("from {count} surveys over {years} years")
LEAST_SD = 0.1
"""No crack ratio is known better than this, percentage points."""


@dataclass(frozen=True)
class Forecast:
    """Of one segment: percentage points a year, and the ratio with its 95 % interval; all NaN where not told.

    `note` and its fields say from how much, or why not; `surveys` are those it rests on.
    """

    surveys: int
    points_a_year: float = float("nan")
    ratio: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    note: str = ""
    fields: tuple[tuple[str, str], ...] = ()


def forecast(years: Floats, ratio: Floats, sd: Floats, at_year: float, rules: ChangeRules) -> Forecast:
    """The forecast of one segment from its surveys (n,) in order of time: years, percent, percentage points.

    NaN ratios are surveys that did not see it. What lies before the last drop beyond the errors is left out.
    """
    seen = np.isfinite(ratio)
    years, ratio, sd = years[seen], ratio[seen], np.maximum(sd[seen], LEAST_SD)
    dropped = np.flatnonzero(np.diff(ratio) < -2 * np.hypot(sd[1:], sd[:-1]))
    if len(dropped):
        years, ratio, sd = (column[dropped[-1] + 1 :] for column in (years, ratio, sd))
    count = len(ratio)
    if count < rules.fewest_surveys:
        fields = (("count", str(count)), ("fewest", str(rules.fewest_surveys)))
        return Forecast(count, note=TOO_FEW, fields=fields)
    span = float(np.ptp(years))
    if span < rules.least_years:
        fields = (("years", f"{span:.1f}"), ("least", f"{rules.least_years:g}"))
        return Forecast(count, note=TOO_SHORT, fields=fields)
    weight = 1 / sd**2
    middle = float((weight * years).sum() / weight.sum())
    spread = float((weight * (years - middle) ** 2).sum())
    slope = float((weight * (years - middle) * ratio).sum()) / spread
    mean = float((weight * ratio).sum() / weight.sum())
    off = ratio - mean - slope * (years - middle)
    birge = max(float((weight * off**2).sum()) / (count - 2), 1.0)
    told = mean + slope * (at_year - middle)
    error = np.sqrt(birge * (1 / weight.sum() + (at_year - middle) ** 2 / spread))
    half = float(student.ppf(SURE, count - 2) * error) if birge > 1 else 1.96 * float(error)
    fields = (("count", str(count)), ("years", f"{span:.1f}"))
    low, high = (float(np.clip(one, 0, 100)) for one in (told - half, told + half))
    return Forecast(count, slope, float(np.clip(told, 0, 100)), low, high, SINCE, fields)


def forecasts(
    surveys: Sequence[tuple[float, Segments]], years_ahead: float, rules: ChangeRules
) -> tuple[float, list[list[Forecast]]]:
    """Of each segment of both directions, and for what year: `years_ahead` after the last survey (POSIX times)."""
    surveys = sorted(surveys, key=lambda one: one[0])
    years = np.array([1970 + utc_s / YEAR_S for utc_s, _ in surveys], float)
    at_year = float(years[-1]) + years_ahead
    ratio = np.stack([told.crack_ratio for _, told in surveys])
    sd = np.stack([told.sd for _, told in surveys])
    told = [
        [
            forecast(years, ratio[:, row, piece], sd[:, row, piece], at_year, rules)
            for piece in range(ratio.shape[2])
        ]
        for row in (0, 1)
    ]
    return at_year, told
