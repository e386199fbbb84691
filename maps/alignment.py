"""How far a drive's positions are off against what is known already, along the drive.

A receiver in a street is wrong by metres, but by nearly the same metres for a minute; two sightings of one
drive lie to each other far more truly than to the map. So the shift that lays a stretch of the drive onto
the damages known there is looked for, by votes of all pairs that could be one damage, and followed along
the drive as a shift that wanders (first-order Gauss-Markov, forwards and backwards).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

WANDER_S = 120.0
"""The time in which a receiver's error forgets itself."""
WINDOW_S, STEP_S = 8.0, 3.0
"""A stretch of twice the first is laid onto the map by one shift; so often a new one is looked for."""
LONELY = 0.05
"""Likelihood of a sighting that has no partner, against that of a pair that lies on one another."""
LEAST_LEAD, FEWEST_VOTES = 1.0, 2.0
"""A shift is believed where its log-likelihood leads by this over any other, and so many pairs bear it out."""
NOTHING_M2 = 1e-4
OTHER_M = 2.5
"""A shift further from the best than this is another one."""


@dataclass(frozen=True)
class Pairs:
    """Pairs that could be one damage: `sighting` (p,) and `damage` (p,) rows, `apart_m` (p, 2) between them.

    `apart_m` is damage minus sighting; `spread_m2` (p,) the variance of one axis that remains when the
    shift is right; `weight` (p,) how well their classes agree, 0 to 1.
    """

    sighting: Indices
    damage: Indices
    apart_m: Floats
    spread_m2: Floats
    weight: Floats


def shifts(time_s: Floats, common_m2: Floats, pairs: Pairs) -> tuple[Floats, Floats]:
    """What to add to each sighting (n, 2), and the variance of one axis (n,) that it is known to.

    `time_s` (n,) ascends; `common_m2` (n,) is the variance of one axis that neighbours share.
    """
    count = len(time_s)
    prior_m2 = float(np.median(common_m2))
    if prior_m2 < NOTHING_M2:
        return np.zeros((count, 2)), common_m2
    knots_s = np.arange(time_s[0], time_s[-1] + STEP_S, STEP_S)
    found = [_shift(time_s, pairs, knot_s, prior_m2) for knot_s in knots_s]
    measured = np.array([np.zeros(2) if one is None else one[0] for one in found])
    noise_m2 = np.array([np.inf if one is None else one[1] for one in found])
    knots, variance = _followed(measured, noise_m2, prior_m2)
    moved = np.column_stack([np.interp(time_s, knots_s, knots[:, axis]) for axis in (0, 1)])
    between_m2 = prior_m2 * (1 - np.exp(-STEP_S / WANDER_S))
    known_m2 = np.interp(time_s, knots_s, variance) + between_m2 / 4
    return moved.reshape(count, 2), np.minimum(known_m2, common_m2)


def _shift(time_s: Floats, pairs: Pairs, knot_s: float, prior_m2: float) -> tuple[Floats, float] | None:
    """The shift that the pairs around a moment vote for, with its variance; None where none leads."""
    inside = np.flatnonzero(np.abs(time_s[pairs.sighting] - knot_s) <= WINDOW_S)
    if not len(inside):
        return None
    apart, spread, weight = pairs.apart_m[inside], pairs.spread_m2[inside], pairs.weight[inside]
    _, owner = np.unique(pairs.sighting[inside], return_inverse=True)
    if owner.max() + 1 < FEWEST_VOTES:
        return None
    off = ((apart[None] - apart[:, None]) ** 2).sum(2) / spread[None]
    score = np.zeros((len(apart), owner.max() + 1))
    for one in range(score.shape[1]):  # each sighting has one partner at most: its best
        mine = owner == one
        score[:, one] = (weight[mine] * np.exp(-off[:, mine] / 2)).max(1)
    likelihood = np.log(LONELY + score).sum(1) - (apart**2).sum(1) / (2 * prior_m2)
    best = int(likelihood.argmax())
    others = likelihood[np.hypot(*(apart - apart[best]).T) > OTHER_M]
    votes = float(score[best].sum())
    if votes < FEWEST_VOTES or likelihood[best] - others.max(initial=-np.inf) < LEAST_LEAD:
        return None
    near = weight * np.exp(-off[best] / 2)
    shift = (near[:, None] * apart / spread[:, None]).sum(0) / (near / spread).sum()
    return shift, 1.0 / float((near / spread).sum()) + 0.05


def _followed(measured: Floats, noise_m2: Floats, prior_m2: float) -> tuple[Floats, Floats]:
    """The wandering shift at each knot and its variance, from what was measured at some (RTS smoother)."""
    keep = np.exp(-STEP_S / WANDER_S)
    count = len(measured)
    state, variance = np.zeros((count, 2)), np.zeros(count)
    ahead, ahead_m2 = np.zeros((count, 2)), np.zeros(count)
    place, spread = np.zeros(2), prior_m2
    for i in range(count):
        if i:
            place, spread = keep * place, keep**2 * spread + (1 - keep**2) * prior_m2
        ahead[i], ahead_m2[i] = place, spread
        if np.isfinite(noise_m2[i]):
            # Windows overlap: what they say alike is counted as often as they do.
            gain = spread / (spread + noise_m2[i] * 2 * WINDOW_S / STEP_S)
            place, spread = place + gain * (measured[i] - place), (1 - gain) * spread
        state[i], variance[i] = place, spread
    for i in range(count - 2, -1, -1):
        gain = variance[i] * keep / ahead_m2[i + 1]
        state[i] += gain * (state[i + 1] - ahead[i + 1])
        variance[i] += gain**2 * (variance[i + 1] - ahead_m2[i + 1])
    return state, variance
