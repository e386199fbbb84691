"""Where a road goes ahead of a vehicle: places on it from places seen from the vehicle, and back.

Seen from the vehicle, a place is metres right and forward of it. On the road it is metres along, from
where the vehicle is, and metres right of the road's middle (`across`). A hill is ground that rises by
`hill_per_m * forward² / 2` from the plane that the vehicle stands on; negative: a crest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from datasets.pavement import HALF_WIDTH_M

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

FARTHEST_M = 120.0
"""Where everything has faded to haze."""
CELL_M = 0.5
GRID_RIGHT_M, GRID_FORWARD_M = 40.0, (-2.0, 62.0)
STEEPEST_PER_M = 0.003
"""Vertical curvature of the sharpest hill a street has: a radius of some 330 m."""


class Course(Protocol):
    """How the road ahead runs; whether its houses hide what lies behind them (`walls_hide`)."""

    walls_hide: ClassVar[bool]

    def to_road(self, right_m: Floats32, forward_m: Floats32) -> tuple[Floats32, Floats32]:
        """Places seen as (along_m, across_m), shapes kept."""

    def to_vehicle(self, along_m: Floats, across_m: Floats) -> tuple[Floats, Floats]:
        """Places of the road as (right_m, forward_m), (n,) each."""

    def walls(self, ray: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Where rays (n,), metres right a metre forward, meet a house: (forward_m, along_m, on the right).

        `FARTHEST_M` forward where one meets none.
        """


