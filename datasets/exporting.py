"""A dataset written for other tools: YOLO, COCO, CVAT, Label Studio. The folder is there whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import compress
from pathlib import Path

import yaml

from datasets.cvat import write_cvat
from datasets.dataset import PARTS, WHOLE, Dataset, DatasetError, Picture, label_lines
from datasets.label_studio import write_labelstudio
from detector.classes import CLASSES, CODES
from detector.errors import N_

UNSPLIT = "unsplit"
"""The folder of pictures that have no part yet."""


def export(kind: str, dataset: Dataset, out: Path) -> tuple[Picture, ...]:
    """Write a dataset to the new or empty folder `out` in the form of a tool of `WRITERS`.

    Returns the pictures left out: those labelled in part or by nobody, where the form can't say so. What nobody judged would
    be read there as free of damage.
    Raises DatasetError where the folder is not empty or a picture is missing, OSError where nothing can be
    written; nothing is then left behind.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DatasetError(N_("{path} is there already and not empty. Give another --out."), path=out)
    lost = [one for one in dataset.pictures if not dataset.image_path(one).is_file()]
    if lost:
        raise DatasetError(N_("{path} is missing."), path=dataset.image_path(lost[0]))
    able = [kind not in WHOLE_ONLY or one.labelled == WHOLE for one in dataset.pictures]
    pictures = tuple(compress(dataset.pictures, able))
    out.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        WRITERS[kind](replace(dataset, pictures=pictures), stage, out.name)
        stage.chmod(0o755)
        stage.replace(out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return tuple(one for one, written in zip(dataset.pictures, able, strict=True) if not written)


def _write_yolo(dataset: Dataset, out: Path, name: str) -> None:
    """`images/PART`, `labels/PART`, and a data.yaml that names the parts there are."""
    for one in dataset.pictures:
        part = one.part or UNSPLIT
        _copy(dataset.image_path(one), out / "images" / part / one.name)
        labels = out / "labels" / part / one.label_name
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(label_lines(one)), encoding="utf-8")
    there = {part: f"images/{part}" for part in PARTS if dataset.part(part)}
    told = there | {"names": dict(enumerate(CODES))}
    (out / "data.yaml").write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")


def _write_coco(dataset: Dataset, out: Path, name: str) -> None:
    """`images`, and `annotations/PART.json` with boxes in pixels."""
    _copy_images(dataset, out)
    (out / "annotations").mkdir()
    categories = [
        {"id": index + 1, "name": row.code, "supercategory": row.name} for index, row in enumerate(CLASSES)
    ]
    for part in ("", *PARTS):
        pictures = dataset.part(part)
        if not pictures:
            continue
        annotations = [
            {"image_id": number, "category_id": int(class_id) + 1, "iscrowd": 0} | _coco_box(box)
            for number, one in enumerate(pictures, 1)
            for box, class_id in zip(one.boxes_px.tolist(), one.class_id, strict=True)
        ]
        told = {
            "images": [
                {"id": number, "file_name": one.name, "width": one.width_px, "height": one.height_px}
                for number, one in enumerate(pictures, 1)
            ],
            "annotations": [{"id": number} | one for number, one in enumerate(annotations, 1)],
            "categories": categories,
        }
        path = out / "annotations" / f"{part or UNSPLIT}.json"
        path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def _coco_box(box: list[float]) -> dict[str, object]:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    return {
        "bbox": [round(value, 3) for value in (left, top, width, height)],
        "area": round(width * height, 2),
    }


def _write_cvat(dataset: Dataset, out: Path, name: str) -> None:
    """`images`, and what `datasets.cvat` tells."""
    _copy_images(dataset, out)
    write_cvat(dataset.pictures, out, name)


def _write_labelstudio(dataset: Dataset, out: Path, name: str) -> None:
    """`images`, and what `datasets.label_studio` tells."""
    _copy_images(dataset, out)
    write_labelstudio(dataset.pictures, out, name)


WRITERS: dict[str, Callable[[Dataset, Path, str], None]] = {
    "yolo": _write_yolo,
    "coco": _write_coco,
    "cvat": _write_cvat,
    "labelstudio": _write_labelstudio,
}
"""Each is given the dataset, the folder to write to, and what it will be called."""
WHOLE_ONLY = ("yolo", "coco")
"""Forms that can't say what nobody judged."""


def _copy_images(dataset: Dataset, out: Path) -> None:
    for one in dataset.pictures:
        _copy(dataset.image_path(one), out / "images" / one.name)


def _copy(source: Path, target: Path) -> None:
    """A copy, not a hard link: tools that train mend broken pictures in place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
