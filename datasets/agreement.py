"""How far two people agree on what is in the same pictures.

Boxes are matched first, by place alone, and then compared ("localization first"). Krippendorff's alpha for detection
takes each matched pair, and each box that only one of the two drew, for a unit; the class, or "nothing", is its
nominal value, and a picture that both found empty is one more unit (the alpha over a whole dataset of Tschirschwitz
and Rodehorst 2026, KαLOS, arXiv:2603.27197; first for detection in Tschirschwitz et al. 2022,
doi:10.1007/978-3-031-16788-1_22; alpha: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from datasets.dataset import DatasetError, Floats, Picture
from datasets.overlap import iou
from detector.classes import CLASSES, CODES
from detector.errors import N_, Translate

SAME_IOU = 0.5
RESAMPLES = 1000
NOTHING = len(CLASSES)
"""The row, and column, of `Agreement.classes` for what only the other one saw."""
_SAME_CLASS = 0.01
"""So much more overlap a pair of one class is worth: where boxes lie on each other, like goes with like."""

Interval = tuple[float, float]
Ints = NDArray[np.int64]
Numbers = Ints | Floats


@dataclass(frozen=True)
class Figure:
    """One figure, and its 95 % interval by drawing pictures anew; None where it can't be told."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Agreement:
    """What two people's labels of the same pictures have in common.

    `pictures` are in both; `only` counts those of one alone. `boxes` of each count where the other judged the place
    (`unjudged` the others). `presence` is the F1 of boxes at the same place, `same_class` of those that have the same
    class too, `by_class` the latter for each class. `overlap` is the mean intersection over union of matched boxes.
    `alpha` is Krippendorff's. `classes` (5, 5) counts matched boxes by the classes of the first (row) and the second,
    the last of each for what one did not see; `empty` pictures had neither.
    """

    pictures: int
    only: tuple[int, int]
    boxes: tuple[int, int]
    unjudged: int
    matched: int
    empty: int
    presence: Figure
    same_class: Figure
    by_class: dict[str, Figure]
    overlap: Figure
    alpha: Figure
    classes: tuple[tuple[int, ...], ...]

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    def as_text(self, translate: Translate = str) -> str:
        """The figures for people."""
        _ = translate
        lines = [
            _(N_("Pictures that both labelled: {count}; found empty by both: {empty}")).format(
                count=f"{self.pictures:,}", empty=f"{self.empty:,}"
            ),
            _(N_("Boxes: {one} and {other}, at the same place: {matched}")).format(
                one=f"{self.boxes[0]:,}", other=f"{self.boxes[1]:,}", matched=f"{self.matched:,}"
            ),
            _(N_("Same place (F1): {figure}")).format(figure=_shown(self.presence)),
            _(N_("Same place and class (F1): {figure}")).format(figure=_shown(self.same_class)),
            *(f"  {code}: {_shown(figure)}" for code, figure in self.by_class.items()),
            _(N_("Overlap of boxes at the same place (mean IoU): {figure}")).format(
                figure=_shown(self.overlap)
            ),
            _(N_("Agreement beyond chance (Krippendorff’s alpha): {figure}")).format(
                figure=_shown(self.alpha)
            ),
        ]
        if any(self.only):
            lines.append(
                _(N_("In one of the two only, not compared: {one} and {other} pictures")).format(
                    one=f"{self.only[0]:,}", other=f"{self.only[1]:,}"
                )
            )
        if self.unjudged:
            lines.append(
                _(N_("Boxes where the other one judged nothing, not compared: {count}")).format(
                    count=f"{self.unjudged:,}"
                )
            )
        return "\n".join(lines)


def _shown(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    interval = figure.interval
    return f"{figure.value:.2f}" + (f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval else "")


@dataclass(frozen=True)
class _Compared:
    """Two people's boxes in one picture: pairs by class (5, 5), the overlaps of pairs, and boxes left aside."""

    classes: Ints
    overlaps: Floats
    unjudged: int
    empty: bool


def agreement(one: Sequence[Picture], other: Sequence[Picture], seed: int = 0) -> Agreement:
    """How far two people's labels of the same pictures agree; pictures are the same by hash, or else by id.

    Raises DatasetError where no picture is in both, or one is of another size in each.
    """
    pairs = _pairs(one, other)
    compared = [_compared(*pair) for pair in pairs]
    counts = np.array([each.classes for each in compared])
    overlaps = np.array([[each.overlaps.sum(), len(each.overlaps)] for each in compared])
    empty = np.array([each.empty for each in compared])
    # How often each picture is drawn: first each once, then in every resample.
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), RESAMPLES)
    # As floats, whose products are quick.
    weights = np.concatenate([np.ones((1, len(pairs))), drawn.astype(float)])
    classes = np.tensordot(weights, counts.astype(float), 1)
    shared = weights @ overlaps
    total = counts.sum(axis=0)
    return Agreement(
        pictures=len(pairs),
        only=(len(one) - len(pairs), len(other) - len(pairs)),
        boxes=(int(total[:NOTHING].sum()), int(total[:, :NOTHING].sum())),
        unjudged=sum(each.unjudged for each in compared),
        matched=int(total[:NOTHING, :NOTHING].sum()),
        empty=int(empty.sum()),
        presence=_figure(_share(2 * classes[:, :NOTHING, :NOTHING].sum((1, 2)), _drawn_boxes(classes))),
        same_class=_figure(
            _share(2 * np.trace(classes[:, :NOTHING, :NOTHING], axis1=1, axis2=2), _drawn_boxes(classes))
        ),
        by_class={
            code: _figure(
                _share(2 * classes[:, row, row], classes[:, row].sum(1) + classes[:, :, row].sum(1))
            )
            for row, code in enumerate(CODES)
        },
        overlap=_figure(_share(shared[:, 0], shared[:, 1])),
        alpha=_figure(alpha(classes + _both_empty(weights @ empty))),
        classes=tuple(map(tuple, total.tolist())),
    )


