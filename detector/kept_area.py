"""The area of a vehicle's pictures that is kept: its bonnet and its dashcam's band of text lie outside.

What lies outside is filled before a picture is first written, and nothing that a model sees there is a sighting: bonnets
mirror the road and what is in the vehicle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.errors import N_, RoadDamageError

OUTSIDE = 64
"""The grey of what lies outside, on each channel."""
LEAST_SHARE = 0.1
"""A kept area is at least so wide and high: less is a slip of the hand."""


class KeptAreaError(RoadDamageError):
    """An area that can't be meant."""

    exit_code = 2
    template = N_(
        "{given} is no area of a picture. Say in percent where it begins and ends: left, top, right, bottom, such as"
        " 0,5,100,85 (the picture without its uppermost 5 % and its lowest 15 %)."
    )


@dataclass(frozen=True)
class KeptArea:
    """From where to where pictures are kept, in shares of their width and height; all of them unless said."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def __post_init__(self) -> None:
        """Raises KeptAreaError for what is no area, or next to none."""
        for low, high in ((self.left, self.right), (self.top, self.bottom)):
            if not (low >= 0 and high <= 1 and high - low >= LEAST_SHARE - 1e-9):
                raise KeptAreaError(given=self.told)

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.left, self.top, self.right, self.bottom

    @property
    def whole(self) -> bool:
        """Whether all of a picture is kept."""
        return self.shares == (0, 0, 1, 1)

    @property
    def told(self) -> str:
        """As a person writes it: percent, such as 0,5,100,85."""
        return ",".join(f"{100 * share:.6g}" for share in self.shares)

    def outside(self, width_px: int, height_px: int) -> NDArray[np.int64]:
        """What is not kept of a picture: boxes (n, 4) px beside one another, none or up to four.

        A row or column of pixels that the area's edge runs through is outside.
        """
        x1, y1 = math.ceil(self.left * width_px), math.ceil(self.top * height_px)
        x2, y2 = math.floor(self.right * width_px), math.floor(self.bottom * height_px)
        x2, y2 = max(x2, x1), max(y2, y1)
        strips = [(0, 0, width_px, y1), (0, y2, width_px, height_px), (0, y1, x1, y2), (x2, y1, width_px, y2)]
        return np.array([one for one in strips if one[0] < one[2] and one[1] < one[3]], np.int64).reshape(
            -1, 4
        )

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture (H, W, 3) with what lies outside filled; `image` itself stays as it is."""
        if self.whole:
            return image
        made = image.copy()
        for x1, y1, x2, y2 in self.outside(image.shape[1], image.shape[0]).tolist():
            made[y1:y2, x1:x2] = OUTSIDE
        return made

    def holds(self, xyxy: NDArray[np.float64], width_px: int, height_px: int) -> NDArray[np.bool_]:
        """Which boxes (n, 4) px have their middle in it."""
        middle = (xyxy[:, :2] + xyxy[:, 2:]) / 2 / [width_px, height_px]
        inside = (middle >= [self.left, self.top]) & (middle <= [self.right, self.bottom])
        return np.asarray(inside.all(1))


def kept_area(shares: Sequence[object] | None) -> KeptArea:
    """The area of four numbers, shares of the picture, as records and files have them; None: all of it.

    Raises KeptAreaError.
    """
    if shares is None:
        return KeptArea()
    try:
        left, top, right, bottom = (float(str(share)) for share in shares)
    except (TypeError, ValueError) as error:
        raise KeptAreaError(given=shares) from error
    return KeptArea(left, top, right, bottom)


def kept_area_of(text: str) -> KeptArea:
    """The area that a person wrote in percent: left, top, right, bottom. Raises KeptAreaError."""
    try:
        left, top, right, bottom = (float(part) / 100 for part in text.split(","))
        return KeptArea(left, top, right, bottom)
    except (ValueError, KeptAreaError) as error:
        raise KeptAreaError(given=text) from error
