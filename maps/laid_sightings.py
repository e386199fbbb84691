"""Laid sightings: where each was put once its drive was laid onto what is known, and how sure that is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.sightings import Sighting

Floats = NDArray[np.float64]

LEAST_OWN_M = 2.0
"""What a sighting's place is off by itself, at least: its ends, and how roads bend what neighbours share."""


class Laid(NamedTuple):
    """Where a sighting was laid, metres, the variance of its own error and of what is left of its drive's.

    `stretch` numbers the stretches of drives: no two sightings of one are one damage. `again`: its drive saw the
    damage elsewhere in it too.
    """

    east_m: float
    north_m: float
    own_m2: float
    known_m2: float
    stretch: int
    again: bool


def own_variance(seen: Sighting) -> float:
    """Variance of one axis of a sighting's own error, without what its neighbours share, m²."""
    return max(float(np.trace(seen.covariance_m2)) / 2 - seen.common_sd_m**2, LEAST_OWN_M**2)


def variances(seen: list[Sighting]) -> tuple[Floats, Floats]:
    """Variance of one axis (n,) of each sighting's own error, and of what its neighbours share."""
    return np.array([own_variance(one) for one in seen]), np.array([one.common_sd_m**2 for one in seen])
