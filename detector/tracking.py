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
from scipy.special import expit, logit

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
GATE_AT_ONCE = 1.0
"""For tracks that one frame has both of: a box of another thing may have got into one."""
FORGET_M = 30.0
"""A track not seen over this much road is finished."""
SLACK, EXTENT = 0.3, 0.15
"""Share of both sizes by which two boxes' centres may differ for free, and of the standard error beyond:
where a worn stretch ends is told differently from frame to frame."""
DRIFT_M, DRIFT_SHARE = 0.3, 0.03
"""What the trajectory may be off between two looks: by itself, and for each metre driven."""
MISREAD = 6.0
"""What it costs at most to take one frame's class for a mistake of the detector."""
PART_SHARE = 0.5
LEAST_SIZE_M = 0.03
CUT_SHARE = 0.015
"""A box that ends this near the picture's edge may be cut off by it."""
CUT_SD_M = 1.0
"""A thing that goes on below the picture may be so much longer."""
ALIGNED_SD_RAD = 0.06
"""How far off the vehicle's heading a damage's sides run: a turned box is wider by its length, and longer."""
EDGE_SHARE = 0.05
"""Where a damage ends is a matter of opinion, to this share of its size."""
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
    width_m: float
    size_shared_sd_m: Floats
    size_own_var_m2: Floats
    """Of length and width (2,): the error that all frames share, and the variance of a frame's own."""
    area_m2: float | None
    """From the outline, where the model gives one."""
    cut: bool
    """The box touches the picture's lower edge or a side: the damage goes on where it can't be seen."""

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
    """The surest look's."""
    score_sum: float = 0.0
    """Log-odds of all looks' scores."""
    information: float = 0.0
    east_m: float = 0.0
    north_m: float = 0.0
    seen_at_m: float = 0.0
    frames: set[int] = field(default_factory=set)
    sizes: Floats = field(default_factory=lambda: np.zeros((2, 2)))
    """Sums of weight, and of weight times size, (2, 2): length and width in columns."""
    areas: list[tuple[float, float]] = field(default_factory=list)
    """Areas of outlines with the distance each was seen from."""

    def add(self, seen: Footprint) -> None:
        """Take one more look into the track; positions are averaged by their precision."""
        weight = 1 / (seen.forward_sd_m * seen.right_sd_m)
        self.information += weight
        self.east_m += (seen.east_m - self.east_m) * weight / self.information
        self.north_m += (seen.north_m - self.north_m) * weight / self.information
        self.footprints += 1
        self.class_votes[seen.class_id] += seen.confidence
        self.confidence = max(self.confidence, seen.confidence)
        self.score_sum += float(logit(np.clip(seen.confidence, 0.001, 0.999)))
        self.seen_at_m = seen.pose.distance_m
        self.frames.add(seen.frame.index)
        if not seen.cut:
            self.sizes += np.array([[1, 1], [seen.length_m, seen.width_m]]) / seen.size_own_var_m2
            if seen.area_m2 is not None:
                self.areas.append((seen.forward_m, seen.area_m2))
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
        self.score_sum += part.score_sum
        self.seen_at_m = max(self.seen_at_m, part.seen_at_m)
        self.frames |= part.frames
        self.sizes += part.sizes
        self.areas += part.areas
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
    def score(self) -> float:
        """All looks' scores taken together, as witnesses who all saw the same: the mean of their log-odds.

        (A logarithmic opinion pool, Genest and Zidek 1986: what looks like damage does so in every frame.)
        """
        return float(expit(self.score_sum / self.footprints))

    @property
    def size(self) -> tuple[Floats, Floats]:
        """Length and width in metres (2,), and their standard errors: all whole looks by their precision.

        What is wrong in all looks alike is the sharpest one's. A thing never seen whole is at least as
        large as that one saw it.
        """
        sharp = self.looked_sharpest
        if not self.sizes[0].all():
            size = np.array([sharp.length_m, sharp.width_m])
            return size, np.sqrt(sharp.size_shared_sd_m**2 + sharp.size_own_var_m2 + CUT_SD_M**2)
        size = self.sizes[1] / self.sizes[0]
        return size, np.sqrt(sharp.size_shared_sd_m**2 + 1 / self.sizes[0] + (EDGE_SHARE * size) ** 2)

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
        """Of these, the ones to report; parts of one thing, hardly ever seen at once, are put together."""
        whole: list[Track] = []
        for part in sorted(done, key=lambda track: -track.footprints):
            for track in whole + self.live:
                if _cost(track, part.looked_sharpest) < _part_gate(track, part):
                    track.take(part)
                    break
            else:
                whole.append(part)
        return [track for track in whole if track.believed]


def _part_gate(track: Track, part: Track) -> float:
    """What the two may be apart to be one: less where a frame shows both, nothing where most frames do."""
    both = len(track.frames & part.frames)
    if not both:
        return GATE
    return GATE_AT_ONCE if 2 * both <= len(part.frames) else 0.0


