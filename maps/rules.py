"""Rules: the settings table of segments, hot spots and priorities. Its values stand in `rules.toml` alone."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from detector.classes import CODES, SEVERITIES
from detector.errors import N_, RoadDamageError

DEFAULTS = Path(__file__).with_name("rules.toml")
STEPS = ("crack_ratio_percent", "rut_mm", "iri_mm_per_m")
PARTS = ("severity", "road", "growth", "age")


class RulesError(RoadDamageError):
    """A settings table that can't be used."""

    exit_code = 2


@dataclass(frozen=True)
class ConditionRules:
    """Thresholds of 診断区分 Ⅱ and Ⅲ, and what a cell of the mesh counts, m²."""

    crack_ratio_percent: tuple[float, ...]
    rut_mm: tuple[float, ...]
    iri_mm_per_m: tuple[float, ...]
    mesh_m: float
    one_crack_m2: float
    more_cracks_m2: float
    pothole_m2: float
    least_seen_share: float


@dataclass(frozen=True)
class LaneRules:
    """How wide a lane is and how many there are, where a road file does not tell; which side traffic keeps."""

    width_m: float
    two_from_m: float
    single_kinds: tuple[str, ...]
    keep: str


@dataclass(frozen=True)
class HotSpotRules:
    """What damages weigh and how sure a hot spot has to be."""

    weights: dict[str, tuple[float, ...]]
    reach_segments: int
    least_seen_m: float

    @property
    def table(self) -> NDArray[np.float64]:
        """Weights by class and severity, (classes, severities)."""
        return np.array([self.weights[code] for code in CODES], float)


@dataclass(frozen=True)
class PriorityRules:
    """What the parts of a priority weigh, and where each is full."""

    severity: float
    road: float
    growth: float
    age: float
    growth_full_m2_a_year: float
    age_full_years: float
    traffic_full: float
    kinds: dict[str, float]

    @property
    def weights(self) -> dict[str, float]:
        """Of the parts, adding up to 1."""
        parts = {name: getattr(self, name) for name in PARTS}
        total = sum(parts.values())
        return {name: value / total for name, value in parts.items()}

    def carried(self, kind: str, traffic: float | None) -> float:
        """How much a road of this kind carries, 0 to 1; by its vehicles a day where they are known (not None, not NaN)."""
        if traffic is not None and not math.isnan(traffic):
            return min(max(float(traffic) / self.traffic_full, 0.0), 1.0)
        return self.kinds.get(self.counted_as(kind), 0.0)

    def counted_as(self, kind: str) -> str:
        """The kind of these rules that a kind of road counts as: a ramp as its road, where it has no value of its own."""
        return next((one for one in (kind, kind.removesuffix("_link")) if one in self.kinds), "other")


@dataclass(frozen=True)
class ChangeRules:
    """What is one survey, and how many a forecast needs."""

    survey_gap_days: float
    fewest_surveys: int
    least_years: float
    forecast_years: float


@dataclass(frozen=True)
class Rules:
    """All settings, a part a section of the file."""

    condition: ConditionRules
    lanes: LaneRules
    hot_spots: HotSpotRules
    priority: PriorityRules
    change: ChangeRules


@cache
def default_rules() -> Rules:
    """The rules in the package."""
    return _rules(tomllib.loads(DEFAULTS.read_text(encoding="utf-8")), DEFAULTS)


