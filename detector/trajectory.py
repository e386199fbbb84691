"""Where the vehicle was: fixes made into position, heading and speed at any moment of the drive."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer
from shapely.geometry import LineString

from detector.errors import N_, TelemetryError
from detector.smoother import ACCELERATION, Motion, smooth
from detector.telemetry.fixes import Fixes

Floats = NDArray[np.float64]

STANDING_MPS = 0.8
"""Slower than this is standing: below it a receiver's noise looks like motion."""
FASTEST_MPS = 70.0
LONGEST_GAP_S = 10.0
"""Between fixes further apart than this, nobody knows where the vehicle was."""
WHITE_SHARE = 0.35
"""Share of a receiver's error that changes from fix to fix; the rest wanders over minutes."""
LEAST_NOISE_M = 0.05
VELOCITY_NOISE_MPS = 0.5
"""Standard error of a receiver's own velocity, by axis."""
HEADING_SD_STANDING_RAD = math.radians(20)
TURN_ERROR = 0.15
"""Share of a turn from one fix to the next by which the heading in between may be off."""
LINE_TOLERANCE_M = 0.3
LEAST_GAP_S, MISSED_FIXES = 2.5, 3
"""Fixes further apart than this, and than three of them usually are, are missing some in between."""
SAME_PLACE_M = 0.02
LEAST_FROZEN_S, FROZEN_MPS, FROZEN_M = 2.0, 2.0, 15.0
"""A place that is given for longer, while driving faster, or with the next one further away, is stale."""
EDGE_S = 1.0
"""How far before the first and after the last fix positions are carried on."""


