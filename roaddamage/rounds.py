"""Rounds of labelling for the command line: a page and JSON, complete or as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from datasets.dataset import read_dataset
from detector.errors import Translate
from roaddamage.output import check_folder, staged
from training.evaluate import pictures_of
from training.rounds import Round, as_json, round_of
from training.rounds_page import page

FILES = ("rounds.html", "rounds.json")


def write_rounds(
    runs: list[Path],
    data: Path,
    out: Path,
    device: str,
    language: str,
    translate: Translate,
    moved: Callable[[int, int], None],
) -> tuple[list[Round], int]:
    """Score the runs on the dataset's test part where that was not done yet, and write `FILES` into `out`.

    Returns the rounds, and how many pictures they were scored on. Raises RoadDamageError.
    """
    check_folder(out)
    dataset = read_dataset(data)
    pictures = len(pictures_of(dataset, "test"))
    rounds: list[Round] = []
    for run in runs:

        def of_all(done: int, total: int, past: int = len(rounds)) -> None:
            moved(past * total + done, len(runs) * total)

        rounds.append(round_of(run, dataset, device, of_all))
    with staged(out, FILES) as stage:
        (stage / "rounds.html").write_text(page(rounds, pictures, language, translate), encoding="utf-8")
        (stage / "rounds.json").write_text(as_json(rounds), encoding="utf-8")
    return rounds, pictures
