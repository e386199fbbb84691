"""Evidence pictures: the frame with its box, and a clean crop, masked and written as each track ends.

Every picture that leaves the pipeline leaves through `Writer`, which masks it first (`detector.masking`). It does so
beside the pipeline, a few pictures behind it.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.classes import CLASSES
from detector.errors import N_, OutputError
from detector.kept_area import KeptArea
from detector.masking import WHOLE, Masked, Masker
from detector.tracking import Footprint

FRAME_WIDTH_PX = 1280
JPEG_QUALITY = 85
BEHIND = 6
"""So many pictures may wait to be masked; then the pipeline waits for them, as each holds a frame's memory."""
HATCH_PX = 12
MARGIN_PX, MARGIN_SHARE = 20, 0.25
"""Around a damage's box in its crop: so much of the longer side, but no less than so many px."""


@dataclass(frozen=True)
class Evidence:
    """Names of the pictures of a sighting: box drawn, clean crop, and the whole frame clean ("": not written).

    `box` is x1, y1, x2, y2 in shares of the frame's width and height, `covered` the share of it that masks cover.
    """

    picture: str
    crop: str
    frame: str
    box: tuple[float, float, float, float]
    covered: float = 0.0


class Writer(AbstractContextManager["Writer"]):
    """Writes the evidence of a drive's sightings into a folder; `frames`: also each whole picture without its box.

    Of the pictures `kept` is kept.
    """

    def __init__(self, folder: Path, masker: Masker, *, frames: bool = False, kept: KeptArea = WHOLE) -> None:
        self._folder, self._masker, self._frames, self._kept = folder, masker, frames, kept
        self._pool = ThreadPoolExecutor(1)
        self._room = threading.BoundedSemaphore(BEHIND)
        self._written: list[Future[Evidence]] = []
        self._last: tuple[int, Masked] | None = None

    def put(self, name: str, seen: Footprint, class_id: int) -> None:
        """Have `name`.jpg (box drawn), `name`-crop.jpg and, where asked for, `name`-frame.jpg written.

        Raises OutputError where one of the last could not be: a full disk ends a drive soon.
        """
        for one in self._written[-BEHIND - 1 :]:
            if one.done():
                one.result()
        self._room.acquire()
        future = self._pool.submit(self._write, name, seen, class_id)
        future.add_done_callback(lambda _: self._room.release())
        self._written.append(future)

    def written(self) -> list[Evidence]:
        """What was put, in order, once all of it is written.

        Raises OutputError where a picture can't be.
        """
        return [one.result() for one in self._written]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _write(self, name: str, seen: Footprint, class_id: int) -> Evidence:
        if (
            self._last is None or self._last[0] != seen.frame.index
        ):  # damages of one frame end one after another
            self._last = seen.frame.index, self._masker.masked(seen.frame.image, self._kept)
        return write_evidence(self._folder, name, self._last[1], seen.xyxy, class_id, frame=self._frames)


def write_evidence(
    folder: Path, name: str, masked: Masked, xyxy: NDArray[np.float64], class_id: int, *, frame: bool = False
) -> Evidence:
    """Write `name`.jpg (box drawn), `name`-crop.jpg and, where asked for, `name`-frame.jpg of a masked picture.

    Where a mask lies over the damage, it is hatched. `xyxy` (4,) is the damage's box, px. Raises OutputError where they
    can't be written.
    """
    image = masked.image
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box = _inside(xyxy, image.shape)
    hatched = _hatched(masked, box)
    left, top, right, bottom = crop_bounds(box, width, height)
    crop = hatched[top:bottom, left:right]
    boxed = hatched.copy()
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
    covered = round(masked.share_of(np.array(box, float)), 3)
    return Evidence(*names, whole, (x1 / width, y1 / height, x2 / width, y2 / height), covered)


def crop_bounds(box: tuple[int, int, int, int], width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """What of a frame of that size a damage's crop shows: left, top, right, bottom px, as its `box` is."""
    x1, y1, x2, y2 = box
    margin = max(MARGIN_PX, round(MARGIN_SHARE * max(x2 - x1, y2 - y1)))
    return max(x1 - margin, 0), max(y1 - margin, 0), min(x2 + margin, width_px), min(y2 + margin, height_px)


def _hatched(masked: Masked, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The picture with lines where a mask covers part of the box: what is missing there is no road."""
    made = masked.image.copy()
    for left, top, right, bottom in masked.hidden.tolist():
        x1, y1, x2, y2 = max(left, box[0]), max(top, box[1]), min(right, box[2]), min(bottom, box[3])
        if x1 < x2 and y1 < y2:
            row, column = np.mgrid[y1:y2, x1:x2]
            made[y1:y2, x1:x2][(row + column) % HATCH_PX < 2] = 255
    return made


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
