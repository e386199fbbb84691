"""How the plate detector inside the package was made: trained on vehicles and plates drawn onto pictures of roads.

    python -m training.plate_model --pictures DIR --init yolov5n-coco-state-dict.pth --out runs/plates --ship weights/plates.onnx

`--pictures` holds `images/`; those of the roads in `training.default_model.HELD_OUT` are left to measure with. A killed run
goes on. Needs the extra `export`.
"""

from __future__ import annotations

import argparse
import json
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from detector.model import checked_yolo
from detector.private import HEIGHT_PX, WIDTH_PX
from detector.ultralytics_quiet import prepare
from training.default_model import HELD_OUT
from training.plate_pictures import TILE_PX, tile
from training.stages import Stages, run_stages

TILES = 2400
STAGES: Stages = (
    ("learn", {"epochs": 3, "lr0": 0.0015, "lrf": 0.8, "warmup_epochs": 0.5, "mosaic": 0.3, "close_mosaic": 0, "seed": 0}),
    ("settle", {"epochs": 2, "lr0": 0.0008, "lrf": 0.02, "warmup_epochs": 0.1, "mosaic": 0.0, "close_mosaic": 0, "seed": 1}),
)  # fmt: skip
TOLD: dict[str, Any] = {"imgsz": TILE_PX, "scale": 0.3, "fliplr": 0.0, "degrees": 3.0, "val": True}


def _write_tile(index: int, roads: list[Path], out: Path) -> None:
    rng = np.random.default_rng(index)
    with Image.open(roads[int(rng.integers(len(roads)))]) as road:
        made = tile(np.asarray(road.convert("RGB")), rng)
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


def ship(checkpoint: Path, file: Path) -> None:
    """Write a checkpoint as `detector.private` reads it: ONNX for one part of a picture, weights in half precision."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    size = (HEIGHT_PX, WIDTH_PX)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's tracer
        exported = checked_yolo(checkpoint).export(
            format="onnx", imgsz=size, opset=17, simplify=False, device="cpu"
        )
    model = onnx.load(exported)
    graph, casts = model.graph, []
    for one in graph.initializer:
        values = numpy_helper.to_array(one)
        if one.data_type == TensorProto.FLOAT and values.size > 64:
            name = one.name
            one.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:], model.metadata_props[:]
    graph.node.extend(nodes)
    model.producer_name, model.doc_string, graph.name, graph.doc_string = "roaddamage", "", "plates", ""
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString())


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
    ship(run_stages(STAGES, options.init, out, data=str(data), device=options.device, **TOLD), options.ship)


if __name__ == "__main__":
    main()
