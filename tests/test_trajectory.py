"""Fixes become a path: even sampling, standing still, jumps, gaps, headings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detector.errors import TelemetryError
from detector.telemetry.fixes import Fixes, fixes_from_rows
from detector.trajectory import Outlier, trajectory_from_fixes

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
    assert path.dropped.total() == 2
    assert path.metres_driven(30.0) == pytest.approx(300, rel=0.01)


def test_a_first_fix_far_off_is_left_out_not_the_rest() -> None:
    east = 10 * SECONDS
    east[0] = -90_000
    path = trajectory_from_fixes(fixes(east, 0 * SECONDS))
    assert path.metres_driven(30.0) == pytest.approx(300, rel=0.01)


def test_positions_inside_a_long_gap_are_not_known() -> None:
    times = np.concatenate([np.arange(10.0), np.arange(40.0, 50.0)])
    path = trajectory_from_fixes(fixes(10 * times, 0 * times, times))
    assert path.covers([5.0, 25.0, 45.0, 60.0]).tolist() == [True, False, True, False]
    sampled = path.sample_times(2.5, 60.0)
    assert not ((sampled > 9.1) & (sampled < 39.9)).any()
    assert path.metres_driven(50.0) == pytest.approx(190, rel=0.01)


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


@pytest.mark.parametrize("step_s", [1.0, 2.0, 5.0, 9.0])
def test_fixes_seconds_apart_are_driven_all_the_same(step_s: float) -> None:
    times = np.arange(0, 45.1, step_s)
    path = trajectory_from_fixes(fixes(10 * times, 0 * times, times))
    end = float(times[-1])
    assert path.metres_driven(end) == pytest.approx(10 * end, rel=0.01)
    assert len(path.sample_times(2.5, end)) == pytest.approx(end * 4, rel=0.05)


def test_a_speed_that_stays_at_nothing_is_no_speed() -> None:
    silent = replace(EASTWARD, speed_mps=np.zeros(len(EASTWARD)))
    assert trajectory_from_fixes(silent).metres_driven(30.0) == pytest.approx(300, rel=0.01)


@pytest.mark.parametrize("stale", [1, 3, 10])
def test_stale_positions_of_a_cold_start_are_left_out(stale: int) -> None:
    east = 10 * SECONDS
    east[:stale] = -3_300
    path = trajectory_from_fixes(fixes(east, 0 * SECONDS))
    assert path.dropped.total() == stale
    assert path.metres_driven(30.0) < 310


def test_the_way_is_that_of_the_footage_alone() -> None:
    long = np.arange(0, 3600.0)
    path = trajectory_from_fixes(fixes(10 * long, 0 * long, long - 1800))
    (way,) = path.ways(path.spans(5.0))
    first, last = way[0], way[-1]
    assert (last[0] - first[0]) * M_PER_DEG_LON == pytest.approx(50, rel=0.01)
    assert path.metres_driven(5.0) == pytest.approx(50, rel=0.01)
    assert len(way) == 2, "points on a straight line are left out"


def test_the_way_has_a_part_for_each_stretch_between_gaps() -> None:
    times = np.concatenate([np.arange(10.0), np.arange(40.0, 50.0)])
    path = trajectory_from_fixes(fixes(10 * times, 0 * times, times))
    assert len(path.ways(path.spans(50.0))) == 2


def test_less_than_a_second_of_footage_is_measured_too() -> None:
    late = replace(EASTWARD, time_s=EASTWARD.time_s - 3.9)
    assert trajectory_from_fixes(late).metres_driven(0.8) == pytest.approx(8, rel=0.01)


@pytest.mark.parametrize("count", [40, 41])
def test_over_the_180th_meridian(count: int) -> None:
    lon = 179.998 + np.arange(count) * 1e-4
    rows = [{"lon": (x + 180) % 360 - 180, "lat": 0.0001, "time_s": float(i)} for i, x in enumerate(lon)]
    path = trajectory_from_fixes(fixes_from_rows(rows, "test"))
    assert path.metres_driven(count - 1.0) == pytest.approx((count - 1) * 11.13, rel=0.01)


@pytest.mark.parametrize("accuracy_m", [np.nan, np.inf, 0.0, -2.5, 1e9])
def test_an_accuracy_that_is_none_becomes_the_default(accuracy_m: float) -> None:
    rows = [
        {"lon": 139.0, "lat": 35.0 + i * 1e-4, "time_s": float(i), "accuracy_m": accuracy_m} for i in range(5)
    ]
    assert trajectory_from_fixes(fixes_from_rows(rows, "test")).at(2.0).accuracy_m == 4.0


def test_a_frozen_position_is_no_position() -> None:
    """A tunnel of 20 s: the receiver repeats its last place; with and without a speed of its own."""
    east = 10 * SECONDS
    shown = np.where((SECONDS > 5) & (SECONDS < 26), east[5], east)
    for speed in (np.nan, 10.0):
        told = replace(fixes(shown, 0 * SECONDS), speed_mps=np.full(len(SECONDS), speed))
        path = trajectory_from_fixes(told)
        assert path.dropped == {Outlier.frozen: 20}
        (gap,) = path.gaps(30.0)
        assert (gap.begin_s, gap.end_s, gap.bridged) == (5.0, 26.0, False)
        assert gap.metres == pytest.approx(210, rel=0.01)
        assert not path.covers(15.0)


def test_standing_is_not_frozen() -> None:
    east = np.where(SECONDS < 10, 10 * SECONDS, 100)
    path = trajectory_from_fixes(fixes(east, 0 * SECONDS))
    assert not path.dropped


def test_the_error_grows_over_a_bridged_gap() -> None:
    times = np.concatenate([np.arange(10.0), np.arange(18.0, 28.0)])
    path = trajectory_from_fixes(fixes(10 * times, 0 * times, times))
    (gap,) = path.gaps(27.0)
    assert (gap.begin_s, gap.end_s, gap.bridged) == (9.0, 18.0, True)
    at_fix, between = path.at(5.0).accuracy_m, path.at(13.5).accuracy_m
    assert at_fix == pytest.approx(4.0, abs=0.05)
    assert between == pytest.approx(np.hypot(4.0, np.sqrt(9.0**3 / 64 / 3)), abs=0.01)


def test_bridged_positions_are_as_good_as_stated() -> None:
    """Cars whose velocity wanders as the smoother takes it to, over a gap of eight seconds."""
    rng = np.random.default_rng(6)
    ratios = []
    for _ in range(60):
        fine = np.arange(0, 28, 0.1)
        east_mps, north_mps = 10 + np.cumsum(rng.normal(0, np.sqrt(0.1), (2, len(fine))), axis=1)
        east, north = np.cumsum(east_mps) * 0.1, np.cumsum(north_mps) * 0.1
        known = (np.arange(len(fine)) % 10 == 0) & ((fine < 10) | (fine > 17.5))
        exact = replace(fixes(east[known], north[known], fine[known]), accuracy_m=np.full(known.sum(), 0.05))
        path = trajectory_from_fixes(exact)
        pose = path.at(13.7)
        true_east_m, _ = path.frame.to_metres(
            LON0 + east[137] / M_PER_DEG_LON, LAT0 + north[137] / M_PER_DEG_LAT
        )
        ratios.append((pose.east_m - float(true_east_m)) / pose.accuracy_m)
    assert 0.6 < float(np.sqrt(np.mean(np.square(ratios)))) < 1.4


def test_a_minute_two_hundred_metres_off_is_left_out() -> None:
    times = np.arange(300.0)
    off = np.where((times >= 100) & (times < 160), 200.0, 0.0)
    path = trajectory_from_fixes(fixes(10 * times, off, times))
    assert path.dropped == {Outlier.jump: 60}
    assert not path.covers(130.0)
    assert path.covers([50.0, 250.0]).all()
    assert np.abs(path.north_m - path.north_m[0]).max() < 5
