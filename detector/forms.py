"""Forms that a model is exported to: which file is which, what each needs, and what the file says of itself."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.errors import N_, ModelError

NEEDS_CUDA = N_(
    "A TensorRT engine is made and runs on CUDA only. Use --device cuda on a machine with an NVIDIA GPU,"
    " or export to onnx or openvino."
)
CPU_ONLY = N_("{path} runs on the CPU only here, not on {device}. Use --device cpu.")


@dataclass(frozen=True)
class Form:
    """An exported form: how its file's or folder's name ends, and the packages that run and that make it."""

    name: str
    ending: str
    runtime: str
    maker: str


FORMS = {
    "onnx": Form("ONNX", ".onnx", "onnxruntime", "onnx"),
    "openvino": Form("OpenVINO", "_openvino_model", "openvino", "openvino"),
    "engine": Form("TensorRT", ".engine", "tensorrt", "onnx"),
}


def form_of(path: Path) -> str | None:
    """The form of an exported model by its name; None for a checkpoint."""
    return next((key for key, form in FORMS.items() if path.name.endswith(form.ending)), None)


def missing(*packages: str) -> str | None:
    """The first of these packages that is not installed."""
    return next((name for name in packages if importlib.util.find_spec(name) is None), None)


def model_name(path: Path) -> str:
    """A model's name: its file's without what tells the form."""
    form = form_of(path)
    return path.name.removesuffix(FORMS[form].ending) if form else path.stem


def files_of(path: Path) -> list[Path]:
    """The model's file, or all files of its folder by name. Raises OSError where it can't be read."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def check_runs(path: Path, form: str, wanted: str, device: str) -> str:
    """The device that an exported model runs on; `wanted` is what was asked for, `device` what that came to.

    Raises ModelError where the runtime is not installed, or can't use that device.
    """
    if form == "engine" and device == "cpu":
        raise engine_needs_cuda()
    if lacking := missing(FORMS[form].runtime):
        raise ModelError(
            N_(
                '{path} needs the package {package}, which is not installed (pip install "roaddamage[export]").'
            ),
            path=path,
            package=lacking,
        )
    if device == "cpu" or form == "engine" or (form == "onnx" and _onnx_has_cuda()):
        return device
    if wanted == "auto":
        return "cpu"
    raise ModelError(CPU_ONLY, path=path, device=device)


def engine_needs_cuda() -> ModelError:
    """The error of TensorRT without CUDA."""
    return ModelError(NEEDS_CUDA)


def _onnx_has_cuda() -> bool:
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def read_metadata(path: Path) -> dict[str, Any]:
    """What ultralytics wrote into an exported model: `task`, `names`, `imgsz`.

    Nothing in it is run. Raises ValueError where it is not there.
    """
    from ultralytics.nn.backends.base import BaseBackend

    told = {
        key: ast.literal_eval(value) if key in ("names", "imgsz") and isinstance(value, str) else value
        for key, value in BaseBackend.read_metadata(path).items()
    }
    names, sides = told.get("names"), told.get("imgsz")
    if not isinstance(names, dict) or sorted(names) != list(range(len(names))) or not sides:
        raise ValueError("it does not say its classes and size, as ultralytics' exports do")
    return told
