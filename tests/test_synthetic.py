"""The synthetic road is the same every time, and its truth is true."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.course import Bend, Course, Line
from datasets.light import Daylight
from datasets.pavement import PaintedDamage, Pavement
from datasets.sample_drive import LANE_M, SAMPLE_SEED, sample_camera, sample_road, write_sample_drive
from datasets.synthetic import (
    DECOYS,
    WGS84,
    Centreline,
    Scene,
    box_in_view,
    boxes_in_view,
    labelled_frames,
    paint_decoy,
)
from detector.classes import CODES, POTHOLE
from detector.video import probe


def test_the_sample_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sample_drive(tmp_path / name, seconds=1.0)
    for file in ("sample.mp4", "sample.gpx", "sample.truth.geojson"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert probe(tmp_path / "one/sample.mp4").duration_s == pytest.approx(1.0, abs=0.04)


def test_a_sample_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "sample.mp4").write_bytes(b"mine")
    assert write_sample_drive(tmp_path).read_bytes() == b"mine"


def test_truth_holds_every_class_at_its_place(tmp_path: Path) -> None:
    write_sample_drive(tmp_path, seconds=0.1)
    features = json.loads((tmp_path / "sample.truth.geojson").read_text())["features"]
    assert {feature["properties"]["class"] for feature in features} == set(CODES)
    pavement, road = sample_road()
    for feature, damage in zip(features, pavement.damages, strict=True):
        assert feature["geometry"]["coordinates"] == pytest.approx(road.to_lonlat(*damage.centre), abs=1e-7)


def test_a_bent_centreline_is_a_circle() -> None:
    radius_m = 100.0
    road = Centreline((139.75, 35.65), 0.0, np.full(200, 1 / radius_m))
    lon, lat = road.to_lonlat(math.pi / 2 * radius_m, 0.0)
    azimuth, _, length_m = WGS84.inv(139.75, 35.65, lon, lat)
    assert length_m == pytest.approx(radius_m * math.sqrt(2), rel=1e-3)
    assert azimuth == pytest.approx(45, abs=0.1)


def test_labels_are_boxes_in_the_picture() -> None:
    pavement, _ = sample_road()
    camera = sample_camera()
    boxes, classes = boxes_in_view(pavement.damages, camera, 75.0, -1.75, 0.0)
    assert len(boxes) >= 1
    assert (boxes[:, 2] > boxes[:, 0]).all()
    assert (boxes[:, 3] > boxes[:, 1]).all()
    assert set(classes.tolist()) <= set(range(4))


def test_frames_to_train_on_are_labelled_and_some_are_clean() -> None:
    frames = list(labelled_frames(40, seed=3, size_px=(320, 180)))
    assert len(frames) == 40
    assert any(len(frame.xyxy) == 0 for frame in frames)
    for frame in frames:
        assert frame.image.shape == (180, 320, 3)
        assert (frame.xyxy >= 0).all()
        assert (frame.xyxy[:, [0, 2]] <= 320).all()
        assert (frame.xyxy[:, [1, 3]] <= 180).all()


SAMPLE = [
    [[146, 155, 167, 129], [137, 116, 98, 113], [123, 103, 92, 114]],
    [[153, 161, 163, 146], [136, 122, 106, 117], [124, 112, 107, 114]],
]


def corner() -> Line:
    """A road that turns right by 60 degrees within some ten metres."""
    heading = np.clip((np.arange(-10, 60, 0.5) - 4) / 10, 0, 1) * math.radians(60)
    points = np.cumsum(0.5 * np.column_stack([np.sin(heading), np.cos(heading)]), 0)
    return Line(points - points[20], 0.5, -10.0, LANE_M)


def test_the_sample_looks_as_it_always_did() -> None:
    """Means of blocks of pictures: everything in its place, whatever the processor rounds."""
    scene = Scene(sample_road()[0], sample_camera(), np.random.default_rng(SAMPLE_SEED))
    seen = [
        cv2.resize(scene.frame(along_m, LANE_M, 0.004), (4, 3), interpolation=cv2.INTER_AREA).mean(-1)
        for along_m in (30.0, 140.0)
    ]
    assert np.round(np.array(seen)) == pytest.approx(np.array(SAMPLE), abs=1)


@pytest.mark.parametrize("kind", DECOYS)
def test_a_decoy_is_seen_and_is_no_damage(kind: str) -> None:
    pavement = Pavement(12.0, np.random.default_rng(1))
    before = pavement.picture()
    paint_decoy(pavement, kind, 3.0, 0.0)
    assert (cv2.absdiff(before, pavement.picture()) > 8).sum() > 500
    assert pavement.damages == []


@pytest.mark.parametrize(
    ("changes", "hill_per_m", "course"),
    [
        ({}, 0.0, Bend(0.004, LANE_M)),
        ({"k1": -0.3, "k2": 0.08}, 0.0, Bend(0.0, LANE_M)),
        ({"roll_rad": 0.08, "yaw_rad": -0.06}, 0.0, Bend(0.0, LANE_M)),
        ({}, 0.002, Bend(0.0, LANE_M)),
        ({}, -0.003, Bend(0.0, LANE_M)),
        ({}, 0.0, corner()),
        ({"k1": -0.2, "roll_rad": -0.05, "yaw_rad": 0.04}, 0.002, corner()),
    ],
    ids=["straight", "lens", "mount", "dip", "crest", "corner", "all"],
)
def test_a_box_holds_what_is_painted(changes: dict[str, float], hill_per_m: float, course: Course) -> None:
    """The picture changes inside the box, and as far as its edges, when a damage is painted."""
    camera = replace(sample_camera(), **changes)
    whole, damaged = (Pavement(30.0, np.random.default_rng(1)) for _ in range(2))
    damaged.rectangle((10.6, 11.4), (-1.4, -0.2), (255, 255, 255), wear=0.0)
    edge = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
    marks = np.linspace(0, 4, 81)
    outline = np.column_stack([np.interp(marks, np.arange(5), side) for side in edge.T])
    painted = PaintedDamage(POTHOLE, outline * (0.8, 1.2) + (10.6, -1.4))
    one, other = (
        Scene(pavement, camera, np.random.default_rng(2)).look(
            2.0, course, hill_per_m=hill_per_m, nod_rad=0.01 if changes else 0.0
        )
        for pavement in (whole, damaged)
    )
    rows, columns = np.nonzero((cv2.absdiff(one, other) > 30).any(-1))
    nodding = replace(camera, pitch_rad=camera.pitch_rad + (0.01 if changes else 0.0))
    box = box_in_view(painted, nodding, 2.0, course, hill_per_m=hill_per_m)
    assert box == pytest.approx([columns.min(), rows.min(), columns.max(), rows.max()], abs=2.5)


def test_a_straight_line_bends_as_in_opencv() -> None:
    camera = replace(sample_camera(), focal_px=560.0, k1=-0.25, k2=0.06)
    pavement = Pavement(40.0, np.random.default_rng(1))
    pavement.rectangle((0, 40), (4.0, 4.2), (255, 255, 255), wear=0.0)
    picture = Scene(pavement, camera, np.random.default_rng(2)).frame(1.0, 0.0, 0.0)
    matrix = np.array([[560.0, 0, 480], [0, 560, 270], [0, 0, 1]])
    tilt = np.array([camera.pitch_rad, 0, 0])
    places = np.array([(4.1, camera.height_m, forward) for forward in np.arange(4.5, 15)])
    points, _ = cv2.projectPoints(places, tilt, np.zeros(3), matrix, np.array([-0.25, 0.06, 0, 0]))
    brightest = []
    for u, v in points[:, 0]:
        row = picture[round(v), :, 0].astype(float)
        row[: round(u) - 60] = row[round(u) + 60 :] = 0
        brightest.append(float(np.average(np.arange(len(row)), weights=row > 150)))
    assert brightest == pytest.approx(points[:, 0, 0], abs=1.5)
    bow = points[:, 0] - points[0, 0]
    assert np.ptp(bow[:, 0] - bow[:, 1] * bow[-1, 0] / bow[-1, 1]) > 4  # the line is no straight one


def test_dusk_is_darker_and_noisier_than_noon() -> None:
    pavement = Pavement(30.0, np.random.default_rng(1))

    def brightness_and_noise(hour: float) -> tuple[float, float]:
        scene = Scene(pavement, sample_camera(), np.random.default_rng(2), Daylight.at(hour))
        one, other = (scene.frame(2.0, LANE_M, 0.0).astype(float) for _ in range(2))
        return float(one.mean()), float((one - other).std())

    noon, evening, dusk = (brightness_and_noise(hour) for hour in (12.0, 17.5, 19.0))
    assert noon[0] > 1.2 * evening[0] > 1.5 * dusk[0]
    assert noon[1] < evening[1] < dusk[1]
    assert Daylight.at(9.0) == Daylight.at(15.0)
    with pytest.raises(ValueError, match="hour 22"):
        Daylight.at(22.0)


def test_headlights_light_the_road_ahead_and_speed_smears_it() -> None:
    pavement = Pavement(60.0, np.random.default_rng(1))

    def sharpness(speed_mps: float, change: Callable[[Daylight], Daylight] = lambda light: light) -> float:
        light = change(replace(Daylight.at(19.0), noise_sd=0.0))
        scene = Scene(pavement, sample_camera(), np.random.default_rng(2), light)
        picture = scene.look(2.0, Bend(0.0, LANE_M), speed_mps=speed_mps)[400:, 300:660]
        return float(picture.astype(float).std(0).mean())

    assert sharpness(12.0) < 0.6 * sharpness(0.0)
    assert sharpness(0.0, lambda light: replace(light, headlights=0.0)) < 0.6 * sharpness(0.0)


def test_no_street_is_as_steep_as_that() -> None:
    scene = Scene(Pavement(20.0, np.random.default_rng(1)), sample_camera(), np.random.default_rng(2))
    with pytest.raises(ValueError, match="no street's hill"):
        scene.look(1.0, Bend(0.0, LANE_M), hill_per_m=0.1)


def test_a_corner_leads_there_and_back() -> None:
    course = corner()
    along, across = np.array([3.0, 9.0, 14.0, 18.0]), np.array([-2.0, -3.0, -1.0, 2.0])
    right, forward = course.to_vehicle(along, across)
    found = course.to_road(right.astype(np.float32)[None], forward.astype(np.float32)[None])
    assert found[0][0] == pytest.approx(along, abs=0.03)
    assert found[1][0] == pytest.approx(across, abs=0.03)
