"""The network: roads laid out in metres, with their lanes, their junctions, and the segments they are cut into.

A place on it is a line, a chainage (metres from the line's beginning) and a direction: 1 along the line, -1
against it. Where both directions share one lane, segments have direction 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from maps.roads import Lines, Roads, frame_around, in_metres
from maps.rules import LaneRules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHORT_M, LONG_M = 20.0, 100.0
"""Blocks in which national trials score (20 m), and units of inspection (100 m)."""
BIN_M = 5.0
"""What was seen is kept in steps of this along a line."""
TOUCH_M = 1.0
JOIN_M = 10.0
"""A line that ends this near another meets it: a side street drawn up to the kerb of a main road."""
NARROWEST_M, WIDEST_M = 2.0, 4.0
"""A lane is no narrower and no wider."""


@dataclass(frozen=True)
class Pieces:
    """What lines are cut into, (n,): `line`, from and to in metres, and the place `of` each in the longer pieces."""

    line: Ints
    begin_m: Floats
    end_m: Floats
    of: Ints

    def __len__(self) -> int:
        return len(self.line)

    @cached_property
    def first(self) -> Ints:
        """The first piece of each line, and at the end their number, (lines + 1,)."""
        return np.asarray(
            np.searchsorted(self.line, np.arange(self.line[-1] + 2 if len(self) else 1)), np.int64
        )

    def at(self, line: Ints, chainage_m: Floats) -> Ints:
        """The piece in which each place lies; the nearest one for places beyond a line's ends."""
        # One search over all lines: they are laid end to end, each with more room than it is long.
        room = float(self.end_m.max(initial=0.0)) + 1.0
        index = (
            np.searchsorted(self.line * room + self.begin_m, line * room + np.maximum(chainage_m, 0), "right")
            - 1
        )
        return np.asarray(np.clip(index, self.first[line], self.first[line + 1] - 1), np.int64)


@dataclass(frozen=True)
class Junctions:
    """Where two lines meet, (n,), each pair both ways: at what chainage of one and of the other."""

    line: Ints
    at_m: Floats
    other: Ints
    other_m: Floats


class Network:
    """Roads in metres: `frame` is their plane, `lines` (n,) theirs in it, `length_m` (n,).

    `keep_left` is on which side traffic keeps; `single` (n,) is whether both directions share one lane, `lane_m` (n,) how wide a lane is.
    """

    def __init__(self, roads: Roads, rules: LaneRules) -> None:
        self.roads = roads
        self.keep_left = rules.keep == "left"
        self.frame = frame_around(roads.lines)
        self.lines: Lines = in_metres(roads.lines, self.frame)
        self.length_m: Floats = np.asarray(shapely.length(self.lines), float).reshape(-1)
        width, lanes, one = roads.width_m, roads.lanes, roads.oneway != 0
        by_kind = np.array([kind in rules.single_kinds for kind in roads.kind], bool).reshape(-1)
        unknown = np.isnan(width) & np.isnan(lanes)
        self.single = ~one & (
            (width < rules.two_from_m) | (np.isnan(width) & (lanes < 2)) | (unknown & by_kind)
        )
        usual = np.where(self.single, 1.0, np.fmax(lanes, np.where(one, 1.0, 2.0)))
        lane = np.where(np.isnan(width), rules.width_m, width / usual)
        self.lane_m: Floats = np.where(
            self.single, np.fmax(lane, NARROWEST_M), np.clip(lane, NARROWEST_M, WIDEST_M)
        )
        self.long = _cut_long(self.length_m)
        self.short = _cut_short(self.length_m, self.long)
        self.first_bin: Ints = np.concatenate(
            [[0], np.cumsum(np.ceil(self.length_m / BIN_M).astype(np.int64))]
        )

    @cached_property
    def short_lines(self) -> Lines:
        """The 20 m pieces as lines, metres in `frame`."""
        return substrings(self.lines, self.short)

    @cached_property
    def long_lines(self) -> Lines:
        """The 100 m pieces as lines, metres in `frame`."""
        return substrings(self.lines, self.long)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Of the 20 m pieces."""
        return shapely.STRtree(self.short_lines)

    @cached_property
    def junctions(self) -> Junctions:
        """Where lines of one level cross, and where one ends near another."""
        return _junctions(self.lines, self.roads.level)

    def bin_at(self, line: Ints, chainage_m: Floats) -> Ints:
        """The step of `BIN_M` in which each place on a line lies."""
        count = self.first_bin[line + 1] - self.first_bin[line]
        step = np.clip((chainage_m // BIN_M).astype(np.int64), 0, count - 1)
        return np.asarray(self.first_bin[line] + step, np.int64)


def _cut_long(length_m: Floats) -> Pieces:
    """Lines cut every `LONG_M` from their beginning; a rest of less than half goes with the last piece."""
    count = np.maximum(np.round(length_m / LONG_M).astype(np.int64), 1)
    line = np.repeat(np.arange(len(length_m)), count)
    place = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    begin = place * LONG_M
    end = np.where(place == count[line] - 1, length_m[line], begin + LONG_M)
    return Pieces(line, begin, end, np.arange(len(line)))


def _cut_short(length_m: Floats, long: Pieces) -> Pieces:
    """The long pieces cut every `SHORT_M`; a rest of less than half goes with the last piece before it."""
    count = np.maximum(np.round((long.end_m - long.begin_m) / SHORT_M).astype(np.int64), 1)
    of = np.repeat(np.arange(len(long)), count)
    place = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    begin = long.begin_m[of] + place * SHORT_M
    end = np.where(place == count[of] - 1, long.end_m[of], begin + SHORT_M)
    return Pieces(long.line[of], begin, end, of)


def substrings(lines: Lines, pieces: Pieces) -> Lines:
    """The pieces as lines, in the lines' coordinates."""
    if not len(pieces):
        return np.zeros(0, object)
    points, of = shapely.get_coordinates(lines, return_index=True)
    step = np.concatenate([[0.0], np.hypot(*np.diff(points, axis=0).T)])
    along = np.cumsum(step)
    along -= along[np.searchsorted(of, np.arange(len(lines)))][of]
    inner = pieces.at(of, along)
    between = (along > pieces.begin_m[inner] + 1e-6) & (along < pieces.end_m[inner] - 1e-6)
    number = np.arange(len(pieces))
    begins = shapely.get_coordinates(shapely.line_interpolate_point(lines[pieces.line], pieces.begin_m))
    ends = shapely.get_coordinates(shapely.line_interpolate_point(lines[pieces.line], pieces.end_m))
    piece = np.concatenate([number, inner[between], number])
    at = np.concatenate([pieces.begin_m, along[between], pieces.end_m])
    order = np.lexsort((at, piece))
    return np.asarray(
        shapely.linestrings(np.vstack([begins, points[between], ends])[order], indices=piece[order]), object
    )


