"""Segments: pieces of road of 20 m and 100 m with what was seen of them, their crack ratio, and how sure it is.

A crack ratio has to be told of a whole lane, and drives see a part of it, and of that not every damage. So what was
not seen is estimated: of each class of damage as many to the lane-metre as the segment's own hundred metres and the
whole network tell together (Gamma-Poisson, empirical Bayes; Clayton and Kaldor 1987), where no drive looked or the
detector may have missed one. The interval is a gamma distribution's, with the mean and the variance of all that:
sizes, places, whether damages are there, what was missed, and how well the detector's recall is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv
from scipy.stats import norm

from detector.classes import CLASSES
from maps.condition import SURELY, area_ratio_sd, crack_cells, mesh_area_m2, usual_area_m2
from maps.exposure import Exposure
from maps.network import Network, Pieces
from maps.on_roads import OnRoads
from maps.passes import Recall
from maps.rules import ConditionRules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SURE = 0.975
"""Of the two-sided 95 % interval."""
PIECE_PLACE_M = 1.0
"""Chainages are known no better than this: where a damage begins is a matter of taste."""
ACROSS_SD_M = 0.7
"""How well it is known how far left of its lane's middle a damage lies: its drive may not have kept to the middle."""
JUNCTION_SD_M = 8.0
"""How far from a junction a damage may as well lie on the other road."""
COUNTED_WRONG = 0.2
"""Of damages that are counted twice, or are two taken for one (`benchmarks.segments`): a share of so many."""
LEAST_SHAPE, MOST_SHAPE = 0.02, 1e4


@dataclass(frozen=True)
class Segments:
    """Pieces by direction, (2, pieces): along the line, and against it; one row alone where a lane serves both.

    `there` is whether the piece has that lane. `seen_share` is what drives saw of it; `last_utc_s` NaN: not known.
    `counts` (classes, 2, pieces) are damages, each as much as it is likely. Ratios are in percent, with the 95 %
    interval; as seen, of what was seen alone. They are NaN where less was seen than the rules ask for.
    """

    pieces: Pieces
    there: NDArray[np.bool_]
    lane_m: Floats
    seen_share: Floats
    drives: Ints
    last_utc_s: Floats
    counts: Floats
    crack_ratio: Floats
    low: Floats
    high: Floats
    as_seen: Floats
    sd: Floats


@dataclass
class _Sums:
    """What pieces come to, (2, pieces): areas in m², lengths of lane in m, by class where (classes, 2, pieces)."""

    area_m2: Floats
    variance_m4: Floats
    common_m2: Floats
    """What sizes may be wrong by, all alike: what is wrong with a camera is wrong in all that it measures."""
    none: Floats
    """Logarithm of the probability that none of the damages seen is there."""
    counts: Floats
    seen_m: Floats
    looked_m: Floats
    """Lane-metres in which a damage of the class would have been found, (classes, 2, pieces)."""

    def gathered(self, of: Ints, count: int) -> _Sums:
        """The sums of longer pieces."""
        return _Sums(*(_by(getattr(self, name), of, count) for name in self.__dataclass_fields__))


def segments(
    network: Network, seen: Exposure, damages: OnRoads, recall: Recall, rules: ConditionRules
) -> tuple[Segments, Segments]:
    """The segments of 20 m and of 100 m."""
    sums = _sums(network, seen, damages, recall, rules)
    of, count = network.short.of, len(network.long)
    longer = sums.gathered(of, count)
    there = lanes_there(network, seen, network.short)
    class_rate, class_rate_var = _rates(longer)
    mean_m2, square_m4 = _areas(damages, recall, seen, rules)
    short = _judged(
        network, seen, network.short, there, sums, class_rate[..., of], class_rate_var[..., of],
        mean_m2, square_m4, recall, rules,
    )  # fmt: skip
    long = _judged(
        network, seen, network.long, lanes_there(network, seen, network.long), longer, class_rate,
        class_rate_var, mean_m2, square_m4, recall, rules,
    )  # fmt: skip
    return short, long


def lanes_there(network: Network, seen: Exposure, pieces: Pieces) -> NDArray[np.bool_]:
    """Which directions each piece has, (2, pieces): of roads nobody gave those alone that were driven."""
    line = pieces.line
    oneway, single = network.roads.oneway[line], network.single[line]
    both = np.stack([single | (oneway >= 0), ~single & (oneway <= 0)])
    if network.roads.given:
        return np.asarray(both, bool)
    piece = pieces.at(seen.line, seen.begin_m + seen.length_m / 2)
    return np.asarray(both & (_by(seen.driven.astype(float), piece, len(pieces)) > 0), bool)


def slot(direction: Ints) -> Ints:
    """The row of a direction in all that is (2, …): 0 along the line or for both, 1 against it."""
    return (np.asarray(direction) < 0).astype(np.int64)


def found_at(seen: Exposure, damages: OnRoads, recall: Recall) -> Floats:
    """How likely drives were to find each damage where it lies, (n,)."""
    step = seen.network.bin_at(damages.line, damages.at_m)
    looks = np.maximum(seen.looks[slot(damages.direction), step], 0.5)
    share = recall.kind[damages.class_id, damages.severity]
    return np.asarray(1 - (1 - share) ** looks, float)


