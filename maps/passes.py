"""Passes: when a drive went past a damage and should have seen it, and whether the damage is still there.

A pass that saw nothing is evidence too. How much depends on how surely the damage lay in what the drive
saw, and on how often the detector sees such a damage that is there. "Not surveyed" is its own state: where
no drive could look, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.stats import norm

from detector.classes import CLASSES, SEVERITIES
from detector.trajectory import LocalFrame
from maps.merge import Damage, Damages, State

Floats = NDArray[np.float64]

SWATH_M = 5.0
"""How far to each side of its way a drive sees the road."""
LEAST_VALID = 0.5
"""A drive passed a damage when it lay in its swath with this probability at least."""
PERHAPS_IT_M = 3.5
"""A drive that saw something this near, taken for another damage, is no witness that this one is gone."""
SHIFT_REACH_M = 80.0
"""How far a drive's known offset from the map is taken to hold."""
KIND_PASSES = 4
"""A damage's kind tells as much of its recall as so many passes of its own."""
FALSE_ALARM = 0.02
"""Probability that a pass sees a damage that is not there any more."""
REPAIRS_A_DAY = 1 / 700
PROBABLY_REPAIRED = 0.05
FEWEST_PASSES = 2
DAY_S = 86_400.0


@dataclass(frozen=True)
class Way:
    """What one drive saw: the `lines` (n, 2) EPSG:4326 that it could judge, when (POSIX, None: not known), its GPS's error.

    `accuracy_m` is the standard error of one axis.
    """

    drive: str
    utc_s: float | None
    lines: list[Floats]
    accuracy_m: float


@dataclass(frozen=True)
class Pass:
    """A drive going past a damage: how surely it lay in view, and whether it was seen."""

    drive: str
    utc_s: float | None
    in_view: float
    seen: bool


@dataclass(frozen=True)
class Belief:
    """How likely a damage is still there after its passes, and the state that makes."""

    probability: float
    passes: int
    """Valid passes since it was first seen, that one too."""
    unseen: int
    """Valid passes since it was last seen."""
    last_pass_utc_s: float | None
    state: State


@dataclass(frozen=True)
class Recall:
    """How often a pass sees a damage that is there, (classes, severities)."""

    share: Floats

    def of(self, damage: Damage) -> float:
        """For a damage of its class and size."""
        return float(self.share[damage.class_id, damage.severity])


def passes(known: Damages, damages: Sequence[Damage], ways: Sequence[Way]) -> dict[int, list[Pass]]:
    """The passes of each damage by number, in order of time: every drive that went past it, once."""
    told: dict[int, list[Pass]] = {damage.number: [] for damage in damages}
    if not damages:
        return told
    frame = known.frame
    place = np.column_stack(frame.to_metres([one.lon for one in damages], [one.lat for one in damages]))
    laid = np.array([known.laid(one.number) for one in damages])
    seen_by = [{sighting.drive for sighting in one.sightings} for one in damages]
    for way in sorted(ways, key=lambda one: one.utc_s or 0.0):
        lines = [np.column_stack(frame.to_metres(*line.T)) for line in way.lines if len(line) > 1]
        if not lines:
            continue
        path = shapely.MultiLineString(lines)
        shapely.prepare(path)
        reach_m = SWATH_M + 3 * way.accuracy_m
        near = np.flatnonzero(shapely.dwithin(path, shapely.points(place), reach_m))
        shift, spread_m, sighted_m = known.offset(way.drive, laid[near], way.accuracy_m, SHIFT_REACH_M)
        # The damage where this drive's own, shifted, view of the world would have it.
        apart_m = shapely.distance(path, shapely.points(laid[near] - shift))
        in_view = norm.cdf((SWATH_M - apart_m) / spread_m)
        in_view[sighted_m < PERHAPS_IT_M] = 0.0
        for index, probability in zip(near.tolist(), in_view.tolist(), strict=True):
            seen = way.drive in seen_by[index]
            if seen or probability >= LEAST_VALID:
                number = damages[index].number
                told[number].append(Pass(way.drive, way.utc_s, 1.0 if seen else probability, seen))
    return told


