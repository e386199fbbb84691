"""The damage: the physical thing on the road, as all its sightings and passes tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detector.classes import CLASSES, severity
from detector.errors import N_
from detector.sightings import Sighting, area_from_box, error_radius_m
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


def _class_id(group: Sequence[Sighting]) -> int:
    votes = np.zeros(len(CLASSES))
    for sighting in group:
        votes[sighting.class_id] += sighting.confidence
    return int(votes.argmax())


def _fuse(group: Sequence[Sighting]) -> tuple[float, float, NDArray[np.float64]]:
    """Position and covariance of the group: its sightings weighted by their precision."""
    precision = [np.linalg.inv(np.array(s.covariance_m2)) for s in group]
    covariance = np.linalg.inv(np.sum(precision, axis=0))
    share = np.array([np.trace(covariance @ p) / 2 for p in precision])
    lonlat = share @ np.array([[s.lon, s.lat] for s in group]) / share.sum()
    return float(lonlat[0]), float(lonlat[1]), covariance


def _covers_m2(class_id: int, seen: Sighting) -> float:
    """The area that severity goes by: as told, else what such a damage covers of its box."""
    boxed_m2 = area_from_box(class_id, np.array([seen.length_m, seen.width_m]))
    return seen.area_m2 if seen.area_m2 is not None else boxed_m2 or 0.0


def severity_of(class_id: int, group: Sequence[Sighting]) -> int:
    """The severity that most of these sightings give a damage of this class."""
    return int(np.median([severity(class_id, s.length_m, s.width_m, _covers_m2(class_id, s)) for s in group]))


def damage_of(number: int, group: Sequence[Sighting]) -> Damage:
    """The damage that all these sightings are of, and what they say together."""
    lon, lat, covariance = _fuse(group)
    class_id = _class_id(group)
    return Damage(
        number=number,
        class_id=class_id,
        severity=severity_of(class_id, group),
        confidence=max(s.confidence for s in group),
        lon=lon,
        lat=lat,
        covariance_m2=covariance,
        sightings=tuple(group),
    )
