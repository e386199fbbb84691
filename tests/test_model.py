"""The model loads what it should, refuses the rest with a reason, and finds damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from detector.classes import CODES
from detector.errors import ModelError
from detector.model import DEFAULT_MODEL, Model, _detections
from detector.ultralytics_quiet import REPORTING, prepare


class Trap:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def another_checkpoint(path: Path) -> None:
    import torch

    torch.save({"a": 1}, path)


def other_classes(path: Path) -> None:
    import torch

    Model(DEFAULT_MODEL, "cpu")
    checkpoint = torch.load(DEFAULT_MODEL, map_location="cpu", weights_only=False)
    checkpoint["model"].names = {0: "cat", 1: "dog", 2: "D20", 3: "D40"}
    torch.save(checkpoint, path)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        pytest.param(lambda path: None, "can't be read", id="missing"),
        pytest.param(lambda path: path.write_text("not a model"), "not a YOLO", id="text"),
        pytest.param(lambda path: path.write_bytes(b""), "not a YOLO", id="empty"),
        pytest.param(
            lambda path: path.write_bytes(DEFAULT_MODEL.read_bytes()[:90_000]), "not a YOLO", id="cut off"
        ),
        pytest.param(another_checkpoint, "not a YOLO", id="another pickle"),
        pytest.param(other_classes, "other classes .*cat, dog", id="other classes"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, make: object, word: str) -> None:
    path = tmp_path / "m.pt"
    make(path)  # type: ignore[operator]
    with pytest.raises(ModelError, match=word) as caught:
        Model(path, "cpu")
    assert "m.pt" in str(caught.value)


def test_a_checkpoint_can_not_run_code(tmp_path: Path) -> None:
    import torch

    mark, path = tmp_path / "ran", tmp_path / "m.pt"
    torch.save({"model": Trap(mark)}, path)
    with pytest.raises(ModelError):
        Model(path, "cpu")
    assert not mark.exists()


@pytest.mark.parametrize("device", ["cuda:99", "cuda", "tpu"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    import torch

    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ModelError, match=device):
        Model(DEFAULT_MODEL, device)


def test_the_model_in_the_package_knows_the_table() -> None:
    model = Model(device="cpu")
    assert (model.name, model.image_px, len(model.sha256)) == (DEFAULT_MODEL.stem, 512, 64)
    plain = np.full((540, 960, 3), 110, np.uint8)
    first, second = model.detect([plain, plain], 0.25)
    assert (len(first), len(second)) == (0, 0)
    assert CODES == ("D00", "D10", "D20", "D40")


def test_every_model_has_its_card() -> None:
    for weights in DEFAULT_MODEL.parent.glob("*.pt"):
        card = weights.with_suffix(".md").read_text()
        for word in ("Trained on", "Held out", "AP50", "Licence", "Not for"):
            assert word in card, f"{weights.stem}.md says nothing of {word!r}"


def test_a_model_that_outlines_gives_its_outlines() -> None:
    """With the result type that ultralytics' segmentation models give."""
    import torch
    from ultralytics.engine.results import Results

    mask = torch.zeros(1, 60, 80)
    mask[0, 20:40, 30:50] = 1
    found = Results(
        np.zeros((60, 80, 3), np.uint8),
        "",
        {0: "D40"},
        boxes=torch.tensor([[30.0, 20.0, 50.0, 40.0, 0.8, 0.0]]),
        masks=mask,
    )
    told = _detections(found, np.array([3]))
    assert told.class_id.tolist() == [3]
    assert told.outlines is not None
    assert np.ptp(told.outlines[0], axis=0) == pytest.approx([20, 20], abs=1.5)


def test_a_broken_picture_stays_a_broken_picture_once_a_model_is_loaded(tmp_path: Path) -> None:
    """Ultralytics puts itself before Pillow, and would go and look for a package to install."""
    Model(DEFAULT_MODEL, "cpu")
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(UnidentifiedImageError):
        Image.open(tmp_path / "a.jpg")


def test_nothing_is_told_to_services_whose_package_is_installed() -> None:
    prepare()
    from ultralytics import settings

    assert [name for name in REPORTING if settings[name]] == []
    assert settings["sync"] is False
