"""Facts of a damage, as the API, GIS programs and webhooks are told them."""

from __future__ import annotations

from typing import Any

import numpy as np

from detector.classes import CODES, SEVERITIES
from maps.map_data import STATES, axes_of
from roaddamage.records.models import Damage


def damage_of(row: Damage) -> dict[str, Any]:
    """A row's facts by name (`roaddamage.api.schemas.Damage` tells their units)."""
    same = (
        "confidence", "still_there", "lon", "lat", "length_m", "length_sd_m", "width_m", "width_sd_m", "area_m2",
        "area_sd_m2", "growth_m2_a_year", "road", "road_kind", "chainage_m", "priority", "first_seen", "last_seen", "passes",
        "due", "version", "state", "rejected_as",
    )  # fmt: skip
    covariance = [[row.var_east_m2, row.cov_east_north_m2], [row.cov_east_north_m2, row.var_north_m2]]
    error_m = float(axes_of(np.array([covariance], float))[0][0])
    return {name: getattr(row, name) for name in same} | {
        "number": row.pk, "class": CODES[row.class_id], "severity": SEVERITIES[row.severity],
        "state_by_passes": STATES[row.belief].name, "error_m": round(error_m, 2) if np.isfinite(error_m) else None,
        "sightings": row.sightings_count, "drives": row.drives_count, "joined_into": row.joined_into_id,
        "assignee": row.assignee.username if row.assignee else None,
    }  # fmt: skip
