"""A filmed city drive shows what is known of it, where it is known to be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.city import HOME, City, CityDrive, Mount
from datasets.city_pictures import PIECE_M, PaintedRoute, Places, frames, hill_per_m, write_city_drive
from datasets.course import STEEPEST_PER_M
from datasets.light import Daylight
from detector.camera import Camera
from detector.classes import CODES
from detector.footage import find_drives
from detector.telemetry.clock import Hints

CAMERA = Camera(480, 270, 350.0, 1.3, math.radians(6.0), k1=-0.15, k2=0.03)


def a_drive(
    day: float = 0.0,
    change: Callable[[City], None] = lambda city: None,
    fps: float = 2.0,
    length_m: float = 200.0,
) -> CityDrive:
    """From one crossing to the next but one, around a corner, unless it is shorter."""
    city = City(4, blocks=1, spacing_m=8.0)
    change(city)
    route = city.route(np.random.default_rng(1), length_m, (0, 0))
    return CityDrive(city, route, np.random.default_rng(1), CAMERA, kmh=30.0, day=day, fps=fps)


def test_the_same_seed_is_the_same_film() -> None:
    one, other, third = (
        list(islice(frames(a_drive(), light=Daylight.at(18.0), seed=seed), 3)) for seed in (0, 0, 1)
    )
    for first, second in zip(one, other, strict=True):
        assert np.array_equal(first.frame.image, second.frame.image)
        assert np.array_equal(first.xyxy, second.xyxy)
    assert not np.array_equal(one[-1].frame.image, third[-1].frame.image)


def test_a_piece_goes_on_where_the_last_one_ends() -> None:
    road = PaintedRoute(a_drive())
    road.damages = road.decoys = Places(np.zeros(0, int), np.zeros(0), np.zeros(0))
    (before, _), (after, _) = road.piece(0), road.piece(1)
    lane = slice(600, 800)
    row_by_row = np.vstack([before[-400:, lane, 0], after[:400, lane, 0]]).astype(float)
    soft = cv2.blur(row_by_row, (9, 9))
    step = np.abs(soft[9:] - soft[:-9]).mean(1)
    assert step[391:400].mean() < 1.3 * step.mean()
    assert len(before) == PIECE_M * 80


def test_boxes_lie_where_the_city_has_its_damages() -> None:
    """Through the camera of the moment, a box's middle falls on the damage, around the corner too."""
    drive = a_drive(fps=1.0)
    drive.mount = Mount(nod_sd_rad=0.0)
    drive.brake_rad = 0.0
    d, off, seen = drive.city.damages, [], set()
    for filmed in frames(drive):
        assert (filmed.class_id == d.class_id[filmed.damage]).all()
        seen.update(filmed.damage.tolist())
        for box, thing in zip(filmed.xyxy, filmed.damage, strict=True):
            if box[0] < 4 or box[1] < 4 or box[2] > 476 or box[3] > 266:
                continue
            right, forward = drive.true_camera.to_ground((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            place = drive.to_vehicle(d.east_m[[thing]], d.north_m[[thing]], *drive.pose(filmed.frame.time_s))
            off.append(math.hypot(float(right - place[0][0]), float(forward - place[1][0])))
    assert len(seen) > 10
    assert np.median(off) < 0.4
    assert np.quantile(off, 0.9) < 1.5


def test_what_is_repaired_is_gone_and_nothing_else() -> None:
    def repair(city: City) -> None:
        repaired = city.damages.repaired_day.copy()
        repaired[thing] = 5.0
        city.damages = replace(city.damages, repaired_day=repaired)

    film = list(islice(frames(a_drive(), hill_m=1.0), 8))
    filmed = next(one for one in film if len(one.xyxy))
    thing = int(filmed.damage[0])
    later = list(islice(frames(a_drive(day=9.0, change=repair), hill_m=1.0), 8))[filmed.frame.index]
    assert thing not in later.damage
    rows, columns = np.nonzero((cv2.absdiff(filmed.frame.image, later.frame.image) > 8).any(-1))
    box = filmed.xyxy[0]
    inside = (rows > box[1] - 4) & (rows < box[3] + 4) & (columns > box[0] - 4) & (columns < box[2] + 4)
    assert inside.mean() > 0.98


def test_hills_are_a_street_s() -> None:
    bent = [
        hill_per_m(east, north, heading, 2.0)
        for east in range(0, 480, 20)
        for north in range(0, 480, 20)
        for heading in (0.0, 0.8, 1.6, 2.4)
    ]
    assert 0.0005 < max(bent) < STEEPEST_PER_M
    assert min(bent) == pytest.approx(-max(bent), rel=0.05)


def test_a_written_drive_is_found_with_its_fixes(tmp_path: Path) -> None:
    drive = a_drive(fps=1.0, length_m=100.0)
    video = write_city_drive(tmp_path / "drive", drive, light=Daylight.at(17.0))
    (found,) = find_drives([tmp_path])
    assert found.path == video
    assert not found.faults
    assert found.duration_s == pytest.approx(drive.route_s[-1] - 1, abs=1.1)
    fixes = found.fixes(Hints())
    assert len(fixes) == pytest.approx(drive.route_s[-1], abs=1.5)
    east, north = HOME.to_metres(fixes.lon, fixes.lat)
    true = np.array([drive.pose(time_s)[:2] for time_s in fixes.time_s])
    assert np.hypot(*(np.column_stack([east, north]) - true).T).max() < 15
    assert fixes.speed_mps == pytest.approx(np.interp(fixes.time_s, drive.route_s, drive.speed_mps), abs=1)
    truth = json.loads((tmp_path / "drive/truth.geojson").read_text())["features"]
    damages = [one["properties"]["damage"] for one in truth]
    assert [one["properties"]["class"] for one in truth] == [
        CODES[class_id] for class_id in drive.city.damages.class_id[damages]
    ]
    assert Camera(**json.loads((tmp_path / "drive/camera.json").read_text())) == drive.true_camera