def measured_recall(damages: Sequence[Damage], told: dict[int, list[Pass]]) -> Recall:
    """The detector's recall by class and size, from passes between two that saw the damage.

    Then it was there. The class's rate, and with it all rates', count as a few passes more, so that
    a size hardly passed has its class's recall (a Beta prior).
    """
    counts = np.zeros((len(CLASSES), len(SEVERITIES), 2))
    for damage in damages:
        seen = [number for number, one in enumerate(told[damage.number]) if one.seen]
        for one in told[damage.number][seen[0] + 1 : seen[-1]] if seen else []:
            counts[damage.class_id, damage.severity, int(one.seen)] += 1
    every = (counts[..., 1].sum() + 7) / (counts.sum() + 10)
    by_class = (counts[..., 1].sum(1) + 10 * every) / (counts.sum((1, 2)) + 10)
    share = (counts[..., 1] + 10 * by_class[:, None]) / (counts.sum(2) + 10)
    return Recall(np.clip(share, 0.05, 0.98))


def belief(damage: Damage, told: Sequence[Pass], recall: Recall) -> Belief:
    """Bayes' rule over a damage's passes in order of time, repairs going on at `REPAIRS_A_DAY`."""
    probability, before_s, count, unseen = 1 - FALSE_ALARM, None, 0, 0
    usual = _own_recall(told, recall.of(damage))
    for one in told:
        if not count and not one.seen:
            continue  # before it was first seen it may not have been there
        count += 1
        if count == 1:  # what it begins with counts that sighting already
            before_s = one.utc_s
            continue
        if before_s is not None and one.utc_s is not None:
            probability *= math.exp(-max(one.utc_s - before_s, 0.0) / DAY_S * REPAIRS_A_DAY)
        before_s = one.utc_s
        sees = usual * one.in_view
        if_there, if_gone = (sees, FALSE_ALARM) if one.seen else (1 - sees, 1 - FALSE_ALARM)
        probability = probability * if_there / (probability * if_there + (1 - probability) * if_gone)
        unseen = 0 if one.seen else unseen + 1
    gone = unseen >= FEWEST_PASSES and probability < PROBABLY_REPAIRED
    return Belief(probability, count, unseen, before_s, State.repaired if gone else State.there)


def _own_recall(told: Sequence[Pass], share: float) -> float:
    """The recall of one damage: its kind's, and how often it itself was seen while it was surely there.

    One in the far lane, or in the shade, is seen less often than its kind.
    """
    seen = [number for number, one in enumerate(told) if one.seen]
    between = told[seen[0] + 1 : seen[-1]] if seen else []
    return (sum(one.seen for one in between) + KIND_PASSES * share) / (len(between) + KIND_PASSES)


def surveyed(known: Damages, ways: Sequence[Way]) -> list[Damage]:
    """Every damage with what its passes say of it."""
    damages = known.all()
    told = passes(known, damages, ways)
    recall = measured_recall(damages, told)
    judged = []
    for damage in damages:
        now = belief(damage, told[damage.number], recall)
        judged.append(replace(damage, passes=now.passes, still_there=now.probability, state=now.state))
    return judged


def state_since(told: Belief, since_utc_s: float) -> State:
    """The state as of the passes since a day; not surveyed where there was none."""
    if told.last_pass_utc_s is None or told.last_pass_utc_s < since_utc_s:
        return State.not_surveyed
    return told.state


def coverage(ways: Sequence[Way]) -> list[shapely.Geometry]:
    """What each drive saw of the road, polygons in EPSG:4326: its way, as wide as it sees.

    A drive that could judge nothing has an empty polygon.
    """
    areas = []
    for way in ways:
        lines = [line for line in way.lines if len(line) > 1]
        if not lines:
            areas.append(shapely.Polygon())
            continue
        frame = LocalFrame(*lines[0][0])
        metric = shapely.MultiLineString([np.column_stack(frame.to_metres(*line.T)) for line in lines])
        swath = metric.buffer(SWATH_M, cap_style="flat")
        areas.append(
            shapely.transform(swath, lambda points, frame=frame: np.column_stack(frame.to_lonlat(*points.T)))
        )
    return areas


def growth_m2_a_year(damage: Damage) -> tuple[float, float] | None:
    """How fast a damage's area grows and the standard error of that; None with fewer than two areas.

    A weighted line through the areas over time. What is wrong in all areas alike makes no growth.
    """
    sized = [
        one
        for one in damage.sightings
        if one.area_m2 is not None and one.area_sd_m2 and one.utc_s is not None
    ]
    if len({one.utc_s for one in sized}) < 2:
        return None
    years = np.array([one.utc_s for one in sized], float) / (365.25 * DAY_S)
    area = np.array([one.area_m2 for one in sized], float)
    weight = 1 / np.array([one.area_sd_m2 for one in sized], float) ** 2
    middle = float((weight * years).sum() / weight.sum())
    lever = float((weight * (years - middle) ** 2).sum())
    if lever <= 0:
        return None
    slope = float((weight * (years - middle) * area).sum() / lever)
    return slope, math.sqrt(1 / lever)
