"""Priorities of damages in the records, by `maps.priority`'s parts."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from maps.growth import YEAR_S
from maps.rules import PARTS, Rules, default_rules
from roaddamage.records.models import Damage


def parts_of(row: Damage, rules: Rules) -> dict[str, float]:
    """Points of each part of a damage's priority, as of today; they add up to it."""
    table = rules.hot_spots.table
    own, share = rules.priority, rules.priority.weights
    years = (timezone.now() - row.first_seen).total_seconds() / YEAR_S if row.first_seen else 0.0
    values = {
        "severity": table[row.class_id, row.severity] / max(float(table.max()), 1e-9),
        "road": own.carried(row.road_kind, row.traffic),
        "growth": (row.growth_m2_a_year or 0.0) / own.growth_full_m2_a_year,
        "age": years / own.age_full_years,
    }
    return {name: float(100 * share[name] * min(max(values[name], 0.0), 1.0)) for name in PARTS}


def work_out(rows: Sequence[Damage]) -> None:
    """Work the priorities of these rows out, without saving them; what a person gave stays."""
    rules = default_rules()
    for row in rows:
        own = row.priority_set
        row.priority = sum(parts_of(row, rules).values()) if own is None else own
