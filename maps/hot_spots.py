"""Hot spots: stretches of street with more damage than chance makes, told from a city's usual.

Compared are street segments of 100 m, both directions together, by their damage to the lane-kilometre *seen*, weighted
by severity: ten drives along a street make it no worse. Short or half-seen segments swing more by chance, so each rate
is set against what is to be expected of it (Assunção and Reis 1999). Getis and Ord's Gi* (1992, 1995) then
compares each segment with its neighbours along the roads against all. Damages are few and their weights uneven, so
the sums are not normal: their tail is a gamma distribution's with the skewness they have (Pearson type III). Of all that
is called hot, no more than the stated share is so by chance (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from esda.getisord import G_Local
from libpysal.graph import Graph
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, eye_array
from scipy.stats import pearson3

from maps.exposure import Exposure
from maps.network import Network
from maps.on_roads import OnRoads
from maps.passes import Recall
from maps.rules import HotSpotRules
from maps.segments import found_at

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FALSE_DISCOVERY_RATES = (0.10, 0.05, 0.01)
"""Of all places called hot, so large a share may be so by chance."""
FEWEST = 20
"""Fewer segments say nothing of what is usual."""
ENDS_M = 3.0
"""So near a junction the end of a piece touches it."""
LEAST_SKEW = 1e-3
LEAST_SPREAD = 1e-3


@dataclass(frozen=True)
class HotSpots:
    """Of each piece of 100 m, (pieces,): its rate, Gi* and what is to be said of it.

    `seen_m` are lane-metres seen. Rates are weighted damages to the lane-km, of the piece, of it with its neighbours,
    and `rate_all` of all. `z` is Gi*, `p` the probability of as much by chance, `q` the false-discovery rate at which it would count.
    `level` is 99, 95, 90 where hot, else 0. `compared` is whether enough was seen; the rest is NaN where it is not.
    """

    compared: NDArray[np.bool_]
    seen_m: Floats
    rate: Floats
    rate_around: Floats
    rate_all: float
    z: Floats
    p: Floats
    q: Floats
    level: Ints


def hot_spots(
    network: Network, seen: Exposure, damages: OnRoads, recall: Recall, rules: HotSpotRules
) -> HotSpots:
    """The pieces of 100 m, compared."""
    pieces = network.long
    count = len(pieces)
    of = pieces.at(seen.line, seen.begin_m + seen.length_m / 2)
    seen_m = np.asarray(np.bincount(of, (seen.share * seen.length_m).sum(0), minlength=count), float)
    damages = damages[damages.line >= 0]
    piece = pieces.at(damages.line, damages.at_m)
    weight = rules.table[damages.class_id, damages.severity] * damages.weight
    # What is easily missed stands for more.
    weight = weight / found_at(seen, damages, recall)
    total = np.asarray(np.bincount(piece, weight, minlength=count), float)
    compared = seen_m >= rules.least_seen_m
    nothing = np.full(count, np.nan)
    km = np.where(compared, seen_m, np.nan) / 1000
    rate = total / km
    every_km = float(np.nansum(km))
    rate_all = float(total[compared].sum() / every_km) if every_km else float("nan")
    told = HotSpots(
        compared, seen_m, rate, nothing, rate_all, nothing, nothing, nothing, np.zeros(count, np.int64)
    )
    if compared.sum() < FEWEST or not total[compared].any():
        return told
    rows = np.flatnonzero(compared)
    near = neighbours(network, rules.reach_segments)[rows][:, rows]
    z, p = _compared(total[rows], km[rows], _mean_weight(weight, compared[piece]), near)
    around = near @ total[rows] / (near @ km[rows])
    # A place without any damage of its own is no place to go to, whatever lies around it.
    own = np.where(total[rows] > 0, p, 1.0)
    around, z, q, tail = (_spread(rows, values, count) for values in (around, z, _adjusted(own), p))
    level = np.zeros(count, np.int64)
    for share in FALSE_DISCOVERY_RATES:
        level[q <= share] = round(100 * (1 - share))
    return HotSpots(compared, seen_m, rate, around, rate_all, z, tail, q, level)


def _spread(rows: NDArray[np.intp], values: Floats, count: int) -> Floats:
    """Values at these rows of a column, NaN at the others."""
    column = np.full(count, np.nan)
    column[rows] = values
    return column


def neighbours(network: Network, reach: int) -> csr_array:
    """Which pieces of 100 m lie within so many steps of each along the roads, itself too, (pieces, pieces) of 1."""
    pieces = network.long
    count = len(pieces)
    number = np.arange(count)
    on = number[:-1][pieces.line[1:] == pieces.line[:-1]]
    met = network.junctions
    sides = [
        (pieces.at(met.line, met.at_m + before), pieces.at(met.other, met.other_m + after))
        for before, after in product((-ENDS_M, ENDS_M), repeat=2)
    ]
    one, other = _meeting(*(np.concatenate(side) for side in zip(*sides, strict=True)))
    begin, end = np.concatenate([on, one]), np.concatenate([on + 1, other])
    links = coo_array((np.ones(2 * len(begin)), (np.r_[begin, end], np.r_[end, begin])), shape=(count, count))
    step = (links + eye_array(count)).tocsr()
    reached = step
    for _ in range(reach - 1):
        reached = reached @ step
    reached.data[:] = 1.0
    return reached


def _meeting(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """Pairs of pieces that meet at a junction, each once."""
    pairs = np.unique(np.sort(np.column_stack([one, other]), axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _mean_weight(weight: Floats, there: NDArray[np.bool_]) -> tuple[float, float, float]:
    """The first three moments of what one damage weighs."""
    weight = weight[there & (weight > 0)]
    return float(weight.mean()), float((weight**2).mean()), float((weight**3).mean())


def _compared(
    total: Floats, km: Floats, moments: tuple[float, float, float], near: csr_array
) -> tuple[Floats, Floats]:
    """Gi* of the rates against what is to be expected, and the tail's probability, (n,) each."""
    rate = total.sum() / km.sum()
    standard = (total - rate * km) / np.sqrt(rate * km)
    graph = Graph.from_sparse(coo_array(near))
    # Gi* is a share of the sum, so of what is positive; its z is the same whatever is added to all.
    with np.errstate(divide="ignore", invalid="ignore"):
        found = G_Local(standard - standard.min() + 1, graph, transform="B", star=True, permutations=0)
    # Where all are alike, or all are neighbours, none is hotter.
    differ = (standard.std() > LEAST_SPREAD) & (near.sum(1) < len(km))
    z = np.asarray(np.where(differ, found.Zs, 0.0), float)
    # By chance damages fall by Poisson's law, each weighing by itself: cumulants of their sum are rate × moments.
    mean, square, cube = moments
    second, third = square / mean, cube / mean
    each = second * np.ones(len(km)), third / np.sqrt(rate * km)
    skew = (near @ each[1]) / np.maximum((near @ each[0]) ** 1.5, 1e-12)
    skew = np.maximum(skew, LEAST_SKEW)
    return z, np.asarray(pearson3.sf(z, skew), float)


def _adjusted(p: Floats) -> Floats:
    """The false-discovery rate at which each would be found (Benjamini and Hochberg 1995), (n,)."""
    order = np.argsort(p)[::-1]
    scaled = p[order] * len(p) / np.arange(len(p), 0, -1)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(np.minimum(scaled, 1.0))
    return q
