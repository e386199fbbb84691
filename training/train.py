"""Trains a detector on a dataset; a run that was killed goes on where it stopped.

A run's folder holds all that made it: `run.json` (settings, the data's hash, versions, result), `train.txt` and
`val.txt` (the pictures), ultralytics' own files under `yolo/`, and in the end `model.pt` with what its scores
are worth beside it (`model.json`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasets.dataset import Dataset, DatasetError, label_lines
from detector.classes import CODES
from detector.errors import N_, OutputTakenError
from detector.model import Model, checked_yolo
from detector.reliability import write_reliability
from detector.ultralytics_quiet import prepare
from training.reliability import fit_on

RUN = "run.json"
LIBRARIES = ("ultralytics", "torch", "numpy")


@dataclass(frozen=True)
class Settings:
    """What a run is told. `init` is a checkpoint, or an architecture of ultralytics' by name (yolo11n.yaml).

    `device` is cpu, 0, or 0,1 for several GPUs (DDP). `more` goes to ultralytics' trainer as it stands.
    """

    init: str = "yolo11n.yaml"
    epochs: int = 100
    image_px: int = 640
    batch: int = 16
    device: str = "cpu"
    seed: int = 0
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Moved:
    """How far a run is: epochs and batches done and in all, and the mean loss so far."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float


def data_hash(dataset: Dataset) -> str:
    """A hash of all pictures and labels that a run sees: their parts, contents (as the manifest has them) and boxes."""
    digest = hashlib.sha256()
    for one in sorted(dataset.pictures, key=lambda picture: picture.name):
        digest.update("\t".join((one.name, one.part, one.sha256, *label_lines(one))).encode())
    return digest.hexdigest()


def train(
    dataset: Dataset, out: Path, settings: Settings, on_progress: Callable[[Moved], None] = lambda _: None
) -> Path:
    """Train, or go on with the run in `out`; returns the model's path.

    Raises DatasetError for a dataset without a train or val part, ModelError for a start that is none,
    OutputTakenError for a folder that holds something else, or a run with other data or settings.
    """
    parts = {name: dataset.part(name) for name in ("train", "val")}
    for name, pictures in parts.items():
        if not pictures:
            raise DatasetError(
                N_("{path} has no {part} part. Run `roaddamage dataset split` first."),
                path=dataset.folder,
                part=name,
            )
    model_path, record = out / "model.pt", _record(dataset, settings)
    if _begun(out, record) and model_path.exists():
        return model_path
    prepare()
    out.mkdir(parents=True, exist_ok=True)
    (out / RUN).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    data = _write_lists(out, dataset)
    last = out / "yolo" / "weights" / "last.pt"
    if last.exists():
        yolo, arguments = checked_yolo(last), {"resume": True}
    else:
        yolo, arguments = _start(settings.init), _arguments(out, data, settings)
    batches = Counter[int]()

    def batch_ends(trainer: Any) -> None:
        batches[trainer.epoch] += 1
        on_progress(_moved(trainer, batches[trainer.epoch]))

    yolo.add_callback("on_train_batch_end", batch_ends)
    yolo.add_callback("on_train_start", quick_on_cpu)
    yolo.train(**arguments)
    trained = out / "yolo" / "weights" / "best.pt"
    part = model_path.with_suffix(".part")
    shutil.copyfile(trained if trained.exists() else last, part)
    os.replace(part, model_path)
    model = Model(model_path, "cpu" if settings.device == "cpu" else "auto")
    curves = fit_on(model, [(dataset.image_path(one), one.boxes_px, one.class_id) for one in parts["val"]])
    write_reliability(model_path, curves)
    record |= {"ended": _now(), "sha256": model.sha256, "result": _result(yolo)}
    (out / RUN).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return model_path


def quick_on_cpu(trainer: Any) -> None:
    """A callback at a training's start: all cores, and bfloat16, channels last, where the CPU computes in it.

    A step then takes half the time (docs/experiments.md). ultralytics leaves a core idle and knows mixed precision
    on GPUs alone; its `amp` still switches it.
    """
    import torch

    if trainer.device.type != "cpu":
        return
    torch.set_num_threads(os.cpu_count() or 1)
    if trainer.args.amp and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        trainer.amp = True
        trainer.model.to(memory_format=torch.channels_last)


def _record(dataset: Dataset, settings: Settings) -> dict[str, Any]:
    return {
        "begun": _now(),
        "dataset": str(dataset.folder.resolve()),
        "data_sha256": data_hash(dataset),
        "pictures": {name: len(dataset.part(name)) for name in ("train", "val", "test")},
        "settings": asdict(settings),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def _begun(out: Path, record: dict[str, Any]) -> bool:
    """Whether `out` holds this run already."""
    if not out.exists() or not any(out.iterdir()):
        return False
    try:
        before = json.loads((out / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputTakenError(
            N_("{path} holds something else than a training run. Name another folder."), path=out
        ) from error
    if any(before.get(name) != record[name] for name in ("data_sha256", "settings")):
        raise OutputTakenError(
            N_("{path} holds a run with other data or settings. Name another folder."), path=out
        )
    return True


def _start(init: str) -> Any:
    """A network to begin with: a checkpoint's, or an architecture's from noise."""
    if init.endswith((".yaml", ".yml")) and not Path(init).exists():
        from ultralytics.models import YOLO

        return YOLO(init, task="detect")
    return checked_yolo(Path(init))


def _arguments(out: Path, data: Path, settings: Settings) -> dict[str, Any]:
    device = [int(one) for one in settings.device.split(",")] if "," in settings.device else settings.device
    return {
        "data": str(data),
        "epochs": settings.epochs,
        "imgsz": settings.image_px,
        "batch": settings.batch,
        "device": device,
        "seed": settings.seed,
        "project": str(out.resolve()),
        "name": "yolo",
        "exist_ok": True,
        "plots": False,
        "verbose": False,
        **settings.more,
    }


def _write_lists(out: Path, dataset: Dataset) -> Path:
    """What ultralytics reads: pictures by part; it finds the labels beside them."""
    for name in ("train", "val"):
        paths = [dataset.image_path(one).resolve() for one in dataset.part(name)]
        (out / f"{name}.txt").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    content = {"path": str(out.resolve()), "train": "train.txt", "val": "val.txt"}
    path = out / "data.yaml"  # JSON is YAML
    path.write_text(json.dumps(content | {"names": dict(enumerate(CODES))}), encoding="utf-8")
    return path


def _moved(trainer: Any, batch: int) -> Moved:
    """How far ultralytics' trainer is; its losses are a dict by name, or a tensor in other versions."""
    losses = trainer.tloss.values() if isinstance(trainer.tloss, dict) else trainer.tloss.reshape(-1)
    return Moved(trainer.epoch + 1, trainer.epochs, batch, len(trainer.train_loader), float(sum(losses)))


def _result(yolo: Any) -> dict[str, float]:
    metrics = getattr(yolo.trainer, "metrics", None) or {}
    return {name: round(float(value), 5) for name, value in metrics.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
