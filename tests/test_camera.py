"""Pixels to ground and back, and whether the stated errors are true."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.sample_drive import sample_camera
from detector.camera import BOX_ERROR_PX_AT_640, Camera, camera_for
from detector.horizon import WORK_WIDTH_PX, find_vanishing_point, reduced
from detector.video import VideoReader

CAMERA = Camera(1280, 720, 900.0, 1.3, math.radians(6))


@pytest.mark.parametrize("mount", [{}, {"yaw_rad": 0.1}, {"yaw_rad": -0.15, "roll_rad": 0.05}])
@pytest.mark.parametrize("lens", [{}, {"k1": -0.25, "k2": 0.05}, {"k1": 0.1}])
@pytest.mark.parametrize(("right_m", "forward_m"), [(0, 5), (-1.8, 4), (2.5, 18), (0.4, 30)])
def test_ground_and_image_are_inverse(
    right_m: float, forward_m: float, mount: dict[str, float], lens: dict[str, float]
) -> None:
    camera = replace(CAMERA, **mount, **lens)
    right, forward = camera.to_ground(*camera.to_image(right_m, forward_m))
    assert (float(right), float(forward)) == pytest.approx((right_m, forward_m), abs=2e-3)


def test_the_lens_bends_as_opencv_says() -> None:
    camera = replace(CAMERA, k1=-0.2, k2=0.03, pitch_rad=0.0)
    intrinsics = np.array([[900.0, 0, 640], [0, 900.0, 360], [0, 0, 1]])
    points = np.array([[1.0, 1.3, 4.0], [-2.0, 1.3, 6.0]])
    expected, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), intrinsics, np.array([-0.2, 0.03, 0, 0])
    )
    assert np.column_stack(camera.to_image(points[:, 0], points[:, 2])) == pytest.approx(expected[:, 0])


def test_a_barrel_lens_puts_nothing_from_far_aside_into_the_picture() -> None:
    camera = replace(CAMERA, k1=-0.25)
    u, _ = camera.to_image([40.0, 400.0], [2.0, 2.0])
    assert (u > camera.width_px).all()


def test_a_camera_that_hangs_to_the_right_sees_the_ground_higher_on_the_left() -> None:
    """Its right side lower, the picture's right shows nearer ground in the same row."""
    _, left = replace(CAMERA, roll_rad=0.05).to_ground(340, 500)
    _, right = replace(CAMERA, roll_rad=0.05).to_ground(940, 500)
    assert right < left


def test_a_level_camera_by_hand() -> None:
    level = replace(CAMERA, pitch_rad=0.0)
    right, forward = level.to_ground(640 + 90, 360 + 90)  # a tenth of the focal length each way
    assert (float(right), float(forward)) == pytest.approx((1.3, 13.0))


def test_at_and_above_the_horizon_there_is_no_ground() -> None:
    _, forward = CAMERA.to_ground([640, 640], [CAMERA.horizon_px - 1, CAMERA.horizon_px - 200])
    assert np.isnan(forward).all()
    assert np.isnan(CAMERA.to_image(0.0, -3.0)[0])


@pytest.mark.parametrize(("right_m", "forward_m"), [(0.5, 5.0), (-2.0, 10.0), (2.0, 16.0)])
def test_stated_errors_are_those_of_a_simulation(right_m: float, forward_m: float) -> None:
    rng, count = np.random.default_rng(2), 20_000
    camera = replace(CAMERA, focal_sd_ratio=0.0)
    u, v = camera.to_image(right_m, forward_m)
    noise_px = BOX_ERROR_PX_AT_640 * 2
    drawn = [
        replace(
            camera,
            pitch_rad=camera.pitch_rad + rng.normal(0, camera.pitch_sd_rad),
            height_m=camera.height_m + rng.normal(0, camera.height_sd_m),
            yaw_rad=rng.normal(0, camera.yaw_sd_rad),
            roll_rad=rng.normal(0, camera.roll_sd_rad),
        ).to_ground(u + rng.normal(0, noise_px), v + rng.normal(0, noise_px))
        for _ in range(count)
    ]
    spread = np.array(drawn, float).std(0)
    stated = np.array(camera.ground_sd(right_m, forward_m))
    assert stated == pytest.approx(spread, rel=0.15)


def test_what_is_not_known_makes_the_errors_wide() -> None:
    known = camera_for(1280, 720, height_m=1.3, hfov_deg=70, horizon=0.4)
    guessed = camera_for(1280, 720)
    assert (np.array(guessed.ground_sd(1, 10)) > 2 * np.array(known.ground_sd(1, 10))).all()
    assert known.horizon_px == pytest.approx(288)


@pytest.mark.parametrize("given", [{"height_m": 9.0}, {"hfov_deg": 5.0}, {"horizon": 2.0}])
def test_impossible_cameras_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not between"):
        camera_for(1280, 720, **given)


def test_vanishing_point_is_found_in_the_sample_drive(sample: Path) -> None:
    frames = VideoReader(sample).frames_at(np.linspace(1, 29, 24))
    point = find_vanishing_point([reduced(frame.image) for frame in frames])
    truth = sample_camera()
    scale = WORK_WIDTH_PX / truth.width_px
    assert point is not None
    assert abs(point.v - truth.horizon_px * scale) < 2 * point.sd_px
    assert abs(point.u - WORK_WIDTH_PX / 2) < 3 * point.sd_px


@pytest.mark.parametrize(
    "images",
    [
        pytest.param([], id="no picture"),
        pytest.param([np.zeros((360, 640, 3), np.uint8)] * 5, id="night"),
        pytest.param(list(np.random.default_rng(0).integers(0, 255, (6, 360, 640, 3), np.uint8)), id="noise"),
    ],
)
def test_no_vanishing_point_where_there_is_no_road(images: list[np.ndarray]) -> None:
    assert find_vanishing_point(images) is None
