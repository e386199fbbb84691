"""Streets: each once however often it is driven, so that what is told per kilometre is of the ground."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from maps.exports import Driven
from maps.streets import streets

LON_M, LAT_M = 90_565.0, 110_941.0


def way(
    points_m: list[tuple[float, float]], wrong_m: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.float64]:
    east, north = (np.array(points_m) + wrong_m).T
    return np.column_stack([139.75 + east / LON_M, 35.65 + north / LAT_M])


def drive(name: str, *ways: NDArray[np.float64], unseen: list[NDArray[np.float64]] | None = None) -> Driven:
    return Driven(name, list(ways), 1000.0, None, unseen or [])


STRAIGHT = [(0.0, 0.0), (0.0, 1000.0)]


@pytest.mark.parametrize(
    ("ways", "metres", "drives"),
    [
        pytest.param([STRAIGHT], 1000, 1, id="driven once"),
        pytest.param([STRAIGHT] * 10, 1000, 10, id="driven ten times"),
        pytest.param([STRAIGHT, STRAIGHT[::-1]], 1000, 2, id="and back on another day"),
    ],
)
def test_a_street_is_as_long_however_often_it_is_driven(
    ways: list[list[tuple[float, float]]], metres: float, drives: int
) -> None:
    rng = np.random.default_rng(0)
    driven = [drive(str(i), way(one, tuple(rng.normal(0, 3, 2)))) for i, one in enumerate(ways)]
    found = streets(driven)
    assert found.metres.sum() == pytest.approx(metres, abs=25)
    assert np.median([len(which) for which in found.drives]) == drives
    assert max(found.metres) <= 101


def test_there_and_back_in_one_drive_is_one_street_driven_once() -> None:
    found = streets([drive("a", way([(0, 0), (0, 600), (4, 600), (4, 0)]))])
    assert found.metres.sum() == pytest.approx(600, abs=40)
    assert all(which == [0] for which in found.drives)


def test_a_parallel_street_is_another() -> None:
    found = streets([drive("a", way(STRAIGHT)), drive("b", way(STRAIGHT, (25.0, 0.0)))])
    assert found.metres.sum() == pytest.approx(2000, abs=30)


def test_a_crossing_street_is_another_but_for_the_crossing() -> None:
    found = streets([drive("a", way(STRAIGHT)), drive("b", way([(-300.0, 500.0), (300.0, 500.0)]))])
    assert found.metres.sum() == pytest.approx(1600 - 16, abs=25)
    assert sorted({tuple(which) for which in found.drives}) == [(0,), (1,)]


def test_what_another_drive_judged_is_no_unseen_ground() -> None:
    seen, dark = way([(0.0, 0.0), (0.0, 500.0)]), way(STRAIGHT)
    found = streets([drive("a", seen), drive("b", unseen=[dark])])
    assert found.metres[found.unseen].sum() == pytest.approx(500, abs=30)
    assert found.metres[~found.unseen].sum() == pytest.approx(500, abs=15)


def test_damages_lie_on_the_nearest_stretch_or_on_none() -> None:
    found = streets([drive("a", way(STRAIGHT))])
    lon, lat = way([(3.0, 50.0), (3.0, 950.0), (80.0, 500.0)]).T
    stretch, apart_m = found.nearest(lon, lat)
    assert stretch.tolist() == [0, 9, -1]
    assert apart_m == pytest.approx([5, 5, 80], abs=5)


def test_far_apart_areas_have_the_same_metres() -> None:
    far = way(STRAIGHT) - (190.0, 50.0)
    found = streets([drive("a", way(STRAIGHT)), drive("b", far)])
    assert found.metres.sum() == pytest.approx(2000, rel=0.01)


@pytest.mark.parametrize(
    "driven",
    [[], [drive("a")], [drive("a", np.zeros((1, 2)))], [drive("a", np.full((5, 2), np.nan))]],
    ids=["no drive", "no way", "a single point", "no numbers"],
)
def test_nothing_driven(driven: list[Driven]) -> None:
    found = streets(driven)
    assert len(found.lines) == 0
    assert found.nearest(np.array([139.0]), np.array([35.0]))[0].tolist() == [-1]
