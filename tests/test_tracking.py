"""Damages seen by a camera driven past them are followed one by one, and put where they are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detector.camera import Camera
from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE, TRANSVERSE_CRACK
from detector.model import Detections
from detector.tracking import Footprint, Track, Tracker, footprints
from detector.trajectory import Pose
from detector.video import Frame

CAMERA = Camera(1280, 720, 900.0, 1.3, math.radians(8))
IMAGE = np.zeros((720, 1280, 3), np.uint8)


def detections(
    boxes: list[tuple[float, float, float, float]], classes: list[int], confidence: float
) -> Detections:
    return Detections(
        np.array(boxes, float).reshape(-1, 4), np.array(classes, np.int64), np.full(len(boxes), confidence)
    )


def drive(
    damages: list[tuple[float, float, int]],
    *,
    step_m: float = 2.5,
    length_m: float = 120.0,
    heading_deg: float = 30.0,
    miss: float = 0.0,
    noise_px: float = 0.0,
    confidence: float = 0.8,
) -> list[Track]:
    """Tracks of a straight drive past damages (along_m, right_m, class), each 0.6 m by 0.6 m."""
    rng = np.random.default_rng(3)
    tracker, tracks = Tracker(CAMERA), []
    heading = math.radians(heading_deg)
    for index, here_m in enumerate(np.arange(0, length_m, step_m)):
        boxes, classes = [], []
        for along_m, right_m, class_id in damages:
            near = along_m - here_m - 0.3
            if not 3.2 < near < 18 or rng.random() < miss:
                continue
            u, v = CAMERA.to_image([right_m - 0.3, right_m + 0.3], [near, near])
            _, top = CAMERA.to_image(right_m, near + 0.6)
            boxes.append(tuple(np.array([u[0], top, u[1], v[0]], float) + rng.normal(0, noise_px, 4)))
            classes.append(class_id)
        pose = Pose(here_m * math.sin(heading), here_m * math.cos(heading), heading, 10.0, 3.0, here_m)
        frame = Frame(index, index * 0.25, IMAGE)
        tracks += tracker.update(frame, pose, detections(boxes, classes, confidence))
    return tracks + tracker.finish()


FIVE = [
    (20.0, 0.5, POTHOLE),
    (32.0, -1.5, POTHOLE),
    (45.0, 1.5, ALLIGATOR_CRACK),
    (60.0, 0.0, POTHOLE),
    (90.0, -0.5, TRANSVERSE_CRACK),
]


@pytest.mark.parametrize("heading_deg", [0, 30, 180, 271])
@pytest.mark.parametrize("step_m", [1.0, 2.5, 5.0])
def test_each_damage_is_one_track_in_its_place(step_m: float, heading_deg: float) -> None:
    tracks = drive(FIVE, step_m=step_m, heading_deg=heading_deg, noise_px=1.0)
    assert [track.class_id for track in tracks] == [damage[2] for damage in FIVE]
    heading = math.radians(heading_deg)
    for track, (along_m, right_m, _) in zip(tracks, FIVE, strict=True):
        east = along_m * math.sin(heading) + right_m * math.cos(heading)
        north = along_m * math.cos(heading) - right_m * math.sin(heading)
        assert math.hypot(track.east_m - east, track.north_m - north) < 0.6
        size_m, size_sd_m = track.size
        assert size_m[1] == pytest.approx(0.6, abs=3 * size_sd_m[1])


def test_many_damages_with_misses_are_counted_right() -> None:
    rng = np.random.default_rng(1)
    along = 20 + np.cumsum(rng.uniform(3, 9, 60))
    damages = [(float(a), float(rng.uniform(-1.7, 1.7)), int(rng.choice([2, 3]))) for a in along]
    tracks = drive(damages, length_m=float(along[-1]) + 20, miss=0.2, noise_px=2.0)
    assert 57 <= len(tracks) <= 64


def test_side_by_side_stay_two() -> None:
    assert len(drive([(30.0, -1.2, POTHOLE), (30.0, 1.2, POTHOLE)])) == 2


def test_a_crack_now_called_alligator_stays_one_damage_and_the_surer_class_wins() -> None:
    tracker, seen = Tracker(CAMERA), []
    for index, (here_m, class_id) in enumerate(
        [(0.0, LONGITUDINAL_CRACK), (2.5, ALLIGATOR_CRACK), (5.0, ALLIGATOR_CRACK)]
    ):
        u, v = CAMERA.to_image([-0.3, 0.3], [14 - here_m, 14 - here_m])
        _, top = CAMERA.to_image(0, 15 - here_m)
        found = detections([(u[0], float(top), u[1], v[0])], [class_id], 0.7)
        seen += tracker.update(Frame(index, index / 4, IMAGE), Pose(0, here_m, 0.0, 10, 3, here_m), found)
    (track,) = seen + tracker.finish()
    assert (track.class_id, track.footprints) == (ALLIGATOR_CRACK, 3)


def test_a_pothole_in_the_place_of_a_transverse_crack_is_another_damage() -> None:
    assert len(drive([(30.0, 0.0, POTHOLE), (30.0, 0.0, TRANSVERSE_CRACK)])) == 2


@pytest.mark.parametrize(("confidence", "count"), [(0.3, 0), (0.6, 1)])
def test_one_weak_look_is_not_believed(confidence: float, count: int) -> None:
    tracker = Tracker(CAMERA)
    u, v = CAMERA.to_image([-0.3, 0.3], [8, 8])
    found = detections([(u[0], v[0] - 30, u[1], v[0])], [POTHOLE], confidence)
    tracker.update(Frame(0, 0.0, IMAGE), Pose(0, 0, 0, 10, 3, 0), found)
    assert len(tracker.finish()) == count


def test_boxes_in_the_sky_or_far_off_are_left_out() -> None:
    tracker = Tracker(CAMERA)
    _, far = CAMERA.to_image(0, 40.0)
    found = detections([(600, 10, 700, 60), (600, float(far) - 5, 620, float(far))], [POTHOLE] * 2, 0.9)
    tracker.update(Frame(0, 0.0, IMAGE), Pose(0, 0, 0, 10, 3, 0), found)
    assert tracker.finish() == []


def test_memory_holds_only_what_is_in_reach() -> None:
    tracker = Tracker(CAMERA)
    u, v = CAMERA.to_image([-0.3, 0.3], [8, 8])
    for index in range(400):
        found = detections([(u[0], v[0] - 30, u[1], v[0])], [POTHOLE], 0.9)
        tracker.update(Frame(index, index, IMAGE), Pose(0, index * 5.0, 0, 10, 3, index * 5.0), found)
        assert len(tracker.live) < 10


@pytest.mark.parametrize("yaw_deg", [-17.5, 0.0, 10.4])
def test_a_camera_turned_aside_measures_the_same_length(yaw_deg: float) -> None:
    camera = replace(CAMERA, yaw_rad=math.radians(yaw_deg))
    u, v = camera.to_image([-0.3, 0.3], [8.0, 8.0])
    _, top = camera.to_image(0.0, 8.6)
    found = detections([(float(min(u)), float(top), float(max(u)), float(np.mean(v)))], [POTHOLE], 0.9)
    (seen,) = footprints(Frame(0, 0.0, IMAGE), Pose(0, 0, 0, 10, 3, 0), found, camera)
    assert seen.length_m == pytest.approx(0.6, abs=0.12)


def look(corners_m: np.ndarray, *, outlined: bool = False) -> Footprint:
    """One look from the origin, heading north, at a thing with these corners (k, 2), right and forward."""
    u, v = CAMERA.to_image(*corners_m.T)
    box = np.array([[u.min(), v.min(), u.max(), v.max()]])
    outlines = [np.column_stack([u, v])] if outlined else None
    detections = Detections(box, np.array([POTHOLE]), np.array([0.9]), outlines)
    pose = Pose(0.0, 0.0, 0.0, 10.0, 1.0, 0.0)
    return footprints(Frame(0, 0.0, np.zeros((2, 2, 3), np.uint8)), pose, detections, CAMERA)[0]


@pytest.mark.parametrize("right_m", [0.0, 0.4, 1.5, -2.5])
@pytest.mark.parametrize("forward_m", [5.0, 12.0])
@pytest.mark.parametrize(("length_m", "width_m"), [(0.5, 0.5), (2.0, 1.5), (3.0, 0.2), (0.2, 2.0)])
def test_a_box_gives_the_rectangle_on_the_road(
    right_m: float, forward_m: float, length_m: float, width_m: float
) -> None:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width_m / 2, length_m / 2]
    seen = look(corners + [right_m, forward_m])
    assert (seen.length_m, seen.width_m) == pytest.approx((length_m, width_m), abs=0.02)
    assert seen.area_m2 is None


def test_an_outline_gives_the_area_of_any_shape() -> None:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    oval = np.column_stack([1.5 + 0.4 * np.cos(angle), 6.0 + 0.9 * np.sin(angle)])
    assert look(oval, outlined=True).area_m2 == pytest.approx(np.pi * 0.4 * 0.9, rel=0.01)
    corner = np.array([[0, 5], [2, 5], [2, 6], [1, 6], [1, 8], [0, 8]])
    assert look(corner, outlined=True).area_m2 == pytest.approx(4.0)


def test_sizes_of_many_looks_are_surer_than_of_one() -> None:
    few, many = (drive(FIVE[:1], step_m=step_m, noise_px=3.0)[0] for step_m in (8.0, 0.5))
    assert (many.size[1] <= few.size[1] + 1e-9).all()


def test_what_the_pictures_edge_cuts_is_not_measured() -> None:
    corners = np.array([[-4, 4], [0, 4], [0, 5], [-4, 5]])
    assert look(corners).cut


def test_a_box_in_a_surer_one_of_its_class_is_part_of_it() -> None:
    whole, inside = (400.0, 450.0, 640.0, 560.0), (520.0, 470.0, 620.0, 540.0)
    boxes = Detections(np.array([inside, whole]), np.array([ALLIGATOR_CRACK] * 2), np.array([0.4, 0.9]))
    pose, frame = Pose(0.0, 0.0, 0.0, 10.0, 1.0, 0.0), Frame(0, 0.0, IMAGE)
    assert [one.confidence for one in footprints(frame, pose, boxes, CAMERA)] == [0.9]
    other = replace(boxes, class_id=np.array([POTHOLE, ALLIGATOR_CRACK]))
    assert len(footprints(frame, pose, other, CAMERA)) == 2, "a pothole in cracks is a thing of its own"


def test_two_things_seen_side_by_side_in_most_frames_are_not_put_together() -> None:
    close = [(40.0, 0.0, POTHOLE), (40.9, 0.0, POTHOLE)]
    assert len(drive(close, step_m=1.0)) == 2
