"""A log without a common clock is tied by when the picture stands and moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av
import gpxpy.gpx
import numpy as np
import pytest
from conftest import BEGIN
from numpy.typing import NDArray

from detector.footage import find_drives
from detector.picture_clock import Motion, agreement
from detector.telemetry.clock import Hints, Tie, tie_clocks
from detector.telemetry.fixes import Fixes, fixes_from_rows
from detector.video_drive import VideoDrive

Floats = NDArray[np.float64]
RATE = 10


def speeds(seconds: int, seed: int) -> Floats:
    """A speed a second, m/s: a car in town, with stops."""
    rng = np.random.default_rng(seed)
    speed, told = 0.0, list[float]()
    while len(told) < seconds:
        aim = 0.0 if rng.random() < 0.35 else rng.uniform(5, 14)
        for _ in range(int(rng.uniform(5, 25))):
            speed = float(np.clip(speed + np.clip(aim - speed, -2.5, 1.5), 0, None))
            told.append(speed)
    return np.array(told[:seconds])


def driven_m(told: Floats) -> Floats:
    """The way at each second; the speed runs evenly in between."""
    return np.concatenate([[0], np.cumsum((told[1:] + told[:-1]) / 2)])


def log(told: Floats) -> Fixes:
    way = driven_m(told)
    rows = [
        {"lon": 139.75, "lat": 35.65 + way_m / 110_950, "utc_s": BEGIN.timestamp() + second}
        for second, way_m in enumerate(way)
    ]
    return fixes_from_rows(rows, "test")


def motion_of(told: Floats, zero_s: float, seconds: float, seed: int = 1) -> Motion:
    """The motion of a picture that begins `zero_s` into the log; passing cars and texture disturb it."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(0, seconds, 0.25)
    speed = np.interp(time_s + zero_s, np.arange(len(told)), told)
    texture = np.exp(rng.normal(0, 0.3, len(time_s)))
    cars = (rng.random(len(time_s)) < 0.1) * rng.uniform(0, 4, len(time_s))
    return Motion(time_s, np.minimum(speed * texture, 10) + cars + np.abs(rng.normal(0, 0.1, len(time_s))))


def write_drive(
    folder: Path, told: Floats, zero_s: float, seconds: float, *, states_utc: float | None
) -> Path:
    """A video whose picture moves with the speed, and the log, `zero_s` apart."""
    rng = np.random.default_rng(4)
    ground = rng.integers(0, 255, (60, 4000, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    document, track, segment = gpxpy.gpx.GPX(), gpxpy.gpx.GPXTrack(), gpxpy.gpx.GPXTrackSegment()
    for second, way_m in enumerate(driven_m(told)):
        moment = BEGIN + timedelta(seconds=second)
        segment.points.append(gpxpy.gpx.GPXTrackPoint(35.65 + way_m / 110_950, 139.75, time=moment))
    track.segments.append(segment)
    document.tracks.append(track)
    (folder / "v.gpx").write_text(document.to_xml())
    path = folder / "v.mp4"
    with av.open(str(path), "w") as container:
        if states_utc is not None:
            container.metadata["creation_time"] = (BEGIN + timedelta(seconds=states_utc)).isoformat()
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "30"}
        place = 0.0
        for index in range(int(seconds * RATE)):
            place += float(np.interp(zero_s + index / RATE, np.arange(len(told)), told)) * 0.6
            left = int(place) % (ground.shape[1] - 320)
            picture = np.ascontiguousarray(ground[:, left : left + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("states_utc", "tie"),
    [
        pytest.param(None, Tie.picture, id="the video states no time"),
        pytest.param(60.0 + 37.0, Tie.picture, id="the video's clock is 37 s ahead"),
        pytest.param(60.0 + 86_400 * 40, Tie.picture, id="the video's date is forty days off"),
        pytest.param(60.0, Tie.container, id="the video's clock is right"),
    ],
)
def test_a_drive_is_tied_by_its_picture(tmp_path: Path, states_utc: float | None, tie: Tie) -> None:
    path = write_drive(tmp_path, speeds(300, 5), 60.0, 120.0, states_utc=states_utc)
    (drive,) = find_drives([path])
    assert isinstance(drive, VideoDrive)
    fixes = drive.fixes(Hints())
    assert fixes.clock == tie
    assert fixes.clock_checked
    assert fixes.time_s[0] == pytest.approx(-60.0, abs=0.5)
    assert fixes.clock_residual_s < 0.6


def test_a_log_of_another_trip_is_not_tied(tmp_path: Path) -> None:
    told = speeds(300, 5)
    for seed in range(20):
        found = agreement(motion_of(told, 60.0, 120.0), np.arange(300.0), speeds(300, 100 + seed), -60, 240)
        assert found is None


def test_offsets_found_are_right_within_their_stated_error() -> None:
    misses = []
    for seed in range(20):
        told = speeds(900, seed)
        found = agreement(motion_of(told, 300.0, 240.0, seed), np.arange(900.0), told, -100, 780)
        if found:
            misses.append((found.zero_s - 300.0) / found.sd_s)
    assert len(misses) >= 15
    assert max(map(abs, misses)) < 4


def test_steady_speed_tells_nothing() -> None:
    steady = np.full(300, 10.0)
    assert agreement(motion_of(steady, 60.0, 120.0), np.arange(300.0), steady, -60, 240) is None


def test_an_offset_given_by_a_person_is_not_questioned() -> None:
    told = speeds(300, 5)
    tied = tie_clocks(
        log(told), None, 300.0, Hints(gps_offset_s=-7.0), lambda *_: motion_of(told, 60.0, 120.0)
    )
    assert (tied.clock, tied.time_s[0]) == (Tie.together, -7.0)


def test_drift_over_a_long_drive_is_taken_out() -> None:
    told = speeds(1800, 9)
    fixes = log(told)
    drift = 2e-3

    def motion(begin_s: float, end_s: float) -> Motion:
        moment = motion_of(told, begin_s, end_s - begin_s)
        warped = np.interp(begin_s + moment.time_s, np.arange(1800), np.arange(1800) / (1 + drift))
        return Motion(warped, moment.amount)

    tied = tie_clocks(fixes, BEGIN.timestamp(), 1790.0, Hints(), motion)
    true_s = (fixes.utc_s - BEGIN.timestamp()) / (1 + drift)
    assert tied.clock == Tie.picture
    assert np.abs(tied.time_s - true_s).max() < 0.5 < np.abs(fixes.utc_s - BEGIN.timestamp() - true_s).max()


def test_the_other_day_is_recognised_and_said() -> None:
    fixes = log(speeds(300, 5))
    shifted = tie_clocks(fixes, BEGIN.timestamp() + 86_400 + 10, 200.0)
    assert (shifted.clock, shifted.clock_shift_s) == (Tie.zone, 86_400)
    assert shifted.time_s[0] == pytest.approx(-10)
    assert replace(shifted).clock_checked is False
