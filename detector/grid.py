"""A grid on the road, drawn into a picture: so that a person can see whether the camera is taken right.

Cross lines every 5 m ahead, and lines along the road every metre and a half to each side. Where the camera is
right they lie on the road: the lines along it meet where the road vanishes, and a traffic lane is as wide
as lanes are.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.camera import Camera

Picture = NDArray[np.uint8]

AHEAD_M = np.arange(5.0, 31.0, 5.0)
ASIDE_M = np.arange(-4.5, 4.6, 1.5)
NEAREST_M = 0.5
NAMED_M = (5.0, 10.0, 15.0, 30.0)
LINE_RGB, EDGE_RGB, HORIZON_RGB = (255, 255, 255), (20, 20, 20), (255, 196, 0)


def with_grid(image: Picture, camera: Camera) -> Picture:
    """The picture (H, W, 3) RGB of that camera with the grid, its distances, and the horizon."""
    drawn = image.copy()
    weight = max(1, camera.width_px // 640)
    horizon = round(camera.horizon_px)
    if 0 <= horizon < camera.height_px:
        cv2.line(drawn, (0, horizon), (camera.width_px, horizon), HORIZON_RGB, weight)
    for right_m in ASIDE_M:
        _line(drawn, camera, np.full(40, right_m), np.linspace(NEAREST_M, AHEAD_M[-1], 40), weight)
    for forward_m in AHEAD_M:
        _line(drawn, camera, np.linspace(ASIDE_M[0], ASIDE_M[-1], 40), np.full(40, forward_m), weight)
        if forward_m in NAMED_M:
            _words(drawn, camera, f"{forward_m:.0f} m", forward_m, weight)
    return drawn


def _line(
    image: Picture, camera: Camera, right_m: NDArray[np.float64], forward_m: NDArray[np.float64], weight: int
) -> None:
    points = np.column_stack(camera.to_image(right_m, forward_m))
    points = points[np.isfinite(points).all(1) & (np.abs(points) < 8 * camera.width_px).all(1)]
    path = [np.round(points).astype(np.int32).reshape(-1, 1, 2)]
    cv2.polylines(image, path, isClosed=False, color=EDGE_RGB, thickness=weight + 2, lineType=cv2.LINE_AA)
    cv2.polylines(image, path, isClosed=False, color=LINE_RGB, thickness=weight, lineType=cv2.LINE_AA)


def _words(image: Picture, camera: Camera, text: str, forward_m: float, weight: int) -> None:
    u, v = (float(one) for one in camera.to_image(ASIDE_M[-1] + 0.3, forward_m))
    if not (0 <= u < camera.width_px and 0 <= v < camera.height_px):
        u, v = (float(one) for one in camera.to_image(0.1, forward_m))
    if not (0 <= u < camera.width_px and 0 <= v < camera.height_px):
        return
    place, size = (round(u), round(v) - 3 * weight), 0.45 * weight
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, EDGE_RGB, weight + 2, cv2.LINE_AA)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, LINE_RGB, weight, cv2.LINE_AA)
