"""On which road a damage lies, and what that road counts, in words."""

from __future__ import annotations

from typing import Any

import pytest

from maps.rules import default_rules
from roaddamage.language import translation
from roaddamage.records.models import Damage
from roaddamage.whereabouts import on_road, why_road

NAMED = {"road": "市道12号", "road_id": "1012", "road_kind": "市道", "chainage_m": 1234.4}
CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no road": ({}, "", "on no known road: counts 30 %"),
    "ledger": (NAMED, "市道12号, 1,234 m from its start", "市道: counts 40 %"),
    "vehicles": (NAMED | {"traffic": 5_000.0}, "市道12号, 1,234 m from its start",
                 "5,000 vehicles a day, where 20,000 are full: counts 25 %"),
    "more than full": (NAMED | {"traffic": 90_000.0}, "市道12号, 1,234 m from its start",
                       "90,000 vehicles a day, where 20,000 are full: counts 100 %"),
    "ramp": (NAMED | {"road_kind": "trunk_link"}, "市道12号, 1,234 m from its start",
             "ramp of a trunk road: counts 90 %"),
    "no name": (NAMED | {"road": "R00007", "road_id": "R00007", "road_kind": "service"},
                "service road without a name, 1,234 m from its start", "service road: counts 10 %"),
    "neither name nor kind": (NAMED | {"road": "R00007", "road_id": "R00007", "road_kind": ""},
                              "Road without a name, 1,234 m from its start", "kind of road not known: counts 30 %"),
    "no name but a number": (NAMED | {"road": "1012", "road_id": "1012", "road_kind": "service"},
                             "service road 1012, 1,234 m from its start", "service road: counts 10 %"),
    "kind that rules do not have": (NAMED | {"road_kind": "農道"}, "市道12号, 1,234 m from its start",
                                    "農道, which has no value of its own in the rules: counts 30 %"),
    "no kind": (NAMED | {"road_kind": ""}, "市道12号, 1,234 m from its start",
                "kind of road not known: counts 30 %"),
}  # fmt: skip


@pytest.mark.parametrize(("values", "place", "why"), CASES.values(), ids=CASES)
def test_words(values: dict[str, Any], place: str, why: str) -> None:
    row = Damage(**values)
    assert on_road(row, str).replace("\u00a0", " ") == place
    assert why_road(row, default_rules(), str).replace("\u00a0", " ") == why
    assert why_road(row, default_rules(), translation("ja")) != why_road(row, default_rules(), str)
