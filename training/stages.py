"""Trainings of the package's own networks: in stages, each from the last checkpoint of the one before; a kill goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detector.model import checked_yolo
from training.epochs import epochs_done
from training.train import Settings, quick_on_cpu, start

Stages = tuple[tuple[str, dict[str, Any]], ...]
TOLD: dict[str, Any] = {
    "batch": 16, "optimizer": "AdamW", "cos_lr": True, "cache": "ram", "val": False, "plots": False, "exist_ok": True,
}  # fmt: skip


def run_stages(stages: Stages, init: Path, out: Path, **told: Any) -> Path:
    """The checkpoint of the last stage, having run or finished those that are not done, each in a folder of its name.

    `init` holds tensors of a yolov5n; `told` and each stage go to ultralytics' trainer.
    """
    begin: Any = start(Settings(model="yolov5n", init=str(init)))
    for name, more in stages:
        last = out / name / "weights" / "last.pt"
        if len(epochs_done(out / name / "results.csv", more["epochs"])) < more["epochs"]:
            model = checked_yolo(last) if last.exists() else begin
            model.add_callback("on_train_start", quick_on_cpu)
            whole = TOLD | {"project": str(out), "name": name} | told | more
            model.train(**{"resume": True} if last.exists() else whole)
        begin = checked_yolo(last)
    return last
