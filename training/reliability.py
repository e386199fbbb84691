"""Fits what a model's scores are worth, on labelled pictures it was not trained on.

    python -m training.reliability --model weights.pt --list held_out.txt

`--list` names pictures, one a line, in `images/` folders beside `labels/` (YOLO txt). The curves are written
beside the weights; the table printed shows, score by score, what was stated and what was true.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.dataset import read_labels
from detector.model import Detections, Model
from detector.reliability import Reliability, fitted, write_reliability
from training.scores import calibration, iou, label_of

Floats = NDArray[np.float64]
LabelledPicture = tuple[Path, Floats, NDArray[np.int64]]
"""A picture's file, its true boxes (n, 4) xyxy px, and their classes (n,)."""

LEAST_SCORE = 0.1
BANDS = 5


def true_boxes(found: Detections, xyxy: Floats, class_id: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which boxes (n,) lie on a label of their class; each label is found once, by the surest box."""
    overlap = iou(found.xyxy, xyxy) * (found.class_id[:, None] == class_id)
    return label_of(overlap, found.confidence) >= 0


def judged(
    model: Model, pictures: Iterable[LabelledPicture]
) -> Iterator[tuple[Detections, NDArray[np.bool_]]]:
    """What the model finds in each picture that can be read, and which of it is true."""
    for path, xyxy, class_id in pictures:
        image = cv2.imread(str(path))
        if image is None:
            continue
        (found,) = model.detect([np.asarray(image[..., ::-1], np.uint8)], LEAST_SCORE)
        yield found, true_boxes(found, xyxy, class_id)


def fit_on(model: Model, pictures: Iterable[LabelledPicture]) -> Reliability:
    """What the model's scores are worth on these pictures; taken at their word where it finds nothing in them."""
    parts = list(judged(model, pictures))
    if not sum(len(found) for found, _ in parts):
        return Reliability.unknown()
    return fitted(*_columns(parts))


def _columns(
    parts: list[tuple[Detections, NDArray[np.bool_]]],
) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """Class, score and truth of all boxes, (n,) each."""
    found = [one for one, _ in parts]
    return (
        np.concatenate([one.class_id for one in found]),
        np.concatenate([one.confidence for one in found]),
        np.concatenate([true for _, true in parts]),
    )


def table(stated: Floats, true: NDArray[np.bool_]) -> str:
    """What was stated and what was true, by bands of what was stated, and the expected calibration error."""
    told = calibration(stated, true, BANDS)
    lines = [f"{'stated':>10}{'boxes':>8}{'mean':>8}{'true':>8}"]
    lines += [
        f"{one.low:4.1f} – {one.high:3.1f}{one.boxes:8}{one.stated:8.2f}{one.true:8.2f}" for one in told.bins
    ]
    return "\n".join([*lines, f"expected calibration error {told.error or 0.0:.3f}"])


def main() -> None:
    """Fit on one half of the pictures, show both tables for the other half, then fit on all and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--list", type=Path, required=True)
    options = parser.parse_args()
    paths = [Path(line) for line in options.list.read_text().split("\n") if line]
    parts = list(judged(Model(options.model), (labelled(path) for path in paths)))
    other = fitted(*_columns(parts[::2]))
    class_id, score, true = _columns(parts[1::2])
    print("scores as they are, on half of the pictures\n" + table(score, true))
    print("the same, by curves fitted on the other half\n" + table(other.probability(class_id, score), true))
    print(write_reliability(options.model, fitted(*_columns(parts))))


def labelled(path: Path) -> LabelledPicture:
    """A picture in an `images/` folder, with the YOLO labels in the `labels/` beside."""
    xyxy, class_id = read_labels(path.parent.parent / "labels" / f"{path.stem}.txt")
    with Image.open(path) as picture:
        width_px, height_px = picture.size
    return path, xyxy * [width_px, height_px, width_px, height_px], class_id


if __name__ == "__main__":
    main()
