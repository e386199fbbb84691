"""Priority: in which order to repair, as points out of 100 whose parts anyone can see and weigh anew.

Four parts from 0 to 1, each times its weight in the rules: how grave the damage is (its weight in the table of
classes and severities, as a share of the largest), how much its road carries (vehicles a day, else its kind), how
fast it grows, and how long it has been known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maps.damage import Damage
from maps.growth import YEAR_S
from maps.on_roads import OnRoads
from maps.roads import Roads
from maps.rules import PARTS, HotSpotRules, PriorityRules
from maps.snapping import NO_ROAD

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Priority:
    """Points by part, (n,) each; they add up to `total`, 100 at most, where people have `given` none (NaN)."""

    severity: Floats
    road: Floats
    growth: Floats
    age: Floats
    given: Floats

    @property
    def total(self) -> Floats:
        """The priority itself (n,)."""
        parts = self.severity + self.road + self.growth + self.age
        return np.asarray(np.where(np.isnan(self.given), parts, self.given), float)


def priority(
    damages: Sequence[Damage], placed: OnRoads, roads: Roads, now_utc_s: float | None,
    rules: PriorityRules, weights: HotSpotRules,
) -> Priority:  # fmt: skip
    """The priority of each damage (n,), as of the last day of the survey; what is not known adds nothing."""
    table = weights.table
    severity = table[placed.class_id, placed.severity] / max(float(table.max()), 1e-9)
    growth = [one.growth.m2_a_year if one.growth and one.growth.sure else 0.0 for one in damages]
    first = [min((s.utc_s for s in one.sightings if s.utc_s is not None), default=np.nan) for one in damages]
    years = (np.nan if now_utc_s is None else now_utc_s) - np.array(first, float)
    age = np.nan_to_num(years / YEAR_S / rules.age_full_years)
    share = rules.weights
    parts = (
        severity,
        road_part(roads, rules)[np.where(placed.line == NO_ROAD, -1, placed.line)],
        np.array(growth, float) / rules.growth_full_m2_a_year,
        age,
    )
    points = [100 * share[name] * np.clip(part, 0, 1) for name, part in zip(PARTS, parts, strict=True)]
    given = [np.nan if one.priority_set is None else one.priority_set for one in damages]
    points.append(np.array(given, float))
    return Priority(*points)


def road_part(roads: Roads, rules: PriorityRules) -> Floats:
    """How much each road carries, 0 to 1, and at the end what counts for no road, (lines + 1,)."""
    each = [rules.carried(kind, traffic) for kind, traffic in zip(roads.kind, roads.traffic, strict=True)]
    return np.array([*each, rules.carried("", None)], float)
