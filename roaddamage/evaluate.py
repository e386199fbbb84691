"""Evaluation for the command line: a bar while it runs, and a folder that is complete or as it was."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from datasets.dataset import read_dataset
from detector.errors import N_, Translate
from detector.model import Model
from roaddamage.output import check_folder, staged
from training.evaluate import Evaluation, evaluate, pictures_of
from training.evaluation_report import page

FILES = ("report.html", "scores.json")


def write_evaluation(
    model: Path,
    data: Path,
    part: str,
    out: Path,
    device: str,
    precision: float,
    language: str,
    translate: Translate,
) -> Evaluation:
    """Score a model and write `FILES` into `out`, in place of earlier ones. Raises RoadDamageError."""
    check_folder(out)
    dataset = read_dataset(data)
    pictures_of(dataset, part)  # what is refused is refused before the model loads
    loaded = Model(model, device)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(translate(N_("Pictures")), total=None)
        told = evaluate(
            loaded,
            dataset,
            part,
            wanted_precision=precision,
            moved=lambda done, total: bar.update(task, completed=done, total=total),
        )
    text = page(told, dataset, language, translate)
    with staged(out, FILES) as stage:
        (stage / "report.html").write_text(text, encoding="utf-8")
        (stage / "scores.json").write_text(told.to_json(), encoding="utf-8")
    return told
