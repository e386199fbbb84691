"""A made city whose damages are known: streets, damages with births and repairs, drives through them.

Nothing is rendered here (`datasets.city_pictures` films a drive): boxes come straight from geometry, with the
misses, false alarms and box errors of a detector, and fixes with the errors of a receiver, so that what
follows detection (camera, trajectory, tracking, merging) can be measured against the truth over many drives.
Same seed, same city.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from detector.camera import Camera
from detector.classes import ALLIGATOR_CRACK, CLASSES, LONGITUDINAL_CRACK, POTHOLE, TRANSVERSE_CRACK
from detector.model import Detections
from detector.telemetry.fixes import Fixes, fixes_from_rows
from detector.trajectory import LocalFrame
from detector.video import Frame

Floats = NDArray[np.float64]

HOME = LocalFrame(139.7454, 35.6586)
LANE_M = 1.75
"""Vehicles keep left of the centre line by this."""
BLOCK_M = 130.0
STEP_M = 0.5
NEAREST_M, FARTHEST_M, HALF_VIEW_M = 3.0, 20.0, 6.0
NEVER = 1e9
SIZES_M = {
    LONGITUDINAL_CRACK: ((1.0, 5.0), (0.1, 0.3)),
    TRANSVERSE_CRACK: ((0.1, 0.3), (0.8, 3.0)),
    ALLIGATOR_CRACK: ((0.6, 3.0), (0.5, 2.0)),
    POTHOLE: ((0.2, 0.9), (0.2, 0.9)),
}
"""Length along the road and width across it, by class, from and to."""


@dataclass(frozen=True)
class TrueDamages:
    """Damages as they are, (n,) each: centre in metres east and north of `HOME`, along `heading_rad`."""

    east_m: Floats
    north_m: Floats
    heading_rad: Floats
    class_id: NDArray[np.int64]
    length_m: Floats
    width_m: Floats
    born_day: Floats
    repaired_day: Floats

    def __len__(self) -> int:
        return len(self.east_m)

    def there(self, day: float) -> NDArray[np.bool_]:
        """Which exist on a day."""
        return (self.born_day <= day) & (day < self.repaired_day)


@dataclass(frozen=True)
class Receiver:
    """What a GPS receiver in a street is wrong by; standard errors of one axis."""

    wander_m: float = 3.0
    wander_s: float = 120.0
    """The time in which the wander forgets itself (first-order Gauss-Markov)."""
    noise_m: float = 0.5
    clock_sd_s: float = 0.2
    antenna_sd_m: float = 0.7
    """How far it sits from the camera, along and across the vehicle."""


@dataclass(frozen=True)
class Detector:
    """What a detector misses and makes up, and how its boxes lie."""

    recall_near: float = 0.9
    recall_far: float = 0.4
    false_per_frame: float = 0.01
    box_sd_px: float = 3.0
    """Standard error of a box edge in a picture 640 px wide."""
    confusion: float = 0.05


@dataclass(frozen=True)
class Mount:
    """How far the camera is from what it is taken to be, and how the car moves it."""

    height_sd_m: float = 0.05
    pitch_sd_rad: float = math.radians(0.5)
    yaw_sd_rad: float = math.radians(1.0)
    roll_sd_rad: float = math.radians(1.0)
    focal_sd_ratio: float = 0.03
    nod_sd_rad: float = math.radians(0.15)
    """The suspension's nodding from frame to frame."""
    brake_rad: float = math.radians(0.25)
    brake_sd_rad: float = math.radians(0.08)
    """Nose down for each m/s² of braking, and how vehicles differ in it."""


@dataclass(frozen=True)
class View:
    """One frame of a made drive: its detections, and which damage each is (-1: none)."""

    frame: Frame
    detections: Detections
    truth: NDArray[np.int64]


