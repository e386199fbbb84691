"""Snapping: which road a drive was on, in which direction; and with it where its sightings lie.

Nearest alone is wrong beside parallel roads. So a whole way is matched at once, by a hidden Markov model (Newson
and Krumm 2009): how near roads are and how alike they run, and that a vehicle gets from road to road through
junctions only, no further than it was driven. A sighting then lies where its drive was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from maps.network import Network

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP_M = 10.0
"""A way is matched at so many metres."""
OFF_LANE_M, OFF_CENTRE_M = 1.0, 2.5
"""Standard error of how far a vehicle is from the middle of its lane, where it is known where that lies, and else from
the line its road is drawn as."""
REACH_M = 12.0
REACH_SD = 3.0
"""No road further than this, and so many standard errors, is thought of."""
HEADING_SD_RAD = np.radians(12.0)
HEADING_MOST = 18.0
AGAINST_ONEWAY = 6.0
UNDERGROUND = 4.0
"""Where there is a position there is sky: what it costs to be on a road that lies beneath another."""
SLIP_SD_M = 4.0
"""How far what was driven between two places and what lies between them on the road differ."""
ROUTE_MOST = 12.0
"""What it costs at most to be where no route leads: maps have gaps. In squared standard errors, halved."""
TURN = 1.0
U_TURN = 6.0
MOST_CANDIDATES = 8
OFF_ROAD = 14.0
"""What it costs to be on none of the roads: a yard, a new street."""
ALIKE = float(np.cos(np.radians(60)))
NEIGHBOURS = 12
BESIDE_M = 25.0
"""A sighting this far from where its drive was matched has no road."""
NO_ROAD = -1


@dataclass(frozen=True)
class Track:
    """A drive's way on the network, a place every `STEP_M` (n,): where it was, heading, and what it was on.

    `place` is (n, 2) metres in the network's plane, `course` (n, 2) of length 1. `line` is `NO_ROAD` where it
    was on none. `begins` says where a stretch begins.
    """

    place: Floats
    course: Floats
    line: Ints
    direction: NDArray[np.int8]
    at_m: Floats
    begins: NDArray[np.bool_]


@dataclass(frozen=True)
class Snapped:
    """Where sightings lie (n,): line (`NO_ROAD`: none), chainage, and direction of the lane they lie in.

    `across_m` is how far left of its lane's middle each lies, seen in that direction.
    """

    line: Ints
    direction: NDArray[np.int8]
    at_m: Floats
    across_m: Floats


@dataclass
class _Candidates:
    """What each place may be on: rows by place, with what being there costs."""

    first: Ints
    line: Ints
    direction: Ints
    at_m: Floats
    cost: Floats


def track(network: Network, ways: Sequence[Floats], accuracy_m: float) -> Track:
    """A drive's ways (each (n, 2) EPSG:4326) matched to the network; `accuracy_m` as in `Way`."""
    ways = [way[np.isfinite(way).all(1)] for way in ways]
    parts = [_resampled(np.column_stack(network.frame.to_metres(*way.T))) for way in ways if len(way) > 1]
    parts = [part for part in parts if len(part[0])]
    if not parts:
        two, one = np.zeros((0, 2)), np.zeros(0)
        return Track(two, two, np.zeros(0, np.int64), np.zeros(0, np.int8), one, np.zeros(0, bool))
    place, course = (np.concatenate(column) for column in zip(*parts, strict=True))
    begins = np.zeros(len(place), bool)
    begins[np.cumsum([0, *(len(part[0]) for part in parts[:-1])])] = True
    found = _candidates(network, place, course, accuracy_m)
    chosen = _likeliest(network, place, begins, found)
    on = chosen >= 0
    line, at = np.full(len(place), NO_ROAD, np.int64), np.full(len(place), np.nan)
    direction = np.zeros(len(place), np.int8)
    line[on], at[on] = found.line[chosen[on]], found.at_m[chosen[on]]
    direction[on] = found.direction[chosen[on]]
    return Track(place, course, line, direction, at, begins)


def _resampled(points: Floats) -> tuple[Floats, Floats]:
    """Places about `STEP_M` apart along a line, and its course there."""
    line = shapely.LineString(points)
    if not np.isfinite(line.length) or line.length < 1.0:
        return np.zeros((0, 2)), np.zeros((0, 2))
    at = np.linspace(0, line.length, max(round(line.length / STEP_M), 1) + 1)
    place = shapely.get_coordinates(shapely.line_interpolate_point(line, at))
    before, after = (
        shapely.get_coordinates(shapely.line_interpolate_point(line, np.clip(at + by, 0, line.length)))
        for by in (-STEP_M / 2, STEP_M / 2)
    )
    step = after - before
    return place, step / np.maximum(np.hypot(*step.T), 1e-9)[:, None]


