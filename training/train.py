"""Trains a detector on a dataset; a run that was killed goes on where it stopped.

A run's folder holds all that made it: `run.json` (settings, the data's hash, versions, result), `train.txt` and
`val.txt` (the pictures), ultralytics' own files under `yolo/`, and in the end `model.pt` with what its scores
are worth (`model.json`) and what it learnt from (`model.trained-on.txt`) beside it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import pickle
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasets.dataset import Dataset, DatasetError, Picture, known_lines
from detector.classes import CODES
from detector.errors import N_, ModelError, OutputTakenError, RoadDamageError
from detector.model import Model, checked_yolo
from detector.reliability import write_reliability
from detector.ultralytics_quiet import prepare
from training.checkpoints import FOLDER, forget_after, keep, taken_up
from training.epochs import Moved, epochs_done
from training.logs import loggers
from training.promotion import seen_file, write_seen
from training.reliability import fit_on

RUN = "run.json"
LIBRARIES = ("ultralytics", "torch", "numpy")


@dataclass(frozen=True)
class Settings:
    """What a run is told.

    `init` is a checkpoint to begin from, `model` the name of an architecture of ultralytics' (yolo11n). With both,
    the checkpoint's tensors that fit the architecture are taken. `device` is cpu, 0, or 0,1 for several GPUs
    (DDP). `logs` names what else is told of the course (`training.logs`); `more` goes to ultralytics' trainer.
    """

    init: str = ""
    model: str = ""
    epochs: int = 100
    image_px: int = 640
    batch: int = 16
    device: str = "cpu"
    seed: int = 0
    logs: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)


def data_hash(dataset: Dataset) -> str:
    """A hash of all pictures and labels that a run sees: their parts, contents (as the manifest has them), boxes and judged areas."""
    digest = hashlib.sha256()
    for one in sorted(dataset.pictures, key=lambda picture: picture.name):
        digest.update("\t".join((one.name, one.part, one.sha256, *known_lines(one))).encode())
    return digest.hexdigest()


def train(
    dataset: Dataset,
    out: Path,
    settings: Settings,
    on_progress: Callable[[Moved], bool | None] = lambda _: None,
) -> Path:
    """Train, or go on with the run in `out`, on whatever device; returns the model's path.

    Where `on_progress` answers True after a batch, the training ends there with what it has learnt.

    Raises DatasetError for a dataset without a train or val part, ModelError for a start that is none, LogError
    for a log that can't be kept, SettingError for what ultralytics does not know, OutputTakenError for a folder
    that holds something else, or a run with other data or settings.
    """
    parts = {
        name: tuple(one for one in dataset.part(name) if one.known is None or len(one.known))
        for name in ("train", "val")
    }
    for name, pictures in parts.items():
        if not pictures:
            raise DatasetError(
                N_("{path} has no {part} part. Run `roaddamage dataset split` first."),
                path=dataset.folder,
                part=name,
            )
    model_path, record = out / "model.pt", _record(dataset, settings)
    record["begun"] = _begun(out, record) or record["begun"]
    if model_path.exists():
        return model_path
    prepare()
    _check_settings(settings)
    callbacks = loggers(settings.logs, out.resolve(), record["settings"])
    last = taken_up(out / "yolo")
    yolo = checked_yolo(last) if last else start(settings)
    out.mkdir(parents=True, exist_ok=True)
    _write_record(out, record)
    done = yolo.ckpt["epoch"] + 1 if last else 0
    if not last or done < yolo.ckpt["train_args"]["epochs"]:
        data, trainer = _write_lists(out, dataset, parts)
        for log in callbacks:
            yolo.add_callback("on_fit_epoch_end", log)
            yolo.add_callback("on_train_end", log.finished)
        yolo.add_callback("on_train_start", quick_on_cpu)
        yolo.add_callback("on_model_save", keep)
        forget_after(out / "yolo" / "results.csv", done)
        arguments = {"resume": True, "device": _device(settings)} if last else _arguments(out, data, settings)
        with _told(yolo, out, settings, on_progress):
            yolo.train(trainer=trainer, **arguments)
    trained = _trained(out / "yolo")
    model = Model(trained, "cpu" if settings.device == "cpu" else "auto")
    curves = fit_on(model, [(dataset.image_path(one), one.boxes_px, one.class_id) for one in parts["val"]])
    write_reliability(model_path, curves)
    began_from = seen_file(Path(settings.init)) if settings.init else None
    digests = (one.sha256 for one in (*parts["train"], *parts["val"]))
    write_seen(seen_file(model_path), digests, began_from)
    part = model_path.with_suffix(".part")
    shutil.copyfile(trained, part)
    _write_record(out, record | {"ended": _now(), "sha256": model.sha256, "result": _result(trained)})
    os.replace(part, model_path)  # the last thing: what has a model is done
    shutil.rmtree(out / "yolo" / FOLDER, ignore_errors=True)
    return model_path


def _trained(folder: Path) -> Path:
    """The best epoch's checkpoint without what only a training needs, whole also where the run was killed since."""
    from ultralytics.utils.torch_utils import strip_optimizer

    kept = folder / FOLDER
    best, ready = kept / "best.pt", kept / "ready.part"
    strip_optimizer(best if best.exists() else kept / "last.pt", str(ready))
    return ready.replace(folder / "weights" / "best.pt")


