"""Labels of a picture as shares of it: each box checked, its class looked up, what can't be taken counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.dataset import NOBODY, WHOLE, Floats
from datasets.formats import JUDGED, Box, Labelled, Xyxy, class_of, plain

EDGE_PX = 0.5
"""A box may go this far beyond the picture: pixels are counted from 0 by some, from 1 by others."""

Fault = Callable[[str, object], None]
"""Told the kind of a fault (`datasets.importing.FAULTS`), and what it is."""


@dataclass(frozen=True)
class Shares:
    """What the labels of one picture say: a row a box of a class of the table.

    `xyxy` (n, 4) and `class_id` (n,) are as in a `Picture`. `boxes` are the labels' own, row for row. `marked` are
    boxes of things that look like damage and are none, with what they are called, and `marked_xyxy` (k, 4) where they
    are; `refused` boxes that can't be taken, `others` the classes of those that are in no table. `judged` (m, 4) are
    areas, among them those of marked boxes; None where the labels say that the whole was judged, or say nothing of it.
    """

    xyxy: Floats
    class_id: NDArray[np.int64]
    boxes: tuple[Box, ...]
    marked: tuple[tuple[str, Box], ...]
    marked_xyxy: Floats
    refused: tuple[Box, ...]
    others: tuple[str, ...]
    judged: Floats | None


def shares_of(
    one: Labelled, size_px: tuple[int, int], negatives: Sequence[str], fault: Fault
) -> Shares | None:
    """The labels of a picture of `size_px`; None where they are for one of another shape.

    `negatives` are the classes that are marked.
    """
    told = str(one.image or one.name)
    size = one.size_px or size_px
    if size != size_px:
        sizes = f"{told}: {size_px[0]}x{size_px[1]} px, {size[0]}x{size[1]} px in {one.told_in.name}"
        # The height that the stated width asks for, give or take a pixel of rounding.
        if abs(size[1] / size[0] * size_px[0] - size_px[1]) > max(1.0, size_px[0] / size[0]):
            fault("other_size", sizes)
            return None
        fault("scaled", sizes)
    if one.not_boxes:
        fault("not_a_box", f"{told}: {one.not_boxes}")
    names = {plain(name): name for name in negatives}
    taken: list[tuple[Floats, int, Box]] = []
    marked: list[tuple[Floats, str, Box]] = []
    refused, others = [], []
    for box in one.boxes or ():
        class_id, name = class_of(box.label), names.get(plain(box.label))
        if class_id is None and name is None:
            fault("other_class", f"{told}: {box.label}")
            refused.append(box)
            others.append(box.label)
        elif (checked := _checked(box.label, box.xyxy, one, size, fault)) is None:
            refused.append(box)
        elif class_id is not None:
            taken.append((checked, class_id, box))
        else:
            marked.append((checked, str(name), box))
    marked_xyxy = _stacked(row[0] for row in marked)
    return Shares(
        _stacked(row[0] for row in taken),
        np.array([row[1] for row in taken], np.int64),
        tuple(row[2] for row in taken),
        tuple(row[1:] for row in marked),
        marked_xyxy,
        tuple(refused),
        tuple(others),
        _judged(one, size, marked_xyxy, fault),
    )


def _judged(one: Labelled, size: tuple[int, int], marked_xyxy: Floats, fault: Fault) -> Floats | None:
    if one.labelled in (WHOLE, NOBODY) or not (one.labelled or one.judged):
        return None
    areas = [_checked(JUDGED, area, one, size, fault) for area in one.judged]
    return np.concatenate([_stacked(area for area in areas if area is not None), marked_xyxy])


def _stacked(boxes: Iterable[Floats]) -> Floats:
    return np.array(list(boxes), float).reshape(-1, 4)


def _checked(label: str, xyxy: Xyxy, one: Labelled, size: tuple[int, int], fault: Fault) -> Floats | None:
    """A box (4,) of shares within the picture; None where nothing is left of it."""
    box = np.array(xyxy) / np.tile(one.unit or size, 2)
    told = f"{one.image or one.name}: {label} {xyxy}"
    if box[2] <= box[0] or box[3] <= box[1]:
        fault("no_size", told)
        return None
    inside = np.clip(box, 0, 1)
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        fault("outside", told)
        return None
    if (np.abs(inside - box) * np.tile(size, 2)).max() > EDGE_PX:
        fault("clipped", told)
    return np.asarray(inside)
