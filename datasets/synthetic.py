"""Synthetic drives: a road with damages at known places, filmed by a camera that is known too.

`labelled_frames` makes pictures with boxes to train on; `datasets.sample_drive` makes the built-in
sample. The same seed gives the same road and the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from datasets.pavement import HALF_ROADWAY_M, HALF_WIDTH_M, PIXELS_PER_M, PaintedDamage, Pavement
from detector.camera import Camera
from detector.classes import (
    ALLIGATOR_CRACK,
    LONGITUDINAL_CRACK,
    TRANSVERSE_CRACK,
)

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

WGS84 = Geod(ellps="WGS84")
VIEW_M = 60.0
"""How far ahead the road is drawn."""
WALL_M = 9.0
"""Height of the houses along the street."""
HAZE_M = 120.0
"""Where everything has faded to `HAZE_RGB`."""
HAZE_RGB = (205, 212, 216)

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


class Scene:
    """A painted road and its surroundings, seen by a camera driven along it."""

    def __init__(self, pavement: Pavement, camera: Camera, rng: np.random.Generator) -> None:
        self.camera = camera
        road = pavement.picture()
        self.levels = [road]
        for _ in range(4):
            self.levels.append(np.asarray(cv2.pyrDown(self.levels[-1]), np.uint8))
        self.facade = _facade(rng)
        self.sun = rng.uniform(0.85, 1.1)
        rows, columns = np.mgrid[0 : camera.height_px, 0 : camera.width_px].astype(np.float64)
        right_m, forward_m = camera.to_ground(columns, rows)
        self.right_m, self.forward_m = right_m.astype(np.float32), forward_m.astype(np.float32)
        self.bands = _bands(self.forward_m[:, camera.width_px // 2])
        nearest_wall = camera.focal_px * camera.height_m / (HALF_WIDTH_M / camera.width_px * camera.focal_px)
        self.wall_rows = int(np.clip(camera.horizon_px + nearest_wall / 2 + 40, 2, camera.height_px)) // 2 * 2
        self.backdrop = self._sky(rows)

    def _sky(self, rows: Floats) -> Bytes:
        share = np.clip(rows / max(self.camera.horizon_px, 1), 0, 1)[..., None]
        sky = (1 - share) * (128, 168, 212) + share * HAZE_RGB
        sky[rows > self.camera.horizon_px] = (150, 150, 146)
        return (sky * min(self.sun, 1.0)).astype(np.uint8)

    def frame(self, along_m: float, right_m: float, curvature_per_m: float) -> Bytes:
        """The view (H, W, 3) uint8 RGB from a camera there, looking along the road."""
        picture = self.backdrop.copy()
        self._draw_walls(picture, along_m, right_m, curvature_per_m)
        self._draw_ground(picture, along_m, right_m, curvature_per_m)
        return picture

    def _draw_ground(self, picture: Bytes, along_m: float, right_m: float, bend: float) -> None:
        for level, band in self.bands:
            forward = self.forward_m[band]
            scale = PIXELS_PER_M / 2**level
            texture = self.levels[level]
            first = max(int((along_m + float(forward[-1].min())) * scale) - 8, 0)
            last = int((along_m + float(forward[0].max())) * scale) + 8
            window = texture[first : max(last, first + 2)]
            if len(window) < 2:
                continue
            bent = forward**2 * np.float32(bend / 2)
            across = np.asarray(self.right_m[band] + np.float32(right_m) - bent, np.float32)
            map_y = forward * np.float32(scale) + np.float32(along_m * scale - first)
            map_x = (across + np.float32(HALF_WIDTH_M)) * np.float32(scale)
            seen = cv2.remap(window, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            seen = np.asarray(cv2.convertScaleAbs(seen, alpha=self.sun), np.uint8)
            on_road = (np.abs(across) < HALF_WIDTH_M)[..., None]
            np.copyto(picture[band], seen, where=on_road)

    def _draw_walls(self, picture: Bytes, along_m: float, right_m: float, bend: float) -> None:
        """Houses on both sides, at half size: each column meets a wall at one distance."""
        camera = self.camera
        shrink = 2
        columns = np.arange(0, camera.width_px, shrink)
        ray = (columns - camera.width_px / 2) / camera.focal_px
        side = np.where(ray - bend * 20 > 0, 1.0, -1.0)
        gap = side * np.maximum(HALF_WIDTH_M - side * right_m, 0.5)
        away = gap / np.where(np.abs(ray) < 0.02, 0.02 * side, ray)
        away_m = np.where(away > 0, np.clip(away, 1.0, HAZE_M), HAZE_M).astype(np.float32)[None]
        rows = np.arange(0, self.wall_rows, shrink, dtype=np.float32)[:, None]
        height = camera.height_m - (rows - camera.horizon_px) / camera.focal_px * away_m
        along = (along_m + away_m + 37 * (side > 0)).astype(np.float32)
        scale = self.facade.shape[0] / WALL_M
        map_x = np.mod(np.broadcast_to(along * scale, height.shape), self.facade.shape[1] - 1)
        map_y = ((WALL_M - height) * scale).astype(np.float32)
        wall = cv2.remap(
            self.facade, map_x.astype(np.float32), map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        haze = (away_m / HAZE_M)[..., None]
        wall = (wall * (1 - haze) + np.array(HAZE_RGB, np.float32) * haze).astype(np.uint8)
        shown = (height < WALL_M - 2 * np.sin(along / 7)) & (height > -0.3) & (away_m < HAZE_M)
        size = (camera.width_px, shrink * len(rows))
        wall = np.asarray(cv2.resize(wall, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        mask = cv2.resize(shown.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        np.copyto(picture[: size[1]], wall[: len(picture)], where=mask[: len(picture), :, None])


def _bands(forward_m: NDArray[np.float32]) -> list[tuple[int, slice]]:
    """Runs of picture rows by how coarse a copy of the road they need: (pyramid level, rows).

    A row far off covers much road; sampled from the fine picture it would shimmer.
    """
    step_px = np.abs(np.gradient(forward_m)) * PIXELS_PER_M
    level = np.clip(np.round(np.log2(np.maximum(np.nan_to_num(step_px, nan=1e3), 1)) * 0.6), 0, 4)
    drawn = np.flatnonzero(forward_m < VIEW_M)
    bands = []
    for value in np.unique(level[drawn]):
        rows = drawn[level[drawn] == value]
        bands.append((int(value), slice(int(rows[0]), int(rows[-1]) + 1)))
    return bands


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


def boxes_in_view(
    damages: list[PaintedDamage], camera: Camera, along_m: float, right_m: float, bend: float
) -> tuple[Floats, NDArray[np.int64]]:
    """Boxes (n, 4) px and classes of the damages a camera at that place sees well enough.

    Well enough: within 18 m, at least 6 px high and 8 px wide, and half of it in the picture.
    """
    boxes, classes = [], []
    for damage in damages:
        forward = damage.outline[:, 0] - along_m
        right = damage.outline[:, 1] - right_m + bend * forward**2 / 2
        near = (forward > 0.3) & (forward < 18)
        if near.mean() < 0.5:
            continue
        u, v = camera.to_image(right[near], forward[near])
        inside = (u > 0) & (u < camera.width_px) & (v > 0) & (v < camera.height_px)
        if inside.mean() < 0.5:
            continue
        box = [u[inside].min(), v[inside].min(), u[inside].max(), v[inside].max()]
        if box[3] - box[1] >= 6 and box[2] - box[0] >= 8:
            boxes.append(box)
            classes.append(damage.class_id)
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