def _write_record(out: Path, record: dict[str, Any]) -> None:
    part = out / f"{RUN}.part"
    part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(out / RUN)


@contextmanager
def _told(
    yolo: Any, out: Path, settings: Settings, on_progress: Callable[[Moved], bool | None]
) -> Iterator[None]:
    """Tell how far the training is: batch by batch, or, where several GPUs train in other processes, by epoch."""
    if "," not in settings.device:
        batches = Counter[int]()

        def batch_ends(trainer: Any) -> None:
            batches[trainer.epoch] += 1
            if on_progress(_moved(trainer, batches[trainer.epoch])):
                trainer.stop = True

        yolo.add_callback("on_train_batch_end", batch_ends)
        yield
        return
    over = threading.Event()

    def watch() -> None:
        told = 0
        while not over.wait(1.0):
            for moved in epochs_done(out / "yolo" / "results.csv", settings.epochs)[told:]:
                told += 1
                on_progress(moved)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def let_go() -> None:
    """Give back the GPU's memory that a training had; its process may live on."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


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
    learnt = [*dataset.part("train"), *dataset.part("val")]
    told = {
        "begun": _now(),
        "dataset": str(dataset.folder.resolve()),
        "data_sha256": data_hash(dataset),
        "pictures": {name: len(dataset.part(name)) for name in ("train", "val", "test")},
        "labelled": {
            "partly": sum(one.judged is not None for one in learnt),
            "boxes": sum(len(one.class_id) for one in learnt),
        },
        "settings": asdict(settings),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    return dict(json.loads(json.dumps(told)))  # as it is read again


def _begun(out: Path, record: dict[str, Any]) -> str:
    """When the run that `out` holds already began; "" where it holds none."""
    if not out.exists() or all(path.name == f"{RUN}.part" for path in out.iterdir()):
        return ""
    try:
        before = json.loads((out / RUN).read_text(encoding="utf-8"))
        begun = str(before["begun"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputTakenError(
            N_("{path} holds something else than a training run. Name another folder."), path=out
        ) from error
    if before.get("data_sha256") != record["data_sha256"] or _asked(before) != _asked(record):
        raise OutputTakenError(
            N_("{path} holds a run with other data or settings. Name another folder."), path=out
        )
    return begun


def _asked(record: dict[str, Any]) -> dict[str, Any]:
    """A run's settings, but for the device: a run may go on on another one."""
    return {name: value for name, value in dict(record.get("settings") or {}).items() if name != "device"}


