"""Training for the command line: a bar while it runs, and where the model lies when it is done."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from datasets.dataset import read_dataset
from detector.errors import N_, Translate
from training.train import Moved, Settings, train


def run_training(data: Path, out: Path, settings: Settings, translate: Translate) -> Path:
    """Train, or go on with the run in `out`; returns the model's path. Raises RoadDamageError."""
    dataset = read_dataset(data)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(moved: Moved) -> None:
            words = translate(N_("epoch {epoch} of {epochs}, loss {loss}"))
            bar.update(
                task,
                description=words.format(epoch=moved.epoch, epochs=moved.epochs, loss=f"{moved.loss:.2f}"),
                total=moved.epochs * moved.batches,
                completed=(moved.epoch - 1) * moved.batches + moved.batch,
            )

        return train(dataset, out, settings, show)