@dataclass(frozen=True)
class LocalFrame:
    """A metric frame around one point: metres east and north (azimuthal equidistant, WGS 84)."""

    lon: float
    lat: float

    @cached_property
    def _transformer(self) -> Transformer:
        local = f"+proj=aeqd +lat_0={self.lat} +lon_0={self.lon} +datum=WGS84 +units=m"
        return Transformer.from_crs("EPSG:4326", local, always_xy=True)

    def to_metres(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """EPSG:4326 to metres (east, north)."""
        east, north = self._transformer.transform(np.asarray(lon), np.asarray(lat))
        return np.asarray(east, float), np.asarray(north, float)

    def to_lonlat(self, east_m: ArrayLike, north_m: ArrayLike) -> tuple[Floats, Floats]:
        """Metres (east, north) to EPSG:4326 (lon, lat)."""
        lon, lat = self._transformer.transform(np.asarray(east_m), np.asarray(north_m), direction="INVERSE")
        return np.asarray(lon, float), np.asarray(lat, float)


class Outlier(StrEnum):
    """What can be wrong with a fix."""

    repeated = N_("time repeated")
    frozen = N_("position frozen")
    jump = N_("impossible jump")


@dataclass(frozen=True)
class Gap:
    """A stretch without fixes: seconds, the straight way over it in metres, and whether it is bridged."""

    begin_s: float
    end_s: float
    metres: float
    bridged: bool


@dataclass(frozen=True)
class Pose:
    """The vehicle at one moment, in the trajectory's local frame.

    `accuracy_m` is the standard error of one axis, that of a bridged gap counted in; the errors of
    heading and speed are standard errors too.
    """

    east_m: float
    north_m: float
    heading_rad: float
    speed_mps: float
    accuracy_m: float
    distance_m: float
    heading_sd_rad: float = 0.0
    speed_sd_mps: float = 0.0
    acceleration_mps2: float = 0.0


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
    east_mps: Floats
    north_mps: Floats
    heading_rad: Floats
    heading_sd_rad: Floats
    speed_mps: Floats
    accuracy_m: Floats
    distance_m: Floats
    velocity_sd_mps: Floats
    dropped: Counter[Outlier]
    """Fixes left out, by what is wrong with them."""

    def covers(self, time_s: ArrayLike) -> NDArray[np.bool_]:
        """Whether the position at these times is known."""
        times = np.asarray(time_s, float)
        after = np.searchsorted(self.time_s, times, side="right")
        low = self.time_s[np.clip(after - 1, 0, len(self.time_s) - 1)]
        high = self.time_s[np.clip(after, 0, len(self.time_s) - 1)]
        inside = (times >= self.time_s[0] - EDGE_S) & (times <= self.time_s[-1] + EDGE_S)
        return np.asarray(inside & (high - low <= LONGEST_GAP_S))

    def at(self, time_s: float) -> Pose:
        """The pose at a time; positions run between fixes as the velocities at both say (Hermite)."""
        after = int(np.clip(np.searchsorted(self.time_s, time_s), 1, len(self.time_s) - 1))
        pair = slice(after - 1, after + 1)
        begin_s, end_s = self.time_s[pair]
        step = float(end_s - begin_s)
        share = min(max((time_s - float(begin_s)) / step, 0.0), 1.0)

        def value(two: Floats) -> float:
            return float(two[0] + share * (two[1] - two[0]))

        heading = math.atan2(value(np.sin(self.heading_rad[pair])), value(np.cos(self.heading_rad[pair])))
        turn = abs(math.remainder(float(np.diff(self.heading_rad[pair])[0]), 2 * math.pi))
        speed_mps = value(self.speed_mps[pair])
        edge_m = (time_s - float(np.clip(time_s, self.time_s[0], self.time_s[-1]))) * speed_mps
        return Pose(
            east_m=_hermite(self.east_m[pair], step * self.east_mps[pair], share)
            + edge_m * math.sin(heading),
            north_m=_hermite(self.north_m[pair], step * self.north_mps[pair], share)
            + edge_m * math.cos(heading),
            heading_rad=heading,
            speed_mps=speed_mps,
            accuracy_m=math.hypot(value(self.accuracy_m[pair]), _bridge_sd_m(step, share)),
            distance_m=float(self.distance_at(time_s)),
            heading_sd_rad=math.hypot(value(self.heading_sd_rad[pair]), TURN_ERROR * turn),
            speed_sd_mps=value(self.velocity_sd_mps[pair]),
            acceleration_mps2=float(np.diff(self.speed_mps[pair])[0]) / step,
        )

    def distance_at(self, time_s: ArrayLike) -> Floats:
        """Metres driven since the first fix at each of these times."""
        times = np.asarray(time_s, float)
        edge_s = times - np.clip(times, self.time_s[0], self.time_s[-1])
        speed = np.interp(times, self.time_s, self.speed_mps)
        return np.asarray(np.interp(times, self.time_s, self.distance_m) + edge_s * speed)

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
        metres = self.distance_at(clock)
        metres += np.arange(len(metres)) * 1e-9  # standing still must not make the inverse ambiguous
        marks = np.arange(metres[0], metres[-1] + 1e-6, every_m)
        times = np.interp(marks, metres, clock)
        return np.asarray(times[self.covers(times)])

    def spans(self, end_s: float) -> list[tuple[float, float]]:
        """The stretches of time from 0 to `end_s` in which the position is known."""
        edges = np.concatenate([[self.time_s[0] - EDGE_S], self.time_s, [self.time_s[-1] + EDGE_S]])
        joined: list[tuple[float, float]] = []
        for low, high in pairwise(edges):
            if high - low > LONGEST_GAP_S or high <= 0 or low >= end_s:
                continue
            low, high = max(float(low), 0.0), min(float(high), end_s)
            if joined and joined[-1][1] >= low:
                joined[-1] = (joined[-1][0], high)
            else:
                joined.append((low, high))
        return joined

    def gaps(self, end_s: float) -> list[Gap]:
        """Where from 0 to `end_s` fixes are missing, between them and before and after them all."""
        usual_s = float(np.median(np.diff(self.time_s)))
        edges = np.concatenate([[min(0.0, self.time_s[0])], self.time_s, [max(end_s, self.time_s[-1])]])
        gaps = []
        for index in np.flatnonzero(np.diff(edges) > max(LEAST_GAP_S, MISSED_FIXES * usual_s)):
            low_s, high_s = max(float(edges[index]), 0.0), min(float(edges[index + 1]), end_s)
            between = 0 < index < len(self.time_s)
            if low_s >= high_s:
                continue
            step = (
                np.array([self.east_m, self.north_m])[:, [index - 1, index]] if between else np.zeros((2, 2))
            )
            way_m = float(np.hypot(*np.diff(step)[:, 0]))
            gaps.append(Gap(low_s, high_s, way_m, bool(between and high_s - low_s <= LONGEST_GAP_S)))
        return gaps

    def metres_driven(self, end_s: float) -> float:
        """Metres driven from 0 to `end_s`, gaps left out."""
        return sum(float(np.ptp(self.distance_at(span))) for span in self.spans(end_s))

    def ways(self, spans: list[tuple[float, float]]) -> list[Floats]:
        """The ways driven in stretches of time, an (n, 2) EPSG:4326 line each.

        Points that lie within `LINE_TOLERANCE_M` of the line without them are left out.
        """
        lines = []
        for low, high in spans:
            inside = (self.time_s > low) & (self.time_s < high)
            ends = (self.at(low), self.at(high))
            east = np.concatenate([[ends[0].east_m], self.east_m[inside], [ends[1].east_m]])
            north = np.concatenate([[ends[0].north_m], self.north_m[inside], [ends[1].north_m]])
            line = LineString(np.column_stack([east, north])).simplify(LINE_TOLERANCE_M)
            lines.append(np.column_stack(self.frame.to_lonlat(*np.asarray(line.coords).T)))
        return lines


def _bridge_sd_m(step_s: float, share: float) -> float:
    """What nobody saw of the way between two known places and velocities.

    The velocity wanders as the smoother takes it to: the variance of an integrated Wiener process
    pinned at both ends is q T³ s³ (1 - s)³ / 3.
    """
    return math.sqrt(ACCELERATION * step_s**3 * (share * (1 - share)) ** 3 / 3)


def _hermite(place: Floats, slope: Floats, share: float) -> float:
    """Cubic Hermite interpolation between two places, their slopes per whole step."""
    rest = 1 - share
    return float(
        (1 + 2 * share) * rest**2 * place[0]
        + share * rest**2 * slope[0]
        + share**2 * (3 - 2 * share) * place[1]
        - share**2 * rest * slope[1]
    )


def trajectory_from_fixes(fixes: Fixes) -> Trajectory:
    """Order, clean and measure the fixes; their `time_s` must be known.

    Raises TelemetryError where fewer than two usable fixes are left.
    """
    order = np.argsort(fixes.time_s, kind="stable")
    fixes = fixes.chosen(order[np.isfinite(fixes.time_s[order])])
    count, dropped = len(fixes), Counter[Outlier]()
    if count:
        fixes = fixes.chosen(np.concatenate([[True], np.diff(fixes.time_s) > 1e-3]))
        dropped[Outlier.repeated] = count - len(fixes)
        middle = len(fixes) // 2  # no median: it fails where the longitude turns over
        frame = LocalFrame(float(fixes.lon[middle]), float(fixes.lat[middle]))
        east, north = frame.to_metres(fixes.lon, fixes.lat)
        for outlier, find in ((Outlier.frozen, _frozen), (Outlier.jump, _jumps)):
            wrong = find(fixes, east, north)
            dropped[outlier] = int(wrong.sum())
            fixes, east, north = fixes.chosen(~wrong), east[~wrong], north[~wrong]
    if len(fixes) < 2:
        raise TelemetryError(
            N_("Fewer than two usable GPS fixes: no way driven can be told from {count} of them."),
            count=count,
        )
    motion = _motion(fixes, east, north)
    (east, north), (east_mps, north_mps) = motion.position_m.T, motion.velocity_mps.T
    speed = _speed_mps(fixes, east, north)
    moving = (speed[1:] + speed[:-1]) / 2 >= STANDING_MPS
    steps = np.hypot(np.diff(east), np.diff(north)) * moving
    heading_sd = np.where(
        speed >= STANDING_MPS,
        motion.velocity_sd_mps / np.maximum(speed, STANDING_MPS),
        HEADING_SD_STANDING_RAD,
    )
    return Trajectory(
        frame=frame,
        time_s=fixes.time_s,
        utc_s=fixes.utc_s,
        east_m=east,
        north_m=north,
        east_mps=east_mps,
        north_mps=north_mps,
        heading_rad=_heading_rad(fixes, east_mps, north_mps),
        heading_sd_rad=heading_sd,
        speed_mps=np.where(speed < STANDING_MPS, 0.0, speed),
        accuracy_m=fixes.accuracy_m,
        distance_m=np.concatenate([[0.0], np.cumsum(steps)]),
        velocity_sd_mps=motion.velocity_sd_mps,
        dropped=+dropped,
    )


def _motion(fixes: Fixes, east: Floats, north: Floats) -> Motion:
    """Positions and velocities smoothed, each stretch between long gaps by itself.

    The receiver's own velocity is taken in where it gives one.
    """
    heading, speed = np.radians(fixes.heading_deg), fixes.speed_mps
    velocity = np.column_stack([speed * np.sin(heading), speed * np.cos(heading)])
    velocity[~(speed >= STANDING_MPS)] = np.nan  # a course at a standstill is none
    noise_m = np.maximum(WHITE_SHARE * fixes.accuracy_m, LEAST_NOISE_M)
    velocity_noise = np.full(len(east), VELOCITY_NOISE_MPS)
    place = np.column_stack([east, north])
    cuts = np.flatnonzero(np.diff(fixes.time_s) > LONGEST_GAP_S) + 1
    parts = [
        smooth(fixes.time_s[part], place[part], noise_m[part], velocity[part], velocity_noise[part])
        for part in np.split(np.arange(len(east)), cuts)
    ]
    return Motion(
        np.concatenate([part.position_m for part in parts]),
        np.concatenate([part.velocity_mps for part in parts]),
        np.concatenate([part.position_sd_m for part in parts]),
        np.concatenate([part.velocity_sd_mps for part in parts]),
    )


def _frozen(fixes: Fixes, east: Floats, north: Floats) -> NDArray[np.bool_]:
    """Fixes that repeat an earlier place though the vehicle goes on, as in a tunnel.

    A receiver that has lost its satellites may give its last place on and on. Told from standing
    by its own speed, else by how far away the next other place is.
    """
    frozen = np.zeros(len(east), bool)
    moves = np.flatnonzero(np.hypot(np.diff(east), np.diff(north)) > SAME_PLACE_M) + 1
    edges = np.concatenate([[0], moves, [len(east)]])
    for first, end in pairwise(edges):
        lasted_s = fixes.time_s[end - 1] - fixes.time_s[first]
        if lasted_s < LEAST_FROZEN_S:
            continue
        speed = fixes.speed_mps[first + 1 : end]
        if np.isfinite(speed).any() and np.nanmax(fixes.speed_mps) >= STANDING_MPS:
            moving = bool(np.nanmedian(speed) > FROZEN_MPS)
        else:
            way_m = math.hypot(east[end] - east[first], north[end] - north[first]) if end < len(east) else 0.0
            moving = way_m > max(FROZEN_MPS * lasted_s, FROZEN_M)
        frozen[first + 1 : end] = moving
    return frozen


def _jumps(fixes: Fixes, east: Floats, north: Floats) -> NDArray[np.bool_]:
    """Fixes that can't belong to one journey at speeds roads allow.

    The fixes are cut where the next can't be reached in time; the longest piece is believed, and
    every other that can be reached from what is kept so far, forwards and backwards. A single jump
    falls out, and so do the stale positions of a receiver that has just woken up.
    """
    time_s = fixes.time_s

    def reachable(one: int, other: int) -> bool:
        way = math.hypot(east[other] - east[one], north[other] - north[one])
        return bool(way <= FASTEST_MPS * abs(time_s[other] - time_s[one]) + 15)

    cuts = [i for i in range(1, len(time_s)) if not reachable(i - 1, i)]
    pieces = list(zip([0, *cuts], [*cuts, len(time_s)], strict=True))
    main = max(range(len(pieces)), key=lambda i: pieces[i][1] - pieces[i][0])
    kept = np.zeros(len(time_s), bool)
    first, end = pieces[main]
    kept[first:end] = True
    for low, high in pieces[main + 1 :]:
        if reachable(end - 1, low):
            kept[low:high] = True
            end = high
    for low, high in reversed(pieces[:main]):
        if reachable(high - 1, first):
            kept[low:high] = True
            first = low
    return ~kept


def _speed_mps(fixes: Fixes, east: Floats, north: Floats) -> Floats:
    """The receiver's own (Doppler) speed where it gives one, else way over time across a second.

    Fixes further apart than that are taken with their neighbours. A speed that stays at nothing
    while the positions move is no speed.
    """
    number = np.arange(len(east))
    before = np.minimum(np.searchsorted(fixes.time_s, fixes.time_s - 1.01), number - 1).clip(0)
    after = np.searchsorted(fixes.time_s, fixes.time_s + 1.01, side="right") - 1
    after = np.maximum(after, number + 1).clip(max=len(east) - 1)
    spread = np.maximum(fixes.time_s[after] - fixes.time_s[before], 1e-3)
    derived = np.hypot(east[after] - east[before], north[after] - north[before]) / spread
    given = fixes.speed_mps
    if np.nanmax(given, initial=0.0) < STANDING_MPS < np.median(derived):
        return np.asarray(derived, float)
    return np.where(np.isfinite(given) & (given >= 0), given, derived)


def _heading_rad(fixes: Fixes, east_mps: Floats, north_mps: Floats) -> Floats:
    """The direction of motion, kept through stops.

    A log whose fixes never move (single pictures) falls back on the headings it gives.
    """
    heading = np.arctan2(east_mps, north_mps)
    known = np.flatnonzero(np.hypot(east_mps, north_mps) > STANDING_MPS)
    if not len(known):
        given = np.radians(fixes.heading_deg)
        return np.where(np.isfinite(given), given, 0.0)
    last = known[np.clip(np.searchsorted(known, np.arange(len(heading)), side="right") - 1, 0, None)]
    return np.asarray(heading[last])
