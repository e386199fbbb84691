"""What a detector's boxes are worth against labels: average precision, F1, calibration, intervals. Numpy only.

Average precision is the area under the precision-recall curve with all its points (Everingham et al. 2010), over
COCO's ten overlaps where not said otherwise (Lin et al. 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.overlap import iou as iou
from detector.classes import CODES
from detector.model import Detections

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAME_IOU = 0.5
OVERLAPS = np.arange(50, 100, 5) / 100
"""COCO's: intersection over union of 0.50 to 0.95."""
SIZES = ("small", "medium", "large")
SIZE_BOUNDS = (0.0033, 0.03)
"""Where medium and large begin, as shares of the picture's area: COCO's 32² and 96² px of 640 × 480."""


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


@dataclass(frozen=True)
class Judged:
    """All boxes (n) and labels (m) of some pictures.

    `picture` is the picture's row, `true` (n, 10) whether a box lies on a label at each of `OVERLAPS`, `size`
    the row of `SIZES` of its label at the first overlap, else of itself.
    """

    picture: Ints
    class_id: Ints
    score: Floats
    true: NDArray[np.bool_]
    size: Ints
    label_picture: Ints
    label_class: Ints
    label_size: Ints

    def part(self, boxes: NDArray[np.bool_], labels: NDArray[np.bool_]) -> Judged:
        """Only these boxes (n,) and labels (m,)."""
        return Judged(
            self.picture[boxes],
            self.class_id[boxes],
            self.score[boxes],
            self.true[boxes],
            self.size[boxes],
            self.label_picture[labels],
            self.label_class[labels],
            self.label_size[labels],
        )

    def of_class(self, class_id: int) -> Judged:
        """Only boxes and labels of one class."""
        return self.part(self.class_id == class_id, self.label_class == class_id)


def judged(
    found: list[Detections], truth: list[tuple[Floats, Ints]], sizes_px: list[tuple[int, int]]
) -> Judged:
    """Boxes held against labels: `found` and `truth` (boxes (m, 4) px, classes) of each picture (width, height) px."""
    columns: list[tuple[NDArray[np.generic], ...]] = []
    for row, (boxes, (xyxy, classes), (width, height)) in enumerate(zip(found, truth, sizes_px, strict=True)):
        overlap = iou(boxes.xyxy, xyxy) * (boxes.class_id[:, None] == classes)
        label = [label_of(overlap, boxes.confidence, least) for least in OVERLAPS.tolist()]
        own, labelled = (_size(some, width * height) for some in (boxes.xyxy, xyxy))
        size = np.where(label[0] >= 0, np.append(labelled, 0)[label[0]], own)
        true = np.array(label).T.reshape(-1, len(OVERLAPS)) >= 0
        columns.append(
            (np.full(len(boxes), row), boxes.class_id, boxes.confidence, true, size)
            + (np.full(len(classes), row), classes, labelled)
        )
    return Judged(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _size(xyxy: Floats, area_px: int) -> Ints:
    """Rows of `SIZES` of boxes (n, 4) px in a picture of so many px."""
    share = (xyxy[:, 2:] - xyxy[:, :2]).prod(1) / area_px
    return np.asarray(np.searchsorted(SIZE_BOUNDS, share, side="right"), np.int64)


def resampled(cluster: Ints, count: int, seed: int = 0) -> NDArray[np.float32]:
    """How often each cluster is drawn in each of `count` bootstrap samples: (count, clusters).

    Pictures of one road are alike, so whole roads are drawn, with replacement (cluster bootstrap, Davison and
    Hinkley 1997, §3.8). `cluster` (pictures,) is the row of each picture's road.
    """
    clusters = int(cluster.max()) + 1
    draws = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), count)
    return draws.astype(np.float32)


def average_precision(
    one: Judged, cluster: Ints, weights: NDArray[np.float32], overlap: int = 0
) -> NDArray[np.float64]:
    """Average precision of one class's boxes in each of the samples (samples,); nan in one without labels.

    `cluster` (pictures,) is each picture's row in `weights` (samples, clusters): how often it counts.
    `overlap` is the row of `OVERLAPS`. Between two true boxes precision only falls, so the curve is followed
    from true box to true box; how many boxes there are above each is one product of matrices.
    """
    order = np.argsort(-one.score, kind="stable")
    of_box, true = cluster[one.picture[order]], one.true[order, overlap]
    ranks = np.flatnonzero(true)
    labels = weights @ np.bincount(cluster[one.label_picture], minlength=weights.shape[1]).astype(np.float32)
    drawn = weights[:, of_box[ranks]]
    above = np.zeros((weights.shape[1], len(ranks)), np.float32)
    for row in np.unique(of_box):
        above[row] = np.searchsorted(np.flatnonzero(of_box == row), ranks, side="right")
    precision = drawn.cumsum(1) / np.maximum(weights @ above, 1)
    best_from_here = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((drawn * best_from_here).sum(1) / labels, float) * np.where(labels > 0, 1, np.nan)


def curve(one: Judged) -> tuple[Floats, Floats, Floats]:
    """Score, recall and precision (n,) of one class's boxes at or above each of their scores, at IoU 0.5."""
    order = np.argsort(-one.score, kind="stable")
    score, found = one.score[order], one.true[order, 0].cumsum()
    last = np.append(score[1:] != score[:-1], True)[: len(score)]  # boxes of one score come together
    precision = found / np.arange(1, len(order) + 1)
    return score[last], (found / max(len(one.label_class), 1))[last], precision[last]


