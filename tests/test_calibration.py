"""The camera found from how the road moves, kept by vehicle, and refused where it does not see the road."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import write_frames

from datasets.sample_drive import SAMPLE_HFOV_DEG, sample_camera
from detector.calibration import FEWEST_STRIDES, Stride, calibrated, strides
from detector.camera import Camera, camera_for
from detector.errors import FootageError
from detector.footage import Refused, find_drives
from detector.orientation import Astray, astray
from detector.pipeline import Options, Source, find_camera
from detector.telemetry.clock import Hints
from detector.trajectory import trajectory_from_fixes
from detector.vehicle import REMOUNTED_SD, Vehicle, VehicleError, read_vehicle, write_vehicle
from detector.video import VideoReader

TRUTH = sample_camera()
BELIEVED = camera_for(TRUTH.width_px, TRUTH.height_px, hfov_deg=SAMPLE_HFOV_DEG, horizon=0.2)


@cache
def steps_of(video: Path) -> tuple[Stride, ...]:
    """The strides of a drive with its log beside it."""
    drive = next(find_drives([video]))
    assert not isinstance(drive, Refused)
    return tuple(strides(drive, trajectory_from_fixes(drive.fixes(Hints()))))


def reach(camera: Camera) -> float:
    """What distances ahead scale with."""
    return camera.height_m * camera.focal_px / math.cos(camera.pitch_rad) ** 2


def test_the_road_tells_height_pitch_yaw_and_roll(sample: Path) -> None:
    found = calibrated(steps_of(sample), BELIEVED)
    assert found is not None
    assert found.height_m == pytest.approx(TRUTH.height_m, rel=0.03)
    assert found.pitch_rad == pytest.approx(TRUTH.pitch_rad, abs=math.radians(0.3))
    for miss, sd in (
        (math.log(found.height_m / TRUTH.height_m), found.range_error),
        (found.pitch_rad - TRUTH.pitch_rad, found.pitch_sd_rad),
        (found.yaw_rad, found.yaw_sd_rad),
        (found.roll_rad, found.roll_sd_rad),
    ):
        assert abs(miss) < 3 * sd
        assert sd < 0.03


@pytest.mark.parametrize("height_m", [0.9, 2.2])
def test_a_wrong_belief_gives_way_to_the_road(sample: Path, height_m: float) -> None:
    wrong = replace(BELIEVED, height_m=height_m, height_sd_m=0.5 * height_m)
    found = calibrated(steps_of(sample), wrong)
    assert found is not None
    assert reach(found) == pytest.approx(reach(TRUTH), rel=0.03)


def test_where_the_focal_length_is_a_guess_sizes_stay_unsure_and_distances_do_not(sample: Path) -> None:
    found = calibrated(steps_of(sample), camera_for(TRUTH.width_px, TRUTH.height_px))
    assert found is not None
    assert reach(found) == pytest.approx(reach(TRUTH), rel=0.03)
    assert found.range_error < 0.04 < 0.1 < found.height_sd_m / found.height_m
    assert abs(found.height_m - TRUTH.height_m) < 2 * found.height_sd_m


def test_pictures_that_are_shown_longer_are_taken_once(sample: Path, tmp_path: Path) -> None:
    """A survey's two pictures a second: the log has moved on while the picture has not."""
    kept = [frame.image for frame in VideoReader(sample).frames_at(np.arange(0, 30, 0.5))]
    video = write_frames(tmp_path / "survey.mp4", [image for image in kept for _ in range(5)], rate=10)
    video.with_suffix(".gpx").write_bytes(sample.with_suffix(".gpx").read_bytes())
    found = calibrated(steps_of(video), BELIEVED)
    assert found is not None
    assert reach(found) == pytest.approx(reach(TRUTH), rel=0.06)


def test_too_little_road_tells_nothing(sample: Path) -> None:
    assert calibrated(steps_of(sample)[: FEWEST_STRIDES - 1], BELIEVED) is None
    night = [replace(one, first=one.first * 0 + 4, second=one.second * 0 + 4) for one in steps_of(sample)]
    assert calibrated(night, BELIEVED) is None
    assert astray(night, BELIEVED) is not Astray.upside_down


def test_a_camera_upside_down_or_backwards_is_told(sample: Path) -> None:
    turned = [
        replace(one, first=one.first[::-1, ::-1].copy(), second=one.second[::-1, ::-1].copy())
        for one in steps_of(sample)
    ]
    assert calibrated(turned, BELIEVED) is None
    assert astray(turned, BELIEVED) is Astray.upside_down
    back = [replace(one, first=one.second, second=one.first) for one in steps_of(sample)]
    assert calibrated(back, BELIEVED) is None
    assert astray(back, BELIEVED) is Astray.backwards


