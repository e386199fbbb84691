"""Exposure: what drives saw of each lane, however often they came, and how much of its width."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_roads import RULES, roads
from test_snapping import STREET, way

from maps.coverage import Way
from maps.exposure import Exposure, exposure
from maps.network import Network

ALONG = (0.0, 1.5), (400.0, 1.5)
BACK = (400.0, -1.5), (0.0, -1.5)
THERE_AND_BACK = (0.0, 1.5), (400.0, 1.5), (400.0, -1.5), (0.0, -1.5)


def seen_by(*ways: Way, **more: Any) -> Exposure:
    network = Network(roads(STREET, **more), RULES.lanes)
    return exposure(network, [replace(one, drive=str(number)) for number, one in enumerate(ways)])[0]


def seen_m(seen: Exposure) -> list[float]:
    """Lane-metres seen along the line and against it."""
    return [float(one) for one in (seen.share * seen.length_m).sum(1)]


@pytest.mark.parametrize(
    ("ways", "metres", "drives"),
    [
        pytest.param([way(*ALONG)], [400, 400], [1, 1], id="once, wide enough for both lanes"),
        pytest.param([way(*ALONG)] * 10, [400, 400], [10, 10], id="ten times"),
        pytest.param([way(*ALONG, reach_m=1.5)] * 10, [400, 0], [10, 0], id="ten times, its own lane alone"),
        pytest.param([way(*ALONG, reach_m=1.5), way(*BACK, reach_m=1.5)], [400, 400], [1, 1], id="once each way"),
        pytest.param([way(*THERE_AND_BACK)], [400, 400], [1, 1], id="there and back in one drive"),
        pytest.param([way(*ALONG, reach_m=1.0)], [400 * 2 / 3, 0], [1, 0], id="two thirds of its lane"),
        pytest.param([way(*ALONG, reach_m=3.0)], [400, 200], [1, 1], id="half of the other lane"),
        pytest.param([way(*ALONG, reach_m=2.1)], [400, 80], [1, 0], id="a fifth of it, which is no look"),
        pytest.param([way((0, 1.5), (200, 1.5), reach_m=1.5)], [200, 0], [1, 0], id="half of the street"),
        pytest.param([way((0, 1.5), (200, 1.5)), way((100, 1.5), (400, 1.5))], [400, 400], [2, 2], id="two drives that overlap"),
        pytest.param([way(*ALONG, reach_m=0.0)], [0, 0], [0, 0], id="a camera that sees no cracks"),
        pytest.param([], [0, 0], [0, 0], id="no drive"),
    ],
)  # fmt: skip
def test_a_street_is_as_long_however_often_it_was_driven(
    ways: list[Way], metres: list[float], drives: list[int]
) -> None:
    seen = seen_by(*ways)
    assert seen.length_m.sum() == pytest.approx(400, abs=0.1)
    assert seen_m(seen) == pytest.approx(metres, abs=5.1)
    assert seen.drives.max(1).tolist() == drives


@pytest.mark.parametrize(
    "more", [pytest.param({"kind": ["service"]}, id="one lane"), pytest.param({"oneway": [1]}, id="one way")]
)
def test_there_is_no_other_lane(more: dict[str, Any]) -> None:
    assert seen_m(seen_by(way((0.0, 0.0), (400.0, 0.0)), **more)) == pytest.approx([400, 0], abs=0.1)


def test_a_lane_for_both_directions_is_seen_from_both() -> None:
    seen = seen_by(way((400.0, 0.0), (0.0, 0.0)), kind=["service"])
    assert seen_m(seen) == pytest.approx([400, 0], abs=0.1)
    assert seen.driven.all(1).tolist() == [True, False]


@pytest.mark.parametrize(
    ("days", "last"),
    [
        pytest.param([1.0, 3.0, 2.0], 3.0, id="the latest, in whatever order"),
        pytest.param([None, 2.0], 2.0, id="the latest known"),
        pytest.param([None], np.nan, id="not known"),
    ],
)
def test_when_it_was_seen_last(days: list[float | None], last: float) -> None:
    seen = seen_by(*(way(*ALONG, utc_s=day) for day in days))
    assert seen.last_utc_s[0, 40] == pytest.approx(last, nan_ok=True)


def test_each_look_counts_as_much_as_it_saw() -> None:
    seen = seen_by(way(*ALONG, reach_m=1.0), way(*ALONG, reach_m=1.5), way(*ALONG, reach_m=1.5))
    assert seen.looks[0, 40] == pytest.approx(2 + 2 / 3)
    assert seen.share[0, 40] == 1


def test_round_a_corner_both_streets_are_seen_to_their_ends() -> None:
    network = Network(roads(STREET, (400.0, 0.0, 400.0, 300.0)), RULES.lanes)
    seen, _ = exposure(network, [way((0, 1.5), (398.5, 1.5), (398.5, 300), reach_m=1.5)])
    metres = np.bincount(seen.line, (seen.share * seen.length_m)[0])
    assert metres == pytest.approx([400, 300], abs=10)