def best_f1(one: Judged) -> tuple[float, float] | None:
    """The best F1 that one class's boxes allow, and the score to cut them at; None without boxes or labels."""
    score, recall, precision = curve(one)
    if not len(score) or not len(one.label_class):
        return None
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-9)
    best = int(f1.argmax())
    return float(f1[best]), float(score[best])


def threshold_for(one: Judged, precision: float) -> float | None:
    """The least score at and above which so large a share of one class's boxes is true; None where none is."""
    score, _, reached = curve(one)
    holds = np.flatnonzero(reached >= precision)
    return float(score[holds[-1]]) if len(holds) else None


def counts(one: Judged, cluster: Ints, clusters: int, confidence: float) -> Floats:
    """True boxes, boxes at or above `confidence`, and labels, by cluster: (clusters, 3)."""
    kept = one.score >= confidence
    columns = (one.picture[kept & one.true[:, 0]], one.picture[kept], one.label_picture)
    return np.column_stack([np.bincount(cluster[rows], minlength=clusters) for rows in columns]).astype(float)


def rates(counted: Floats) -> Floats:
    """Precision, recall and F1 (..., 3) of counts (..., 3) as `counts` gives them; nan where there is nothing."""
    true, found, labels = np.moveaxis(counted, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([true / found, true / labels, 2 * true / (found + labels)], -1)


def interval(values: Floats) -> tuple[float, float] | None:
    """The 95 % percentile interval of bootstrap values (samples,), those that are numbers.

    None for less than ten, and where all are the same: then the pictures show no spread, not that there is none.
    """
    known = values[np.isfinite(values)]
    if len(known) < 10 or np.ptp(known) < 1e-9:
        return None
    low, high = np.percentile(known, [2.5, 97.5]).tolist()
    return low, high


def confusion(found: list[Detections], truth: list[tuple[Floats, Ints]], confidence: float) -> Ints:
    """Labels (rows) against what was found on them (columns), the last row and column the background.

    Boxes of the label's class come first; what is left over is matched whatever its class, at IoU 0.5.
    """
    size = len(CODES)
    table = np.zeros((size + 1, size + 1), np.int64)
    for boxes, (xyxy, classes) in zip(found, truth, strict=True):
        kept = boxes.confidence >= confidence
        mine, score, overlap = boxes.class_id[kept], boxes.confidence[kept], iou(boxes.xyxy[kept], xyxy)
        label = label_of(overlap * (mine[:, None] == classes), score)
        free = np.ones(len(classes), bool)
        free[label[label >= 0]] = False
        rest = np.flatnonzero(label < 0)
        label[rest] = label_of(overlap[rest] * free, score[rest])
        np.add.at(table, (np.append(classes, size)[label], mine), 1)
        missed = np.setdiff1d(np.arange(len(classes)), label)
        np.add.at(table[:, size], classes[missed], 1)
    return table


@dataclass(frozen=True)
class Bin:
    """Boxes whose stated probability lies from `low` to `high`: how many, the mean stated, the share true."""

    low: float
    high: float
    boxes: int
    stated: float
    true: float


@dataclass(frozen=True)
class Calibration:
    """What was stated and what was true; `error` is the expected calibration error (Naeini et al. 2015)."""

    error: float | None
    bins: tuple[Bin, ...]


def calibration(stated: Floats, true: NDArray[np.bool_], bins: int = 10) -> Calibration:
    """Stated probabilities (n,) against truth (n,), in bins of the same width."""
    row = np.minimum((stated * bins).astype(int), bins - 1)
    told = tuple(
        Bin(
            index / bins,
            (index + 1) / bins,
            int(mine.sum()),
            float(stated[mine].mean()),
            float(true[mine].mean()),
        )
        for index in range(bins)
        if (mine := row == index).any()
    )
    error = sum(one.boxes * abs(one.stated - one.true) for one in told) / len(stated) if told else None
    return Calibration(error, told)


@dataclass(frozen=True)
class BlockRates:
    """How well a drive's blocks were told: `detection` of those with damage, `hit` of those that were named.

    None where there are no such blocks.
    """

    blocks: int
    damaged: int
    named: int
    detection: float | None
    hit: float | None


def block_rates(truth_m: Floats, found_m: Floats, length_m: float, block_m: float = 20.0) -> BlockRates:
    """Detection and hit rate by blocks of the road, the measure of the national trials of road inspection.

    `truth_m` and `found_m` (n, 2) are where damages begin and end, in metres along the drive of `length_m`; one
    counts in each block it reaches into. A point (its end its beginning) is in the block it begins. Raises
    ValueError for an end before its beginning, or a place off the drive.
    """
    blocks = max(int(np.ceil(length_m / block_m)), 1)
    damaged, named = (_blocks(spans, length_m, block_m, blocks) for spans in (truth_m, found_m))
    both = int((damaged & named).sum())
    total, told = int(damaged.sum()), int(named.sum())
    return BlockRates(blocks, total, told, both / total if total else None, both / told if told else None)


def _blocks(spans: Floats, length_m: float, block_m: float, blocks: int) -> NDArray[np.bool_]:
    """Which blocks (blocks,) these spans (n, 2) m reach into."""
    told = np.zeros(blocks, bool)
    for begin_m, end_m in spans.tolist():
        if not 0 <= begin_m <= end_m <= length_m:
            raise ValueError(f"{begin_m} to {end_m} m is no stretch of a drive of {length_m} m")
        first = min(int(begin_m // block_m), blocks - 1)
        last = max(first, min(int(np.ceil(end_m / block_m)) - 1, blocks - 1))
        told[first : last + 1] = True
    return told
