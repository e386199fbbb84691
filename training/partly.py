"""Training on pictures of which a person judged a part: what lies elsewhere is neither damage nor background.

What is not known goes with each picture as a mask through all of ultralytics' augmentations, in the place that they
keep for masks of semantic classes. The loss leaves out every proposal of background that lies mostly where nobody
judged (ignored regions, as of KITTI, Geiger et al. 2012, and CrowdHuman, Shao et al. 2018). Boxes count as ever, and
in a batch of whole pictures nothing differs from ultralytics' own training.

Import only after `detector.ultralytics_quiet.prepare()`. Nothing of this module gets into a checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d, pad
from ultralytics.data.augment import Format, MixUp
from ultralytics.data.dataset import YOLODataset
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.torch_utils import unwrap_model

from datasets.dataset import Dataset, Floats, Picture
from detector.errors import N_, ModelError

KNOWN = "known.json"
"""Beside a run's data.yaml: by a picture's path, the areas in which it is known what is there."""
MASK = "semantic_mask"
"""The place in ultralytics' labels whose content each augmentation moves with the picture."""
UNKNOWN = 1
_CELL_PX = 8


def write_known(path: Path, dataset: Dataset, pictures: Iterable[Picture]) -> bool:
    """Write the known areas of those pictures that are labelled in part; whether there are any."""
    told = {
        str(dataset.image_path(one).resolve()): one.known.tolist()
        for one in pictures
        if one.known is not None
    }
    path.write_text(json.dumps(told) + "\n", encoding="utf-8")
    return bool(told)


def unknown_mask(known: Floats | None, height_px: int, width_px: int) -> NDArray[np.uint8]:
    """`UNKNOWN` where a picture of that size is not known, else 0; `known` (n, 4) are shares of it, None: all is."""
    if known is None:
        return np.zeros((height_px, width_px), np.uint8)
    mask = np.full((height_px, width_px), UNKNOWN, np.uint8)
    for left, top, right, bottom in known * [width_px, height_px, width_px, height_px]:
        mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = 0
    return mask


class _Format(Format):
    """Also makes a tensor of the mask."""

    def apply_semantic(self, labels: dict[str, Any], params: dict[str, Any] | None = None) -> dict[str, Any]:
        labels[MASK] = torch.from_numpy(np.ascontiguousarray(labels[MASK]))
        return labels


class _MixUp(MixUp):
    """In two pictures laid over one another nothing is known where it is not known in both."""

    def apply_semantic(self, labels: dict[str, Any], params: dict[str, Any] | None = None) -> dict[str, Any]:
        other = labels["mix_labels"][0][MASK]
        labels[MASK] = np.where(other == UNKNOWN, UNKNOWN, labels[MASK]).astype(np.uint8)
        return labels


class _Pictures(YOLODataset):
    """Pictures with their masks."""

    format_class = _Format
    known: dict[str, Floats]

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        label: dict[str, Any] = super().get_image_and_label(index)
        label[MASK] = unknown_mask(self.known.get(self.labels[index]["im_file"]), *label["img"].shape[:2])
        return label

    def build_transforms(self, hyp: Any) -> Any:
        transforms = super().build_transforms(hyp)
        transforms.transforms = [
            _MixUp(one.dataset, one.pre_transform, one.p) if isinstance(one, MixUp) else one
            for one in transforms.transforms
        ]
        return transforms


class _Loss(v8DetectionLoss):
    """Ultralytics' loss without the background that nobody judged."""

    bce: Any
    stride: Any

    def get_assigned_targets_and_loss(
        self, preds: dict[str, torch.Tensor], batch: dict[str, Any], **how: Any
    ) -> Any:
        """As ultralytics'; `batch` holds the masks, save in validation."""
        plain = self.bce
        if MASK in batch:
            counts = self._judged(preds, batch[MASK])
            self.bce = lambda score, target: (
                plain(score, target) * (counts | (target > 0).any(-1, keepdim=True))
            )
        try:
            return super().get_assigned_targets_and_loss(preds, batch, **how)
        finally:
            self.bce = plain

    def _judged(self, preds: dict[str, torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
        """Whether half of each proposed box or more lies where it is known what is there: (pictures, anchors, 1)."""
        from ultralytics.utils.tal import make_anchors

        points, strides = make_anchors(preds["feats"], self.stride, 0.5)
        boxes = self.bbox_decode(points, preds["boxes"].detach().permute(0, 2, 1).contiguous()) * strides
        height_px, width_px = (side * self.stride[0] for side in preds["feats"][0].shape[2:])
        scale = torch.stack([width_px, height_px, width_px, height_px]).to(boxes)
        return (unknown_share(mask, boxes.float() / scale) <= 0.5).unsqueeze(-1)


def unknown_share(mask: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """The share of each box, (b, n, 4) xyxy as shares of its picture, that is not known, (b, n).

    `mask` (b, H, W) is as `unknown_mask` makes it. Told by cells of 8 px, from sums over all that lies above and left.
    """
    cells = avg_pool2d((mask == UNKNOWN).float().unsqueeze(1), _CELL_PX, ceil_mode=True).squeeze(1)
    sums = pad(cells, (1, 0, 1, 0)).cumsum(1).cumsum(2)
    rows, columns = cells.shape[1:]
    size = torch.tensor([columns, rows], device=boxes.device)
    low = torch.minimum((boxes[..., :2].clamp(0, 1) * size).long(), size - 1)
    high = torch.minimum(torch.maximum((boxes[..., 2:].clamp(0, 1) * size).ceil().long(), low + 1), size)
    picture = torch.arange(len(mask), device=boxes.device)[:, None]
    left, top, right, bottom = low[..., 0], low[..., 1], high[..., 0], high[..., 1]
    inside = (
        sums[picture, bottom, right]
        - sums[picture, top, right]
        - sums[picture, bottom, left]
        + sums[picture, top, left]
    )
    return inside / ((right - left) * (bottom - top))


class Trainer(DetectionTrainer):
    """Ultralytics' trainer, with the known areas of the file `KNOWN` beside the data it is given."""

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        pictures = super().build_dataset(img_path, mode, batch)
        if mode == "train":
            told = json.loads(Path(self.args.data).with_name(KNOWN).read_text(encoding="utf-8"))
            pictures.__class__ = _Pictures
            pictures.known = {path: np.array(areas, float).reshape(-1, 4) for path, areas in told.items()}
            pictures.transforms = pictures.build_transforms(copy(self.args))
        return pictures

    def _setup_train(self) -> None:
        """Also change the loss; not before the averaged model was copied, which is what checkpoints hold."""
        super()._setup_train()  # type: ignore[no-untyped-call]
        ignore_unknown(unwrap_model(self.model))  # type: ignore[arg-type]


def ignore_unknown(model: Any) -> None:
    """Have a network's loss leave out the background that nobody judged.

    Raises ModelError for a network with a loss of another kind.
    """
    if getattr(model, "criterion", None) is None:
        model.criterion = model.init_criterion()
    # A network without suppression of its own boxes (yolo26) has two losses in one.
    losses = [
        one for one in (model.criterion, *vars(model.criterion).values()) if type(one) is v8DetectionLoss
    ]
    if not losses:
        raise ModelError(
            N_("{name} can't be trained on pictures labelled in part: its loss is of another kind."),
            name=type(model).__name__,
        )
    for one in losses:
        one.__class__ = _Loss
