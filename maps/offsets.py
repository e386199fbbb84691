"""Offsets: by how much drives were moved, where they saw something, to be laid onto one another."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from maps.laid_sightings import LEAST_OWN_M

Floats = NDArray[np.float64]


class Offsets:
    """By drive: where its sightings were laid, by how much they were moved, and that variance."""

    def __init__(self) -> None:
        self._told: defaultdict[str, list[tuple[Floats, Floats, Floats]]] = defaultdict(list)

    def add(self, drive: str, laid: Floats, moved: Floats, variance_m2: Floats) -> None:
        """Keep where sightings of a drive were laid (n, 2), by how much they were moved (n, 2), and its variance (n,)."""
        self._told[drive].append((laid, moved, variance_m2))

    def near(
        self, drive: str, places: Floats, accuracy_m: float, reach_m: float
    ) -> tuple[Floats, Floats, Floats]:
        """What a drive's positions were moved by near these places (n, 2), and what they are off still (n,).

        That is its GPS's error (standard error of one axis) where it saw nothing within reach. Third:
        how far its nearest sighting lies, metres (n,).
        """
        moved, spread_m = np.zeros_like(places), np.full(len(places), accuracy_m)
        apart_m = np.full(len(places), np.inf)
        if drive not in self._told or not len(places):
            return moved, spread_m, apart_m
        laid, by, variance = (np.concatenate(column) for column in zip(*self._told[drive], strict=True))
        apart_m, nearest = cKDTree(laid).query(places, distance_upper_bound=reach_m)
        near = np.isfinite(apart_m)
        moved[near] = by[nearest[near]]
        spread_m[near] = np.sqrt(variance[nearest[near]] + LEAST_OWN_M**2)
        return moved, spread_m, apart_m
