"""Scores a model on one part of a dataset, through `detector.model.Model`: what is scored is what ships."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datasets.dataset import PARTS, WHOLE, Dataset, DatasetError, Picture
from detector.classes import CODES
from detector.errors import N_
from detector.model import Detections, Model
from training.reliability import LEAST_SCORE
from training.scores import (
    OVERLAPS,
    SIZES,
    Calibration,
    Floats,
    Ints,
    Judged,
    average_precision,
    best_f1,
    calibration,
    confusion,
    counts,
    curve,
    interval,
    iou,
    judged,
    label_of,
    rates,
    resampled,
    threshold_for,
)

LEAST_CONFIDENCE = 0.001
"""Boxes are taken from here on, as ultralytics' own validation does."""
SHIPPED_CONFIDENCE = 0.25
RESAMPLES = 1000
WORST = 24
CURVE_POINTS = 120
ALL = "all"

Interval = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """How one class fared, or all: average precisions are then means over the classes present, counts are pooled.

    Precision, recall and F1 are at the evaluation's confidence; F1 of all is the metric of the Road Damage
    Detection Challenge (RDD2022, Arya et al. 2022). `threshold` is the least score that holds the wanted
    precision. What can't be told is None, never 0. Intervals are 95 %.
    """

    code: str
    labels: int
    ap50: float | None
    ap50_interval: Interval | None
    ap50_95: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    f1_interval: Interval | None
    best_f1: float | None = None
    best_f1_confidence: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Group:
    """Scores of a part of the pictures or boxes: `kind` is all, source or size; the last score is of all classes."""

    kind: str
    name: str
    pictures: int
    roads: int
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Curve:
    """A class's precision and recall (points,), thinned out for drawing."""

    code: str
    recall: tuple[float, ...]
    precision: tuple[float, ...]


@dataclass(frozen=True)
class Drawn:
    """A box of a picture as shares of it: a label (no score; `right` if it was found), or what was found."""

    code: str
    xyxy: tuple[float, float, float, float]
    score: float | None
    right: bool


@dataclass(frozen=True)
class Mistaken:
    """A picture with mistakes: `missed` and `false` classes, and all its boxes."""

    name: str
    road: str
    source: str
    missed: tuple[str, ...]
    false: tuple[str, ...]
    boxes: tuple[Drawn, ...]


