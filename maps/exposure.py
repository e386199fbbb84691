"""Exposure: how much of each lane drives saw, how often and when, in steps of 5 m.

A street driven ten times is not ten times as long; and a lane seen once, from the other lane, by a detector that
misses some, is not known as well as one seen ten times. Adding a drive touches the steps it drove along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.classes import ALLIGATOR_CRACK, LONGITUDINAL_CRACK, TRANSVERSE_CRACK
from maps.coverage import Way
from maps.network import BIN_M, Network
from maps.snapping import NO_ROAD, Track, track

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CRACKS = [LONGITUDINAL_CRACK, TRANSVERSE_CRACK, ALLIGATOR_CRACK]
MEDIUM = 1
NEXT_M = 30.0
"""Two places of a track on one line, no further apart, have driven what lies between them."""


@dataclass
class Exposure:
    """What was seen of each step of the network's lines, (2, steps): along the line, and against it.

    Roads with one lane for both directions have all in the first row. `share` is the largest part of the lane's
    width that one drive saw, `looks` the sum of those of all drives, `drives` how many saw half or more of it, and
    `last_utc_s` when last (NaN: not known, or never). `driven` is whether one drove in it.
    """

    network: Network

    def __post_init__(self) -> None:
        steps = int(self.network.first_bin[-1])
        self.share = np.zeros((2, steps), np.float32)
        self.looks = np.zeros((2, steps), np.float32)
        self.drives = np.zeros((2, steps), np.uint16)
        self.last_utc_s = np.full((2, steps), np.nan)
        self.driven = np.zeros((2, steps), bool)
        ends = self.network.first_bin
        line = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        self.line: Ints = line
        self.begin_m: Floats = np.asarray((np.arange(steps) - ends[line]) * BIN_M, float)
        ends_m = np.minimum(self.begin_m + BIN_M, self.network.length_m[line])
        self.length_m: Floats = np.asarray(ends_m - self.begin_m, float)

    def add(self, way: Way, driven: Track) -> None:
        """A drive's track, as wide as it sees cracks of medium size."""
        step, direction = _steps(self.network, driven)
        if not len(step):
            return
        reach_m = float(np.median(way.reach_m[CRACKS, MEDIUM]))
        line = self.line[step]
        lane_m, single = self.network.lane_m[line], self.network.single[line]
        two = ~single & (self.network.roads.oneway[line] == 0)
        own = np.clip(2 * reach_m / lane_m, 0, 1)
        oncoming = np.where(two, np.clip((reach_m - lane_m / 2) / lane_m, 0, 1), 0)
        row = np.where(single | (direction > 0), 0, 1)
        self.driven[row, step] = True
        # A drive that went both ways saw a lane twice; it counts as what it saw best.
        key, which = np.unique(
            np.concatenate([row, 1 - row]) * len(self.line) + np.tile(step, 2), return_inverse=True
        )
        share = np.zeros(len(key))
        np.maximum.at(share, which, np.concatenate([own, oncoming]))
        rows, steps = np.divmod(key[share > 0], len(self.line))
        share = share[share > 0]
        self.share[rows, steps] = np.maximum(self.share[rows, steps], share)
        self.looks[rows, steps] += share
        mostly = share >= 0.5
        rows, steps = rows[mostly], steps[mostly]
        self.drives[rows, steps] += 1
        if way.utc_s is not None:
            self.last_utc_s[rows, steps] = np.fmax(self.last_utc_s[rows, steps], way.utc_s)


def exposure(network: Network, ways: Sequence[Way]) -> tuple[Exposure, dict[str, Track]]:
    """What these drives saw, and the track of each by its name."""
    seen = Exposure(network)
    tracks = {}
    for way in ways:
        tracks[way.drive] = track(network, way.lines, way.accuracy_m)
        seen.add(way, tracks[way.drive])
    return seen, tracks


def _steps(network: Network, driven: Track) -> tuple[Ints, Ints]:
    """The steps of the lines that a track drove along, and in which direction; each once for each way."""
    if len(driven.line) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    line, at = driven.line, driven.at_m
    same = (line[1:] == line[:-1]) & (line[1:] != NO_ROAD) & (driven.direction[1:] == driven.direction[:-1])
    same &= ~driven.begins[1:] & (np.abs(np.diff(np.nan_to_num(at))) <= NEXT_M)
    low, high = np.fmin(at[:-1], at[1:]), np.fmax(at[:-1], at[1:])
    # Beyond the first and the last place on a line: half of what lies to the next one, on another line.
    ends = ~same & (line[1:] != line[:-1]) & ~driven.begins[1:]
    half = np.hypot(*(driven.place[1:] - driven.place[:-1]).T) / 2
    parts = [(line[:-1][same], low[same], high[same], driven.direction[:-1][same].astype(np.int64))]
    for which, sign in ((slice(None, -1), 1), (slice(1, None), -1)):
        good = ends & (line[which] != NO_ROAD)
        way = driven.direction[which][good].astype(np.int64)
        here, there = at[which][good], at[which][good] + sign * way * half[good]
        parts.append((line[which][good], np.fmin(here, there), np.fmax(here, there), way))
    lines, lows, highs, ways = (np.concatenate(column) for column in zip(*parts, strict=True))
    first = network.bin_at(lines, np.maximum(lows + BIN_M / 2, 0))
    count = np.maximum(network.bin_at(lines, np.maximum(highs - BIN_M / 2, 0)) - first + 1, 0)
    step = np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    both = np.unique(np.column_stack([step, np.repeat(ways, count)]), axis=0)
    return both[:, 0], both[:, 1]