def start(settings: Settings) -> Any:
    """A network to begin with: a checkpoint's, an architecture's from noise, or an architecture's with tensors."""
    if not settings.model:
        return checked_yolo(Path(settings.init))
    from ultralytics.models import YOLO

    name = settings.model if settings.model.endswith((".yaml", ".yml")) else f"{settings.model}.yaml"
    try:
        yolo = YOLO(name, task="detect")
        if "detect" not in str(getattr(yolo.model, "yaml", {}).get("head", "")).lower():
            raise ValueError(name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelError(
            N_("{name} is no detection network of ultralytics'; one is yolo11n."), name=settings.model
        ) from error
    if settings.init:
        _take_tensors(yolo, Path(settings.init))
    return yolo


def _take_tensors(yolo: Any, path: Path) -> None:
    """Give the network those of a file's tensors that fit by name and shape.

    The file is a checkpoint or a plain state dict. Raises ModelError where it is neither, or nothing fits.
    """
    import torch

    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(tensors, dict) or not all(torch.is_tensor(one) for one in tensors.values()):
            raise TypeError
    except (OSError, TypeError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        tensors = checked_yolo(path).model.state_dict()
    own = yolo.model.state_dict()
    fit = {name: one.float() for name, one in tensors.items() if name in own and own[name].shape == one.shape}
    if not fit:
        raise ModelError(N_("None of the tensors in {path} fits {name}."), path=path, name=yolo.model_name)
    yolo.model.load_state_dict(fit, strict=False)
    logging.getLogger(__name__).info("%d of %d tensors taken from %s", len(fit), len(own), path)
    yolo.ckpt = {"model": yolo.model}  # without a checkpoint its trainer builds the network anew


class SettingError(RoadDamageError):
    """A setting that ultralytics' trainer does not know, or not with this value."""

    exit_code = 2


def _check_settings(settings: Settings) -> None:
    from ultralytics.cfg import get_cfg

    try:
        get_cfg(overrides=dict(settings.more))
    except (SyntaxError, TypeError, ValueError) as error:
        text = str(error).strip().split("\n")[0]
        raise SettingError(N_("A setting for the training can't be used: {reason}"), reason=text) from error


def _device(settings: Settings) -> str | list[int]:
    """As ultralytics wants it said."""
    several = "," in settings.device
    return [int(one) for one in settings.device.split(",")] if several else settings.device


def _arguments(out: Path, data: Path, settings: Settings) -> dict[str, Any]:
    return {
        "data": str(data),
        "epochs": settings.epochs,
        "imgsz": settings.image_px,
        "batch": settings.batch,
        "device": _device(settings),
        "seed": settings.seed,
        "project": str(out.resolve()),
        "name": "yolo",
        "exist_ok": True,
        "plots": False,
        "verbose": False,
        **settings.more,
    }


def _write_lists(out: Path, dataset: Dataset, parts: dict[str, tuple[Picture, ...]]) -> tuple[Path, Any]:
    """What ultralytics reads: pictures by part; it finds the labels beside them. Also the trainer that they need."""
    from training.partly import KNOWN, Trainer, write_known

    for name, pictures in parts.items():
        paths = [dataset.image_path(one).resolve() for one in pictures]
        (out / f"{name}.txt").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    content = {"path": str(out.resolve()), "train": "train.txt", "val": "val.txt"}
    path = out / "data.yaml"  # JSON is YAML
    path.write_text(json.dumps(content | {"names": dict(enumerate(CODES))}), encoding="utf-8")
    return path, Trainer if write_known(out / KNOWN, dataset, parts["train"]) else None


def _moved(trainer: Any, batch: int) -> Moved:
    """How far ultralytics' trainer is; its losses are a dict by name, or a tensor in other versions."""
    losses = trainer.tloss.values() if isinstance(trainer.tloss, dict) else trainer.tloss.reshape(-1)
    return Moved(trainer.epoch + 1, trainer.epochs, batch, len(trainer.train_loader), float(sum(losses)))


def _result(trained: Path) -> dict[str, float]:
    """Ultralytics' figures on val after the epoch that was best."""
    metrics = checked_yolo(trained).ckpt.get("train_metrics") or {}
    return {name: round(float(value), 5) for name, value in metrics.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
