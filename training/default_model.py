"""How the model inside the package was made: labelled road pictures and rendered frames, mixed.

    python -m training.default_model --pictures DIR --init first.pt --out runs/default

`--pictures` holds `images/` and `labels/` (YOLO txt, classes as in `detector.classes`). Pictures of
the roads named in `HELD_OUT` are never trained on. A killed run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path

import cv2

from datasets.synthetic import labelled_frames
from detector.classes import CODES

HELD_OUT = re.compile(
    r"br_\d+_DF_(080|060)_"  # two whole roads
    r"|br_\d+_RS_290_290RS294095_(19[3-9]|20[01])"  # the stretch of the drive RS290, and around it
    r"|br_\d+_DF_251_251BDF0052_00[5-7]"  # the stretch of the drive DF251, and around it
    r"|mf_\D*\d*[05]\d\d_"  # two blocks in ten of the neighbouring frame numbers
)
IMAGE_PX = 448
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


def main() -> None:
    """Train, then score on each held-out part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True, help="ultralytics checkpoint to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    from detector.ultralytics_quiet import prepare

    prepare()
    import torch
    from ultralytics.models import YOLO

    torch.set_num_threads(os.cpu_count() or 1)  # ultralytics leaves one core idle

    data = write_lists(options.pictures, options.out)
    run = options.out.absolute() / "run"
    last = run / "weights" / "last.pt"
    if last.exists():
        model = YOLO(last)
        model.train(resume=True)
    else:
        model = YOLO(options.init)
        model.train(
            data=str(data["real"]), epochs=options.epochs, imgsz=IMAGE_PX, batch=16, seed=0,
            optimizer="AdamW",
            lr0=0.0006, lrf=0.05, warmup_epochs=0.3, close_mosaic=2, scale=0.4, cache="ram",
            workers=2, device=options.device, plots=False, project=str(run.parent), name=run.name,
            exist_ok=True,
        )  # fmt: skip
    best = YOLO(run / "weights" / "best.pt")
    for name in ("real", "survey", "near", "rendered"):
        scores = best.val(data=str(data[name]), imgsz=IMAGE_PX, plots=False, verbose=False)
        per_class = {
            CODES[c]: round(float(scores.box.ap50[i]), 3) for i, c in enumerate(scores.box.ap_class_index)
        }
        print(name, "AP50", per_class, "mAP50", round(float(scores.box.map50), 3))


if __name__ == "__main__":
    main()
