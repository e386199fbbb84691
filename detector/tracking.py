"""Tracking on the ground: the boxes of successive frames, put on the road, matched where they lie.

At a few metres between frames boxes do not overlap in the picture, so nothing is matched there. A
detection is put on the ground, its error with it; it joins the track that is likely under both
errors (Mahalanobis distance), all of a frame's detections at once (Kuhn 1955, by scipy).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detector.camera import Camera
from detector.classes import mixing_price
from detector.model import Detections
from detector.trajectory import Pose
from detector.video import Frame

Floats = NDArray[np.float64]

FARTHEST_M = 20.0
"""Boxes whose near edge lies further off are left for later frames, which see them better."""
GATE = 9.21
"""99 % quantile of chi-squared with two degrees of freedom."""
FORGET_M = 30.0
"""A track not seen over this much road is finished."""
SLACK, EXTENT = 0.3, 0.15
"""Share of both sizes by which two boxes' centres may differ for free, and of the standard error beyond:
where a worn stretch ends is told differently from frame to frame."""
DRIFT_M, DRIFT_SHARE = 0.3, 0.03
"""What the trajectory may be off between two looks: by itself, and for each metre driven."""
MISREAD = 6.0
"""What it costs at most to take one frame's class for a mistake of the detector."""
SURE_ALONE = 0.45
"""One frame is enough for a detection this confident; a weaker one must be seen twice."""


@dataclass(frozen=True)
class Footprint:
    """One box on the ground: centre in the local frame, its error along and across the heading.

    `shared_m` and `own_var_m2` are that error in parts, as `Camera.ground_errors` gives them.
    """

    frame: Frame
    pose: Pose
    xyxy: Floats
    class_id: int
    confidence: float
    east_m: float
    north_m: float
    forward_m: float
    forward_sd_m: float
    right_sd_m: float
    shared_m: Floats
    own_var_m2: Floats
    length_m: float
    length_sd_m: float
    width_m: float
    width_sd_m: float
    cut: bool
    """The box touches the picture's lower edge: the damage goes on nearer than can be seen."""

    @property
    def worth(self) -> float:
        """How good a picture of the damage this is: sure, near, and whole."""
        return self.confidence * (0.6 if self.cut else 1.0) / (1 + self.forward_m / 15)


@dataclass
class Track:
    """One thing followed through a drive's frames."""

    footprints: int = 0
    class_votes: Floats = field(default_factory=lambda: np.zeros(4))
    sharpest: Footprint | None = None
    best: Footprint | None = None
    confidence: float = 0.0
    information: float = 0.0
    east_m: float = 0.0
    north_m: float = 0.0
    seen_at_m: float = 0.0
    frames: set[int] = field(default_factory=set)

    def add(self, seen: Footprint) -> None:
        """Take one more look into the track; positions are averaged by their precision."""
        weight = 1 / (seen.forward_sd_m * seen.right_sd_m)
        self.information += weight
        self.east_m += (seen.east_m - self.east_m) * weight / self.information
        self.north_m += (seen.north_m - self.north_m) * weight / self.information
        self.footprints += 1
        self.class_votes[seen.class_id] += seen.confidence
        self.confidence = max(self.confidence, seen.confidence)
        self.seen_at_m = seen.pose.distance_m
        self.frames.add(seen.frame.index)
        if self.sharpest is None or _sharpness(seen) > _sharpness(self.sharpest):
            self.sharpest = seen
        if self.best is None or seen.worth > self.best.worth:
            self.best = seen

    def take(self, part: Track) -> None:
        """Take another track of the same thing into this one."""
        self.information += part.information
        share = part.information / self.information
        self.east_m += (part.east_m - self.east_m) * share
        self.north_m += (part.north_m - self.north_m) * share
        self.footprints += part.footprints
        self.class_votes += part.class_votes
        self.confidence = max(self.confidence, part.confidence)
        self.seen_at_m = max(self.seen_at_m, part.seen_at_m)
        self.frames |= part.frames
        self.sharpest = max((self.looked_sharpest, part.looked_sharpest), key=_sharpness)
        self.best = max((self.looked_best, part.looked_best), key=lambda look: look.worth)

    @property
    def class_id(self) -> int:
        return int(self.class_votes.argmax())

    @property
    def looked_best(self) -> Footprint:
        """The look that makes the best picture. Raises ValueError for a track without one."""
        if self.best is None:
            raise ValueError("a track without footprints has no best look")
        return self.best

    @property
    def looked_sharpest(self) -> Footprint:
        """The look that says most surely where and how large it is. Raises ValueError as above."""
        if self.sharpest is None:
            raise ValueError("a track without footprints has no sharpest look")
        return self.sharpest

    @property
    def believed(self) -> bool:
        """Seen often or surely enough to be reported."""
        return self.footprints > 1 or self.confidence >= SURE_ALONE


def _sharpness(seen: Footprint) -> tuple[bool, float]:
    return not seen.cut, -seen.forward_sd_m


