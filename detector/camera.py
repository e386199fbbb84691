"""A camera above flat ground: pixels to metres on the road and back, with stated errors.

Frames of reference. Image: u right, v down, pixels. Ground: `right_m` and `forward_m` from the
point of the road under the camera, along the vehicle's heading. The road is taken as flat; what that
costs is part of the stated errors.
Formulas: Hartley & Zisserman, Multiple View Geometry (2004), 8.1 (plane to image) and 8.6
(vanishing points); radial distortion: Brown (1971), Close-range camera calibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detector.lenses import Lens, bent

Floats = NDArray[np.float64]

DEFAULT_HEIGHT_M = 1.3
UNKNOWN = Lens("unknown", "", 0.6, focal_sd_ratio=0.25)
"""A dashcam's, 80 degrees from left to right, give or take much."""
DEFAULT_HORIZON = 0.42
"""Share of the picture's height, from the top, where the horizon lies when nothing tells."""

HORIZON_M = 1e7
NEAREST_M = 0.5
WIDEST_RADIUS = 4.0
"""Rays further from the optical axis than this, in focal lengths, are no camera's."""
ROLL_SD_RAD = math.radians(1.0)
"""How level a hand mounts a camera."""
NOD_SD_RAD = math.radians(0.15)
"""Standard error of the pitch from frame to frame: the suspension."""
DIVE_RAD, DIVE_SD_RAD = math.radians(0.2), math.radians(0.12)
"""Nose down for each m/s² of braking: a passenger car's, and how far vehicles differ in it."""
BOX_ERROR_PX_AT_640 = 3.0
"""Standard error of a box edge, for a picture 640 px wide."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics and mount, each with its standard error (`_sd`).

    `pitch_rad` is positive looking down, `yaw_rad` looking right of the heading, `roll_rad` with the
    right side low. `k1`, `k2`, `k3` are Brown's radial distortion, `k1` negative for a barrel.
    `range_sd_ratio` is the error of the height times the focal length, which distances ahead scale
    with; None: that of the two by themselves. (Motion tells the product better than either.)
    """

    width_px: int
    height_px: int
    focal_px: float
    height_m: float
    pitch_rad: float
    yaw_rad: float = 0.0
    roll_rad: float = 0.0
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    focal_sd_ratio: float = 0.05
    height_sd_m: float = 0.05
    range_sd_ratio: float | None = None
    pitch_sd_rad: float = math.radians(0.5)
    yaw_sd_rad: float = math.radians(1.5)
    roll_sd_rad: float = ROLL_SD_RAD
    nod_sd_rad: float = NOD_SD_RAD

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px, self.focal_px, self.height_m) <= 0:
            raise ValueError(f"camera sizes must be positive: {self}")

    @property
    def horizon_px(self) -> float:
        """The picture row of the horizon, straight ahead; below 0 when it lies above the picture."""
        return float(self.to_image(0.0, HORIZON_M)[1])

    @property
    def box_error_px(self) -> float:
        """Standard error of a box edge."""
        return BOX_ERROR_PX_AT_640 * self.width_px / 640

    @property
    def hfov_deg(self) -> float:
        """The angle between the picture's left and right edges, in the middle of its height."""
        edge = self.width_px / 2 / self.focal_px
        return 2 * math.degrees(math.atan(float(np.interp(edge, *self._radii[::-1]))))

    def resized(self, width_px: int, height_px: int) -> Camera:
        """The same camera with its pictures at another size, their shape kept."""
        scale = width_px / self.width_px
        return replace(self, width_px=width_px, height_px=height_px, focal_px=self.focal_px * scale)

    @property
    def range_error(self) -> float:
        """Standard error of distances ahead, as a share of them, the horizon's row held."""
        if self.range_sd_ratio is not None:
            return self.range_sd_ratio
        return math.hypot(self.height_sd_m / self.height_m, self.focal_sd_ratio)

    def with_vanishing_point(self, u: float, v: float, sd_px: float) -> Camera:
        """The camera whose road vanishes at pixel (u, v), known to `sd_px`."""
        x, y = self._level(u, v)
        pitch_rad = math.atan(-float(y))
        return replace(
            self,
            pitch_rad=pitch_rad,
            yaw_rad=math.atan(-float(x) * math.cos(pitch_rad)),
            pitch_sd_rad=sd_px / self.focal_px,
        )

    def refocused(self, ratio: float) -> Camera:
        """The camera with its focal length times `ratio`, and the road moving through the picture as before.

        What is kept is where the road vanishes, and what distances ahead from there scale with: height
        times focal length over the square of the pitch's cosine.
        """
        pitch_rad = math.atan(math.tan(self.pitch_rad) / ratio)
        cos_ratio = math.cos(pitch_rad) / math.cos(self.pitch_rad)
        return replace(
            self,
            focal_px=self.focal_px * ratio,
            pitch_rad=pitch_rad,
            yaw_rad=math.atan(math.tan(self.yaw_rad) / ratio * cos_ratio),
            height_m=self.height_m * cos_ratio**2 / ratio,
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
        x, y = self._level(u, v)
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
        return self._pixels(right / depth, drop / depth)

    def _level(self, u: ArrayLike, v: ArrayLike) -> tuple[Floats, Floats]:
        """Pixels to the rays (x, y, 1) of a camera without distortion and roll."""
        x = (np.asarray(u, float) - self.width_px / 2) / self.focal_px
        y = (np.asarray(v, float) - self.height_px / 2) / self.focal_px
        if self.k1 or self.k2 or self.k3:
            seen = np.hypot(x, y)
            straight = np.interp(seen, *self._radii[::-1])
            ratio = np.where(seen > 1e-9, straight / np.maximum(seen, 1e-9), 1.0)
            x, y = x * ratio, y * ratio
        cos, sin = math.cos(self.roll_rad), math.sin(self.roll_rad)
        return x * cos - y * sin, x * sin + y * cos

    def _pixels(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """The inverse of `_level`."""
        cos, sin = math.cos(self.roll_rad), math.sin(self.roll_rad)
        x, y = x * cos + y * sin, y * cos - x * sin
        if self.k1 or self.k2 or self.k3:
            straight = np.hypot(x, y)
            ratio = bent(np.minimum(straight, self._radii[0][-1]), self.k1, self.k2, self.k3) / np.maximum(
                straight, 1e-9
            )
            ratio = np.where(straight > 1e-9, ratio, 1.0)
            x, y = x * ratio, y * ratio
        return self.width_px / 2 + self.focal_px * x, self.height_px / 2 + self.focal_px * y

    @cached_property
    def _radii(self) -> tuple[Floats, Floats]:
        """Radii before and after distortion, as far as its formula goes outwards; beyond it folds back.

        The inverse is read off this table, as it has no closed form.
        """
        radius = np.linspace(0, WIDEST_RADIUS, 8000)
        after = bent(radius, self.k1, self.k2, self.k3)
        falling = np.flatnonzero(np.diff(after) <= 0)
        end = int(falling[0]) + 1 if len(falling) else len(radius)
        return radius[:end], after[:end]

    def ground_errors(self, right_m: ArrayLike, forward_m: ArrayLike) -> tuple[Floats, Floats]:
        """Errors of ground points (n,) seen by one box edge: those all frames share, and a frame's own.

        The first is (4, n, 2): what one standard error of pitch, of scale (height and focal length,
        the horizon's row held), of yaw and of roll moves a point by, to the right and forward, with
        its sign. The second is (n, 2): variances of what changes from frame to frame, the box and the
        nodding of the car. First-order propagation.
        """
        right, forward = np.asarray(right_m, float), np.asarray(forward_m, float)
        height = self.height_m
        stretch = (forward**2 + height**2) / height
        lean = right * forward / height
        aside = right / np.maximum(forward, NEAREST_M)
        shared = [
            (lean * self.pitch_sd_rad, stretch * self.pitch_sd_rad),
            (right * self.height_sd_m / height, forward * self.range_error),
            (forward * self.yaw_sd_rad, -right * self.yaw_sd_rad),
            (-(height + lean * aside) * self.roll_sd_rad, -stretch * aside * self.roll_sd_rad),
        ]
        box_rad = self.box_error_px / self.focal_px
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
    lens: Lens | None = None,
) -> Camera:
    """A camera from what is known of it; what is not gets a default with a wide error.

    `horizon` is the share of the picture's height, from the top, at which the horizon lies; it may
    be negative. `hfov_deg` comes before what the lens is known for. Raises ValueError for a height or
    angle no camera has.
    """
    if hfov_deg is not None and not 10 <= hfov_deg <= 170:
        raise ValueError(f"field of view {hfov_deg} degrees is not between 10 and 170")
    if height_m is not None and not 0.3 <= height_m <= 5:
        raise ValueError(f"camera height {height_m} m is not between 0.3 and 5")
    if horizon is not None and not -1 <= horizon <= 0.9:
        raise ValueError(f"horizon {horizon} is not between -1 and 0.9")
    lens = lens or UNKNOWN
    focal_px, focal_sd_ratio = lens.focal * width_px, lens.focal_sd_ratio
    if hfov_deg is not None:
        edge = np.array(math.tan(math.radians(hfov_deg) / 2))
        seen = float(bent(edge, lens.k1, lens.k2, lens.k3))
        if seen <= 0:
            raise ValueError(f"field of view {hfov_deg} degrees is wider than the lens {lens.name} has")
        focal_px, focal_sd_ratio = width_px / 2 / seen, 0.03
    drop_px = (0.5 - (DEFAULT_HORIZON if horizon is None else horizon)) * height_px
    return Camera(
        width_px=width_px,
        height_px=height_px,
        focal_px=focal_px,
        height_m=height_m or DEFAULT_HEIGHT_M,
        pitch_rad=math.atan2(drop_px, focal_px),
        k1=lens.k1,
        k2=lens.k2,
        k3=lens.k3,
        focal_sd_ratio=focal_sd_ratio,
        height_sd_m=0.25 if height_m is None else 0.03,
        pitch_sd_rad=math.radians(4.0 if horizon is None else 0.7),
    )