def footprints(frame: Frame, pose: Pose, detections: Detections, camera: Camera) -> list[Footprint]:
    """A frame's boxes on the ground; those above the horizon or too far off are left out.

    So is a box that shares much with a surer one of its class: it is part of the same thing.
    """
    if not len(detections):
        return []
    part = _parts(detections)
    camera = camera.braking(pose.acceleration_mps2)
    x1, y1, x2, y2 = detections.xyxy.T
    cut_below = y2 > (1 - CUT_SHARE) * camera.height_px
    cut_aside = (x1 < CUT_SHARE * camera.width_px) | (x2 > (1 - CUT_SHARE) * camera.width_px)
    cut = cut_below | cut_aside
    y2 = np.minimum(y2, camera.height_px)
    middle = (x1 + x2) / 2
    _, near = camera.to_ground(middle, y2)
    _, far = camera.to_ground(middle, y1)
    far = np.where(np.isfinite(far), far, np.inf)
    far = np.minimum(far, np.maximum(FARTHEST_M, near) + 5)
    left, right = _sides(camera, detections.xyxy, far)
    forward, across = (near + far) / 2, (left + right) / 2
    right_sd, forward_sd = camera.ground_sd(across, forward)
    shared, own_var = camera.ground_errors(across, forward)
    own_var = own_var + (np.stack([forward, across], -1) * pose.heading_sd_rad) ** 2
    # Where a thing begins that the picture's edge cuts can't be seen.
    cut_var = CUT_SD_M**2 * np.stack([cut_aside, cut_below], -1)
    forward_sd, own_var = np.hypot(forward_sd, CUT_SD_M * cut_below), own_var + cut_var
    size_shared_sd, size_own_var = _size_errors(camera, left, right, near, far)
    sin, cos = math.sin(pose.heading_rad), math.cos(pose.heading_rad)
    found = []
    for i in np.flatnonzero((near <= FARTHEST_M) & (near > 0) & ~part):
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
                length_m=float(far[i] - near[i]),
                width_m=float(right[i] - left[i]),
                size_shared_sd_m=size_shared_sd[i],
                size_own_var_m2=size_own_var[i],
                area_m2=_area_m2(camera, detections.outlines[i]) if detections.outlines else None,
                cut=bool(cut[i]),
            )
        )
    return found


def _parts(detections: Detections) -> NDArray[np.bool_]:
    """Which boxes (n,) share `PART_SHARE` with a surer one of their class, of the smaller of the two."""
    boxes = detections.xyxy
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-9)
    shared = np.clip(high - low, 0, None).prod(-1) / np.minimum(area[:, None], area[None, :])
    surer = detections.confidence[None, :] > detections.confidence[:, None]
    same = detections.class_id[None, :] == detections.class_id[:, None]
    return np.asarray(((shared > PART_SHARE) & surer & same).any(1))


def _sides(camera: Camera, xyxy: Floats, far: Floats) -> tuple[Floats, Floats]:
    """Left and right of things on the ground (n,) metres, as if each were a rectangle along the road.

    A thing beside the way shows its far end on the inner side of its box, its near end on the outer.
    """
    x1, y1, x2, y2 = xyxy.T
    rows = np.minimum(y2, camera.height_px), np.maximum(y1, camera.to_image(np.zeros(len(far)), far)[1])
    sides = []
    for x, outer in ((x1, -1), (x2, 1)):
        at_near, at_far = (camera.to_ground(x, row)[0] for row in rows)
        sides.append(np.where(at_near * outer > 0, at_near, at_far))
    return sides[0], np.maximum(sides[1], sides[0] + LEAST_SIZE_M)


def _size_errors(
    camera: Camera, left: Floats, right: Floats, near: Floats, far: Floats
) -> tuple[Floats, Floats]:
    """Of length and width (n, 2): the standard error that all frames share, and the variance of their own.

    Both edges of a box err by themselves; what errs alike in both (pitch, scale, yaw, roll) counts by its
    difference.
    """
    corners = [camera.ground_errors(left, near), camera.ground_errors(right, far)]
    shared = corners[1][0] - corners[0][0]
    turned = ALIGNED_SD_RAD * np.stack([far - near, right - left], -1)
    box_rad = camera.box_error_px / camera.focal_px
    stretch = np.stack([(edge**2 + camera.height_m**2) / camera.height_m for edge in (near, far)])
    along_var = stretch**2 * box_rad**2
    nodding = (stretch[1] - stretch[0]) * camera.nod_sd_rad
    # Each side is told by one of the box's columns, and by the row of the end that it belongs to.
    slope = np.stack([left, right]) / np.maximum((near + far) / 2, 0.1)
    across_var = ((near**2 + far**2) / 2 * box_rad**2 + slope**2 * along_var).sum(0)
    own_var = np.stack([along_var.sum(0) + nodding**2, across_var + (slope.mean(0) * nodding) ** 2], -1)
    return np.sqrt((shared**2).sum(0)[:, ::-1] + turned[:, ::-1] ** 2), own_var


def _area_m2(camera: Camera, outline: Floats) -> float | None:
    """What an outline (k, 2) px encloses on the ground; None where part of it is not on the ground or far off."""
    right, forward = camera.to_ground(*outline.T) if len(outline) > 2 else (np.empty(0), np.empty(0))
    if not len(right) or not np.isfinite(right).all() or forward.max() > FARTHEST_M:
        return None
    return float(abs((right * np.roll(forward, 1) - forward * np.roll(right, 1)).sum()) / 2)


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
