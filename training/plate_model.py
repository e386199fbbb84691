"""How the plate detector inside the package was made: trained on vehicles and plates drawn onto pictures of roads.

    python -m training.plate_model --pictures DIR --init yolov5n-coco-state-dict.pth --out runs/plates --ship weights/plates.onnx

`--pictures` holds `images/`; those of the roads in `training.default_model.HELD_OUT` are left to measure with. A killed run
goes on. Needs the extra `export`.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from detector.model import checked_yolo
from detector.private import Image as Picture
from detector.private import rgb_shares
from detector.ultralytics_quiet import prepare
from training.default_model import HELD_OUT
from training.eight_bits import write_in_eight_bits
from training.plate_pictures import TILE_PX, tile
from training.stages import Stages, run_stages

TILES = 2400
STAGES: Stages = (
    ("learn", {"epochs": 3, "lr0": 0.0015, "lrf": 0.8, "warmup_epochs": 0.5, "mosaic": 0.3, "close_mosaic": 0, "seed": 0}),
    ("settle", {"epochs": 2, "lr0": 0.0008, "lrf": 0.02, "warmup_epochs": 0.1, "mosaic": 0.0, "close_mosaic": 0, "seed": 1}),
)  # fmt: skip
LOOKED_AT = 32
"""So many of its pictures tell how large a network's values become."""
TOLD: dict[str, Any] = {"imgsz": TILE_PX, "scale": 0.3, "fliplr": 0.0, "degrees": 3.0, "val": True}


def _picture(path: Path) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _write_tile(index: int, roads: list[Path], out: Path) -> None:
    rng = np.random.default_rng(index)
    made = tile(_picture(roads[int(rng.integers(len(roads)))]), rng)
    rows = []
    for x1, y1, x2, y2 in made.xyxy / TILE_PX:
        rows.append(f"0 {(x1 + x2) / 2:.5f} {(y1 + y2) / 2:.5f} {x2 - x1:.5f} {y2 - y1:.5f}\n")
    (out / "labels" / f"{index:05d}.txt").write_text("".join(rows))
    cv2.imwrite(
        str(out / "images" / f"{index:05d}.jpg"), made.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95]
    )


def write_tiles(pictures: Path, out: Path, count: int, watched: int = 100) -> Path:
    """`count` pictures to learn from, and `watched` to score on meanwhile; the data file for ultralytics."""
    roads = sorted(path for path in (pictures / "images").iterdir() if not HELD_OUT.match(path.name))
    for part in ("images", "labels"):
        (out / part).mkdir(parents=True, exist_ok=True)
    wanted = [index for index in range(count + watched) if not (out / "images" / f"{index:05d}.jpg").exists()]
    with ProcessPoolExecutor() as pool:
        for done, _ in enumerate(
            pool.map(partial(_write_tile, roads=roads, out=out), wanted, chunksize=20), 1
        ):
            if done % 200 == 0:
                print(f"{done} of {len(wanted)} pictures drawn", flush=True)
    for name, numbers in (("train", range(count)), ("val", range(count, count + watched))):
        (out / f"{name}.txt").write_text("".join(f"{out / 'images'}/{index:05d}.jpg\n" for index in numbers))
    data = out / "plates.yaml"
    data.write_text(
        json.dumps({"path": str(out), "train": "train.txt", "val": "val.txt", "names": {0: "plate"}})
    )
    return data


def ship(checkpoint: Path, file: Path, pictures: Iterable[Picture]) -> None:
    """Write a checkpoint as `detector.private` reads it: ONNX for parts of any size, in 8-bit integers.

    How large values become is learnt on `pictures`, (H, W, 3) uint8 RGB with sides that are multiples of 32.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's tracer
        exported = checked_yolo(checkpoint).export(
            format="onnx", imgsz=TILE_PX, dynamic=True, opset=17, simplify=False, device="cpu"
        )
    write_in_eight_bits(Path(exported), file, map(rgb_shares, pictures))


def main() -> None:
    """Draw, train, ship; `training.masking_score` tells how good it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True, help="tensors of a yolov5n to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ship", type=Path, required=True, help="network to write")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    prepare()
    out = options.out.absolute()
    data = write_tiles(options.pictures, out, TILES)
    last = run_stages(STAGES, options.init, out, data=str(data), device=options.device, **TOLD)
    ship(last, options.ship, map(_picture, sorted((out / "images").glob("*.jpg"))[:LOOKED_AT]))


if __name__ == "__main__":
    main()
