"""The question of a map page: what it shows, and by which filter (docs/map-layer.md); read from an address's query."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from detector.classes import CLASSES, SEVERITIES
from maps.map_data import STATES

MOST_POINTS = 2_000
"""Where the view holds more, the answer is clusters."""
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Chosen classes, severities and states, the least confidence, and days (since 1970, both included)."""

    class_: frozenset[int] = frozenset(range(len(CLASSES)))
    severity: frozenset[int] = frozenset(range(len(SEVERITIES)))
    state: frozenset[int] = frozenset(range(len(STATES)))
    confidence: float = 0.0
    days: tuple[float, float] = (-math.inf, math.inf)

    @property
    def by_kind_alone(self) -> bool:
        """Whether class and severity are all that is held against it."""
        every_day = not any(math.isfinite(day) for day in self.days)
        return len(self.state) == len(STATES) and not self.confidence and every_day


@dataclass(frozen=True, kw_only=True)
class Question(Filter):
    """What a page asks for: bounds in EPSG:4326, the map's zoom, and its filter."""

    bbox: Bounds
    zoom: int


def question(query: Mapping[str, Sequence[str]]) -> Question:
    """Read the query of an address. Raises KeyError and ValueError for what is none."""
    return Question(bbox=bounds(query["bbox"][0]), zoom=int(query["zoom"][0]), **chosen(query))


def bounds(text: str) -> Bounds:
    """west,south,east,north in degrees. Raises ValueError."""
    west, south, east, north = (float(part) for part in text.split(","))
    if not all(math.isfinite(part) for part in (west, south, east, north)) or south > north:
        raise ValueError(f"no bounds: {text}")
    return west, south, east, north


def chosen(query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What a query says of a filter, by `Filter`'s fields. Raises ValueError."""
    told: dict[str, Any] = {
        name: frozenset(int(part) for part in query[name.rstrip("_")][0].split(",") if part)
        for name in ("class_", "severity", "state")
        if name.rstrip("_") in query
    }
    days = tuple(
        float((date.fromisoformat(query[name][0]) - date(1970, 1, 1)).days)
        if query.get(name, [""])[0]
        else open_
        for name, open_ in (("from", -math.inf), ("to", math.inf))
    )
    share = float(query.get("confidence", ["0"])[0] or 0)
    if not math.isfinite(share):
        raise ValueError("no confidence")
    return told | {"confidence": share, "days": days}
