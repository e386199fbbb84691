"""The damage: the physical thing on the road, as all its sightings and passes tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detector.errors import N_
from detector.sightings import Sighting, error_radius_m
from maps.growth import Growth


class State(StrEnum):
    """What the passes say of a damage."""

    there = N_("there")
    repaired = N_("probably repaired")
    not_surveyed = N_("not surveyed since")


class Decided(StrEnum):
    """What people decided on a damage, where they did."""

    nothing = ""
    confirmed = N_("confirmed")
    scheduled = N_("scheduled")
    repaired = N_("repaired")


@dataclass(frozen=True)
class Miss:
    """A drive that went past a damage and did not see it; `detectable`: how likely it would have, were it there."""

    drive: str
    utc_s: float | None
    detectable: float


@dataclass(frozen=True)
class Damage:
    """The physical thing on the road: all its sightings, and what they say together.

    EPSG:4326; `covariance_m2` as in Sighting; sizes are those of the surest sighting. `passes` counts
    the drives that went past it since it was first seen, that one too; `still_there` is the
    probability that it is (`maps.passes`). `growth` is None where it can't be told (`maps.growth`).
    `missed` are the passes that did not see it, whenever they were. `road` is the road's name and
    `chainage_m` how far along it the damage lies, where somebody knows. `decided` is what people said of it, and
    `repaired_utc_s` when they recorded its repair; `priority_set` is the priority that they gave it.
    """

    number: int
    class_id: int
    severity: int
    confidence: float
    lon: float
    lat: float
    covariance_m2: NDArray[np.float64]
    sightings: tuple[Sighting, ...]
    passes: int = 1
    still_there: float = 1.0
    state: State = State.there
    growth: Growth | None = None
    missed: tuple[Miss, ...] = ()
    road: str = ""
    chainage_m: float | None = None
    decided: Decided = Decided.nothing
    repaired_utc_s: float | None = None
    priority_set: float | None = None

    @property
    def error_m(self) -> float:
        """Radius that holds the true position with 95 % probability."""
        return error_radius_m(self.covariance_m2)

    @property
    def likely(self) -> float:
        """The probability that it is there: what a person confirmed was one, whatever the model made of it."""
        return self.still_there * (1.0 if self.decided else self.confidence)

    @property
    def best(self) -> Sighting:
        """The sighting whose picture and size speak for the damage: the nearest sharp look."""
        return max(self.sightings, key=lambda s: s.confidence / (1 + s.length_sd_m + s.width_sd_m))
