"""The synthetic road is the same every time, and its truth is true."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from datasets.sample_drive import sample_camera, sample_road, write_sample_drive
from datasets.synthetic import WGS84, Centreline, boxes_in_view, labelled_frames
from detector.classes import CODES
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
