"""Crack ratios by the mesh, diagnoses and the MCI, against what is worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_roads import RULES, lying, street

from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, POTHOLE, TRANSVERSE_CRACK
from maps.condition import DIAGNOSES, crack_cells, diagnosis, mci_crack_only, mesh_area_m2

ALONG = {"class_id": LONGITUDINAL_CRACK, "width_m": 0.1}
ACROSS = {"class_id": TRANSVERSE_CRACK, "length_m": 0.1}
PATCH = {"class_id": ALLIGATOR_CRACK, "at_m": 10.0}
HOLE = {"class_id": POTHOLE, "at_m": 10.25, "across_m": 0.25, "length_m": 0.3, "width_m": 0.3}
RULE = RULES.condition


def area_m2(*rows: dict[str, Any], rules: Any = RULE) -> float:
    return sum(float(area.sum()) for *_, area in crack_cells(street(), lying(*rows), rules))


@pytest.mark.parametrize(
    ("rows", "expected_m2"),
    [
        pytest.param([{**ALONG, "at_m": 10.5, "length_m": 1.0}], 2 * 0.15, id="a crack from edge to edge of two cells"),
        pytest.param([{**ALONG, "at_m": 10.6, "length_m": 1.0}], 3 * 0.15, id="and one that touches a third"),
        pytest.param([{**ALONG, "length_m": 0.0}], 0.15, id="a crack of no length lies in a cell"),
        pytest.param([{**ALONG, "at_m": 0.2, "length_m": 3.0}], 4 * 0.15, id="no cells before the road begins"),
        pytest.param([{**ALONG, "at_m": 99.9, "length_m": 2.0}], 3 * 0.15, id="nor after its end"),
        pytest.param([{**ACROSS, "width_m": 3.0}], 6 * 0.15, id="across the whole lane of 3 m"),
        pytest.param([{**ACROSS, "width_m": 9.0}], 6 * 0.15, id="a lane is no wider"),
        pytest.param([{**ACROSS, "width_m": 1.0, "across_m": 9.0}], 2 * 0.15, id="what lies beside it is in it"),
        pytest.param([{**ALONG, "at_m": 10.5}, {**ALONG, "at_m": 10.5}], 2 * 0.25, id="two in the same cells"),
        pytest.param([{**ALONG, "at_m": 10.5}] * 3, 2 * 0.25, id="three are no more than two"),
        pytest.param(
            [{**ALONG, "at_m": 10.5, "across_m": 0.1}, {**ACROSS, "at_m": 10.25, "width_m": 3.0}],
            0.25 + 0.15 + 5 * 0.15, id="two that cross count whole in one cell alone",
        ),
        pytest.param(
            [{**ALONG, "at_m": 10.5}, {**ALONG, "at_m": 10.5, "direction": -1}], 4 * 0.15, id="each lane has its own"
        ),
        pytest.param([{**PATCH, "length_m": 2.0, "width_m": 1.0}], 8 * 0.25, id="alligator cells count whole"),
        pytest.param([{**PATCH, "length_m": 2.0, "width_m": 1.0}] * 2, 8 * 0.25, id="and no more than that"),
        pytest.param(
            [{**PATCH, "length_m": 2.0, "width_m": 1.0}, {**ALONG, "at_m": 10.0, "length_m": 4.0}], 8 * 0.25 + 4 * 0.15,
            id="a crack adds what reaches beyond the patch",
        ),
        pytest.param([{**PATCH, "length_m": 0.1, "width_m": 0.1}], 0.25, id="a small patch has one cell"),
        pytest.param([HOLE], 0.25, id="a pothole's cell"),
        pytest.param([{**ALONG, "line": -1}], 0.0, id="on no road"),
        pytest.param([], 0.0, id="none"),
    ],
)  # fmt: skip
def test_mesh(rows: list[dict[str, Any]], expected_m2: float) -> None:
    assert area_m2(*rows) == pytest.approx(expected_m2, rel=2e-3)


@pytest.mark.parametrize(
    ("rows", "expected_m2"),
    [
        pytest.param([0.6], 0.6 * 0.15, id="one that is perhaps there"),
        pytest.param([0.6, 0.5], (0.6 * 0.5 + 0.4 * 0.5) * 0.15 + 0.6 * 0.5 * 0.25, id="two that are"),
    ],
)
def test_what_is_not_sure_counts_what_is_to_be_expected(rows: list[float], expected_m2: float) -> None:
    assert area_m2(*({**ALONG, "length_m": 0.0, "weight": one} for one in rows)) == pytest.approx(expected_m2)


@pytest.mark.parametrize(
    ("pothole_m2", "expected_m2"),
    [
        pytest.param(0.0, 0.5 * 0.15, id="potholes left out"),
        pytest.param(0.2, 0.4 * 0.2 + 0.6 * 0.5 * 0.15, id="more than a crack"),
        pytest.param(0.1, 0.4 * (0.5 * 0.15 + 0.5 * 0.1) + 0.6 * 0.5 * 0.15, id="less than a crack"),
    ],
)
def test_a_pothole_beside_a_crack_counts_as_the_rules_say(pothole_m2: float, expected_m2: float) -> None:
    rules = replace(RULE, pothole_m2=pothole_m2)
    both = ({**HOLE, "weight": 0.4}, {**ALONG, "length_m": 0.0, "across_m": 0.25, "weight": 0.5})
    assert area_m2(*both, rules=rules) == pytest.approx(expected_m2)


def test_cells_are_where_their_damages_are() -> None:
    ((line, direction, at, area),) = crack_cells(
        street(), lying({**ALONG, "at_m": 10.5}, {**ALONG, "at_m": 60.5, "direction": -1}), RULE
    )
    assert line.tolist() == [0] * 4
    assert sorted(zip(direction.tolist(), at.tolist(), strict=True)) == [
        (-1, 60.25),
        (-1, 60.75),
        (1, 10.25),
        (1, 10.75),
    ]
    assert area == pytest.approx(0.15, rel=2e-3)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({**ALONG, "length_m": 2.3}, id="along"),
        pytest.param({**ACROSS, "width_m": 1.3}, id="across"),
        pytest.param({**PATCH, "length_m": 2.2, "width_m": 1.4}, id="patch"),
    ],
)
def test_a_damage_s_usual_area_is_its_mean_over_where_it_may_lie(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    places = [
        {**row, "at_m": at, "across_m": across} for at, across in rng.uniform((20, -0.5), (80, 0.5), (400, 2))
    ]
    mean = np.mean([area_m2(one) for one in places])
    assert mesh_area_m2(lying(row), RULE)[0] == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize(
    ("steps", "value", "expected"),
    [
        pytest.param(RULE.crack_ratio_percent, 19.9, "Ⅰ", id="cracks below 20 %"),
        pytest.param(RULE.crack_ratio_percent, 20.0, "Ⅱ", id="at 20 %"),
        pytest.param(RULE.crack_ratio_percent, 39.9, "Ⅱ", id="below 40 %"),
        pytest.param(RULE.crack_ratio_percent, 40.0, "Ⅲ", id="at 40 %"),
        pytest.param(RULE.rut_mm, 19.9, "Ⅰ", id="ruts below 20 mm"),
        pytest.param(RULE.rut_mm, 20.0, "Ⅱ", id="at 20 mm"),
        pytest.param(RULE.rut_mm, 40.0, "Ⅲ", id="at 40 mm"),
        pytest.param(RULE.iri_mm_per_m, 2.99, "Ⅰ", id="IRI below 3"),
        pytest.param(RULE.iri_mm_per_m, 3.0, "Ⅱ", id="at 3"),
        pytest.param(RULE.iri_mm_per_m, 8.0, "Ⅲ", id="at 8"),
        pytest.param(RULE.iri_mm_per_m, np.nan, "", id="not known"),
    ],
)
def test_diagnosis(steps: tuple[float, ...], value: float, expected: str) -> None:
    assert DIAGNOSES[diagnosis(np.array([value]), steps)[0]] == expected


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        pytest.param(0.0, 10.0, id="none"),
        pytest.param(1.0, 7.77, id="1 %: 10 - 2.23"),
        pytest.param(20.0, 4.522, id="20 %: 10 - 2.23 × 2.4565"),
        pytest.param(np.nan, np.nan, id="not known"),
    ],
)
def test_mci_of_cracks_alone(percent: float, expected: float) -> None:
    assert mci_crack_only(np.array([percent]))[0] == pytest.approx(expected, abs=5e-4, nan_ok=True)
