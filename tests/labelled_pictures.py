"""Small rendered datasets for the tests of training, evaluation and promotion."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from test_dataset import make

from datasets.dataset import Dataset, Picture, read_dataset, write_manifest
from datasets.synthetic import labelled_frames


def rendered(
    folder: Path,
    parts: Sequence[str],
    *,
    seed: int,
    size_px: tuple[int, int],
    road: Callable[[int], str] = lambda index: f"road{index // 3}",
    source: Callable[[int], str] = lambda index: "",
) -> Dataset:
    """A picture for each of `parts`, on the roads and of the sources that its row gives it."""
    frames = list(labelled_frames(len(parts), seed=seed, size_px=size_px))
    pictures = [
        Picture(
            f"{index}.jpg",
            *size_px,
            source=source(index),
            road=road(index),
            part=part,
            xyxy=np.clip(frame.xyxy / (size_px * 2), 0, 1),
            class_id=frame.class_id,
        )
        for index, (part, frame) in enumerate(zip(parts, frames, strict=True))
    ]
    make(folder, *pictures)
    told = []
    for picture, frame in zip(pictures, frames, strict=True):
        path = folder / "images" / picture.name
        Image.fromarray(frame.image).save(path)
        told.append(Picture(**{**vars(picture), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))
    write_manifest(folder, told)
    return read_dataset(folder)
