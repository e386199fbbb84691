"""What became of damages and segments between two surveys; what was not surveyed was not repaired."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_roads import RULES, lying, recall, seen, street
from test_merge import ONE

from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE
from detector.sightings import Sighting
from maps.change import Change, damage_change, segment_change
from maps.damage import Damage, Miss, State
from maps.segments import Segments, segments

BEFORE = {"b1", "b2"}


def sighting(
    drive: str, length_m: float = 2.0, sd_m: float = 0.1, class_id: int = LONGITUDINAL_CRACK
) -> Sighting:
    return replace(
        ONE, drive=drive, class_id=class_id, length_m=length_m, length_sd_m=sd_m, width_m=1.0, width_sd_m=0.1
    )


def damage(looks: dict[str, float], missed: str = "", repaired: bool = False, sd_m: float = 0.1) -> Damage:
    return Damage(
        1, LONGITUDINAL_CRACK, 1, 0.9, ONE.lon, ONE.lat, np.eye(2),
        tuple(sighting(drive, length, sd_m) for drive, length in looks.items()),
        state=State.repaired if repaired else State.there,
        missed=tuple(Miss(drive, 1.75e9, 0.8) for drive in missed.split()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(damage({"a1": 2.0}, "b1"), Change.new, id="passed before, and not seen"),
        pytest.param(damage({"a1": 2.0}), Change.first, id="not passed before"),
        pytest.param(damage({"a1": 2.0}, "a2"), Change.first, id="passed later alone"),
        pytest.param(damage({"b1": 2.0, "a1": 2.2}), Change.unchanged, id="within the errors"),
        pytest.param(damage({"b1": 2.0, "a1": 2.3}), Change.worse, id="longer beyond both errors"),
        pytest.param(damage({"b1": 2.3, "a1": 2.0}), Change.better, id="shorter"),
        pytest.param(damage({"b1": 2.0, "a1": 2.3}, sd_m=0.2), Change.unchanged, id="errors twice as large"),
        pytest.param(damage({"b1": 2.0, "a1": 2.03}, sd_m=0.0), Change.worse, id="no error at all"),
        pytest.param(damage({"b1": 2.0, "b2": 9.0, "a1": 5.5}), Change.unchanged, id="the mean of looks"),
        pytest.param(damage({"b1": 2.0}, "a1 a2", repaired=True), Change.repaired, id="missed since"),
        pytest.param(damage({"b1": 2.0, "a1": 2.0}, "a2 a3", repaired=True), Change.repaired, id="during the later survey"),
        pytest.param(damage({"b1": 2.0}, "a1"), Change.unclear, id="missed once since"),
        pytest.param(damage({"b1": 2.0}), Change.not_surveyed, id="not passed since"),
        pytest.param(damage({"b1": 2.0}, "b2", repaired=True), Change.not_surveyed, id="never repaired if not surveyed"),
        pytest.param(damage({"b1": np.nan, "a1": 2.0}), Change.unchanged, id="a size that is not known"),
    ],
)  # fmt: skip
def test_damage(one: Damage, expected: Change) -> None:
    assert damage_change(one, BEFORE).change == expected


def test_sizes_and_severities_before_and_after() -> None:
    told = damage_change(damage({"b1": 0.9, "a1": 3.1, "a2": 3.3}), BEFORE)
    assert (told.before, told.after) == pytest.approx((0.9, 3.2))
    assert told.sd == pytest.approx(np.hypot(0.1, 0.1)), "many looks are no surer than one"
    assert (told.severity_before, told.severity_after) == (0, 2)


def test_another_class_is_measured_otherwise_and_tells_of_no_change() -> None:
    one = damage({"b1": 2.0, "a1": 2.0})
    other = replace(one.sightings[1], class_id=ALLIGATOR_CRACK, length_m=9.0, width_m=9.0)
    told = damage_change(replace(one, sightings=(one.sightings[0], other)), BEFORE)
    assert (told.change, told.before) == (Change.unchanged, 2.0)
    assert np.isnan(told.after)


def test_a_class_that_a_person_gave_is_measured_by_all_sightings() -> None:
    told = damage_change(replace(damage({"b1": 1.0, "a1": 3.0}), class_id=ALLIGATOR_CRACK), BEFORE)
    assert told.change == Change.worse
    assert 0 < told.before < told.after


def test_what_one_survey_alone_saw_has_one_size() -> None:
    told = damage_change(damage({"a1": 2.0}, "b1"), BEFORE)
    assert np.isnan([told.before, told.sd]).all()
    assert (told.after, told.severity_before, told.severity_after) == (2.0, None, 1)


@pytest.mark.parametrize(
    ("class_id", "size", "sd"),
    [
        pytest.param(LONGITUDINAL_CRACK, 2.0, 0.1, id="length"),
        pytest.param(POTHOLE, 1.0, 0.1, id="width"),
        pytest.param(ALLIGATOR_CRACK, 2.0, 2.0 * np.hypot(0.05, 0.1), id="area"),
    ],
)
def test_the_size_is_what_severity_goes_by(class_id: int, size: float, sd: float) -> None:
    one = replace(
        damage({}),
        class_id=class_id,
        sightings=(sighting("b1", class_id=class_id), sighting("a1", class_id=class_id)),
    )
    told = damage_change(one, BEFORE)
    assert (told.before, told.after) == pytest.approx((size, size))
    assert told.sd == pytest.approx(np.sqrt(2) * sd)


def surveyed(ratio: float, low: float, high: float) -> Segments:
    """A road of one segment with this ratio in both directions."""
    network = street()
    _, long = segments(network, seen(network), lying(), recall(), RULES.condition)
    return replace(
        long,
        **{
            name: np.full((2, 1), value)
            for name, value in (("crack_ratio", ratio), ("low", low), ("high", high))
        },
    )


UNKNOWN = (np.nan,) * 3


@pytest.mark.parametrize(
    ("before", "after", "expected", "interval"),
    [
        pytest.param((10, 8, 13), (20, 16, 25), Change.worse, (10 - 5.0, 10 + np.hypot(5, 2)), id="worse"),
        pytest.param((20, 16, 25), (10, 8, 13), Change.better, (-10 - np.hypot(2, 5), -10 + 5.0), id="better"),
        pytest.param((10, 6, 14), (13, 10, 17), Change.unchanged, (3 - 5.0, 3 + np.hypot(4, 4)), id="unchanged"),
        pytest.param(UNKNOWN, (13, 10, 17), Change.first, UNKNOWN[:2], id="first surveyed"),
        pytest.param((13, 10, 17), UNKNOWN, Change.not_surveyed, UNKNOWN[:2], id="not surveyed"),
        pytest.param(UNKNOWN, UNKNOWN, Change.not_surveyed, UNKNOWN[:2], id="neither time"),
    ],
)  # fmt: skip
def test_segment(
    before: tuple[float, ...], after: tuple[float, ...], expected: Change, interval: tuple[float, ...]
) -> None:
    """MOVER: each side's distance is the root of both own distances' squares (3-4-5)."""
    told = segment_change(surveyed(*before), surveyed(*after))
    assert (told.change == expected).all()
    assert [told.low[0, 0], told.high[0, 0]] == pytest.approx(list(interval), nan_ok=True)
    assert told.points[0, 0] == pytest.approx(after[0] - before[0], nan_ok=True)
