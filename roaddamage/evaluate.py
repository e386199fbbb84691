"""Evaluation for the command line: a folder that is complete or as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from datasets.dataset import read_dataset
from detector.errors import Translate
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
    moved: Callable[[int, int], None],
) -> Evaluation:
    """Score a model and write `FILES` into `out`, in place of earlier ones. `moved` is told pictures done, and all there are.

    Raises RoadDamageError.
    """
    check_folder(out)
    dataset = read_dataset(data)
    pictures_of(dataset, part)  # what is refused is refused before the model loads
    loaded = Model(model, device)
    told = evaluate(loaded, dataset, part, wanted_precision=precision, moved=moved)
    text = page(told, dataset, language, translate)
    with staged(out, FILES) as stage:
        (stage / "report.html").write_text(text, encoding="utf-8")
        (stage / "scores.json").write_text(told.to_json(), encoding="utf-8")
    return told
