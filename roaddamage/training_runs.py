"""A training's run: its data gathered, a model trained, and compared with the one in use.

Each step leaves its result in the training's folder, whole or not at all, so that a run that was killed goes on at the
step, and in training at the epoch, where it was. What people see reaches the records with the end of the run.

    WORKSPACE/trainings/PK/data/              the dataset that it learns from
    WORKSPACE/trainings/PK/run/               the run of `training.train`, with its model
    WORKSPACE/trainings/PK/comparison.json    against the model that was in use
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from datasets.dataset import Dataset, read_dataset
from detector.errors import N_
from roaddamage import gpus
from roaddamage.jobs import JobError, put_in
from roaddamage.models import Models
from roaddamage.records.models import LabelledFrame, Training, Work
from roaddamage.runs import go_on, patiently, to_end
from roaddamage.training_data import MANIFEST, OWN, gather, own, there
from training.epochs import Moved, course
from training.promotion import Comparison, compare, part_hash, seen_file
from training.rounds import keep as keep_round
from training.rounds import round_of
from training.train import Settings, let_go, train

if TYPE_CHECKING:
    from training.evaluate import Looked

Stage = Training.Stage
TOLD_EVERY_S = 1.0
MORE: dict[str, Any] = {}
"""Given to ultralytics' trainer."""
COUNTS = "frames.json"


def begin(by: User, **values: Any) -> Training:
    """A training that waits for a worker. Raises JobError for a dataset that is none (any more)."""
    if values["dataset"] not in {OWN, *there(settings.WORKSPACE.datasets)}:
        raise JobError(
            N_("{dataset} is no dataset with train, val and test parts any more. Choose another."),
            dataset=values["dataset"],
        )
    with transaction.atomic():
        row = Training.objects.create(by=by, **values)
        put_in(row, by)
    return row


def again(row: Training, by: User) -> None:
    """Have one that is over go on, or be compared with the model in use now. Raises JobError where it is not over."""
    with transaction.atomic():
        over = Training.objects.filter(pk=row.pk).exclude(state__in=Work.OPEN)
        if not over.update(state=Work.State.queued, worker="", attempts=0, cancel_asked=False, problem={}):
            raise JobError(N_("{name} is waiting or running already."), name=row.name)
        put_in(Training.objects.get(pk=row.pk), by)


def folder_of(row: Training) -> Path:
    """Where its files lie."""
    place: Path = settings.WORKSPACE.trainings / str(row.pk)
    return place


def model_of(row: Training) -> Path:
    """Where its model lies once it is trained."""
    return folder_of(row) / "run" / "model.pt"


def comparison_of(row: Training) -> Comparison | None:
    """How it compares with the model that was in use; None where it was not compared, or that is gone."""
    try:
        return Comparison.from_json((folder_of(row) / "comparison.json").read_text(encoding="utf-8"))
    except OSError:
        return None


def run_training(row: Training) -> None:
    """Do all that is still to be done of a training, and keep what came of it with its end."""
    dataset = _data(row)
    with gpus.lent(waiting=lambda: go_on(row, stage=Stage.waiting, share=0.0, left_s=None)) as device:
        try:
            model = train(dataset, folder_of(row) / "run", _settings(row, device.name), _watch(row, device))
            told, against = _compared(row, model, dataset, device)
        finally:
            let_go()
    found = asdict(round_of(model.parent, dataset, device.name)) | {"name": row.title}
    patiently(lambda: keep(row, told, against, part_hash(dataset), found))


def _data(row: Training) -> Dataset:
    """Its data as it was gathered first."""
    folder = folder_of(row)
    if (folder / COUNTS).is_file() and (folder / "data" / MANIFEST).is_file():
        dataset, counts = read_dataset(folder / "data"), json.loads((folder / COUNTS).read_text())
    else:
        folder.mkdir(parents=True, exist_ok=True)
        base = settings.WORKSPACE.datasets / row.dataset
        if row.dataset == OWN:
            own(settings.WORKSPACE.datasets, _reviewed)
        (folder / COUNTS).unlink(missing_ok=True)
        dataset, told = gather(
            base, _reviewed if row.frames else None, folder / "data", _moves(row, Stage.data)
        )
        counts = asdict(told)
        (folder / COUNTS).write_text(json.dumps(counts))
    pictures = {name: len(dataset.part(name)) for name in ("train", "val", "test")}
    go_on(row, data={"pictures": pictures, "frames": counts})
    return dataset


