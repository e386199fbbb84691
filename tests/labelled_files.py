"""Labelled pictures as other tools write them, made small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (200, 100)


def picture(path: Path, seed: int, size: tuple[int, int] = SIZE) -> Path:
    """A picture of large soft blots, another for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blots = np.random.default_rng(seed).integers(0, 256, (9, 9), np.uint8)
    Image.fromarray(blots).resize(size, Image.Resampling.BICUBIC).convert("RGB").save(path, quality=95)
    return path


def voc(path: Path, *boxes: tuple[str, float, float, float, float], size: tuple[int, int] = SIZE) -> Path:
    """A Pascal VOC file for the picture of the same stem."""
    path.parent.mkdir(parents=True, exist_ok=True)
    things = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax>"
        "</bndbox></object>"
        for name, a, b, c, d in boxes
    )
    path.write_text(
        f"<annotation><filename>{path.stem}.jpg</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height></size>{things}</annotation>"
    )
    return path


def yolo(folder: Path, name: str, seed: int, *lines: str) -> Path:
    """A picture below `images` and its label file below `labels`."""
    picture(folder / "images" / name, seed)
    path = (folder / "labels" / name).with_suffix(".txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def coco(path: Path, boxes: list[list[float]], **more: object) -> Path:
    """A COCO file of one picture a.png, all boxes potholes."""
    told = {
        "images": [{"id": 7, "file_name": "a.png", "width": SIZE[0], "height": SIZE[1]}],
        "categories": [{"id": 3, "name": "D40"}],
        "annotations": [
            {"id": number, "image_id": 7, "category_id": 3, "bbox": box} for number, box in enumerate(boxes)
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told | more))
    return path


def label_studio(path: Path, image: str, *results: dict[str, object]) -> Path:
    """A Label Studio export of one task."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{"id": 5, "data": {"image": image}, "annotations": [{"result": results}]}]))
    return path


def rectangle(x: float, y: float, width: float, height: float, **more: float) -> dict[str, object]:
    """One drawn rectangle of Label Studio, in percent."""
    value = {"x": x, "y": y, "width": width, "height": height, "rectanglelabels": ["Pothole"]} | more
    return {
        "type": "rectanglelabels",
        "from_name": "label",
        "original_width": SIZE[0],
        "original_height": SIZE[1],
        "value": value,
    }
