"""Growth: how fast a damage's area grows, and whether that can be told from errors.

A damage is measured anew by each drive, and what is wrong with a vehicle's camera (height, pitch) is wrong in
all that it measures: that makes no growth as long as it alone drives, but may where another takes over. As
nobody says which vehicle drove, the worst is assumed: that one drove until the middle of the time and another
from then on, each wrong alike throughout. More drives make that no better; only more time does. What share of
its box a damage fills is its own, whoever measures it, and no part of the error of its growth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.sightings import FILL_SD_RATIO, Sighting

YEAR_S = 365.25 * 86_400.0
LEAST_SPAN_YEARS, FEWEST_DRIVES = 0.5, 4
"""Growth is told of areas over so long a time and of so many drives, at least."""
LEAST_RATIO = 0.05
"""No area is known better than this."""
SURE = 1.96
"""Half the 95 % interval, in standard errors."""


@dataclass(frozen=True)
class Growth:
    """How fast an area grows, m² a year, with its standard error."""

    m2_a_year: float
    sd_m2_a_year: float

    @property
    def sure(self) -> bool:
        """It grows: the whole 95 % interval is above 0."""
        return self.m2_a_year > SURE * self.sd_m2_a_year


def growth_of(class_id: int, sightings: Sequence[Sighting]) -> Growth | None:
    """The growth of a damage of this class; None where too few drives or too short a time tell of its area.

    A weighted line through the areas over time; those seen as another class are left out, as they are
    measured otherwise. Where areas scatter more than stated, the error is as much wider (Birge 1932).
    """
    told = [
        (one.utc_s / YEAR_S, one.area_m2, one.area_sd_m2)
        for one in sightings
        if one.class_id == class_id and one.utc_s is not None and one.area_m2 and one.area_sd_m2
    ]
    drives = {one.drive for one in sightings if one.class_id == class_id}
    if len(told) < FEWEST_DRIVES or len(drives) < FEWEST_DRIVES:
        return None
    years, area, area_sd = np.array(told, float).T
    if np.ptp(years) < LEAST_SPAN_YEARS:
        return None
    # Errors go with the area: taken of each area by itself they would favour the small ones.
    ratio = np.sqrt(np.maximum((area_sd / area) ** 2 - FILL_SD_RATIO**2, LEAST_RATIO**2))
    sd = ratio * area.mean()
    weight = 1 / sd**2
    since = years - (weight * years).sum() / weight.sum()
    lever = weight * since / (weight * since**2).sum()
    slope = float((lever * area).sum())
    off = area - (weight * area).sum() / weight.sum() - slope * since
    scatter = math.sqrt(max(float((weight * off**2).sum()) / (len(area) - 2), 1.0))
    before, after = (float((np.abs(lever) * sd)[side].sum()) for side in (since < 0, since >= 0))
    return Growth(slope, scatter * math.hypot(before, after))
