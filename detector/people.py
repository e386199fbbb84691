"""Whole people in a picture, found by a general detector that a municipality brings: none comes with the package.

Any YOLO checkpoint will do that has a class of people, such as those taught on COCO. How much one misses was not measured.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.errors import N_, ModelError
from detector.model import checked_yolo
from detector.ultralytics_quiet import prepare

Floats = NDArray[np.float32]

NAMES = frozenset(("person", "people", "pedestrian", "rider"))
"""What classes of people are called: in COCO, VisDrone, CityPersons and BDD100K."""
LEAST = 0.15
"""Score from which somebody is covered: low, as a miss costs more than covered road."""
MOST_PX, STRIDE_PX = 1280, 32
SAME_IOU = 0.7


class PeopleDetector:
    """A general detector of which only people are wanted, on the CPU as the others that mask."""

    def __init__(self, path: Path) -> None:
        """Raises ModelError for a file that is no such detector, or has no class of people."""
        prepare()
        self._yolo = checked_yolo(path)
        names = {int(index): str(name) for index, name in self._yolo.names.items()}
        self._wanted = [index for index, name in names.items() if name.lower() in NAMES]
        if not self._wanted:
            raise ModelError(
                N_("{path} finds no people, but {classes}. Give a detector with a class named person."),
                path=path,
                classes=", ".join(names.values())[:80],
            )
        self._turn = threading.Lock()

    def look(self, image: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """People in a picture, (H, W, 3) uint8 RGB: boxes (n, 4) px and scores (n,)."""
        longest = min(max(image.shape[:2]), MOST_PX)
        with self._turn:
            (result,) = self._yolo.predict(
                np.ascontiguousarray(image[..., ::-1]),
                imgsz=-(-longest // STRIDE_PX) * STRIDE_PX,
                conf=LEAST,
                iou=SAME_IOU,
                classes=self._wanted,
                device="cpu",
                verbose=False,
            )
        boxes = result.boxes
        return boxes.xyxy.numpy().astype(np.float32).reshape(-1, 4), boxes.conf.numpy().astype(np.float32)
