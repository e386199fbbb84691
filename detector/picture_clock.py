"""A log's clock found from the picture: when the vehicle stands and goes is seen in both.

The picture's motion (optical flow between neighbouring frames) rises and falls with the speed that the
log tells; the offset at which the two agree best ties their clocks, where nothing else does or where
what else there is may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.video import Frame

Floats = NDArray[np.float64]

EVERY_S = 0.25
"""The picture's motion is taken this often."""
FLOW_WIDTH_PX = 160
FEWEST_S = 20.0
"""Less of the picture and the log together tells nothing."""
LEAST_SPREAD_MPS = 1.0
"""Speeds that vary less than this have no pattern to find again."""
LEAST_CORRELATION = 0.7
SPEED_MEMORY_S, CERTAINTY = 6.0, 4.5
"""Speeds this far apart in time are independent; a match must be so many standard errors from none,
many as there are offsets that are tried."""
LEAST_LEAD = 0.1
"""The best offset's correlation must be this much above that of any offset not beside it."""
BESIDE_S = 8.0
LARGEST_SD_S = 0.6
BLOCKS = 8


@dataclass(frozen=True)
class Motion:
    """How much the picture moves at ascending times (n,): a measure of speed, in no unit."""

    time_s: Floats
    amount: Floats


@dataclass(frozen=True)
class Agreement:
    """The log's clock at the first frame, its standard error, and how well speed and picture agree."""

    zero_s: float
    sd_s: float
    correlation: float


def pair_times(begin_s: float, end_s: float, frame_s: float) -> Floats:
    """When frames are needed for `picture_motion`: two neighbours every `EVERY_S`."""
    first = np.arange(begin_s, end_s - frame_s, max(EVERY_S, 2 * frame_s))
    return np.column_stack([first, first + 0.9 * frame_s]).ravel()


def picture_motion(frames: Iterable[Frame], frame_s: float) -> Motion:
    """The motion between each two frames of which one follows the other within two `frame_s`."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    times, amounts = [], []
    small = ((frame.time_s, _small(frame.image)) for frame in frames)
    for (begin_s, one), (end_s, other) in pairwise(small):
        if not 0 < end_s - begin_s < 2.2 * frame_s:
            continue
        field = flow.calc(one, other, None)  # type: ignore[call-overload]
        length = np.hypot(field[..., 0], field[..., 1])
        times.append((begin_s + end_s) / 2)
        amounts.append(float(np.percentile(length[len(length) // 3 :], 75)) / (end_s - begin_s))
    return Motion(np.array(times), np.array(amounts))


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (FLOW_WIDTH_PX, max(round(image.shape[0] * FLOW_WIDTH_PX / image.shape[1]), 32))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def agreement(
    motion: Motion, clock_s: Floats, speed_mps: Floats, least_s: float, most_s: float
) -> Agreement | None:
    """Where the picture's motion fits the speeds (n,) that a log gives on its own clock (n,).

    The log's clock at the first frame is looked for from `least_s` to `most_s`. None where it can't
    be told: too little of both, no change of speed, or no offset that is clearly the best.
    """
    if len(motion.time_s) < FEWEST_S / EVERY_S or np.std(speed_mps) < LEAST_SPREAD_MPS:
        return None
    # Roots, as noise grows with motion; twins in speed far apart in motion weigh less that way.
    seen, told = np.sqrt(motion.amount), np.sqrt(np.maximum(speed_mps, 0))
    trial_s = np.arange(least_s, most_s + 0.5, 0.5)
    matches = np.array([_correlation(motion.time_s, seen, clock_s, told, zero_s) for zero_s in trial_s])
    best = int(np.nanargmax(matches)) if np.isfinite(matches).any() else 0
    rivals = matches[np.abs(trial_s - trial_s[best]) > BESIDE_S]
    overlap_s = EVERY_S * np.sum(
        (motion.time_s + trial_s[best] >= clock_s[0]) & (motion.time_s + trial_s[best] <= clock_s[-1])
    )
    # Fisher's transformation: the standard error of artanh r from n independent pairs is 1/sqrt(n - 3).
    chance = float(np.tanh(CERTAINTY / np.sqrt(max(overlap_s / SPEED_MEMORY_S - 3, 0.1))))
    rival = float(np.nanmax(rivals, initial=-1.0))
    if not matches[best] >= max(LEAST_CORRELATION, chance, rival + LEAST_LEAD):
        return None
    zero_s = _refined(motion.time_s, seen, clock_s, told, float(trial_s[best]))
    # Leaving out one block of the picture after the other shows how firm it is (jackknife).
    parts = np.array_split(np.arange(len(seen)), BLOCKS)
    without = [np.setdiff1d(np.arange(len(seen)), part) for part in parts]
    each_s = np.array([_refined(motion.time_s[i], seen[i], clock_s, told, zero_s) for i in without])
    sd_s = float(np.sqrt((BLOCKS - 1) / BLOCKS * ((each_s - each_s.mean()) ** 2).sum()))
    sd_s = max(sd_s, EVERY_S / 4)
    return Agreement(zero_s, sd_s, float(matches[best])) if sd_s <= LARGEST_SD_S else None


def _refined(time_s: Floats, seen: Floats, clock_s: Floats, told: Floats, near_s: float) -> float:
    trial_s = near_s + np.arange(-1.5, 1.55, 0.05)
    matches = [_correlation(time_s, seen, clock_s, told, zero_s) for zero_s in trial_s]
    return float(trial_s[int(np.nanargmax(matches))]) if np.isfinite(matches).any() else near_s


def _correlation(time_s: Floats, seen: Floats, clock_s: Floats, told: Floats, zero_s: float) -> float:
    """Pearson's coefficient over what both cover; NaN where that is too little."""
    moment_s = time_s + zero_s
    inside = (moment_s >= clock_s[0]) & (moment_s <= clock_s[-1])
    if inside.sum() < max(FEWEST_S / EVERY_S, 0.5 * len(time_s)):
        return float("nan")
    one, other = seen[inside], np.interp(moment_s[inside], clock_s, told)
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0 else float("nan")
