"""Sightings of several drives become damages, each once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE, TRANSVERSE_CRACK
from detector.sightings import Sighting, error_radius_m
from maps.merge import Damages, merge

ONE = Sighting(
    drive="a", class_id=POTHOLE, confidence=0.8, lon=139.75, lat=35.65,
    covariance_m2=((4.0, 0.0), (0.0, 4.0)), heading_deg=0.0, length_m=0.5, length_sd_m=0.1,
    width_m=0.5, width_sd_m=0.1, area_m2=0.2, area_sd_m2=0.1,
    time_s=1.0, utc_s=1.7e9, frames=2, model="m", evidence="e.jpg", crop="c.jpg",
)  # fmt: skip


def at(north_m: float, *, drive: str = "b", class_id: int = POTHOLE, **more: object) -> Sighting:
    return replace(ONE, lat=35.65 + north_m / 110_941, drive=drive, class_id=class_id, **more)


@pytest.mark.parametrize(
    ("other", "count"),
    [
        pytest.param(at(3), 1, id="within the errors: the same"),
        pytest.param(at(12), 2, id="far beyond the errors: another"),
        pytest.param(at(12, covariance_m2=((100.0, 0.0), (0.0, 100.0))), 1, id="a poor fix reaches further"),
        pytest.param(at(0.5, class_id=TRANSVERSE_CRACK), 2, id="classes that can't be one thing"),
    ],
)
def test_two_drives(other: Sighting, count: int) -> None:
    assert len(merge([[ONE], [other]])) == count


def test_a_crack_that_became_alligator_is_one_damage() -> None:
    first = at(0, drive="a", class_id=LONGITUDINAL_CRACK, confidence=0.5)
    (damage,) = merge([[first], [at(1, class_id=ALLIGATOR_CRACK, confidence=0.9)]])
    assert damage.class_id == ALLIGATOR_CRACK


def test_two_sightings_of_one_drive_are_two_damages() -> None:
    assert len(merge([[ONE, at(0.5, drive="a")]])) == 2


def test_conflicts_are_settled_over_all_pairs_at_once() -> None:
    """Taking the nearest first would join 3 with 2 and leave 0 and 5 apart."""
    damages = merge([[at(0, drive="a"), at(3, drive="a")], [at(2), at(5)]])
    places = [sorted(round((s.lat - 35.65) * 110_941) for s in damage.sightings) for damage in damages]
    assert sorted(places) == [[0, 2], [3, 5]]


def test_fusing_weighs_by_precision_and_narrows_the_error() -> None:
    sure = replace(ONE, covariance_m2=((1.0, 0.0), (0.0, 1.0)))
    unsure = at(4, covariance_m2=((9.0, 0.0), (0.0, 9.0)))
    (damage,) = merge([[sure], [unsure]])
    assert (damage.lat - 35.65) * 110_941 == pytest.approx(0.4, abs=0.01)
    assert damage.error_m == pytest.approx(math.sqrt(5.991 * 0.9), rel=1e-3)


def test_no_drive_and_empty_drives() -> None:
    assert merge([]) == []
    assert len(merge([[], [ONE], []])) == 1


def test_a_drive_is_laid_onto_what_is_known() -> None:
    """Damages every 8 m, and a second drive whose GPS is 6 m off along the road: nearly the next damage."""
    rng = np.random.default_rng(2)
    spots = np.cumsum(rng.uniform(5, 11, 20))
    more = {"covariance_m2": ((17.0, 0.0), (0.0, 17.0)), "common_sd_m": 4.0}
    first = [at(spot, drive="a", time_s=spot / 10, **more) for spot in spots]
    second = [at(spot + 6.0, drive="b", time_s=spot / 10, **more) for spot in spots]
    known = Damages()
    assert known.add(first) == known.add(second)


def test_a_drive_that_comes_back_counts_once() -> None:
    there = [at(spot, drive="a", time_s=spot / 10) for spot in (0, 20, 40)]
    back = [at(spot + 1, drive="a", time_s=120 - spot / 10) for spot in (40, 20, 0)]
    assert len(merge([there + back])) == 3


def test_numbers_stay_when_drives_are_added() -> None:
    known = Damages()
    numbers = known.add([at(0, drive="a"), at(30, drive="a")])
    known.add([at(60, drive="b"), at(31, drive="b")])
    assert numbers == [1, 2]
    assert [damage.number for damage in known.all()] == [1, 2, 3]
    assert {sighting.drive for sighting in known[2].sightings} == {"a", "b"}


def test_adding_a_drive_touches_only_its_surroundings() -> None:
    known = Damages()
    known.add([at(0, drive="a")])
    before = known[1].sightings
    assert known.add([at(5_000, drive="b")]) == [2]
    assert known[1].sightings == before


def test_hundreds_of_damages_keep_their_places() -> None:
    known = Damages()
    for drive in range(3):
        known.add([at(25.0 * i, drive=str(drive), time_s=float(i)) for i in range(300)])
    assert len(known) == 300
    assert {len(damage.sightings) for damage in known.all()} == {3}


@pytest.mark.parametrize("lon", [179.99995, -0.00005])
def test_over_the_meridians(lon: float) -> None:
    east = [(lon + i * 1e-4 + 180) % 360 - 180 for i in range(10)]
    drives = [
        [replace(at(0, drive=name, time_s=float(i)), lon=x) for i, x in enumerate(east)] for name in "ab"
    ]
    assert len(merge(drives)) == 10


def test_near_a_pole() -> None:
    drives = [
        [replace(at(0, drive=name, time_s=float(i)), lat=89.9 + i * 1e-4) for i in range(10)] for name in "ab"
    ]
    assert len(merge(drives)) == 10


def test_error_radius_holds_95_percent() -> None:
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    drawn = np.random.default_rng(0).multivariate_normal([0, 0], covariance, 20_000)
    assert (np.hypot(*drawn.T) < error_radius_m(covariance)).mean() == pytest.approx(0.97, abs=0.02)


def drives_past(*places_m: float, of: int) -> list[list[Sighting]]:
    """`of` drives that each saw potholes in these places, metres north."""
    return [
        [at(place, drive=f"d{number}", time_s=1.0 + i) for i, place in enumerate(places_m)]
        for number in range(of)
    ]


def test_a_drive_that_saw_one_thing_twice_counts_it_once_and_a_second_such_drive_makes_it_two() -> None:
    known = Damages()
    for sightings in drives_past(0.0, of=3):
        known.add(sightings)
    again = [at(0, drive="x", time_s=1.0), at(4, drive="x", time_s=1.4)]
    assert known.add(again) == [1, 1]
    assert (len(known), known.numbers.split) == (1, {})
    told = known.add([replace(one, drive="y") for one in again])
    assert sorted(told) == [1, 2]
    assert known.numbers.split == {2: 1}
    assert sorted(len(damage.sightings) for damage in known.all()) == [2, 5]


def test_a_new_damage_further_off_is_new_at_once() -> None:
    known = Damages()
    for sightings in drives_past(0.0, of=3):
        known.add(sightings)
    assert known.add([at(0, drive="x", time_s=1.0), at(12, drive="x", time_s=2.0)]) == [1, 2]


def later(drives: list[list[Sighting]], name: str) -> list[list[Sighting]]:
    return [[replace(one, drive=f"{one.drive} {name}") for one in drive] for drive in drives]


@pytest.mark.parametrize("apart_m", [4.0, 9.0, 15.0])
def test_what_a_person_joined_stays_one_though_drives_see_it_in_both_places(apart_m: float) -> None:
    known = Damages()
    drives = drives_past(0.0, apart_m, of=2)
    for sightings in drives:
        known.add(sightings)
    known.numbers.join(2, 1)
    assert (known.numbers.final(1), len(known), known.numbers.places(2)) == (2, 1, [2, 1])
    for sightings in later(drives, "later") + later(drives, "and again"):
        assert known.add(sightings) == [2, 2]
    (damage,) = known.all()
    assert (damage.number, len(damage.sightings)) == (2, 12)
    assert known.laid(1)[1] == pytest.approx(apart_m / 2, abs=0.5)


def test_what_a_person_joined_is_restored_with_both_places() -> None:
    known = Damages()
    drives = drives_past(0.0, 9.0, of=2)
    for sightings in drives:
        known.add(sightings)
    again = Damages.restored(known.frame, [known.kept(2), known.kept(1)], 2)
    again.numbers.join(1, 2)
    assert again.add(later(drives, "later")[0]) == [1, 1]
    assert len(again.kept(1)) == len(again.kept(2)) == 3


@pytest.mark.parametrize("joined", [False, True], ids=["of one place", "of two"])
@pytest.mark.parametrize("chosen", [[2, 3], [0, 1], [0, 2]])
def test_what_a_person_parted_stays_two(joined: bool, chosen: list[int]) -> None:
    known = Damages()
    for sightings in drives_past(0.0, of=4) if not joined else drives_past(0.0, 6.0, of=2):
        known.add(sightings)
    if joined:
        known.numbers.join(1, 2)
    fresh = known.keep_apart(1, chosen)
    assert sorted(len(damage.sightings) for damage in known.all()) == [2, 2]
    for sightings in later(drives_past(0.0, 0.6, of=3), "later"):
        known.add(sightings)
    assert {known.numbers.final(1), known.numbers.final(fresh)} == {1, fresh}
    assert len(known) == 2
    with pytest.raises(ValueError, match="can't be a damage of their own"):
        known.keep_apart(fresh, range(99))


def test_the_number_a_person_knows_is_the_one_that_stays() -> None:
    known = Damages()
    known.add([at(0, drive="a"), at(30, drive="a", time_s=4.0)])
    known.numbers.decided.add(2)
    known._merging._put_together(0, 1)
    assert known.numbers.final(1) == 2
