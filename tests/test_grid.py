"""The grid lies where the camera says the road is."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from command import roaddamage

from detector.camera import Camera
from detector.grid import LINE_RGB, with_grid

CAMERA = Camera(1280, 720, 900.0, 1.3, math.radians(6))


def test_the_cross_line_at_ten_metres_is_where_ten_metres_are() -> None:
    grey = np.full((720, 1280, 3), 90, np.uint8)
    drawn = with_grid(grey, CAMERA)
    u, v = (round(float(one)) for one in CAMERA.to_image(0.7, 10.0))
    assert (drawn[v - 1 : v + 2, u] == LINE_RGB).all(1).any()
    assert (grey == 90).all(), "the picture itself is left alone"


def test_the_command_writes_a_picture_a_drive(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.jpg"
    done = roaddamage(
        "camera", sample, tmp_path / "none.mp4", "--camera-height", "1.3", "--hfov", "65", "--out", out
    )
    assert done.returncode == 3
    assert "none.mp4" in done.stderr
    assert "found in how the road moves" in done.stdout
    assert cv2.imread(str(out)).shape == (720, 1280, 3)
