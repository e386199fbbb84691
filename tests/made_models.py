"""Models made for tests: a small dataset, a model that finds nothing, and a workspace in which that is in use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from labelled_pictures import rendered

from datasets.dataset import Dataset
from roaddamage import locks, runs, training_runs
from roaddamage.workspace import Workspace
from training.train import Settings, train

QUICK = {"workers": 0, "lr0": 1e-6, "lrf": 1.0, "warmup_epochs": 0, "mosaic": 0.0}
"""Next to nothing is learnt, so that what a model was it stays."""


def small_dataset(folder: Path) -> Dataset:
    """Twelve rendered pictures in train, val and test parts."""
    return rendered(folder, ["train"] * 4 + ["val"] * 2 + ["test"] * 6, seed=5, size_px=(320, 192))


def poor_model(data: Dataset, run: Path) -> Path:
    """A tiny model trained from nothing for one epoch: it finds nothing."""
    return train(data, run, Settings(model="yolov5n", epochs=1, image_px=64, batch=4, more={"workers": 0}))


def spoil(workspace: Workspace, data: Dataset, poor: Path) -> None:
    """Put the dataset into a workspace as `city`, and the poor model in use."""
    shutil.copytree(data.folder, workspace.datasets / "city")
    folder = workspace.folder / "models" / "0001-poor"
    folder.mkdir(parents=True)
    for end in (".pt", ".json", ".trained-on.txt"):
        shutil.copyfile(poor.with_suffix(end), folder / f"0001-poor{end}")
    event = {"at": "2026-04-01T00:00:00+00:00", "by": "x", "kind": "promotion", "model": "0001-poor"}
    (workspace.folder / "models" / "history.json").write_text(json.dumps([event]))


def train_quickly(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have trainings in this process be short, and wait for none outside of it."""
    monkeypatch.setattr(training_runs, "MORE", QUICK)
    monkeypatch.setattr(runs, "BEAT_S", 3600.0)
    monkeypatch.setattr(locks, "PLACE", folder)
