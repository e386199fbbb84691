"""Matching: which sightings of a drive are which damages known, all pairs at once, under both errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from detector.classes import CLASSES, NO_MATCH, mixing_price
from detector.sightings import Sighting
from detector.tracking import MISREAD
from maps.alignment import Pairs
from maps.known_places import KnownPlaces

Floats = NDArray[np.float64]

REACH_M = 25.0
"""Nothing further apart is compared."""
GATE = 20.0
"""What a pair may be apart at most, in squared standard errors with the price of their classes."""
SURE_SHARE = 0.75
"""A track whose class has less of its votes, or a single glimpse, may have been misread."""
SHARE_NEW = 0.001
"""Prior of a sighting being of a damage nobody saw before, where there are damages it could be.

Set by `benchmarks/truth.py`, as are `maps.laid_sightings.LEAST_OWN_M` and the windows in `maps.alignment`."""
ROAD_WIDTH_M = 7.0
PRICES = np.array(
    [[mixing_price(one, other) for other in range(len(CLASSES))] for one in range(len(CLASSES))]
)


def pairs_of(
    known: KnownPlaces,
    seen: list[Sighting],
    place: Floats,
    own_m2: Floats,
    common_m2: Floats,
    near: NDArray[np.intp],
) -> Pairs:
    """The pairs of these sightings with the rows near that they may be, for the drive to be laid onto them."""
    reach_m = min(REACH_M, 3.0 * float(np.sqrt(2 * common_m2.max())) + 2.0)
    one, other = within(place, known.place[near], reach_m)
    rows = near[other]
    price = prices_of(known, seen, one, rows)
    keep = price < NO_MATCH
    one, rows, price = one[keep], rows[keep], price[keep]
    return Pairs(
        sighting=one,
        damage=rows,
        apart_m=known.place[rows] - place[one],
        spread_m2=own_m2[one] + 1 / known.weight[rows],
        weight=np.exp(-price / 2),
    )


def prices_of(
    known: KnownPlaces, seen: list[Sighting], one: NDArray[np.intp], rows: NDArray[np.intp]
) -> Floats:
    """What it costs that sightings (`one`, places in `seen`) are of the classes of these rows, (n,)."""
    class_id = np.array([sighting.class_id for sighting in seen], np.intp)
    price = PRICES[class_id[one], known.votes[rows].argmax(1)]
    unsure = np.array([one.frames == 1 or one.class_share < SURE_SHARE for one in seen])[one]
    return np.asarray(np.where(unsure, np.minimum(price, MISREAD), price), float)


def matched_of(
    known: KnownPlaces, seen: list[Sighting], place: Floats, spread_m2: Floats, near: NDArray[np.intp]
) -> dict[int, int]:
    """Row of `seen` → row of the damage it is, for those that are one known already."""
    one, other = within(place, known.place[near], REACH_M)
    rows = near[other]
    variance = spread_m2[one] + 1 / known.weight[rows]
    squared = ((known.place[rows] - place[one]) ** 2).sum(1) / variance + prices_of(known, seen, one, rows)
    # A pair against a damage nobody saw before, of which so many lie on a square metre of road.
    crowd = np.bincount(one, minlength=len(place))[one] / (2 * REACH_M * ROAD_WIDTH_M)
    gain = np.log(crowd * SHARE_NEW * 2 * np.pi * variance) + squared / 2
    good = (squared < GATE) & (gain < 0)
    return assigned(one[good], rows[good], gain[good])


def within(one: Floats, other: Floats, reach_m: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of all pairs of places that lie within reach of one another."""
    if not len(one) or not len(other):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    found = cKDTree(one).sparse_distance_matrix(cKDTree(other), reach_m, output_type="coo_matrix")
    return found.row.astype(np.intp), found.col.astype(np.intp)


def assigned(one: NDArray[np.intp], rows: NDArray[np.intp], gain: Floats) -> dict[int, int]:
    """The pairs that together gain most (are least), each side in one pair at most (Kuhn 1955)."""
    if not len(one):
        return {}
    damages, other = np.unique(rows, return_inverse=True)
    count = int(one.max()) + 1
    graph = coo_array((np.ones(len(one)), (one, count + other)), shape=(count + len(damages),) * 2)
    _, part = connected_components(graph, directed=False)
    matched = {}
    for pairs in _grouped(part[one]):
        left, i = np.unique(one[pairs], return_inverse=True)
        right, j = np.unique(other[pairs], return_inverse=True)
        cost = np.zeros((len(left), len(right)))
        cost[i, j] = gain[pairs]
        for a, b in zip(*linear_sum_assignment(cost), strict=True):
            if cost[a, b] < 0:
                matched[int(left[a])] = int(damages[right[b]])
    return matched


def _grouped(labels: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
