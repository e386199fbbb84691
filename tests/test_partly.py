"""Pictures labelled in part: what nobody judged is neither damage nor background, through a whole training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_pictures import rendered

from datasets.dataset import Dataset
from detector.ultralytics_quiet import prepare
from training.train import Settings, train

SETTINGS = Settings(model="yolov5n", epochs=1, image_px=64, batch=4, more={"workers": 0})
CORNER = np.array([[0.0, 0.0, 0.5, 0.5]])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data") / "tiny"
    return rendered(folder, ["train"] * 4 + ["val"], seed=4, size_px=(160, 96))


@pytest.fixture(scope="module")
def partly() -> Any:
    prepare()
    from training import partly

    return partly


def test_what_is_not_known_is_masked(partly: Any) -> None:
    mask = partly.unknown_mask(CORNER, 4, 6)
    assert mask.tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[1] * 6] * 2
    assert not partly.unknown_mask(None, 4, 6).any()
    assert partly.unknown_mask(np.empty((0, 4)), 4, 6).all()


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((0, 0, 0.5, 0.5), 0.0),
        ((0.5, 0.5, 1, 1), 1.0),
        ((0, 0, 1, 1), 0.75),
        ((0.25, 0, 0.75, 0.5), 0.5),
        ((-3, -3, 0.1, 0.1), 0.0),
        ((0.99, 0.99, 9, 9), 1.0),
        ((2, 2, 3, 3), 1.0),
        ((0.2, 0.2, 0.2, 0.2), 0.0),
    ],
)
def test_the_share_of_a_box_that_is_not_known(partly: Any, box: tuple[float, ...], share: float) -> None:
    import torch

    known = torch.from_numpy(partly.unknown_mask(CORNER, 64, 64))[None]
    padding = torch.full((1, 64, 64), 255, dtype=torch.uint8)
    boxes = torch.tensor([[box], [box]])
    assert partly.unknown_share(torch.cat([known, padding]), boxes).flatten().tolist() == [share, 0.0]


def losses(partly: Any, name: str, known: Any) -> tuple[float, float]:
    """The loss of what an untrained network says of noise without a label: ultralytics', and where that is known."""
    import torch
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    model: Any = DetectionModel(f"{name}.yaml", nc=4, verbose=False)
    model.args = get_cfg()
    batch = {
        "img": torch.rand(1, 3, 256, 256),
        "batch_idx": torch.zeros(0),
        "cls": torch.zeros(0, 1),
        "bboxes": torch.zeros(0, 4),
    }
    plain = float(model.train().loss(batch)[0].detach().sum())
    partly.ignore_unknown(model)
    mask = torch.from_numpy(partly.unknown_mask(known, 256, 256))[None]
    return plain, float(model.loss(batch | {partly.MASK: mask})[0].detach().sum())


@pytest.mark.parametrize("name", ["yolov5n", "yolo11n", "yolo26n"])
def test_background_that_nobody_judged_has_no_loss(partly: Any, name: str) -> None:
    plain, whole = losses(partly, name, None)
    assert whole == pytest.approx(plain, rel=1e-4), "where all is known nothing differs"
    _, none = losses(partly, name, np.empty((0, 4)))
    assert none == 0
    _, corner = losses(partly, name, CORNER)
    assert 0 < corner < 0.5 * plain


def test_a_network_with_another_loss_is_refused(partly: Any) -> None:
    from types import SimpleNamespace

    from detector.errors import ModelError

    with pytest.raises(ModelError, match="labelled in part"):
        partly.ignore_unknown(SimpleNamespace(criterion=SimpleNamespace()))


def test_the_mask_goes_where_the_picture_goes(partly: Any, tiny: Dataset, tmp_path: Path) -> None:
    """White where it is known, black elsewhere: after all augmentations the mask still says so of each pixel."""
    import cv2
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import YOLODataset

    (tmp_path / "images").mkdir()
    areas = np.array([[0.1, 0.2, 0.45, 0.9], [0.6, 0.0, 0.9, 0.5]])
    for number in range(4):
        known = areas[: number % 3]  # none, one, two
        image = 255 * (1 - partly.unknown_mask(known if len(known) else np.empty((0, 4)), 96, 160))
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), np.repeat(image[..., None], 3, 2))
    hyp = get_cfg(
        overrides={"hsv_v": 0.0, "fliplr": 0.5, "flipud": 0.5, "scale": 0.4, "mosaic": 0.7, "mixup": 0.0}
    )
    pictures: Any = YOLODataset(
        str(tmp_path / "images"), data={"names": {0: "a"}}, imgsz=64, hyp=hyp, augment=False
    )
    pictures.augment = True
    pictures.__class__ = partly._Pictures
    pictures.known = {str(tmp_path / "images" / f"{n}.png"): areas[: n % 3].reshape(-1, 4) for n in range(4)}
    pictures.transforms = pictures.build_transforms(hyp)
    seen = set()
    for turn in range(24):
        label = pictures[turn % 4]
        image, mask = label["img"][0].numpy(), label[partly.MASK].numpy()
        for value, told in ((0, 255), (partly.UNKNOWN, 0), (255, 114)):
            here = mask == value
            seen |= {value} if here.any() else set()
            # Edges are blurred by scaling, and where nothing but an edge is there is nothing to hold against.
            inside = cv2.erode(here.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
            assert (np.abs(image[inside].astype(int) - told) < 40).all(), (turn, value)
    assert seen == {0, partly.UNKNOWN, 255}


def test_two_pictures_laid_over_one_another_are_known_where_both_are(partly: Any) -> None:
    mix = partly._MixUp(None)
    told = mix.apply_semantic(
        {
            partly.MASK: np.array([0, 0, 1, 255], np.uint8),
            "mix_labels": [{partly.MASK: np.array([0, 1, 0, 0])}],
        }
    )
    assert told[partly.MASK].tolist() == [0, 1, 1, 255]


def test_a_run_on_pictures_labelled_in_part_ends_in_a_model_of_the_known_kind(
    tiny: Dataset, tmp_path: Path
) -> None:
    """It is trained with the loss of its own, and its checkpoint loads where none but known classes may."""
    from detector.model import Model
    from training.partly import KNOWN, _Loss

    asked: list[Any] = []
    plain = _Loss._judged
    pictures = [
        replace(one, judged=CORNER) if index < 2 else replace(one, judged=np.empty((0, 4)), xyxy=np.empty((0, 4)),
        class_id=np.empty(0, np.int64), box_id=()) if index == 2 else one
        for index, one in enumerate(tiny.pictures)
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Loss, "_judged", lambda self, *args: asked.append(args) or plain(self, *args))
        path = train(Dataset(tiny.folder, tuple(pictures)), tmp_path / "run", SETTINGS)
    assert Model(path, "cpu").name == "model"
    assert any((mask == 1).any() for _, mask in asked), "the areas are found by the pictures' paths"
    assert (tmp_path / "run" / KNOWN).read_text().count("jpg") == 2
    assert len((tmp_path / "run" / "train.txt").read_text().split()) == 3, (
        "where nothing is known nothing is learnt"
    )