class City:
    """A grid of bent streets, some with a service road beside them, and damages along them all."""

    def __init__(
        self,
        seed: int,
        *,
        blocks: int = 5,
        spacing_m: float = 15.0,
        share_repaired: float = 0.0,
        repaired_within_days: float = 365.0,
    ) -> None:
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.blocks = blocks
        grid = np.mgrid[0 : blocks + 1, 0 : blocks + 1].transpose(1, 2, 0) * BLOCK_M
        self.nodes = grid + self.rng.normal(0, 12, grid.shape)
        self.streets = {
            edge: self._street(*edge)
            for i in range(blocks + 1)
            for j in range(blocks + 1)
            for edge in (((i, j), (i + 1, j)), ((i, j), (i, j + 1)))
            if max(edge[1]) <= blocks
        }
        self.damages = self._damages(spacing_m, share_repaired, repaired_within_days)
        self.tree = cKDTree(np.column_stack([self.damages.east_m, self.damages.north_m]))

    def _street(self, one: tuple[int, int], other: tuple[int, int]) -> Floats:
        begin, end = self.nodes[one], self.nodes[other]
        share = np.linspace(0, 1, max(int(np.hypot(*(end - begin))), 2))[:, None]
        across = np.array([-(end - begin)[1], (end - begin)[0]]) / np.hypot(*(end - begin))
        bend = self.rng.normal(0, 6) * np.sin(np.pi * share) ** 2
        return np.asarray(begin + share * (end - begin) + bend * across)

    def _damages(self, spacing_m: float, share_repaired: float, within_days: float) -> TrueDamages:
        rng, rows = self.rng, []
        for street in self.streets.values():
            way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(street, axis=0).T))])
            place = rng.uniform(0, spacing_m)
            while place < way[-1]:
                here = np.array([np.interp(place, way, street[:, axis]) for axis in (0, 1)])
                ahead = np.array([np.interp(place + 1, way, street[:, axis]) for axis in (0, 1)])
                behind = np.array([np.interp(place - 1, way, street[:, axis]) for axis in (0, 1)])
                heading = math.atan2(*(ahead - behind))
                side = rng.uniform(-3.0, 3.0)
                class_id = int(rng.choice(len(CLASSES), p=[0.25, 0.25, 0.3, 0.2]))
                sizes = [rng.uniform(*span) for span in SIZES_M[class_id]]
                east, north = here + side * np.array([math.cos(heading), -math.sin(heading)])
                repaired = rng.uniform(0, within_days) if rng.random() < share_repaired else NEVER
                rows.append((east, north, heading, class_id, *sizes, -1.0, repaired))
                place += spacing_m * rng.uniform(0.5, 1.5)
        east, north, heading, class_id, length, width, born, repaired = np.array(rows).T
        return TrueDamages(east, north, heading, class_id.astype(np.int64), length, width, born, repaired)

    def route(
        self, rng: np.random.Generator, length_m: float, start: tuple[int, int] | None = None
    ) -> Floats:
        """A way through the streets, (n, 2) metres every `STEP_M`, in the left lane, corners rounded."""
        node = start or (int(rng.integers(self.blocks + 1)), int(rng.integers(self.blocks + 1)))
        before: tuple[int, int] | None = None
        pieces, driven = [], 0.0
        while driven < length_m:
            i, j = node
            around = [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]
            choice = [one for one in around if one != before and min(one) >= 0 and max(one) <= self.blocks]
            following = choice[int(rng.integers(len(choice)))]
            edge = (min(node, following), max(node, following))
            street = self.streets[edge] if edge[0] == node else self.streets[edge][::-1]
            pieces.append(street[:-1])
            driven += len(street)
            before, node = node, following
        line = np.concatenate(pieces)
        heading = np.unwrap(np.arctan2(*np.gradient(line, axis=0).T))
        line = line - LANE_M * np.column_stack([np.cos(heading), -np.sin(heading)])
        smooth = gaussian_filter1d(line, 4, axis=0, mode="nearest")
        way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(smooth, axis=0).T))])
        marks = np.arange(0, way[-1], STEP_M)
        return np.column_stack([np.interp(marks, way, smooth[:, axis]) for axis in (0, 1)])