def read_rules(path: Path) -> Rules:
    """The rules of a file; what it leaves out is as in the package. Raises RulesError."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RulesError(
            N_("{path} can't be read: {reason}."), path=path, reason=error.strerror or error
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(
            N_("{path} is not a settings table (TOML): {reason}."), path=path, reason=error
        ) from error
    defaults = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))
    return _checked(_rules(_merged(defaults, given, path), path), path)


def _merged(defaults: dict[str, Any], given: dict[str, Any], path: Path, within: str = "") -> dict[str, Any]:
    merged = dict(defaults)
    for name, value in given.items():
        if name not in defaults and within != "priority.kinds.":
            raise RulesError(
                N_("{path}: there is no setting {name}. `roaddamage rules` shows those there are."),
                path=path, name=within + name,
            )  # fmt: skip
        if isinstance(defaults.get(name), dict):
            if not isinstance(value, dict):
                raise _not_so(path, within + name, value)
            value = _merged(defaults[name], value, path, f"{within}{name}.")
        merged[name] = value
    return merged


def _rules(table: dict[str, Any], path: Path) -> Rules:
    parts: dict[str, Any] = {}
    for name, kind in get_type_hints(Rules).items():
        hints = get_type_hints(kind)
        parts[name] = kind(
            **{
                one.name: _value(table[name][one.name], hints[one.name], f"{name}.{one.name}", path)
                for one in fields(kind)
            }
        )
    return Rules(**parts)


def _value(value: Any, kind: Any, name: str, path: Path) -> Any:
    """A value of the file as its field has it; RulesError where it is of another kind."""
    try:
        return _as(value, kind)
    except (TypeError, OverflowError) as error:
        raise _not_so(path, name, value) from error


def _not_so(path: Path, name: str, value: Any) -> RulesError:
    return RulesError(N_("{path}: {name} can't be {value}."), path=path, name=name, value=value)


def _as(value: Any, kind: Any) -> Any:
    """The value as a number, a text, a list or a table; TypeError where it is none. Numbers may be whole."""
    inner = get_args(kind)
    if get_origin(kind) is dict and isinstance(value, dict):
        return {key: _as(one, inner[1]) for key, one in value.items()}
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_as(one, inner[0]) for one in value)
    if type(value) is kind or (kind is float and type(value) is int):
        told = kind(value)
        if kind is str or math.isfinite(told):
            return told
    raise TypeError


def _checked(rules: Rules, path: Path) -> Rules:
    """Raise RulesError for values that make no sense."""
    condition, lanes, hot, priority = rules.condition, rules.lanes, rules.hot_spots, rules.priority
    cell_m2 = condition.mesh_m**2 + 1e-9
    parts = {f"priority.{name}": getattr(priority, name) for name in PARTS}
    checks = {
        **{f"condition.{name}": _rises(getattr(condition, name)) for name in STEPS},
        "condition.mesh_m": 0.1 <= condition.mesh_m <= 1.0,
        "condition.one_crack_m2": 0 < condition.one_crack_m2 <= condition.more_cracks_m2,
        "condition.more_cracks_m2": condition.more_cracks_m2 <= cell_m2,
        "condition.pothole_m2": 0 <= condition.pothole_m2 <= cell_m2,
        "condition.least_seen_share": 0 < condition.least_seen_share <= 1,
        "lanes.width_m": 2.0 <= lanes.width_m <= 5.0,
        "lanes.two_from_m": lanes.two_from_m >= 0,
        "lanes.keep": lanes.keep in ("left", "right"),
        "hot_spots.weights": all(
            len(row) == len(SEVERITIES) and min(row) >= 0 for row in hot.weights.values()
        ),
        "hot_spots.reach_segments": 1 <= hot.reach_segments <= 10,
        "hot_spots.least_seen_m": hot.least_seen_m > 0,
        **{name: part >= 0 for name, part in parts.items()},
        "priority": sum(parts.values()) > 0,
        "priority.kinds": all(0 <= value <= 1 for value in priority.kinds.values()),
        "priority.growth_full_m2_a_year": priority.growth_full_m2_a_year > 0,
        "priority.age_full_years": priority.age_full_years > 0,
        "priority.traffic_full": priority.traffic_full > 0,
        "change.survey_gap_days": rules.change.survey_gap_days > 0,
        "change.fewest_surveys": rules.change.fewest_surveys >= 3,
        "change.least_years": rules.change.least_years > 0,
        "change.forecast_years": 0 < rules.change.forecast_years <= 10,
    }
    for name, good in checks.items():
        if not good:
            raise RulesError(
                N_("{path}: {name} has values that can't be. `roaddamage rules` shows what is meant."),
                path=path, name=name,
            )  # fmt: skip
    return rules


def _rises(steps: tuple[float, ...]) -> bool:
    """Whether these are where Ⅱ and Ⅲ begin."""
    return len(steps) == 2 and 0 < steps[0] < steps[1]