def _pairs(one: Sequence[Picture], other: Sequence[Picture]) -> list[tuple[Picture, Picture]]:
    there = {each.sha256 or each.id: each for each in other}
    pairs = [(each, there[key]) for each in one if (key := each.sha256 or each.id) in there]
    if not pairs:
        raise DatasetError(
            N_("No picture is in both: agreement needs two people's labels of the same pictures.")
        )
    for left, right in pairs:
        if (left.width_px, left.height_px) != (right.width_px, right.height_px):
            raise DatasetError(
                N_("{name} is {one} px in one and {other} px in the other: these are not the same picture."),
                name=left.name,
                one=f"{left.width_px}x{left.height_px}",
                other=f"{right.width_px}x{right.height_px}",
            )
    return pairs


def _compared(one: Picture, other: Picture) -> _Compared:
    left, right = _matches(one, other)
    alone = _alone(one, left, other), _alone(other, right, one)
    classes = np.zeros((NOTHING + 1, NOTHING + 1), np.int64)
    np.add.at(classes, (one.class_id[left], other.class_id[right]), 1)
    np.add.at(classes[:, NOTHING], one.class_id[alone[0]], 1)
    np.add.at(classes[NOTHING], other.class_id[alone[1]], 1)
    overlaps = iou(one.boxes_px[left], other.boxes_px[right]).diagonal()
    unjudged = sum(map(len, (one.xyxy, other.xyxy))) - int(2 * len(left) + sum(map(len, alone)))
    empty = one.judged is other.judged is None and not classes.any()
    return _Compared(classes, overlaps, unjudged, empty)


def _matches(one: Picture, other: Picture) -> tuple[Ints, Ints]:
    """Rows of boxes at the same place: the pairs whose overlap is largest in all (Hungarian method)."""
    overlap = iou(one.boxes_px, other.boxes_px)
    same = one.class_id[:, None] == other.class_id[None]
    worth = np.where(overlap >= SAME_IOU, overlap + _SAME_CLASS * same, 0)
    left, right = linear_sum_assignment(worth, maximize=True)
    real = worth[left, right] > 0
    return left[real], right[real]


def _alone(one: Picture, matched: Ints, other: Picture) -> Ints:
    """Rows of boxes without a match whose middle lies where the other one judged."""
    rows = np.setdiff1d(np.arange(len(one.xyxy)), matched)
    if other.known is None:
        return rows
    middle = (one.xyxy[rows, None, :2] + one.xyxy[rows, None, 2:]) / 2
    inside = (other.known[None, :, :2] <= middle) & (middle <= other.known[None, :, 2:])
    return np.asarray(rows[np.any(np.all(inside, axis=2), axis=1)])


def alpha(values: Numbers) -> Floats:
    """Krippendorff's alpha of nominal values of two people, NaN where all values are one.

    `values` (r, k, k) counts units by what the first said (row) and the second, for r draws at once.
    """
    coincidence = values + values.transpose(0, 2, 1)
    marginal = coincidence.sum(axis=2)
    total = marginal.sum(axis=1)
    differ = total - np.trace(coincidence, axis1=1, axis2=2)
    by_chance = total**2 - (marginal**2).sum(axis=1)
    return 1 - _share((total - 1) * differ, by_chance)


def _both_empty(units: Floats) -> Floats:
    """Units (r,) on which both said that there is nothing, as `alpha` takes them."""
    values = np.zeros((len(units), NOTHING + 1, NOTHING + 1))
    values[:, NOTHING, NOTHING] = units
    return values


def _drawn_boxes(classes: Floats) -> Floats:
    """How many boxes both drew together (r,)."""
    return np.asarray(classes[:, :NOTHING].sum((1, 2)) + classes[:, :, :NOTHING].sum((1, 2)))


def _share(part: Numbers, whole: Numbers) -> Floats:
    """The one divided by the other, NaN where there is nothing to divide by."""
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))


def _figure(values: Floats) -> Figure:
    """The figure itself (the first of the values) and the interval that holds 95 % of the others."""
    if np.isnan(values[0]):
        return Figure(None, None)
    drawn = values[1:][~np.isnan(values[1:])]
    low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) else (np.nan, np.nan)
    value = round(float(values[0]), 4)
    return Figure(value, (round(float(low), 4), round(float(high), 4)) if len(drawn) else None)
