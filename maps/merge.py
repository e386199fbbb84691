"""Damages: the sightings of all drives, each damage counted once.

Drive by drive: a drive's sightings are matched with the damages known so far, all at once, where
their distance is likely under both errors and their classes can be one thing. Two sightings of one
drive are never one damage: tracking has told them apart already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detector.classes import CLASSES, NO_MATCH, mixing_price, severity
from detector.sightings import Sighting, error_radius_m
from detector.tracking import GATE
from detector.trajectory import LocalFrame


@dataclass(frozen=True)
class Damage:
    """The physical thing on the road: all its sightings, and what they say together.

    EPSG:4326; `covariance_m2` as in Sighting; sizes are those of the surest sighting.
    """

    number: int
    class_id: int
    severity: int
    confidence: float
    lon: float
    lat: float
    covariance_m2: NDArray[np.float64]
    sightings: tuple[Sighting, ...]

    @property
    def error_m(self) -> float:
        """Radius that holds the true position with 95 % probability."""
        return error_radius_m(self.covariance_m2)

    @property
    def best(self) -> Sighting:
        """The sighting whose picture and size speak for the damage: the nearest sharp look."""
        return max(self.sightings, key=lambda s: s.confidence / (1 + s.length_sd_m + s.width_sd_m))


def merge(drives: Iterable[list[Sighting]]) -> list[Damage]:
    """The damages behind the sightings of several drives, numbered from 1 in order of finding."""
    groups: list[list[Sighting]] = []
    frame: LocalFrame | None = None
    for sightings in drives:
        if not sightings:
            continue
        frame = frame or LocalFrame(sightings[0].lon, sightings[0].lat)
        matched = _match(sightings, groups, frame)
        for index, sighting in enumerate(sightings):
            if index in matched:
                groups[matched[index]].append(sighting)
            else:
                groups.append([sighting])
    return [_damage(number, group) for number, group in enumerate(groups, 1)]


def _match(sightings: list[Sighting], groups: list[list[Sighting]], frame: LocalFrame) -> dict[int, int]:
    """Index of a sighting → index of the damage it is, for those that are one known already."""
    if not groups:
        return {}
    fused = [_fuse(group) for group in groups]
    known = np.column_stack(frame.to_metres([f[0] for f in fused], [f[1] for f in fused]))
    known_var = np.array([f[2] for f in fused])
    seen = np.column_stack(frame.to_metres([s.lon for s in sightings], [s.lat for s in sightings]))
    apart = seen[:, None] - known[None]
    together = np.array([s.covariance_m2 for s in sightings])[:, None] + known_var[None]
    cost = np.einsum("ijk,ijkl,ijl->ij", apart, np.linalg.inv(together), apart)
    classes = [_class_id(group) for group in groups]
    cost += np.array([[mixing_price(s.class_id, c) for c in classes] for s in sightings])
    rows, columns = linear_sum_assignment(np.minimum(cost, NO_MATCH))
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if cost[i, j] < GATE}


def _class_id(group: list[Sighting]) -> int:
    votes = np.zeros(len(CLASSES))
    for sighting in group:
        votes[sighting.class_id] += sighting.confidence
    return int(votes.argmax())


def _fuse(group: list[Sighting]) -> tuple[float, float, NDArray[np.float64]]:
    """Position and covariance of the group: its sightings weighted by their precision."""
    precision = [np.linalg.inv(np.array(s.covariance_m2)) for s in group]
    covariance = np.linalg.inv(np.sum(precision, axis=0))
    share = np.array([np.trace(covariance @ p) / 2 for p in precision])
    lonlat = share @ np.array([[s.lon, s.lat] for s in group]) / share.sum()
    return float(lonlat[0]), float(lonlat[1]), covariance


def _damage(number: int, group: list[Sighting]) -> Damage:
    lon, lat, covariance = _fuse(group)
    class_id = _class_id(group)
    sizes = [severity(class_id, s.length_m, s.width_m, s.area_m2 or s.length_m * s.width_m) for s in group]
    return Damage(
        number=number,
        class_id=class_id,
        severity=int(np.median(sizes)),
        confidence=max(s.confidence for s in group),
        lon=lon,
        lat=lat,
        covariance_m2=covariance,
        sightings=tuple(group),
    )