def _sums(network: Network, seen: Exposure, damages: OnRoads, recall: Recall, rules: ConditionRules) -> _Sums:
    pieces = network.short
    count = len(pieces)
    area, variance = np.zeros((2, count)), np.zeros((2, count))
    for line, direction, at, area_m2 in crack_cells(network, damages, rules):
        area += _scattered(slot(direction), pieces.at(line, at), area_m2, count)
    damages = damages[damages.line >= 0]
    piece, row = pieces.at(damages.line, damages.at_m), slot(damages.direction)
    one_m2 = mesh_area_m2(damages, rules)
    ratio = area_ratio_sd(damages, rules)
    common = _scattered(row, piece, damages.weight * one_m2 * ratio, count)
    own = damages.weight * (COUNTED_WRONG + 1 - damages.weight) * one_m2**2
    variance += _scattered(row, piece, own, count)
    for other, other_row, beyond in _elsewhere(network, damages, piece, row):
        moved = beyond * (1 - beyond) * (damages.weight * one_m2) ** 2
        variance += _scattered(row, piece, moved, count) + _scattered(other_row, other, moved, count)
    none = _scattered(row, piece, np.log1p(-np.clip(damages.weight, 0, SURELY)), count)
    counts = np.stack(
        [
            _scattered(row, piece, damages.weight * (damages.class_id == one), count)
            for one in range(len(CLASSES))
        ]
    )
    step = pieces.at(seen.line, seen.begin_m + seen.length_m / 2)
    seen_m = _by(seen.share * seen.length_m, step, count)
    class_recall = recall.by_class
    looked = np.stack([
        _by(seen.length_m * seen.share * (1 - (1 - share) ** np.where(seen.share > 0, seen.looks / np.maximum(seen.share, 1e-6), 0)), step, count)
        for share in class_recall
    ])  # fmt: skip
    return _Sums(area, variance, common, none, counts, seen_m, looked)


def _elsewhere(network: Network, damages: OnRoads, piece: Ints, row: Ints) -> list[tuple[Ints, Ints, Floats]]:
    """Where else each damage may lie, and how likely: the piece before, the next, the other lane, the crossing road."""
    pieces = network.short
    told = []
    for step, away_m in ((-1, damages.at_m - pieces.begin_m[piece]), (1, pieces.end_m[piece] - damages.at_m)):
        other = np.clip(piece + step, 0, len(pieces) - 1)
        beyond = norm.cdf(-np.maximum(away_m, 0) / np.maximum(damages.place_sd_m, PIECE_PLACE_M))
        told.append((other, row, beyond * (pieces.line[other] == damages.line)))
    lane_m = network.lane_m[damages.line]
    two = ~network.single[damages.line] & (network.roads.oneway[damages.line] == 0)
    beyond = norm.cdf(-np.maximum(lane_m / 2 - np.abs(damages.across_m), 0) / ACROSS_SD_M) / 2
    told.append((piece, 1 - row, beyond * two))
    met = network.junctions
    if len(met.line):
        nearest = _nearest(met.line, met.at_m, damages.line, damages.at_m)
        away_m = np.where(met.line[nearest] == damages.line, np.abs(met.at_m[nearest] - damages.at_m), np.inf)
        other = pieces.at(met.other[nearest], met.other_m[nearest])
        beyond = norm.cdf(-away_m / JUNCTION_SD_M) / 2
        told += [(other, np.full(len(damages), one), beyond) for one in (0, 1)]
    return told


