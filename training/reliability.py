"""Fits what a model's scores are worth, on labelled pictures it was not trained on.

    python -m training.reliability --model weights.pt --list held_out.txt

`--list` names pictures, one a line, in `images/` folders beside `labels/` (YOLO txt). The curves are written
beside the weights; the table printed shows, score by score, what was stated and what was true.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.dataset import read_labels
from detector.model import Detections, Model
from detector.reliability import Reliability, fitted, write_reliability

Floats = NDArray[np.float64]
LabelledPicture = tuple[Path, Floats, NDArray[np.int64]]
"""A picture's file, its true boxes (n, 4) xyxy px, and their classes (n,)."""

LEAST_SCORE, SAME_IOU = 0.1, 0.5
BANDS = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def iou(one: Floats, other: Floats) -> Floats:
    """Overlap of boxes (n, 4) with boxes (m, 4), xyxy: (n, m), intersection over union."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    area, other_area = ((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (one, other))
    return np.asarray(shared / np.maximum(area[:, None] + other_area - shared, 1e-9), float)


def label_of(overlap: Floats, confidence: Floats, least_iou: float = SAME_IOU) -> NDArray[np.int64]:
    """The label that each box (n,) is taken to have found, -1 for none.

    `overlap` (n, m) is each box's with each label. The surest box chooses first, and takes the label it
    overlaps most of those left (as COCO's evaluation does, Lin et al. 2014).
    """
    label, left = np.full(len(overlap), -1), overlap.copy()
    for index in np.argsort(-confidence, kind="stable") if overlap.shape[1] else ():
        best = int(left[index].argmax())
        if left[index, best] >= least_iou:
            label[index] = best
            left[:, best] = 0
    return label


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
    lines, error = [f"{'stated':>10}{'boxes':>8}{'mean':>8}{'true':>8}"], 0.0
    for low, high in pairwise(BANDS.tolist()):
        mine = (stated >= low) & (stated < high)
        if mine.any():
            mean, share = float(stated[mine].mean()), float(true[mine].mean())
            error += mine.mean() * abs(mean - share)
            lines.append(f"{low:4.1f} – {high:3.1f}{mine.sum():8}{mean:8.2f}{share:8.2f}")
    return "\n".join([*lines, f"expected calibration error {error:.3f}"])


def main() -> None:
    """Fit on one half of the pictures, show both tables for the other half, then fit on all and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--list", type=Path, required=True)
    options = parser.parse_args()
    paths = [Path(line) for line in options.list.read_text().split("\n") if line]
    parts = list(judged(Model(options.model), (_labelled(path) for path in paths)))
    other = fitted(*_columns(parts[::2]))
    class_id, score, true = _columns(parts[1::2])
    print("scores as they are, on half of the pictures\n" + table(score, true))
    print("the same, by curves fitted on the other half\n" + table(other.probability(class_id, score), true))
    print(write_reliability(options.model, fitted(*_columns(parts))))


def _labelled(path: Path) -> LabelledPicture:
    xyxy, class_id = read_labels(path.parent.parent / "labels" / f"{path.stem}.txt")
    with Image.open(path) as picture:
        width_px, height_px = picture.size
    return path, xyxy * [width_px, height_px, width_px, height_px], class_id


if __name__ == "__main__":
    main()
