"""Sightings: each damage as one drive saw it, with its place, its size and their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.classes import ALLIGATOR_CRACK, POTHOLE

AREA_M = 8.0
"""Further off an area is not told: its error is as large as itself (one degree of pitch: a third at 10 m)."""
FILL = {ALLIGATOR_CRACK: 0.7, POTHOLE: math.pi / 4}
"""Share of its box on the ground that a damage of the class covers; cracks have no area."""
FILL_SD_RATIO = 0.2
"""Standard error of that share, as a share of it."""
COVERED_FROM = 0.005
"""From this share on it is said that a damage is covered in its pictures: one that rounds to a per cent."""
CHI2_95 = 5.991
"""95 % quantile of chi-squared with two degrees of freedom."""


@dataclass(frozen=True)
class Sighting:
    """One damage as one drive saw it; EPSG:4326, metres, seconds since the drive's first frame.

    `covariance_m2` is ((east², east·north), (east·north, north²)) in m², everything counted in.
    `area_m2` is None for single cracks, and for what was never seen from within `AREA_M`. `confidence` is
    the probability that it is there, as the model's `Reliability` has it for all its looks together.
    """

    drive: str
    class_id: int
    confidence: float
    lon: float
    lat: float
    covariance_m2: tuple[tuple[float, float], tuple[float, float]]
    heading_deg: float
    length_m: float
    length_sd_m: float
    width_m: float
    width_sd_m: float
    area_m2: float | None
    area_sd_m2: float | None
    time_s: float
    utc_s: float | None
    frames: int
    model: str
    evidence: str
    crop: str
    class_share: float = 1.0
    """Share of the track's votes that its class has."""
    common_sd_m: float = 0.0
    """Standard error of one axis that the drive's neighbouring sightings share (GPS, clock, antenna)."""
    frame: str = ""
    """The whole picture, clean, where it was kept; `box` is x1, y1, x2, y2 in shares of its width and height."""
    box: tuple[float, float, float, float] | None = None
    covered: float = 0.0
    """Share of the box that the pictures do not show: a mask covers it, or it lies outside the area that is kept."""

    @property
    def error_m(self) -> float:
        """Radius that holds the true position with 95 % probability (the ellipse's long axis)."""
        return error_radius_m(np.array(self.covariance_m2))


def error_radius_m(covariance_m2: NDArray[np.float64]) -> float:
    """The long half-axis of the 95 % ellipse of a 2×2 covariance in m²."""
    return math.sqrt(CHI2_95 * float(np.linalg.eigvalsh(covariance_m2)[-1]))


def area_from_box(class_id: int, size_m: NDArray[np.float64]) -> float | None:
    """What a damage of the class covers of a box of that length and width (2,), m²; None for single cracks."""
    return float(FILL[class_id] * size_m.prod()) if class_id in FILL else None


def area(
    class_id: int, size_m: NDArray[np.float64], size_sd_m: NDArray[np.float64], outlined_m2: float | None
) -> tuple[float | None, float | None]:
    """Area and its error in m²: of its outline where there is one, else of its box's (2,) length and width.

    None for single cracks, which have none.
    """
    boxed_m2 = area_from_box(class_id, size_m)
    if boxed_m2 is None:
        return None, None
    ratio = float(np.hypot(*(size_sd_m / np.maximum(size_m, 0.05))))
    if outlined_m2 is not None:
        return outlined_m2, outlined_m2 * ratio
    return boxed_m2, boxed_m2 * math.hypot(ratio, FILL_SD_RATIO)
