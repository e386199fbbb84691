"""Growth is told only where a whole 95 % interval is above none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_merge import ONE

from detector.classes import ALLIGATOR_CRACK, POTHOLE
from detector.sightings import FILL_SD_RATIO, Sighting
from maps.growth import YEAR_S, Growth, growth_of

RATIO = 0.12
"""Standard error of an area, as a share, its fill's aside."""
WEEKLY = np.arange(52) / 52


def sightings(years: np.ndarray, areas: np.ndarray, class_id: int = POTHOLE) -> list[Sighting]:
    stated = np.hypot(RATIO, FILL_SD_RATIO)
    return [
        replace(
            ONE,
            drive=f"d{i}",
            class_id=class_id,
            utc_s=1.7e9 + year * YEAR_S,
            area_m2=float(area),
            area_sd_m2=float(area * stated),
        )
        for i, (year, area) in enumerate(zip(years, areas, strict=True))
    ]


def called(areas: np.ndarray, years: np.ndarray = WEEKLY) -> bool:
    growth = growth_of(POTHOLE, sightings(years, areas))
    return growth is not None and growth.sure


def test_a_line_through_exact_areas() -> None:
    growth = growth_of(POTHOLE, sightings(WEEKLY, 1 + WEEKLY))
    assert growth is not None
    assert growth.m2_a_year == pytest.approx(1.0)
    assert growth.sure


def test_noise_alone_is_seldom_called_growth() -> None:
    """Each drive wrong by itself."""
    rng = np.random.default_rng(1)
    assert np.mean([called(1 + RATIO * rng.normal(size=52)) for _ in range(200)]) <= 0.05


def test_nor_is_one_vehicle_s_error() -> None:
    rng = np.random.default_rng(2)
    tries = [1 + RATIO * rng.normal() + 0.05 * rng.normal(size=52) for _ in range(200)]
    assert np.mean([called(areas) for areas in tries]) <= 0.05


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_nor_another_vehicle_that_takes_over(share: float) -> None:
    """Each wrong in its own way throughout."""
    rng = np.random.default_rng(3)
    tries = [1 + RATIO * rng.normal(size=2)[(share < WEEKLY).astype(int)] for _ in range(200)]
    assert np.mean([called(areas) for areas in tries]) <= 0.05


def test_nor_areas_that_scatter_more_than_they_say() -> None:
    rng = np.random.default_rng(4)
    assert np.mean([called(1 + 0.4 * rng.normal(size=52)) for _ in range(200)]) <= 0.05


@pytest.mark.parametrize(
    ("rate", "years", "least"),
    [
        pytest.param(1.0, WEEKLY, 0.95, id="doubling within a year"),
        pytest.param(0.5, 2 * WEEKLY, 0.95, id="by half a year, over two"),
        pytest.param(1.0, np.arange(12) / 12, 0.8, id="a drive a month"),
    ],
)
def test_real_growth_is_called(rate: float, years: np.ndarray, least: float) -> None:
    rng = np.random.default_rng(5)
    tries = [(1 + rate * years) * (1 + RATIO * rng.normal(size=len(years))) for _ in range(200)]
    assert np.mean([called(areas, years) for areas in tries]) >= least


def test_shrinking_is_no_growth() -> None:
    assert not Growth(-1.0, 0.1).sure
    assert not Growth(0.19, 0.1).sure
    assert Growth(0.2, 0.1).sure


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(sightings(np.arange(3) / 2, np.array([1.0, 1.5, 2.0])), id="three drives"),
        pytest.param(sightings(WEEKLY * 0.4, 1 + WEEKLY), id="five months"),
        pytest.param(sightings(WEEKLY, 1 + WEEKLY, ALLIGATOR_CRACK), id="of another class"),
        pytest.param([replace(one, drive="d") for one in sightings(WEEKLY, 1 + WEEKLY)], id="one drive"),
        pytest.param([replace(one, utc_s=None) for one in sightings(WEEKLY, 1 + WEEKLY)], id="no date"),
        pytest.param([replace(one, area_m2=None) for one in sightings(WEEKLY, 1 + WEEKLY)], id="no area"),
        pytest.param([], id="nothing"),
    ],
)
def test_too_little_tells_nothing(seen: list[Sighting]) -> None:
    assert growth_of(POTHOLE, seen) is None
