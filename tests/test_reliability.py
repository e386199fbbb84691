"""Stated confidence is the share that is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from detector.classes import CODES, POTHOLE, TRANSVERSE_CRACK
from detector.errors import ModelError
from detector.model import DEFAULT_MODEL, Detections, Model
from detector.reliability import Reliability, fitted, read_reliability, write_reliability
from detector.tracking import Track
from training.reliability import iou, table, true_boxes


def boxes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes, scores and truth of a model that is too sure of potholes and not sure enough of the rest."""
    rng = np.random.default_rng(seed)
    class_id, score = rng.integers(0, len(CODES), count), rng.uniform(0.1, 0.95, count)
    odds = np.where(class_id == POTHOLE, 1.5 * logit(score) - 1.0, 1.2 * logit(score) + 0.8)
    return class_id, score, rng.random(count) < expit(odds)


def test_fitted_confidence_is_the_share_that_is_true() -> None:
    curves = fitted(*boxes(4000, 1))
    class_id, score, true = boxes(4000, 2)
    stated = curves.probability(class_id, score)
    for mine in (class_id == POTHOLE, class_id != POTHOLE):
        for low in (0.2, 0.4, 0.6):
            band = mine & (stated > low) & (stated < low + 0.2)
            assert true[band].mean() == pytest.approx(stated[band].mean(), abs=0.07)
    assert float(table(stated, true).split()[-1]) < 0.03 < float(table(score, true).split()[-1])


def test_a_class_hardly_seen_leans_on_the_others() -> None:
    class_id, score, true = boxes(2000, 3)
    keep = class_id != TRANSVERSE_CRACK
    curves = fitted(class_id[keep], score[keep], true[keep])
    assert 0.5 < curves.probability(TRANSVERSE_CRACK, 0.6) < 0.9


def test_curves_are_kept_beside_the_weights(tmp_path: Path) -> None:
    weights = tmp_path / "m.pt"
    assert (read_reliability(weights).slope == 1).all()
    written = fitted(*boxes(500, 4))
    assert write_reliability(weights, written).name == "m.json"
    read = read_reliability(weights)
    assert read.slope == pytest.approx(written.slope, abs=1e-3)
    assert read.offset == pytest.approx(written.offset, abs=1e-3)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"reliability": {"D00": [1, 0]}}', '{"reliability": {"D00": "x"}}']
)
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ModelError, match=r"m\.json is not what belongs beside a model"):
        read_reliability(tmp_path / "m.pt")


def test_the_model_in_the_package_has_its_curves() -> None:
    assert (Model(DEFAULT_MODEL, "cpu").reliability.slope != Reliability.unknown().slope).any()


def test_looks_are_witnesses_of_one_thing() -> None:
    """Ten doubtful looks at a manhole make no certainty."""
    once = Track(footprints=1, score_sum=float(logit(0.3)))
    often = Track(footprints=10, score_sum=10 * float(logit(0.3)))
    assert once.score == pytest.approx(often.score) == pytest.approx(0.3)


def test_each_label_is_found_once_by_the_surest_box_of_its_class() -> None:
    found = Detections(
        np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60.0]]),
        np.array([3, 3, 0]),
        np.array([0.5, 0.9, 0.8]),
    )
    labels = np.array([[0, 0, 10, 10], [50, 50, 60, 60.0]])
    assert true_boxes(found, labels, np.array([3, 3])).tolist() == [False, True, False]
    assert iou(labels, labels) == pytest.approx(np.eye(2))
