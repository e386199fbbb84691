"""The detector: pictures in, boxes out. The only module that talks to ultralytics and torch."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.classes import CODES
from detector.errors import N_, ModelError
from detector.forms import check_runs, files_of, form_of, model_name, read_metadata
from detector.reliability import read_reliability
from detector.ultralytics_quiet import prepare

DEFAULT_MODEL = Path(__file__).parent / "weights" / "roaddamage-2.pt"
NO_MEMORY = N_("{device} has too little memory for {count} pictures at once. Use --device cpu.")
NO_DEVICE = N_(
    "{device} was asked for, but is not among the CUDA devices of this machine ({count}). Use --device cpu."
)
TASKS = ("detect", "segment")
OVERLAP_IOU = 0.5
"""Boxes of one class that overlap more than this are one (non-maximum suppression)."""


@dataclass(frozen=True)
class Detections:
    """One frame's boxes: `xyxy` (n, 4) px, `class_id` (n,) rows of the class table, `confidence` (n,).

    `outlines` are n polygons (k, 2) px, where the model gives outlines.
    """

    xyxy: NDArray[np.float64]
    class_id: NDArray[np.int64]
    confidence: NDArray[np.float64]
    outlines: list[NDArray[np.float64]] | None = None

    def __post_init__(self) -> None:
        n = len(self.xyxy)
        shapes = (self.xyxy.shape, self.class_id.shape, self.confidence.shape)
        if shapes != ((n, 4), (n,), (n,)):
            raise ValueError(f"expected ((n, 4), (n,), (n,)), got {shapes}")
        if self.outlines is not None and len(self.outlines) != n:
            raise ValueError(f"{len(self.outlines)} outlines for {n} boxes")

    def __len__(self) -> int:
        return len(self.xyxy)

    def of(self, which: NDArray[np.bool_]) -> Detections:
        """These alone, (n,)."""
        outlines = self.outlines
        return Detections(
            self.xyxy[which],
            self.class_id[which],
            self.confidence[which],
            None if outlines is None else [one for one, there in zip(outlines, which, strict=True) if there],
        )


class Model:
    """A YOLO model on one device.

    `name`, `sha256` and `device` say which in every report; `reliability` what its scores are worth;
    `batch` is how many pictures at once suit the device.
    """

    def __init__(self, path: Path = DEFAULT_MODEL, device: str = "auto") -> None:
        """Load a checkpoint, of which only known model classes are unpickled, or an exported model.

        `device` is auto, cpu, cuda or cuda:N. Raises ModelError for a file that is no such model,
        for classes outside the table, and for a device this machine or the form lacks.
        """
        try:
            self.sha256 = digest(path)
        except OSError as error:
            raise ModelError(
                N_("The model {path} can't be read: {reason}."), path=path, reason=error.strerror
            ) from error
        prepare()
        self.name = model_name(path)
        self.device = _device(device)
        form = form_of(path)
        if form:
            self.device = check_runs(path, form, device, self.device)
            self._yolo, names, self.image_px = _load_exported(path, self.device)
        else:
            self._yolo = checked_yolo(path)
            names = self._yolo.names
            self.image_px = int(self._yolo.overrides.get("imgsz") or 640)
        self._class_ids = _class_ids(path, names)
        self.reliability = read_reliability(path.with_name(f"{self.name}.pt"))
        self._half = self.device.startswith("cuda") and form is None  # the others' precision is in the file
        self.batch = 32 if self.device.startswith("cuda") else 8

    def detect(self, images: Sequence[NDArray[np.uint8]], confidence: float = 0.25) -> list[Detections]:
        """Boxes at or above `confidence` in each picture, (H, W, 3) uint8 RGB, in one batch.

        Raises ModelError where the device runs out of memory.
        """
        import torch

        try:
            results = self._yolo.predict(
                [np.ascontiguousarray(image[..., ::-1]) for image in images],
                imgsz=self.image_px,
                conf=confidence,
                iou=OVERLAP_IOU,
                device=self.device,
                **({"half": True} if self._half else {}),
                batch=len(images),
                verbose=False,
            )
        except torch.cuda.OutOfMemoryError as error:
            raise ModelError(
                NO_MEMORY,
                device=self.device,
                count=len(images),
            ) from error
        return [_detections(result, self._class_ids) for result in results]

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """What the backbone makes of each picture, (H, W, 3) uint8 RGB, averaged over it: (n, d).

        Pictures that look alike to the model lie near one another. Raises ModelError for an exported form: its inner
        layers can't be reached.
        """
        layers = getattr(self._yolo.model, "yaml", None)
        if layers is None:
            raise ModelError(
                N_(
                    "{name} is an exported form; what it makes of a picture can't be read. Give the checkpoint."
                ),
                name=self.name,
            )
        vectors = self._yolo.predict(
            [np.ascontiguousarray(image[..., ::-1]) for image in images],
            imgsz=self.image_px,
            device=self.device,
            embed=[len(layers["backbone"]) - 1],
            batch=len(images),
            verbose=False,
        )
        return np.stack([one.cpu().numpy() for one in vectors]).astype(np.float32)


def _detections(result: Any, class_ids: NDArray[np.int64]) -> Detections:
    """What ultralytics found in one picture, in our terms."""
    boxes, masks = result.boxes, result.masks
    return Detections(
        boxes.xyxy.cpu().numpy().astype(np.float64).reshape(-1, 4),
        class_ids[boxes.cls.cpu().numpy().astype(np.int64)],
        boxes.conf.cpu().numpy().astype(np.float64),
        None if masks is None else [np.asarray(outline, np.float64) for outline in masks.xy],
    )


def digest(path: Path) -> str:
    """Of a file, or of a folder's files by name."""
    told = hashlib.sha256()
    for file in files_of(path):
        told.update(file.read_bytes())
    return told.hexdigest()


