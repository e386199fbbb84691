"""Masking: faces and number plates are covered before a picture is first written.

What is covered is one flat colour, the mean of what it was: nothing of it can be brought back. Misses cost more than
covered road: thresholds are low, boxes are grown, and each picture is looked at in several sizes.
How much is missed `training.masking_score` measures.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.kept_area import KeptArea
from detector.private import WEIGHTS, Found, Image, Kind, PrivateDetector

Ints = NDArray[np.int64]

WORK_PX = 1280
"""A picture's longer side at the scale 1; a larger one is also looked at as it is, up to `MOST_PX`."""
MOST_PX = 2560
SCALES = {Kind.face: (0.5, 1.0, 2.0), Kind.plate: (0.5, 1.0, 2.0)}
LEAST = {Kind.face: 0.25, Kind.plate: 0.25}
"""Scores from which something is covered."""
WHOLE = KeptArea()
GROW = 0.15
"""Boxes are grown by this share of their sides, on each side."""


@dataclass(frozen=True)
class Masked:
    """A picture without what shows a person, (H, W, 3) uint8 RGB, and where that was: `xyxy` (n, 4) px, `kind` (n,).

    `outside` (m, 4) px is what else is not shown of it, as it lies outside the area that is kept.
    """

    image: Image
    xyxy: Ints
    kind: tuple[Kind, ...]
    outside: Ints = field(default_factory=lambda: np.empty((0, 4), np.int64))

    @property
    def hidden(self) -> Ints:
        """All that is not shown of the picture, boxes (n + m, 4) px."""
        return np.concatenate([self.xyxy, self.outside])

    def share_of(self, xyxy: NDArray[np.float64]) -> float:
        """How much of a box (4,) px is not shown, from 0 to 1."""
        x1, y1, x2, y2 = xyxy.round().astype(int)
        cover = np.zeros((max(y2 - y1, 1), max(x2 - x1, 1)), bool)
        for left, top, right, bottom in np.clip(self.hidden - [x1, y1, x1, y1], 0, None).tolist():
            cover[top:bottom, left:right] = True
        return float(cover.mean())


class Masker:
    """Covers what shows a person, in pictures of any size."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Raises ModelError where it can't be done as it was measured: then no picture may be written."""
        self._detector = PrivateDetector(weights)

    def find(self, image: Image) -> Found:
        """Faces and plates in a picture, (H, W, 3) uint8 RGB; not yet grown, and one may be there several times.

        All that is found of one is covered: what one size shows too narrow another shows whole.
        """
        boxes, scores, kinds = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)], list[Kind]()
        longest = max(image.shape[:2])
        for kind in Kind:
            seen = [
                self._detector.look(image, scale, kind, LEAST[kind])
                for scale in _scales(longest, SCALES[kind])
            ]
            xyxy, score = (np.concatenate(parts) for parts in zip(*seen, strict=True))
            boxes.append(xyxy)
            scores.append(score)
            kinds += [kind] * len(score)
        return Found(np.concatenate(boxes), tuple(kinds), np.concatenate(scores))

    def masked(self, image: Image, kept: KeptArea = WHOLE) -> Masked:
        """The picture with what shows a person covered, and what is not kept of it; `image` itself stays as it is."""
        shown = kept.cut(image)
        outside = kept.outside(image.shape[1], image.shape[0])
        return replace(cover(shown, self.find(shown)), outside=outside)


def cover(image: Image, found: Found) -> Masked:
    """A picture in which what was found is covered, grown by `GROW`."""
    height, width = image.shape[:2]
    side = np.tile(found.xyxy[:, 2:] - found.xyxy[:, :2], 2) * GROW * np.array([-1, -1, 1, 1])
    grown = found.xyxy + side
    low, high = np.floor(grown[:, :2]), np.ceil(grown[:, 2:])
    boxes = np.clip(np.concatenate([low, high], 1), 0, [width, height, width, height]).astype(np.int64)
    there = (boxes[:, :2] < boxes[:, 2:]).all(1)  # what is held from other frames may have left the picture
    boxes, kinds = boxes[there], tuple(kind for kind, inside in zip(found.kind, there, strict=True) if inside)
    made = image.copy()
    for x1, y1, x2, y2 in boxes.tolist():
        made[y1:y2, x1:x2] = image[y1:y2, x1:x2].reshape(-1, 3).mean(0).round().astype(np.uint8)
    return Masked(made, boxes, kinds)


def _scales(longest_px: int, wanted: tuple[float, ...]) -> list[float]:
    """Scales at which to look at a picture: those wanted of its size at work, and a large one as it is."""
    scales = {min(one * WORK_PX / longest_px, MOST_PX / longest_px) for one in wanted}
    if longest_px > WORK_PX:
        scales.add(min(1.0, MOST_PX / longest_px))
    return sorted(scales)


@cache
def masker() -> Masker:
    """The masker of this process. Raises ModelError as `Masker` does."""
    return Masker()
