"""Masking: faces and number plates are covered before a picture is first written.

What is covered is one flat colour, the mean of what it was: nothing of it can be brought back. Misses cost more than
covered road: thresholds are low, and boxes are grown.
How much is missed `training.masking_score` measures.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.kept_area import KeptArea
from detector.people import PeopleDetector
from detector.private import WEIGHTS, Found, Image, Kind, PrivateDetector

Ints = NDArray[np.int64]

WORK_PX = 1280
"""A picture is looked at with its longer side so long: evidence is kept no larger."""
SIZES = {Kind.face: (1.0,), Kind.plate: (0.5, 1.0)}
"""In which shares of that size what is looked for: plates close by are only found in a smaller picture."""
MOST_PX = 2560
"""A fine look is also at half that size, and at a larger picture as it is, up to so long."""
LEAST = {Kind.face: 0.15, Kind.plate: 0.1}
"""Scores from which something is covered; docs/masking.md says what that misses, and covers in vain."""
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

    def __init__(self, weights: Path = WEIGHTS, people: Path | None = None, *, fine: bool = False) -> None:
        """With `people`, a general detector, whole people are covered too; `fine` looks at large pictures in more sizes.

        Raises ModelError where it can't be done as it was measured: then no picture may be written.
        """
        self._detector = PrivateDetector(weights)
        self._people = PeopleDetector(people) if people else None
        self._fine = fine

    def find(self, image: Image) -> Found:
        """What shows a person in a picture, (H, W, 3) uint8 RGB; not yet grown, and one may be there several times.

        All that is found of one is covered: what one size shows too narrow another shows whole.
        """
        boxes, scores, kinds = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)], list[Kind]()
        longest = max(image.shape[:2])
        for kind, shares in SIZES.items():
            scales = _scales(longest, {*shares, 0.5} if self._fine else {*shares}, fine=self._fine)
            seen = [self._detector.look(image, scale, kind, LEAST[kind]) for scale in scales]
            xyxy, score = (np.concatenate(parts) for parts in zip(*seen, strict=True))
            boxes.append(xyxy)
            scores.append(score)
            kinds += [kind] * len(score)
        if self._people:
            xyxy, score = self._people.look(image)
            boxes.append(xyxy)
            scores.append(score)
            kinds += [Kind.person] * len(score)
        return Found(np.concatenate(boxes), tuple(kinds), np.concatenate(scores))

    def masked(self, image: Image, kept: KeptArea = WHOLE) -> Masked:
        """The picture with what shows a person covered, and what is not kept of it; `image` itself stays as it is."""
        shown = kept.cut(image)
        outside = kept.outside(image.shape[1], image.shape[0])
        return replace(cover(shown, self.find(shown)), outside=outside)


def cover(image: Image, found: Found) -> Masked:
    """A picture in which what was found is covered, grown by `GROW`; what touches is covered by one colour.

    Of one person many boxes are found: each in a colour of its own, they would be a coarse picture of a face.
    """
    height, width = image.shape[:2]
    side = np.tile(found.xyxy[:, 2:] - found.xyxy[:, :2], 2) * GROW * np.array([-1, -1, 1, 1])
    grown = found.xyxy + side
    low, high = np.floor(grown[:, :2]), np.ceil(grown[:, 2:])
    boxes = np.clip(np.concatenate([low, high], 1), 0, [width, height, width, height]).astype(np.int64)
    there = (boxes[:, :2] < boxes[:, 2:]).all(1)  # what is held from other frames may have left the picture
    boxes, kinds = boxes[there], tuple(kind for kind, inside in zip(found.kind, there, strict=True) if inside)
    hidden = np.zeros((height, width), np.uint8)
    for x1, y1, x2, y2 in boxes.tolist():
        hidden[y1:y2, x1:x2] = 1
    made = image.copy()
    _, patches, places, _ = cv2.connectedComponentsWithStats(hidden, ltype=cv2.CV_16U)
    for number, (x, y, wide, high, _) in enumerate(places[1:].tolist(), 1):
        at = slice(y, y + high), slice(x, x + wide)
        patch = patches[at] == number
        made[at][patch] = image[at][patch].mean(0).round().astype(np.uint8)
    return Masked(made, boxes, kinds)


def _scales(longest_px: int, shares: set[float], *, fine: bool) -> list[float]:
    """Scales at which to look at a picture: those of work's size and, for a fine look, a larger one as it is."""
    work = WORK_PX / longest_px
    own = {max(work, min(1.0, MOST_PX / longest_px))} if fine else set()
    return sorted({work * share for share in shares} | own)


def masker(people: Path | None = None, *, fine: bool = False) -> Masker:
    """The masker of this process, for what `Masker` is told. Raises ModelError as it does."""
    return _masker(people, fine)


@cache
def _masker(people: Path | None, fine: bool) -> Masker:
    return Masker(people=people, fine=fine)
