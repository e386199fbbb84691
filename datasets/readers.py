"""Which reader reads which kind of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from datasets.cvat import read_cvat
from datasets.formats import Labelled, PictureFiles, read_coco, read_rdd2022, read_yolo
from datasets.label_studio import read_labelstudio

READERS: dict[str, Callable[[Path, PictureFiles], Iterator[Labelled]]] = {
    "rdd2022": read_rdd2022,
    "coco": read_coco,
    "yolo": read_yolo,
    "cvat": read_cvat,
    "labelstudio": read_labelstudio,
}
