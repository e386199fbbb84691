"""Export for the command line: what is written is whole and checked, or nothing is."""

from __future__ import annotations

from pathlib import Path

from detector.errors import N_, OutputTakenError, Translate
from roaddamage.output import check_folder, staged
from training.exported import export_model, target


def write_export(model: Path, form: str, out: Path, device: str, translate: Translate) -> str:
    """Export a checkpoint into `out`; returns what to say of it. Raises RoadDamageError."""
    check_folder(out)
    path = out / target(model, form)
    if path.exists():
        raise OutputTakenError(N_("{path} is there already. Give another --out."), path=path)
    with staged(out, (path.name, f"{model.stem}.json")) as stage:
        told = export_model(model, form, stage, device)
    if not told.boxes:
        text = translate(
            N_("{path}: the model finds nothing in the rendered frames, so that it could not be compared")
        )
        return text.format(path=path)
    text = translate(
        N_(
            "{path}: agrees with the model on {boxes} boxes (least IoU {iou}, greatest difference of scores"
            " {score})"
        )
    )
    return text.format(
        path=path, boxes=told.boxes, iou=f"{told.least_iou:.3f}", score=f"{told.most_score_apart:.4f}"
    )