def _reviewed(folder: Path) -> Dataset:
    """All frames that people judged, as a dataset."""
    from roaddamage.records.frame_dataset import as_dataset

    return as_dataset(LabelledFrame.objects.filter(judged=True), folder)


def _settings(row: Training, device: str) -> Settings:
    start = Models(settings.WORKSPACE.folder).path_of(row.begin_from)
    return Settings(
        init=str(start), epochs=row.epochs, image_px=row.image_px, batch=row.batch, device=device, more=MORE
    )


def _moves(row: Training, stage: str) -> Callable[[int, int], None]:
    """What is told of a step whose parts can be counted."""
    begun = told_at = time.monotonic()

    def moved(done: int, total: int) -> None:
        nonlocal told_at
        if (now := time.monotonic()) - told_at < TOLD_EVERY_S:
            return
        told_at = now
        left_s = (now - begun) / done * (total - done) if done else None
        go_on(row, stage=stage, share=done / total if total else 0.0, left_s=left_s)

    return moved


def _watch(row: Training, device: gpus.Lent) -> Callable[[Moved], bool]:
    """What is told of each batch; whether to end there, as the budget of time is spent."""
    begun = told_at = time.monotonic()
    spent_before, first, epoch = row.spent_s, 0.0, 0

    def watch(moved: Moved) -> bool:
        nonlocal begun, told_at, first, epoch
        now = time.monotonic()
        share = (moved.epoch - 1 + moved.batch / max(moved.batches, 1)) / moved.epochs
        if not epoch:
            first = share
        elif moved.epoch != epoch:
            device.step_aside()
            begun += time.monotonic() - now  # the wait is not learning
            now = time.monotonic()
        spent_s = spent_before + now - begun
        if moved.epoch != epoch or now - told_at >= TOLD_EVERY_S:
            epoch, told_at = moved.epoch, now
            left_s = (now - begun) / (share - first) * (1 - share) if share > first else None
            budget_s = row.budget_min * 60 - spent_s if row.budget_min else None
            if left_s is not None and budget_s is not None:
                left_s = max(min(left_s, budget_s), 0.0)
            go_on(row, stage=Stage.train, share=share, left_s=left_s, spent_s=spent_s, course=_course(row))
        return bool(row.budget_min) and spent_s > (row.budget_min or 0) * 60

    return watch


def _course(row: Training) -> list[list[float]]:
    """Epoch, loss of boxes and AP50 on the val part, of each epoch that is over."""
    results = folder_of(row) / "run" / "yolo" / "results.csv"
    return [[one.epoch, one.box_loss, one.ap50] for one in course(results)]


def _compared(row: Training, model: Path, dataset: Dataset, device: gpus.Lent) -> tuple[Comparison, str]:
    """Against the model in use now, and which that is."""
    from detector.model import Model

    models = Models(settings.WORKSPACE.folder)
    against, current = models.current_name(), models.current()
    where = device.name if device.name == "cpu" else f"cuda:{device.name}"

    def looked(candidate: Looked) -> None:
        keep_round(model.parent, candidate)

    go_on(row, stage=Stage.compare, share=0.0, left_s=None)
    told = compare(
        Model(model, where), Model(current, where), dataset, (seen_file(model), seen_file(current)),
        _moves(row, Stage.compare), looked,
    )  # fmt: skip
    part = folder_of(row) / "comparison.json.part"
    part.write_text(told.to_json(), encoding="utf-8")
    part.replace(folder_of(row) / "comparison.json")
    return told, against


def keep(row: Training, told: Comparison, against: str, test: str, found: dict[str, Any]) -> None:
    """Put what came of it into the records, with its end. Raises LostError and CancelledError."""
    with transaction.atomic():
        now = to_end(row)
        if now is None:
            return
        now.state, now.finished, now.stage, now.share, now.left_s = (
            Work.State.done,
            timezone.now(),
            "",
            1.0,
            None,
        )
        now.course = _course(row)
        now.promotable, now.against, now.test_sha256, now.round = told.promotable, against, test, found
        now.save()
