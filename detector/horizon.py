"""The road's vanishing point, found in the lane lines and road edges of a drive's frames.

Straight lines along the road meet where the road vanishes (Hartley & Zisserman 2004, 8.6); most of
the long slanted segments in the lower part of a dashcam picture are such lines. The point is found
by consensus (RANSAC, Fischler & Bolles 1981) over the segments of all frames together, so a curve
or a shadow in one of them does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WORK_WIDTH_PX = 640
NEAR_PX = 9.0
"""A segment whose line passes this close (at `WORK_WIDTH_PX`) to a point votes for it."""
FEWEST_FRAMES = 3


@dataclass(frozen=True)
class VanishingPoint:
    """Pixel (u, v) of a picture `WORK_WIDTH_PX` wide, its standard error, and how many frames agree."""

    u: float
    v: float
    sd_px: float
    frames: int


def find_vanishing_point(images: Iterable[NDArray[np.uint8]]) -> VanishingPoint | None:
    """The point the road's lines run to, or None where too few of them agree.

    `images` are (H, `WORK_WIDTH_PX`, 3) uint8 RGB of one camera, as `reduced` gives them. Rows above
    the picture are negative.
    """
    found, owners, width, height = [], [], WORK_WIDTH_PX, 0
    for owner, image in enumerate(images):
        height = image.shape[0]
        segments = _slanted_segments(image)
        found.append(segments)
        owners.append(np.full(len(segments), owner))
    if not found:
        return None
    segments, owner_of = np.concatenate(found), np.concatenate(owners)
    left = _leans_left(segments)
    if min(left.sum(), (~left).sum()) < FEWEST_FRAMES:
        return None
    lines = _lines(segments)
    length = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    rng = np.random.default_rng(0)
    pick = 4000
    one = rng.choice(np.flatnonzero(left), pick)
    other = rng.choice(np.flatnonzero(~left), pick)
    points = np.cross(lines[one], lines[other])
    points = points[np.abs(points[:, 2]) > 1e-9]
    points = points[:, :2] / points[:, 2:]
    inside = (np.abs(points[:, 0] - width / 2) < 0.35 * width) & (points[:, 1] > -0.8 * height)
    points = points[inside & (points[:, 1] < 0.65 * height)]
    if not len(points):
        return None
    miss = np.abs(np.column_stack([points, np.ones(len(points))]) @ lines.T)
    votes = (miss < NEAR_PX) * length
    score = np.minimum(votes[:, left].sum(1), votes[:, ~left].sum(1))
    best = int(score.argmax())
    agree = miss[best] < NEAR_PX
    frames = min(len(set(owner_of[agree & side])) for side in (left, ~left))
    if frames < FEWEST_FRAMES:
        return None
    u, v = _meeting_point(lines[agree], length[agree])
    rows = [
        _meeting_point(lines[mine], length[mine])[1]
        for owner in set(owner_of)
        if (mine := agree & (owner_of == owner))[left].any() and mine[~left].any()
    ]
    spread = 1.4826 * float(np.median(np.abs(np.array(rows) - v))) if len(rows) >= 3 else 20.0
    sd_px = float(np.hypot(spread / np.sqrt(max(len(rows), 1)), 6.0))
    return VanishingPoint(u, v, sd_px, frames)


def reduced(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture at `WORK_WIDTH_PX`, its shape kept."""
    size = (WORK_WIDTH_PX, round(image.shape[0] * WORK_WIDTH_PX / image.shape[1]))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _slanted_segments(image: NDArray[np.uint8]) -> Floats:
    """Straight segments (n, 4: x1 y1 x2 y2), 20 to 80 degrees from level."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(cv2.GaussianBlur(grey, (5, 5), 0), 40, 120)
    edges[: len(edges) // 3] = 0  # sky, trees and houses
    lines = cv2.HoughLinesP(edges, 1, np.pi / 360, 45, minLineLength=55, maxLineGap=6)
    if lines is None:
        return np.empty((0, 4))
    segments = np.asarray(lines, float).reshape(-1, 4)
    angle = np.degrees(np.arctan2(segments[:, 3] - segments[:, 1], segments[:, 2] - segments[:, 0]))
    slant = np.abs((angle + 90) % 180 - 90)
    return np.asarray(segments[(slant > 20) & (slant < 80)])


def _leans_left(segments: Floats) -> NDArray[np.bool_]:
    """Lines that run up to the right, as those left of the camera do."""
    rise = (segments[:, 3] - segments[:, 1]) * (segments[:, 2] - segments[:, 0])
    return np.asarray(rise < 0)


def _lines(segments: Floats) -> Floats:
    """Homogeneous lines (n, 3), scaled so that line . (x, y, 1) is the distance in px."""
    ones = np.ones((len(segments), 1))
    lines = np.cross(np.hstack([segments[:, :2], ones]), np.hstack([segments[:, 2:], ones]))
    return np.asarray(lines / np.linalg.norm(lines[:, :2], axis=1, keepdims=True))


def _meeting_point(lines: Floats, weight: Floats) -> tuple[float, float]:
    """The point nearest to all lines, by weighted least squares."""
    weighted = lines * weight[:, None]
    point = np.linalg.lstsq(weighted[:, :2], -weighted[:, 2], rcond=None)[0]
    return float(point[0]), float(point[1])
