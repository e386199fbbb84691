"""Rules: a settings table that is used as it is written, or refused by file and setting."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maps.rules import DEFAULTS, Rules, RulesError, _checked, _merged, _rules, default_rules, read_rules

TABLE = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))


def read(folder: Path, text: str) -> Rules:
    path = folder / "minato.toml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def leaves(table: dict[str, Any], within: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*within, name))
        else:
            yield *within, name


def other(value: Any) -> Any:
    """A value of the same kind that is another."""
    if isinstance(value, list):
        return [other(one) for one in value]
    return f"{value}x" if isinstance(value, str) else type(value)(value + 1)


def test_the_package_s_rules_are_good() -> None:
    assert _checked(default_rules(), DEFAULTS) == default_rules()


@pytest.mark.parametrize("path", list(leaves(TABLE)), ids=".".join)
def test_every_setting_is_read(path: tuple[str, ...]) -> None:
    value: Any = TABLE
    for name in path:
        value = value[name]
    given: dict[str, Any] = {path[-1]: other(value)}
    for name in reversed(path[:-1]):
        given = {name: given}
    assert _rules(_merged(TABLE, given, DEFAULTS), DEFAULTS) != default_rules()


def test_a_file_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    rules = read(
        tmp_path,
        '[condition]\nrut_mm = [10, 30]\n[hot_spots]\nweights.D40 = [1, 2, 3]\n[priority.kinds]\n"農道" = 0.1\n'
        '[lanes]\nkeep = "right"\nsingle_kinds = []\n',
    )
    usual = default_rules()
    assert rules.condition.rut_mm == (10.0, 30.0)
    assert rules.hot_spots.weights == {**usual.hot_spots.weights, "D40": (1.0, 2.0, 3.0)}
    assert rules.priority.kinds == {**usual.priority.kinds, "農道": 0.1}
    assert (rules.lanes.keep, rules.lanes.single_kinds) == ("right", ())
    assert rules.condition.crack_ratio_percent == usual.condition.crack_ratio_percent
    assert rules.change == usual.change


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(DEFAULTS.read_text("utf-8"), id="as printed"),
        pytest.param("\ufeff# BOM", id="of a Windows editor"),
    ],
)
def test_what_says_nothing_new_changes_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == default_rules()


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        pytest.param("[condition]\nmesh = 0.5", "condition.mesh", id="no such setting"),
        pytest.param("[conditions]", "conditions", id="no such section"),
        pytest.param("[hot_spots]\nweights.D99 = [1, 2, 3]", "hot_spots.weights.D99", id="no such class"),
        pytest.param("condition = 5", "condition", id="a number for a section"),
        pytest.param("[priority]\nkinds = 0.5", "priority.kinds", id="a number for a table"),
        pytest.param("[hot_spots]\nweights = []", "hot_spots.weights", id="a list for a table"),
        pytest.param("[condition]\nmesh_m.x = 0.5", "condition.mesh_m", id="a table for a number"),
        pytest.param('[condition]\nmesh_m = "0.5"', "condition.mesh_m", id="a text for a number"),
        pytest.param("[condition]\nmesh_m = true", "condition.mesh_m", id="a truth value for a number"),
        pytest.param("[condition]\nmesh_m = nan", "condition.mesh_m", id="no number"),
        pytest.param("[change]\nleast_years = inf", "change.least_years", id="without end"),
        pytest.param(f"[change]\nleast_years = 1{'0' * 400}", "change.least_years", id="no end in sight"),
        pytest.param(
            "[hot_spots]\nreach_segments = 1.5", "hot_spots.reach_segments", id="a fraction for a count"
        ),
        pytest.param("[hot_spots]\nweights.D00 = [1, nan, 3]", "hot_spots.weights", id="no number in a list"),
        pytest.param('[hot_spots]\nweights.D00 = "123"', "hot_spots.weights", id="a text for a list"),
        pytest.param("[condition]\nrut_mm = 20", "condition.rut_mm", id="a number for a list"),
        pytest.param('[lanes]\nsingle_kinds = "alley"', "lanes.single_kinds", id="a text for texts"),
        pytest.param("[lanes]\nsingle_kinds = [1]", "lanes.single_kinds", id="a number for a text"),
        pytest.param("[lanes]\nkeep = 1", "lanes.keep", id="a number for a word"),
        pytest.param('[priority.kinds]\n"国道" = "much"', "priority.kinds", id="a word for a number"),
        pytest.param("[condition]\nrut_mm = [20]", "condition.rut_mm", id="one step"),
        pytest.param("[condition]\niri_mm_per_m = [8, 3]", "condition.iri_mm_per_m", id="steps that fall"),
        pytest.param(
            "[condition]\ncrack_ratio_percent = [0, 3]",
            "condition.crack_ratio_percent",
            id="a step of nothing",
        ),
        pytest.param("[condition]\nmesh_m = 0", "condition.mesh_m", id="a mesh of nothing"),
        pytest.param(
            "[condition]\none_crack_m2 = 0.3", "condition.one_crack_m2", id="one crack more than several"
        ),
        pytest.param("[condition]\nmore_cracks_m2 = 0.3", "condition.more_cracks_m2", id="more than a cell"),
        pytest.param("[condition]\npothole_m2 = -0.1", "condition.pothole_m2", id="less than nothing"),
        pytest.param("[condition]\nleast_seen_share = 0", "condition.least_seen_share", id="nothing seen"),
        pytest.param("[lanes]\nwidth_m = 30", "lanes.width_m", id="a lane of 30 m"),
        pytest.param("[lanes]\ntwo_from_m = -1", "lanes.two_from_m", id="a width below nothing"),
        pytest.param('[lanes]\nkeep = "middle"', "lanes.keep", id="no side"),
        pytest.param("[hot_spots]\nweights.D00 = [1, 2]", "hot_spots.weights", id="a size lacks"),
        pytest.param(
            "[hot_spots]\nweights.D00 = [1, 2, -3]", "hot_spots.weights", id="a weight below nothing"
        ),
        pytest.param("[hot_spots]\nreach_segments = 0", "hot_spots.reach_segments", id="no reach"),
        pytest.param("[hot_spots]\nleast_seen_m = 0", "hot_spots.least_seen_m", id="rates of nothing seen"),
        pytest.param("[priority]\nage = -1", "priority.age", id="a part below nothing"),
        pytest.param(
            "[priority]\nseverity = 0\nroad = 0\ngrowth = 0\nage = 0", "priority", id="no part at all"
        ),
        pytest.param("[priority]\ntraffic_full = 0", "priority.traffic_full", id="full of nothing"),
        pytest.param("[priority]\nage_full_years = 0", "priority.age_full_years", id="full at once"),
        pytest.param(
            "[priority]\ngrowth_full_m2_a_year = 0",
            "priority.growth_full_m2_a_year",
            id="full without growth",
        ),
        pytest.param('[priority.kinds]\n"国道" = 2', "priority.kinds", id="more than full"),
        pytest.param("[change]\nsurvey_gap_days = 0", "change.survey_gap_days", id="no gap"),
        pytest.param("[change]\nfewest_surveys = 2", "change.fewest_surveys", id="a line through two"),
        pytest.param("[change]\nleast_years = 0", "change.least_years", id="a line over no time"),
        pytest.param("[change]\nforecast_years = 50", "change.forecast_years", id="too far ahead"),
    ],
)
def test_what_can_t_be_is_told_by_file_and_setting(tmp_path: Path, text: str, setting: str) -> None:
    with pytest.raises(RulesError) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "minato.toml") in str(caught.value)
    assert caught.value.values["name"] == setting
    assert setting in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"[condition", "is not a settings table", id="not TOML"),
        pytest.param("[lanes]\nkeep = '左'".encode("cp932"), "is not a settings table", id="Shift_JIS"),
        pytest.param(None, "can't be read", id="not there"),
    ],
)
def test_files_that_can_t_be_used(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "minato.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RulesError, match=says) as caught:
        read_rules(path)
    assert str(path) in str(caught.value)


def test_weights_as_a_table_and_as_shares() -> None:
    rules = default_rules()
    assert rules.hot_spots.table.tolist() == [[1, 2, 3], [1, 2, 3], [2, 4, 6], [3, 5, 8]]
    assert rules.priority.weights == pytest.approx({"severity": 0.5, "road": 0.2, "growth": 0.2, "age": 0.1})
    assert np.sum(list(rules.priority.weights.values())) == pytest.approx(1)
