"""Frames in which the road can't be judged: too dark, dazzled, blurred, or hidden by what is on the lens.

A damage that was not seen in such a frame is not gone, so these frames count neither for nor against it.
The bounds were set on 2,600 labelled road pictures and two drives, clean and spoilt on purpose
(`benchmarks/visibility.py` prints how many of each are told).
"""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import N_
from detector.horizon import WORK_WIDTH_PX, reduced

Floats = NDArray[np.float32]


class Unseen(StrEnum):
    """Why a frame can't be judged."""

    dark = N_("too dark")
    dazzled = N_("dazzled")
    blurred = N_("blurred")
    covered = N_("lens covered or fogged")
    wet = N_("lens wet or dirty")
    hidden = N_("road hidden")
    repeated = N_("picture repeated")


class Light(StrEnum):
    """What light a road is seen by."""

    day = N_("day")
    dim = N_("dim")
    dark = N_("dark")


ROAD = 0.45
"""The road is looked for below this share of the picture's height."""
DARK_LEVEL, DAZZLED_LEVEL = 50.0, 235.0
"""95 % of the road's pixels below the first, or their mean above the second (of 255)."""
DIM_LEVEL, DARKER_LEVEL = 70.0, 40.0
"""Half of the road's pixels below the first: dim; below the second: dark, though it can still be judged.

Of the clear daytime pictures above 99 % are day. With 40 % of their light 98 % are no longer, with 30 %
half are dark. No picture taken at night was among them.
"""
LEAST_EDGE = 5.0
"""The strongest edges of a picture through a clear lens, in levels, are above this."""
LEAST_SHARPNESS = 0.15
"""Share of the strongest edges' height that is finer than two pixels (at `WORK_WIDTH_PX`)."""
WET_ROUGHNESS = 0.35
"""How far, in natural logarithms, the detail in a patch is from its neighbours', on average."""
STILL_LEVELS = 1.0
"""Patches that change by less than this from frame to frame while driving show the car, not the road."""
HIDDEN_SHARE = 0.9
REPEAT_LEVELS = 1.0
"""Pictures that differ by less than this (mean of 255 levels) are the same picture shown again."""
PATCHES = (32, 20)
MEMORY_FRAMES, FEWEST_FRAMES = 10, 8
"""Wet and hidden show only over several frames."""


class Inspector:
    """Looks at a drive's frames in order."""

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._detail: Floats | None = None
        self._change: Floats | None = None
        self._seen = 0
        self.light = Light.day
        """By what light the last frame was taken."""

    def why_unseen(self, image: NDArray[np.uint8]) -> Unseen | None:
        """Why the road can't be judged in the drive's next frame, (H, W, 3) RGB; None where it can.

        A camera that hangs, or a survey that shows each picture longer, repeats a picture while the
        vehicle goes on; taken at its word it would put the same damage further down the road.
        """
        small_enough = reduced(image) if image.shape[1] > WORK_WIDTH_PX else image
        grey = cv2.cvtColor(small_enough, cv2.COLOR_RGB2GRAY).astype(np.float32)
        small = np.asarray(cv2.resize(grey, (96, 54), interpolation=cv2.INTER_AREA), np.float32)
        change = None if self._last is None else np.abs(small - self._last)
        self.light = light_of(grey)
        if reason := why_unseen(grey):
            return reason
        if change is not None and float(change.mean()) < REPEAT_LEVELS:
            return Unseen.repeated
        self._last = small
        return self._over_time(grey, change)

    def _over_time(self, grey: Floats, change: Floats | None) -> Unseen | None:
        fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
        self._detail = _remembered(self._detail, _road_patches(fine))
        if change is not None:
            self._change = _remembered(self._change, _road_patches(change))
        self._seen += 1
        if self._seen < FEWEST_FRAMES or self._change is None:
            return None
        if float((self._change < STILL_LEVELS).mean()) > HIDDEN_SHARE:
            return Unseen.hidden
        level = np.log(self._detail + 0.02)
        if float(np.abs(level - cv2.medianBlur(level, 5)).mean()) > WET_ROUGHNESS:
            return Unseen.wet
        return None


def why_unseen(grey: Floats) -> Unseen | None:
    """Why one grey picture, (H, W) of at most `WORK_WIDTH_PX`, by itself can't be judged; None where it can."""
    road = grey[int(ROAD * len(grey)) :]
    if float(np.percentile(road, 95)) < DARK_LEVEL:
        return Unseen.dark
    if float(road.mean()) > DAZZLED_LEVEL:
        return Unseen.dazzled
    sharpness, edge = min(_edges(grey), _edges(np.ascontiguousarray(grey.T)))
    if edge < LEAST_EDGE:
        return Unseen.covered
    return Unseen.blurred if sharpness < LEAST_SHARPNESS else None


def light_of(grey: Floats) -> Light:
    """By what light a grey picture (H, W) shows the road: the median of its pixels, every fourth each way."""
    level = float(np.median(grey[int(ROAD * len(grey)) :: 4, ::4]))
    if level < DARKER_LEVEL:
        return Light.dark
    return Light.dim if level < DIM_LEVEL else Light.day


def _edges(grey: Floats) -> tuple[float, float]:
    """Sharpness along the rows, and the height of the strongest edges in levels."""
    soft = cv2.GaussianBlur(grey, (7, 1), 1.0)
    edge = np.abs(soft - cv2.GaussianBlur(grey, (25, 1), 4.0))
    strongest = edge >= np.quantile(edge, 0.98)
    height = float(edge[strongest].mean())
    return float(np.abs(grey - soft)[strongest].mean()) / max(height, 1e-3), height


def _road_patches(values: Floats) -> Floats:
    patches = np.asarray(cv2.resize(values, PATCHES, interpolation=cv2.INTER_AREA), np.float32)
    return patches[int(ROAD * len(patches)) - 1 : -1]


def _remembered(before: Floats | None, now: Floats) -> Floats:
    if before is None:
        return now
    return np.asarray(before + (now - before) / MEMORY_FRAMES, np.float32)
