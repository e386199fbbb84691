"""A model in another form (ONNX, OpenVINO, TensorRT), checked to find what the model itself finds."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.synthetic import labelled_frames
from detector.errors import N_, ModelError
from detector.forms import FORMS, engine_needs_cuda, form_of, missing
from detector.model import Detections, Model
from training.scores import iou

LEAST_SCORE = 0.1
LEAST_IOU = 0.95
MOST_SCORE_APART = 0.02
FRAMES = 12
OPTIONS: dict[str, dict[str, object]] = {
    "onnx": {"simplify": False},
    "openvino": {},
    "engine": {"simplify": False, "quantize": 16},  # on CUDA the checkpoint itself runs in fp16
}


@dataclass(frozen=True)
class Agreement:
    """How two models' boxes agree: how many were compared, how many found no like, and the worst of those that did.

    `least_iou` and `most_score_apart` are 1 and 0 where none was compared.
    """

    boxes: int
    unlike: int
    least_iou: float
    most_score_apart: float


def agreement(ones: Sequence[Detections], others: Sequence[Detections]) -> Agreement:
    """Boxes of the same frames held together, both ways.

    Each box of a score from `LEAST_SCORE` must have one of its class in the other's, at `LEAST_IOU` or more and with
    a score at most `MOST_SCORE_APART` from its own. Both are to be given down to LEAST_SCORE - MOST_SCORE_APART.
    """
    boxes, unlike, least_iou, most_apart = 0, 0, 1.0, 0.0
    for pair in zip(ones, others, strict=True):
        for mine, theirs in (pair, pair[::-1]):
            kept = mine.confidence >= LEAST_SCORE
            boxes += int(kept.sum())
            overlap = iou(mine.xyxy[kept], theirs.xyxy) * (mine.class_id[kept, None] == theirs.class_id)
            apart = np.abs(mine.confidence[kept, None] - theirs.confidence)
            like = (overlap >= LEAST_IOU) & (apart <= MOST_SCORE_APART)
            unlike += int((~like.any(1)).sum())
            for row in np.flatnonzero(like.any(1)):
                best = int((overlap[row] * like[row]).argmax())
                least_iou = min(least_iou, float(overlap[row, best]))
                most_apart = max(most_apart, float(apart[row, best]))
    return Agreement(boxes, unlike, least_iou, most_apart)


def target(model: Path, form: str) -> str:
    """The name of the file or folder that a model is exported to."""
    return model.stem + FORMS[form].ending


def export_model(model: Path, form: str, out: Path, device: str = "auto") -> Agreement:
    """Write a checkpoint as `form` (a key of `FORMS`) into the folder `out`, its reliability beside it.

    Any picture shape and batch can go in, as with the checkpoint. Raises ModelError for a model or device that
    can't be used, a missing package, an export that fails, and one that does not agree (`agreement`) on `FRAMES`
    rendered frames; what was written so far then lies in `out`.
    """
    if form_of(model):
        raise ModelError(
            N_("{path} is exported already. Give the checkpoint (.pt) that it was made from."), path=model
        )
    own = Model(model, device)
    if form == "engine" and own.device == "cpu":
        raise engine_needs_cuda()
    if lacking := missing(FORMS[form].maker, FORMS[form].runtime):
        raise ModelError(
            N_(
                "Exporting to {form} needs the package {package}, which is not installed"
                ' (pip install "roaddamage[export]").'
            ),
            form=FORMS[form].name,
            package=lacking,
        )
    path = out / target(model, form)
    _export(model, form, path, own)
    beside = model.with_suffix(".json")
    if beside.exists():
        shutil.copy(beside, out / beside.name)
    frames = [frame.image for frame in labelled_frames(FRAMES, seed=3)]
    other = Model(path, "cpu" if form == "openvino" else device)
    least = LEAST_SCORE - MOST_SCORE_APART
    told = agreement(*([one.detect([image], least)[0] for image in frames] for one in (own, other)))
    if told.unlike:
        raise ModelError(
            N_(
                "{path} as {form} does not find what the model itself finds ({unlike} of {boxes} boxes differ)."
                " Nothing was written."
            ),
            path=model,
            form=FORMS[form].name,
            unlike=told.unlike,
            boxes=told.boxes,
        )
    return told


def _export(model: Path, form: str, path: Path, own: Model) -> None:
    """Have ultralytics write the form, beside a copy of the checkpoint, and move it to `path`."""
    from ultralytics.models import YOLO

    with tempfile.TemporaryDirectory(dir=path.parent, prefix="export-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's tracer; the result is checked
        copy = Path(folder) / "model.pt"
        shutil.copy(model, copy)
        try:
            made = YOLO(copy).export(
                format=form,
                imgsz=own.image_px,
                dynamic=True,
                batch=own.batch,
                device="cpu" if form == "openvino" else own.device,
                verbose=False,
                **OPTIONS[form],
            )
            Path(made).rename(path)
        except Exception as error:  # converters raise their own, some straight from Exception
            raise ModelError(
                N_("{path} could not be exported to {form}: {reason}"),
                path=model,
                form=FORMS[form].name,
                reason=str(error).strip().split("\n")[0][:200] or type(error).__name__,
            ) from error
