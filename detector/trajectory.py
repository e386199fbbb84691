"""Where the vehicle was: fixes made into position, heading and speed at any moment of the drive."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

from detector.errors import N_, TelemetryError
from detector.telemetry.fixes import Fixes

Floats = NDArray[np.float64]

STANDING_MPS = 0.8
"""Slower than this is standing: below it a receiver's noise looks like motion."""
FASTEST_MPS = 70.0
LONGEST_GAP_S = 10.0
"""Between fixes further apart than this, nobody knows where the vehicle was."""
HEADING_BASE_M = 6.0
"""A heading is taken over at least this much road."""
EDGE_S = 1.0
"""How far before the first and after the last fix positions are carried on."""


@dataclass(frozen=True)
class LocalFrame:
    """A metric frame around one point: metres east and north (azimuthal equidistant, WGS 84)."""

    lon: float
    lat: float

    def _transformer(self) -> Transformer:
        local = f"+proj=aeqd +lat_0={self.lat} +lon_0={self.lon} +datum=WGS84 +units=m"
        return Transformer.from_crs("EPSG:4326", local, always_xy=True)

    def to_metres(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """EPSG:4326 to metres (east, north)."""
        east, north = self._transformer().transform(np.asarray(lon), np.asarray(lat))
        return np.asarray(east, float), np.asarray(north, float)

    def to_lonlat(self, east_m: ArrayLike, north_m: ArrayLike) -> tuple[Floats, Floats]:
        """Metres (east, north) to EPSG:4326 (lon, lat)."""
        lon, lat = self._transformer().transform(np.asarray(east_m), np.asarray(north_m), direction="INVERSE")
        return np.asarray(lon, float), np.asarray(lat, float)


@dataclass(frozen=True)
class Pose:
    """The vehicle at one moment, in the trajectory's local frame."""

    east_m: float
    north_m: float
    heading_rad: float
    speed_mps: float
    accuracy_m: float
    distance_m: float


@dataclass(frozen=True)
class Trajectory:
    """A drive's path, (n,) columns in order of `time_s`; `heading_rad` is clockwise from north.

    `distance_m` counts from the first fix and stands still while the vehicle does.
    """

    frame: LocalFrame
    time_s: Floats
    utc_s: Floats
    east_m: Floats
    north_m: Floats
    heading_rad: Floats
    speed_mps: Floats
    accuracy_m: Floats
    distance_m: Floats
    dropped: int
    """Fixes left out as impossible jumps or repeated times."""

    def covers(self, time_s: ArrayLike) -> NDArray[np.bool_]:
        """Whether the position at these times is known."""
        times = np.asarray(time_s, float)
        after = np.searchsorted(self.time_s, times, side="right")
        low = self.time_s[np.clip(after - 1, 0, len(self.time_s) - 1)]
        high = self.time_s[np.clip(after, 0, len(self.time_s) - 1)]
        inside = (times >= self.time_s[0] - EDGE_S) & (times <= self.time_s[-1] + EDGE_S)
        return np.asarray(inside & (high - low <= LONGEST_GAP_S))

    def at(self, time_s: float) -> Pose:
        """The pose at a time, linear between fixes."""

        def value(column: Floats) -> float:
            return float(np.interp(time_s, self.time_s, column))

        heading = math.atan2(value(np.sin(self.heading_rad)), value(np.cos(self.heading_rad)))
        edge_s = time_s - float(np.clip(time_s, self.time_s[0], self.time_s[-1]))
        edge_m = edge_s * value(self.speed_mps)
        return Pose(
            value(self.east_m) + edge_m * math.sin(heading),
            value(self.north_m) + edge_m * math.cos(heading),
            heading,
            value(self.speed_mps),
            value(self.accuracy_m),
            value(self.distance_m) + edge_m,
        )

    def utc_at(self, time_s: float) -> float | None:
        """POSIX time of a media time; None where the log tells none."""
        if not np.isfinite(self.utc_s).all():
            return None
        index = int(np.clip(np.searchsorted(self.time_s, time_s), 0, len(self.time_s) - 1))
        return float(self.utc_s[index] + time_s - self.time_s[index])

    def sample_times(self, every_m: float, end_s: float) -> Floats:
        """Times from 0 to `end_s` at which another `every_m` has been driven; none while parked."""
        start_s, last_s = (
            max(float(self.time_s[0]) - EDGE_S, 0.0),
            min(float(self.time_s[-1]) + EDGE_S, end_s),
        )
        clock = np.unique(np.concatenate([self.time_s, [start_s, last_s]]))
        clock = clock[(clock >= start_s) & (clock <= last_s)]
        if len(clock) < 2:
            return clock[:1]
        metres = np.array([self.at(float(time_s)).distance_m for time_s in clock])
        metres += np.arange(len(metres)) * 1e-9  # standing still must not make the inverse ambiguous
        marks = np.arange(metres[0], metres[-1] + 1e-6, every_m)
        times = np.interp(marks, metres, clock)
        return np.asarray(times[self.covers(times)])

    def metres_driven(self, end_s: float) -> float:
        """Metres driven between the footage's first frame and `end_s`, gaps left out."""
        inside = (self.time_s >= 0) & (self.time_s <= end_s)
        steps = np.diff(self.distance_m)
        known = (np.diff(self.time_s) <= LONGEST_GAP_S) & inside[1:] & inside[:-1]
        return float(steps[known].sum())

    def lonlat(self) -> Floats:
        """The path as (n, 2) EPSG:4326, longitude first."""
        return np.column_stack(self.frame.to_lonlat(self.east_m, self.north_m))


def trajectory_from_fixes(fixes: Fixes) -> Trajectory:
    """Order, clean and measure the fixes; their `time_s` must be known.

    Raises TelemetryError where fewer than two usable fixes are left.
    """
    order = np.argsort(fixes.time_s, kind="stable")
    fixes = fixes.chosen(order[np.isfinite(fixes.time_s[order])])
    count = len(fixes)
    if count:
        fixes = fixes.chosen(np.concatenate([[True], np.diff(fixes.time_s) > 1e-3]))
        frame = LocalFrame(float(np.median(fixes.lon)), float(np.median(fixes.lat)))
        east, north = frame.to_metres(fixes.lon, fixes.lat)
        kept = _without_jumps(fixes.time_s, east, north)
        fixes, east, north = fixes.chosen(kept), east[kept], north[kept]
    if len(fixes) < 2:
        raise TelemetryError(
            N_("Fewer than two usable GPS fixes: no way driven can be told from {count} of them."),
            count=count,
        )
    speed = _speed_mps(fixes, east, north)
    moving = (speed[1:] + speed[:-1]) / 2 >= STANDING_MPS
    steps = np.hypot(np.diff(east), np.diff(north)) * moving
    distance = np.concatenate([[0.0], np.cumsum(steps)])
    return Trajectory(
        frame=frame,
        time_s=fixes.time_s,
        utc_s=fixes.utc_s,
        east_m=east,
        north_m=north,
        heading_rad=_heading_rad(fixes, east, north, distance),
        speed_mps=np.where(speed < STANDING_MPS, 0.0, speed),
        accuracy_m=fixes.accuracy_m,
        distance_m=distance,
        dropped=count - len(fixes),
    )


def _without_jumps(time_s: Floats, east: Floats, north: Floats) -> NDArray[np.bool_]:
    """Fixes that can be reached from the last good one at a speed roads allow.

    After five in a row that can't, the "last good one" itself is taken to be the outlier.
    """
    kept = np.ones(len(time_s), bool)
    last, refused = 0, 0
    for index in range(1, len(time_s)):
        reach = math.hypot(east[index] - east[last], north[index] - north[last])
        if reach > FASTEST_MPS * (time_s[index] - time_s[last]) + 15 and refused < 5:
            kept[index] = False
            refused += 1
            continue
        if refused >= 5:
            kept[last] = False
            kept[index - refused : index] = True
        last, refused = index, 0
    return kept


def _speed_mps(fixes: Fixes, east: Floats, north: Floats) -> Floats:
    """The receiver's own (Doppler) speed where it gives one, else way over time across a second."""
    before = np.maximum(np.searchsorted(fixes.time_s, fixes.time_s - 1.01), 0)
    after = np.minimum(np.searchsorted(fixes.time_s, fixes.time_s + 1.01, side="right") - 1, len(east) - 1)
    spread = np.maximum(fixes.time_s[after] - fixes.time_s[before], 1e-3)
    derived = np.hypot(east[after] - east[before], north[after] - north[before]) / spread
    return np.where(np.isfinite(fixes.speed_mps), fixes.speed_mps, derived)


def _heading_rad(fixes: Fixes, east: Floats, north: Floats, distance: Floats) -> Floats:
    """The direction of the path over `HEADING_BASE_M`, kept through stops.

    A log whose fixes never move enough (single pictures) falls back on the headings it gives.
    """
    half = HEADING_BASE_M / 2
    before = np.clip(np.searchsorted(distance, distance - half, side="right") - 1, 0, None)
    after = np.clip(np.searchsorted(distance, distance + half), None, len(distance) - 1)
    heading = np.arctan2(east[after] - east[before], north[after] - north[before])
    known = np.hypot(east[after] - east[before], north[after] - north[before]) > half / 2
    if not known.any():
        given = np.radians(fixes.heading_deg)
        return np.where(np.isfinite(given), given, 0.0)
    nearest = np.flatnonzero(known)
    place = np.clip(np.searchsorted(nearest, np.arange(len(heading))), 0, len(nearest) - 1)
    return np.asarray(heading[nearest[place]])
