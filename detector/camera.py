"""A pinhole camera above flat ground: pixels to metres on the road and back, with stated errors.

Frames of reference. Image: u right, v down, pixels. Ground: `right_m` and `forward_m` from the
point of the road under the camera, along the vehicle's heading. The road is taken as flat and the
camera as level from side to side; what that costs is part of the stated errors.
Formulas: Hartley & Zisserman, Multiple View Geometry (2004), 8.1 (plane to image) and 8.6
(vanishing points).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

DEFAULT_HEIGHT_M = 1.3
DEFAULT_HFOV_DEG = 80.0
DEFAULT_HORIZON = 0.42
"""Share of the picture's height, from the top, where the horizon lies when nothing tells."""

NOD_SD_RAD = math.radians(0.15)
"""Standard error of the pitch from frame to frame: the suspension."""
DIVE_RAD, DIVE_SD_RAD = math.radians(0.2), math.radians(0.12)
"""Nose down for each m/s² of braking: a passenger car's, and how far vehicles differ in it."""
BOX_ERROR_PX_AT_640 = 3.0
"""Standard error of a box edge, for a picture 640 px wide."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics and mount, each with its standard error (`_sd`).

    `pitch_rad` is positive looking down, `yaw_rad` positive looking right of the heading.
    """

    width_px: int
    height_px: int
    focal_px: float
    height_m: float
    pitch_rad: float
    yaw_rad: float = 0.0
    focal_sd_ratio: float = 0.05
    height_sd_m: float = 0.05
    pitch_sd_rad: float = math.radians(0.5)
    yaw_sd_rad: float = math.radians(1.5)
    nod_sd_rad: float = NOD_SD_RAD

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px, self.focal_px, self.height_m) <= 0:
            raise ValueError(f"camera sizes must be positive: {self}")

    @property
    def horizon_px(self) -> float:
        """The picture row of the horizon; below 0 when it lies above the picture."""
        return self.height_px / 2 - self.focal_px * math.tan(self.pitch_rad)

    def with_vanishing_point(self, u: float, v: float, sd_px: float) -> Camera:
        """The camera whose road vanishes at pixel (u, v), known to `sd_px`."""
        return replace(
            self,
            pitch_rad=math.atan2(self.height_px / 2 - v, self.focal_px),
            yaw_rad=math.atan2(self.width_px / 2 - u, self.focal_px),
            pitch_sd_rad=sd_px / self.focal_px,
        )

    def braking(self, acceleration_mps2: float) -> Camera:
        """The camera while the vehicle speeds up or brakes: its nose lifts or dips."""
        return replace(
            self,
            pitch_rad=self.pitch_rad - DIVE_RAD * acceleration_mps2,
            nod_sd_rad=math.hypot(self.nod_sd_rad, DIVE_SD_RAD * acceleration_mps2),
        )

    def to_ground(self, u: ArrayLike, v: ArrayLike) -> tuple[Floats, Floats]:
        """Pixels to (right_m, forward_m); NaN at and above the horizon."""
        x = (np.asarray(u, float) - self.width_px / 2) / self.focal_px
        y = (np.asarray(v, float) - self.height_px / 2) / self.focal_px
        down = y * math.cos(self.pitch_rad) + math.sin(self.pitch_rad)
        ahead = math.cos(self.pitch_rad) - y * math.sin(self.pitch_rad)
        scale = np.where(down > 1e-3, self.height_m / np.maximum(down, 1e-3), np.nan)
        right, forward = x * scale, ahead * scale
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return right * cos + forward * sin, forward * cos - right * sin

    def to_image(self, right_m: ArrayLike, forward_m: ArrayLike) -> tuple[Floats, Floats]:
        """Ground metres to pixels (u, v); NaN for points behind the camera."""
        right, forward = np.asarray(right_m, float), np.asarray(forward_m, float)
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        right, forward = right * cos - forward * sin, forward * cos + right * sin
        depth = forward * math.cos(self.pitch_rad) + self.height_m * math.sin(self.pitch_rad)
        drop = self.height_m * math.cos(self.pitch_rad) - forward * math.sin(self.pitch_rad)
        depth = np.where(depth > 1e-3, depth, np.nan)
        return (
            self.width_px / 2 + self.focal_px * right / depth,
            self.height_px / 2 + self.focal_px * drop / depth,
        )

    def ground_errors(self, right_m: ArrayLike, forward_m: ArrayLike) -> tuple[Floats, Floats]:
        """Errors of ground points (n,) seen by one box edge: those all frames share, and a frame's own.

        The first is (3, n, 2): what one standard error of pitch, of scale (height and focal length,
        the horizon's row held) and of yaw moves a point by, to the right and forward, with its
        sign. The second is (n, 2): variances of what changes from frame to frame, the box and the
        nodding of the car. First-order propagation.
        """
        right, forward = np.asarray(right_m, float), np.asarray(forward_m, float)
        height = self.height_m
        stretch = (forward**2 + height**2) / height
        lean = right * forward / height
        scale = math.hypot(self.height_sd_m / height, self.focal_sd_ratio)
        shared = [
            (lean * self.pitch_sd_rad, stretch * self.pitch_sd_rad),
            (right * self.height_sd_m / height, forward * scale),
            (forward * self.yaw_sd_rad, -right * self.yaw_sd_rad),
        ]
        box_rad = BOX_ERROR_PX_AT_640 * self.width_px / 640 / self.focal_px
        own_var = (
            (forward * box_rad) ** 2 + (lean * self.nod_sd_rad) ** 2,
            (stretch * box_rad) ** 2 + (stretch * self.nod_sd_rad) ** 2,
        )
        return np.stack([np.stack(one, -1) for one in shared]), np.stack(own_var, -1)

    def ground_sd(self, right_m: ArrayLike, forward_m: ArrayLike) -> tuple[Floats, Floats]:
        """Standard errors (right_m, forward_m) of a ground point, all its errors together."""
        shared, own_var = self.ground_errors(right_m, forward_m)
        sd = np.sqrt((shared**2).sum(0) + own_var)
        return sd[..., 0], sd[..., 1]


def camera_for(
    width_px: int,
    height_px: int,
    *,
    height_m: float | None = None,
    hfov_deg: float | None = None,
    horizon: float | None = None,
) -> Camera:
    """A camera from what is known of it; what is not gets a default with a wide error.

    `horizon` is the share of the picture's height, from the top, at which the horizon lies; it may
    be negative. Raises ValueError for a height or angle no camera has.
    """
    if hfov_deg is not None and not 10 <= hfov_deg <= 170:
        raise ValueError(f"field of view {hfov_deg} degrees is not between 10 and 170")
    if height_m is not None and not 0.3 <= height_m <= 5:
        raise ValueError(f"camera height {height_m} m is not between 0.3 and 5")
    if horizon is not None and not -1 <= horizon <= 0.9:
        raise ValueError(f"horizon {horizon} is not between -1 and 0.9")
    focal_px = width_px / 2 / math.tan(math.radians(hfov_deg or DEFAULT_HFOV_DEG) / 2)
    drop_px = (0.5 - (DEFAULT_HORIZON if horizon is None else horizon)) * height_px
    return Camera(
        width_px=width_px,
        height_px=height_px,
        focal_px=focal_px,
        height_m=height_m or DEFAULT_HEIGHT_M,
        pitch_rad=math.atan2(drop_px, focal_px),
        focal_sd_ratio=0.25 if hfov_deg is None else 0.03,
        height_sd_m=0.25 if height_m is None else 0.03,
        pitch_sd_rad=math.radians(4.0 if horizon is None else 0.7),
    )
