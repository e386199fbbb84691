"""Evidence pictures: the frame with its box, and a clean crop, written as each track ends.

Every picture that leaves the pipeline leaves through `write_evidence`, so that masking has one
place to stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.classes import CLASSES
from detector.errors import N_, OutputError
from detector.tracking import Footprint

FRAME_WIDTH_PX = 1280
JPEG_QUALITY = 85


@dataclass(frozen=True)
class Evidence:
    """Names of the pictures of a sighting: box drawn, clean crop, and the whole frame clean ("": not written).

    `box` is x1, y1, x2, y2 in shares of the frame's width and height.
    """

    picture: str
    crop: str
    frame: str
    box: tuple[float, float, float, float]


def write_evidence(
    folder: Path, name: str, seen: Footprint, class_id: int, *, frame: bool = False
) -> Evidence:
    """Write `name`.jpg (box drawn), `name`-crop.jpg and, where asked for, `name`-frame.jpg.

    Raises OutputError where they can't be written.
    """
    image = seen.frame.image
    x1, y1, x2, y2 = _inside(seen.xyxy, image.shape)
    margin = max(20, round(0.25 * max(x2 - x1, y2 - y1)))
    crop = image[max(y1 - margin, 0) : y2 + margin, max(x1 - margin, 0) : x2 + margin]
    boxed = image.copy()
    colour = tuple(int(CLASSES[class_id].colour[i : i + 2], 16) for i in (1, 3, 5))
    thick = max(2, round(image.shape[1] / 400))
    cv2.rectangle(boxed, (x1, y1), (x2, y2), (255, 255, 255), thick + 2)
    cv2.rectangle(boxed, (x1, y1), (x2, y2), colour, thick)
    names = (f"{name}.jpg", f"{name}-crop.jpg")
    for file, picture in zip(names, (_fitted(boxed), crop), strict=True):
        _write(folder / file, picture)
    whole = f"{name}-frame.jpg" if frame else ""
    if whole:
        _write(folder / whole, _fitted(image))
    height, width = image.shape[:2]
    return Evidence(*names, whole, (x1 / width, y1 / height, x2 / width, y2 / height))


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, no wider than evidence is kept."""
    if image.shape[1] <= FRAME_WIDTH_PX:
        return image
    size = (FRAME_WIDTH_PX, round(image.shape[0] * FRAME_WIDTH_PX / image.shape[1]))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _inside(xyxy: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    height, width = shape[:2]
    x1, y1, x2, y2 = (round(float(edge)) for edge in xyxy)
    x1, y1 = min(max(x1, 0), width - 2), min(max(y1, 0), height - 2)
    return x1, y1, min(max(x2, x1 + 1), width - 1), min(max(y2, y1 + 1), height - 1)


def _write(path: Path, rgb: NDArray[np.uint8]) -> None:
    encoded, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    try:
        if not encoded:
            raise OSError(0, "the picture could not be encoded")
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(
            N_("The evidence picture {path} can't be written: {reason}."),
            path=path,
            reason=error.strerror,
        ) from error
