"""What the map page knows, as columns: damages, their sightings, the passes that missed them, drives and streets.

Times are the municipality's wall clock, as seconds or days since 1970-01-01 there, so that a page needs no table of
time zones. Columns that hold several rows for each damage (or stretch) are in its order; `*_begin` says where each
one's rows begin. Measures are counts of centimetres, square decimetres and decimetres (errors of place).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from detector.sightings import CHI2_95
from maps.columns import NONE_U2, Column, bounds, in_steps
from maps.damage import Damage, State
from maps.exports import Driven
from maps.streets import Streets

Floats = NDArray[np.float64]
Columns = dict[str, Column]
Texts = dict[str, list[str]]

DAY_S = 86_400
NO_TIME = 0
STATES = tuple(State)
SIZES_M = {"length": "length_m", "length_sd": "length_sd_m", "width": "width_m", "width_sd": "width_sd_m"}
AREAS_M2 = {"area": "area_m2", "area_sd": "area_sd_m2"}


@dataclass
class Clock:
    """Wall-clock time of one zone; offsets are looked up once an hour."""

    zone: tzinfo

    def __post_init__(self) -> None:
        self._offsets: dict[int, float] = {}

    def local_s(self, utc_s: float | None) -> int:
        """Seconds since 1970 on this clock; `NO_TIME` where the time is not known."""
        if utc_s is None or not 0 < utc_s < 4e9:
            return NO_TIME
        hour = int(utc_s // 3600)
        if hour not in self._offsets:
            offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(self.zone).utcoffset()
            self._offsets[hour] = offset.total_seconds() if offset else 0.0
        return int(utc_s + self._offsets[hour])


def map_columns(
    damages: Sequence[Damage], driven: Sequence[Driven], along: Streets, zone: tzinfo
) -> tuple[Columns, Texts]:
    """All columns of a page, and its texts. Damages must have a place on Earth."""
    clock = Clock(zone)
    names = [drive.name for drive in driven]
    named = {one.drive for damage in damages for one in damage.sightings}
    named |= {one.drive for damage in damages for one in damage.missed}
    unknown = named - set(names)
    names.extend(sorted(unknown))
    number = {name: index for index, name in enumerate(names)}
    begins = [clock.local_s(drive.begin_utc_s) for drive in driven] + [NO_TIME] * len(unknown)
    seen_columns, seen_texts = _sightings(damages, number, clock)
    roads = list(dict.fromkeys(damage.road for damage in damages))
    columns = {
        **_damages(damages, along, {road: index for index, road in enumerate(roads)}),
        **seen_columns,
        **_misses(damages, number, clock),
        "drive_time": np.array(begins, "<u4"),
        **_streets(along),
    }
    return columns, {"drive": names, "road": roads, **seen_texts}


def _damages(damages: Sequence[Damage], along: Streets, road: dict[str, int]) -> Columns:
    lon, lat = np.array([(one.lon, one.lat) for one in damages], float).reshape(-1, 2).T
    major_m, minor_m, bearing_deg = ellipses(damages)
    rate = [(one.growth.m2_a_year, one.growth.sd_m2_a_year) if one.growth and one.growth.sure
            else (np.nan, np.nan) for one in damages]  # fmt: skip
    growth, growth_sd = np.array(rate, "<f4").reshape(-1, 2).T
    chainage = [np.nan if one.chainage_m is None else one.chainage_m for one in damages]
    return {
        "number": np.array([one.number for one in damages], "<u4"),
        "lon": np.round(lon * 1e7).astype("<i4"),
        "lat": np.round(lat * 1e7).astype("<i4"),
        "class": np.array([one.class_id for one in damages], "u1"),
        "severity": np.array([one.severity for one in damages], "u1"),
        "state": np.array([STATES.index(one.state) for one in damages], "u1"),
        "confidence": _percent([one.confidence for one in damages]),
        "still_there": _percent([one.still_there for one in damages]),
        "passes": np.array([min(one.passes, NONE_U2) for one in damages], "<u2"),
        "best": np.array([one.sightings.index(one.best) for one in damages], "<u2"),
        "major": in_steps(major_m, 0.1),
        "minor": in_steps(minor_m, 0.1),
        "bearing": np.round(bearing_deg).astype("u1"),
        "growth": growth,
        "growth_sd": growth_sd,
        "road": np.array([road[one.road] for one in damages], "<u4"),
        "chainage": np.array(chainage, "<f4"),
        "stretch": along.nearest(lon, lat)[0].astype("<i4"),
    }


def ellipses(damages: Sequence[Damage]) -> tuple[Floats, Floats, Floats]:
    """Half-axes in metres and bearing of the long one (0 to 180 degrees from north) that hold 95 %, (n,) each.

    What has no usable covariance has NaN and 0.
    """
    return axes_of(np.array([one.covariance_m2 for one in damages], float).reshape(-1, 2, 2))


def axes_of(covariance: Floats) -> tuple[Floats, Floats, Floats]:
    """The same of covariances in m², (n, 2, 2)."""
    usable = np.asarray(np.isfinite(covariance).all((1, 2)))
    values, vectors = np.linalg.eigh(np.where(usable[:, None, None], covariance, 0))
    axes = np.sqrt(CHI2_95 * np.clip(values, 0, None))
    axes[~usable] = np.nan
    bearing = np.degrees(np.arctan2(vectors[:, 0, 1], vectors[:, 1, 1])) % 180
    return axes[:, 1], axes[:, 0], bearing


def _sightings(
    damages: Sequence[Damage], number: dict[str, int], clock: Clock
) -> tuple[Columns, dict[str, list[str]]]:
    """The sightings of each damage, as they come."""
    every = list(chain.from_iterable(one.sightings for one in damages))
    sizes = {name: in_steps([getattr(s, of) for s in every], 0.01) for name, of in SIZES_M.items()}
    areas = {
        name: in_steps([np.nan if getattr(s, of) is None else getattr(s, of) for s in every], 0.01)
        for name, of in AREAS_M2.items()
    }
    columns = {
        "seen_begin": bounds([len(one.sightings) for one in damages]),
        "seen_drive": np.array([number[s.drive] for s in every], "<u4"),
        "seen_class": np.array([s.class_id for s in every], "u1"),
        "seen_time": np.array([clock.local_s(s.utc_s) for s in every], "<u4"),
        "seen_confidence": _percent([s.confidence for s in every]),
        "seen_covered": _percent([s.covered for s in every]),
        "seen_frames": np.array([min(s.frames, NONE_U2) for s in every], "<u2"),
        "seen_at": np.array([s.time_s for s in every], "<f4"),
        **{f"seen_{name}": column for name, column in (sizes | areas).items()},
    }
    return columns, {"evidence": [s.evidence for s in every], "crop": [s.crop for s in every]}


def _misses(damages: Sequence[Damage], number: dict[str, int], clock: Clock) -> Columns:
    every = list(chain.from_iterable(one.missed for one in damages))
    return {
        "missed_begin": bounds([len(one.missed) for one in damages]),
        "missed_drive": np.array([number[one.drive] for one in every], "<u4"),
        "missed_time": np.array([clock.local_s(one.utc_s) for one in every], "<u4"),
        "missed_detectable": _percent([one.detectable for one in every]),
    }


def _streets(along: Streets) -> Columns:
    points = np.vstack([np.zeros((0, 2)), *along.lines])
    drives = np.array(list(chain.from_iterable(along.drives)), "<u4")
    return {
        "line_begin": bounds([len(line) for line in along.lines]),
        "line_lon": np.round(points[:, 0] * 1e7).astype("<i4"),
        "line_lat": np.round(points[:, 1] * 1e7).astype("<i4"),
        "line_metres": along.metres.astype("<f4"),
        "line_unseen": along.unseen.astype("u1"),
        "along_begin": bounds([len(which) for which in along.drives]),
        "along_drive": drives,
    }


def _percent(shares: Sequence[float]) -> NDArray[np.uint8]:
    """Whole per cents; 255 for what is no number."""
    values = np.round(100 * np.asarray(shares, float))
    return np.where(np.isfinite(values), np.clip(values, 0, 100), 255).astype("u1")
