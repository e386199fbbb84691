"""The camera found from the drive itself: how the road moves under it, against the way the log tells.

Two pictures a few metres apart are laid out as seen from above. Patches of road found again in both must
have moved by the way driven; how far they seem to have moved, near and far, left and right, gives the
height (times the focal length), pitch, yaw and roll, by least squares over many such pairs with robust loss.
What the road can't tell (the focal length by itself) stays near what was believed before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize_scalar
from scipy.sparse import csr_array, eye_array, hstack, vstack

from detector.camera import Camera
from detector.drive import Drive
from detector.trajectory import Pose, Trajectory
from detector.video import Frame
from detector.visibility import REPEAT_LEVELS

Floats = NDArray[np.float64]
Grey = NDArray[np.float32]

STRIDES = 24
STRIDE_M, LONG_M = 2.5, 6.0
"""How far the two pictures of a stride are apart, and what is tried where pictures come seldom."""
SOON_M = (0.3, 1.5)
"""How far on a picture is that still shows the same things beside the road."""
LEAST_SPEED_MPS, MOST_TURN_RAD = 3.0, math.radians(4.0)
WIDTH_PX = 1280
PIXELS_PER_M = 25
NEAR_M, FAR_M, ASIDE_M = 3.0, 16.0, 3.5
"""The road that is laid out, ahead and to each side."""
PATCH_M, STEP_M = 1.2, 0.8
LEAST_SHARE, MOST_SHARE, DRIFT_M = 0.45, 1.9, 0.6
"""How far a patch may seem to have moved, of the way driven, and aside."""
LEAST_MATCH, LEAST_LEAD = 0.6, 0.08
"""A patch is found again where its correlation is above the first, and above any rival's by the second."""
LEAST_CONTRAST = 3.0
"""Standard deviation, in levels, of a patch that has something to find again."""
HEIGHTS, PITCHES_RAD = (1.0, 1.7, 2.6), (0.0, -0.07, 0.07)
"""Where to begin when little is known: times the height, and added to the pitch."""
NOT_ON_ROAD = 50.0
PLACE_SD_M = 0.03
TURN_SD_RAD, NOD_SD_RAD = math.radians(1.0), math.radians(0.2)
WAY_SD_RATIO = 0.02
"""What a log's speed is wrong by on the whole of a drive."""
FEWEST_STRIDES, FEWEST_PATCHES, FEWEST_IN_STRIDE = 6, 60, 4
MOST_ROUNDS = 40
BLOCKS = 6
LEAST_AGREEING, AGREEING_SD = 0.5, 3.0
"""So many of the patches must lie within so many standard errors of where the camera found has them."""


@dataclass(frozen=True)
class Stride:
    """Two grey pictures (H, W) of one drive, and the second's place seen from the first's.

    `ahead_m` and `aside_m` (to the right) is how far it went, `turn_rad` how far it turned right.
    `between` is a picture soon after the first, None where there is none.
    """

    first: Grey
    second: Grey
    ahead_m: float
    aside_m: float
    turn_rad: float
    between: Grey | None = None


@dataclass(frozen=True)
class Matches:
    """Patches of road found in both pictures of a stride: pixels (n, 2) in the first and the second."""

    first: Floats
    second: Floats
    stride: Stride

    def __len__(self) -> int:
        return len(self.first)


def strides(drive: Drive, trajectory: Trajectory, apart_m: float = STRIDE_M) -> list[Stride]:
    """Up to `STRIDES` of them, spread over where the drive goes straight on; pictures `WIDTH_PX` wide at most."""
    times_s = trajectory.sample_times(apart_m, drive.duration_s)
    if len(times_s) < 2:
        return []
    poses = [trajectory.at(float(time_s)) for time_s in times_s]
    straight = [
        index
        for index, (one, other) in enumerate(pairwise(poses))
        if min(one.speed_mps, other.speed_mps) > LEAST_SPEED_MPS and abs(_turn(one, other)) < MOST_TURN_RAD
    ]
    spread = np.linspace(0, len(straight) - 1, min(STRIDES, len(straight))).astype(int)
    chosen = np.array(straight, int)[np.unique(spread)]
    ways_s = times_s[chosen + 1] - times_s[chosen]
    # Pictures that come seldom are looked for twice as far on.
    ends_s = times_s[chosen] + ways_s * (1.3 if apart_m < LONG_M else 2.0)
    found = []
    for run in _runs(drive, times_s[chosen], ends_s):
        if stride := _stride(run, trajectory, apart_m):
            found.append(stride)
    if len(found) < FEWEST_STRIDES and apart_m < LONG_M:
        return strides(drive, trajectory, LONG_M)
    return found


