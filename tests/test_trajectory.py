"""Fixes become a path: even sampling, standing still, jumps, gaps, headings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detector.errors import TelemetryError
from detector.telemetry.fixes import Fixes, fixes_from_rows
from detector.trajectory import trajectory_from_fixes

LAT0, LON0 = 35.65, 139.75
M_PER_DEG_LAT, M_PER_DEG_LON = 110_941.0, 90_565.0


def fixes(east_m: np.ndarray, north_m: np.ndarray, time_s: np.ndarray | None = None) -> Fixes:
    times = np.arange(len(east_m), dtype=float) if time_s is None else time_s
    rows = [
        {"lon": LON0 + e / M_PER_DEG_LON, "lat": LAT0 + n / M_PER_DEG_LAT, "time_s": t, "utc_s": 1e9 + t}
        for e, n, t in zip(east_m, north_m, times, strict=True)
    ]
    return fixes_from_rows(rows, "test")


SECONDS = np.arange(31.0)
EASTWARD = fixes(10 * SECONDS, 0 * SECONDS)


def test_samples_are_even_in_metres() -> None:
    path = trajectory_from_fixes(EASTWARD)
    times = path.sample_times(2.5, 30.0)
    assert np.diff(times) == pytest.approx(0.25, rel=0.01)
    assert len(times) == pytest.approx(121, abs=3)
    assert path.metres_driven(30.0) == pytest.approx(300, rel=0.01)


def test_nothing_is_sampled_while_parked() -> None:
    noise = np.random.default_rng(0).normal(0, 0.25, (2, 60))
    stop = np.concatenate([np.arange(15) * 10, np.full(30, 150), 150 + np.arange(1, 16) * 10.0])
    path = trajectory_from_fixes(fixes(stop + noise[0], noise[1]))
    times = path.sample_times(2.5, 59.0)
    assert len(times[(times > 17) & (times < 42)]) <= 2
    assert path.metres_driven(59.0) == pytest.approx(300, rel=0.05)
    assert math.degrees(path.at(30.0).heading_rad) == pytest.approx(90, abs=5)


@pytest.mark.parametrize(
    ("east", "north", "heading_deg"), [(1, 0, 90), (0, 1, 0), (-1, 0, 270), (1, -1, 135)]
)
def test_heading_is_clockwise_from_north(east: int, north: int, heading_deg: float) -> None:
    path = trajectory_from_fixes(fixes(10 * SECONDS * east, 10 * SECONDS * north))
    assert math.remainder(math.degrees(path.at(12.3).heading_rad) - heading_deg, 360) == pytest.approx(
        0, abs=1
    )


def test_position_between_fixes_and_just_past_the_last() -> None:
    path = trajectory_from_fixes(EASTWARD)
    for time_s in (0.0, 12.5, 30.5):
        pose = path.at(time_s)
        lon, _ = path.frame.to_lonlat(pose.east_m, pose.north_m)
        assert (float(lon) - LON0) * M_PER_DEG_LON == pytest.approx(10 * time_s, rel=0.005, abs=0.1)


def test_a_jump_is_left_out_and_counted() -> None:
    east = 10 * SECONDS
    east[[7, 8]] += 5_000
    path = trajectory_from_fixes(fixes(east, 0 * SECONDS))
    assert path.dropped == 2
    assert path.metres_driven(30.0) == pytest.approx(300, rel=0.01)


def test_a_first_fix_far_off_is_left_out_not_the_rest() -> None:
    east = 10 * SECONDS
    east[0] = -90_000
    path = trajectory_from_fixes(fixes(east, 0 * SECONDS))
    assert path.metres_driven(30.0) == pytest.approx(290, rel=0.02)


def test_positions_inside_a_long_gap_are_not_known() -> None:
    times = np.concatenate([np.arange(10.0), np.arange(40.0, 50.0)])
    path = trajectory_from_fixes(fixes(10 * times, 0 * times, times))
    assert path.covers([5.0, 25.0, 45.0, 60.0]).tolist() == [True, False, True, False]
    sampled = path.sample_times(2.5, 60.0)
    assert not ((sampled > 9.1) & (sampled < 39.9)).any()
    assert path.metres_driven(50.0) == pytest.approx(180, rel=0.01)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="none"),
        pytest.param([{"lon": 139.0, "lat": 35.0, "time_s": 0.0}], id="one"),
        pytest.param([{"lon": 0.0, "lat": 0.0, "time_s": float(t)} for t in range(9)], id="all at 0/0"),
        pytest.param([{"lon": 139.0, "lat": 35.0, "time_s": 4.0}] * 9, id="one moment"),
    ],
)
def test_too_few_fixes_are_refused(rows: list[dict[str, float]]) -> None:
    with pytest.raises(TelemetryError, match="two usable"):
        trajectory_from_fixes(fixes_from_rows(rows, "test"))
