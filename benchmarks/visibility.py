"""How many clear pictures are taken for unseen ones, and how many spoilt ones are told.

    python -m benchmarks.visibility PICTURES [--most 400]

PICTURES is a folder of clear road pictures. Each is judged as it is and spoilt in several ways; one
line a way says what share was told to be what, and those seen by what light.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detector.horizon import WORK_WIDTH_PX, reduced
from detector.visibility import light_of, why_unseen

Picture = NDArray[np.uint8]
RNG = np.random.default_rng(1)


def _noisy(picture: NDArray[np.floating[Any]], sd: float = 3.0) -> Picture:
    return np.clip(picture + RNG.normal(0, sd, picture.shape), 0, 255).astype(np.uint8)


def _soft(picture: Picture, sd_px: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sd_px), np.uint8)


def _shaken(picture: Picture, length: int, *, upright: bool) -> Picture:
    kernel = np.zeros((length, length), np.float32)
    kernel[(slice(None), length // 2) if upright else (length // 2, slice(None))] = 1 / length
    return np.asarray(cv2.filter2D(picture, -1, kernel), np.uint8)


WAYS: dict[str, Callable[[Picture], Picture]] = {
    "clear": lambda one: one,
    "40 % of the light": lambda one: _noisy(one * 0.4),
    "30 % of the light": lambda one: _noisy(one * 0.3),
    "8 % of the light": lambda one: _noisy(one * 0.08),
    "20 % of the light": lambda one: _noisy(one * 0.2),
    "dazzled": lambda one: _noisy(one * 1.2 + 150.0),
    "out of focus, 1 px": lambda one: _soft(one, 1.0),
    "out of focus, 1.5 px": lambda one: _soft(one, 1.5),
    "out of focus, 2 px": lambda one: _soft(one, 2.0),
    "shaken, 7 px sideways": lambda one: _shaken(one, 7, upright=False),
    "shaken, 15 px up and down": lambda one: _shaken(one, 15, upright=True),
    "fogged": lambda one: _noisy(one * 0.1 + 170.0, 0.5),
    "covered": lambda one: _noisy(_soft(one, 60) * 0.15 + 60.0, 2.0),
}


def pictures(folder: Path, most: int) -> Iterator[Picture]:
    """At most so many of a folder's pictures, spread over it, as wide as they are judged."""
    paths = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
    )
    for path in paths[:: max(1, len(paths) // most)][:most]:
        with Image.open(path) as picture:
            image = np.asarray(picture.convert("RGB"), np.uint8)
        yield reduced(image) if image.shape[1] > WORK_WIDTH_PX else image


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--most", type=int, default=400)
    options = parser.parse_args()
    told = {way: Counter[str]() for way in WAYS}
    for picture in pictures(options.pictures, options.most):
        for way, spoil in WAYS.items():
            grey = cv2.cvtColor(spoil(picture), cv2.COLOR_RGB2GRAY).astype(np.float32)
            reason = why_unseen(grey)
            told[way][reason.name if reason else f"seen, {light_of(grey).name}"] += 1
    for way, counts in told.items():
        shares = ", ".join(f"{name} {count / counts.total():.1%}" for name, count in counts.most_common())
        print(f"{way:28}{counts.total():6}  {shares}")


if __name__ == "__main__":
    main()
