"""Passes tell whether a damage is still there; where no drive could look, nothing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_merge import ONE

from detector.classes import CLASSES, LONGITUDINAL_CRACK, POTHOLE
from detector.sightings import Sighting
from detector.visibility import Light
from maps.coverage import Way
from maps.damage import State
from maps.merge import Damages
from maps.passes import (
    DAY_S,
    LIGHTS,
    Pass,
    Recall,
    belief,
    measured_recall,
    passes,
    state_since,
    surveyed,
)

BEGIN_S = 1.7e9


def by_light(share: np.ndarray) -> Recall:
    return Recall(share, share[..., 0], share[:, 0, 0], np.full(len(CLASSES), 0.05))


GOOD = by_light(np.full((len(CLASSES), 3, len(LIGHTS)), 0.8))
REACH_M = np.full((len(CLASSES), 3), 5.0)


def sighting(drive: int, along_m: float = 0.0, **more: object) -> Sighting:
    utc_s = BEGIN_S + 7 * DAY_S * drive
    lat = 35.65 + along_m / 110_941
    return replace(ONE, drive=f"d{drive}", lat=lat, utc_s=utc_s, time_s=along_m / 10, common_sd_m=1.5, **more)


def way(
    drive: int, *, right_m: float = 0.0, accuracy_m: float = 1.5, first_m: float = -100, last_m: float = 200
) -> Way:
    along_m = np.linspace(first_m, last_m, 30)
    line = np.column_stack([np.full(30, 139.75 + right_m / 90_565), 35.65 + along_m / 110_941])
    return Way(f"d{drive}", BEGIN_S + 7 * DAY_S * drive, [line], accuracy_m, REACH_M)


def states(sightings: list[list[Sighting]], ways: list[Way]) -> list[tuple[State, int]]:
    known = Damages()
    for drive in sightings:
        known.add(drive)
    return [(damage.state, damage.passes) for damage in surveyed(known, ways).damages]


def test_seen_each_time_it_is_there() -> None:
    drives = range(4)
    assert states([[sighting(i)] for i in drives], [way(i) for i in drives]) == [(State.there, 4)]


def test_a_damage_knows_the_passes_that_missed_it() -> None:
    known = Damages()
    for drive in ([sighting(0)], [], [sighting(2)]):
        known.add(drive)
    (damage,) = surveyed(known, [way(i) for i in range(3)] + [way(3, right_m=200)]).damages
    assert [one.drive for one in damage.missed] == ["d1"], "one that drove elsewhere is no witness"
    assert damage.missed[0].utc_s == BEGIN_S + 7 * DAY_S
    assert 0.3 < damage.missed[0].detectable < 1


def test_passed_unseen_often_enough_it_is_probably_repaired() -> None:
    """Three neighbours go on being seen: the drives looked, and their detector sees."""
    spots = (0.0, 30.0, 60.0, 90.0)
    drives = [[sighting(i, spot) for spot in (spots if i < 4 else spots[1:])] for i in range(9)]
    told = states(drives, [way(i) for i in range(9)])
    assert told == [(State.repaired, 9), (State.there, 9), (State.there, 9), (State.there, 9)]


def test_one_pass_is_never_enough() -> None:
    told = [Pass("a", BEGIN_S, 1.0, seen=True), Pass("b", BEGIN_S + DAY_S, 1.0, seen=False)]
    sure = by_light(np.full_like(GOOD.share, 0.98))
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


def test_two_vehicles_at_the_same_time_both_pass() -> None:
    """One clock, two drives of a street: both count, whichever is taken in first."""
    neighbour = [replace(sighting(i, 30.0), drive=name) for i, name in ((0, "a"), (0, "b"))]
    seen = {"a": [replace(sighting(0), drive="a"), neighbour[0]], "b": [neighbour[1]]}
    ways = {name: replace(way(0), drive=name) for name in seen}

    def told(order: str) -> list[tuple[object, ...]]:
        known = Damages()
        for name in order:
            known.add(seen[name])
        named = [ways[name] for name in order]
        went = passes(known, known.all(), named)
        return [
            (
                sorted(one.drive for one in damage.sightings),
                [(one.drive, one.seen) for one in went[damage.number]],
                damage.passes,
                damage.still_there,
                damage.state,
            )
            for damage in sorted(surveyed(known, named).damages, key=lambda one: one.lat)
        ]

    assert told("ab") == told("ba")
    first, second = told("ab")
    assert first[:3] == (["a"], [("a", True), ("b", False)], 2)
    assert second[:3] == (["a", "b"], [("a", True), ("b", True)], 2)


def test_a_drive_is_a_witness_as_far_as_it_sees_such_a_damage() -> None:
    """2.5 m beside the way: potholes of this size are seen to 3 m, then to 2 m only."""
    wide, narrow = np.full((len(CLASSES), 3), 5.0), np.full((len(CLASSES), 3), 5.0)
    wide[POTHOLE], narrow[POTHOLE] = 3.0, 2.0
    known = Damages()
    known.add([sighting(0)])
    beside = replace(way(1, right_m=2.5, accuracy_m=0.3), reach_m=wide)
    for reach, drives in ((wide, ["d0", "d1"]), (narrow, ["d0"])):
        told = passes(known, known.all(), [way(0), replace(beside, reach_m=reach)])
        assert [one.drive for one in told[1]] == drives


def test_a_drive_that_saw_it_from_afar_passed_it() -> None:
    """The way ends 15 m before it."""
    known = Damages()
    known.add([sighting(0)])
    told = passes(known, known.all(), [way(0, last_m=-15)])
    assert [(one.drive, one.seen) for one in told[1]] == [("d0", True)]


def test_recall_is_by_light() -> None:
    """Every other drive at dusk, which sees one damage in two."""
    drives = [[sighting(i)] if i % 4 != 1 else [] for i in range(81)]
    known = Damages()
    for drive in drives:
        known.add(drive)
    lights = [Light.dim if i % 2 else Light.day for i in range(81)]
    told = passes(known, known.all(), [replace(way(i), light=light) for i, light in enumerate(lights)])
    recall = measured_recall(known.all(), told)
    assert recall.of(known[1], Light.day) == pytest.approx(0.95, abs=0.05)
    assert recall.of(known[1], Light.dim) == pytest.approx(0.5, abs=0.08)
    other = replace(known[1], class_id=LONGITUDINAL_CRACK)
    assert recall.of(other, Light.dim) < recall.of(other, Light.day) - 0.2, "dusk is dusk for all"
    assert recall.of(known[1], Light.dark) > 0.6, "nothing is known of it"


def test_a_miss_at_dusk_says_less() -> None:
    (damage,) = _damages([sighting(0)])
    share = np.full((len(CLASSES), 3, len(LIGHTS)), 0.8)
    share[..., LIGHTS.index(Light.dim)] = 0.4
    first = Pass("a", BEGIN_S, 1.0, seen=True, light=Light.day)
    by_day, at_dusk = (
        belief(damage, [first, Pass("b", BEGIN_S, 1.0, False, light)], by_light(share)).probability
        for light in (Light.day, Light.dim)
    )
    assert by_day < at_dusk < 0.98


def _damages(*drives: list[Sighting]) -> list:
    known = Damages()
    for drive in drives:
        known.add(drive)
    return known.all()