@dataclass(frozen=True)
class Bend:
    """A road of one curvature, right of whose middle the vehicle keeps by `right_m`.

    Its houses stand in a straight line, and the road is drawn over them where it bends away.
    """

    walls_hide: ClassVar[bool] = False

    curvature_per_m: float
    right_m: float

    def to_road(self, right_m: Floats32, forward_m: Floats32) -> tuple[Floats32, Floats32]:
        bent = forward_m**2 * np.float32(self.curvature_per_m / 2)
        return forward_m, np.asarray(right_m + np.float32(self.right_m) - bent, np.float32)

    def to_vehicle(self, along_m: Floats, across_m: Floats) -> tuple[Floats, Floats]:
        return across_m - self.right_m + self.curvature_per_m * along_m**2 / 2, along_m

    def walls(self, ray: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        side = np.where(ray - self.curvature_per_m * 20 > 0, 1.0, -1.0)
        gap = side * np.maximum(HALF_WIDTH_M - side * self.right_m, 0.5)
        away = gap / np.where(np.abs(ray) < 0.02, 0.02 * side, ray)
        away = np.where(away > 0, np.clip(away, 1.0, FARTHEST_M), FARTHEST_M)
        return away, away, side > 0


@dataclass(frozen=True)
class Line:
    """A road along a line, (n, 2) metres right and forward of the vehicle, `step_m` apart.

    Its first point lies `begin_m` along; the line lies `right_m` right of the road's middle.
    """

    walls_hide: ClassVar[bool] = True

    points: Floats
    step_m: float
    begin_m: float
    right_m: float

    @cached_property
    def _ahead(self) -> Floats:
        """The line's direction at each point, (n, 2)."""
        ahead = np.gradient(self.points, axis=0)
        return np.asarray(ahead / np.hypot(*ahead.T)[:, None])

    @cached_property
    def _curvature(self) -> Floats:
        """Its curvature at each point, (n,) per metre; positive: to the right."""
        turn = np.gradient(self._ahead, axis=0)
        return np.asarray((turn[:, 0] * self._ahead[:, 1] - turn[:, 1] * self._ahead[:, 0]) / self.step_m)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points)

    @cached_property
    def _grid(self) -> Floats32:
        """(along_m, across_m) of a grid on the ground, `CELL_M` wide: the inverse has no formula."""
        forward, right = np.mgrid[
            GRID_FORWARD_M[0] : GRID_FORWARD_M[1] : CELL_M, -GRID_RIGHT_M:GRID_RIGHT_M:CELL_M
        ]
        place = np.stack([right, forward], -1)
        nearest = self._tree.query(place)[1]
        off, ahead = place - self.points[nearest], self._ahead[nearest]
        aside = off[..., 0] * ahead[..., 1] - off[..., 1] * ahead[..., 0]
        # Steps along are shorter inside a bend than on the line, and longer outside.
        stretch = np.maximum(1 - self._curvature[nearest] * aside, 0.3)
        along = self.begin_m + nearest * self.step_m + (off * ahead).sum(-1) / stretch
        across = self.right_m + aside
        across[(nearest == 0) | (nearest == len(self.points) - 1)] = FARTHEST_M  # not known to go on there
        return np.stack([along, across], -1).astype(np.float32)

    def to_road(self, right_m: Floats32, forward_m: Floats32) -> tuple[Floats32, Floats32]:
        column = (right_m + np.float32(GRID_RIGHT_M)) / np.float32(CELL_M)
        row = (forward_m - np.float32(GRID_FORWARD_M[0])) / np.float32(CELL_M)
        beyond = (0.0, FARTHEST_M, 0.0, 0.0)
        road = cv2.remap(self._grid, column, row, cv2.INTER_LINEAR, borderValue=beyond)
        along, across = cv2.split(np.asarray(road, np.float32))
        return np.asarray(along, np.float32), np.asarray(across, np.float32)

    def to_vehicle(self, along_m: Floats, across_m: Floats) -> tuple[Floats, Floats]:
        mark = (along_m - self.begin_m) / self.step_m
        marks = np.arange(len(self.points))
        right, forward, east, north = (
            np.interp(mark, marks, column) for column in (*self.points.T, *self._ahead.T)
        )
        off = across_m - self.right_m
        return right + off * north, forward - off * east

    def hides(self, along_m: float, across_m: float) -> bool:
        """Whether a place of the road, ahead of the vehicle, lies behind a house."""
        right, forward = self.to_vehicle(np.array([along_m]), np.array([across_m]))
        away, _, _ = self.walls(right / forward)
        return bool(forward[0] > away[0])

    def walls(self, ray: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        away, along = np.full(len(ray), FARTHEST_M), np.zeros(len(ray))
        on_right = np.zeros(len(ray), bool)
        for side in (-1.0, 1.0):
            off = side * HALF_WIDTH_M - self.right_m
            foot = self.points + off * np.column_stack([self._ahead[:, 1], -self._ahead[:, 0]])
            # Inside a tight corner the foot of the houses would loop back onto the road.
            middle = self.points - self.right_m * np.column_stack([self._ahead[:, 1], -self._ahead[:, 0]])
            clear = cKDTree(middle).query(foot)[0] > HALF_WIDTH_M - 0.1
            foot, marks = foot[clear], self.begin_m + np.flatnonzero(clear) * self.step_m
            beside = foot[:, 0] - ray[:, None] * foot[:, 1]
            crossed = beside[:, :-1] * beside[:, 1:] <= 0
            share = beside[:, :-1] / np.where(crossed, beside[:, :-1] - beside[:, 1:], 1.0)
            forward = foot[:-1, 1] + share * np.diff(foot[:, 1])
            forward[~crossed | (forward < 0.5)] = FARTHEST_M
            first = forward.argmin(1)
            every = np.arange(len(ray))
            nearer = forward[every, first] < away
            away = np.where(nearer, forward[every, first], away)
            along = np.where(nearer, marks[first] + share[every, first] * np.diff(marks)[first], along)
            on_right = np.where(nearer, side > 0, on_right)
        return away, along, on_right


def hill_rise(forward_m: NDArray[Any], hill_per_m: float) -> NDArray[Any]:
    """How far the ground ahead lies above the plane under the vehicle, in metres."""
    return np.asarray(hill_per_m / 2 * forward_m**2)


def hill_reach(drop: Floats, height_m: float, hill_per_m: float) -> Floats:
    """Metres forward at which rays that fall by `drop` a metre reach the ground; NaN where they never do.

    Raises ValueError for a hill steeper than `STEEPEST_PER_M`.
    """
    if abs(hill_per_m) > STEEPEST_PER_M:
        raise ValueError(f"no street's hill has a curvature of {hill_per_m} per metre")
    root = drop**2 + 2 * hill_per_m * height_m
    below = drop + np.sqrt(np.maximum(root, 0))
    return np.where((root >= 0) & (below > 1e-4), 2 * height_m / np.maximum(below, 1e-4), np.nan)
