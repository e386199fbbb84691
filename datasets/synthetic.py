"""Synthetic drives: a road with damages at known places, filmed by a camera that is known too.

`labelled_frames` makes pictures with boxes to train on; `datasets.sample_drive` makes the built-in
sample. The same seed gives the same road and the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from datasets.course import FARTHEST_M, Bend, Course, hill_reach, hill_rise
from datasets.light import Daylight
from datasets.pavement import HALF_ROADWAY_M, HALF_WIDTH_M, PIXELS_PER_M, PaintedDamage, Pavement
from detector.camera import Camera
from detector.classes import (
    ALLIGATOR_CRACK,
    LONGITUDINAL_CRACK,
    TRANSVERSE_CRACK,
)

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]

WGS84 = Geod(ellps="WGS84")
VIEW_M = 60.0
"""How far ahead the road is drawn."""
WALL_M = 9.0
"""Height of the houses along the street."""
FOOT_M = 0.3
"""How far under the foot of a house the ground goes on, so that there is no gap."""
EDGE_PX = 8
"""Rows of road around what is seen, for what blurs it."""
NOD_RAD = math.radians(2.0)
"""How far a car's suspension lets its nose dip or lift."""
HEADLIGHT_RGB = (1.05, 1.0, 0.88)
WIDEST_SLOPE = 3.0
"""No ray further aside or downwards is drawn, as a flat picture of it would grow without end."""

PLAIN_DECOYS = ("manhole", "patch", "shadow")
"""The decoys of the built-in sample and of the frames that the packaged model learned from."""
DECOYS = (*PLAIN_DECOYS, "joint along", "joint across", "wet", "worn marking")


@dataclass(frozen=True)
class Centreline:
    """A road's middle: a start (EPSG:4326), a heading, and a curvature for every metre."""

    lonlat: tuple[float, float]
    heading_deg: float
    curvature_per_m: Floats

    @property
    def length_m(self) -> float:
        return float(len(self.curvature_per_m))

    def heading_rad(self, along_m: float) -> float:
        """Clockwise from true north."""
        whole = int(np.clip(along_m, 0, self.length_m - 1))
        turned = self.curvature_per_m[:whole].sum()
        turned += self.curvature_per_m[whole] * (along_m - whole)
        return math.radians(self.heading_deg) + float(turned)

    def to_lonlat(self, along_m: float, right_m: float) -> tuple[float, float]:
        """A ground point of the road as (lon, lat)."""
        whole = np.arange(0, max(int(along_m), 0) + 1)
        headings = math.radians(self.heading_deg) + np.concatenate([[0.0], np.cumsum(self.curvature_per_m)])
        middle = (headings[whole] + headings[np.minimum(whole + 1, len(headings) - 1)]) / 2
        steps = np.ones(len(whole))
        steps[-1] = along_m - whole[-1]
        east, north = float((np.sin(middle) * steps).sum()), float((np.cos(middle) * steps).sum())
        here = self.heading_rad(along_m)
        east, north = east + right_m * math.cos(here), north - right_m * math.sin(here)
        azimuth = math.degrees(math.atan2(east, north))
        lon, lat, _ = WGS84.fwd(*self.lonlat, azimuth, math.hypot(east, north))
        return float(lon), float(lat)


