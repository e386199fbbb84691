"""Flat pictures laid into a scene: turned in space, placed, made smaller as a lens would."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


def moved(how: Floats, shape: tuple[int, ...], scene: Bytes, rng: np.random.Generator) -> Floats:
    """A homography that also puts a picture's middle somewhere in the scene, seldom in its uppermost part."""
    height, width = scene.shape[:2]
    x, y = rng.uniform((0, 0.15 * height), (width, height))
    return np.asarray(np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]) @ how)


def through(move: Floats, box: Floats) -> Floats:
    """Where the corners (4, 2) of a box (4,) come to lie."""
    x1, y1, x2, y2 = box.astype(float)
    points = np.array([[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]])
    return np.asarray(cv2.perspectiveTransform(points, move)[0], np.float64)


def turned(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> tuple[Floats, float]:
    """A picture's middle put to 0, scaled, and turned as seen from six widths away: a homography, and the yaw in degrees.

    Half of all are turned sideways by up to 20 degrees, the others by up to 60; pitch is up to 15, roll up to 10.
    """
    height, width = shape[:2]
    yaw_deg = float(rng.uniform(-20, 20) if rng.random() < 0.5 else rng.uniform(-60, 60))
    yaw, pitch, roll = np.radians([yaw_deg, rng.uniform(-15, 15), rng.uniform(-10, 10)])
    turn = cv2.Rodrigues(np.array([0, 0, roll]))[0] @ cv2.Rodrigues(np.array([pitch, 0, 0]))[0]
    turn = turn @ cv2.Rodrigues(np.array([0, yaw, 0]))[0]
    far = 6.0 * width
    flat = np.column_stack([turn[:, 0], turn[:, 1], [0, 0, far]])
    middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    return np.diag([scale * far, scale * far, 1.0]) @ flat @ middle, abs(yaw_deg)


def lay(scene: Bytes, picture: Bytes, cover: NDArray[np.float32], move: Floats) -> None:
    """Draw a picture into the scene, as far as `cover` (H, W) from 0 to 1 has it; smoothed first, as a lens would."""
    corners = through(move, np.array([0, 0, *picture.shape[1::-1]]))
    x1, y1, x2, y2 = np.clip(
        np.concatenate([corners.min(0), corners.max(0) + 1]), 0, [*scene.shape[1::-1]] * 2
    ).astype(int)
    if x1 >= x2 or y1 >= y2:
        return
    ratio = math.sqrt(abs(np.linalg.det(move[:2, :2])) / move[2, 2] ** 2)
    if ratio < 0.5:  # twice as large as it is seen
        smaller = [round(side * 2 * ratio) or 1 for side in picture.shape[1::-1]]
        x, y = (have / made for have, made in zip(picture.shape[1::-1], smaller, strict=True))
        picture = np.asarray(cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        cover = np.asarray(cv2.resize(cover, smaller, interpolation=cv2.INTER_AREA), np.float32)
        move = move @ np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]])
        ratio = 0.5
    if ratio < 1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / ratio), np.uint8)
    here = np.array([[1, 0, -x1], [0, 1, -y1], [0, 0, 1]]) @ move
    size = (int(x2 - x1), int(y2 - y1))
    laid = cv2.warpPerspective(picture, here, size, flags=cv2.INTER_LINEAR)
    share = cv2.warpPerspective(cover, here, size, flags=cv2.INTER_LINEAR)[..., None]
    part = scene[y1:y2, x1:x2]
    part[:] = (part * (1 - share) + laid * share).astype(np.uint8)
