"""Epochs of a training: how far a run is, and what ultralytics has written of those that are over (its `results.csv`)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Moved:
    """How far a run is: epochs and batches done and in all, and the mean loss so far."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float


def epochs_done(results: Path, epochs: int) -> list[Moved]:
    """The epochs that ultralytics has written of."""
    return [
        Moved(
            int(row["epoch"]),
            epochs,
            1,
            1,
            sum(float(value) for name, value in row.items() if name.startswith("train/")),
        )
        for row in _rows(results)
        if "epoch" in row
    ]


@dataclass(frozen=True)
class Epoch:
    """What ultralytics has written of one epoch: the mean loss of boxes, and the mean AP50 on the val part."""

    epoch: int
    box_loss: float
    ap50: float


def course(results: Path) -> list[Epoch]:
    """The epochs that are over, in order."""
    names = "epoch", "train/box_loss", "metrics/mAP50(B)"
    told = [[row.get(name) for name in names] for row in _rows(results)]
    return [Epoch(int(one), float(loss), float(ap50)) for one, loss, ap50 in told if one and loss and ap50]


def _rows(results: Path) -> list[dict[str, str]]:
    """The rows of ultralytics' table, each without what it lacks."""
    if not results.exists():
        return []
    with results.open(newline="", encoding="utf-8") as file:
        return [
            {name.strip(): value for name, value in row.items() if name and value}
            for row in csv.DictReader(file)
        ]
