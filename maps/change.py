"""Change between two surveys: what became of each damage, and of each segment's crack ratio.

A damage is new where drives of the earlier survey passed it without seeing it, worse or better where its size
differs beyond the errors of both, probably repaired where the passes since say so (`maps.passes`). Where nothing can be
told that is said: not surveyed is never repaired. The map page judges any two days alike (`change.js`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detector.classes import CLASSES
from detector.errors import N_
from detector.sightings import Sighting
from maps.damage import Damage, Decided, State, severity_of
from maps.segments import Segments

Floats = NDArray[np.float64]

SURE = 1.96
"""Half the 95 % interval, in standard errors."""
LEAST_SD = 0.01
"""No size is known better than this, metres or m²."""


class Change(StrEnum):
    """What became of a damage, or of a segment."""

    new = N_("new")
    worse = N_("worse")
    unchanged = N_("unchanged")
    better = N_("better")
    repaired = N_("probably repaired")
    unclear = N_("unclear")
    first = N_("first surveyed")
    not_surveyed = N_("not surveyed")


@dataclass(frozen=True)
class Grown:
    """A damage's change, and the size its severity goes by (metres or m²) before and after, NaN where not seen.

    Severities are indices into `SEVERITIES`, None where not seen.
    """

    change: Change
    before: float
    after: float
    sd: float
    severity_before: int | None
    severity_after: int | None


def damage_change(damage: Damage, before: Collection[str]) -> Grown:
    """What became of a damage of both surveys together; `before` are the drives of the earlier one."""
    earlier = [one for one in damage.sightings if one.drive in before]
    later = [one for one in damage.sightings if one.drive not in before]
    # Another class is measured otherwise; but a person may have given one that no drive saw.
    known = {one.class_id for one in damage.sightings}
    alike = {damage.class_id} if damage.class_id in known else known
    (first, first_sd), (second, second_sd) = (
        _size(damage.class_id, [one for one in seen if one.class_id in alike]) for seen in (earlier, later)
    )
    sd = float(np.hypot(first_sd, second_sd))
    change = _change(damage, before, earlier, later, second - first, max(sd, LEAST_SD))
    was, now = (_severity(damage.class_id, seen) for seen in (earlier, later))
    return Grown(change, first, second, sd, was, now)


def _change(
    damage: Damage, before: Collection[str], earlier: Sequence[Sighting], later: Sequence[Sighting],
    grown: float, sd: float,
) -> Change:  # fmt: skip
    missed_before = any(one.drive in before for one in damage.missed)
    missed_after = any(one.drive not in before for one in damage.missed)
    if not earlier:
        return Change.new if missed_before else Change.first
    if damage.decided == Decided.repaired or (damage.state == State.repaired and missed_after):
        return Change.repaired
    if not later:
        return Change.unclear if missed_after else Change.not_surveyed
    if grown > SURE * sd:
        return Change.worse
    return Change.better if grown < -SURE * sd else Change.unchanged


def _size(class_id: int, seen: Sequence[Sighting]) -> tuple[float, float]:
    """The size that severity goes by, and its error: that of one look, as a camera's fault is in all its looks."""
    told = np.array([_measure(class_id, one) for one in seen], float).reshape(-1, 2)
    told = told[np.isfinite(told).all(1)]
    if not len(told):
        return float("nan"), float("nan")
    weight = 1 / np.maximum(told[:, 1], LEAST_SD) ** 2
    return float((weight * told[:, 0]).sum() / weight.sum()), float(told[:, 1].mean())


def _severity(class_id: int, seen: Sequence[Sighting]) -> int | None:
    return severity_of(class_id, seen) if seen else None


def _measure(class_id: int, seen: Sighting) -> tuple[float, float]:
    ratio = float(
        np.hypot(seen.length_sd_m / max(seen.length_m, 0.05), seen.width_sd_m / max(seen.width_m, 0.05))
    )
    area = seen.length_m * seen.width_m
    return {
        "length": (seen.length_m, seen.length_sd_m),
        "width": (seen.width_m, seen.width_sd_m),
        "area": (area, area * ratio),
    }[CLASSES[class_id].size]


@dataclass(frozen=True)
class SegmentChange:
    """How crack ratios changed, (2, pieces), percentage points with their 95 % interval, NaN where not told."""

    points: Floats
    low: Floats
    high: Floats
    change: NDArray[np.object_]


def segment_change(before: Segments, after: Segments) -> SegmentChange:
    """The change of each segment's crack ratio, told where both surveys saw enough of it.

    The interval of the difference comes from those of both (MOVER; Zou and Donner 2008).
    """
    points = after.crack_ratio - before.crack_ratio
    low = points - np.hypot(after.crack_ratio - after.low, before.high - before.crack_ratio)
    high = points + np.hypot(after.high - after.crack_ratio, before.crack_ratio - before.low)
    change = np.full(points.shape, Change.unchanged, object)
    change[low > 0] = Change.worse
    change[high < 0] = Change.better
    change[np.isnan(before.crack_ratio)] = Change.first
    change[np.isnan(after.crack_ratio)] = Change.not_surveyed
    return SegmentChange(points, low, high, change)
