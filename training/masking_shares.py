"""Shares of what was masked, by size and by what else may matter, with intervals by whole pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from datasets.private_pictures import Thing
from detector.errors import N_
from detector.masking import Masked
from detector.private import Kind
from training.masking_report import LIGHT, SIZE, WHO, WORN, YAW, Recall

COVERED = 0.8
Z = 1.96
SIZES_PX = {
    Kind.face: (8, 12, 16, 24, 32, 48, 72, 141),
    Kind.plate: (10, 13, 16, 20, 25, 32, 48, 80, 231),
}
"""Limits of the classes of size: a face's height, a plate's width seen squarely."""
FROM_PX = {Kind.face: 24, Kind.plate: 25}
"""Of things from this size on, what misses are due to besides size is looked at."""
YAWS_DEG = (0, 20, 40, 61)


@dataclass(frozen=True)
class Seen:
    """A thing, the number of its picture, the light it was in, and whether it was masked."""

    thing: Thing
    picture: int
    light: str
    masked: bool


def covered(made: Masked, thing: Thing) -> float:
    """How much of a thing's own shape, not of the box around it, is covered, from 0 to 1."""
    left, top, right, bottom = (int(side) for side in np.concatenate([thing.xyxy[:2], thing.xyxy[2:] + 1]))
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    inside = np.ones(x.shape, bool)
    for (ax, ay), (bx, by) in zip(thing.corners, np.roll(thing.corners, -1, 0), strict=True):
        inside &= (bx - ax) * (y - ay) >= (by - ay) * (x - ax)
    hidden = np.zeros(x.shape, bool)
    for x1, y1, x2, y2 in made.xyxy.tolist():
        hidden |= (x > x1) & (x < x2) & (y > y1) & (y < y2)
    return float(hidden[inside].mean())


def recalls(all_seen: list[Seen]) -> tuple[Recall, ...]:
    """Shares of what was masked, by size, and beyond `FROM_PX` by yaw, light, person or kind, and masks worn."""
    made: list[Recall] = []
    for kind in SIZES_PX:
        ours = [one for one in all_seen if one.thing.plate == (kind is Kind.plate)]
        large = [one for one in ours if one.thing.size_px >= FROM_PX[kind]]
        parts: list[tuple[str, str, int, int, list[Seen]]] = [
            (SIZE, f"{low}–{high - 1}", low, high, [one for one in ours if low <= one.thing.size_px < high])
            for low, high in pairwise(SIZES_PX[kind])
        ]
        parts += [
            (YAW, f"{low}–{high - high % 10}", low, high, [one for one in large if low <= one.thing.yaw_deg < high])
            for low, high in pairwise(YAWS_DEG)
        ]  # fmt: skip
        named: list[tuple[str, Callable[[Seen], str]]] = [
            (LIGHT, lambda one: one.light),
            (WHO, lambda one: one.thing.who),
        ]
        if kind is Kind.face:
            named.append((WORN, lambda one: N_("mask worn") if one.thing.worn else N_("no mask worn")))
        for what, name_of in named:
            for name in sorted({name_of(one) for one in large}):
                parts.append((what, name, 0, 0, [one for one in large if name_of(one) == name]))
        made += [_recall(str(kind), *part) for part in parts if part[-1]]
    return tuple(made)


def _recall(kind: str, what: str, name: str, begin: int, end: int, ones: list[Seen]) -> Recall:
    hits = sum(one.masked for one in ones)
    low, high = interval(
        np.array([one.picture for one in ones]), np.array([one.masked for one in ones], float)
    )
    return Recall(kind, what, name, begin, end, len(ones), hits, round(low, 4), round(high, 4))


def interval(picture: NDArray[np.int64], hit: NDArray[np.float64]) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, by as many things as are worth it: those of one picture are alike.

    The number is divided by the design effect, the ratio estimator's variance over pictures to that of a simple sample
    (Cochran, "Sampling Techniques", 1977, 6.4), which is taken as 1 where it comes out smaller.
    """
    count, share = len(hit), float(hit.mean())
    _, of = np.unique(picture, return_inverse=True)
    groups = int(of.max()) + 1
    apart = np.bincount(of, hit - share)
    effect = 1.0
    if 0 < share < 1 and groups > 1:
        effect = max(1.0, float((apart**2).sum()) * groups / (groups - 1) / (count * share * (1 - share)))
    worth = Z**2 * effect / count
    middle = (share + worth / 2) / (1 + worth)
    half = math.sqrt(worth * share * (1 - share) + worth**2 / 4) / (1 + worth)
    return max(0.0, middle - half), min(1.0, middle + half)
