"""Moments of a drive as everybody may see them: one masked picture each, made when it is asked for.

A picture is masked by what is found in it, and by what was found lately in those just before and after it
(`detector.held`). Where something was found is kept in memory, and no picture is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.held import Looked, held
from detector.masking import Masker, cover
from detector.private import Found
from roaddamage.masker_in_use import masker_in_use

WIDTH_PX = 960
AROUND_S = 1.0
"""What was found so long before and after counts for a moment."""
MOST_KEPT = 2_000


class Moments:
    """Masks moments of drives, and remembers where something was found."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._found: OrderedDict[tuple[str, float], Found] = OrderedDict()
        self._turn = threading.Lock()

    def masked(self, drive: str, time_s: float, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A drive's picture at a time, reduced to `WIDTH_PX` and masked; `drive` tells it from others."""
        small = _reduced(image)
        if (mine := self._found.get((drive, time_s))) is None:
            self._keep((drive, time_s), mine := self._masker.find(small))
        looked = held(sorted([*self._near(drive, time_s), Looked(time_s, mine, None)], key=_time))
        return cover(small, next(one.found for one in looked if one.time_s == time_s)).image

    def _keep(self, moment: tuple[str, float], found: Found) -> None:
        with self._turn:
            self._found[moment] = found
            if len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)

    def _near(self, drive: str, time_s: float) -> list[Looked[None]]:
        """What was found about then, but not at that very time."""
        with self._turn:
            return [
                Looked(other_s, found, None)
                for (other, other_s), found in self._found.items()
                if other == drive and 0 < abs(other_s - time_s) <= AROUND_S
            ]


def _time(one: Looked[None]) -> float:
    return one.time_s


def _reduced(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = min(1.0, WIDTH_PX / width)
    size = round(width * scale), round(height * scale)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


@cache
def moments() -> Moments:
    """Those of this process. Raises ModelError where nothing can be masked: then nothing is shown."""
    return Moments(masker_in_use())
