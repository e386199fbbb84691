"""Training for the command line: a bar while it runs, and where the model lies when it is done."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from datasets.dataset import Dataset, read_dataset
from detector.errors import N_, OutputTakenError, Translate
from roaddamage import gpus, locks
from training.epochs import Moved
from training.train import Settings, train


def run_training(data: Path, out: Path, settings: Settings, translate: Translate) -> Path:
    """Train, or go on with the run in `out`; returns the model's path.

    One training or job at a time has a GPU, or one training the CPU: the next one says so and waits. Raises
    OutputTakenError where another is at work on the same run, and what reading and training raise.
    """
    dataset = read_dataset(data)
    console = Console(stderr=True, soft_wrap=True)
    number = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]
    with locks.held(locks.place() / f"roaddamage-run-{number}.lock") as mine:
        if not mine:
            raise OutputTakenError(
                N_("Another training is at work on {path}. Wait for it, or name another folder."), path=out
            )
        told = set[str]()

        def wait(name: str) -> None:
            if name not in told:
                told.add(name)
                words = N_(
                    "{device} is at work for another training or drive: this one waits until it is free."
                )
                console.print(translate(words).format(device=name), markup=False)

        with gpus.claimed(settings.device, waiting=wait):
            return _shown(dataset, out, settings, console, translate)


def _shown(dataset: Dataset, out: Path, settings: Settings, console: Console, translate: Translate) -> Path:
    """Train with a bar."""
    with Progress(console=console, transient=True) as bar:
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
