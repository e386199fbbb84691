"""Roads, damages on them and what was seen, made by hand: all is known, and nothing has an error unless it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from detector.classes import CLASSES, SEVERITIES
from detector.sightings import FILL
from detector.trajectory import LocalFrame
from maps.exposure import Exposure
from maps.network import Network
from maps.on_roads import OnRoads
from maps.passes import Recall
from maps.roads import Roads
from maps.rules import default_rules

RULES = default_rules()
FRAME = LocalFrame(139.75, 35.65)


def roads(*ends: tuple[float, float, float, float], **more: Any) -> Roads:
    """Straight roads from (east, north) to (east, north), metres; a lane each way of 3 m where nothing is said."""
    count = len(ends)
    xy = np.array(ends, float).reshape(-1, 2)
    lines = shapely.linestrings(np.column_stack(FRAME.to_lonlat(*xy.T)).reshape(-1, 2, 2))
    unknown = np.full(count, np.nan)
    made = Roads(
        np.asarray(lines, object), [f"{number}" for number in range(1, count + 1)],
        [f"road {number}" for number in range(1, count + 1)], ["residential"] * count, unknown, unknown,
        np.zeros(count, np.int8), unknown, np.zeros(count, np.int8),
    )  # fmt: skip
    return replace(
        made, **{name: np.array(value) if name in COLUMNS else value for name, value in more.items()}
    )


COLUMNS = frozenset(("width_m", "lanes", "oneway", "traffic", "level"))


def street(length_m: float = 100.0, **more: Any) -> Network:
    """The network of one road to the east."""
    return Network(roads((0.0, 0.0, length_m, 0.0), **more), RULES.lanes)


def lying(*rows: dict[str, Any]) -> OnRoads:
    """Damages at places of a network, surely there, as wide and long as is said."""
    usual: dict[str, Any] = {
        "line": 0, "direction": 1, "at_m": 10.25, "across_m": 0.0, "place_sd_m": 0.0, "class_id": 0, "severity": 1,
        "length_m": 1.0, "length_sd_m": 0.0, "width_m": 0.3, "width_sd_m": 0.0, "area_m2": np.nan, "weight": 1.0,
    }  # fmt: skip
    told = []
    for row in rows:
        one = {**usual, **row}
        if one["class_id"] in FILL and "area_m2" not in row:
            one["area_m2"] = one["length_m"] * one["width_m"]
        told.append(one)
    whole = ("line", "direction", "class_id", "severity")
    return OnRoads(
        np.arange(len(told)),
        *(np.array([one[name] for one in told], np.int64 if name in whole else float) for name in usual),
    )


def seen(network: Network, share: float = 1.0, looks: int = 1, utc_s: float = 1.75e9) -> Exposure:
    """Every lane seen to this share of its width, by so many drives."""
    told = Exposure(network)
    lanes = np.stack([np.ones(len(told.line), bool), ~network.single[told.line]])
    told.share[lanes], told.looks[lanes] = share, share * looks
    told.drives[lanes], told.last_utc_s[lanes], told.driven[lanes] = looks, utc_s, True
    return told


def recall(share: float = 0.75, sd: float = 0.02) -> Recall:
    """The same for every kind."""
    kind = np.full((len(CLASSES), len(SEVERITIES)), share)
    return Recall(kind[..., None], kind, kind[:, 0], np.full(len(CLASSES), sd))