def _turn(one: Pose, other: Pose) -> float:
    return (other.heading_rad - one.heading_rad + math.pi) % (2 * math.pi) - math.pi


def _runs(drive: Drive, begins_s: Floats, ends_s: Floats) -> Iterator[list[tuple[float, Grey]]]:
    """The drive's pictures in each of these stretches of time, each with its time."""
    step_s = drive.frame_s / 2
    times_s = np.unique(
        np.concatenate(
            [np.empty(0), *(np.arange(*span, step_s) for span in zip(begins_s, ends_s, strict=True))]
        )
    )
    run: list[tuple[float, Grey]] = []
    which = 0
    for frame in drive.frames_at(times_s):
        here = int(np.searchsorted(begins_s, frame.time_s, side="right")) - 1
        if here != which and run:
            yield run
            run = []
        which = here
        run.append((frame.time_s, _grey(frame)))
    if run:
        yield run


def _grey(frame: Frame) -> Grey:
    grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
    if grey.shape[1] > WIDTH_PX:
        size = (WIDTH_PX, round(grey.shape[0] * WIDTH_PX / grey.shape[1]))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return grey.astype(np.float32)


def _stride(run: list[tuple[float, Grey]], trajectory: Trajectory, apart_m: float) -> Stride | None:
    """A stride from a run of pictures; where they are shown longer, only each one's first showing counts."""
    fresh = [
        index
        for index in range(1, len(run))
        if float(np.abs(run[index][1] - run[index - 1][1]).mean()) > REPEAT_LEVELS
    ]
    fresh = fresh if len(fresh) < len(run) - 1 else list(range(len(run)))
    if len(fresh) < 2:
        return None
    begin, first = run[fresh[0]]
    one = trajectory.at(begin)
    ways = [float(trajectory.distance_at(run[index][0])) - one.distance_m for index in fresh]
    last = int(np.argmin(np.abs(np.array(ways) - apart_m)))
    if ways[last] < apart_m / 2:
        return None
    end, second = run[fresh[last]]
    other = trajectory.at(end)
    east, north = other.east_m - one.east_m, other.north_m - one.north_m
    sin, cos = math.sin(one.heading_rad), math.cos(one.heading_rad)
    soon = [index for index, way_m in zip(fresh, ways, strict=True) if SOON_M[0] <= way_m <= SOON_M[1]]
    between = run[soon[0]][1] if soon else None
    return Stride(
        first, second, east * sin + north * cos, east * cos - north * sin, _turn(one, other), between
    )


def calibrated(seen: Sequence[Stride], before: Camera) -> Camera | None:
    """The camera with height, pitch, yaw and roll as the road's motion shows them; None where it does not.

    `before` is what is believed beforehand, with its errors.
    """
    if len(seen) < FEWEST_STRIDES:
        return None
    height_px, width_px = seen[0].first.shape
    scaled = before.resized(width_px, height_px)
    camera = max(_beginnings(scaled), key=lambda one: sum(len(match(stride, one)) for stride in seen[::3]))
    for _ in range(2):  # laid out with the better camera, patches are found better
        found = [match(stride, camera) for stride in seen]
        found = [one for one in found if len(one) >= FEWEST_IN_STRIDE]
        if len(found) < FEWEST_STRIDES or sum(map(len, found)) < FEWEST_PATCHES:
            return None
        camera, sd, agreeing = _fitted(found, camera, scaled)
        if agreeing < LEAST_AGREEING:
            return None
    camera = _with_errors(found, camera, sd, scaled)
    return _shared_out(camera, scaled).resized(before.width_px, before.height_px)


def _beginnings(camera: Camera) -> list[Camera]:
    """Cameras to try first: more of them, the less is known."""
    heights = HEIGHTS if camera.range_error > 0.15 else (1.0,)
    pitches_rad = PITCHES_RAD if camera.pitch_sd_rad > math.radians(2.5) else (0.0,)
    return [
        replace(camera, height_m=camera.height_m * times, pitch_rad=camera.pitch_rad + added_rad)
        for times, added_rad in product(heights, pitches_rad)
    ]


