"""Average precision, F1, intervals, calibration and blocks, against hand-made cases and slower ways."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.model import Detections
from training.scores import (
    Judged,
    average_precision,
    best_f1,
    block_rates,
    calibration,
    confusion,
    counts,
    curve,
    interval,
    judged,
    rates,
    resampled,
    threshold_for,
)

BOX = (0.0, 0.0, 10.0, 10.0)
OTHER = (50.0, 50.0, 90.0, 90.0)


def made(score: list[float], true: list[bool], labels: int, picture: list[int] | None = None) -> Judged:
    """Boxes of one class in one picture (or in `picture`), with so many labels there."""
    n, zeros = len(score), np.zeros(labels, np.int64)
    rows = np.array(picture if picture is not None else [0] * n, np.int64)
    flags = np.repeat(np.array(true, bool)[:, None], 10, 1)
    flags = flags.reshape(n, 10)
    return Judged(
        rows, np.zeros(n, np.int64), np.array(score), flags, np.zeros(n, np.int64), zeros, zeros, zeros
    )


def ap(one: Judged) -> float:
    return float(average_precision(one, np.zeros(1, np.int64), np.ones((1, 1), np.float32))[0])


@pytest.mark.parametrize(
    ("score", "true", "labels", "expected"),
    [
        ([0.9], [True], 1, 1.0),
        ([0.9], [False], 1, 0.0),
        ([], [], 3, 0.0),
        ([0.9, 0.8], [False, True], 1, 0.5),
        # recall 0.5 at precision 1, then 1.0 at 2/3
        ([0.9, 0.8, 0.7], [True, False, True], 2, 0.5 + 0.5 * 2 / 3),
        # precision 1/2 at the first, 2/3 at the second: the envelope takes 2/3 for both
        ([0.9, 0.8, 0.7], [False, True, True], 4, 0.5 * 2 / 3),
    ],
)
def test_average_precision_by_hand(
    score: list[float], true: list[bool], labels: int, expected: float
) -> None:
    assert ap(made(score, true, labels)) == pytest.approx(expected, abs=1e-6)


def test_without_labels_average_precision_is_not_told() -> None:
    assert np.isnan(ap(made([0.9], [False], 0)))


def slow_ap(score: NDArray[np.float64], true: NDArray[np.bool_], labels: int) -> float:
    """Area under the curve, the best precision at or beyond each recall, point by point."""
    points = []
    for place in range(1, len(score) + 1):
        hits = int(true[np.argsort(-score, kind="stable")][:place].sum())
        points.append((hits / labels, hits / place))
    area, before = 0.0, 0.0
    for recall in sorted({recall for recall, _ in points}):
        area += (recall - before) * max(precision for other, precision in points if other >= recall)
        before = recall
    return area


def test_average_precision_is_that_of_a_slower_way_in_every_resample() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        n, pictures = int(rng.integers(5, 60)), 6
        picture, score, true = rng.integers(0, pictures, n), rng.random(n), rng.random(n) < 0.5
        label_picture = np.append(rng.integers(0, pictures, 10), picture[true])
        zeros = np.zeros(len(label_picture), np.int64)
        one = Judged(
            picture, np.zeros(n, np.int64), score, np.repeat(true[:, None], 10, 1), np.zeros(n, np.int64),
            label_picture, zeros, zeros,
        )  # fmt: skip
        cluster = np.array([0, 0, 1, 2, 2, 3])
        weights = resampled(cluster, 8, seed=int(rng.integers(1000)))
        told = average_precision(one, cluster, weights)
        for sample, drawn in enumerate(weights.astype(int)):
            times = drawn[cluster]
            rows = np.repeat(np.arange(n), times[picture])
            expected = slow_ap(score[rows], true[rows], int(times[label_picture].sum()))
            assert told[sample] == pytest.approx(expected, abs=1e-5)


def detections(*boxes: tuple[tuple[float, float, float, float], int, float]) -> Detections:
    return Detections(
        np.array([box for box, _, _ in boxes]).reshape(-1, 4),
        np.array([class_id for _, class_id, _ in boxes], np.int64),
        np.array([score for _, _, score in boxes], float),
    )


def test_boxes_are_judged_by_class_overlap_and_size() -> None:
    shifted = (0.0, 0.0, 10.0, 16.0)  # IoU 0.625 with BOX
    found = [detections((shifted, 0, 0.9), (BOX, 0, 0.5), (OTHER, 1, 0.7)), detections((BOX, 2, 0.4))]
    truth = [
        (np.array([BOX, OTHER]), np.array([0, 2])),
        (np.empty((0, 4)), np.empty(0, np.int64)),
    ]
    told = judged(found, truth, [(100, 100), (100, 100)])
    # The surer box takes the label up to IoU 0.6; beyond, it is the other's.
    assert told.true[0].tolist() == [True] * 3 + [False] * 7
    assert told.true[1].tolist() == [False] * 3 + [True] * 7
    assert not told.true[2:].any()
    assert told.picture.tolist() == [0, 0, 0, 1]
    assert told.label_size.tolist() == [1, 2]
    assert told.size.tolist() == [1, 1, 2, 1]


def test_confusion_names_what_was_taken_for_what() -> None:
    found = [detections((BOX, 0, 0.9), (OTHER, 1, 0.7), ((20.0, 20.0, 30.0, 30.0), 3, 0.6), (BOX, 3, 0.1))]
    truth = [(np.array([BOX, OTHER, (0.0, 80.0, 9.0, 89.0)]), np.array([0, 2, 3]))]
    table = confusion(found, truth, 0.25)
    expected = np.zeros((5, 5), int)
    expected[0, 0] = expected[2, 1] = expected[4, 3] = expected[3, 4] = 1
    assert table.tolist() == expected.tolist()


def test_precision_recall_and_best_f1_by_hand() -> None:
    one = made([0.9, 0.6, 0.5, 0.2], [True, False, True, True], 4)
    assert rates(counts(one, np.zeros(1, np.int64), 1, 0.25)[0]) == pytest.approx([2 / 3, 2 / 4, 4 / 7])
    assert best_f1(one) == pytest.approx((6 / 8, 0.2))
    assert best_f1(made([], [], 2)) is None


def test_the_threshold_holds_the_precision_wanted() -> None:
    one = made([0.9, 0.6, 0.5, 0.2, 0.1], [True, False, True, False, False], 4)
    assert threshold_for(one, 0.6) == 0.5
    assert threshold_for(one, 0.5) == 0.2
    assert threshold_for(one, 1.0) == 0.9
    assert threshold_for(made([0.9], [False], 1), 0.5) is None
    score, recall, precision = curve(made([0.5, 0.5], [True, False], 1))
    assert (score.tolist(), recall.tolist(), precision.tolist()) == ([0.5], [1.0], [0.5])


def test_calibration_by_hand() -> None:
    told = calibration(np.array([0.05, 0.05, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [(one.low, one.boxes, one.true) for one in told.bins] == [(0.0, 2, 0.5), (0.9, 2, 1.0)]
    assert told.error == pytest.approx(0.5 * 0.45 + 0.5 * 0.025)
    assert calibration(np.empty(0), np.empty(0, bool)).error is None


def test_the_interval_by_roads_holds_the_true_recall_and_that_by_pictures_does_not() -> None:
    """Roads differ in how easy they are; pictures of one road are alike."""
    rng = np.random.default_rng(3)
    held = {"road": 0, "picture": 0}
    trials, roads, pictures, labels = 150, 40, 5, 4
    for trial in range(trials):
        easy = np.repeat(rng.beta(2, 2, roads), pictures)  # recall of a road, 0.5 on average
        hits = rng.binomial(labels, easy)
        counted = np.column_stack([hits, np.full(len(hits), labels), np.full(len(hits), labels)]).astype(
            float
        )
        road = np.repeat(np.arange(roads), pictures)
        for name, cluster in (("road", road), ("picture", np.arange(len(hits)))):
            told = interval(rates(resampled(cluster, 300, trial)[:, cluster] @ counted)[:, 1])
            assert told is not None
            held[name] += told[0] <= 0.5 <= told[1]
    assert 0.90 <= held["road"] / trials <= 0.99
    assert held["picture"] / trials < 0.85


def test_blocks_of_20_m_by_hand() -> None:
    truth = np.array([[5.0, 15.0], [30.0, 65.0], [100.0, 100.0]])  # blocks 0, 1, 2, 3 and the last, 4
    found = np.array([[19.0, 20.0], [50.0, 50.0], [70.0, 79.0], [80.0, 80.0]])  # blocks 0, 2, 3, 4
    told = block_rates(truth, found, 100.0)
    assert (told.blocks, told.damaged, told.named) == (5, 5, 4)
    assert (told.detection, told.hit) == (0.8, 1.0)
    told = block_rates(truth[:1], found[1:2], 100.0)
    assert (told.detection, told.hit) == (0.0, 0.0)
    nothing = block_rates(np.empty((0, 2)), np.empty((0, 2)), 90.0)
    assert (nothing.blocks, nothing.detection, nothing.hit) == (5, None, None)


@pytest.mark.parametrize("span", [[10.0, 5.0], [-1.0, 5.0], [90.0, 101.0], [np.nan, 5.0]])
def test_a_stretch_off_the_drive_is_refused(span: list[float]) -> None:
    with pytest.raises(ValueError, match="no stretch"):
        block_rates(np.array([span]), np.empty((0, 2)), 100.0)
