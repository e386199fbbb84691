"""What pictures labelled in part are worth to a training, and what treating them wrongly costs.

    python -m benchmarks.partly --pictures DIR --out DIR --seeds 2

Pictures that the package's model never saw (`training.default_model.HELD_OUT`) are half learnt from, half tested on.
Of their labels only what a review leaves is kept: a random half of the boxes, and what the model found where nothing
is, rejected. The rest is unknown, and taken as background (naive), painted grey in copies of the pictures (grey), or
left out of the loss (ignored). `full` keeps all labels, `start` is the model before.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from datasets.dataset import Dataset, Picture, read_labels
from datasets.overlap import iou
from detector.model import DEFAULT_MODEL, Model
from training.default_model import HELD_OUT
from training.evaluate import evaluate, read_picture
from training.partly import unknown_mask
from training.train import Settings, train

LEARNT_FROM = re.compile(r"br_\d+_DF_080_|mf_\D*\d*5\d\d_")
"""One whole road, and every other block of near views."""
WAYS = ("full", "naive", "grey", "ignored")
LETTERBOX = 114
MORE = {"optimizer": "AdamW", "lr0": 0.0005, "lrf": 0.1, "warmup_epochs": 0.5, "cos_lr": True, "mosaic": 0.5,
        "close_mosaic": 2, "val": False, "cache": "ram", "workers": 0}  # fmt: skip


def whole(pictures: Path, out: Path) -> Dataset:
    """The held-out pictures with all their labels."""
    rows = []
    (out / "images").mkdir(parents=True, exist_ok=True)
    (out / "labels").mkdir(exist_ok=True)
    for path in sorted(path for path in (pictures / "images").iterdir() if HELD_OUT.match(path.name)):
        label = pictures / "labels" / f"{path.stem}.txt"
        xyxy, class_id = read_labels(label)
        with Image.open(path) as image:
            width, height = image.size
        shutil.copyfile(path, out / "images" / path.name)
        if label.exists():
            shutil.copyfile(label, out / "labels" / label.name)
        part = "train" if LEARNT_FROM.match(path.name) else "test"
        road = "_".join(path.stem.removesuffix("_jpg").split("_")[-2:])[
            :-2
        ]  # a stretch: its number without the last two digits
        rows.append(
            Picture(
                path.name, width, height, road=road, part=part, xyxy=xyxy, class_id=class_id, sha256=path.stem
            )
        )
    val = [replace(one, part="val") for one in rows if one.part == "test"][::20]
    kept = {one.name for one in val}
    return Dataset(out, (*(one for one in rows if one.name not in kept), *val))


def reviewed(data: Dataset, model: Model, seed: int, share_whole: float) -> dict[str, Picture]:
    """What a review leaves of each picture to learn from: half of the boxes, and false ones rejected.

    A share of the pictures stays labelled as a whole.
    """
    rng = np.random.default_rng(seed)
    told = {}
    for one in data.part("train"):
        if rng.random() < share_whole:
            told[one.name] = one
            continue
        (found,) = model.detect([read_picture(data, one)], 0.25)
        alone = (iou(found.xyxy, one.boxes_px) < 0.1).all(1)
        false = found.xyxy[alone] / ([one.width_px, one.height_px] * 2)
        kept = rng.random(len(one.class_id)) < 0.5
        told[one.name] = replace(
            one,
            judged=np.clip(false, 0, 1),
            xyxy=one.xyxy[kept],
            class_id=one.class_id[kept],
            box_id=(),
        )
    return told


def written(data: Dataset, told: dict[str, Picture], way: str, out: Path) -> Dataset:
    """The dataset as a way of training has it."""
    shutil.copytree(data.folder / "images", out / "images")
    (out / "labels").mkdir()
    pictures = []
    for one in data.pictures:
        mine = told[one.name] if one.part == "train" and way != "full" else one
        if way == "grey" and mine.known is not None:
            image = read_picture(data, one).copy()
            image[unknown_mask(mine.known, *image.shape[:2]) > 0] = LETTERBOX
            cv2.imwrite(str(out / "images" / one.name), image[..., ::-1])
        if way in ("naive", "grey"):
            mine = replace(mine, judged=None)
        rows = zip(mine.class_id.tolist(), mine.xyxy.tolist(), strict=True)
        (out / "labels" / mine.label_name).write_text(
            "".join(
                f"{c} {(a + r) / 2:.6f} {(b + d) / 2:.6f} {r - a:.6f} {d - b:.6f}\n"
                for c, (a, b, r, d) in rows
            )
        )
        pictures.append(mine)
    return Dataset(out, tuple(pictures))


def main() -> None:
    """Train each way with each seed, and print the mean AP50 on the test part as it comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--image-px", type=int, default=448)
    parser.add_argument("--whole", type=float, default=0.0, help="share of the pictures that keep all labels")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    data, begin = whole(options.pictures, options.out / "whole"), Model(DEFAULT_MODEL, options.device)
    print({part: len(data.part(part)) for part in ("train", "test")}, flush=True)
    tell("start", 0, begin, data)
    for seed in range(options.seeds):
        told = reviewed(data, begin, seed, options.whole)
        boxes = [sum(len(one.class_id) for one in some) for some in (data.part("train"), told.values())]
        print(
            "boxes",
            *boxes,
            "rejected",
            sum(len(one.judged) for one in told.values() if one.judged is not None),
        )
        for way in WAYS:
            folder = options.out / f"{way}-{seed}"
            mine = written(data, told, way, folder / "data")
            settings = Settings(
                str(DEFAULT_MODEL),
                "",
                options.epochs,
                options.image_px,
                16,
                options.device,
                seed,
                more=dict(MORE),
            )
            tell(way, seed, Model(train(mine, folder / "run", settings), options.device), data)
            shutil.rmtree(folder)


def tell(way: str, seed: int, model: Model, data: Dataset) -> None:
    """A line of JSON: AP50 by class and mean with its interval, F1, on the test part."""
    scores = evaluate(model, data).whole.scores
    ap50 = {one.code: round(one.ap50, 3) for one in scores if one.ap50 is not None}
    mean = scores[-1]
    print(
        json.dumps({"way": way, "seed": seed, "ap50": ap50, "interval": mean.ap50_interval, "f1": mean.f1}),
        flush=True,
    )


if __name__ == "__main__":
    main()