def _above(camera: Camera) -> tuple[Floats, Floats]:
    """Ground coordinates (right_m, forward_m) of every pixel of the road laid out, far rows first."""
    forward = np.arange(FAR_M, NEAR_M, -1 / PIXELS_PER_M)
    right = np.arange(-ASIDE_M, ASIDE_M, 1 / PIXELS_PER_M)
    grid = np.meshgrid(right, forward)
    return grid[0], grid[1]


def match(stride: Stride, camera: Camera) -> Matches:
    """Patches of the road near the second picture, found again further off in the first."""
    right, forward = _above(camera)
    u, v = (np.asarray(axis, np.float32) for axis in camera.to_image(right, forward))
    first, second = (_laid_out(image, u, v) for image in (stride.first, stride.second))
    size, step = round(PATCH_M * PIXELS_PER_M), round(STEP_M * PIXELS_PER_M)
    drift = round(DRIFT_M * PIXELS_PER_M)
    least, most = (round(share * stride.ahead_m * PIXELS_PER_M) for share in (LEAST_SHARE, MOST_SHARE))
    one, other = [], []
    for top in range(least, len(second) - size, step):
        for left in range(drift, second.shape[1] - size - drift, step):
            patch = second[top : top + size, left : left + size]
            if np.isnan(patch).any() or patch.std() < LEAST_CONTRAST:
                continue
            window = first[max(top - most, 0) : top - least + size, left - drift : left + size + drift]
            if np.isnan(window).any() or len(window) < size + 3:
                continue
            place = _found(window, patch)
            if place is None:
                continue
            row, column = max(top - most, 0) + place[0], left - drift + place[1]
            centre = (size - 1) / 2
            other.append((left + centre, top + centre))
            one.append((column + centre, row + centre))
    return Matches(_ground_pixels(one, camera), _ground_pixels(other, camera), stride)


def _laid_out(grey: Grey, u: Grey, v: Grey) -> Grey:
    laid = cv2.remap(grey, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan)
    return np.asarray(cv2.GaussianBlur(laid, (0, 0), 1.0), np.float32)


def _found(window: Grey, patch: Grey) -> tuple[float, float] | None:
    """Row and column, to a part of a pixel, at which a patch lies in a window; None where that is not sure."""
    score = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(score)
    if best < LEAST_MATCH or not (0 < row < len(score) - 1 and 0 < column < score.shape[1] - 1):
        return None
    rival = score.copy()
    rival[max(row - 6, 0) : row + 7, max(column - 6, 0) : column + 7] = -1
    if best - float(rival.max()) < LEAST_LEAD:
        return None
    around = score[row - 1 : row + 2, column - 1 : column + 2].astype(float)
    return row + _peak(around[:, 1]), column + _peak(around[1])