class CityDrive:
    """A drive along a route: where the vehicle truly is, its fixes, and what its detector says.

    `camera` is what the camera is taken to be, with its stated errors; the true one differs. `light` is
    the share of what the detector sees by day that it sees on this drive: the rest is lost in the dusk in
    all frames alike.
    """

    def __init__(
        self,
        city: City,
        route: Floats,
        rng: np.random.Generator,
        camera: Camera,
        *,
        kmh: float = 40.0,
        fps: float = 5.0,
        day: float = 0.0,
        receiver: Receiver | None = None,
        detector: Detector | None = None,
        mount: Mount | None = None,
        light: float = 1.0,
    ) -> None:
        self.city, self.rng, self.camera, self.fps, self.day = city, rng, camera, fps, day
        self.receiver, self.detector, self.mount = (
            receiver or Receiver(),
            detector or Detector(),
            mount or Mount(),
        )
        self.route = route
        heading = np.unwrap(np.arctan2(*np.gradient(gaussian_filter1d(route, 2, axis=0), axis=0).T))
        self.heading_rad = heading
        turning = np.abs(np.gradient(heading)) / STEP_M
        limit = np.minimum(kmh / 3.6, np.sqrt(2.0 / np.maximum(turning, 1e-3)))  # 2 m/s² sideways
        self.speed_mps = np.maximum(gaussian_filter1d(limit, 16), 2.0)
        self.route_s = np.concatenate([[0], np.cumsum(STEP_M / self.speed_mps[:-1])])
        self.braking = np.gradient(self.speed_mps, self.route_s)
        m = self.mount
        self.true_camera = replace(
            camera,
            height_m=camera.height_m + rng.normal(0, m.height_sd_m),
            pitch_rad=camera.pitch_rad + rng.normal(0, m.pitch_sd_rad),
            yaw_rad=camera.yaw_rad + rng.normal(0, m.yaw_sd_rad),
            roll_rad=camera.roll_rad + rng.normal(0, m.roll_sd_rad),
            focal_px=camera.focal_px * (1 + rng.normal(0, m.focal_sd_ratio)),
        )
        self.brake_rad = rng.normal(m.brake_rad, m.brake_sd_rad)
        self.clock_s = float(rng.normal(0, self.receiver.clock_sd_s))
        # Of a stream of its own, so that a drive at dusk is otherwise the same as by day.
        self.lost = rng.spawn(1)[0].random(len(city.damages)) >= light

    def pose(self, time_s: float) -> tuple[float, float, float]:
        """Where the camera truly is: east, north, heading."""
        east, north, heading = (
            float(np.interp(time_s, self.route_s, column)) for column in (*self.route.T, self.heading_rad)
        )
        return east, north, heading

    def dip_rad(self, time_s: float) -> float:
        """How far the nose dips by braking then; negative: it lifts."""
        return -float(np.interp(time_s, self.route_s, self.braking)) * self.brake_rad

    def fixes(self) -> Fixes:
        """A fix a second, wrong as the receiver is."""
        r, rng = self.receiver, self.rng
        keep = math.exp(-1 / r.wander_s)
        wander = rng.normal(0, r.wander_m, 2)
        antenna = rng.normal(0, r.antenna_sd_m, 2)
        rows = []
        for second in np.arange(0, self.route_s[-1], 1.0):
            wander = keep * wander + math.sqrt(1 - keep**2) * rng.normal(0, r.wander_m, 2)
            east, north, heading = self.pose(second)
            sin, cos = math.sin(heading), math.cos(heading)
            offset = np.array([antenna[0] * cos + antenna[1] * sin, antenna[1] * cos - antenna[0] * sin])
            place = np.array([east, north]) + offset + wander + rng.normal(0, r.noise_m, 2)
            lon, lat = HOME.to_lonlat(*place)
            speed = float(np.interp(second, self.route_s, self.speed_mps))
            rows.append(
                {
                    "lon": float(lon),
                    "lat": float(lat),
                    "time_s": second + self.clock_s,
                    "utc_s": 1.7e9 + self.day * 86_400 + second,
                    "accuracy_m": math.hypot(r.wander_m, r.noise_m),
                    "speed_mps": speed + rng.normal(0, 0.1),
                    "heading_deg": math.degrees(heading) % 360,
                }
            )
        return fixes_from_rows(rows, "city")

    def views(self) -> Iterator[View]:
        """The drive's frames in order."""
        picture = np.zeros((2, 2, 3), np.uint8)
        there = self.city.damages.there(self.day) & ~self.lost
        for index, time_s in enumerate(np.arange(0.5, self.route_s[-1] - 1, 1 / self.fps)):
            east, north, heading = self.pose(float(time_s))
            ahead = (east + 11 * math.sin(heading), north + 11 * math.cos(heading))
            near = np.array([i for i in self.city.tree.query_ball_point(ahead, 16.0) if there[i]], int)
            detections, truth = self._detections(near, east, north, heading, float(time_s))
            yield View(Frame(index, float(time_s), picture), detections, truth)

    def in_view(
        self,
        near: NDArray[np.int64],
        east: float,
        north: float,
        heading: float,
        farthest_m: float = FARTHEST_M,
    ) -> NDArray[np.bool_]:
        """Which of these damages lie where the detector looks, by their centre."""
        right, forward = self.to_vehicle(
            self.city.damages.east_m[near], self.city.damages.north_m[near], east, north, heading
        )
        return (forward > NEAREST_M) & (forward < farthest_m) & (np.abs(right) < HALF_VIEW_M)

    @staticmethod
    def to_vehicle(x: Floats, y: Floats, east: float, north: float, heading: float) -> tuple[Floats, Floats]:
        """Metres east and north as metres right and forward of a vehicle there."""
        sin, cos = math.sin(heading), math.cos(heading)
        return (x - east) * cos - (y - north) * sin, (x - east) * sin + (y - north) * cos

    def _detections(
        self, near: NDArray[np.int64], east: float, north: float, heading: float, time_s: float
    ) -> tuple[Detections, NDArray[np.int64]]:
        rng, told, d = self.rng, self.detector, self.city.damages
        nod = rng.normal(0, self.mount.nod_sd_rad) + self.dip_rad(time_s)
        camera = replace(self.true_camera, pitch_rad=self.true_camera.pitch_rad + nod)
        boxes, truth, classes, sure = [], [], [], []
        for i in near[self.in_view(near, east, north, heading)] if len(near) else []:
            along = np.array([-1, -1, 1, 1, 0, 0, -1, 1]) * d.length_m[i] / 2
            across = np.array([-1, 1, -1, 1, -1, 1, 0, 0]) * d.width_m[i] / 2
            sin, cos = math.sin(d.heading_rad[i]), math.cos(d.heading_rad[i])
            x, y = d.east_m[i] + along * sin + across * cos, d.north_m[i] + along * cos - across * sin
            right, forward = self.to_vehicle(x, y, east, north, heading)
            u, v = camera.to_image(right, np.maximum(forward, 1.0))
            far = (float(forward.mean()) - NEAREST_M) / (FARTHEST_M - NEAREST_M)
            if rng.random() > told.recall_near + (told.recall_far - told.recall_near) * far:
                continue
            box = np.array([u.min(), v.min(), u.max(), v.max()])
            box += rng.normal(0, told.box_sd_px * camera.width_px / 640, 4)
            box = np.clip(box, 0, [camera.width_px, camera.height_px] * 2)
            if box[2] - box[0] < 3 or box[3] - box[1] < 2:
                continue
            boxes.append(box)
            truth.append(int(i))
            wrong = rng.random() < told.confusion
            classes.append(int(rng.integers(len(CLASSES))) if wrong else int(d.class_id[i]))
            sure.append(float(rng.beta(6, 3)))
        for _ in range(rng.poisson(told.false_per_frame)):
            x, y = rng.uniform(0.2, 0.8) * camera.width_px, rng.uniform(0.6, 0.95) * camera.height_px
            boxes.append(np.array([x - 30, y - 10, x + 30, y + 10]))
            truth.append(-1)
            classes.append(int(rng.integers(len(CLASSES))))
            sure.append(float(rng.beta(2, 4)))
        return (
            Detections(
                np.array(boxes, np.float64).reshape(-1, 4),
                np.array(classes, np.int64),
                np.array(sure, np.float64),
            ),
            np.array(truth, np.int64),
        )
