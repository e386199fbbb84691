"""Priorities: points whose parts anyone can add up, by the weights of the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_roads import RULES, lying, roads
from test_merge import ONE

from detector.classes import LONGITUDINAL_CRACK, POTHOLE
from maps.damage import Damage
from maps.growth import YEAR_S, Growth
from maps.priority import Priority, priority, road_part
from maps.rules import PARTS, PriorityRules

RULE = RULES.priority
NOW = 1.75e9
GROWING = Growth(0.5, 0.1)


def damage(years: float | None = 1.0, growth: Growth | None = None) -> Damage:
    utc_s = None if years is None else NOW - years * YEAR_S
    later = None if years is None else NOW
    seen = (replace(ONE, utc_s=later), replace(ONE, utc_s=utc_s))
    return Damage(1, 0, 1, 0.9, ONE.lon, ONE.lat, np.eye(2), seen, growth=growth)


def told(
    one: Damage,
    rules: PriorityRules = RULE,
    now: float | None = NOW,
    road: dict[str, Any] | None = None,
    **place: Any,
) -> Priority:
    return priority(
        [one], lying(place), roads((0.0, 0.0, 100.0, 0.0), **(road or {})), now, rules, RULES.hot_spots
    )


def test_parts_add_up() -> None:
    points = told(damage(1.0, GROWING), class_id=POTHOLE, severity=1)
    parts = [float(getattr(points, name)[0]) for name in PARTS]
    assert parts == pytest.approx([50 * 5 / 8, 20 * 0.3, 20 * 0.5, 10 * 0.5])
    assert points.total[0] == pytest.approx(sum(parts))


def test_the_worst_there_is_has_100() -> None:
    points = told(damage(9.0, Growth(7.0, 0.1)), class_id=POTHOLE, severity=2, road={"kind": ["motorway"]})
    assert points.total[0] == pytest.approx(100)


def test_weights_are_divided_by_their_sum() -> None:
    rules = replace(RULE, severity=1.0, road=0.0, growth=0.0, age=3.0)
    points = told(damage(1.0), rules, class_id=POTHOLE, severity=2)
    assert [points.severity[0], points.road[0], points.growth[0], points.age[0]] == pytest.approx(
        [25, 0, 0, 37.5]
    )


@pytest.mark.parametrize(
    ("years", "growth", "now", "expected"),
    [
        pytest.param(2.0, None, NOW, [0, 10], id="known for two years"),
        pytest.param(9.0, None, NOW, [0, 10], id="and no more than full"),
        pytest.param(0.0, None, NOW, [0, 0], id="today"),
        pytest.param(-0.1, None, NOW, [0, 0], id="after the last drive began"),
        pytest.param(None, None, NOW, [0, 0], id="no date"),
        pytest.param(1.0, None, None, [0, 0], id="a survey without a date"),
        pytest.param(0.0, GROWING, NOW, [10, 0], id="growing"),
        pytest.param(0.0, Growth(0.5, 0.4), NOW, [0, 0], id="growing by chance perhaps"),
        pytest.param(0.0, Growth(-0.5, 0.1), NOW, [0, 0], id="shrinking"),
    ],
)
def test_what_is_not_known_adds_nothing(
    years: float | None, growth: Growth | None, now: float | None, expected: list[float]
) -> None:
    points = told(damage(years, growth), now=now)
    assert [points.growth[0], points.age[0]] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("road", "expected"),
    [
        pytest.param({"kind": ["trunk"]}, 0.9, id="by kind"),
        pytest.param({"kind": ["trunk_link"]}, 0.9, id="a ramp as its road"),
        pytest.param({"kind": ["国道"]}, 0.9, id="Japanese kinds"),
        pytest.param({"kind": ["gravel"]}, 0.3, id="a kind that nobody knows"),
        pytest.param({"kind": [""]}, 0.3, id="no kind"),
        pytest.param({"kind": ["trunk"], "traffic": [2000.0]}, 0.1, id="traffic beats kind"),
        pytest.param({"kind": ["service"], "traffic": [50_000.0]}, 1.0, id="and no more than full"),
        pytest.param({"kind": ["trunk"], "traffic": [0.0]}, 0.0, id="no traffic is known"),
    ],
)
def test_what_a_road_carries(road: dict[str, Any], expected: float) -> None:
    assert road_part(roads((0.0, 0.0, 100.0, 0.0), **road), RULE)[0] == pytest.approx(expected)
    assert told(damage(), road=road).road[0] == pytest.approx(20 * expected)


def test_a_ramp_may_have_a_value_of_its_own() -> None:
    rules = replace(RULE, kinds={**RULE.kinds, "trunk_link": 0.4, "other": 0.05})
    made = roads((0.0, 0.0, 1.0, 0.0), (0.0, 5.0, 1.0, 5.0), kind=["trunk_link", "primary_link"])
    assert road_part(made, rules) == pytest.approx([0.4, 0.8, 0.05]), "and what lies on no road"


def test_a_damage_on_no_road_counts_as_on_any_other() -> None:
    assert told(damage(), road={"kind": ["motorway"]}, line=-1).road[0] == pytest.approx(20 * 0.3)


def test_no_damages_no_points() -> None:
    points = priority([], lying(), roads((0.0, 0.0, 100.0, 0.0)), NOW, RULE, RULES.hot_spots)
    assert points.total.shape == (0,)


def test_weights_of_hot_spots_say_how_grave_a_damage_is() -> None:
    light = replace(RULES.hot_spots, weights={**RULES.hot_spots.weights, "D00": (8.0, 8.0, 16.0)})
    crack = lying({"class_id": LONGITUDINAL_CRACK, "severity": 0})
    both = (
        priority([damage()], crack, roads((0.0, 0.0, 100.0, 0.0)), NOW, RULE, weights).severity[0]
        for weights in (RULES.hot_spots, light)
    )
    assert list(both) == pytest.approx([50 / 8, 50 / 2])
