"""Passes: when a drive went past a damage and should have seen it, and whether the damage is still there.

A pass that saw nothing is evidence too. How much depends on how surely the damage lay in what the drive
saw, and on how often the detector sees such a damage that is there. "Not surveyed" is its own state: where
no drive could look, nothing is said.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from detector.classes import CLASSES, SEVERITIES
from detector.visibility import Light
from maps.coverage import Way
from maps.damage import Damage, Miss, State, severity_of
from maps.growth import growth_of
from maps.merge import Damages

Floats = NDArray[np.float64]

LEAST_VALID = 0.5
"""A drive passed a damage when it lay within its reach with this probability at least."""
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
POOLED = 10
"""A rate of all, or of a class, or of a light, counts as so many passes of one among them."""
DAY_S = 86_400.0
LIGHTS = (None, *Light)
"""Drives whose light is not known are a kind of their own."""


@dataclass(frozen=True)
class Pass:
    """A drive going past a damage: how surely it lay within reach, whether it was seen, and by what light."""

    drive: str
    utc_s: float | None
    in_view: float
    seen: bool
    light: Light | None = None


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
    """How often a pass sees a damage that is there, (classes, severities, `LIGHTS`).

    By whatever light: `kind` (classes, severities), and `by_class` (classes,) with its standard error.
    """

    share: Floats
    kind: Floats
    by_class: Floats
    by_class_sd: Floats

    def of(self, damage: Damage, light: Light | None = None) -> float:
        """For a damage of its class and size, by this light."""
        return float(self.share[damage.class_id, damage.severity, LIGHTS.index(light)])


def passes(known: Damages, damages: Sequence[Damage], ways: Sequence[Way]) -> dict[int, list[Pass]]:
    """The passes of each damage by number, in order of time: every drive that went past it, once.

    Of those with one clock, as two vehicles' can be, the ones that saw it come first.
    """
    told: dict[int, list[Pass]] = {damage.number: [] for damage in damages}
    if not damages:
        return told
    frame = known.frame
    place = np.column_stack(frame.to_metres([one.lon for one in damages], [one.lat for one in damages]))
    laid = np.array([known.laid(one.number) for one in damages])
    kind = np.array([(one.class_id, one.severity) for one in damages])
    seen_by = defaultdict[str, set[int]](set)
    for index, damage in enumerate(damages):
        for sighting in damage.sightings:
            seen_by[sighting.drive].add(index)
    for way in ways:
        lines = [np.column_stack(frame.to_metres(*line.T)) for line in way.lines if len(line) > 1]
        if not lines:
            continue
        path = shapely.MultiLineString(lines)
        shapely.prepare(path)
        farthest_m = float(way.reach_m.max()) + 3 * way.accuracy_m
        saw = np.isin(np.arange(len(damages)), list(seen_by[way.drive]))
        near = np.flatnonzero(saw | shapely.dwithin(path, shapely.points(place), farthest_m))
        shift, spread_m, sighted_m = known.offsets.near(way.drive, laid[near], way.accuracy_m, SHIFT_REACH_M)
        # The damage where this drive's own, shifted, view of the world would have it.
        apart_m = shapely.distance(path, shapely.points(laid[near] - shift))
        in_view = norm.cdf((way.reach_m[kind[near, 0], kind[near, 1]] - apart_m) / spread_m)
        perhaps_it = sighted_m < PERHAPS_IT_M
        for row, index in enumerate(near.tolist()):
            if saw[index] or (in_view[row] >= LEAST_VALID and not perhaps_it[row]):
                one = Pass(way.drive, way.utc_s, float(in_view[row]), bool(saw[index]), way.light)
                told[damages[index].number].append(one)
    for each in told.values():
        each.sort(key=_in_time)
    return told


def _in_time(one: Pass) -> tuple[float, bool, str]:
    """What to sort passes by; those without a date stay as they come."""
    return (0.0, False, "") if one.utc_s is None else (one.utc_s, not one.seen, one.drive)


def measured_recall(damages: Sequence[Damage], told: dict[int, list[Pass]]) -> Recall:
    """The detector's recall by class, size and light, from passes between two that saw the damage.

    Then it was there.
    """
    counts = np.zeros((len(CLASSES), len(SEVERITIES), len(LIGHTS), 2))
    for damage in damages:
        for one in between(told[damage.number]):
            counts[damage.class_id, damage.severity, LIGHTS.index(one.light), int(one.seen)] += 1
    return recall_of(counts)


def recall_of(counts: Floats) -> Recall:
    """Recall from passes counted by class, severity, place in `LIGHTS`, and whether they saw (..., 2).

    A kind hardly passed has its class's rate, that of all the less its class was passed too; a light changes all
    kinds' odds alike until passes tell otherwise (Beta priors).
    """
    every = _rate(counts.sum((0, 1, 2)), np.array(0.7))
    by_class = _rate(counts.sum((1, 2)), every)
    by_kind = _rate(counts.sum(2), by_class[:, None])
    by_light = _rate(counts.sum((0, 1)), every)
    usual = expit(logit(by_kind)[..., None] + logit(by_light) - logit(every))
    low, high = 0.05, 0.98
    by_class = np.clip(by_class, low, high)
    spread = np.sqrt(by_class * (1 - by_class) / (counts.sum((1, 2, 3)) + POOLED))
    return Recall(np.clip(_rate(counts, usual), low, high), np.clip(by_kind, low, high), by_class, spread)


def _rate(counts: Floats, prior: Floats) -> Floats:
    """Share of seen in counts (..., unseen and seen), the prior share counted as `POOLED` more."""
    return np.asarray((counts[..., 1] + POOLED * prior) / (counts.sum(-1) + POOLED), float)


def between(told: Sequence[Pass]) -> list[Pass]:
    """The passes between two that saw the damage, those alone that were to see it: it was there.

    A sighting from further off tells nothing of recall, as what is missed there is not counted.
    """
    seen = [number for number, one in enumerate(told) if one.seen]
    inner = told[seen[0] + 1 : seen[-1]] if seen else []
    return [one for one in inner if one.in_view >= LEAST_VALID]


def belief(damage: Damage, told: Sequence[Pass], recall: Recall) -> Belief:
    """Bayes' rule over a damage's passes in order of time, repairs going on at `REPAIRS_A_DAY`."""
    probability, before_s, count, unseen = 1 - FALSE_ALARM, None, 0, 0
    usual = _own_recall(damage, told, recall)
    for one, sees in zip(told, usual, strict=True):
        if not count and not one.seen:
            continue  # before it was first seen it may not have been there
        count += 1
        if count == 1:  # what it begins with counts that sighting already
            before_s = one.utc_s
            continue
        if before_s is not None and one.utc_s is not None:
            probability *= math.exp(-max(one.utc_s - before_s, 0.0) / DAY_S * REPAIRS_A_DAY)
        before_s = one.utc_s
        if_there, if_gone = (sees, FALSE_ALARM) if one.seen else (1 - sees * one.in_view, 1 - FALSE_ALARM)
        probability = probability * if_there / (probability * if_there + (1 - probability) * if_gone)
        unseen = 0 if one.seen else unseen + 1
    gone = unseen >= FEWEST_PASSES and probability < PROBABLY_REPAIRED
    return Belief(probability, count, unseen, before_s, State.repaired if gone else State.there)


def _own_recall(damage: Damage, told: Sequence[Pass], recall: Recall) -> list[float]:
    """The recall of one damage at each pass: its kind's, and how often it itself was seen while surely there.

    One in the far lane, or in the shade, is seen less often than its kind.
    """
    usual = [recall.of(damage, one.light) for one in told]
    surely = between(told)
    expected = sum(recall.of(damage, one.light) for one in surely)
    prior = KIND_PASSES * sum(usual) / max(len(usual), 1)
    own = (sum(one.seen for one in surely) + prior) / (expected + prior)
    return [min(one * own, 0.98) for one in usual]


@dataclass(frozen=True)
class Surveyed:
    """Every damage with what its passes say of it, the passes of each by its number, and what they tell of recall."""

    damages: list[Damage]
    passes: dict[int, list[Pass]]
    recall: Recall

    def of(self, drives: Collection[str]) -> Surveyed:
        """What these drives alone tell: the damages that they saw, under their numbers, classes and places."""
        told = {number: [one for one in each if one.drive in drives] for number, each in self.passes.items()}
        kept = []
        for damage in self.damages:
            seen = tuple(one for one in damage.sightings if one.drive in drives)
            if len(seen) == len(damage.sightings) and told[damage.number] == self.passes[damage.number]:
                kept.append(damage)
            elif seen:
                size = severity_of(damage.class_id, seen)
                part = replace(damage, sightings=seen, severity=size)
                kept.append(_judged(part, told[damage.number], self.recall))
        return Surveyed(kept, {one.number: told[one.number] for one in kept}, self.recall)


def surveyed(known: Damages, ways: Sequence[Way], recall: Recall | None = None) -> Surveyed:
    """What the passes of these drives say of all damages; `recall` where it is known from more than these."""
    damages = known.all()
    told = passes(known, damages, ways)
    recall = recall or measured_recall(damages, told)
    return Surveyed([_judged(one, told[one.number], recall) for one in damages], told, recall)


def _judged(damage: Damage, told: Sequence[Pass], recall: Recall) -> Damage:
    """A damage with what its passes and sightings say of it."""
    now = belief(damage, told, recall)
    return replace(
        damage,
        passes=now.passes,
        still_there=now.probability,
        state=now.state,
        missed=missed(damage, told, recall),
        growth=growth_of(damage.class_id, damage.sightings),
    )


def missed(damage: Damage, told: Sequence[Pass], recall: Recall) -> tuple[Miss, ...]:
    """The passes that did not see a damage, and how likely each was to see it."""
    usual = _own_recall(damage, told, recall)
    return tuple(
        Miss(one.drive, one.utc_s, sees * one.in_view)
        for one, sees in zip(told, usual, strict=True)
        if not one.seen
    )


def state_since(told: Belief, since_utc_s: float) -> State:
    """The state as of the passes since a day; not surveyed where there was none."""
    if told.last_pass_utc_s is None or told.last_pass_utc_s < since_utc_s:
        return State.not_surveyed
    return told.state
