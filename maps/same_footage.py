"""Same footage: which of a drive's sightings are which, where it was run twice.

Their positions come from the same receiver and the same pictures, so that what neighbours share of their error is the
same in both: what is left is each sighting's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.classes import NO_MATCH
from detector.sightings import Sighting
from detector.tracking import MISREAD
from detector.trajectory import LocalFrame
from maps.matching import PRICES, REACH_M, SURE_SHARE, assigned, within
from maps.stretches import AGAIN_S

Floats = NDArray[np.float64]

LEAST_OWN_M = 1.0
"""What two looks at one thing lie apart by themselves, at least: standard error of one axis of each."""
SAME_GATE = 9.21
"""99 % quantile of chi-squared with two degrees of freedom, with the price of their classes."""
SURELY = 1.96
"""Standard errors of a difference that is none by chance in 19 of 20."""


def same_things(before: Sequence[Sighting], after: Sequence[Sighting]) -> dict[int, int]:
    """Place in `after` → place in `before` of those that are one thing, one to one, all settled at once."""
    if not before or not after:
        return {}
    frame = LocalFrame(before[0].lon, before[0].lat)
    then, now = (_places(frame, some) for some in (before, after))
    one, other = within(now, then, REACH_M)
    precision = np.linalg.inv(_own(after)[one] + _own(before)[other])
    apart = now[one] - then[other]
    squared = np.einsum("pi,pij,pj->p", apart, precision, apart)
    squared += _prices(before, after, one, other)
    times = np.array([seen.time_s for seen in after])[one], np.array([seen.time_s for seen in before])[other]
    good = (squared < SAME_GATE) & (np.abs(times[0] - times[1]) <= AGAIN_S)
    return assigned(one[good], other[good], squared[good] - SAME_GATE)


def size_changed(before: Sighting, after: Sighting) -> bool:
    """Whether length, width or area differ by more than their errors let expect."""
    for value, sd, other, other_sd in (
        (before.length_m, before.length_sd_m, after.length_m, after.length_sd_m),
        (before.width_m, before.width_sd_m, after.width_m, after.width_sd_m),
        (before.area_m2, before.area_sd_m2, after.area_m2, after.area_sd_m2),
    ):
        if value is None or sd is None or other is None or other_sd is None:
            continue
        if abs(value - other) > SURELY * float(np.hypot(sd, other_sd)):
            return True
    return False


def _places(frame: LocalFrame, some: Sequence[Sighting]) -> Floats:
    return np.column_stack(frame.to_metres([seen.lon for seen in some], [seen.lat for seen in some]))


def _own(some: Sequence[Sighting]) -> Floats:
    """Covariances (n, 2, 2) of the sightings' own errors, in m²."""
    whole = np.array([seen.covariance_m2 for seen in some], float).reshape(-1, 2, 2)
    shared = np.array([seen.common_sd_m**2 for seen in some])[:, None, None] * np.eye(2)
    values, vectors = np.linalg.eigh(whole - shared)
    values = np.maximum(values, LEAST_OWN_M**2)
    return np.asarray(vectors * values[:, None, :] @ vectors.swapaxes(1, 2), float)


def _prices(
    before: Sequence[Sighting], after: Sequence[Sighting], one: NDArray[np.intp], other: NDArray[np.intp]
) -> Floats:
    classes = np.array([seen.class_id for seen in after]), np.array([seen.class_id for seen in before])
    price = PRICES[classes[0][one], classes[1][other]]
    unsure = _unsure(after)[one] | _unsure(before)[other]
    return np.asarray(np.where(unsure & (price >= NO_MATCH), MISREAD, price), float)


def _unsure(some: Sequence[Sighting]) -> NDArray[np.bool_]:
    return np.array([seen.frames == 1 or seen.class_share < SURE_SHARE for seen in some], bool)
