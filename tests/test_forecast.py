"""Forecasts: a line through the surveys, told where there are enough of them, with its interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_roads import RULES, lying, recall, seen, street

from maps.forecast import SINCE, TOO_FEW, TOO_SHORT, Forecast, forecast, forecasts
from maps.growth import YEAR_S
from maps.segments import Segments, segments

RULE = RULES.change
YEARS = np.array([2020.0, 2021.0, 2022.0, 2023.0])


def told(
    years: np.ndarray | list[float], ratio: np.ndarray | list[float], sd: float = 1.0, at: float = 2026.0
) -> Forecast:
    return forecast(np.array(years), np.array(ratio), np.full(len(years), sd), at, RULE)


def test_a_known_line_is_recovered() -> None:
    one = told(YEARS, 10 + 2 * (YEARS - 2020))
    assert (one.points_a_year, one.ratio, one.surveys) == pytest.approx((2.0, 22.0, 4))
    error = np.sqrt(1 / 4 + 4.5**2 / 5)
    assert [one.low, one.high] == pytest.approx([22 - 1.96 * error, 22 + 1.96 * error])
    assert (one.note, one.fields) == (SINCE, (("count", "4"), ("years", "3.0")))


def test_precise_surveys_count_for_more() -> None:
    one = forecast(YEARS, np.array([10.0, 12.0, 14.0, 30.0]), np.array([0.1, 0.1, 0.1, 50.0]), 2024.0, RULE)
    assert one.ratio == pytest.approx(18.0, abs=0.1)


@pytest.mark.parametrize(
    ("sd", "least"),
    [pytest.param(3.0, 0.92, id="as they say"), pytest.param(1.5, 0.8, id="twice what they say")],
)
def test_the_interval_holds_the_line(sd: float, least: float) -> None:
    """Ratios wrong by 3 points."""
    rng = np.random.default_rng(1)
    tries = [told(YEARS, 40 + 2 * (YEARS - 2020) + rng.normal(0, 3, 4), sd) for _ in range(400)]
    assert np.mean([one.low <= 52.0 <= one.high for one in tries if one.note == SINCE]) >= least


@pytest.mark.parametrize(
    ("years", "ratio", "note", "surveys"),
    [
        pytest.param([], [], TOO_FEW, 0, id="none"),
        pytest.param([2020, 2023], [10, 20], TOO_FEW, 2, id="two surveys"),
        pytest.param([2020, 2021, 2023], [10, np.nan, 20], TOO_FEW, 2, id="one that did not see it"),
        pytest.param([2020, 2020.4, 2020.9], [10, 11, 12], TOO_SHORT, 3, id="within a year"),
        pytest.param([2020, 2020, 2020], [10, 11, 12], TOO_SHORT, 3, id="at one time"),
        pytest.param([2020, 2021, 2022], [30, 5, 6], TOO_FEW, 2, id="repaired since the first"),
        pytest.param([2020, 2020.5, 2021], [10, 11, 12], SINCE, 3, id="just long enough"),
    ],
)  # fmt: skip
def test_too_few_or_too_short(years: list[float], ratio: list[float], note: str, surveys: int) -> None:
    one = told(years, ratio)
    assert (one.note, one.surveys) == (note, surveys)
    assert note.format(**dict(one.fields))
    assert np.isfinite([one.points_a_year, one.ratio, one.low, one.high]).all() == (note == SINCE)
    assert np.isnan([one.points_a_year, one.ratio, one.low, one.high]).all() != (note == SINCE)


def test_a_segment_begins_anew_where_it_was_repaired() -> None:
    one = told([2015, 2016, 2017, *YEARS], [20, 30, 40, 4, 6, 8, 10])
    assert (one.surveys, one.points_a_year, one.ratio) == pytest.approx((4, 2.0, 16.0))


def test_a_drop_within_the_errors_is_no_repair() -> None:
    assert told(YEARS, [10, 12, 9.3, 16]).surveys == 4


def test_surveys_that_did_not_see_it_are_skipped() -> None:
    one = told([2019.0, *YEARS, 2024.0], [np.nan, 10, 12, 14, 16, np.nan])
    assert (one.surveys, one.ratio) == pytest.approx((4, 22.0))


@pytest.mark.parametrize(
    ("ratio", "ends"),
    [
        pytest.param([40, 60, 80, 95], (None, 100.0), id="no more than 100 %"),
        pytest.param([2.0, 1.5, 1.0, 0.5], (0.0, None), id="no less than none"),
    ],
)
def test_ratios_stay_within_bounds(ratio: list[float], ends: tuple[float | None, float | None]) -> None:
    one = told(YEARS, ratio, 5.0)
    assert 0 <= one.low <= one.ratio <= one.high <= 100
    for bound, value in zip(ends, (one.low, one.high), strict=True):
        assert bound is None or value == bound


def test_ratios_that_scatter_more_than_they_say_widen_the_interval() -> None:
    even, uneven = (told(YEARS, ratio, 0.5, 2024.0) for ratio in ([30, 32, 34, 36], [30, 35, 34.5, 37]))
    assert uneven.high - uneven.low > 3 * (even.high - even.low)


def surveyed(ratio: float) -> Segments:
    network = street()
    _, long = segments(network, seen(network), lying(), recall(), RULES.condition)
    return replace(long, crack_ratio=np.array([[ratio], [np.nan]]), sd=np.full((2, 1), 1.0))


@pytest.mark.parametrize(
    "order", [pytest.param([0, 1, 2, 3], id="in order"), pytest.param([3, 1, 0, 2], id="not")]
)
def test_each_segment_and_direction_has_its_own(order: list[int]) -> None:
    surveys = [((year - 1970) * YEAR_S, surveyed(10 + 2 * (year - 2020))) for year in YEARS]
    at_year, ((along,), (against,)) = forecasts([surveys[one] for one in order], 3.0, RULE)
    assert at_year == pytest.approx(2026.0)
    assert (along.surveys, along.ratio) == pytest.approx((4, 22.0))
    assert (against.surveys, against.note) == (0, TOO_FEW)