@dataclass(frozen=True)
class View:
    """What a straight camera sees: `right_m`, `forward_m` (H, W) is the ground under its pixels.

    `ray` (W,) is each column's way right for a metre forward. `plain`: distance does not fade the ground,
    and its detail falls in steps, as in the built-in sample.
    """

    focal_px: float
    height_m: float
    hill_per_m: float
    horizon_px: float
    ray: Floats
    right_m: Floats32
    forward_m: Floats32
    wall_rows: int
    plain: bool

    @cached_property
    def bands(self) -> list[tuple[int, slice, Floats32 | None]]:
        """Runs of rows by how coarse a copy of the road they need, and how much of the next coarser."""
        return _bands(self.forward_m[:, len(self.ray) // 2], steps=self.plain)

    def backdrop(self, light: Daylight, sun: float) -> Bytes:
        """Sky, and ground without a road, (H, 1, 3) uint8."""
        rows = np.arange(len(self.forward_m), dtype=np.float64)[:, None, None]
        ground = np.multiply((150, 150, 146), light.gain * np.array(light.colour))
        fade, top_px = (rows <= self.horizon_px) * 1.0, self.horizon_px
        if not self.plain:
            fade = _fade(self.forward_m[:, :1, None])
            top_px = float((fade == 1).sum())
        share = np.clip(rows / max(top_px, 1), 0, 1)
        sky = (1 - share) * light.sky_rgb + share * light.haze_rgb
        sky = np.where(fade < 1, fade * light.haze_rgb + (1 - fade) * ground, sky)
        return (sky * min(sun, 1.0)).astype(np.uint8)


def straight_view(camera: Camera) -> View:
    """The view of a camera without distortion, roll and yaw."""
    rows, columns = np.mgrid[0 : camera.height_px, 0 : camera.width_px].astype(np.float64)
    right_m, forward_m = camera.to_ground(columns, rows)
    walls = camera.horizon_px + camera.height_m * camera.width_px / HALF_WIDTH_M / 2 + 40
    return View(
        focal_px=camera.focal_px,
        height_m=camera.height_m,
        hill_per_m=0.0,
        horizon_px=camera.horizon_px,
        ray=(columns[0] - camera.width_px / 2) / camera.focal_px,
        right_m=right_m.astype(np.float32),
        forward_m=forward_m.astype(np.float32),
        wall_rows=int(np.clip(walls, 2, camera.height_px)) // 2 * 2,
        plain=True,
    )


class Lens:
    """Makes a camera's picture out of that of a level, straight one, which is easy to draw.

    The level picture is as wide and high as the camera needs, whose pitch may change by `NOD_RAD`.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        rows, columns = np.mgrid[0 : camera.height_px, 0 : camera.width_px].astype(np.float64)
        # Looking straight down from 1 m, ground metres are the rays' own slopes.
        down = replace(camera, pitch_rad=math.pi / 2, yaw_rad=0.0, height_m=1.0)
        x, y = down.to_ground(columns, rows)
        self.x, self.y = x.astype(np.float32), -y.astype(np.float32)
        slopes = [self._slopes(nod_rad) for nod_rad in (-NOD_RAD, NOD_RAD)]
        aside = min(max(float(np.abs(right).max()) for right, _ in slopes), WIDEST_SLOPE)
        up = min(max(float(-drop.min()) for _, drop in slopes), WIDEST_SLOPE)
        under = min(max(float(drop.max()) for _, drop in slopes), WIDEST_SLOPE)
        half, self.horizon_px = int(aside * camera.focal_px) + 4, max(int(up * camera.focal_px), 0) + 4
        self.ray = (np.arange(2 * half) - half) / camera.focal_px
        self.rows = np.arange(self.horizon_px + max(int(under * camera.focal_px), 0) + 4) - self.horizon_px

    def _slopes(self, nod_rad: float) -> tuple[Floats32, Floats32]:
        """Each pixel's way right and down for a metre forward, (H, W)."""
        camera = self.camera
        cos, sin = (np.float32(turn(camera.pitch_rad + nod_rad)) for turn in (math.cos, math.sin))
        drop, ahead = self.y * cos + sin, cos - self.y * sin
        cos, sin = np.float32(math.cos(camera.yaw_rad)), np.float32(math.sin(camera.yaw_rad))
        forward = np.maximum(ahead * cos - self.x * sin, np.float32(1e-2))
        right = self.x * cos + ahead * sin
        return np.asarray(right / forward, np.float32), np.asarray(drop / forward, np.float32)

    def view(self, hill_per_m: float) -> View:
        """What the level camera sees on a hill."""
        camera = self.camera
        ground_m = hill_reach(self.rows / camera.focal_px, camera.height_m, hill_per_m)
        forward_m = np.broadcast_to(ground_m[:, None], (len(self.rows), len(self.ray))).astype(np.float32)
        return View(
            focal_px=camera.focal_px,
            height_m=camera.height_m,
            hill_per_m=hill_per_m,
            horizon_px=self.horizon_px,
            ray=self.ray,
            right_m=forward_m * self.ray.astype(np.float32),
            forward_m=forward_m,
            wall_rows=len(self.rows) // 2 * 2,
            plain=False,
        )

    def through(self, level: Bytes, nod_rad: float) -> Bytes:
        """The level camera's picture as this camera takes it, (H, W, 3) uint8."""
        right, drop = self._slopes(nod_rad)
        focal_px = np.float32(self.camera.focal_px)
        column, row = right * focal_px + np.float32(len(self.ray) / 2), drop * focal_px + self.horizon_px
        seen = cv2.remap(level, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.uint8)


class Scene:
    """A painted road and its surroundings, seen by a camera driven along it."""

    def __init__(
        self,
        pavement: Pavement | None,
        camera: Camera,
        rng: np.random.Generator,
        light: Daylight | None = None,
    ) -> None:
        """Without a pavement, a road must be laid before the first look."""
        self.camera = camera
        self.light = light or Daylight()
        if pavement is not None:
            self.lay(pavement.picture())
        self.facade = _facade(rng)
        self.sun = rng.uniform(0.85, 1.1)
        self.straight = not (camera.k1 or camera.k2 or camera.roll_rad or camera.yaw_rad)
        self.tint = self.light.gain * np.array(self.light.colour)
        self.noise: NDArray[np.int8] | None = None
        if self.light.noise_sd:
            grain = rng.normal(0, self.light.noise_sd, (camera.height_px + 64, camera.width_px + 64, 3))
            self.noise = np.clip(np.round(grain), -127, 127).astype(np.int8)
            self.grain = rng.spawn(1)[0]

    def lay(self, road: Bytes, begin_m: float = 0.0) -> None:
        """Lay a road, seen from above as `Pavement.picture()` gives it, that begins so far along."""
        self.begin_m = begin_m
        self.levels = [self._shaded(road) if self.light.shadow else road]
        for _ in range(4):
            self.levels.append(np.asarray(cv2.pyrDown(self.levels[-1]), np.uint8))

    def _shaded(self, road: Bytes) -> Bytes:
        """The road with the shadow of the houses on its left, whose roofs are as `_draw_walls` has them."""
        along = self.begin_m + np.arange(len(road))[:, None] / PIXELS_PER_M
        edge = self.light.shadow_m * (1 - 2 / WALL_M * np.sin(along / 7))
        left = np.arange(road.shape[1])[None] / PIXELS_PER_M
        soft = np.clip((edge - left) / 0.15 + 0.5, 0, 1).astype(np.float32)
        shade = (255 * (1 - self.light.shadow * soft)).astype(np.uint8)
        return np.asarray(cv2.multiply(road, cv2.merge([shade] * 3), scale=1 / 255), np.uint8)

    @cached_property
    def lens(self) -> Lens:
        return Lens(self.camera)

    @cached_property
    def _straight_view(self) -> tuple[View, Bytes]:
        """What a camera sees that is straight and stays so, and its backdrop (H, W, 3)."""
        view = straight_view(self.camera)
        return view, view.backdrop(self.light, self.sun).repeat(self.camera.width_px, 1)

    def frame(self, along_m: float, right_m: float, curvature_per_m: float) -> Bytes:
        """The view (H, W, 3) uint8 RGB from a camera there, looking along the road."""
        return self.look(along_m, Bend(curvature_per_m, right_m))

    def look(
        self,
        along_m: float,
        course: Course,
        *,
        hill_per_m: float = 0.0,
        nod_rad: float = 0.0,
        speed_mps: float = 0.0,
    ) -> Bytes:
        """The view (H, W, 3) uint8 RGB on a road that goes on like this.

        `nod_rad` is added to the camera's pitch, up to `NOD_RAD`; `speed_mps` smears what is near as long
        as the light keeps the shutter open. Raises ValueError for a hill no street has.
        """
        smear_m = self.light.exposure_s * speed_mps
        if self.straight and not hill_per_m and not nod_rad:
            view, backdrop = self._straight_view
            picture = self._drawn(view, backdrop.copy(), along_m, course, smear_m)
        else:
            view = self.lens.view(hill_per_m)
            backdrop = view.backdrop(self.light, self.sun).repeat(len(view.ray), 1)
            picture = self.lens.through(self._drawn(view, backdrop, along_m, course, smear_m), nod_rad)
        if self.noise is None:
            return picture
        top, left = self.grain.integers(0, 64, 2)
        noise = self.noise[top : top + len(picture), left : left + picture.shape[1]]
        return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)

    def _drawn(self, view: View, picture: Bytes, along_m: float, course: Course, smear_m: float) -> Bytes:
        open_m = self._draw_walls(view, picture, along_m, course, smear_m)
        if not course.walls_hide:
            open_m = np.full_like(open_m, np.inf)
        self._draw_ground(view, picture, along_m - self.begin_m, course, smear_m, open_m)
        return picture

    def _draw_ground(
        self,
        view: View,
        picture: Bytes,
        along_m: float,
        course: Course,
        smear_m: float,
        open_m: Floats32,
    ) -> None:
        """The road, as far forward as each column (W,) is open."""
        for level, band, coarser in view.bands:
            right, forward = view.right_m[band], view.forward_m[band]
            along, across = course.to_road(right, forward)
            on_road = (np.abs(across) < HALF_WIDTH_M) & (forward < open_m)
            end_m = (len(self.levels[level]) + EDGE_PX - 1) * 2**level / PIXELS_PER_M
            if along_m + float(along.min(where=on_road, initial=np.inf)) >= end_m:
                continue
            seen = self._sampled(level, along_m, along, across, on_road, smear_m)
            if coarser is not None:
                further = self._sampled(level + 1, along_m, along, across, on_road, smear_m)
                seen = _mixed(seen, further, coarser)
            seen = self._lit(seen, right, forward)
            if not view.plain:
                haze = np.full_like(seen, self.light.haze_rgb)
                seen = _mixed(seen, haze, _fade(forward[:, 0]))
            np.copyto(picture[band], seen, where=on_road[..., None])

    def _sampled(
        self,
        level: int,
        along_m: float,
        along: Floats32,
        across: Floats32,
        on_road: NDArray[np.bool_],
        smear_m: float,
    ) -> Bytes:
        """The road's picture at places on it, (H, W, 3), from a level of its pyramid."""
        scale = PIXELS_PER_M / 2**level
        smear_px = round(smear_m * scale)
        near_m = along_m + float(along.min(where=on_road, initial=np.inf))
        far_m = along_m + float(along.max(where=on_road, initial=-np.inf))
        first = max(int(near_m * scale) - EDGE_PX - smear_px, 0)
        window = self.levels[level][first : int(far_m * scale) + EDGE_PX + smear_px]
        if smear_px > 1:
            window = np.asarray(cv2.blur(window, (1, smear_px)), np.uint8)
        map_y = along * np.float32(scale) + np.float32(along_m * scale - first)
        map_x = (across + np.float32(HALF_WIDTH_M)) * np.float32(scale)
        seen = cv2.remap(window, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.uint8)

    def _lit(self, seen: Bytes, right_m: Floats32, forward_m: Floats32) -> Bytes:
        """Ground in this light."""
        light = self.light
        if light.headlights:
            pool = np.exp(-((right_m / (1.4 + 0.14 * forward_m)) ** 2) - (forward_m / 22) ** 2)
            pool *= light.headlights * forward_m / (3 + forward_m)
            lit = cv2.merge([pool * tint for tint in HEADLIGHT_RGB])
            return np.asarray(
                cv2.multiply(seen, lit + (self.sun * self.tint).astype(np.float32), dtype=cv2.CV_8U)
            )
        if (self.tint == 1).all():
            return np.asarray(cv2.convertScaleAbs(seen, alpha=self.sun), np.uint8)
        return np.asarray(cv2.multiply(seen, np.array([*(self.sun * self.tint), 1.0])), np.uint8)

    def _draw_walls(
        self, view: View, picture: Bytes, along_m: float, course: Course, smear_m: float
    ) -> Floats32:
        """Houses on both sides, at half size: each column (W,) meets a wall at one distance, returned."""
        shrink = 2
        away, along, on_right = course.walls(view.ray[::shrink])
        away_m = away.astype(np.float32)[None]
        along = (along_m + along.astype(np.float32)[None] + 37 * on_right).astype(np.float32)
        rows = np.arange(0, view.wall_rows, shrink, dtype=np.float32)[:, None]
        height = view.height_m - (rows - view.horizon_px) / view.focal_px * away_m
        height -= hill_rise(away_m, view.hill_per_m)
        scale = self.facade.shape[0] / WALL_M
        map_x = np.mod(np.broadcast_to(along * scale, height.shape), self.facade.shape[1] - 1)
        map_y = ((WALL_M - height) * scale).astype(np.float32)
        front = cv2.blur(self.facade, (max(round(smear_m * scale), 1), 1))
        wall = cv2.remap(
            front, map_x.astype(np.float32), map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        haze = (away_m / FARTHEST_M)[..., None]
        lit = self.tint.astype(np.float32) * (1 - haze)
        wall = (wall * lit + np.array(self.light.haze_rgb, np.float32) * haze).astype(np.uint8)
        shown = (height < WALL_M - 2 * np.sin(along / 7)) & (height > -0.3) & (away_m < FARTHEST_M)
        size = (len(view.ray), view.wall_rows)
        wall = np.asarray(cv2.resize(wall, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        mask = cv2.resize(shown.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        np.copyto(picture[: size[1]], wall, where=mask[..., None])
        return np.repeat(away_m[0], shrink)[: size[0]] + np.float32(FOOT_M)


def _bands(forward_m: Floats32, *, steps: bool) -> list[tuple[int, slice, Floats32 | None]]:
    """Runs of picture rows by how coarse a copy of the road they need: (pyramid level, rows, share).

    A row far off covers much road; sampled from the fine picture it would shimmer. `share` (rows,) of the
    next coarser level is to be mixed in; None if the levels follow in `steps`.
    """
    step_px = np.abs(np.gradient(forward_m)) * PIXELS_PER_M
    wanted = np.log2(np.maximum(np.nan_to_num(step_px, nan=1e3), 1)) * 0.6
    level = np.clip(np.round(wanted), 0, 4) if steps else np.clip(np.floor(wanted), 0, 3)
    drawn = np.flatnonzero(forward_m < VIEW_M)
    bands = []
    for value in np.unique(level[drawn]):
        rows = drawn[level[drawn] == value]
        band = slice(int(rows[0]), int(rows[-1]) + 1)
        share = None if steps else np.clip(wanted[band] - value, 0, 1).astype(np.float32)
        bands.append((int(value), band, share))
    return bands


def _fade(forward_m: Floats32) -> Floats32:
    """Share of haze over ground this far off; 1 where there is no ground."""
    far = np.nan_to_num(forward_m, nan=FARTHEST_M) / np.float32(FARTHEST_M)
    return np.asarray(np.minimum(far, 1) ** 2, np.float32)


def _mixed(one: Bytes, other: Bytes, share: Floats32) -> Bytes:
    """Two pictures mixed, with a share (H,) of the other in each row."""
    weight = np.broadcast_to(share[:, None], one.shape[:2])
    return np.asarray(cv2.blendLinear(one, other, 1 - weight, np.ascontiguousarray(weight)), np.uint8)


def _facade(rng: np.random.Generator) -> Bytes:
    """A row of house fronts, (180, 2400, 3): 20 px to the metre."""
    front = np.zeros((180, 2400, 3), np.float64)
    left = 0
    while left < 2400:
        width = int(rng.integers(100, 240))
        house = front[:, left : left + width]
        house[:] = rng.uniform(95, 190) + rng.normal(0, 5, 3)
        house[:, :3] *= 0.6
        for top in range(18, 150, 54):
            for start in range(14, width - 24, 44):
                house[top : top + 26, start : start + 24] = rng.uniform(45, 90)
        left += width
    front += rng.normal(0, 4, front.shape)
    return np.clip(front, 0, 255).astype(np.uint8)


def scatter_decoys(
    pavement: Pavement, rng: np.random.Generator, per_100m: float, kinds: tuple[str, ...] = PLAIN_DECOYS
) -> None:
    """What a detector must not take for damage, of some `kinds` of `DECOYS`, anywhere on the road."""
    for _ in range(rng.poisson(per_100m * pavement.length_m / 100)):
        along_m, right_m = rng.uniform(0, pavement.length_m), rng.uniform(-2.6, 2.6)
        paint_decoy(pavement, kinds[rng.integers(len(kinds))], along_m, right_m)


def paint_decoy(pavement: Pavement, kind: str, along_m: float, right_m: float) -> None:
    """One decoy of a kind of `DECOYS`, its size drawn from what roads show."""
    rng = pavement.rng
    if kind == "manhole":
        pavement.manhole(along_m, right_m)
    elif kind == "patch":
        pavement.patch(along_m, right_m, rng.uniform(1, 6), rng.uniform(0.6, 1.4))
    elif kind == "shadow":
        pavement.shadow(along_m, rng.uniform(-4, 4), rng.uniform(1, 3))
    elif kind == "joint along":
        pavement.joint(along_m, right_m, rng.uniform(3, 6), across=False)
    elif kind == "joint across":
        pavement.joint(along_m, -HALF_ROADWAY_M, 2 * HALF_ROADWAY_M, across=True)
    elif kind == "wet":
        pavement.wet(along_m, right_m, rng.uniform(1, 4), rng.uniform(0.6, 2))
    else:
        size = rng.uniform(0.5, 3), rng.uniform(0.1, 0.45)
        place = (along_m, along_m + size[0]), (right_m, right_m + size[1])
        pavement.rectangle(*place, (225, 225, 220), wear=rng.uniform(0.6, 0.85))


def paint(pavement: Pavement, class_id: int, along_m: float, right_m: float) -> None:
    """One damage of a class, its size drawn from what roads show."""
    rng = pavement.rng
    if class_id == LONGITUDINAL_CRACK:
        pavement.crack(along_m, right_m, rng.uniform(2, 7), across=False)
    elif class_id == TRANSVERSE_CRACK:
        pavement.crack(along_m, right_m - 1.0, rng.uniform(1.2, 3.0), across=True)
    elif class_id == ALLIGATOR_CRACK:
        pavement.alligator(along_m, right_m, rng.uniform(1.5, 5), rng.uniform(0.7, 1.6))
    else:
        size_m = rng.uniform(0.25, 0.85)
        pavement.pothole(along_m, right_m, size_m * rng.uniform(0.7, 1.3), size_m)


@dataclass(frozen=True)
class LabelledFrame:
    """One picture and its boxes: `xyxy` (n, 4) px, `class_id` (n,)."""

    image: Bytes
    xyxy: Floats
    class_id: NDArray[np.int64]


def box_in_view(
    damage: PaintedDamage, camera: Camera, along_m: float, course: Course, *, hill_per_m: float = 0.0
) -> Floats | None:
    """The box (4,) px of a damage that a camera at that place sees well enough, else None.

    Well enough: within 18 m, at least 6 px high and 8 px wide, and half of it in the picture.
    """
    right, forward = course.to_vehicle(damage.outline[:, 0] - along_m, damage.outline[:, 1])
    near = (forward > 0.3) & (forward < 18)
    if near.mean() < 0.5:
        return None
    # Ground that rises is seen where flat ground further off is.
    further = camera.height_m / (camera.height_m - hill_rise(forward[near], hill_per_m))
    u, v = camera.to_image(right[near] * further, forward[near] * further)
    inside = (u > 0) & (u < camera.width_px) & (v > 0) & (v < camera.height_px)
    if inside.mean() < 0.5:
        return None
    box = np.array([u[inside].min(), v[inside].min(), u[inside].max(), v[inside].max()])
    return box if box[3] - box[1] >= 6 and box[2] - box[0] >= 8 else None


def boxes_in_view(
    damages: list[PaintedDamage], camera: Camera, along_m: float, right_m: float, bend: float
) -> tuple[Floats, NDArray[np.int64]]:
    """Boxes (n, 4) px and classes of the damages a camera at that place sees well enough."""
    seen = [(damage, box_in_view(damage, camera, along_m, Bend(bend, right_m))) for damage in damages]
    boxes = [box for _, box in seen if box is not None]
    classes = [damage.class_id for damage, box in seen if box is not None]
    return np.array(boxes, float).reshape(-1, 4), np.array(classes, np.int64)


def labelled_frames(count: int, seed: int, size_px: tuple[int, int] = (1280, 720)) -> Iterator[LabelledFrame]:
    """`count` pictures of ever new roads, cameras and damages, every visible damage labelled.

    About one road in six has no damage at all, only decoys.
    """
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        pavement = Pavement(90.0, rng, tone=rng.uniform(80, 135))
        pavement.street()
        scatter_decoys(pavement, rng, 16)
        if rng.random() > 1 / 6:
            for along_m in np.arange(6.0, 80.0, rng.uniform(3, 7)):
                paint(pavement, int(rng.choice(4, p=[0.2, 0.2, 0.25, 0.35])), along_m, rng.uniform(-2.7, 1.5))
        width_px, height_px = size_px
        focal_px = width_px / 2 / math.tan(math.radians(rng.uniform(50, 90)) / 2)
        camera = Camera(
            width_px, height_px, focal_px, rng.uniform(1.1, 2.5), math.radians(rng.uniform(5, 20))
        )
        scene = Scene(pavement, camera, rng)
        for along_m in np.linspace(2, 60, 5):
            if made == count:
                return
            right_m, bend = rng.uniform(-2.2, -1.2), rng.normal(0, 0.004)
            image = scene.frame(along_m, right_m, bend)
            boxes, classes = boxes_in_view(pavement.damages, camera, along_m, right_m, bend)
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.1)), np.uint8)
            noisy = image * rng.uniform(0.7, 1.15) + rng.normal(0, rng.uniform(1, 6), image.shape)
            yield LabelledFrame(np.clip(noisy, 0, 255).astype(np.uint8), boxes, classes)
            made += 1