def _nearest(line: Ints, at_m: Floats, of: Ints, chainage_m: Floats) -> Ints:
    """The row of `line` and `at_m` that is nearest along its line to each place."""
    room = (
        2 * float(max(at_m.max(), chainage_m.max(initial=0.0))) + 1.0
    )  # no other line is as near as one's own
    order = np.lexsort((at_m, line))
    key, wanted = (line * room + at_m)[order], of * room + chainage_m
    after = np.clip(np.searchsorted(key, wanted), 0, len(key) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(wanted - key[before]) < np.abs(key[after] - wanted)
    return np.asarray(order[np.where(nearer, before, after)], np.int64)


def _rates(sums: _Sums) -> tuple[Floats, Floats]:
    """Damages of each class to the lane-metre of each piece, and the variance of that (classes, 2, pieces)."""
    rate, variance = np.empty_like(sums.counts), np.empty_like(sums.counts)
    for one, (found, looked) in enumerate(zip(sums.counts, sums.looked_m, strict=True)):
        every = max(float(looked.sum()), 1.0)
        mean = (float(found.sum()) + 0.5) / every
        extra = float((((found - mean * looked) ** 2 - mean * looked)[looked > 0]).sum())
        between = max(extra / max(float((looked**2).sum()), 1.0), 0.0)
        shape = float(np.clip(mean**2 / max(between, 1e-12), LEAST_SHAPE, MOST_SHAPE))
        shape = min(shape, max(float(found.sum()), 0.5))  # the mean itself is known no better than that
        weight = shape / mean
        rate[one] = (shape + found) / (weight + looked)
        variance[one] = (shape + found) / (weight + looked) ** 2
    return rate, variance


def _areas(damages: OnRoads, recall: Recall, seen: Exposure, rules: ConditionRules) -> tuple[Floats, Floats]:
    """What a damage of each class counts on average, m², and the mean of its square (classes,).

    Those that are easily missed stand for more.
    """
    damages = damages[damages.line >= 0]
    usual = usual_area_m2(rules)
    weight = damages.weight / found_at(seen, damages, recall)
    one_m2 = mesh_area_m2(damages, rules)
    mean, square = np.empty(len(CLASSES)), np.empty(len(CLASSES))
    for one in range(len(CLASSES)):
        mine = damages.class_id == one
        total = float(weight[mine].sum()) + 1.0
        mean[one] = (float((weight * one_m2)[mine].sum()) + usual[one]) / total
        square[one] = (float((weight * one_m2**2)[mine].sum()) + 2 * usual[one] ** 2) / total
    return mean, square


def _judged(
    network: Network, seen: Exposure, pieces: Pieces, there: NDArray[np.bool_], sums: _Sums, rate: Floats,
    rate_var: Floats, mean_m2: Floats, square_m4: Floats, recall: Recall, rules: ConditionRules,
) -> Segments:  # fmt: skip
    length = pieces.end_m - pieces.begin_m
    lane_m = network.lane_m[pieces.line]
    lane_m2 = length * lane_m
    share = np.clip(sums.seen_m / length, 0, 1)
    missed_m = np.maximum(length - sums.looked_m, 0)
    by_class = mean_m2[:, None, None] * rate * missed_m
    missing = by_class.sum(0)
    spread = square_m4[:, None, None] * rate * missed_m + rate_var * (missed_m * mean_m2[:, None, None]) ** 2
    # How well the detector's recall is known: where it is known too low, too much is thought to be missing.
    known = recall.by_class_sd / (recall.by_class * (1 - recall.by_class))
    variance = (
        sums.variance_m4 + sums.common_m2**2 + spread.sum(0) + ((by_class * known[:, None, None]).sum(0)) ** 2
    )
    total = sums.area_m2 + missing
    least, most = _interval(total, variance)
    nothing = np.exp(sums.none - (rate * missed_m).sum(0))
    least = np.where(nothing > 1 - SURE, 0.0, least)
    judged = there & (share >= rules.least_seen_share)
    percent = 100 / lane_m2

    def told(values: Floats) -> Floats:
        return np.asarray(np.where(judged, np.clip(values * percent, 0, 100), np.nan), float)

    with np.errstate(divide="ignore", invalid="ignore"):
        as_seen = 100 * sums.area_m2 / (sums.seen_m * lane_m)
    of = pieces.at(seen.line, seen.begin_m + seen.length_m / 2)
    return Segments(
        pieces, there, lane_m, np.where(there, share, 0.0), _most(seen.drives, of, len(pieces)),
        _latest(seen.last_utc_s, of, len(pieces)), np.where(there, sums.counts, 0.0),
        told(total), told(least), told(most),
        np.where(there & (sums.seen_m > 0), np.clip(as_seen, 0, 100), np.nan),
        np.where(judged, np.sqrt(variance) * percent, np.nan),
    )  # fmt: skip


def _interval(mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """The middle 95 % of a gamma distribution with this mean and variance, and the mean where it is so skew as to lie above."""
    good = (mean > 0) & (variance > 0)
    shape = np.where(good, mean**2 / np.where(good, variance, 1.0), 1.0)
    scale = np.where(good, variance / np.where(good, mean, 1.0), 0.0)
    low, high = (scale * gammaincinv(shape, one) for one in (1 - SURE, SURE))
    return np.where(good, low, mean), np.where(good, np.maximum(high, mean), mean)


def _scattered(row: Ints, piece: Ints, values: Floats, count: int) -> Floats:
    """The sums of values by row and piece, (2, count)."""
    return np.asarray(np.bincount(row * count + piece, values, minlength=2 * count).reshape(2, count), float)


def _by(values: Floats, of: Ints, count: int) -> Floats:
    """The sums of values (…, n) by where each belongs, (…, count)."""
    flat = np.asarray(values, float).reshape(math.prod(values.shape[:-1]), values.shape[-1])
    sums = np.stack([np.bincount(of, one, minlength=count) for one in flat])
    return np.asarray(sums.reshape(*values.shape[:-1], count), float)


def _most(values: NDArray[np.uint16], of: Ints, count: int) -> Ints:
    largest = np.zeros((2, count), np.int64)
    for row in (0, 1):
        np.maximum.at(largest[row], of, values[row].astype(np.int64))
    return largest


def _latest(values: Floats, of: Ints, count: int) -> Floats:
    latest = np.full((2, count), -np.inf)
    for row in (0, 1):
        np.fmax.at(latest[row], of, values[row])
    return np.where(np.isfinite(latest), latest, np.nan)
