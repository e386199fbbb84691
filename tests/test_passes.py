"""Passes tell whether a damage is still there; where no drive could look, nothing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_merge import ONE

from detector.classes import CLASSES, POTHOLE
from detector.sightings import Sighting
from maps.merge import Damages, State
from maps.passes import (
    DAY_S,
    Pass,
    Recall,
    Way,
    belief,
    coverage,
    growth_m2_a_year,
    measured_recall,
    passes,
    state_since,
    surveyed,
)

BEGIN_S = 1.7e9
GOOD = Recall(np.full((len(CLASSES), 3), 0.8))


def sighting(drive: int, along_m: float = 0.0, **more: object) -> Sighting:
    utc_s = BEGIN_S + 7 * DAY_S * drive
    lat = 35.65 + along_m / 110_941
    return replace(ONE, drive=f"d{drive}", lat=lat, utc_s=utc_s, time_s=along_m / 10, common_sd_m=1.5, **more)


def way(
    drive: int, *, right_m: float = 0.0, accuracy_m: float = 1.5, first_m: float = -100, last_m: float = 200
) -> Way:
    along_m = np.linspace(first_m, last_m, 30)
    line = np.column_stack([np.full(30, 139.75 + right_m / 90_565), 35.65 + along_m / 110_941])
    return Way(f"d{drive}", BEGIN_S + 7 * DAY_S * drive, [line], accuracy_m)


def states(sightings: list[list[Sighting]], ways: list[Way]) -> list[tuple[State, int]]:
    known = Damages()
    for drive in sightings:
        known.add(drive)
    return [(damage.state, damage.passes) for damage in surveyed(known, ways)]


def test_seen_each_time_it_is_there() -> None:
    drives = range(4)
    assert states([[sighting(i)] for i in drives], [way(i) for i in drives]) == [(State.there, 4)]


def test_passed_unseen_often_enough_it_is_probably_repaired() -> None:
    """Three neighbours go on being seen: the drives looked, and their detector sees."""
    spots = (0.0, 30.0, 60.0, 90.0)
    drives = [[sighting(i, spot) for spot in (spots if i < 4 else spots[1:])] for i in range(9)]
    told = states(drives, [way(i) for i in range(9)])
    assert told == [(State.repaired, 9), (State.there, 9), (State.there, 9), (State.there, 9)]


def test_one_pass_is_never_enough() -> None:
    told = [Pass("a", BEGIN_S, 1.0, seen=True), Pass("b", BEGIN_S + DAY_S, 1.0, seen=False)]
    sure = Recall(np.full((len(CLASSES), 3), 0.98))
    (damage,) = _damages([sighting(0)])
    assert belief(damage, told, sure).state is State.there
    told.append(replace(told[1], drive="c"))
    assert belief(damage, told, sure).state is State.repaired


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(way(1, right_m=40), id="another street"),
        pytest.param(way(1, right_m=8, accuracy_m=5.0), id="perhaps this street"),
        pytest.param(way(1, last_m=-50), id="it turned off before"),
    ],
)
def test_a_drive_that_could_not_look_is_no_pass(other: Way) -> None:
    known = Damages()
    known.add([sighting(0)])
    told = passes(known, known.all(), [way(0), other])
    assert [one.drive for one in told[1]] == ["d0"]


def test_not_surveyed_is_its_own_state() -> None:
    (damage,) = _damages([sighting(0)])
    told = belief(damage, [Pass("d0", BEGIN_S, 1.0, seen=True)], GOOD)
    assert state_since(told, BEGIN_S - 1) is State.there
    assert state_since(told, BEGIN_S + 30 * DAY_S) is State.not_surveyed


def test_a_pass_at_the_edge_of_view_says_less() -> None:
    (damage,) = _damages([sighting(0)])
    first = Pass("a", BEGIN_S, 1.0, seen=True)
    full, edge = (
        belief(damage, [first, Pass("b", BEGIN_S, in_view, seen=False)], GOOD).probability
        for in_view in (1.0, 0.5)
    )
    assert full < edge < 0.98


def test_recall_is_measured_between_two_that_saw() -> None:
    drives = [[sighting(i)] if i % 2 == 0 else [] for i in range(41)]
    known = Damages()
    for drive in drives:
        known.add(drive)
    told = passes(known, known.all(), [way(i) for i in range(41)])
    recall = measured_recall(known.all(), told)
    assert recall.of(known[1]) == pytest.approx(0.5, abs=0.08)


def test_drives_without_a_date_are_taken_as_they_come() -> None:
    ways = [replace(way(i), utc_s=None) for i in range(3)]
    assert states([[sighting(i)] for i in range(3)], ways) == [(State.there, 3)]


def test_coverage_is_the_way_as_wide_as_it_sees() -> None:
    from pyproj import Geod

    covered, nothing = coverage([way(0), Way("empty", None, [], 1.0)])
    area_m2 = abs(Geod(ellps="WGS84").geometry_area_perimeter(covered)[0])
    assert area_m2 == pytest.approx(300 * 10, rel=0.01)
    assert nothing.is_empty


def test_only_real_growth_is_called_growth() -> None:
    year_s = 365.25 * DAY_S
    sizes = [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)]
    grown = [
        replace(sighting(i), utc_s=BEGIN_S + t * year_s, area_m2=a, area_sd_m2=0.2)
        for i, (t, a) in enumerate(sizes)
    ]
    (damage,) = _damages(*([one] for one in grown))
    slope, sd = growth_m2_a_year(damage) or (0.0, 0.0)
    assert slope == pytest.approx(1.0)
    assert sd == pytest.approx(0.2 / np.sqrt(0.5), rel=1e-6)
    assert growth_m2_a_year(_damages([sighting(0, class_id=POTHOLE)])[0]) is None


def _damages(*drives: list[Sighting]) -> list:
    known = Damages()
    for drive in drives:
        known.add(drive)
    return known.all()
