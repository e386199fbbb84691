"""Coverage: the ground that a drive saw, how far to each side for a damage of which class and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.camera import NEAREST_M, Camera
from detector.classes import (
    ALLIGATOR_CRACK,
    CLASSES,
    LONGITUDINAL_CRACK,
    POTHOLE,
    SEVERITIES,
    TRANSVERSE_CRACK,
)
from detector.sightings import FILL
from detector.tracking import FARTHEST_M
from detector.trajectory import LocalFrame
from detector.visibility import Light

Floats = NDArray[np.float64]

LEAST_BOX_PX = (10.0, 6.0)
"""Width and height of the smallest box, in the model's picture, that it can be expected to find.

Of 1,374 boxes in 700 labelled pictures the model in the package found none narrower and, but for one,
none lower."""
ROADSIDE_M = 6.0
"""No drive is taken to see the road further to its side: kerbs, parked cars and the other lane's stand there."""
SMALLEST_SHARE = 0.75
"""The smallest damage to be seen, as a share of where medium begins."""
CRACK_WIDTH_M = 0.2
"""Across a single crack, as boxes hold it."""
STEP_M = 0.5
"""A reach is told in such steps, rounded down: positions are known no better, and kinds fall together."""
AHEAD_STEP_M = 0.1


@dataclass(frozen=True)
class Way:
    """What one drive saw: the `lines` (n, 2) EPSG:4326 that it could judge, and when (POSIX, None: not known).

    `accuracy_m` is the standard error of one axis of its GPS. `reach_m` (classes, severities) is how far
    to each side it sees; `light` what it saw by, None where it is not known.
    """

    drive: str
    utc_s: float | None
    lines: list[Floats]
    accuracy_m: float
    reach_m: Floats
    light: Light | None = None


@dataclass(frozen=True)
class Covered:
    """The ground in which a drive saw damages of these kinds, (class, severity): a polygon in EPSG:4326."""

    way: Way
    kinds: list[tuple[int, int]]
    reach_m: float
    area: shapely.MultiPolygon


def reach_m(camera: Camera, picture_px: int) -> Floats:
    """How far to each side of its way a drive sees a damage well enough, (classes, severities) metres.

    That is as far as there is a place ahead, up to `FARTHEST_M`, where the smallest damage of that class
    and size lies in the picture and its box is `LEAST_BOX_PX` at least when the picture's longer side is
    `picture_px`, as the model sees it; `ROADSIDE_M` at most. 0: it sees none.
    """
    scale = picture_px / max(camera.width_px, camera.height_px)
    camera = camera.resized(round(camera.width_px * scale), round(camera.height_px * scale))
    aside = np.arange(0.0, ROADSIDE_M + STEP_M / 2, STEP_M)
    reach = [
        [min(_reach_m(camera, side * aside, *sizes) for side in (-1, 1)) for sizes in by_size]
        for by_size in smallest_m()
    ]
    return np.array(reach)


def smallest_m() -> Floats:
    """Length along the road and width across it of the smallest damage, (classes, severities, 2)."""
    least = np.array([(SMALLEST_SHARE * row.severity_bounds[0], *row.severity_bounds) for row in CLASSES])
    sizes = np.full((len(CLASSES), len(SEVERITIES), 2), CRACK_WIDTH_M)
    sizes[LONGITUDINAL_CRACK, :, 0] = least[LONGITUDINAL_CRACK]
    sizes[TRANSVERSE_CRACK, :, 1] = least[TRANSVERSE_CRACK]
    sizes[ALLIGATOR_CRACK] = np.sqrt(least[ALLIGATOR_CRACK, :, None] / FILL[ALLIGATOR_CRACK])
    sizes[POTHOLE] = least[POTHOLE, :, None]
    return sizes


def _reach_m(camera: Camera, right_m: Floats, length_m: float, width_m: float) -> float:
    """The furthest of these places beside the way (n,) where such a thing is seen somewhere ahead."""
    right, forward = np.meshgrid(right_m, np.arange(NEAREST_M + length_m / 2, FARTHEST_M, AHEAD_STEP_M))
    corners = np.array([-1, 1, -1, 1, 0])[:, None, None], np.array([-1, -1, 1, 1, 0])[:, None, None]
    pixels = np.stack(camera.to_image(right + width_m / 2 * corners[0], forward + length_m / 2 * corners[1]))
    size_px = np.array([camera.width_px, camera.height_px])[:, None, None]
    inside = (pixels[:, -1] >= 0) & (pixels[:, -1] <= size_px)
    large = np.ptp(pixels, axis=1) >= np.array(LEAST_BOX_PX)[:, None, None]
    seen = (inside & large).all(0).any(0)
    return float(np.abs(right_m[seen]).max(initial=0.0))


def coverage(ways: Sequence[Way]) -> list[Covered]:
    """What each drive saw of the road: its way, as wide as it sees; kinds seen equally far are one polygon."""
    areas = []
    for way in ways:
        lines = [line for line in way.lines if len(line) > 1]
        if not lines:
            continue
        frame = LocalFrame(*lines[0][0])
        metric = shapely.MultiLineString([np.column_stack(frame.to_metres(*line.T)) for line in lines])
        for reach in sorted(set(way.reach_m[way.reach_m > 0].tolist())):
            swath = shapely.transform(
                metric.buffer(reach, cap_style="flat"),
                lambda points, frame=frame: np.column_stack(frame.to_lonlat(*points.T)),
            )
            kinds = [(one, size) for one, size in np.argwhere(way.reach_m == reach).tolist()]
            areas.append(Covered(way, kinds, reach, shapely.multipolygons([*shapely.get_parts(swath)])))
    return areas
