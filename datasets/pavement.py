"""Pavement painted by procedure: asphalt, markings, decoys, and damages of known outline.

Everything is painted on a flat picture of the road seen from above, `PIXELS_PER_M` to the metre.
Row 0 is the start of the road, column 0 its left edge, so ground coordinates are
`along_m` (from the start) and `right_m` (right of the road's centre line).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE, TRANSVERSE_CRACK

PIXELS_PER_M = 80
HALF_WIDTH_M = 7.0
HALF_ROADWAY_M = 3.5
"""Kerb to kerb 7 m: two lanes of a Japanese ward road, driven on the left."""

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class PaintedDamage:
    """One damage and where it lies: `outline` is (n, 2) metres, columns along_m, right_m."""

    class_id: int
    outline: NDArray[np.float64]

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the bounding box as (along_m, right_m)."""
        along_m, right_m = (self.outline.min(0) + self.outline.max(0)) / 2
        return float(along_m), float(right_m)


class Pavement:
    """A stretch of road being painted; `picture()` gives it as (rows, columns, 3) uint8 RGB."""

    def __init__(self, length_m: float, rng: np.random.Generator, tone: float = 105.0) -> None:
        self.rng = rng
        self.length_m = length_m
        self.damages: list[PaintedDamage] = []
        rows = int(length_m * PIXELS_PER_M)
        columns = int(2 * HALF_WIDTH_M * PIXELS_PER_M)
        grey = np.full((rows, columns), tone, np.float32)
        for cell_px, strength in ((1, 9.0), (3, 6.0), (24, 3.0), (160, 5.0)):
            grey += strength * self._noise((rows, columns), cell_px)
        self.light: Floats = grey
        self.tint: Bytes = np.full((rows, columns, 3), 255, np.uint8)
        self._wheel_paths(tone)

    def _noise(self, shape: tuple[int, int], cell_px: int) -> Floats:
        rows, columns = shape[0] // cell_px + 2, shape[1] // cell_px + 2
        coarse = self.rng.standard_normal((rows, columns), np.float32)
        if cell_px == 1:
            return coarse[: shape[0], : shape[1]]
        fine = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
        return np.asarray(fine, np.float32)

    def _wheel_paths(self, tone: float) -> None:
        """Tyres polish and oil darkens: soft bands along each lane."""
        right_m = np.linspace(-HALF_WIDTH_M, HALF_WIDTH_M, self.light.shape[1])
        shade = np.zeros_like(right_m)
        for lane_m in (-1.75, 1.75):
            for wheel_m in (-0.75, 0.75):
                shade += 7 * np.exp(-(((right_m - lane_m - wheel_m) / 0.3) ** 2))
            shade -= 6 * np.exp(-(((right_m - lane_m) / 0.2) ** 2))
        self.light += (shade * tone / 105).astype(np.float32)

    def _pixels(self, along_m: float, right_m: float) -> tuple[float, float]:
        """Column and row of a ground point."""
        return (right_m + HALF_WIDTH_M) * PIXELS_PER_M, along_m * PIXELS_PER_M

    def _window(self, points_px: NDArray[np.float64], margin_px: int = 12) -> tuple[slice, slice]:
        low = np.floor(points_px.min(0)).astype(int) - margin_px
        high = np.ceil(points_px.max(0)).astype(int) + margin_px
        rows, columns = self.light.shape
        return (
            slice(max(low[1], 0), min(high[1], rows)),
            slice(max(low[0], 0), min(high[0], columns)),
        )

    def _darken(self, window: tuple[slice, slice], mask: Bytes, depth: float) -> None:
        soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (3, 3), 0)
        self.light[window] -= depth * soft

    def _record(self, class_id: int, points_px: NDArray[np.float64]) -> None:
        ground = np.column_stack(
            [points_px[:, 1] / PIXELS_PER_M, points_px[:, 0] / PIXELS_PER_M - HALF_WIDTH_M]
        )
        self.damages.append(PaintedDamage(class_id, ground))

    # --- what belongs to a street -------------------------------------------------------------

    def rectangle(
        self,
        along_m: tuple[float, float],
        right_m: tuple[float, float],
        rgb: tuple[int, int, int],
        wear: float = 0.25,
    ) -> None:
        """Paint (a marking, a kerb) worn through in specks; `wear` is the share worn away."""
        left, top = self._pixels(along_m[0], right_m[0])
        right, bottom = self._pixels(along_m[1], right_m[1])
        rows, columns = slice(max(int(top), 0), int(bottom)), slice(max(int(left), 0), int(right))
        shape = self.light[rows, columns].shape
        if 0 in shape:
            return
        worn = self._noise((shape[0], shape[1]), 2) + self._noise((shape[0], shape[1]), 12)
        kept = worn > np.quantile(worn, wear) if wear else np.ones(shape, bool)
        self.tint[rows, columns][kept] = rgb
        self.light[rows, columns][kept] = self.light[rows, columns][kept] * 0.25 + 190

    def street(self) -> None:
        """Kerbs, pavements for walkers, edge lines and a dashed centre line."""
        length = self.length_m
        for side in (-1.0, 1.0):
            walk = sorted((side * (HALF_ROADWAY_M + 0.18), side * HALF_WIDTH_M))
            kerb = sorted((side * HALF_ROADWAY_M, side * (HALF_ROADWAY_M + 0.18)))
            edge = sorted((side * (HALF_ROADWAY_M - 0.65), side * (HALF_ROADWAY_M - 0.5)))
            self._walkway((walk[0], walk[1]))
            self.rectangle((0, length), (kerb[0], kerb[1]), (205, 203, 198), wear=0.0)
            self.rectangle((0, length), (edge[0], edge[1]), (235, 235, 230))
        for start_m in np.arange(0.0, length, 10.0):
            self.rectangle((start_m, start_m + 5), (-0.075, 0.075), (235, 235, 230))

    def _walkway(self, right_m: tuple[float, float]) -> None:
        columns = slice(*(int((m + HALF_WIDTH_M) * PIXELS_PER_M) for m in right_m))
        self.light[:, columns] = self.light[:, columns] * 0.4 + 100
        self.tint[:, columns] = (228, 214, 205)
        joint = np.arange(0, self.light.shape[0], int(0.3 * PIXELS_PER_M))
        self.light[joint, columns] -= 25

    def patch(self, along_m: float, right_m: float, length_m: float, width_m: float) -> None:
        """A repaired trench: darker, sharp-edged, not a damage."""
        left, top = self._pixels(along_m, right_m - width_m / 2)
        right, bottom = self._pixels(along_m + length_m, right_m + width_m / 2)
        window = (slice(max(int(top), 0), int(bottom)), slice(max(int(left), 0), int(right)))
        self.light[window] = self.light[window] * 0.8 - self.rng.uniform(-12, 14)

    def manhole(self, along_m: float, right_m: float) -> None:
        """A cast-iron cover, 0.6 m across, with its pattern; not a damage."""
        column, row = self._pixels(along_m, right_m)
        radius = int(0.3 * PIXELS_PER_M)
        centre = (int(column), int(row))
        cv2.circle(self.light, centre, radius, 72.0, -1)
        for offset in range(-radius + 4, radius - 3, 6):
            half = int((radius**2 - offset**2) ** 0.5) - 3
            start, end = (centre[0] - half, centre[1] + offset), (centre[0] + half, centre[1] + offset)
            cv2.line(self.light, start, end, 96.0, 2)
        cv2.circle(self.light, centre, radius, 120.0, 2)

    def shadow(self, along_m: float, right_m: float, size_m: float) -> None:
        """A tree's shadow: soft blots; not a damage."""
        points = np.array([[*self._pixels(along_m, right_m)]])
        window = self._window(points, int(size_m * PIXELS_PER_M))
        shape = self.light[window].shape
        if 0 in shape:
            return
        rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
        leaves = self._noise((shape[0], shape[1]), 14) - 2.2 * (rows**2 + columns**2) + 0.7
        self.light[window] *= (1 - 0.42 * np.clip(leaves * 2, 0, 1)).astype(np.float32)

    def joint(self, along_m: float, right_m: float, length_m: float, *, across: bool) -> None:
        """A sealed joint from its near (or left) end: straight, even, dark; not a damage."""
        column, row = self._pixels(along_m, right_m)
        reach = length_m * PIXELS_PER_M
        end = (int(column + reach), int(row)) if across else (int(column), int(row + reach))
        start, tone = (int(column), int(row)), self.rng.uniform(42, 62)
        cv2.line(self.light, start, end, tone + 26, 6)
        cv2.line(self.light, start, end, tone, int(self.rng.integers(2, 5)))

    def wet(self, along_m: float, right_m: float, length_m: float, width_m: float) -> None:
        """A wet patch: dark, its edge soft and ragged, with a slight sheen; not a damage."""
        centre = np.array(self._pixels(along_m, right_m))
        half = np.array([width_m, length_m]) * PIXELS_PER_M / 2
        window = self._window(np.array([centre - half, centre + half]), 0)
        shape = self.light[window].shape
        if 0 in shape:
            return
        rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
        ragged = 0.35 * self._noise((shape[0], shape[1]), 40) + 0.12 * self._noise((shape[0], shape[1]), 8)
        depth = np.clip(2.5 * (0.6 - rows**2 - columns**2 + ragged * (1 - rows**2) * (1 - columns**2)), 0, 1)
        sheen = 14 * np.abs(self._noise((shape[0], shape[1]), 60))
        self.light[window] += (depth * (sheen - 0.36 * self.light[window])).astype(np.float32)

    # --- damages ------------------------------------------------------------------------------

    def _walk(
        self, along_m: float, right_m: float, angle: float, length_m: float, wander: float = 0.3
    ) -> NDArray[np.float64]:
        """A crack's course: a walk that is drawn back to its angle (0 = across, pi/2 = along)."""
        points = [np.array(self._pixels(along_m, right_m))]
        heading = angle
        for _ in range(max(int(length_m * PIXELS_PER_M / 5), 2)):
            heading += self.rng.normal(0, wander)
            heading += (angle - heading) * 0.15
            points.append(points[-1] + 5 * np.array([np.cos(heading), np.sin(heading)]))
        return np.array(points)

    def _draw_walk(self, points: NDArray[np.float64], width_px: float, depth: float) -> None:
        window = self._window(points)
        mask = np.zeros(self.light[window].shape, np.uint8)
        origin = np.array([window[1].start, window[0].start])
        for start, end in zip(points - origin, points[1:] - origin, strict=False):
            thick = max(1, round(width_px * self.rng.uniform(0.5, 1.5)))
            cv2.line(mask, start.astype(int).tolist(), end.astype(int).tolist(), 255, thick)
        self._darken(window, mask, depth)

    def crack(self, along_m: float, right_m: float, length_m: float, *, across: bool) -> None:
        """A single crack from its near (or left) end: longitudinal, or transverse if `across`."""
        angle = 0.0 if across else np.pi / 2
        points = self._walk(along_m, right_m, angle + self.rng.normal(0, 0.06), length_m)
        depth = self.rng.uniform(45, 75)
        self._draw_walk(points, self.rng.uniform(1.5, 3.2), depth)
        for _ in range(self.rng.integers(0, 3)):
            start = points[self.rng.integers(len(points))]
            branch = self._walk(
                start[1] / PIXELS_PER_M,
                start[0] / PIXELS_PER_M - HALF_WIDTH_M,
                angle + self.rng.choice([-0.7, 0.7]),
                length_m * 0.12,
            )
            self._draw_walk(branch, 1.5, depth * 0.8)
        self._record(TRANSVERSE_CRACK if across else LONGITUDINAL_CRACK, points)

    def alligator(self, along_m: float, right_m: float, length_m: float, width_m: float) -> None:
        """Alligator cracking: the edges of Voronoi cells inside a ragged ellipse."""
        centre = np.array(self._pixels(along_m, right_m))
        half = np.array([width_m, length_m]) * PIXELS_PER_M / 2
        window = self._window(np.array([centre - half, centre + half]), 4)
        shape = self.light[window].shape
        centre -= (window[1].start, window[0].start)
        cell_px = self.rng.uniform(0.10, 0.18) * PIXELS_PER_M
        count = max(int(4 * half[0] * half[1] / cell_px**2), 12)
        seeds = centre + self.rng.uniform(-1, 1, (count, 2)) * half
        plane = cv2.Subdiv2D((0, 0, shape[1], shape[0]))
        inside = (seeds > 1).all(1) & (seeds < (shape[1] - 2, shape[0] - 2)).all(1)
        for seed in seeds[inside].astype(np.float32).tolist():
            plane.insert(seed)
        facets, _ = plane.getVoronoiFacetList([])
        mask = np.zeros(shape, np.uint8)
        drawn = []
        for facet in facets:
            points = np.asarray(facet)
            reach = np.hypot(*((points - centre) / half).T).max()
            if reach < self.rng.uniform(0.75, 1.05):
                jitter = points + self.rng.normal(0, 0.6, points.shape)
                thick = int(self.rng.integers(1, 4))
                cv2.polylines(mask, [jitter.astype(np.int32)], True, 255, thick)
                drawn.append(points)
        if not drawn:
            return
        sunk = cv2.GaussianBlur(cv2.dilate(mask, np.ones((9, 9), np.uint8)), (31, 31), 0)
        self.light[window] -= 12 * sunk.astype(np.float32) / 255
        self._darken(window, mask, self.rng.uniform(45, 70))
        self._record(ALLIGATOR_CRACK, np.vstack(drawn) + (window[1].start, window[0].start))

    def pothole(self, along_m: float, right_m: float, length_m: float, width_m: float) -> None:
        """A pothole: ragged rim, shaded wall on the sun's side, lit wall opposite, rough floor."""
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        ragged = self.rng.standard_normal(48 * 3).astype(np.float32)[None]
        ragged = 1 + 0.3 * cv2.GaussianBlur(ragged, (9, 1), 2)[0, 48:96]
        centre = np.array(self._pixels(along_m, right_m))
        half = np.array([width_m, length_m]) * PIXELS_PER_M / 2
        rim = centre + half * ragged[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        window = self._window(rim)
        shape = self.light[window].shape
        mask = np.zeros(shape, np.uint8)
        local = (rim - (window[1].start, window[0].start)).astype(np.int32)
        cv2.fillPoly(mask, [local], 255)
        depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
        bowl = np.minimum(depth / (0.10 * PIXELS_PER_M), 1).astype(np.float32)
        slope = cv2.Sobel(cv2.GaussianBlur(bowl, (7, 7), 0), cv2.CV_32F, 1, 0, ksize=3)
        rough = 10 * self._noise((shape[0], shape[1]), 2) + 9 * self._noise((shape[0], shape[1]), 5)
        self.light[window] += (rough - self.rng.uniform(34, 52)) * bowl - 26 * slope
        crumbs = np.zeros(shape, np.uint8)
        cv2.polylines(crumbs, [local], True, 255, 2)
        self._darken(window, crumbs, 30)
        self._record(POTHOLE, rim)

    def blend(self, other: Pavement, begin_m: float, soft_m: float) -> None:
        """Lay another's asphalt over this from `begin_m` on, fading out over `soft_m` at its ends.

        In its middle, as far as its length leaves one, only the other is left.
        """
        rows = slice(int(begin_m * PIXELS_PER_M), int((begin_m + other.length_m) * PIXELS_PER_M))
        from_end = np.minimum(np.arange(len(other.light)), np.arange(len(other.light))[::-1])
        share = np.clip(from_end / (soft_m * PIXELS_PER_M), 0, 1).astype(np.float32)[:, None]
        self.light[rows] += share * (other.light - self.light[rows])

    def stretch(self, begin_m: float, end_m: float) -> Bytes:
        """The road from above between two places, as `picture()` gives it."""
        rows = slice(int(begin_m * PIXELS_PER_M), int(end_m * PIXELS_PER_M))
        light = np.clip(self.light[rows], 8, 250).astype(np.uint8)
        return np.asarray(cv2.multiply(cv2.merge([light] * 3), self.tint[rows], scale=1 / 255), np.uint8)

    def picture(self) -> Bytes:
        """The road from above, (rows, columns, 3) uint8 RGB."""
        return self.stretch(0.0, self.length_m)
