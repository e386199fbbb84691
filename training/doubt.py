"""How doubtful a model is of what it finds in a picture, and how far two opinions of one picture differ.

Scores become probabilities first (`detector.reliability`), so that one half means one half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.overlap import iou
from detector.classes import CLASSES
from detector.model import Detections
from detector.reliability import Reliability
from training.scores import Floats, Ints, label_of


def expected_mistakes(probability: Floats) -> float:
    """How many of boxes (n,) of these probabilities are misjudged on average if each is taken at its likelier side.

    The Bayes error summed over the boxes: a picture counts for each of its doubtful boxes, as the sums over boxes of
    Brust et al. 2019 (active learning for deep object detection) do, there with the margin between two classes.
    """
    return float(np.minimum(probability, 1 - probability).sum())


def difference(one: Detections, p_one: Floats, other: Detections, p_other: Floats) -> Floats:
    """By how much two opinions of one picture differ, for each box of either, (k,) from 0 to 1.

    A box that both have (class and half of the area the same) differs by its two probabilities, one that only one
    has by its own: a committee of two (Seung et al. 1992), or of one model and its mirrored picture (Yu et al. 2022,
    consistency-based active learning for object detection).
    """
    overlap = iou(one.xyxy, other.xyxy) * (one.class_id[:, None] == other.class_id)
    partner = label_of(overlap, p_one)
    paired = partner >= 0
    alone = np.setdiff1d(np.arange(len(other)), partner[paired])
    return np.concatenate([np.abs(p_one[paired] - p_other[partner[paired]]), p_one[~paired], p_other[alone]])


def mirrored(found: Detections, width_px: int) -> Detections:
    """What was found in a picture so wide, as it lies in the picture mirrored from left to right."""
    left, top, right, bottom = found.xyxy.T
    return Detections(
        np.column_stack([width_px - right, top, width_px - left, bottom]), found.class_id, found.confidence
    )


def presence(class_id: Ints, probability: Floats) -> Floats:
    """The probability of each class (classes,) that at least one of the boxes (n,) of it is true."""
    absent = np.ones(len(CLASSES))
    np.multiply.at(absent, class_id, 1 - probability)
    return 1 - absent


def flicker(present: NDArray[np.floating], sequence: NDArray[np.integer]) -> Floats:
    """How far each frame differs from both its neighbours, by class: (n, classes), 0 to 1.

    `present` (n, classes) is `presence` of frames in their order, `sequence` (n,) the drive of each. What lies on the
    road is passed over several frames: seen in one and in neither neighbour, or in both and not between, it was
    mistaken once (temporal coherence, Bengar et al. 2019). A drive's first and last frame have one neighbour.
    """
    before, after = np.roll(present, 1, 0).astype(float), np.roll(present, -1, 0).astype(float)
    first, last = (np.roll(sequence, step) != sequence for step in (1, -1))
    if len(sequence):
        first[0] = last[-1] = True
    before[first], after[last] = after[first], before[last]
    alone = np.maximum(present - np.maximum(before, after), np.minimum(before, after) - present)
    alone[first & last] = 0
    return np.asarray(np.maximum(alone, 0), float)


def votes_differ(votes: Floats) -> float:
    """How far the drives past one place differ on what is there, 0 to 1.

    `votes` is how many found each class, and last how many found nothing; the entropy of their shares (Dagan and
    Engelson 1995), of as many answers as there can be.
    """
    share = votes / max(float(votes.sum()), 1e-9)
    told = share[share > 0]
    return float(-(told * np.log(told)).sum() / np.log(max(len(votes), 2)))


def reliable(found: Detections, reliability: Reliability) -> Floats:
    """The probability that each box (n,) is true."""
    return reliability.probability(found.class_id, found.confidence)