def _junctions(lines: Lines, level: NDArray[np.int8]) -> Junctions:
    tree = shapely.STRtree(lines)
    one, other = tree.query(lines, predicate="dwithin", distance=TOUCH_M)
    pair = (one < other) & (level[one] == level[other])
    one, other = one[pair], other[pair]
    met = shapely.intersection(lines[one], lines[other])
    gap = shapely.is_empty(met)
    met[gap] = shapely.get_point(shapely.shortest_line(lines[one[gap]], lines[other[gap]]), 0)
    points, row = shapely.get_coordinates(met, return_index=True)
    one, other = one[row], other[row]
    ends, of = [], []
    for place in (0, -1):
        tips = shapely.get_point(lines, place)
        index, near = tree.query(tips, predicate="dwithin", distance=JOIN_M)
        # Lines of two levels meet at their ends alone: a ramp and its bridge.
        good = (index != near) & ((level[index] == level[near]) | _at_end(tips[index], lines[near]))
        ends.append(shapely.get_coordinates(tips[index[good]]))
        of.append((index[good], near[good]))
    points = np.vstack([points, *ends])
    one = np.concatenate([one, *(pair[0] for pair in of)])
    other = np.concatenate([other, *(pair[1] for pair in of)])
    places = shapely.points(points)
    one_m = shapely.line_locate_point(lines[one], places)
    other_m = shapely.line_locate_point(lines[other], places)
    both = Junctions(
        np.concatenate([one, other]), np.concatenate([one_m, other_m]),
        np.concatenate([other, one]), np.concatenate([other_m, one_m]),
    )  # fmt: skip
    key = np.column_stack([both.line, both.other, np.round(both.at_m), np.round(both.other_m)])
    keep = np.unique(key, axis=0, return_index=True)[1]
    return Junctions(both.line[keep], both.at_m[keep], both.other[keep], both.other_m[keep])


def _at_end(tips: Lines, lines: Lines) -> NDArray[np.bool_]:
    """Whether each point lies at an end of its line."""
    return np.asarray(
        np.fmin(
            shapely.distance(tips, shapely.get_point(lines, 0)),
            shapely.distance(tips, shapely.get_point(lines, -1)),
        )
        < TOUCH_M
    )
