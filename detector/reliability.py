"""What a model's scores are worth: the probability that a box of a score is true, by class.

A network's scores are no probabilities; they are made such by a logistic curve for each class (Platt 1999),
fitted on labelled pictures the model was not trained on. It stands beside the weights, in `NAME.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from detector.classes import CODES
from detector.errors import N_, ModelError

Floats = NDArray[np.float64]

POOLED = 30.0
"""What all classes together show counts for a class as much as so many of its own boxes."""


@dataclass(frozen=True)
class Reliability:
    """Each class's curve: the log-odds of truth are `slope` (classes,) times the score's, plus `offset`."""

    slope: Floats
    offset: Floats

    @classmethod
    def unknown(cls) -> Reliability:
        """Scores taken at their word."""
        return cls(np.ones(len(CODES)), np.zeros(len(CODES)))

    def log_odds(self, class_id: int | NDArray[np.int64], score: ArrayLike) -> Floats:
        """Of boxes of these classes and scores, (n,) each."""
        held = np.clip(np.asarray(score, np.float64), 0.001, 0.999)
        return np.asarray(self.slope[class_id] * logit(held) + self.offset[class_id], np.float64)

    def probability(self, class_id: int | NDArray[np.int64], score: ArrayLike) -> Floats:
        """That boxes of these classes and scores are true, (n,) each."""
        return np.asarray(expit(self.log_odds(class_id, score)), float)


def fitted(class_id: NDArray[np.int64], score: Floats, true: NDArray[np.bool_]) -> Reliability:
    """The curves that make these boxes (n,) most likely; a class with few of them leans on all."""
    every = _curve(logit(np.clip(score, 0.001, 0.999)), true, np.array([1.0, 0.0]), 1.0)
    curves = [
        _curve(logit(np.clip(score[mine], 0.001, 0.999)), true[mine], every, POOLED)
        for mine in (class_id == row for row in range(len(CODES)))
    ]
    return Reliability(*np.array(curves).T)


def _curve(odds: Floats, true: NDArray[np.bool_], prior: Floats, weight: float) -> Floats:
    """Slope and offset, by maximum likelihood with a normal prior whose worth is `weight` boxes."""

    def loss(values: Floats) -> float:
        told = values[0] * odds + values[1]
        surprise = np.logaddexp(0, np.where(true, -told, told)).sum()
        return float(surprise + weight / 8 * ((values - prior) ** 2).sum())

    return np.asarray(minimize(loss, prior, method="BFGS").x, float)


def read_reliability(weights: Path) -> Reliability:
    """The curves beside a model's weights; `unknown` where there are none. Raises ModelError for a broken file."""
    path = weights.with_suffix(".json")
    try:
        curves = json.loads(path.read_text(encoding="utf-8"))["reliability"]
        slope, offset = np.array([curves[code] for code in CODES], float).T
    except FileNotFoundError:
        return Reliability.unknown()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            N_("{path} is not what belongs beside a model. Delete it, or take the model's own."), path=path
        ) from error
    return Reliability(slope, offset)


def write_reliability(weights: Path, reliability: Reliability) -> Path:
    """Write the curves beside a model's weights; returns the file."""
    pairs = np.column_stack([reliability.slope, reliability.offset]).round(4).tolist()
    path = weights.with_suffix(".json")
    text = json.dumps({"reliability": dict(zip(CODES, pairs, strict=True))}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return path