def slides(shift_px: int, moving_share: float) -> list[Stride]:
    """What a camera sees of a wall that it passes; `moving_share` of the picture's width is that wall."""
    rng = np.random.default_rng(5)
    seen = []
    for _ in range(12):
        wall = rng.uniform(0, 255, (54, 240)).astype(np.float32).repeat(10, 0).repeat(10, 1)
        still = (
            np.random.default_rng(6).uniform(0, 255, (54, 96)).astype(np.float32).repeat(10, 0).repeat(10, 1)
        )
        pictures = []
        for step in range(3):
            picture = still.copy()
            wide = int(960 * moving_share)
            picture[:, :wide] = wall[:, step * shift_px : step * shift_px + wide]
            pictures.append(picture)
        seen.append(Stride(pictures[0], pictures[2], 2.5, 0.0, 0.0, pictures[1]))
    return seen


def test_a_camera_that_looks_aside_or_into_the_vehicle_is_told() -> None:
    assert astray(slides(24, 1.0), BELIEVED) is Astray.aside
    assert astray(slides(24, 0.15), BELIEVED) is Astray.inside


def test_a_drive_filmed_upside_down_is_refused_with_the_reason(sample: Path, tmp_path: Path) -> None:
    frames = (frame.image[::-1, ::-1] for frame in VideoReader(sample).frames_at(np.arange(0, 20, 1 / 15)))
    video = write_frames(tmp_path / "hung.mp4", frames, rate=15)
    video.with_suffix(".gpx").write_bytes(sample.with_suffix(".gpx").read_bytes())
    drive = next(find_drives([video]))
    assert not isinstance(drive, Refused)
    with pytest.raises(FootageError, match=r"hung\.mp4: the camera hangs upside down"):
        find_camera(drive, Options(), trajectory_from_fixes(drive.fixes(Hints())))


def test_a_vehicle_is_known_better_with_every_drive() -> None:
    rng = np.random.default_rng(3)
    camera = replace(TRUTH, range_sd_ratio=0.04, pitch_sd_rad=0.006, yaw_sd_rad=0.01, roll_sd_rad=0.01)
    vehicle = Vehicle()
    misses = []
    for drive in range(8):
        shown = replace(
            camera,
            height_m=TRUTH.height_m * math.exp(rng.normal(0, 0.04)),
            pitch_rad=TRUTH.pitch_rad + rng.normal(0, 0.006),
            roll_rad=rng.normal(0, 0.01),
        )
        vehicle = vehicle.after(shown)
        assert vehicle.drives == drive + 1
        assert vehicle.camera is not None
        misses.append(abs(vehicle.camera.pitch_rad - TRUTH.pitch_rad) / vehicle.camera.pitch_sd_rad)
    assert vehicle.camera is not None
    assert vehicle.camera.range_error < 0.75 * 0.04
    assert np.mean(misses) < 1.5


def test_a_camera_that_was_moved_is_learnt_anew_and_one_of_another_shape_too() -> None:
    first = Vehicle().after(TRUTH).after(TRUTH)
    moved = replace(TRUTH, pitch_rad=TRUTH.pitch_rad + (REMOUNTED_SD + 3) * 2 * TRUTH.pitch_sd_rad)
    assert first.after(moved) == Vehicle(moved, 1)
    square = replace(TRUTH, width_px=TRUTH.height_px)
    assert first.expected(square.width_px, square.height_px) is None
    assert first.after(square).drives == 1


def test_a_drive_at_night_takes_the_camera_of_the_vehicles_other_drives(sample: Path, tmp_path: Path) -> None:
    dark = np.zeros((180, 320, 3), np.uint8)
    video = write_frames(tmp_path / "night.mp4", [dark] * 280, rate=10)
    video.with_suffix(".gpx").write_bytes(sample.with_suffix(".gpx").read_bytes())
    drive = next(find_drives([video]))
    assert not isinstance(drive, Refused)
    vehicle = Vehicle().after(TRUTH)
    trajectory = trajectory_from_fixes(drive.fixes(Hints()))
    camera, source, after = find_camera(drive, Options(vehicle=vehicle), trajectory)
    assert (source, after.drives) == (Source.vehicle, 1)
    assert camera.height_m == pytest.approx(TRUTH.height_m)
    camera, source, _ = find_camera(drive, Options(), trajectory)
    assert source is Source.default
    assert camera.range_error > 0.2


def test_a_vehicles_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "car.json"
    assert read_vehicle(path) == Vehicle()
    write_vehicle(path, Vehicle(TRUTH, 3))
    assert read_vehicle(path) == Vehicle(TRUTH, 3)
    assert [one.name for one in tmp_path.iterdir()] == ["car.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"drives": 1}', '{"drives": 1, "camera": {"height": 3}}'])
def test_a_file_that_is_no_vehicles_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "car.json"
    path.write_text(text)
    with pytest.raises(VehicleError, match=r"car\.json is not a vehicle's file"):
        read_vehicle(path)
