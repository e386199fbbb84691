"""A run's checkpoints, of which one is whole whenever the training is killed.

Ultralytics writes `last.pt` and `best.pt` in place: a training killed while it does leaves half a file. After each
epoch both are copied beside, whole or not at all; a run that goes on goes on from the copies.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

FOLDER = "kept"
"""Of the copies, within ultralytics' folder of the run."""


def keep(trainer: Any) -> None:
    """A callback when ultralytics has saved an epoch.

    `best.pt` goes first: a run killed in between goes on an epoch earlier, and finds the same one best.
    """
    kept = Path(trainer.save_dir) / FOLDER
    kept.mkdir(exist_ok=True)
    if trainer.best_fitness == trainer.fitness:
        _copy(Path(trainer.best), kept / "best.pt")
    _copy(Path(trainer.last), kept / "last.pt")


def taken_up(folder: Path) -> Path | None:
    """Ultralytics' folder of a run as it was after the last epoch that was saved, and its `last.pt` then.

    None where no epoch was: what the run had begun is removed.
    """
    kept, weights = folder / FOLDER, folder / "weights"
    if not (kept / "last.pt").exists():
        shutil.rmtree(folder, ignore_errors=True)
        return None
    shutil.rmtree(weights, ignore_errors=True)
    weights.mkdir()
    for copy in kept.glob("*.pt"):
        _copy(copy, weights / copy.name)
    return weights / "last.pt"


def forget_after(results: Path, epochs: int) -> None:
    """Take the rows after so many epochs, and a half one, out of ultralytics' table: they will be written again."""
    if not results.exists():
        return
    heads, *rows = results.read_text(encoding="utf-8").splitlines() or [""]
    columns = heads.count(",")
    whole = [row for row in rows if row.count(",") == columns]
    part = results.with_suffix(".part")
    part.write_text("".join(f"{row}\n" for row in [heads, *whole[:epochs]]), encoding="utf-8")
    part.replace(results)


def _copy(source: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    shutil.copyfile(source, part)
    os.replace(part, target)