class Tracker:
    """Follows damages through one drive; memory holds only the tracks still in reach."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.live: list[Track] = []

    def update(self, frame: Frame, pose: Pose, detections: Detections) -> list[Track]:
        """Take one frame's detections in; returns the tracks that are finished by now."""
        seen = footprints(frame, pose, detections, self.camera)
        if seen and self.live:
            costs = np.array([[_cost(track, one) for track in self.live] for one in seen])
            pairs = zip(*linear_sum_assignment(costs), strict=True)
            matched = {int(i): int(j) for i, j in pairs if costs[i, j] < GATE}
        else:
            matched = {}
        for index, one in enumerate(seen):
            if index not in matched:
                self.live.append(Track())
            (self.live[matched[index]] if index in matched else self.live[-1]).add(one)
        done = [track for track in self.live if pose.distance_m - track.seen_at_m > FORGET_M]
        self.live = [track for track in self.live if pose.distance_m - track.seen_at_m <= FORGET_M]
        return self._finished(done)

    def finish(self) -> list[Track]:
        """The tracks still open, at the end of the drive or before a gap in its positions."""
        done, self.live = self.live, []
        return self._finished(done)

    def _finished(self, done: list[Track]) -> list[Track]:
        """Of these, the ones to report; parts of one thing, never seen at once, are put together."""
        whole: list[Track] = []
        for part in sorted(done, key=lambda track: -track.footprints):
            for track in whole + self.live:
                if not track.frames & part.frames and _cost(track, part.looked_sharpest) < GATE:
                    track.take(part)
                    break
            else:
                whole.append(part)
        return [track for track in whole if track.believed]


def footprints(frame: Frame, pose: Pose, detections: Detections, camera: Camera) -> list[Footprint]:
    """A frame's boxes on the ground; those above the horizon or too far off are left out."""
    if not len(detections):
        return []
    camera = camera.braking(pose.acceleration_mps2)
    x1, y1, x2, y2 = detections.xyxy.T
    y2 = np.minimum(y2, camera.height_px)
    left, _ = camera.to_ground(x1, y2)
    right, _ = camera.to_ground(x2, y2)
    _, near = camera.to_ground((x1 + x2) / 2, y2)
    _, far = camera.to_ground((x1 + x2) / 2, y1)
    far = np.where(np.isfinite(far), far, np.inf)
    far = np.minimum(far, np.maximum(FARTHEST_M, near) + 5)
    forward = (near + far) / 2
    across, _ = camera.to_ground((x1 + x2) / 2, (y1 + y2) / 2)
    across = np.where(np.isfinite(across), across, (left + right) / 2)
    right_sd, forward_sd = camera.ground_sd(across, forward)
    shared, own_var = camera.ground_errors(across, forward)
    own_var = own_var + (np.stack([forward, across], -1) * pose.heading_sd_rad) ** 2
    scale_sd = forward_sd / np.maximum(forward, 0.5)
    cut = y2 > 0.985 * camera.height_px
    forward_sd = np.hypot(forward_sd, np.where(cut, 1.0, 0.0))  # where it begins can't be seen
    sin, cos = math.sin(pose.heading_rad), math.cos(pose.heading_rad)
    found = []
    for i in np.flatnonzero((near <= FARTHEST_M) & (near > 0)):
        length, width = float(far[i] - near[i]), float(right[i] - left[i])
        found.append(
            Footprint(
                frame=frame,
                pose=pose,
                xyxy=detections.xyxy[i],
                class_id=int(detections.class_id[i]),
                confidence=float(detections.confidence[i]),
                east_m=pose.east_m + float(across[i] * cos + forward[i] * sin),
                north_m=pose.north_m + float(forward[i] * cos - across[i] * sin),
                forward_m=float(forward[i]),
                forward_sd_m=float(forward_sd[i]),
                right_sd_m=float(right_sd[i]),
                shared_m=shared[:, i],
                own_var_m2=own_var[i],
                length_m=length,
                length_sd_m=2 * length * float(scale_sd[i]) + 0.05,
                width_m=width,
                width_sd_m=width * float(scale_sd[i]) + 0.03,
                cut=bool(cut[i]),
            )
        )
    return found


def _cost(track: Track, seen: Footprint) -> float:
    """Squared Mahalanobis distance on the ground, eased by the two sizes, plus the class's price."""
    price = min(mixing_price(seen.class_id, track.class_id), MISREAD)
    return _distance(track.looked_sharpest, seen, abs(seen.pose.distance_m - track.seen_at_m)) + price


def _distance(one: Footprint, other: Footprint, moved_m: float) -> float:
    """How far two looks are from being at one thing, in squared standard errors.

    What is wrong in both alike (pitch, height, yaw) moves them apart only by its difference.
    """
    sin, cos = math.sin(other.pose.heading_rad), math.cos(other.pose.heading_rad)
    east, north = other.east_m - one.east_m, other.north_m - one.north_m
    apart = np.array([east * cos - north * sin, east * sin + north * cos])
    slack = SLACK * np.array([one.width_m + other.width_m, one.length_m + other.length_m])
    apart = np.maximum(np.abs(apart) - slack, 0.0) * np.sign(apart)
    differing = other.shared_m - one.shared_m
    drift = DRIFT_M**2 + (DRIFT_SHARE * moved_m) ** 2
    extent = EXTENT**2 * np.array([one.width_m**2 + other.width_m**2, one.length_m**2 + other.length_m**2])
    covariance = differing.T @ differing + np.diag(one.own_var_m2 + other.own_var_m2 + drift + extent)
    return float(apart @ np.linalg.solve(covariance, apart))