def _peak(three: Floats) -> float:
    """Where a parabola through three neighbours has its top, from the middle one."""
    bend = three[0] - 2 * three[1] + three[2]
    return float(np.clip((three[0] - three[2]) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _ground_pixels(places: list[tuple[float, float]], camera: Camera) -> Floats:
    """Pixels (n, 2) of places (column, row) of the road laid out."""
    column, row = np.array(places, float).reshape(-1, 2).T
    return np.column_stack(camera.to_image(column / PIXELS_PER_M - ASIDE_M, FAR_M - row / PIXELS_PER_M))


def _fitted(found: list[Matches], camera: Camera, before: Camera) -> tuple[Camera, Floats, float]:
    """Least squares for height, pitch, yaw and roll at a given focal length, with each stride's turn and nod.

    Moving straight on does not tell the focal length: only what distances ahead scale with, which here
    is put on the height. It begins at `camera`; `before` is what is believed. Second: standard errors
    of the height's logarithm, pitch, yaw and roll as the patches' scatter has them; third: the share of
    patches that agree.
    """
    n = len(found)
    owner = np.repeat(np.arange(n), [len(one.first) for one in found])
    first, second = (np.concatenate([getattr(one, side) for one in found]) for side in ("first", "second"))
    ahead, aside, turn = (
        np.array([getattr(one.stride, name) for one in found])[owner]
        for name in ("ahead_m", "aside_m", "turn_rad")
    )
    _, far = camera.to_ground(*first.T)
    per_px = (far**2 + camera.height_m**2) / camera.height_m / camera.focal_px
    along_sd, across_sd = np.hypot(PLACE_SD_M, per_px), np.hypot(PLACE_SD_M, far / camera.focal_px)
    rest = np.zeros(2 * n)
    begin = [math.log(camera.height_m), camera.pitch_rad, camera.yaw_rad, camera.roll_rad, *rest]
    believed = np.array([math.log(before.height_m), before.pitch_rad, before.yaw_rad, before.roll_rad, *rest])
    mount_sd = [before.range_error, before.pitch_sd_rad, before.yaw_sd_rad, before.roll_sd_rad]
    believed_sd = np.concatenate([mount_sd, np.full(n, TURN_SD_RAD), np.full(n, NOD_SD_RAD)])

    def mounted(values: Floats) -> Camera:
        return replace(
            camera,
            height_m=math.exp(values[0]),
            pitch_rad=float(values[1]),
            yaw_rad=float(values[2]),
            roll_rad=float(values[3]),
        )

    def residuals(values: Floats) -> Floats:
        now = mounted(values)
        x1, y1 = now.to_ground(*first.T)
        x2, y2 = now.to_ground(*second.T)
        angle = turn + values[4 : 4 + n][owner]
        nod_m = (y1**2 + now.height_m**2) / now.height_m * values[4 + n :][owner]
        moved_x = x2 * np.cos(angle) + y2 * np.sin(angle) + aside
        moved_y = y2 * np.cos(angle) - x2 * np.sin(angle) + ahead
        apart = np.concatenate([(y1 + nod_m - moved_y) / along_sd, (x1 - moved_x) / across_sd])
        return np.concatenate([np.nan_to_num(apart, nan=NOT_ON_ROAD), (values - believed) / believed_sd])

    def loss(squared: Floats) -> Floats:
        """Soft L1 for the patches; what is believed beforehand counts in full."""
        root = np.sqrt(1 + squared)
        soft = np.stack([2 * (root - 1), 1 / root, -0.5 / root**3])
        soft[:, -len(believed) :] = [[1], [0], [0]]
        soft[0, -len(believed) :] = squared[-len(believed) :]
        soft[1, -len(believed) :] = 1
        return soft

    own = csr_array((np.ones(len(owner)), (np.arange(len(owner)), owner)), shape=(len(owner), n))
    fit = least_squares(
        residuals,
        begin,
        loss=loss,
        x_scale=believed_sd,
        max_nfev=MOST_ROUNDS,
        tr_solver="lsmr",
        jac_sparsity=vstack([hstack([np.ones((len(owner), 4)), own, own])] * 2 + [eye_array(4 + 2 * n)]),
    )
    apart = np.abs(residuals(fit.x)[: 2 * len(first)].reshape(2, -1)).max(0)
    sd = np.sqrt(np.diag(np.linalg.inv((fit.jac.T @ fit.jac).toarray())))[:4]
    return mounted(fit.x), sd, float((apart < AGREEING_SD).mean())


def _with_errors(found: list[Matches], camera: Camera, sd: Floats, before: Camera) -> Camera:
    """The camera with the errors that leaving out one stretch of the drive after the other shows (jackknife).

    Roads bend and tilt in ways that all patches of a stretch share.
    """
    blocks = np.array_split(np.arange(len(found)), BLOCKS)
    each = []
    for block in blocks:
        less, _, _ = _fitted([found[i] for i in range(len(found)) if i not in block], camera, before)
        each.append((math.log(less.height_m), less.pitch_rad, less.yaw_rad, less.roll_rad))
    scatter = np.array(each) - np.mean(each, axis=0)
    sd = np.maximum(sd, np.sqrt((BLOCKS - 1) / BLOCKS * (scatter**2).sum(0)))
    return replace(
        camera,
        range_sd_ratio=math.hypot(float(sd[0]), WAY_SD_RATIO),
        pitch_sd_rad=float(sd[1]),
        yaw_sd_rad=float(sd[2]),
        roll_sd_rad=float(sd[3]),
    )


def _shared_out(camera: Camera, before: Camera) -> Camera:
    """The camera with its height and focal length as likely as can be, what the road showed being kept."""
    height_sd = before.height_sd_m / before.height_m

    def unlikeliness(log_ratio: float) -> float:
        height = math.log(camera.refocused(math.exp(log_ratio)).height_m / before.height_m)
        return (log_ratio / before.focal_sd_ratio) ** 2 + (height / height_sd) ** 2

    best = camera.refocused(math.exp(minimize_scalar(unlikeliness, bounds=(-1.0, 1.0), method="bounded").x))
    split_sd = 1 / math.hypot(1 / before.focal_sd_ratio, 1 / height_sd)
    return replace(
        best,
        focal_sd_ratio=split_sd,
        height_sd_m=best.height_m * math.hypot(split_sd, camera.range_error),
    )