@dataclass(frozen=True)
class Evaluation:
    """All that is told of a model on a part of a dataset.

    `clusters` is how many roads (or, where none is given, pictures) were drawn from for the intervals.
    `false_alarms` is by clean picture. `confusion` has a row a true class and a column a found one, the last of
    each the background. `as_scored` and `calibrated` hold boxes of scores from 0.1 against what was true.
    """

    model: str
    sha256: str
    dataset: str
    part: str
    pictures: int
    clean_pictures: int
    clusters: int
    confidence: float
    wanted_precision: float
    resamples: int
    groups: tuple[Group, ...]
    false_alarms: float | None
    false_alarms_interval: Interval | None
    confusion: tuple[tuple[int, ...], ...]
    as_scored: Calibration
    calibrated: Calibration
    curves: tuple[Curve, ...]
    worst: tuple[Mistaken, ...]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """What `to_json` wrote. Raises DatasetError for anything else."""
        try:
            told: Evaluation = built(cls, json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(
                N_("These are no scores of `roaddamage evaluate` ({reason})."), reason=error
            ) from error
        return told

    @property
    def whole(self) -> Group:
        """The scores of everything."""
        return self.groups[0]


def built(kind: Any, value: Any) -> Any:
    """A dataclass, tuple, optional or plain value from what JSON made of it."""
    parts = get_args(kind)
    fields = getattr(kind, "__dataclass_fields__", None)
    if value is None or not (parts or fields):
        return value
    if fields:
        hints = get_type_hints(kind)
        return kind(**{name: built(hint, value[name]) for name, hint in hints.items()})
    if type(None) in parts:
        return built(parts[0], value)
    kinds = [parts[0]] * len(value) if parts[-1] is Ellipsis else parts
    return tuple(built(one, each) for one, each in zip(kinds, value, strict=True))


@dataclass(frozen=True)
class Looked:
    """What a model found in the pictures of a part, beside the labels: a row a picture, boxes in px.

    `cluster` (pictures,) is each picture's row among the roads.
    """

    model: Model
    dataset: Dataset
    part: str
    pictures: tuple[Picture, ...]
    found: list[Detections]
    truth: list[tuple[Floats, Ints]]
    sizes_px: list[tuple[int, int]]
    boxes: Judged
    cluster: Ints


def evaluate(
    model: Model,
    dataset: Dataset,
    part: str = "test",
    *,
    confidence: float = SHIPPED_CONFIDENCE,
    wanted_precision: float = 0.5,
    resamples: int = RESAMPLES,
    moved: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Score the model on a part of the dataset; `moved` is told pictures done, and all there are.

    Raises DatasetError for a part that is none or has no pictures, and for a picture that can't be read.
    """
    looked = look(model, dataset, part, moved)
    return scored(looked, confidence=confidence, wanted_precision=wanted_precision, resamples=resamples)


def look(
    model: Model, dataset: Dataset, part: str, moved: Callable[[int, int], None] = lambda done, total: None
) -> Looked:
    """Have the model look at every picture of a part. Arguments and errors as `evaluate`."""
    pictures = pictures_of(dataset, part)
    found, sizes_px = [], []
    for boxes, size_px in _found(model, dataset, pictures):
        found.append(boxes)
        sizes_px.append(size_px)
        moved(len(found), len(pictures))
    truth = [
        (picture.xyxy * [width, height, width, height], picture.class_id)
        for picture, (width, height) in zip(pictures, sizes_px, strict=True)
    ]
    boxes_all = judged(found, truth, sizes_px)
    return Looked(model, dataset, part, pictures, found, truth, sizes_px, boxes_all, _clusters(pictures))


def scored(
    looked: Looked,
    *,
    confidence: float = SHIPPED_CONFIDENCE,
    wanted_precision: float = 0.5,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """All that can be told of what the model found."""
    model, pictures, boxes_all = looked.model, looked.pictures, looked.boxes
    weights = resampled(looked.cluster, resamples)
    scorer = _Scorer(looked.cluster, weights, confidence, wanted_precision)
    sure = boxes_all.score >= LEAST_SCORE
    true, score = boxes_all.true[sure, 0], boxes_all.score[sure]
    false_alarms, false_alarms_interval = scorer.false_alarms(boxes_all, len(pictures))
    return Evaluation(
        model=model.name,
        sha256=model.sha256,
        dataset=looked.dataset.folder.resolve().name,
        part=looked.part,
        pictures=len(pictures),
        clean_pictures=sum(not len(picture.class_id) for picture in pictures),
        clusters=weights.shape[1],
        confidence=confidence,
        wanted_precision=wanted_precision,
        resamples=resamples,
        groups=tuple(_groups(scorer, boxes_all, pictures)),
        false_alarms=false_alarms,
        false_alarms_interval=false_alarms_interval,
        confusion=tuple(tuple(row) for row in confusion(looked.found, looked.truth, confidence).tolist()),
        as_scored=calibration(score, true),
        calibrated=calibration(model.reliability.probability(boxes_all.class_id[sure], score), true),
        curves=tuple(_curves(boxes_all)),
        worst=tuple(_worst(pictures, looked.found, looked.truth, looked.sizes_px, confidence)),
    )


def ap50_samples(looked: Looked, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """AP50 in bootstrap samples of the roads: (classes + 1, samples), last the mean of the classes that are there.

    Two models that looked at the same pictures are drawn the same roads, so that their samples can be subtracted.
    """
    weights = resampled(looked.cluster, resamples)
    classes = [looked.boxes.of_class(row) for row in range(len(CODES))]
    samples = np.array([average_precision(one, looked.cluster, weights) for one in classes])
    present = [len(one.label_class) > 0 for one in classes]
    return np.vstack([samples, samples[present].mean(0) if any(present) else np.full(resamples, np.nan)])


def pictures_of(dataset: Dataset, part: str) -> tuple[Picture, ...]:
    """The pictures of a part that were judged as a whole, those of one size together.

    In others it is not known what is a false alarm. Raises DatasetError for no such part, or an empty one.
    """
    if part not in PARTS:
        raise DatasetError(N_("{part} is no part of a dataset. Use train, val or test."), part=part)
    pictures = [one for one in dataset.part(part) if one.labelled == WHOLE]
    if not pictures:
        raise DatasetError(
            N_("{path} has no pictures in its part {part}. Split it first, or give another --part."),
            path=dataset.folder,
            part=part,
        )
    return tuple(sorted(pictures, key=lambda one: (one.width_px, one.height_px, one.name)))


def read_picture(dataset: Dataset, picture: Picture) -> NDArray[np.uint8]:
    """A picture (H, W, 3) RGB, upright. Raises DatasetError where it can't be read."""
    path = dataset.image_path(picture)
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(
            N_("The picture {path} can't be read ({reason})."), path=path, reason=error
        ) from error


def _found(
    model: Model, dataset: Dataset, pictures: Sequence[Picture]
) -> Iterator[tuple[Detections, tuple[int, int]]]:
    """What the model finds in each picture, and its (width, height) px.

    Only pictures of one shape go in together: among others they would be padded, and judged otherwise than the
    frames of a drive are.
    """
    for _, alike in groupby(pictures, key=lambda one: (one.width_px, one.height_px)):
        rows = list(alike)
        for begin in range(0, len(rows), model.batch):
            images = [read_picture(dataset, one) for one in rows[begin : begin + model.batch]]
            one_shape = len({image.shape for image in images}) == 1
            for some in [images] if one_shape else [[image] for image in images]:
                for image, boxes in zip(some, model.detect(some, LEAST_CONFIDENCE), strict=True):
                    yield boxes, (image.shape[1], image.shape[0])


def _clusters(pictures: Sequence[Picture]) -> Ints:
    """Each picture's row among the roads; a picture without a road stands for itself."""
    keys = [("road", one.road) if one.road else ("picture", one.name) for one in pictures]
    rows = {key: row for row, key in enumerate(dict.fromkeys(keys))}
    return np.array([rows[key] for key in keys], np.int64)


@dataclass(frozen=True)
class _Scorer:
    """Scores with their intervals: `cluster` (pictures,), and `weights` (samples, clusters) of the bootstrap."""

    cluster: Ints
    weights: NDArray[np.float32]
    confidence: float
    wanted_precision: float

    @property
    def clusters(self) -> int:
        return int(self.weights.shape[1])

    def scores(self, part: Judged) -> tuple[Score, ...]:
        """A score for each class, and that of all."""
        once = np.ones((1, self.clusters), np.float32)
        classes = [part.of_class(row) for row in range(len(CODES))]
        counted = np.array([counts(one, self.cluster, self.clusters, self.confidence) for one in classes])
        ap = np.array(
            [
                [average_precision(one, self.cluster, once, t)[0] for t in range(len(OVERLAPS))]
                for one in classes
            ]
        )
        samples = np.array([average_precision(one, self.cluster, self.weights) for one in classes])
        told = [
            self._score(code, one, mine, ap[row], samples[row])
            for row, (code, one, mine) in enumerate(zip(CODES, classes, counted, strict=True))
        ]
        present = np.array([len(one.label_class) > 0 for one in classes])
        # A sample without labels of one of them has no mean: that of the others would be of something else.
        mean, drawn = (
            some[present].mean(0) if present.any() else np.full(some.shape[1], np.nan)
            for some in (ap, samples)
        )
        return (*told, self._score(ALL, part, counted.sum(0), mean, drawn))

    def _score(self, code: str, one: Judged, counted: Floats, ap: Floats, samples: Floats) -> Score:
        precision, recall, f1 = rates(counted.sum(0)).tolist()
        best = best_f1(one) if code != ALL else None
        return Score(
            code,
            len(one.label_class),
            _known(ap[0]),
            self._interval(samples, one.label_picture),
            _known(ap.mean()),
            _known(precision),
            _known(recall),
            _known(f1) if len(one.label_class) else None,
            self._interval(rates(self.weights @ counted)[:, 2], one.label_picture),
            best_f1=best[0] if best else None,
            best_f1_confidence=best[1] if best else None,
            threshold=threshold_for(one, self.wanted_precision) if code != ALL else None,
        )

    def false_alarms(self, boxes: Judged, pictures: int) -> tuple[float | None, Interval | None]:
        """Boxes at or above the confidence by clean picture; None where no picture is clean."""
        clean = np.bincount(boxes.label_picture, minlength=pictures) == 0
        if not clean.any():
            return None, None
        alarms = boxes.picture[(boxes.score >= self.confidence) & clean[boxes.picture]]
        by_cluster, frames = (
            np.bincount(self.cluster[rows], minlength=self.clusters)
            for rows in (alarms, np.flatnonzero(clean))
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = (self.weights @ by_cluster) / (self.weights @ frames)
        return len(alarms) / int(clean.sum()), self._interval(drawn, np.flatnonzero(clean))

    def _interval(self, samples: Floats, pictures: Ints) -> Interval | None:
        """None where what is counted lies in the pictures of a single road: it says nothing of others."""
        return interval(samples) if len(np.unique(self.cluster[pictures])) > 1 else None


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _groups(scorer: _Scorer, boxes: Judged, pictures: Sequence[Picture]) -> Iterator[Group]:
    """Everything, then by source where there are several, then by size."""
    yield Group("all", ALL, len(pictures), scorer.clusters, scorer.scores(boxes))
    source = np.array([picture.source for picture in pictures])
    for name in sorted(set(source.tolist())) if len(set(source.tolist())) > 1 else ():
        mine = source == name
        part = boxes.part(mine[boxes.picture], mine[boxes.label_picture])
        yield Group(
            "source", name, int(mine.sum()), len(set(scorer.cluster[mine].tolist())), scorer.scores(part)
        )
    for row, name in enumerate(SIZES):
        part = boxes.part(boxes.size == row, boxes.label_size == row)
        if len(part.label_class):
            mine = np.unique(part.label_picture)
            yield Group("size", name, len(mine), len(set(scorer.cluster[mine].tolist())), scorer.scores(part))


def _curves(boxes: Judged) -> Iterator[Curve]:
    for row, code in enumerate(CODES):
        one = boxes.of_class(row)
        if len(one.label_class):
            _, recall, precision = curve(one)
            steps = np.flatnonzero(np.diff(recall, prepend=0) > 0)
            kept = steps[np.unique(np.linspace(0, len(steps) - 1, min(len(steps), CURVE_POINTS)).astype(int))]
            yield Curve(code, tuple(recall[kept].tolist()), tuple(precision[kept].tolist()))


def _worst(
    pictures: Sequence[Picture],
    found: Sequence[Detections],
    truth: Sequence[tuple[Floats, Ints]],
    sizes_px: Sequence[tuple[int, int]],
    confidence: float,
) -> list[Mistaken]:
    """The pictures with most mistakes: a missed label counts 1, a false box its score."""
    told: list[tuple[float, Mistaken]] = []
    for picture, boxes, (xyxy, classes), (width, height) in zip(
        pictures, found, truth, sizes_px, strict=True
    ):
        kept = boxes.confidence >= confidence
        mine, score = boxes.class_id[kept], boxes.confidence[kept]
        label = label_of(iou(boxes.xyxy[kept], xyxy) * (mine[:, None] == classes), score)
        was_found = np.isin(np.arange(len(classes)), label)
        scale = np.array([width, height, width, height])
        drawn = [*_drawn(classes, xyxy / scale, None, was_found)]
        drawn += _drawn(mine, boxes.xyxy[kept] / scale, score, label >= 0)
        missed = tuple(one.code for one in drawn if one.score is None and not one.right)
        false = tuple(one.code for one in drawn if one.score is not None and not one.right)
        if missed or false:
            cost = len(missed) + float(score[label < 0].sum())
            told.append(
                (cost, Mistaken(picture.name, picture.road, picture.source, missed, false, tuple(drawn)))
            )
    told.sort(key=lambda pair: (-pair[0], pair[1].name))
    return [one for _, one in told[:WORST]]


def _drawn(classes: Ints, xyxy: Floats, score: Floats | None, right: NDArray[np.bool_]) -> Iterator[Drawn]:
    for row, (class_id, (x1, y1, x2, y2)) in enumerate(
        zip(classes.tolist(), xyxy.round(4).tolist(), strict=True)
    ):
        yield Drawn(
            CODES[class_id], (x1, y1, x2, y2), None if score is None else float(score[row]), bool(right[row])
        )
