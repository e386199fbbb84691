"""Exported models find what the checkpoint finds, and what can't be exported or loaded is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import roaddamage

from datasets.synthetic import labelled_frames
from detector import forms
from detector.errors import ModelError
from detector.model import DEFAULT_MODEL, Detections, Model
from training.exported import agreement, export_model, target


@pytest.fixture(scope="module", params=["onnx", "openvino"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's model in a form."""
    form = str(request.param)
    if lacking := forms.missing(forms.FORMS[form].maker, forms.FORMS[form].runtime):
        pytest.skip(f"the package {lacking} is not installed (extra export)")
    out = tmp_path_factory.mktemp(form)
    done = roaddamage("export-model", form, "--out", out / "new", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "agrees with the model" in done.stdout
    return out / "new" / target(DEFAULT_MODEL, form)


def test_an_exported_model_is_used_like_the_checkpoint(exported: Path) -> None:
    own, other = Model(device="cpu"), Model(exported, "cpu")
    assert (other.name, other.image_px) == (own.name, own.image_px)
    assert other.sha256 != own.sha256
    assert np.array_equal(other.reliability.slope, own.reliability.slope)
    wide = [frame.image for frame in labelled_frames(3, seed=8)]
    high = [np.ascontiguousarray(image[:, :500]) for image in wide]
    for some in (wide, high, wide[:1]):  # any shape, any number at once
        told = agreement(own.detect(some, 0.08), other.detect(some, 0.08))
        assert told.unlike == 0
        assert told.most_score_apart < 1e-3  # in fp32, also on a CPU with bf16
    assert sorted(path.name for path in exported.parent.iterdir()) == sorted(
        [exported.name, f"{DEFAULT_MODEL.stem}.json"]
    )


def test_what_is_there_is_not_replaced(exported: Path) -> None:
    form = forms.form_of(exported)
    done = roaddamage("export-model", form, "--out", exported.parent, "--device", "cpu")
    assert (done.returncode, "there already" in done.stderr) == (2, True)


def test_an_exported_model_is_not_exported_again(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exported already"):
        export_model(exported, "onnx", tmp_path)


def test_a_broken_or_foreign_export_is_refused(exported: Path, tmp_path: Path) -> None:
    path = tmp_path / exported.name
    if exported.is_dir():
        path.mkdir()
        (path / "model.xml").write_text("<net/>")
    else:
        path.write_bytes(exported.read_bytes()[:50_000])
    with pytest.raises(ModelError, match="not a YOLO detection model"):
        Model(path, "cpu")


@pytest.mark.parametrize(
    ("task", "names", "word"),
    [
        ("classify", {0: "D00", 1: "D10", 2: "D20", 3: "D40"}, "its task is classify"),
        ("detect", "__import__('os').system('true')", "not a YOLO detection model"),
    ],
)
def test_an_exported_model_s_metadata_is_not_trusted(
    tmp_path: Path, task: str, names: object, word: str
) -> None:
    onnx = pytest.importorskip("onnx", reason="the package onnx is not installed (extra export)")
    value = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([], "g", [value], [value])
    model = onnx.helper.make_model(graph)
    for key, text in (("task", task), ("names", str(names)), ("imgsz", "[448, 448]")):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=word):
        Model(tmp_path / "m.onnx", "cpu")


def boxes(*rows: tuple[float, int, float]) -> Detections:
    """Boxes 100 px wide that begin at x, of a class and a score."""
    return Detections(
        np.array([[x, 0.0, x + 100, 100.0] for x, _, _ in rows]).reshape(-1, 4),
        np.array([class_id for _, class_id, _ in rows], np.int64),
        np.array([score for _, _, score in rows], float),
    )


@pytest.mark.parametrize(
    ("other", "unlike"),
    [
        (boxes((0, 1, 0.5)), 0),
        (boxes((1, 1, 0.515)), 0),
        (boxes((1, 1, 0.53)), 2),
        (boxes((10, 1, 0.5)), 2),
        (boxes((0, 2, 0.5)), 2),
        (boxes(), 1),
        (boxes((0, 1, 0.5), (300, 1, 0.4)), 1),
        (boxes((0, 1, 0.5), (300, 1, 0.09)), 0),
    ],
)
def test_agreement_by_hand(other: Detections, unlike: int) -> None:
    told = agreement([boxes((0, 1, 0.5))], [other])
    assert told.unlike == unlike


def test_two_models_that_find_nothing_compare_nothing() -> None:
    assert agreement([boxes()], [boxes()]).boxes == 0


def test_an_engine_without_cuda_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = roaddamage("export-model", "engine", "--out", out, "--device", "cpu")
    assert (done.returncode, "CUDA only" in done.stderr) == (2, True)
    assert not out.exists()
    (tmp_path / "m.engine").write_bytes(b"x")
    with pytest.raises(ModelError, match="CUDA only"):
        Model(tmp_path / "m.engine", "cpu")


def test_a_form_that_runs_on_the_cpu_only_says_so(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the package openvino is not installed (extra export)")
    path = tmp_path / "m_openvino_model"
    assert forms.check_runs(path, "openvino", "auto", "cuda:0") == "cpu"
    with pytest.raises(ModelError, match="on the CPU only"):
        forms.check_runs(path, "openvino", "cuda:0", "cuda:0")


def test_a_missing_runtime_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"onnxruntime, which is not installed .*roaddamage\[export\]"):
        forms.check_runs(tmp_path / "m.onnx", "onnx", "cpu", "cpu")


@pytest.mark.parametrize(
    "begin",
    [
        "from detector.ultralytics_quiet import prepare; prepare()",
        "from detector.private import PrivateDetector; PrivateDetector()",
    ],
    ids=["with ultralytics", "with masking"],
)
def test_openvino_reports_to_nobody(begin: str) -> None:
    """In a process of its own: it is decided when OpenVINO is first imported."""
    pytest.importorskip("openvino", reason="the package openvino is not installed (extra export)")
    read = f"{begin}; from openvino.tools.ovc import telemetry_utils; print(telemetry_utils.tm.__name__)"
    done = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub", done.stderr