def _candidates(network: Network, place: Floats, course: Floats, accuracy_m: float) -> _Candidates:
    reach_m = max(REACH_M, REACH_SD * float(np.hypot(accuracy_m, OFF_CENTRE_M)))
    points = shapely.points(place)
    row, piece = network.tree.query(points, predicate="dwithin", distance=reach_m)
    shape = network.short_lines[piece]
    within = shapely.line_locate_point(shape, points[row])
    foot = shapely.get_coordinates(shapely.line_interpolate_point(shape, within))
    off = place[row] - foot
    apart = np.hypot(*off.T)
    line = network.short.line[piece]
    low, high = (
        shapely.get_coordinates(shapely.line_interpolate_point(shape, np.maximum(within + by, 0)))
        for by in (-3.0, 3.0)
    )
    run = high - low
    run /= np.maximum(np.hypot(*run.T), 1e-9)[:, None]
    cosine = np.clip((run * course[row]).sum(1), -1, 1)
    left = run[:, 0] * off[:, 1] - run[:, 1] * off[:, 0]
    aside_m, spread_m = lane_aside(network, line)
    sd_m = np.hypot(accuracy_m, spread_m)
    under = UNDERGROUND * (network.roads.level[line] < 0)
    cost, direction = [], []
    for way in (1, -1):
        turned = np.arccos(way * cosine) / HEADING_SD_RAD
        against = network.roads.oneway[line] == -way
        # Beyond a line's end what counts is how far that is.
        from_lane = np.hypot(left - way * aside_m, np.sqrt(np.maximum(apart**2 - left**2, 0)))
        cost.append(
            (from_lane / sd_m) ** 2 / 2
            + np.minimum(turned**2 / 2, HEADING_MOST)
            + AGAINST_ONEWAY * against
            + under
        )
        direction.append(np.full(len(row), way))
    rows, lines = np.tile(row, 2), np.tile(line, 2)
    costs, ways = np.concatenate(cost), np.concatenate(direction)
    at = np.tile(network.short.begin_m[piece] + within, 2)
    # Of a line's pieces the likeliest speaks for it, by direction: a road may turn back on itself.
    order = np.lexsort((costs, ways, lines, rows))
    rows, lines, ways, costs, at = rows[order], lines[order], ways[order], costs[order], at[order]
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (rows[1:] != rows[:-1]) | (lines[1:] != lines[:-1]) | (ways[1:] != ways[:-1])
    order = np.flatnonzero(fresh)
    order = order[np.lexsort((costs[order], rows[order]))]
    rank = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
    order = order[rank < MOST_CANDIDATES]
    first = np.searchsorted(rows[order], np.arange(len(place) + 1))
    return _Candidates(first.astype(np.int64), lines[order], ways[order], at[order], costs[order])


def lane_aside(network: Network, line: Ints) -> tuple[Floats, Floats]:
    """How far left of a road's line the lane along it lies, and the standard error of a vehicle about that, metres.

    A road that is one lane, or one way, is its line; so are the ways driven.
    """
    two = ~network.single[line] & (network.roads.oneway[line] == 0) & network.roads.given
    aside = np.where(two, network.lane_m[line] / 2, 0.0) * (1 if network.keep_left else -1)
    return aside, np.where(two, OFF_LANE_M, OFF_CENTRE_M)


def _likeliest(network: Network, place: Floats, begins: NDArray[np.bool_], found: _Candidates) -> Ints:
    """The candidate of each place on the likeliest way through them all (Viterbi), -1 for none of them."""
    if not len(found.line):
        return np.full(len(place), -1, np.int64)
    driven = np.concatenate([[0.0], np.hypot(*np.diff(place, axis=0).T)])
    routes = _Routes(network)
    before_cost, before = np.zeros(1), np.array([-1])
    came: list[Ints] = []
    ends: list[Ints] = []
    for index in range(len(place)):
        here = np.arange(found.first[index], found.first[index + 1])
        here = np.append(here, -1)
        cost = np.append(found.cost[here[:-1]], OFF_ROAD)
        if begins[index]:
            came.append(np.full(len(here), -1 if not index else int(before_cost.argmin())))
            total = cost + (before_cost.min() if index else 0.0)
        else:
            through = before_cost[:, None] + routes.cost(found, before, here, float(driven[index]))
            best = through.argmin(0)
            came.append(best)
            total = through[best, np.arange(len(here))] + cost
        ends.append(here)
        before_cost, before = total - total.min(), here
    chosen = np.full(len(place), -1, np.int64)
    at = int(before_cost.argmin())
    for index in range(len(place) - 1, -1, -1):
        chosen[index] = ends[index][at]
        at = int(came[index][at])
    return chosen