def _load_exported(path: Path, device: str) -> tuple[Any, dict[int, str], int]:
    """An exported model, tried on a blank picture; its class names, and its side in px."""
    from ultralytics.models import YOLO

    try:
        told = read_metadata(path)
        if told.get("task") not in TASKS:
            raise ValueError(f"its task is {told.get('task')}")
        image_px = int(max(told["imgsz"]))
        model = YOLO(str(path.absolute()), task=told["task"])
        blank = np.zeros((image_px, image_px, 3), np.uint8)
        model.predict(blank, imgsz=image_px, device=device, verbose=False)
        if path.is_dir():
            _full_precision(model, path)
    except Exception as error:  # each runtime raises its own, some straight from Exception
        raise _no_model(path, error) from error
    return model, {index: str(name) for index, name in told["names"].items()}, image_px


def _full_precision(model: Any, path: Path) -> None:
    """Have OpenVINO compute in fp32.

    By itself it rounds to bf16 on CPUs that can: then 19 of 214 boxes on real pictures differed from PyTorch's, and
    one model found other things on other machines.
    """
    import openvino

    (xml,) = path.glob("*.xml")
    core = openvino.Core()
    told = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    model.predictor.model.backend.ov_compiled_model = core.compile_model(core.read_model(xml), "CPU", told)


def _no_model(path: Path, error: Exception) -> ModelError:
    return ModelError(
        N_("{path} is not a YOLO detection model that can be loaded ({reason})."),
        path=path,
        reason=str(error).strip().split("\n")[0][:120] or type(error).__name__,
    )


def checked_yolo(path: Path) -> Any:
    """Ultralytics' model of a checkpoint, from which no code can run. Raises ModelError for another file."""
    from ultralytics.models import YOLO

    if not path.is_file():  # it would be looked for on the internet
        raise ModelError(
            N_("The model {path} can't be read: {reason}."), path=path, reason=os.strerror(ENOENT)
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the file's inner format; what matters is raised
            model = YOLO(str(path.absolute()), task="detect")
        if getattr(model, "task", None) not in TASKS or not hasattr(model.model, "yaml"):
            raise TypeError("no detection network in it")
        return model
    except (
        pickle.UnpicklingError,
        OSError,
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
        EOFError,
        RuntimeError,
        ModuleNotFoundError,
        AssertionError,
        SyntaxError,
    ) as error:  # fmt: skip  (each is what some broken or foreign file makes ultralytics raise)
        raise _no_model(path, error) from error


def _class_ids(path: Path, names: dict[int, str]) -> NDArray[np.int64]:
    """The model's class index → row of the class table."""
    unknown = sorted({name for name in names.values() if name.upper() not in CODES})
    if unknown:
        raise ModelError(
            N_("{path} has other classes ({unknown}); this system knows {known}."),
            path=path,
            unknown=", ".join(unknown)[:80],
            known=", ".join(CODES),
        )
    return np.array([CODES.index(names[i].upper()) for i in range(len(names))], np.int64)


def gpu_count() -> int:
    """CUDA devices of this machine."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _device(wanted: str) -> str:
    """Cpu or cuda:N, having checked that it is there."""
    import torch

    if wanted == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if wanted == "cpu":
        return "cpu"
    if not re.fullmatch(r"cuda(:\d+)?", wanted):
        raise ModelError(
            N_("{device} is no device. Use auto, cpu, cuda or cuda:N (N from 0)."), device=wanted
        )
    index = int(wanted.partition(":")[2] or 0)
    count = gpu_count()
    if index >= count:
        raise ModelError(
            NO_DEVICE,
            device=wanted,
            count=count,
        )
    return f"cuda:{index}"
