"""How the model inside the package was made: labelled road pictures and rendered frames, in two stages.

    python -m training.default_model --pictures DIR --init yolov5n-coco-state-dict.pth --out runs/default --ship weights/x.pt

`--pictures` holds `images/` and `labels/` (YOLO txt, classes as in `detector.classes`). Pictures of
the roads named in `HELD_OUT` are never trained on; the confidence is fitted on them. A killed run goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path

import cv2

from datasets.synthetic import labelled_frames
from detector.classes import CODES
from detector.model import Model, checked_yolo
from detector.reliability import write_reliability
from detector.ultralytics_quiet import prepare
from training.promotion import seen_file, write_seen
from training.reliability import fit_on, labelled
from training.stages import Stages, run_stages

HELD_OUT = re.compile(
    r"br_\d+_DF_(080|060)_"  # two whole roads
    r"|br_\d+_RS_290_290RS294095_(19[3-9]|20[01])"  # the stretch of the drive RS290, and around it
    r"|br_\d+_DF_251_251BDF0052_00[5-7]"  # the stretch of the drive DF251, and around it
    r"|mf_\D*\d*[05]\d\d_"  # two blocks in ten of the neighbouring frame numbers
)
STAGES: Stages = (
    ("clean448", {"epochs": 30, "imgsz": 448, "lr0": 0.0015, "lrf": 0.02, "warmup_epochs": 1, "scale": 0.4,
                  "close_mosaic": 5, "seed": 0}),
    ("clean640", {"epochs": 10, "imgsz": 640, "lr0": 0.0008, "lrf": 0.03, "warmup_epochs": 0.3, "scale": 0.5,
                  "close_mosaic": 3, "seed": 1}),
)  # fmt: skip
USED_PX = 512
"""Longer side it looks at; on the held-out pictures 448 to 576 do alike, 640 less well."""
RENDERED_TRAIN, RENDERED_HELD_OUT = 700, 100


def write_rendered(out: Path, name: str, count: int, seed: int) -> list[Path]:
    """Rendered frames as JPEG with YOLO labels under `out`; those already there are kept."""
    images, labels = out / "images", out / "labels"
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    paths = [images / f"{name}_{index:05d}.jpg" for index in range(count)]
    if all(path.exists() for path in paths):
        return paths
    for path, frame in zip(paths, labelled_frames(count, seed), strict=True):
        height, width = frame.image.shape[:2]
        small = cv2.resize(frame.image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(path), small[..., ::-1])
        rows = [
            f"{c} {(x1 + x2) / 2 / width:.5f} {(y1 + y2) / 2 / height:.5f}"
            f" {(x2 - x1) / width:.5f} {(y2 - y1) / height:.5f}\n"
            for (x1, y1, x2, y2), c in zip(frame.xyxy, frame.class_id, strict=True)
        ]
        (labels / f"{path.stem}.txt").write_text("".join(rows))
    return paths


def write_lists(pictures: Path, out: Path) -> dict[str, Path]:
    """The data files for ultralytics: `all` to train with, and each held-out part to score on."""
    out.mkdir(parents=True, exist_ok=True)
    for part in ("images", "labels"):
        link = out / "real" / part
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink():
            link.symlink_to((pictures / part).resolve(), target_is_directory=True)
    real = sorted((out / "real" / "images").iterdir())
    held_out = [path for path in real if HELD_OUT.match(path.name)]
    parts = {
        "train": [p for p in real if not HELD_OUT.match(p.name)]
        + write_rendered(out / "rendered", "train", RENDERED_TRAIN, seed=1),
        "survey": [p for p in held_out if p.name.startswith("br_")],
        "near": [p for p in held_out if p.name.startswith("mf_")],
        "rendered": write_rendered(out / "rendered_held_out", "val", RENDERED_HELD_OUT, seed=2),
    }
    parts["real"] = parts["survey"] + parts["near"]
    for name, paths in parts.items():
        (out / f"{name}.txt").write_text("".join(f"{path.absolute()}\n" for path in paths))
        print(f"{name}: {len(paths)} pictures")
    data = {}
    for name in ("real", "survey", "near", "rendered"):
        data[name] = out / f"{name}.yaml"
        content = {"path": str(out.absolute()), "train": "train.txt", "val": f"{name}.txt"}
        data[name].write_text(json.dumps(content | {"names": dict(enumerate(CODES))}))
    return data


def ship(checkpoint: Path, weights: Path, seen: list[Path], held_out: list[Path]) -> None:
    """Write a checkpoint as the package has it: in fp16, without what tells of the machine it was made on.

    Beside it what it learnt from, and what its scores are worth.
    """
    import torch

    content = torch.load(checkpoint, map_location="cpu", weights_only=False)  # of this program's own making
    arguments = {
        key: value for key, value in content["train_args"].items() if not isinstance(value, str | Path)
    }
    content["train_args"] = arguments | {"task": "detect", "imgsz": USED_PX, "data": "", "model": ""}
    content["model"].args = content["train_args"]
    content["model"].pt_path = ""
    for told in ("git", "train_results", "train_metrics"):
        content.pop(told, None)
    torch.save(content, weights)
    digests = (hashlib.sha256(path.read_bytes()).hexdigest() for path in seen)
    write_seen(seen_file(weights), digests, None)
    model = Model(weights, "cpu")
    write_reliability(weights, fit_on(model, (labelled(path) for path in held_out)))


def main() -> None:
    """Train, ship, then score on each held-out part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True, help="tensors of a yolov5n to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ship", type=Path, required=True, help="weights to write")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    prepare()
    out = options.out.absolute()
    data = write_lists(options.pictures, out)
    parts = {
        name: [Path(line) for line in (out / f"{name}.txt").read_text().split("\n") if line]
        for name in ("train", "real")
    }
    checkpoint = run_stages(STAGES, options.init, out, data=str(data["real"]), device=options.device)
    ship(checkpoint, options.ship, parts["train"], parts["real"])
    best = checked_yolo(options.ship)
    for name in ("real", "survey", "near", "rendered"):
        scores = best.val(data=str(data[name]), imgsz=USED_PX, plots=False, verbose=False)
        per_class = {
            CODES[c]: round(float(scores.box.ap50[i]), 3) for i, c in enumerate(scores.box.ap_class_index)
        }
        print(name, "AP50", per_class, "mAP50", round(float(scores.box.map50), 3))


if __name__ == "__main__":
    main()