class _Routes:
    """What it costs to get from one candidate to another, through a junction where they are on two lines."""

    def __init__(self, network: Network) -> None:
        self.lines = np.int64(len(network.lines))
        met = network.junctions
        self.key = met.line * self.lines + met.other
        order = np.argsort(self.key, kind="stable")
        self.key, self.at_m, self.other_m = self.key[order], met.at_m[order], met.other_m[order]

    def cost(self, found: _Candidates, before: Ints, here: Ints, driven_m: float) -> Floats:
        """(before, here), where -1 stands for no road; `driven_m` is what lies between them as driven."""
        line, way, at = (
            found.line[before][:, None],
            found.direction[before][:, None],
            found.at_m[before][:, None],
        )
        line_, way_, at_ = found.line[here][None], found.direction[here][None], found.at_m[here][None]
        on = (at_ - at) * way
        route_m = np.where((line == line_) & (way == way_), np.where(on < 0, on / 2, on), np.inf)
        extra = np.zeros_like(route_m)
        turned = (line == line_) & (way != way_)
        route_m = np.where(turned, np.abs(at_ - at), route_m)
        extra[turned] = U_TURN
        for one, other in np.argwhere((line != line_) & (before >= 0)[:, None] & (here >= 0)[None]).tolist():
            route_m[one, other] = self._through(
                int(line[one, 0]), float(at[one, 0]), int(line_[0, other]), float(at_[0, other])
            )
            extra[one, other] = TURN
        off = np.minimum(((np.abs(route_m) - driven_m) / SLIP_SD_M) ** 2 / 2, ROUTE_MOST)
        cost = np.asarray(off + extra, float)
        none = (before < 0)[:, None] | (here < 0)[None]
        cost[none] = np.where((before < 0)[:, None] == (here < 0)[None], 0.0, ROUTE_MOST / 2)[none]
        return cost

    def _through(self, line: int, at_m: float, other: int, other_m: float) -> float:
        """The shortest way from a place on one line to one on another through where they meet, metres."""
        key = line * self.lines + other
        low, high = np.searchsorted(self.key, [key, key + 1])
        if low == high:
            return float("inf")
        ways = np.abs(self.at_m[low:high] - at_m) + np.abs(self.other_m[low:high] - other_m)
        return float(ways.min())


def snap(network: Network, way: Track, place: Floats, heading_rad: Floats, keep_left: bool) -> Snapped:
    """Where a drive's sightings lie: places (n, 2) in metres of the network's plane, heading from north, clockwise.

    A sighting goes with the nearest place of its drive that heads alike; what lies beyond the middle of a
    road with two directions is in the other direction's lane.
    """
    count = len(place)
    line, direction = np.full(count, NO_ROAD, np.int64), np.zeros(count, np.int8)
    at, across = np.full(count, np.nan), np.full(count, np.nan)
    if not len(way.place) or not count:
        return Snapped(line, direction, at, across)
    neighbours = min(NEIGHBOURS, len(way.place))
    apart, index = cKDTree(way.place).query(
        place, k=np.arange(1, neighbours + 1), distance_upper_bound=BESIDE_M
    )
    there = np.isfinite(apart)
    index = np.where(there, index, 0)
    heading = np.column_stack([np.sin(heading_rad), np.cos(heading_rad)])
    good = there & ((way.course[index] * heading[:, None]).sum(2) > ALIKE) & (way.line[index] != NO_ROAD)
    any_good = good.any(1)
    rows = np.flatnonzero(any_good)
    nearest = index[rows, good[rows].argmax(1)]
    off = place[rows] - way.place[nearest]
    course = way.course[nearest]
    forward = (off * course).sum(1)
    left = course[:, 0] * off[:, 1] - course[:, 1] * off[:, 0]
    line[rows] = way.line[nearest]
    towards = way.direction[nearest].astype(np.int64)
    length = network.length_m[line[rows]]
    at[rows] = np.clip(way.at_m[nearest] + towards * forward, 0, length)
    lane_m = network.lane_m[line[rows]]
    oncoming = -left if keep_left else left  # how far towards where others come from
    two = ~network.single[line[rows]] & (network.roads.oneway[line[rows]] == 0)
    beyond = two & (oncoming > lane_m / 2)
    # Beyond the middle: in the other lane, whose middle is a lane further, and seen the other way round.
    across[rows] = np.where(beyond, (oncoming - lane_m) * (1 if keep_left else -1), left)
    # A lane for both directions is seen along its line.
    single = network.single[line[rows]]
    across[rows] *= np.where(single, towards, 1)
    direction[rows] = np.where(single, 0, np.where(beyond, -towards, towards))
    return Snapped(line, direction, at, across)
